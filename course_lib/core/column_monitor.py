"""Base class of monitors that read the columns of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from course_lib.core.chunking import Chunk
from course_lib.core.monitor import Calculator, Options, State, rows_without
from course_lib.core.parameters import copied
from course_lib.core.schema import Schema, Table, listed
from course_lib.core.thresholds import Threshold, Thresholds

__all__ = ["ColumnOptions", "ColumnsMonitor"]


class ColumnOptions(Options, total=False):
    """Keyword arguments that the constructor of each monitor of columns hands on."""

    threshold: Threshold | None


class ColumnsMonitor(Calculator[State]):
    """Base class of monitors that read the columns of a list.

    Attributes
    ----------
    threshold : Threshold, optional
        The same as ``thresholds``, under NannyML's name; give one of the two.
    """

    _metric: ClassVar[str]
    _n_columns: ClassVar[int] = 1  # minimum number of columns
    _columns_argument: ClassVar[str] = "column_names"
    _accepts_empty: ClassVar[bool] = False  # whether an all-missing column is allowed
    treat_as_numerical: Sequence[str] | None = None
    treat_as_categorical: Sequence[str] | None = None

    def __init__(
        self,
        *,
        timestamp_column_name: str | None = None,
        threshold: Threshold | None = None,
        **options: Unpack[Options],
    ) -> None:
        self.threshold = copied(threshold)
        super().__init__(timestamp_column_name=timestamp_column_name, **options)

    def _resolve(self) -> None:
        super()._resolve()
        self._treated = listed(self.treat_as_numerical), listed(self.treat_as_categorical)
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

    def _schema(self, reference: pd.DataFrame) -> Schema:
        return Schema.learn(
            reference,
            self._columns(),
            timestamp=self._timestamp,
            numeric=self._treated[0],
            categorical=self._treated[1],
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
