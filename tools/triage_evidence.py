"""Count how often `triage` is right: over dealings of the desk, with and without its incidents.

    python tools/triage_evidence.py                 # seeds 0 to 9, prints the tables
    python tools/triage_evidence.py --seeds 10 11   # other dealings
    python tools/triage_evidence.py --write         # writes them to docs/evidence.md

A dealing takes about half a minute, twice: with the incidents and without.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from course_lib import (
    DLE,
    ColumnConsistencyCalculator,
    DataReconstructionDriftCalculator,
    MissingValuesCalculator,
    NumericalRangeCalculator,
    PerformanceCalculator,
    UnivariateDriftCalculator,
    UnseenValuesCalculator,
    load_desk,
    triage,
)
from course_lib.core.result import Result
from course_lib.course.desk import Desk
from course_lib.diagnosis.triage import persistent, signals

PAGE = Path(__file__).resolve().parent.parent / "docs" / "evidence.md"
MARKS = "<!-- {0}: begin -->", "<!-- {0}: end -->"
BEGIN, END = (mark.format("triage") for mark in MARKS)
NUMBERS = ["carat", "depth", "table", "x", "y", "z"]
TEXTS = ["cut", "color", "clarity"]
ASKED = {"quiet": 0.90, "A": 0.75, "B": 0.75, "C": 0.75, "D": 0.75}


def monitored(desk: Desk) -> dict[str, object]:
    """Run the monitors of the course on a desk, with their defaults: the arguments of `triage`."""
    weekly = {"timestamp_column_name": "offered_at", "chunk_period": "W"}
    roles = {"y_true": "price", "y_pred": "predicted_price", "metrics": "mae", **weekly}
    reference, analysis = desk.reference, desk.analysis

    def drift(monitor: object, columns: Sequence[str] = tuple(desk.features)) -> object:
        return monitor(list(columns), **weekly).fit(reference).calculate(analysis)

    calculator = PerformanceCalculator(problem_type="regression", **roles)
    return {
        "estimated": DLE(desk.features, **roles).fit(reference).estimate(analysis),
        "realized": calculator.fit(reference).calculate(analysis),
        "multivariate": [
            drift(DataReconstructionDriftCalculator),
            drift(ColumnConsistencyCalculator),
        ],
        "univariate": [drift(UnivariateDriftCalculator)],
        "quality": [
            drift(MissingValuesCalculator),
            drift(UnseenValuesCalculator, TEXTS),
            drift(NumericalRangeCalculator, NUMBERS),
        ],
    }


def planted(desk: Desk, n_weeks: int) -> pd.DataFrame:
    """Return the incident (or "quiet") and the right verdict of each production week."""
    weeks = pd.DataFrame({"incident": "quiet", "right": "quiet"}, index=range(n_weeks))
    for letter, truth in desk.truth.iterrows():
        weeks.loc[truth["first_week"] : truth["last_week"], :] = [letter, truth["kind"]]
    return weeks.rename_axis("week").reset_index()


#: What counts as a signal of the inputs; `triage` follows the last but one.
RULES: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "any alert": lambda table: table["alert"],
    "Holm at 5 %": lambda table: table["alert"] & table["holm"],
    "2 of 3 weeks (`triage`)": lambda table: again(table, table["alert"]),
    "2 of 3 weeks, Holm": lambda table: again(table, table["alert"] & table["holm"]),
}


def holm(p_values: pd.Series, rate: float = 0.05) -> np.ndarray:
    """Say which tests remain significant together: Holm's step-down (1979)."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    kept = np.empty(len(p), dtype=bool)
    kept[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)) <= rate
    return kept


def again(table: pd.DataFrame, flags: pd.Series) -> pd.Series:
    """Keep the flags that persist in their column and metric."""
    series = [table["name"], table["metric"]]
    return flags.groupby(series, sort=False).transform(lambda flag: persistent(flag)).astype(bool)


def moved(given: dict[str, object], weeks: pd.DataFrame) -> pd.DataFrame:
    """Say for each week and rule whether any signal of the inputs is on.

    p-values are those of a new week among k reference weeks: one-sided, t with k − 1 degrees of
    freedom for the distance in standard deviations over √(1 + 1/k).
    """
    names = ["multivariate", "univariate", "quality"]
    chunks = triage(**given)[["chunk_index", "key", "start_date", "end_date"]]
    table = signals(chunks, {name: given[name] for name in names})
    table = table.sort_values("chunk_index", kind="stable")
    k = n_reference(given["estimated"])
    p_values = pd.Series(stats.t.sf(table["distance"] / np.sqrt(1 + 1 / k), k - 1), table.index)
    table["holm"] = p_values.groupby(table["chunk_index"]).transform(holm).astype(bool)
    found = {
        rule: table["chunk_index"][keep(table)].value_counts().reindex(weeks["week"]).gt(0)
        for rule, keep in RULES.items()
    }
    return pd.DataFrame(found).reset_index(drop=True)


def n_reference(result: Result) -> int:
    """Count the chunks of the reference."""
    return len(result.filter(period="reference").to_df())


def week_by_week(seed: int, incidents: str = "ABCD") -> pd.DataFrame:
    """Triage one dealing: a row per week with truth, verdicts with and without labels, signals."""
    desk = load_desk(incidents, seed=seed)
    given = monitored(desk)
    verdicts = triage(**given)
    weeks = planted(desk, len(verdicts)).assign(
        seed=seed,
        verdict=verdicts["verdict"],
        early=triage(**{**given, "realized": None})["verdict"],
    )
    return pd.concat([weeks, moved(given, weeks)], axis=1)


def shares(weeks: pd.DataFrame) -> pd.DataFrame:
    """Return, per incident and for the quiet weeks, the share of weeks with the right verdict."""
    hit = weeks.assign(
        labelled=weeks["verdict"] == weeks["right"], unlabelled=weeks["early"] == weeks["right"]
    )
    table = hit.groupby("incident")[["labelled", "unlabelled"]].mean()
    table.insert(0, "weeks", hit.groupby("incident").size())
    worst = hit.groupby(["incident", "seed"])["labelled"].mean().groupby("incident").min()
    return table.assign(worst=worst, asked=pd.Series(ASKED))


def rules(weeks: pd.DataFrame, clean: pd.DataFrame) -> pd.DataFrame:
    """Return, per rule, the share of weeks in which any signal of the inputs is on."""
    table = weeks.groupby("incident")[list(RULES)].mean().T[["A", "B", "C", "D", "quiet"]]
    return table.assign(clean=clean[list(RULES)].mean())


def markdown(weeks: pd.DataFrame, clean: pd.DataFrame) -> str:
    """Write both tables, percentages of weeks."""
    seeds = ", ".join(map(str, sorted(weeks["seed"].unique())))
    raised = (clean["verdict"] != "quiet").mean()
    lines = [
        f"Dealings: seeds {seeds}. Right verdicts, in percent of weeks:",
        "",
        "| weeks of | n | with labels | the worst dealing | asked | before labels |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in shares(weeks).iterrows():
        figures = [row["labelled"], row["worst"], row["asked"], row["unlabelled"]]
        lines.append(f"| {name} | {row['weeks']:.0f} | {_percents(figures)} |")
    lines += [
        "",
        f"The same dealings with nothing planted: an incident is raised in {raised:.1%} of "
        f"{len(clean)} weeks.",
        "",
        "Weeks in which any signal of the inputs is on, in percent, by rule:",
        "",
        "| rule | A | B | C | D | quiet | nothing planted |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [f"| {rule} | {_percents(row)} |" for rule, row in rules(weeks, clean).iterrows()]
    return "\n".join(lines)


def _percents(figures: Sequence[float]) -> str:
    return " | ".join(f"{100 * figure:.0f}" for figure in figures)


def write(text: str, name: str = "triage") -> None:
    """Replace the tables between the two marks of this name on the page."""
    begin, end = (mark.format(name) for mark in MARKS)
    before, rest = PAGE.read_text(encoding="utf-8").split(begin)
    after = rest.split(end)[1]
    PAGE.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the dealings and print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--write", action="store_true", help="to docs/evidence.md")
    options = parser.parse_args(arguments)
    found: dict[str, list[pd.DataFrame]] = {"ABCD": [], "": []}
    for seed in options.seeds:
        for incidents, parts in found.items():
            parts.append(week_by_week(seed, incidents))
        print(f"seed {seed} done", file=sys.stderr, flush=True)
    text = markdown(*(pd.concat(parts, ignore_index=True) for parts in found.values()))
    print(text)
    if options.write:
        write(text)


if __name__ == "__main__":
    main()
