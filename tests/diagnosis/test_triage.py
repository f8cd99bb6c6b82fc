"""Verdicts per chunk, the incident log, and how often the verdicts are right."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from handmade import handmade

from course_lib import (
    DLE,
    PerformanceCalculator,
    Result,
    RowMetric,
    UnivariateDriftCalculator,
    as_of,
    error_by_segment,
    incident_log,
    load_desk,
    triage,
)
from course_lib.diagnosis.incident_log import REMEDIES
from course_lib.diagnosis.triage import _FINDINGS, VERDICTS, persistent

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("triage_evidence", ROOT / "tools/triage_evidence.py")
evidence = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(evidence)

N_REFERENCE, N_CHUNKS = 10, 6


def result(kind="drift", *, metric="jensen_shannon", on=(), column="", n=N_CHUNKS, size=9.0, **of):
    """Build a result by hand: 10 quiet reference chunks around 1, `on` chunks `size` higher."""
    quiet = 1 + 0.1 * np.resize([-1, 1], N_REFERENCE)
    now = 1 + size * np.isin(np.arange(n), list(on))
    frame = pd.DataFrame({"value": [*quiet, *now]})
    frame["period"] = ["reference"] * N_REFERENCE + ["analysis"] * n
    frame["chunk_index"] = [*range(N_REFERENCE), *range(n)]
    frame["key"] = frame["chunk_index"].map("[{}]".format)
    frame = frame.assign(column=column, metric=metric, n_rows=100, n_used=100, unit="USD per row")
    frame["alert"] = [False] * N_REFERENCE + [i in on for i in range(n)]
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(7 * frame["chunk_index"], unit="D")
    frame = frame.assign(start_date=start, end_date=start + pd.Timedelta(6, "D"))
    analysis = frame["period"] == "analysis"
    for name, value in of.items():
        frame.loc[analysis, name] = value
    return handmade(frame, kind)


def estimated(on=(), **options):
    band = {"lower_confidence_boundary": 0.0, "upper_confidence_boundary": 2.0}
    if on:
        band = {
            name: [edge + 9 * (i in on) for i in range(N_CHUNKS)] for name, edge in band.items()
        }
    return result("estimated", metric="mae", on=on, **band, **options)


def realized(on=(), **options):
    return result("realized", metric="mae", on=on, **options)


def consistency(on, column="carat", **options):
    return result(metric="residual", column=column, on=on, **options)


def univariate(on, column="depth", **options):
    return result(column=column, on=on, **options)


def quality(metric, on, column="carat"):
    return result("quality", metric=metric, column=column, on=on)


def verdict_of(chunk=3, **given):
    given.setdefault("estimated", estimated())
    return triage(**given).loc[chunk, ["hurts", "verdict", "columns"]].tolist()


HIT = (2, 3, 4)

# -- Rules ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alerts", "kept"),
    [("1", "0"), ("11", "11"), ("101", "101"), ("1001", "0000"), ("010110", "010110"), ("", "")],
)
def test_an_alert_persists_when_two_of_three_chunks_have_one(alerts, kept):
    assert persistent([a == "1" for a in alerts]).tolist() == [k == "1" for k in kept]


@pytest.mark.parametrize(
    ("p_values", "kept"),
    [
        ([0.01, 0.04, 0.02], [1, 1, 1]),
        ([0.01, 0.06, 0.024], [1, 0, 1]),
        ([0.02, 0.001], [1, 1]),
        ([0.03, 0.04], [0, 0]),
        ([], []),
    ],
)
def test_holm_worked_by_hand(p_values, kept):
    assert evidence.holm(p_values).tolist() == [bool(k) for k in kept]


def test_holm_keeps_no_more_when_more_is_tested():
    assert evidence.holm([0.01]).tolist() == [True]
    assert not evidence.holm([0.01, *[1.0] * 9]).any()


# -- Verdicts with labels -------------------------------------------------------------------------


def test_nothing_on_is_quiet():
    assert verdict_of(realized=realized()) == [False, "quiet", ""]


def test_a_column_that_moved_without_harm_is_harmless_drift():
    assert verdict_of(realized=realized(), univariate=univariate(HIT)) == [
        False, "harmless drift", "depth",
    ]  # fmt: skip


def test_harm_that_the_estimate_explains_is_a_covariate_shift():
    given = {"estimated": estimated(HIT), "realized": realized(HIT), "univariate": univariate(HIT)}
    assert verdict_of(**given) == [True, "covariate shift", "depth"]
    assert verdict_of(**given, multivariate=consistency(HIT))[1] == "covariate shift"


def test_impact_names_the_columns_of_a_covariate_shift():
    impact = pd.DataFrame({"chunk_index": 3, "column": ["x", "size"], "rank": [2, 1]})
    given = {"estimated": estimated(HIT), "realized": realized(HIT), "univariate": univariate(HIT)}
    assert verdict_of(**given, impact=impact)[2] == "size, x"


def test_unexplained_harm_with_an_inconsistent_column_is_broken_data():
    both = [consistency(HIT, "x", size=4.0), consistency(HIT)]
    assert verdict_of(realized=realized(HIT), multivariate=both) == [
        True, "broken data", "carat, x",
    ]  # fmt: skip


def test_missing_values_are_broken_data_even_when_the_estimate_explains_the_harm():
    given = {"estimated": estimated(HIT), "realized": realized(HIT)}
    assert verdict_of(**given, quality=quality("missing_values", HIT))[1] == "broken data"


def test_unexplained_harm_outside_the_support_is_a_shift_that_nobody_can_estimate():
    table = triage(
        estimated=estimated(), realized=realized(HIT), quality=quality("out_of_range", HIT)
    )
    assert table.loc[3, "verdict"] == "covariate shift"
    assert "do not trust the estimate" in table.loc[3, "next_step"]


def test_unexplained_harm_without_any_sign_in_the_inputs_is_concept_drift():
    assert verdict_of(realized=realized(HIT)) == [True, "concept drift", ""]


def test_a_single_alert_is_not_enough():
    table = triage(estimated=estimated(), realized=realized([3]), univariate=univariate([1]))
    assert (table["verdict"] == "quiet").all()


# -- Verdicts before the labels -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({}, "quiet"),
        ({"univariate": univariate(HIT)}, "harmless drift"),
        ({"estimated": estimated(HIT), "multivariate": consistency(HIT)}, "covariate shift"),
        ({"multivariate": consistency(HIT)}, "broken data"),
        ({"multivariate": consistency(HIT, "depth"), "univariate": univariate(HIT)},
         "harmless drift"),
        ({"quality": quality("missing_values", HIT)}, "broken data"),
    ],
)  # fmt: skip
def test_verdicts_without_labels(given, verdict):
    assert verdict_of(**given)[1] == verdict


def test_chunks_without_their_labels_have_no_harm_and_others_do():
    table = triage(
        estimated=estimated(), realized=realized(HIT, n_used=[100, 100, 100, 100, 50, 0])
    )
    assert table["hurts"].isna().tolist() == [False] * 4 + [True] * 2
    assert table["verdict"].tolist() == ["quiet"] * 2 + ["concept drift"] * 2 + ["quiet"] * 2
    assert "concept drift cannot show" in table.loc[5, "next_step"]


def test_labels_that_never_come_are_not_waited_for():
    frame = realized(HIT).to_df().assign(n_used=96)
    table = triage(estimated=estimated(), realized=Result(frame, "realized"))
    assert table["hurts"].notna().all()


def test_the_columns_are_those_of_the_docstring():
    table = triage(estimated=estimated())
    assert table.columns.tolist() == [
        "chunk_index", "key", "start_date", "end_date", "moved", "hurts", "verdict", "columns",
        "next_step",
    ]  # fmt: skip
    assert table["hurts"].dtype == "boolean"
    assert set(table["verdict"]) <= set(VERDICTS)


def test_the_order_of_results_does_not_matter():
    some = [univariate(HIT), univariate(HIT, "x", size=3.0)]
    ways = [triage(estimated=estimated(), univariate=order) for order in (some, some[::-1])]
    pd.testing.assert_frame_equal(*ways)
    assert ways[0].loc[3, "moved"] == "depth, x"


# -- Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"univariate": univariate((), n=5)}, "`univariate` has 5 analysis chunks.* the 6 of"),
        ({"quality": univariate(()).filter(period="analysis")}, "`quality`.* reference chunks"),
        ({"univariate": [univariate(())] * 2}, "jensen_shannon of `depth` is given more than once"),
        ({"estimated": realized()}, "`estimated` holds 1 metric of realized values"),
        ({"realized": realized(n=5)}, "`realized` has 5 analysis chunks"),
    ],
)
def test_results_that_do_not_belong_together_are_refused_by_name(given, message):
    with pytest.raises(ValueError, match=message):
        triage(**{"estimated": estimated(), **given})


def test_a_result_is_not_what_triage_returns():
    with pytest.raises(TypeError, match="DataFrame that `triage` returns, got Result; call"):
        incident_log(estimated())


def test_next_steps_and_remedies_speak_of_nobodys_goods():
    words = " ".join([*REMEDIES.values(), *(step for _, step in _FINDINGS.values())])
    assert not re.search("margin|buy|price|stone|diamond", words)


def test_a_frame_is_no_result():
    with pytest.raises(TypeError, match="`multivariate` must be a Result, got DataFrame"):
        triage(estimated=estimated(), multivariate=[univariate(()).to_df()])


# -- Incident log ---------------------------------------------------------------------------------


def triaged(verdicts, columns=None):
    table = triage(estimated=estimated())
    return table.assign(verdict=verdicts, columns=columns or [""] * N_CHUNKS)


SHIFT = ["quiet", *["covariate shift"] * 2, "quiet", "covariate shift", "concept drift"]


def value(kind, values, **options):
    made = result(kind, metric="business_value", **options).to_df()
    made.loc[made["period"] == "analysis", "value"] = values
    return Result(made, kind)


def test_consecutive_chunks_are_one_incident_and_one_quiet_chunk_is_bridged():
    log = incident_log(triaged(SHIFT, ["", "x", "x, carat", "", "carat", ""]))
    assert log["verdict"].tolist() == ["covariate shift", "concept drift"]
    spans = log[["first_chunk", "last_chunk", "n_chunks"]]
    assert spans.to_numpy().tolist() == [[1, 4, 4], [5, 5, 1]]
    assert log.loc[0, "columns"] == "x, carat"
    assert log["incident"].tolist() == [1, 2]


def test_two_quiet_chunks_end_an_incident():
    log = incident_log(triaged(["broken data", "quiet", "quiet", *["broken data"] * 3]))
    assert log["n_chunks"].tolist() == [1, 3]


def test_the_cost_is_what_is_missing_to_the_reference_times_the_rows():
    log = incident_log(triaged(SHIFT), value=value("realized", [1, 0, 0, 1, 3, -1]))
    assert log["cost"].tolist() == pytest.approx([100 + 100 + 0 - 200, 200])
    assert log["n_realized"].tolist() == [4, 1]


def test_the_cost_is_estimated_where_labels_are_not_in():
    truth = value("realized", [1, 0, 0, 1, np.nan, np.nan], n_used=[100] * 4 + [0] * 2)
    guess = value("estimated", [5, 5, 5, 5, 0, 0])
    for both in ([truth, guess], [guess, truth]):
        log = incident_log(triaged(SHIFT), value=both)
        assert log["cost"].tolist() == pytest.approx([100 + 100 + 0 + 100, 100])
        assert log["n_realized"].tolist() == [3, 0]


def test_without_a_value_the_cost_is_missing():
    assert incident_log(triaged(SHIFT))["cost"].isna().all()


def test_a_quiet_time_has_an_empty_log():
    log = incident_log(triaged(["quiet"] * N_CHUNKS))
    assert len(log) == 0
    assert "remedy" in log


def test_segments_name_the_columns_of_concept_drift():
    segments = pd.DataFrame({"column": ["carat", "carat", "cut"]})
    log = incident_log(triaged(SHIFT), segments={2: segments})
    assert log["columns"].tolist() == ["", "carat, cut"]


def test_a_value_in_total_and_an_unknown_incident_are_refused():
    total = value("realized", [1.0] * N_CHUNKS).to_df().assign(unit="USD")
    with pytest.raises(ValueError, match=r"one per row.*USD per stone"):
        incident_log(triaged(SHIFT), value=Result(total, "realized"))
    with pytest.raises(ValueError, match="incident 7; the log has 2"):
        incident_log(triaged(SHIFT), segments={7: pd.DataFrame({"column": ["a"]})})


# -- Error by segment -----------------------------------------------------------------------------


def offers(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"carat": rng.uniform(0.2, 2, n), "cut": rng.choice(["Fair", "Good"], n)})
    frame["predicted"] = 4000 * frame["carat"]
    return frame.assign(price=frame["predicted"] * (1 + 0.05 * rng.normal(size=n)))


SEGMENTS = {"by": ["cut", "carat"], "y_true": "price", "y_pred": "predicted"}


def test_the_column_along_which_the_error_grew_unevenly_comes_first():
    now = offers(seed=1)
    now["price"] *= np.where(now["carat"] > 1.1, 0.85, 0.92)
    table = error_by_segment(now, reference=offers(), **SEGMENTS)
    assert table["column"].iloc[0] == "carat"
    assert table.groupby("column")["n_rows"].sum().tolist() == [4000, 4000]
    assert table["change"].to_numpy() == pytest.approx(table["value"] - table["reference"])
    spread = table.groupby("column")["spread"].first()
    assert spread["carat"] > 5 * spread["cut"]


def test_segments_worked_by_hand():
    rows = {"cut": ["a", "a", "b", "b"], "predicted": 10.0}
    reference = pd.DataFrame({**rows, "price": 10.0})
    now = pd.DataFrame({**rows, "price": [12.0, 12.0, 16.0, 16.0]})
    options = {**SEGMENTS, "by": ["cut"], "metric": "mae"}
    table = error_by_segment(now, reference=reference, **options)
    assert table["change"].tolist() == [2, 6]
    assert table["spread"].tolist() == [2, 2]


def test_missing_values_are_a_segment_and_unlabelled_rows_are_left_out():
    now = offers(seed=1)
    now.loc[:99, "carat"] = np.nan
    now.loc[3000:, "price"] = np.nan
    reference = offers().astype({"cut": "category"})
    reference.loc[:99, "carat"] = np.nan
    table = error_by_segment(now, reference=reference, **SEGMENTS)
    found = table[table["column"] == "carat"].set_index("segment")["n_rows"]
    assert found["missing"] == 100
    assert found.sum() == 3000


def test_segments_refuse_frames_without_columns_or_labels():
    with pytest.raises(ValueError, match="`frame` lacks 1 of 4 columns: cut"):
        error_by_segment(offers().drop(columns="cut"), reference=offers(), **SEGMENTS)
    with pytest.raises(ValueError, match="0 of the 4,000 rows of `reference`"):
        error_by_segment(offers(), reference=offers().assign(price=np.nan), **SEGMENTS)


# -- As of ----------------------------------------------------------------------------------------


def outputs(frame, date, monitors):
    """Everything that is said on a date about a frame of which only a part is known."""
    known = as_of(frame, date)
    dle, calculator, drift = monitors
    guess, truth = dle.estimate(known), calculator.calculate(known)
    moved = drift.calculate(known)
    table = triage(
        estimated=guess.filter(metrics="mae"),
        realized=truth.filter(metrics="mae"),
        univariate=moved,
    )
    both = [part.filter(metrics="gain") for part in (truth, guess)]
    return table, incident_log(table, value=both)


def test_nothing_depends_on_a_label_that_is_not_yet_published():
    gain = RowMetric("gain", lambda y, p: y - p, unit="USD per stone", higher_is_better=True)
    times = pd.date_range("2024-01-01", periods=4000, freq="h")
    frame = offers().assign(offered_at=times, price_known_at=times + pd.Timedelta(28, "D"))
    reference, later = frame[:2400], frame[2400:].copy()
    roles = {"y_true": "price", "y_pred": "predicted", "metrics": ["mae", gain]}
    weekly = {"timestamp_column_name": "offered_at", "chunk_period": "W"}
    monitors = (
        DLE(["carat", "cut"], **roles, **weekly).fit(reference),
        PerformanceCalculator(problem_type="regression", **roles, **weekly).fit(reference),
        UnivariateDriftCalculator(["carat"], **weekly).fit(reference),
    )
    date = later["offered_at"].iloc[1100]
    unknown = later["price_known_at"] > date
    assert 0.2 < unknown.mean() < 0.9
    before = outputs(later, date, monitors)
    other = later.assign(price=later["price"].where(~unknown, 0.5 * later["price"]))
    for one, same in zip(before, outputs(other, date, monitors), strict=True):
        pd.testing.assert_frame_equal(one, same)
    fallen = later.assign(price=later["price"].where(unknown, 0.5 * later["price"]))
    table, log = outputs(fallen, date, monitors)
    assert "concept drift" in set(table["verdict"])
    assert "concept drift" not in set(before[0]["verdict"])
    assert log.loc[log["verdict"] == "concept drift", "cost"].iloc[0] > 0


# -- How often it is right ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weeks():
    return pd.concat([evidence.week_by_week(seed) for seed in (0, 1)], ignore_index=True)


@pytest.mark.slow
@pytest.mark.parametrize("incident", ["A", "B", "C", "D"])
def test_most_weeks_of_each_incident_get_the_right_verdict(weeks, incident):
    own = weeks[weeks["incident"] == incident]
    assert len(own) >= 8
    assert (own["verdict"] == own["right"]).mean() >= 0.75


@pytest.mark.slow
def test_few_quiet_weeks_raise_an_incident(weeks):
    quiet = weeks[weeks["incident"] == "quiet"]
    assert len(quiet) == 14
    assert (quiet["verdict"] != "quiet").mean() <= 0.10


@pytest.mark.slow
def test_the_table_of_evidence_is_made_from_the_weeks(weeks):
    text = evidence.markdown(weeks, weeks[weeks["incident"] == "quiet"])
    assert "seeds 0, 1" in text
    assert "| C | 8 | 100 |" in text


def test_the_published_table_meets_what_is_asked():
    page = (ROOT / "docs/evidence.md").read_text(encoding="utf-8")
    table = page.split("| weeks of |")[1].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table]
    assert [row[0] for row in rows] == ["A", "B", "C", "D", "quiet"]
    assert sum(int(row[1]) for row in rows) == 10 * 28
    for name, _, right, *_ in rows:
        assert int(right) >= 100 * evidence.ASKED[name]


def test_writing_replaces_what_stands_between_the_marks(tmp_path, monkeypatch):
    page = tmp_path / "evidence.md"
    page.write_text(f"before\n{evidence.BEGIN}\nold\n{evidence.END}\nafter", encoding="utf-8")
    monkeypatch.setattr(evidence, "PAGE", page)
    evidence.write("new")
    assert (
        page.read_text("utf-8").split()
        == f"before {evidence.BEGIN} new {evidence.END} after".split()
    )


def test_the_truth_of_the_weeks_is_that_of_the_desk():
    truth = evidence.planted(load_desk(), 28)
    assert truth["incident"].value_counts().to_dict() == {
        "quiet": 7,
        "A": 6,
        "B": 6,
        "D": 5,
        "C": 4,
    }
