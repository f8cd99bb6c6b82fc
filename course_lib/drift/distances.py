"""Distances between a reference and a chunk: plain functions on arrays.

Taught in lesson 06.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "SortedSample",
    "chi2_statistic",
    "hellinger_distance",
    "jensen_shannon_distance",
    "kolmogorov_smirnov_distance",
    "l_infinity_distance",
    "wasserstein_distance",
]

Floats = NDArray[np.float64]
Ranks = NDArray[np.intp]


# Distances between two samples of numbers


def kolmogorov_smirnov_distance(reference: ArrayLike, chunk: ArrayLike) -> float:
    """Return the largest gap between two empirical distribution functions, from 0 to 1.

    0 means equal samples. Exact for samples of any size, ties included. Missing values are left
    out. Source: scipy.stats.ks_2samp computes the same statistic.

    Parameters
    ----------
    reference, chunk : array-like of shape (n,) and (m,)

    Raises
    ------
    ValueError
        When a sample has no value, or an infinite one.

    Notes
    -----
    Taught in lesson 06.

    Examples
    --------
    >>> kolmogorov_smirnov_distance([1, 2, 3, 4], [3, 4, 5, 6])
    0.5
    """
    return SortedSample.of(_numbers("reference", reference)).kolmogorov_smirnov(
        np.sort(_numbers("chunk", chunk))
    )


def wasserstein_distance(reference: ArrayLike, chunk: ArrayLike) -> float:
    """Return the area between two empirical distribution functions, in the unit of the column.

    0 means equal samples; the mean distance that values must be moved to turn one sample into the
    other. Exact for samples of any size. Missing values are left out. Source:
    scipy.stats.wasserstein_distance computes the same.

    Parameters
    ----------
    reference, chunk : array-like of shape (n,) and (m,)

    Raises
    ------
    ValueError
        When a sample has no value, or an infinite one.

    Notes
    -----
    Taught in lesson 06.

    Examples
    --------
    >>> wasserstein_distance([1, 2, 3, 4], [3, 4, 5, 6])
    2.0
    """
    return SortedSample.of(_numbers("reference", reference)).wasserstein(
        np.sort(_numbers("chunk", chunk))
    )


# Distances between two sets of counts


def jensen_shannon_distance(reference: ArrayLike, chunk: ArrayLike) -> float:
    """Return the Jensen–Shannon distance of two sets of counts, from 0 to 1.

    The square root of the mean Kullback–Leibler divergence (base 2) of both shares from their
    average. 0 means equal shares, 1 that no bin holds both. An empty bin needs no correction.
    Source: J. Lin, IEEE Trans. Inf. Theory 37 (1991); scipy.spatial.distance.jensenshannon.

    Parameters
    ----------
    reference, chunk : array-like of shape (n_bins,)
        Counts or shares in the same bins.

    Raises
    ------
    ValueError
        When the shapes differ or a side is empty.

    Notes
    -----
    Taught in lesson 06.

    Examples
    --------
    >>> jensen_shannon_distance([10, 0], [0, 10])
    1.0
    """
    p, q = _shares(reference, chunk)
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [np.where(side > 0, side * np.log2(side / middle), 0.0) for side in (p, q)]
    return float(np.sqrt(max(float(np.sum(terms)), 0.0) / 2))


def hellinger_distance(reference: ArrayLike, chunk: ArrayLike) -> float:
    """Return the Hellinger distance of two sets of counts, from 0 to 1.

    √(Σ(√p − √q)² / 2): 0 means equal shares, 1 that no bin holds both. An empty bin needs no
    correction. Source: E. Hellinger, J. reine angew. Math. 136 (1909).

    Parameters
    ----------
    reference, chunk : array-like of shape (n_bins,)
        Counts or shares in the same bins.

    Raises
    ------
    ValueError
        When the shapes differ or a side is empty.

    Notes
    -----
    Taught in lesson 06.

    Examples
    --------
    >>> hellinger_distance([10, 0], [0, 10])
    1.0
    """
    p, q = _shares(reference, chunk)
    return float(np.sqrt(np.square(np.sqrt(p) - np.sqrt(q)).sum() / 2))


def l_infinity_distance(reference: ArrayLike, chunk: ArrayLike) -> float:
    """Return the largest change of a share, from 0 to 1: max |p − q|.

    0 means equal shares; 0.05 that one category gained or lost five points in a hundred rows, and
    none more. The Chebyshev distance of the shares (scipy.spatial.distance.chebyshev).

    Parameters
    ----------
    reference, chunk : array-like of shape (n_categories,)
        Counts or shares of the same categories.

    Raises
    ------
    ValueError
        When the shapes differ or a side is empty.

    Notes
    -----
    Taught in lesson 06.

    Examples
    --------
    >>> l_infinity_distance([50, 50], [75, 25])
    0.25
    """
    p, q = _shares(reference, chunk)
    return float(np.abs(p - q).max())


def chi2_statistic(reference: ArrayLike, chunk: ArrayLike) -> float:
    """Return Pearson's chi-squared statistic of two sets of counts; at least 0.

    0 means equal shares. Without drift it is about the number of categories less one, whatever the
    sample size; with drift it grows with the sample. Yates's correction applies to two categories.
    Source: scipy.stats.chi2_contingency.

    Parameters
    ----------
    reference, chunk : array-like of shape (n_categories,)
        Counts of the same categories.

    Raises
    ------
    ValueError
        When the shapes differ or a side is empty.

    Notes
    -----
    Taught in lesson 06.

    Examples
    --------
    >>> round(chi2_statistic([50, 30, 20], [25, 15, 10]), 6)
    0.0
    """
    _shares(reference, chunk)
    table = np.array([reference, chunk], dtype=float)
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 0.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    gap = np.abs(table - expected)
    if table.shape[1] == 2:
        gap = np.maximum(gap - np.minimum(0.5, gap), 0)
    return float((np.square(gap) / expected).sum())


@dataclass(frozen=True)
class SortedSample:
    """A sample of numbers sorted once, to be compared with many chunks.

    Attributes
    ----------
    values : array of shape (n,)
        In ascending order.
    area : array of shape (n + 1,)
        Sums of the centred values up to each position: what Wasserstein's integral needs. Empty
        when only Kolmogorov–Smirnov is asked for.
    minus : array of shape (m,)
        Sorted values that do not count: those of the chunk it is compared with, or none.
    center : float
        What was subtracted before summing, since smaller sums lose fewer digits.
    """

    values: Floats
    area: Floats
    minus: Floats
    center: float

    @classmethod
    def of(cls, values: Floats) -> SortedSample:
        """Sort a sample without missing values."""
        return cls.of_sorted(np.sort(values))

    @classmethod
    def of_sorted(cls, ordered: Floats, *, with_area: bool = True) -> SortedSample:
        """Take a sample that is sorted already; `wasserstein` needs its area."""
        center = float(ordered[len(ordered) // 2]) if len(ordered) else 0.0
        area = np.cumsum(np.append(0.0, ordered - center)) if with_area else np.empty(0)
        return cls(ordered, area, np.empty(0), center)

    def without(self, chunk: Floats) -> SortedSample:
        """Leave out a sorted chunk that is part of it, before comparing it with that chunk.

        Nothing is sorted, or ranked, again: the rest is as much further from the chunk as it is
        smaller than the whole, n / (n - m) times.
        """
        return replace(self, minus=chunk)

    @property
    def size(self) -> int:
        """How many values count."""
        return len(self.values) - len(self.minus)

    def kolmogorov_smirnov(self, chunk: Floats) -> float:
        """Return the largest gap of the distribution functions from a sorted chunk's.

        It lies at a value of the chunk, or right before one. Few values are ranked at first; the
        others only where a gap that grows between two of them could become the largest.
        """
        at = _every(32, len(chunk))
        _, below, above = self._gaps(chunk, at)
        largest = max(below.max(), above.max())
        could = np.maximum(below[:-1], above[1:]) + self._growth(at) > largest
        _, below, above = self._gaps(chunk, _within(at, could))
        largest = max(below.max(initial=largest), above.max(initial=largest))
        return float(largest / (len(chunk) * self.size))

    def wasserstein(self, chunk: Floats) -> float:
        """Return the area between the distribution functions of the sample and a sorted chunk.

        Where one function stays above the other, the area is the difference of their integrals.
        So few values are ranked at first, the others only where the functions could cross.
        """
        at = _every(8, len(chunk))
        right, below, above = self._gaps(chunk, at)
        could = np.minimum(below[:-1], above[1:]) + self._growth(at) > 0
        point, integral = chunk[at] - self.center, self._integral(chunk[at], right)
        summed = np.add.reduceat(chunk - self.center, at)[:-1]
        own = (np.diff(at * point) - summed) / len(chunk)
        tail = self.area[-1] / len(self.values) - point[-1] + integral[-1]
        area = integral[0] + abs(tail) + np.abs(np.diff(integral) - own)[~could].sum()
        area += self._crossed_area(chunk, _within(at, could))
        return float(area * len(self.values) / self.size)

    def _crossed_area(self, chunk: Floats, at: Ranks) -> float:
        """The area between neighbouring positions of a chunk, a row of them for each stretch.

        There the chunk's share is constant; the reference's rises and crosses it at ``middle``,
        or not at all.
        """
        right, below, above = self._gaps(chunk, at)
        crosses = np.minimum(below[:, :-1], above[:, 1:]) + self._growth(at) > 0
        point, integral, rank = chunk[at], self._integral(chunk[at], right), at[:, :-1] + 1
        middle, up_to = point[:, :-1].copy(), integral[:, :-1].copy()
        share = rank / len(chunk)
        reached = -(-rank[crosses] * len(self.values) // len(chunk))
        middle[crosses] = self.values[reached - 1]
        up_to[crosses] = self._integral(middle[crosses], reached)
        below_it = up_to - integral[:, :-1] - share * (middle - point[:, :-1])
        above_it = integral[:, 1:] - up_to - share * (point[:, 1:] - middle)
        return float(np.abs(below_it).sum() + np.abs(above_it).sum())

    def _integral(self, at: Floats, rank: Ranks) -> Floats:
        """The integral of the distribution function up to a point: the mean of (at − value)⁺."""
        return np.asarray((rank * (at - self.center) - self.area[rank]) / len(self.values))

    def _gaps(self, chunk: Floats, at: Ranks) -> tuple[Ranks, Ranks, Ranks]:
        """Compare the distribution functions at some positions of a sorted chunk.

        Returns how many values lie at or below; how far the function is below the chunk's there;
        and how far it is above right before. Gaps are whole numbers: shares times both sizes, none
        left out. (Of tied values, the last gives the largest gap below, the first above.)
        """
        left, right = _ranks(self.values, chunk[at])
        m, n = len(chunk), len(self.values)
        return right, (at + 1) * n - right * m, left * m - at * n

    def _growth(self, at: Ranks) -> Ranks:
        """How much a gap can grow between two neighbouring positions of a chunk."""
        return (np.diff(at) - 1) * len(self.values)


def _every(step: int, size: int) -> Ranks:
    """Every so many positions of a chunk, and the last."""
    return np.append(np.arange(0, size - 1, step, dtype=np.intp), size - 1)


def _within(at: Ranks, chosen: NDArray[np.bool_]) -> Ranks:
    """All positions from each chosen one to its successor, a row for each."""
    step = np.arange(at[1] - at[0] + 1 if len(at) > 1 else 1)
    return np.asarray(np.minimum(at[:-1][chosen, None] + step, at[-1]))


def _ranks(ordered: Floats, at: Floats) -> tuple[Ranks, Ranks]:
    """How many values lie below each point, and how many at or below it."""
    left = np.searchsorted(ordered, at, "left")
    # One search is enough where at most one value equals the point.
    right = left + (np.take(ordered, left, mode="clip") == at)
    more = np.take(ordered, right, mode="clip") == at
    right[more] = np.searchsorted(ordered, at[more], "right")
    return left, right


def _numbers(name: str, values: ArrayLike) -> Floats:
    array: Floats = np.asarray(values, dtype=float)
    infinite = int(np.isinf(array).sum())
    if infinite:
        raise ValueError(
            f"`{name}` is infinite in {infinite:,} of {array.size:,} values; replace or drop those"
        )
    array = array[~np.isnan(array)]
    if not len(array):
        raise ValueError(f"`{name}` has no value that is not missing; give at least one")
    return array


def _shares(reference: ArrayLike, chunk: ArrayLike) -> tuple[Floats, Floats]:
    p, q = np.asarray(reference, dtype=float), np.asarray(chunk, dtype=float)
    if p.shape != q.shape:
        raise ValueError(f"`reference` has shape {p.shape}, `chunk` {q.shape}; use the same bins")
    for name, side in (("reference", p), ("chunk", q)):
        if not (np.isfinite(side).all() and side.sum() > 0) or (side < 0).any():
            raise ValueError(f"`{name}` must hold counts, at least one above 0 and none below")
    return p / p.sum(), q / q.sum()
