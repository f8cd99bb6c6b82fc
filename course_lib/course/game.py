"""Game day: a player looks for the hidden incident in 28 weeks of the desk and gets a grade.

Each seed assigns the stones of production to new dates; the reference and the model stay the same.
Monitors must not import this module. Taught in lesson 13.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from course_lib.core.timeline import as_of
from course_lib.course.calendar import (
    GO_LIVE,
    LARGE_CARAT,
    LARGE_SHARE,
    WEEK,
    draw_large,
    production_week,
    shuffled,
)
from course_lib.course.data import load_diamonds
from course_lib.course.desk import FEATURES, load_desk
from course_lib.course.desk_remedies import MIN_ROWS, Plan, do_nothing, recalibrate, refuse, retrain
from course_lib.course.desk_value import accepts
from course_lib.course.hidden_incidents import (
    CAUSES,
    FAULT,
    KINDS,
    N_JUDGED,
    N_WEEKS,
    NOTHING,
    Incident,
)
from course_lib.course.remedy_value import compare_remedies

__all__ = [
    "CAUSES",
    "KINDS",
    "REMEDIES",
    "Game",
    "Grade",
    "complaint",
    "game_day",
    "leaderboard",
]

Column = Any  # means `pd.Series[Any]`, which is not a valid expression at run time

TODAY = GO_LIVE + WEEK * N_WEEKS
#: First and last week in which an incident may start. It lasts until a remedy ends it.
FIRST_START, LAST_START = 6, 18
QUIET_SHARE = 0.25  #: Share of the seeds without an incident.

#: One-time cost of each remedy in USD, as in lesson 07. "fix upstream" removes a fault from today
#: on; "recalibrate" and "retrain" use the known prices of offers since the given start.
REMEDIES = {
    "do nothing": 0.0,
    "fix upstream": 1_000.0,
    "recalibrate": 1_000.0,
    "retrain": 10_000.0,
    "stop buying": 0.0,
}
POINTS = {"cause": 5, "remedy": 3, "start": 2, "near": 1, "false alarm": -2}
CLOSE, NEAR = 1, 3  # largest number of weeks between the given start and the true one


@dataclass(frozen=True, repr=False, eq=False)
class Game:
    """The data of one game that a player sees. They never change: every property returns a copy.

    Frames hold one row per stone offered, in order of time: the nine features, `price` (true, USD;
    missing where it is not yet published today), `offered_at`, `price_known_at`, `predicted_price`
    (USD) and `accepted` (the seller's answer, known at once).

    Attributes
    ----------
    seed : int
    reference, analysis : DataFrame
        The 20 quiet weeks, the same in every game, and the 28 weeks of production.
    features : list of str
        The nine columns that the model uses.
    columns : dict of str
        The other columns by their role, such as `y_true`.
    today : Timestamp
        The current date: the Monday after the last week of production.
    """

    seed: int
    _incident: Incident
    _offered: pd.DataFrame
    _clean_price: NDArray[np.float64]

    @property
    def reference(self) -> pd.DataFrame:
        """The 20 quiet weeks, with their prices."""
        return load_desk("").reference.drop(columns="stone")

    @property
    def analysis(self) -> pd.DataFrame:
        """The 28 weeks of production, with the prices published until today."""
        return as_of(self._offered, self.today)

    @property
    def features(self) -> list[str]:
        """The nine columns that the model uses."""
        return list(FEATURES)

    @property
    def columns(self) -> dict[str, str]:
        """The other columns by role."""
        return {
            "y_true": "price",
            "y_pred": "predicted_price",
            "timestamp_column_name": "offered_at",
            "known_at": "price_known_at",
            "answers": "accepted",
        }

    @property
    def today(self) -> pd.Timestamp:
        """The current date of the game."""
        return TODAY

    def week(self, frame: pd.DataFrame) -> Any:
        """Return the production week of each row as a Series; see `production_week`."""
        return production_week(frame["offered_at"])

    def grade(self, answer: Mapping[str, Any]) -> Grade:
        """Return the grade of an answer: points, earnings in USD and the true incident.

        Parameters
        ----------
        answer : mapping
            `cause`, one of `CAUSES`; `start_week`, the first production week of the incident, None
            when the cause is "nothing"; `remedy`, one of `REMEDIES`.

        Returns
        -------
        Grade

        Raises
        ------
        TypeError, ValueError
            For a malformed answer; the message helps to correct it.

        Notes
        -----
        Taught in lesson 13.

        Examples
        --------
        >>> game = game_day(7)
        >>> game.grade({"cause": "magic", "start_week": 3, "remedy": "retrain"})
        Traceback (most recent call last):
        ValueError: `cause` is 'magic'; choose one of: unit change, stuck sensor, ...
        """
        cause, start, remedy = _parse(answer)
        truth = self._incident
        right = KINDS[truth.cause].remedy if truth.cause in KINDS else "do nothing"
        gains = self._gains({"yours": (remedy, start), "right": (right, truth.start)})
        return Grade(truth, cause, start, remedy, right, gains["yours"], gains["right"])

    def _gains(self, actions: Mapping[str, tuple[str, int | None]]) -> dict[str, float]:
        """Return the gain of actions over doing nothing in the weeks after today, USD."""
        coming = self._offered[(self._offered["offered_at"] >= self.today).to_numpy()]
        plans = {name: self._plan(coming, *action) for name, action in actions.items()}
        table = compare_remedies({"do nothing": do_nothing(coming), **plans}, coming)
        return {name: float(table["gain_usd"][name]) * len(coming) for name in plans}

    def _plan(self, coming: pd.DataFrame, remedy: str, start: int | None) -> Plan:
        """Return the plan of a remedy; with too few known prices, predictions stay."""
        y_pred, cost = coming["predicted_price"].to_numpy(), REMEDIES[remedy]
        if remedy == FAULT:
            return Plan(self._clean_price[-len(coming) :], cost_usd=cost)
        if remedy == "stop buying":
            return refuse(coming, np.ones(len(coming), dtype=bool), cost_usd=cost)
        known, since = self.analysis, GO_LIVE + WEEK * (start or 0)
        n_known = known.loc[known["offered_at"] >= since, "price"].count()
        if remedy == "do nothing" or n_known < MIN_ROWS:
            return Plan(y_pred, cost_usd=cost)
        make_plan = recalibrate if remedy == "recalibrate" else retrain
        return make_plan(known, coming, since=since, cost_usd=cost)

    def __repr__(self) -> str:
        n_stones = (self._offered["offered_at"] < self.today).sum()
        return f"Game(seed={self.seed}, {n_stones:,} stones, today={self.today.date()})"


@dataclass(frozen=True, repr=False)
class Grade:
    """The grade of an answer. Print it to see the details.

    Attributes
    ----------
    cause, start_week, remedy
        The answer.
    truth : dict
        The true incident: `cause`, `start_week`, `remedy`, `strength` (from 0, the weakest of
        its kind, to 1) and `story`.
    saved_usd, right_usd : float
        Gain of the given and of the right remedy over doing nothing, in the eight weeks after
        today, at true prices: mean gain per stone, averaged over weeks, times the number of
        stones, less the cost of the remedy.
    """

    _incident: Incident
    cause: str
    start_week: int | None
    remedy: str
    _right_remedy: str
    saved_usd: float
    right_usd: float

    @property
    def truth(self) -> dict[str, Any]:
        """The true incident."""
        incident = self._incident
        story = "nothing happened"
        if incident.cause != NOTHING:
            story = KINDS[incident.cause].words.format(
                column=incident.column,
                strength=incident.strength,
                higher="higher" if incident.sign > 0 else "lower",
            )
            story = f"{incident.cause} since week {incident.start}, {story}"
        return {
            "cause": incident.cause,
            "start_week": None if incident.cause == NOTHING else incident.start,
            "remedy": self._right_remedy,
            "strength": incident.position,
            "story": story,
        }

    @property
    def cause_right(self) -> bool:
        """Whether the given cause is the true one."""
        return self.cause == self._incident.cause

    @property
    def remedy_right(self) -> bool:
        """Whether the remedy is the one for the true cause."""
        return self.remedy == self._right_remedy

    @property
    def false_alarm(self) -> bool:
        """Whether the answer is an incident but nothing happened."""
        return self.cause != NOTHING and self._incident.cause == NOTHING

    @property
    def missed(self) -> bool:
        """Whether the answer is "nothing" but an incident happened."""
        return self.cause == NOTHING and self._incident.cause != NOTHING

    @property
    def weeks_off(self) -> int | None:
        """The given start minus the true one, in weeks; None if either is None."""
        true = self.truth["start_week"]
        return None if self.start_week is None or true is None else self.start_week - true

    @property
    def points(self) -> int:
        """Points for cause, remedy and start, minus those for a false alarm; at most 10."""
        earned = {"cause": self.cause_right, "remedy": self.remedy_right}
        off = self.weeks_off
        earned["start"] = self.start_week == self.truth["start_week"] or _within(off, CLOSE)
        earned["near"] = not earned["start"] and _within(off, NEAR)
        earned["false alarm"] = self.false_alarm
        return sum(POINTS[name] for name, applies in earned.items() if applies)

    @property
    def short_usd(self) -> float:
        """How much less the answer earns than the right one."""
        return self.right_usd - self.saved_usd

    def __repr__(self) -> str:
        return f"Grade({self.points} of 10 points, {self.saved_usd:+,.0f} USD)"

    def __str__(self) -> str:
        truth, off = self.truth, self.weeks_off
        start = "" if off is None else f", {_start_error(off)}"
        verdict = "right" if self.cause_right else "a false alarm" if self.false_alarm else "wrong"
        remedy = "right" if self.remedy_right else f"{truth['remedy']!r} is right"
        cost_note = " (the remedy costs more than it earns)" if self.right_usd < 0 else ""
        return (
            f"The truth: {truth['story']}.\n"
            f"Your cause, {self.cause!r}, is {verdict}{start}. "
            f"Your remedy, {self.remedy!r}: {remedy}.\n"
            f"In the {N_JUDGED} weeks after today it earns {self.saved_usd:+,.0f} USD against "
            f"doing nothing; the right answer earns {self.right_usd:+,.0f} USD{cost_note}.\n"
            f"{self.points} of 10 points."
        )


def _within(off: int | None, weeks: int) -> bool:
    return off is not None and abs(off) <= weeks


def _start_error(off: int) -> str:
    if not off:
        return "its start is right"
    unit = "week" if abs(off) == 1 else "weeks"
    return f"its start {abs(off)} {unit} too {'late' if off > 0 else 'early'}"


def _parse(answer: object) -> tuple[str, int | None, str]:
    """Return cause, start week and remedy of an answer; raise an error if it is malformed."""
    keys = {"cause", "start_week", "remedy"}
    if not isinstance(answer, Mapping) or set(answer) != keys:
        raise TypeError(
            f"`answer` is {answer!r}; give a dict of cause, start_week and remedy, such as "
            '{"cause": "price shock", "start_week": 12, "remedy": "recalibrate"}'
        )
    cause, start, remedy = (answer[name] for name in ("cause", "start_week", "remedy"))
    for name, value, allowed in (("cause", cause, CAUSES), ("remedy", remedy, tuple(REMEDIES))):
        if value not in allowed:
            raise ValueError(f"`{name}` is {value!r}; choose one of: {', '.join(allowed)}")
    if cause == NOTHING and start is None:
        return cause, None, remedy
    if isinstance(start, bool | float | str) or start not in range(N_WEEKS) or cause == NOTHING:
        raise ValueError(
            f"`start_week` is {start!r} for {cause!r}; give a whole number from 0 to "
            f"{N_WEEKS - 1}, and None for {NOTHING!r}"
        )
    return cause, int(start), remedy


def complaint(answer: object) -> str:
    """Return the error message of `Game.grade` for a malformed answer, or an empty string.

    Lets an exercise report a malformed answer without revealing the solution.

    Notes
    -----
    Taught in lesson 13.

    Examples
    --------
    >>> print(complaint({"cause": "mix change", "start_week": 28, "remedy": "do nothing"}))
    `start_week` is 28 for 'mix change'; give a whole number from 0 to 27, and None for 'nothing'
    >>> complaint({"cause": "mix change", "start_week": 9, "remedy": "do nothing"})
    ''
    """
    try:
        _parse(answer)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


def game_day(seed: int) -> Game:
    """Return 28 weeks of production; about three in four seeds hide an incident.

    The incident is one of `KINDS`: unit change, stuck sensor, broken join, category renamed, price
    shock, mix change or missing block, from barely visible to large. It starts in one of the weeks
    6 to 18 and lasts until a remedy ends it.

    Parameters
    ----------
    seed : int
        Equal seeds give equal games.

    Returns
    -------
    Game

    Raises
    ------
    ValueError
        For a seed that is not a whole number >= 0.

    Notes
    -----
    Taught in lesson 13.

    Examples
    --------
    >>> game_day(7)
    Game(seed=7, 10,706 stones, today=2025-03-24)
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"`seed` is {seed!r}; give a whole number >= 0")
    incident = _drawn(int(seed))
    stones = _dealt(int(seed))
    if incident.cause in KINDS:
        stones = KINDS[incident.cause].plant(stones, incident)
    offered = stones.dropna(subset=["offered_at"]).drop(columns="stone")
    clean = offered["predicted_price"].to_numpy(copy=True)
    if incident.cause in KINDS and KINDS[incident.cause].remedy == FAULT:
        offered["predicted_price"] = load_desk("").predict(offered)
    offered["accepted"] = accepts(offered["price"], offered["predicted_price"])
    return Game(int(seed), incident, offered, clean)


def _drawn(seed: int) -> Incident:
    """Draw an incident, or none; the logarithm of its strength is uniform."""
    rng = np.random.default_rng([seed, 0])
    quiet = rng.random() < QUIET_SHARE
    cause = str(rng.choice(list(KINDS)))
    start, position = int(rng.integers(FIRST_START, LAST_START + 1)), float(rng.random())
    kind = KINDS[cause]
    column = str(rng.choice(kind.columns))
    strength = kind.weakest * (kind.strongest / kind.weakest) ** position
    if quiet:
        return Incident(NOTHING, seed, start, "", 0.0, 0.0)
    return Incident(cause, seed, start, column, strength, position)


def _dealt(seed: int) -> pd.DataFrame:
    """Assign stones to the dates of production at random; those without a date come last."""
    rng = np.random.default_rng([seed, 3])
    stones, times = _production()
    sizes = np.bincount(production_week(times["offered_at"]))
    large = draw_large(rng, sizes, share=LARGE_SHARE)
    is_large = (stones["carat"] >= LARGE_CARAT).to_numpy()
    week = np.full(len(stones), len(sizes))
    for mask, counts in ((is_large, large), (~is_large, sizes - large)):
        taken = shuffled(rng, np.flatnonzero(mask))[: counts.sum()]
        week[taken] = np.repeat(np.arange(len(sizes)), counts)
    dealt = stones.iloc[np.lexsort([rng.random(len(stones)), week])].reset_index(drop=True)
    return dealt.assign(offered_at=times["offered_at"], price_known_at=times["price_known_at"])


@lru_cache(maxsize=1)
def _production() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return all stones to choose from, with predicted prices, and the dates to assign."""
    desk = load_desk("")
    times = ["offered_at", "price_known_at"]
    stones = load_diamonds()
    reserve = stones[stones["offered_at"].isna()]
    reserve = reserve.assign(predicted_price=desk.predict(reserve))
    sets = [desk.analysis, desk.waiting, desk.future]
    pool = pd.concat([*sets, reserve], ignore_index=True).drop(columns=[*times, "accepted"])
    return pool, pd.concat(sets[:2], ignore_index=True)[times]


def leaderboard(players: Mapping[str, Sequence[Grade]]) -> pd.DataFrame:
    """Return a table of the players, ranked by their points: one row each.

    Parameters
    ----------
    players : mapping of str to list of Grade
        The grades of each player. Use the same games for all players.

    Returns
    -------
    DataFrame
        Indexed by `player`, the best first: `points` per game; the number of `games`, of right
        `causes`, of `starts` within a week, of right `remedies`, of `false_alarms` and of
        `missed` incidents; the sums of `saved_usd` and `short_usd`, in whole USD.

    Notes
    -----
    Taught in lesson 13.

    Examples
    --------
    >>> grade = game_day(7).grade({"cause": "nothing", "start_week": None, "remedy": "do nothing"})
    >>> leaderboard({"me": [grade, grade]}).loc["me", "games"].item()
    2
    """
    rows = {
        name: {
            "points": np.mean([grade.points for grade in grades]),
            "games": len(grades),
            "causes": sum(grade.cause_right for grade in grades),
            "starts": sum(_within(grade.weeks_off, CLOSE) for grade in grades),
            "remedies": sum(grade.remedy_right for grade in grades),
            "false_alarms": sum(grade.false_alarm for grade in grades),
            "missed": sum(grade.missed for grade in grades),
            "saved_usd": round(sum(grade.saved_usd for grade in grades)),
            "short_usd": round(sum(grade.short_usd for grade in grades)),
        }
        for name, grades in players.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("player")
    return table.sort_values("points", ascending=False, kind="stable")
