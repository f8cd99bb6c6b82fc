"""Measure how often confidence boundaries hold the realized value: DLE and CBPE.

    python tools/band_coverage.py                  # prints the tables
    python tools/band_coverage.py --jobs 2 --write # writes them to docs/evidence.md

The streams are those of tools/false_alarms.py; parts that it finished are read back.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import lightgbm
import pandas as pd
from false_alarms import run, shown
from parts import collect
from streams import MIXED
from triage_evidence import write

from course_lib import CBPE, PerformanceCalculator, RowMetric, load_flights, split_by_time
from course_lib.core.boosting import QUIET

WORLDS = ["regression", "classification"]
#: The mix of rows that raises the error by two thirds, in each world.
SHIFTS = {"regression": f"shift {2 / 3:.2f}", "classification": f"shift {MIXED:.2f}"}
BANDS = ["held", "held_if_independent"]
STATED = 0.95


# -- Real flights, as in lesson 08 ----------------------------------------------------------------

SCHEDULE = ["hour", "weekday", "sched_dep_time", "sched_arr_time", "carrier", "origin", "dest"]
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure"]
PLANE = ["distance", "plane_year", "plane_engines", "plane_seats"]
FEATURES = ["dep_delay", *SCHEDULE, *WEATHER, "visib", *PLANE]
STARTS = {"train": "01-01", "validation": "04-01", "reference": "05-01", "production": "07-01"}
CUT = 0.2  # from this probability on a passenger is rebooked


def flights() -> pd.DataFrame:
    """Return, per metric, how many weeks of July to December the bands hold."""
    sets = _predicted()
    late_share = RowMetric("late_share", lambda late, rebook: late, lower_limit=0)
    roles = {
        "metrics": [late_share, "accuracy", "f1", "recall", "roc_auc"],
        "y_true": "late",
        "y_pred": "rebook",
        "y_pred_proba": "score",
        "problem_type": "classification_binary",
        "timestamp_column_name": "scheduled_at",
        "chunk_period": "W",
    }
    reference, production = sets["reference"], sets["production"]
    said, truth = (
        result.filter(period="analysis").to_df().set_index(["metric", "chunk_index"])
        for result in (
            CBPE(**roles).fit(reference).estimate(production.drop(columns="late")),
            PerformanceCalculator(**roles).fit(reference).calculate(production),
        )
    )
    realized = truth["value"]
    low, high = said["lower_confidence_boundary"], said["upper_confidence_boundary"]
    apart, narrow = (realized - said["value"]).abs(), 1.96 * said["sampling_error"]
    table = pd.DataFrame(
        {
            "held": realized.between(low, high),
            "held_if_independent": apart <= narrow,
            "reach": (high - low) / 2,
            "reach_if_independent": narrow,
        }
    )
    return table.groupby("metric", sort=False).mean().reset_index().assign(weeks=len(said) // 5)


def _predicted() -> dict[str, pd.DataFrame]:
    """Train on January to March, and score the reference and production."""
    rows = load_flights()
    rows["late"] = (rows["arr_delay"] >= 30).astype(float).where(rows["arr_delay"].notna())
    departed = rows[~rows["cancelled"]]
    starts = {name: f"2013-{start}" for name, start in STARTS.items()}
    sets = split_by_time(departed, timestamp_column_name="scheduled_at", starts=starts)
    train, validation = (sets[name].dropna(subset="late") for name in ("train", "validation"))
    data = lightgbm.Dataset(train[FEATURES], train["late"])
    watched = lightgbm.Dataset(validation[FEATURES], validation["late"], reference=data)
    stop = lightgbm.early_stopping(20, verbose=False)
    settings = {"objective": "binary", "learning_rate": 0.05, "num_threads": 1, **QUIET}
    model = lightgbm.train(settings, data, 1000, valid_sets=[watched], callbacks=[stop])
    for name in ("reference", "production"):
        sets[name]["score"] = model.predict(sets[name][FEATURES])
        sets[name]["rebook"] = (sets[name]["score"] >= CUT).astype(int)
    return sets


# -- Tables ---------------------------------------------------------------------------------------


def markdown(means: pd.DataFrame, weeks: pd.DataFrame) -> str:
    """Write the tables."""
    means = means[means["held"].notna()]
    lines = [
        "Share of chunks whose realized value the band holds, in percent, ± its standard error. "
        f"Stated: {STATED:.0%}. **Bold** misses by more than 3 points in quiet times, or falls "
        "below 80 under the mix shift:",
        "",
        "| estimate | band | quiet, k = 10 | k = 20 | half a chunk | a quarter | mix shift, k = 10 "
        "| k = 20 | by day |",
        "|---|---|---|---|---|---|---|---|---|",
        *(
            _row(part, line, band)
            for line, part in means.groupby("line", sort=False)
            for band in BANDS
        ),
        "",
        f"Real flights, {weeks['weeks'].iloc[0]} weeks of July to December:",
        "",
        "| metric | boundaries hold | reach ± | independent rows hold | reach ± |",
        "|---|---|---|---|---|",
    ]
    for row in weeks.itertuples():
        cells = [f"{100 * row.held:.0f} %", f"{row.reach:.3f}"]
        cells += [f"{100 * row.held_if_independent:.0f} %", f"{row.reach_if_independent:.3f}"]
        lines.append(f"| {row.metric} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _row(means: pd.DataFrame, line: str, band: str) -> str:
    shift = SHIFTS[means["world"].iloc[0]]

    def cell(k: int, kind: str, clustered: bool = False) -> str:
        rows = (means["k"] == k) & (means["clustered"] == clustered) & (means["kind"] == kind)
        found = means.loc[rows, band]
        text = f"{100 * found.mean():.1f} ± {100 * found.sem():.1f}"
        right = found.mean() >= 0.80 if kind == shift else abs(found.mean() - STATED) <= 0.03
        return text if right or clustered or band != "held" else f"**{text}**"

    cells = [cell(10, "quiet"), cell(20, "quiet"), cell(20, "half"), cell(20, "quarter")]
    cells += [cell(10, shift), cell(20, shift), cell(10, "quiet", clustered=True)]
    name = "boundaries" if band == "held" else "independent rows"
    return f"| {shown(line)} | {name} | {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the streams and the flights, and print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--write", action="store_true", help="to docs/evidence.md")
    options = parser.parse_args(arguments)
    means = run(WORLDS, options.jobs)
    text = markdown(means, collect("flights", flights, {"weekly": ()}))
    print(text)
    if options.write:
        write(text, "coverage")


if __name__ == "__main__":
    main()
