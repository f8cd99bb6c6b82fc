"""Base class of estimators: limits from realized values, confidence boundaries of an estimate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, Protocol, TypeVar, Unpack

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from course_lib.core.chunking import Chunk
from course_lib.core.monitor import Calibration, Monitor, Options, State
from course_lib.core.readings import Reading
from course_lib.core.result import Result, ResultKind
from course_lib.core.schema import Table
from course_lib.core.thresholds import Bounds, require_number
from course_lib.performance.realized import n_labelled

__all__ = ["Estimator"]


class _Metric(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def bounds(self) -> Bounds: ...


Metric = TypeVar("Metric", bound=_Metric)


class Estimator(Monitor[State], Generic[State, Metric]):
    """Base of `DLE` and `CBPE`: in later frames the label may be missing and is not read.

    Each reading brings the standard error of the estimate (``spread``). How far realized values lay
    from estimates in the cross-fitted reference, in units of it, scales the confidence boundaries.
    """

    _kind: ClassVar[ResultKind] = "estimated"
    _blocks: ClassVar[int] = 5

    # Set by `_resolve` of a subclass: the column of the label, and what is estimated.
    _label: str
    _metrics: Sequence[Metric]

    def __init__(
        self,
        *,
        timestamp_column_name: str | None = None,
        cross_fit: bool = True,
        confidence_level: float = 0.95,
        **options: Unpack[Options],
    ) -> None:
        self.confidence_level = confidence_level
        super().__init__(
            timestamp_column_name=timestamp_column_name, cross_fit=cross_fit, **options
        )

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
            With the columns of the reference but the label, which is not read.

        Raises
        ------
        TypeError, ValueError
            Before `fit`, or for input that cannot be used.
        """
        return self._run(analysis, "estimate(analysis)")

    def _target(self) -> str:
        return self._label

    def _n_usable(self, table: Table, chunk: Chunk) -> int:
        return n_labelled(table, self._label, chunk)

    def _calibrate(self, readings: Sequence[Reading]) -> Calibration:
        """How far realized values lay from estimates, in units of the standard error."""
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

    def _metric_names(self) -> Sequence[str]:
        return [metric.name for metric in self._metrics]

    def _bounds(self, metric: str) -> Bounds:
        return next(m.bounds for m in self._metrics if m.name == metric)


def _in_all_rows(reading: Reading, bounds: Bounds) -> float:
    """The realized value; that of a total as if all rows of the chunk had a label."""
    value, n = reading.quiet
    return value * reading.n_used / n if bounds.total else value
