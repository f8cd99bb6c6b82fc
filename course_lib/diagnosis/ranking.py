"""Rankers: the order in which to look at columns that drifted.

Taught in lesson 06.
"""

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
#: The parameters of a DLE on which its chunks, its metric and its inputs rest.
_SHARED = (
    *("feature_column_names", "y_pred", "y_true", "metrics", "timestamp_column_name"),
    *("chunk_size", "chunk_number", "chunk_period"),
)


class AlertCountRanker:
    """Rank columns by how many chunks alerted.

    A column that alerts often has drifted; whether that matters is not measured. Source:
    NannyML 0.13.1. Taught in lesson 06.

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
            Of a monitor of columns, one metric per column. All its chunks count: choose a period
            with `.filter(period=...)`.
        only_drifting : bool
            Leave out columns without an alert.

        Returns
        -------
        DataFrame
            ``number_of_alerts``, ``column_name`` and ``rank`` from 1, most alerts first; columns
            with equal counts in order of their names.

        Raises
        ------
        ValueError
            When the result is not about columns, or has two metrics for a column.
        """
        frame = _of_columns(rankable_result)
        counts = frame.groupby("column")["alert"].sum().sort_index()
        ranked = counts.sort_values(ascending=False, kind="stable").rename("number_of_alerts")
        table = ranked.rename_axis("column_name").reset_index()[["number_of_alerts", "column_name"]]
        if only_drifting:
            table = table[table["number_of_alerts"] > 0]
        return _numbered(table)


class CorrelationRanker:
    """Rank columns by how closely their drift follows the change of performance.

    The strength of Pearson's correlation between a column's drift and the absolute change of
    performance, over chunks. Few chunks correlate by chance. Source: NannyML 0.13.1, which ranks by
    the signed correlation. Taught in lesson 06.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from course_lib import CorrelationRanker, PerformanceCalculator, UnivariateDriftCalculator
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame(rng.normal(size=(2000, 2)), columns=["a", "b"])
    >>> frame["y"] = frame["b"] + 0.1 * rng.normal(size=2000)
    >>> later = frame.copy()
    >>> later.loc[1000:, ["b", "y"]] += [1.0, 2.0]
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
        rankable_result : Result
            Of a monitor of columns, one metric per column.
        performance_calculation_result : Result
            Realized or estimated, one metric, for the same chunks.
        only_drifting : bool
            Leave out columns without an alert.

        Returns
        -------
        DataFrame
            ``column_name``, ``pearsonr_correlation``, ``pearsonr_pvalue`` (for independent chunks),
            ``has_drifted`` and ``rank`` from 1. A column that did not vary has no correlation and
            comes last.

        Raises
        ------
        ValueError
            Before `fit`, or when the chunks of the two results differ.
        """
        if self._level is None:
            raise not_fitted(self, "rank(...)")
        drift = _of_columns(rankable_result)
        change = _single(performance_calculation_result)[[*_CHUNK, "value"]]
        change = change.assign(change=(change["value"] - self._level).abs()).drop(columns="value")
        both = drift.merge(change, on=_CHUNK, how="left", indicator=True)
        n_unmatched = int((both["_merge"] != "both").sum())
        if n_unmatched:
            raise ValueError(
                f"{n_unmatched} drift values belong to chunks that the performance result lacks; "
                "use the same chunks for both"
            )
        rows = [
            (name, *_pearson(part["value"], part["change"]), bool(part["alert"].any()))
            for name, part in both.groupby("column")
        ]
        names = ["column_name", "pearsonr_correlation", "pearsonr_pvalue", "has_drifted"]
        table = pd.DataFrame(rows, columns=names)
        if only_drifting:
            table = table[table["has_drifted"]]
        return _numbered(_by_strength(table, "pearsonr_correlation"))


class ImpactRanker:
    """Rank columns by what their change does to the expected loss, in the unit of the metric.

    A second model, which does not see the prediction, learns the loss of a row from the features
    in the reference. The contribution of a column is its mean TreeSHAP value over a chunk less that
    over the reference (over at most 10,000 of its rows). Contributions add up to the change that
    this model expects. It is usually close to the change that the DLE estimates; where the two
    differ much (`changes`), do not trust the ranking. Like any estimate, it does not see concept
    drift, and broken data mislead it.

    Parameters
    ----------
    dle : DLE
        Which features, metric and chunks; fitted or not. One metric that is a mean of rows.
    groups : dict of str to list of str, optional
        Columns that say the same thing, such as a stone's weight and its dimensions: between them
        the split is arbitrary, their sum is not.

    Raises
    ------
    ValueError
        For a DLE with several metrics, a root or a total; for groups that overlap, or name what is
        no feature.

    Notes
    -----
    Source: S. Lundberg and others, From local explanations to global understanding with explainable
    AI for trees, Nature Machine Intelligence 2 (2020). Taught in lesson 06.

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
        self.groups = _checked_groups(groups or {}, _of_one_mean(dle)._features)
        self._state: _Impact | None = None

    @property
    def metric(self) -> RowMetric:
        """The metric whose change is split."""
        rules = self._state.rules if self._state else _of_one_mean(self.dle)
        return rules._metrics[0]

    def fit(self, reference: pd.DataFrame) -> ImpactRanker:
        """Learn the loss from the features, and the mean contributions in the reference.

        Raises
        ------
        TypeError, ValueError
            As `DLE.fit`.
        """
        rules = _of_one_mean(self.dle)
        groups = _checked_groups(self.groups, rules._features)
        metric = rules._metrics[0]
        schema = rules._schema(reference)
        table = schema.read(reference)
        rules._check_reference(table)
        rows = np.flatnonzero(~np.isnan(table[rules._label]))
        loss = metric.rows(*(table[name][rows] for name in (rules._label, rules.y_pred)))
        features = rules._features
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
            With the features and the prediction; the label is not read. Of a chunk with more than
            2,000 rows as many are drawn.

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
        rules, state = self._state.rules, self._state
        table = state.schema.read(analysis, skip=[rules._label], name="analysis")
        features = rules._features
        parts = []
        for chunk in table.cut(rules._chunker).chunks:
            sample = draw(table, features, np.r_[chunk.rows], self._max_rows)
            change = _contributions(state.nanny, table.matrix(features, sample))
            change = change - state.reference_mean
            by_name = _grouped(dict(zip(features, change, strict=True)), state.groups)
            ranked = pd.DataFrame(by_name.items(), columns=["column", "contribution"])
            ranked.insert(1, "metric", self.metric.name)
            ranked.insert(0, "key", chunk.key)
            ranked.insert(0, "chunk_index", chunk.index)
            parts.append(_numbered(_by_strength(ranked, "contribution")))
        return pd.concat(parts, ignore_index=True)

    def changes(self, analysis: pd.DataFrame) -> pd.DataFrame:
        """Put the change that this ranker expects beside the one that the DLE estimates.

        Where the two differ much, do not trust the ranking: the loss then depends on the
        prediction, which this ranker does not see.

        Parameters
        ----------
        analysis : DataFrame
            As in `rank`.

        Returns
        -------
        DataFrame
            ``chunk_index``, ``key``, ``metric``, ``change`` (the sum of the contributions),
            ``change_estimated`` (of the DLE, against its reference chunks) and ``distance``, the
            first less the second.

        Raises
        ------
        TypeError, ValueError
            Before `fit` of this ranker or of the DLE, when the two were fitted with different
            parameters, or as `DLE.estimate`.
        """
        chunks = ["chunk_index", "key", "metric"]
        change = self.rank(analysis).groupby(chunks, sort=False)["contribution"].sum()
        self._require_same_rules()
        estimated = self.dle.estimate(analysis).to_df()
        reference = estimated[estimated["period"] == "reference"]
        reference_mean = np.average(reference["value"], weights=reference["n_rows"])
        later = estimated[estimated["period"] == "analysis"].set_index(chunks)["value"]
        both = pd.DataFrame({"change": change, "change_estimated": later - reference_mean})
        return both.assign(distance=both["change"] - both["change_estimated"]).reset_index()

    def _require_same_rules(self) -> None:
        """Refuse to compare with a DLE that was fitted with other columns, chunks or metrics."""
        state, fitted = self._state, self.dle._fitted
        if state is None or fitted is None:
            return  # `rank` and `estimate` refuse those
        theirs = fitted.rules.get_params()
        other = [n for n, v in state.rules.get_params().items() if n in _SHARED and v != theirs[n]]
        if other:
            raise ValueError(
                f"the DLE was fitted with another `{other[0]}` than this ranker; fit both again"
            )


@dataclass(frozen=True)
class _Impact:
    """What `ImpactRanker.fit` learned: its rules, the model, the mean contributions."""

    rules: DLE
    groups: dict[str, list[str]]
    schema: Schema
    nanny: Booster
    reference_mean: NDArray[np.float64]


def _of_one_mean(dle: DLE) -> DLE:
    """Return the rules of a DLE with one metric that is a mean over rows; refuse any other."""
    rules = dle._frozen()
    metrics = rules._metrics
    if len(metrics) != 1:
        raise ValueError(
            f"the DLE has {len(metrics)} metrics; impact has one unit: give it a single one"
        )
    if isinstance(metrics[0], RootMetric):
        raise ValueError(
            f"the DLE has `metrics=[{metrics[0].name!r}]`, the root of a mean, and "
            "contributions to it do not add up; use mae, mse or a RowMetric"
        )
    if metrics[0].total:
        raise ValueError(
            f"the DLE has `metrics=[{metrics[0].name!r}]`, a total, and contributions are "
            "per row; use the metric without `total=True`"
        )
    return rules


def _grouped(
    contributions: Mapping[str, float], groups: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """Return the sum of each group, then the columns that are in none."""
    members = {name for names in groups.values() for name in names}
    sums = {group: sum(contributions[name] for name in names) for group, names in groups.items()}
    return sums | {name: v for name, v in contributions.items() if name not in members}


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
    of_model = int((frame["column"] == "").sum())
    if of_model:
        raise ValueError(
            f"{of_model} of {len(frame)} values of the result are not about columns; pass one of a "
            "monitor of columns"
        )
    metrics = frame.groupby("column")["metric"].nunique()
    several = metrics[metrics > 1]
    if len(several):
        raise ValueError(
            f"`{several.index[0]}` has {several.iloc[0]} metrics in the result; choose one with "
            "`.filter(metrics=...)`"
        )
    return frame


def _single(result: Result) -> pd.DataFrame:
    if len(result.series) != 1:
        raise ValueError(
            f"the performance result has {len(result.series)} metrics; choose one with "
            "`.filter(metrics=...)`"
        )
    return result.to_df()


def _pearson(x: pd.Series, y: pd.Series) -> tuple[float, float]:
    from scipy import stats

    known = x.notna() & y.notna()
    if known.sum() < 2 or x[known].nunique() < 2 or y[known].nunique() < 2:
        return np.nan, np.nan
    result = stats.pearsonr(x[known], y[known])
    return float(result.statistic), float(result.pvalue)


def _by_strength(table: pd.DataFrame, name: str) -> pd.DataFrame:
    return table.sort_values(name, key=abs, ascending=False, kind="stable", na_position="last")


def _numbered(table: pd.DataFrame) -> pd.DataFrame:
    return table.reset_index(drop=True).assign(rank=np.arange(1, len(table) + 1))
