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
from .classification import ClassMetric, classification_metrics
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

Rows = NDArray[np.float64]
NO_LABEL = "no label in this chunk is known yet"


class PerformanceCalculator(Monitor):
    """Measure a model's performance per chunk from predictions and labels.

    Rows whose label is not known yet are left out and counted: ``n_used`` against ``n_rows``.
    A chunk without any label has no value and a note.

    Parameters
    ----------
    metrics : str, RowMetric or list of them
        For regression ``mae``, ``mape``, ``mse``, ``rmse``, ``msle``, ``rmsle``, or a `RowMetric`;
        for classification see `classification_metrics`.
    y_true, y_pred : str
        The columns of the label and of the prediction; a classifier of which only ``roc_auc`` and
        ``average_precision`` are asked needs no ``y_pred``.
    y_pred_proba : str, optional
        The column of the score of class 1, for ``roc_auc`` and ``average_precision``.
    problem_type : {"regression", "classification_binary"}
        For classification, labels and predictions are 0 or 1, or False and True.
    timestamp_column_name : str, optional
        The column that orders the rows and dates the chunks; without it rows stay in the order
        of the frame.
    thresholds : dict of metric name to Threshold, optional
        `PredictionIntervalThreshold()` for those not named.
    chunk_size, chunk_number, chunk_period, chunker
        One of them; ten chunks when none is given.
    normalize_confusion_matrix, business_value_matrix, normalize_business_value
        For classification; see `classification_metrics`.

    Raises
    ------
    TypeError, ValueError
        For a metric that does not exist or whose column is not named, an option of the other
        problem type, or several ways to make chunks.

    Notes
    -----
    Taught in lesson 03.

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
        y_pred_proba: str | None = None,
        timestamp_column_name: str | None = None,
        thresholds: Mapping[str, Threshold] | None = None,
        chunk_size: int | None = None,
        chunk_number: int | None = None,
        chunk_period: str | None = None,
        chunker: Chunker | None = None,
        normalize_confusion_matrix: str | None = None,
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
        if y_true is None:
            raise ValueError("`y_true` must name the column of the label")
        self.metrics: tuple[Any, ...] = _metrics_for(
            problem_type,
            metrics,
            y_pred_proba=y_pred_proba,
            normalize_confusion_matrix=normalize_confusion_matrix,
            business_value_matrix=business_value_matrix,
            normalize_business_value=normalize_business_value,
        )
        require_columns(self.metrics, y_pred=y_pred, y_pred_proba=y_pred_proba)
        self.problem_type = problem_type
        self.y_true, self.y_pred, self.y_pred_proba = y_true, y_pred, y_pred_proba

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
        predicted = [name for name in (self.y_pred, self.y_pred_proba) if name]
        return Schema.learn(
            reference,
            [self.y_true, *predicted],
            timestamp=self.timestamp_column_name,
            numeric=[self.y_true, *predicted],
            complete=predicted,
        )

    def _check(self, table: Table) -> None:
        if self.problem_type == "classification_binary":
            require_classes(table, self.y_true, self.y_pred, self.y_pred_proba)
        else:
            require_domain(self.metrics, table, y_pred=self._predicted, y_true=self.y_true)

    def _check_reference(self, table: Table) -> None:
        require_labels(table, self.y_true)

    def _n_usable(self, table: Table, chunk: Chunk) -> int:
        return n_labelled(table, self.y_true, chunk)

    def _learn(self, table: Table, rows: NDArray[np.intp]) -> dict[str, Any]:
        if self.problem_type == "regression":
            return loss_moments(self.metrics, table, self.y_true, self._predicted)
        return row_errors(self.metrics, *self._outcomes(table, slice(None)))

    def _measure(self, state: Any, table: Table, chunk: Chunk) -> Iterable[Reading]:
        if self.problem_type == "regression":
            pair = labelled(table, self.y_true, self._predicted, chunk.rows)
            yield from (realized_reading(m, *pair, state[m.name]) for m in self.metrics)
        else:
            rows = self._outcomes(table, chunk.rows)
            yield from (classified_reading(m, *rows, state[m.name]) for m in self.metrics)

    @property
    def _predicted(self) -> str:
        return self.y_pred or ""  # missing for a classifier only

    def _outcomes(self, table: Table, rows: slice) -> tuple[Rows, Rows, Rows]:
        return outcomes(table, self.y_true, self.y_pred, self.y_pred_proba, rows)

    def _metric_names(self) -> Sequence[str]:
        return [metric.name for metric in self.metrics]

    def _bounds(self, metric: str) -> Bounds:
        bounds: Bounds = next(m.bounds for m in self.metrics if m.name == metric)
        return bounds

    def _unit(self, metric: str) -> str:
        return unit_of(self.metrics, metric, self.y_true)


def _metrics_for(
    problem_type: str, metrics: Any, y_pred_proba: str | None, **of_classes: Any
) -> tuple[Any, ...]:
    if problem_type == "classification_binary":
        return classification_metrics(metrics, **of_classes)
    if problem_type != "regression":
        raise ValueError(
            f'`problem_type` must be "regression" or "classification_binary", got {problem_type!r}'
        )
    for name, value in {"y_pred_proba": y_pred_proba, **of_classes}.items():
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
        return Reading(metric.name, np.nan, 0, note=NO_LABEL)
    value = metric.aggregate(float(metric.rows(y_true, y_pred).mean()), n)
    return Reading(metric.name, value, n, sampling_error=metric.sampling_error(*moments, n))


def outcomes(
    table: Table, y_true: str, y_pred: str | None, y_pred_proba: str | None, rows: slice
) -> tuple[Rows, Rows, Rows]:
    """Return label, predicted class and score of the rows whose label is known.

    A column that was not named is not needed by any metric: zeros stand for it.
    """
    truth = table[y_true][rows]
    known = ~np.isnan(truth)
    named = (table[name][rows] if name else np.zeros_like(truth) for name in (y_pred, y_pred_proba))
    predicted, score = (values[known] for values in named)
    return truth[known], predicted, score


def row_errors(
    metrics: Iterable[ClassMetric], y_true: Rows, y_pred: Rows, score: Rows
) -> dict[str, float]:
    """Return what sampling errors of a classifier's metrics need, from the labelled reference."""
    return {metric.name: metric.row_error(y_true, y_pred, score) for metric in metrics}


def classified_reading(
    metric: ClassMetric, y_true: Rows, y_pred: Rows, score: Rows, row_error: float
) -> Reading:
    """Measure one metric of a classifier on labelled rows; where it has no value, say why."""
    n = len(y_true)
    if not n:
        return Reading(metric.name, np.nan, 0, note=NO_LABEL)
    measured = metric.measure(y_true, y_pred, score)
    error = metric.sampling_error(row_error, n)
    return Reading(metric.name, measured.value, n, sampling_error=error, note=measured.note)


def require_columns(
    metrics: Iterable[Any], *, y_pred: str | None, y_pred_proba: str | None
) -> None:
    """Refuse metrics whose columns are not named."""
    for metric in metrics:
        ranks = getattr(metric, "ranks", False)
        if ranks and not y_pred_proba:
            raise ValueError(
                f"{metric.name!r} needs `y_pred_proba`, the column of the score of class 1"
            )
        if not ranks and not y_pred:
            raise ValueError(f"{metric.name!r} needs `y_pred`, the column of the prediction")


def require_classes(
    table: Table, y_true: str, y_pred: str | None, y_pred_proba: str | None
) -> None:
    """Refuse classes other than 0 and 1, and scores that are no probabilities."""
    for name in (y_true, y_pred):
        if name and name in table.arrays:
            refuse_other_classes(name, table[name])
    if y_pred_proba:
        score = table[y_pred_proba]
        n_bad = int(((score < 0) | (score > 1)).sum())
        if n_bad:
            raise ValueError(
                f"`{y_pred_proba}` lies outside 0 to 1 in {n_bad:,} of {len(score):,} rows; give "
                "the probability of class 1, such as `model.predict_proba(X)[:, 1]`"
            )


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
