"""Distances between a reference and a chunk: plain functions on arrays.

Taught in lesson 06.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import rel_entr

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
    out. The statistic of scipy.stats.ks_2samp. Taught in lesson 06.

    Parameters
    ----------
    reference, chunk : array-like of shape (n,) and (m,)

    Raises
    ------
    ValueError
        When a sample has no value, or an infinite one.

    Examples
    --------
    >>> kolmogorov_smirnov_distance([1, 2, 3, 4], [3, 4, 5, 6])
    0.5
    """
    from scipy.stats import ks_2samp

    samples = _numbers("reference", reference), _numbers("chunk", chunk)
    with np.errstate(divide="ignore"):  # in the p-value of samples of one
        return float(ks_2samp(*samples, method="asymp").statistic)


def wasserstein_distance(reference: ArrayLike, chunk: ArrayLike) -> float:
    """Return the area between two empirical distribution functions, in the unit of the column.

    0 means equal samples; the mean distance that values must be moved to turn one sample into the
    other. Exact for samples of any size. Missing values are left out. As
    scipy.stats.wasserstein_distance. Taught in lesson 06.

    Parameters
    ----------
    reference, chunk : array-like of shape (n,) and (m,)

    Raises
    ------
    ValueError
        When a sample has no value, or an infinite one.

    Examples
    --------
    >>> wasserstein_distance([1, 2, 3, 4], [3, 4, 5, 6])
    2.0
    """
    from scipy.stats import wasserstein_distance as distance

    return float(distance(_numbers("reference", reference), _numbers("chunk", chunk)))


# Distances between two sets of counts


def jensen_shannon_distance(reference: ArrayLike, chunk: ArrayLike) -> float:
    """Return the Jensen–Shannon distance of two sets of counts, from 0 to 1.

    The square root of the mean Kullback–Leibler divergence (base 2) of both shares from their
    average. 0 means equal shares, 1 that no bin holds both. An empty bin needs no correction.
    Source: J. Lin, IEEE Trans. Inf. Theory 37 (1991); scipy.spatial.distance.jensenshannon.
    Taught in lesson 06.

    Parameters
    ----------
    reference, chunk : array-like of shape (n_bins,)
        Counts or shares in the same bins.

    Raises
    ------
    ValueError
        When the shapes differ or a side is empty.

    Examples
    --------
    >>> jensen_shannon_distance([10, 0], [0, 10])
    1.0
    """
    p, q = _shares(reference, chunk)
    middle = (p + q) / 2
    divergence = (rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2 / np.log(2)
    # Of nearly equal shares it can be -1e-17, where scipy's own function returns NaN.
    return float(np.sqrt(max(divergence, 0.0)))


def hellinger_distance(reference: ArrayLike, chunk: ArrayLike) -> float:
    """Return the Hellinger distance of two sets of counts, from 0 to 1.

    √(Σ(√p − √q)² / 2): 0 means equal shares, 1 that no bin holds both. An empty bin needs no
    correction. Source: E. Hellinger, J. reine angew. Math. 136 (1909). Taught in lesson 06.

    Parameters
    ----------
    reference, chunk : array-like of shape (n_bins,)
        Counts or shares in the same bins.

    Raises
    ------
    ValueError
        When the shapes differ or a side is empty.

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
    Taught in lesson 06.

    Parameters
    ----------
    reference, chunk : array-like of shape (n_categories,)
        Counts or shares of the same categories.

    Raises
    ------
    ValueError
        When the shapes differ or a side is empty.

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
    The statistic of scipy.stats.chi2_contingency. Taught in lesson 06.

    Parameters
    ----------
    reference, chunk : array-like of shape (n_categories,)
        Counts of the same categories.

    Raises
    ------
    ValueError
        When the shapes differ or a side is empty.

    Examples
    --------
    >>> round(chi2_statistic([50, 30, 20], [25, 15, 10]), 6)
    0.0
    """
    from scipy.stats import chi2_contingency

    _shares(reference, chunk)  # checks both
    table = np.array([reference, chunk], dtype=float)
    table = table[:, table.sum(axis=0) > 0]
    return float(chi2_contingency(table).statistic)


@dataclass(frozen=True)
class SortedSample:
    """A reference sample, sorted once and compared with many sorted chunks.

    Attributes
    ----------
    values : array of shape (n,)
        In ascending order.
    area : array of shape (n + 1,)
        Cumulative sums of the centered values: what Wasserstein's integral needs. Empty when only
        Kolmogorov–Smirnov is asked for.
    minus : array of shape (m,)
        Sorted values that do not count: those of the chunk it is compared with, or none.
    center : float
        Subtracted before summing, since smaller sums lose fewer digits.

    Notes
    -----
    The cost is the search for the rank of each chunk value in the sample. Most ranks are not
    needed: between two positions i < j of the chunk, its distribution function rises by
    (j - i) / m, and that of the sample does not fall. So no gap between them exceeds the larger
    gap at the two ends by more than (j - i - 1) / m. Ranks are searched at every 32nd (or 8th)
    position first, then in the intervals where this bound does not rule out a larger gap
    (Kolmogorov–Smirnov) or a crossing of the two functions (Wasserstein).
    """

    values: Floats
    area: Floats
    minus: Floats
    center: float

    @classmethod
    def of_sorted(cls, ordered: Floats, *, with_area: bool = True) -> SortedSample:
        """Take a sorted sample without missing values; `wasserstein` needs its area."""
        center = float(ordered[len(ordered) // 2]) if len(ordered) else 0.0
        area = np.cumsum(np.append(0.0, ordered - center)) if with_area else np.empty(0)
        return cls(ordered, area, np.empty(0), center)

    def without(self, chunk: Floats) -> SortedSample:
        """Leave out a sorted chunk that is part of the sample, to compare the rest with it.

        Nothing is sorted again: the gaps of the rest are n / (n - m) times those of the whole.
        """
        return replace(self, minus=chunk)

    @property
    def size(self) -> int:
        """The number of values that count."""
        return len(self.values) - len(self.minus)

    def kolmogorov_smirnov(self, chunk: Floats) -> float:
        """Return the largest gap between the distribution functions of sample and sorted chunk."""
        positions = _coarse(len(chunk), step=32)
        _, below, above = self._gaps(chunk, positions)
        largest = max(below.max(), above.max())
        bound = np.maximum(below[:-1], above[1:]) + self._rise(positions)
        _, below, above = self._gaps(chunk, _refined(positions, bound > largest))
        largest = max(below.max(initial=largest), above.max(initial=largest))
        return float(largest / (len(chunk) * self.size))

    def wasserstein(self, chunk: Floats) -> float:
        """Return the area between the distribution functions of sample and sorted chunk.

        In an interval where the functions do not cross, the area is the difference of their
        integrals.
        """
        positions = _coarse(len(chunk), step=8)
        rank, below, above = self._gaps(chunk, positions)
        may_cross = np.minimum(below[:-1], above[1:]) + self._rise(positions) > 0
        point, integral = chunk[positions] - self.center, self._integral(chunk[positions], rank)
        chunk_sums = np.add.reduceat(chunk - self.center, positions)[:-1]
        chunk_integral = (np.diff(positions * point) - chunk_sums) / len(chunk)
        left_tail = integral[0]
        right_tail = abs(self.area[-1] / len(self.values) - point[-1] + integral[-1])
        between = np.abs(np.diff(integral) - chunk_integral)[~may_cross].sum()
        crossed = self._crossed_area(chunk, _refined(positions, may_cross))
        return float((left_tail + right_tail + between + crossed) * len(self.values) / self.size)

    def _crossed_area(self, chunk: Floats, positions: Ranks) -> float:
        """Return the area between neighboring positions of the chunk, given as rows of them.

        Between two neighbors the chunk's function is constant, the sample's rises and may cross
        it, at ``middle``.
        """
        rank, below, above = self._gaps(chunk, positions)
        crosses = np.minimum(below[:, :-1], above[:, 1:]) + self._rise(positions) > 0
        point, integral = chunk[positions], self._integral(chunk[positions], rank)
        chunk_rank = positions[:, :-1] + 1
        share = chunk_rank / len(chunk)
        middle, up_to_middle = point[:, :-1].copy(), integral[:, :-1].copy()
        crossing_rank = -(-chunk_rank[crosses] * len(self.values) // len(chunk))  # rounded up
        middle[crosses] = self.values[crossing_rank - 1]
        up_to_middle[crosses] = self._integral(middle[crosses], crossing_rank)
        before = up_to_middle - integral[:, :-1] - share * (middle - point[:, :-1])
        after = integral[:, 1:] - up_to_middle - share * (point[:, 1:] - middle)
        return float(np.abs(before).sum() + np.abs(after).sum())

    def _integral(self, at: Floats, rank: Ranks) -> Floats:
        """Return the integral of the distribution function up to a point: mean (at - value)+."""
        return np.asarray((rank * (at - self.center) - self.area[rank]) / len(self.values))

    def _gaps(self, chunk: Floats, positions: Ranks) -> tuple[Ranks, Ranks, Ranks]:
        """Compare the distribution functions at some positions of a sorted chunk.

        Returns the number of sample values at or below each chunk value, how far the sample's
        function lies below the chunk's at the value, and how far above right before it. Gaps are
        whole numbers: multiplied by both sizes.
        """
        left, right = _ranks(self.values, chunk[positions])
        m, n = len(chunk), len(self.values)
        return right, (positions + 1) * n - right * m, left * m - positions * n

    def _rise(self, positions: Ranks) -> Ranks:
        """Return how much a gap can grow between two neighboring positions of a chunk."""
        return (np.diff(positions) - 1) * len(self.values)


def _coarse(size: int, step: int) -> Ranks:
    """Return every so many positions of a chunk, and the last."""
    return np.append(np.arange(0, size - 1, step, dtype=np.intp), size - 1)


def _refined(positions: Ranks, chosen: NDArray[np.bool_]) -> Ranks:
    """Return all positions of each chosen interval, one row per interval."""
    step = np.arange(positions[1] - positions[0] + 1 if len(positions) > 1 else 1)
    return np.asarray(np.minimum(positions[:-1][chosen, None] + step, positions[-1]))


def _ranks(ordered: Floats, at: Floats) -> tuple[Ranks, Ranks]:
    """Return how many values lie below each point, and how many at or below it."""
    left = np.searchsorted(ordered, at, "left")
    # Search a second time only where more than one value equals the point.
    right = left + (np.take(ordered, left, mode="clip") == at)
    repeated = np.take(ordered, right, mode="clip") == at
    right[repeated] = np.searchsorted(ordered, at[repeated], "right")
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
