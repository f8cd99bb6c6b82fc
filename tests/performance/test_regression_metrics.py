import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sk

from course_lib import RowMetric
from course_lib.performance.regression_metrics import (
    REGRESSION_METRICS,
    RootMetric,
    estimated_metrics,
    regression_metrics,
)

Y = np.array([100.0, 200.0, 400.0])
P = np.array([110.0, 180.0, 400.0])
BY_HAND = {
    "mae": (10 + 20 + 0) / 3,
    "mape": (0.1 + 0.1 + 0) / 3,
    "mse": (100 + 400 + 0) / 3,
    "rmse": np.sqrt(500 / 3),
    "msle": (np.log(111 / 101) ** 2 + np.log(181 / 201) ** 2) / 3,
    "rmsle": np.sqrt((np.log(111 / 101) ** 2 + np.log(181 / 201) ** 2) / 3),
    "bias": (10 - 20 + 0) / 3,
}
SKLEARN = {
    "mae": sk.mean_absolute_error,
    "mape": sk.mean_absolute_percentage_error,
    "mse": sk.mean_squared_error,
    "rmse": sk.root_mean_squared_error,
    "msle": sk.mean_squared_log_error,
    "rmsle": sk.root_mean_squared_log_error,
}
LOSSES = {name: metric for name, metric in REGRESSION_METRICS.items() if name != "bias"}
pairs = st.integers(1, 30).flatmap(
    lambda n: st.tuples(*[arrays(float, n, elements=st.floats(0.5, 1e4))] * 2)
)


def value(metric, y_true, y_pred):
    return metric.aggregate(float(metric.rows(y_true, y_pred).mean()), len(y_true))


# -- Values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REGRESSION_METRICS)
def test_a_metric_has_the_value_worked_by_hand(name):
    assert value(REGRESSION_METRICS[name], Y, P) == pytest.approx(BY_HAND[name], rel=1e-12)


@given(pairs)
def test_a_metric_has_the_value_that_scikit_learn_gives(pair):
    for name, metric in LOSSES.items():
        assert value(metric, *pair) == pytest.approx(SKLEARN[name](*pair), rel=1e-9, abs=1e-12)


@given(pairs)
def test_a_metric_does_not_depend_on_the_order_of_rows(pair):
    y_true, y_pred = pair
    for metric in REGRESSION_METRICS.values():
        backwards = value(metric, y_true[::-1], y_pred[::-1])
        assert backwards == pytest.approx(value(metric, y_true, y_pred), rel=1e-9)


@pytest.mark.parametrize(("name", "power"), [("mae", 1), ("rmse", 1), ("mse", 2), ("mape", 0)])
def test_a_metric_carries_the_unit_of_the_target(name, power):
    metric = REGRESSION_METRICS[name]
    assert value(metric, 7 * Y, 7 * P) == pytest.approx(7**power * value(metric, Y, P))


@pytest.mark.parametrize("name", LOSSES)
def test_a_perfect_prediction_scores_zero_and_a_worse_one_more(name):
    metric = REGRESSION_METRICS[name]
    assert value(metric, Y, Y) == 0
    assert 0 < value(metric, Y, P) < value(metric, Y, 2 * P)


def test_the_bias_has_a_sign_and_two_bad_sides():
    bias = REGRESSION_METRICS["bias"]
    assert value(bias, Y, Y) == 0
    assert value(bias, Y, Y + 5) == -value(bias, Y, Y - 5) == 5
    assert (bias.bounds.lower_limit, bias.bounds.side) == (None, "both")


@pytest.mark.parametrize("name", LOSSES)
def test_lower_is_better_and_zero_is_the_floor(name):
    bounds = REGRESSION_METRICS[name].bounds
    assert (bounds.lower_limit, bounds.upper_limit, bounds.side) == (0, None, "upper")
    assert bounds.scale == "raw"


# -- Sampling errors ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mae", "mape", "mse", "msle"])
def test_the_sampling_error_of_a_mean_falls_with_the_root_of_n(name):
    metric = REGRESSION_METRICS[name]
    assert metric.sampling_error(10.0, 6.0, 9) == pytest.approx(2.0)
    assert metric.sampling_error(10.0, 6.0, 900) == pytest.approx(0.2)


@pytest.mark.parametrize("name", ["rmse", "rmsle"])
def test_the_sampling_error_of_a_root_is_the_delta_method(name):
    # √(s² / (4 · n · m)), as NannyML has it.
    error = REGRESSION_METRICS[name].sampling_error(16.0, 6.0, 9)
    assert error == pytest.approx(np.sqrt(36 / (4 * 9 * 16)))
    assert REGRESSION_METRICS[name].sampling_error(0.0, 0.0, 9) == 0


@pytest.mark.parametrize("name", ["mae", "rmse"])
def test_the_sampling_error_is_the_spread_of_the_metric_over_samples(name):
    rng, n, metric = np.random.default_rng(0), 400, REGRESSION_METRICS[name]
    y_true = rng.normal(0, 3, size=(2000, n))
    values = [value(metric, row, np.zeros(n)) for row in y_true]
    rows = metric.rows(y_true.ravel(), np.zeros(y_true.size))
    stated = metric.sampling_error(rows.mean(), rows.std(), n)
    # The SD of 2,000 values has a standard error of 1.6 %.
    assert stated == pytest.approx(np.std(values), rel=0.08)


# -- Rows for which a metric is not defined -------------------------------------------------------


@pytest.mark.parametrize("name", ["msle", "rmsle"])
def test_negative_values_are_refused_where_a_logarithm_is_taken(name):
    metric = REGRESSION_METRICS[name]
    with pytest.raises(ValueError, match=r"`y_true` is negative in 1 of 3 rows, .*; use mae or rm"):
        metric.rows(np.array([1.0, -2.0, 3.0]), P)
    with pytest.raises(ValueError, match="`y_pred` is negative in 2 of 3 rows"):
        metric.rows(Y, np.array([1.0, -2.0, -0.5]))


def test_a_true_value_of_zero_is_refused_by_mape():
    with pytest.raises(ValueError, match="`y_true` is zero in 2 of 3 rows, and mape divides by it"):
        REGRESSION_METRICS["mape"].rows(np.array([0.0, 5.0, 0.0]), P)


def test_mape_takes_negative_true_values_by_their_size():
    rows = REGRESSION_METRICS["mape"].rows(np.array([-100.0]), np.array([-90.0]))
    assert rows == pytest.approx([0.1])


# -- Your own -------------------------------------------------------------------------------------


def test_a_metric_of_your_own_is_one_number_per_row():
    gain = RowMetric("gain", lambda y, p: y - 0.9 * p, unit="USD", higher_is_better=True)
    assert gain.rows(Y, P).tolist() == pytest.approx([1.0, 38.0, 40.0])
    assert value(gain, Y, P) == pytest.approx(79 / 3)


def test_higher_is_better_makes_the_lower_side_the_worse_one():
    gain = RowMetric("gain", lambda y, p: y - p, higher_is_better=True)
    assert gain.bounds.side == "lower"
    assert gain.bounds.lower_limit is None


@pytest.mark.parametrize(("limit", "of_sum"), [(0, 0), (2, None), (-5, None), (None, None)])
def test_a_limit_of_rows_bounds_their_mean_and_their_sum_only_at_zero(limit, of_sum):
    mean, total = (
        RowMetric("cost", lambda y, p: p, lower_limit=limit, total=total).bounds
        for total in (False, True)
    )
    assert (mean.lower_limit, total.lower_limit) == (limit, of_sum)
    assert total.best == limit  # of a row: limits of a total are those of the mean, times n


def test_options_of_a_metric_are_given_by_name():
    with pytest.raises(TypeError):
        RowMetric("gain", lambda y, p: y - p, "USD")


@pytest.mark.parametrize(
    ("function", "shape"),
    [(lambda y, p: np.mean(y - p), r"\(\)"), (lambda y, p: (y - p)[:1], r"\(1,\)")],
)
def test_a_function_that_returns_another_shape_is_refused(function, shape):
    with pytest.raises(ValueError, match=rf"'off' returned shape {shape} for 3 rows; it must"):
        RowMetric("off", function).rows(Y, P)


def test_a_function_that_is_not_finite_is_refused_with_the_count():
    ratio = RowMetric("ratio", lambda y, p: np.where(y > 150, np.nan, 1.0))
    with pytest.raises(ValueError, match=r"'ratio' is not finite in 2 of 3 rows; drop those"):
        ratio.rows(Y, P)


def test_a_value_below_the_lower_limit_is_refused_since_estimates_are_clipped_there():
    gain = RowMetric("gain", lambda y, p: y - p, lower_limit=0)
    with pytest.raises(ValueError, match=r"'gain' is below its `lower_limit` of 0 in 1 of 3 rows"):
        gain.rows(Y, P)


@pytest.mark.parametrize("name", ["", None, 5])
def test_a_metric_needs_a_name(name):
    with pytest.raises(TypeError, match="`name` of a RowMetric must be a string"):
        RowMetric(name, lambda y, p: y - p)


def test_a_metric_needs_a_function():
    with pytest.raises(TypeError, match="`function` of the RowMetric 'gain' must be callable"):
        RowMetric("gain", 3)


def test_a_metric_shows_its_name_and_unit_but_no_address():
    assert repr(RowMetric("gain", lambda y, p: y - p, unit="USD")) == (
        "RowMetric('gain', unit='USD')"
    )
    assert repr(REGRESSION_METRICS["rmse"]) == "RootMetric('rmse', unit='unit of y_true')"


# -- Choosing -------------------------------------------------------------------------------------


def test_the_default_metrics_are_defined_for_every_finite_target():
    y_true, y_pred = np.array([-3.0, 0.0, 1e9]), np.array([0.0, -1.0, 1e9])
    for metric in regression_metrics(None):
        assert np.isfinite(value(metric, y_true, y_pred))
    assert [metric.name for metric in regression_metrics(None)] == ["mae", "rmse", "bias"]


def test_the_bias_is_not_estimated_but_a_signed_metric_of_your_own_is():
    assert [metric.name for metric in estimated_metrics(None)] == ["mae", "rmse"]
    for asked in ("bias", ["mae", "bias"], REGRESSION_METRICS["bias"]):
        with pytest.raises(
            ValueError, match=r"'bias' cannot be estimated without labels: .*measure"
        ):
            estimated_metrics(asked)
    own = RowMetric("bias", lambda y, p: y - p, higher_is_better=None)
    assert estimated_metrics(own) == (own,)


def test_names_and_metrics_of_your_own_can_be_mixed_and_keep_their_order():
    gain = RowMetric("gain", lambda y, p: y - p)
    assert regression_metrics(["rmse", gain, "mae"])[1] is gain
    assert regression_metrics(gain) == (gain,)
    assert regression_metrics("mse") == (REGRESSION_METRICS["mse"],)


def test_an_unknown_name_is_refused_with_those_that_exist():
    with pytest.raises(ValueError, match="unknown metric 'MAE' in `metrics`; choose from mae, map"):
        regression_metrics(["MAE"])


@pytest.mark.parametrize("metrics", [3, [3], [["mae"]], [RowMetric], lambda y, p: y])
def test_what_is_neither_a_name_nor_a_metric_is_refused(metrics):
    with pytest.raises(TypeError, match=r"`metrics` holds .*; give names, or RowMetric objects"):
        regression_metrics(metrics)


def test_an_empty_list_is_refused():
    with pytest.raises(ValueError, match="`metrics` is empty"):
        regression_metrics([])


def test_two_metrics_with_one_name_are_refused():
    with pytest.raises(ValueError, match=r"two metrics share a name in \['mae', 'mae'\]"):
        regression_metrics(["mae", RowMetric("mae", lambda y, p: y - p)])


def test_only_roots_take_a_root():
    roots = [name for name, metric in REGRESSION_METRICS.items() if isinstance(metric, RootMetric)]
    assert roots == ["rmse", "rmsle"]
