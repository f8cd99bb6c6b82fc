"""Values as JSON: a closed set of types, for files that hold data and no code.

What JSON has no word for becomes ``{kind: parts}``. Arrays and models are members of their own,
named in the text: ``0.npy``, ``1.txt``.
"""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .metrics import REGRESSION_METRICS
from .model_text import from_text, to_text
from .schema import Column

__all__ = ["Reader", "Writer", "require_type"]

#: The modules whose dataclasses a file may hold, and the functions.
_MODULES = (
    *("business", "chunking", "confidence", "consistency", "distances", "distributions"),
    *("domain_classifier", "estimation", "metrics", "monitor", "reconstruction", "result"),
    *("schema", "thresholds", "univariate"),
)
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "mean": np.mean,
    "median": np.median,
    "nanmean": np.nanmean,
    "nanmedian": np.nanmedian,
    **{metric.function.__name__: metric.function for metric in REGRESSION_METRICS.values()},
}
#: What a text tells in full: its type, how it is written, how it is read. A Timestamp is a date.
_TEXTS: dict[str, tuple[type, Callable[[Any], str], Callable[[str], Any]]] = {
    "float": (float, str, float),
    "timestamp": (datetime, lambda value: value.isoformat(), pd.Timestamp),
    "timedelta": (timedelta, lambda value: pd.Timedelta(value).isoformat(), pd.Timedelta),
    "date": (date, lambda value: value.isoformat(), date.fromisoformat),
    "decimal": (Decimal, str, Decimal),
}
_DTYPES = ("|b1", "<i4", "<i8", "<f8", "<M8[ns]")


class Writer:
    """Describes values; `members` holds the arrays and models that the description names."""

    def __init__(self) -> None:
        self.members: dict[str, bytes] = {}
        self._known: dict[int, tuple[str, Any]] = {}  # by id, which holds while the thing is kept

    def encode(self, value: Any) -> Any:
        """Return what `json.dumps` takes and `Reader.decode` understands.

        Raises
        ------
        ValueError
            For a value that only a pickle could hold, such as a function of your own.
        """
        if isinstance(value, (np.bool_, np.number)):
            value = value.item()
        if value is None or isinstance(value, (bool, int, str)):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        for kind, (wanted, write, _) in _TEXTS.items():
            if isinstance(value, wanted):
                return {kind: write(value)}
        if isinstance(value, np.ndarray) and value.dtype.str in _DTYPES:
            return {"array": self._member(value, "npy", _npy)}
        if isinstance(value, (list, pd.Index, np.ndarray)):
            return [self.encode(item) for item in value]
        if isinstance(value, tuple):
            return {"tuple": self.encode(list(value))}
        if isinstance(value, frozenset):
            return {"frozenset": self.encode(sorted(value))}
        if isinstance(value, Mapping):
            return {"dict": [[self.encode(k), self.encode(v)] for k, v in value.items()]}
        if isinstance(value, pd.DataFrame):
            return {"frame": [[name, self._column(value[name])] for name in value]}
        return self._thing(value)

    def _thing(self, value: Any) -> Any:
        kind = type(value)
        package, _, module = kind.__module__.partition(".")
        if hasattr(value, "model_to_string"):
            return {"model": self._member(value, "txt", lambda model: to_text(model).encode())}
        for known, function in _FUNCTIONS.items():
            if function is value:
                return {"function": known}
        if not (dataclasses.is_dataclass(kind) and package == "course_lib" and module in _MODULES):
            raise ValueError(f"{value!r}, of a kind that only a pickle could hold")
        try:
            parts = {f.name: self.encode(getattr(value, f.name)) for f in dataclasses.fields(kind)}
        except ValueError as error:
            name = getattr(value, "name", None)
            remedy = "; turn that column into text first" if isinstance(value, Column) else ""
            raise ValueError(f"{error} (in `{name}`){remedy}" if name else str(error)) from error
        return {"object": [f"{module}.{kind.__name__}", parts]}

    def _member(self, value: Any, ending: str, to_bytes: Callable[[Any], bytes]) -> str:
        """Write an array or a model once, wherever it turns up."""
        if id(value) not in self._known:
            self._known[id(value)] = name, _ = f"{len(self.members)}.{ending}", value
            self.members[name] = to_bytes(value)
        return self._known[id(value)][0]

    def _column(self, values: pd.Series) -> Any:
        if isinstance(values.dtype, np.dtype) and values.dtype.str in _DTYPES:
            return {"array": self._member(values, "npy", lambda column: _npy(column.to_numpy()))}
        codes, texts = pd.factorize(values)
        return [self.encode(codes.astype(np.int32)), list(texts)]


class Reader:
    """Makes values from their description, and refuses what `Writer` would not have written."""

    def __init__(self, members: Mapping[str, bytes]) -> None:
        self._members = members
        self._known: dict[str, Any] = {}

    def decode(self, code: Any) -> Any:
        """Return the value that was described."""
        if isinstance(code, list):
            return [self.decode(item) for item in code]
        if not isinstance(code, dict):
            return code
        ((kind, parts),) = code.items()
        if kind in _TEXTS and isinstance(parts, str):
            return _TEXTS[kind][2](parts)
        if kind in ("tuple", "frozenset"):
            return {"tuple": tuple, "frozenset": frozenset}[kind](self.decode(parts))
        if kind == "dict":
            return {self.decode(key): self.decode(value) for key, value in parts}
        if kind == "array":
            return self._member(parts, _array)
        if kind == "model":
            return self._member(parts, lambda data: from_text(data.decode("ascii")))
        if kind == "frame":
            return pd.DataFrame({name: self._column(column) for name, column in parts})
        if kind == "function" and parts in _FUNCTIONS:
            return _FUNCTIONS[parts]
        if kind == "object":
            return self._object(*parts)
        raise ValueError(f"it holds something unknown, a {kind!r}")

    def _member(self, name: str, read: Callable[[bytes], Any]) -> Any:
        if name not in self._known:
            self._known[name] = read(self._members[name])
        return self._known[name]

    def _column(self, code: Any) -> Any:
        if isinstance(code, dict):
            return self.decode(code)
        codes, texts = self.decode(code[0]), [*code[1], None]
        require_type(texts, list[str | None], "a column of texts")
        if codes.dtype != np.int32 or ((codes < -1) | (codes >= len(code[1]))).any():
            raise ValueError("a column of texts in it is damaged")
        return [texts[i] for i in codes]

    def _object(self, home: str, parts: Mapping[str, Any]) -> Any:
        module, _, name = home.partition(".")
        kind = getattr(import_module(f"course_lib.{module}"), name) if module in _MODULES else None
        if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
            raise ValueError(f"it holds something unknown, a {home!r}")
        made = kind(**{name: self.decode(part) for name, part in parts.items()})
        hints = get_type_hints(kind)
        for field in dataclasses.fields(kind):
            require_type(getattr(made, field.name), hints[field.name], f"`{field.name}` of {home}")
        return made


def require_type(value: Any, hint: Any, what: str) -> None:
    """Raise a ValueError unless the value is of the type that an annotation asks for."""
    if not _fits(value, hint):
        raise ValueError(f"{what} in it is no {getattr(hint, '__name__', hint)}")


def _fits(value: Any, hint: Any) -> bool:
    """Say whether a value is of the type that an annotation of the library asks for."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, option) for option in inner)
    if origin is Literal:
        return value in inner
    if origin is tuple and inner[-1] is not Ellipsis:
        return (
            isinstance(value, tuple) and len(value) == len(inner) and all(map(_fits, value, inner))
        )
    if origin in (tuple, list, frozenset):
        return isinstance(value, origin) and all(_fits(item, inner[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            _fits(key, inner[0]) and _fits(item, inner[1]) for key, item in value.items()
        )
    if origin is np.ndarray:
        (dtype,) = get_args(inner[1])
        return isinstance(value, np.ndarray) and (dtype is Any or value.dtype == dtype)
    if origin is Callable:
        return callable(value)
    if hint in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, (int, float) if hint is float else hint)


# Arrays


def _npy(values: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, values, version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def _array(data: bytes) -> NDArray[Any]:
    """Read an array that is as long as it says, and of a type that `save` writes."""
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array in it has an unknown format")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    size = math.prod(shape) * dtype.itemsize
    if dtype.str not in _DTYPES or min(shape, default=0) < 0 or size != len(data) - stream.tell():
        raise ValueError("an array in it is damaged")
    values = np.frombuffer(data, dtype, offset=stream.tell())
    return values.reshape(shape, order="F" if fortran else "C")
