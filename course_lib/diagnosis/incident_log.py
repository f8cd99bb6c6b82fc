"""The incident log: one row per incident, with its verdict, cost, columns and remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from course_lib.core.result import Result, several
from course_lib.diagnosis.triage import N_COLUMNS, labelled, require_same_chunks
from course_lib.performance.regression_metrics import RootMetric, RowMetric, regression_metrics

__all__ = ["REMEDIES", "error_by_segment", "incident_log"]

#: What to do about an incident, by its verdict.
REMEDIES = {
    "harmless drift": "leave the model alone; tell the owner of the column",
    "covariate shift": "leave the model alone while it pays; else decide on those rows by hand",
    "broken data": "fix upstream: repair or refuse the rows, then score again",
    "concept drift": "recalibrate on the latest labels; retrain only if that earns more",
}

Numbers = NDArray[np.float64]


def incident_log(
    triaged: pd.DataFrame,
    *,
    value: Result | Sequence[Result] = (),
    segments: Mapping[int, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Join consecutive chunks with the same verdict into incidents, and add their costs.

    A single quiet chunk between two of the same verdict is part of the incident: a signal
    needs two of three chunks and may miss one. Taught in lesson 07.

    Parameters
    ----------
    triaged : DataFrame
        From `triage`.
    value : Result or list of Result
        Business value per row (a unit such as "USD per stone"), realized, estimated, or both, for
        the chunks of `triaged`. The realized value counts once the labels of a chunk are known.
    segments : dict of int to DataFrame, optional
        By incident number, from `error_by_segment` for its rows; sets the columns. Concept drift
        has none otherwise.

    Returns
    -------
    DataFrame
        One row per incident, in order of time: ``incident`` (from 1), ``verdict``, ``start_date``,
        ``end_date``, ``first_chunk``, ``last_chunk``, ``n_chunks``, ``cost``, ``n_realized`` (the
        chunks with a realized value), ``columns`` (those named most often and first, at most three)
        and ``remedy``. The cost is Σ (mean value of the reference chunks − value) · rows, negative
        for a gain, missing without a value. An estimated value does not include broken data and
        concept drift: without labels their cost is unknown, not 0.

    Raises
    ------
    TypeError
        When `triaged` is not a DataFrame, for example the result of one monitor.
    ValueError
        When `value` is not one metric per row, or lacks the reference or a chunk of `triaged`;
        when `segments` names an incident that does not exist.

    Examples
    --------
    >>> import pandas as pd
    >>> day = pd.Timestamp("2024-09-09")
    >>> triaged = pd.DataFrame({
    ...     "chunk_index": range(4), "key": list("abcd"), "start_date": day, "end_date": day,
    ...     "verdict": ["quiet", "broken data", "quiet", "broken data"],
    ...     "columns": ["", "carat", "", "carat, x"],
    ... })
    >>> incident_log(triaged)[["verdict", "first_chunk", "n_chunks", "columns"]].values.tolist()
    [['broken data', 1, 3, 'carat, x']]
    """
    if not isinstance(triaged, pd.DataFrame):
        raise TypeError(
            "`triaged` must be the DataFrame that `triage` returns, got "
            f"{type(triaged).__name__}; call incident_log(triage(estimated=...)) with the results "
            "of your monitors"
        )
    costs = _costs(triaged, [value] if isinstance(value, Result) else list(value))
    table = triaged.reset_index(drop=True).join(costs)
    verdicts = table["verdict"]
    before, after = verdicts.shift(), verdicts.shift(-1)
    filled = verdicts.mask((verdicts == "quiet") & (before == after), before)
    run = (filled != filled.shift()).cumsum()[filled != "quiet"]
    rows = [
        _incident(number, part, str(filled[part.index[0]]))
        for number, (_, part) in enumerate(table.loc[run.index].groupby(run), start=1)
    ]
    log = pd.DataFrame(rows, columns=list(_incident(0, table, "quiet")))
    for number, by_segment in (segments or {}).items():
        if number not in set(log["incident"]):
            raise ValueError(f"`segments` names incident {number}; the log has {len(log)}")
        log.loc[log["incident"] == number, "columns"] = _top_columns(list(by_segment["column"]))
    return log


def error_by_segment(
    frame: pd.DataFrame,
    *,
    reference: pd.DataFrame,
    by: Sequence[str],
    y_true: str,
    y_pred: str,
    metric: str | RowMetric = "mape",
    n_segments: int = 4,
) -> pd.DataFrame:
    """Return the change of the error against the reference, by column and segment.

    After concept drift no input has moved, but the error may have grown more for some rows than
    for others. With a relative metric, such as the default, large values do not dominate.

    Parameters
    ----------
    frame, reference : DataFrame
        The rows of the incident, and those to compare with. Rows without a label are left out.
    by : list of str
        Numbers are cut at quantiles of the reference. Each category is a segment, and so are
        missing values (``missing``).
    y_true, y_pred : str
        The columns of label and prediction.
    metric : str or RowMetric
        A metric that is a mean over rows.
    n_segments : int
        Number of segments of a numeric column, before equal quantiles are merged.

    Returns
    -------
    DataFrame
        ``column``, ``segment``, ``n_rows``, ``reference``, ``value``, ``change``, and ``spread``:
        the standard deviation of the change between the segments of a column, minus the part
        due to chance, in the unit of the metric. 0 means the same change everywhere. Columns with
        the largest spread come first. Segments that are not in both frames are left out.

    Raises
    ------
    ValueError
        When a column is missing, no row has a label, or the metric is not a mean over rows.

    Notes
    -----
    spread² = Σ w (Δ − Δ̄)² − Σ w (1 − w) · se², at least 0, with Δ the change, w the share of rows
    and se the standard error of the change of a segment. Taught in lesson 07.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> reference = pd.DataFrame({"size": rng.uniform(size=2000), "shop": ["a", "b"] * 1000})
    >>> reference["y"] = 100 + rng.normal(size=2000)
    >>> reference["p"] = 100.0
    >>> now = reference.assign(y=reference["y"] - 20 * (reference["size"] > 0.5))
    >>> options = {"reference": reference, "y_true": "y", "y_pred": "p", "metric": "mae"}
    >>> error_by_segment(now, by=["shop", "size"], **options)["column"].iloc[0]
    'size'
    """
    row_metric, *others = regression_metrics(metric)
    if others or row_metric.total or isinstance(row_metric, RootMetric):
        raise ValueError(
            f"`metric` must be one mean over rows, such as mae, mape or mse; got {metric!r}"
        )
    if n_segments < 2:
        raise ValueError(f"`n_segments` must be at least 2, got {n_segments}")
    before, now = (
        _with_loss(rows, name, row_metric, by, y_true, y_pred)
        for name, rows in (("reference", reference), ("frame", frame))
    )
    parts = [_segments(now, before, column, n_segments) for column in by]
    table = pd.concat(parts, ignore_index=True)
    return table.sort_values("spread", ascending=False, kind="stable", ignore_index=True)


def _with_loss(
    frame: pd.DataFrame, name: str, metric: RowMetric, by: Sequence[str], y_true: str, y_pred: str
) -> pd.DataFrame:
    columns = [*by, y_true, y_pred]
    if missing := [column for column in columns if column not in frame]:
        raise ValueError(
            f"`{name}` lacks {len(missing)} of {len(columns)} columns: {', '.join(missing)}; add "
            "them, or correct the names"
        )
    known = frame[list(dict.fromkeys(columns))].dropna(subset=[y_true, y_pred])
    if known.empty:
        raise ValueError(
            f"0 of the {len(frame):,} rows of `{name}` have `{y_true}` and `{y_pred}`; wait for "
            "labels, or choose earlier rows"
        )
    truth, predicted = (known[column].to_numpy(dtype=float) for column in (y_true, y_pred))
    return known.assign(_loss=metric.rows(truth, predicted))


def _segments(now: pd.DataFrame, before: pd.DataFrame, column: str, n: int) -> pd.DataFrame:
    names, edges = _segment_names(before[column], n)
    stats = [
        frame.groupby(_codes(frame[column], names, edges))["_loss"].agg(["mean", "var", "count"])
        for frame in (before, now)
    ]
    both = stats[0].add_suffix("_before").join(stats[1], how="inner")
    both = both[(both["count"] > 1) & (both["count_before"] > 1) & (both.index >= 0)]
    names = [*map(str, names), "no value" if "missing" in names else "missing"]
    change = both["mean"] - both["mean_before"]
    noise = both["var"] / both["count"] + both["var_before"] / both["count_before"]
    share = both["count"] / both["count"].sum()
    between = (share * (change - (share * change).sum()) ** 2).sum()
    chance = (share * (1 - share) * noise).sum()
    segments = [names[code] for code in both.index]
    spread = np.sqrt(max(between - chance, 0.0))
    table = both.assign(column=column, segment=segments, change=change, spread=spread)
    renamed = {"count": "n_rows", "mean_before": "reference", "mean": "value"}
    order = ["column", "segment", *renamed.values(), "change", "spread"]
    return table.rename(columns=renamed)[order].reset_index(drop=True)


def _segment_names(reference: pd.Series, n: int) -> tuple[list[Any], Numbers | None]:
    """Return the segments of a column, and the inner edges if it is numeric."""
    if not pd.api.types.is_numeric_dtype(reference) or pd.api.types.is_bool_dtype(reference):
        return sorted(pd.unique(reference.dropna().astype(object)), key=str), None
    edges: Numbers = np.unique(reference.quantile(np.arange(1, n) / n).astype("float64"))
    between = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return [f"below {edges[0]:g}", *between, f"from {edges[-1]:g}"], edges


def _codes(values: pd.Series, names: Sequence[Any], edges: Numbers | None) -> NDArray[np.int_]:
    """Return the segment number of each row; −1 for a value that is not in the reference."""
    if edges is None:
        codes = pd.Index(names, dtype=object).get_indexer(values.astype(object))
    else:
        numbers = values.to_numpy(dtype=float, na_value=np.nan)
        codes = np.searchsorted(edges, numbers, side="right")
    return np.where(values.isna(), len(names), np.asarray(codes, dtype=int))


def _incident(number: int, part: pd.DataFrame, verdict: str) -> dict[str, object]:
    first, last = part.iloc[0], part.iloc[-1]
    columns = part[part["verdict"] == verdict]["columns"]
    return {
        "incident": number,
        "verdict": verdict,
        "start_date": first["start_date"],
        "end_date": last["end_date"],
        "first_chunk": first["chunk_index"],
        "last_chunk": last["chunk_index"],
        "n_chunks": len(part),
        "cost": part["cost"].sum(skipna=False),
        "n_realized": int(part["realized"].sum()),
        "columns": _top_columns(*(names.split(", ") for names in columns if names)),
        "remedy": REMEDIES.get(verdict, ""),
    }


def _top_columns(*lists: Sequence[str]) -> str:
    """Join the names that occur most often and first, at most three."""
    score: dict[str, float] = {}
    for names in lists:
        for rank, name in enumerate(dict.fromkeys(names), start=1):
            score[name] = score.get(name, 0.0) + 1 / rank
    return ", ".join(sorted(score, key=score.__getitem__, reverse=True)[:N_COLUMNS])


def _costs(triaged: pd.DataFrame, value: Sequence[Result]) -> pd.DataFrame:
    """Return the cost of each chunk of `triaged`, realized if its labels are known."""
    table = pd.DataFrame({"cost": np.nan, "realized": False}, index=range(len(triaged)))
    for result in sorted(value, key=lambda result: result.kind != "realized"):
        units = result.to_df()["unit"].unique()
        if len(result.series) != 1 or not all(" per " in unit for unit in units):
            raise ValueError(
                f"`value` holds {several(len(result.series), 'metric')} in {', '.join(units)}; "
                'give one per row, with a unit such as "USD per stone", chosen with '
                "`.filter(metrics=...)`"
            )
        reference = result.filter(period="reference").to_df()
        if reference["value"].isna().all():
            raise ValueError("`value` has 0 reference chunks; the cost is measured against them")
        require_same_chunks("value", result, triaged[["chunk_index", "key"]], of="triaged")
        analysis = result.filter(period="analysis").to_df()
        cost = (reference["value"].mean() - analysis["value"]) * analysis["n_rows"]
        if result.kind == "realized":
            known = labelled(result)
            table = table.assign(cost=cost.where(known), realized=known)
        else:
            table["cost"] = table["cost"].fillna(cost)
    return table
