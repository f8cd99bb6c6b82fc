"""course_lib gives NannyML 0.13.1's numbers, but for the departures that are listed with a reason.

What is frozen and how it was made: tests/oracle/README.md.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from oracle import compare
from oracle.cases import CASES
from oracle.exceptions import DEPARTURES, TOLERANCE

FOLDER = Path(compare.__file__).parent
COVERED = ["case", "period", "chunk_index", "column", "metric", "quantity", "theirs", "ours", "gap"]


@pytest.fixture(scope="module")
def found():
    return compare.all_gaps()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_chunks_have_the_same_keys_dates_and_rows(case):
    assert compare.chunk_gaps(case).empty


def test_every_number_agrees_but_for_the_departures(found):
    too_far = found[found["gap"] > found["tolerance"]]
    assert too_far.empty, f"\n{too_far[COVERED].to_string()}"


def test_the_tolerance_is_one_in_a_million(found):
    assert TOLERANCE == 1e-6
    assert (found.loc[found["departure"] == "", "tolerance"] == TOLERANCE).all()


@pytest.mark.parametrize("departure", DEPARTURES, ids=lambda departure: departure.what)
def test_a_departure_is_needed(departure, found):
    # Of what it covers, less than what another one takes over, something is out of tolerance.
    covered = found[found["departure"] == departure.what]
    assert (covered["gap"] > TOLERANCE).any()


@pytest.mark.parametrize("departure", DEPARTURES, ids=lambda departure: departure.what)
def test_a_departure_is_in_the_table_with_its_reason(departure):
    row = f"| {departure.what} | {departure.size} | {departure.reason} |"
    assert row in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_every_piece_is_compared(found):
    # More than half of the numbers of a case are there on both sides, and not all the same.
    for name in (case.name for case in CASES):
        part = found[(found["case"] == name) & (found["quantity"] == "value")]
        assert part[["theirs", "ours"]].notna().all(axis=1).mean() > 0.5
        assert part["theirs"].max() > part["theirs"].min()


def test_alerts_are_frozen_on_both_sides_of_the_limit(found):
    alerts = found[(found["quantity"] == "alert") & (found["departure"] == "")]
    assert set(alerts["theirs"]) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("theirs", "ours", "gap"),
    [
        (100.0, 101.0, 0.01),
        (0.0, 0.0, 0.0),
        (np.nan, np.nan, 0.0),
        (np.nan, 1.0, np.inf),
        (1.0, np.nan, np.inf),
        (1.0, 0.0, 1.0),
    ],
)
def test_the_relative_difference(theirs, ours, gap):
    assert compare.relative_gap(pd.Series([theirs]), pd.Series([ours])) == pytest.approx(gap)


def test_a_value_off_zero_is_a_difference():
    assert compare.relative_gap(pd.Series([0.0]), pd.Series([0.01])) > 1


def test_the_pinned_environment_is_the_one_that_froze():
    lines = (FOLDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert [line for line in pins if not re.match(r"[\w.-]+==[\w.]+( ;|$)", line)] == []
    versions = dict(re.match(r"([\w.-]+)==([\w.]+)", line).groups() for line in pins)
    frozen = compare.FACTS["versions"]
    assert {name: versions[name] for name in frozen} == frozen
    assert frozen["nannyml"] == "0.13.1"


def test_the_folder_stays_small():
    sizes = {
        name: sum(f.stat().st_size for f in (FOLDER / name).iterdir())
        for name in ("inputs", "frozen")
    }
    assert sizes["inputs"] < 1_500_000
    assert sizes["frozen"] < 1_000_000
