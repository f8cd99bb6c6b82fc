"""Domain classifier: whether rows of a chunk can be told from rows of the reference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Unpack

import numpy as np
from numpy.typing import NDArray

from course_lib.core.boosting import (
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
from course_lib.core.schema import Table, listed
from course_lib.core.thresholds import Bounds

__all__ = ["DomainClassifierCalculator"]

Floats = NDArray[np.float64]
SEED = 16
SETTINGS: Hyperparameters = {"objective": "binary", "num_iterations": 50, "num_leaves": 8}


class DomainClassifierCalculator(ColumnsMonitor["_Sample"]):
    """Measure how well a classifier tells the rows of a chunk from rows of the reference.

    It gets at most 2,000 rows of each, so that a chunk costs the same whatever its size and that of
    the reference. The value is the area under its ROC curve on rows it was not trained on: 0.5
    means that chunk and reference look alike, 1 that a single row shows its origin. Samples and
    folds are drawn with a constant seed: the same frame gives the same values. Taught in lesson 05.

    Parameters
    ----------
    feature_column_names : list of str
        Numeric or categorical; missing values and unseen categories are data.
    treat_as_categorical : list of str, optional
        Columns of numbers that are codes, such as a postcode.
    timestamp_column_name, chunk_size, thresholds, ...
        As in every monitor; see `course_lib.core.monitor.Monitor`.
    cv_folds_num : int
        Folds, shuffled and stratified.
    hyperparameters : dict, optional
        Passed to LightGBM; its defaults otherwise, but for 50 trees of 8 leaves: more would learn
        the noise of some hundred rows.
    threshold : Threshold, optional
        As in every monitor; NannyML's rule is ``ConstantThreshold(0.45, 0.65)``.
    cross_fit : bool
        Tell each reference chunk from the other chunks only.

    Raises
    ------
    TypeError, ValueError
        For no columns, or fewer than two folds.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from course_lib import DomainClassifierCalculator
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame(rng.normal(size=(2000, 2)), columns=["a", "b"])
    >>> monitor = DomainClassifierCalculator(["a", "b"], chunk_size=200).fit(frame)
    >>> monitor.calculate(frame.head(400) + 1)
    Result(drift domain_classifier_auroc: 2 analysis chunks, 2 alerts)
    """

    _blocks: ClassVar[Literal["chunks"]] = "chunks"
    _metric = "domain_classifier_auroc"
    _columns_argument = "feature_column_names"
    _accepts_empty = True  # new values in a column that was empty identify a row
    _max_rows: ClassVar[int] = 2_000

    def __init__(
        self,
        feature_column_names: Sequence[str],
        treat_as_categorical: Sequence[str] | None = None,
        timestamp_column_name: str | None = None,
        *,
        cv_folds_num: int = 5,
        hyperparameters: Hyperparameters | None = None,
        cross_fit: bool = True,
        **options: Unpack[ColumnOptions],
    ) -> None:
        self.feature_column_names = listed(feature_column_names)
        self.treat_as_categorical = copied(treat_as_categorical)
        self.cv_folds_num = cv_folds_num
        self.hyperparameters = copied(hyperparameters)
        self.cross_fit = cross_fit
        super().__init__(timestamp_column_name=timestamp_column_name, **options)

    def _resolve(self) -> None:
        super()._resolve()
        n_folds = self.cv_folds_num
        if isinstance(n_folds, bool) or not isinstance(n_folds, (int, np.integer)):
            raise TypeError(f"`cv_folds_num` must be a whole number, got {n_folds!r}")
        if n_folds < 2:
            raise ValueError(f"`cv_folds_num` must be at least 2, got {n_folds}")
        require_hyperparameters(self.hyperparameters)
        self._settings = {**SETTINGS, **(self.hyperparameters or {})}

    def _learn(self, table: Table, rows: NDArray[np.intp]) -> _Sample:
        """Keep a sample of the reference: the rows that chunks are told from."""
        names = [column.name for column in table.columns]
        sample = draw(table, names, rows, self._max_rows, seed=SEED)
        return _Sample(table.matrix(names, sample), names, table.categorical(names))

    def _measure(self, state: _Sample, table: Table, chunk: Chunk) -> Iterable[Reading]:
        n = min(len(chunk), len(state.rows))
        if n < self.cv_folds_num:
            note = f"{n} rows are too few for {self.cv_folds_num} folds"
            yield Reading(self._metric, np.nan, n, note=note)
            return
        # Another seed than for the reference: equal rows are not drawn, or left out, in both.
        here = draw(table, state.names, np.r_[chunk.rows], self._max_rows, seed=SEED + 1)
        both = np.vstack([state.rows, table.matrix(state.names, here)])
        auroc = self._auroc(both, len(state.rows), state.categorical)
        yield Reading(self._metric, auroc, len(here))

    def _auroc(self, matrix: Floats, n_reference: int, categorical: Sequence[int]) -> float:
        from sklearn.metrics import roc_auc_score
        from sklearn.model_selection import StratifiedKFold

        label = np.repeat([0.0, 1.0], [n_reference, len(matrix) - n_reference])
        folds = StratifiedKFold(self.cv_folds_num, shuffle=True, random_state=SEED)
        data = bin_matrix(matrix, categorical, target=label, hyperparameters=self._settings)
        score = np.empty(len(matrix))
        for train, test in folds.split(matrix, label):
            classifier = grow(data.subset(np.sort(train)), hyperparameters=self._settings)
            score[test] = predict(classifier, matrix[test])
        return float(roc_auc_score(label, score))

    def _bounds(self, metric: str) -> Bounds:
        return Bounds(0.0, 1.0)


@dataclass(frozen=True)
class _Sample:
    rows: Floats
    names: list[str]
    categorical: list[int]
