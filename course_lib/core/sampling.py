"""Samples of rows by their content, not by their position."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from course_lib.core.schema import Table

__all__ = ["draw"]


def draw(
    table: Table, names: Sequence[str], rows: NDArray[np.intp], n: int, *, seed: int = 0
) -> NDArray[np.intp]:
    """Draw at most n rows at random, in their order; equal rows give an equal sample.

    The rows with the smallest hashes are drawn, so that the sample does not depend on where the
    rows stand in a frame. Each repetition of a row has a hash of its own: a frequent row is drawn
    as often as at random.

    Parameters
    ----------
    table : Table
    names : sequence of str
        The columns whose content counts.
    rows : array of shape (m,)
        Positions in the table to draw from.
    n : int
    seed : int
        Another seed gives another sample.

    Returns
    -------
    array of shape (min(m, n),)
        Positions in the table.
    """
    if len(rows) <= n:
        return rows
    hashes = table.hashes(tuple(names))[rows]
    repeated = pd.Series(hashes)
    repetition = repeated.groupby(repeated).cumcount() if repeated.duplicated().any() else 0
    # The rows' own content is in the salt: two chunks of alike rows have independent samples.
    salt = np.random.default_rng([seed, int(hashes.sum())]).integers(2**63, dtype=np.uint64)
    keys = pd.util.hash_array(hashes ^ (salt + np.asarray(repetition, dtype=np.uint64)))
    return rows[np.sort(np.argpartition(keys, n)[:n])]
