"""Measuring and judging are two steps: values need rows, limits need values only."""

import numpy as np
import pandas as pd
import pytest
from test_parameters import GIVEN, make, measure, stones

from course_lib import (
    ConstantThreshold,
    MissingValuesCalculator,
    PerformanceCalculator,
    UnivariateDriftCalculator,
)
from course_lib.core.readings import KEYS, VALUES, Readings

every_monitor = pytest.mark.parametrize("kind", GIVEN, ids=lambda kind: kind.__name__)


@every_monitor
def test_judging_what_was_measured_is_the_result(kind):
    monitor = make(kind).fit(stones())
    readings = monitor.measure(stones(seed=1))
    assert list(readings.frame) == [*KEYS, *VALUES]
    judged, whole = monitor.judge(readings), measure(monitor, stones(seed=1))
    pd.testing.assert_frame_equal(judged.to_df(), whole.to_df())
    assert judged.kind == whole.kind
    assert judged.totals == whole.totals


def test_chunks_measured_night_by_night_are_judged_together():
    """Each night measures its chunk alone; the series has the alerts of the whole frame."""
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(300) // 10, "D")
    later = stones(seed=1).assign(day=days + pd.Timedelta(60, "D"))
    options = {"timestamp_column_name": "day", "chunk_period": "D", "chunk_size": None}
    monitor = make(PerformanceCalculator, **options).fit(stones().assign(day=days))
    nights = [monitor.measure(night) for _, night in later.groupby("day")]
    together = monitor.judge(Readings.joined(nights))
    pd.testing.assert_frame_equal(together.to_df(), monitor.calculate(later).to_df())


def test_joined_parts_have_the_positions_and_distributions_of_one_frame():
    monitor = make(UnivariateDriftCalculator).fit(stones())
    later = stones(seed=1)
    parts = [later.iloc[start : start + 100] for start in range(0, 300, 100)]
    together = monitor.judge(Readings.joined(map(monitor.measure, parts)))
    whole = monitor.calculate(later)
    pd.testing.assert_frame_equal(together.to_df(), whole.to_df())
    pd.testing.assert_frame_equal(together.distribution(), whole.distribution())


def test_nothing_cannot_be_joined():
    with pytest.raises(ValueError, match="0 readings to join"):
        Readings.joined([])


@pytest.mark.parametrize("other", [None, pd.DataFrame(), "x"])
def test_only_readings_are_judged(other):
    monitor = MissingValuesCalculator(["size"], chunk_size=50).fit(stones())
    with pytest.raises(TypeError, match=r"`readings` must be Readings, got .*; take them from `.m"):
        monitor.judge(other)


def test_other_thresholds_judge_reference_and_analysis_anew():
    monitor = make(PerformanceCalculator, metrics=["mae", "rmse"]).fit(stones())
    readings = monitor.measure(stones(seed=1))
    tight = monitor.judge(readings, thresholds={"mae": ConstantThreshold(upper=1)}).to_df()
    usual = monitor.judge(readings).to_df()
    mae = tight["metric"] == "mae"
    assert (tight.loc[mae, "upper_threshold"] == 1).all()
    assert tight.loc[mae, "alert"].all()
    pd.testing.assert_frame_equal(tight[~mae], usual[~mae])
    pd.testing.assert_frame_equal(monitor.judge(readings).to_df(), usual)  # nothing was kept


def test_readings_of_another_monitor_are_refused():
    sizes = MissingValuesCalculator(["size"], chunk_size=50).fit(stones())
    weights = MissingValuesCalculator(["weight"], chunk_size=50).fit(stones())
    message = "hold 1 series that this monitor does not have, such as 'missing_values' of column 'w"
    with pytest.raises(ValueError, match=message):
        sizes.judge(weights.measure(stones()))
    model = make(PerformanceCalculator).fit(stones())
    with pytest.raises(ValueError, match="such as 'bias'; judge them"):
        sizes.judge(model.measure(stones()))


def test_thresholds_of_an_unknown_metric_are_refused():
    monitor = MissingValuesCalculator(["size"], chunk_size=50).fit(stones())
    with pytest.raises(ValueError, match="`thresholds` names 'mae', which is not measured"):
        monitor.judge(monitor.measure(stones()), thresholds={"mae": ConstantThreshold(upper=1)})


def test_readings_say_what_they_hold():
    monitor = MissingValuesCalculator(["size"], chunk_size=50).fit(stones())
    readings = monitor.measure(stones())
    assert repr(readings) == "Readings(missing_values: 6 chunks)"
    assert len(readings) == 6
