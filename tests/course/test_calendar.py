import numpy as np
import pandas as pd
import pytest

from course_lib.course.calendar import (
    DEAL_SEED,
    GO_LIVE,
    LABEL_DELAY,
    LARGE_CARAT,
    SETS,
    STARTS,
    deal,
    production_week,
)
from course_lib.course.data import load_diamonds


@pytest.fixture(scope="module")
def undealt():
    stones = load_diamonds().sort_values("stone", ignore_index=True)
    return stones.drop(columns=["offered_at", "price_known_at"])


@pytest.fixture(scope="module")
def offered():
    return load_diamonds().dropna(subset=["offered_at"])


def test_the_default_dealing_is_the_one_in_the_file(undealt):
    pd.testing.assert_frame_equal(deal(undealt, seed=DEAL_SEED), load_diamonds())


def test_equal_seeds_deal_equally_and_others_do_not(undealt):
    first, again, other = (deal(undealt, seed=seed)["stone"] for seed in (5, 5, 6))
    assert first.equals(again)
    assert not first.equals(other)


def test_dealing_keeps_every_stone_and_the_input(undealt):
    before = undealt.copy()
    dealt = deal(undealt, seed=5).sort_values("stone", ignore_index=True)
    pd.testing.assert_frame_equal(dealt[undealt.columns.tolist()], before)
    pd.testing.assert_frame_equal(undealt, before)


def test_the_calendar_starts_on_mondays_and_goes_live_when_the_reference_is_known():
    assert {start.day_name() for start in STARTS.values()} == {"Monday"}
    last_reference_offer = STARTS["gap"] - pd.Timedelta(minutes=1)
    assert last_reference_offer + LABEL_DELAY < GO_LIVE == STARTS["analysis"]
    assert SETS["gap"] * 7 == SETS["waiting"] * 7 == LABEL_DELAY.days


def test_offers_are_made_in_business_hours_one_at_a_time(offered):
    times = offered["offered_at"]
    assert times.is_unique
    assert times.is_monotonic_increasing
    assert times.dt.day_of_week.max() == 4
    assert times.dt.hour.min() == 9
    assert times.dt.hour.max() == 17
    assert (times.dt.second == 0).all()


def test_the_reserve_comes_last_and_has_no_times():
    missing = load_diamonds()["offered_at"].isna()
    assert missing.is_monotonic_increasing
    assert load_diamonds()["price_known_at"].isna().equals(missing)


def test_prices_are_known_56_days_later(offered):
    assert (offered["price_known_at"] - offered["offered_at"] == pd.Timedelta(days=56)).all()


def test_weeks_vary_as_planned(offered):
    weeks = offered.groupby(production_week(offered["offered_at"]))["carat"]
    sizes, shares = weeks.size(), weeks.apply(lambda carat: (carat >= LARGE_CARAT).mean())
    assert len(sizes) == sum(SETS.values())
    assert sizes.mean() == pytest.approx(385, abs=4)
    assert sizes.std() == pytest.approx(12, abs=3)
    assert shares.mean() == pytest.approx(0.08, abs=0.006)
    assert shares.std() == pytest.approx(0.02, abs=0.004)
    binomial = np.sqrt(0.08 * 0.92 / 385)
    assert shares.std() > 1.2 * binomial  # more than the noise of counting


def test_week_zero_begins_when_the_desk_goes_live():
    times = pd.Series([GO_LIVE, GO_LIVE - pd.Timedelta(minutes=1), GO_LIVE + pd.Timedelta(days=7)])
    assert production_week(times).tolist() == [0, -1, 1]


def test_too_few_large_stones_are_named(undealt):
    with pytest.raises(ValueError, match=r"has 0 large stones, the calendar needs \d,\d{3}"):
        deal(undealt[undealt["carat"] < LARGE_CARAT])
