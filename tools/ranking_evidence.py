"""Count how often rankers name the column that is to blame, over seeded incidents of the desk.

    python tools/ranking_evidence.py                  # prints the table
    python tools/ranking_evidence.py --jobs 2 --write # writes it to docs/evidence.md

Each incident runs for four weeks, after four quiet ones, in a desk without any other. Finished
parts are kept in build/evidence.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from math import comb
from typing import Any

import numpy as np
import pandas as pd
from parts import collect
from triage_evidence import write

from course_lib import (
    DLE,
    AlertCountRanker,
    ColumnConsistencyCalculator,
    CorrelationRanker,
    ImpactRanker,
    PerformanceCalculator,
    UnivariateDriftCalculator,
    load_desk,
)
from course_lib.course.desk import Desk

SEED = 20_240_909
DEALINGS, N_INCIDENTS = range(3), 35  # of the desk, per dealing
N_QUIET, N_BROKEN = 4, 4  # weeks
HARM = 1.10  # an incident raises the absolute error of its weeks at least by this factor
NUMBERS = ["carat", "depth", "table", "x", "y", "z"]
SIZE = ["carat", "x", "y", "z"]  # columns that say the same thing
FACTORS = [0.1, 0.2, 1 / 2.54, 2.54, 5.0, 10.0]
WEEKLY = {"timestamp_column_name": "offered_at", "chunk_period": "W"}


# -- Incidents ------------------------------------------------------------------------------------


def unit(rows: pd.DataFrame, column: str, rng: np.random.Generator) -> pd.Series:
    """Read a number in another unit."""
    return rows[column] * rng.choice(FACTORS)


def stuck(rows: pd.DataFrame, column: str, rng: np.random.Generator) -> pd.Series:
    """Repeat one value."""
    return pd.Series(rows[column].iloc[rng.integers(len(rows))], rows.index)


def permuted(rows: pd.DataFrame, column: str, rng: np.random.Generator) -> pd.Series:
    """Let values change hands."""
    return pd.Series(rng.permutation(rows[column].to_numpy()), rows.index)


def shifted(rows: pd.DataFrame, column: str, rng: np.random.Generator) -> pd.Series:
    """Add a constant, half to two standard deviations."""
    return rows[column] + rng.choice([-1, 1]) * rng.uniform(0.5, 2) * rows[column].std()


BROKEN = {"unit": unit, "stuck": stuck, "permuted": permuted, "shifted": shifted}
KINDS = [*BROKEN, "mix"]


def incident(desk: Desk, kind: str, rng: np.random.Generator) -> tuple[str, pd.DataFrame]:
    """Draw incidents of a kind until one harms: the column, and the weeks with it at their end."""
    production = desk.analysis
    week = desk.week(production)
    while True:
        first = rng.integers(week.max() + 2 - N_QUIET - N_BROKEN)
        quiet = production[week.between(first, first + N_QUIET - 1)]
        last = production[week.between(first + N_QUIET, first + N_QUIET + N_BROKEN - 1)]
        columns = NUMBERS if kind in ("unit", "shifted") else desk.features
        column = str(rng.choice(columns))
        if kind == "mix":
            bad = mixed(last, production, column, rng)
        else:
            hit = rng.uniform(size=len(last)) < rng.uniform(0.3, 1)
            wrong = BROKEN[kind](last[hit], column, rng).reindex(last.index)
            bad = last.assign(**{column: last[column].where(~hit, wrong)})
            bad["predicted_price"] = desk.predict(bad)
        if _mae(bad) >= HARM * _mae(last):
            return column, pd.concat([quiet, bad])


def mixed(
    last: pd.DataFrame, stones: pd.DataFrame, column: str, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw other real stones, more with high (or low) values of a column; dates stay."""
    values = stones[column]
    place = values.rank(pct=True) if column in NUMBERS else values == rng.choice(values.unique())
    weight = np.exp(rng.choice([-1, 1]) * rng.uniform(2, 5) * place.to_numpy(dtype=float))
    drawn = rng.choice(len(stones), len(last), p=weight / weight.sum())
    return stones.iloc[drawn].assign(offered_at=last["offered_at"].to_numpy())


def _mae(rows: pd.DataFrame) -> float:
    return float((rows["price"] - rows["predicted_price"]).abs().mean())


# -- Rankers --------------------------------------------------------------------------------------


class Rankers:
    """Everything that ranks columns, fitted on the reference of a desk."""

    def __init__(self, desk: Desk) -> None:
        roles = {"y_true": "price", "y_pred": "predicted_price", "metrics": "mae", **WEEKLY}
        reference = desk.reference
        self.drift = UnivariateDriftCalculator(desk.features, **WEEKLY).fit(reference)
        self.realized = PerformanceCalculator(**roles).fit(reference)
        self.impact = ImpactRanker(DLE(desk.features, **roles)).fit(reference)
        self.consistency = ColumnConsistencyCalculator(desk.features, **WEEKLY).fit(reference)

    def scores(self, rows: pd.DataFrame) -> dict[str, pd.Series]:
        """Return what each would put first: a score per column, the largest first."""
        drift = self.drift.calculate(rows).filter(period="analysis")
        realized = self.realized.calculate(rows)
        counts = AlertCountRanker().rank(drift).set_index("column_name")
        correlation = CorrelationRanker().fit(realized.filter(period="reference"))
        strengths = correlation.rank(drift, realized.filter(period="analysis"))
        # Which weeks went wrong is known; the other two look at these.
        bad = rows[rows["offered_at"] >= rows["offered_at"].sort_values().iloc[len(rows) // 2]]
        return {
            "AlertCountRanker": counts["number_of_alerts"],
            "CorrelationRanker": strengths.set_index("column_name")["pearsonr_correlation"].abs(),
            "ImpactRanker": self.impact.rank(bad).groupby("column")["contribution"].sum().abs(),
            "consistency": self._residuals(bad),
        }

    def _residuals(self, rows: pd.DataFrame) -> pd.Series:
        """How far the residuals of each column rose, in standard deviations of quiet weeks."""
        frame = self.consistency.calculate(rows).to_df()
        by_column = frame.groupby(["period", "column"])["value"].agg(["mean", "std"])
        usual = by_column.loc["reference"]
        return (by_column.loc["analysis", "mean"] - usual["mean"]) / usual["std"]


def chance(scores: pd.Series, truth: Sequence[str], m: int) -> float:
    """Return the chance that a true column is among the first m, equal scores in random order."""
    scores = scores.fillna(-np.inf)
    best = scores[list(truth)].max()
    above, tied = int((scores > best).sum()), int((scores == best).sum())
    true = int((scores[list(truth)] == best).sum())
    places = min(max(m - above, 0), tied)
    return 1 - comb(tied - true, places) / comb(tied, places)


def dealing(seed: int, first: int, n: int) -> pd.DataFrame:
    """Rank the columns of n incidents in one dealing of the desk."""
    desk = load_desk("", seed=seed)
    rankers = Rankers(desk)
    found: list[dict[str, Any]] = []
    for number in range(first, first + n):
        kind = KINDS[number % len(KINDS)]
        rng = np.random.default_rng([SEED, seed, number])
        column, rows = incident(desk, kind, rng)
        truth = SIZE if kind == "mix" and column in SIZE else [column]
        for ranker, scores in rankers.scores(rows).items():
            places = {f"first_{m}": chance(scores, truth, m) for m in (1, 3)}
            found.append({"kind": kind, "column": column, "ranker": ranker, **places})
    return pd.DataFrame(found).assign(seed=seed)


# -- Table ----------------------------------------------------------------------------------------


def markdown(found: pd.DataFrame) -> str:
    """Write the table: in percent of incidents, first / among the first three."""
    groups = {kind: found[found["kind"] == kind] for kind in BROKEN}
    groups["broken, all"] = found[found["kind"] != "mix"]
    groups["mix"] = found[found["kind"] == "mix"]
    rankers = found["ranker"].unique()
    counts = {name: len(part) // len(rankers) for name, part in groups.items()}
    lines = [
        f"{len(found) // len(rankers)} incidents in {found['seed'].nunique()} dealings. The true "
        "column stands first / among the first three, in percent of incidents:",
        "",
        f"| ranker | {' | '.join(f'{name} ({n})' for name, n in counts.items())} |",
        f"|---|{'---|' * len(groups)}",
    ]
    for ranker in rankers:
        cells = []
        for part in groups.values():
            means = 100 * part.loc[part["ranker"] == ranker, ["first_1", "first_3"]].mean()
            cells.append(f"{means['first_1']:.0f} / {means['first_3']:.0f}")
        lines.append(f"| {ranker} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the incidents, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--write", action="store_true", help="to docs/evidence.md")
    options = parser.parse_args(arguments)
    tasks = {f"dealing-{seed}": (seed, 0, N_INCIDENTS) for seed in DEALINGS}
    text = markdown(collect("ranking", dealing, tasks, jobs=options.jobs))
    print(text)
    if options.write:
        write(text, "ranking")


if __name__ == "__main__":
    main()
