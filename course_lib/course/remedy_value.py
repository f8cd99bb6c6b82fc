"""What remedies pay: plans judged on weeks that none of them has seen, in USD.

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

Column = Any  # the type checker's `pd.Series[Any]`, which is no valid expression at run time


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
    """Score plans on weeks that none of them has seen, in USD per stone offered.

    Weeks are the units: each gives one difference to the baseline, paired because both plans met
    the same stones. The interval is mean ± t · s / √k over k weeks, k − 1 degrees of freedom.
    The stones of a week share its market, so resampling rows would promise too much.

    Parameters
    ----------
    plans : mapping of str to Plan
        For the rows of `rows`, in their order.
    rows : DataFrame
        With `price` (USD, every one known), `offered_at` and at least two weeks.
    baseline : str
        The plan that the others are compared with.
    undone : DataFrame, optional
        The same offers had the incident not happened, with `price` and `predicted_price`. It
        becomes one more row, "undone".
    seller_reserve, handling_usd : float
        See `desk_value`.
    confidence_level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        Indexed by `remedy`, in the order given. `value_usd` per stone offered, refused ones
        included, the remedy's own cost deducted; `mae_usd` and `level` (Σ predicted / Σ price − 1)
        over the stones it makes an offer for, missing when there are none; `gain_usd` over the
        baseline with `gain_low` and `gain_high`; `n_refused`; `cost_usd`. With `undone` also
        `recovered`, gain / gain of "undone" with `recovered_low` and `recovered_high` (ratio of
        means, linearized: Cochran, *Sampling Techniques*, 1977, chapter 6), and `short_usd`,
        what the plan earns less than "undone".

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
    plans, truths = dict(plans), dict.fromkeys(plans, rows)
    if undone is not None:
        plans["undone"], truths["undone"] = do_nothing(undone), undone
    week = production_week(rows["offered_at"]).to_numpy()
    weekly = {}
    for name, plan in plans.items():
        value = desk_value(
            margin=plan.margin, seller_reserve=seller_reserve, handling_usd=handling_usd
        )
        weekly[name] = _weekly(plan, truths[name], week, value)
    worst = weekly[baseline]["value_usd"]
    ideal = weekly["undone"]["value_usd"] - worst if undone is not None else None
    if ideal is not None and ideal.mean() == 0:
        raise ValueError(f"`undone` earns what {baseline!r} earns; there is nothing to recover")
    table = {
        name: {
            **scores.mean().to_dict(),
            **_gain(scores["value_usd"] - worst, ideal, confidence_level),
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


def _gain(difference: Column, ideal: Column | None, confidence_level: float) -> dict[str, float]:
    mean = difference.mean()
    half = _half_width(difference, confidence_level)
    out = {"gain_usd": mean, "gain_low": mean - half, "gain_high": mean + half}
    if ideal is not None:
        share = mean / ideal.mean()
        half = _half_width(difference - share * ideal, confidence_level) / abs(ideal.mean())
        out |= {"recovered": share, "recovered_low": share - half, "recovered_high": share + half}
        out["short_usd"] = ideal.mean() - mean
    return out


def _half_width(weekly: Column, confidence_level: float) -> float:
    t = stats.t.ppf((1 + confidence_level) / 2, df=len(weekly) - 1)
    return float(t * weekly.std(ddof=1) / np.sqrt(len(weekly)))


def _check_comparison(
    plans: Mapping[str, Plan], rows: pd.DataFrame, baseline: str, undone: pd.DataFrame | None
) -> None:
    gone = [name for name in ("price", "offered_at") if name not in rows]
    if gone:
        raise ValueError(f"`rows` has no column {', '.join(gone)}; pass the stones with prices")
    if baseline not in plans:
        raise ValueError(f"`plans` has no {baseline!r} to compare with; it has {sorted(plans)}")
    for name, plan in plans.items():
        if len(plan.y_pred) != len(rows):
            raise ValueError(
                f"the plan {name!r} has {len(plan.y_pred):,} stones, `rows` has {len(rows):,}; "
                "make every plan for the rows it is judged on"
            )
        unknown = int((~np.isfinite(plan.y_pred[np.asarray(plan.offers)])).sum())
        if unknown:
            raise ValueError(
                f"the plan {name!r} has no prediction for {unknown:,} of {len(rows):,} stones that "
                "it offers for; predict them or refuse them"
            )
    for frame, label in ((rows, "rows"), (undone, "undone")):
        missing = 0 if frame is None else int(frame["price"].isna().sum())
        if missing:
            raise ValueError(
                f"`price` is missing in {missing:,} of {len(rows):,} rows of `{label}`; judge when "
                "all are known"
            )
    if production_week(rows["offered_at"]).nunique() < 2:
        raise ValueError("`rows` spans 1 week, and an interval takes two; add weeks")
    if undone is not None and not np.array_equal(undone["offered_at"], rows["offered_at"]):
        raise ValueError("`undone` has other offers than `rows`; give the same rows, undone")
