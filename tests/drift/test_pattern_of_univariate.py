"""What lesson 06 tells holds for its desk and for five more dealings of the stones."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from course_lib import (
    MissingValuesCalculator,
    NumericalRangeCalculator,
    UnivariateDriftCalculator,
    UnseenValuesCalculator,
    load_desk,
)

pytestmark = pytest.mark.slow  # six dealings, all methods

SEEDS = [None, 1, 2, 3, 4, 5]  # None is the dealing of the data file
GAUGE, CAMPAIGN, JOIN, DROP = (range(*weeks) for weeks in ((4, 10), (10, 16), (18, 22), (23, 28)))
CONTINUOUS = ["jensen_shannon", "hellinger", "kolmogorov_smirnov", "wasserstein"]
CATEGORICAL = ["jensen_shannon", "hellinger", "l_infinity", "chi2"]
SIZE, REST = ["carat", "x", "y", "z"], ["cut", "color", "clarity", "table"]
WEEKLY = {"timestamp_column_name": "offered_at", "chunk_period": "W"}
SERIES = ["column", "metric", "chunk_index"]


def drift(desk):
    calculator = UnivariateDriftCalculator(
        desk.features, continuous_methods=CONTINUOUS, categorical_methods=CATEGORICAL, **WEEKLY
    )
    return calculator.fit(desk.reference).calculate(desk.analysis)


def weeks_of(result):
    return result.filter(period="analysis").to_df().set_index(SERIES).sort_index()


def told(seed):
    """All methods on all inputs in the weeks of production, with and without each incident."""
    desks = {planted: load_desk(planted, seed=seed) for planted in ("ABCD", "ABD", "ABC")}
    return desks, {planted: weeks_of(drift(desk)) for planted, desk in desks.items()}


@pytest.fixture(scope="module")
def stories():
    return {seed: told(seed) for seed in SEEDS}


@pytest.fixture
def desks(stories, seed):
    return stories[seed][0]


@pytest.fixture
def measured(stories, seed):
    return stories[seed][1]


@pytest.fixture(params=SEEDS)
def seed(request):
    return request.param


def alerts(frame, columns, weeks, methods=(*CONTINUOUS, *CATEGORICAL)):
    rows = frame.reset_index()
    rows = rows[rows["column"].isin(columns) & rows["chunk_index"].isin(weeks)]
    return rows[rows["metric"].isin(methods)]["alert"]


def too_many(found):
    """The chance of as many alerts or more, at one in a hundred."""
    return stats.binomtest(int(found.sum()), len(found), 0.01, alternative="greater").pvalue


def test_the_new_gauge_alerts_on_depth_in_every_week_and_by_every_method(measured):
    found = alerts(measured["ABCD"], ["depth"], GAUGE)
    assert len(found) == 6 * 4
    assert found.all()


def test_in_the_gauge_weeks_the_other_columns_are_quiet(measured):
    for method in {*CONTINUOUS, *CATEGORICAL}:
        found = alerts(measured["ABCD"], [*SIZE, *REST], GAUGE, [method])
        assert too_many(found) > 0.01, method


def test_the_campaign_alerts_on_weight_and_dimensions_by_every_method(measured):
    found = alerts(measured["ABCD"], SIZE, CAMPAIGN)
    assert len(found) == 6 * 4 * 4
    assert found.all()


def test_in_the_campaign_size_moves_far_more_than_any_other_column(measured):
    frame = measured["ABCD"].reset_index()
    frame = frame[(frame["metric"] == "jensen_shannon") & frame["chunk_index"].isin(CAMPAIGN)]
    ratio = (frame["value"] / frame["upper_threshold"]).groupby(frame["column"]).mean()
    assert ratio[SIZE].min() > 1.5
    assert ratio[[*REST, "depth"]].max() < 1


def test_the_join_bug_leaves_every_marginal_statistic_as_it_was(measured):
    with_it, without = measured["ABCD"], measured["ABD"]
    pd.testing.assert_index_equal(with_it.index, without.index)
    np.testing.assert_allclose(with_it["value"], without["value"], rtol=0, atol=1e-12)
    assert (with_it["alert"] == without["alert"]).all()


def test_the_join_bug_is_there(desks):
    broken, sound = desks["ABCD"].analysis, desks["ABD"].analysis
    weeks = desks["ABCD"].week(broken)
    moved = (broken["carat"] != sound["carat"]).groupby(weeks).mean()
    assert (moved[list(JOIN)] > 0.25).all()
    assert (moved.drop(list(JOIN)) == 0).all()


def test_the_market_drop_changes_no_statistic_of_any_input(measured):
    with_it, without = measured["ABCD"], measured["ABC"]
    pd.testing.assert_frame_equal(with_it, without, check_exact=True)


def test_the_market_drop_is_there(desks):
    ratio = desks["ABCD"].analysis["price"] / desks["ABC"].analysis["price"]
    weekly = ratio.groupby(desks["ABCD"].week(desks["ABCD"].analysis)).mean()
    assert (weekly[list(DROP)] < 0.95).all()
    assert (weekly.drop(list(DROP)) == 1).all()


@pytest.mark.parametrize("weeks", [DROP, JOIN], ids=["drop", "join"])
def test_inputs_alert_no_more_often_than_one_in_a_hundred_where_none_has_moved(measured, weeks):
    columns = [*SIZE, *REST, "depth"]
    for method in {*CONTINUOUS, *CATEGORICAL}:
        n_columns = 6 * (method in CONTINUOUS) + 3 * (method in CATEGORICAL)
        found = alerts(measured["ABCD"], columns, weeks, [method])
        assert len(found) == n_columns * len(weeks)
        assert too_many(found) > 0.01, method
    together = alerts(measured["ABCD"], columns, weeks)
    assert len(together) == (6 * 4 + 3 * 4) * len(weeks)
    assert too_many(together) > 0.01


def test_the_desk_has_no_missing_value_and_no_unseen_category(desks):
    desk = desks["ABCD"]
    missing = MissingValuesCalculator(desk.features, **WEEKLY)
    unseen = UnseenValuesCalculator(["cut", "color", "clarity"], **WEEKLY)
    for calculator in (missing, unseen):
        frame = calculator.fit(desk.reference).calculate(desk.analysis).to_df()
        assert (frame["value"] == 0).all()
        assert not frame["alert"].any()


def test_few_stones_lie_outside_the_range_of_the_reference(desks):
    desk = desks["ABCD"]
    numbers = ["carat", "depth", "table", "x", "y", "z"]
    ranges = NumericalRangeCalculator(numbers, **WEEKLY).fit(desk.reference)
    frame = ranges.calculate(desk.analysis).filter(period="analysis").to_df()
    assert frame["value"].mean() < 0.002
    assert frame["value"].max() < 0.03
