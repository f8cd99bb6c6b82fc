import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from course_lib import DLE, PerformanceCalculator, RowMetric, desk_value
from course_lib.course.desk_value import accepts
from course_lib.performance.classification_metrics import classification_metrics, matrix_value

MATRIX = [[1.0, -100.0], [-300.0, 50.0]]
prices = st.integers(1, 30).flatmap(
    lambda n: st.tuples(*[arrays(float, n, elements=st.floats(1, 1e5))] * 2)
)
classes = st.integers(1, 60).flatmap(
    lambda n: st.tuples(*[arrays(float, n, elements=st.sampled_from([0.0, 1.0]))] * 2)
)
matrices = arrays(float, (2, 2), elements=st.floats(-1e3, 1e3))


def worth(y_true, y_pred, **options):
    return desk_value(**options).rows(np.array(y_true, float), np.array(y_pred, float))


def loans(n=500, seed=0):
    rng = np.random.default_rng(seed)
    unpaid = rng.random(n) < 0.3
    return pd.DataFrame({"unpaid": unpaid, "warned": unpaid ^ (rng.random(n) < 0.2)}).astype(int)


def make(**options):
    given = {"metrics": "business_value", "y_true": "unpaid", "y_pred": "warned"}
    given |= {"business_value_matrix": MATRIX, "problem_type": "classification_binary"}
    return PerformanceCalculator(**{**given, "chunk_size": 50, **options})


def measured(reference, analysis, **options):
    result = make(**options).fit(reference).calculate(analysis)
    return result.filter(period="analysis").to_df()


# -- The desk, worked by hand ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "predicted", "value"),
    [
        (4000, 3600, 0),  # 3240 is below the reserve of 3400
        (4000, 3800, 4000 - 3420 - 25),
        (4000, 4000, 4000 - 3600 - 25),
        (4000, 4600, 4000 - 4140 - 25),  # accepted all the more
        (900, 850, 900 - 765 - 25),  # 765 is the reserve: a seller takes it
    ],
)
def test_a_stone_worked_by_hand(price, predicted, value):
    assert worth([price], [predicted]).tolist() == pytest.approx([value])


def test_margin_reserve_and_handling_worked_by_hand():
    assert worth([1000], [1000], margin=0.2, seller_reserve=0.8).tolist() == [1000 - 800 - 25]
    assert worth([1000], [1000], margin=0.2).tolist() == [0]
    assert worth([1000], [1000], handling_usd=150).tolist() == [1000 - 900 - 150]


def test_the_calculator_gives_the_mean_and_the_total_by_hand():
    frame = pd.DataFrame({"price": [4000.0] * 4, "predicted": [3600.0, 3800.0, 4000.0, 4600.0]})
    whole = pd.concat([frame] * 10, ignore_index=True)
    by_hand = 0 + 555 + 375 - 165
    for total, value in ((False, by_hand / 4), (True, by_hand)):
        calculator = PerformanceCalculator(
            metrics=desk_value(total=total), y_true="price", y_pred="predicted", chunk_size=4
        )
        found = calculator.fit(whole).calculate(frame).filter(period="analysis").to_df()
        assert found["value"].tolist() == pytest.approx([value])
        assert found["unit"].tolist() == ["USD" if total else "USD per stone"]


def test_the_same_error_is_worth_more_below_than_above_until_the_deal_is_lost():
    low, high, lost = worth([4000] * 3, [3800, 4200, 3700])
    assert low > high > lost == 0


# -- Sensitivity ----------------------------------------------------------------------------------


@given(pair=prices, shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_higher_reserve_loses_deals_and_wins_none(pair, shares):
    low, high = (accepts(*pair, seller_reserve=share) for share in sorted(shares))
    assert (high <= low).all()


@given(pair=prices, shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_wider_margin_loses_deals_and_earns_more_on_those_that_remain(pair, shares):
    narrow, wide = sorted(shares)
    kept = accepts(*pair, margin=wide)
    assert (kept <= accepts(*pair, margin=narrow)).all()
    gain = worth(*pair, margin=wide) - worth(*pair, margin=narrow)
    assert (gain[kept] >= -1e-6).all()


@given(pair=prices, costs=st.tuples(st.floats(0, 500), st.floats(0, 500)))
def test_handling_costs_its_price_on_each_stone_that_is_bought(pair, costs):
    cheap, dear = costs
    loss = worth(*pair, handling_usd=cheap) - worth(*pair, handling_usd=dear)
    np.testing.assert_allclose(loss, np.where(accepts(*pair), dear - cheap, 0), atol=1e-6)


@given(pair=prices, factor=st.sampled_from([0.125, 0.5, 4.0, 64.0]))
def test_the_value_is_in_the_unit_of_the_price(pair, factor):
    scaled = worth(pair[0] * factor, pair[1] * factor, handling_usd=25 * factor)
    np.testing.assert_allclose(scaled, factor * worth(*pair), rtol=1e-9)


@given(pair=prices)
def test_without_a_margin_no_offer_at_or_above_the_price_earns_anything(pair):
    price, predicted = pair
    assert (worth(price, np.maximum(predicted, price), margin=0) < 0).all()


def test_raising_all_predictions_buys_more_stones_at_a_worse_price():
    rng = np.random.default_rng(0)
    price = rng.uniform(500, 10_000, 4000)
    fair = price * rng.lognormal(0, 0.1, 4000)
    assert accepts(price, 1.14 * fair).mean() > accepts(price, fair).mean() + 0.1
    assert worth(price, 1.14 * fair).mean() < 0 < worth(price, fair).mean()


@pytest.mark.parametrize("name", ["margin", "seller_reserve"])
@pytest.mark.parametrize("share", [-0.01, 1.01, 10])
def test_a_share_outside_0_to_1_is_refused_by_name(name, share):
    for function in (lambda **o: desk_value(**o), lambda **o: accepts([1], [1], **o)):
        with pytest.raises(ValueError, match=f"`{name}` must lie between 0 and 1, got {share}"):
            function(**{name: share})


# -- Totals ---------------------------------------------------------------------------------------


def stones(n, seed):
    rng = np.random.default_rng(seed)
    carat = rng.uniform(0.3, 2, n)
    frame = pd.DataFrame({"carat": carat, "predicted": 4000 * carat})
    return frame.assign(price=frame["predicted"] * rng.lognormal(0, 0.1, n))


def both_ways(monitor, reference, analysis, **options):
    roles = {"y_true": "price", "y_pred": "predicted", "chunk_size": 100, **options}
    for total in (False, True):
        fitted = monitor(metrics=desk_value(total=total), **roles).fit(reference)
        run = getattr(fitted, "estimate", None) or fitted.calculate
        yield run(analysis).filter(period="analysis").to_df()


@pytest.mark.parametrize("monitor", [PerformanceCalculator, DLE])
def test_totals_their_limits_and_their_bands_follow_the_size_of_the_chunk(monitor):
    options = {"feature_column_names": ["carat"]} if monitor is DLE else {}
    mean, total = both_ways(monitor, stones(1000, 0), stones(230, 1), **options)
    n = mean["n_used"]
    assert n.tolist() == [100, 100, 30]
    measures = ["value", "sampling_error", "lower_threshold"]
    if monitor is DLE:
        measures += ["lower_confidence_boundary", "upper_confidence_boundary"]
    for name in measures:
        np.testing.assert_allclose(total[name], mean[name] * n, rtol=1e-9)
    assert total["lower_threshold"].iloc[2] < 0.4 * total["lower_threshold"].iloc[0]
    assert total["alert"].tolist() == mean["alert"].tolist()
    assert not total["alert"].any()  # a short week is no alarm


def test_a_value_alerts_when_it_falls_only():
    fallen = stones(300, 1).assign(price=lambda f: 0.85 * f["price"])
    risen = stones(300, 1).assign(price=lambda f: 1.03 * f["price"])
    for later, alerts in ((fallen, True), (risen, False)):
        for found in both_ways(PerformanceCalculator, stones(1000, 0), later):
            assert (found["alert"] == alerts).all()
            assert found["upper_threshold"].isna().all()


def test_a_metric_with_no_worse_side_alerts_on_both():
    rate = RowMetric("rate", lambda accepted, offered: accepted, higher_is_better=None)
    rng = np.random.default_rng(0)
    reference = pd.DataFrame({"yes": rng.random(5000) < 0.77, "offer": 0.0})
    later = pd.DataFrame({"yes": np.repeat([0.6, 0.77, 0.95], 500) > np.tile(rng.random(500), 3)})
    calculator = PerformanceCalculator(metrics=rate, y_true="yes", y_pred="offer", chunk_size=500)
    found = calculator.fit(reference).calculate(later.assign(offer=0.0))
    assert found.filter(period="analysis").to_df()["alert"].tolist() == [True, False, True]


# -- The matrix of a classifier -------------------------------------------------------------------


def test_a_chunk_worked_by_hand():
    frame = pd.DataFrame({"unpaid": [0, 0, 0, 1, 1, 1], "warned": [0, 0, 1, 0, 1, 1]})
    by_hand = 2 * 1 - 100 - 300 + 2 * 50
    total = measured(loans(), frame)
    mean = measured(loans(), frame, normalize_business_value="per_prediction")
    assert total["value"].tolist() == pytest.approx([by_hand])
    assert mean["value"].tolist() == pytest.approx([by_hand / 6])
    assert (total["unit"].iloc[0], mean["unit"].iloc[0]) == ("value", "value per row")


@given(pair=classes, matrix=matrices)
def test_the_total_is_the_sum_of_matrix_times_counts(pair, matrix):
    y_true, y_pred = pair
    counts = [[np.sum((y_true == i) & (y_pred == j)) for j in (0, 1)] for i in (0, 1)]
    expected = float((matrix * counts).sum())
    assert matrix_value(matrix).rows(y_true, y_pred).sum() == pytest.approx(expected, abs=1e-6)


def test_every_chunk_is_matrix_times_counts_in_total_and_per_prediction():
    later = loans(230, seed=1)
    parts = [later[i : i + 50] for i in range(0, 230, 50)]
    counts = [pd.crosstab(part["unpaid"], part["warned"]).to_numpy() for part in parts]
    expected = np.array([(np.array(MATRIX) * c).sum() for c in counts])
    sizes = np.array([len(part) for part in parts])
    total = measured(loans(), later)
    mean = measured(loans(), later, normalize_business_value="per_prediction")
    np.testing.assert_allclose(total["value"], expected)
    np.testing.assert_allclose(mean["value"], expected / sizes)
    np.testing.assert_allclose(total["lower_threshold"], mean["lower_threshold"] * sizes)


@pytest.mark.parametrize(("true", "predicted"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_chunk_with_one_class_is_worth_its_cell(true, predicted):
    frame = pd.DataFrame({"unpaid": [true] * 40, "warned": [predicted] * 40})
    assert measured(loans(), frame)["value"].tolist() == [40 * MATRIX[true][predicted]]


@pytest.mark.parametrize("dtype", ["bool", "boolean", "Int8", "float32", "object"])
def test_classes_may_be_truth_values_or_numbers_of_any_type(dtype):
    typed = loans(seed=1).astype(bool if dtype == "object" else dtype).astype(dtype)
    np.testing.assert_allclose(
        measured(loans(), typed)["value"], measured(loans(), loans(seed=1))["value"]
    )


def test_rows_without_a_label_are_left_out():
    later = loans(50, seed=1)
    hidden = later.assign(unpaid=later["unpaid"].where(later.index < 20))
    found = measured(loans(), hidden)
    assert found[["n_rows", "n_used"]].to_numpy().tolist() == [[50, 20]]
    assert found["value"].tolist() == measured(loans(), later[:20])["value"].tolist()


def test_the_sampling_error_is_the_spread_of_totals_over_samples():
    population = loans(20_000)
    rng = np.random.default_rng(1)
    samples = [population.iloc[rng.integers(0, len(population), 50)] for _ in range(400)]
    totals = [matrix_value(MATRIX).rows(s["unpaid"], s["warned"]).sum() for s in samples]
    error = measured(population, population[:50])["sampling_error"].iloc[0]
    assert error == pytest.approx(np.std(totals, ddof=1), rel=0.15)


def test_a_row_metric_of_your_own_goes_with_a_classifier():
    missed = RowMetric("missed", lambda y, p: y * (1 - p), lower_limit=0)
    found = measured(loans(), loans(seed=1), metrics=["business_value", missed])
    assert found["metric"].unique().tolist() == ["business_value", "missed"]
    by_hand = (loans(seed=1)["unpaid"] > loans(seed=1)["warned"]).groupby(np.arange(500) // 50)
    np.testing.assert_allclose(found.loc[found["metric"] == "missed", "value"], by_hand.mean())


def test_frames_are_not_modified():
    reference, later = loans(), loans(seed=1).astype(bool)
    copies = reference.copy(), later.copy()
    measured(reference, later)
    pd.testing.assert_frame_equal(reference, copies[0])
    pd.testing.assert_frame_equal(later, copies[1])


# -- Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["unpaid", "warned"])
@pytest.mark.parametrize("value", [2, -1, 0.5])
def test_a_class_that_is_neither_0_nor_1_is_refused_by_name(column, value):
    bad = loans().astype(float)
    bad.loc[[3, 7, 9], column] = value
    message = f"`{column}` is neither 0 nor 1 in 3 of 500 rows; convert it first"
    with pytest.raises(ValueError, match=message):
        make().fit(bad)
    with pytest.raises(ValueError, match=message):
        make().fit(loans()).calculate(bad)


@pytest.mark.parametrize("column", ["unpaid", "warned"])
def test_text_for_a_class_is_refused_by_name(column):
    bad = loans().assign(**{column: "yes"})
    with pytest.raises(TypeError, match=f"`{column}` must hold numbers, but 500 of 500 rows"):
        make().fit(bad)


def test_a_missing_prediction_is_refused_by_name():
    bad = loans().assign(warned=lambda f: f["warned"].where(f.index > 1))
    with pytest.raises(ValueError, match="`warned` is missing in 2 of 500 rows of `reference`"):
        make().fit(bad)


def test_the_row_function_itself_refuses_other_classes():
    with pytest.raises(ValueError, match="`y_pred` is neither 0 nor 1 in 1 of 2 rows"):
        matrix_value(MATRIX).rows(np.array([0.0, 1.0]), np.array([-1.0, 1.0]))


@pytest.mark.parametrize("matrix", [[1, 2], [[1, 2, 3], [4, 5, 6]], np.eye(3), 7])
def test_a_matrix_of_another_shape_is_refused(matrix):
    with pytest.raises(ValueError, match=r"`business_value_matrix` has shape .*TN, FP"):
        make(business_value_matrix=matrix)


def test_a_matrix_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="`business_value_matrix` must hold finite numbers"):
        make(business_value_matrix=[[0, np.nan], [0, 1]])


def test_a_matrix_must_be_given_and_used():
    with pytest.raises(ValueError, match="needs a `business_value_matrix`"):
        make(business_value_matrix=None)
    own = RowMetric("missed", lambda y, p: y * (1 - p))
    with pytest.raises(ValueError, match='`metrics` does not have "business_value"'):
        make(metrics=own)
    with pytest.raises(ValueError, match='`metrics` does not have "business_value"'):
        classification_metrics(own, normalize_business_value="per_prediction")


@pytest.mark.parametrize("value", ["total", "all", True, 1])
def test_an_unknown_normalization_is_refused(value):
    with pytest.raises(ValueError, match=r'`normalize_business_value` must be None .*"per_pred'):
        make(normalize_business_value=value)


@pytest.mark.parametrize("name", ["business_value_matrix", "normalize_business_value"])
def test_regression_takes_a_row_metric_and_no_matrix(name):
    given = {"business_value_matrix": None, name: MATRIX}
    with pytest.raises(ValueError, match=f"`{name}` is for classification.*desk_value"):
        make(problem_type="regression", metrics="mae", **given)


def test_metrics_of_a_classifier_must_be_named_and_known():
    with pytest.raises(ValueError, match="unknown metric 'mae' in `metrics`; choose from roc_auc"):
        make(metrics="mae", business_value_matrix=None)
    with pytest.raises(ValueError, match="two metrics share a name"):
        make(metrics=["business_value", "business_value"])
    with pytest.raises(TypeError, match="`metrics` holds 3"):
        make(metrics=["business_value", 3])
