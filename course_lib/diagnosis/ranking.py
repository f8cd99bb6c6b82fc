"""Rankers: the order in which to look at columns that drifted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from course_lib.core.boosting import Booster, bin_matrix, grow
from course_lib.core.monitor import not_fitted
from course_lib.core.result import Result
from course_lib.core.sampling import draw
from course_lib.core.schema import Schema
from course_lib.performance.dle import DLE
from course_lib.performance.regression_metrics import RootMetric, RowMetric

__all__ = ["AlertCountRanker", "CorrelationRanker", "ImpactRanker"]

_CHUNK = ["period", "chunk_index", "key"]
#: The parameters of a DLE on which its inputs, its metric and its chunks rest.
_SHARED = (
    *("feature_column_names", "y_pred", "y_true", "timestamp_column_name", "metrics"),
    *("id_column_name", "chunk_size", "chunk_number", "chunk_period"),
)


class AlertCountRanker:
    """Rank columns by how many chunks alerted.

    It does not measure whether the drift matters. Source: NannyML 0.13.1. Taught in lesson 06.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from course_lib import AlertCountRanker, UnivariateDriftCalculator
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame(rng.normal(size=(2000, 2)), columns=["a", "b"])
    >>> drift = UnivariateDriftCalculator(["a", "b"]).fit(frame)
    >>> result = drift.calculate(frame.assign(b=frame["b"] + 1)).filter(period="analysis")
    >>> AlertCountRanker().rank(result)["column_name"].tolist()
    ['b', 'a']
    """

    def rank(self, rankable_result: Result, only_drifting: bool = False) -> pd.DataFrame:
        """Count alerts per column.

        Parameters
        ----------
        rankable_result : Result
            Of a monitor of columns, one metric per column. The chunks of both periods count.
        only_drifting : bool
            Leave out columns without an alert.

        Returns
        -------
        DataFrame
            ``number_of_alerts``, ``column_name`` and ``rank`` from 1; equal counts by name.

        Raises
        ------
        ValueError
            When the result is not about columns, or has two metrics for a column.
        """
        frame = _of_columns(rankable_result)
        counts = frame.groupby("column")["alert"].sum()
        counts = counts[counts > 0] if only_drifting else counts
        table = pd.DataFrame({"number_of_alerts": counts.to_numpy(), "column_name": counts.index})
        return _ranked(table, "number_of_alerts")


class CorrelationRanker:
    """Rank columns by how closely their drift follows the change of performance.

    The measure is the strength of Pearson's correlation, over chunks, between a column's drift and
    the absolute change of performance. Few chunks correlate by chance. Source: NannyML 0.13.1,
    which ranks by the signed correlation. Taught in lesson 06.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from course_lib import CorrelationRanker, PerformanceCalculator, UnivariateDriftCalculator
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame(rng.normal(size=(2000, 3)), columns=["a", "b", "y"])
    >>> later = frame + np.outer(frame.index >= 1000, [0, 1, 3])
    >>> drift = UnivariateDriftCalculator(["a", "b"]).fit(frame).calculate(later)
    >>> calculator = PerformanceCalculator("mae", "y", "regression", y_pred="b").fit(frame)
    >>> realized = calculator.calculate(later)
    >>> ranker = CorrelationRanker().fit(realized.filter(period="reference"))
    >>> ranker.rank(drift, realized)["column_name"].tolist()
    ['b', 'a']
    """

    def __init__(self) -> None:
        self._level: float | None = None

    def fit(self, reference_performance_calculation_result: Result) -> CorrelationRanker:
        """Learn the usual performance: the mean over the chunks of the reference.

        Raises
        ------
        ValueError
            When the result has several metrics or no reference chunk.
        """
        frame = _single(reference_performance_calculation_result)
        reference = frame.loc[frame["period"] == "reference", "value"]
        if reference.notna().sum() == 0:
            raise ValueError(
                "the performance result has no reference chunk with a value; pass "
                '`.filter(period="reference")` of a fitted monitor'
            )
        self._level = float(reference.mean())
        return self

    def rank(
        self,
        rankable_result: Result,
        performance_calculation_result: Result,
        only_drifting: bool = False,
    ) -> pd.DataFrame:
        """Correlate each column's drift with the absolute change of performance.

        Parameters
        ----------
        rankable_result, only_drifting
            As in `AlertCountRanker.rank`.
        performance_calculation_result : Result
            Realized or estimated, one metric, for the same chunks.

        Returns
        -------
        DataFrame
            ``column_name``, ``pearsonr_correlation``, ``pearsonr_pvalue`` (for independent chunks),
            ``has_drifted`` and ``rank`` from 1. A column that did not vary has NaN and comes last.

        Raises
        ------
        ValueError
            Before `fit`, or when the chunks of the two results differ.
        """
        if self._level is None:
            raise not_fitted(self, "rank(...)")
        drift = _of_columns(rankable_result)
        performance = _single(performance_calculation_result)
        change = performance[_CHUNK].assign(change=(performance["value"] - self._level).abs())
        both = drift.merge(change, on=_CHUNK, how="left", indicator=True)
        if n_unmatched := int((both["_merge"] != "both").sum()):
            raise ValueError(
                f"{n_unmatched} drift values belong to chunks that the performance result lacks; "
                "use the same chunks for both"
            )
        rows = [
            (name, *_pearson(part[["value", "change"]].dropna()), part["alert"].any())
            for name, part in both.groupby("column")
        ]
        names = ["column_name", "pearsonr_correlation", "pearsonr_pvalue", "has_drifted"]
        table = pd.DataFrame(rows, columns=names)
        if only_drifting:
            table = table[table["has_drifted"]]
        return _ranked(table, "pearsonr_correlation")


class ImpactRanker:
    """Rank columns by what their change does to the expected loss, in the unit of the metric.

    A second model, which does not see the prediction, learns the loss of a row from the features
    in the reference. The contribution of a column is its mean TreeSHAP value over a chunk minus
    that over the reference (at most 10,000 rows). Contributions add up to the change that this
    model expects; compare it with that of the DLE (`changes`). Like any estimate, it does not see
    concept drift, and broken data mislead it. Source: S. Lundberg and others, From local
    explanations to global understanding with explainable AI for trees, Nature Machine Intelligence
    2 (2020). Taught in lesson 06.

    Parameters
    ----------
    dle : DLE
        Which features, metric and chunks; fitted or not. One metric that is a mean over rows.
    groups : dict of str to list of str, optional
        Columns that measure the same thing, such as a stone's weight and its dimensions: the split
        between them is arbitrary, their sum is not.

    Raises
    ------
    ValueError
        For another metric; for groups that overlap, or name what is not a feature.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from course_lib import DLE, ImpactRanker
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame(rng.uniform(size=(3000, 2)), columns=["a", "b"])
    >>> frame["y"] = 10 * frame["a"] * rng.normal(size=3000)
    >>> dle = DLE(["a", "b"], y_pred="zero", y_true="y", metrics="mae", chunk_size=300)
    >>> ranker = ImpactRanker(dle).fit(frame.assign(zero=0.0))
    >>> ranker.rank(frame[frame["a"] > 0.7].assign(zero=0.0)).loc[0, "column"]
    'a'
    """

    _max_rows = 2_000  # TreeSHAP takes about 0.3 ms a row

    def __init__(self, dle: DLE, *, groups: Mapping[str, Sequence[str]] | None = None) -> None:
        self.dle = dle
        self.groups = _checked_groups(groups or {}, _rules(dle)._features)
        self._state: _Impact | None = None

    @property
    def metric(self) -> RowMetric:
        """The metric whose change is split."""
        return (self._state.rules if self._state else _rules(self.dle))._metrics[0]

    def fit(self, reference: pd.DataFrame) -> ImpactRanker:
        """Learn from the reference; raise the errors of `DLE.fit`."""
        rules = _rules(self.dle)
        features, metric = rules._features, rules._metrics[0]
        groups = _checked_groups(self.groups, features)
        schema = rules._schema(reference)
        table = schema.read(reference)
        rules._check_reference(table)
        rows = np.flatnonzero(~np.isnan(table[rules._label]))
        loss = metric.rows(*(table[name][rows] for name in (rules._label, rules.y_pred)))
        matrix, settings = table.matrix(features, rows), rules.hyperparameters
        data = bin_matrix(matrix, table.categorical(features), hyperparameters=settings)
        nanny = grow(data, loss, settings, name=f"`{metric.name}` of a row")
        sample = draw(table, features, np.arange(table.n_rows), 5 * self._max_rows)
        reference_mean = _contributions(nanny, table.matrix(features, sample))
        self._state = _Impact(rules, groups, schema, nanny, reference_mean)
        return self

    def rank(self, analysis: pd.DataFrame) -> pd.DataFrame:
        """Split the change of each chunk among the columns.

        Parameters
        ----------
        analysis : DataFrame
            With the features and the prediction; the label is not read. At most 2,000 rows of a
            chunk are used, drawn at random.

        Returns
        -------
        DataFrame
            ``chunk_index``, ``key``, ``column`` (or group), ``metric``, ``contribution`` and
            ``rank`` within the chunk from 1, largest absolute contribution first.

        Raises
        ------
        TypeError, ValueError
            Before `fit`, or as `DLE.estimate`.
        """
        if self._state is None:
            raise not_fitted(self, "rank(analysis)")
        state, rules = self._state, self._state.rules
        table = state.schema.read(analysis, skip=[rules._label], name="analysis")
        features = rules._features
        parts = []
        for chunk in table.cut(rules._chunker).chunks:
            sample = draw(table, features, np.r_[chunk.rows], self._max_rows)
            mean = _contributions(state.nanny, table.matrix(features, sample))
            change = dict(zip(features, mean - state.reference_mean, strict=True))
            sums = {name: sum(map(change.pop, group)) for name, group in state.groups.items()}
            part = pd.DataFrame((sums | change).items(), columns=["column", "contribution"])
            part = part.assign(chunk_index=chunk.index, key=chunk.key, metric=self.metric.name)
            parts.append(_ranked(part, "contribution"))
        order = ["chunk_index", "key", "column", "metric", "contribution", "rank"]
        return pd.concat(parts, ignore_index=True)[order]

    def changes(self, analysis: pd.DataFrame) -> pd.DataFrame:
        """Compare the change that this ranker expects with the one that the DLE estimates.

        Where the two differ much, do not trust the ranking: the loss then depends on the
        prediction, which this ranker does not see. The frame is that of `rank`.

        Returns
        -------
        DataFrame
            ``chunk_index``, ``key``, ``metric``, ``change`` (the sum of the contributions),
            ``change_estimated`` (of the DLE, against its reference chunks) and ``distance``, their
            difference.

        Raises
        ------
        TypeError, ValueError
            Before `fit` of both, after `fit` with different parameters, or as `DLE.estimate`.
        """
        chunks = ["chunk_index", "key", "metric"]
        change = self.rank(analysis).groupby(chunks, sort=False)["contribution"].sum()
        if self._state and self.dle._fitted:
            mine, theirs = (fitted.rules.get_params() for fitted in (self._state, self.dle._fitted))
            if other := [name for name in _SHARED if mine[name] != theirs[name]]:
                raise ValueError(
                    f"the DLE was fitted with another `{other[0]}` than this ranker; fit both again"
                )
        estimated = self.dle.estimate(analysis).to_df()
        reference = estimated[estimated["period"] == "reference"]
        reference_mean = np.average(reference["value"], weights=reference["n_rows"])
        later = estimated[estimated["period"] == "analysis"].set_index(chunks)["value"]
        both = pd.DataFrame({"change": change, "change_estimated": later - reference_mean})
        return both.assign(distance=both["change"] - both["change_estimated"]).reset_index()


@dataclass(frozen=True)
class _Impact:
    """What `ImpactRanker.fit` learned: its rules, the model, the mean contributions."""

    rules: DLE
    groups: dict[str, list[str]]
    schema: Schema
    nanny: Booster
    reference_mean: NDArray[np.float64]


def _rules(dle: DLE) -> DLE:
    """Return the frozen parameters of a DLE with one metric that is a mean over rows."""
    rules = dle._frozen()
    metric, *others = rules._metrics
    if others:
        raise ValueError(
            f"the DLE has {len(others) + 1} metrics; impact has one unit: give it a single one"
        )
    if isinstance(metric, RootMetric):
        raise ValueError(
            f"the DLE has `metrics=[{metric.name!r}]`, the root of a mean, and contributions to it "
            "do not add up; use mae, mse or a RowMetric"
        )
    if metric.total:
        raise ValueError(
            f"the DLE has `metrics=[{metric.name!r}]`, a total, and contributions are per row; "
            "use the metric without `total=True`"
        )
    return rules


def _contributions(nanny: Booster, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean TreeSHAP value per column; the last column of LightGBM's answer is the constant."""
    return np.asarray(nanny.predict(matrix, pred_contrib=True)[:, :-1].mean(axis=0))


def _checked_groups(
    groups: Mapping[str, Sequence[str]], features: Sequence[str]
) -> dict[str, list[str]]:
    for group, names in groups.items():
        if isinstance(names, str) or not len(names):
            raise ValueError(f"`groups` needs a list of columns for {group!r}, got {names!r}")
        if group in features and group not in names:
            raise ValueError(f"the group {group!r} has the name of another column; rename it")
    members = [name for names in groups.values() for name in names]
    for name in members:
        if name not in features:
            raise ValueError(f"`groups` names {name!r}, which is not a feature of the DLE")
        if members.count(name) > 1:
            raise ValueError(f"`groups` names {name!r} more than once; a column has one group")
    return {group: list(names) for group, names in groups.items()}


def _of_columns(result: Result) -> pd.DataFrame:
    frame = result.to_df()
    if of_model := int((frame["column"] == "").sum()):
        raise ValueError(
            f"{of_model} of {len(frame)} values of the result are not about columns; pass one of a "
            "monitor of columns"
        )
    n_metrics = frame.groupby("column")["metric"].nunique()
    for column, n in n_metrics[n_metrics > 1].items():
        raise ValueError(
            f"`{column}` has {n} metrics in the result; choose one with `.filter(metrics=...)`"
        )
    return frame


def _single(result: Result) -> pd.DataFrame:
    if len(result.series) != 1:
        raise ValueError(
            f"the performance result has {len(result.series)} metrics; choose one with "
            "`.filter(metrics=...)`"
        )
    return result.to_df()


def _pearson(pairs: pd.DataFrame) -> tuple[float, float]:
    from scipy import stats

    if pairs.nunique().min() < 2:
        return np.nan, np.nan
    result = stats.pearsonr(pairs["value"], pairs["change"])
    return float(result.statistic), float(result.pvalue)


def _ranked(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Sort by absolute value, largest first and NaN last, and number the rows from 1."""
    table = table.sort_values(by, key=abs, ascending=False, kind="stable", ignore_index=True)
    return table.assign(rank=np.arange(1, len(table) + 1))
