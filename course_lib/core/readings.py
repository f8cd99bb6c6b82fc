"""Readings: the measured values of chunks, before limits and alerts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from course_lib.core.chunking import Chunk
from course_lib.core.histograms import Shares, tidy_shares

__all__ = ["KEYS", "VALUES", "Measured", "Reading", "Readings", "moved"]

Measured = tuple[Chunk, "Reading"]
POSITIONS = re.compile(r"^\[(\d+):(\d+)\]$")
KEYS = ("period", "chunk_index", "key", "start_date", "end_date", "n_rows", "n_used")
VALUES = ("column", "metric", "value", "sampling_error", "spread", "note")


@dataclass(frozen=True)
class Reading:
    """The measured value of one chunk, for one column and one metric.

    Attributes
    ----------
    metric : str
    value : float
        NaN only together with a ``note`` that says why.
    n_used : int
        Rows the metric could use.
    column : str
        "" for metrics of the whole model, or of all columns together.
    sampling_error : float
    spread : float
        The standard error behind a confidence boundary; NaN where the monitor draws none.
    baseline, n_baseline : float, int, optional
        In a reference chunk: the value that sets limits and the rows behind it, when they are
        not ``value`` and ``n_used`` (an estimate is judged by realized values).
    note : str
    shares : Shares, optional
        The distribution of the column in the chunk, for a picture; the same for all its metrics.
    """

    metric: str
    value: float
    n_used: int
    column: str = ""
    sampling_error: float = np.nan
    spread: float = np.nan
    baseline: float | None = None
    n_baseline: int | None = None
    note: str = ""
    shares: Shares | None = field(default=None, repr=False, compare=False)

    @property
    def quiet(self) -> tuple[float, int]:
        """The value that sets limits, and the number of rows behind it."""
        if self.baseline is None or self.n_baseline is None:
            return self.value, self.n_used
        return self.baseline, self.n_baseline


def moved(frame: pd.DataFrame, n_chunks: int, n_rows: int) -> pd.DataFrame:
    """Add the number of earlier chunks and rows to chunk indexes and to positions in keys."""

    def shifted(key: re.Match[str]) -> str:
        return f"[{int(key[1]) + n_rows}:{int(key[2]) + n_rows}]"

    keys = frame["key"].str.replace(POSITIONS, shifted, regex=True)
    return frame.assign(chunk_index=frame["chunk_index"] + n_chunks, key=keys)


@dataclass(frozen=True, eq=False)
class Readings:
    """What `Monitor.measure` returns: measured values, which `Monitor.judge` turns into a result.

    They need no rows of data, so they can be stored, and judged again when limits change.

    Attributes
    ----------
    frame : DataFrame
        One row per chunk, column and metric: ``period``, ``chunk_index``, ``key``,
        ``start_date``, ``end_date``, ``n_rows``, ``n_used``, ``column``, ``metric``, ``value``,
        ``sampling_error``, ``spread`` and ``note``.
    shares : DataFrame or None
        The distribution of each column in each chunk; only from `UnivariateDriftCalculator`.
    """

    frame: pd.DataFrame
    shares: pd.DataFrame | None = None

    @classmethod
    def of(cls, measured: Iterable[Measured], period: str = "analysis") -> Readings:
        """Put the readings of chunks into a frame."""
        measured = list(measured)
        rows = [
            (
                *(period, c.index, c.key_in(period), c.start_date, c.end_date, len(c), r.n_used),
                *(r.column, r.metric, r.value, r.sampling_error, r.spread, r.note),
            )
            for c, r in measured
        ]
        frame = pd.DataFrame(rows, columns=[*KEYS, *VALUES])
        for name in ("start_date", "end_date"):
            frame[name] = frame[name].astype("datetime64[us]")
        counts = dict.fromkeys(("chunk_index", "n_rows", "n_used"), "int64")
        floats = dict.fromkeys(("value", "sampling_error", "spread"), "float64")
        shares = {
            (chunk.index, reading.column): (chunk, reading.column, reading.shares)
            for chunk, reading in measured
            if reading.shares is not None
        }
        return cls(
            frame.astype({**counts, **floats}),
            tidy_shares(shares.values(), period) if shares else None,
        )

    @classmethod
    def joined(cls, parts: Iterable[Readings]) -> Readings:
        """Put readings of later and later frames one after another, as of one frame.

        Chunks are numbered on, and so are the positions in keys such as ``"[0:999]"``.

        Parameters
        ----------
        parts : iterable of Readings
            From `Monitor.measure` of one monitor, in order of time.

        Raises
        ------
        ValueError
            Without a part.
        """
        frames: list[pd.DataFrame] = []
        shares: list[pd.DataFrame] = []
        n_chunks = n_rows = 0
        for part in parts:
            frames.append(moved(part.frame, n_chunks, n_rows))
            if part.shares is not None:
                shares.append(moved(part.shares, n_chunks, n_rows))
            chunks = part.frame.drop_duplicates("chunk_index")
            n_chunks, n_rows = n_chunks + len(chunks), n_rows + int(chunks["n_rows"].sum())
        if not frames:
            raise ValueError("there are 0 readings to join; give at least one")
        return cls(
            pd.concat(frames, ignore_index=True),
            pd.concat(shares, ignore_index=True) if shares else None,
        )

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        metrics = ", ".join(self.frame["metric"].unique())
        return f"Readings({metrics}: {self.frame['chunk_index'].nunique()} chunks)"
