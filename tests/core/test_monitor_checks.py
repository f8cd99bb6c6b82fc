"""The public checks pass for every monitor of the library, and catch monitors that break a rule."""

import numpy as np
import pandas as pd
import pytest
from test_parameters import GIVEN, make, stones

from course_lib import MissingValuesCalculator, check_monitor
from course_lib.core import monitor_checks
from course_lib.core.monitor import Calculator
from course_lib.core.readings import Reading
from course_lib.core.schema import Schema
from course_lib.core.thresholds import Bounds


def timed(seed=0):
    """Stones with a time each; several at a time, told apart by an id."""
    frame = stones(seed=seed)
    minutes = np.arange(len(frame)) // 4
    time = pd.Timestamp("2024-01-01") + pd.to_timedelta(minutes, "min")
    ids = [f"{i:03d}" for i in np.random.default_rng(seed).permutation(len(frame))]
    return frame.assign(offered_at=time, stone=ids)


@pytest.mark.parametrize("kind", GIVEN, ids=lambda kind: kind.__name__)
def test_every_monitor_of_the_library_passes(kind):
    names = {"timestamp_column_name": "offered_at", "id_column_name": "stone"}
    passed = check_monitor(make(kind, **names), timed(), timed(1))
    assert passed == [check.__name__ for check in monitor_checks.CHECKS]


def test_samples_are_drawn_by_content(monkeypatch):
    """The domain classifier draws rows when there are many: here, more than twenty."""
    from course_lib import DomainClassifierCalculator

    monkeypatch.setattr(DomainClassifierCalculator, "_max_rows", 20)
    names = {"timestamp_column_name": "offered_at", "id_column_name": "stone"}
    check_monitor(make(DomainClassifierCalculator, **names), timed(), timed(1))


class Mean(Calculator):
    """The mean of a column: a monitor of one's own, as small as can be."""

    def __init__(self, column_name="size", **options):
        self.column_name = column_name
        super().__init__(**options)

    def _schema(self, reference):
        return Schema.learn(reference, [self.column_name], timestamp=self._timestamp)

    def _learn(self, table, rows):
        return float(table[self.column_name][rows].mean())

    def _measure(self, state, table, chunk):
        values = table[self.column_name][chunk.rows]
        yield Reading("mean", float(values.mean()), len(chunk), column=self.column_name)

    def _bounds(self, metric):
        return Bounds(side="both")

    def _metric_names(self):
        return ["mean"]


def numbers(seed=0):
    rng = np.random.default_rng(seed)
    day = pd.date_range("2024-01-01", periods=300, freq="h")
    return pd.DataFrame({"size": rng.normal(size=300), "day": day})


def test_a_monitor_of_ones_own_passes():
    assert len(check_monitor(Mean(timestamp_column_name="day"), numbers(), numbers(1))) == 9


class OtherName(Mean):
    def __init__(self, column_name="size", **options):
        super().__init__("size", **options)
        del self.column_name
        self.names = [column_name]


class AcceptsAnything(Mean):
    def measure(self, frame):
        return super().measure(frame if len(frame) else numbers())


class Modifies(Mean):
    def _schema(self, reference):
        reference["size"] = 0.0
        return super()._schema(reference)


class Untidy(Mean):
    def _measure(self, state, table, chunk):
        yield Reading("mean", 0.5, len(chunk))
        yield Reading("mean", 0.5, len(chunk))


class Random(Mean):
    def _measure(self, state, table, chunk):
        yield Reading("mean", np.random.default_rng().normal(), len(chunk))


class Positional(Mean):
    def _read(self, schema, frame, name):
        table = super()._read(schema, frame, name)
        object.__setattr__(table, "arrays", {"size": frame["size"].to_numpy()})
        return table


class Remembers(Mean):
    def _measure(self, state, table, chunk):
        yield Reading("mean", float(table["size"][: chunk.rows.stop].mean()), len(chunk))


class JudgesByHand(Mean):
    def judge(self, readings, *, thresholds=None):
        return super().judge(readings)

    def calculate(self, analysis):
        return self.judge(self.measure(analysis))


class Live(Mean):
    def calculate(self, analysis):
        return self.judge(self.measure(analysis), thresholds=self.thresholds)


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (OtherName, "parameters_are_attributes"),
        (AcceptsAnything, "bad_input_is_refused"),
        (Modifies, "inputs_are_not_modified"),
        (Untidy, "the_result_is_tidy"),
        (Random, "equal_runs_give_equal_results"),
        (Positional, "the_order_of_rows_does_not_matter"),
        (Remembers, "a_chunk_alone_has_the_same_value"),
        (JudgesByHand, "a_result_can_be_judged_again"),
        (Live, "parameters_are_frozen_by_fit"),
    ],
)
def test_a_broken_rule_is_named(kind, check):
    with pytest.raises(AssertionError, match=f"{kind.__name__} fails {check}: "):
        check_monitor(kind(timestamp_column_name="day"), numbers(), numbers(1))


def test_what_is_not_a_monitor_is_refused():
    with pytest.raises(TypeError, match="`monitor` must be an object of a subclass of Monitor"):
        check_monitor(MissingValuesCalculator, numbers(), numbers())


def test_a_check_that_the_frames_do_not_allow_is_not_among_those_that_passed():
    passed = check_monitor(Mean(), numbers(), numbers(1))
    assert "the_order_of_rows_does_not_matter" not in passed
    assert len(passed) == 8


def test_a_monitor_of_ones_own_orders_rows_of_equal_time_by_id():
    names = {"timestamp_column_name": "offered_at", "id_column_name": "stone"}
    assert len(check_monitor(Mean("weight", **names), timed(), timed(1))) == 9
    with pytest.raises(ValueError, match="`reference` lacks 1 of 3 columns: `nope`"):
        Mean("weight", **(names | {"id_column_name": "nope"})).fit(timed())
