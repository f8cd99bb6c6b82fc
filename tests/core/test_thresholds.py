import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from course_lib import (
    ConstantThreshold,
    PredictionIntervalThreshold,
    StandardDeviationThreshold,
)
from course_lib.core.thresholds import Bounds
from course_lib.performance.regression_metrics import REGRESSION_METRICS

QUIET = [250.0, 243.0, 260.0, 251.0, 248.0, 255.0]
BOTH = Bounds(side="both")


def limits(threshold, values=QUIET, *, sizes=None, n=400, bounds=BOTH):
    sizes = [400] * len(values) if sizes is None else sizes
    return threshold.limits(values, n_used=sizes, n=n, bounds=bounds)


# -- Constants ------------------------------------------------------------------------------------


def test_constants_are_returned_whatever_the_metric_says():
    bounds = Bounds(lower_limit=0, upper_limit=1, side="upper")
    assert limits(ConstantThreshold(lower=-1, upper=2), bounds=bounds) == (-1, 2)


def test_a_constant_side_that_is_not_given_is_off():
    assert limits(ConstantThreshold(upper=300)) == (None, 300)
    assert limits(ConstantThreshold()) == (None, None)


def test_constants_need_no_quiet_chunk():
    assert limits(ConstantThreshold(upper=300), [np.nan], sizes=[0]) == (None, 300)


@pytest.mark.parametrize("lower", [1, 2])
def test_a_lower_constant_must_be_below_the_upper(lower):
    with pytest.raises(ValueError, match=rf"`lower` \({lower}\) must be below `upper` \(1\)"):
        ConstantThreshold(lower=lower, upper=1)


# -- Standard deviations --------------------------------------------------------------------------


def test_three_standard_deviations_give_the_numbers_that_nannyml_publishes():
    # The documentation of NannyML, on ten chunks with the values 0 to 9; ddof 0.
    assert limits(StandardDeviationThreshold(), range(10)) == pytest.approx(
        (-4.116843969807043, 13.116843969807043), rel=1e-12
    )


def test_multipliers_and_centre_can_be_chosen():
    threshold = StandardDeviationThreshold(1, 2, offset_from=np.nanmedian)
    center, sd = np.median(QUIET), np.std(QUIET)
    assert limits(threshold) == pytest.approx((center - sd, center + 2 * sd))


def test_a_multiplier_of_none_switches_its_side_off():
    lower, upper = limits(StandardDeviationThreshold(None, 3))
    assert lower is None
    assert upper > max(QUIET)


def test_standard_deviations_pass_over_chunks_without_a_value():
    assert limits(StandardDeviationThreshold(), [*QUIET, np.nan]) == limits(
        StandardDeviationThreshold()
    )


@pytest.mark.parametrize("n", [4, 40_000])
def test_standard_deviations_do_not_scale_with_the_size(n):
    assert limits(StandardDeviationThreshold(), n=n) == limits(StandardDeviationThreshold())


@pytest.mark.parametrize("threshold", [StandardDeviationThreshold(), PredictionIntervalThreshold()])
def test_a_limit_that_the_metric_cannot_pass_is_off(threshold):
    low = Bounds(lower_limit=0, side="both")
    assert limits(threshold, range(1, 11), bounds=low)[0] is None
    high = Bounds(upper_limit=10, side="both")
    assert limits(threshold, range(1, 11), bounds=high)[1] is None


def test_a_limit_at_the_edge_itself_is_off():
    assert Bounds(lower_limit=0, upper_limit=1).clip((0.0, 1.0)) == (None, None)
    assert Bounds(lower_limit=0, upper_limit=1).clip((0.1, 0.9)) == (0.1, 0.9)
    assert Bounds().clip((None, 7.0)) == (None, 7.0)


# -- Prediction interval --------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.01, 0.05])
def test_the_upper_limit_is_the_prediction_interval_worked_by_hand(rate):
    k, m, s = 6, 1507 / 6, np.std(QUIET, ddof=1)
    reach = stats.t.ppf(1 - rate, df=5) * s * math.sqrt(1 + 1 / k)
    one_sided = Bounds(side="upper")
    assert limits(PredictionIntervalThreshold(rate), bounds=one_sided) == (
        None,
        pytest.approx(m + reach, rel=1e-12),
    )


def test_two_sides_share_the_rate():
    m, s = np.mean(QUIET), np.std(QUIET, ddof=1)
    expected = stats.t.interval(0.98, df=5, loc=m, scale=s * math.sqrt(1 + 1 / 6))
    assert limits(PredictionIntervalThreshold(0.02)) == pytest.approx(expected, rel=1e-12)


def test_one_percent_is_the_default():
    assert limits(PredictionIntervalThreshold()) == limits(PredictionIntervalThreshold(0.01))


@pytest.mark.parametrize(("side", "off"), [("upper", 0), ("lower", 1)])
def test_the_side_that_is_not_worse_is_off(side, off):
    found = limits(PredictionIntervalThreshold(), bounds=Bounds(side=side))
    assert found[off] is None
    assert found[1 - off] is not None


def test_a_smaller_chunk_gets_wider_limits_by_the_root_of_its_size():
    threshold, k, m = PredictionIntervalThreshold(), 6, np.mean(QUIET)
    _, same = limits(threshold, n=400)
    _, quarter = limits(threshold, n=100)
    ratio = math.sqrt(4 + 1 / k) / math.sqrt(1 + 1 / k)
    assert (quarter - m) / (same - m) == pytest.approx(ratio, rel=1e-9)


def test_values_of_unequal_chunks_are_brought_to_the_typical_size_worked_by_hand():
    sizes = np.array([300, 400, 500, 400, 300, 500])
    center = np.average(QUIET, weights=sizes)
    level = center + (np.array(QUIET) - center) * np.sqrt(sizes / 400)
    reach = stats.t.ppf(0.995, df=5) * level.std(ddof=1) * math.sqrt(1 + 1 / 6)
    assert limits(PredictionIntervalThreshold(), sizes=sizes) == pytest.approx(
        (level.mean() - reach, level.mean() + reach), rel=1e-12
    )


def test_limits_of_a_test_statistic_do_not_scale_with_the_size():
    bounds = Bounds(side="both", size_power=0)
    assert limits(PredictionIntervalThreshold(), n=4, bounds=bounds) == pytest.approx(
        limits(PredictionIntervalThreshold(), n=4000, bounds=bounds)
    )


@given(
    st.lists(st.floats(1, 1000), min_size=5, max_size=15),
    st.floats(0.1, 100),
    st.sampled_from([100, 400, 900]),
)
def test_limits_have_the_unit_of_the_metric_and_forget_the_order(values, factor, n):
    for scale in ("raw", "log", "cbrt"):
        bounds = Bounds(side="upper", scale=scale)
        threshold = PredictionIntervalThreshold()
        _, upper = limits(threshold, values, n=n, bounds=bounds)
        _, scaled = limits(threshold, [factor * v for v in values], n=n, bounds=bounds)
        _, backwards = limits(threshold, values[::-1], n=n, bounds=bounds)
        assert scaled == pytest.approx(factor * upper, rel=1e-6)
        assert backwards == pytest.approx(upper, rel=1e-6)


@given(st.floats(0.001, 0.4), st.floats(1.01, 2))
def test_a_lower_rate_gives_wider_limits(rate, factor):
    lower, upper = limits(PredictionIntervalThreshold(rate))
    narrow_lower, narrow_upper = limits(PredictionIntervalThreshold(rate * factor))
    assert lower < narrow_lower < narrow_upper < upper


def test_short_chunks_and_chunks_without_a_value_set_no_limits():
    # Half the median size is 200: the chunk of 199 rows is left out, that of 200 is not.
    with_others = limits(
        PredictionIntervalThreshold(),
        [*QUIET, 900.0, np.nan, 700.0],
        sizes=[400] * 6 + [199, 400, 0],
    )
    assert with_others == limits(PredictionIntervalThreshold())
    _, upper = limits(PredictionIntervalThreshold(), [*QUIET, 900.0], sizes=[400] * 6 + [200])
    assert upper > 900


@pytest.mark.parametrize("values", [QUIET[:4], [*QUIET[:4], np.nan], [*QUIET[:4], 251.0]])
def test_fewer_than_five_usable_chunks_are_an_error_with_a_remedy(values):
    sizes = [400] * 4 + [3] * (len(values) - 4)
    with pytest.raises(ValueError, match=r"only 4 reference chunks .* need 5; give a longer ref"):
        limits(PredictionIntervalThreshold(), values, sizes=sizes)


# -- False alarms ---------------------------------------------------------------------------------

N_REFERENCES = 4_000


def alarms(k, rate, *, n, sizes=None, side="upper", scale="raw"):
    """Count the false alarms of one more quiet chunk, each with a reference of its own."""
    rng = np.random.default_rng([k, round(1000 * rate), round(n)])
    sizes = np.full(k, 400) if sizes is None else np.asarray(sizes)
    bounds, threshold = Bounds(side=side, scale=scale), PredictionIntervalThreshold(rate)
    count = 0
    for noise in rng.normal(size=(N_REFERENCES, k + 1)):
        *values, new = quiet_values(noise, np.append(sizes, n), scale)
        lower, upper = threshold.limits(values, n_used=sizes, n=n, bounds=bounds)
        count += (lower is not None and new < lower) or (upper is not None and new > upper)
    return count


def quiet_values(noise, sizes, scale):
    if scale == "raw":  # the mean of rows with mean 300 and SD 200
        return 300 + 200 * noise / np.sqrt(sizes)
    level = np.exp(0.3 * noise) if scale == "log" else (1 + 0.2 * noise) ** 3
    return level / np.sqrt(sizes)


def binomial_interval(rate):
    """The counts that N_REFERENCES trials at this rate leave once in ten thousand."""
    return stats.binom.ppf([5e-5, 1 - 5e-5], N_REFERENCES, rate)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.01, 0.05])
@pytest.mark.parametrize("k", [10, 20])
@pytest.mark.parametrize("n", [100, 400, 3200])
def test_quiet_chunks_alert_at_the_rate_asked_for_at_any_size(k, rate, n):
    low, high = binomial_interval(rate)
    assert low <= alarms(k, rate, n=n) <= high


@pytest.mark.parametrize("side", ["lower", "both"])
def test_the_rate_holds_for_the_other_sides(side):
    low, high = binomial_interval(0.05)
    assert low <= alarms(10, 0.05, n=400, side=side) <= high


@pytest.mark.slow
@pytest.mark.parametrize("scale", ["log", "cbrt"])
@pytest.mark.parametrize("n", [100, 400])
def test_the_rate_holds_on_the_scale_on_which_values_are_normal(scale, n):
    low, high = binomial_interval(0.05)
    assert low <= alarms(10, 0.05, n=n, scale=scale) <= high


def test_the_rate_holds_with_a_reference_of_unequal_chunks():
    low, high = binomial_interval(0.05)
    sizes = [300, 350, 400, 450, 500] * 2
    assert low <= alarms(10, 0.05, n=400, sizes=sizes) <= high


def test_three_standard_deviations_raise_more_alarms_than_a_normal_table_says():
    # In closed form for ten chunks: ddof 0 shrinks s by √0.9, the new chunk and the mean of ten
    # differ with √1.1.
    rate = 2 * stats.t.sf(3 * math.sqrt(0.9 / 1.1), df=9)
    assert rate == pytest.approx(0.024, abs=0.0005)  # as the docstring says
    count = 0
    for *values, new in np.random.default_rng(0).normal(size=(N_REFERENCES, 11)):
        lower, upper = limits(StandardDeviationThreshold(), values)
        count += not lower <= new <= upper
    low, high = binomial_interval(rate)
    assert low <= count <= high


# -- Other scales, zeros, constants ---------------------------------------------------------------


def test_the_log_scale_is_the_interval_of_the_logarithms():
    values = np.array([0.02, 0.03, 0.025, 0.04, 0.03])
    level = np.log(values)
    reach = stats.t.ppf(0.99, df=4) * level.std(ddof=1) * math.sqrt(6 / 5)
    bounds = Bounds(scale="log")
    expected = math.exp(level.mean() + reach)
    threshold = PredictionIntervalThreshold()
    assert limits(threshold, values, bounds=bounds)[1] == pytest.approx(expected, rel=1e-12)
    # A quarter of the rows doubles a distance of quiet data.
    assert limits(threshold, values, n=100, bounds=bounds)[1] == pytest.approx(2 * expected)


def test_the_cube_root_scale_is_the_interval_of_the_cube_roots():
    values = np.array([0.02, 0.03, 0.025, 0.04, 0.03])
    level = np.cbrt(values)
    reach = stats.t.ppf(0.99, df=4) * level.std(ddof=1) * math.sqrt(6 / 5)
    expected = (level.mean() + reach) ** 3
    bounds = Bounds(scale="cbrt")
    threshold = PredictionIntervalThreshold()
    assert limits(threshold, values, bounds=bounds)[1] == pytest.approx(expected, rel=1e-12)
    assert limits(threshold, values, n=100, bounds=bounds)[1] == pytest.approx(2 * expected)


def test_the_lower_cube_root_limit_does_not_fall_below_zero():
    bounds = Bounds(scale="cbrt", side="both", lower_limit=0)
    lower, upper = limits(PredictionIntervalThreshold(), [0, 0.001, 0.1, 2, 9], bounds=bounds)
    assert lower is None
    assert upper > 9


@pytest.mark.parametrize("power", [0.5, 0.25])
@pytest.mark.parametrize("n", [100, 400])
def test_a_loss_has_the_interval_of_the_roots_of_its_distance_from_the_best(power, n):
    rooted, k = np.power(QUIET, power), len(QUIET)
    reach = stats.t.ppf(0.99, df=k - 1) * rooted.std(ddof=1) * math.sqrt(400 / n + 1 / k)
    expected = (rooted.mean() + reach) ** (1 / power)
    threshold, bounds = PredictionIntervalThreshold(), Bounds(best=0, power=power)
    assert limits(threshold, n=n, bounds=bounds) == (None, pytest.approx(expected, rel=1e-12))
    # A share of right answers is as far below 1 as the same loss is above 0.
    shares, mirrored = 1 - np.array(QUIET) / 1000, Bounds(0, 1, "lower", best=1, power=power)
    assert limits(threshold, shares, n=n, bounds=mirrored) == (
        pytest.approx(1 - expected / 1000, rel=1e-12),
        None,
    )


def root_mean_squares(n_rows, n_chunks=20_000):
    """The RMSE of quiet chunks whose errors have tails longer than normal."""
    errors = np.random.default_rng(n_rows).standard_t(8, size=(n_chunks, n_rows))
    return np.sqrt(np.square(errors).mean(axis=1))


@pytest.mark.slow
@pytest.mark.parametrize("divisor", [1, 2, 4])
def test_skewed_losses_alert_at_most_twice_as_often_as_asked(divisor):
    rng, n_rows, k = np.random.default_rng(0), 160, 20
    bounds, threshold = REGRESSION_METRICS["rmse"].bounds, PredictionIntervalThreshold(0.01)
    references = rng.choice(root_mean_squares(n_rows), size=(N_REFERENCES, k))
    new = rng.choice(root_mean_squares(n_rows // divisor), size=N_REFERENCES)
    upper = [
        threshold.limits(values, n_used=[n_rows] * k, n=n_rows // divisor, bounds=bounds)[1]
        for values in references
    ]
    count = int((new > upper).sum())
    assert binomial_interval(0.005)[0] <= count <= binomial_interval(0.02)[1]


def test_a_squared_loss_alerts_when_its_root_does():
    threshold = PredictionIntervalThreshold()
    of_root = limits(threshold, n=300, bounds=REGRESSION_METRICS["rmse"].bounds)
    of_square = limits(threshold, np.square(QUIET), n=300, bounds=REGRESSION_METRICS["mse"].bounds)
    assert of_square[1] == pytest.approx(of_root[1] ** 2, rel=1e-12)


@pytest.mark.parametrize(
    ("bounds", "value", "limits_of_it"),
    [(Bounds(0, 1, "lower", best=1), 1.0, (1.0, None)), (Bounds(0, best=0), 0.0, (None, 0.0))],
)
def test_a_metric_that_was_always_perfect_alerts_at_anything_less(bounds, value, limits_of_it):
    assert limits(PredictionIntervalThreshold(), [value] * 6, bounds=bounds) == limits_of_it


def test_an_exact_zero_counts_as_half_the_smallest_positive_value():
    bounds = Bounds(scale="log")
    with_zero = limits(PredictionIntervalThreshold(), [0.0, 2, 4, 3, 5, 4], bounds=bounds)
    assert with_zero == limits(PredictionIntervalThreshold(), [1.0, 2, 4, 3, 5, 4], bounds=bounds)


@pytest.mark.parametrize("scale", ["log", "cbrt"])
def test_a_distance_that_was_always_zero_has_the_limit_zero(scale):
    bounds = Bounds(lower_limit=0, scale=scale)
    assert limits(PredictionIntervalThreshold(), [0.0] * 6, bounds=bounds) == (None, 0.0)


@pytest.mark.parametrize("scale", ["raw", "log", "cbrt"])
def test_a_metric_that_never_moved_is_its_own_limit(scale):
    bounds = Bounds(scale=scale)
    _, upper = limits(PredictionIntervalThreshold(), [0.3] * 11, bounds=bounds)
    assert upper == pytest.approx(0.3, rel=1e-12)


# -- Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0, 1, -0.1, 5])
def test_a_rate_that_is_no_share_is_refused(rate):
    with pytest.raises(ValueError, match=r"`false_alarm_rate` must lie between 0 and 1, got"):
        PredictionIntervalThreshold(rate)


def test_a_negative_multiplier_is_refused_with_a_remedy():
    with pytest.raises(ValueError, match=r"`std_lower_multiplier` must be at least 0, .* got -1"):
        StandardDeviationThreshold(-1)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (ConstantThreshold, "lower"),
        (ConstantThreshold, "upper"),
        (StandardDeviationThreshold, "std_lower_multiplier"),
        (StandardDeviationThreshold, "std_upper_multiplier"),
        (PredictionIntervalThreshold, "false_alarm_rate"),
    ],
)
def test_what_is_no_finite_number_is_refused_by_name(make, name):
    for value in ("3", True, [3]):
        with pytest.raises(TypeError, match=f"`{name}` must be a number, got"):
            make(**{name: value})
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match=f"`{name}` must be finite"):
            make(**{name: value})


def test_numbers_of_numpy_are_numbers():
    assert limits(ConstantThreshold(upper=np.int64(3)))[1] == 3
    assert StandardDeviationThreshold(np.float32(1)).std_lower_multiplier == 1


def test_a_centre_that_is_no_function_is_refused():
    with pytest.raises(TypeError, match=r"`offset_from` must be a function such as np\.nanmean"):
        StandardDeviationThreshold(offset_from="median")


def test_thresholds_show_what_they_hold():
    assert repr(ConstantThreshold(upper=300)) == "ConstantThreshold(lower=None, upper=300)"
    assert repr(PredictionIntervalThreshold()) == (
        "PredictionIntervalThreshold(false_alarm_rate=0.01)"
    )


@pytest.mark.parametrize("n", [100, 400, 1600])
def test_the_limits_of_a_total_are_those_of_the_mean_times_the_rows_of_the_chunk(n):
    totals = np.array([40.0, 44.0, 38.0, 41.0, 43.0, 39.0])
    threshold, bounds = PredictionIntervalThreshold(), Bounds(0, side="both")
    of_mean = limits(threshold, totals / 400, n=n, bounds=bounds)
    of_total = limits(threshold, totals, n=n, bounds=replace(bounds, total=True))
    assert None not in of_mean
    assert of_total == pytest.approx(tuple(n * limit for limit in of_mean), rel=1e-12)
