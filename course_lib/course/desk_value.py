"""The business value of the diamond desk: what the desk earns per stone with a price model.

Taught in lesson 04.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_lib.performance.regression_metrics import RowMetric

__all__ = ["HANDLING_USD", "MARGIN", "SELLER_RESERVE", "accepts", "desk_value"]

MARGIN = 0.10  #: The desk offers this share less than the predicted price.
SELLER_RESERVE = 0.85  #: The seller refuses offers below this share of the true price.
HANDLING_USD = 25.0  #: Cost of buying a stone, in addition to the offer.

Rows = NDArray[np.float64]


def accepts(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    margin: float = MARGIN,
    seller_reserve: float = SELLER_RESERVE,
) -> NDArray[np.bool_]:
    """Return whether sellers accept the desk's offers, shape (n,).

    The desk offers (1 − margin) · prediction. The seller knows the true price and accepts an offer
    of at least ``seller_reserve`` · true price. This is an assumption, not a measurement.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,)
        True and predicted price, USD.
    margin, seller_reserve : float
        Shares, from 0 to 1.

    Raises
    ------
    ValueError
        When a share is outside 0 to 1.

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

    A stone whose offer is accepted earns price − offer − handling, the others 0. A prediction that
    is too low loses the deal; one that is too high loses money. Sellers accept more of the offers
    that are too high (the winner's curse).

    Parameters
    ----------
    margin, seller_reserve : float
        Shares, from 0 to 1; see `accepts`.
    handling_usd : float
        Cost of a stone that is bought.
    total : bool
        True for the sum over the chunk in USD; by default USD per stone offered.

    Returns
    -------
    RowMetric
        For `PerformanceCalculator` (realized) and `DLE` (estimated).

    Raises
    ------
    ValueError
        When a share is outside 0 to 1.

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


# A class, not a closure, so that a monitor with this metric can be saved.


@dataclass(frozen=True)
class _Earned:
    """What the desk earns with each stone."""

    margin: float
    seller_reserve: float
    handling_usd: float

    def __call__(self, y_true: Rows, y_pred: Rows) -> Rows:
        bought = accepts(y_true, y_pred, margin=self.margin, seller_reserve=self.seller_reserve)
        return np.where(bought, y_true - (1 - self.margin) * y_pred - self.handling_usd, 0.0)


def _require_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"`{name}` must lie between 0 and 1, got {value}; 0.1 stands for 10 %")
