"""Run course_lib as NannyML would and hold it against the frozen numbers.

`python -m oracle.compare [FOLDER]` in tests/ prints the largest relative differences: first, if a
folder is named, of numbers frozen anew in it from those stored, then of course_lib from those
stored.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

import course_lib
from course_lib import ConstantThreshold, StandardDeviationThreshold

from .cases import BY_NAME, CASES, DRIFT, METHOD, METRIC, PERFORMANCE, Case
from .exceptions import DEPARTURES, TOLERANCE

HERE = Path(__file__).parent
FROZEN = HERE / "frozen"
CHUNK = ["period", "chunk_index", "key"]
ROW = [*CHUNK, "column", "metric"]
QUANTITIES = ["value", "sampling_error", "lower_threshold", "upper_threshold", "alert"]
RANKED = ["number_of_alerts", "pearsonr_correlation", "pearsonr_pvalue", "has_drifted", "rank"]
RANKERS = {"AlertCountRanker": "alert count", "CorrelationRanker": "correlation"}
FACTS = json.loads((FROZEN / "facts.json").read_text())
CALIBRATED = FACTS["calibrated"]  # whether NannyML found that scores need it, by case

#: What makes a calculator of course_lib measure as NannyML's does.
AS_NANNYML = {
    "DLE": {"cross_fit": False},
    "CBPE": {"cross_fit": False},
    "DataReconstructionDriftCalculator": {"cross_fit": False, "row_cap": None},
    "UnivariateDriftCalculator": {"cross_fit": False, "bins": "doane"},
    "DomainClassifierCalculator": {"cross_fit": False},
}
#: NannyML's thresholds where they are not StandardDeviationThreshold().
THRESHOLD = {
    "UnivariateDriftCalculator": StandardDeviationThreshold(std_lower_multiplier=None),
    "DomainClassifierCalculator": ConstantThreshold(0.45, 0.65),
    "UnseenValuesCalculator": ConstantThreshold(upper=0),
    "NumericalRangeCalculator": ConstantThreshold(upper=0),
}
MANY_METRICS = ("DLE", "CBPE", "PerformanceCalculator", "UnivariateDriftCalculator")


@cache
def frozen(name: str, folder: Path = FROZEN) -> pd.DataFrame:
    """One of the frozen files."""
    frame = pd.read_csv(folder / f"{name}.csv").fillna({"column": ""})
    if "key" in frame:  # one key of NannyML's names two chunks, one in each period
        in_reference = frame["period"] == "reference"
        frame["key"] = frame["key"].mask(in_reference, "reference " + frame["key"])
    return frame


@cache
def rows(data: str) -> dict[str, pd.DataFrame]:
    """The reference and analysis rows of a data set."""
    both = pd.read_parquet(HERE / "inputs" / f"{data}.parquet")
    return {period: part.drop(columns="period") for period, part in both.groupby("period")}


@cache
def run(name: str, **settings: object) -> course_lib.Result:
    """What course_lib says in a case, with NannyML's settings."""
    case = BY_NAME[name]
    settings = AS_NANNYML.get(case.calculator, {}) | thresholds(case) | settings
    if not CALIBRATED.get(name, True):
        settings = {"calibration": None} | settings
    monitor = getattr(course_lib, case.calculator)(**case.keywords, **settings)
    monitor.fit(rows(case.data)["reference"])
    measure = monitor.estimate if hasattr(monitor, "estimate") else monitor.calculate
    return measure(rows(case.data)["analysis"])


def thresholds(case: Case) -> dict[str, object]:
    """NannyML's default thresholds, as a keyword."""
    threshold = THRESHOLD.get(case.calculator, StandardDeviationThreshold())
    if case.calculator not in MANY_METRICS:
        return {"threshold": threshold}
    results = frozen("results")
    metrics = results.loc[results["case"] == case.name, "metric"].unique()
    return {"thresholds": dict.fromkeys(metrics, threshold)}


def gaps(name: str) -> pd.DataFrame:
    """One row per number of a case: NannyML's, course_lib's, their relative difference."""
    results = frozen("results")
    theirs = results[results["case"] == name].drop(columns="case")
    ours = run(name).to_df()[[*ROW, *QUANTITIES]]
    return side_by_side(theirs, ours, ROW, QUANTITIES).assign(case=name)


def ranking_gaps() -> pd.DataFrame:
    """The same for the rankings of columns."""
    drift = run(DRIFT).filter(metrics=METHOD)
    performance = run(PERFORMANCE).filter(metrics=METRIC)
    counted = course_lib.AlertCountRanker().rank(drift)
    ranker = course_lib.CorrelationRanker().fit(performance.filter(period="reference"))
    ours = {"AlertCountRanker": counted, "CorrelationRanker": ranker.rank(drift, performance)}
    parts = []
    for name, theirs in frozen("rankings").groupby("ranker"):
        known = [quantity for quantity in RANKED if quantity in ours[name]]
        part = side_by_side(theirs, ours[name], ["column_name"], known)
        parts.append(part.rename(columns={"column_name": "column"}).assign(case=RANKERS[name]))
    return pd.concat(parts, ignore_index=True).assign(metric=METHOD, period="")


def calibration_gaps() -> pd.DataFrame:
    """Whether scores are calibrated before they are taken for probabilities, 1 or 0."""
    names = list(CALIBRATED)
    theirs = pd.DataFrame({"case": names, "calibrated": [CALIBRATED[name] for name in names]})
    ours = pd.DataFrame({"case": names, "calibrated": [calibrates(name) for name in names]})
    found = side_by_side(theirs, ours, ["case"], ["calibrated"])
    return found.assign(column="", metric="", period="")


def calibrates(name: str) -> bool:
    """Whether course_lib calibrates the scores of a case: it changes the estimates."""
    asked, raw = (run(name, calibration=how).to_df()["value"] for how in ("isotonic", None))
    return not asked.equals(raw)


def side_by_side(
    theirs: pd.DataFrame, ours: pd.DataFrame, row: list[str], quantities: list[str]
) -> pd.DataFrame:
    """Pair the rows of two frames; a row that one of them lacks is missing there."""
    both = theirs.merge(ours, on=row, how="outer", validate="1:1", suffixes=(" theirs", " ours"))
    parts = [
        both[row].assign(
            quantity=quantity,
            theirs=both[f"{quantity} theirs"].astype(float),
            ours=both[f"{quantity} ours"].astype(float),
        )
        for quantity in quantities
    ]
    found = pd.concat(parts, ignore_index=True)
    return found.assign(gap=relative_gap(found["theirs"], found["ours"]))


def relative_gap(theirs: pd.Series, ours: pd.Series) -> np.ndarray:
    """|ours − theirs| / |theirs|: 0 where both are missing, infinite where one is."""
    gap = (ours - theirs).abs() / theirs.abs().clip(lower=1e-9)
    one, both = theirs.isna() | ours.isna(), theirs.isna() & ours.isna()
    return np.select([both, one], [0.0, np.inf], gap)


@cache
def all_gaps() -> pd.DataFrame:
    """Every number of every case, with the tolerance that holds for it."""
    parts = [*(gaps(case.name) for case in CASES), ranking_gaps(), calibration_gaps()]
    found = pd.concat(parts, ignore_index=True)
    found["departure"], found["tolerance"] = "", TOLERANCE
    for departure in DEPARTURES:
        covered = departure.covers(found)
        found.loc[covered, ["departure", "tolerance"]] = departure.what, departure.tolerance
        # Other numbers, other alerts.
        found.loc[covered & (found["quantity"] == "alert"), "tolerance"] = np.inf
    return found


def chunk_gaps(case: Case) -> pd.DataFrame:
    """The chunks of a case that are not NannyML's: key, dates and number of rows."""
    chunks = frozen("chunks")
    theirs = chunks[(chunks["data"] == case.data) & (chunks["chunking"] == case.chunking)]
    theirs = theirs.assign(n_rows=theirs["end_index"] - theirs["start_index"] + 1)
    names = [*CHUNK, "n_rows", "start_date", "end_date"]
    ours = run(case.name).to_df()[names].drop_duplicates()
    dates = ["start_date", "end_date"]  # NannyML counts nanoseconds
    theirs[dates] = theirs[dates].apply(pd.to_datetime).astype("datetime64[us]")
    both = theirs[names].merge(ours, on=names, how="outer", indicator="which")
    return both[both["which"] != "both"]


def pieces(found: pd.DataFrame) -> pd.DataFrame:
    """The largest relative difference of each piece that has no departure."""
    same = found[found["departure"] == ""]
    known = same[same["theirs"].notna()]
    known = known[~known["quantity"].isin(["alert", "has_drifted", "rank"])]
    return known.pivot_table("gap", "case", "quantity", aggfunc="max", sort=False)


def departures(found: pd.DataFrame) -> pd.DataFrame:
    """How many numbers each departure covers, and how far those are apart that are compared."""
    covered = found[found["departure"] != ""]
    by_name = covered.assign(differ=covered["gap"] > TOLERANCE).groupby("departure", sort=False)
    counts = by_name.agg(numbers=("gap", "size"), differ=("differ", "sum"))
    compared = covered[np.isfinite(covered["tolerance"])]
    return counts.join(compared.groupby("departure")["gap"].max().rename("largest difference"))


def anew(folder: Path) -> pd.DataFrame:
    """Numbers frozen anew beside those stored."""
    keys = {"results": ["case", *ROW], "rankings": ["ranker", "column_name"]}
    quantities = {"results": QUANTITIES, "rankings": RANKED}
    return pd.concat(
        side_by_side(frozen(name), frozen(name, folder), keys[name], quantities[name])
        for name in keys
    )


def main() -> None:
    for folder in map(Path, sys.argv[1:]):
        found = anew(folder)
        print(f"{len(found):,} numbers of NannyML frozen anew in {folder}; largest relative")
        print(f"difference from those stored: {found['gap'].max():.1e}\n")
        if (found["gap"] > TOLERANCE).any():
            sys.exit(found.nlargest(20, "gap").to_string())
    with pd.option_context("display.width", 200, "display.float_format", "{:.1e}".format):
        print("course_lib against the stored numbers, largest relative differences:")
        print(pieces(all_gaps()).to_string(na_rep=""), end="\n\n")
        print("Departures:")
        print(departures(all_gaps()).to_string(na_rep="not compared"))


if __name__ == "__main__":
    main()
