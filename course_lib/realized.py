"""Realized performance: what the model achieved, once the labels are in.

Taught in lesson 03.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from .chunking import Chunk, Chunker
from .classification import classification_metrics
from .metrics import (
    RowMetric,
    absolute_percentage_error,
    refuse_negative,
    refuse_other_classes,
    refuse_zero,
    regression_metrics,
    squared_log_error,
)
from .monitor import Monitor, Reading
from .result import Result, ResultKind
from .schema import Schema, Table
from .thresholds import Bounds, Threshold

__all__ = ["PerformanceCalculator"]


class PerformanceCalculator(Monitor):
    """Measure a model's performance per chunk from predictions and labels.

    Rows whose label is not known yet are left out and counted: ``n_used`` against ``n_rows``.
    A chunk without any label has no value and a note.

    Parameters
    ----------
    metrics : str, RowMetric or list of them
        For regression ``mae``, ``mape``, ``mse``, ``rmse``, ``msle``, ``rmsle``, or a `RowMetric`;
        for classification ``business_value``, or a `RowMetric`.
    y_true, y_pred : str
        The columns of the label and of the prediction.
    problem_type : {"regression", "classification_binary"}
        For classification, labels and predictions are 0 or 1, or False and True.
    timestamp_column_name : str, optional
        The column that orders the rows and dates the chunks.
    thresholds : dict of metric name to Threshold, optional
        `PredictionIntervalThreshold()` for those not named.
    chunk_size, chunk_number, chunk_period, chunker
        One of them; ten chunks when none is given.
    business_value_matrix, normalize_business_value
        What a classified row is worth, and whether a chunk's total or the mean per prediction is
        reported; see `classification_metrics`.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from course_lib import PerformanceCalculator
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame({"price": rng.normal(100, 5, 1000), "predicted": 100.0})
    >>> calculator = PerformanceCalculator(
    ...     metrics="mae", y_true="price", y_pred="predicted", problem_type="regression")
    >>> calculator.fit(frame).calculate(frame.assign(price=frame["price"] + 20))
    Result(realized mae: 10 analysis chunks, 10 alerts)
    """

    _kind: ClassVar[ResultKind] = "realized"

    def __init__(
        self,
        metrics: str | RowMetric | Sequence[str | RowMetric] | None = None,
        y_true: str | None = None,
        problem_type: str = "regression",
        y_pred: str | None = None,
        timestamp_column_name: str | None = None,
        thresholds: Mapping[str, Threshold] | None = None,
        chunk_size: int | None = None,
        chunk_number: int | None = None,
        chunk_period: str | None = None,
        chunker: Chunker | None = None,
        business_value_matrix: ArrayLike | None = None,
        normalize_business_value: str | None = None,
    ) -> None:
        super().__init__(
            timestamp_column_name=timestamp_column_name,
            chunk_size=chunk_size,
            chunk_number=chunk_number,
            chunk_period=chunk_period,
            chunker=chunker,
            thresholds=thresholds,
        )
        if y_true is None or y_pred is None:
            raise ValueError("`y_true` and `y_pred` must name the columns of label and prediction")
        self.metrics = _metrics_for(
            problem_type,
            metrics,
            business_value_matrix=business_value_matrix,
            normalize_business_value=normalize_business_value,
        )
        self.problem_type = problem_type
        self.y_true, self.y_pred = y_true, y_pred

    def calculate(self, analysis: pd.DataFrame) -> Result:
        """Measure the chunks of a frame; reference chunks come first in the result.

        Parameters
        ----------
        analysis : DataFrame
            With the columns of label and prediction; labels may be missing.

        Raises
        ------
        TypeError, ValueError
            Before `fit`, or for input that cannot be used.
        """
        return self._run(analysis, "calculate(analysis)")

    def _schema(self, reference: pd.DataFrame) -> Schema:
        return Schema.learn(
            reference,
            [self.y_true, self.y_pred],
            timestamp=self.timestamp_column_name,
            numeric=[self.y_true, self.y_pred],
            complete=[self.y_pred],
        )

    def _check(self, table: Table) -> None:
        if self.problem_type == "classification_binary":
            for name in (self.y_true, self.y_pred):
                refuse_other_classes(name, table[name])
        require_domain(self.metrics, table, y_pred=self.y_pred, y_true=self.y_true)

    def _check_reference(self, table: Table) -> None:
        require_labels(table, self.y_true)

    def _n_usable(self, table: Table, chunk: Chunk) -> int:
        return n_labelled(table, self.y_true, chunk)

    def _learn(self, table: Table, rows: NDArray[np.intp]) -> dict[str, tuple[float, float]]:
        return loss_moments(self.metrics, table, self.y_true, self.y_pred)

    def _measure(self, state: Any, table: Table, chunk: Chunk) -> Iterable[Reading]:
        y_true, y_pred = labelled(table, self.y_true, self.y_pred, chunk.rows)
        for metric in self.metrics:
            yield realized_reading(metric, y_true, y_pred, state[metric.name])

    def _metric_names(self) -> Sequence[str]:
        return [metric.name for metric in self.metrics]

    def _bounds(self, metric: str) -> Bounds:
        return next(m.bounds for m in self.metrics if m.name == metric)

    def _unit(self, metric: str) -> str:
        return unit_of(self.metrics, metric, self.y_true)


def _metrics_for(problem_type: str, metrics: Any, **value_of_a_class: Any) -> tuple[RowMetric, ...]:
    if problem_type == "classification_binary":
        return classification_metrics(metrics, **value_of_a_class)
    if problem_type != "regression":
        raise ValueError(
            f'`problem_type` must be "regression" or "classification_binary", got {problem_type!r}'
        )
    for name, value in value_of_a_class.items():
        if value is not None:
            raise ValueError(
                f"`{name}` is for classification; in regression the value of a row is a "
                "RowMetric, such as desk_value()"
            )
    return regression_metrics(metrics)


def labelled(
    table: Table, y_true: str, y_pred: str, rows: slice | NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return label and prediction of those rows whose label is known."""
    truth, prediction = table[y_true][rows], table[y_pred][rows]
    known = ~np.isnan(truth)
    return truth[known], prediction[known]


def loss_moments(
    metrics: Iterable[RowMetric], table: Table, y_true: str, y_pred: str
) -> dict[str, tuple[float, float]]:
    """Return mean and SD of each row metric in the reference: what sampling errors need."""
    pair = labelled(table, y_true, y_pred, slice(None))
    rows = {metric.name: metric.rows(*pair) for metric in metrics}
    return {name: (float(values.mean()), float(values.std())) for name, values in rows.items()}


def realized_reading(
    metric: RowMetric,
    y_true: NDArray[np.float64],
    y_pred: NDArray[np.float64],
    moments: tuple[float, float],
) -> Reading:
    """Measure one metric on labelled rows; without any, say so."""
    n = len(y_true)
    if not n:
        return Reading(metric.name, np.nan, 0, note="no label in this chunk is known yet")
    value = metric.aggregate(float(metric.rows(y_true, y_pred).mean()), n)
    return Reading(metric.name, value, n, sampling_error=metric.sampling_error(*moments, n))


def require_domain(
    metrics: Iterable[RowMetric], table: Table, *, y_pred: str, y_true: str | None = None
) -> None:
    """Refuse a frame with rows for which a built-in metric is not defined."""
    functions = [metric.function for metric in metrics]
    if squared_log_error in functions:
        for name in (y_pred, *([y_true] if y_true else [])):
            refuse_negative(name, table[name])
    if y_true and absolute_percentage_error in functions:
        refuse_zero(y_true, table[y_true])


def n_labelled(table: Table, y_true: str, chunk: Chunk) -> int:
    """Count the rows of a chunk whose label is known."""
    return int((~np.isnan(table[y_true][chunk.rows])).sum())


def require_labels(table: Table, y_true: str) -> None:
    """Refuse a reference without a single label."""
    if np.isnan(table[y_true]).all():
        raise ValueError(
            f"`{y_true}` is missing in all {table.n_rows:,} rows of `reference`; "
            "a reference needs labels: choose a period whose outcomes are known"
        )


def unit_of(metrics: Iterable[RowMetric], name: str, y_true: str) -> str:
    """Return a metric's unit with the target's name in it."""
    unit = next(metric.unit for metric in metrics if metric.name == name)
    return unit.replace("y_true", y_true)
