"""Realized performance: what the model achieved, once the labels are in.

Taught in lesson 03.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Unpack

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from course_lib.core.chunking import Chunk
from course_lib.core.monitor import Calculator, Options
from course_lib.core.parameters import copied
from course_lib.core.readings import Reading
from course_lib.core.result import ResultKind
from course_lib.core.schema import Schema, Table
from course_lib.core.thresholds import Bounds
from course_lib.performance.classification_metrics import (
    ClassMetric,
    classification_metrics,
    refuse_other_classes,
)
from course_lib.performance.regression_metrics import (
    RowMetric,
    absolute_percentage_error,
    refuse_negative,
    refuse_zero,
    regression_metrics,
    squared_log_error,
)

__all__ = ["PerformanceCalculator"]

Rows = NDArray[np.float64]
NO_LABEL = "no label in this chunk is known yet"


class PerformanceCalculator(Calculator["_Errors"]):
    """Measure a model's performance per chunk from predictions and labels.

    Rows whose label is not known yet are left out and counted: ``n_used`` against ``n_rows``.
    A chunk without any label has no value and a note.

    Parameters
    ----------
    metrics : str, RowMetric or list of them, optional
        For regression ``mae``, ``rmse`` and ``bias`` by default; also ``mape``, ``mse``, ``msle``,
        ``rmsle`` or a `RowMetric`. For classification ``roc_auc``, ``f1`` and ``accuracy`` by
        default; see `classification_metrics`.
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
    thresholds : Threshold or dict of metric name to Threshold, optional
        One for all metrics, or one per metric; `PredictionIntervalThreshold()` by default.
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
        *,
        normalize_confusion_matrix: str | None = None,
        business_value_matrix: ArrayLike | None = None,
        normalize_business_value: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        self.metrics = copied(metrics)
        self.y_true, self.y_pred, self.y_pred_proba = y_true, y_pred, y_pred_proba
        self.problem_type = problem_type
        self.normalize_confusion_matrix = normalize_confusion_matrix
        self.business_value_matrix = copied(business_value_matrix)
        self.normalize_business_value = normalize_business_value
        super().__init__(timestamp_column_name=timestamp_column_name, **options)

    def _resolve(self) -> None:
        if self.y_true is None:
            raise ValueError("`y_true` must name the column of the label")
        self._label = self.y_true
        self._row_metrics: tuple[RowMetric, ...] = ()
        self._class_metrics: tuple[ClassMetric, ...] = ()
        if self.problem_type == "classification_binary":
            self._class_metrics = classification_metrics(
                self.metrics,
                normalize_confusion_matrix=self.normalize_confusion_matrix,
                business_value_matrix=self.business_value_matrix,
                normalize_business_value=self.normalize_business_value,
            )
        elif self.problem_type == "regression":
            self._refuse_options_of_classes()
            self._row_metrics = regression_metrics(self.metrics)
        else:
            raise ValueError(
                '`problem_type` must be "regression" or "classification_binary", got '
                f"{self.problem_type!r}"
            )
        require_columns(self._metrics, y_pred=self.y_pred, y_pred_proba=self.y_pred_proba)
        super()._resolve()

    def _refuse_options_of_classes(self) -> None:
        options = ("y_pred_proba", "normalize_confusion_matrix", "business_value_matrix")
        for name in (*options, "normalize_business_value"):
            if getattr(self, name) is not None:
                raise ValueError(
                    f"`{name}` is for classification; in regression the value of a row is a "
                    "RowMetric, such as desk_value()"
                )

    @property
    def _metrics(self) -> Sequence[RowMetric | ClassMetric]:
        return self._row_metrics or self._class_metrics

    def _schema(self, reference: pd.DataFrame) -> Schema:
        predicted = [name for name in (self.y_pred, self.y_pred_proba) if name]
        return Schema.learn(
            reference,
            [self._label, *predicted],
            timestamp=self._timestamp,
            row_id=self.id_column_name,
            numeric=[self._label, *predicted],
            complete=predicted,
        )

    def _check(self, table: Table) -> None:
        if self._class_metrics:
            require_classes(table, self._label, self.y_pred, self.y_pred_proba)
        else:
            require_domain(self._row_metrics, table, y_pred=self._predicted, y_true=self._label)

    def _check_reference(self, table: Table) -> None:
        require_labels(table, self._label)

    def _n_usable(self, table: Table, chunk: Chunk) -> int:
        return n_labelled(table, self._label, chunk)

    def _learn(self, table: Table, rows: NDArray[np.intp]) -> _Errors:
        if self._row_metrics:
            return _Errors(loss_moments(self._row_metrics, table, self._label, self._predicted), {})
        return _Errors({}, row_errors(self._class_metrics, *self._outcomes(table, slice(None))))

    def _measure(self, state: _Errors, table: Table, chunk: Chunk) -> Iterable[Reading]:
        if self._row_metrics:
            pair = labelled(table, self._label, self._predicted, chunk.rows)
            for metric in self._row_metrics:
                yield realized_reading(metric, *pair, state.moments[metric.name])
        else:
            rows = self._outcomes(table, chunk.rows)
            for of_classes in self._class_metrics:
                yield classified_reading(of_classes, *rows, state.row_errors[of_classes.name])

    @property
    def _predicted(self) -> str:
        return self.y_pred or ""  # missing for a classifier only

    def _outcomes(self, table: Table, rows: slice) -> tuple[Rows, Rows, Rows]:
        return outcomes(table, self._label, self.y_pred, self.y_pred_proba, rows)

    def _metric_names(self) -> Sequence[str]:
        return [metric.name for metric in self._metrics]

    def _bounds(self, metric: str) -> Bounds:
        return next(m.bounds for m in self._metrics if m.name == metric)

    def _unit(self, metric: str) -> str:
        return unit_of(self._metrics, metric, self._label)


@dataclass(frozen=True)
class _Errors:
    """What sampling errors need, per metric: mean and SD of a row's loss, or one row's error."""

    moments: dict[str, tuple[float, float]]
    row_errors: dict[str, float]


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
    metrics: Iterable[RowMetric | ClassMetric], *, y_pred: str | None, y_pred_proba: str | None
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


def unit_of(metrics: Iterable[RowMetric | ClassMetric], name: str, y_true: str) -> str:
    """Return a metric's unit with the target's name in it."""
    unit = next(metric.unit for metric in metrics if metric.name == name)
    return unit.replace("y_true", y_true)
