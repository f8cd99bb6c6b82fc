import itertools

import numpy as np
import pandas as pd
import pytest

from course_lib.course.calendar import SETS, production_week
from course_lib.course.data import load_diamonds
from course_lib.course.planted_incidents import (
    INCIDENTS,
    join_bug,
    large_stone_campaign,
    market_drop,
    new_gauge,
    plant,
    truth_table,
)

PLANTED = {"A": new_gauge, "B": large_stone_campaign, "C": join_bug, "D": market_drop}
TOUCHED = {"A": ["depth"], "C": ["carat"], "D": ["price"]}
LAST_WEEK = SETS["analysis"] + SETS["waiting"] + SETS["future"] - 1


@pytest.fixture(scope="module")
def stones():
    return load_diamonds()


def week(frame):
    return production_week(frame["offered_at"])


def by_stone(frame):
    return frame.sort_values("stone", ignore_index=True)


@pytest.mark.parametrize("letter", "ABCD")
def test_an_incident_leaves_its_input_alone_and_repeats_itself(stones, letter):
    before = stones.copy()
    first, again = PLANTED[letter](stones), PLANTED[letter](stones)
    pd.testing.assert_frame_equal(stones, before)
    pd.testing.assert_frame_equal(first, again)
    pd.testing.assert_series_equal(first.dtypes, stones.dtypes)
    assert not first.equals(stones)


@pytest.mark.parametrize("letter", "ACD")
def test_an_incident_touches_its_columns_in_its_weeks_only(stones, letter):
    after = PLANTED[letter](stones)
    differs = after[TOUCHED[letter][0]] != stones[TOUCHED[letter][0]]
    pd.testing.assert_frame_equal(
        after.drop(columns=TOUCHED[letter]), stones.drop(columns=TOUCHED[letter])
    )
    truth = truth_table().loc[letter]
    weeks = set(week(stones)[differs])
    assert weeks == set(range(truth["first_week"], truth["last_week"] + 1))
    assert truth["columns"] == TOUCHED[letter][0]


@pytest.mark.parametrize("letter", "ABC")
def test_another_seed_chooses_other_stones(stones, letter):
    plant_it = PLANTED[letter]
    assert not plant_it(stones, seed=101).equals(plant_it(stones, seed=102))


@pytest.mark.parametrize("letter", "AC")
def test_the_choice_does_not_depend_on_the_order_of_rows(stones, letter):
    mixed = stones.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(
        by_stone(PLANTED[letter](mixed)), by_stone(PLANTED[letter](stones))
    )


@pytest.mark.parametrize("letter", "ABC")
def test_the_choice_in_a_week_does_not_depend_on_other_weeks(stones, letter):
    truth = truth_table().loc[letter]
    last = truth["last_week"]
    whole, one = PLANTED[letter](stones), PLANTED[letter](stones, weeks=(last, last))
    if letter == "B":  # which small stones leave; those that arrive come from one pool
        left = [
            set(stones["stone"][week(stones) == last]) - set(f["stone"][week(f) == last])
            for f in (whole, one)
        ]
        assert left[0] == left[1] != set()
    else:
        pd.testing.assert_frame_equal(whole[week(whole) == last], one[week(one) == last])


def test_the_new_gauge_reads_five_percent_high_on_forty_percent(stones):
    ratio = (new_gauge(stones)["depth"] / stones["depth"])[week(stones).between(4, 9)]
    assert (ratio > 1).mean() == pytest.approx(0.40, abs=0.002)
    assert ratio[ratio > 1].between(1.049, 1.051).all()


def test_the_campaign_exchanges_stones_and_nothing_else(stones):
    after = large_stone_campaign(stones)
    times = ["offered_at", "price_known_at"]
    pd.testing.assert_frame_equal(
        by_stone(after).drop(columns=times), by_stone(stones).drop(columns=times)
    )
    for name in times:  # the same moments, in the same order, the reserve last
        pd.testing.assert_series_equal(after[name], stones[name])


def test_the_campaign_leaves_every_other_week_as_it_is(stones):
    after = large_stone_campaign(stones)
    busy = week(stones).between(10, 15)
    quiet = ~busy & stones["offered_at"].notna()
    pd.testing.assert_frame_equal(after[quiet], stones[quiet])
    assert set(week(stones)[after["stone"] != stones["stone"]].dropna()) == set(range(10, 16))


def test_the_campaign_swaps_small_stones_for_large_ones_of_the_reserve(stones):
    after = by_stone(large_stone_campaign(stones))
    before = by_stone(stones)
    came = before["offered_at"].isna() & after["offered_at"].notna()
    went = before["offered_at"].notna() & after["offered_at"].isna()
    assert (before["carat"][came] >= 1.5).all()
    assert (before["carat"][went] < 1.5).all()
    assert came.sum() == went.sum() > 0


def test_a_third_of_the_campaigns_stones_is_large(stones):
    after = large_stone_campaign(stones)
    large = (after["carat"] >= 1.5)[week(after).between(10, 15)]
    assert large.mean() == pytest.approx(0.32, abs=0.03)


def test_a_campaign_without_a_reserve_says_so(stones):
    offered = stones.dropna(subset=["offered_at"])
    with pytest.raises(ValueError, match=r"needs \d+ large stones, the reserve has 0"):
        large_stone_campaign(offered)


def test_the_join_bug_keeps_every_weeks_values(stones):
    after = join_bug(stones)
    for number in range(18, 22):
        rows = week(stones) == number
        assert sorted(after["carat"][rows]) == sorted(stones["carat"][rows])
        assert 0.30 < (after["carat"] != stones["carat"])[rows].mean() <= 0.36  # some are equal


def test_the_join_bug_breaks_the_physics_of_a_third_of_the_stones(stones):
    rows = week(stones).between(18, 21)
    density = {
        name: (frame["carat"] / (frame["x"] * frame["y"] * frame["z"]))[rows]
        for name, frame in {"true": stones, "broken": join_bug(stones)}.items()
    }
    possible = density["true"].quantile([0.005, 0.995])
    impossible = ~density["broken"].between(*possible)
    assert impossible.mean() == pytest.approx(1 / 3, abs=0.04)


def test_the_market_drop_is_worked_by_hand(stones):
    after = market_drop(stones)
    rows = week(stones) >= 23
    light, heavy = rows & (stones["carat"] < 1), rows & (stones["carat"] >= 1)
    assert (after["price"][light] == np.rint(stones["price"][light] * 0.92)).all()
    assert (after["price"][heavy] == np.rint(stones["price"][heavy] * 0.85)).all()
    assert week(stones)[rows].max() == LAST_WEEK


def test_a_drop_of_nothing_changes_nothing(stones):
    assert market_drop(stones, small_drop=0, large_drop=0).equals(stones)
    assert new_gauge(stones, share=0).equals(stones)
    assert join_bug(stones, share=0).equals(stones)
    assert large_stone_campaign(stones, share=0).equals(stones)


@pytest.mark.parametrize("order", list(itertools.permutations("ABCD")))
def test_the_order_of_planting_does_not_matter(stones, order):
    offered = stones.dropna(subset=["offered_at"])
    production = offered[week(offered) >= 0].groupby(week(offered)).head(60)
    few = pd.concat([production, stones[stones["offered_at"].isna()]], ignore_index=True)
    frame = few
    for letter in order:
        frame = PLANTED[letter](frame)
    pd.testing.assert_frame_equal(frame, plant(few))


@pytest.mark.parametrize("letter", "ABCD")
def test_leaving_one_out_changes_its_own_weeks_only(stones, letter):
    all_four, three = plant(stones), plant(stones, "ABCD".replace(letter, ""))
    truth = truth_table().loc[letter]
    inside = week(three).between(truth["first_week"], truth["last_week"])
    quiet = ~inside & three["offered_at"].notna()
    pd.testing.assert_frame_equal(all_four[quiet], three[quiet])
    assert not all_four[inside].equals(three[inside])


def test_the_price_falls_by_the_true_carat_where_incidents_overlap(stones, monkeypatch):
    late = {"C": lambda frame: join_bug(frame, weeks=(30, 30)), "D": market_drop}
    order = [letter for letter in INCIDENTS if letter in late]
    frame = stones
    for letter in order:
        frame = late[letter](frame)
    pd.testing.assert_series_equal(frame["price"], market_drop(stones)["price"])
    assert order == ["D", "C"]


def test_planting_nothing_gives_an_equal_copy(stones):
    copy = plant(stones, "")
    pd.testing.assert_frame_equal(copy, stones)
    assert copy is not stones


def test_the_truth_table_tells_what_the_functions_do():
    for letter, row in truth_table().iterrows():
        defaults = PLANTED[letter].__kwdefaults__
        assert defaults["weeks"] == (row["first_week"], row["last_week"])
        strengths = [v for k, v in defaults.items() if k in ("share", "small_drop", "large_drop")]
        for strength in strengths:
            assert f"{100 * strength:.0f} %" in row["planted"]
    assert truth_table("").empty
    assert truth_table("DA").index.tolist() == ["A", "D"]


@pytest.mark.parametrize("call", [plant, lambda _, letters: truth_table(letters)])
def test_an_unknown_letter_is_named(stones, call):
    with pytest.raises(ValueError, match=r"1 unknown letter\(s\): E"):
        call(stones, "AE")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda s: new_gauge(s, share=1.4), "`share` is 1.4"),
        (lambda s: join_bug(s, weeks=(9, 4)), r"`weeks` is \(9, 4\)"),
        (lambda s: join_bug(s, weeks=(0, 99)), r"`weeks` is \(0, 99\)"),
        (lambda s: market_drop(s, large_drop=-0.1), "`large_drop` is -0.1"),
        (lambda s: new_gauge(s.drop(columns=["depth", "stone"])), "has no stone, depth"),
        (lambda s: large_stone_campaign(s.drop(columns="price_known_at")), "price_known_at"),
    ],
)
def test_wrong_strengths_and_columns_are_named(stones, call, words):
    with pytest.raises(ValueError, match=words):
        call(stones)
