"""Play the game day on many seeds: how often the solution is right, and two simpler players.

    python tools/game_evidence.py                         # prints the tables; about ten minutes
    python tools/game_evidence.py --jobs 2 --write        # writes them to docs/evidence.md
    python tools/game_evidence.py --first 0 --games 140   # the seeds it was developed on

Finished parts are kept in build/evidence; an interrupted run goes on from there.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import pandas as pd
from parts import collect
from triage_evidence import write

from course_lib.course.game import game_day
from course_lib.course.game_solution import alert_counts, quality_only, readings, solve
from course_lib.course.hidden_incidents import KINDS, NOTHING

PLAYERS = {"solution": solve, "data quality": quality_only, "alert counts": alert_counts}
#: Seeds that nobody had looked at when the solution was written, and a part of them at a time.
FIRST, GAMES, PART = 1000, 280, 20
#: Of all incidents, of each kind, of the stronger half of each kind; quiet games at most.
ASKED = {"all": 0.75, "kind": 0.50, "stronger": 0.80, "false alarms": 0.15}


def play(seeds: Sequence[int]) -> pd.DataFrame:
    """Let every player play these games: one row per game and player."""
    rows = []
    for seed in seeds:
        game = game_day(seed)
        table = readings(game)
        for player, answer in PLAYERS.items():
            grade = game.grade(answer(table))
            row = {name: grade.truth[name] for name in ("cause", "start_week", "strength")}
            row |= {"seed": seed, "player": player, "answer": grade.cause}
            for name in ("cause_right", "false_alarm", "points", "weeks_off", "saved_usd"):
                row[name] = getattr(grade, name)
            rows.append(row | {"right_usd": grade.right_usd})
    return pd.DataFrame(rows)


def run(first: int = FIRST, games: int = GAMES, jobs: int = 1) -> pd.DataFrame:
    """Play games in a row, or read them back."""
    starts = range(first, first + games, PART)
    tasks = {
        f"{start}": (list(range(start, min(start + PART, first + games))),) for start in starts
    }
    return collect("game", play, tasks, jobs=jobs)


def shares(games: pd.DataFrame) -> pd.DataFrame:
    """Return, per kind and for all incidents, the share of games with the right cause."""
    incidents = games[games["cause"] != NOTHING]
    table = {name: _share(incidents[incidents["cause"] == name]) for name in KINDS}
    return pd.DataFrame({**table, "all incidents": _share(incidents)}).T


def _share(part: pd.DataFrame) -> pd.Series:
    right = part.groupby("player")["cause_right"].mean().reindex(list(PLAYERS))
    stronger = part[(part["player"] == "solution") & (part["strength"] >= 0.5)]["cause_right"]
    row = {"games": part["seed"].nunique(), "stronger half": stronger.mean()}
    return pd.concat([pd.Series(row), right])


def players(games: pd.DataFrame) -> pd.DataFrame:
    """Return what each player gets: causes, starts, false alarms, points and money."""
    quiet = games["cause"] == NOTHING
    named = games[~quiet & games["cause_right"]]
    by = {"causes": games[~quiet], "false alarms": games[quiet], "all": games}
    of = {name: part.groupby("player") for name, part in by.items()}
    table = pd.DataFrame(
        {
            "causes": of["causes"]["cause_right"].mean(),
            "starts": named.assign(near=named["weeks_off"].abs() <= 1)
            .groupby("player")["near"]
            .mean(),
            "false alarms": of["false alarms"]["false_alarm"].mean(),
            "points": of["all"]["points"].mean(),
            "saved": of["all"]["saved_usd"].mean() / 1000,
            "right": of["all"]["right_usd"].mean() / 1000,
        }
    )
    return table.reindex(list(PLAYERS))


def markdown(games: pd.DataFrame) -> str:
    """Write both tables."""
    seeds = games["seed"]
    lines = [
        f"Games: seeds {seeds.min()} to {seeds.max()}, {int(_quiet(games))} of them quiet. "
        "Cause right, in percent of games:",
        "",
        "| incident | n | solution | its stronger half | data quality | alert counts |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in shares(games).iterrows():
        figures = [row["solution"], row["stronger half"], row["data quality"], row["alert counts"]]
        lines.append(f"| {name} | {row['games']:.0f} | {_percents(figures)} |")
    lines += [
        "",
        "All games: right causes of incidents, first weeks at most one off among those, false "
        "alarms in quiet games, in percent; points of 10 and thousand USD per game, against doing "
        "nothing; what the right answers earn:",
        "",
        "| player | causes | starts | false alarms | points | saved | right answers |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in players(games).iterrows():
        percents = _percents([row["causes"], row["starts"], row["false alarms"]])
        money = f"{row['points']:.1f} | {row['saved']:.0f} | {row['right']:.0f}"
        lines.append(f"| {name} | {percents} | {money} |")
    return "\n".join(lines)


def _quiet(games: pd.DataFrame) -> int:
    return games.loc[games["cause"] == NOTHING, "seed"].nunique()


def _percents(figures: Sequence[float]) -> str:
    return " | ".join(f"{100 * figure:.0f}" for figure in figures)


def main(arguments: Sequence[str] | None = None) -> None:
    """Play the games and print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=FIRST, help="the first seed")
    parser.add_argument("--games", type=int, default=GAMES)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="to docs/evidence.md")
    options = parser.parse_args(arguments)
    text = markdown(run(options.first, options.games, options.jobs))
    print(text)
    if options.write:
        write(text, "game")


if __name__ == "__main__":
    main()
