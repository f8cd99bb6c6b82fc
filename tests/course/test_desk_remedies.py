from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest

from course_lib import (
    as_of,
    carat_contradicts,
    change_margin,
    compare_remedies,
    do_nothing,
    load_desk,
    recalibrate,
    refuse,
    reindex,
    repair_carat,
    retrain,
)
from course_lib.course.calendar import STARTS
from course_lib.course.desk_remedies import Plan

TODAY = STARTS["future"]
DROP = "2025-02-17"
DAYS = pd.to_datetime(["2025-05-19", "2025-05-20", "2025-05-26", "2025-05-27"])


def past(desk):
    sets = [desk.train, desk.validation, desk.reference, desk.gap, desk.analysis, desk.waiting]
    return pd.concat(sets)


def plans_for(known, coming):
    return {
        "do nothing": do_nothing(coming),
        "stop buying": refuse(coming, np.ones(len(coming), dtype=bool)),
        "retrain: all": retrain(known, coming),
        "retrain: since the drop": retrain(known, coming, since=DROP),
        "retrain: re-indexed": retrain(reindex(known, since=DROP), coming),
        "margin": change_margin(known, coming, since=DROP),
        "recalibrate": recalibrate(known, coming, since=DROP),
        "by size": recalibrate(known, coming, since=DROP, by="carat", edges=[1.0]),
    }


@pytest.fixture(scope="module")
def plans():
    desk = load_desk()
    return plans_for(as_of(past(desk), TODAY), desk.future)


@pytest.fixture(scope="module")
def verdict(plans):
    return compare_remedies(plans, load_desk().future, undone=load_desk("ABC").future)


@pytest.fixture
def rows():
    return pd.DataFrame({"price": 1000.0, "predicted_price": 1000.0, "offered_at": DAYS})


@pytest.fixture
def known():
    days = pd.to_datetime(["2025-01-06", "2025-03-03", "2025-03-04", "2025-03-05"])
    return pd.DataFrame(
        {
            "price": [500.0, 900.0, 700.0, np.nan],
            "predicted_price": [500.0, 1000.0, 1000.0, 1000.0],
            "carat": [0.5, 0.5, 1.5, 1.5],
            "offered_at": days,
        }
    )


# -- On the desk ----------------------------------------------------------------------------------


def test_the_best_remedy_surely_recovers_seven_tenths_of_what_the_drop_costs(verdict):
    best = verdict.drop(index="undone")["recovered"].idxmax()
    assert verdict["recovered_low"][best] > 0.7
    assert best in {"by size", "recalibrate", "margin", "retrain: re-indexed"}


def test_one_number_beats_every_window_and_retraining_on_all_does_not_break_even(verdict):
    value = verdict["value_usd"]
    assert value["recalibrate"] > value["retrain: since the drop"] + 20
    assert value["retrain: since the drop"] > value["retrain: all"] + 100
    assert value["retrain: all"] < -50
    assert verdict["recovered"]["retrain: all"] < 0.2


def test_the_table_says_by_how_much_each_remedy_falls_short(verdict):
    short = verdict["value_usd"]["undone"] - verdict["value_usd"]
    np.testing.assert_allclose(verdict["short_usd"], short, atol=1e-9)
    assert verdict["recovered"]["undone"] == 1
    assert verdict["recovered"]["do nothing"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.5, 3.0])
def test_no_plan_reads_a_price_that_is_not_published(plans, shift):
    desk = load_desk()
    everything, coming = past(desk), desk.future
    unknown = everything["price_known_at"] > TODAY
    assert unknown.sum() > 2500
    everything["price"] = everything["price"].astype(float).mask(unknown, shift * 1000)
    other = plans_for(as_of(everything, TODAY), coming.assign(price=shift, accepted=True))
    for name, plan in plans.items():
        assert other[name].margin == plan.margin
        np.testing.assert_array_equal(other[name].y_pred, plan.y_pred, err_msg=name)


@pytest.mark.slow
def test_published_prices_do_change_the_plans(plans):
    desk = load_desk()
    everything = past(desk)
    new = everything["offered_at"] >= DROP
    everything["price"] = everything["price"].astype(float).mask(new, 0.5 * everything["price"])
    other = plans_for(as_of(everything, TODAY), desk.future)
    assert other["margin"].margin > plans["margin"].margin
    for name in set(plans) - {"do nothing", "stop buying", "margin"}:
        assert other[name].y_pred.sum() < 0.99 * plans[name].y_pred.sum(), name


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 3])
def test_the_order_of_remedies_is_the_same_in_other_dealings(seed):
    desk, undone = load_desk(seed=seed), load_desk("ABC", seed=seed)
    known = as_of(past(desk), TODAY)
    plans = {
        "do nothing": do_nothing(desk.future),
        "retrain: since the drop": retrain(known, desk.future, since=DROP),
        "recalibrate": recalibrate(known, desk.future, since=DROP),
    }
    recovered = compare_remedies(plans, desk.future, undone=undone.future)["recovered"]
    assert recovered["recalibrate"] > 0.8
    assert 0.4 < recovered["retrain: since the drop"] < recovered["recalibrate"]


def test_repaired_stones_earn_what_clean_ones_do():
    desk, clean = load_desk(), load_desk("ABD").analysis
    rows = desk.analysis[desk.week(desk.analysis).between(18, 21)]
    repaired = repair_carat(rows, desk.reference)
    repaired["predicted_price"] = desk.predict(repaired)
    table = compare_remedies(
        {
            "do nothing": do_nothing(rows),
            "refuse": refuse(rows, carat_contradicts(rows, desk.reference)),
            "repair": do_nothing(repaired),
        },
        rows,
        undone=clean[desk.week(clean).between(18, 21)],
    )
    assert table["recovered"]["repair"] > 0.95
    assert 0.75 < table["recovered"]["refuse"] < table["recovered"]["repair"]


def test_hardly_a_stone_contradicts_its_size_in_other_weeks():
    desk = load_desk()
    week = desk.week(desk.analysis)
    flagged = carat_contradicts(desk.analysis, desk.reference).groupby(week).sum()
    assert flagged.loc[18:21].min() > 90
    assert flagged.drop(range(18, 22)).max() < 10


# -- Remedies by hand -----------------------------------------------------------------------------


def test_recalibration_multiplies_by_the_ratio_of_known_totals(known):
    plan = recalibrate(known, known, since="2025-03-03")
    np.testing.assert_allclose(plan.y_pred, 0.8 * known["predicted_price"])


def test_recalibration_by_segment_has_a_ratio_for_each(known):
    plan = recalibrate(known, known, since="2025-03-03", by="carat", edges=[1.0])
    np.testing.assert_allclose(plan.y_pred, [450, 900, 700, 700])


def test_an_edge_belongs_to_the_upper_segment(known):
    plan = recalibrate(known, known.assign(carat=1.0), since="2025-03-03", by="carat", edges=[1.0])
    np.testing.assert_allclose(plan.y_pred, [350, 700, 700, 700])


def test_recalibration_does_not_depend_on_the_unit_of_the_old_model(known):
    scaled = known.assign(predicted_price=7 * known["predicted_price"])
    plan, other = (recalibrate(k, k, since="2025-03-03") for k in (known, scaled))
    np.testing.assert_allclose(plan.y_pred, other.y_pred)


def test_reindexing_changes_old_prices_only(known):
    np.testing.assert_array_equal(
        reindex(known, since="2025-03-03")["price"], [400, 900, 700, np.nan]
    )


def test_the_margin_is_the_one_that_earns_most(known):
    # Reserve 0.85: margin m buys the first when 1 − m ≥ 0.765, the second when 1 − m ≥ 0.595.
    plan = change_margin(known, known, since="2025-03-03", margins=[0.0, 0.2, 0.4, 0.5])
    assert plan.margin == 0.4  # 700 − 600 − 25 = 75; 0.2 earns 75 − 125, 0.5 buys neither
    np.testing.assert_array_equal(plan.y_pred, known["predicted_price"])


def test_inputs_are_not_modified(known):
    before = known.copy()
    recalibrate(known, known, since="2025-03-03", by="carat", edges=[1.0])
    reindex(known, since="2025-03-03")
    change_margin(known, known, since="2025-03-03")
    pd.testing.assert_frame_equal(known, before)


def test_a_plan_is_frozen_and_says_what_it_does(rows):
    plan = refuse(rows, [True, False, False, False])
    assert repr(plan) == "Plan(4 stones, margin=0.1, 1 refused)"
    assert plan.offers.tolist() == [False, True, True, True]
    with pytest.raises(FrozenInstanceError):
        plan.margin = 0.2


def test_stones_without_a_size_or_a_weight_contradict_nothing():
    reference = pd.DataFrame({"carat": [1.0, 1.02], "x": 6.4, "y": 6.4, "z": 4.0})
    odd = reference.assign(carat=[np.nan, 5.0], z=[4.0, 0.0])
    assert not carat_contradicts(odd, reference).any()
    pd.testing.assert_frame_equal(repair_carat(odd, reference), odd)


# -- The comparison by hand -----------------------------------------------------------------------


def test_value_error_and_level_are_those_of_the_rows(rows):
    plans = {"do nothing": do_nothing(rows), "low": Plan(np.full(4, 900.0), margin=0.05)}
    table = compare_remedies(plans, rows)
    assert table.loc["do nothing", ["value_usd", "mae_usd"]].tolist() == [75, 0]
    assert table.loc["low", "value_usd"] == pytest.approx(1000 - 0.95 * 900 - 25)
    assert table.loc["low", "mae_usd"] == pytest.approx(100)
    assert table.loc["low", "level"] == pytest.approx(-0.1)


def test_the_interval_is_the_t_interval_of_weekly_differences(rows):
    plans = {"do nothing": do_nothing(rows), "one": refuse(rows, [True, True, False, False])}
    table = compare_remedies(plans, rows)
    # Weekly differences −75 and 0: mean −37.5, s = 75/√2, half = t(0.975, 1) · s/√2 = 12.706 · 37.5
    assert table.loc["one", "gain_usd"] == pytest.approx(-37.5)
    assert table.loc["one", "gain_high"] == pytest.approx(-37.5 + 12.7062 * 37.5, rel=1e-4)
    assert table.loc["one", "n_refused"] == 2


def test_the_remedy_s_own_cost_is_deducted(rows):
    plans = {"do nothing": do_nothing(rows), "paid": refuse(rows, [False] * 4, cost_usd=80)}
    assert compare_remedies(plans, rows)["gain_usd"]["paid"] == pytest.approx(-20)


def test_who_makes_no_offer_has_no_error_and_earns_nothing(rows):
    plans = {"do nothing": do_nothing(rows), "stop": refuse(rows, [True] * 4)}
    stopped = compare_remedies(plans, rows).loc["stop"]
    assert stopped["value_usd"] == 0
    assert stopped[["mae_usd", "level"]].isna().all()


def test_recovered_is_the_share_of_the_gap(rows):
    fallen = rows.assign(price=900.0)
    plans = {"do nothing": do_nothing(fallen), "half": Plan(np.full(4, 950.0))}
    table = compare_remedies(plans, fallen, undone=rows)
    # Worth 900 − 900 − 25, 900 − 855 − 25 and 75.
    assert table["value_usd"].tolist() == pytest.approx([-25, 20, 75])
    assert table.loc["half", "recovered"] == pytest.approx(0.45)
    assert table.loc["half", "short_usd"] == pytest.approx(55)
    assert table.loc["half", "recovered_low"] == pytest.approx(0.45)  # every week is the same


def test_the_order_of_rows_does_not_matter(rows):
    rows = rows.assign(price=[900.0, 1000, 1100, 950])
    turned = rows.iloc[::-1]
    table, other = (compare_remedies({"do nothing": do_nothing(r)}, r) for r in (rows, turned))
    pd.testing.assert_frame_equal(table, other)


# -- Refusals -------------------------------------------------------------------------------------


def test_labels_that_nobody_has_are_asked_for_by_name(known):
    with pytest.raises(ValueError, match="0 of 4 rows of `known` have a price and were offered"):
        recalibrate(known, known, since="2025-03-05")


def test_a_segment_without_labels_is_named(known):
    with pytest.raises(ValueError, match="1 of 3 segments of `carat` have no known price"):
        recalibrate(known, known, since="2025-03-03", by="carat", edges=[1.0, 2.0])


def test_an_edge_that_is_no_list_is_refused_with_one(known):
    with pytest.raises(TypeError, match=r"`edges` must be a list such as \[1\.0\], got 1\.0"):
        recalibrate(known, known, since="2025-03-03", by="carat", edges=1.0)


def test_a_column_without_edges_is_refused(known):
    with pytest.raises(ValueError, match="`by` and `edges` go together"):
        reindex(known, since="2025-03-03", by="carat")


def test_too_few_rows_are_no_training_set(known):
    with pytest.raises(ValueError, match=r"2 rows have a known price.*training needs 80"):
        retrain(known, known, since="2025-03-03")


def test_no_margin_to_choose_from_is_refused(known):
    with pytest.raises(ValueError, match="`margins` is empty"):
        change_margin(known, known, since="2025-03-03", margins=[])


@pytest.mark.parametrize("mask", [[1, 0, 0, 0], [True]])
def test_rows_to_refuse_are_one_bool_each(rows, mask):
    with pytest.raises(ValueError, match="`rows` must be one bool for each of 4 rows"):
        refuse(rows, mask)


@pytest.mark.parametrize("coverage", [0, 1, 2])
def test_coverage_is_a_share(coverage):
    stones = pd.DataFrame({"carat": [1.0], "x": 6.4, "y": 6.4, "z": 4.0})
    with pytest.raises(ValueError, match="`coverage` must lie between 0 and 1"):
        carat_contradicts(stones, stones, coverage=coverage)


def test_a_missing_column_is_named(known, rows):
    with pytest.raises(ValueError, match="no column 'predicted_price'"):
        recalibrate(known.drop(columns="predicted_price"), known, since=DROP)
    with pytest.raises(ValueError, match="no column x, y, z"):
        carat_contradicts(known, known)
    with pytest.raises(ValueError, match="`rows` has no column price"):
        compare_remedies({"do nothing": do_nothing(rows)}, rows.drop(columns="price"))


def test_a_comparison_refuses_what_it_cannot_judge(rows):
    plans = {"do nothing": do_nothing(rows)}
    with pytest.raises(ValueError, match="`plans` has no 'nothing'"):
        compare_remedies(plans, rows, baseline="nothing")
    with pytest.raises(ValueError, match="'do nothing' has 4 stones, `rows` has 2"):
        compare_remedies(plans, rows.iloc[:2])
    with pytest.raises(ValueError, match="`price` is missing in 1 of 4 rows"):
        compare_remedies(plans, rows.assign(price=[1.0, 2, 3, np.nan]))
    with pytest.raises(ValueError, match="spans 1 week"):
        compare_remedies(plans, rows.assign(offered_at=DAYS[0]))
    with pytest.raises(ValueError, match="`undone` has other offers"):
        compare_remedies(plans, rows, undone=rows.iloc[::-1])
    with pytest.raises(ValueError, match="there is nothing to recover"):
        compare_remedies(plans, rows, undone=rows)
