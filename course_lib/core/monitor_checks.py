"""Checks that every monitor passes, also one of your own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from course_lib.core.chunking import Chunk
from course_lib.core.monitor import Monitor
from course_lib.core.result import Result
from course_lib.core.thresholds import ConstantThreshold

__all__ = ["CHECKS", "check_monitor"]

Check = Callable[[Monitor[Any], pd.DataFrame, pd.DataFrame], None]


def check_monitor(
    monitor: Monitor[Any], reference: pd.DataFrame, analysis: pd.DataFrame
) -> list[str]:
    """Check that a monitor keeps the contract of all monitors, in the manner of `check_estimator`.

    Call it in a test of a subclass of `Monitor`, with frames such as the monitor will get.

    Parameters
    ----------
    monitor : Monitor
        It is not changed, and need not be fitted.
    reference, analysis : DataFrame
        At least five chunks of reference. The order of rows is checked where all times (or pairs
        of time and id) are different.

    Returns
    -------
    list of str
        The names of the checks that passed: all, but for that of the order of rows where the
        frames do not allow it.

    Raises
    ------
    AssertionError
        With the check that failed and what was found.
    TypeError
        For something that is not a monitor.

    Notes
    -----
    Source: scikit-learn's `check_estimator`. Not taught in a lesson; CONTRIBUTING.md says how to
    add a monitor.

    Examples
    --------
    >>> import pandas as pd
    >>> from course_lib import MissingValuesCalculator, check_monitor
    >>> frame = pd.DataFrame({"size": [1.0, None, 3.0, 4.0] * 250})
    >>> check_monitor(MissingValuesCalculator(["size"]), frame, frame)[0]
    'parameters_are_attributes'
    """
    if not isinstance(monitor, Monitor):
        raise TypeError(f"`monitor` must be an object of a subclass of Monitor, got {monitor!r}")
    passed = []
    for check in CHECKS:
        try:
            check(monitor._frozen(), reference.copy(), analysis.copy())
        except _Skipped:
            continue
        except AssertionError as error:
            name = type(monitor).__name__
            raise AssertionError(f"{name} fails {check.__name__}: {error}") from error
        passed.append(check.__name__)
    return passed


class _Skipped(Exception):  # noqa: N818
    """The frames do not allow a check."""


def parameters_are_attributes(
    monitor: Monitor[Any], reference: pd.DataFrame, analysis: pd.DataFrame
) -> None:
    """Each argument of the constructor is an attribute, and a copy has the same ones."""
    try:
        found = monitor.get_params()
    except AttributeError as error:
        raise AssertionError(str(error)) from error
    copy = type(monitor)(**found)
    for name, value in copy.get_params().items():
        same = value is found[name] or repr(value) == repr(found[name])
        _require(same, f"`{name}` is {value!r} in a copy made with {found[name]!r}")


def bad_input_is_refused(
    monitor: Monitor[Any], reference: pd.DataFrame, analysis: pd.DataFrame
) -> None:
    """Measuring before fit, an empty frame, another type and a missing column are errors."""
    _must_raise(lambda: monitor.measure(analysis), "`measure` before `fit`")
    _must_raise(lambda: monitor.fit([1, 2]), "`fit` of a list")  # type: ignore[arg-type]
    _must_raise(lambda: monitor.fit(reference[:0]), "`fit` of a frame without rows")
    monitor.fit(reference)
    _must_raise(lambda: monitor.measure(analysis[:0]), "`measure` of a frame without rows")
    _must_raise(lambda: monitor.measure(pd.DataFrame(index=range(9))), "`measure` without columns")


def inputs_are_not_modified(
    monitor: Monitor[Any], reference: pd.DataFrame, analysis: pd.DataFrame
) -> None:
    """Both frames stay as they are, and `fit` returns the monitor."""
    before = reference.copy(), analysis.copy()
    _require(monitor.fit(reference) is monitor, "`fit` does not return the monitor itself")
    monitor.judge(monitor.measure(analysis))
    for name, old, new in zip(
        ("reference", "analysis"), before, (reference, analysis), strict=True
    ):
        try:
            pd.testing.assert_frame_equal(old, new)
        except AssertionError as error:
            raise AssertionError(f"`{name}` was modified: {error}") from error


def the_result_is_tidy(
    monitor: Monitor[Any], reference: pd.DataFrame, analysis: pd.DataFrame
) -> None:
    """Reference chunks come first, once per series; a value is missing only with a note."""
    frame = _result(monitor.fit(reference), analysis).to_df()
    periods = list(dict.fromkeys(frame["period"]))
    _require(periods == ["reference", "analysis"], f"periods are {periods}")
    _require(frame["period"].is_monotonic_decreasing, "the periods are mixed")
    series = ["period", "chunk_index", "column", "metric"]
    n_repeated = int(frame.duplicated(series).sum())
    _require(not n_repeated, f"{n_repeated} values are there twice: yield each series once")
    known = set(monitor._metric_names())
    _require(set(frame["metric"]) <= known, f"metrics are not those of `_metric_names`: {known}")
    silent = int((frame["value"].isna() & (frame["note"] == "")).sum())
    _require(not silent, f"{silent} values are missing without a note")
    n_beyond = int((frame["n_used"] > frame["n_rows"]).sum())
    _require(not n_beyond, f"`n_used` exceeds the rows of {n_beyond} chunks")


def equal_runs_give_equal_results(
    monitor: Monitor[Any], reference: pd.DataFrame, analysis: pd.DataFrame
) -> None:
    """Fitting and measuring again gives the same numbers."""
    first = _result(monitor.fit(reference), analysis)
    _require_equal(first, _result(monitor, analysis), "measured twice")
    _require_equal(first, _result(monitor._frozen().fit(reference), analysis), "fitted twice")


def the_order_of_rows_does_not_matter(
    monitor: Monitor[Any], reference: pd.DataFrame, analysis: pd.DataFrame
) -> None:
    """With a time for each row, shuffled rows give the same numbers."""
    keys = [name for name in (monitor._timestamp, monitor.id_column_name) if name]
    if not keys or reference.duplicated(keys).any() or analysis.duplicated(keys).any():
        raise _Skipped
    first = _result(monitor.fit(reference), analysis)
    shuffled = (frame.sample(frac=1, random_state=0) for frame in (reference, analysis))
    again = _result(monitor._frozen().fit(next(shuffled)), next(shuffled))
    _require_equal(first, again, "shuffled rows")


def a_chunk_alone_has_the_same_value(
    monitor: Monitor[Any], reference: pd.DataFrame, analysis: pd.DataFrame
) -> None:
    """A chunk measured without the rest of its frame has the very same value."""
    fitted = monitor.fit(reference)._require_fitted("measure(frame)")
    rules, schema, state = fitted.rules, fitted.schema, fitted.state
    label = rules._target()
    skip = [] if label is None else [label]
    whole = rules._read(schema, analysis, "analysis")
    order = schema._ordered(analysis)[1]
    rows = np.arange(len(analysis)) if order is None else order
    for chunk in whole.chunks:
        alone = schema.read(analysis.iloc[rows[chunk.rows]], skip=skip, name="analysis")
        only = Chunk(0, chunk.key, slice(0, len(chunk)))
        pairs = zip(
            rules._measure(state, whole, chunk), rules._measure(state, alone, only), strict=True
        )
        for inside, apart in pairs:
            same = repr(inside) == repr(apart)
            _require(same, f"chunk {chunk.key} gives {apart} alone and {inside} in its frame")


def a_result_can_be_judged_again(
    monitor: Monitor[Any], reference: pd.DataFrame, analysis: pd.DataFrame
) -> None:
    """Readings need no rows: other thresholds change limits and alerts alone."""
    readings = monitor.fit(reference).measure(analysis)
    first = monitor.judge(readings)
    never = monitor.judge(readings, thresholds=ConstantThreshold(lower=-1e300, upper=1e300))
    judged = ["lower_threshold", "upper_threshold", "alert"]
    limits = never.to_df()["upper_threshold"]
    _require(bool((limits == 1e300).all()), "`judge` does not use the thresholds that it is given")
    kept = [frame.to_df().drop(columns=judged) for frame in (first, never)]
    _require(kept[0].equals(kept[1]), "other thresholds change more than limits and alerts")
    _require_equal(first, monitor.judge(readings), "judged twice")


def parameters_are_frozen_by_fit(
    monitor: Monitor[Any], reference: pd.DataFrame, analysis: pd.DataFrame
) -> None:
    """A parameter that changes after `fit` takes effect at the next `fit`."""
    first = _result(monitor.fit(reference), analysis)
    monitor.thresholds = ConstantThreshold(lower=-1e300, upper=1e300)
    if getattr(monitor, "threshold", None) is not None:
        monitor.threshold = None  # type: ignore[attr-defined]
    _require_equal(first, _result(monitor, analysis), "`thresholds` changed after `fit`")
    later = _result(monitor.fit(reference), analysis).to_df()
    _require(not later["alert"].any(), "`fit` does not use the new `thresholds`")


CHECKS: tuple[Check, ...] = (
    parameters_are_attributes,
    bad_input_is_refused,
    inputs_are_not_modified,
    the_result_is_tidy,
    equal_runs_give_equal_results,
    the_order_of_rows_does_not_matter,
    a_chunk_alone_has_the_same_value,
    a_result_can_be_judged_again,
    parameters_are_frozen_by_fit,
)


def _result(monitor: Monitor[Any], analysis: pd.DataFrame) -> Result:
    verb = getattr(monitor, "estimate", None) or getattr(monitor, "calculate", None)
    result = monitor.judge(monitor.measure(analysis)) if verb is None else verb(analysis)
    _require(isinstance(result, Result), f"the result is a {type(result).__name__}")
    return result


def _require(truth: bool, message: str) -> None:
    if not truth:
        raise AssertionError(message)


def _require_equal(first: Result, second: Result, what: str) -> None:
    one, other = first.to_df(), second.to_df()
    if one.equals(other):
        return
    differing = [str(name) for name in one if not one[name].equals(other[name])]
    raise AssertionError(f"{what}: the results differ in {', '.join(differing) or 'their rows'}")


def _must_raise(call: Callable[[], object], what: str) -> None:
    try:
        call()
    except (TypeError, ValueError) as error:
        _require(len(str(error)) > 0, f"{what} is refused without a word")
        return
    raise AssertionError(f"{what} is accepted; raise a ValueError or TypeError")
