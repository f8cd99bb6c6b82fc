"""A reference solution of the game day with the monitors of the course, and two simpler ones.

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

CATEGORICAL = ["cut", "color", "clarity"]
NUMERIC = [name for name in FEATURES if name not in CATEGORICAL]
#: Monitors in the order in which `solve` reads them, each with the cause it indicates.
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
#: A week adds 1 − PACE to a score if it has an alert, else −PACE. A score counts from LIMIT on.
PACE, LIMIT = 0.2, 1.0
MIN_ALERTS = 3


@lru_cache(maxsize=1)
def monitors() -> dict[str, Any]:
    """Return the monitors by name, fitted once on the reference that all games share.

    Notes
    -----
    Taught in lesson 13.
    """
    chunking: Any = {"timestamp_column_name": "offered_at", "chunk_period": "W"}
    model: Any = {"y_true": "price", "y_pred": "predicted_price", **chunking}
    # Logarithms, so that a relative change of all prices is equal for small and large stones.
    bias = RowMetric("bias", lambda true, pred: np.log(pred / true), higher_is_better=None)
    rate = RowMetric("acceptance_rate", lambda accepted, _: accepted, higher_is_better=None)
    answers = {**model, "y_true": "accepted", "metrics": rate}
    unfitted: dict[str, Any] = {
        "missing": MissingValuesCalculator(FEATURES, **chunking),
        "new names": UnseenValuesCalculator(CATEGORICAL, **chunking),
        "new numbers": UnseenValuesCalculator(NUMERIC, **chunking),
        "out of range": NumericalRangeCalculator(NUMERIC, **chunking),
        "one value": UnivariateDriftCalculator(
            NUMERIC, treat_as_categorical=NUMERIC, categorical_methods="l_infinity", **chunking
        ),
        "contradiction": ColumnConsistencyCalculator(NUMERIC, **chunking),
        "expected error": DLE(FEATURES, metrics="mae", **model),
        "answers": PerformanceCalculator(**answers),
        "bias": PerformanceCalculator(metrics=bias, **model),
    }
    reference = load_desk("").reference
    return {name: monitor.fit(reference) for name, monitor in unfitted.items()}


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
    """Return the score of a signal that lasts until today, and the week in which it started.

    The score of a week s is the sum of (alert − 0.2) over the weeks from s on. It is above 0 if
    more than one week in five has an alert. The week from 6 to 18 with the largest score is chosen.

    Parameters
    ----------
    alerts : array-like of bool, shape (n,)
        One for each production week, in order of time.

    Notes
    -----
    Page's cumulative sum (1954, doi:10.1093/biomet/41.1-2.100), computed from the end. Taught in
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
    """Return the first cause, in the order of `SIGNS`, whose score is large enough.

    Faults come first: a fault can change prices and answers, but the market cannot cause a fault.
    The score must reach that of the expected error. A mix change also brings new numbers, and a
    large fault also raises the expected error, but each raises its own signal more.

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
    scores = _scores(table)
    return _first_cause(scores, at_least=max(LIMIT, scores["expected error"][0]))


def quality_only(table: pd.DataFrame) -> dict[str, Any]:
    """Return the first cause as `solve` does, from missing, new and impossible values alone."""
    scores = _scores(table)
    return _first_cause({name: scores[name] for name in QUALITY}, at_least=LIMIT)


def alert_counts(table: pd.DataFrame) -> dict[str, Any]:
    """Return the cause of the series with the most alerts, from the week of its first alert.

    With fewer than three alerts the answer is "nothing".
    """
    alerts = table[table["alert"]].groupby(["monitor", "column"])["week"].agg(["size", "min"])
    most = alerts.reset_index().nlargest(1, "size")
    if most["size"].sum() < MIN_ALERTS:
        return _answer(NOTHING, None)
    return _answer(SIGNS[most["monitor"].item()], int(most["min"].item()))


def _scores(table: pd.DataFrame) -> dict[str, tuple[float, int]]:
    """Return the score and start week of each monitor's column with the largest score."""
    in_order = table.sort_values("week", kind="stable")
    columns = in_order.groupby(["monitor", "column"])["alert"].apply(standing)
    return {name: max(columns[name]) for name in SIGNS}


def _first_cause(scores: Mapping[str, tuple[float, int]], *, at_least: float) -> dict[str, Any]:
    for cause in dict.fromkeys(SIGNS[name] for name in scores):
        score, week = max(scores[name] for name in scores if SIGNS[name] == cause)
        if score >= at_least:
            return _answer(cause, week)
    return _answer(NOTHING, None)


def _answer(cause: str, start_week: int | None) -> dict[str, Any]:
    remedy = KINDS[cause].remedy if cause in KINDS else "do nothing"
    return {"cause": cause, "start_week": start_week, "remedy": remedy}
