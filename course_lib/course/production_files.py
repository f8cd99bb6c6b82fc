"""The desk's production at any size: a Parquet data set with a file per week.

Taught in lesson 11.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from course_lib.course.calendar import SETS, WEEK
from course_lib.course.desk import load_desk

__all__ = ["write_partitions"]

N_WEEKS = SETS["analysis"]


def write_partitions(
    folder: str | os.PathLike[str],
    *,
    weeks: int = N_WEEKS,
    rows_per_week: int = 2_000,
    seed: int = 0,
) -> list[Path]:
    """Write weeks of production as Parquet files, with rows sampled from those of the desk.

    Each week is sampled with replacement from the same week of ``load_desk().analysis``; after 28
    weeks the samples start again with week 0. Equal seeds give equal weeks for any number of weeks.
    A week repeats about 390 stones: use the files to measure time and memory and to compare
    results, but do not judge alerts on them, since limits assume that rows are independent.

    Parameters
    ----------
    folder : path
        Created if it does not exist; it must be empty.
    weeks, rows_per_week : int
        20 million rows are 400 weeks of 50,000.
    seed : int

    Returns
    -------
    list of Path
        One file per week, named after its Monday, in order of time.

    Raises
    ------
    ValueError
        For a folder with files in it, or a size below 1.

    Notes
    -----
    Taught in lesson 11.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from course_lib import write_partitions
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = write_partitions(folder, weeks=2, rows_per_week=100)
    ...     print([file.name for file in files], len(pd.read_parquet(files[0])))
    ['2024-09-09.parquet', '2024-09-16.parquet'] 100
    """
    for name, number in (("weeks", weeks), ("rows_per_week", rows_per_week)):
        if number < 1:
            raise ValueError(f"`{name}` must be at least 1, got {number}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if n_files := len(list(folder.iterdir())):
        raise ValueError(
            f"`folder` holds {n_files} files, and all files of a folder are one data set; choose a "
            "new folder, or empty this one"
        )
    desk = load_desk()
    production = desk.analysis
    source = [rows for _, rows in production.groupby(desk.week(production))]
    files = []
    for week in range(weeks):
        rows = source[week % N_WEEKS]
        sample = np.random.default_rng([seed, week]).integers(len(rows), size=rows_per_week)
        shift = WEEK * (week - week % N_WEEKS)
        part = rows.iloc[np.sort(sample)]
        for name in ("offered_at", "price_known_at"):
            part = part.assign(**{name: part[name] + shift})
        files.append(folder / f"{desk.go_live + WEEK * week:%Y-%m-%d}.parquet")
        part.to_parquet(files[-1], index=False)
    return files
