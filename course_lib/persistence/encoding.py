"""Encode values as JSON, arrays and LightGBM's text for a saved file, and decode them.

The tags below and the names of fields are the file format. For a renamed class, change its path in
`TAGS`. A changed tag or field needs another `course_lib.persistence.storage.VERSION`.
"""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from course_lib.core.boosting import load_lightgbm
from course_lib.core.parameters import Parametrized
from course_lib.core.schema import Column

__all__ = ["TAGS", "Reader", "Writer", "tag_of"]

_METRICS = "course_lib.performance.regression_metrics"
_LOSSES = ("absolute_error", "absolute_percentage_error", "signed_error", "squared_error")
#: Each class and function that a file can name, by its tag.
TAGS = {
    "cbpe": "course_lib.performance.cbpe.CBPE",
    "consistency": "course_lib.drift.consistency.ColumnConsistencyCalculator",
    "dle": "course_lib.performance.dle.DLE",
    "domain_classifier": "course_lib.drift.domain_classifier.DomainClassifierCalculator",
    "missing_values": "course_lib.drift.quality.MissingValuesCalculator",
    "numerical_range": "course_lib.drift.quality.NumericalRangeCalculator",
    "realized": "course_lib.performance.realized.PerformanceCalculator",
    "reconstruction": "course_lib.drift.reconstruction.DataReconstructionDriftCalculator",
    "univariate": "course_lib.drift.univariate.UnivariateDriftCalculator",
    "unseen_values": "course_lib.drift.quality.UnseenValuesCalculator",
    "fitted": "course_lib.core.monitor._Fitted",
    "result": "course_lib.core.result.Result",
    "schema": "course_lib.core.schema.Schema",
    "column": "course_lib.core.schema.Column",
    "size_chunker": "course_lib.core.chunking.SizeBasedChunker",
    "count_chunker": "course_lib.core.chunking.CountBasedChunker",
    "period_chunker": "course_lib.core.chunking.PeriodBasedChunker",
    "constant_threshold": "course_lib.core.thresholds.ConstantThreshold",
    "interval_threshold": "course_lib.core.thresholds.PredictionIntervalThreshold",
    "deviation_threshold": "course_lib.core.thresholds.StandardDeviationThreshold",
    "row_metric": f"{_METRICS}.RowMetric",
    "root_metric": f"{_METRICS}.RootMetric",
    "square_metric": f"{_METRICS}.SquareMetric",
    "desk_value": "course_lib.course.desk_value._Earned",
    "matrix_value": "course_lib.performance.classification_metrics._OfCells",
    "performance_errors": "course_lib.performance.realized._Errors",
    "nannies": "course_lib.performance.dle._Nannies",
    "calibration": "course_lib.performance.cbpe._Learned",
    "curve": "course_lib.performance.cbpe.Curve",
    "number_column": "course_lib.drift.univariate._Numbers",
    "category_column": "course_lib.drift.univariate._Categories",
    "sorted_sample": "course_lib.drift.distances.SortedSample",
    "number_bins": "course_lib.core.histograms.NumberBins",
    "category_bins": "course_lib.core.histograms.CategoryBins",
    "components": "course_lib.drift.reconstruction._Components",
    "encoder": "course_lib.drift.reconstruction._Encoder",
    "domain_sample": "course_lib.drift.domain_classifier._Sample",
    "witnesses": "course_lib.drift.consistency._Witnesses",
    **{name: f"{_METRICS}.{name}" for name in (*_LOSSES, "squared_log_error")},
    **{name: f"numpy.{name}" for name in ("mean", "median", "nanmean", "nanmedian")},
}
_TAG_OF = {path: tag for tag, path in TAGS.items()}
#: Types that are written as strings: the type, how to write it, how to read it.
_TEXTS: dict[str, tuple[type, Callable[[Any], str], Callable[[str], object]]] = {
    "float": (float, str, float),
    "timestamp": (datetime, lambda value: value.isoformat(), pd.Timestamp),
    "timedelta": (timedelta, lambda value: pd.Timedelta(value).isoformat(), pd.Timedelta),
    "date": (date, lambda value: value.isoformat(), date.fromisoformat),
    "decimal": (Decimal, str, Decimal),
}
_ITERABLES: dict[str, type] = {"tuple": tuple, "set": set, "frozenset": frozenset}
_END = "end of trees\n"


class Writer:
    """Encodes values as JSON; `members` holds the arrays and models that the JSON names.

    The parameters in ``without`` are left out of monitors.
    """

    def __init__(self, without: tuple[str, ...] = ()) -> None:
        self.members: dict[str, bytes] = {}
        self._without = without
        self._known: dict[int, tuple[str, object]] = {}  # keeps values, so that ids are unique

    def encode(self, value: Any) -> object:
        """Return a value for `json.dumps` from which `Reader.decode` makes the original.

        Raise a ValueError for what only a pickle can hold, such as a function of your own.
        """
        if isinstance(value, (np.bool_, np.number)):
            value = value.item()
        is_number = isinstance(value, float) and math.isfinite(value)
        if value is None or is_number or isinstance(value, (bool, int, str)):
            return value
        for kind, (its_type, write, _) in _TEXTS.items():
            if isinstance(value, its_type):
                return {kind: write(value)}
        if isinstance(value, np.ndarray) and value.dtype != object:
            return {"array": self._member(value, "npy", _npy)}
        if isinstance(value, (list, pd.Index, np.ndarray)):
            return [self.encode(item) for item in value]
        if isinstance(value, (tuple, set, frozenset)):
            items = value if isinstance(value, tuple) else sorted(value)
            return {type(value).__name__: [self.encode(item) for item in items]}
        if isinstance(value, Mapping):
            return {"dict": [[self.encode(k), self.encode(v)] for k, v in value.items()]}
        if isinstance(value, pd.DataFrame):
            return {"frame": [[name, self._column(value[name])] for name in value]}
        if hasattr(value, "model_to_string"):
            return {"model": self._member(value, "txt", _model_text)}
        return self._tagged(value)

    def _tagged(self, value: Any) -> object:
        """Encode a function that has a tag, or an object whose class has one."""
        if (tag := tag_of(value)) is not None:
            return {"function": tag}
        if (tag := tag_of(type(value))) is None:
            raise ValueError(f"{value!r}, of a kind that only a pickle could hold")
        if isinstance(value, Parametrized):
            return {"object": [tag, self._parameters(value)]}
        names = [field.name for field in dataclasses.fields(value)]
        try:
            return {"object": [tag, {name: self.encode(getattr(value, name)) for name in names}]}
        except ValueError as error:
            if not isinstance(value, Column):
                raise
            raise ValueError(f"`{value.name}` holds {error}; convert it to strings") from error

    def _parameters(self, value: Parametrized) -> dict[str, object]:
        parts = {}
        for name, part in value.get_params().items():
            if name in self._without:
                continue
            try:
                parts[name] = self.encode(part)
            except ValueError as error:
                raise ValueError(
                    f"`{name}` holds {error}; leave it out and hand it over again: "
                    f'save(path, without=["{name}"]), load(path, {name}=...)'
                ) from error
        return parts

    def _member(self, value: Any, ending: str, to_bytes: Callable[[Any], bytes]) -> str:
        """Write an array or a model once, even where several values share it."""
        if id(value) not in self._known:
            name = f"{len(self.members)}.{ending}"
            self._known[id(value)] = name, value
            self.members[name] = to_bytes(value)
        return self._known[id(value)][0]

    def _column(self, values: pd.Series) -> object:
        if isinstance(values.dtype, np.dtype) and values.dtype != object:
            return self.encode(values.to_numpy())
        codes, texts = pd.factorize(values)
        return [self.encode(codes.astype(np.int32)), list(texts)]


class Reader:
    """Decodes values; monitors get the parameters in ``handed_over`` as well."""

    def __init__(self, members: Mapping[str, bytes], handed_over: Mapping[str, object]) -> None:
        self._members, self._handed_over = members, handed_over
        self._known: dict[str, object] = {}

    def decode(self, code: Any) -> Any:
        """Return the value that was encoded."""
        if isinstance(code, list):
            return [self.decode(item) for item in code]
        if not isinstance(code, dict):
            return code
        ((kind, parts),) = code.items()
        if kind in _TEXTS:
            return _TEXTS[kind][2](parts)
        if kind in _ITERABLES:
            return _ITERABLES[kind](self.decode(parts))
        if kind == "dict":
            return {self.decode(key): self.decode(value) for key, value in parts}
        if kind in ("array", "model"):
            return self._member(parts, _array if kind == "array" else _model)
        if kind == "frame":
            return pd.DataFrame({name: self._column(column) for name, column in parts})
        if kind == "function":
            return _named(parts)
        if kind == "object":
            return self._object(*parts)
        raise ValueError(f"it holds something unknown, a {kind!r}")

    def _object(self, tag: str, parts: Mapping[str, object]) -> object:
        kind = _named(tag)
        fields = {name: self.decode(part) for name, part in parts.items()}
        return kind(**fields, **(self._handed_over if issubclass(kind, Parametrized) else {}))

    def _member(self, name: str, read: Callable[[bytes], object]) -> object:
        if name not in self._known:
            self._known[name] = read(self._members[name])
        return self._known[name]

    def _column(self, code: Any) -> Any:
        if isinstance(code, dict):
            return self.decode(code)
        texts = [*code[1], None]
        kind = None if code[1] else "str"  # without any string, pandas would choose floats
        return pd.Series([texts[i] for i in self.decode(code[0])], dtype=kind)


def tag_of(thing: object) -> str | None:
    """Return the tag of this class or function, or None; a subclass does not have one."""
    path = f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', '')}"
    tag = _TAG_OF.get(path)
    return tag if tag is not None and _named(tag) is thing else None


def _named(tag: str) -> Any:
    """Return the class or function of a tag."""
    if tag not in TAGS:
        raise ValueError(f"it holds something unknown, a {tag!r}")
    module, _, name = TAGS[tag].rpartition(".")
    return getattr(import_module(module), name)


def _npy(values: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    return stream.getvalue()


def _array(data: bytes) -> object:
    return np.load(io.BytesIO(data), allow_pickle=False)


def _model_text(booster: Any) -> bytes:
    """Return the trees of a lightgbm.Booster as text, without its training parameters."""
    text = str(booster.model_to_string())
    return text[: text.index(_END) + len(_END)].encode()


def _model(data: bytes) -> object:
    return load_lightgbm().Booster(model_str=data.decode())
