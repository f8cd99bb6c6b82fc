"""Measure a data set by partitions, on one machine or on a Dask cluster."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from operator import length_hint
from typing import Any

import pandas as pd

from course_lib.core.chunking import PeriodBasedChunker
from course_lib.core.monitor import Monitor, not_fitted
from course_lib.core.result import Result

__all__ = ["measure_partitions"]


def measure_partitions(
    monitor: Monitor[Any], partitions: Iterable[pd.DataFrame] | Any, *, progress: bool = False
) -> Result:
    """Measure a data set by partitions; the result is the same as for one frame of all rows.

    Chunks are independent, so Dask can measure a partition anywhere, in any order. A worker
    receives the fitted monitor once and returns the measured chunks; `Monitor.save` says which rows
    of the reference a monitor holds. Taught in lesson 11.

    Parameters
    ----------
    monitor : Monitor
        Fitted, with calendar chunks (``chunk_period``).
    partitions : iterable of DataFrame, or Dask DataFrame
        Frames are measured in this process, one after another; with a generator that reads files,
        only one is in memory. The partitions of a Dask DataFrame are measured by the workers of the
        ``distributed.Client`` that was last created, or by Dask's default scheduler without one.
        A partition holds whole chunks, such as one or four weeks. The order of partitions does not
        matter; empty ones are skipped.
    progress : bool
        Show a progress bar, on stdout.

    Returns
    -------
    Result
        Reference chunks first, as from ``monitor.calculate``.

    Raises
    ------
    TypeError, ValueError
        When ``monitor`` is not a monitor, not fitted or without calendar chunks; for a single
        DataFrame, a chunk with rows in two partitions, or partitions without any row. An error in a
        partition has a note with its number.

    Examples
    --------
    >>> import pandas as pd
    >>> from course_lib import MissingValuesCalculator, measure_partitions
    >>> days = pd.date_range("2024-01-01", periods=70, freq="D")
    >>> frame = pd.DataFrame({"size": 1.0, "day": days})
    >>> monitor = MissingValuesCalculator(["size"], "day", chunk_period="W").fit(frame[:49])
    >>> measure_partitions(monitor, (week for _, week in frame[49:].resample("W", on="day")))
    Result(quality missing_values of 1 column: 3 analysis chunks, 0 alerts)
    """
    _require_ready(monitor, partitions)
    results: Iterable[Result | None]
    if hasattr(partitions, "to_delayed"):
        partitions = partitions.to_delayed()
        results = _on_dask(monitor, partitions)
    else:
        results = (_measured(monitor, part, number) for number, part in enumerate(partitions))
    if progress:
        from tqdm import tqdm

        n_parts = length_hint(partitions) or None
        results = tqdm(results, total=n_parts, unit="partition", file=sys.stdout)
    parts = [result for result in results if result is not None]
    _require_whole_chunks(parts)
    return _joined(monitor, parts)


def _measured(monitor: Monitor[Any], part: pd.DataFrame, number: int) -> Result | None:
    """Measure one partition; return its analysis chunks only, so that a worker sends less."""
    try:
        return monitor.judge(monitor.measure(part)).filter(period="analysis") if len(part) else None
    except (TypeError, ValueError) as error:
        error.add_note(f"This is partition {number}, counted from 0.")
        raise


def _on_dask(monitor: Monitor[Any], partitions: Iterable[Any]) -> Iterator[Result | None]:
    dask = import_module("dask")
    measured = dask.delayed(_measured)
    # Keep the monitor in the task graph: scattered data is lost when its worker dies.
    delayed_monitor = dask.delayed(monitor, traverse=False)
    tasks = [measured(delayed_monitor, part, number) for number, part in enumerate(partitions)]
    try:
        client = import_module("distributed").default_client()
    except (ImportError, ValueError):  # not installed, or no cluster in use
        client = None
    if client is None:
        yield from dask.compute(*tasks)
    else:
        yield from (future.result() for future in client.compute(tasks))


def _joined(monitor: Monitor[Any], parts: list[Result]) -> Result:
    """Return the reference and the chunks of all parts, like `Result.extend` for all of them."""
    fitted = monitor._fitted
    assert fitted is not None
    frame, shares = _appended(fitted.reference, [part._frame for part in parts]), fitted.shares
    if shares is not None:
        shares = _appended(shares, [part._shares for part in parts])
    return fitted.rules._result(frame, shares)


def _appended(reference: pd.DataFrame, parts: list[Any]) -> pd.DataFrame:
    """Append the parts to the reference, their chunks numbered in order of time."""
    frame: pd.DataFrame = pd.concat(parts).sort_values("start_date", kind="stable")
    frame = frame.assign(chunk_index=pd.factorize(frame["key"])[0])
    return pd.concat([reference, frame], ignore_index=True)


def _require_ready(monitor: object, partitions: object) -> None:
    if not isinstance(monitor, Monitor):
        raise TypeError(f"`monitor` must be a monitor of course_lib, got {monitor!r}")
    if isinstance(partitions, pd.DataFrame):
        raise TypeError(
            "`partitions` is one DataFrame; let the monitor measure it itself, or give an iterable "
            "of frames or a Dask DataFrame"
        )
    if monitor._fitted is None:
        raise not_fitted(monitor, "measure_partitions(monitor, ...)")
    chunker = monitor._fitted.rules._chunker
    if not isinstance(chunker, PeriodBasedChunker):
        raise ValueError(
            f"{chunker!r} counts rows across partitions, but each partition is measured alone; "
            'use calendar chunks, such as chunk_period="W"'
        )


def _require_whole_chunks(parts: list[Result]) -> None:
    if not parts:
        raise ValueError("`partitions` hold no rows; check where they are read from")
    keys = pd.concat([part._frame["key"].drop_duplicates() for part in parts])
    repeated = keys[keys.duplicated()].unique()
    if len(repeated):
        raise ValueError(
            f"{len(repeated)} of {keys.nunique()} chunks, such as {repeated[0]}, have rows in more "
            "than one partition, and none of them can measure a part; write partitions that hold "
            "whole chunks: for weekly chunks, a file per week"
        )
