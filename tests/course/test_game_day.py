"""The game day: sealed games, fair grades, and a solution that beats two simpler players."""

import dataclasses
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from course_lib import as_of, desk_value, game_day, load_desk
from course_lib.course.calendar import LARGE_CARAT, production_week
from course_lib.course.desk_value import accepts
from course_lib.course.game import REMEDIES, TODAY, _dealt, _drawn, complaint, leaderboard
from course_lib.course.game_solution import SIGNS, alert_counts, quality_only, solve, standing
from course_lib.course.hidden_incidents import CAUSES, KINDS

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import game_evidence as evidence  # noqa: E402

NOTHING = {"cause": "nothing", "start_week": None, "remedy": "do nothing"}


def seed_of(cause, wanted=lambda incident: True):
    """The first seed of a cause."""
    return next(s for s in range(999) if _drawn(s).cause == cause and wanted(_drawn(s)))


def strong(incident):
    return incident.position > 0.7


def right_answer(game):
    truth = game.grade(NOTHING).truth
    return {name: truth[name] for name in ("cause", "start_week", "remedy")}


@pytest.fixture(scope="module")
def games():
    """One strong game of each kind, and a quiet one."""
    found = {cause: game_day(seed_of(cause, strong)) for cause in KINDS}
    return found | {"nothing": game_day(seed_of("nothing"))}


# -- Streams --------------------------------------------------------------------------------------


def test_equal_seeds_make_equal_games_and_others_differ():
    one, same, other = (game_day(seed) for seed in (5, 5, 6))
    pd.testing.assert_frame_equal(one.analysis, same.analysis)
    assert one.grade(NOTHING).truth == same.grade(NOTHING).truth
    assert not one.analysis["carat"].equals(other.analysis["carat"])


def test_two_quiet_games_differ_but_share_reference_and_moments():
    first = seed_of("nothing")
    second = seed_of("nothing", lambda incident: incident.seed != first)
    one, other = game_day(first), game_day(second)
    same_place = one.analysis["price"].eq(other.analysis["price"]).mean()
    assert same_place < 0.05
    pd.testing.assert_frame_equal(one.reference, other.reference)
    pd.testing.assert_series_equal(one.analysis["offered_at"], other.analysis["offered_at"])


def test_no_stone_is_dealt_twice_and_weeks_vary_as_in_life():
    dealt = _dealt(3)
    assert dealt["stone"].is_unique
    offered = dealt.dropna(subset=["offered_at"])
    assert offered["offered_at"].is_monotonic_increasing
    large = (offered["carat"] >= LARGE_CARAT).groupby(production_week(offered["offered_at"])).mean()
    assert large.mean() == pytest.approx(0.08, abs=0.01)
    assert 0.012 < large.std() < 0.03


def test_the_model_has_not_learned_from_the_stones_of_a_game():
    desk = load_desk("")
    learned = pd.concat([desk.train, desk.validation])["stone"]
    assert not _dealt(3)["stone"].isin(learned).any()


def test_a_quiet_game_is_the_clean_desk(games):
    stones = games["nothing"].analysis
    predicted = load_desk("").predict(stones)
    np.testing.assert_allclose(stones["predicted_price"], predicted)
    known = stones.dropna(subset=["price"])
    answers = accepts(known["price"], known["predicted_price"])
    assert (known["accepted"].to_numpy() == answers).all()


def test_predictions_are_made_from_what_is_written_down(games):
    for cause in ("unit change", "category renamed", "missing block"):
        stones = games[cause].analysis
        np.testing.assert_allclose(stones["predicted_price"], load_desk("").predict(stones))


@pytest.mark.parametrize("cause", KINDS)
def test_an_incident_touches_its_column_from_its_week_on(cause):
    incident = _drawn(seed_of(cause, strong))
    stones = _dealt(incident.seed)
    changed = KINDS[cause].plant(stones, incident)
    if cause == "mix change":
        differs = (changed["stone"] != stones["stone"]) & stones["offered_at"].notna()
        assert (changed["carat"][differs] >= LARGE_CARAT).all()
        pd.testing.assert_series_equal(changed["offered_at"], stones["offered_at"])
    else:
        kept = stones.columns.drop(incident.column)
        pd.testing.assert_frame_equal(changed[kept], stones[kept])
        old, new = (frame[incident.column].astype(object) for frame in (stones, changed))
        differs = (old != new) & ~(old.isna() & new.isna())
    week = production_week(stones["offered_at"])[differs].dropna()
    assert week.min() == incident.start
    assert week.max() == 35


@pytest.mark.parametrize(
    ("cause", "holds"),
    [
        ("unit change", lambda new, old: np.allclose(new / old, (new / old)[0])),
        ("stuck sensor", lambda new, old: len(set(new)) == 1),
        ("broken join", lambda new, old: abs(new.mean() / old.mean() - 1) < 0.05),
        ("missing block", lambda new, old: np.isnan(new).all()),
        ("price shock", lambda new, old: np.std(new / old) < 0.01),
    ],
)
def test_a_fault_writes_what_its_name_says(cause, holds):
    incident = _drawn(seed_of(cause, strong))
    stones = _dealt(incident.seed)
    changed = KINDS[cause].plant(stones, incident)
    old, new = (frame[incident.column].to_numpy(dtype=float) for frame in (stones, changed))
    rows = (old != new) & (old != 0)  # a few real stones have a size of 0
    assert holds(new[rows], old[rows])
    since = (production_week(stones["offered_at"]) >= incident.start).to_numpy()
    if cause != "price shock":
        assert rows[since].mean() == pytest.approx(incident.strength, rel=0.2)


def test_what_is_drawn_covers_kinds_starts_and_strengths():
    drawn = [_drawn(seed) for seed in range(2000)]
    causes = pd.Series([incident.cause for incident in drawn]).value_counts(normalize=True)
    assert set(causes.index) == set(CAUSES)
    assert causes["nothing"] == pytest.approx(0.25, abs=0.03)
    assert causes.drop("nothing").between(0.08, 0.14).all()
    for incident in drawn:
        if incident.cause != "nothing":
            kind = KINDS[incident.cause]
            assert kind.weakest <= incident.strength <= kind.strongest
            assert incident.column in kind.columns
            assert 6 <= incident.start <= 18


def test_the_strongest_mix_change_finds_enough_large_stones():
    kind = KINDS["mix change"]
    incident = _drawn(seed_of("mix change"))
    hardest = dataclasses.replace(incident, start=6, strength=kind.strongest)
    for seed in range(4):
        kind.plant(_dealt(seed), dataclasses.replace(hardest, seed=seed))


# -- Sealed ---------------------------------------------------------------------------------------


def test_nothing_public_tells_the_cause(games):
    frames = {"reference", "analysis"}
    for game in games.values():
        public = {name for name in dir(game) if not name.startswith("_")}
        assert public == {"analysis", "columns", "features", "grade", "reference", "seed"} | {
            "today", "week",
        }  # fmt: skip
        shown = repr(game) + "".join(str(getattr(game, name)) for name in public - frames)
        assert not any(cause in shown for cause in CAUSES)
        assert "stone" not in game.analysis
        assert game.analysis.index.equals(pd.RangeIndex(len(game.analysis)))
    assert len({re.sub(r"seed=\d+", "", repr(game)) for game in games.values()}) == 1


def test_labels_are_those_published_today(games):
    for game in games.values():
        stones = game.analysis
        assert (stones["price"].notna() == (stones["price_known_at"] <= TODAY)).all()
        assert stones["offered_at"].max() < game.today == TODAY
        pd.testing.assert_frame_equal(as_of(stones, TODAY), stones)


def test_a_game_is_frozen_and_hands_out_copies(games):
    game = games["price shock"]
    before = game.analysis
    for frame in (game.analysis, game.reference):
        frame["carat"] = 0.0
    game.features.append("price")
    game.columns["y_true"] = "carat"
    pd.testing.assert_frame_equal(game.analysis, before)
    assert (game.reference["carat"] > 0).all()
    assert len(game.features) == 9
    assert game.columns["y_true"] == "price"
    with pytest.raises(dataclasses.FrozenInstanceError):
        game.seed = 1


def test_the_columns_are_there(games):
    stones = games["nothing"].analysis
    assert {*games["nothing"].features, *games["nothing"].columns.values()} == set(stones)
    assert set(stones) == set(games["nothing"].reference)


# -- Grades ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", CAUSES)
def test_the_right_answer_gets_ten_points_and_all_the_money(games, cause):
    grade = games[cause].grade(right_answer(games[cause]))
    assert grade.cause_right
    assert grade.remedy_right
    assert grade.points == 10
    assert grade.short_usd == 0
    assert not grade.false_alarm
    assert not grade.missed
    assert "10 of 10 points" in str(grade)


@pytest.mark.parametrize(
    ("weeks_off", "points"), [(0, 10), (1, 10), (-1, 10), (2, 9), (-3, 9), (4, 8)]
)
def test_a_start_counts_by_its_distance(games, weeks_off, points):
    game = games["broken join"]
    right = right_answer(game)
    grade = game.grade({**right, "start_week": right["start_week"] + weeks_off})
    assert grade.weeks_off == weeks_off
    assert grade.points == points


def test_a_false_alarm_costs_points_and_its_remedy(games):
    alarm = {"cause": "unit change", "start_week": 12, "remedy": "fix upstream"}
    grade = games["nothing"].grade(alarm)
    assert grade.false_alarm
    assert grade.points == -2
    assert grade.saved_usd == pytest.approx(-REMEDIES["fix upstream"])
    assert grade.weeks_off is None
    assert "false alarm" in str(grade)
    assert "nothing happened" in str(grade)


def test_a_missed_incident_gets_nothing_and_saves_nothing(games):
    grade = games["price shock"].grade(NOTHING)
    assert grade.missed
    assert (grade.points, grade.saved_usd) == (0, 0)
    assert grade.short_usd == grade.right_usd > 0
    assert "price shock since week" in str(grade)
    assert "'recalibrate' is right" in str(grade)


def coming(game):
    """The true stones of the weeks after today."""
    offered = game._offered
    return offered[offered["offered_at"] >= TODAY]


def test_fixing_upstream_saves_what_the_fault_costs(games):
    game = games["missing block"]
    stones = coming(game)
    clean = game._clean_price[-len(stones) :]
    value = desk_value()
    prices = stones["price"].to_numpy(dtype=float)
    by_hand = (
        value.rows(prices, clean).sum()
        - value.rows(prices, stones["predicted_price"].to_numpy()).sum()
    )
    # Weeks weigh alike in the comparison of remedies, so the two differ by a little.
    saved = game.grade(right_answer(game)).saved_usd
    assert saved == pytest.approx(by_hand - REMEDIES["fix upstream"], rel=0.02)


def test_whoever_stops_buying_gives_up_what_the_desk_earns(games):
    game = games["nothing"]
    stones = coming(game)
    pair = (stones[name].to_numpy(dtype=float) for name in ("price", "predicted_price"))
    grade = game.grade({**NOTHING, "remedy": "stop buying"})
    assert grade.saved_usd == pytest.approx(-desk_value().rows(*pair).sum(), rel=0.02)


def test_recalibrating_learns_from_the_start_that_was_named(games):
    game = games["price shock"]
    right = right_answer(game)
    early = game.grade({**right, "start_week": 0})
    assert early.saved_usd < early.right_usd
    unpublished = game.grade({**right, "start_week": 24})
    assert unpublished.saved_usd == pytest.approx(-REMEDIES["recalibrate"])


def test_retraining_is_carried_out_too(games):
    grade = games["price shock"].grade({**right_answer(games["price shock"]), "remedy": "retrain"})
    assert not grade.remedy_right
    assert grade.saved_usd < grade.right_usd


def test_a_cure_that_costs_more_than_it_brings_is_called_so():
    found = (game_day(seed) for seed in range(999) if _drawn(seed).column == "table")
    grade = next(grade for game in found if (grade := game.grade(right_answer(game))).right_usd < 0)
    assert "the remedy costs more than it earns" in str(grade)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ("price shock", TypeError, "give a dict of cause, start_week and remedy"),
        ({"cause": "nothing"}, TypeError, "give a dict of cause, start_week and remedy"),
        ({**NOTHING, "cause": "drift"}, ValueError, "'drift'.*unit change, .*, nothing$"),
        ({**NOTHING, "remedy": "pray"}, ValueError, "'pray'.*do nothing, .*, stop buying$"),
        ({**NOTHING, "start_week": 3}, ValueError, "is 3 for 'nothing'; .*None for 'nothing'"),
        ({**NOTHING, "cause": "mix change"}, ValueError, "is None for 'mix change'.*0 to 27"),
        ({**NOTHING, "cause": "mix change", "start_week": 28}, ValueError, "is 28"),
        ({**NOTHING, "cause": "mix change", "start_week": 3.5}, ValueError, "is 3.5"),
        ({**NOTHING, "cause": "mix change", "start_week": "3"}, ValueError, "is '3'"),
        ({**NOTHING, "cause": "mix change", "start_week": True}, ValueError, "is True"),
    ],
)
def test_an_answer_that_cannot_be_read_is_refused_with_what_can(games, answer, error, message):
    with pytest.raises(error, match=message):
        games["nothing"].grade(answer)
    assert re.search(message, complaint(answer))


def test_an_answer_that_can_be_read_gets_no_complaint_right_or_wrong():
    assert complaint(NOTHING) == ""
    assert complaint({"cause": "price shock", "start_week": 0, "remedy": "do nothing"}) == ""


def test_nothing_is_worth_three_points_for_the_remedy_where_doing_nothing_is_right(games):
    points = {name: game.grade(NOTHING).points for name, game in games.items()}
    assert points.pop("nothing") == 10
    assert points.pop("mix change") == 3
    assert set(points.values()) == {0}


@pytest.mark.parametrize("seed", [-1, 1.5, "7", True, None])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(ValueError, match=r"`seed` is .*; give a whole number >= 0"):
        game_day(seed)


def test_a_whole_number_of_numpy_is_one(games):
    game = games["broken join"]
    right = right_answer(game)
    assert game.grade({**right, "start_week": np.int64(right["start_week"])}).points == 10
    assert game_day(np.int64(5)).seed == 5


def test_the_leaderboard_ranks_by_points(games):
    all_right = [game.grade(right_answer(game)) for game in games.values()]
    asleep = [game.grade(NOTHING) for game in games.values()]
    board = leaderboard({"asleep": asleep, "awake": all_right})
    assert board.index.tolist() == ["awake", "asleep"]
    assert board.loc["awake", ["points", "causes", "starts"]].tolist() == [10, 8, 7]
    assert board.loc["asleep", ["causes", "missed", "false_alarms"]].tolist() == [1, 7, 0]
    assert board.loc["asleep", "saved_usd"] == 0 < board.loc["asleep", "short_usd"]


# -- Solutions ------------------------------------------------------------------------------------


def heard(*loud, since=12, every=1):
    """Readings in which these monitors ring from a week on."""
    rows = [
        (name, "x", week, name in loud and week >= since and (week - since) % every == 0)
        for name in SIGNS
        for week in range(28)
    ]
    return pd.DataFrame(rows, columns=["monitor", "column", "week", "alert"])


@pytest.mark.parametrize("monitor", SIGNS)
def test_each_monitor_alone_speaks_for_its_cause(monitor):
    found = solve(heard(monitor))
    assert found["cause"] == SIGNS[monitor]
    assert found["start_week"] == 12
    assert found == alert_counts(heard(monitor))


def test_silence_and_chance_are_nothing():
    assert solve(heard()) == quality_only(heard()) == alert_counts(heard()) == NOTHING
    assert solve(heard("answers", every=6)) == NOTHING
    assert alert_counts(heard("answers", every=6))["cause"] == "price shock"


def test_faults_come_before_the_market_and_the_first_sign_before_the_later_ones():
    assert solve(heard("answers", "bias", "contradiction"))["cause"] == "broken join"
    assert solve(heard("contradiction", "one value", "new numbers"))["cause"] == "unit change"
    assert solve(heard("missing", "contradiction"))["cause"] == "missing block"


def test_a_fault_that_is_less_firm_than_the_expected_error_is_no_fault():
    both = pd.concat([heard("expected error"), heard("new numbers", every=3)])
    firm = both.groupby(["monitor", "column", "week"], as_index=False)["alert"].any()
    assert solve(firm)["cause"] == "mix change"
    assert quality_only(firm)["cause"] == "unit change"


def test_data_quality_alone_hears_no_contradiction_and_no_market():
    for name in ("contradiction", "one value", "expected error", "answers", "bias"):
        assert quality_only(heard(name)) == NOTHING


def test_the_order_of_readings_does_not_matter():
    table = heard("answers").sample(frac=1, random_state=0)
    assert solve(table) == solve(heard("answers"))


def test_standing_worked_by_hand():
    firm, week = standing([False] * 14 + [True] * 3 + [False] * 11)
    assert week == 14
    assert firm == pytest.approx(3 * 0.8 - 11 * 0.2)
    assert standing([False] * 28)[0] < 0
    assert standing([True] * 28) == (pytest.approx(22 * 0.8), 6)


# -- How often they are right ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def played():
    """Three games of each kind and three quiet ones: 24 seeds."""
    seeds = {cause: [s for s in range(2000, 2200) if _drawn(s).cause == cause] for cause in CAUSES}
    return evidence.play([seed for some in seeds.values() for seed in some[:3]])


@pytest.mark.slow
def test_the_solution_is_right_and_beats_the_others(played):
    assert played["seed"].nunique() == 24
    table = evidence.players(played)
    assert table.loc["solution", "causes"] >= evidence.ASKED["all"]
    assert table.loc["solution", "false alarms"] <= evidence.ASKED["false alarms"]
    for other in ("data quality", "alert counts"):
        assert table.loc["solution", "causes"] > table.loc[other, "causes"]
        assert table.loc["solution", "points"] > table.loc[other, "points"]


@pytest.mark.slow
def test_no_kind_of_incident_is_beyond_the_solution(played):
    shares = evidence.shares(played)
    assert (shares["games"].drop("all incidents") == 3).all()
    assert (shares["solution"] >= evidence.ASKED["kind"]).all()


@pytest.mark.slow
def test_the_tables_of_evidence_are_made_from_the_games(played):
    text = evidence.markdown(played)
    assert "3 of them quiet" in text
    assert "| all incidents | 21 |" in text


def published(head):
    page = (ROOT / "docs/evidence.md").read_text(encoding="utf-8")
    table = page.split(head)[1].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table]
    return {name: [float(figure) for figure in figures] for name, *figures in rows}


def test_the_published_tables_meet_what_is_asked():
    asked = {name: 100 * share for name, share in evidence.ASKED.items()}
    kinds = published("| incident | n |")
    assert list(kinds) == [*KINDS, "all incidents"]
    everything = kinds.pop("all incidents")
    assert everything[1] >= asked["all"]
    assert everything[1] > max(everything[3:])
    for n, right, stronger, *_ in kinds.values():
        assert n >= 20
        assert right >= asked["kind"]
        assert stronger >= asked["stronger"]
    players = published("| player | causes |")
    assert players["solution"][2] <= asked["false alarms"]
    assert players["solution"][3] > max(players["data quality"][3], players["alert counts"][3])


def test_the_published_games_are_the_ones_of_the_command():
    page = (ROOT / "docs/evidence.md").read_text(encoding="utf-8")
    seeds = range(evidence.FIRST, evidence.FIRST + evidence.GAMES)
    quiet = sum(_drawn(seed).cause == "nothing" for seed in seeds)
    assert quiet >= 40
    assert f"Games: seeds {seeds[0]} to {seeds[-1]}, {quiet} of them quiet." in page
