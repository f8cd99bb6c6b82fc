"""Try every monitor, and the calls around them, with input that is broken in drawn ways.

    python tools/hostile_evidence.py                           # prints the table, 20,000 examples
    python tools/hostile_evidence.py --examples 20000 --write  # writes it to docs/evidence.md

Finished parts are kept in build/evidence; an interrupted run goes on from there. The tests draw
with seed 0, this command with seeds from 1 on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from parts import collect
from triage_evidence import write

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from hostile import SUBJECTS, tally

EXAMPLES, PART = 20_000, 125


def run(examples: int, jobs: int) -> pd.DataFrame:
    """Try at least so many examples, as many with each call, or read back what they showed."""
    n_parts = -(-examples // (PART * len(SUBJECTS)))
    tasks = {
        f"{monitor} {seed}".replace(" ", "-"): (monitor, seed, PART)
        for seed in range(1, n_parts + 1)
        for monitor in SUBJECTS
    }
    return collect("hostile", tally, tasks, jobs=jobs)


def counts(drawn: pd.DataFrame) -> pd.DataFrame:
    """Return per monitor how many were tried, gave a result, were refused, or broke a demand."""
    outcomes = drawn["outcome"].replace({"ValueError": "refused", "TypeError": "refused"})
    table = pd.crosstab(drawn["monitor"], outcomes)
    table = table.reindex(columns=["result", "refused", "broken"], fill_value=0)
    table.insert(0, "tried", table.sum(axis=1))
    findings = drawn[drawn["outcome"] == "broken"].groupby("monitor")["finding"].nunique()
    table["findings"] = findings.reindex(table.index, fill_value=0)
    return table.loc[[monitor for monitor in SUBJECTS if monitor in table.index]]


def markdown(drawn: pd.DataFrame) -> str:
    """Write the table."""
    table = counts(drawn)
    table.loc["all"] = table.sum()
    lines = [
        "| call | tried | gave a result | refused | broke a demand | distinct findings |",
        "|---|---|---|---|---|---|",
    ]
    for monitor, row in table.iterrows():
        lines.append(f"| {monitor} | {' | '.join(f'{number:,}' for number in row)} |")
    return "\n".join(lines)


def findings(drawn: pd.DataFrame) -> str:
    """Write each distinct finding with how often it came and one case that shows it."""
    broken = drawn[drawn["outcome"] == "broken"]
    groups = broken.groupby(["monitor", "finding"])["case"].agg(["size", "first"])
    return "\n".join(
        f"{m}, {row['size']}: {f}\n    {row['first']}" for (m, f), row in groups.iterrows()
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Try the examples, print or write the table, and fail if any broke a demand."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--write", action="store_true", help="to docs/evidence.md")
    options = parser.parse_args(arguments)
    drawn = run(options.examples, options.jobs)
    text = markdown(drawn)
    print(text)
    if options.write:
        write(text, "bad days")
    if found := findings(drawn):
        sys.exit(found)


if __name__ == "__main__":
    main()
