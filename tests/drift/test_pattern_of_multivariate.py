"""What lesson 05 tells holds for its desk and for five more dealings of the stones."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from course_lib import (
    ColumnConsistencyCalculator,
    DataReconstructionDriftCalculator,
    DomainClassifierCalculator,
    load_desk,
)

pytestmark = pytest.mark.slow  # six dealings, three monitors

SEEDS = [None, 1, 2, 3, 4, 5]  # None is the dealing of the data file
QUIET = [*range(4), 16, 17, 22]
GAUGE, CAMPAIGN, JOIN, DROP = (range(*weeks) for weeks in ((4, 10), (10, 16), (18, 22), (23, 28)))
WEEKLY = {"timestamp_column_name": "offered_at", "chunk_period": "W"}
MONITORS = {
    "reconstruction": DataReconstructionDriftCalculator,
    "domain": DomainClassifierCalculator,
    "consistency": ColumnConsistencyCalculator,
}


def told(seed):
    """Per monitor, the production weeks with their rise in standard deviations of the reference."""
    desk = load_desk(seed=seed)
    return {
        name: risen(monitor(desk.features, **WEEKLY).fit(desk.reference).calculate(desk.analysis))
        for name, monitor in MONITORS.items()
    }


def risen(result):
    frame = result.to_df().replace({"column": {"": "all"}})
    quiet = frame[frame["period"] == "reference"].groupby("column")["value"].agg(["mean", "std"])
    weeks = frame[frame["period"] == "analysis"].set_index("chunk_index")
    usual, spread = (weeks["column"].map(quiet[k]).astype(float) for k in ("mean", "std"))
    return weeks.assign(rise=(weeks["value"] - usual) / spread)


@pytest.fixture(scope="module")
def stories():
    return {seed: told(seed) for seed in SEEDS}


@pytest.fixture(params=SEEDS)
def story(request, stories):
    return stories[request.param]


def alerts(weeks, rows):
    return int(weeks.loc[list(rows), "alert"].sum())


def blamed(weeks, rows):
    """Rise per column, pooled over the weeks, largest first."""
    return weeks.loc[list(rows)].groupby("column")["rise"].mean().sort_values(ascending=False)


def test_the_join_bug_alerts_in_reconstruction_error(story):
    assert alerts(story["reconstruction"], JOIN) >= 3


def test_the_join_bug_alerts_in_the_domain_classifier_in_some_weeks(stories):
    assert sum(alerts(story["domain"], JOIN) for story in stories.values()) >= 12  # of 24


def test_the_join_bug_is_named_carat(story):
    blame = blamed(story["consistency"], JOIN)
    assert blame.index[0] == "carat"
    assert blame.iloc[0] > 30
    carat = story["consistency"].query("column == 'carat'")
    assert carat.loc[list(JOIN), "alert"].all()


def test_the_gauge_is_named_depth(story):
    blame = blamed(story["consistency"], GAUGE)
    assert blame.index[0] == "depth"
    assert blame.iloc[0] > 20
    depth = story["consistency"].query("column == 'depth'")
    assert depth.loc[list(GAUGE), "alert"].all()


def test_the_harmless_gauge_alerts_in_every_detector(story):
    assert alerts(story["reconstruction"], GAUGE) >= 5
    assert alerts(story["domain"], GAUGE) == 6


def test_reconstruction_hardly_sees_the_campaign(stories):
    seen = [alerts(story["reconstruction"], CAMPAIGN) for story in stories.values()]
    assert np.median(seen) <= 2


@pytest.mark.parametrize("name", MONITORS)
def test_the_market_drop_alone_alerts_no_more_often_than_one_in_a_hundred(stories, name):
    # Nine columns of one week are no nine draws; the rule takes them for such, and it still holds.
    n_columns = 9 if name == "consistency" else 1
    found = [alerts(story[name], DROP) for story in stories.values()]
    n_looks = len(DROP) * n_columns
    assert all(binom.sf(n - 1, n_looks, 0.01) > 0.01 for n in found), found
    assert binom.sf(sum(found) - 1, n_looks * len(stories), 0.01) > 0.01


@pytest.mark.parametrize("name", ["reconstruction", "domain"])
def test_quiet_weeks_and_the_market_drop_alert_as_rarely_as_asked(stories, name):
    weeks = [*QUIET, *DROP]
    n = sum(alerts(story[name], weeks) for story in stories.values())
    assert binom.sf(n - 1, len(weeks) * len(stories), 0.01) > 0.01


def test_consistency_alerts_about_as_rarely_as_asked(stories):
    # Nine columns of one week are no nine draws: what counts is whether the column named is right.
    weeks = [*QUIET, *DROP]
    n = sum(alerts(story["consistency"], weeks) for story in stories.values())
    assert binom.sf(n - 1, len(weeks) * 9 * len(stories), 0.01) > 0.01


def test_the_marginals_of_the_join_weeks_are_those_without_it():
    with_bug, without = (load_desk(incidents).analysis for incidents in ("ABCD", "ABD"))
    week = load_desk().week(with_bug)
    for number in JOIN:
        left, right = (frame.loc[week == number, "carat"] for frame in (with_bug, without))
        assert sorted(left) == sorted(right)
        assert not np.array_equal(left, right)
    features = [name for name in load_desk().features if name != "carat"]
    pd.testing.assert_frame_equal(with_bug[features], without[features])
