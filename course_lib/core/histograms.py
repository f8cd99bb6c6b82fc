"""Histograms of columns per chunk: shares of rows in bins, kept for plots instead of rows.

Taught in lesson 06.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from course_lib.core.chunking import Chunk
from course_lib.core.schema import Column

__all__ = ["CategoryBins", "NumberBins", "Shares", "tidy_shares"]

Floats = NDArray[np.float64]
N_INNER_BINS, N_OUTER_BINS = 30, 10
N_CATEGORIES = 8  # more colors are hard to distinguish
MISSING, OTHER, BELOW, ABOVE = "missing", "other", "below", "above"


@dataclass(frozen=True)
class Shares:
    """The shares of the rows of one chunk in the bins of a column.

    Attributes
    ----------
    bins : NumberBins or CategoryBins
        The bins, in the order of ``parts``.
    parts : array of shape (n_bins,)
        Shares of the chunk's rows; they sum to 1.
    """

    bins: NumberBins | CategoryBins
    parts: Floats


@dataclass(frozen=True)
class NumberBins:
    """Bins of a numeric column: 50 of equal width, one for each tail, one for missing values.

    Attributes
    ----------
    edges : array of shape (51,)
        The middle 30 bins run from the 0.5 % to the 99.5 % quantile of the reference; 10 more on
        either side leave room for drift.
    """

    edges: Floats

    @classmethod
    def learn(cls, values: Floats) -> NumberBins:
        """Compute the bins from sorted values without missing ones; the array may be empty."""
        low, high = np.quantile(values, [0.005, 0.995]) if len(values) else (0.0, 1.0)
        if low == high:  # almost constant: a bin needs a width
            pad = max(0.5, 1e-6 * abs(low))
            low, high = low - pad, high + pad
        step = (high - low) / N_INNER_BINS
        steps = np.arange(-N_OUTER_BINS, N_INNER_BINS + N_OUTER_BINS + 1)
        return cls(np.asarray(low + step * steps, dtype=float))

    @property
    def labels(self) -> list[str]:
        """The names of the bins, in order; missing values last."""
        for digits in (4, 6, 9, 17):  # the fewest that make the labels unique
            inner = [f"{a:.{digits}g} to {b:.{digits}g}" for a, b in pairwise(self.edges)]
            if len(set(inner)) == len(inner):
                break
        return [BELOW, *inner, ABOVE, MISSING]

    @property
    def left(self) -> Floats:
        """The lower edges; NaN for missing values."""
        return np.array([-np.inf, *self.edges, np.nan])

    @property
    def right(self) -> Floats:
        """The upper edges; NaN for missing values."""
        return np.array([*self.edges, np.inf, np.nan])

    def shares(self, values: Floats, n_rows: int) -> Shares:
        """Return the shares of sorted values in ``n_rows`` rows; the other rows are missing."""
        n_below = np.searchsorted(values, self.edges, "left")
        counts = np.diff([0, *n_below, len(values), n_rows])
        return Shares(self, counts / n_rows)


@dataclass(frozen=True)
class CategoryBins:
    """Bins of the most frequent categories, of all others together, and of missing values.

    Attributes
    ----------
    names : tuple of str
        The categories that have a bin of their own, in the order of their codes.
    codes : array of int
        Their codes in the column.
    """

    names: tuple[str, ...]
    codes: NDArray[np.intp]

    @classmethod
    def learn(cls, counts: Floats, column: Column) -> CategoryBins:
        """Compute the bins from a count per code; code 0 stands for unseen categories."""
        common = np.argsort(-counts[1:], kind="stable")[:N_CATEGORIES]
        codes = np.sort(common) + 1
        values = [column.categories[code - 1] for code in codes]
        names = [str(value) for value in values]
        # Names must be unique: 1 and "1" are two categories, and "missing" can be a third.
        names = [repr(v) if names.count(n) > 1 else n for n, v in zip(names, values, strict=True)]
        reserved = (OTHER, MISSING)
        return cls(tuple(f"{n} (category)" if n in reserved else n for n in names), codes)

    @property
    def labels(self) -> list[str]:
        """The names of the bins."""
        return [*self.names, OTHER, MISSING]

    @property
    def left(self) -> Floats:
        """NaN: categories do not have edges."""
        return np.full(len(self.names) + 2, np.nan)

    right = left

    def shares(self, counts: Floats, n_rows: int) -> Shares:
        """Return the shares of the bins from a count per code, in ``n_rows`` rows."""
        frequent = counts[self.codes]
        other = counts.sum() - frequent.sum()
        return Shares(self, np.array([*frequent, other, n_rows - counts.sum()]) / n_rows)


def tidy_shares(found: Iterable[tuple[Chunk, str, Shares]], period: str) -> pd.DataFrame:
    """Return one row per chunk, column and bin.

    Parameters
    ----------
    found : iterable of (chunk, column name, shares)
    period : str

    Returns
    -------
    DataFrame
        ``period``, ``chunk_index``, ``key``, ``start_date``, ``end_date``, ``column``, ``bin``,
        ``left``, ``right``, ``share``.
    """
    found = list(found)
    sizes = [len(shares.parts) for _, _, shares in found]

    def repeated(values: list[Any]) -> Any:
        return np.repeat(np.array(values, dtype=object), sizes)

    chunks = [chunk for chunk, _, _ in found]
    frame = pd.DataFrame(
        {
            "period": period,
            "chunk_index": np.repeat(
                np.array([chunk.index for chunk in chunks], dtype="int64"), sizes
            ),
            "key": repeated([chunk.key_in(period) for chunk in chunks]),
            "start_date": repeated([chunk.start_date for chunk in chunks]),
            "end_date": repeated([chunk.end_date for chunk in chunks]),
            "column": repeated([name for _, name, _ in found]),
            "bin": np.concatenate(
                [np.array(shares.bins.labels, dtype=object) for *_, shares in found]
            ),
            "left": np.concatenate([shares.bins.left for *_, shares in found]),
            "right": np.concatenate([shares.bins.right for *_, shares in found]),
            "share": np.concatenate([shares.parts for *_, shares in found]),
        }
    )
    for name in ("start_date", "end_date"):
        frame[name] = frame[name].astype("datetime64[us]")
    return frame
