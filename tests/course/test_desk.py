import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from course_lib.course import desk as desk_module
from course_lib.course.calendar import STARTS
from course_lib.course.desk import (
    FEATURES,
    fit_price_model,
    load_desk,
)
from course_lib.course.desk_value import HANDLING_USD, MARGIN, SELLER_RESERVE

FRAMES = ["train", "validation", "reference", "gap", "analysis", "waiting", "future"]


@pytest.fixture(scope="module")
def desk():
    return load_desk()


@pytest.fixture(scope="module")
def clean():
    return load_desk("")


def forget():
    desk_module._desk.cache_clear()
    desk_module._clean_state.cache_clear()


def weekly_mae(desk, frame):
    return (frame["price"] - frame["predicted_price"]).abs().groupby(desk.week(frame)).mean()


def upper_limit(values):
    """Mean + t · s · √(1 + 1/k) for a false alarm in a hundred, by hand."""
    t_19 = 2.539483
    assert len(values) == 20
    return values.mean() + t_19 * values.std() * np.sqrt(1 + 1 / 20)


# -- State ----------------------------------------------------------------------------------------


def test_two_rebuilt_desks_are_equal(desk):
    forget()
    again = load_desk()
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(desk, name), getattr(again, name))
    assert desk.model.model_to_string() == again.model.model_to_string()


@pytest.mark.slow
def test_another_process_with_more_threads_builds_the_same_desk(desk):
    code = "from course_lib import load_desk; print(load_desk().analysis.predicted_price.sum())"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(run.stdout) == desk.analysis["predicted_price"].sum()


@pytest.mark.parametrize("name", FRAMES)
def test_frames_handed_out_are_copies(desk, name):
    mine = getattr(desk, name)
    mine.loc[:, "price"] = 0
    mine["error"] = 1.0
    theirs = getattr(desk, name)
    assert (theirs["price"] > 0).all()
    assert "error" not in theirs


def test_nothing_of_the_desk_can_be_replaced(desk):
    for name in [*FRAMES, "model", "features", "truth", "incidents"]:
        with pytest.raises(AttributeError):
            setattr(desk, name, None)


def test_what_a_reader_does_to_model_features_and_truth_stays_with_the_reader(desk):
    before = desk.predict(desk.gap)
    desk.features.remove("carat")
    truth = desk.truth
    truth.loc["A", "name"] = "mine"
    desk.model.set_leaf_output(0, 0, 1e6)
    assert desk.features == list(FEATURES)
    assert desk.truth.loc["A", "name"] == "new gauge"
    np.testing.assert_array_equal(desk.predict(desk.gap), before)


def test_a_desk_is_kept_for_the_next_call_whatever_the_order_of_letters(desk):
    assert load_desk("DCBA") is load_desk("ABCD")
    assert load_desk("DA").incidents == "AD"


def test_sets_follow_each_other_in_time(desk):
    edges = list(STARTS.values())
    for name, start, end in zip(FRAMES, edges, edges[1:], strict=False):
        times = getattr(desk, name)["offered_at"]
        assert start <= times.min() < times.max() < end
        assert times.is_monotonic_increasing
    assert desk.go_live == STARTS["analysis"] <= desk.analysis["offered_at"].min()
    assert sorted(set(desk.week(desk.analysis))) == list(range(28))


def test_the_repr_says_what_is_in_it(desk, clean):
    assert "go_live=2024-09-09, incidents='ABCD'" in repr(desk)
    assert "incidents=none" in repr(clean)


# -- Model and offers -----------------------------------------------------------------------------


def test_predictions_come_from_the_features_in_the_frame(desk):
    for name in ("reference", "analysis"):
        frame = getattr(desk, name)
        np.testing.assert_array_equal(frame["predicted_price"], desk.predict(frame))
        np.testing.assert_array_equal(desk.predict(frame), desk.model.predict(frame[desk.features]))


def test_a_copied_model_knows_where_its_training_stopped(desk):
    assert desk.model.best_iteration == desk.model.num_trees() > 50


def test_the_model_never_saw_anything_after_validation(desk):
    np.testing.assert_array_equal(
        fit_price_model(desk.train, desk.validation).predict(desk.future[desk.features]),
        desk.predict(desk.future),
    )


def test_the_model_is_far_better_than_one_price_for_all(desk):
    reference = desk.reference
    constant = (reference["price"] - desk.train["price"].median()).abs().mean()
    assert weekly_mae(desk, reference).mean() < constant / 8


def test_the_seller_accepts_offers_above_the_reserve(desk):
    frame = desk.analysis
    offer = frame["predicted_price"] * (1 - MARGIN)
    pd.testing.assert_series_equal(
        frame["accepted"], offer >= frame["price"] * SELLER_RESERVE, check_names=False
    )
    assert HANDLING_USD > 0


def test_a_missing_feature_is_named(desk):
    with pytest.raises(ValueError, match="1 of 9 features are missing: depth"):
        desk.predict(desk.gap.drop(columns="depth"))


def test_another_seed_deals_another_desk_with_another_model(desk):
    other = load_desk(seed=2)
    assert not other.train["stone"].equals(desk.train["stone"])
    assert other.model.model_to_string() != desk.model.model_to_string()


def test_incidents_do_not_reach_back_before_production(desk, clean):
    for name in ("train", "validation", "reference", "gap"):
        pd.testing.assert_frame_equal(getattr(desk, name), getattr(clean, name))


def test_an_unknown_incident_is_named():
    with pytest.raises(ValueError, match="E"):
        load_desk("ABE")


# -- The story: what happens in production --------------------------------------------------------


def test_without_incidents_one_week_in_28_exceeds_the_limit_by_chance(desk, clean):
    limit = upper_limit(weekly_mae(desk, desk.reference))
    error = weekly_mae(clean, clean.analysis)
    assert error.index[error > limit].tolist() == [3]  # the datasheet says that there is one


def test_incidents_change_the_error_as_planned(desk):
    reference = weekly_mae(desk, desk.reference)
    change = weekly_mae(desk, desk.analysis) - reference.mean()
    room = upper_limit(reference) - reference.mean()
    assert change.loc[4:9].max() < room  # A: harmless
    assert change.loc[10:15].min() > room  # B: large stones are harder
    assert 450 < change.loc[18:21].mean() < 850  # C: broken data
    assert change.loc[23:27].min() > room  # D: the market
    assert change.loc[23:27].mean() == pytest.approx(200, abs=60)


def test_the_relative_error_does_not_see_the_campaign(desk):
    frame = desk.analysis
    ape = (frame["price"] - frame["predicted_price"]).abs() / frame["price"]
    weekly = ape.groupby(desk.week(frame)).mean()
    assert weekly.loc[10:15].mean() == pytest.approx(
        weekly.loc[[0, 1, 2, 3, 16, 17, 22]].mean(), rel=0.1
    )


def test_sellers_answer_the_market_drop_at_once(desk):
    accepted = desk.analysis.groupby(desk.week(desk.analysis))["accepted"].mean()
    usual = desk.reference["accepted"].mean()
    assert usual == pytest.approx(0.77, abs=0.02)
    assert accepted.loc[23] > 0.9
