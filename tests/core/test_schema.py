import datetime as dt
import itertools
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib import MissingValuesCalculator, PeriodBasedChunker, SizeBasedChunker
from course_lib.core.schema import Schema

ALL = SizeBasedChunker(1_000_000)
NUMBERS = [3, 1, 2, 1]
ANY_NUMBERS = ["int64", "int8", "uint16", "float32", "Int64", "Float64", "object"]
ANY_NUMBERS += ["int64[pyarrow]", "double[pyarrow]", "category"]
TEXT = ["b", "a", "c", "a"]
ANY_TEXT = ["object", "string", "str", "string[python]", "string[pyarrow]", "category"]
GAPS = ["Int64", "Float64", "object", "int64[pyarrow]", "double[pyarrow]"]


def column(values, dtype=None):
    return pd.DataFrame({"x": pd.Series(values, dtype=dtype)})


def learn(frame, **options):
    return Schema.learn(frame, ["x"], **options)


def read(schema, frame, **options):
    return schema.read(frame, **options)["x"]


# -- Kinds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [name for name in ANY_NUMBERS if name != "category"])
def test_numbers_of_any_dtype_are_numeric(dtype):
    assert learn(column(NUMBERS, dtype)).kind("x") == "numeric"


@pytest.mark.parametrize("dtype", ANY_TEXT)
def test_text_of_any_dtype_is_categorical(dtype):
    assert learn(column(TEXT, dtype)).kind("x") == "categorical"


@pytest.mark.parametrize("dtype", ["bool", "boolean", "bool[pyarrow]", "object"])
def test_truth_values_are_categorical(dtype):
    assert learn(column([True, False], dtype)).kind("x") == "categorical"


@pytest.mark.parametrize(
    "values",
    [[1, None, 2], [1.5, np.nan, 2], [1, 2.5], [Decimal("1.5"), None]],
    ids=["whole", "decimal places", "both", "decimals"],
)
def test_numbers_kept_as_objects_are_numbers(values):
    frame = column(values, "object")
    schema = learn(frame)
    assert schema.kind("x") == "numeric"
    expected = [np.nan if pd.isna(value) else float(value) for value in values]
    np.testing.assert_array_equal(read(schema, frame), expected)


def test_numbers_mixed_with_text_are_categories_of_both():
    frame = column([1, "a", 1, None], "object")
    assert read(learn(frame), frame).tolist() == [1, 2, 1, 3]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (pd.date_range("2024-01-01", periods=2), None),
        (pd.date_range("2024-01-01", periods=2, tz="Europe/Vienna"), None),
        (pd.to_timedelta([1, 2], unit="D"), None),
        ([dt.date(2024, 1, 1), dt.date(2024, 1, 2)], "object"),
        ([1j, 2j], None),
    ],
    ids=["dates", "dates with a zone", "durations", "date objects", "complex numbers"],
)
def test_a_column_that_is_neither_is_refused_by_name_with_a_remedy(values, dtype):
    with pytest.raises(TypeError, match=r"`x` holds .* neither numeric nor categorical; convert"):
        learn(column(values, dtype))


def test_values_without_a_hash_are_refused_by_name():
    with pytest.raises(TypeError, match=r"`x` holds unhashable values .*; convert them to"):
        learn(column([[1], [2]], "object"))
    schema = learn(column(["a", "b"]))
    with pytest.raises(TypeError, match="`x` holds unhashable values"):
        read(schema, column([[1], [2]], "object"))


def test_a_kind_that_is_given_overrules_the_inferred_one():
    frame = column(NUMBERS)
    assert learn(frame, categorical=["x"]).kind("x") == "categorical"
    assert learn(column(NUMBERS, "category"), numeric=["x"]).kind("x") == "numeric"


def test_one_column_cannot_be_given_two_kinds():
    with pytest.raises(ValueError, match="`x` is listed as numerical and as categorical"):
        learn(column(NUMBERS), numeric=["x"], categorical=["x"])


@pytest.mark.parametrize(("kind", "word"), [("numeric", "numerical"), ("categorical",) * 2])
def test_a_kind_is_given_to_columns_that_are_read_only(kind, word):
    frame = column(NUMBERS).assign(y=1)
    message = rf"`y` is listed as {word}, but is not one of the columns \(x\); add it"
    with pytest.raises(ValueError, match=message):
        learn(frame, **{kind: ["y"]})
    with pytest.raises(TypeError, match=r"as a list: \['x'\]"):
        learn(frame, **{kind: "x"})


def test_the_kinds_are_frozen_by_the_reference():
    schema = learn(column(["1", "2"]))
    assert read(schema, column([1, 2])).dtype == np.int32
    schema = learn(column([1.0, 2.0]))
    assert read(schema, column([True, False])).tolist() == [1.0, 0.0]
    assert np.isnan(read(schema, column([None, None], "object"))).all()


# -- Numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ANY_NUMBERS)
def test_numbers_are_the_same_from_every_dtype(dtype):
    array = read(learn(column(NUMBERS), numeric=["x"]), column(NUMBERS, dtype))
    assert array.dtype == np.float64
    assert array.tolist() == NUMBERS


@pytest.mark.parametrize("dtype", GAPS)
def test_missing_numbers_are_nan_from_every_dtype(dtype):
    array = read(learn(column(NUMBERS)), column([3, None, 2, pd.NA], dtype))
    np.testing.assert_array_equal(array, [3, np.nan, 2, np.nan])


@pytest.mark.parametrize("dtype", ["object", "string", "category"])
def test_text_in_a_numeric_column_is_refused_with_count_and_example(dtype):
    frame = column(["4", "five", None, "6"], dtype)
    with pytest.raises(TypeError, match=r"`x` must hold numbers, but 3 of 4 rows.*'4'; convert"):
        read(learn(column(NUMBERS)), frame)


def test_one_word_among_numbers_is_counted():
    with pytest.raises(TypeError, match=r"1 of 4 rows hold something else, such as '\?'"):
        read(learn(column(NUMBERS)), column([1, 2, "?", 4], "object"))


def test_dates_in_a_numeric_column_are_refused():
    with pytest.raises(TypeError, match="`x` must hold numbers, but 3 of 3 rows"):
        read(learn(column(NUMBERS)), column(pd.date_range("2024-01-01", periods=3)))


@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_infinite_numbers_are_refused_with_their_count(infinity):
    with pytest.raises(ValueError, match=r"`x` is infinite in 2 of 4 rows; replace"):
        read(learn(column(NUMBERS)), column([1, infinity, 2, infinity]))


# -- Categories -----------------------------------------------------------------------------------


def test_codes_count_sorted_categories_from_one_with_codes_for_unseen_and_missing():
    schema = learn(column(["b", "a", None, "b"]))
    assert schema["x"].categories == ("a", "b")
    assert read(schema, column(["a", "b", "new", None])).tolist() == [1, 2, 0, 3]


@pytest.mark.parametrize("analysis", ANY_TEXT)
@pytest.mark.parametrize("reference", ANY_TEXT)
def test_codes_of_text_do_not_depend_on_the_dtypes(reference, analysis):
    schema = learn(column([*TEXT, None], reference))
    codes = read(schema, column([*TEXT, "new", None], analysis))
    assert codes.dtype == np.int32
    assert codes.tolist() == [2, 1, 3, 1, 0, 4]


@pytest.mark.parametrize("dtype", ["object", "boolean", "bool[pyarrow]", "category"])
def test_codes_of_truth_values_do_not_depend_on_the_dtype(dtype):
    schema = learn(column([True, False]))
    assert read(schema, column([True, False, None], dtype)).tolist() == [2, 1, 3]


def test_a_categorical_dtype_may_list_other_categories_in_another_order():
    schema = learn(column(["a", "b", "c"]))
    later = pd.Categorical(["c", "z", "a", None], categories=["z", "c", "q", "a"], ordered=True)
    assert read(schema, column(later)).tolist() == [3, 0, 1, 4]


def test_a_category_that_no_row_of_the_reference_has_is_unseen():
    schema = learn(column(pd.Categorical(["a", "b"], categories=["a", "b", "c"])))
    assert read(schema, column(["c"])).tolist() == [0]


@pytest.mark.parametrize("dtype", ["float64", "Int64", "object", "category"])
def test_whole_numbers_as_categories_survive_the_change_of_dtype_that_a_gap_brings(dtype):
    schema = learn(column([10, 20, 30]), categorical=["x"])
    assert read(schema, column([20, None, 40], dtype)).tolist() == [2, 4, 0]


def test_a_column_without_any_value_is_one_missing_category():
    frame = column([None, None], "object")
    assert read(learn(frame), frame).tolist() == [1, 1]
    assert read(learn(frame), column(["new"])).tolist() == [0]


@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=30))
def test_codes_lead_back_to_the_values(values):
    frame = column(values, "object")
    schema = learn(frame, categorical=["x"])
    names = {i + 1: name for i, name in enumerate(schema["x"].categories)}
    assert [names.get(code) for code in read(schema, frame)] == values


# -- Time -----------------------------------------------------------------------------------------


def dated(times, values=None):
    return pd.DataFrame({"x": range(len(times)) if values is None else values, "day": times})


def read_dated(frame):
    schema = Schema.learn(frame, ["x"], timestamp="day")
    return schema.read(frame).cut(ALL)


def test_rows_are_sorted_by_time_and_ties_keep_their_order():
    days = pd.to_datetime(["2024-01-03", "2024-01-01", "2024-01-03", "2024-01-02", "2024-01-01"])
    assert read_dated(dated(days))["x"].tolist() == [1, 4, 3, 0, 2]


def test_many_ties_keep_their_order():
    # An unstable sort shows itself with many rows only.
    days = pd.to_datetime(["2024-01-02", "2024-01-01"] * 5_000)
    expected = [*range(1, 10_000, 2), *range(0, 10_000, 2)]
    assert read_dated(dated(days))["x"].tolist() == expected


def test_times_kept_as_text_sort_as_times():
    # As text, "11/5/2020" comes before "9/1/2020".
    table = read_dated(dated(["11/5/2020", "9/1/2020"]))
    assert table["x"].tolist() == [1, 0]
    assert table.chunks[0].start_date == pd.Timestamp("2020-09-01")


@pytest.mark.parametrize(
    "times",
    [
        ["2024-01-02", "2024-01-01"],
        [dt.date(2024, 1, 2), dt.date(2024, 1, 1)],
        [dt.datetime(2024, 1, 2), dt.datetime(2024, 1, 1)],
        pd.Series(["2024-01-02", "2024-01-01"], dtype="string"),
        pd.Series(["2024-01-02", "2024-01-01"], dtype="category"),
        pd.Series(pd.to_datetime(["2024-01-02", "2024-01-01"])).astype("datetime64[s]"),
        pd.Series(pd.to_datetime(["2024-01-02", "2024-01-01"])).astype("timestamp[us][pyarrow]"),
        pd.Series([dt.date(2024, 1, 2), dt.date(2024, 1, 1)]).astype("date32[pyarrow]"),
    ],
    ids=["text", "dates", "datetimes", "string", "category", "seconds", "Arrow", "Arrow dates"],
)
def test_times_of_any_dtype_are_times(times):
    table = read_dated(dated(times))
    assert table["x"].tolist() == [1, 0]
    assert table.chunks[0].start_date == pd.Timestamp("2024-01-01")
    assert table.chunks[0].end_date == pd.Timestamp("2024-01-02")


@pytest.mark.parametrize("as_arrow", [False, True])
def test_times_with_a_zone_count_by_the_local_clock(as_arrow):
    # 23:30 UTC on the 7th is half past midnight on the 8th in Vienna.
    times = pd.Series(pd.to_datetime(["2024-01-07 23:30"], utc=True).tz_convert("Europe/Vienna"))
    if as_arrow:
        times = times.astype("timestamp[us, tz=Europe/Vienna][pyarrow]")
    assert read_dated(dated(times)).chunks[0].start_date == pd.Timestamp("2024-01-08 00:30")


@pytest.mark.parametrize("chunker", [ALL, PeriodBasedChunker("day", "h")], ids=["all", "hourly"])
def test_the_hour_that_a_clock_repeats_is_sorted_as_time_went_by(chunker):
    # At three in the morning of 27 October 2024, clocks in Vienna went back to two.
    instants = pd.date_range("2024-10-26 23:00", periods=20, freq="15min", tz="UTC")
    order = np.random.default_rng(0).permutation(20)
    frame = dated(instants.tz_convert("Europe/Vienna")[order]).assign(x=order.astype(float))
    table = Schema.learn(frame, ["x"], timestamp="day").read(frame).cut(chunker)
    assert table["x"].tolist() == list(range(20))
    if chunker is not ALL:
        assert [len(chunk) for chunk in table.chunks] == [4, 8, 4, 4]
        assert [chunk.rows.start for chunk in table.chunks] == [0, 4, 12, 16]
        assert table.chunks[1].key == "2024-10-27 02:00"


def test_missing_times_are_refused_with_their_count():
    days = pd.to_datetime(["2024-01-01", None, None])
    with pytest.raises(ValueError, match=r"`day` is missing in 2 of 3 rows; .* fill or drop"):
        read_dated(dated(days))


def test_times_that_cannot_be_read_are_refused_with_count_and_example():
    with pytest.raises(ValueError, match=r"`day` cannot be read as a time in 1 of 3 .*'soon'"):
        read_dated(dated(["2024-01-01", "soon", "2024-01-03"]))


@pytest.mark.parametrize("dtype", ["int64", "float64", "object", "int64[pyarrow]"])
def test_numbers_are_no_times(dtype):
    with pytest.raises(TypeError, match="`day` holds numbers, not times"):
        read_dated(dated(pd.Series([20240101, 20240102], dtype=dtype)))


def test_times_in_several_zones_are_refused_by_name():
    with pytest.raises(ValueError, match="`day` cannot be read as times"):
        read_dated(dated(["2024-01-01 00:00+01:00", "2024-01-01 00:00+02:00"]))


# -- Frames ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [[0, 0, 0, 0], [9, 2, 5, -1], list("zyxw")])
def test_the_index_plays_no_part(index):
    frame = pd.DataFrame({"x": [1, None, 3, 4], "cut": TEXT}, dtype="object")
    schema = Schema.learn(frame, ["x", "cut"])
    plain = schema.read(frame)
    table = schema.read(frame.set_axis(index))
    for name in ("x", "cut"):
        np.testing.assert_array_equal(table[name], plain[name])


@pytest.mark.parametrize("dtype", ["int64", "float64", "Int64", "object", "category"])
def test_a_frame_is_not_modified_and_the_arrays_cannot_be(dtype):
    frame = dated(["2024-01-02", "2024-01-01", "2024-01-01", "2024-01-03"], NUMBERS)
    frame["x"] = frame["x"].astype(dtype)
    before = frame.copy(deep=True)
    array = read_dated(frame)["x"]
    pd.testing.assert_frame_equal(frame, before)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 99


def test_the_matrix_puts_columns_side_by_side_as_floats():
    frame = pd.DataFrame({"x": [1.5, 2.5, 3.5], "cut": ["b", "a", None]})
    table = Schema.learn(frame, ["x", "cut"]).read(frame)
    assert table.matrix(["cut", "x"]).tolist() == [[2, 1.5], [1, 2.5], [3, 3.5]]
    assert table.matrix(["x"], slice(1, 3)).tolist() == [[2.5], [3.5]]


def test_a_column_to_skip_need_not_be_there():
    frame = pd.DataFrame({"x": NUMBERS, "price": NUMBERS})
    schema = Schema.learn(frame, ["x", "price"])
    table = schema.read(frame[["x"]], skip=["price"])
    assert list(table.arrays) == ["x"]


@pytest.mark.parametrize("thing", [None, {"x": [1]}, pd.Series([1], name="x"), np.zeros((2, 1))])
def test_what_is_no_frame_is_refused_with_its_type(thing):
    with pytest.raises(TypeError, match=rf"`reference` must be a.*got {type(thing).__name__}"):
        learn(thing)
    with pytest.raises(TypeError, match="`analysis` must be a pandas DataFrame"):
        read(learn(column(NUMBERS)), thing, name="analysis")


def test_an_empty_frame_is_refused():
    with pytest.raises(ValueError, match="`reference` has no rows"):
        learn(column([]))
    with pytest.raises(ValueError, match="`analysis` has no rows"):
        read(learn(column(NUMBERS)), column([]), name="analysis")


def test_missing_columns_are_listed_and_counted():
    with pytest.raises(ValueError, match="lacks 2 of 4 columns: `cut`, `day`; add them"):
        Schema.learn(pd.DataFrame({"x": [1], "y": [1]}), ["x", "y", "cut"], timestamp="day")


def test_a_duplicated_column_is_refused_with_its_count():
    frame = column(NUMBERS)
    twice = pd.concat([frame, frame], axis=1)
    with pytest.raises(ValueError, match="`reference` has 2 columns named `x`; keep only"):
        learn(twice)
    with pytest.raises(ValueError, match="`analysis` has 2 columns named `x`"):
        read(learn(frame), twice, name="analysis")


def test_a_duplicated_column_that_nobody_reads_does_not_matter():
    frame = pd.DataFrame([[1, 2, 3]], columns=["x", "other", "other"])
    assert read(learn(frame), frame).tolist() == [1]


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ("x", TypeError, r"as a list: \['x'\], not 'x'"),
        ([], ValueError, "no columns are named"),
        (["x", "x"], ValueError, "`x` is named more than once"),
    ],
)
def test_a_bad_list_of_columns_is_refused(columns, error, message):
    with pytest.raises(error, match=message):
        Schema.learn(column(NUMBERS), columns)


@pytest.mark.parametrize(
    ("reference", "later"), [([1.0, 2.0], [1.0, None]), (["a", "b"], ["a", None])]
)
def test_a_column_that_must_be_complete_may_not_have_a_gap(reference, later):
    schema = learn(column(reference), complete=["x"])
    with pytest.raises(ValueError, match="`x` is missing in 1 of 2 rows of `analysis`; fill"):
        read(schema, column(later), name="analysis")


def test_a_schema_shows_names_and_kinds():
    frame = pd.DataFrame({"x": [1.0], "cut": ["Good"]})
    schema = Schema.learn(frame, ["x", "cut"])
    assert repr(schema) == "Schema(x: numeric, cut: categorical)"
    assert repr(schema.read(frame).cut(ALL)) == "Table(1 rows, 2 columns, 1 chunks)"


# -- Rows of equal time ---------------------------------------------------------------------------


def with_ids(ids):
    day = ["2024-01-02", "2024-01-01", "2024-01-02", "2024-01-01"]
    return pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "day": pd.to_datetime(day), "id": ids})


def by_id(frame):
    return replace(Schema.learn(frame, ["x"], timestamp="day"), row_id="id")


@pytest.mark.parametrize(
    "ids",
    [
        [4, 3, 10, 2],
        ["d", "c", "e", "b"],
        [4.5, 3.5, 10.0, 2.5],
        pd.Categorical(["d", "c", "e", "b"], ["e", "d", "c", "b"]),
    ],
)
def test_rows_of_equal_time_are_in_order_of_their_ids(ids):
    schema = by_id(with_ids(ids))
    for order in itertools.permutations(range(4)):
        assert schema.read(with_ids(ids).iloc[list(order)])["x"].tolist() == [4.0, 2.0, 1.0, 3.0]


def test_without_ids_rows_of_equal_time_keep_their_order():
    schema = Schema.learn(with_ids([4, 3, 10, 2]), ["x"], timestamp="day")
    assert schema.read(with_ids([4, 3, 10, 2]))["x"].tolist() == [2.0, 4.0, 1.0, 3.0]


def test_a_missing_id_is_counted():
    frame = with_ids(["a", None, "b", None])
    schema = by_id(frame)
    with pytest.raises(ValueError, match="`id` is missing in 2 of 4 rows; give each row an id"):
        schema.read(frame)


def test_a_column_of_ids_must_be_there():
    schema = by_id(with_ids([1, 2, 3, 4]))
    with pytest.raises(ValueError, match="`reference` lacks 1 of 3 columns: `id`"):
        schema.read(with_ids([1, 2, 3, 4]).drop(columns="id"))


def test_ids_need_times():
    with pytest.raises(ValueError, match="`id_column_name` orders rows of equal time and needs"):
        MissingValuesCalculator(["x"], id_column_name="id")
