"""Triage: per chunk, the changed inputs and performance, a verdict and the next step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from course_lib.core.result import Result, several
from course_lib.diagnosis.decomposition import CHUNK, decompose_change, require_pair

__all__ = ["N_COLUMNS", "VERDICTS", "labelled", "persistent", "signals", "triage"]

#: The verdicts, mildest first.
VERDICTS = ("quiet", "harmless drift", "covariate shift", "broken data", "concept drift")
#: Largest number of columns that are named.
N_COLUMNS = 3
#: A chunk is labeled if its share of labels is at least this times the reference median.
LABELLED = 0.9

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

    A signal is one metric of one column, or of all. Signals, estimate and realized values are on
    in a chunk that alerts, with another alert at most two chunks away (`persistent`).

    Verdicts of a chunk with its labels, in this order:

    * it does not hurt (realized alert off): **harmless drift** if any signal of the inputs is on,
      else **quiet**;
    * a signal of missing values is on: **broken data**;
    * the change that the estimate does not explain (`decompose_change`) is not persistently
      outside its boundaries: **covariate shift**;
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
        As for `decompose_change`. `realized` may lack labels that are not published yet (`as_of`).
    multivariate, univariate, quality : Result or list of Result
        Of the drift and quality monitors, on the inputs.
    impact : DataFrame, optional
        From `ImpactRanker.rank`: names the columns of a covariate shift in known ranges, instead
        of those that drift most.

    Returns
    -------
    DataFrame
        One row per analysis chunk: ``chunk_index``, ``key``, ``start_date``, ``end_date``;
        ``moved``, the columns and detectors that are on, largest change (in standard deviations of
        the reference) first; ``hurts`` (True, False or missing); ``verdict``, one of `VERDICTS`;
        ``columns``, at most three, the most likely first (none for concept drift: see
        `error_by_segment`); ``next_step``. Names are joined by commas.

    Raises
    ------
    TypeError, ValueError
        For an input that is not a result, has other chunks or duplicates, or no reference.

    Notes
    -----
    Holm's correction for the number of series finds the same incidents on the desk, but flags more
    quiet weeks (``docs/evidence.md``): a random alert rarely repeats, but one unusual chunk can be
    highly significant. With hundreds of series, also lower the ``false_alarm_rate`` of their
    thresholds. An alert counts when a second one follows, so a verdict may change while the next
    two chunks arrive. Taught in lesson 07.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from course_lib import DLE, PerformanceCalculator, triage
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame(rng.normal(size=(3000, 2)), columns=["size", "price"])
    >>> roles = {"y_pred": "predicted", "y_true": "price", "metrics": "mae"}
    >>> reference = frame.assign(predicted=0.0)
    >>> dle = DLE(["size"], **roles).fit(reference)
    >>> calculator = PerformanceCalculator(problem_type="regression", **roles).fit(reference)
    >>> later = reference.assign(price=2 * frame["price"])
    >>> triaged = triage(estimated=dle.estimate(later), realized=calculator.calculate(later))
    >>> triaged["verdict"].unique().tolist()
    ['concept drift']
    """
    _as_list("estimated", [estimated])
    if estimated.kind != "estimated" or len(estimated.series) != 1:
        raise ValueError(
            f"`estimated` holds {several(len(estimated.series), 'metric')} of {estimated.kind} "
            "values; give one metric of a DLE or CBPE, chosen with `.filter(metrics=...)`"
        )
    chunks = estimated.filter(period="analysis").to_df()[CHUNK]
    given = {"multivariate": multivariate, "univariate": univariate, "quality": quality}
    moved = signals(chunks, {name: _as_list(name, value) for name, value in given.items()})
    moved = moved[moved["on"]]
    if impact is None:
        impact = pd.DataFrame(columns=["chunk_index", "column", "rank"])
    impact = impact.sort_values("rank")
    rows = []
    for index, expected, hurts, beyond in _outcomes(chunks, estimated, realized):
        on, ranked = (frame[frame["chunk_index"] == index] for frame in (moved, impact))
        finding, columns = _finding(on, ranked["column"].tolist(), expected, hurts, beyond)
        verdict, next_step = _FINDINGS[finding]
        named = ", ".join(on["name"].unique()), ", ".join(columns[:N_COLUMNS])
        rows.append((named[0], hurts, verdict, named[1], next_step))
    names = ["moved", "hurts", "verdict", "columns", "next_step"]
    table = pd.DataFrame(rows, columns=names, dtype=object)
    return pd.concat([chunks, table.astype({"hurts": "boolean"})], axis=1)


def persistent(alerts: ArrayLike) -> Flags:
    """Return the alerts that have another alert at most two chunks away.

    The first chunk of an incident is kept if the second or third alerts. Taught in lesson 06.

    Parameters
    ----------
    alerts : array-like of bool, shape (n,)
        Of one series, in order of time.

    Returns
    -------
    ndarray of bool, shape (n,)

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


def _finding(
    on: pd.DataFrame, ranked: list[str], expected: bool, hurts: bool | None, beyond: bool
) -> tuple[str, list[str]]:
    """Return the finding of a chunk and its columns; `on` has the largest change first."""
    columns = on[on["is_column"]]

    def named(field: str, *values: str) -> list[str]:
        return columns.loc[columns[field].isin(values), "name"].unique().tolist()

    moved, drifted = columns["name"].unique().tolist(), named("given", "univariate")
    missing, inconsistent = named("metric", "missing_values"), named("metric", "residual")
    outside = named("metric", "unseen_values", "out_of_range")
    rules: list[tuple[object, str, list[str]]] = [
        (not hurts and len(on), "harmless", moved),
        (not hurts, "quiet", []),
        (missing, "faulty", missing),
        (not beyond, "explained", ranked or drifted),
        (inconsistent, "faulty", inconsistent),
        (outside, "outside", outside),
        (True, "changed", []),
    ]
    if hurts is None:
        rules = [
            (missing, "suspect", missing),
            (expected, "expected", ranked or drifted),
            # New kinds of rows also cause drift in single columns; a pipeline fault may not.
            (not {*inconsistent} & {*drifted} and inconsistent, "suspect", inconsistent),
            (len(on), "harmless so far", moved),
            (True, "quiet so far", []),
        ]
    return next((finding, names) for applies, finding, names in rules if applies)


def signals(chunks: pd.DataFrame, given: Mapping[str, Sequence[Result]]) -> pd.DataFrame:
    """Return all signals of the inputs, `on` or not, largest change first.

    One row per chunk, name (of a column, or of a metric of all columns) and metric.
    """
    parts = [_measured(chunks, name, item) for name, results in given.items() for item in results]
    if not parts:
        return pd.DataFrame(columns=[*_SIGNAL, "on"]).astype({"is_column": bool, "on": bool})
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
    require_same_chunks(given, result, chunks, of="estimated")
    frame = result.to_df()
    frame["is_column"] = frame["column"] != ""
    frame["name"] = frame["column"].where(frame["is_column"], frame["metric"])
    reference = frame[frame["period"] == "reference"].groupby(_SERIES)["value"]
    stats = reference.agg(["mean", "std", "count"])
    n_short = int((stats["count"] < 2).sum())
    if n_short or stats.empty:
        raise ValueError(
            f"`{given}` has {n_short or 'only'} series with fewer than 2 reference chunks, against "
            'which a change is measured; pass the result without `.filter(period="analysis")`'
        )
    analysis = frame[frame["period"] == "analysis"].merge(stats, left_on=_SERIES, right_index=True)
    change, std = (analysis["value"] - analysis["mean"]).abs(), analysis["std"]
    # If the reference does not vary, any change is infinitely far from it.
    distance = (change / std).where(std > 0, np.where(change > 0, np.inf, 0.0))
    return analysis.assign(given=given, distance=distance)[_SIGNAL]


def _outcomes(
    chunks: pd.DataFrame, estimated: Result, realized: Result | None
) -> Iterable[tuple[int, bool, bool | None, bool]]:
    """Return per chunk: index, estimate on, realized on (None without labels), unexplained on."""
    index = chunks["chunk_index"]
    expected = persistent(estimated.filter(period="analysis").to_df()["alert"]).tolist()
    hurts: list[bool | None] = [None] * len(index)
    beyond = [False] * len(index)
    if realized is not None:
        require_pair(estimated, realized)
        require_same_chunks("realized", realized, chunks, of="estimated")
        known = labelled(realized)
        alerts = persistent(known & realized.filter(period="analysis").to_df()["alert"])
        hurts = [alert if k else None for alert, k in zip(alerts.tolist(), known, strict=True)]
        if known.any():
            parts = decompose_change(estimated, realized)
            outside = index.isin(parts.loc[parts["beyond"], "chunk_index"])
            beyond = persistent(known & outside).tolist()
    return zip(index, expected, hurts, beyond, strict=True)


def labelled(realized: Result) -> pd.Series:
    """Return per analysis chunk whether its share of labels is near the reference's."""
    frame = realized.to_df()
    share = frame["n_used"] / frame["n_rows"]
    reference_median = share[frame["period"] == "reference"].median()
    known = frame["value"].notna() & (share >= LABELLED * reference_median)
    return known[frame["period"] == "analysis"].reset_index(drop=True)


def require_same_chunks(given: str, result: Result, chunks: pd.DataFrame, *, of: str) -> None:
    """Raise an error unless a result has these analysis chunks."""
    own = result.filter(period="analysis").to_df()[list(chunks)].drop_duplicates()
    both = [frame.reset_index(drop=True).astype(object) for frame in (own, chunks)]
    if not both[0].equals(both[1]):
        raise ValueError(
            f"`{given}` has {len(own)} analysis chunks that are not the {len(chunks)} of `{of}`; "
            "calculate all results on the same frame with the same chunks"
        )


def _as_list(name: str, value: Results) -> list[Result]:
    results = [value] if isinstance(value, Result) else list(value)
    for result in results:
        if not isinstance(result, Result):
            raise TypeError(f"`{name}` must be a Result, got {type(result).__name__}")
    return results
