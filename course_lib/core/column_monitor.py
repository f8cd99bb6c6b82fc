"""What monitors of columns share: a list of names, one threshold, one metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from course_lib.core.chunking import Chunk, Chunker
from course_lib.core.monitor import Monitor, State, rows_without
from course_lib.core.parameters import copied
from course_lib.core.result import Result
from course_lib.core.schema import Schema, Table, listed
from course_lib.core.thresholds import Threshold, Thresholds

__all__ = ["ColumnsMonitor"]


class ColumnsMonitor(Monitor[State]):
    """Base of monitors that read the columns of a list with one metric."""

    _metric: ClassVar[str]
    _n_columns: ClassVar[int] = 1  # minimum number of columns
    _columns_argument: ClassVar[str] = "column_names"
    treat_as_categorical: Sequence[str] | None = None
    _accepts_empty: ClassVar[bool] = False  # whether an all-missing column is allowed

    def __init__(
        self,
        *,
        timestamp_column_name: str | None = None,
        chunk_size: int | None = None,
        chunk_number: int | None = None,
        chunk_period: str | None = None,
        chunker: Chunker | None = None,
        threshold: Threshold | None = None,
        thresholds: Thresholds = None,
        cross_fit: bool = True,
        progress: bool = False,
    ) -> None:
        self.threshold = copied(threshold)
        super().__init__(
            timestamp_column_name=timestamp_column_name,
            chunk_size=chunk_size,
            chunk_number=chunk_number,
            chunk_period=chunk_period,
            chunker=chunker,
            thresholds=thresholds,
            cross_fit=cross_fit,
            progress=progress,
        )

    def _resolve(self) -> None:
        super()._resolve()
        self._categorical = listed(self.treat_as_categorical)
        n_columns = len(self._columns())
        if n_columns < self._n_columns:
            raise ValueError(
                f"`{self._columns_argument}` has {n_columns} of the {self._n_columns} columns that "
                f"this monitor needs; name at least {self._n_columns}"
            )

    def _asked_thresholds(self) -> Thresholds:
        if self.threshold is not None and self.thresholds is not None:
            raise ValueError("`threshold` and `thresholds` are given; give one of them")
        return self.thresholds if self.threshold is None else self.threshold

    def _columns(self) -> list[str]:
        return listed(getattr(self, self._columns_argument))

    def calculate(self, analysis: pd.DataFrame) -> Result:
        """Measure the chunks of a frame; reference chunks come first in the result.

        Parameters
        ----------
        analysis : DataFrame
            With the same columns as the reference.

        Raises
        ------
        TypeError, ValueError
            Before `fit`, or for input that cannot be used.
        """
        return self._run(analysis)

    def _schema(self, reference: pd.DataFrame) -> Schema:
        return Schema.learn(
            reference,
            self._columns(),
            timestamp=self._timestamp,
            categorical=self._categorical,
        )

    def _check_reference(self, table: Table) -> None:
        for column in table.columns:
            if not self._accepts_empty and column.is_missing(table[column.name]).all():
                raise ValueError(
                    f"`{column.name}` is missing in all {table.n_rows:,} rows of `reference`; "
                    "leave it out, or choose a period in which it was recorded"
                )

    def _without(self, state: State, table: Table, chunks: Sequence[Chunk]) -> State:
        return self._learn_again(state, table, rows_without(table, chunks))

    def _learn_again(self, state: State, table: Table, rows: NDArray[np.intp]) -> State:
        """Learn for cross-fitting from some rows of the reference; the state is that of all."""
        return self._learn(table, rows)

    def _metric_names(self) -> Sequence[str]:
        return [self._metric]
