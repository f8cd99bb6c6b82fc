"""The value of remedies in USD: plans compared on weeks that none of them used.

Taught in lesson 07.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from course_lib.course.calendar import production_week
from course_lib.course.desk_remedies import Plan, do_nothing
from course_lib.course.desk_value import HANDLING_USD, SELLER_RESERVE, desk_value
from course_lib.performance.regression_metrics import RowMetric

__all__ = ["compare_remedies"]

Column = Any  # means `pd.Series[Any]`, which is not a valid expression at run time


def compare_remedies(
    plans: Mapping[str, Plan],
    rows: pd.DataFrame,
    *,
    baseline: str = "do nothing",
    undone: pd.DataFrame | None = None,
    seller_reserve: float = SELLER_RESERVE,
    handling_usd: float = HANDLING_USD,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Compare plans on weeks that none of them used, in USD per stone offered.

    Each week gives one difference to the baseline, paired because both plans have the same stones.
    The interval is mean ± t · s / √k over k weeks, k − 1 degrees of freedom. The stones of a week
    share its market, so an interval from resampled rows would be too narrow.

    Parameters
    ----------
    plans : mapping of str to Plan
        Plans for the rows of `rows`, in the same order.
    rows : DataFrame
        With `price` (USD, none missing) and `offered_at`, from at least two weeks.
    baseline : str
        The plan that the others are compared with.
    undone : DataFrame, optional
        The same offers without the incident: `price`, `predicted_price`. Adds a row "undone".
    seller_reserve, handling_usd : float
        See `desk_value`.
    confidence_level : float
        Confidence level of the intervals.

    Returns
    -------
    DataFrame
        Indexed by `remedy`, in the order given. `value_usd` per stone offered, refused ones
        included, the cost of the remedy deducted; `mae_usd` and `level` (Σ predicted / Σ price − 1)
        over the stones that get an offer, missing if none does; `gain_usd` over the baseline with
        `gain_low` and `gain_high`; `n_refused`; `cost_usd`. With `undone` also `recovered`, gain /
        gain of "undone" with `recovered_low` and `recovered_high` (ratio of means, linearized:
        Cochran, *Sampling Techniques*, 1977, chapter 6), and `short_usd`, how much less the plan
        earns than "undone".

    Raises
    ------
    ValueError
        For an unknown baseline, a plan of another length, a missing price, fewer than two weeks,
        or `undone` with other offers or nothing to recover.

    Notes
    -----
    All means are over weeks, each with equal weight. Taught in lesson 07.

    Examples
    --------
    >>> from course_lib import compare_remedies, do_nothing, refuse
    >>> days = pd.to_datetime(["2025-05-19", "2025-05-26"])
    >>> rows = pd.DataFrame({"price": 900, "predicted_price": [1000.0, 1010], "offered_at": days})
    >>> plans = {"do nothing": do_nothing(rows), "stop buying": refuse(rows, [True, True])}
    >>> compare_remedies(plans, rows)[["value_usd", "gain_usd"]].round(1)
                 value_usd  gain_usd
    remedy
    do nothing       -29.5       0.0
    stop buying        0.0      29.5
    """
    _check_comparison(plans, rows, baseline, undone)
    plans, frames = dict(plans), dict.fromkeys(plans, rows)
    if undone is not None:
        plans["undone"], frames["undone"] = do_nothing(undone), undone
    week = production_week(rows["offered_at"]).to_numpy()
    weekly = {}
    for name, plan in plans.items():
        value = desk_value(
            margin=plan.margin, seller_reserve=seller_reserve, handling_usd=handling_usd
        )
        weekly[name] = _weekly(plan, frames[name], week, value)
    base = weekly[baseline]["value_usd"]
    undone_gain = weekly["undone"]["value_usd"] - base if undone is not None else None
    if undone_gain is not None and undone_gain.mean() == 0:
        raise ValueError(f"`undone` earns what {baseline!r} earns; there is nothing to recover")
    table = {
        name: {
            **scores.mean().to_dict(),
            **_gain(scores["value_usd"] - base, undone_gain, confidence_level),
            "n_refused": int((~plans[name].offers).sum()),
            "cost_usd": plans[name].cost_usd,
        }
        for name, scores in weekly.items()
    }
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("remedy")


def _weekly(
    plan: Plan, truth: pd.DataFrame, week: NDArray[np.int_], value: RowMetric
) -> pd.DataFrame:
    """Return value, error and level per week of one plan."""
    y_true = truth["price"].to_numpy(dtype=float)
    earned = np.where(plan.offers, value.rows(y_true, plan.y_pred), 0.0)
    weekly = pd.DataFrame({"value_usd": earned}).groupby(week).mean()
    weekly["value_usd"] -= plan.cost_usd / len(y_true)
    prices = pd.DataFrame({"predicted": plan.y_pred, "true": y_true})
    prices["error"] = (prices["predicted"] - prices["true"]).abs()
    offered = prices.where(pd.Series(plan.offers)).groupby(week)
    totals = offered.sum(min_count=1)
    weekly["mae_usd"] = offered["error"].mean()
    return weekly.assign(level=totals["predicted"] / totals["true"] - 1)


def _gain(gain: Column, undone_gain: Column | None, confidence_level: float) -> dict[str, float]:
    mean = gain.mean()
    half = _half_width(gain, confidence_level)
    out = {"gain_usd": mean, "gain_low": mean - half, "gain_high": mean + half}
    if undone_gain is not None:
        full = undone_gain.mean()
        share = mean / full
        half = _half_width(gain - share * undone_gain, confidence_level) / abs(full)
        out |= {"recovered": share, "recovered_low": share - half, "recovered_high": share + half}
        out["short_usd"] = full - mean
    return out


def _half_width(weekly: Column, confidence_level: float) -> float:
    t = stats.t.ppf((1 + confidence_level) / 2, df=len(weekly) - 1)
    return float(t * weekly.std(ddof=1) / np.sqrt(len(weekly)))


def _check_comparison(
    plans: Mapping[str, Plan], rows: pd.DataFrame, baseline: str, undone: pd.DataFrame | None
) -> None:
    missing = [name for name in ("price", "offered_at") if name not in rows]
    if missing:
        raise ValueError(f"`rows` has no column {', '.join(missing)}; pass the stones with prices")
    if baseline not in plans:
        raise ValueError(f"`plans` has no {baseline!r} to compare with; it has {sorted(plans)}")
    for name, plan in plans.items():
        if len(plan.y_pred) != len(rows):
            raise ValueError(
                f"the plan {name!r} has {len(plan.y_pred):,} stones, `rows` has {len(rows):,}; "
                "make every plan for the rows it is judged on"
            )
        n_unpredicted = int((~np.isfinite(plan.y_pred[np.asarray(plan.offers)])).sum())
        if n_unpredicted:
            raise ValueError(
                f"the plan {name!r} has no prediction for {n_unpredicted:,} of {len(rows):,} "
                "stones that get an offer; predict them or refuse them"
            )
    for frame, label in ((rows, "rows"), (undone, "undone")):
        n_missing = 0 if frame is None else int(frame["price"].isna().sum())
        if n_missing:
            raise ValueError(
                f"`price` is missing in {n_missing:,} of {len(rows):,} rows of `{label}`; compare "
                "plans when all prices are known"
            )
    if production_week(rows["offered_at"]).nunique() < 2:
        raise ValueError("`rows` spans 1 week, and an interval needs two; add weeks")
    if undone is not None and not np.array_equal(undone["offered_at"], rows["offered_at"]):
        raise ValueError("`undone` has other offers than `rows`; give it the same offers")
