"""Base classes of monitors of performance: labels and predictions, boundaries of an estimate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar, Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from course_lib.core.chunking import Chunk
from course_lib.core.monitor import Calibration, Monitor, Options, State
from course_lib.core.readings import Reading
from course_lib.core.result import Result, ResultKind
from course_lib.core.schema import Schema, Table
from course_lib.core.thresholds import Bounds, require_number
from course_lib.performance.classification_metrics import ClassMetric
from course_lib.performance.regression_metrics import RowMetric

__all__ = ["Estimator", "LabeledMonitor"]

Metric = TypeVar("Metric", bound=RowMetric | ClassMetric)
Rows = NDArray[np.float64]


class LabeledMonitor(Monitor[State], Generic[State, Metric]):
    """Base of monitors that compare predictions with a label, which may be missing in some rows."""

    # Set by `_resolve` of a subclass: the column of the label, those of the predictions (None for
    # one that no metric needs), and what is measured.
    _label: str
    _predictions: Sequence[str | None]
    _metrics: Sequence[Metric]

    def _columns(self) -> list[str]:
        return [self._label, *filter(None, self._predictions)]

    def _schema(self, reference: pd.DataFrame) -> Schema:
        predictions = [name for name in self._predictions if name]
        return Schema.learn(
            reference,
            self._columns(),
            timestamp=self._timestamp,
            numeric=[self._label, *predictions],
            complete=predictions,
        )

    def _check_reference(self, table: Table) -> None:
        if np.isnan(table[self._label]).all():
            raise ValueError(
                f"`{self._label}` is missing in all {table.n_rows:,} rows of `reference`; "
                "a reference needs labels: choose a period whose outcomes are known"
            )

    def _n_usable(self, table: Table, chunk: Chunk) -> int:
        return int((~np.isnan(table[self._label][chunk.rows])).sum())

    def _labeled(self, table: Table, rows: slice | NDArray[np.intp] = slice(None)) -> list[Rows]:
        """Return label and predictions of labeled rows; zeros for a column of None."""
        y_true = table[self._label][rows]
        known = ~np.isnan(y_true)
        others = (table[c][rows] if c else np.zeros_like(y_true) for c in self._predictions)
        return [values[known] for values in (y_true, *others)]

    def _metric_names(self) -> Sequence[str]:
        return [metric.name for metric in self._metrics]

    def _metric_named(self, name: str) -> Metric:
        return next(metric for metric in self._metrics if metric.name == name)

    def _bounds(self, metric: str) -> Bounds:
        return self._metric_named(metric).bounds

    def _unit(self, metric: str) -> str:
        return self._metric_named(metric).unit.replace("y_true", self._label)


class Estimator(LabeledMonitor[State, Metric]):
    """Base of `DLE` and `CBPE`: in later frames the label may be missing and is not read.

    The confidence boundaries are estimate ± t · √(1 + 1/k) · s · se. Here se is the standard error
    of the estimate (``spread`` of a reading), and s the standard deviation of
    (realized − estimated)/se over the k cross-fitted reference chunks.

    Attributes
    ----------
    thresholds : Threshold or dict of metric name to Threshold, optional
        As in every monitor. Limits use realized values of reference chunks: an operational
        tolerance, not a test of the estimate.
    confidence_level : float
        The share of chunks whose realized value lies within the confidence boundaries while no
        shift occurs; 0.95 by default. The boundaries widen with ``se``, but do not cover an
        estimator's bias under a shift. Without cross-fitting they use rows that the estimator
        was trained on, and are too narrow.
    """

    _kind: ClassVar[ResultKind] = "estimated"
    _blocks: ClassVar[int] = 5

    def __init__(
        self,
        *,
        timestamp_column_name: str | None = None,
        cross_fit: bool = True,
        confidence_level: float = 0.95,
        **options: Unpack[Options],
    ) -> None:
        self.confidence_level = confidence_level
        self.cross_fit = cross_fit
        super().__init__(timestamp_column_name=timestamp_column_name, **options)

    def _resolve(self) -> None:
        super()._resolve()
        require_number("confidence_level", self.confidence_level)
        if not 0 < self.confidence_level < 1:
            raise ValueError(
                f"`confidence_level` must lie between 0 and 1, got {self.confidence_level}; "
                "0.95 stands for 95 chunks in a hundred"
            )

    def estimate(self, analysis: pd.DataFrame) -> Result:
        """Estimate the metrics of each chunk; reference chunks come first in the result.

        Parameters
        ----------
        analysis : DataFrame
            With the columns of the reference; the label is not needed and not read.

        Raises
        ------
        TypeError, ValueError
            Before `fit`, or for input that cannot be used.
        """
        return self._run(analysis, "estimate(analysis)")

    def _target(self) -> str:
        return self._label

    def _labeled_outside(self, table: Table, rows: NDArray[np.intp], use: str) -> list[Rows]:
        """Return `_labeled` of the rows outside one block; raise an error if none are left."""
        labeled = self._labeled(table, rows)
        if not len(labeled[0]):
            raise ValueError(
                f"all known values of `{self._label}` are in one block of chunks: no rows are left "
                f"to {use}; label more of the reference, or pass cross_fit=False"
            )
        return labeled

    def _calibrate(self, readings: Sequence[Reading]) -> Calibration:
        """Return per metric the SD of (realized − estimated)/se and the number of chunks."""
        calibration = {}
        for name in self._metric_names():
            off = [
                (_in_all_rows(reading, self._bounds(name)) - reading.value) / reading.spread
                for reading in readings
                if reading.metric == name and reading.n_baseline and reading.spread > 0
            ]
            known = [z for z in off if not np.isnan(z)]  # chunks without a value are left out
            sd = float(np.std(known, ddof=1)) if len(known) > 1 else np.nan
            calibration[name] = sd, len(known)
        return calibration

    def _boundaries(
        self, calibration: Calibration, metric: str, value: float, spread: float
    ) -> tuple[float, float]:
        scale, k = calibration[metric]
        if k < 2:
            return np.nan, np.nan
        t = float(stdtrit(k - 1, (1 + self.confidence_level) / 2))
        reach = t * np.sqrt(1 + 1 / k) * scale * spread
        bounds = self._bounds(metric)
        lower, upper = np.clip(
            [value - reach, value + reach],
            -np.inf if bounds.lower_limit is None else bounds.lower_limit,
            np.inf if bounds.upper_limit is None else bounds.upper_limit,
        )
        return float(lower), float(upper)


def _in_all_rows(reading: Reading, bounds: Bounds) -> float:
    """Return the realized value; scale a total to all rows of the chunk."""
    value, n = reading.quiet
    return value * reading.n_used / n if bounds.total else value
