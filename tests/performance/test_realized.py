import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics as sk

from course_lib import (
    ConstantThreshold,
    PerformanceCalculator,
    PredictionIntervalThreshold,
    RowMetric,
    SizeBasedChunker,
)

ALL_METRICS = ["mae", "mape", "mse", "rmse", "msle", "rmsle"]


def offers(n=500, seed=0, sd=20.0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"predicted": rng.uniform(100, 1000, n)})
    frame["price"] = frame["predicted"] + rng.normal(0, sd, n)
    frame["day"] = pd.date_range("2024-01-01", periods=n, freq="3h")
    return frame


def make(**options):
    given = {"metrics": "mae", "y_true": "price", "y_pred": "predicted", "chunk_size": 50}
    return PerformanceCalculator(**{**given, **options})


def measured(reference, analysis, **options):
    frame = make(**options).fit(reference).calculate(analysis).to_df()
    return frame[frame["period"] == "analysis"].reset_index(drop=True)


# -- Values ---------------------------------------------------------------------------------------


def test_one_chunk_worked_by_hand():
    analysis = pd.DataFrame({"price": [100.0, 200.0, 300.0], "predicted": [110.0, 180.0, 300.0]})
    row = measured(offers(), analysis, metrics=["mae", "rmse"]).set_index("metric")
    assert row["value"].to_dict() == pytest.approx({"mae": 10.0, "rmse": np.sqrt(500 / 3)})
    assert row[["n_rows", "n_used"]].to_numpy().tolist() == [[3, 3], [3, 3]]


@pytest.mark.parametrize("metric", ALL_METRICS)
def test_values_are_those_of_scikit_learn_chunk_by_chunk(metric):
    functions = {
        "mae": sk.mean_absolute_error,
        "mape": sk.mean_absolute_percentage_error,
        "mse": sk.mean_squared_error,
        "rmse": sk.root_mean_squared_error,
        "msle": sk.mean_squared_log_error,
        "rmsle": sk.root_mean_squared_log_error,
    }
    later = offers(seed=1)
    parts = [later.iloc[i : i + 50] for i in range(0, 500, 50)]
    expected = [functions[metric](part["price"], part["predicted"]) for part in parts]
    np.testing.assert_allclose(measured(offers(), later, metrics=metric)["value"], expected)


def test_by_default_errors_and_the_bias_are_measured_whatever_the_sign_of_the_target():
    frame = offers().assign(price=offers()["price"] - offers()["price"].mean())
    found = measured(frame, frame, metrics=None)
    assert found["metric"].unique().tolist() == ["mae", "rmse", "bias"]
    assert found["value"].notna().all()


def test_the_bias_alerts_on_both_sides():
    calculator = make(metrics="bias").fit(offers())
    for shift, sign in ((-200, 1), (200, -1)):
        later = offers(seed=1).assign(price=offers(seed=1)["price"] + shift)
        weeks = calculator.calculate(later).filter(period="analysis").to_df()
        assert weeks["alert"].all()
        assert (sign * weeks["value"] > 0).all()


def test_the_reference_comes_first_and_is_measured_too():
    frame = make().fit(offers()).calculate(offers(100, seed=1)).to_df()
    assert frame["period"].tolist() == ["reference"] * 10 + ["analysis"] * 2
    assert frame["chunk_index"].tolist() == [*range(10), 0, 1]
    by_hand = (offers()["price"] - offers()["predicted"]).abs().groupby(offers().index // 50).mean()
    np.testing.assert_allclose(frame["value"][:10], by_hand)


def test_sampling_errors_come_from_the_reference_and_the_rows_that_were_used():
    reference, later = offers(), offers(70, seed=1)
    error = (reference["price"] - reference["predicted"]).to_numpy()
    found = measured(reference, later, metrics=["mae", "mse", "rmse"])
    sizes = np.repeat([50, 20], 3)
    s = {"mae": np.abs(error).std(), "mse": (error**2).std()}
    s["rmse"] = s["mse"] / (2 * np.sqrt(np.mean(error**2)))
    expected = [s[name] / np.sqrt(n) for name, n in zip(found["metric"], sizes, strict=True)]
    np.testing.assert_allclose(found["sampling_error"], expected)


def test_limits_are_the_prediction_interval_of_the_reference_chunks():
    frame = make().fit(offers()).calculate(offers(seed=1)).to_df()
    rooted = np.sqrt(frame.loc[frame["period"] == "reference", "value"])
    reach = stats.t.ppf(0.99, df=9) * rooted.std(ddof=1) * np.sqrt(1 + 1 / 10)
    np.testing.assert_allclose(frame["upper_threshold"], (rooted.mean() + reach) ** 2)


@pytest.mark.parametrize("factor", [0.01, 1000.0])
def test_another_unit_changes_the_numbers_but_not_the_alerts(factor):
    later = pd.concat([offers(300, seed=1), offers(200, seed=2, sd=60)], ignore_index=True)
    columns = ["price", "predicted"]
    frame = measured(offers(), later)
    scaled = measured(
        offers().assign(**offers()[columns] * factor), later.assign(**later[columns] * factor)
    )
    for name in ("value", "sampling_error", "upper_threshold"):
        np.testing.assert_allclose(scaled[name], factor * frame[name])
    assert scaled["alert"].tolist() == frame["alert"].tolist()
    assert frame["alert"].tolist() == [False] * 6 + [True] * 4


def test_an_improvement_is_no_alert():
    better = offers(seed=1, sd=0.1)
    assert not measured(offers(), better)["alert"].any()


def test_a_perfect_model_neither_alerts_nor_divides_by_zero():
    perfect = offers(sd=0.0)
    frame = measured(perfect, perfect, metrics=None)
    assert (frame["value"] == 0).all()
    assert (frame["sampling_error"] == 0).all()
    assert not frame["alert"].any()


def test_false_alarms_come_at_the_rate_asked_for():
    # 2,000 quiet chunks: 20 references of 20 chunks each, 100 chunks after each. The chunks that
    # share a reference are not independent, so the bound is wider than a binomial one.
    rate, shares = 0.05, []
    for seed in range(20):
        threshold = {"mae": PredictionIntervalThreshold(rate)}
        reference, later = offers(1000, seed=seed), offers(5000, seed=100 + seed)
        shares.append(measured(reference, later, thresholds=threshold)["alert"].mean())
    assert np.mean(shares) == pytest.approx(rate, abs=4 * np.std(shares, ddof=1) / np.sqrt(20))
    assert np.std(shares, ddof=1) < 0.05


# -- Metrics of your own --------------------------------------------------------------------------


def margin(y_true, y_pred):
    return y_true - 0.98 * y_pred


def test_a_value_that_may_be_negative_alerts_when_it_falls_and_not_when_it_rises():
    gain = RowMetric("gain", margin, unit="USD", higher_is_better=True)
    worse = offers(seed=1).assign(price=lambda f: f["price"] - 40)
    better = offers(seed=1).assign(price=lambda f: f["price"] + 40)
    fallen = measured(offers(), worse, metrics=gain)
    assert (fallen["value"] < 0).all()
    assert fallen["alert"].all()
    assert fallen["upper_threshold"].isna().all()
    assert not measured(offers(), better, metrics=gain)["alert"].any()
    assert fallen["unit"].unique().tolist() == ["USD"]


def test_the_lower_limit_of_a_signed_value_may_be_negative():
    loss = RowMetric("gain", lambda y, p: y - p - 1, unit="USD", higher_is_better=True)
    frame = measured(offers(), offers(seed=1), metrics=loss)
    assert (frame["lower_threshold"] < 0).all()
    assert not frame["alert"].any()


def test_your_own_function_with_a_known_name_measures_the_same():
    own = RowMetric("own", lambda y, p: np.abs(y - p), unit="USD", lower_limit=0)
    frame = measured(offers(), offers(seed=1), metrics=["mae", own])
    pair = frame.pivot_table(index="chunk_index", columns="metric", values="value")
    np.testing.assert_array_equal(pair["own"], pair["mae"])


# -- Labels that are late -------------------------------------------------------------------------


def test_labels_that_are_missing_leave_fewer_rows_used_and_none_lost():
    later = offers(150, seed=1)
    later.loc[range(60, 100), "price"] = np.nan
    frame = measured(offers(), later)
    assert frame["n_rows"].tolist() == [50, 50, 50]
    assert frame["n_used"].tolist() == [50, 10, 50]
    kept = later.iloc[50:60]
    assert frame["value"][1] == pytest.approx((kept["price"] - kept["predicted"]).abs().mean())
    assert frame["sampling_error"][1] == pytest.approx(frame["sampling_error"][0] * np.sqrt(5))
    assert frame["upper_threshold"][1] > frame["upper_threshold"][0]
    assert frame["note"].tolist() == ["", "", ""]


def test_a_chunk_without_labels_has_no_value_no_alert_and_a_note():
    later = offers(150, seed=1)
    later.loc[50:99, "price"] = np.nan
    row = measured(offers(), later).loc[1]
    assert np.isnan(row["value"])
    assert np.isnan(row["sampling_error"])
    assert row["n_used"] == 0
    assert not row["alert"]
    assert row["note"] == "no label in this chunk is known yet"


def test_an_analysis_without_a_single_label_is_no_error():
    frame = measured(offers(), offers(seed=1).assign(price=np.nan))
    assert frame["value"].isna().all()
    assert (frame["note"] != "").all()


@pytest.mark.parametrize("missing", [None, pd.NA, np.nan])
def test_labels_may_be_missing_in_any_way(missing):
    later = offers(50, seed=1)
    price = later["price"].astype(object)
    price[:20] = missing
    assert measured(offers(), later.assign(price=price))["n_used"].tolist() == [30]


def test_a_reference_chunk_without_labels_sets_no_limit():
    reference = offers()
    reference.loc[100:149, "price"] = np.nan
    frame = make().fit(reference).calculate(offers(seed=1)).to_df()
    rooted = np.sqrt(frame.loc[frame["period"] == "reference", "value"].dropna())
    assert len(rooted) == 9
    reach = stats.t.ppf(0.99, df=8) * rooted.std(ddof=1) * np.sqrt(1 + 1 / 9)
    full = frame["n_used"] == 50
    np.testing.assert_allclose(frame.loc[full, "upper_threshold"], (rooted.mean() + reach) ** 2)


def test_a_label_that_arrives_changes_its_own_chunk_only():
    later = offers(150, seed=1)
    early = later.assign(price=later["price"].where(later.index < 120))
    before, after = measured(offers(), early), measured(offers(), later)
    pd.testing.assert_frame_equal(before.head(2), after.head(2))
    assert before["n_used"][2] < after["n_used"][2]


# -- Chunks ---------------------------------------------------------------------------------------


def test_a_week_without_rows_is_left_out_and_the_next_keeps_its_name():
    later = offers(300, seed=1)
    later = later[(later["day"] < "2024-01-08") | (later["day"] >= "2024-01-22")]
    options = {"chunk_size": None, "chunk_period": "W", "timestamp_column_name": "day"}
    frame = measured(offers(), later, **options)
    assert frame["key"].tolist()[:2] == ["2024-01-01/2024-01-07", "2024-01-22/2024-01-28"]
    assert frame["chunk_index"].tolist() == list(range(len(frame)))
    assert frame["start_date"][1] == pd.Timestamp("2024-01-22")


def test_dates_are_missing_without_a_time_column():
    frame = measured(offers(), offers(seed=1))
    assert frame["start_date"].isna().all()
    assert frame["end_date"].dtype == "datetime64[us]"


def test_one_row_is_enough_for_a_chunk():
    frame = measured(offers(), offers(1, seed=1))
    assert frame[["n_rows", "n_used"]].to_numpy().tolist() == [[1, 1]]
    assert frame["note"].tolist() == [""]


def test_rows_that_a_chunker_drops_are_not_measured():
    chunker = SizeBasedChunker(50, incomplete="drop")
    frame = measured(offers(), offers(130, seed=1), chunk_size=None, chunker=chunker)
    assert frame["key"].tolist() == ["[0:49]", "[50:99]"]


# -- Arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["y_true", "y_pred"])
def test_both_columns_must_be_named(missing):
    with pytest.raises(ValueError, match=f"`{missing}`.* the column of the"):
        make(**{missing: None})


def test_a_problem_type_that_is_not_offered_is_refused():
    with pytest.raises(
        ValueError, match='"regression" or "classification_binary", got \'ranking\''
    ):
        make(problem_type="ranking")


def test_a_constant_threshold_needs_no_five_chunks():
    limit = {"mae": ConstantThreshold(upper=17)}
    frame = measured(offers(100), offers(100, seed=1, sd=40), thresholds=limit)
    assert frame["alert"].all()
    assert (frame["upper_threshold"] == 17).all()
