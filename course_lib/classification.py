"""Metrics of a binary classifier, from labels and predicted classes.

Taught in lesson 04 (business value).
"""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from .business import matrix_value
from .metrics import RowMetric, as_list, chosen_metrics

__all__ = ["classification_metrics"]


def classification_metrics(
    metrics: str | RowMetric | Sequence[str | RowMetric] | None,
    *,
    business_value_matrix: ArrayLike | None = None,
    normalize_business_value: str | None = None,
) -> tuple[RowMetric, ...]:
    """Turn names and `RowMetric` objects into metrics of a binary classifier.

    Parameters
    ----------
    metrics : str, RowMetric or list of them
        ``"business_value"``, or metrics of your own on labels and predictions that are 0 or 1.
    business_value_matrix : array-like of shape (2, 2), optional
        What a row is worth by true class (rows) and predicted class (columns), in money; see
        `matrix_value`. Needed by ``business_value``.
    normalize_business_value : {None, "per_prediction"}
        The sum over a chunk's labelled rows, or their mean.

    Raises
    ------
    ValueError
        For an unknown name, a name given twice or none; for a matrix that is missing, unused or
        not 2 by 2.
    TypeError
        For something that is neither a name nor a `RowMetric`.

    Notes
    -----
    Taught in lesson 04.

    Examples
    --------
    >>> classification_metrics("business_value", business_value_matrix=[[0, -1], [-10, 5]])
    (RowMetric('business_value', unit='value'),)
    """
    if normalize_business_value not in (None, "per_prediction"):
        raise ValueError(
            '`normalize_business_value` must be None (a total) or "per_prediction", '
            f"got {normalize_business_value!r}"
        )
    if metrics is None:
        raise ValueError('name the `metrics` of a classifier: "business_value", or a RowMetric')
    asked = as_list(metrics)
    value = None
    if "business_value" in asked:
        total = normalize_business_value is None
        value = matrix_value(_given(business_value_matrix), total=total)
    elif business_value_matrix is not None or normalize_business_value:
        raise ValueError(
            'what a row is worth is given, but `metrics` does not ask for "business_value"; '
            "add it, or leave out `business_value_matrix` and `normalize_business_value`"
        )
    return chosen_metrics(asked, {"business_value": value})


def _given(business_value_matrix: ArrayLike | None) -> ArrayLike:
    if business_value_matrix is None:
        raise ValueError(
            "`business_value` needs a `business_value_matrix`: [[TN, FP], [FN, TP]], the value of "
            "a row by true class (rows) and predicted class (columns)"
        )
    return business_value_matrix
