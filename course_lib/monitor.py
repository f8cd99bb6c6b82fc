"""The machine that every monitor is: learn from the reference, measure chunks, set limits, alert.

A monitor supplies two steps, `_learn` and `_measure`. Cross-fitting, limits and alerts live here.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ClassVar, Literal, Self, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .chunking import Chunk, Chunker, choose_chunker
from .distributions import Shares, tidy_shares
from .result import COLUMNS, MEASURES, Result, ResultKind
from .schema import Schema, Table
from .thresholds import Bounds, Limits, PredictionIntervalThreshold, Threshold, quiet_chunks

__all__ = ["Monitor", "Reading", "rows_without"]

Series = tuple[str | None, str]  # (column, metric)
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Reading:
    """What a monitor read in one chunk, for one column and one metric.

    Attributes
    ----------
    metric : str
    value : float
        NaN only together with a ``note`` that says why.
    n_used : int
        Rows the metric could use.
    column : str, optional
        Missing for metrics of the whole model.
    sampling_error : float
    spread : float
        The standard error behind a confidence boundary; NaN where the monitor draws none.
    baseline, n_baseline : float, int, optional
        In a reference chunk: the value that sets limits and the rows behind it, when they are
        not ``value`` and ``n_used`` (an estimate is judged by realized values).
    note : str
    shares : Shares, optional
        How the column is spread in the chunk, for a picture; the same for all its metrics.
    """

    metric: str
    value: float
    n_used: int
    column: str | None = None
    sampling_error: float = np.nan
    spread: float = np.nan
    baseline: float | None = None
    n_baseline: int | None = None
    note: str = ""
    shares: Shares | None = field(default=None, repr=False, compare=False)

    @property
    def quiet(self) -> tuple[float, int]:
        """The value that sets limits, and the number of rows behind it."""
        if self.baseline is None or self.n_baseline is None:
            return self.value, self.n_used
        return self.baseline, self.n_baseline


class Monitor(ABC):
    """Base of all monitors: `fit` on the reference, then measure later frames chunk by chunk.

    Subclasses name their columns in ``_schema``, and implement ``_learn`` (from rows of the
    reference to a state), ``_measure`` (from a state and a chunk to readings) and ``_bounds``.
    """

    _kind: ClassVar[ResultKind] = "drift"
    # How the reference is cut for cross-fitting: a number of blocks of consecutive chunks, or
    # every chunk on its own; None when nothing is learned that could flatter the reference.
    _blocks: ClassVar[int | Literal["chunks"] | None] = None

    def __init__(
        self,
        *,
        timestamp_column_name: str | None,
        chunk_size: int | None,
        chunk_number: int | None,
        chunk_period: str | None,
        chunker: Chunker | None,
        thresholds: Mapping[str, Threshold] | None,
        cross_fit: bool = True,
        progress: bool = False,
    ) -> None:
        self.chunker = choose_chunker(
            chunk_size=chunk_size,
            chunk_number=chunk_number,
            chunk_period=chunk_period,
            chunker=chunker,
            timestamp_column_name=timestamp_column_name,
        )
        own = getattr(self.chunker, "timestamp_column_name", None)
        if own and timestamp_column_name and own != timestamp_column_name:
            raise ValueError(
                f"the chunker sorts by `{own}`, but `timestamp_column_name` is "
                f"`{timestamp_column_name}`; name one of them"
            )
        self.timestamp_column_name = timestamp_column_name or own
        self.thresholds = _known_thresholds(thresholds)
        self.cross_fit = cross_fit
        self.progress = progress
        self._fitted: _Fitted | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            cls.__init__ = _remembered(cls.__init__)  # type: ignore[method-assign]

    # What a subclass supplies

    @abstractmethod
    def _schema(self, reference: pd.DataFrame) -> Schema:
        """Decide what each column is."""

    @abstractmethod
    def _learn(self, table: Table, rows: NDArray[np.intp]) -> Any:
        """Return all that is needed to measure a chunk, learned from these rows."""

    @abstractmethod
    def _measure(self, state: Any, table: Table, chunk: Chunk) -> Iterable[Reading]:
        """Measure one chunk. In a reference chunk the target is in the table."""

    @abstractmethod
    def _bounds(self, metric: str) -> Bounds:
        """Return the limits, side and scale of a metric."""

    @abstractmethod
    def _metric_names(self) -> Sequence[str]:
        """Return the metrics that this monitor measures."""

    def _unit(self, metric: str) -> str:
        return ""

    def _target(self) -> str | None:
        """The column that later frames need not have."""
        return None

    def _check(self, table: Table) -> None:  # noqa: B027, not every monitor has a check
        """Refuse a frame, of either period, that cannot be measured."""

    def _check_reference(self, table: Table) -> None:  # noqa: B027
        """Refuse a reference that cannot be learned from."""

    def _n_usable(self, table: Table, chunk: Chunk) -> int:
        """Return the number of rows of a reference chunk that a limit can rest on."""
        return len(chunk)

    def _joined(self, state: Any, fold: Any) -> Any:
        """Return what measures production, after one more fold of the cross-fitting."""
        return state

    def _calibrate(self, readings: Sequence[Reading]) -> Any:
        """Learn from the measured reference chunks what boundaries need."""
        return None

    def _boundaries(self, calibration: Any, reading: Reading) -> tuple[float, float]:
        """Return the (lower, upper) confidence boundary of a reading."""
        return np.nan, np.nan

    # The machine

    def fit(self, reference: pd.DataFrame) -> Any:
        """Learn from the reference set, measure its chunks and set the limits.

        Parameters
        ----------
        reference : DataFrame
            A labelled period in which all was well and on which the model was not trained.

        Returns
        -------
        The monitor itself.

        Raises
        ------
        TypeError, ValueError
            For input that cannot be used, with column, count and remedy.
        """
        for name in self.thresholds:
            if name not in self._metric_names():
                raise ValueError(
                    f"`thresholds` names {name!r}, which is not measured; "
                    f"measured are: {', '.join(self._metric_names())}"
                )
        schema = self._schema(reference)
        table = schema.read(reference, chunker=self.chunker)
        self._check_reference(table)
        self._check(table)
        self._require_chunks(table)
        blocks = self._cut(len(table.chunks))
        state = self._learn(table, np.arange(table.n_rows))
        measured: list[tuple[Chunk, Reading]] = []
        kept = state
        for fold, chunks in self._folds(table, state, blocks):
            measured += self._readings(fold, table, chunks)
            kept = self._joined(kept, fold) if blocks else kept
        quiet: dict[Series, list[tuple[float, int]]] = {}
        for _, reading in measured:
            quiet.setdefault((reading.column, reading.metric), []).append(reading.quiet)
        fitted = _Fitted(schema, kept, quiet, self._calibrate([one for _, one in measured]))
        fitted.reference = self._frame(fitted, measured, "reference")
        fitted.shares = _shares(measured, "reference")
        self._fitted = fitted
        return self

    def save(self, path: str | os.PathLike[str], *, without: Sequence[str] = ()) -> None:
        """Write the monitor, as it was constructed and fitted, to one file for `course_lib.load`.

        The file holds JSON, arrays and LightGBM's text, no pickle. It is complete or not there: an
        interrupted save leaves what was there before.

        Parameters
        ----------
        path : path
        without : list of str
            Constructor arguments to leave out, since they hold functions or objects of your own;
            `course_lib.load` takes them again: ``save(path, without=["metrics"])``, then
            ``load(path, metrics=[...])``.

        Raises
        ------
        ValueError
            For an argument that a file cannot hold, or a category that is no text, number or date.
        OSError
            When the file cannot be written: no room, no such folder, no permission.

        Notes
        -----
        Rows of the reference stay out, with exceptions: Kolmogorov–Smirnov and Wasserstein keep
        each numeric column, sorted; the domain classifier keeps up to 2,000 rows; every monitor
        keeps the values that a categorical column takes, so leave out names and other texts that
        identify a person.
        """
        from .storage import save

        save(self, path, without=without)

    @classmethod
    def load(cls, path: str | os.PathLike[str], **handed_over: Any) -> Self:
        """Read a monitor of this class from a file; see `course_lib.load`, which reads any."""
        from .storage import load

        found = load(path, **handed_over)
        if not isinstance(found, cls):
            raise ValueError(
                f"`{path}` holds a {type(found).__name__}, no {cls.__name__}; "
                "course_lib.load reads either"
            )
        return found

    def _run(self, frame: pd.DataFrame, verb: str) -> Result:
        if self._fitted is None:
            raise ValueError(
                f"this {type(self).__name__} is not fitted; call `.fit(reference)` before `.{verb}`"
            )
        fitted = self._fitted
        skip = [target] if (target := self._target()) else []
        table = fitted.schema.read(frame, chunker=self.chunker, skip=skip, name="analysis")
        self._check(table)
        measured = list(self._readings(fitted.state, table, table.chunks))
        analysis = self._frame(fitted, measured, "analysis")
        both = pd.concat([fitted.reference, analysis], ignore_index=True)
        shares = [fitted.shares, _shares(measured, "analysis")]
        return self._result(
            both, None if shares[0] is None else pd.concat(shares, ignore_index=True)
        )

    def _result(self, frame: pd.DataFrame, shares: pd.DataFrame | None) -> Result:
        totals = [metric for metric in self._metric_names() if self._bounds(metric).total]
        return Result(frame, self._kind, shares, frozenset(totals))

    def _readings(
        self, state: Any, table: Table, chunks: Sequence[Chunk]
    ) -> Iterable[tuple[Chunk, Reading]]:
        for chunk in self._shown(chunks):
            try:
                yield from ((chunk, reading) for reading in self._measure(state, table, chunk))
            except Exception as error:  # a metric of the user's own can raise anything
                error.add_note(f"This is chunk {chunk.key}.")
                raise

    def _shown(self, chunks: Sequence[Chunk]) -> Iterable[Chunk]:
        """Pass the chunks on, with a progress bar if one was asked for."""
        if not self.progress:
            return chunks
        from tqdm.auto import tqdm

        return cast("Iterable[Chunk]", tqdm(chunks, unit="chunk"))

    def _cut(self, n_chunks: int) -> list[NDArray[np.intp]]:
        """Return the positions of the chunks of each block for cross-fitting; none without it."""
        if self._blocks is None or not self.cross_fit:
            return []
        if n_chunks < 2:
            raise ValueError(
                "the reference makes 1 chunk, and cross-fitting needs 2; make smaller chunks, "
                "or pass cross_fit=False"
            )
        n_blocks = n_chunks if self._blocks == "chunks" else min(self._blocks, n_chunks)
        return np.array_split(np.arange(n_chunks), n_blocks)

    def _folds(
        self, table: Table, state: Any, blocks: Sequence[NDArray[np.intp]]
    ) -> Iterable[tuple[Any, Sequence[Chunk]]]:
        """Yield states, each with the chunks of the reference that it did not learn from."""
        if not blocks:
            yield state, table.chunks
        for block in blocks:
            chunks = [table.chunks[i] for i in block]
            yield self._without(state, table, chunks), chunks

    def _without(self, state: Any, table: Table, chunks: Sequence[Chunk]) -> Any:
        """Return what is learned from all rows of the reference but those of these chunks."""
        return self._learn(table, rows_without(table, chunks))

    def _require_chunks(self, table: Table) -> None:
        """Refuse a reference with too few chunks for a limit, which is known before any work."""
        n_usable = [self._n_usable(table, chunk) for chunk in table.chunks]
        for metric in self._metric_names():
            if isinstance(self._threshold(metric), PredictionIntervalThreshold):
                try:
                    quiet_chunks(np.zeros(len(n_usable)), n_usable)
                except ValueError as error:
                    raise ValueError(f"{metric}: {error}") from error

    def _threshold(self, metric: str) -> Threshold:
        return self.thresholds.get(metric) or PredictionIntervalThreshold()

    def _limits(self, metric: str, quiet: Sequence[tuple[float, int]], n: float) -> Limits:
        values, sizes = zip(*quiet, strict=True)
        return self._threshold(metric).limits(
            values, n_used=sizes, n=n, bounds=self._bounds(metric)
        )

    def _own_limits(self, fitted: _Fitted, reading: Reading, n: int) -> Limits:
        return self._limits(reading.metric, fitted.quiet[reading.column, reading.metric], n)

    def _frame(
        self, fitted: _Fitted, measured: Sequence[tuple[Chunk, Reading]], period: str
    ) -> pd.DataFrame:
        known: dict[tuple[Any, ...], Limits] = {}
        rows = []
        for chunk, reading in measured:
            n = reading.n_used or len(chunk)
            series = reading.column, reading.metric, n
            if series not in known:  # chunks of one size share their limits
                try:
                    known[series] = self._own_limits(fitted, reading, n)
                except ValueError as error:
                    raise ValueError(_blamed(error, reading, measured)) from error
            rows.append(self._row(fitted, chunk, reading, period, known[series]))
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        for name in ("start_date", "end_date"):
            frame[name] = pd.to_datetime(frame[name]).astype("datetime64[ns]")
        counts = dict.fromkeys(("chunk_index", "n_rows", "n_used"), "int64")
        return frame.astype({**dict.fromkeys(MEASURES, float), **counts, "alert": bool})

    def _row(
        self, fitted: _Fitted, chunk: Chunk, reading: Reading, period: str, limits: Limits
    ) -> tuple[Any, ...]:
        lower, upper = limits
        # A value that equals its limit up to rounding is no alert.
        alert = (lower is not None and reading.value < lower - _ROUNDING * abs(lower)) or (
            upper is not None and reading.value > upper + _ROUNDING * abs(upper)
        )
        return (
            period,
            chunk.index,
            chunk.key,
            chunk.start_date,
            chunk.end_date,
            len(chunk),
            reading.n_used,
            reading.column,
            reading.metric,
            reading.value,
            reading.sampling_error,
            *self._boundaries(fitted.calibration, reading),
            lower,
            upper,
            alert,
            self._unit(reading.metric),
            reading.note,
        )

    def __repr__(self) -> str:
        state = "fitted" if self._fitted else "not fitted"
        return f"{type(self).__name__}({', '.join(self._metric_names())}; {state})"


def _blamed(error: ValueError, reading: Reading, measured: Sequence[tuple[Chunk, Reading]]) -> str:
    """Name the series without a limit, and say why its first empty chunk has no value."""
    column, metric = reading.column, reading.metric
    notes = (
        f"; in chunk {chunk.key}, {other.note}"
        for chunk, other in measured
        if (other.column, other.metric) == (column, metric) and other.note
    )
    where = metric if column is None else f"`{column}`, {metric}"
    return f"{where}: {error}{next(notes, '')}"


def rows_without(table: Table, chunks: Sequence[Chunk]) -> NDArray[np.intp]:
    """Return the positions of all rows but those of these consecutive chunks."""
    rows: NDArray[np.intp] = np.r_[0 : chunks[0].rows.start, chunks[-1].rows.stop : table.n_rows]
    return rows


@dataclass
class _Fitted:
    """All that `fit` leaves behind; set at the end of `fit`, so that an interrupt leaves none."""

    schema: Schema
    state: Any
    quiet: dict[Series, list[tuple[float, int]]]
    calibration: Any
    reference: pd.DataFrame = None  # type: ignore[assignment]
    shares: pd.DataFrame | None = None


def _remembered(initialize: Callable[..., None]) -> Callable[..., None]:
    """Keep what a constructor is given, for `Monitor.save`."""

    @wraps(initialize)
    def remembering(self: Monitor, *given: Any, **named: Any) -> None:
        vars(self).setdefault("_given", (given, named))  # of the outermost constructor
        initialize(self, *given, **named)

    return remembering


def _shares(measured: Sequence[tuple[Chunk, Reading]], period: str) -> pd.DataFrame | None:
    found = {
        (chunk.index, reading.column): (chunk, reading.column, reading.shares)
        for chunk, reading in measured
        if reading.shares is not None and reading.column is not None
    }
    return tidy_shares(found.values(), period) if found else None


def _known_thresholds(thresholds: object) -> dict[str, Threshold]:
    if thresholds is None:
        return {}
    if not isinstance(thresholds, Mapping):
        raise TypeError(
            "`thresholds` must be a dict of metric name to threshold, such as "
            f'{{"mae": ConstantThreshold(upper=300)}}, got {thresholds!r}'
        )
    for name, threshold in thresholds.items():
        if not callable(getattr(threshold, "limits", None)):
            raise TypeError(
                f"`thresholds` holds {threshold!r} for {name!r}; give a threshold, such as "
                "ConstantThreshold(upper=300)"
            )
    return dict(thresholds)
