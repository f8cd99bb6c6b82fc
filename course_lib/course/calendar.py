"""The desk's calendar, and the random assignment of real stones to its weeks.

The stones are real. Their dates are not: `deal` gives each stone the time at which it is offered.
Taught in lesson 01.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = [
    "DEAL_SEED",
    "GO_LIVE",
    "LABEL_DELAY",
    "LARGE_CARAT",
    "SETS",
    "STARTS",
    "deal",
    "draw_large",
    "in_order_of_time",
    "production_week",
]

Column = Any  # means `pd.Series[Any]`, which is not a valid expression at run time

WEEK = pd.Timedelta(7, "D")
LABEL_DELAY = pd.Timedelta(56, "D")
OPENING = pd.Timestamp("2023-01-02")  # a Monday, like every start below

#: The sets and their lengths in weeks. The labels of the reference are published during the gap,
#: those of the analysis during the waiting weeks. Remedies are judged on the future.
SETS = {
    "train": 52,
    "validation": 8,
    "reference": 20,
    "gap": 8,
    "analysis": 28,
    "waiting": 8,
    "future": 8,
}
N_WEEKS = sum(SETS.values())

#: The start of each set, and the end of the last one.
STARTS = {
    name: OPENING + WEEK * int(weeks)
    for name, weeks in zip([*SETS, "end"], np.cumsum([0, *SETS.values()]), strict=True)
}
GO_LIVE = STARTS["analysis"]

DEAL_SEED = 1612
LARGE_CARAT = 1.5
STONES_PER_WEEK, STONES_SD = 385, 12
LARGE_SHARE = 0.08
#: a + b of the beta distribution of a week's share of large stones. With the binomial draw the
#: share has an SD of 2 percentage points, so that quiet weeks vary as much as real ones.
CONCENTRATION = 350

OPENS_MINUTE, MINUTES_PER_DAY, DAYS_PER_WEEK = 9 * 60, 9 * 60, 5


def deal(stones: pd.DataFrame, *, seed: int = DEAL_SEED) -> pd.DataFrame:
    """Assign stones to the weeks of the calendar at random.

    Each week gets about 385 stones (SD 12). About 8 % of them are large (1.5 carat and up;
    beta-binomial, SD 2 points). Each stone gets its own minute, Monday to Friday, 9:00 to 17:59.
    Stones that are not assigned form the *reserve*: their times are missing.

    Parameters
    ----------
    stones : DataFrame
        Stones with a column `carat`; other columns are kept. Not modified.
    seed : int
        Equal seeds give equal results. The default is the seed of `data/diamonds.parquet`.

    Returns
    -------
    DataFrame
        All rows, with `offered_at` and `price_known_at` (56 days later), in order of time.

    Raises
    ------
    ValueError
        When there are too few large or small stones for the calendar.

    Notes
    -----
    Taught in lesson 01.

    Examples
    --------
    >>> stones = pd.DataFrame({"carat": [2.0] * 6000 + [0.5] * 50000})
    >>> dealt = deal(stones).dropna(subset=["offered_at"])
    >>> dealt["offered_at"].min().day_name()
    'Monday'
    """
    rng = np.random.default_rng(seed)
    sizes = np.rint(rng.normal(STONES_PER_WEEK, STONES_SD, N_WEEKS)).astype(int)
    large = draw_large(rng, sizes, share=LARGE_SHARE)
    is_large = stones["carat"].to_numpy() >= LARGE_CARAT
    week = np.full(len(stones), -1)
    for kind, counts, rows in (
        ("large", large, np.flatnonzero(is_large)),
        ("small", sizes - large, np.flatnonzero(~is_large)),
    ):
        if counts.sum() > len(rows):
            raise ValueError(
                f"`stones` has {len(rows):,} {kind} stones, the calendar needs {counts.sum():,}; "
                "deal all stones of the data set"
            )
        week[shuffled(rng, rows)[: counts.sum()]] = np.repeat(np.arange(N_WEEKS), counts)
    return in_order_of_time(stones.assign(**_times(rng, week)))


def draw_large(
    rng: np.random.Generator, sizes: NDArray[np.int_], *, share: float
) -> NDArray[np.int_]:
    """Draw how many of each week's stones are large: beta-binomial around `share`."""
    a, b = (max(part * CONCENTRATION, 1e-9) for part in (share, 1 - share))  # beta takes no 0
    return np.asarray(rng.binomial(sizes, rng.beta(a, b, len(sizes))))


def shuffled(rng: np.random.Generator, rows: NDArray[np.int_]) -> NDArray[np.int_]:
    """Return the rows in random order."""
    return rows[rng.random(len(rows)).argsort(kind="stable")]


def _times(rng: np.random.Generator, week: NDArray[np.int_]) -> dict[str, Column]:
    offered = np.full(len(week), np.datetime64("NaT", "ns"))
    minutes = np.arange(DAYS_PER_WEEK * MINUTES_PER_DAY)
    for number in range(N_WEEKS):
        rows = np.flatnonzero(week == number)
        day, minute = np.divmod(shuffled(rng, minutes)[: len(rows)], MINUTES_PER_DAY)
        since_opening = ((7 * number + day) * 24 * 60 + OPENS_MINUTE + minute).astype("m8[m]")
        offered[rows] = OPENING.to_datetime64() + since_opening
    return {"offered_at": offered, "price_known_at": offered + LABEL_DELAY.to_timedelta64()}


def in_order_of_time(stones: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in order of `offered_at`, the reserve last, with a new index."""
    return stones.sort_values("offered_at", kind="stable", na_position="last", ignore_index=True)


def production_week(offered_at: Column) -> Column:
    """Return the production week of each row: 0 is the first week, earlier weeks are negative.

    Parameters
    ----------
    offered_at : Series of timestamps

    Returns
    -------
    Series of int64, named "week"
        Float64 with missing values where `offered_at` is missing (the reserve).

    Notes
    -----
    Taught in lesson 01.

    Examples
    --------
    >>> production_week(pd.Series(pd.to_datetime(["2024-09-09", "2024-09-06"]))).tolist()
    [0, -1]
    """
    return ((offered_at - GO_LIVE) // WEEK).rename("week")
