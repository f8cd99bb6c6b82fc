"""Estimated performance: how good the model is before a single label is in.

Direct Loss Estimation is for regression and taught in lesson 02; `CBPE`, for classifiers, lives in
`course_lib.confidence`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .chunking import Chunk, Chunker
from .confidence import CBPE
from .estimator import Estimator
from .metrics import RowMetric, regression_metrics
from .monitor import Reading
from .realized import (
    labelled,
    loss_moments,
    realized_reading,
    require_domain,
    require_labels,
    unit_of,
)
from .schema import Schema, Table
from .thresholds import Threshold
from .trees import Model, bin_matrix, grow, predict

__all__ = ["CBPE", "DLE"]


class DLE(Estimator):
    """Direct Loss Estimation: a second model, the nanny, predicts the loss of each row.

    The nanny learns from the reference set, where the loss is known, with the model's inputs and
    its prediction as features. The mean of its predictions over a chunk estimates the chunk's loss.
    It needs no label, and holds while P(y | x) does: under concept drift it stays silent.

    Parameters
    ----------
    feature_column_names : list of str
        The model's inputs. Text, categories and truth values are categorical, numbers numeric;
        missing values and unseen categories are data.
    y_pred, y_true : str
        The columns of the prediction and of the label; the label is needed by `fit` only.
    timestamp_column_name : str, optional
        The column that orders the rows and dates the chunks; without it rows stay in the order
        of the frame.
    chunk_size, chunk_number, chunk_period, chunker
        One of them; ten chunks when none is given.
    metrics : list of str or RowMetric, optional
        All six of `course_lib.metrics` when none is given.
    hyperparameters : dict, optional
        Passed to LightGBM; its defaults otherwise.
    tune_hyperparameters : bool
        False only: nothing is tuned here.
    thresholds : dict of metric name to Threshold, optional
        `PredictionIntervalThreshold()` for those not named, from the realized values of the
        reference chunks: an operational tolerance, not a test of the estimate.
    cross_fit : bool
        Estimate each reference chunk with nannies that did not see it (five blocks of chunks).
    confidence_level : float
        The share of chunks whose realized value lies within the confidence boundaries while no
        shift occurs. They widen with the error, but cannot cover what the nanny gets wrong under
        a shift. Without cross-fitting they rest on rows the nannies have seen, and are too narrow.

    Raises
    ------
    TypeError, ValueError
        For features that are no list, are none, or hold the prediction or the target; for a metric
        that does not exist, several ways to make chunks, or ``tune_hyperparameters=True``.

    Notes
    -----
    Method and names follow NannyML 0.13.1 (https://nannyml.readthedocs.io, "Direct Loss
    Estimation"); ``sampling_error`` is its formula, from the reference. The boundaries are
    estimate ± t · √(1 + 1/k) · s · se, where se² is the mean over the chunk's n rows of
    (ê₂ − ê₁²)/n, ê₁ and ê₂ predict the loss and its square, and s is the standard deviation of
    (realized − estimated)/se over the k reference chunks. Taught in lesson 02.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from course_lib import DLE
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame({"size": rng.uniform(0, 1, 3000)})
    >>> frame["predicted"] = 100 * frame["size"]
    >>> frame["price"] = frame["predicted"] + 10 * frame["size"] * rng.normal(size=3000)
    >>> dle = DLE(feature_column_names=["size"], y_pred="predicted", y_true="price",
    ...           metrics=["mae"], chunk_size=300).fit(frame)
    >>> large = frame[frame["size"] > 0.8].head(600).drop(columns="price")
    >>> dle.estimate(large)
    Result(estimated mae: 2 analysis chunks, 2 alerts)
    """

    metrics: tuple[RowMetric, ...]

    def __init__(
        self,
        feature_column_names: Sequence[str],
        y_pred: str,
        y_true: str,
        timestamp_column_name: str | None = None,
        chunk_size: int | None = None,
        chunk_number: int | None = None,
        chunk_period: str | None = None,
        chunker: Chunker | None = None,
        metrics: str | RowMetric | Sequence[str | RowMetric] | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
        tune_hyperparameters: bool = False,
        thresholds: Mapping[str, Threshold] | None = None,
        *,
        cross_fit: bool = True,
        confidence_level: float = 0.95,
    ) -> None:
        super().__init__(
            timestamp_column_name=timestamp_column_name,
            chunk_size=chunk_size,
            chunk_number=chunk_number,
            chunk_period=chunk_period,
            chunker=chunker,
            thresholds=thresholds,
            cross_fit=cross_fit,
            confidence_level=confidence_level,
        )
        if tune_hyperparameters:
            raise ValueError(
                "`tune_hyperparameters=True` is not offered: a search with a time budget gives "
                "other numbers on every machine; pass the `hyperparameters` you have chosen"
            )
        if not isinstance(hyperparameters, (Mapping, NoneType)):
            raise TypeError(
                f"`hyperparameters` must be a dict of LightGBM settings, got {hyperparameters!r}"
            )
        self.metrics = regression_metrics(metrics)
        self.feature_column_names = _features(feature_column_names, y_pred, y_true)
        self.y_pred, self.y_true = y_pred, y_true
        self.hyperparameters = dict(hyperparameters or {})

    def _schema(self, reference: pd.DataFrame) -> Schema:
        return Schema.learn(
            reference,
            [*self.feature_column_names, self.y_pred, self.y_true],
            timestamp=self.timestamp_column_name,
            numeric=[self.y_pred, self.y_true],
            complete=[self.y_pred],
        )

    def _check(self, table: Table) -> None:
        require_domain(self.metrics, table, y_pred=self.y_pred)

    def _check_reference(self, table: Table) -> None:
        require_labels(table, self.y_true)
        require_domain(self.metrics, table, y_pred=self.y_pred, y_true=self.y_true)
        for metric in self.metrics:
            metric.rows(*labelled(table, self.y_true, self.y_pred, slice(None)))

    @property
    def _inputs(self) -> list[str]:
        return [*self.feature_column_names, self.y_pred]

    def _learn(self, table: Table, rows: NDArray[np.intp]) -> _Nannies:
        rows = rows[~np.isnan(table[self.y_true][rows])]
        if not len(rows):
            raise ValueError(
                f"all known values of `{self.y_true}` lie in one block of chunks: nothing is left "
                "to estimate that block from; label more of the reference, or pass cross_fit=False"
            )
        y_true, y_pred = table[self.y_true][rows], table[self.y_pred][rows]
        matrix, settings = table.matrix(self._inputs, rows), self.hyperparameters
        data = bin_matrix(matrix, table.categorical(self._inputs), hyperparameters=settings)
        nannies: dict[
            bytes, Any
        ] = {}  # targets that are equal share a nanny: mse and rmse, mae² and mse
        pairs = {}
        for metric in self.metrics:
            loss = metric.rows(y_true, y_pred)
            name = f"`{metric.name}` of a row, or its square,"
            for target in (loss, np.square(loss)):
                if target.tobytes() not in nannies:
                    nannies[target.tobytes()] = grow(data, target, settings, name=name)
            pairs[metric.name] = nannies[loss.tobytes()], nannies[np.square(loss).tobytes()]
        # Sampling errors are those of the whole reference, in every fold.
        return _Nannies(pairs, loss_moments(self.metrics, table, self.y_true, self.y_pred))

    def _measure(self, state: _Nannies, table: Table, chunk: Chunk) -> Iterable[Reading]:
        matrix = table.matrix(self._inputs, chunk.rows)
        nannies = {id(nanny): nanny for pair in state.pairs.values() for nanny in pair}
        predicted = {key: predict(nanny, matrix) for key, nanny in nannies.items()}
        n = len(chunk)
        truth = None
        if self.y_true in table.arrays:
            truth = labelled(table, self.y_true, self.y_pred, chunk.rows)
        for metric in self.metrics:
            first, second = (predicted[id(nanny)] for nanny in state.pairs[metric.name])
            rows = first if metric.lower_limit is None else np.maximum(first, metric.lower_limit)
            mean = float(rows.mean())
            # Where the two nannies contradict each other the variance is taken as zero.
            sd = float(np.sqrt(np.maximum(second - rows**2, 0).mean()))
            moments = state.moments[metric.name]
            realized = realized_reading(metric, *truth, moments) if truth else None
            yield Reading(
                metric.name,
                metric.aggregate(mean, n),
                n,
                sampling_error=metric.sampling_error(*moments, n),
                spread=metric.sampling_error(mean, sd, n),
                baseline=realized.value if realized else None,
                n_baseline=realized.n_used if realized else None,
            )

    def _unit(self, metric: str) -> str:
        return unit_of(self.metrics, metric, self.y_true)


@dataclass(frozen=True)
class _Nannies:
    """Per metric: the models of its row loss and of that loss squared; the loss's mean and SD."""

    pairs: dict[str, tuple[Model, Model]]
    moments: dict[str, tuple[float, float]]


def _features(names: Sequence[str], y_pred: str, y_true: str) -> list[str]:
    if isinstance(names, str):
        raise TypeError(f"`feature_column_names` must be a list: [{names!r}], not {names!r}")
    if not len(names):
        raise ValueError("`feature_column_names` is empty; name the inputs of the model")
    if y_true in names:
        raise ValueError(
            f"`{y_true}` is the target and one of `feature_column_names`; in production it is not "
            "known: take it out of the features"
        )
    if y_pred in names:
        raise ValueError(
            f"`{y_pred}` is the prediction and one of `feature_column_names`; take it out of the "
            "features, it is added by itself"
        )
    return list(names)
