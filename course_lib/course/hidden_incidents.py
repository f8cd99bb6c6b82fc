"""The kinds of hidden incident that a game day knows, and how each is planted.

Not for monitors: they must find out. Taught in lesson 13.
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

Column = Any  # the type checker's `pd.Series[Any]`, which is no valid expression at run time
Rows = NDArray[np.int_]
Plant = Callable[[pd.DataFrame, "Incident"], pd.DataFrame]

#: Weeks of production: shown to the player, and after them those in which the answer is judged.
N_WEEKS, N_JUDGED = SETS["analysis"], SETS["waiting"]
NOTHING = "nothing"

#: A column's old unit in its new one: carat in grams, mm in cm, percent as a share.
UNITS = {"carat": 0.2, "x": 0.1, "y": 0.1, "z": 0.1, "depth": 0.01, "table": 0.01}
COMMONEST = {"cut": "Ideal", "color": "G", "clarity": "SI1"}


@dataclass(frozen=True)
class Kind:
    """A kind of incident: how it is planted, from which columns and strengths, and its cure."""

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
        """Whether prices rise or fall: 1 or −1."""
        return int(np.random.default_rng([self.seed, 2]).choice([-1, 1]))

    def rows(self, stones: pd.DataFrame) -> Rows:
        """Return the rows from its first week on."""
        return np.flatnonzero(production_week(stones["offered_at"]) >= self.start)

    def some(self, stones: pd.DataFrame) -> Rows:
        """Return those that it befalls: a share of them, drawn row by row."""
        rows = self.rows(stones)
        return rows[np.random.default_rng([self.seed, 1]).random(len(rows)) < self.strength]


def _fault(change: Callable[[Any, str], Any]) -> Plant:
    """Make a fault at the source: it writes some of a column's values anew."""

    def plant(stones: pd.DataFrame, incident: Incident) -> pd.DataFrame:
        values, rows = stones[incident.column].to_numpy(copy=True), incident.some(stones)
        values[rows] = change(values[rows], incident.column)
        return stones.assign(**{incident.column: values})

    return plant


def _category_renamed(stones: pd.DataFrame, incident: Incident) -> pd.DataFrame:
    name = COMMONEST[incident.column]
    renamed = np.zeros(len(stones), dtype=bool)
    renamed[incident.some(stones)] = True
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
        _category_renamed, tuple(COMMONEST), 0.002, 1.0, FAULT,
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
