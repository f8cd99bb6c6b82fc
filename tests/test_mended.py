"""Faults that a review found, each kept from coming back."""

import numpy as np
import pandas as pd
import pytest

from course_lib import (
    DLE,
    ColumnConsistencyCalculator,
    DataReconstructionDriftCalculator,
    ImpactRanker,
    PerformanceCalculator,
    RowMetric,
    StandardDeviationThreshold,
    UnivariateDriftCalculator,
    carat_contradicts,
    error_by_segment,
    recalibrate,
    triage,
)
from course_lib.core.thresholds import Bounds


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def stones(rng):
    frame = pd.DataFrame({"size": rng.uniform(0, 1, 3000)})
    frame["predicted"] = 100 + 10 * frame["size"]
    return frame.assign(price=frame["predicted"] + 5 * rng.normal(size=3000))


def measured(monitor, reference, analysis):
    frame = monitor.fit(reference).calculate(analysis).filter(period="analysis").to_df()
    return frame["value"]


def test_a_reference_reconstructed_exactly_sets_no_cap(rng):
    frame = pd.DataFrame({"a": rng.normal(size=2000), "b": 1.0})
    monitor = DataReconstructionDriftCalculator(["a", "b"], chunk_size=200)
    assert (measured(monitor, frame, frame.assign(b=6.0)) > 1).all()


def test_a_column_that_was_constant_is_measured_in_full(rng):
    frame = pd.DataFrame({"a": rng.normal(size=2000), "b": 0.1})
    monitor = ColumnConsistencyCalculator(["a", "b"], chunk_size=200).fit(frame)
    later = monitor.calculate(frame.assign(b=5.0)).filter(period="analysis", column_names="b")
    assert np.allclose(later.to_df()["value"], 4.9)


def test_a_later_alias_replaces_a_default_of_the_monitor(rng):
    frame = pd.DataFrame(rng.uniform(1, 2, size=(600, 2)), columns=["x", "y"])
    frame["area"] = frame["x"] * frame["y"]
    by_name, by_alias = (
        measured(
            ColumnConsistencyCalculator(list(frame), chunk_size=100, hyperparameters={name: 0.01}),
            frame,
            frame,
        )
        for name in ("learning_rate", "eta")
    )
    assert by_name.tolist() == by_alias.tolist()


def test_triage_refuses_realized_values_without_their_reference(stones):
    roles = {"y_true": "price", "y_pred": "predicted", "metrics": "mae", "chunk_size": 300}
    estimated = DLE(["size"], **roles).fit(stones).estimate(stones)
    calculator = PerformanceCalculator(problem_type="regression", **roles).fit(stones)
    realized = calculator.calculate(stones).filter(period="analysis")
    with pytest.raises(ValueError, match="0 reference chunks"):
        triage(estimated=estimated, realized=realized)


def test_recalibrating_refuses_what_it_cannot_weigh():
    known = pd.DataFrame(
        {
            "price": [800.0, 900.0, 700.0],
            "predicted_price": 1000.0,
            "offered_at": pd.Timestamp("2025-01-06"),
            "carat": [1.0, np.nan, 3.0],
        }
    )
    with pytest.raises(ValueError, match=r"`carat` is missing in 1 of 3"):
        recalibrate(known, known, since="2025-01-01", by="carat", edges=[2.0])
    unpredicted = known.assign(predicted_price=[1000.0, np.nan, 1000.0])
    with pytest.raises(ValueError, match=r"`predicted_price` is missing in 1 of 3"):
        recalibrate(unpredicted, known, since="2025-01-01")


def test_a_stone_without_a_weight_contradicts_nothing_in_nullable_columns_too():
    reference = pd.DataFrame({"carat": [1.0, 1.02], "x": 6.4, "y": 6.4, "z": 4.0})
    stones = reference.assign(carat=pd.array([None, 0.4], dtype="Float64"))
    wrong = carat_contradicts(stones, reference)
    assert wrong.dtype == bool
    assert wrong.tolist() == [False, True]


def test_errors_by_segment_follow_codes_and_refuse_other_metrics(stones):
    grades = stones.assign(grade=pd.Categorical((stones["size"] * 3).astype(int)))
    later = grades.assign(grade=grades["grade"].astype(float))
    roles = {"reference": grades, "by": ["grade"], "y_true": "price", "y_pred": "predicted"}
    assert error_by_segment(later, **roles)["n_rows"].sum() == len(later)
    by_prediction = error_by_segment(later, **{**roles, "by": ["predicted"]})
    assert by_prediction["n_rows"].sum() == len(later)
    for metric in ("rmse", ["mae", "mse"]):
        with pytest.raises(ValueError, match="one mean over rows"):
            error_by_segment(later, **roles, metric=metric)


def test_impact_refuses_a_total():
    total = RowMetric("missed", lambda y, p: np.abs(y - p), total=True)
    with pytest.raises(ValueError, match="a total, and contributions are per row"):
        ImpactRanker(DLE(["size"], y_pred="predicted", y_true="price", metrics=total))


def test_a_missing_quiet_value_does_not_switch_a_limit_off():
    rule = StandardDeviationThreshold(offset_from=np.mean)
    values = [np.nan, 1.0, 2.0, 3.0]
    assert rule.limits(values, n_used=[9] * 4, n=9, bounds=Bounds()) == rule.limits(
        values[1:], n_used=[9] * 3, n=9, bounds=Bounds()
    )
    with pytest.raises(ValueError, match="none of 1 reference chunks has a value"):
        rule.limits([np.nan], n_used=[9], n=9, bounds=Bounds())


def test_bins_keep_names_of_their_own(rng):
    frame = pd.DataFrame({"kind": rng.choice(["a", "other", "missing"], 2000)})
    frame["when"] = 1.7e9 + rng.uniform(0, 100, 2000)
    drift = UnivariateDriftCalculator(["kind", "when"]).fit(frame).calculate(frame)
    shares = drift.distribution()
    assert not shares.duplicated(["period", "chunk_index", "column", "bin"]).any()
