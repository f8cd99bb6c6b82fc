"""Consistency: which column no longer fits its prediction from the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Unpack

import numpy as np
from numpy.typing import NDArray

from course_lib.core.boosting import (
    Booster,
    Hyperparameters,
    bin_matrix,
    grow,
    predict,
    require_hyperparameters,
)
from course_lib.core.chunking import Chunk
from course_lib.core.column_monitor import ColumnOptions, ColumnsMonitor
from course_lib.core.parameters import copied
from course_lib.core.readings import Reading
from course_lib.core.sampling import draw
from course_lib.core.schema import Column, Encoded, Table, listed
from course_lib.core.thresholds import Bounds

__all__ = ["ColumnConsistencyCalculator"]

Floats = NDArray[np.float64]
#: Few large steps: trees per numeric column, per category. More overfit and are slow.
LEARNING_RATE, NUMBER_ROUNDS, CLASS_ROUNDS = 0.2, 25, 5
MAX_CATEGORIES = 100
#: Maximum rows per model; so few trees do not gain from more rows.
MAX_ROWS = 100_000
#: A column is left out in turn if its share of the gain is above this; at most three are.
SUSPECT_SHARE, MAX_SUSPECTS = 0.02, 3
#: The largest residual of a row, in mean residuals of the reference.
ROW_CAP = 20
ROUNDING = 1e-6  # no cap if mean residual / largest value is at most this


class ColumnConsistencyCalculator(ColumnsMonitor[list["_Witnesses"]]):
    """Measure, per column, how far it is from its prediction by the other columns.

    Models learned from the reference predict each column: one from all others, and one more
    without each of the (at most three) columns that contribute most to this prediction. The
    residual of a row is the minimum over these models: it is small if at least one of them predicts
    the row well. The value of a chunk is the mean residual: in the column's unit if numeric, else
    1 − the predicted probability of the observed category. 0 means that the others determine the
    column. The value of a column that does not fit rises; values of columns predicted from it rise
    little.

    Residuals are capped at 20 times the reference mean, unless that is rounding error, so that one
    outlier has little effect. Models and that mean use at most 100,000 rows, drawn with a constant
    seed; all rows of a chunk are measured. Residuals that each ignore one input are the structured
    residuals of fault isolation (Gertler, 1988, doi:10.1109/37.9163). Of two columns that do not
    fit each other, the wrong one cannot be found: that needs a third that depends on both. Taught
    in lesson 05.

    Parameters
    ----------
    column_names : list of str
        At least two, numeric or categorical. Missing values are inputs like any other; rows with
        a missing target are left out. An unseen category has a probability near 0.
    timestamp_column_name, chunk_size, thresholds, ...
        As in every monitor; see `course_lib.core.monitor.Monitor`.
    hyperparameters : dict, optional
        Passed to LightGBM. Own defaults: learning rate 0.2, 25 trees for a numeric column, 5 for
        each category.
    cross_fit : bool
        Measure each reference chunk with models not trained on it (five blocks of chunks), and
        production with the mean over the models of all five.

    Raises
    ------
    TypeError, ValueError
        For fewer than two columns, one without values or one with over 100 categories.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from course_lib import ColumnConsistencyCalculator
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame(rng.uniform(1, 2, size=(3000, 2)), columns=["x", "y"])
    >>> frame["area"] = frame["x"] * frame["y"]
    >>> monitor = ColumnConsistencyCalculator(["x", "y", "area"], chunk_size=300).fit(frame)
    >>> result = monitor.calculate(frame.assign(area=rng.permutation(frame["area"])))
    >>> bool(result.filter(period="analysis", column_names="area").to_df()["alert"].all())
    True
    """

    _blocks: ClassVar[int] = 5
    _metric = "residual"
    _n_columns = 2

    def __init__(
        self,
        column_names: Sequence[str],
        timestamp_column_name: str | None = None,
        *,
        hyperparameters: Hyperparameters | None = None,
        cross_fit: bool = True,
        **options: Unpack[ColumnOptions],
    ) -> None:
        self.column_names = listed(column_names)
        self.hyperparameters = copied(hyperparameters)
        self.cross_fit = cross_fit
        super().__init__(timestamp_column_name=timestamp_column_name, **options)

    def _resolve(self) -> None:
        super()._resolve()
        require_hyperparameters(self.hyperparameters)

    def _check_reference(self, table: Table) -> None:
        super()._check_reference(table)
        for column in table.columns:
            if len(column.categories) > MAX_CATEGORIES:
                raise ValueError(
                    f"`{column.name}` has {len(column.categories):,} categories, and each costs "
                    f"{CLASS_ROUNDS} trees; keep {MAX_CATEGORIES - 1}, give the rest one name"
                )

    def _learn(self, table: Table, rows: NDArray[np.intp]) -> list[_Witnesses]:
        return [self._with_suspects(table, rows, column) for column in table.columns]

    def _with_suspects(self, table: Table, rows: NDArray[np.intp], column: Column) -> _Witnesses:
        """Return models of a column: with all others, and without each main input."""
        others = [c.name for c in table.columns if c is not column]
        first = self._predictor(table, rows, column, others)
        suspects = _suspects(first, others)
        views = [[name for name in others if name != suspect] for suspect in suspects]
        rest = [self._predictor(table, rows, column, view) for view in views]
        witnesses = _Witnesses(column, [others, *views], [first, *rest])
        known = rows[~column.is_missing(table[column.name][rows])]
        sample = draw(table, [column.name, *others], known, MAX_ROWS)
        mean = float(witnesses.residuals(table, sample).mean())
        scale = float(np.abs(table[column.name][sample]).max()) if column.kind == "numeric" else 1.0
        # If the column is an exact function of the others, the mean residual is rounding error:
        # set no cap.
        return replace(witnesses, cap=ROW_CAP * mean) if mean > ROUNDING * scale else witnesses

    def _learn_again(
        self, state: list[_Witnesses], table: Table, rows: NDArray[np.intp]
    ) -> list[_Witnesses]:
        # Use the inputs chosen on the whole reference, to keep residuals comparable.
        return [
            replace(w, boosters=[self._predictor(table, rows, w.column, view) for view in w.views])
            for w in state
        ]

    def _joined(self, state: list[_Witnesses], fold: list[_Witnesses]) -> list[_Witnesses]:
        # Measure production with the models that measured the reference. A model of all rows is
        # less noisy, and the minimum of less noisy residuals is larger.
        return [
            replace(w, boosters=[], panels=[*w.panels, part.boosters])
            for w, part in zip(state, fold, strict=True)
        ]

    def _predictor(
        self, table: Table, rows: NDArray[np.intp], column: Column, names: Sequence[str]
    ) -> Booster:
        rows = rows[~column.is_missing(table[column.name][rows])]
        if not len(rows):
            raise ValueError(
                f"`{column.name}` is missing in all rows outside one block of the reference, and "
                "cross-fitting needs values there; leave it out, or pass cross_fit=False"
            )
        settings: Hyperparameters = {"num_iterations": NUMBER_ROUNDS}
        if column.kind == "categorical":
            # Code 0, for unseen values, is a class without rows: its probability is near 0.
            settings = {"objective": "multiclass", "num_class": column.missing_code}
            settings = {**settings, "num_iterations": CLASS_ROUNDS}
        settings = {**settings, "learning_rate": LEARNING_RATE, **(self.hyperparameters or {})}
        rows = draw(table, [column.name, *names], rows, MAX_ROWS)
        matrix, target = table.matrix(names, rows), table[column.name][rows].astype(float)
        data = bin_matrix(matrix, table.categorical(names), hyperparameters=settings)
        return grow(data, target, settings, name=f"`{column.name}`")

    def _measure(self, state: list[_Witnesses], table: Table, chunk: Chunk) -> Iterable[Reading]:
        for witnesses in state:
            column = witnesses.column
            known = ~column.is_missing(table[column.name][chunk.rows])
            n = int(known.sum())
            if not n:
                note = f"all {len(chunk):,} values of the chunk are missing"
                yield Reading(self._metric, np.nan, 0, column.name, note=note)
                continue
            residual = witnesses.residuals(table, np.flatnonzero(known) + chunk.rows.start)
            error = float(residual.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan
            yield Reading(self._metric, float(residual.mean()), n, column.name, error)

    def _bounds(self, metric: str) -> Bounds:
        return Bounds(0.0, None, best=0.0)


@dataclass(frozen=True)
class _Witnesses:
    """Models that predict a column from others, each with the names of its inputs."""

    column: Column
    views: list[list[str]]
    boosters: list[Booster]  # one for each view
    cap: float = np.inf
    panels: list[list[Booster]] = field(default_factory=list)  # of the blocks, instead of boosters

    def residuals(self, table: Table, rows: NDArray[np.intp]) -> Floats:
        """The smallest residual of each row, capped; then the mean over panels."""
        found = table[self.column.name][rows]
        inputs = [table.matrix(view, rows) for view in self.views]
        smallest = []
        for panel in self.panels or [self.boosters]:
            expected = map(predict, panel, inputs)
            smallest.append(np.min([self._residuals(found, part) for part in expected], axis=0))
        return np.asarray(np.mean(np.minimum(smallest, self.cap), axis=0))

    def _residuals(self, found: Encoded, expected: Floats) -> Floats:
        if self.column.kind == "numeric":
            return np.asarray(np.abs(found - expected))
        return np.asarray(1 - expected[np.arange(len(found)), found])


def _suspects(booster: Booster, names: Sequence[str]) -> list[str]:
    """The at most three inputs with more than SUSPECT_SHARE of the gain, largest first."""
    gain = booster.feature_importance("gain")
    if len(names) < 2 or not gain.sum():
        return []
    largest = np.argsort(-gain, kind="stable")[:MAX_SUSPECTS]
    return [names[i] for i in largest if gain[i] > SUSPECT_SHARE * gain.sum()]
