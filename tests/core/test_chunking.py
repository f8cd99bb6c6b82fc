import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib import CountBasedChunker, PeriodBasedChunker, SizeBasedChunker
from course_lib.core.chunking import Chunk, choose_chunker


def keys(chunks):
    return [chunk.key for chunk in chunks]


def weekly(timestamps):
    index = pd.DatetimeIndex(timestamps)
    return PeriodBasedChunker("day", "W").split(len(index), index)


# -- By number of rows ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("incomplete", "expected"),
    [
        ("keep", ["[0:3]", "[4:7]", "[8:9]"]),
        ("drop", ["[0:3]", "[4:7]"]),
        ("append", ["[0:3]", "[4:9]"]),
    ],
)
def test_ten_rows_in_fours_follow_the_rule_for_what_is_left_over(incomplete, expected):
    assert keys(SizeBasedChunker(4, incomplete=incomplete).split(10, None)) == expected


@pytest.mark.parametrize("incomplete", ["keep", "drop", "append"])
def test_the_rule_does_not_matter_when_nothing_is_left_over(incomplete):
    chunks = SizeBasedChunker(5, incomplete=incomplete).split(10, None)
    assert keys(chunks) == ["[0:4]", "[5:9]"]


@pytest.mark.parametrize("incomplete", ["keep", "append"])
def test_fewer_rows_than_one_chunk_make_one_short_chunk(incomplete):
    (chunk,) = SizeBasedChunker(500, incomplete=incomplete).split(3, None)
    assert (chunk.key, len(chunk)) == ("[0:2]", 3)


def test_dropping_the_only_chunk_is_an_error_that_counts_the_rows():
    with pytest.raises(ValueError, match=r'none of 300 rows with `chunk_size` 500; .*"keep"'):
        SizeBasedChunker(500, incomplete="drop").split(300, None)


@given(n_rows=st.integers(1, 400), size=st.integers(1, 50))
def test_chunks_that_keep_or_append_hold_every_row_once_and_in_order(n_rows, size):
    for incomplete in ("keep", "append"):
        chunks = SizeBasedChunker(size, incomplete=incomplete).split(n_rows, None)
        rows = np.concatenate([np.arange(n_rows)[chunk.rows] for chunk in chunks])
        assert rows.tolist() == list(range(n_rows))
        assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
        assert all(len(chunk) == size for chunk in chunks[:-1])


@given(n_full=st.integers(1, 9), size=st.integers(1, 50), rest=st.integers(0, 49))
def test_dropping_leaves_full_chunks_only(n_full, size, rest):
    n_rows = n_full * size + rest % size
    chunks = SizeBasedChunker(size, incomplete="drop").split(n_rows, None)
    assert [len(chunk) for chunk in chunks] == [size] * n_full


def test_chunks_by_size_are_dated_by_their_first_and_last_row():
    days = pd.date_range("2024-01-01", periods=10)
    chunks = SizeBasedChunker(4).split(10, days)
    assert [chunk.start_date for chunk in chunks] == [days[0], days[4], days[8]]
    assert [chunk.end_date for chunk in chunks] == [days[3], days[7], days[9]]


def test_chunks_without_timestamps_have_no_dates():
    chunk = SizeBasedChunker(4).split(10, None)[0]
    assert chunk.start_date is None
    assert chunk.end_date is None


# -- By number of chunks --------------------------------------------------------------------------


def test_a_count_that_does_not_divide_makes_one_more_short_chunk():
    # 1,009 rows in ten chunks: the case of section 1.2 of NannyML's chunker.
    assert [len(chunk) for chunk in CountBasedChunker(10).split(1009, None)] == [100] * 10 + [9]


@pytest.mark.parametrize(("incomplete", "sizes"), [("drop", [3, 3, 3]), ("append", [3, 3, 5])])
def test_a_count_can_drop_or_append_what_is_left_over(incomplete, sizes):
    chunks = CountBasedChunker(3, incomplete=incomplete).split(11, None)
    assert [len(chunk) for chunk in chunks] == sizes


def test_more_chunks_than_rows_are_an_error_that_names_both():
    with pytest.raises(ValueError, match=r"`chunk_number` is 10, but there are only 4 rows"):
        CountBasedChunker(10).split(4, None)


def test_ten_chunks_are_made_when_nothing_is_asked_for():
    assert choose_chunker() == CountBasedChunker(10)


# -- By calendar ----------------------------------------------------------------------------------


def test_a_week_runs_from_monday_to_sunday():
    sunday, monday = "2024-01-07 23:59:59.999", "2024-01-08 00:00"
    assert keys(weekly([sunday, monday])) == ["2024-01-01/2024-01-07", "2024-01-08/2024-01-14"]


@pytest.mark.parametrize(
    ("offset", "expected"),
    [("D", "2018-02-14"), ("M", "2018-02"), ("Q", "2018Q1"), ("Y", "2018")],
)
def test_a_period_is_named_as_pandas_names_it(offset, expected):
    index = pd.DatetimeIndex(["2018-02-14 10:30"])
    assert keys(PeriodBasedChunker("day", offset).split(1, index)) == [expected]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_period_ends_one_microsecond_before_the_next_whatever_the_times_count(unit):
    times = pd.DatetimeIndex(["2024-01-03", "2024-01-11"]).as_unit(unit)
    first, second = PeriodBasedChunker("day", "W").split(2, times)
    assert first.start_date == pd.Timestamp("2024-01-01")
    assert first.end_date == pd.Timestamp("2024-01-07 23:59:59.999999")
    assert second.start_date - first.end_date == pd.Timedelta(1, "us")
    assert {chunk.start_date.unit for chunk in (first, second)} == {"us"}
    assert {chunk.end_date.unit for chunk in (first, second)} == {"us"}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_chunk_of_rows_is_dated_in_microseconds_by_its_first_and_last_row(unit):
    times = pd.DatetimeIndex(["2024-01-03", "2024-01-04", "2024-01-05 10:30"]).as_unit(unit)
    (chunk,) = SizeBasedChunker(3).split(3, times)
    assert (chunk.start_date, chunk.end_date) == (times[0], times[2])
    assert (chunk.start_date.unit, chunk.end_date.unit) == ("us", "us")


def test_keys_are_unique_over_both_periods():
    keys = [
        c.key_in(p) for p in ("reference", "analysis") for c in SizeBasedChunker(2).split(4, None)
    ]
    assert keys == ["reference [0:1]", "reference [2:3]", "[0:1]", "[2:3]"]


def test_an_empty_week_makes_no_chunk_and_leaves_no_gap_in_the_index():
    chunks = weekly(["2024-01-02", "2024-01-03", "2024-01-23"])
    assert [(chunk.index, chunk.key, len(chunk)) for chunk in chunks] == [
        (0, "2024-01-01/2024-01-07", 2),
        (1, "2024-01-22/2024-01-28", 1),
    ]


@given(st.lists(st.integers(0, 200), min_size=1, max_size=60), st.sampled_from("DWMQ"))
def test_calendar_chunks_hold_what_a_group_by_period_holds(days, offset):
    index = pd.DatetimeIndex(pd.Timestamp("2023-11-20") + pd.to_timedelta(sorted(days), unit="D"))
    sizes = pd.Series(1, index=index).groupby(index.to_period(offset)).sum()
    chunks = PeriodBasedChunker("day", offset).split(len(index), index)
    assert [(chunk.key, len(chunk)) for chunk in chunks] == [
        (str(period), size) for period, size in sizes.items()
    ]


def test_calendar_chunks_without_timestamps_are_an_error():
    with pytest.raises(ValueError, match="calendar chunks need `timestamp_column_name`"):
        PeriodBasedChunker("day").split(3, None)


# -- Choosing, and bad input ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"chunk_size": 500}, SizeBasedChunker(500, timestamp_column_name="day")),
        ({"chunk_number": 7}, CountBasedChunker(7, timestamp_column_name="day")),
        ({"chunk_period": "M"}, PeriodBasedChunker("day", "M")),
        ({"chunker": SizeBasedChunker(5)}, SizeBasedChunker(5)),
    ],
)
def test_each_way_of_asking_gives_its_chunker(asked, expected):
    assert choose_chunker(**asked, timestamp_column_name="day") == expected


def test_numbers_of_numpy_are_whole_numbers_too():
    assert len(SizeBasedChunker(np.int64(4)).split(10, None)) == 3
    assert len(CountBasedChunker(np.int32(5)).split(10, None)) == 5


def test_two_ways_at_once_are_an_error_that_names_both():
    with pytest.raises(ValueError, match="`chunk_size` and `chunk_period` are given"):
        choose_chunker(chunk_size=5, chunk_period="W", timestamp_column_name="day")


def test_a_period_without_a_time_column_is_an_error_that_names_the_argument():
    with pytest.raises(ValueError, match="`chunk_period` 'W' needs `timestamp_column_name`"):
        choose_chunker(chunk_period="W")


@pytest.mark.parametrize("name", ["chunk_size", "chunk_number"])
@pytest.mark.parametrize("value", [0, -5])
def test_a_size_or_number_below_one_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=rf"`{name}` must be at least 1, got {value}"):
        choose_chunker(**{name: value})


@pytest.mark.parametrize("name", ["chunk_size", "chunk_number"])
@pytest.mark.parametrize("value", [2.5, "500", True])
def test_a_size_or_number_that_is_not_whole_is_refused_by_name(name, value):
    with pytest.raises(TypeError, match=rf"`{name}` must be a whole number, got {value!r}"):
        choose_chunker(**{name: value})


@pytest.mark.parametrize("offset", ["fortnight", "", 7])
def test_an_unknown_period_is_refused_with_examples(offset):
    with pytest.raises(ValueError, match=r'^`offset` .* pandas period alias; .*example "D", "W"'):
        PeriodBasedChunker("day", offset)


def test_a_multiple_of_a_period_is_refused_since_its_chunks_would_overlap():
    with pytest.raises(ValueError, match=r"^`offset` '2W' .*`chunk_period`.* spans 2 periods"):
        PeriodBasedChunker("day", "2W")


def test_a_period_chunker_needs_the_name_of_a_column():
    with pytest.raises(TypeError, match="`timestamp_column_name` must name a column, got None"):
        PeriodBasedChunker(None)


@pytest.mark.parametrize("chunker", [500, "W", SizeBasedChunker])
def test_what_is_no_chunker_is_refused_by_name(chunker):
    with pytest.raises(TypeError, match="`chunker` must be a chunker, such as SizeBasedChunker"):
        choose_chunker(chunker=chunker)


@pytest.mark.parametrize("make", [SizeBasedChunker, CountBasedChunker])
def test_an_unknown_rule_for_the_rest_is_refused_with_the_three_that_exist(make):
    with pytest.raises(ValueError, match='must be "keep", "drop" or "append", got \'merge\''):
        make(5, incomplete="merge")


def test_a_chunk_counts_its_rows():
    assert len(Chunk(0, "[3:7]", slice(3, 8))) == 5
