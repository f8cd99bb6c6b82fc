"""Base class of all monitors: fit on the reference, measure chunks, set limits, raise alerts.

A monitor implements two steps, `_learn` and `_measure`. Cross-fitting, limits and alerts are here.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import ClassVar, Generic, Literal, Self, TypedDict, TypeVar, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from course_lib.core.chunking import Chunk, Chunker, choose_chunker
from course_lib.core.parameters import Parametrized, copied
from course_lib.core.readings import Measured, Reading, Readings
from course_lib.core.result import COLUMNS, Result, ResultKind
from course_lib.core.schema import Schema, Table
from course_lib.core.thresholds import (
    Bounds,
    Limits,
    PredictionIntervalThreshold,
    Threshold,
    Thresholds,
    quiet_chunks,
    thresholds_by_metric,
)

__all__ = ["Calculator", "Monitor", "Options", "not_fitted", "rows_without"]

State = TypeVar("State")
Series = tuple[str, str]  # (column, metric); the column is "" for the whole model
Calibration = dict[str, tuple[float, int]]  # per metric: scale of the band, chunks used
MAX_SHOWN = 3  # limits in a repr
_ROUNDING = 1e-12  # a value beyond its limit by at most this share does not alert


class Options(TypedDict, total=False):
    """Keyword arguments that the constructor of each monitor passes to `Monitor`."""

    id_column_name: str | None
    chunk_size: int | None
    chunk_number: int | None
    chunk_period: str | None
    chunker: Chunker | None
    thresholds: Thresholds
    progress: bool


class Monitor(Parametrized, ABC, Generic[State]):
    """Base class of all monitors: fit on the reference, measure chunks, set limits, raise alerts.

    A subclass stores each argument of its constructor under its own name, then calls
    ``super().__init__``. It names its columns in ``_schema``, and implements ``_learn`` (from rows
    of the reference to a state), ``_measure`` (from a state and a chunk to readings), ``_bounds``
    and ``_metric_names``. It derives values from parameters in ``_resolve``.

    Attributes
    ----------
    timestamp_column_name : str, optional
        The column with the time of each row: it sorts the rows and gives chunks their dates.
        Without it, rows keep the order of the frame.
    id_column_name : str, optional
        The column that orders rows of equal time, so that results do not depend on the order in
        which rows arrive. Needs ``timestamp_column_name``.
    chunk_size, chunk_number, chunk_period, chunker
        One of them; about ten chunks by default.
    thresholds : Threshold or dict of metric name to Threshold, optional
        One for all metrics, or one per metric; `PredictionIntervalThreshold()` by default.
    progress : bool
        Show a progress bar.
    """

    _kind: ClassVar[ResultKind] = "drift"
    # How the reference is cut for cross-fitting: a number of blocks of consecutive chunks, or
    # every chunk on its own; None if the monitor cannot overfit the reference.
    _blocks: ClassVar[int | Literal["chunks"] | None] = None
    cross_fit: bool = True  # an argument where it has an effect

    def __init__(
        self,
        *,
        timestamp_column_name: str | None = None,
        id_column_name: str | None = None,
        chunk_size: int | None = None,
        chunk_number: int | None = None,
        chunk_period: str | None = None,
        chunker: Chunker | None = None,
        thresholds: Thresholds = None,
        progress: bool = False,
    ) -> None:
        self.timestamp_column_name = timestamp_column_name
        self.id_column_name = id_column_name
        self.chunk_size, self.chunk_number = chunk_size, chunk_number
        self.chunk_period, self.chunker = chunk_period, copied(chunker)
        self.thresholds = copied(thresholds)
        self.progress = progress
        self._fitted: _Fitted[State] | None = None
        self._given: dict[str, object] = {}  # the parameters as they were at the last `fit`
        self._resolve()

    def _resolve(self) -> None:
        """Check the parameters and compute derived attributes; called at the start of `fit`, too.

        Raises
        ------
        TypeError, ValueError
            For a parameter that cannot be used.
        """
        self._chunker = choose_chunker(
            chunk_size=self.chunk_size,
            chunk_number=self.chunk_number,
            chunk_period=self.chunk_period,
            chunker=self.chunker,
            timestamp_column_name=self.timestamp_column_name,
        )
        own = getattr(self._chunker, "timestamp_column_name", None)
        if own and self.timestamp_column_name and own != self.timestamp_column_name:
            raise ValueError(
                f"the chunker uses `{own}`, but `timestamp_column_name` is "
                f"`{self.timestamp_column_name}`; name the same column"
            )
        self._timestamp: str | None = self.timestamp_column_name or own
        if self.id_column_name is not None and self._timestamp is None:
            raise ValueError(
                "`id_column_name` orders rows of equal time and needs `timestamp_column_name`: "
                "name the column that holds the time of each row"
            )
        self._thresholds = thresholds_by_metric(self._asked_thresholds(), self._metric_names())

    def _asked_thresholds(self) -> Thresholds:
        return self.thresholds

    # What a subclass implements

    @abstractmethod
    def _schema(self, reference: pd.DataFrame) -> Schema:
        """Return the columns to read, with their kinds."""

    @abstractmethod
    def _learn(self, table: Table, rows: NDArray[np.intp]) -> State:
        """Return all that is needed to measure a chunk, learned from these rows."""

    @abstractmethod
    def _measure(self, state: State, table: Table, chunk: Chunk) -> Iterable[Reading]:
        """Measure one chunk. In a reference chunk the target is in the table."""

    @abstractmethod
    def _bounds(self, metric: str) -> Bounds:
        """Return range, side and scale of a metric."""

    @abstractmethod
    def _metric_names(self) -> Sequence[str]:
        """Return the metrics that this monitor measures."""

    def _unit(self, metric: str) -> str:
        return ""

    def _target(self) -> str | None:
        """The column that later frames need not have."""
        return None

    def _check(self, table: Table) -> None:
        """Refuse a frame, of either period, that cannot be measured."""

    def _check_reference(self, table: Table) -> None:
        """Refuse a reference that cannot be learned from."""

    def _n_usable(self, table: Table, chunk: Chunk) -> int:
        """Return the number of rows of a reference chunk that a limit can use."""
        return len(chunk)

    def _joined(self, state: State, fold: State) -> State:
        """Return the state for production, updated with the state of one fold."""
        return state

    def _calibrate(self, readings: Sequence[Reading]) -> Calibration:
        """Return, per metric, the scale of the boundaries and the number of chunks used."""
        return {}

    def _boundaries(
        self, calibration: Calibration, metric: str, value: float, spread: float
    ) -> tuple[float, float]:
        """Return the (lower, upper) confidence boundary of a value."""
        return np.nan, np.nan

    # Fitting

    def fit(self, reference: pd.DataFrame) -> Self:
        """Learn from the reference set, measure its chunks and set the limits.

        The parameters are frozen: a change afterwards takes effect at the next `fit`.

        Parameters
        ----------
        reference : DataFrame
            A period without incidents, on which the model was not trained. Monitors of
            performance need labels in it.

        Returns
        -------
        The monitor itself.

        Raises
        ------
        TypeError, ValueError
            For input that cannot be used; the error names column, count and remedy.
        """
        self._fitted = self._frozen()._fit(reference)
        self._remember(self._parameters())
        return self

    def _remember(self, names: Iterable[str]) -> None:
        """Store the parameters at `fit`, so that `_changed_since_fit` can compare."""
        self._given = {name: _listing(vars(self).get(name)) for name in names}

    def _changed_since_fit(self, name: str) -> bool:
        """Return whether a parameter, or items of its list or dict, changed since `fit`."""
        if self._fitted is None:
            return False
        return not _identical(_listing(vars(self).get(name)), self._given.get(name))

    def _fit(self, reference: pd.DataFrame) -> _Fitted[State]:
        schema = replace(self._schema(reference), row_id=self.id_column_name)
        table = self._read(schema, reference, "reference")
        self._require_chunks(table)
        blocks = self._cut(len(table.chunks))
        state = self._learn(table, np.arange(table.n_rows))
        measured: list[Measured] = []
        kept = state
        for fold, chunks in self._folds(table, state, blocks):
            left_out = slice(chunks[0].rows.start, chunks[-1].rows.stop)
            seen = table.as_new(left_out) if blocks else table
            measured += self._readings(fold, seen, chunks)
            kept = self._joined(kept, fold) if blocks else kept
        quiet: dict[Series, list[tuple[float, int]]] = {}
        for _, reading in measured:
            quiet.setdefault((reading.column, reading.metric), []).append(reading.quiet)
        calibration = self._calibrate([reading for _, reading in measured])
        readings = Readings.of(measured, "reference")
        fitted = _Fitted(self, schema, kept, quiet, calibration, shares=readings.shares)
        fitted.reference = self._judged(fitted, readings.frame)
        return fitted

    def save(self, path: str | os.PathLike[str], *, without: Sequence[str] = ()) -> None:
        """Write the monitor, as it was constructed and fitted, to one file for `course_lib.load`.

        The file holds JSON, arrays and LightGBM's text, not a pickle. If a save is
        interrupted, an existing file is unchanged.

        Parameters
        ----------
        path : path
        without : list of str
            Constructor arguments to leave out, because they hold functions or objects of your own;
            `course_lib.load` takes them again: ``save(path, without=["metrics"])``, then
            ``load(path, metrics=[...])``.

        Raises
        ------
        ValueError
            For an argument, or a category, that a file cannot hold.
        OSError
            When the file cannot be written: disk full, no such folder, no permission.

        Notes
        -----
        Reference rows are not saved, with exceptions: Kolmogorov–Smirnov and Wasserstein keep
        each numeric column, sorted; the domain classifier keeps up to 2,000 rows; every monitor
        keeps the values that a categorical column takes, so leave out names and other strings that
        identify a person.
        """
        from course_lib.persistence.storage import save

        save(self, path, without=without)

    @classmethod
    def load(cls, path: str | os.PathLike[str], **handed_over: object) -> Self:
        """Read a monitor of this class from a file; see `course_lib.load`, which reads any."""
        from course_lib.persistence.storage import load

        found = load(path, **handed_over)
        if not isinstance(found, cls):
            raise ValueError(
                f"`{path}` holds a {type(found).__name__}, not a {cls.__name__}; "
                "use course_lib.load"
            )
        return found

    # Measuring and judging

    def measure(self, frame: pd.DataFrame) -> Readings:
        """Measure the chunks of a frame by what the last `fit` learned, without limits.

        A chunk measured alone has the same value as in a longer frame.

        Parameters
        ----------
        frame : DataFrame
            With the columns of the reference; an estimator does not need the label.

        Returns
        -------
        Readings
            For `judge`.

        Raises
        ------
        TypeError, ValueError
            Before `fit`, or for input that cannot be used.
        """
        return self._require_fitted("measure(frame)").measure(frame)

    def judge(self, readings: Readings, *, thresholds: Thresholds = None) -> Result:
        """Set limits and alerts for measured chunks; reference chunks come first in the result.

        Parameters
        ----------
        readings : Readings
            From `measure` of this monitor.
        thresholds : Threshold or dict of metric name to Threshold, optional
            Replace those of the last `fit`, also in the reference.

        Raises
        ------
        TypeError, ValueError
            Before `fit`; for thresholds of an unknown metric, or readings of an unknown series.
        """
        fitted = self._require_fitted("judge(readings)")
        if not isinstance(readings, Readings):
            raise TypeError(
                f"`readings` must be Readings, got {type(readings).__name__}; take them from "
                "`.measure(frame)`"
            )
        return fitted.judge(readings, thresholds)

    def _run(self, frame: pd.DataFrame, verb: str) -> Result:
        fitted = self._require_fitted(verb)
        return fitted.judge(fitted.measure(frame))

    def _read(self, schema: Schema, frame: pd.DataFrame, name: str) -> Table:
        """Check a frame and cut it into chunks."""
        label = self._target() if name == "analysis" else None
        skip = [] if label is None else [label]
        table = schema.read(frame, skip=skip, name=name).cut(self._chunker)
        if name == "reference":
            self._check_reference(table)
        self._check(table)
        return table

    def _require_fitted(self, verb: str) -> _Fitted[State]:
        if self._fitted is None:
            raise not_fitted(self, verb)
        return self._fitted

    def _result(self, frame: pd.DataFrame, shares: pd.DataFrame | None) -> Result:
        totals = [metric for metric in self._metric_names() if self._bounds(metric).total]
        return Result(frame, self._kind, shares, frozenset(totals))

    def _readings(self, state: State, table: Table, chunks: Sequence[Chunk]) -> Iterable[Measured]:
        for chunk in self._shown(chunks):
            try:
                for reading in self._measure(state, table, chunk):
                    _require_value(reading)
                    yield chunk, reading
            except Exception as error:  # a user's metric can raise any exception
                error.add_note(f"In chunk {chunk.key}.")
                raise

    def _shown(self, chunks: Sequence[Chunk]) -> Iterable[Chunk]:
        """Return the chunks, with a progress bar if `progress` is set."""
        if not self.progress:
            return chunks
        from tqdm.auto import tqdm

        return cast("Iterable[Chunk]", tqdm(chunks, unit="chunk"))

    def _cut(self, n_chunks: int) -> list[NDArray[np.intp]]:
        """Return the chunk positions of each cross-fitting block, or an empty list."""
        if self._blocks is None or not self.cross_fit:
            return []
        if n_chunks < 2:
            raise ValueError(
                "the reference has 1 chunk, and cross-fitting needs 2; make smaller chunks, "
                "or pass cross_fit=False"
            )
        n_blocks = n_chunks if self._blocks == "chunks" else min(self._blocks, n_chunks)
        return np.array_split(np.arange(n_chunks), n_blocks)

    def _folds(
        self, table: Table, state: State, blocks: Sequence[NDArray[np.intp]]
    ) -> Iterable[tuple[State, Sequence[Chunk]]]:
        """Yield states, each with its chunks to measure; when cross-fitting, unseen ones."""
        if not blocks:
            yield state, table.chunks
        for block in blocks:
            chunks = [table.chunks[i] for i in block]
            yield self._without(state, table, chunks), chunks

    def _without(self, state: State, table: Table, chunks: Sequence[Chunk]) -> State:
        """Return the state learned from all reference rows except these chunks."""
        return self._learn(table, rows_without(table, chunks))

    def _require_chunks(self, table: Table) -> None:
        """Raise an error early if the reference has too few chunks for a limit."""
        n_usable = [self._n_usable(table, chunk) for chunk in table.chunks]
        for metric in self._metric_names():
            if isinstance(self._threshold(metric), PredictionIntervalThreshold):
                try:
                    quiet_chunks(np.zeros(len(n_usable)), n_usable)
                except ValueError as error:
                    raise ValueError(f"{metric}: {error}") from error

    def _threshold(self, metric: str) -> Threshold:
        return self._thresholds.get(metric) or PredictionIntervalThreshold()

    def _limits(self, metric: str, quiet: Sequence[tuple[float, int]], n: float) -> Limits:
        values, sizes = zip(*quiet, strict=True)
        return self._threshold(metric).limits(
            values, n_used=sizes, n=n, bounds=self._bounds(metric)
        )

    def _judged(self, fitted: _Fitted[State], frame: pd.DataFrame) -> pd.DataFrame:
        """Add confidence boundaries, limits, alerts and units to a frame of readings."""
        rows = frame[["metric", "value", "spread"]].itertuples(index=False, name=None)
        band = [self._boundaries(fitted.calibration, *row) for row in rows]
        lower, upper = np.array(band, dtype=float).reshape(-1, 2).T
        judged = self._limited(fitted, frame).assign(
            lower_confidence_boundary=lower,
            upper_confidence_boundary=upper,
            unit=[self._unit(metric) for metric in frame["metric"]],
        )
        return judged[list(COLUMNS)]

    def _limited(self, fitted: _Fitted[State], frame: pd.DataFrame) -> pd.DataFrame:
        """Add, or replace, limits and alerts."""
        limits = np.array(self._limits_of_rows(fitted, frame), dtype=float)
        value, (lower, upper) = frame["value"].to_numpy(), limits.reshape(-1, 2).T
        below = value < lower - _ROUNDING * np.abs(lower)
        above = value > upper + _ROUNDING * np.abs(upper)
        return frame.assign(lower_threshold=lower, upper_threshold=upper, alert=below | above)

    def _limits_of_rows(self, fitted: _Fitted[State], frame: pd.DataFrame) -> list[Limits]:
        """Return the limits of each row; chunks of one size share them."""
        known: dict[tuple[str, str, int], Limits] = {}
        found = []
        rows = frame[["column", "metric", "n_used", "n_rows"]].itertuples(index=False, name=None)
        for column, metric, n_used, n_rows in rows:
            series = column, metric, n_used or n_rows
            if series not in known:
                try:
                    known[series] = self._limits(metric, fitted.quiet[column, metric], series[2])
                except ValueError as error:
                    raise ValueError(_explained(error, column, metric, frame)) from error
            found.append(known[series])
        return found

    def __repr__(self) -> str:
        state = self._fitted.described() if self._fitted else "not fitted"
        return f"{type(self).__name__}({self._changed()}; {state})"


class Calculator(Monitor[State]):
    """Base of monitors with a method `calculate`: all except estimators."""

    def calculate(self, analysis: pd.DataFrame) -> Result:
        """Measure the chunks of a frame and judge them; reference chunks come first in the result.

        Parameters
        ----------
        analysis : DataFrame
            With the same columns as the reference. Labels may be missing.

        Raises
        ------
        TypeError, ValueError
            Before `fit`, or for input that cannot be used.
        """
        return self._run(analysis, "calculate(analysis)")


def _series_name(column: str, metric: str) -> str:
    """Return the name of a series for an error."""
    return f"`{column}`, {metric}" if column else metric


def _explained(error: ValueError, column: str, metric: str, frame: pd.DataFrame) -> str:
    """Name the series without a limit, and say why its first empty chunk has no value."""
    empty = frame[(frame["column"] == column) & (frame["metric"] == metric) & (frame["note"] != "")]
    series = _series_name(column, metric)
    if empty.empty:
        return f"{series}: {error}"
    key = empty["key"].iloc[0].removeprefix("reference ")
    return f"{series}: {error}; in chunk {key}, {empty['note'].iloc[0]}"


def _require_value(reading: Reading) -> None:
    if not reading.note and not np.isfinite(reading.value):
        series = _series_name(reading.column, reading.metric)
        raise ValueError(
            f"{series}: the value of {reading.n_used:,} rows is {reading.value}; correct numbers "
            "that are too large, or return a note that says why there is no value"
        )


def rows_without(table: Table, chunks: Sequence[Chunk]) -> NDArray[np.intp]:
    """Return the positions of all rows outside these consecutive chunks."""
    rows: NDArray[np.intp] = np.r_[0 : chunks[0].rows.start, chunks[-1].rows.stop : table.n_rows]
    return rows


@dataclass
class _Fitted(Generic[State]):
    """The result of `fit`: the parameters used and the learned state."""

    rules: Monitor[State]
    schema: Schema
    state: State
    quiet: dict[Series, list[tuple[float, int]]]
    calibration: Calibration
    reference: pd.DataFrame = field(default_factory=pd.DataFrame)
    shares: pd.DataFrame | None = None

    def measure(self, frame: pd.DataFrame) -> Readings:
        """Measure the chunks of a frame."""
        table = self.rules._read(self.schema, frame, "analysis")
        return Readings.of(self.rules._readings(self.state, table, table.chunks))

    def judge(self, readings: Readings, thresholds: Thresholds = None) -> Result:
        """Set limits and alerts."""
        rules, reference = self.rules, self.reference
        unknown = set(zip(readings.frame["column"], readings.frame["metric"], strict=True))
        if unknown := unknown - set(self.quiet):
            column, metric = sorted(unknown)[0]
            series = f"{metric!r} of column {column!r}" if column else f"{metric!r}"
            raise ValueError(
                f"`readings` hold {len(unknown)} series that this monitor does not have, such as "
                f"{series}; judge them with the monitor that measured them"
            )
        if thresholds is not None:
            rules = copy(rules)
            rules._thresholds = thresholds_by_metric(thresholds, rules._metric_names())
            reference = rules._limited(self, reference)
        frames = [reference, rules._judged(self, readings.frame)]
        shares = [self.shares, readings.shares]
        known = [part for part in shares if part is not None]
        return rules._result(
            pd.concat(frames, ignore_index=True),
            pd.concat(known, ignore_index=True) if known else None,
        )

    def described(self) -> str:
        """Return the number of reference chunks and the limits of a chunk, for a repr."""
        n_chunks = self.reference["chunk_index"].nunique()
        limits = [
            _limit_text(*row)
            for row in self.reference.drop_duplicates(["column", "metric"])[
                ["column", "metric", "lower_threshold", "upper_threshold"]
            ].itertuples(index=False)
        ]
        more = f" and {len(limits) - MAX_SHOWN} more" if len(limits) > MAX_SHOWN else ""
        return f"fitted on {n_chunks} chunks, limits: {', '.join(limits[:MAX_SHOWN])}{more}"


def _limit_text(column: str, metric: str, lower: float, upper: float) -> str:
    name = f"{column} {metric}" if column else metric
    low = "" if np.isnan(lower) else f"{lower:.4g} <= "
    high = "" if np.isnan(upper) else f" <= {upper:.4g}"
    return f"{low}{name}{high}" if low or high else f"{name} without a limit"


def _listing(value: object) -> object:
    """Return the items of a list, or keys and values of a dict; any other value as it is."""
    if isinstance(value, dict):
        return [*value, *value.values()]
    return list(value) if isinstance(value, list) else value


def _identical(first: object, second: object) -> bool:
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(_identical, first, second))
    return first is second or (isinstance(first, str | int | float) and first == second)


def not_fitted(monitor: object, verb: str) -> Exception:
    """Return scikit-learn's NotFittedError (a ValueError) for a call before `fit`."""
    from sklearn.exceptions import NotFittedError

    error: Exception = NotFittedError(
        f"this {type(monitor).__name__} is not fitted; call `.fit(reference)` before `.{verb}`"
    )
    return error
