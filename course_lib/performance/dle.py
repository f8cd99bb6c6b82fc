"""Direct Loss Estimation: how good a regression model is before a single label is in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from course_lib.core.boosting import (
    Booster,
    Hyperparameters,
    bin_matrix,
    grow,
    predict,
    require_hyperparameters,
)
from course_lib.core.chunking import Chunk
from course_lib.core.monitor import Options
from course_lib.core.parameters import copied
from course_lib.core.readings import Reading
from course_lib.core.schema import Table
from course_lib.performance.estimator import Estimator
from course_lib.performance.realized import loss_moments, realized_reading
from course_lib.performance.regression_metrics import RowMetric, estimated_metrics, require_domain

__all__ = ["DLE"]


class DLE(Estimator["_Nannies", RowMetric]):
    """Direct Loss Estimation: a second model, the nanny, predicts the loss of each row.

    The nanny learns from the reference set, where the loss is known, with the model's inputs and
    its prediction as features. The mean of its predictions over a chunk estimates the chunk's loss.
    It needs no label, and holds while P(y | x) does: under concept drift it stays silent.

    Method and names follow NannyML 0.13.1 (https://nannyml.readthedocs.io, "Direct Loss
    Estimation"); ``sampling_error`` is its formula, from the reference. The squared standard error
    of the estimate is the mean over the chunk's n rows of (ê₂ − ê₁²)/n, where ê₁ and ê₂ predict the
    loss and its square. Taught in lesson 02.

    Parameters
    ----------
    feature_column_names : list of str
        The model's inputs. Text, categories and truth values are categorical, numbers numeric;
        missing values and unseen categories are data.
    y_pred, y_true : str
        The columns of the prediction and of the label; the label is needed by `fit` only.
    timestamp_column_name, chunk_size, thresholds, confidence_level, ...
        As in every estimator; see `course_lib.performance.estimator.Estimator`.
    metrics : list of str or RowMetric, optional
        ``mae`` and ``rmse`` by default; also ``mape``, ``mse``, ``msle``, ``rmsle``, or a
        `RowMetric`. (``bias`` needs labels: `PerformanceCalculator` measures it.)
    hyperparameters : dict, optional
        Passed to LightGBM; its defaults otherwise.
    tune_hyperparameters : bool
        False only: nothing is tuned here.
    cross_fit : bool
        Estimate each reference chunk with nannies that did not see it (five blocks of chunks).

    Raises
    ------
    TypeError, ValueError
        For features that are no list, are none, or hold the prediction or the target; for a metric
        that does not exist, several ways to make chunks, or ``tune_hyperparameters=True``.

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

    def __init__(
        self,
        feature_column_names: Sequence[str],
        y_pred: str,
        y_true: str,
        timestamp_column_name: str | None = None,
        *,
        metrics: str | RowMetric | Sequence[str | RowMetric] | None = None,
        hyperparameters: Hyperparameters | None = None,
        tune_hyperparameters: bool = False,
        cross_fit: bool = True,
        confidence_level: float = 0.95,
        **options: Unpack[Options],
    ) -> None:
        self.feature_column_names = copied(feature_column_names)
        self.y_pred, self.y_true = y_pred, y_true
        self.metrics = copied(metrics)
        self.hyperparameters = copied(hyperparameters)
        self.tune_hyperparameters = tune_hyperparameters
        super().__init__(
            timestamp_column_name=timestamp_column_name,
            cross_fit=cross_fit,
            confidence_level=confidence_level,
            **options,
        )

    def _resolve(self) -> None:
        self._label, self._predictions = self.y_true, [self.y_pred]
        self._metrics = estimated_metrics(self.metrics)
        self._features = _features(self.feature_column_names, self.y_pred, self.y_true)
        self._inputs = [*self._features, self.y_pred]
        super()._resolve()
        if self.tune_hyperparameters:
            raise ValueError(
                "`tune_hyperparameters=True` is not offered: a search with a time budget gives "
                "other numbers on every machine; pass the `hyperparameters` you have chosen"
            )
        require_hyperparameters(self.hyperparameters)

    def _columns(self) -> list[str]:
        return [*self._inputs, self._label]

    def _check(self, table: Table) -> None:
        require_domain(self._metrics, table, self.y_pred)

    def _check_reference(self, table: Table) -> None:
        super()._check_reference(table)
        require_domain(self._metrics, table, self.y_pred, self._label)
        for metric in self._metrics:
            metric.rows(*self._labeled(table))

    def _learn(self, table: Table, rows: NDArray[np.intp]) -> _Nannies:
        rows = rows[~np.isnan(table[self._label][rows])]
        y_true, y_pred = self._labeled_outside(table, rows, "estimate that block from")
        matrix, settings = table.matrix(self._inputs, rows), self.hyperparameters
        data = bin_matrix(matrix, table.categorical(self._inputs), hyperparameters=settings)
        nannies: dict[bytes, Booster] = {}  # equal targets share one: mse and rmse, mae² and mse
        pairs = {}
        for metric in self._metrics:
            loss = metric.rows(y_true, y_pred)
            name = f"`{metric.name}` of a row, or its square,"
            for target in (loss, np.square(loss)):
                if target.tobytes() not in nannies:
                    nannies[target.tobytes()] = grow(data, target, settings, name=name)
            pairs[metric.name] = nannies[loss.tobytes()], nannies[np.square(loss).tobytes()]
        # Sampling errors are those of the whole reference, in every fold.
        return _Nannies(pairs, loss_moments(self._metrics, *self._labeled(table)))

    def _measure(self, state: _Nannies, table: Table, chunk: Chunk) -> Iterable[Reading]:
        matrix = table.matrix(self._inputs, chunk.rows)
        nannies = {id(nanny): nanny for pair in state.pairs.values() for nanny in pair}
        predicted = {key: predict(nanny, matrix) for key, nanny in nannies.items()}
        n = len(chunk)
        labeled = self._labeled(table, chunk.rows) if self._label in table.arrays else None
        for metric in self._metrics:
            first, second = (predicted[id(nanny)] for nanny in state.pairs[metric.name])
            rows = first if metric.lower_limit is None else np.maximum(first, metric.lower_limit)
            mean = float(rows.mean())
            # Where the two nannies contradict each other the variance is taken as zero.
            sd = float(np.sqrt(np.maximum(second - rows**2, 0).mean()))
            moments = state.moments[metric.name]
            quiet = realized_reading(metric, labeled, moments).quiet if labeled else (None, None)
            yield Reading(
                metric.name,
                metric.aggregate(mean, n),
                n,
                sampling_error=metric.sampling_error(*moments, n),
                spread=metric.sampling_error(mean, sd, n),
                baseline=quiet[0],
                n_baseline=quiet[1],
            )


@dataclass(frozen=True)
class _Nannies:
    """Per metric: the models of its row loss and of that loss squared; the loss's mean and SD."""

    pairs: dict[str, tuple[Booster, Booster]]
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
