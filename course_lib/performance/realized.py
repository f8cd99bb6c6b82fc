"""Realized performance: what the model achieved, once the labels are in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_lib.core.chunking import Chunk
from course_lib.core.monitor import Calculator, Options
from course_lib.core.parameters import copied
from course_lib.core.readings import Reading
from course_lib.core.result import ResultKind
from course_lib.core.schema import Table
from course_lib.performance.classification_metrics import (
    CLASS_OPTIONS,
    ClassMetric,
    classification_metrics,
    refuse_other_classes,
)
from course_lib.performance.estimator import LabeledMonitor, Rows
from course_lib.performance.regression_metrics import (
    RowMetric,
    refuse_rows,
    regression_metrics,
    require_domain,
)

__all__ = ["PerformanceCalculator"]

NO_LABEL = "no label in this chunk is known yet"


class PerformanceCalculator(
    LabeledMonitor["_Errors", RowMetric | ClassMetric], Calculator["_Errors"]
):
    """Measure a model's performance per chunk from predictions and labels.

    Rows whose label is not known yet are left out and counted: ``n_used`` against ``n_rows``.
    A chunk without any label has no value and a note. Taught in lesson 03.

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
    timestamp_column_name, chunk_size, thresholds, ...
        As in every monitor; see `course_lib.core.monitor.Monitor`.
    normalize_confusion_matrix, business_value_matrix, normalize_business_value
        For classification; see `classification_metrics`.

    Raises
    ------
    TypeError, ValueError
        For a metric that does not exist or whose column is not named, an option of the other
        problem type, or several ways to make chunks.

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
        self._predictions = self.y_pred, self.y_pred_proba
        self._row_metrics: tuple[RowMetric, ...] = ()
        self._class_metrics: tuple[ClassMetric, ...] = ()
        if self.problem_type == "classification_binary":
            options = {name: getattr(self, name) for name in CLASS_OPTIONS}
            self._class_metrics = classification_metrics(self.metrics, **options)
        elif self.problem_type == "regression":
            for name in ("y_pred_proba", *CLASS_OPTIONS):
                if getattr(self, name) is not None:
                    raise ValueError(
                        f"`{name}` is for classification; in regression the value of a row is a "
                        "RowMetric, such as desk_value()"
                    )
            self._row_metrics = regression_metrics(self.metrics)
        else:
            raise ValueError(
                '`problem_type` must be "regression" or "classification_binary", got '
                f"{self.problem_type!r}"
            )
        self._metrics = self._row_metrics or self._class_metrics
        require_columns(self._metrics, y_pred=self.y_pred, y_pred_proba=self.y_pred_proba)
        super()._resolve()

    def _check(self, table: Table) -> None:
        if self._class_metrics:
            require_classes(table, self._label, self.y_pred, self.y_pred_proba)
        else:
            require_domain(self._row_metrics, table, str(self.y_pred), self._label)

    def _learn(self, table: Table, rows: NDArray[np.intp]) -> _Errors:
        labeled = self._labeled(table)
        errors = {metric.name: metric.row_error(*labeled) for metric in self._class_metrics}
        return _Errors(loss_moments(self._row_metrics, *labeled[:2]), errors)

    def _measure(self, state: _Errors, table: Table, chunk: Chunk) -> Iterable[Reading]:
        labeled = self._labeled(table, chunk.rows)
        for metric in self._row_metrics:
            yield realized_reading(metric, labeled, state.moments[metric.name])
        for of_classes in self._class_metrics:
            yield classified_reading(of_classes, labeled, state.row_errors[of_classes.name])


@dataclass(frozen=True)
class _Errors:
    """What sampling errors need, per metric: mean and SD of a row's loss, or one row's error."""

    moments: dict[str, tuple[float, float]]
    row_errors: dict[str, float]


def loss_moments(
    metrics: Iterable[RowMetric], y_true: Rows, y_pred: Rows
) -> dict[str, tuple[float, float]]:
    """Return mean and SD of each row metric in the reference: what sampling errors need."""
    rows = {metric.name: metric.rows(y_true, y_pred) for metric in metrics}
    return {name: (float(values.mean()), float(values.std())) for name, values in rows.items()}


def realized_reading(
    metric: RowMetric, labeled: Sequence[Rows], moments: tuple[float, float]
) -> Reading:
    """Measure one metric on the label and the prediction of labeled rows; without any, say so."""
    y_true, y_pred, *_ = labeled
    if not (n := len(y_true)):
        return Reading(metric.name, np.nan, 0, note=NO_LABEL)
    value = metric.aggregate(float(metric.rows(y_true, y_pred).mean()), n)
    return Reading(metric.name, value, n, sampling_error=metric.sampling_error(*moments, n))


def classified_reading(metric: ClassMetric, labeled: Sequence[Rows], row_error: float) -> Reading:
    """Measure one metric on label, class and score of labeled rows; without a value, say why."""
    y_true, y_pred, score = labeled
    if not (n := len(y_true)):
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
        remedy = "; give the probability of class 1, such as `model.predict_proba(X)[:, 1]`"
        refuse_rows((score < 0) | (score > 1), f"`{y_pred_proba}` lies outside 0 to 1", remedy)
