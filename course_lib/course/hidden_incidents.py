"""The kinds of hidden incident of the game day, and how each is planted.

Monitors must not import this module. Taught in lesson 13.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from course_lib.course.calendar import SETS, production_week
from course_lib.course.planted_incidents import large_stone_campaign

__all__ = ["CAUSES", "FAULT", "KINDS", "NOTHING", "N_JUDGED", "N_WEEKS", "Incident", "Kind"]

Column = Any  # means `pd.Series[Any]`, which is not a valid expression at run time
Rows = NDArray[np.int_]
Plant = Callable[[pd.DataFrame, "Incident"], pd.DataFrame]

#: Number of weeks that the player sees, and of later weeks on which the answer is judged.
N_WEEKS, N_JUDGED = SETS["analysis"], SETS["waiting"]
NOTHING = "nothing"

#: Factor from the old unit to the new one: carat to grams, mm to cm, percent to a share.
UNITS = {"carat": 0.2, "x": 0.1, "y": 0.1, "z": 0.1, "depth": 0.01, "table": 0.01}
MOST_COMMON = {"cut": "Ideal", "color": "G", "clarity": "SI1"}


@dataclass(frozen=True)
class Kind:
    """A kind of incident: its function, columns, range of strength, remedy and description."""

    plant: Plant
    columns: tuple[str, ...]
    weakest: float
    strongest: float
    remedy: str
    words: str


@dataclass(frozen=True)
class Incident:
    """One drawn incident. `position` is 0 for the weakest and 1 for the strongest of its kind."""

    cause: str
    seed: int
    start: int
    column: str
    strength: float
    position: float

    @property
    def sign(self) -> int:
        """1 if prices rise, −1 if they fall."""
        return int(np.random.default_rng([self.seed, 2]).choice([-1, 1]))

    def rows(self, stones: pd.DataFrame) -> Rows:
        """Return the positions of the rows from the first week of the incident on."""
        return np.flatnonzero(production_week(stones["offered_at"]) >= self.start)

    def affected_rows(self, stones: pd.DataFrame) -> Rows:
        """Return a random choice of `rows`; each is affected with probability `strength`."""
        rows = self.rows(stones)
        return rows[np.random.default_rng([self.seed, 1]).random(len(rows)) < self.strength]


def _fault(change: Callable[[Any, str], Any]) -> Plant:
    """Return a function that plants a fault: `change` replaces some values of a column."""

    def plant(stones: pd.DataFrame, incident: Incident) -> pd.DataFrame:
        values, rows = stones[incident.column].to_numpy(copy=True), incident.affected_rows(stones)
        values[rows] = change(values[rows], incident.column)
        return stones.assign(**{incident.column: values})

    return plant


def _category_renamed(stones: pd.DataFrame, incident: Incident) -> pd.DataFrame:
    name = MOST_COMMON[incident.column]
    renamed = np.zeros(len(stones), dtype=bool)
    renamed[incident.affected_rows(stones)] = True
    values: Column = stones[incident.column].cat.add_categories([name.lower()])
    values = values.mask(renamed & (values == name), name.lower())
    return stones.assign(**{incident.column: values})


def _price_shock(stones: pd.DataFrame, incident: Incident) -> pd.DataFrame:
    price, rows = stones["price"].to_numpy(copy=True), incident.rows(stones)
    price[rows] = np.rint(price[rows] * (1 + incident.sign * incident.strength))
    return stones.assign(price=price)


def _mix_change(stones: pd.DataFrame, incident: Incident) -> pd.DataFrame:
    weeks = (incident.start, N_WEEKS + N_JUDGED - 1)
    return large_stone_campaign(stones, weeks=weeks, share=incident.strength, seed=incident.seed)


FAULT = "fix upstream"
SIZES = ("x", "y", "z")
KINDS = {
    "unit change": Kind(
        _fault(lambda old, column: old * UNITS[column]),
        ("carat", "depth", "table", *SIZES), 0.002, 0.5, FAULT,
        "`{column}` comes in another unit on {strength:.1%} of the stones",
    ),
    "stuck sensor": Kind(
        _fault(lambda old, _: np.full_like(old, old[0])),
        ("depth", "table", *SIZES), 0.03, 0.5, FAULT,
        "`{column}` reads the same value on {strength:.1%} of the stones",
    ),
    "broken join": Kind(
        _fault(lambda old, _: np.roll(old, 1)),
        ("carat", "depth", *SIZES), 0.008, 0.4, FAULT,
        "`{column}` is another stone's on {strength:.1%} of the stones",
    ),
    "category renamed": Kind(
        _category_renamed, tuple(MOST_COMMON), 0.002, 1.0, FAULT,
        "the commonest `{column}` has a new name on {strength:.1%} of its stones",
    ),
    "price shock": Kind(
        _price_shock, ("price",), 0.01, 0.2, "recalibrate",
        "true prices are {strength:.1%} {higher} than they were",
    ),
    "mix change": Kind(
        _mix_change, ("carat",), 0.12, 0.25, "do nothing",
        "{strength:.1%} of the stones have 1.5 carat and more, instead of 8 %",
    ),
    "missing block": Kind(
        _fault(lambda old, _: np.full_like(old, np.nan)),
        ("carat", "depth", "table", *SIZES), 0.0015, 0.5, FAULT,
        "`{column}` is missing on {strength:.1%} of the stones",
    ),
}  # fmt: skip
CAUSES = (*KINDS, NOTHING)
