"""Comparison of the answer to an exercise with the expected one, for each kind of value."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["accepts", "describe", "matches", "plain"]

RELATIVE_TOLERANCE = 1e-6


@dataclass(frozen=True)
class _Kind:
    """One kind of expected answer: its name, its types, the types it accepts, its comparison."""

    name: str
    types: tuple[type, ...]
    accepted: tuple[type, ...]
    same: Callable[[Any, Any, float | None], bool]


def matches(answer: object, expected: object, *, tolerance: float | None = None) -> bool:
    """Return whether an answer is the expected one.

    Taught in lesson 00.

    Parameters
    ----------
    answer
        Any value.
    expected
        A value of a kind that `course_lib.check` lists, or a function of the answer.
    tolerance
        Largest difference allowed for a number, in its unit; None for a relative 1e-6.

    Raises
    ------
    TypeError
        If ``expected`` is of an unknown kind, or is a function that does not return a bool. A
        function that returns an array or a DataFrame raises no error: the answer does not match.

    Examples
    --------
    >>> matches(["carat", "x"], {"x", "carat"})
    True
    >>> matches(7.2, 7.0, tolerance=0.1)
    False
    >>> matches(7.2, lambda answer: answer > 7)
    True
    """
    if callable(expected):
        return _recognizes(expected, answer)
    return accepts(answer, expected) is None and _kind(expected).same(answer, expected, tolerance)


def accepts(answer: object, expected: object) -> str | None:
    """Return None if an answer is of the expected kind, otherwise the name of that kind.

    Taught in lesson 00.

    Raises
    ------
    TypeError
        If ``expected`` is of an unknown kind.

    Examples
    --------
    >>> accepts("seven", 7)
    'a number'
    >>> accepts(8, 7) is None
    True
    """
    if callable(expected):
        return None
    kind = _kind(expected)
    # A bool is an int in Python, but True is not an answer where a number is expected.
    is_unexpected_bool = isinstance(answer, bool | np.bool_) and bool not in kind.types
    return None if isinstance(answer, kind.accepted) and not is_unexpected_bool else kind.name


def describe(value: object) -> str:
    """Return a phrase that names the type of a value.

    Taught in lesson 00.

    Examples
    --------
    >>> describe(3.5), describe(None)
    ('of type float', 'None')
    """
    return "None" if value is None else f"of type {type(value).__name__}"


def plain(text: str) -> str:
    """Return a string in lower case, without spaces around it: neither makes an answer wrong.

    Taught in lesson 00.

    Examples
    --------
    >>> plain(" Carat ")
    'carat'
    """
    return text.strip().casefold()


def _recognizes(predicate: Callable[[Any], Any], answer: object) -> bool:
    try:
        result = predicate(answer)
    except Exception:  # an answer on which the predicate fails does not match
        return False
    if isinstance(result, _MANY) or result is pd.NA:  # the answer has many values, or is missing
        return False
    if not isinstance(result, bool | np.bool_):
        raise TypeError(f"A predicate returned {result!r}; it has to return one bool.")
    return bool(result)


def _kind(expected: object) -> _Kind:
    for kind in _KINDS:
        if isinstance(expected, kind.types):
            return kind
    raise TypeError(f"`expected` is {describe(expected)}; see `check` for what it can be.")


def _same_number(answer: Any, expected: Any, tolerance: float | None) -> bool:
    if tolerance is None:
        return math.isclose(answer, expected, rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-12)
    return bool(abs(answer - expected) <= tolerance)


def _same_date(answer: Any, expected: Any, _: float | None) -> bool:
    return bool(pd.to_datetime(answer, errors="coerce") == pd.Timestamp(expected))


def _same_item(answer: Any, expected: Any, tolerance: float | None) -> bool:
    if _is_missing(expected) or _is_missing(answer):
        return _is_missing(expected) and _is_missing(answer)
    return matches(answer, expected, tolerance=tolerance)


def _is_missing(value: Any) -> bool:
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def _same_set(answer: Any, expected: Any, tolerance: float | None) -> bool:
    return all(any(_same_item(a, e, tolerance) for e in expected) for a in answer) and all(
        any(_same_item(a, e, tolerance) for a in answer) for e in expected
    )


def _same_values(answer: Any, expected: Any, tolerance: float | None) -> bool:
    left, right = np.asarray(answer, dtype=object), np.asarray(expected, dtype=object)
    pairs = zip(left.ravel(), right.ravel(), strict=False)  # the next line compares the shapes
    return left.shape == right.shape and all(_same_item(a, e, tolerance) for a, e in pairs)


def _same_table(answer: Any, expected: Any, tolerance: float | None) -> bool:
    if sorted(map(str, answer.columns)) != sorted(map(str, expected.columns)):
        return False
    return all(_same_values(answer[c], expected[c], tolerance) for c in expected.columns)


_BOOLS = (bool, np.bool_)
_NUMBERS = (int, float, np.integer, np.floating)
_DATES = (date, np.datetime64)  # a pandas Timestamp is also a date
_SETS = (set, frozenset)
_MANY = (np.ndarray, pd.Series, pd.Index, pd.DataFrame)
_LISTS = (list, tuple, np.ndarray, pd.Series, pd.Index)

_KINDS = (
    _Kind("True or False", _BOOLS, _BOOLS, lambda a, e, _: bool(a == e)),
    _Kind("a number", _NUMBERS, _NUMBERS, _same_number),
    _Kind("a text", (str,), (str,), lambda a, e, _: plain(a) == plain(e)),
    _Kind("a date", _DATES, (*_DATES, str), _same_date),
    _Kind("a set", _SETS, (*_SETS, *_LISTS), _same_set),
    _Kind("a table (DataFrame)", (pd.DataFrame,), (pd.DataFrame,), _same_table),
    _Kind("a list of values", _LISTS, _LISTS, _same_values),
)
