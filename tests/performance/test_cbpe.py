"""CBPE: calibration, estimates, limits and boundaries."""

import numpy as np
import pandas as pd
import pytest

from course_lib import CBPE, ConstantThreshold, PerformanceCalculator
from course_lib.performance.cbpe import calibrate, calibration_error, isotonic_curve

RATES = ["roc_auc", "average_precision", "f1", "precision", "recall", "specificity", "accuracy"]


def churn(n=4000, seed=0, *, power=1.0, low=0.0, high=1.0):
    """Customers whose score, raised to ``power``, is their probability of leaving."""
    rng = np.random.default_rng(seed)
    score = rng.uniform(low, high, n)
    frame = pd.DataFrame({"score": score, "churned": rng.uniform(size=n) < score**power})
    frame["predicted"] = score > 0.5
    frame["seen_at"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n), unit="h")
    return frame.astype({"churned": int, "predicted": int})


def make(metrics=("accuracy",), **changes):
    settings = {
        "metrics": list(metrics),
        "y_pred_proba": "score",
        "y_pred": "predicted",
        "y_true": "churned",
        "problem_type": "classification_binary",
        "chunk_size": 400,
    }
    return CBPE(**(settings | changes))


def estimated(cbpe, frame, period="analysis"):
    return cbpe.estimate(frame).filter(period=period).to_df()


# -- Estimates ------------------------------------------------------------------------------------


def test_one_chunk_worked_by_hand():
    frame = pd.DataFrame({"score": [0.9, 0.6, 0.2, 0.1], "predicted": [1, 1, 0, 0]})
    cbpe = make(["accuracy", "precision", "recall", "f1"], calibration=None).fit(churn())
    found = estimated(cbpe, frame).set_index("metric")["value"]
    tp, fp, fn, tn = 0.9 + 0.6, 0.1 + 0.4, 0.2 + 0.1, 0.8 + 0.9
    assert found["accuracy"] == pytest.approx((tp + tn) / 4)
    assert found["precision"] == pytest.approx(tp / (tp + fp))
    assert found["recall"] == pytest.approx(tp / (tp + fn))
    assert found["f1"] == pytest.approx(tp / (tp + (fp + fn) / 2))


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("power", [1, 3])
def test_the_estimate_follows_a_shift_of_the_scores(name, power):
    cbpe = make([name]).fit(churn(20_000, power=power))
    shifted = churn(20_000, seed=1, power=power, low=0.4, high=0.8)
    truth = PerformanceCalculator(
        metrics=[name],
        y_true="churned",
        y_pred="predicted",
        y_pred_proba="score",
        problem_type="classification_binary",
        chunk_size=20_000,
        thresholds={name: ConstantThreshold(lower=0.1)},
    )
    realized = truth.fit(shifted).calculate(shifted).to_df()["value"].iloc[0]
    found = estimated(cbpe, shifted.drop(columns="churned"))["value"]
    before = estimated(cbpe, shifted, "reference")["value"].mean()
    assert found.mean() == pytest.approx(realized, abs=0.015)
    assert abs(before - realized) > 0.03


def test_cells_and_money_are_estimated_in_total_and_per_row():
    matrix = [[0, -1], [-10, 5]]
    total = make(["confusion_matrix", "business_value"], business_value_matrix=matrix)
    frame = estimated(total.fit(churn()), churn(800, 1)).set_index(["metric", "chunk_index"])
    value = frame["value"]
    cells = sum(
        weight * value[name]
        for name, weight in (
            ("false_positive", -1),
            ("false_negative", -10),
            ("true_positive", 5),
        )
    )
    np.testing.assert_allclose(value["business_value"], cells)
    mean = make(
        ["business_value"],
        business_value_matrix=matrix,
        normalize_business_value="per_prediction",
    )
    np.testing.assert_allclose(
        estimated(mean.fit(churn()), churn(800, 1))["value"], value["business_value"] / 400
    )


def test_labels_of_the_analysis_change_nothing():
    later = churn(800, 1)
    cbpe = make(RATES).fit(churn())
    pd.testing.assert_frame_equal(
        estimated(cbpe, later), estimated(cbpe, later.assign(churned=1 - later["churned"]))
    )


def test_the_order_of_rows_changes_nothing_when_time_orders_them():
    later = churn(800, 1)
    cbpe = make(RATES, timestamp_column_name="seen_at").fit(churn())
    mixed = later.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(estimated(cbpe, later), estimated(cbpe, mixed))


def test_concept_drift_is_invisible():
    cbpe = make().fit(churn())
    assert not estimated(cbpe, churn(2000, 1).assign(churned=0))["alert"].any()


def test_rank_metrics_alone_need_no_predicted_class():
    found = make(["roc_auc"], y_pred=None).fit(churn()).estimate(churn(400, 1))
    assert found.to_df()["value"].notna().all()


def test_a_chunk_without_predicted_positives_has_no_precision_and_a_note():
    row = estimated(make(["precision"]).fit(churn()), churn(100, 1).assign(predicted=0)).iloc[0]
    assert np.isnan(row["value"])
    assert row["note"] == "no row is predicted 1"


# -- Calibration ----------------------------------------------------------------------------------


def test_scores_that_mislead_are_calibrated_and_honest_ones_left():
    honest, misleading = churn(4000), churn(4000, power=3)
    assert calibrate(honest["score"].to_numpy(), honest["churned"].to_numpy(float)) is None
    curve = calibrate(misleading["score"].to_numpy(), misleading["churned"].to_numpy(float))
    assert curve is not None
    grid = np.linspace(0.1, 0.9, 9)
    np.testing.assert_allclose(curve.probability(grid), grid**3, atol=0.08)


def test_calibration_can_be_switched_off():
    frame = churn(4000, power=3)
    raw = estimated(make(["recall"], calibration=None).fit(frame), frame)["value"].mean()
    recall = frame.loc[frame["churned"] == 1, "predicted"].mean()
    assert abs(raw - recall) > 0.05
    found = estimated(make(["recall"]).fit(frame), frame)["value"].mean()
    assert found == pytest.approx(recall, abs=0.01)


def test_the_curve_is_that_of_scikit_learn():
    from sklearn.isotonic import IsotonicRegression

    frame = churn(500, power=2)
    score, label = frame["score"].to_numpy(), frame["churned"].to_numpy(float)
    grid = np.linspace(-0.1, 1.1, 100)
    expected = IsotonicRegression(out_of_bounds="clip").fit(score, label).predict(grid)
    np.testing.assert_allclose(isotonic_curve(score, label).probability(grid), expected)


def test_the_calibration_error_worked_by_hand():
    # two bins: mean scores 0.15 and 0.7, shares of class 1 0.5 and 1
    assert calibration_error([0, 1, 1, 1], [0.1, 0.2, 0.6, 0.8], n_bins=2) == pytest.approx(
        (0.35 + 0.3) / 2
    )


def test_reference_chunks_are_calibrated_by_others():
    frame = churn(2000, power=3)
    seen = make(cross_fit=False).fit(frame).estimate(frame).to_df()
    unseen = make().fit(frame).estimate(frame).to_df()
    reference = seen["period"] == "reference"
    assert (seen["value"] != unseen["value"])[reference].any()
    pd.testing.assert_series_equal(seen["value"][~reference], unseen["value"][~reference])


# -- Limits and boundaries ------------------------------------------------------------------------


@pytest.mark.parametrize("name", RATES)
def test_limits_are_those_of_the_realized_values(name):
    realized = PerformanceCalculator(
        metrics=[name],
        y_true="churned",
        y_pred="predicted",
        y_pred_proba="score",
        problem_type="classification_binary",
        chunk_size=400,
    ).fit(churn())
    cbpe = make([name]).fit(churn())
    columns = ["lower_threshold", "upper_threshold", "sampling_error"]
    pd.testing.assert_frame_equal(
        estimated(cbpe, churn(800, 1))[columns],
        realized.calculate(churn(800, 1)).filter(period="analysis").to_df()[columns],
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", [*RATES, "business_value"])
def test_boundaries_hold_the_realized_value_at_about_the_rate_asked_for(name):
    settings = {"business_value_matrix": [[0, -1], [-10, 5]]} if name == "business_value" else {}
    inside = []
    for seed in range(30):
        frame = churn(4000, 100 + seed, power=2)
        cbpe = make([name], chunk_size=200, **settings).fit(frame[:2000])
        later = frame[2000:].reset_index(drop=True)
        truth = PerformanceCalculator(
            metrics=[name],
            y_true="churned",
            y_pred="predicted",
            y_pred_proba="score",
            problem_type="classification_binary",
            chunk_size=200,
            **settings,
        ).fit(frame[:2000])
        band = estimated(cbpe, later)
        value = truth.calculate(later).filter(period="analysis").to_df()["value"]
        inside.append(
            value.between(band["lower_confidence_boundary"], band["upper_confidence_boundary"])
        )
    assert 0.90 <= np.mean(inside) <= 0.995  # 300 chunks at 0.95


def test_boundaries_stay_within_what_the_metric_can_be():
    frame = estimated(make(["precision"]).fit(churn()), churn(30, 1, low=0.9))
    assert (frame["upper_confidence_boundary"] <= 1).all()


def test_with_a_partly_labelled_reference_the_band_of_a_total_is_that_of_the_mean_times_rows():
    partly = churn().assign(churned=lambda f: f["churned"].where(f.index % 3 > 0))
    matrix = {"business_value_matrix": [[0, -1], [-10, 5]]}
    total, mean = (
        estimated(make(["business_value"], **matrix, **how).fit(partly), churn(400, 1)).iloc[0]
        for how in ({}, {"normalize_business_value": "per_prediction"})
    )
    for name in ("lower_confidence_boundary", "upper_confidence_boundary"):
        assert total[name] == pytest.approx(400 * mean[name])


def test_labels_may_be_missing_in_the_reference():
    frame = churn().assign(churned=lambda f: f["churned"].where(f.index % 3 > 0))
    assert make(RATES).fit(frame).estimate(churn(400, 1)).to_df()["value"].notna().all()


def test_frames_are_not_modified():
    reference, later = churn(), churn(400, 1)
    copies = reference.copy(), later.copy()
    make(RATES).fit(reference).estimate(later)
    pd.testing.assert_frame_equal(reference, copies[0])
    pd.testing.assert_frame_equal(later, copies[1])


# -- Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_a_score_that_is_no_probability_is_refused_by_name(value):
    bad = churn().assign(score=lambda f: f["score"].mask(f.index < 7, value))
    with pytest.raises(ValueError, match=r"`score` lies outside 0 to 1 in 7 of 4,000 rows"):
        make().fit(churn()).estimate(bad)


def test_a_missing_score_is_refused_by_name():
    bad = churn().assign(score=lambda f: f["score"].mask(f.index < 7))
    with pytest.raises(ValueError, match="`score` is missing in 7 of 4,000 rows"):
        make().fit(churn()).estimate(bad)


def test_other_classes_are_refused_by_name():
    with pytest.raises(ValueError, match="`churned` is neither 0 nor 1 in 4,000 of 4,000 rows"):
        make().fit(churn().assign(churned=2))


def test_a_reference_without_labels_is_refused():
    with pytest.raises(ValueError, match="`churned` is missing in all 4,000 rows"):
        make().fit(churn().assign(churned=np.nan))


def test_labels_in_one_block_alone_cannot_calibrate_that_block():
    partly = churn(power=3).assign(churned=lambda f: f["churned"].where(f.index < 800))
    with pytest.raises(ValueError, match="`churned` are in one block of chunks: no rows are left"):
        make(thresholds={"accuracy": ConstantThreshold(lower=0.5)}).fit(partly)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"problem_type": "classification_multiclass"}, "for regression there is DLE"),
        ({"problem_type": "regression"}, "for regression there is DLE"),
        ({"y_pred_proba": None}, "`y_true` and `y_pred_proba` must name"),
        ({"y_pred_proba": {"a": "score"}}, "`y_true` and `y_pred_proba` must name"),
        ({"y_true": None}, "`y_true` and `y_pred_proba` must name"),
        ({"y_pred": None}, "'accuracy' needs `y_pred`"),
        ({"calibration": "platt"}, '`calibration` must be "isotonic" or None'),
        ({"confidence_level": 95}, "`confidence_level` must lie between 0 and 1"),
    ],
)
def test_arguments_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_it_must_be_fitted_first():
    with pytest.raises(ValueError, match=r"call `.fit\(reference\)` before `.estimate"):
        make().estimate(churn())
