"""Metrics of a binary classifier, computed from the truth, the predicted class and the score.

The truth is a number from 0 to 1: the label, or for an estimate its probability. So one definition
serves realized and estimated performance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_lib.core.thresholds import Bounds
from course_lib.performance.regression_metrics import (
    RootMetric,
    RowMetric,
    as_list,
    named,
    refuse_equal_names,
    refuse_rows,
)

__all__ = ["ClassMetric", "Measured", "classification_metrics", "matrix_value"]

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """The value of a metric in one chunk, and the influence of each row.

    ``positive`` and ``negative``, of shape (n,), are the derivatives of the value with respect to
    the weight of a row as a positive and as a negative. Their difference is the derivative with
    respect to its probability.
    """

    value: float  # NaN only together with a note that gives the reason
    positive: Rows
    negative: Rows
    note: str = ""

    def label_noise(self, truth: Rows) -> float:
        """Return the standard error due to labels that are 1 with probability ``truth``."""
        slope = self.positive - self.negative
        return float(np.sqrt(np.sum(truth * (1 - truth) * slope**2)))


@dataclass(frozen=True)
class ClassMetric:
    """A metric of a binary classifier; its function gets truth, predicted class and score."""

    name: str
    function: Callable[[Rows, Rows, Rows], Measured]
    bounds: Bounds
    unit: str = ""
    ranks: bool = False  # whether it uses the score and not the predicted class

    def measure(self, truth: Rows, y_pred: Rows, score: Rows) -> Measured:
        """Measure a chunk; ``truth`` holds labels or probabilities."""
        return self.function(truth, y_pred, score)

    def row_error(self, y_true: Rows, y_pred: Rows, score: Rows) -> float:
        """Return the sampling error of a chunk of one row, computed from labeled rows.

        By the delta method: for F1 it is 2/(1+q)² · √(q(1−q)/R), with R = TP + FP + FN as shares
        of the rows and q = TP/R; for ROC AUC it is DeLong's (Biometrics 44, 1988, 837–845).
        """
        measured = self.measure(y_true, y_pred, score)
        influence = np.where(y_true == 1, measured.positive, measured.negative)
        sd = float(influence.std())
        return sd if self.bounds.total else sd * len(y_true)

    def sampling_error(self, row_error: float, n: int) -> float:
        """Return the standard error in a chunk of n rows."""
        return row_error * float(np.sqrt(n) if self.bounds.total else 1 / np.sqrt(n))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, unit={self.unit!r})"


@dataclass(frozen=True)
class _Cells:
    """A weighted count of confusion matrix cells, or a ratio of two counts.

    ``above`` and ``below`` hold the weight of a row by true class (rows) and predicted class
    (columns), in the numerator and in the denominator; ``without`` is the note for a chunk in which
    the denominator is 0. A class, because a nested function cannot be pickled.
    """

    above: ArrayLike
    below: ArrayLike | None
    without: str = ""

    def __call__(self, truth: Rows, y_pred: Rows, score: Rows) -> Measured:
        total, negative, positive = _counted(self.above, truth, y_pred)
        if self.below is None:
            return Measured(total, positive, negative)
        n, of_negative, of_positive = _counted(self.below, truth, y_pred)
        if n == 0:
            return _undefined(truth, self.without)
        ratio = total / n
        return Measured(
            ratio, (positive - ratio * of_positive) / n, (negative - ratio * of_negative) / n
        )


def _counted(weight: ArrayLike, truth: Rows, y_pred: Rows) -> tuple[float, Rows, Rows]:
    """Return the weighted count, and the weight of each row as a negative and as a positive."""
    negative, positive = np.asarray(weight, dtype=float)[:, y_pred.astype(np.intp)]
    return float(np.sum(truth * positive + (1 - truth) * negative)), negative, positive


def _undefined(truth: Rows, note: str) -> Measured:
    zeros = np.zeros_like(truth)
    return Measured(np.nan, zeros, zeros, note)


def roc_auc(truth: Rows, y_pred: Rows, score: Rows) -> Measured:
    """Return the probability that a positive scores above a negative; ties count half."""
    tied, positives, negatives = _by_score(truth, score)
    n_positive, n_negative = positives.sum(), negatives.sum()
    if n_positive == 0 or n_negative == 0:
        return _undefined(truth, "all rows are of one class: nothing can be ranked")
    below = (np.cumsum(negatives) - negatives / 2)[tied]
    above = (n_positive - np.cumsum(positives) + positives / 2)[tied]
    value = float(np.sum(truth * below) / (n_positive * n_negative))
    return Measured(
        value, (below / n_negative - value) / n_positive, (above / n_positive - value) / n_negative
    )


def average_precision(truth: Rows, y_pred: Rows, score: Rows) -> Measured:
    """Return the mean over the positives of the precision at their score."""
    tied, positives, negatives = _by_score(truth, score)
    n_positive = positives.sum()
    if n_positive == 0:
        return _undefined(truth, "no row is of class 1")
    # At each score: the number of rows with at least that score, and their precision.
    n_above = _from_top(positives + negatives)
    precision = _from_top(positives) / n_above
    value = float(np.sum(positives * precision) / n_positive)
    gained = np.cumsum(positives / n_above)[tied]
    diluted = np.cumsum(positives * precision / n_above)[tied]
    return Measured(
        value, (precision[tied] + gained - diluted - value) / n_positive, -diluted / n_positive
    )


def _by_score(truth: Rows, score: Rows) -> tuple[NDArray[np.intp], Rows, Rows]:
    """Group rows of equal score, lowest first; return each row's group and counts per group."""
    tied = np.unique(score, return_inverse=True)[1].astype(np.intp)
    return tied, np.bincount(tied, truth), np.bincount(tied, 1 - truth)


def _from_top(counts: Rows) -> Rows:
    return np.asarray(np.cumsum(counts[::-1])[::-1])


_SHARE = Bounds(0, 1, "lower", best=1)
_ALL = [[1, 1], [1, 1]]
_RATIOS: dict[str, tuple[ArrayLike, ArrayLike, str]] = {
    "f1": ([[0, 0], [0, 1]], [[0, 0.5], [0.5, 1]], "no row is of class 1 and none is predicted 1"),
    "precision": ([[0, 0], [0, 1]], [[0, 1], [0, 1]], "no row is predicted 1"),
    "recall": ([[0, 0], [0, 1]], [[0, 0], [1, 1]], "no row is of class 1"),
    "specificity": ([[1, 0], [0, 0]], [[1, 1], [0, 0]], "no row is of class 0"),
    "accuracy": ([[1, 0], [0, 1]], _ALL, ""),
}
#: The built-in metrics by name, without those that need further arguments.
_METRICS: dict[str, ClassMetric] = {
    "roc_auc": ClassMetric("roc_auc", roc_auc, _SHARE, ranks=True),
    "average_precision": ClassMetric("average_precision", average_precision, _SHARE, ranks=True),
    **{name: ClassMetric(name, _Cells(*cells), _SHARE) for name, cells in _RATIOS.items()},
}
#: The arguments that `classification_metrics` takes besides the metrics.
CLASS_OPTIONS = ("normalize_confusion_matrix", "business_value_matrix", "normalize_business_value")
_CELLS = {  # name: true and predicted class
    "true_positive": (1, 1),
    "true_negative": (0, 0),
    "false_positive": (0, 1),
    "false_negative": (1, 0),
}


def classification_metrics(
    metrics: str | RowMetric | Sequence[str | RowMetric] | None,
    *,
    normalize_confusion_matrix: str | None = None,
    business_value_matrix: ArrayLike | None = None,
    normalize_business_value: str | None = None,
) -> tuple[ClassMetric, ...]:
    """Return metrics of a binary classifier from names and `RowMetric` objects.

    Taught in lesson 08.

    Parameters
    ----------
    metrics : str, RowMetric or list of them
        ``roc_auc``, ``average_precision``, ``f1``, ``precision``, ``recall``, ``specificity``,
        ``accuracy``, ``confusion_matrix`` (four metrics: ``true_positive``, ``true_negative``,
        ``false_positive``, ``false_negative``), ``business_value``, or metrics of your own on
        labels and predictions that are 0 or 1. Default: ``roc_auc``, ``f1``, ``accuracy``.
    normalize_confusion_matrix : {None, "all", "true", "pred"}
        None: counts. Otherwise shares of all rows, of the true or of the predicted class.
    business_value_matrix : array-like of shape (2, 2), optional
        The value of a row by true class (rows) and predicted class (columns), in money; see
        `matrix_value`. Needed by ``business_value``.
    normalize_business_value : {None, "per_prediction"}
        The sum over a chunk's rows, or their mean.

    Raises
    ------
    TypeError, ValueError
        For something that is neither a name nor a `RowMetric`; for an unknown name, a name given
        twice or an empty list; for a matrix that is missing, unused or not 2 by 2.

    Examples
    --------
    >>> classification_metrics(["f1", "roc_auc"])
    (ClassMetric('f1', unit=''), ClassMetric('roc_auc', unit=''))
    """
    _require_choice("normalize_confusion_matrix", normalize_confusion_matrix, "all", "true", "pred")
    _require_choice("normalize_business_value", normalize_business_value, "per_prediction")
    given = as_list(["roc_auc", "f1", "accuracy"] if metrics is None else metrics)
    if "confusion_matrix" not in given and normalize_confusion_matrix:
        raise ValueError(
            "`normalize_confusion_matrix` is given, but `metrics` does not have "
            '"confusion_matrix"; add it, or leave out `normalize_confusion_matrix`'
        )
    is_valued = business_value_matrix is not None or normalize_business_value
    if "business_value" not in given and is_valued:
        raise ValueError(
            'a business value is set, but `metrics` does not have "business_value"; '
            "add it, or leave out `business_value_matrix` and `normalize_business_value`"
        )
    chosen: list[ClassMetric] = []
    for metric in given:
        if isinstance(metric, RowMetric):
            chosen.append(_of_rows(metric))
        elif metric == "confusion_matrix":
            chosen += _confusion_matrix(normalize_confusion_matrix)
        elif metric == "business_value":
            if business_value_matrix is None:
                raise ValueError(
                    "`business_value` needs a `business_value_matrix`: [[TN, FP], [FN, TP]], the "
                    "value of a row by true class (rows) and predicted class (columns)"
                )
            total = normalize_business_value is None
            chosen.append(_of_rows(matrix_value(business_value_matrix, total=total)))
        else:
            chosen.append(named(metric, _METRICS, ["confusion_matrix", "business_value"]))
    refuse_equal_names([metric.name for metric in chosen])
    return tuple(chosen)


def _of_rows(metric: RowMetric) -> ClassMetric:
    """Return the metric for two classes: the values of a row form a 2 by 2 matrix."""
    if isinstance(metric, RootMetric):
        raise ValueError(
            f"{metric.name!r} is the root of a mean, not a ratio of counts; use a "
            "RowMetric of the same function, and take the root of its value"
        )
    true, predicted = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0, 1.0])
    count = metric.rows(true, predicted).reshape(2, 2)
    cells = _Cells(count, None if metric.total else _ALL)
    return ClassMetric(metric.name, cells, metric.bounds, metric.unit)


def _confusion_matrix(normalize: str | None) -> list[ClassMetric]:
    bounds = Bounds(0, None, "both", total=True) if normalize is None else Bounds(0, 1, "both")
    unit = "rows" if normalize is None else ""
    cells = []
    for name, (true, predicted) in _CELLS.items():
        count, same_true, same_predicted = np.zeros((3, 2, 2))
        count[true, predicted] = same_true[true] = same_predicted[:, predicted] = 1
        function = {
            None: _Cells(count, None),
            "all": _Cells(count, _ALL),
            "true": _Cells(count, same_true, f"no row is of class {true}"),
            "pred": _Cells(count, same_predicted, f"no row is predicted {predicted}"),
        }[normalize]
        cells.append(ClassMetric(name, function, bounds, unit))
    return cells


def _require_choice(name: str, value: object, *choices: str) -> None:
    if value is not None and value not in choices:
        listed = ", ".join(f'"{choice}"' for choice in choices)
        raise ValueError(f"`{name}` must be None or one of {listed}, got {value!r}")


def matrix_value(business_value_matrix: ArrayLike, *, total: bool = True) -> RowMetric:
    """Return the metric ``business_value`` of a binary classifier, for classes 0 and 1.

    The total is Σ B · C, with the matrix B and the counts C of the confusion matrix. It is summed
    row by row, so that a chunk with a single class is right, too. `PerformanceCalculator`
    creates this metric from its own `business_value_matrix`. Taught in lesson 04.

    Parameters
    ----------
    business_value_matrix : array-like of shape (2, 2)
        The value of a row by true class (rows) and predicted class (columns):
        ``[[true negative, false positive], [false negative, true positive]]``.
    total : bool
        The sum over the chunk; otherwise the mean per row.

    Raises
    ------
    ValueError
        When the matrix is not 2 by 2, or holds a value that is not finite.

    Examples
    --------
    >>> value = matrix_value([[0, -1], [-10, 5]])
    >>> value.rows(np.array([0.0, 1.0, 1.0]), np.array([1.0, 0.0, 1.0]))
    array([ -1., -10.,   5.])
    """
    matrix = np.asarray(business_value_matrix, dtype=float)
    if matrix.shape != (2, 2):
        raise ValueError(
            f"`business_value_matrix` has shape {matrix.shape}; give one value for each true class "
            "(rows) and predicted class (columns): [[TN, FP], [FN, TP]]"
        )
    if not np.isfinite(matrix).all():
        raise ValueError("`business_value_matrix` must hold finite numbers only")
    unit = "value" if total else "value per row"
    value = _OfCells(tuple(map(tuple, matrix.tolist())))
    return RowMetric("business_value", value, unit=unit, higher_is_better=True, total=total)


def refuse_other_classes(name: str, values: Rows) -> None:
    """Raise a ValueError unless classes are 0 or 1; missing labels are ignored."""
    remedy = "; convert it first: 1 (or True) for the event, 0 (or False) otherwise"
    is_other = ~np.isnan(values) & (values != 0) & (values != 1)
    refuse_rows(is_other, f"`{name}` is neither 0 nor 1", remedy)


@dataclass(frozen=True)
class _OfCells:
    """The value of each row by its true and its predicted class."""

    matrix: tuple[tuple[float, ...], ...]

    def __call__(self, y_true: Rows, y_pred: Rows) -> Rows:
        refuse_other_classes("y_true", y_true)
        refuse_other_classes("y_pred", y_pred)
        return np.asarray(np.asarray(self.matrix)[y_true.astype(int), y_pred.astype(int)])
