"""Univariate drift: a distance from the reference per column and chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_lib.core.chunking import Chunk
from course_lib.core.column_monitor import ColumnOptions, ColumnsMonitor
from course_lib.core.histograms import CategoryBins, NumberBins, Shares
from course_lib.core.parameters import copied
from course_lib.core.readings import Reading
from course_lib.core.schema import Column, Encoded, Table, listed
from course_lib.core.thresholds import Bounds
from course_lib.drift.distances import (
    SortedSample,
    chi2_statistic,
    hellinger_distance,
    jensen_shannon_distance,
    l_infinity_distance,
)

__all__ = ["UnivariateDriftCalculator"]

Floats = NDArray[np.float64]
Bins = Literal["quantile", "doane"]
N_BINS = 10  # deciles: about 39 of 390 rows in each

_Statistic = Callable[[ArrayLike, ArrayLike], float]
_BINNED: dict[str, _Statistic] = {
    "jensen_shannon": jensen_shannon_distance,
    "hellinger": hellinger_distance,
}
_CATEGORICAL = {**_BINNED, "l_infinity": l_infinity_distance, "chi2": chi2_statistic}
_CONTINUOUS = (*_BINNED, "kolmogorov_smirnov", "wasserstein")
_BOUNDS = {
    **dict.fromkeys((*_BINNED, "l_infinity"), Bounds(0.0, 1.0, scale="cbrt")),
    "kolmogorov_smirnov": Bounds(0.0, 1.0, scale="log"),
    "wasserstein": Bounds(0.0, None, scale="log"),
    "chi2": Bounds(0.0, None, scale="cbrt", size_power=0.0),
}


class UnivariateDriftCalculator(ColumnsMonitor["_Columns"]):
    """Measure per chunk and column how far the distribution has moved from the reference.

    Missing values are left out (`MissingValuesCalculator` counts them); ``n_used`` counts the
    rest. In the reference each chunk is compared with all other chunks. The statistics are the
    plain functions of `course_lib.drift.distances`. Taught in lesson 06.

    Parameters
    ----------
    column_names : list of str
        Features, predictions, a target once it is known.
    treat_as_numerical, treat_as_categorical : list of str, optional
        Columns whose kind is not what their type suggests.
    timestamp_column_name, chunk_size, thresholds, ...
        As in every monitor; see `course_lib.core.monitor.Monitor`.
    categorical_methods : list of str, optional
        ``jensen_shannon`` (default), ``hellinger``, ``l_infinity``, ``chi2``. Unseen categories
        count as one.
    continuous_methods : list of str, optional
        ``jensen_shannon`` (default), ``hellinger``, ``kolmogorov_smirnov``, ``wasserstein``.
    bins : {"quantile", "doane"}
        For histograms of numbers: at most ten bins of nearly equal shares of the reference (a
        value that fills a bin gets its own) and one for each tail; or NannyML's bins of equal
        width, with one bin for both tails.
    cross_fit : bool
        False compares each reference chunk with a reference that contains it, as NannyML does.

    Raises
    ------
    TypeError, ValueError
        For names given as a string, a method or kind of bins that does not exist, or several ways
        to make chunks.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from course_lib import UnivariateDriftCalculator
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame({"size": rng.normal(size=4000)})
    >>> frame["color"] = rng.choice(list("DEF"), 4000)
    >>> drift = UnivariateDriftCalculator(["size", "color"], chunk_size=400).fit(frame)
    >>> drift.calculate(frame.assign(size=frame["size"] + 0.5))
    Result(drift jensen_shannon of 2 columns: 10 analysis chunks, 10 alerts)
    """

    _blocks: ClassVar[Literal["chunks"]] = "chunks"

    def __init__(
        self,
        column_names: Sequence[str],
        treat_as_numerical: Sequence[str] | None = None,
        treat_as_categorical: Sequence[str] | None = None,
        timestamp_column_name: str | None = None,
        categorical_methods: str | Sequence[str] | None = None,
        continuous_methods: str | Sequence[str] | None = None,
        *,
        bins: Bins = "quantile",
        cross_fit: bool = True,
        **options: Unpack[ColumnOptions],
    ) -> None:
        self.column_names = listed(column_names)
        self.treat_as_numerical = copied(treat_as_numerical)
        self.treat_as_categorical = copied(treat_as_categorical)
        self.categorical_methods = copied(categorical_methods)
        self.continuous_methods = copied(continuous_methods)
        self.bins: Bins = bins
        self.cross_fit = cross_fit
        super().__init__(timestamp_column_name=timestamp_column_name, **options)

    def _resolve(self) -> None:
        self._categorical = _methods("categorical", self.categorical_methods, _CATEGORICAL)
        self._continuous = _methods("continuous", self.continuous_methods, _CONTINUOUS)
        if self.bins not in ("quantile", "doane"):
            raise ValueError(f'`bins` must be "quantile" or "doane", got {self.bins!r}')
        super()._resolve()

    def _learn(self, table: Table, rows: NDArray[np.intp]) -> _Columns:
        return {
            column.name: (
                _Numbers.learn(table[column.name][rows], self.bins, self._continuous)
                if column.kind == "numeric"
                else _Categories.learn(table[column.name][rows], column, self._categorical)
            )
            for column in table.columns
        }

    def _without(self, state: _Columns, table: Table, chunks: Sequence[Chunk]) -> _Columns:
        """Return the reference without one chunk: subtract its counts, do not sort again."""
        (chunk,) = chunks
        return {name: column.without(table[name][chunk.rows]) for name, column in state.items()}

    def _measure(self, state: _Columns, table: Table, chunk: Chunk) -> Iterable[Reading]:
        for name, column in state.items():
            values = column.present(table[name][chunk.rows])
            shares = column.shares(values, len(chunk))
            note = "" if len(values) else f"all {len(chunk):,} values of the chunk are missing"
            note = (
                note if column.counts.any() else "the other chunks of the reference have no value"
            )
            for method in column.methods:
                value = np.nan if note else column.distance(method, values)
                yield Reading(method, value, len(values), name, note=note, shares=shares)

    def _metric_names(self) -> Sequence[str]:
        return list(dict.fromkeys([*self._continuous, *self._categorical]))

    def _bounds(self, metric: str) -> Bounds:
        return _BOUNDS[metric]


@dataclass(frozen=True)
class _Numbers:
    """A numeric column of the reference: counted in bins, and sorted if a method needs it."""

    methods: tuple[str, ...]
    sample: SortedSample
    edges: Floats
    counts: Floats
    merge_tails: bool
    drawn: NumberBins

    @classmethod
    def learn(cls, values: Floats, bins: Bins, methods: tuple[str, ...]) -> _Numbers:
        ordered = np.sort(values[~np.isnan(values)])
        edges = _edges(ordered, bins)
        counts = _binned(ordered, edges, bins == "doane")
        # If all methods use counts, the sample is not kept.
        kept = ordered[: None if set(methods) - set(_BINNED) else 0]
        sample = SortedSample.of_sorted(kept, with_area="wasserstein" in methods)
        return cls(methods, sample, edges, counts, bins == "doane", NumberBins.learn(ordered))

    def present(self, values: Floats) -> Floats:
        # A reference without a chunk is compared only with that chunk, which is sorted already.
        left_out = self.sample.minus
        return left_out if len(left_out) else np.sort(values[~np.isnan(values)])

    def shares(self, values: Floats, n_rows: int) -> Shares:
        return self.drawn.shares(values, n_rows)

    def without(self, values: Floats) -> _Numbers:
        left_out = self.present(values)
        counts = self.counts - _binned(left_out, self.edges, self.merge_tails)
        return replace(self, sample=self.sample.without(left_out), counts=counts)

    def distance(self, method: str, values: Floats) -> float:
        if method == "kolmogorov_smirnov":
            return self.sample.kolmogorov_smirnov(values)
        if method == "wasserstein":
            return self.sample.wasserstein(values)
        return _BINNED[method](self.counts, _binned(values, self.edges, self.merge_tails))


@dataclass(frozen=True)
class _Categories:
    """A categorical column of the reference: a count per code; the first is for unseen values."""

    methods: tuple[str, ...]
    counts: Floats
    drawn: CategoryBins

    @classmethod
    def learn(cls, codes: Encoded, column: Column, methods: tuple[str, ...]) -> _Categories:
        counts = _counted(codes[codes < column.missing_code], column.missing_code)
        return cls(methods, counts, CategoryBins.learn(counts, column))

    def present(self, codes: Encoded) -> Encoded:
        return codes[codes < len(self.counts)]

    def shares(self, codes: Encoded, n_rows: int) -> Shares:
        return self.drawn.shares(_counted(codes, len(self.counts)), n_rows)

    def without(self, codes: Encoded) -> _Categories:
        left_out = _counted(self.present(codes), len(self.counts))
        return replace(self, counts=self.counts - left_out)

    def distance(self, method: str, codes: Encoded) -> float:
        return _CATEGORICAL[method](self.counts, _counted(codes, len(self.counts)))


_Columns = dict[str, _Numbers | _Categories]


def _edges(ordered: Floats, bins: Bins) -> Floats:
    """The edges of the bins for histogram distances, from sorted values."""
    if bins == "doane":
        return np.unique(np.histogram_bin_edges(ordered, bins="doane"))
    at = ordered[np.floor(np.linspace(0, 1, N_BINS + 1) * (len(ordered) - 1)).astype(int)]
    # A value that fills a decile (the zero of a column that is mostly zero) gets its own bin.
    heavy = at[1:][np.diff(at) == 0]
    return np.unique(np.concatenate([at, np.nextafter(heavy, np.inf)]))


def _counted(codes: Encoded, n_codes: int) -> Floats:
    return np.bincount(codes, minlength=n_codes).astype(float)


def _binned(values: Floats, edges: Floats, merge_tails: bool) -> Floats:
    """Count sorted values between the edges, below and above; the last bin holds both its edges."""
    cuts = np.searchsorted(values, edges)
    cuts[-1] = np.searchsorted(values, edges[-1], "right")
    below, above = cuts[0], len(values) - cuts[-1]
    tails = [below + above] if merge_tails else [below, above]
    return np.concatenate([np.diff(cuts), tails]).astype(float)


def _methods(kind: str, asked: str | Sequence[str] | None, known: Iterable[str]) -> tuple[str, ...]:
    names = ("jensen_shannon",) if asked is None else (asked,) if isinstance(asked, str) else asked
    for name in names:
        if name not in known:
            raise ValueError(f"`{kind}_methods` names {name!r}; choose from {', '.join(known)}")
    if not len(names):
        raise ValueError(f"`{kind}_methods` is empty; name at least one method")
    return tuple(dict.fromkeys(names))
