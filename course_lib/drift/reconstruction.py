"""Reconstruction error: whether the reference's main directions still describe the rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Unpack

import numpy as np
from numpy.typing import NDArray

from course_lib.core.chunking import Chunk
from course_lib.core.column_monitor import ColumnOptions, ColumnsMonitor
from course_lib.core.readings import Reading
from course_lib.core.schema import Column, Encoded, Table, listed
from course_lib.core.thresholds import Bounds, require_number

__all__ = ["DataReconstructionDriftCalculator"]

Floats = NDArray[np.float64]

ROUNDING = 1e-9  # standard deviations


class DataReconstructionDriftCalculator(ColumnsMonitor["_Components"]):
    """Measure how well the reference's main directions still describe the rows.

    Columns are imputed (mean, most frequent category), categories replaced by their frequency in
    the reference, all columns scaled to mean 0 and standard deviation 1, compressed by principal
    component analysis and reconstructed. The reconstruction error of a chunk is the mean distance
    between a scaled row and its reconstruction, in standard deviations; 0 means that nothing is
    lost. It rises when columns stop moving together, even if each on its own looks as ever; a
    changed mix of rows moves it too, in either direction. Method, names and encodings follow
    NannyML 0.13.1, its numbers too with ``row_cap=None``; ``sampling_error`` is the standard
    deviation (ddof 1) of the chunk's row errors over √n. Taught in lesson 05.

    Parameters
    ----------
    column_names : list of str
        At least two, numeric or categorical; missing values and unseen categories are data.
    timestamp_column_name, chunk_size, thresholds, ...
        As in every monitor; see `course_lib.core.monitor.Monitor`.
    n_components : float or int
        Share of the variance to keep (below 1), or number of directions.
    cross_fit : bool
        Measure each reference chunk with directions that did not see it (five blocks of chunks).
        How many directions are kept is decided once, on the whole reference.
    row_cap : float, optional
        Errors of rows above this quantile of the reference's count as that quantile: one impossible
        row among hundreds neither raises an alert nor spoils a limit. None takes errors as they
        are, as NannyML does.

    Raises
    ------
    TypeError, ValueError
        For fewer than two columns; when nothing would be lost, or nothing can be learned.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from course_lib import DataReconstructionDriftCalculator
    >>> rng = np.random.default_rng(0)
    >>> size = rng.normal(size=4000)
    >>> frame = pd.DataFrame({"a": size, "b": size + 0.1 * rng.normal(size=4000)})
    >>> monitor = DataReconstructionDriftCalculator(["a", "b"], chunk_size=400).fit(frame)
    >>> monitor.calculate(frame.assign(b=rng.permutation(frame["b"])))
    Result(drift reconstruction_error: 10 analysis chunks, 10 alerts)
    """

    _blocks: ClassVar[int] = 5
    _metric = "reconstruction_error"
    _n_columns = 2

    def __init__(
        self,
        column_names: Sequence[str],
        timestamp_column_name: str | None = None,
        n_components: float = 0.65,
        *,
        cross_fit: bool = True,
        row_cap: float | None = 0.999,
        **options: Unpack[ColumnOptions],
    ) -> None:
        self.column_names = listed(column_names)
        self.n_components, self.row_cap = n_components, row_cap
        self.cross_fit = cross_fit
        super().__init__(timestamp_column_name=timestamp_column_name, **options)

    def _resolve(self) -> None:
        super()._resolve()
        require_number("n_components", self.n_components)
        asked, most = float(self.n_components), len(self.column_names) - 1
        if not (0 < asked < 1 or (asked == int(asked) and 1 <= asked <= most)):
            raise ValueError(
                "`n_components` must be a share of the variance between 0 and 1, or a number of "
                f"directions from 1 to {most}, one fewer than columns; got {self.n_components}"
            )
        if self.row_cap is not None:
            require_number("row_cap", self.row_cap)
            if not 0 < self.row_cap <= 1:
                raise ValueError(
                    f"`row_cap` must be a quantile between 0 and 1, got {self.row_cap}"
                )

    def _learn(self, table: Table, rows: NDArray[np.intp]) -> _Components:
        encoders, variances, directions = _principal(table, rows)
        n_kept = _n_kept(variances, self.n_components)
        if n_kept == len(variances):
            raise ValueError(
                f"`n_components={self.n_components}` keeps all {n_kept} directions: "
                "every row is reconstructed without error; keep fewer"
            )
        learned = _Components(encoders, directions[:n_kept])
        if self.row_cap is None:
            return learned
        cap = float(np.quantile(learned.errors(table, rows), self.row_cap))
        # Where the reference is reconstructed exactly, the quantile is rounding, and no cap.
        return replace(learned, cap=cap) if cap > ROUNDING else learned

    def _learn_again(self, state: _Components, table: Table, rows: NDArray[np.intp]) -> _Components:
        # With as many directions as the whole reference asks for, or errors would not compare.
        encoders, _, directions = _principal(table, rows)
        return _Components(encoders, directions[: len(state.directions)], state.cap)

    def _measure(self, state: _Components, table: Table, chunk: Chunk) -> Iterable[Reading]:
        error, n = state.errors(table, chunk.rows), len(chunk)
        sampling_error = float(error.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan
        yield Reading(self._metric, float(error.mean()), n, sampling_error=sampling_error)

    def _bounds(self, metric: str) -> Bounds:
        return Bounds(0.0, None, side="both")

    def _unit(self, metric: str) -> str:
        return "standard deviations"


@dataclass(frozen=True)
class _Encoder:
    """How one column becomes a number of mean 0 and standard deviation 1."""

    column: Column
    fill: float  # instead of a missing number
    frequencies: Floats  # per category code
    mean: float = 0.0
    sd: float = 1.0

    @classmethod
    def learn(cls, values: Encoded, column: Column) -> _Encoder:
        if column.kind == "numeric":
            known = values[~np.isnan(values)]
            raw = cls(column, float(known.mean()) if len(known) else 0.0, np.empty(0))
        else:
            raw = cls(column, 0.0, _frequencies(values, column))
        numbers = raw._numbers(values)
        mean, sd = float(numbers.mean()), float(numbers.std())
        # The spread of a constant is rounding, some 1e-16 of its mean; do not blow it up to 1.
        is_constant = sd <= 1e-13 * abs(mean)
        return cls(column, raw.fill, raw.frequencies, mean, 1.0 if is_constant else sd)

    def encode(self, values: Encoded) -> Floats:
        return (self._numbers(values) - self.mean) / self.sd

    def _numbers(self, values: Encoded) -> Floats:
        """The values, gaps filled, or how frequent each category is."""
        if self.column.kind == "numeric":
            return np.where(np.isnan(values), self.fill, values)
        return np.asarray(self.frequencies[values])


@dataclass(frozen=True)
class _Components:
    encoders: tuple[_Encoder, ...]
    directions: Floats  # shape (n_kept, n_columns), each of length 1
    cap: float = np.inf

    def errors(self, table: Table, rows: slice | NDArray[np.intp]) -> Floats:
        """Distance of each row from its reconstruction, at most the cap."""
        scaled = _encode(self.encoders, table, rows)
        scaled -= self.directions.T @ (self.directions @ scaled)
        return np.asarray(np.minimum(np.sqrt(np.square(scaled).sum(axis=0)), self.cap))


def _frequencies(codes: Encoded, column: Column) -> Floats:
    """Share of each code in the rows: none for an unseen one, the mode's for a missing one."""
    counts = np.bincount(codes, minlength=column.missing_code + 1).astype(float)
    mode = int(counts[1:-1].argmax()) + 1
    counts[mode] += counts[-1]
    counts[-1] = counts[mode]
    counts[0] = 0.0
    return np.asarray(counts / len(codes))


def _encode(encoders: Sequence[_Encoder], table: Table, rows: slice | NDArray[np.intp]) -> Floats:
    """The columns as numbers, one a row: each is written, and read, as one piece of memory."""
    return np.stack([e.encode(table[e.column.name][rows]) for e in encoders])


def _principal(table: Table, rows: NDArray[np.intp]) -> tuple[tuple[_Encoder, ...], Floats, Floats]:
    """The encoders, variances, largest first, and the directions they belong to, one a row."""
    encoders = tuple(_Encoder.learn(table[c.name][rows], c) for c in table.columns)
    scaled = _encode(encoders, table, rows)
    variances, directions = np.linalg.eigh(scaled @ scaled.T / len(rows))
    # In plain order in memory, as after loading: products of another layout differ in the last bit.
    ordered = np.ascontiguousarray(directions.T[::-1])
    return encoders, np.maximum(variances[::-1], 0.0), ordered


def _n_kept(variances: Floats, n_components: float) -> int:
    """How many directions hold more than the share asked for, or the number asked for."""
    if n_components >= 1:
        return int(n_components)
    total = float(variances.sum())
    if not total:
        raise ValueError(
            f"all {len(variances)} columns are constant in `reference`; name columns that vary"
        )
    shares = np.cumsum(variances) / total
    return min(int(np.searchsorted(shares, n_components, side="right")) + 1, len(variances))
