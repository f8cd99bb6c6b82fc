"""Whatever a bad day brings: every call gives a valid result, or says what is wrong with it."""

import os

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hostile import (
    KINDS,
    MONITORS,
    NAMES,
    SUBJECTS,
    TIMES,
    BrokenError,
    Case,
    Frame,
    examine,
    require_refusal,
    require_sound,
    tally,
    wide,
)

from course_lib import MissingValuesCalculator, Result, UnivariateDriftCalculator

# For each of eleven monitors and five other calls: a thousand in all, the same in every run;
# tools/hostile_evidence.py draws others.
N_EXAMPLES, SEED = 65, 0


# -- Drawn ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", SUBJECTS)
def test_a_call_gives_a_valid_result_or_a_clear_refusal(call, capfd):
    drawn = tally(call, SEED, N_EXAMPLES)
    broken = drawn[drawn["outcome"] == "broken"]
    assert broken[["finding", "case"]].to_numpy().tolist() == []
    assert len(drawn) == N_EXAMPLES
    # Of what is drawn, much can be measured and some has to be refused.
    assert 0.3 < (drawn["outcome"] == "result").mean() < 0.95
    assert capfd.readouterr() == ("", "")


# -- Every kind, one by one -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_of_any_kind_is_measured_or_refused(kind):
    features = (("a", kind, "some missing"),)
    frame = Frame(60, 0, features)
    for monitor in ("univariate", "unseen", "range"):
        examine(Case(monitor, frame, Frame(20, 1, features), {"chunk_number": 5}))


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_of_numbers_may_come_as_any_kind_later(kind):
    numbers, later = ((("a", of, "plain"),) for of in ("float64", kind))
    for monitor in ("univariate", "unseen", "missing"):
        examine(Case(monitor, Frame(60, 0, numbers), Frame(20, 1, later), {"chunk_number": 5}))


@pytest.mark.parametrize("time", TIMES)
def test_a_time_of_any_kind_is_read_or_refused(time):
    frame = Frame(60, 0, (("a", "float64", "plain"),), time)
    examine(Case("missing", frame, Frame(20, 1, frame.features, time), {"chunk_period": "W"}))


@pytest.mark.parametrize(
    "monitor", ["DLE", "univariate", "missing", "reconstruction", "domain classifier"]
)
def test_five_hundred_columns_with_odd_names_are_measured(monitor):
    # Forty rows in a chunk: of twelve, some with three in ten missing would be too few for limits.
    frame = Frame(200, 1, wide(500))
    metrics = MONITORS[monitor][1][:1]
    case = Case(monitor, frame, frame, {"chunk_number": 5}, metrics, cross_fit=False)
    assert examine(case) == "result"


@pytest.mark.parametrize("monitor", ["DLE", "univariate", "unseen", "missing", "domain classifier"])
def test_ten_thousand_categories_are_measured(monitor):
    frame = Frame(10_000, 0, (("who", "str", "each its own"), ("size", "float64", "plain")))
    metrics = MONITORS[monitor][1][:1]
    case = Case(monitor, frame, frame, {"chunk_number": 6}, metrics, cross_fit=False)
    assert examine(case) == "result"


def test_ten_thousand_categories_are_too_many_to_predict_and_the_error_says_so():
    frame = Frame(10_000, 0, (("who", "str", "each its own"), ("size", "float64", "plain")))
    assert examine(Case("consistency", frame, frame, {"chunk_number": 6})) == "ValueError"


@pytest.mark.parametrize("monitor", MONITORS)
def test_names_that_lightgbm_refuses_are_no_trouble(monitor):
    kind = "Float64" if monitor == "range" else "str"
    features = tuple((name, kind if i else "float64", "plain") for i, name in enumerate(NAMES))
    frame = Frame(120, 0, features)
    case = Case(monitor, frame, frame, {"chunk_number": 6}, MONITORS[monitor][1][:1])
    assert examine(case) == "result"


@pytest.mark.parametrize("kind", ["float64", "str"])
@pytest.mark.filterwarnings("error", "ignore:Glyph")  # which signs a font has is not ours
def test_columns_of_any_name_can_be_drawn(kind):
    features = tuple((name, kind, "plain") for name in NAMES)
    frame = Frame(120, 0, features).build()
    result = UnivariateDriftCalculator(list(NAMES), chunk_size=20).fit(frame).calculate(frame)
    for shown in ("drift", "distribution"):
        for column in NAMES:
            ax = result.filter(column_names=column).plot(kind=shown)
            ax.figure.canvas.draw()
            assert column in ax.get_title("left").replace(r"\$", "$")
            plt.close(ax.figure)


# -- The examiner sees what it should -------------------------------------------------------------


def result(**changes):
    frame = pd.DataFrame({"size": np.arange(600.0)})
    found = MissingValuesCalculator(["size"]).fit(frame).calculate(frame)
    return Result(found.to_df().assign(**changes), "quality")


def test_a_sound_result_passes():
    require_sound(result(), 600)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"value": np.nan}, "a missing value has a note"),
        ({"value": np.inf}, "numbers are finite"),
        ({"alert": True}, "alerts lie beyond limits"),
        ({"lower_threshold": 2.0, "upper_threshold": 1.0}, "limits are in order"),
        ({"metric": "a", "chunk_index": 0}, "each series once per chunk"),
        ({"chunk_index": lambda f: f["chunk_index"] + 1}, "chunks are numbered"),
        ({"n_used": 61}, "rows are counted"),
        ({"period": "analysis"}, "both periods"),
        ({"key": "[0:59]"}, "keys are unique"),
        ({"sampling_error": -1.0}, "errors are positive"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_result_that_breaks_the_contract_is_found(changes, named):
    with pytest.raises(BrokenError, match=named):
        require_sound(result(**changes), 600)


def test_rows_that_are_lost_are_found():
    with pytest.raises(BrokenError, match="all rows are in chunks"):
        require_sound(result(), 601)


def raised(cause):
    try:
        cause()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    "cause",
    [
        lambda: pd.DataFrame({"a": [1]})["b"],
        lambda: np.zeros(3).reshape(2, 2),
        lambda: int("x"),
        lambda: os.stat("there is no such file"),
    ],
    ids=["KeyError", "numpy", "builtin", "OSError"],
)
def test_an_error_of_a_dependency_is_found(cause):
    with pytest.raises(BrokenError):
        require_refusal(raised(cause))


def test_an_error_of_the_library_passes():
    require_refusal(raised(lambda: MissingValuesCalculator(["a"]).fit(pd.DataFrame())))


def test_a_changed_input_and_a_warning_are_found(monkeypatch):
    frame = Frame(120, 0, (("a", "float64", "plain"),))
    case = Case("missing", frame, frame, {"chunk_number": 6})
    make, _ = MONITORS["missing"]

    def spoiling(case):
        monitor = make(case)
        fit = monitor.fit
        monitor.fit = lambda frame: (frame.__setitem__("a", 0.0), fit(frame))[1]
        return monitor

    def warning(case):
        np.log(np.zeros(1))
        return make(case)

    monkeypatch.setitem(MONITORS, "missing", (spoiling, ()))
    with pytest.raises(BrokenError, match="the input was changed"):
        examine(case)
    monkeypatch.setitem(MONITORS, "missing", (warning, ()))
    with pytest.raises(BrokenError, match="RuntimeWarning"):
        examine(case)
