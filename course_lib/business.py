"""Business value: what a row, and so a model, is worth in money.

Taught in lesson 04.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .metrics import RowMetric, refuse_other_classes

__all__ = ["HANDLING_USD", "MARGIN", "SELLER_RESERVE", "accepts", "desk_value", "matrix_value"]

MARGIN = 0.10  #: The desk offers this share less than the predicted price.
SELLER_RESERVE = 0.85  #: The seller refuses offers below this share of the true price.
HANDLING_USD = 25.0  #: What buying a stone costs the desk, beside the offer.

Rows = NDArray[np.float64]


def accepts(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    margin: float = MARGIN,
    seller_reserve: float = SELLER_RESERVE,
) -> NDArray[np.bool_]:
    """Return whether sellers accept the desk's offers, shape (n,).

    The desk offers (1 − margin) · prediction; a seller, who knows what the stone is worth, accepts
    an offer of at least ``seller_reserve`` · true price. A model of sellers, not a measurement.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,)
        True and predicted price, USD.
    margin, seller_reserve : float
        Shares, from 0 to 1.

    Raises
    ------
    ValueError
        When a share lies outside 0 to 1.

    Notes
    -----
    Taught in lesson 04.

    Examples
    --------
    >>> accepts([1000, 1000], [1000, 900])
    array([ True, False])
    """
    _require_share("margin", margin)
    _require_share("seller_reserve", seller_reserve)
    offer = (1 - margin) * np.asarray(y_pred, dtype=float)
    return np.asarray(offer >= seller_reserve * np.asarray(y_true, dtype=float))


def desk_value(
    *,
    margin: float = MARGIN,
    seller_reserve: float = SELLER_RESERVE,
    handling_usd: float = HANDLING_USD,
    total: bool = False,
) -> RowMetric:
    """Return the metric ``business_value`` of the diamond desk.

    A stone whose offer is accepted earns price − offer − handling, the others nothing. Predictions
    that are too low lose the deal, those that are too high lose money; and of two errors of the
    same size, sellers accept the one that is too high (the winner's curse).

    Parameters
    ----------
    margin, seller_reserve : float
        Shares, from 0 to 1; see `accepts`.
    handling_usd : float
        Cost of a stone that is bought.
    total : bool
        The sum over the chunk in USD, instead of USD per stone offered.

    Returns
    -------
    RowMetric
        For `PerformanceCalculator` (realized) and `DLE` (estimated).

    Raises
    ------
    ValueError
        When a share lies outside 0 to 1.

    Notes
    -----
    Taught in lesson 04.

    Examples
    --------
    >>> value = desk_value()
    >>> value.rows(np.array([1000.0, 1000.0]), np.array([1000.0, 900.0]))
    array([75.,  0.])
    """
    _require_share("margin", margin)
    _require_share("seller_reserve", seller_reserve)

    unit = "USD" if total else "USD per stone"
    earned = _Earned(margin, seller_reserve, handling_usd)
    return RowMetric("business_value", earned, unit=unit, higher_is_better=True, total=total)


def matrix_value(business_value_matrix: ArrayLike, *, total: bool = True) -> RowMetric:
    """Return the metric ``business_value`` of a binary classifier, for classes 0 and 1.

    Parameters
    ----------
    business_value_matrix : array-like of shape (2, 2)
        The value of a row by true class (rows) and predicted class (columns):
        ``[[true negative, false positive], [false negative, true positive]]``.
    total : bool
        The sum over the chunk; otherwise the mean per row.

    Raises
    ------
    ValueError
        When the matrix is not 2 by 2, or holds a value that is not finite.

    Notes
    -----
    The total is Σ B · C, with the matrix B and the counts C of the confusion matrix. It is summed
    row by row, so a chunk with one class only is no special case. `PerformanceCalculator` makes
    this metric from its own `business_value_matrix`. Taught in lesson 04.

    Examples
    --------
    >>> value = matrix_value([[0, -1], [-10, 5]])
    >>> value.rows(np.array([0.0, 1.0, 1.0]), np.array([1.0, 0.0, 1.0]))
    array([ -1., -10.,   5.])
    """
    matrix = np.asarray(business_value_matrix, dtype=float)
    if matrix.shape != (2, 2):
        raise ValueError(
            f"`business_value_matrix` has shape {matrix.shape}; give one value for each true class "
            "(rows) and predicted class (columns): [[TN, FP], [FN, TP]]"
        )
    if not np.isfinite(matrix).all():
        raise ValueError("`business_value_matrix` must hold finite numbers only")

    unit = "value" if total else "value per row"
    value = _OfCells(tuple(map(tuple, matrix.tolist())))
    return RowMetric("business_value", value, unit=unit, higher_is_better=True, total=total)


# Functions with what they were given, so that a monitor can be saved with them.


@dataclass(frozen=True)
class _Earned:
    """What the desk earns with each stone."""

    margin: float
    seller_reserve: float
    handling_usd: float

    def __call__(self, y_true: Rows, y_pred: Rows) -> Rows:
        bought = accepts(y_true, y_pred, margin=self.margin, seller_reserve=self.seller_reserve)
        return np.where(bought, y_true - (1 - self.margin) * y_pred - self.handling_usd, 0.0)


@dataclass(frozen=True)
class _OfCells:
    """What each row is worth by its true and its predicted class."""

    matrix: tuple[tuple[float, ...], ...]

    def __call__(self, y_true: Rows, y_pred: Rows) -> Rows:
        refuse_other_classes("y_true", y_true)
        refuse_other_classes("y_pred", y_pred)
        return np.asarray(np.asarray(self.matrix)[y_true.astype(int), y_pred.astype(int)])


def _require_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"`{name}` must lie between 0 and 1, got {value}; 0.1 stands for 10 %")
