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
    """Write weeks of production as Parquet files, their rows drawn from those of the desk.

    Each week draws with replacement from the same week of ``load_desk().analysis``; after 28 weeks
    production starts again, 28 weeks later. Equal seeds draw the same week whatever the number of
    weeks. The rows repeat some 390 stones: good for time, memory and sameness, not for judging
    alerts, since limits take the rows for new ones.

    Parameters
    ----------
    folder : path
        Made if need be; it must be empty.
    weeks, rows_per_week : int
        20 million rows are 400 weeks of 50,000.
    seed : int

    Returns
    -------
    list of Path
        One file per week, named by its Monday, in order of time.

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
    if found := len(list(folder.iterdir())):
        raise ValueError(
            f"`folder` holds {found} files, and a data set is all that is in its folder; name a "
            "new one, or empty it"
        )
    desk = load_desk()
    production = desk.analysis
    source = [rows for _, rows in production.groupby(desk.week(production))]
    files = []
    for week in range(weeks):
        rows = source[week % N_WEEKS]
        drawn = np.random.default_rng([seed, week]).integers(len(rows), size=rows_per_week)
        later = WEEK * (week - week % N_WEEKS)
        part = rows.iloc[np.sort(drawn)]
        for name in ("offered_at", "price_known_at"):
            part = part.assign(**{name: part[name] + later})
        files.append(folder / f"{desk.go_live + WEEK * week:%Y-%m-%d}.parquet")
        part.to_parquet(files[-1], index=False)
    return files
