"""The machinery behind docs/evidence.md: that it would see a limit or a band that is wrong."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from course_lib import ConstantThreshold, PredictionIntervalThreshold, load_desk

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import band_coverage  # noqa: E402
import false_alarms  # noqa: E402
import hostile_evidence  # noqa: E402
import parts  # noqa: E402
import ranking_evidence as ranking  # noqa: E402
import streams  # noqa: E402

# -- Rows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("clustered", "shared"), [(False, 0.0), (True, streams.SHARED)])
def test_rows_of_a_day_share_as_much_as_they_should(clustered, shared):
    days = streams.Source(1, clustered=clustered).normal(40_000).reshape(-1, streams.N_DAY)
    within = days.var(axis=1, ddof=1).mean()
    assert within == pytest.approx(1 - shared, abs=0.03)
    assert days.var() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("name", streams.WORLDS)
def test_a_seed_gives_the_same_rows_and_another_number_other_rows(name):
    world = streams.WORLDS[name]
    first, again, other = (world.rows(streams.Source(seed), 50, 0.1) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_a_mix_of_rows_raises_the_error_by_two_thirds():
    means = {}
    for shift in (0.0, 2 / 3):
        rows = streams.priced(streams.Source(1), 200_000, shift)
        means[shift] = np.log(rows["price"] / rows["predicted"]).abs().mean()
    assert means[2 / 3] / means[0.0] == pytest.approx(5 / 3, rel=0.02)
    wrong = {}
    for shift in (0.0, streams.MIXED):
        rows = streams.scored(streams.Source(1), 200_000, shift)
        wrong[shift] = (rows["predicted"] != rows["churned"]).mean()
    assert wrong[streams.MIXED] / wrong[0.0] == pytest.approx(5 / 3, rel=0.02)


# -- Alerts and bands -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["regression", "classification", "quality"])
def test_readings_are_those_of_the_public_result(name):
    world, k = streams.WORLDS[name], 6
    chunks = streams.plan(world)
    reference, analysis = streams.frames(world, chunks, streams.Source(3), k)
    cuts = streams.Cuts((world.n_rows,) * k, tuple(n for _, n, _ in chunks))
    for monitor_name, monitor in world.monitors(cuts, 1).items():
        found = pd.DataFrame(streams.readings(monitor_name, monitor, reference, analysis))
        fresh = world.monitors(cuts, 1)[monitor_name].fit(reference)
        run = getattr(fresh, "estimate", None) or fresh.calculate
        said = run(analysis).filter(period="analysis").to_df()
        np.testing.assert_array_equal(found["value"], said["value"])
        assert found["alert_0.01"].tolist() == said["alert"].tolist()
        assert found["alert_0.05"].sum() >= found["alert_0.01"].sum() > 0
        if "held" in found:
            realized = world.monitors(cuts, 1)["realized"].fit(reference).calculate(analysis)
            truth = realized.filter(period="analysis").to_df()["value"]
            low, high = said["lower_confidence_boundary"], said["upper_confidence_boundary"]
            assert found["held"].tolist() == truth.between(low, high).tolist()
            apart = (truth - said["value"]).abs()
            narrow = apart <= 1.96 * said["sampling_error"]
            assert found["held_if_independent"].tolist() == narrow.tolist()


def test_a_judge_applies_the_threshold_that_it_is_given():
    world = streams.WORLDS["regression"]
    reference, _ = streams.frames(world, [("quiet", 160, 0.0)], streams.Source(4), 5)
    monitor = world.monitors(streams.Cuts((160,) * 5, (160,)), 1)["realized"].fit(reference)
    reading = streams.Reading("mae", 200.0, 160)
    assert streams.Judge(monitor, ConstantThreshold(upper=199)).alerts(reading)
    assert not streams.Judge(monitor, ConstantThreshold(upper=201)).alerts(reading)
    assert streams.Judge(monitor, ConstantThreshold(lower=201)).alerts(reading)


class Naive:
    """Takes mean and spread of few chunks for the true ones."""

    def __init__(self, rate):
        self.rate = rate

    def limits(self, values, *, n_used, n, bounds):
        return None, np.mean(values) + stats.norm.isf(self.rate) * np.std(values)


@pytest.mark.parametrize(("rate", "times"), [(0.01, 2.5), (0.05, 1.5)])
def test_a_limit_with_a_wrong_formula_is_seen(rate, times):
    rng = np.random.default_rng(0)
    groups, judged = rng.normal(200, 10, (600, 10)), rng.normal(200, 10, 5000)
    right, wrong = (
        np.mean(false_alarms.passed(groups, judged, rule(rate)))
        for rule in (PredictionIntervalThreshold, Naive)
    )
    assert right == pytest.approx(rate, rel=0.2)
    assert wrong > times * rate


# -- Tables ---------------------------------------------------------------------------------------


def means_of(rate, held=0.95, *, line="DLE mae", world="regression"):
    kinds = ["quiet", "half", "quarter", *(f"shift {s:.2f}" for s in streams.WORLDS[world].shifts)]
    rows = [
        {"line": line, "kind": kind, "stream": i, "k": k, "clustered": clustered}
        for kind in kinds
        for i in range(4)
        for k, clustered in ((10, False), (20, False), (10, True))
    ]
    alerts = {"alert_0.01": rate, "alert_0.05": 5 * rate}
    bands = {"held": held, "held_if_independent": 0.5}
    return pd.DataFrame(rows).assign(world=world, value=1.0, **alerts, **bands)


@pytest.mark.parametrize(
    ("line", "rate", "n_bold"),
    [
        ("realized mae", 0.010, 0),
        ("realized mae", 0.021, 6),
        ("realized mae", 0.004, 6),
        ("DLE mae", 0.004, 0),
        ("DLE mae", 0.021, 6),
        ("univariate wasserstein, heavy tails", 0.029, 0),
        ("univariate wasserstein, heavy tails", 0.031, 6),
    ],
)
def test_a_rate_outside_half_to_twice_is_bold(line, rate, n_bold):
    table = false_alarms.rates(means_of(rate, line=line)).loc[line]
    assert false_alarms._rates_of(table, line).count("**") == 2 * n_bold


@pytest.mark.parametrize(("held", "n_bold"), [(0.95, 0), (0.90, 4), (0.79, 6), (0.99, 4)])
def test_a_band_that_misses_its_level_is_bold(held, n_bold):
    row = band_coverage._row(means_of(0.01, held), "DLE mae", "held")
    assert row.count("**") == 2 * n_bold


def test_the_smallest_shift_is_read_between_those_that_were_tried():
    assert false_alarms.smallest([0, 1, 2], [0.01, 0.6, 1.0]) == pytest.approx(1.5)
    assert np.isnan(false_alarms.smallest([0, 1, 2], [0.01, 0.1, 0.79]))


def test_equal_scores_share_a_place():
    scores = pd.Series({"a": 3, "b": 1, "c": 1, "d": 1, "e": 0})
    assert ranking.chance(scores, ["a"], 1) == 1
    assert ranking.chance(scores, ["b"], 1) == 0
    assert ranking.chance(scores, ["b"], 3) == pytest.approx(2 / 3)
    assert ranking.chance(scores, ["b", "c"], 2) == pytest.approx(2 / 3)
    assert ranking.chance(scores.replace(3, np.nan), ["a"], 3) == 0


# -- Incidents ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ranking.KINDS)
def test_an_incident_harms_and_touches_one_column_of_the_last_weeks(kind):
    desk = load_desk("")
    column, rows = ranking.incident(desk, kind, np.random.default_rng(5))
    clean = desk.analysis
    assert desk.week(rows).nunique() == ranking.N_QUIET + ranking.N_BROKEN
    if kind == "mix":
        assert set(rows["stone"]) <= set(clean["stone"])
        return
    now, before = rows.set_index("stone"), clean.set_index("stone").loc[rows["stone"]]
    changed = [name for name in desk.features if not now[name].equals(before[name])]
    assert changed == [column]
    weeks = desk.week(now[now[column] != before[column]])
    assert weeks.min() >= desk.week(now).min() + ranking.N_QUIET
    bad = desk.week(now) >= desk.week(now).min() + ranking.N_QUIET
    assert ranking._mae(now[bad]) >= ranking.HARM * ranking._mae(before[bad])


# -- Parts ----------------------------------------------------------------------------------------


def test_a_part_is_run_once_and_read_back_the_same(tmp_path):
    runs = []

    def part(number):
        runs.append(number)
        return pd.DataFrame({"number": [number], "value": [1 / (3 + number)]})

    tasks = {f"part-{number}": (number,) for number in (2, 1)}
    first = parts.collect("test", part, tasks, store=tmp_path)
    next(tmp_path.glob("test-part-1-*.csv")).unlink()
    again = parts.collect("test", part, tasks, store=tmp_path)
    assert runs == [2, 1, 1]
    pd.testing.assert_frame_equal(again, first)
    assert first["value"].tolist() == pytest.approx([1 / 5, 1 / 4])


# -- Broken input ---------------------------------------------------------------------------------


def test_broken_input_is_counted_by_call_and_a_finding_is_told_once():
    drawn = pd.DataFrame(
        [
            ("range", "TypeError", "", ""),
            ("range", "broken", "a warning", "the first case"),
            ("range", "broken", "a warning", "another"),
            ("DLE", "result", "", ""),
            ("DLE", "ValueError", "", ""),
        ],
        columns=["monitor", "outcome", "finding", "case"],
    )
    lines = hostile_evidence.markdown(drawn).splitlines()[2:]
    assert lines == [
        "| DLE | 2 | 1 | 1 | 0 | 0 |",
        "| range | 3 | 0 | 1 | 2 | 1 |",
        "| all | 5 | 1 | 2 | 2 | 1 |",
    ]
    assert hostile_evidence.findings(drawn) == "range, 2: a warning\n    the first case"


def test_the_command_draws_others_than_the_tests_and_the_same_each_time():
    first, again, other = (hostile_evidence.tally("missing", seed, 5) for seed in (1, 1, 0))
    pd.testing.assert_frame_equal(first, again)
    assert len(other) == 5


def test_a_finding_is_kept_with_its_case_and_does_not_end_the_run(monkeypatch):
    import hostile

    def examine(case):
        raise hostile.BrokenError(f"it broke\n{case}")

    monkeypatch.setattr(hostile, "examine", examine)
    drawn = hostile.tally("as_of", 1, 4)
    assert drawn["finding"].tolist() == ["it broke"] * 4
    assert drawn["case"].str.startswith("Case(monitor='as_of'").all()
