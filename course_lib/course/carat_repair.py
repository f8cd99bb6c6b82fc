"""Fix upstream: find and repair the stones whose carat contradicts their size.

Taught in lesson 07.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

__all__ = ["carat_contradicts", "repair_carat"]

Column = Any  # means `pd.Series[Any]`, which is not a valid expression at run time


def carat_contradicts(
    stones: pd.DataFrame, reference: pd.DataFrame, *, coverage: float = 0.998
) -> Column:
    """Find stones whose `carat` contradicts their size: their density is outside the usual range.

    Density is carat / (x · y · z). A stone is not marked if a side is 0 or missing, or if its carat
    is missing. The density does not show which of the four columns is wrong;
    `ColumnConsistencyCalculator` does.

    Parameters
    ----------
    stones, reference : DataFrame
        With `carat` and `x`, `y`, `z` in mm.
    coverage : float
        The central share of the densities of the reference that defines the usual range.

    Returns
    -------
    Series of bool
        With the index of `stones`.

    Raises
    ------
    ValueError
        For a missing column or a coverage that is not between 0 and 1.

    Notes
    -----
    Taught in lessons 05 and 07.

    Examples
    --------
    >>> reference = pd.DataFrame({"carat": [1.0, 1.02], "x": 6.4, "y": 6.4, "z": 4.0})
    >>> carat_contradicts(reference.assign(carat=[1.01, 0.4]), reference).tolist()
    [False, True]
    """
    if not 0 < coverage < 1:
        raise ValueError(f"`coverage` must lie between 0 and 1, got {coverage}; default 0.998")
    limits = _density(reference).quantile([(1 - coverage) / 2, (1 + coverage) / 2])
    density = _density(stones)
    outside = (density < limits.iloc[0]) | (density > limits.iloc[1])
    return outside.fillna(False).astype(bool)  # stones of unknown density are not marked


def repair_carat(
    stones: pd.DataFrame, reference: pd.DataFrame, *, coverage: float = 0.998
) -> pd.DataFrame:
    """Replace a `carat` that contradicts the size by median density · x · y · z.

    Predictions are not touched: score the repaired rows again.

    Parameters
    ----------
    stones, reference, coverage
        As in `carat_contradicts`. Not modified.

    Raises
    ------
    ValueError
        As `carat_contradicts`.

    Notes
    -----
    Taught in lesson 07.

    Examples
    --------
    >>> reference = pd.DataFrame({"carat": [1.0, 1.02], "x": 6.4, "y": 6.4, "z": 4.0})
    >>> repair_carat(reference.assign(carat=[1.01, 0.4]), reference)["carat"].tolist()
    [1.01, 1.01]
    """
    wrong = carat_contradicts(stones, reference, coverage=coverage)
    volume = stones["x"] * stones["y"] * stones["z"]
    from_size = (_density(reference).median() * volume).round(2)  # carat has two decimals
    return stones.assign(carat=stones["carat"].mask(wrong, from_size))


def _density(stones: pd.DataFrame) -> Column:
    missing = [name for name in ("carat", "x", "y", "z") if name not in stones]
    if missing:
        raise ValueError(f"the frame has no column {', '.join(missing)}; density needs all four")
    volume = stones["x"] * stones["y"] * stones["z"]
    return stones["carat"] / volume.where(volume > 0)
