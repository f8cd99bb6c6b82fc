"""Confidence-based performance estimation: what a classifier's own scores say about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_lib.core.chunking import Chunk
from course_lib.core.monitor import Options, rows_without
from course_lib.core.parameters import copied
from course_lib.core.readings import Reading
from course_lib.core.schema import Table
from course_lib.performance.classification_metrics import (
    CLASS_OPTIONS,
    ClassMetric,
    classification_metrics,
)
from course_lib.performance.estimator import Estimator, Rows
from course_lib.performance.realized import classified_reading, require_classes, require_columns
from course_lib.performance.regression_metrics import RowMetric

__all__ = ["CBPE", "calibration_error"]

N_BLOCKS = 5  # of rows in order of time, to judge a calibration on rows it has not seen


class CBPE(Estimator["_Learned", ClassMetric]):
    """Confidence-based Performance Estimation for binary classifiers.

    A score that is a calibrated probability says how often rows like this one are of class 1. So
    each metric can be computed with probabilities in place of labels: of 100 rows that are
    predicted 1 with a score of 0.8, 80 are counted as true and 20 as false positives. It needs no
    label, and holds while P(y | score) does: under concept drift it stays silent.

    Method and names follow NannyML 0.13.1 (https://nannyml.readthedocs.io, "Confidence-based
    Performance Estimation"). Rows are ranked by the raw score. ``sampling_error`` rests on the
    reference: by the delta method, for ROC AUC that is DeLong's. The standard error of the estimate
    is that of labels drawn with these probabilities, by the delta method. Taught in lesson 08.

    Parameters
    ----------
    metrics : str, RowMetric or list of them, optional
        ``roc_auc``, ``f1`` and ``accuracy`` by default; see `classification_metrics`.
    y_pred_proba, y_true : str
        The columns of the score of class 1, from 0 to 1, and of the label, 0 or 1 (False or True);
        the label is needed by `fit` only.
    problem_type : {"classification_binary"}
    y_pred : str, optional
        The column of the predicted class; ``roc_auc`` and ``average_precision`` need none.
    timestamp_column_name, chunk_size, thresholds, confidence_level, ...
        As in every estimator; see `course_lib.performance.estimator.Estimator`.
    calibration : {"isotonic", None}
        Isotonic regression of the label on the score, used when it makes the calibration error
        smaller on rows it has not seen; None takes the scores as they are.
    normalize_confusion_matrix, business_value_matrix, normalize_business_value
        See `classification_metrics`.
    cross_fit : bool
        Calibrate each reference chunk by rows of other chunks (five blocks of chunks).

    Raises
    ------
    TypeError, ValueError
        For a metric that does not exist or whose column is not named, several ways to make chunks,
        or a level that does not lie between 0 and 1.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from course_lib import CBPE
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame({"score": rng.uniform(0, 1, 4000)})
    >>> frame["churned"] = rng.uniform(0, 1, 4000) < frame["score"]
    >>> frame["predicted"] = frame["score"] > 0.5
    >>> cbpe = CBPE(metrics=["accuracy"], y_pred_proba="score", y_pred="predicted",
    ...             y_true="churned", chunk_size=400).fit(frame)
    >>> unsure = frame[frame["score"].between(0.3, 0.7)].head(800).drop(columns="churned")
    >>> cbpe.estimate(unsure)
    Result(estimated accuracy: 2 analysis chunks, 2 alerts)
    """

    def __init__(
        self,
        metrics: str | RowMetric | Sequence[str | RowMetric] | None = None,
        y_pred_proba: str | None = None,
        y_true: str | None = None,
        problem_type: str = "classification_binary",
        y_pred: str | None = None,
        timestamp_column_name: str | None = None,
        *,
        calibration: str | None = "isotonic",
        normalize_confusion_matrix: str | None = None,
        business_value_matrix: ArrayLike | None = None,
        normalize_business_value: str | None = None,
        cross_fit: bool = True,
        confidence_level: float = 0.95,
        **options: Unpack[Options],
    ) -> None:
        self.metrics = copied(metrics)
        self.y_true, self.y_pred, self.y_pred_proba = y_true, y_pred, y_pred_proba
        self.problem_type, self.calibration = problem_type, calibration
        self.normalize_confusion_matrix = normalize_confusion_matrix
        self.business_value_matrix = copied(business_value_matrix)
        self.normalize_business_value = normalize_business_value
        super().__init__(
            timestamp_column_name=timestamp_column_name,
            cross_fit=cross_fit,
            confidence_level=confidence_level,
            **options,
        )

    def _resolve(self) -> None:
        if self.problem_type != "classification_binary":
            raise ValueError(
                f'`problem_type` must be "classification_binary", got {self.problem_type!r}; '
                "for regression there is DLE"
            )
        if not isinstance(self.y_true, str) or not isinstance(self.y_pred_proba, str):
            raise ValueError(
                "`y_true` and `y_pred_proba` must name the columns of the label and of the score "
                "of class 1"
            )
        if self.calibration not in ("isotonic", None):
            raise ValueError(f'`calibration` must be "isotonic" or None, got {self.calibration!r}')
        options = {name: getattr(self, name) for name in CLASS_OPTIONS}
        self._metrics = classification_metrics(self.metrics, **options)
        require_columns(self._metrics, y_pred=self.y_pred, y_pred_proba=self.y_pred_proba)
        self._label, self._score = self.y_true, self.y_pred_proba
        self._predictions = self.y_pred, self.y_pred_proba
        super()._resolve()

    def _check(self, table: Table) -> None:
        require_classes(table, self._label, self.y_pred, self._score)

    def _learn(self, table: Table, rows: NDArray[np.intp]) -> _Learned:
        y_true, y_pred, score = self._labeled(table, rows)
        curve = calibrate(score, y_true) if self.calibration else None
        errors = {metric.name: metric.row_error(y_true, y_pred, score) for metric in self._metrics}
        return _Learned(curve, errors)

    def _without(self, state: _Learned, table: Table, chunks: Sequence[Chunk]) -> _Learned:
        # Decision and sampling errors stay: only the curve must not have seen these chunks.
        if state.curve is None:
            return state
        rows = rows_without(table, chunks)
        y_true, _, score = self._labeled_outside(table, rows, "calibrate that block by")
        return replace(state, curve=isotonic_curve(score, y_true))

    def _measure(self, state: _Learned, table: Table, chunk: Chunk) -> Iterable[Reading]:
        score = table[self._score][chunk.rows]
        predicted = table[self.y_pred][chunk.rows] if self.y_pred else np.zeros_like(score)
        truth = score if state.curve is None else state.curve.probability(score)
        labeled = self._labeled(table, chunk.rows) if self._label in table.arrays else None
        n = len(chunk)
        for metric in self._metrics:
            measured = metric.measure(truth, predicted, score)
            error = state.row_errors[metric.name]
            quiet = classified_reading(metric, labeled, error).quiet if labeled else (None, None)
            yield Reading(
                metric.name,
                measured.value,
                n,
                sampling_error=metric.sampling_error(error, n),
                spread=measured.label_noise(truth),
                baseline=quiet[0],
                n_baseline=quiet[1],
                note=measured.note,
            )


@dataclass(frozen=True)
class Curve:
    """A calibration curve: probability against score, straight between its points."""

    score: Rows
    level: Rows

    def probability(self, score: Rows) -> Rows:
        """Return the calibrated probability of each row."""
        return np.asarray(np.interp(score, self.score, self.level))


@dataclass(frozen=True)
class _Learned:
    """The calibration, missing where the scores are better as they are; the sampling errors."""

    curve: Curve | None
    row_errors: dict[str, float]


def isotonic_curve(score: Rows, y_true: Rows) -> Curve:
    """Fit the rising curve that is closest to the labels."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(score, y_true)
    return Curve(fitted.X_thresholds_, fitted.y_thresholds_)


def calibrate(score: Rows, y_true: Rows) -> Curve | None:
    """Return the isotonic curve, or None when scores are better calibrated as they are.

    Judged by `calibration_error` on rows that the curve has not seen: five contiguous blocks.
    """
    calibrated = score.copy()
    blocks = [block for block in np.array_split(np.arange(len(score)), N_BLOCKS) if len(block)]
    for block in blocks if len(blocks) > 1 else []:
        others = np.delete(np.arange(len(score)), block)
        calibrated[block] = isotonic_curve(score[others], y_true[others]).probability(score[block])
    if calibration_error(y_true, score) <= calibration_error(y_true, calibrated):
        return None
    return isotonic_curve(score, y_true)


def calibration_error(y_true: ArrayLike, score: ArrayLike, *, n_bins: int = 10) -> float:
    """Return the expected calibration error: how far shares of class 1 lie from mean scores.

    Rows are sorted by score and cut into bins of equal count; the absolute differences are
    averaged with the bins' counts. 0 is a score that can be read as a probability. Source: M. P.
    Naeini, G. F. Cooper and M. Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian
    Binning, AAAI 2015. Taught in lesson 08.

    Parameters
    ----------
    y_true, score : array-like of shape (n,)
        Labels, 0 or 1, and scores from 0 to 1.
    n_bins : int
        The number of bins.

    Examples
    --------
    >>> calibration_error([0, 0, 1, 1], [0.25, 0.25, 0.75, 0.75], n_bins=2)
    0.25
    """
    labels, scores = np.asarray(y_true, dtype=float), np.asarray(score, dtype=float)
    order = np.argsort(scores, kind="stable")
    bins = np.array_split(labels[order] - scores[order], n_bins)
    return float(sum(abs(gap.sum()) for gap in bins) / len(labels))
