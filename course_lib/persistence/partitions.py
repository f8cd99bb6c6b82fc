"""Beyond one machine: a fitted monitor measures a data set partition by partition.

A fitted monitor is small and its chunks are independent, so a partition that holds whole chunks can
be measured anywhere. Where, and in which order, is the business of Dask. Taught in lesson 11.
"""

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
    """Measure a data set in partitions: the result is that of all its rows in one frame.

    Parameters
    ----------
    monitor : Monitor
        Fitted, with calendar chunks (``chunk_period``).
    partitions : iterable of DataFrame, or Dask DataFrame
        Frames are measured here, one after another: from a generator that reads files, no more than
        one is in memory. The partitions of a Dask DataFrame are measured where Dask sends them: by
        the workers of the ``distributed.Client`` that was last made, or else by Dask's default
        scheduler. A partition holds whole chunks, such as one week or four. The order of partitions
        does not matter; empty ones are passed over.
    progress : bool
        Show a progress bar, on stdout.

    Returns
    -------
    Result
        Reference chunks first, as from ``monitor.calculate``.

    Raises
    ------
    TypeError
        When there is no monitor, or one frame in place of an iterable of frames.
    ValueError
        For a monitor that is not fitted or has no calendar chunks, a chunk with rows in two
        partitions, or partitions without any row. An error in a partition has a note that numbers
        it.

    Notes
    -----
    A worker is sent the fitted monitor, once, and sends back the measured chunks. The monitor holds
    no reference rows, but Kolmogorov–Smirnov and Wasserstein keep each numeric column, sorted, and
    the domain classifier up to 2,000 rows. Taught in lesson 11.

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
    """Measure one partition, here or on a worker; its chunks alone are worth sending back."""
    try:
        return monitor._run(part).filter(period="analysis") if len(part) else None
    except (TypeError, ValueError) as error:
        error.add_note(f"This is partition {number}, counted from 0.")
        raise


def _on_dask(monitor: Monitor[Any], partitions: Iterable[Any]) -> Iterator[Result | None]:
    dask = import_module("dask")
    measured = dask.delayed(_measured)
    # A part of the graph, unlike scattered data, outlives the worker that has it.
    sent = dask.delayed(monitor, traverse=False)
    tasks = [measured(sent, part, number) for number, part in enumerate(partitions)]
    client = _client()
    if client is None:
        yield from dask.compute(*tasks)
    else:
        yield from (future.result() for future in client.compute(tasks))


def _client() -> Any:
    try:
        return import_module("distributed").default_client()
    except (ImportError, ValueError):  # not installed, or no cluster in use
        return None


def _joined(monitor: Monitor[Any], parts: list[Result]) -> Result:
    """Put the reference before the chunks of all parts: `Result.extend`, once for all of them."""
    fitted = monitor._fitted
    assert fitted is not None
    frames = [fitted.reference, _counted(part._frame for part in parts)]
    shares = None
    if fitted.shares is not None:
        both = [fitted.shares, _counted(part._shares for part in parts)]
        shares = pd.concat(both, ignore_index=True)
    return fitted.rules._result(pd.concat(frames, ignore_index=True), shares)


def _counted(frames: Iterable[Any]) -> pd.DataFrame:
    """Number the chunks in order of time."""
    frame: pd.DataFrame = pd.concat(frames).sort_values("start_date", kind="stable")
    return frame.assign(chunk_index=pd.factorize(frame["key"])[0])


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
            f"{chunker!r} counts rows across partitions, and a partition does not know "
            'those before it; use calendar chunks, such as chunk_period="W"'
        )


def _require_whole_chunks(parts: list[Result]) -> None:
    if not parts:
        raise ValueError("`partitions` hold no rows; look at where they are read from")
    keys = pd.concat([part._frame["key"].drop_duplicates() for part in parts])
    split = keys[keys.duplicated()].unique()
    if len(split):
        raise ValueError(
            f"{len(split)} of {keys.nunique()} chunks, such as {split[0]}, have rows in more than "
            "one partition, and none of them can measure a part; write partitions that hold whole "
            "chunks: for weekly chunks, a file per week"
        )
