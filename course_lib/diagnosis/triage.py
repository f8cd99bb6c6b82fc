"""Triage: what moved in each chunk, whether it hurts, a verdict and the next step.

Taught in lesson 07.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from course_lib.core.result import Result
from course_lib.diagnosis.decomposition import decompose_change, require_pair

__all__ = ["N_COLUMNS", "VERDICTS", "labelled", "persistent", "signals", "triage"]

#: The verdicts, mildest first.
VERDICTS = ("quiet", "harmless drift", "covariate shift", "broken data", "concept drift")
#: Largest number of columns that are named.
N_COLUMNS = 3
#: A chunk counts as labelled if its share of labels is at least this times the reference median.
LABELLED = 0.9

_CHUNK = ["chunk_index", "key", "start_date", "end_date"]
_SERIES = ["name", "metric"]
_SIGNAL = ["chunk_index", *_SERIES, "given", "is_column", "distance", "alert"]
#: Each finding with its verdict and the next step.
_FINDINGS = {
    "quiet": ("quiet", "nothing to do"),
    "quiet so far": ("quiet", "wait for labels: concept drift cannot show without them"),
    "harmless": ("harmless drift", "ask the source why it moved; leave the model alone"),
    "harmless so far": ("harmless drift", "ask the source why it moved; labels tell if it hurts"),
    "explained": ("covariate shift", "look at the business value: harder rows, no worse model"),
    "expected": ("covariate shift", "look at the estimated value; labels confirm or refute it"),
    "outside": (
        "covariate shift",
        "do not trust the estimate: inputs it never saw; decide by hand",
    ),
    "faulty": ("broken data", "repair or refuse the rows at the source, then score again"),
    "suspect": ("broken data", "check the source of the column now; do not wait for labels"),
    "changed": ("concept drift", "recalibrate on the latest labels, then compare remedies"),
}

Flags = NDArray[np.bool_]
Results = Result | Sequence[Result]


def triage(
    *,
    estimated: Result,
    realized: Result | None = None,
    multivariate: Results = (),
    univariate: Results = (),
    quality: Results = (),
    impact: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return a verdict and a next step for each analysis chunk, from the results of all monitors.

    A signal is one metric of one column, or of all. It is on in a chunk when it alerts there and in
    at least one more of three consecutive chunks (`persistent`). The same rule holds for the
    estimate and the realized values.

    Verdicts of a chunk with its labels, in this order:

    * it does not hurt (realized alert off): **harmless drift** if any signal of the inputs is on,
      else **quiet**;
    * missing values are on: **broken data**;
    * what the estimate does not explain stays within its boundaries (`decompose_change`):
      **covariate shift**;
    * a column does not fit the others (consistency): **broken data**;
    * values are unseen or out of range: **covariate shift**, but the estimate cannot be trusted;
    * else **concept drift**.

    Without labels, `hurts` is missing and the verdict is provisional: missing values are broken
    data; an estimate that alerts is a covariate shift; columns that no longer fit the others are
    broken data if none of them drifts by itself; other signals are harmless drift so far. Concept
    drift cannot be detected.

    Parameters
    ----------
    estimated, realized : Result
        Of `DLE` or `CBPE` and of `PerformanceCalculator`, the same single metric. `realized` may
        lack the labels that are not published yet (`as_of`), or be left out.
    multivariate, univariate, quality : Result or list of Result
        Of the drift and quality monitors, on the inputs.
    impact : DataFrame, optional
        From `ImpactRanker.rank`; gives the columns of a covariate shift. By default these are the
        columns that moved most.

    Returns
    -------
    DataFrame
        One row per analysis chunk: ``chunk_index``, ``key``, ``start_date``, ``end_date``;
        ``moved``, the columns and detectors that are on, largest change (in standard deviations of
        the reference) first; ``hurts`` (True, False or missing); ``verdict``, one of `VERDICTS`;
        ``columns``, the most likely ones, at most three, best first (none for concept drift: see
        `error_by_segment`); ``next_step``. Names are joined by commas.

    Raises
    ------
    TypeError, ValueError
        When an argument is not a result, has other chunks than `estimated`, is given twice or lacks
        the reference.

    Notes
    -----
    The rule is two of three chunks, not Holm's correction for the number of series. On the desk
    both find every week of the incidents that inputs can show, but Holm's flags more quiet weeks
    (``docs/evidence.md``). A random alert rarely repeats, but one unusual chunk can be highly
    significant. With hundreds of series, also lower the ``false_alarm_rate`` of their thresholds.
    The rule costs a delay: an alert counts once a second one follows, so a verdict may change while
    the next two chunks arrive. Taught in lesson 07.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from course_lib import DLE, PerformanceCalculator, triage
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame({"size": rng.uniform(0, 1, 3000)})
    >>> frame["predicted"] = 100 * frame["size"]
    >>> frame["price"] = frame["predicted"] + rng.normal(0, 5, 3000)
    >>> roles = {"y_pred": "predicted", "y_true": "price", "metrics": "mae"}
    >>> dle = DLE(feature_column_names=["size"], **roles).fit(frame)
    >>> calculator = PerformanceCalculator(problem_type="regression", **roles).fit(frame)
    >>> fallen = frame.assign(price=0.8 * frame["price"])
    >>> triaged = triage(estimated=dle.estimate(fallen), realized=calculator.calculate(fallen))
    >>> triaged["verdict"].unique().tolist()
    ['concept drift']
    """
    chunks = _chunks_of(estimated)
    given = {"multivariate": multivariate, "univariate": univariate, "quality": quality}
    moved = signals(chunks, {name: _as_list(name, value) for name, value in given.items()})
    outcome = _outcome(chunks, estimated, realized)
    rows = []
    for index, expected, hurts, beyond in outcome:
        on = moved[moved["on"] & (moved["chunk_index"] == index)]
        evidence = _Evidence(on, expected, hurts, beyond, _ranked_columns(impact, index))
        rows.append((", ".join(map(str, evidence.moved)), hurts, *evidence.conclusion()))
    names = ["moved", "hurts", "verdict", "columns", "next_step"]
    table = pd.DataFrame(rows, columns=names, dtype=object)
    return pd.concat([chunks, table.astype({"hurts": "boolean"})], axis=1)


def persistent(alerts: ArrayLike) -> Flags:
    """Keep the alerts of chunks with another alert among three consecutive chunks.

    Parameters
    ----------
    alerts : array-like of bool, shape (n,)
        Of one series, in order of time.

    Returns
    -------
    ndarray of bool, shape (n,)

    Notes
    -----
    The first chunk of an incident is kept once the second or third alerts. Taught in lesson 06.

    Examples
    --------
    >>> persistent([True, False, False, True, False, True])
    array([False, False, False,  True, False,  True])
    """
    flags = np.asarray(alerts, dtype=bool)
    shared = np.zeros_like(flags)
    for gap in (1, 2):
        shared[gap:] |= flags[:-gap]
        shared[:-gap] |= flags[gap:]
    return np.asarray(flags & shared)


@dataclass(frozen=True)
class _Evidence:
    """Evidence of one chunk: signals that are on (largest change first), and the performance."""

    on: pd.DataFrame
    expected: bool
    hurts: bool | None
    beyond: bool
    ranked: list[str]

    @property
    def moved(self) -> list[str]:
        return list(dict.fromkeys(self.on["name"]))

    def columns(self, *metrics: str, given: str | None = None) -> list[str]:
        """Return the columns that are on, optionally only of some metrics or of one argument."""
        part = self.on[self.on["is_column"]]
        if metrics:
            part = part[part["metric"].isin(metrics)]
        if given is not None:
            part = part[part["given"] == given]
        return list(dict.fromkeys(part["name"]))

    def conclusion(self) -> tuple[str, str, str]:
        finding, columns = self._without_labels() if self.hurts is None else self._with_labels()
        verdict, next_step = _FINDINGS[finding]
        return verdict, ", ".join(map(str, columns[:N_COLUMNS])), next_step

    def _with_labels(self) -> tuple[str, list[str]]:
        if not self.hurts:
            return ("harmless", self.columns()) if len(self.on) else ("quiet", [])
        if missing := self.columns("missing_values"):
            return "faulty", missing
        if not self.beyond:
            return "explained", self._shifted()
        if inconsistent := self.columns("residual"):
            return "faulty", inconsistent
        if outside := self.columns("unseen_values", "out_of_range"):
            return "outside", outside
        return "changed", []

    def _without_labels(self) -> tuple[str, list[str]]:
        if missing := self.columns("missing_values"):
            return "suspect", missing
        if self.expected:
            return "expected", self._shifted()
        inconsistent = self.columns("residual")
        # New kinds of rows also cause drift in single columns; a pipeline fault may not.
        if inconsistent and not set(inconsistent) & set(self.columns(given="univariate")):
            return "suspect", inconsistent
        return ("harmless so far", self.columns()) if len(self.on) else ("quiet so far", [])

    def _shifted(self) -> list[str]:
        return self.ranked or self.columns(given="univariate")


def signals(chunks: pd.DataFrame, given: Mapping[str, Sequence[Result]]) -> pd.DataFrame:
    """Return all signals of the inputs, `on` or not, largest change first.

    One row per chunk, name (of a column, or of a metric of all columns) and metric.
    """
    parts = [_measured(chunks, name, item) for name, results in given.items() for item in results]
    if not parts:
        table = pd.DataFrame(columns=[*_SIGNAL, "on"])
        return table.astype({"is_column": bool, "on": bool})
    table = pd.concat(parts, ignore_index=True).sort_values("chunk_index", kind="stable")
    duplicated = table.duplicated(["chunk_index", *_SERIES])
    if duplicated.any():
        name, metric = table.loc[duplicated, _SERIES].iloc[0]
        raise ValueError(f"{metric} of `{name}` is given more than once; pass each result once")
    on = table.groupby(_SERIES, sort=False)["alert"].transform(lambda alert: persistent(alert))
    table["on"] = on.astype(bool)
    return table.sort_values("distance", ascending=False, kind="stable")


def _measured(chunks: pd.DataFrame, given: str, result: Result) -> pd.DataFrame:
    """Return the analysis rows of a result with their distance from the reference."""
    _same_chunks(chunks, given, result)
    frame = result.to_df()
    frame["is_column"] = frame["column"] != ""
    frame["name"] = frame["column"].where(frame["is_column"], frame["metric"])
    reference = frame[frame["period"] == "reference"].groupby(_SERIES)["value"]
    stats = reference.agg(["mean", "std", "count"])
    _require_reference(given, stats)
    analysis = frame[frame["period"] == "analysis"].merge(stats, left_on=_SERIES, right_index=True)
    change, std = (analysis["value"] - analysis["mean"]).abs(), analysis["std"]
    # If the reference does not vary, any change is infinitely far from it.
    distance = (change / std).where(std > 0, np.where(change > 0, np.inf, 0.0))
    return analysis.assign(given=given, distance=distance)[_SIGNAL]


def _outcome(
    chunks: pd.DataFrame, estimated: Result, realized: Result | None
) -> list[tuple[int, bool, bool | None, bool]]:
    """Return per chunk: index, estimate on, realized on (None without labels), unexplained on."""
    expected = persistent(estimated.filter(period="analysis").to_df()["alert"])
    indexes = chunks["chunk_index"].tolist()
    if realized is None:
        return [(index, bool(e), None, False) for index, e in zip(indexes, expected, strict=True)]
    require_pair(estimated, realized)
    _same_chunks(chunks, "realized", realized)
    known = labelled(realized).to_numpy()
    hurts = persistent(realized.filter(period="analysis").to_df()["alert"].to_numpy() & known)
    beyond = np.zeros(len(known), dtype=bool)
    if known.any():
        parts = decompose_change(estimated, realized)
        beyond = chunks["chunk_index"].isin(parts.loc[parts["beyond"], "chunk_index"]).to_numpy()
    return [
        (index, bool(e), bool(h) if k else None, bool(b))
        for index, e, h, k, b in zip(
            indexes, expected, hurts, known, persistent(beyond & known), strict=True
        )
    ]


def _ranked_columns(impact: pd.DataFrame | None, index: int) -> list[str]:
    if impact is None:
        return []
    ranked = impact[impact["chunk_index"] == index].sort_values("rank")
    return [str(name) for name in ranked["column"]]


def labelled(realized: Result) -> pd.Series:
    """Return per analysis chunk whether its labels are known, compared with the reference."""
    frame = realized.to_df()
    share = frame["n_used"] / frame["n_rows"]
    reference_median = share[frame["period"] == "reference"].median()
    known = frame["value"].notna() & (share >= LABELLED * reference_median)
    return known[frame["period"] == "analysis"].reset_index(drop=True)


def _chunks_of(estimated: Result) -> pd.DataFrame:
    _require_result("estimated", estimated)
    if estimated.kind != "estimated" or len(estimated.series) != 1:
        n_metrics = len(estimated.series)
        raise ValueError(
            f"`estimated` holds {n_metrics} {'metric' if n_metrics == 1 else 'metrics'} of "
            f"{estimated.kind} values; give one metric of a DLE or CBPE, chosen with "
            "`.filter(metrics=...)`"
        )
    return estimated.filter(period="analysis").to_df()[_CHUNK].reset_index(drop=True)


def _same_chunks(chunks: pd.DataFrame, given: str, result: Result) -> None:
    own_chunks = result.filter(period="analysis").to_df()[_CHUNK].drop_duplicates()
    if not own_chunks.reset_index(drop=True).equals(chunks):
        raise ValueError(
            f"`{given}` has {len(own_chunks)} analysis chunks that are not the {len(chunks)} of "
            "`estimated`; calculate all results on the same frame with the same chunks"
        )


def _require_reference(given: str, stats: pd.DataFrame) -> None:
    n_short = int((stats["count"] < 2).sum())
    if n_short or stats.empty:
        raise ValueError(
            f"`{given}` has {n_short or 'only'} series with fewer than 2 reference chunks, against "
            'which a change is measured; pass the result without `.filter(period="analysis")`'
        )


def _as_list(name: str, value: Results) -> list[Result]:
    results = [value] if isinstance(value, Result) else list(value)
    for result in results:
        _require_result(name, result)
    return results


def _require_result(name: str, result: object) -> None:
    if not isinstance(result, Result):
        raise TypeError(f"`{name}` must be a Result, got {type(result).__name__}")
