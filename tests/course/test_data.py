import datetime as dt
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib.core.timeline import as_of, split_by_time
from course_lib.course import data
from course_lib.course.data import data_file, load_diamonds, load_flights


def offers(n=6):
    offered = pd.date_range("2024-01-01", periods=n, freq="7D")
    return pd.DataFrame(
        {
            "carat": np.linspace(0.3, 2.0, n),
            "price": np.arange(n) * 100 + 500,
            "offered_at": offered,
            "price_known_at": offered + pd.Timedelta(days=14),
        },
        index=np.arange(n) * 10,
    )


# -- Finding the files ----------------------------------------------------------------------------


def test_a_path_given_is_the_only_place_tried(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match=r"diamonds\.parquet.*or leave out `path`"):
        load_diamonds(tmp_path)


def test_a_file_can_be_given_by_its_own_name(tmp_path):
    other = tmp_path / "mine.parquet"
    other.write_bytes(b"x")
    assert data_file("diamonds.parquet", other) == other


def test_course_data_comes_before_the_checkout(tmp_path, monkeypatch):
    (tmp_path / "diamonds.parquet").write_bytes(b"x")
    checkout = data_file("diamonds.parquet")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert data_file("diamonds.parquet") == tmp_path / "diamonds.parquet" != checkout


def test_an_argument_comes_before_course_data(tmp_path, monkeypatch):
    folder = data_file("diamonds.parquet").parent
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert data_file("diamonds.parquet", folder) == folder / "diamonds.parquet"


def test_a_wrong_course_data_is_an_error_that_names_it(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"nowhere.*or unset it"):
        load_flights()


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder into which the library is installed, beside a package that is called data."""
    (tmp_path / "course_lib").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data/diamonds.parquet").write_bytes(b"of another package")
    monkeypatch.setattr(data, "__file__", str(tmp_path / "course_lib/course/data.py"))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    return tmp_path


@pytest.mark.parametrize("beside", [None, "[project]\nname = 'another'", "[tool.x]", "not TOML"])
def test_an_installed_library_reads_its_own_files_only(beside, site):
    if beside:
        (site / "pyproject.toml").write_text(beside)
    with pytest.raises(FileNotFoundError, match=r"course_lib.data.diamonds.*pip install") as error:
        data_file("diamonds.parquet")
    assert "build.py" not in str(error.value)
    (site / "course_lib/data").mkdir()
    own = site / "course_lib/data/diamonds.parquet"
    own.write_bytes(b"damaged")
    assert data_file("diamonds.parquet") == own
    with pytest.raises(OSError, match=r"cannot be read .*pip install --force-reinstall"):
        load_diamonds()


def test_a_checkout_is_known_by_its_project_file(site):
    (site / "pyproject.toml").write_text('[project]\nname = "course_lib"\n')
    assert data_file("diamonds.parquet") == site / "data/diamonds.parquet"
    (site / "data/diamonds.parquet").unlink()
    with pytest.raises(FileNotFoundError, match=r"git checkout data.*python data/build\.py"):
        data_file("diamonds.parquet")


# -- As of ----------------------------------------------------------------------------------------


def test_as_of_hides_later_rows_and_unpublished_labels():
    seen = as_of(offers(), "2024-01-20")
    assert seen.index.tolist() == [0, 10, 20]
    assert seen["price"].tolist()[0] == 500
    assert seen["price"].isna().tolist() == [False, True, True]


def test_what_happens_at_the_date_itself_is_known():
    seen = as_of(offers(), "2024-01-15")
    assert seen.index.tolist() == [0, 10, 20]
    assert seen["price"].notna().tolist() == [True, False, False]


@given(st.integers(-10, 80), st.data())
def test_changing_a_future_label_changes_nothing(day, data):
    frame = offers(8)
    date = pd.Timestamp("2024-01-01") + pd.Timedelta(days=day)
    changed = frame.copy()
    future = changed["price_known_at"] > date
    new = data.draw(st.lists(st.integers(-(10**6), 10**6), min_size=8, max_size=8))
    changed["price"] = np.where(future, new, changed["price"])
    pd.testing.assert_frame_equal(as_of(frame, date), as_of(changed, date))


@given(st.integers(-10, 80))
def test_changing_a_future_row_changes_nothing(day):
    frame = offers(8)
    date = pd.Timestamp("2024-01-01") + pd.Timedelta(days=day)
    changed = frame.copy()
    changed.loc[changed["offered_at"] > date, ["carat", "price"]] = [99.0, -1]
    pd.testing.assert_frame_equal(as_of(frame, date), as_of(changed, date))


def test_as_of_forgets_nothing_that_it_knew_earlier():
    early, late = as_of(offers(), "2024-01-20"), as_of(offers(), "2024-02-20")
    known = early["price"].dropna()
    pd.testing.assert_series_equal(late["price"][known.index], known)


def test_as_of_keeps_row_order_index_and_input():
    frame = offers().iloc[::-1]
    before = frame.copy()
    seen = as_of(frame, "2024-01-20")
    assert seen.index.tolist() == [20, 10, 0]
    seen.loc[0, "carat"] = 7.0
    pd.testing.assert_frame_equal(frame, before)


def test_a_label_has_the_same_type_at_every_date():
    frame = offers().assign(sold=True)
    for date in ("2023-01-01", "2024-01-20", "2030-01-01"):
        seen = as_of(frame, date, y_true=["price", "sold"])
        assert seen["price"].dtype == seen["sold"].dtype == np.float64


def test_a_label_that_is_never_published_stays_unknown():
    frame = offers()
    frame.loc[0, "price_known_at"] = pd.NaT
    assert as_of(frame, "2030-01-01")["price"].isna().sum() == 1


def test_a_row_that_never_happened_is_gone():
    frame = offers()
    frame.loc[0, "offered_at"] = pd.NaT
    assert 0 not in as_of(frame, "2030-01-01").index


def test_as_of_works_with_a_repeated_index():
    frame = offers().set_axis([0] * 6)
    assert as_of(frame, "2024-01-20")["price"].notna().tolist() == [True, False, False]


def test_as_of_accepts_a_datetime():
    pd.testing.assert_frame_equal(
        as_of(offers(), dt.datetime(2024, 1, 20)), as_of(offers(), "2024-01-20")
    )


@pytest.mark.parametrize(
    ("change", "options", "error", "words"),
    [
        (lambda f: f.to_numpy(), {}, TypeError, "DataFrame"),
        (lambda f: f.drop(columns="price"), {}, ValueError, "one column `price`, it has 0"),
        (lambda f: f.drop(columns="offered_at"), {}, ValueError, "`timestamp_column_name=`"),
        (lambda f: f, {"known_at": "published"}, ValueError, "`published`.*`known_at=`"),
        (
            lambda f: pd.concat([f, f[["price"]]], axis=1),
            {},
            ValueError,
            "one column `price`, it has 2",
        ),
        (
            lambda f: f.assign(offered_at=f["offered_at"].astype(str)),
            {},
            TypeError,
            r"`offered_at` holds .*pd\.to_datetime",
        ),
        (
            lambda f: f.assign(offered_at=f["offered_at"].dt.tz_localize("UTC")),
            {},
            ValueError,
            "time zone",
        ),
    ],
)
def test_as_of_names_what_is_wrong_with_a_frame(change, options, error, words):
    with pytest.raises(error, match=words):
        as_of(change(offers()), "2024-01-20", **options)


@pytest.mark.parametrize("date", ["soon", None, pd.NaT, "", [1]])
def test_as_of_refuses_what_is_no_date(date):
    with pytest.raises(ValueError, match="`date` is not a date"):
        as_of(offers(), date)


# -- Sets by time ---------------------------------------------------------------------------------

STARTS = {"train": "2024-01-01", "validation": "2024-01-15", "analysis": "2024-01-29"}


def split(frame, starts=STARTS, **options):
    return split_by_time(frame, timestamp_column_name="offered_at", starts=starts, **options)


def test_sets_hold_every_row_once_in_order_of_time():
    sets = split(offers())
    assert list(sets) == ["train", "validation", "analysis"]
    assert [rows.index.tolist() for rows in sets.values()] == [[0, 10], [20, 30], [40, 50]]


def test_the_end_is_not_part_of_the_last_set():
    assert split(offers(), end="2024-02-05")["analysis"].index.tolist() == [40]


def test_rows_before_the_first_start_are_in_no_set():
    assert split(offers(), {"train": "2024-01-08"})["train"].index[0] == 10


def test_no_set_sees_the_time_of_a_later_one():
    sets = list(split(offers(30).sample(frac=1, random_state=1)).values())
    for earlier, later in itertools.pairwise(sets):
        assert earlier["offered_at"].max() < later["offered_at"].min()


def test_sets_are_copies():
    frame = offers()
    before = frame.copy()
    train = split(frame)["train"]
    train.loc[:, "price"] = 0
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("starts", "words"),
    [
        ({}, "`starts` is empty"),
        ({"train": "2024-01-15", "validation": "2024-01-01"}, "'train' starts at .*in order"),
        ({"train": "2024-01-01", "validation": "2024-01-01"}, "in order of time"),
        ({"train": "2023-01-01", "gap": "2023-06-01", "analysis": "2024-01-01"}, "'train' has no"),
        ({"train": "one day"}, r"starts\['train'\]` is not a date"),
    ],
)
def test_starts_that_make_no_sets_are_named(starts, words):
    with pytest.raises(ValueError, match=words):
        split(offers(), starts)


def test_missing_times_are_counted_with_the_remedy():
    frame = offers()
    frame.loc[[0, 20], "offered_at"] = pd.NaT
    with pytest.raises(ValueError, match=r"missing in 2 of 6 rows.*dropna"):
        split(frame)


def test_the_reserve_must_be_dropped_before_the_desk_is_split():
    with pytest.raises(ValueError, match=r"`offered_at` is missing in \d,\d{3} of 53,940"):
        split(load_diamonds())
