"""The desk's four planted incidents: one function for each, and a table of the truth.

Each function takes a frame from `deal` and returns a new one, changed only in the weeks and
columns of the incident. `weeks` are the first and the last production week, both included. Equal
seeds choose equal stones for any order of rows. Monitors must not import this module. Taught in
lesson 07 (the truth table).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from course_lib.course.calendar import (
    LARGE_CARAT,
    N_WEEKS,
    SETS,
    draw_large,
    in_order_of_time,
    production_week,
    shuffled,
)

__all__ = [
    "INCIDENTS",
    "Incident",
    "join_bug",
    "large_stone_campaign",
    "market_drop",
    "new_gauge",
    "plant",
    "truth_table",
]

LAST_WEEK = SETS["analysis"] + SETS["waiting"] + SETS["future"] - 1
FIRST_WEEK = LAST_WEEK + 1 - N_WEEKS  # of the calendar, so it is negative

Weeks = tuple[int, int]


def new_gauge(
    stones: pd.DataFrame,
    *,
    weeks: Weeks = (4, 9),
    share: float = 0.40,
    factor: float = 1.05,
    seed: int = 1,
) -> pd.DataFrame:
    """Incident A: a second gauge reads `depth` too high on some stones; harmless drift.

    Parameters
    ----------
    stones : DataFrame
        Dealt stones with `stone`, `depth` (percent) and `offered_at`. Not modified.
    weeks : (int, int)
        First and last production week.
    share : float
        The share of each week's stones that the new gauge measures.
    factor : float
        Its reading divided by the true depth. Readings are rounded to one decimal.
    seed : int
        Seed of the choice of stones.

    Raises
    ------
    ValueError
        For weeks or a share out of range, or a missing column.

    Notes
    -----
    Taught in lesson 07.

    Examples
    --------
    >>> from course_lib.course.data import load_diamonds
    >>> stones = load_diamonds()
    >>> changed = new_gauge(stones)["depth"] != stones["depth"]
    >>> production_week(stones["offered_at"])[changed].agg(["min", "max"]).tolist()
    [4.0, 9.0]
    """
    _require(stones, "stone", "depth", "offered_at")
    depth = stones["depth"].to_numpy(copy=True)
    for rows in _chosen(stones, weeks=weeks, share=share, seed=seed):
        depth[rows] = np.round(depth[rows] * factor, 1)
    return stones.assign(depth=depth)


def large_stone_campaign(
    stones: pd.DataFrame, *, weeks: Weeks = (10, 15), share: float = 0.32, seed: int = 6
) -> pd.DataFrame:
    """Incident B: a campaign brings in large stones; covariate shift, prices do not change.

    Small stones of these weeks are exchanged for large stones of the reserve, which get their
    times. Every row is real; the sizes of the weeks and all other weeks do not change.

    Parameters
    ----------
    stones : DataFrame
        Dealt stones, the reserve included, with `stone`, `carat`, `offered_at` and
        `price_known_at`. Not modified.
    weeks : (int, int)
        First and last production week.
    share : float
        Mean of the weekly share of stones of 1.5 carat and more, which is random.
    seed : int
        Seed of the draws.

    Returns
    -------
    DataFrame
        In order of time, the reserve last.

    Raises
    ------
    ValueError
        When the reserve has too few large stones; for weeks or a share out of range.

    Notes
    -----
    Taught in lesson 07.

    Examples
    --------
    >>> from course_lib.course.data import load_diamonds
    >>> stones = large_stone_campaign(load_diamonds())
    >>> busy = production_week(stones["offered_at"]).between(10, 15)
    >>> bool(0.28 < (stones["carat"][busy] >= 1.5).mean() < 0.36)
    True
    """
    _require(stones, "stone", "carat", "offered_at", "price_known_at")
    removed = _removed(stones, weeks=weeks, share=share, seed=seed)
    in_reserve = stones["offered_at"].isna() & (stones["carat"] >= LARGE_CARAT)
    reserve = _rows(stones, in_reserve.to_numpy())
    if len(removed) > len(reserve):
        raise ValueError(
            f"the campaign needs {len(removed):,} large stones, the reserve has {len(reserve):,}; "
            "lower `share` or pass the frame with its reserve"
        )
    added = shuffled(np.random.default_rng(seed), reserve)[: len(removed)]
    out = stones.copy()
    for name in ("offered_at", "price_known_at"):
        times = stones[name].to_numpy(copy=True)
        times[added] = times[removed]
        times[removed] = np.datetime64("NaT", "s")
        out[name] = times
    return in_order_of_time(out)


def _removed(stones: pd.DataFrame, *, weeks: Weeks, share: float, seed: int) -> NDArray[np.int_]:
    is_large = stones["carat"].to_numpy() >= LARGE_CARAT
    removed = [np.empty(0, dtype=int)]
    for rng, rows in _each_week(stones, weeks=weeks, share=share, seed=seed):
        n_large = int(draw_large(rng, np.array([len(rows)]), share=share)[0])
        n_removed = max(0, n_large - int(is_large[rows].sum()))
        removed.append(shuffled(rng, rows[~is_large[rows]])[:n_removed])
    return np.concatenate(removed)


def join_bug(
    stones: pd.DataFrame, *, weeks: Weeks = (18, 21), share: float = 0.35, seed: int = 7
) -> pd.DataFrame:
    """Incident C: a wrong join gives some stones the `carat` of another stone; broken data.

    The values are exchanged within a week, so every column keeps its distribution.

    Parameters
    ----------
    stones : DataFrame
        Dealt stones with `stone`, `carat` and `offered_at`. Not modified.
    weeks : (int, int)
        First and last production week.
    share : float
        The share of each week's stones that get another stone's value.
    seed : int
        Seed of the choice of stones.

    Raises
    ------
    ValueError
        For weeks or a share out of range, or a missing column.

    Notes
    -----
    Taught in lesson 07.

    Examples
    --------
    >>> from course_lib.course.data import load_diamonds
    >>> stones = load_diamonds()
    >>> broken = join_bug(stones)
    >>> sorted(broken["carat"]) == sorted(stones["carat"])
    True
    """
    _require(stones, "stone", "carat", "offered_at")
    carat = stones["carat"].to_numpy(copy=True)
    for rows in _chosen(stones, weeks=weeks, share=share, seed=seed):
        carat[rows] = np.roll(carat[rows], 1)  # a cyclic shift: no stone keeps its own value
    return stones.assign(carat=carat)


def market_drop(
    stones: pd.DataFrame,
    *,
    weeks: Weeks = (23, LAST_WEEK),
    small_drop: float = 0.08,
    large_drop: float = 0.15,
    from_carat: float = 1.0,
) -> pd.DataFrame:
    """Incident D: true prices fall, more for heavier stones; concept drift.

    Parameters
    ----------
    stones : DataFrame
        Dealt stones with the true `carat`, `price` (whole USD, before and after) and
        `offered_at`. Not modified.
    weeks : (int, int)
        First and last production week; the default runs to the end of the calendar.
    small_drop, large_drop : float
        The relative fall of the price below `from_carat`, and from `from_carat` on.
    from_carat : float
        Where the large drop begins.

    Raises
    ------
    ValueError
        For weeks or a share out of range, or a missing column.

    Notes
    -----
    Taught in lesson 07.

    Examples
    --------
    >>> monday = pd.Timestamp("2025-03-03")
    >>> stones = pd.DataFrame({"carat": [0.5, 1.0], "price": 1000, "offered_at": monday})
    >>> market_drop(stones)["price"].tolist()
    [920, 850]
    """
    _require(stones, "carat", "price", "offered_at")
    _check(weeks, small_drop=small_drop, large_drop=large_drop)
    in_weeks = production_week(stones["offered_at"]).between(*weeks)
    drop = np.where(stones["carat"] >= from_carat, large_drop, small_drop)
    price = stones["price"].to_numpy()
    new_price = np.rint(price * (1 - drop)).astype(price.dtype)
    return stones.assign(price=np.where(in_weeks, new_price, price))


@dataclass(frozen=True)
class Incident:
    """One planted incident: the function that plants it, and its row of the truth table.

    Attributes
    ----------
    plant : callable
        A function from a frame of dealt stones to a changed copy.
    name, kind, planted : str
        Its name, its kind of problem, and what exactly is changed.
    weeks : (int, int)
        First and last production week.
    columns : tuple of str
        The columns that change; B exchanges whole rows.
    """

    plant: Callable[[pd.DataFrame], pd.DataFrame]
    name: str
    weeks: Weeks
    kind: str
    columns: tuple[str, ...]
    planted: str

    def __repr__(self) -> str:
        return f"Incident({self.name!r}, weeks={self.weeks})"


#: In the order of planting: first the stones, then their prices, then the recorded values. So the
#: prices of D follow the true carat, even if C overlaps with it.
INCIDENTS = {
    "B": Incident(
        large_stone_campaign,
        "large-stone campaign",
        (10, 15),
        "covariate shift",
        ("carat", "x", "y", "z", "price"),
        "the share of stones of 1.5 carat and more rises from 8 % to about 32 %",
    ),
    "D": Incident(
        market_drop,
        "market drop",
        (23, LAST_WEEK),
        "concept drift",
        ("price",),
        "true prices fall by 8 % below 1 carat and by 15 % from 1 carat",
    ),
    "A": Incident(
        new_gauge,
        "new gauge",
        (4, 9),
        "harmless drift",
        ("depth",),
        "`depth` reads 5 % high on 40 % of stones",
    ),
    "C": Incident(
        join_bug,
        "join bug",
        (18, 21),
        "broken data",
        ("carat",),
        "`carat` changes hands among 35 % of each week's stones",
    ),
}


def plant(stones: pd.DataFrame, incidents: str = "ABCD") -> pd.DataFrame:
    """Plant incidents, given by their letters, with their default strengths.

    Parameters
    ----------
    stones : DataFrame
        Dealt stones with their reserve, as `load_diamonds` returns them. Not modified.
    incidents : str
        Any of the letters A, B, C and D, in any order; the empty string plants none.

    Raises
    ------
    ValueError
        For an unknown letter.

    Notes
    -----
    Taught in lesson 07.

    Examples
    --------
    >>> from course_lib.course.data import load_diamonds
    >>> stones = load_diamonds()
    >>> plant(stones, "").equals(stones)
    True
    """
    letters = _letters(incidents)
    for letter, incident in INCIDENTS.items():
        if letter in letters:
            stones = incident.plant(stones)
    return stones.copy()


def truth_table(incidents: str = "ABCD") -> pd.DataFrame:
    """Return a table of the planted incidents: one row each, in order of their letters.

    Parameters
    ----------
    incidents : str
        Any of the letters A, B, C and D.

    Returns
    -------
    DataFrame
        Indexed by `incident`: `name`, `first_week`, `last_week` (production weeks, both
        included), `kind`, `columns` and `planted`.

    Raises
    ------
    ValueError
        For an unknown letter.

    Notes
    -----
    Taught in lesson 07.

    Examples
    --------
    >>> truth_table("AD")["kind"].to_dict()
    {'A': 'harmless drift', 'D': 'concept drift'}
    """
    planted = [INCIDENTS[letter] for letter in _letters(incidents)]
    return pd.DataFrame(
        {
            "name": [incident.name for incident in planted],
            "first_week": [incident.weeks[0] for incident in planted],
            "last_week": [incident.weeks[1] for incident in planted],
            "kind": [incident.kind for incident in planted],
            "columns": [", ".join(incident.columns) for incident in planted],
            "planted": [incident.planted for incident in planted],
        },
        index=pd.Index(list(_letters(incidents)), name="incident", dtype=object),
    )


def _letters(incidents: str) -> str:
    unknown = sorted(set(incidents) - set(INCIDENTS))
    if unknown:
        raise ValueError(
            f"`incidents` has {len(unknown)} unknown letter(s): {', '.join(unknown)}; "
            "choose from A, B, C and D"
        )
    return "".join(sorted(set(incidents)))


def _chosen(
    stones: pd.DataFrame, *, weeks: Weeks, share: float, seed: int
) -> Iterator[NDArray[np.int_]]:
    for rng, rows in _each_week(stones, weeks=weeks, share=share, seed=seed):
        yield shuffled(rng, rows)[: round(share * len(rows))]


def _each_week(
    stones: pd.DataFrame, *, weeks: Weeks, share: float, seed: int
) -> Iterator[tuple[np.random.Generator, NDArray[np.int_]]]:
    """Yield a generator and the rows of each week: the draws of weeks are independent."""
    _check(weeks, share=share)
    week = production_week(stones["offered_at"]).to_numpy()
    for number in range(weeks[0], weeks[1] + 1):
        rng = np.random.default_rng([seed, number - FIRST_WEEK])
        yield rng, _rows(stones, week == number)


def _rows(stones: pd.DataFrame, mask: NDArray[np.bool_]) -> NDArray[np.int_]:
    """Return positions sorted by `stone`, so that the order of rows does not matter."""
    rows = np.flatnonzero(mask)
    return rows[stones["stone"].to_numpy()[rows].argsort(kind="stable")]


def _require(stones: pd.DataFrame, *columns: str) -> None:
    missing = [name for name in columns if name not in stones]
    if missing:
        raise ValueError(
            f"`stones` has no {', '.join(missing)}; pass dealt stones as `load_diamonds` returns"
        )


def _check(weeks: Weeks, **shares: float) -> None:
    first, last = weeks
    if not FIRST_WEEK <= first <= last <= LAST_WEEK:
        raise ValueError(
            f"`weeks` is {weeks}; the first must not be after the last, and both lie from "
            f"{FIRST_WEEK} to {LAST_WEEK}"
        )
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ValueError(f"`{name}` is {share}; it must lie between 0 and 1")
