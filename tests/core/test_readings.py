"""Measuring and judging are two steps: values need rows, limits need values only."""

import numpy as np
import pandas as pd
import pytest
from test_parameters import GIVEN, make, measure, stones

from course_lib import ConstantThreshold, MissingValuesCalculator, PerformanceCalculator
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
    series = pd.concat([night.frame for night in nights], ignore_index=True)
    together = monitor.judge(Readings(series)).to_df().drop(columns="chunk_index")
    whole = monitor.calculate(later).to_df().drop(columns="chunk_index")
    pd.testing.assert_frame_equal(together, whole)


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


def test_thresholds_of_an_unknown_metric_are_refused():
    monitor = MissingValuesCalculator(["size"], chunk_size=50).fit(stones())
    with pytest.raises(ValueError, match="`thresholds` names 'mae', which is not measured"):
        monitor.judge(monitor.measure(stones()), thresholds={"mae": ConstantThreshold(upper=1)})


def test_readings_say_what_they_hold():
    monitor = MissingValuesCalculator(["size"], chunk_size=50).fit(stones())
    readings = monitor.measure(stones())
    assert repr(readings) == "Readings(missing_values: 6 chunks)"
    assert len(readings) == 6
