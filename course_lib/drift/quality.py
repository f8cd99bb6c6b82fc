"""Data quality: missing values, unseen categories, numbers outside the range of the reference."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar, Generic, Literal, TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from course_lib.core.chunking import Chunk
from course_lib.core.column_monitor import ColumnOptions, ColumnsMonitor
from course_lib.core.readings import Reading
from course_lib.core.schema import Column, Encoded, Table, listed
from course_lib.core.thresholds import Bounds, Limits, PredictionIntervalThreshold

__all__ = ["MissingValuesCalculator", "NumericalRangeCalculator", "UnseenValuesCalculator"]

Floats = NDArray[np.float64]
Range = tuple[float, float]  # the lowest and the highest value
Seen = TypeVar("Seen")  # what the reference holds of a column
State = dict[str, tuple[Column, Seen]]


class _ShareCalculator(ColumnsMonitor[State[Seen]], Generic[Seen]):
    """A share of rows per chunk and column; each reference chunk is held against all others.

    ``sampling_error`` is √(p (1 − p) / n) of the chunk's own share p.
    """

    _kind = "quality"
    _blocks: ClassVar[Literal["chunks"] | None] = "chunks"
    _accepts_empty = True
    _kind_wanted: ClassVar[Literal["numeric", "categorical"] | None] = None

    def __init__(
        self,
        column_names: Sequence[str],
        timestamp_column_name: str | None = None,
        **options: Unpack[ColumnOptions],
    ) -> None:
        self.column_names = listed(column_names)
        super().__init__(timestamp_column_name=timestamp_column_name, **options)

    def _resolve(self) -> None:
        super()._resolve()
        if self._kind_wanted == "numeric":
            self._treated = self.column_names, []
        elif self._kind_wanted == "categorical":
            self._treated = [], self.column_names

    def _learn(self, table: Table, rows: NDArray[np.intp]) -> State[Seen]:
        return {
            column.name: (column, self._seen(table[column.name][rows], column))
            for column in table.columns
        }

    def _measure(self, state: State[Seen], table: Table, chunk: Chunk) -> Iterable[Reading]:
        n = len(chunk)
        for name, (column, seen) in state.items():
            value = float(self._flagged(table[name][chunk.rows], column, seen).mean())
            error = float(np.sqrt(value * (1 - value) / n))
            yield Reading(self._metric, value, n, name, sampling_error=error)

    def _limits(self, metric: str, quiet: Sequence[tuple[float, int]], n: float) -> Limits:
        lower, upper = super()._limits(metric, quiet, n)
        if upper is None or not isinstance(self._threshold(metric), PredictionIntervalThreshold):
            return lower, upper
        # Rows are whole, the limit is not: half a row on top, as for every normal approximation of
        # a count. Without it a single record alerts where one quiet chunk in ten has one.
        return lower, upper + 0.5 / n

    @abstractmethod
    def _seen(self, values: Encoded, column: Column) -> Seen:
        """What the reference holds, as far as it matters."""

    @abstractmethod
    def _flagged(self, values: Encoded, column: Column, seen: Seen) -> NDArray[np.bool_]:
        """Which rows count."""

    def _bounds(self, metric: str) -> Bounds:
        return Bounds(0.0, 1.0)

    def _unit(self, metric: str) -> str:
        return "share of rows"


class MissingValuesCalculator(_ShareCalculator[None]):
    """Measure the share of rows, per chunk and column, whose value is missing.

    Where the reference has no missing value, a single one alerts. Taught in lesson 06.

    Parameters
    ----------
    column_names : list of str
    timestamp_column_name, chunk_size, thresholds, ...
        As in every monitor; see `course_lib.core.monitor.Monitor`.

    Raises
    ------
    TypeError, ValueError
        For columns that are no list, a threshold that is none, or several ways to make chunks.

    Examples
    --------
    >>> import pandas as pd
    >>> from course_lib import MissingValuesCalculator
    >>> frame = pd.DataFrame({"size": range(1000)})
    >>> holes = frame.where(frame["size"] % 4 > 0)
    >>> MissingValuesCalculator(["size"]).fit(frame).calculate(holes)
    Result(quality missing_values of 1 column: 10 analysis chunks, 10 alerts)
    """

    _metric = "missing_values"
    _blocks = None  # nothing is learned

    def _seen(self, values: Encoded, column: Column) -> None:
        return None

    def _flagged(self, values: Encoded, column: Column, seen: None) -> NDArray[np.bool_]:
        return column.is_missing(values)


class UnseenValuesCalculator(_ShareCalculator[None]):
    """Measure the share of rows, per chunk and column, whose value the reference does not hold.

    All columns are taken as categorical. A missing value is not an unseen one, and its row counts
    among the others. A column that brings new values all the time does not alert for them;
    ``threshold=ConstantThreshold(upper=0)`` alerts at the first. Taught in lesson 06.

    Raises
    ------
    TypeError, ValueError
        As `MissingValuesCalculator`, whose parameters are the same.

    Examples
    --------
    >>> import pandas as pd
    >>> from course_lib import UnseenValuesCalculator
    >>> frame = pd.DataFrame({"cut": ["Good", "Fair"] * 500})
    >>> UnseenValuesCalculator(["cut"]).fit(frame).calculate(frame.replace("Fair", "fair"))
    Result(quality unseen_values of 1 column: 10 analysis chunks, 10 alerts)
    """

    _metric = "unseen_values"
    _kind_wanted = "categorical"

    def _seen(self, values: Encoded, column: Column) -> None:
        return None

    def _without(self, state: State[None], table: Table, chunks: Sequence[Chunk]) -> State[None]:
        return state  # `Table.as_new` gives code 0 to what the other chunks do not have

    def _flagged(self, values: Encoded, column: Column, seen: None) -> NDArray[np.bool_]:
        return np.asarray(values == 0)


class NumericalRangeCalculator(_ShareCalculator[Range]):
    """Measure the share of rows, per chunk and column, outside the range of the reference.

    Columns must be numeric. A missing value is not outside, and its row counts among the others. A
    new record now and then does not alert; ``threshold=ConstantThreshold(upper=0)`` alerts at the
    first. Taught in lesson 06.

    Raises
    ------
    TypeError, ValueError
        As `MissingValuesCalculator`, whose parameters are the same.

    Examples
    --------
    >>> import pandas as pd
    >>> from course_lib import NumericalRangeCalculator
    >>> frame = pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0] * 250})
    >>> NumericalRangeCalculator(["size"]).fit(frame).calculate(10 * frame)
    Result(quality out_of_range of 1 column: 10 analysis chunks, 10 alerts)
    """

    _metric = "out_of_range"
    _kind_wanted = "numeric"

    def _seen(self, values: Encoded, column: Column) -> Range:
        known = values[~np.isnan(values)]
        return (float(known.min()), float(known.max())) if len(known) else (np.inf, -np.inf)

    def _folds(
        self, table: Table, state: State[Range], blocks: Sequence[NDArray[np.intp]]
    ) -> Iterable[tuple[State[Range], Sequence[Chunk]]]:
        """Every chunk with the range of what comes before it and after it."""
        lowest = {name: _lowest(table[name]) for name in state}
        least_of_negative = {name: _lowest(-table[name]) for name in state}
        for chunk in table.chunks:
            ranges: State[Range] = {}
            for name, (column, _) in state.items():
                low, high = _other(lowest[name], chunk), -_other(least_of_negative[name], chunk)
                ranges[name] = column, (low, high)
            yield ranges, [chunk]

    def _flagged(self, values: Encoded, column: Column, seen: Range) -> NDArray[np.bool_]:
        return np.asarray((values < seen[0]) | (values > seen[1]))


def _lowest(values: Floats) -> tuple[Floats, Floats]:
    """Per position, the lowest value before it and from there on; infinite where there is none."""
    before, after = (np.fmin.accumulate(np.append(np.inf, part)) for part in (values, values[::-1]))
    return before, after[::-1]


def _other(lowest: tuple[Floats, Floats], chunk: Chunk) -> float:
    before, after = lowest
    return float(min(before[chunk.rows.start], after[chunk.rows.stop]))
