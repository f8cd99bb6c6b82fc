"""What monitors of columns share: a list of names, one threshold, one metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .chunking import Chunk
from .monitor import Monitor, rows_without
from .result import Result
from .schema import Schema, Table, listed
from .thresholds import Threshold

__all__ = ["ColumnsMonitor"]


class ColumnsMonitor(Monitor):
    """Base of monitors that read the columns of a list with one metric."""

    _metric: ClassVar[str]
    _n_columns: ClassVar[int] = 1  # the fewest that make sense
    _accepts_empty: ClassVar[bool] = False  # whether a column without any value tells something

    def __init__(
        self,
        column_names: Sequence[str],
        threshold: Threshold | None,
        treat_as_categorical: Sequence[str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            thresholds={self._metric: threshold} if threshold is not None else None, **options
        )
        self.column_names = listed(column_names)
        self.treat_as_categorical = listed(treat_as_categorical)
        if len(self.column_names) < self._n_columns:
            raise ValueError(
                f"{len(self.column_names)} column(s) are named, and this monitor asks how columns "
                f"fit each other; name at least {self._n_columns}"
            )

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
        return self._run(analysis, "calculate(analysis)")

    def _schema(self, reference: pd.DataFrame) -> Schema:
        return Schema.learn(
            reference,
            self.column_names,
            timestamp=self.timestamp_column_name,
            categorical=self.treat_as_categorical,
        )

    def _check_reference(self, table: Table) -> None:
        for column in table.columns:
            if not self._accepts_empty and column.is_missing(table[column.name]).all():
                raise ValueError(
                    f"`{column.name}` is missing in all {table.n_rows:,} rows of `reference`; "
                    "leave it out, or choose a period in which it was recorded"
                )

    def _without(self, state: Any, table: Table, chunks: Sequence[Chunk]) -> Any:
        return self._learn_again(state, table, rows_without(table, chunks))

    def _learn_again(self, state: Any, table: Table, rows: NDArray[np.intp]) -> Any:
        """Learn for cross-fitting from some rows of the reference; the state is that of all."""
        return self._learn(table, rows)

    def _metric_names(self) -> Sequence[str]:
        return [self._metric]
