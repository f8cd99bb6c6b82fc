"""Time every calculator beside NannyML's and beside the bare floor; write docs/benchmarks.md.

    python benchmarks/bench.py [--nannyml PYTHON] [--rows 100000 1000000] [--once 10000000]

Each measurement is a process of its own; libraries take turns, and the median of three is
reported. Our calculators run once more on the largest frame. Without an interpreter that has
NannyML its columns stay empty, and the page says so.
"""

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

import pandas as pd
from frames import CALCULATORS, N_CHUNKS, OURS_MOST
from one import FLOORS

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
PLOT = HERE.parent / "docs" / "benchmarks.png"
REPEATS = 3
KEY = ["library", "name", "rows"]
FIGURES = {"seconds": "{:.2f}", "cpu_seconds": "{:.2f}", "peak_mb": "{:,.0f}"}
FLOOR_OF = {  # what no library could do without
    "realized": "one pass",
    "dle": "one LightGBM",
    "ks": "one sort",
    "wasserstein": "one sort",
}
INTRODUCTION = """\
# Benchmarks

Made by `make bench`. Seconds and CPU seconds of fit and calculate, without imports and without
creating the frame; peak memory of the whole process, including the frame. Six numeric and two
string columns, the reference half as long as the analysis, {chunks} chunks. DLE runs without
cross-fitting, which NannyML does not have. Each figure is the median of {repeats} runs in separate
processes, with the libraries in turn; at the largest size it is one run. {cores} cores,
{machine}, Python {python}.
"""
EMPTY = "\nNannyML was not installed for this run: its columns are empty.\n"
#: How many times NannyML's speed each was to have.
AIMS = {
    **dict.fromkeys(("realized", "classified"), 4),
    **dict.fromkeys(("ks", "wasserstein", "js", "hellinger", "pca"), 4),
    "dle": 1.5,
    "domain": 10,
}
AIMED_AT = """
## Targets

Four times NannyML's speed for drift and realized performance, one and a half times for DLE, ten
times for the domain classifier, in CPU seconds; half of its memory.

Missed at {rows:,} rows: {missed}.

Kolmogorov–Smirnov and Wasserstein are exact here, while NannyML approximates them above 10,000
rows. DLE trains a third model, of the loss to the fourth power, so that its boundaries can widen
with the error; nearly all of its time is spent in LightGBM. Reconstruction is two matrix products
in both libraries.

At that size the peak is {least:.0%} to {most:.0%} of NannyML's; the target was half. Of our memory,
{frame:,.0f} MB are frames and imports, and no calculator adds more than {added:,.0f} MB. The domain
classifier is compared at 100,000 rows only, because NannyML's would take minutes with more.
"""
GROWTH = """
From {before:,} to {after:,} rows time grows {low:.0f}- to {high:.0f}-fold. Column consistency
was not measured above {most:,} rows: its models would take some ten minutes.
"""
PICTURE = """
## Time against rows
{growth}
![Seconds against rows, both axes logarithmic: a line for each calculator](benchmarks.png)
"""


def measure(python, library, name, n_rows):
    """Run one measurement; return its figures."""
    command = [python, str(HERE / "one.py"), library, name, str(n_rows)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{library} {name} at {n_rows:,} rows failed:\n{done.stderr[-2000:]}")
    return [float(word) for word in done.stdout.split()[-len(FIGURES) :]]


def plan(nannyml, rows, once):
    """Yield (interpreter, library, name, rows), libraries taking turns."""
    for n_rows in rows:
        for _ in range(REPEATS):
            for name, (*_, most) in CALCULATORS.items():
                yield from ours(name, n_rows)
                if nannyml and n_rows <= most:
                    yield nannyml, "nannyml", name, n_rows
            for name in FLOORS:
                yield sys.executable, "floor", name, n_rows
    for n_rows in once:
        for name in CALCULATORS:
            yield from ours(name, n_rows)


def ours(name, n_rows):
    """Yield the measurement of a calculator of ours, unless it would take too long."""
    if n_rows <= OURS_MOST.get(name, n_rows):
        yield sys.executable, "course_lib", name, n_rows


def run(steps):
    """Measure all steps; return their medians by library, name and rows."""
    found = []
    for step in steps:
        figures = measure(*step)
        print(f"{step[1]:<11} {step[2]:<12} {step[3]:>10,} rows {figures[0]:8.2f} s", flush=True)
        found.append((*step[1:], *figures))
    return pd.DataFrame(found, columns=[*KEY, *FIGURES]).groupby(KEY).median()


def table(medians, n_rows):
    """Return the Markdown table of one size."""
    at_size = medians.xs(n_rows, level="rows")

    def cells(library, name):
        if (library, name) not in at_size.index:
            return ["–"] * len(FIGURES)
        return [form.format(at_size.loc[(library, name), of]) for of, form in FIGURES.items()]

    def ratio(name):
        if ("nannyml", name) not in at_size.index:
            return "–"
        cpu = at_size["cpu_seconds"]
        return f"{cpu['nannyml', name] / cpu['course_lib', name]:.1f}"

    def floor(name):
        of = FLOOR_OF.get(name)
        return f"{cells('floor', of)[0]} ({of})" if ("floor", of) in at_size.index else "–"

    lines = [
        "| calculator | seconds | CPU s | peak MB | NannyML: seconds | CPU s | peak MB "
        "| NannyML's CPU s / ours | floor, s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, (title, *_) in CALCULATORS.items():
        both = [*cells("course_lib", name), *cells("nannyml", name)]
        lines.append("| " + " | ".join([title, *both, ratio(name), floor(name)]) + " |")
    return "\n".join(lines)


def aimed_at(medians, n_rows):
    """Return what was missed, by how much, and why."""
    at_size = medians.xs(n_rows, level="rows")
    here, theirs = at_size.loc["course_lib"], at_size.loc["nannyml"]
    faster = (theirs["cpu_seconds"] / here["cpu_seconds"]).dropna()
    share = (here["peak_mb"] / theirs["peak_mb"]).dropna()
    frame = at_size.loc[("floor", "one pass"), "peak_mb"]
    missed = [
        f"{CALCULATORS[name][0]} ({faster[name]:.1f})"
        for name, aim in AIMS.items()
        if name in faster and faster[name] < aim
    ]
    return AIMED_AT.format(
        rows=n_rows,
        missed="; ".join(missed) or "none",
        least=share.min(),
        most=share.max(),
        frame=frame,
        added=here["peak_mb"].max() - frame,
    )


def growth(medians):
    """Return how much longer the largest size takes than the one before, if there are two."""
    sizes = sorted(medians.index.unique("rows"))
    if len(sizes) < 2:
        return ""
    before, after = sizes[-2:]
    seconds = medians.loc["course_lib", "seconds"]
    times = (seconds.xs(after, level="rows") / seconds.xs(before, level="rows")).dropna()
    return GROWTH.format(
        before=before,
        after=after,
        low=times.min(),
        high=times.max(),
        most=OURS_MOST["consistency"],
    )


def plot(medians):
    """Draw seconds against rows, both logarithmic: slope one would be proportion."""
    import matplotlib.pyplot as plt

    from course_lib.plots import STYLE

    with plt.style.context(STYLE):
        figure, axes = plt.subplots(figsize=(8, 4.5))
        for marker, (name, (title, *_)) in zip("osv^<>DPX*dh", CALCULATORS.items(), strict=True):
            line = medians.loc[("course_lib", name), "seconds"]
            axes.plot(line.index, line, marker=marker, label=title)
        axes.set(xscale="log", yscale="log", xlabel="rows of the analysis", ylabel="seconds")
        axes.set_title("Time grows with the rows; the domain classifier draws a sample")
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
        figure.savefig(PLOT, bbox_inches="tight", dpi=120)


def main():
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nannyml", metavar="PYTHON", help="an interpreter that has NannyML")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--once", type=int, nargs="*", default=[10_000_000])
    asked = parser.parse_args()
    nannyml = asked.nannyml if asked.nannyml and Path(asked.nannyml).exists() else None
    if not nannyml:
        print("no interpreter with NannyML: its columns stay empty")
    write(run(plan(nannyml, asked.rows, asked.once)), asked.rows, nannyml)


def write(medians, rows, nannyml):
    """Write the page and its plot."""
    page = INTRODUCTION.format(
        chunks=N_CHUNKS,
        repeats=REPEATS,
        cores=os.cpu_count(),
        machine=platform.machine(),
        python=platform.python_version(),
    )
    page += "" if nannyml else EMPTY
    for n_rows in sorted(medians.index.unique("rows")):
        page += f"\n## {n_rows:,} rows\n\n{table(medians, n_rows)}\n"
    if nannyml:
        page += aimed_at(medians, max(rows))
    page += PICTURE.format(growth=growth(medians))
    PAGE.write_text(page, encoding="utf-8")
    plot(medians)


if __name__ == "__main__":
    main()
