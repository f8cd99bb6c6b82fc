"""A reference solution of the game day, from the course's own monitors, and two that do less.

`readings` runs every monitor on a game; `solve`, `quality_only` and `alert_counts` turn that table
into an answer. Taught in lesson 13.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from course_lib.course.desk import FEATURES, load_desk
from course_lib.course.game import FIRST_START, LAST_START, Game
from course_lib.course.hidden_incidents import KINDS, NOTHING
from course_lib.drift.consistency import ColumnConsistencyCalculator
from course_lib.drift.quality import (
    MissingValuesCalculator,
    NumericalRangeCalculator,
    UnseenValuesCalculator,
)
from course_lib.drift.univariate import UnivariateDriftCalculator
from course_lib.performance.dle import DLE
from course_lib.performance.realized import PerformanceCalculator
from course_lib.performance.regression_metrics import RowMetric

__all__ = ["SIGNS", "alert_counts", "monitors", "quality_only", "readings", "solve", "standing"]

TEXTS = ["cut", "color", "clarity"]
NUMBERS = [name for name in FEATURES if name not in TEXTS]
#: Monitors in the order in which `solve` reads them, each with the cause it speaks for.
SIGNS = {
    "missing": "missing block",
    "new names": "category renamed",
    "new numbers": "unit change",
    "out of range": "unit change",
    "one value": "stuck sensor",
    "contradiction": "broken join",
    "expected error": "mix change",
    "answers": "price shock",
    "bias": "price shock",
}
QUALITY = ("missing", "new names", "new numbers", "out of range")
#: An alert counts 1 − PACE, a week without one −PACE; a signal stands from the sum LIMIT on.
PACE, LIMIT = 0.2, 1.0
FEWEST_ALERTS = 3


@lru_cache(maxsize=1)
def monitors() -> dict[str, Any]:
    """Return the monitors by name, fitted once on the reference that all games share.

    Notes
    -----
    Taught in lesson 13.
    """
    when: Any = {"timestamp_column_name": "offered_at", "chunk_period": "W"}
    model: Any = {"y_true": "price", "y_pred": "predicted_price", **when}
    # Between logarithms, so that a change of all prices shows alike in small and large stones.
    bias = RowMetric("bias", lambda true, told: np.log(told / true), higher_is_better=None)
    rate = RowMetric("acceptance_rate", lambda said_yes, _: said_yes, higher_is_better=None)
    answers = {**model, "y_true": "accepted", "metrics": rate}
    found: dict[str, Any] = {
        "missing": MissingValuesCalculator(FEATURES, **when),
        "new names": UnseenValuesCalculator(TEXTS, **when),
        "new numbers": UnseenValuesCalculator(NUMBERS, **when),
        "out of range": NumericalRangeCalculator(NUMBERS, **when),
        "one value": UnivariateDriftCalculator(
            NUMBERS, treat_as_categorical=NUMBERS, categorical_methods="l_infinity", **when
        ),
        "contradiction": ColumnConsistencyCalculator(NUMBERS, **when),
        "expected error": DLE(FEATURES, metrics="mae", **model),
        "answers": PerformanceCalculator(**answers),
        "bias": PerformanceCalculator(metrics=bias, **model),
    }
    reference = load_desk("").reference
    return {name: monitor.fit(reference) for name, monitor in found.items()}


def readings(game: Game) -> pd.DataFrame:
    """Run all monitors on a game: one row per monitor, column and production week.

    Returns
    -------
    DataFrame
        `monitor` (a key of `SIGNS`), `column` ("" for the whole model), `week`, `value`, `alert`.

    Notes
    -----
    Taught in lesson 13.
    """
    analysis, parts = game.analysis, []
    for name, monitor in monitors().items():
        run = getattr(monitor, "estimate", None) or monitor.calculate
        parts.append(run(analysis).filter(period="analysis").to_df().assign(monitor=name))
    table = pd.concat(parts, ignore_index=True)
    table = table.rename(columns={"chunk_index": "week"})
    return pd.DataFrame(table, columns=["monitor", "column", "week", "value", "alert"])


def standing(alerts: ArrayLike) -> tuple[float, int]:
    """Return how firmly a signal stands until today, and the week since when.

    Since a week s the sum of (alert − 0.2) over the weeks from s on: above 0 when more than one
    week in five alerts. The week with the largest sum is taken.

    Parameters
    ----------
    alerts : array-like of bool, shape (n,)
        Of the production weeks, in order of time.

    Notes
    -----
    Page's cumulative sum (1954, doi:10.1093/biomet/41.1-2.100), read from the end. Taught in
    lesson 13.

    Examples
    --------
    >>> standing([False] * 10 + [True] * 10)
    (8.0, 10)
    """
    steps = np.asarray(alerts, dtype=float) - PACE
    sums = [float(steps[week:].sum()) for week in range(FIRST_START, LAST_START + 1)]
    best = int(np.argmax(sums))
    return sums[best], FIRST_START + best


def solve(table: pd.DataFrame) -> dict[str, Any]:
    """Answer with the first cause, in the order of `SIGNS`, for which a signal stands.

    Faults come before the market: a fault can move prices and answers, not the other way round.
    A fault has to stand as firmly as the expected error does: large stones bring new numbers too,
    and a large fault moves the expected error too, but neither as much as what it is known by.

    Parameters
    ----------
    table : DataFrame
        From `readings`.

    Returns
    -------
    dict
        `cause`, `start_week` and `remedy`, as `Game.grade` takes them.

    Notes
    -----
    Taught in lesson 13.

    Examples
    --------
    >>> rows = [(name, "", week, week >= 12 and name == "answers")
    ...         for name in SIGNS for week in range(28)]
    >>> solve(pd.DataFrame(rows, columns=["monitor", "column", "week", "alert"]))
    {'cause': 'price shock', 'start_week': 12, 'remedy': 'recalibrate'}
    """
    firmness = _firmness(table)
    return _first(firmness, at_least=max(LIMIT, firmness["expected error"][0]))


def quality_only(table: pd.DataFrame) -> dict[str, Any]:
    """Answer from missing, new and impossible values alone; otherwise as `solve`."""
    firmness = _firmness(table)
    return _first({name: firmness[name] for name in QUALITY}, at_least=LIMIT)


def alert_counts(table: pd.DataFrame) -> dict[str, Any]:
    """Answer with the cause of the series that alerts most often, since its first alert.

    With fewer than three alerts, nothing happened.
    """
    alerts = table[table["alert"]].groupby(["monitor", "column"])["week"].agg(["size", "min"])
    most = alerts.reset_index().nlargest(1, "size")
    if most["size"].sum() < FEWEST_ALERTS:
        return _answer(NOTHING, None)
    return _answer(SIGNS[most["monitor"].item()], int(most["min"].item()))


def _firmness(table: pd.DataFrame) -> dict[str, tuple[float, int]]:
    """Return, per monitor, how firmly its firmest column stands, and the week since when."""
    in_order = table.sort_values("week", kind="stable")
    columns = in_order.groupby(["monitor", "column"])["alert"].apply(standing)
    return {name: max(columns[name]) for name in SIGNS}


def _first(firmness: Mapping[str, tuple[float, int]], *, at_least: float) -> dict[str, Any]:
    for cause in dict.fromkeys(SIGNS[name] for name in firmness):
        firm, week = max(firmness[name] for name in firmness if SIGNS[name] == cause)
        if firm >= at_least:
            return _answer(cause, week)
    return _answer(NOTHING, None)


def _answer(cause: str, start_week: int | None) -> dict[str, Any]:
    remedy = KINDS[cause].remedy if cause in KINDS else "do nothing"
    return {"cause": cause, "start_week": start_week, "remedy": remedy}
