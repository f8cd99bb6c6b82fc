"""Results of monitors: one tidy frame of values, limits and alerts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from pandas.api.types import is_string_dtype

from course_lib.core.notebook_table import notebook_table
from course_lib.core.readings import POSITIONS, moved

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COLUMNS", "MEASURES", "Comparison", "Result", "in_all_rows"]

_CHUNK = ["period", "chunk_index", "key", "start_date", "end_date"]
_BAND = ("lower_confidence_boundary", "upper_confidence_boundary")
_LIMITS = ("lower_threshold", "upper_threshold")
#: The columns of `Result.to_df` that hold measured numbers.
MEASURES = ("value", "sampling_error", *_BAND, *_LIMITS)
#: The columns of `Result.to_df`, in order.
COLUMNS = (*_CHUNK, "n_rows", "n_used", "column", "metric", *MEASURES, "alert", "unit", "note")
#: The dtypes of the columns of `Result.to_df`; all others hold strings, "" for none.
_DTYPES = {
    **dict.fromkeys(("chunk_index", "n_rows", "n_used"), np.dtype("int64")),
    **dict.fromkeys(("start_date", "end_date"), np.dtype("datetime64[us]")),
    **dict.fromkeys(MEASURES, np.dtype("float64")),
    "alert": np.dtype("bool"),
}
#: The columns of `Result.distribution`, in order.
_SHARES = (*_CHUNK, "column", "bin", "left", "right", "share")
_SHARES_DTYPES = _DTYPES | dict.fromkeys(("left", "right", "share"), np.dtype("float64"))
#: The columns that a notebook shows.
_SHOWN = ["key", "column", "metric", "value", *_LIMITS, "alert", "unit", "note"]
_REMEDY = "take it from a monitor, or from `to_df` of its result"

ResultKind = Literal["estimated", "realized", "drift", "quality"]
Period = Literal["all", "reference", "analysis"]


@dataclass(frozen=True, eq=False)
class Result:
    """The values, limits and alerts of a monitor, one row per chunk, column and metric.

    ``len(result)`` is the number of these rows. A notebook shows a table of the analysis chunks. A
    result does not hold rows of your data. Taught in lesson 02.

    Attributes
    ----------
    kind : {"estimated", "realized", "drift", "quality"}
    totals : frozenset of str
        The metrics that are a sum, not a mean, over the rows used.

    Raises
    ------
    ValueError
        For an unknown kind, or a frame that does not have the columns and dtypes of `to_df`.
    """

    _frame: pd.DataFrame
    kind: ResultKind
    _shares: pd.DataFrame | None = None
    totals: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.kind not in get_args(ResultKind):
            kinds = ", ".join(map(repr, get_args(ResultKind)))
            raise ValueError(f"`kind` of a result must be one of {kinds}, got {self.kind!r}")
        _require_frame("frame", self._frame, COLUMNS, _DTYPES)
        if self._shares is not None:
            _require_frame("distribution", self._shares, _SHARES, _SHARES_DTYPES)

    def __len__(self) -> int:
        return len(self._frame)

    def to_df(self) -> pd.DataFrame:
        """Return a copy of the tidy frame.

        Columns: ``period`` ("reference" or "analysis"), ``chunk_index`` (from 0 in each period),
        ``key``, ``start_date``, ``end_date``, ``n_rows`` in the chunk, ``n_used`` by the metric,
        ``column`` ("" for metrics of the whole model and of all columns together), ``metric``,
        ``value``, ``sampling_error``, ``lower_confidence_boundary``, ``upper_confidence_boundary``,
        ``lower_threshold``, ``upper_threshold``, ``alert``, ``unit`` and ``note``, which says why a
        value is missing.

        A key is the row positions (``"[0:299]"``) or the calendar period (``"2024-03"``) of a
        chunk; in the reference it begins with ``"reference "``. Keys of a series are unique, except
        for chunks of minutes in the hour that the clock repeats in autumn. Dates are in
        microseconds, and a calendar chunk ends one microsecond before the next one begins.
        """
        return self._frame.copy()

    def alerts(self, *, period: Period = "analysis") -> pd.DataFrame:
        """Return the rows of the frame that alert, numbered from 0.

        Those of the reference are false alarms by definition.

        Raises
        ------
        ValueError
            For a `period` other than "analysis", "reference" and "all".

        Examples
        --------
        >>> import pandas as pd
        >>> from course_lib import MissingValuesCalculator
        >>> frame = pd.DataFrame({"size": range(1000)})
        >>> monitor = MissingValuesCalculator(["size"], chunk_size=100).fit(frame)
        >>> monitor.calculate(frame.where(frame["size"] < 850)).alerts()["key"].tolist()
        ['[800:899]', '[900:999]']
        """
        frame = self.filter(period=period)._frame
        return frame[frame["alert"]].reset_index(drop=True)

    def distribution(self) -> pd.DataFrame:
        """Return a copy of the distributions of the columns, one row per chunk, column and bin.

        Columns: ``period``, ``chunk_index``, ``key``, ``start_date``, ``end_date`` and ``column``
        as in `to_df`; ``bin`` (the range of numbers or the category, ``below``, ``above``,
        ``other``, ``missing``), ``left`` and ``right`` (the edges of a numeric bin), and ``share``
        of the chunk's rows. Taught in lesson 06.

        Raises
        ------
        ValueError
            When the result does not come from a `UnivariateDriftCalculator`.
        """
        if self._shares is None:
            raise ValueError(
                "the result holds no distributions; only a UnivariateDriftCalculator keeps them"
            )
        return self._shares.copy()

    def filter(
        self,
        *,
        period: Period = "all",
        metrics: str | Sequence[str] | None = None,
        column_names: str | Sequence[str] | None = None,
    ) -> Result:
        """Return the part with this period, these metrics and these columns.

        Raises
        ------
        TypeError
            For `metrics` or `column_names` that are neither a name nor a list of names.
        ValueError
            For a period, metric or column that the result does not have.
        """
        if period not in ("all", "reference", "analysis"):
            raise ValueError(f'`period` must be "all", "reference" or "analysis", got {period!r}')
        frame, shares = self._frame, self._shares
        metrics = _known(frame["metric"], "metrics", metrics)
        column_names = _known(frame["column"], "column_names", column_names)
        mask = frame["metric"].isin(metrics) & frame["column"].isin(column_names)
        if period != "all":
            mask &= frame["period"] == period
        frame = frame[mask].reset_index(drop=True)
        if shares is not None:
            mask = shares["column"].isin(frame["column"]) & shares["period"].isin(frame["period"])
            shares = shares[mask].reset_index(drop=True)
        return replace(self, _frame=frame, _shares=shares)

    def extend(self, later: Result) -> Result:
        """Return this result, followed by the analysis chunks of a later one of the same monitor.

        Use it in a job that runs every night. Nothing is measured again. Chunk indexes continue,
        and so do row positions in keys. Calendar chunks are those of one whole frame, if no part
        ends inside a calendar period. Taught in lesson 11.

        Parameters
        ----------
        later : Result
            Of the same fitted monitor.

        Raises
        ------
        ValueError
            For a result of another monitor, or chunks that start before the last one here ends.

        Examples
        --------
        >>> import pandas as pd
        >>> from course_lib import MissingValuesCalculator
        >>> days = pd.date_range("2024-01-01", periods=35, freq="D")
        >>> frame = pd.DataFrame({"size": 1.0, "day": days})
        >>> monitor = MissingValuesCalculator(["size"], "day", chunk_size=5).fit(frame[:25])
        >>> monitor.calculate(frame[25:30]).extend(monitor.calculate(frame[30:]))
        Result(quality missing_values of 1 column: 2 analysis chunks, 0 alerts)
        """
        _require_same_monitor(self, later)
        old, new = (each.filter(period="analysis")._frame for each in (self, later))
        if old.empty or new.empty:
            return later if old.empty else self
        _require_later(old, new)
        n_chunks = int(old["chunk_index"].max()) + 1
        last = POSITIONS.fullmatch(old["key"].iloc[-1])
        n_rows = int(last[2]) + 1 if last else 0
        frame, shares = _appended(self._frame, new, n_chunks, n_rows), self._shares
        if shares is not None and later._shares is not None:
            shares = _appended(shares, later._shares, n_chunks, n_rows)
        return replace(self, _frame=frame, _shares=shares)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the result to one file for `course_lib.load`; never leave an incomplete file.

        For other programs, write the frame alone: ``result.to_df().to_parquet(path)``.

        Raises
        ------
        OSError
            When the file cannot be written: full disk, missing folder, no permission.
        """
        from course_lib.persistence.storage import save

        save(self, path)

    def compare(self, other: Result) -> Comparison:
        """Compare with another result by chunk; each must hold one metric of one column.

        Raises
        ------
        ValueError
            When one of the two holds several metrics or columns, or they have no common chunk.
        """
        return Comparison(self, other)

    def plot(
        self, kind: str | None = None, *, ax: Axes | None = None, title: str | None = None
    ) -> Any:
        """Draw the result; parameters and return value are those of `plots.plot_result`."""
        from course_lib import plots

        return plots.plot_result(self, kind=kind, ax=ax, title=title)

    @property
    def series(self) -> list[tuple[str, str]]:
        """The (column, metric) pairs in order; the column is "" for the whole model."""
        pairs = self._frame[["column", "metric"]].drop_duplicates()
        return list(pairs.itertuples(index=False, name=None))

    def _repr_html_(self) -> str:
        _, rows = _latest(self._frame)
        return notebook_table(repr(self), rows[_SHOWN], rows["alert"])

    def __repr__(self) -> str:
        period, rows = _latest(self._frame)
        what = f"{self.kind} {', '.join(self._frame['metric'].unique())}"
        if n_columns := len(set(self._frame["column"]) - {""}):
            what += f" of {several(n_columns, 'column')}"
        counts = [several(rows["chunk_index"].nunique(), f"{period} chunk")]
        if n_missing := rows["value"].isna().sum():
            counts.append(f"{several(n_missing, 'value')} missing")
        return f"Result({what}: {', '.join(counts)}, {several(int(rows['alert'].sum()), 'alert')})"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two results side by side, chunk by chunk."""

    left: Result
    right: Result

    def __post_init__(self) -> None:
        for name, result in (("first", self.left), ("second", self.right)):
            if len(result.series) != 1:
                raise ValueError(
                    f"the {name} result holds {len(result.series)} series; choose one with "
                    "`.filter(metrics=..., column_names=...)` before you compare"
                )
        if self.to_df().empty:
            raise ValueError(
                f"the two results, of {len(self.left._frame)} and {len(self.right._frame)} chunks, "
                "share no chunk; use the same chunks for both"
            )

    @property
    def labels(self) -> tuple[str, str]:
        """The names of the two results in the frame and in the plot."""
        left, right = _label(self.left), _label(self.right)
        return (left, right) if left != right else (f"{left} (first)", f"{right} (second)")

    def to_df(self) -> pd.DataFrame:
        """Return one row per common chunk: its key and dates, both values, both alerts.

        When both results measure the same metric, ``difference`` is first minus second. Totals are
        scaled to all rows of a chunk, as if rows without a label were like the others.
        """
        parts = [
            in_all_rows(result)[[*_CHUNK, "value", "alert"]].rename(
                columns={"value": label, "alert": f"{label} alert"}
            )
            for label, result in zip(self.labels, (self.left, self.right), strict=True)
        ]
        both = parts[0].merge(parts[1], on=_CHUNK)
        if self.same_metric:
            both["difference"] = both[self.labels[0]] - both[self.labels[1]]
        return both

    @property
    def same_metric(self) -> bool:
        """Whether both results measure the same metric of the same column."""
        return self.left.series == self.right.series

    def plot(self, *, ax: Axes | None = None, title: str | None = None) -> Axes:
        """Draw both series as `course_lib.plots.plot_comparison` describes."""
        from course_lib import plots

        return plots.plot_comparison(self, ax=ax, title=title)

    def _repr_html_(self) -> str:
        _, rows = _latest(self.to_df())
        alerts = [name for name in rows if rows[name].dtype == bool]
        shown = rows.drop(columns=["period", "chunk_index", "start_date", "end_date"])
        return notebook_table(repr(self), shown, rows[alerts].any(axis=1))

    def __repr__(self) -> str:
        return f"Comparison({' and '.join(self.labels)}: {several(len(self.to_df()), 'chunk')})"


def _label(result: Result) -> str:
    name = " ".join(filter(None, result.series[0]))
    return name if result.kind in ("drift", "quality") else f"{result.kind} {name}"


def in_all_rows(result: Result) -> pd.DataFrame:
    """Return the frame, with totals scaled from the rows used to all rows of the chunk."""
    frame = result.to_df()
    mask = frame["metric"].isin(result.totals) & (frame["n_used"] > 0)
    frame.loc[mask, "value"] *= frame["n_rows"] / frame["n_used"]
    return frame


def several(n: int, noun: str) -> str:
    """Return a count with its noun, in the plural unless it is 1."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _latest(frame: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """Return the analysis rows, or the reference rows if there is no analysis."""
    analysis = frame[frame["period"] == "analysis"]
    return ("reference", frame) if analysis.empty else ("analysis", analysis)


def _known(values: pd.Series, argument: str, names: object) -> list[str]:
    """Return the names that a filter keeps, all of them for None."""
    known = values.unique().tolist()
    if not isinstance(names, Iterable | None):
        raise TypeError(f"`{argument}` must be a name or a list of names, got {names!r}")
    chosen = [names] if isinstance(names, str) else known if names is None else list(names)
    if unknown := [name for name in chosen if name not in known]:
        listed = ", ".join(filter(None, known)) or "none"
        raise ValueError(f"the result has no {values.name} {unknown[0]!r}; it has: {listed}")
    return chosen


def _require_frame(
    what: str, frame: object, columns: Sequence[str], dtypes: Mapping[str, np.dtype[Any]]
) -> None:
    """Raise unless the frame has these columns in this order, with these dtypes or strings."""
    if not isinstance(frame, pd.DataFrame):
        raise ValueError(f"the {what} of a result must be a DataFrame, got {frame!r}")
    if list(frame.columns) != list(columns):
        problems = []
        if missing := [name for name in columns if name not in frame]:
            problems.append(f"lacks {several(len(missing), 'column')}: {', '.join(missing)}")
        if unknown := [str(name) for name in frame if name not in columns]:
            problems.append(f"has {several(len(unknown), 'unknown column')}: {', '.join(unknown)}")
        if not problems:
            problems = [f"does not have its columns once each, in order: {', '.join(columns)}"]
        raise ValueError(f"the {what} of a result {' and '.join(problems)}; {_REMEDY}")
    for name, dtype in zip(columns, frame.dtypes, strict=True):
        of_result = f"`{name}` in the {what} of a result"
        wanted = dtypes.get(name, "text")
        if not (is_string_dtype(dtype) if wanted == "text" else dtype == wanted):
            raise ValueError(f"{of_result} must be {wanted}, got {dtype}; {_REMEDY}")
        if wanted == "text" and (n_missing := frame[name].isna().sum()):
            raise ValueError(
                f'{of_result} is missing in {n_missing} of {len(frame)} rows; use "" for none'
            )
    if unknown_periods := set(frame["period"].unique()) - {"reference", "analysis"}:
        raise ValueError(
            f'`period` in the {what} of a result must be "reference" or "analysis", got '
            f"{', '.join(map(repr, sorted(unknown_periods)))}"
        )


def _require_same_monitor(first: Result, later: Result) -> None:
    if not isinstance(later, Result):
        raise TypeError(f"`later` must be a Result, got {type(later).__name__}")
    if (first.kind, first.series) != (later.kind, later.series):
        raise ValueError(
            f"{later!r} measures something else than {first!r}; extend with results of the same "
            "monitor, and filter afterwards"
        )
    old, new = (each.filter(period="reference")._frame for each in (first, later))
    same = old.equals(new) and (first._shares is None) == (later._shares is None)
    if old.empty or not same:
        raise ValueError(
            "the two results do not have the same reference and limits; fit one monitor, keep it "
            "(`save`, `course_lib.load`), and measure both with it"
        )


def _require_later(old: pd.DataFrame, new: pd.DataFrame) -> None:
    if old["end_date"].isna().any() or new["start_date"].isna().any():
        raise ValueError(
            "chunks without dates cannot be appended, since their order is not known; give the "
            "monitor a `timestamp_column_name`"
        )
    end = old["end_date"].max()
    early = new.loc[new["start_date"] <= end].drop_duplicates("chunk_index")
    if len(early):
        first = early.iloc[0]
        raise ValueError(
            f"{len(early)} of {new['chunk_index'].nunique()} chunks, such as {first['key']}, start "
            f"before or at {end}, where the chunks so far end ({first['start_date']}); append only "
            "later chunks, and calendar chunks only after the period has ended"
        )


def _appended(old: pd.DataFrame, later: pd.DataFrame, n_chunks: int, n_rows: int) -> pd.DataFrame:
    """Append the analysis, after so many earlier chunks and rows."""
    new = moved(later[later["period"] == "analysis"], n_chunks, n_rows)
    return pd.concat([old, new], ignore_index=True)
