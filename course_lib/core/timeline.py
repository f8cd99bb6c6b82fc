"""Select the rows and labels known on a date; split a frame into sets by time.

Taught in lessons 01 (`split_by_time`) and 03 (`as_of`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["Moment", "as_of", "split_by_time"]

Moment = str | datetime | pd.Timestamp
Column = Any  # `pd.Series[Any]` is not a valid expression at run time


def as_of(
    frame: pd.DataFrame,
    date: Moment,
    *,
    timestamp_column_name: str = "offered_at",
    y_true: str | Sequence[str] = "price",
    known_at: str = "price_known_at",
) -> pd.DataFrame:
    """Return the rows known on a date; labels that were not yet published are missing.

    Row order, index and the other columns do not change. Columns computed from a label, such as an
    error, are labels too: name them in `y_true`, or compute them after this call.
    Taught in lesson 03.

    Parameters
    ----------
    frame : DataFrame
        One row per prediction. It is not modified.
    date : str or Timestamp
        The time of the view, included; a date without a time means its midnight.
    timestamp_column_name : str
        The column with the time of the prediction. Rows without one are dropped.
    y_true : str or sequence of str
        The label columns. Labels of integers or booleans always become float64, which can hold
        missing values.
    known_at : str
        The column with the time at which the label is published; missing means never.

    Returns
    -------
    DataFrame
        A copy with at most as many rows.

    Raises
    ------
    TypeError
        When `frame` is not a DataFrame or a time column does not hold timestamps.
    ValueError
        For a missing column, a date that cannot be read, or time zones that do not match.

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
    predicted_at = _moments(frame, timestamp_column_name, "timestamp_column_name")
    published_at = _moments(frame, known_at, "known_at")
    labels = [y_true] if isinstance(y_true, str) else list(y_true)
    _require(frame, labels, "y_true")
    rows = (predicted_at <= _moment(date, "date", predicted_at)).to_numpy()
    has_label = (published_at <= _moment(date, "date", published_at)).to_numpy()[rows]
    known: pd.DataFrame = frame.loc[rows].copy()
    for name in labels:
        known[name] = _nullable(known[name]).where(has_label)
    return known


def split_by_time(
    frame: pd.DataFrame,
    *,
    timestamp_column_name: str,
    starts: Mapping[str, Moment],
    end: Moment | None = None,
) -> dict[str, pd.DataFrame]:
    """Split a frame into sets by time; each runs from its start until the start of the next.

    Split by time, not at random: in production a model only ever sees later data.
    Taught in lesson 01.

    Parameters
    ----------
    frame : DataFrame
        It is not modified.
    timestamp_column_name : str
        The column with the time of the prediction; no value may be missing.
    starts : mapping of str to str or Timestamp
        The name and the start of each set, in order of time. A start belongs to its own set, not
        to the one before. Rows before the first start are not in any set.
    end : str or Timestamp, optional
        The last set ends before this time; without it, the set runs to the last row.

    Returns
    -------
    dict of str to DataFrame
        Copies in the order of `starts`; row order and index do not change.

    Raises
    ------
    TypeError
        When `frame` is not a DataFrame or the column does not hold timestamps.
    ValueError
        For a missing column or timestamp, starts out of order, or a set without rows.

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
    _require_no_missing(moments)
    edges = [_moment(start, f"starts[{name!r}]", moments) for name, start in starts.items()]
    after_last = moments.max() + pd.Timedelta(1, "D")
    edges.append(after_last if end is None else _moment(end, "end", moments))
    _require_ascending([*starts, "end"], edges)
    sets = {}
    for name, start, stop in zip(starts, edges, edges[1:], strict=False):
        sets[name] = frame.loc[((moments >= start) & (moments < stop)).to_numpy()].copy()
        if sets[name].empty:
            raise ValueError(
                f"the set {name!r} has no rows: none of {len(frame):,} lies from {start} until "
                f"{stop}; move the starts"
            )
    return sets


def _moments(frame: pd.DataFrame, column: str, argument: str) -> Column:
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"`frame` must be a DataFrame, got {type(frame).__name__}")
    _require(frame, [column], argument)
    # Compare names: pandas counts Arrow's date32 as a datetime, but it does not have a time zone.
    if not str(frame[column].dtype).startswith(("datetime64", "timestamp")):
        raise TypeError(
            f"`{column}` holds {frame[column].dtype}, not timestamps; convert it first: "
            f"frame[{column!r}] = pd.to_datetime(frame[{column!r}])"
        )
    return frame[column]


def _require(frame: pd.DataFrame, columns: Sequence[str], argument: str) -> None:
    for column in columns:
        n_columns = int((frame.columns == column).sum())
        if n_columns != 1:
            raise ValueError(
                f"the frame must have one column `{column}`, it has {n_columns}; name yours with "
                f"`{argument}=`, its columns are {', '.join(map(str, frame.columns))}"
            )


def _moment(date: Moment, argument: str, moments: Column) -> pd.Timestamp:
    try:
        moment = pd.Timestamp(date)
    except (TypeError, ValueError):
        moment = None
    if not isinstance(moment, pd.Timestamp):  # NaT is not one
        raise ValueError(f"`{argument}` is not a date: {date!r}; write it like '2024-09-09'")
    if (moment.tz is None) != (moments.dt.tz is None):
        raise ValueError(
            f"`{argument}` has time zone {moment.tz}, the column `{moments.name}` has "
            f"{moments.dt.tz}; give both a zone or neither"
        )
    return moment


def _nullable(labels: Column) -> Column:
    is_integer_or_bool = isinstance(labels.dtype, np.dtype) and labels.dtype.kind in "iub"
    return labels.astype("float64") if is_integer_or_bool else labels


def _require_no_missing(moments: Column) -> None:
    missing = int(moments.isna().sum())
    if missing:
        raise ValueError(
            f"`{moments.name}` is missing in {missing:,} of {len(moments):,} rows; drop them "
            f"first: frame.dropna(subset=[{moments.name!r}])"
        )


def _require_ascending(names: Sequence[str], edges: Sequence[pd.Timestamp]) -> None:
    if len(edges) < 2:
        raise ValueError("`starts` is empty; name at least one set and its first moment")
    for name, later, first, second in zip(names, names[1:], edges, edges[1:], strict=False):
        if first >= second:
            raise ValueError(
                f"{name!r} starts at {first}, not before {later!r} at {second}; "
                "give `starts` in order of time"
            )
