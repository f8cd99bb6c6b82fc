"""Input validation: every DataFrame is checked once and converted to arrays.

Monitors work on float64 arrays (numeric columns) and integer codes (categorical columns), sorted
by time. The kind of each column is set by the reference and kept.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from course_lib.core.chunking import Chunk, Chunker

__all__ = ["Column", "Encoded", "Schema", "Table", "listed"]

Kind = Literal["numeric", "categorical"]
Encoded = NDArray[Any]  # a column as float64 numbers or int32 codes
LARGEST = 1e70  # the fourth power of a larger number cannot be summed
_NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal")  # as pandas infers objects


@dataclass(frozen=True)
class Column:
    """A column as found in the reference.

    Attributes
    ----------
    name : str
    kind : {"numeric", "categorical"}
    categories : tuple
        The values seen in the reference, sorted; their codes are 1 … K. Code 0 is a value that
        was not seen, code K + 1 is a missing value. Empty for numeric columns.
    """

    name: str
    kind: Kind
    categories: tuple[Any, ...] = ()

    @property
    def missing_code(self) -> int:
        """The code of a missing value: one more than the number of categories."""
        return len(self.categories) + 1

    def encode(self, values: pd.Series) -> Encoded:
        """Return the column as float64 (NaN where missing) or as int32 codes."""
        if self.kind == "numeric":
            return _as_float(values, self.name)
        codes = _codes(values, self.categories) + np.int32(1)
        codes[values.isna().to_numpy()] = self.missing_code
        return codes

    def is_missing(self, values: Encoded) -> NDArray[np.bool_]:
        """Return which values of an encoded array are missing."""
        return np.asarray(
            np.isnan(values) if self.kind == "numeric" else values == self.missing_code
        )


@dataclass(frozen=True)
class Table:
    """A checked frame: one read-only array per column, rows sorted by time if given.

    Attributes
    ----------
    arrays : dict of str to array of shape (n_rows,)
    columns : tuple of Column
    n_rows : int
    timestamps : DatetimeIndex or None
        The local time of each row.
    chunks : tuple of Chunk
        Empty until `cut`.
    """

    arrays: Mapping[str, Encoded]
    columns: tuple[Column, ...]
    n_rows: int
    timestamps: pd.DatetimeIndex | None = None
    chunks: tuple[Chunk, ...] = ()
    _hashes: dict[tuple[str, ...], NDArray[np.uint64]] = field(default_factory=dict, repr=False)
    _counts: dict[str, NDArray[np.int64]] = field(default_factory=dict, repr=False)

    def __getitem__(self, name: str) -> Encoded:
        return self.arrays[name]

    def cut(self, chunker: Chunker) -> Table:
        """Return the same table with the chunks that a chunker makes of it."""
        return replace(self, chunks=chunker.split(self.n_rows, self.timestamps))

    def hashes(self, names: tuple[str, ...]) -> NDArray[np.uint64]:
        """Return a hash of each row's content in these columns, shape (n_rows,)."""
        if names not in self._hashes:
            content = pd.DataFrame({i: self.arrays[name] for i, name in enumerate(names)})
            hashes = pd.util.hash_pandas_object(content, index=False)
            self._hashes[names] = np.asarray(hashes, dtype=np.uint64)
        return self._hashes[names]

    def as_new(self, rows: slice) -> Table:
        """Return the table as if these rows came after it: what no other row has is unseen.

        In later frames all unseen categories share code 0. So rows that are left out of the
        reference must not keep codes of their own for categories that only they have.
        """
        changed = {}
        for column in self.columns:
            if column.kind == "numeric":
                continue
            codes, n_codes = self.arrays[column.name], column.missing_code + 1
            if column.name not in self._counts:
                self._counts[column.name] = np.bincount(codes, minlength=n_codes)
            others = self._counts[column.name] - np.bincount(codes[rows], minlength=n_codes)
            others[column.missing_code] = 1  # a missing value is not an unseen category
            unseen = others[codes[rows]] == 0
            if unseen.any():
                new_codes = codes.copy()
                new_codes[rows][unseen] = 0
                changed[column.name] = _frozen(new_codes)
        if not changed:
            return self
        return replace(self, arrays={**self.arrays, **changed}, _hashes={}, _counts={})

    def categorical(self, names: Sequence[str]) -> list[int]:
        """Return the positions of those names that are categorical columns."""
        kinds = {column.name: column.kind for column in self.columns}
        return [i for i, name in enumerate(names) if kinds[name] == "categorical"]

    def matrix(
        self, names: Sequence[str], rows: slice | NDArray[np.intp] = slice(None)
    ) -> NDArray[np.float64]:
        """Return the named columns side by side, shape (rows, columns), codes as floats."""
        return np.column_stack([self.arrays[name][rows] for name in names]).astype(
            float, copy=False
        )

    def __repr__(self) -> str:
        return f"Table({self.n_rows:,} rows, {len(self.arrays)} columns, {len(self.chunks)} chunks)"


@dataclass(frozen=True)
class Schema:
    """The columns a monitor reads, with the kinds and categories of the reference.

    Examples
    --------
    >>> frame = pd.DataFrame({"size": [1.0, None, 3.0], "cut": ["Good", "Fair", "Good"]})
    >>> schema = Schema.learn(frame, ["size", "cut"])
    >>> schema.read(frame)["cut"]
    array([2, 1, 2], dtype=int32)
    """

    columns: tuple[Column, ...]
    timestamp: str | None = None
    complete: frozenset[str] = frozenset()
    row_id: str | None = None

    @classmethod
    def learn(
        cls,
        frame: pd.DataFrame,
        columns: Sequence[str],
        *,
        timestamp: str | None = None,
        numeric: Iterable[str] = (),
        categorical: Iterable[str] = (),
        complete: Iterable[str] = (),
    ) -> Schema:
        """Return the schema of a reference: the kind and the categories of each column.

        Parameters
        ----------
        frame : DataFrame
            The reference set.
        columns : sequence of str
            The columns to read.
        timestamp : str, optional
            The column that holds the time of each row.
        numeric, categorical : iterable of str
            Columns whose kind is given. For the others: numbers are numeric; strings,
            categories and booleans are categorical; dates are refused.
        complete : iterable of str
            Columns that must not have missing values, in this frame or in a later one.

        Raises
        ------
        TypeError, ValueError
            When the frame is not a DataFrame, is empty, lacks a column or has it twice, or a
            column is neither numeric nor categorical.
        """
        _require_frame(frame, "reference")
        columns = listed(columns)
        numeric, categorical = set(listed(numeric)), set(listed(categorical))
        order_by = [] if timestamp is None else [timestamp]
        _require_text([*columns, *order_by])
        _require_unique(columns)
        _require_columns(frame, [*columns, *order_by], "reference")
        for kind, given in (("numerical", numeric), ("categorical", categorical)):
            unknown_columns = sorted(given - set(columns), key=str)
            if unknown_columns:
                raise ValueError(
                    f"`{unknown_columns[0]}` is listed as {kind}, but is not one of the "
                    f"columns ({', '.join(map(str, columns))}); add it to them, or leave it out"
                )
        both = sorted(numeric & categorical)
        if both:
            raise ValueError(f"`{both[0]}` is listed as numerical and as categorical; choose one")
        learned = []
        for name in columns:
            kind = _kind(frame[name], name, name in numeric, name in categorical)
            categories = () if kind == "numeric" else _categories(frame[name])
            learned.append(Column(name, kind, categories))
        return cls(tuple(learned), timestamp, frozenset(complete))

    def read(
        self, frame: pd.DataFrame, *, skip: Iterable[str] = (), name: str = "reference"
    ) -> Table:
        """Check a frame, sort its rows and encode its columns.

        Rows are sorted by time, then by id where there is one; other rows of equal time keep their
        order.

        Parameters
        ----------
        frame : DataFrame
            It is not modified.
        skip : iterable of str
            Columns that this frame need not have (the label, before it is known).
        name : str
            What to call the frame in an error.

        Raises
        ------
        TypeError, ValueError
            With the column, the count of rows and what to do.

        Notes
        -----
        Times with a time zone are sorted by UTC; chunks are cut by the local clock and have its
        dates. In autumn, the repeated local hour is one hourly chunk of two hours; in it, keys of
        minute chunks occur twice.
        """
        _require_frame(frame, name)
        skipped = set(skip)
        columns = [column for column in self.columns if column.name not in skipped]
        order_by = [column for column in (self.timestamp, self.row_id) if column is not None]
        _require_columns(frame, [*(column.name for column in columns), *order_by], name)
        timestamps, order = self._ordered(frame)
        arrays = {}
        for column in columns:
            array = column.encode(frame[column.name])
            if column.name in self.complete:
                _require_complete(array, column, name)
            arrays[column.name] = _frozen(array if order is None else array[order])
        return Table(arrays, tuple(columns), len(frame), timestamps)

    def _ordered(
        self, frame: pd.DataFrame
    ) -> tuple[pd.DatetimeIndex | None, NDArray[np.intp] | None]:
        """Return the sorted local times and the order of the rows, None if it is not needed."""
        if self.timestamp is None:
            return None, None
        timestamps, order = _timestamps(frame[self.timestamp], self.timestamp), None
        if self.row_id is not None:
            order = np.lexsort((_id_ranks(frame[self.row_id], self.row_id), timestamps.asi8))
        elif not timestamps.is_monotonic_increasing:
            order = np.argsort(timestamps.asi8, kind="stable")
        if order is not None:
            timestamps = timestamps[order]
        # Calendar periods have no time zone: a week is a week on the local clock.
        return timestamps.tz_localize(None), order

    def __repr__(self) -> str:
        kinds = ", ".join(f"{column.name}: {column.kind}" for column in self.columns)
        return f"Schema({kinds})"

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def kind(self, name: str) -> Kind:
        """Return whether the column is ``"numeric"`` or ``"categorical"``."""
        return self[name].kind


def _require_frame(frame: object, name: str) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"`{name}` must be a pandas DataFrame, got {type(frame).__name__}")
    if not len(frame):
        raise ValueError(f"`{name}` has no rows; give at least one")


def listed(columns: Iterable[str] | None) -> list[str]:
    """Return a copy of a list of column names; a string raises a TypeError."""
    if isinstance(columns, str):
        raise TypeError(f"give names as a list: [{columns!r}], not {columns!r}")
    return [] if columns is None else list(columns)


def _require_text(columns: Sequence[object]) -> None:
    other = [name for name in columns if not isinstance(name, str) or not name]
    if other:
        raise TypeError(
            f"{len(other)} of {len(columns)} column names are empty or not text, such as "
            f"{other[0]!r}; rename the columns first: frame.columns = frame.columns.map(str)"
        )


def _require_unique(columns: Sequence[str]) -> None:
    if not len(columns):
        raise ValueError("no columns are named; name at least one")
    twice = pd.Index(columns)[pd.Index(columns).duplicated()]
    if len(twice):
        raise ValueError(f"`{twice[0]}` is named more than once; a column can have one role only")


def _require_columns(frame: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ValueError(
            f"`{name}` lacks {len(missing)} of {len(columns)} columns: "
            f"{', '.join(f'`{column}`' for column in missing)}; add them, or correct the names"
        )
    for column in columns:
        count = int((frame.columns == column).sum())
        if count > 1:
            raise ValueError(f"`{name}` has {count} columns named `{column}`; keep only one")


def _require_complete(array: Encoded, column: Column, name: str) -> None:
    gaps = column.is_missing(array)
    if gaps.any():
        raise ValueError(
            f"`{column.name}` is missing in {int(gaps.sum()):,} of {len(array):,} rows of "
            f"`{name}`; fill or drop those rows"
        )


def _kind(values: pd.Series, name: str, numeric: bool, categorical: bool) -> Kind:
    if categorical:
        return "categorical"
    if numeric:
        return "numeric"
    dtype = values.dtype
    inferred = str(dtype)
    if types.is_object_dtype(dtype):
        inferred = types.infer_dtype(values, skipna=True)
        if inferred in _NUMBERS:
            return "numeric"
        if inferred in ("string", "boolean", "mixed", "mixed-integer", "empty"):
            return "categorical"
    elif types.is_bool_dtype(dtype):
        return "categorical"
    elif types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return "numeric"
    elif (
        isinstance(dtype, pd.CategoricalDtype)
        or types.is_string_dtype(dtype)
        or inferred.startswith("dictionary<values=string")  # Arrow's type for categories
    ):
        return "categorical"
    raise TypeError(
        f"`{name}` holds {inferred}, which is neither numeric nor categorical; convert "
        "it to numbers (a date: to a count of days) or to strings, or leave it out"
    )


def _categories(values: pd.Series) -> tuple[Any, ...]:
    try:
        seen = pd.unique(values.dropna().astype(object))
    except TypeError as error:
        raise TypeError(
            f"`{values.name}` holds unhashable values ({error}); convert them to strings"
        ) from error
    try:
        return tuple(sorted(seen))
    except TypeError:
        return tuple(sorted(seen, key=lambda value: (type(value).__name__, str(value))))


def _codes(values: pd.Series, categories: tuple[Any, ...]) -> NDArray[np.int32]:
    index = pd.Index(categories, dtype=object)
    if isinstance(values.dtype, pd.CategoricalDtype):
        # The few categories are looked up, not the many rows.
        lookup = index.get_indexer(values.cat.categories.astype(object))
        return np.append(lookup, -1)[values.cat.codes.to_numpy()].astype(np.int32)
    try:
        codes, found = pd.factorize(values)
    except (TypeError, NotImplementedError) as error:  # Arrow raises the second for lists
        raise TypeError(
            f"`{values.name}` holds unhashable values ({error}); convert them to strings"
        ) from error
    lookup = index.get_indexer(pd.Index(found).astype(object))
    return np.append(lookup, -1)[codes].astype(np.int32)


def _as_float(values: pd.Series, name: str) -> NDArray[np.float64]:
    if types.is_complex_dtype(values.dtype):
        raise TypeError(f"`{name}` holds complex numbers; take the real part or the magnitude")
    if types.is_object_dtype(values.dtype) or not types.is_numeric_dtype(values.dtype):
        values = _numbers(values, name)
    array: NDArray[np.float64] = values.to_numpy(dtype=float, na_value=np.nan)
    n_beyond = int((np.abs(array) > LARGEST).sum())
    if n_beyond:
        what = "infinite" if np.isinf(array).any() else f"beyond ±{LARGEST:g}"
        raise ValueError(
            f"`{name}` is {what} in {n_beyond:,} of {len(array):,} rows; "
            "replace those values by a number, or by a missing value if it is a feature"
        )
    return array


def _numbers(values: pd.Series, name: str) -> pd.Series:
    """Return objects that are numbers as floats; raise an error for strings."""
    as_objects = values.astype(object)
    is_text = as_objects.map(lambda value: isinstance(value, str))
    numbers = pd.to_numeric(as_objects.mask(is_text), errors="coerce")
    bad = as_objects.notna() & (is_text | numbers.isna())
    if bad.any() or types.is_datetime64_any_dtype(values.dtype):
        example = as_objects[bad].iloc[0] if bad.any() else as_objects.iloc[0]
        raise TypeError(
            f"`{name}` must hold numbers, but {int(bad.sum()) or len(values):,} of {len(values):,} "
            f"rows hold something else, such as {example!r}; convert them, for example with "
            "pd.to_numeric"
        )
    return numbers.astype(float)


def _timestamps(values: pd.Series, name: str) -> pd.DatetimeIndex:
    # pandas would read a number as nanoseconds since 1970.
    if types.is_numeric_dtype(values.dtype) or types.infer_dtype(values) in _NUMBERS:
        raise TypeError(
            f"`{name}` holds numbers, not times; convert it with pd.to_datetime(..., unit=...)"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas warns of slow parsing; what fails is counted below
        try:
            parsed = pd.DatetimeIndex(pd.to_datetime(values, errors="coerce"))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"`{name}` cannot be read as times ({error}); convert it first"
            ) from error
    gaps = values.isna().to_numpy()
    if gaps.any():
        raise ValueError(
            f"`{name}` is missing in {int(gaps.sum()):,} of {len(values):,} rows; "
            "each row needs a time to be in a chunk: fill or drop those rows"
        )
    bad = np.asarray(parsed.isna())
    if bad.any():
        raise ValueError(
            f"`{name}` cannot be read as a time in {int(bad.sum()):,} of {len(values):,} rows, "
            f"such as {values[bad].iloc[0]!r}; convert it with pd.to_datetime"
        )
    return parsed


def _id_ranks(values: pd.Series, name: str) -> NDArray[np.intp]:
    """Return the rank of each id among the distinct ids."""
    missing = int(values.isna().sum())
    if missing:
        raise ValueError(
            f"`{name}` is missing in {missing:,} of {len(values):,} rows; give each row an id, or "
            "leave out `id_column_name`"
        )
    if isinstance(values.dtype, pd.CategoricalDtype):  # its own order may be that of appearance
        values = values.astype(values.cat.categories.dtype)
    return np.asarray(pd.factorize(values, sort=True)[0], dtype=np.intp)


def _frozen(array: Encoded) -> Encoded:
    view = array.view()
    view.flags.writeable = False
    return view
