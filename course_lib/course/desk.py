"""The diamond desk: its stones, model and offers. A rebuild takes seconds and is deterministic.

The desk offers to buy polished diamonds at a price set by a model. The seller answers at once.
The true price on that day is published eight weeks later, for every stone. Taught in lesson 01.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from course_lib.core.boosting import QUIET, load_lightgbm, threads
from course_lib.core.timeline import split_by_time
from course_lib.course.calendar import GO_LIVE, STARTS, deal, production_week
from course_lib.course.data import data_file, load_diamonds
from course_lib.course.desk_value import accepts
from course_lib.course.planted_incidents import plant, truth_table

if TYPE_CHECKING:
    from lightgbm import Booster

__all__ = [
    "FEATURES",
    "Desk",
    "fit_price_model",
    "load_desk",
]

#: The features of the price model.
FEATURES = ("carat", "cut", "color", "clarity", "depth", "table", "x", "y", "z")

#: Settings of the price model. The loss is the squared error in USD.
MODEL_SETTINGS: dict[str, Any] = {"objective": "regression", "learning_rate": 0.05, **QUIET}
MAX_ROUNDS, PATIENCE = 2000, 50


@dataclass(frozen=True, repr=False, eq=False)
class Desk:
    """The state from which a lesson starts. It never changes: every property returns a copy.

    Frames hold one row per stone offered, in order of time: `stone`, the nine features,
    `price` (true, USD; only some are known on a given date, see `as_of`), `offered_at`,
    `price_known_at`, `predicted_price` (USD) and `accepted` (the seller's answer, known at
    once).

    Attributes
    ----------
    incidents : str
        The letters of the planted incidents.
    train, validation, reference, gap, analysis, waiting, future : DataFrame
        The sets, in order of time: 52, 8, 20, 8, 28, 8 and 8 weeks.
    model : lightgbm.Booster
        The price model.
    features : list of str
        The nine columns that the model uses.
    go_live : Timestamp
        The start of production, and of the analysis set.
    truth : DataFrame
        The planted incidents; see `truth_table`.
    """

    incidents: str
    _sets: Mapping[str, pd.DataFrame]
    _model: Booster

    @property
    def train(self) -> pd.DataFrame:
        """The 52 weeks of training data."""
        return self._sets["train"].copy()

    @property
    def validation(self) -> pd.DataFrame:
        """The 8 weeks used for early stopping."""
        return self._sets["validation"].copy()

    @property
    def reference(self) -> pd.DataFrame:
        """The 20 test weeks: not used in training, and without an incident."""
        return self._sets["reference"].copy()

    @property
    def gap(self) -> pd.DataFrame:
        """The 8 weeks in which the reference's prices are published."""
        return self._sets["gap"].copy()

    @property
    def analysis(self) -> pd.DataFrame:
        """The 28 weeks of production, numbered from 0."""
        return self._sets["analysis"].copy()

    @property
    def waiting(self) -> pd.DataFrame:
        """The 8 weeks in which the prices of the analysis are published."""
        return self._sets["waiting"].copy()

    @property
    def future(self) -> pd.DataFrame:
        """The last 8 weeks, for judging remedies on unseen data (lesson 07)."""
        return self._sets["future"].copy()

    @property
    def model(self) -> Booster:
        """The price model."""
        model = deepcopy(self._model)
        model.best_iteration = self._model.best_iteration  # the copy loses it
        return model

    @property
    def features(self) -> list[str]:
        """The nine columns that the model uses."""
        return list(FEATURES)

    @property
    def go_live(self) -> pd.Timestamp:
        """The start of production."""
        return GO_LIVE

    @property
    def truth(self) -> pd.DataFrame:
        """The planted incidents; see `truth_table`."""
        return truth_table(self.incidents)

    def week(self, frame: pd.DataFrame) -> Any:
        """Number the production weeks of a frame's rows, as a Series; see `production_week`."""
        return production_week(frame["offered_at"])

    def predict(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Predict prices in USD for a frame with the nine features, shape (n,).

        Raises
        ------
        ValueError
            When a feature is missing.
        """
        return _predict(self._model, frame)

    def __repr__(self) -> str:
        n_rows = sum(len(rows) for rows in self._sets.values())
        planted = repr(self.incidents) if self.incidents else "none"
        return f"Desk({n_rows:,} stones, go_live={GO_LIVE.date()}, incidents={planted})"


def load_desk(
    incidents: str = "ABCD",
    *,
    seed: int | None = None,
    data: str | os.PathLike[str] | None = None,
) -> Desk:
    """Rebuild the diamond desk: assign dates, plant incidents, train the model, make the offers.

    Parameters
    ----------
    incidents : str
        Letters of the incidents to plant; "" for none. Leaving one out changes nothing in the
        weeks of the others.
    seed : int, optional
        Seed of a new random assignment of dates; by default the dates of the data file.
    data : path, optional
        The data file or its folder; see `load_diamonds`.

    Returns
    -------
    Desk

    Raises
    ------
    FileNotFoundError
        When the data file does not exist.
    ValueError
        For an unknown incident.

    Notes
    -----
    Taught in lesson 01.

    Examples
    --------
    >>> desk = load_desk()
    >>> desk
    Desk(50,577 stones, go_live=2024-09-09, incidents='ABCD')
    >>> desk.week(desk.analysis).nunique()
    28
    """
    planted = truth_table(incidents)
    return _desk("".join(planted.index), seed, os.fspath(data_file("diamonds.parquet", data)))


@lru_cache(maxsize=8)
def _desk(incidents: str, seed: int | None, file: str) -> Desk:
    stones, model = _clean_state(seed, file)
    offered = plant(stones, incidents).dropna(subset=["offered_at"])
    offered["predicted_price"] = _predict(model, offered)
    offered["accepted"] = accepts(offered["price"], offered["predicted_price"])
    return Desk(incidents, _sets_of(offered), model)


@lru_cache(maxsize=4)
def _clean_state(seed: int | None, file: str) -> tuple[pd.DataFrame, Booster]:
    stones = load_diamonds(file)
    if seed is not None:
        undated = stones.drop(columns=["offered_at", "price_known_at"])
        stones = deal(undated.sort_values("stone", ignore_index=True), seed=seed)
    sets = _sets_of(stones.dropna(subset=["offered_at"]))
    return stones, fit_price_model(sets["train"], sets["validation"])


def _sets_of(offered: pd.DataFrame) -> dict[str, pd.DataFrame]:
    starts = dict(STARTS)
    end = starts.pop("end")
    return split_by_time(offered, timestamp_column_name="offered_at", starts=starts, end=end)


def fit_price_model(train: pd.DataFrame, validation: pd.DataFrame) -> Booster:
    """Fit the desk's price model: LightGBM with early stopping on the validation error.

    Parameters
    ----------
    train, validation : DataFrame
        With the nine features and `price` in USD.

    Returns
    -------
    lightgbm.Booster
        `predict(frame[features])` gives USD.

    Notes
    -----
    The rows are not cleaned; those with impossible sizes are included.
    Taught in lesson 01.

    Examples
    --------
    >>> desk = load_desk("")
    >>> fit_price_model(desk.train, desk.validation).num_feature()
    9
    """
    lightgbm = load_lightgbm()
    features = list(FEATURES)
    training = lightgbm.Dataset(train[features], train["price"])
    held_out = lightgbm.Dataset(validation[features], validation["price"], reference=training)
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    settings = {**MODEL_SETTINGS, **threads(len(train))}
    model: Booster = lightgbm.train(
        settings, training, MAX_ROUNDS, valid_sets=[held_out], callbacks=[stop]
    )
    return model


def _predict(model: Booster, frame: pd.DataFrame) -> NDArray[np.float64]:
    missing = [name for name in FEATURES if name not in frame]
    if missing:
        raise ValueError(
            f"{len(missing)} of {len(FEATURES)} features are missing: {', '.join(missing)}; "
            "pass a frame with all of them"
        )
    options: dict[str, Any] = {**threads(len(frame))}
    return np.asarray(model.predict(frame[list(FEATURES)], **options), dtype=float)
