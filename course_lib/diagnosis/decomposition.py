"""Decomposition of a change of performance: how much of it the inputs explain."""

from __future__ import annotations

import pandas as pd

from course_lib.core.result import Result, in_all_rows

__all__ = ["decompose_change"]

#: The columns of a frame that identify a chunk of one period.
CHUNK = ["chunk_index", "key", "start_date", "end_date"]


def decompose_change(estimated: Result, realized: Result) -> pd.DataFrame:
    """Split the change of realized performance into an explained and an unexplained part.

    For each analysis chunk, with r the mean realized value of the reference chunks::

        realized − r  =  (estimated − r)  +  (realized − estimated)
        change        =  explained        +  unexplained

    An estimate depends only on inputs and predictions, so they explain its change. An unexplained
    change beyond the confidence boundaries has another cause. Check in this order: broken data,
    inputs new to the nanny model, unrepresentative labels, concept drift.

    A total (``RowMetric(total=True)``) over the rows with a label is first scaled to all rows of
    its chunk, because the estimate covers all rows. Taught in lesson 03.

    Parameters
    ----------
    estimated, realized : Result
        From `DLE` or `CBPE`, and `PerformanceCalculator`: the same metric and chunks.

    Returns
    -------
    DataFrame
        One row per analysis chunk with a realized value: ``chunk_index``, ``key``, ``start_date``,
        ``end_date``; in the unit of the metric ``change``, ``explained``, ``unexplained`` and its
        ``lower_boundary`` and ``upper_boundary``; ``beyond``, True outside them; ``labelled``, the
        share of rows with a label. The boundaries are divided by its square root, which is right
        only if labels are missing at random; wait for all labels if you can.

    Raises
    ------
    ValueError
        When the metrics differ, no chunk has both values, or `realized` has no reference chunks.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from course_lib import DLE, PerformanceCalculator, decompose_change
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame(rng.normal(size=(3000, 2)), columns=["size", "price"])
    >>> roles = {"y_pred": "predicted", "y_true": "price", "metrics": "mae"}
    >>> reference = frame.assign(predicted=0.0)
    >>> dle = DLE(["size"], **roles).fit(reference)
    >>> calculator = PerformanceCalculator(problem_type="regression", **roles).fit(reference)
    >>> later = reference.assign(price=2 * frame["price"])
    >>> parts = decompose_change(dle.estimate(later), calculator.calculate(later))
    >>> bool(parts["beyond"].all())
    True
    """
    require_pair(estimated, realized)
    reference = in_all_rows(realized.filter(period="reference"))["value"].mean()
    left = in_all_rows(estimated.filter(period="analysis"))
    right = in_all_rows(realized.filter(period="analysis"))[[*CHUNK, "value", "n_used"]]
    both = left.merge(right, on=CHUNK, suffixes=("", "_realized"))
    both = both.dropna(subset=["value", "value_realized"]).reset_index(drop=True)
    if both.empty:
        raise ValueError(
            f"none of {len(left)} analysis chunks has an estimate and a realized value; use the "
            "same chunks for both, and wait until the labels of at least one are known"
        )
    parts = both[CHUNK].copy()
    parts["change"] = both["value_realized"] - reference
    parts["explained"] = both["value"] - reference
    parts["unexplained"] = both["value_realized"] - both["value"]
    labelled = both["n_used_realized"] / both["n_rows"]
    for side in ("lower", "upper"):
        distance = both[f"{side}_confidence_boundary"] - both["value"]
        parts[f"{side}_boundary"] = distance / labelled**0.5
    low, high = parts["lower_boundary"], parts["upper_boundary"]
    parts["beyond"] = (parts["unexplained"] < low) | (parts["unexplained"] > high)
    return parts.assign(labelled=labelled)


def require_pair(estimated: Result, realized: Result) -> None:
    """Raise an error unless the two are an estimate and realized values of one metric."""
    for name, result in {"estimated": estimated, "realized": realized}.items():
        if result.kind != name:
            raise ValueError(f"`{name}` holds {result.kind} values; give {name} ones")
        if len(result.series) != 1:
            raise ValueError(
                f"`{name}` holds {len(result.series)} metrics; choose one with "
                "`.filter(metrics=...)`"
            )
    if estimated.series != realized.series:
        raise ValueError(
            f"`estimated` holds {estimated.series[0][1]}, `realized` holds "
            f"{realized.series[0][1]}; compare the same metric"
        )
    if realized.filter(period="reference").to_df().empty:
        raise ValueError(
            "`realized` has 0 reference chunks, and the change is measured against them; pass the "
            'result without `.filter(period="analysis")`'
        )
