"""Chunks: the slices of rows that a monitor measures, by number of rows or by calendar period.

Taught in lesson 00 (what a chunk is) and lesson 02 (how large it should be).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import Literal, Protocol

import numpy as np
import pandas as pd

__all__ = [
    "Chunk",
    "Chunker",
    "CountBasedChunker",
    "PeriodBasedChunker",
    "SizeBasedChunker",
    "choose_chunker",
]

Incomplete = Literal["keep", "drop", "append"]


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows, in order of time, that are measured together.

    Attributes
    ----------
    index : int
        Position of the chunk in its period, from 0.
    key : str
        The positions of its rows, ``"[0:999]"`` (both inclusive), or its calendar period.
    rows : slice
        Positions of the rows in the sorted frame.
    start_date, end_date : Timestamp or None
        First and last time in the chunk, in microseconds. A calendar chunk has start and end of
        the calendar period; it ends one microsecond before the next period begins.
    """

    index: int
    key: str
    rows: slice
    start_date: pd.Timestamp | None = None
    end_date: pd.Timestamp | None = None

    def __len__(self) -> int:
        return int(self.rows.stop - self.rows.start)

    def key_in(self, period: str) -> str:
        """Return the key; a prefix in the reference makes it unique over both periods."""
        return f"reference {self.key}" if period == "reference" else self.key


class Chunker(Protocol):
    """Interface of all chunkers: split ``n_rows`` sorted rows into chunks."""

    @property
    def timestamp_column_name(self) -> str | None:
        """The column that holds the time of each row."""

    def split(self, n_rows: int, timestamps: pd.DatetimeIndex | None) -> tuple[Chunk, ...]:
        """Return the chunks of a frame of ``n_rows`` rows, in order."""


@dataclass(frozen=True)
class SizeBasedChunker:
    """Chunks of a fixed number of rows.

    Taught in lesson 00.

    Parameters
    ----------
    chunk_size : int
        Rows per chunk, at least 1.
    incomplete : {"keep", "drop", "append"}
        Whether the remaining rows at the end are kept as a short chunk, dropped, or appended to
        the last full chunk. If there is no full chunk, "append" keeps the short one.
    timestamp_column_name : str, optional
        The column by which rows are sorted before they are split.

    Raises
    ------
    TypeError, ValueError
        For a ``chunk_size`` that is not a whole number above 0, or an unknown ``incomplete``.

    Examples
    --------
    >>> [chunk.key for chunk in SizeBasedChunker(4).split(10, None)]
    ['[0:3]', '[4:7]', '[8:9]']
    >>> [chunk.key for chunk in SizeBasedChunker(4, incomplete="append").split(10, None)]
    ['[0:3]', '[4:9]']
    """

    chunk_size: int
    incomplete: Incomplete = "keep"
    timestamp_column_name: str | None = None

    def __post_init__(self) -> None:
        _require_positive("chunk_size", self.chunk_size)
        _require_incomplete(self.incomplete)

    def split(self, n_rows: int, timestamps: pd.DatetimeIndex | None) -> tuple[Chunk, ...]:
        """Return the chunks of a frame of ``n_rows`` rows, in order."""
        if self.incomplete == "drop" and n_rows < self.chunk_size:
            raise ValueError(
                f'incomplete="drop" leaves none of {n_rows:,} rows with `chunk_size` '
                f'{self.chunk_size:,}; make smaller chunks, or use incomplete="keep"'
            )
        edges = _edges(n_rows, self.chunk_size, self.incomplete)
        return tuple(
            Chunk(
                index, f"[{start}:{stop - 1}]", slice(start, stop), *_span(timestamps, start, stop)
            )
            for index, (start, stop) in enumerate(edges)
        )


@dataclass(frozen=True)
class CountBasedChunker:
    """Chunks of equal size, about as many as requested, by NannyML's rule.

    The size is ``n_rows // chunk_number``, rounded down. The remaining rows make further full
    chunks, and with ``incomplete="keep"`` a shorter one at the end: 58 rows with a ``chunk_number``
    of 10 make 11 chunks of 5 rows and one of 3. Limits are not computed from short chunks (see
    `course_lib.core.thresholds.quiet_chunks`). Taught in lesson 00.

    Parameters
    ----------
    chunk_number : int
        The minimum number of full chunks, at least 1.
    incomplete : {"keep", "drop", "append"}
        As in `SizeBasedChunker`.
    timestamp_column_name : str, optional
        The column by which rows are sorted before they are split.

    Raises
    ------
    TypeError, ValueError
        For a ``chunk_number`` that is not a whole number above 0, or an unknown ``incomplete``.

    Examples
    --------
    >>> [len(chunk) for chunk in CountBasedChunker(3).split(10, None)]
    [3, 3, 3, 1]
    >>> len(CountBasedChunker(10).split(58, None))
    12
    """

    chunk_number: int
    incomplete: Incomplete = "keep"
    timestamp_column_name: str | None = None

    def __post_init__(self) -> None:
        _require_positive("chunk_number", self.chunk_number)
        _require_incomplete(self.incomplete)

    def split(self, n_rows: int, timestamps: pd.DatetimeIndex | None) -> tuple[Chunk, ...]:
        """Return the chunks of a frame of ``n_rows`` rows, in order."""
        if n_rows < self.chunk_number:
            raise ValueError(
                f"`chunk_number` is {self.chunk_number}, but there are only {n_rows} rows; "
                "ask for fewer chunks"
            )
        size = n_rows // self.chunk_number
        return SizeBasedChunker(size, self.incomplete).split(n_rows, timestamps)


@dataclass(frozen=True)
class PeriodBasedChunker:
    """One chunk per calendar period: a day, a week (Monday to Sunday), a month.

    A period without rows makes no chunk. Taught in lesson 00.

    Parameters
    ----------
    timestamp_column_name : str
        The column that holds the time of each row.
    offset : str
        A pandas period alias: ``"D"``, ``"W"``, ``"M"``, ``"Q"``, ``"Y"``; single periods only.

    Raises
    ------
    TypeError, ValueError
        For a name that is not a string, or an ``offset`` that is not the alias of a single period.

    Examples
    --------
    >>> days = pd.DatetimeIndex(["2024-01-30", "2024-01-31", "2024-02-01"])
    >>> [(chunk.key, len(chunk)) for chunk in PeriodBasedChunker("day", "M").split(3, days)]
    [('2024-01', 2), ('2024-02', 1)]
    """

    timestamp_column_name: str
    offset: str = "W"

    def __post_init__(self) -> None:
        if not isinstance(self.timestamp_column_name, str):
            raise TypeError(
                "`timestamp_column_name` must name a column, got "
                f"{self.timestamp_column_name!r}; calendar chunks need the time of each row"
            )
        try:
            period = pd.Period("2024-01-01", freq=self.offset)
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(
                f"`offset` {self.offset!r} (the `chunk_period` of a monitor) is not a pandas "
                'period alias; use for example "D", "W", "M" or "Q"'
            ) from error
        if period.freq.n != 1:
            # pandas would group by one period, but end each chunk n periods later.
            raise ValueError(
                f"`offset` {self.offset!r} (the `chunk_period` of a monitor) spans "
                f'{period.freq.n} periods; use a single one, for example "W", "M" or "Q"'
            )

    def split(self, n_rows: int, timestamps: pd.DatetimeIndex | None) -> tuple[Chunk, ...]:
        """Return the chunks of a frame of ``n_rows`` rows, in order."""
        if timestamps is None:
            raise ValueError("calendar chunks need `timestamp_column_name`")
        periods = timestamps.to_period(self.offset)
        ordinals = periods.asi8
        starts = np.flatnonzero(np.diff(ordinals, prepend=ordinals[0] - 1))
        stops = np.append(starts[1:], n_rows)
        return tuple(
            Chunk(index, str(period), slice(int(start), int(stop)), *_calendar_span(period))
            for index, (start, stop, period) in enumerate(
                zip(starts, stops, periods[starts], strict=True)
            )
        )


def choose_chunker(
    *,
    chunk_size: int | None = None,
    chunk_number: int | None = None,
    chunk_period: str | None = None,
    chunker: Chunker | None = None,
    timestamp_column_name: str | None = None,
) -> Chunker:
    """Return the chunker for the chunk arguments of a monitor; ten chunks by default.

    Raises
    ------
    ValueError
        For more than one chunk argument, or a period without ``timestamp_column_name``.
    TypeError
        When ``chunker`` is not a chunker.

    Examples
    --------
    >>> choose_chunker(chunk_size=500)
    SizeBasedChunker(chunk_size=500, incomplete='keep', timestamp_column_name=None)
    """
    arguments = {
        "chunk_size": chunk_size,
        "chunk_number": chunk_number,
        "chunk_period": chunk_period,
        "chunker": chunker,
    }
    given = [f"`{name}`" for name, value in arguments.items() if value is not None]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} are given; give one of them, None for the others")
    if chunker is not None:
        _require_chunker(chunker)
        return chunker
    if chunk_size is not None:
        return SizeBasedChunker(chunk_size, timestamp_column_name=timestamp_column_name)
    if chunk_period is not None:
        if timestamp_column_name is None:
            raise ValueError(
                f"`chunk_period` {chunk_period!r} needs `timestamp_column_name`: "
                "name the column that holds the time of each row"
            )
        return PeriodBasedChunker(timestamp_column_name, chunk_period)
    number = 10 if chunk_number is None else chunk_number
    return CountBasedChunker(number, timestamp_column_name=timestamp_column_name)


def _edges(n_rows: int, size: int, incomplete: Incomplete) -> Iterator[tuple[int, int]]:
    n_full, n_left = divmod(n_rows, size)
    stops = [size * (i + 1) for i in range(n_full)]
    if n_left and (incomplete == "keep" or not stops):
        stops.append(n_rows)
    elif n_left and incomplete == "append":
        stops[-1] = n_rows
    return zip([0, *stops[:-1]], stops, strict=True)


def _span(
    timestamps: pd.DatetimeIndex | None, start: int, stop: int
) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
    if timestamps is None:
        return None, None
    return timestamps[start].as_unit("us"), timestamps[stop - 1].as_unit("us")


def _calendar_span(period: pd.Period) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the first and the last microsecond of a period, for times of any resolution."""
    start, next_start = (each.start_time.as_unit("us") for each in (period, period + 1))
    return start, (next_start - pd.Timedelta(1, "us")).as_unit("us")


def _require_chunker(chunker: object) -> None:
    if isinstance(chunker, (type, str)) or not callable(getattr(chunker, "split", None)):
        raise TypeError(
            f"`chunker` must be a chunker, such as SizeBasedChunker(500), got {chunker!r}; "
            "for rows, number or period use `chunk_size`, `chunk_number` or `chunk_period`"
        )


def _require_positive(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"`{name}` must be a whole number, got {value!r}")
    if value < 1:
        raise ValueError(f"`{name}` must be at least 1, got {value}")


def _require_incomplete(value: str) -> None:
    if value not in ("keep", "drop", "append"):
        raise ValueError(f'`incomplete` must be "keep", "drop" or "append", got {value!r}')
