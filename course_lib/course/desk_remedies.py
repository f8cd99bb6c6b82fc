"""Remedies for the desk's incidents, as functions. `compare_remedies` compares them in USD.

A remedy takes the rows `known` on a day (from `as_of`, unpublished prices missing) and the
`coming` stones, whose prices are unknown. It returns a `Plan` for the coming stones. Both frames
have the nine features, `price` (USD), `predicted_price` (USD) and `offered_at`.
Taught in lesson 07.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from course_lib.core.timeline import Moment
from course_lib.course.desk import FEATURES, fit_price_model
from course_lib.course.desk_value import HANDLING_USD, MARGIN, SELLER_RESERVE, desk_value

__all__ = [
    "Plan",
    "change_margin",
    "do_nothing",
    "recalibrate",
    "refuse",
    "reindex",
    "retrain",
]

Column = Any  # means `pd.Series[Any]`, which is not a valid expression at run time

HELD_OUT = 8  # `retrain` holds out every eighth row; the first training held out 8 of 60 weeks
MIN_ROWS = 10 * HELD_OUT


@dataclass(frozen=True, repr=False, eq=False)
class Plan:
    """What the desk does with the coming stones.

    Attributes
    ----------
    y_pred : array of shape (n,)
        The price predicted for each stone, USD.
    margin : float
        The desk offers (1 − margin) · y_pred.
    refused : array of bool, shape (n,), or None
        True for stones without an offer; None if every stone gets an offer.
    cost_usd : float
        One-time cost of the remedy.
    note : str
        Details of the remedy, such as the ratio of a recalibration.

    Notes
    -----
    Taught in lesson 07.

    Examples
    --------
    >>> Plan(np.array([900.0, 1200.0]), margin=0.2, note="by hand")
    Plan(2 stones, margin=0.2, 0 refused, by hand)
    """

    y_pred: NDArray[np.float64]
    margin: float = MARGIN
    refused: NDArray[np.bool_] | None = None
    cost_usd: float = 0.0
    note: str = ""

    def __repr__(self) -> str:
        n_refused = int((~self.offers).sum())
        n_stones = "1 stone" if len(self.y_pred) == 1 else f"{len(self.y_pred):,} stones"
        parts = [n_stones, f"margin={self.margin:g}", f"{n_refused:,} refused"]
        return f"Plan({', '.join([*parts, self.note] if self.note else parts)})"

    @property
    def offers(self) -> NDArray[np.bool_]:
        """True for the stones that get an offer, shape (n,)."""
        if self.refused is None:
            return np.ones(len(self.y_pred), dtype=bool)
        return ~self.refused


def do_nothing(coming: pd.DataFrame) -> Plan:
    """Return a plan that changes nothing, the baseline of all others.

    Parameters
    ----------
    coming : DataFrame
        With `predicted_price`.

    Raises
    ------
    ValueError
        For a missing column.

    Notes
    -----
    Taught in lesson 07.

    Examples
    --------
    >>> do_nothing(pd.DataFrame({"predicted_price": [900.0]}))
    Plan(1 stone, margin=0.1, 0 refused)
    """
    return Plan(_predicted(coming))


def refuse(coming: pd.DataFrame, rows: ArrayLike, *, cost_usd: float = 0.0) -> Plan:
    """Make no offer for some stones, such as those that the model cannot price.

    Parameters
    ----------
    coming : DataFrame
        With `predicted_price`.
    rows : array-like of bool, shape (n,)
        True for the stones to refuse. A refused stone earns 0 USD.
    cost_usd : float
        One-time cost of the remedy.

    Raises
    ------
    ValueError
        When `rows` is not one bool for each row.

    Notes
    -----
    Taught in lesson 07.

    Examples
    --------
    >>> refuse(pd.DataFrame({"predicted_price": [900.0, 5000.0]}), [False, True])
    Plan(2 stones, margin=0.1, 1 refused)
    """
    mask = np.asarray(rows)
    if mask.dtype != bool or mask.shape != (len(coming),):
        raise ValueError(
            f"`rows` must be one bool for each of {len(coming):,} rows, got {mask.dtype} of shape "
            f"{mask.shape}; use a comparison, such as coming['carat'] >= 1"
        )
    return Plan(_predicted(coming), refused=mask, cost_usd=cost_usd)


def recalibrate(
    known: pd.DataFrame,
    coming: pd.DataFrame,
    *,
    since: Moment,
    by: str | None = None,
    edges: Sequence[float] = (),
    cost_usd: float = 0.0,
) -> Plan:
    """Multiply predictions by the ratio of known totals: Σ price / Σ predicted.

    This corrects the level; relative differences between the stones of a segment stay.

    Parameters
    ----------
    known, coming : DataFrame
        See the module docstring. Not modified.
    since : str or Timestamp
        Only labels of offers from this time on are used.
    by : str, optional
        A numeric column; each of its segments gets its own ratio.
    edges : sequence of float
        The inner edges of the segments of `by`, ascending; an edge belongs to the segment above.
    cost_usd : float
        One-time cost of the remedy.

    Raises
    ------
    ValueError
        When no price is known since then (in a segment), or with only one of `by` and `edges`.
    TypeError
        When `edges` is not a list.

    Notes
    -----
    Taught in lesson 07.

    Examples
    --------
    >>> day = pd.Timestamp("2025-03-03")
    >>> known = pd.DataFrame({"price": [800, 900.0], "predicted_price": 1000, "offered_at": day})
    >>> recalibrate(known, pd.DataFrame({"predicted_price": [2000.0]}), since=day).y_pred
    array([1700.])
    """
    ratio = _ratios(_with_price(known, since), by, edges)
    factor = ratio[_segment(coming, by, edges)]
    note = "ratio " + ", ".join(f"{value:.3f}" for value in ratio)
    return Plan(_predicted(coming) * factor, cost_usd=cost_usd, note=note)


def reindex(
    known: pd.DataFrame, *, since: Moment, by: str | None = None, edges: Sequence[float] = ()
) -> pd.DataFrame:
    """Multiply old labels by the ratio of `recalibrate`, which moves them to today's level.

    Pass the result to `retrain`. The model then learns the differences between stones from all
    rows, and the price level from the new rows alone.

    Parameters
    ----------
    known : DataFrame
        See the module docstring. Not modified.
    since : str or Timestamp
        Prices of earlier offers are multiplied, later ones are kept.
    by, edges
        One ratio per segment, as in `recalibrate`.

    Returns
    -------
    DataFrame
        A copy; `price` as float64.

    Raises
    ------
    ValueError
        As `recalibrate`.

    Notes
    -----
    Taught in lesson 07.

    Examples
    --------
    >>> days = pd.to_datetime(["2025-01-06", "2025-03-03"])
    >>> known = pd.DataFrame({"price": [500, 900.0], "predicted_price": 1000, "offered_at": days})
    >>> reindex(known, since="2025-03-03")["price"].tolist()
    [450.0, 900.0]
    """
    ratio = _ratios(_with_price(known, since), by, edges)
    is_old = (known["offered_at"] < pd.Timestamp(since)).to_numpy()
    factor = np.where(is_old, ratio[_segment(known, by, edges)], 1.0)
    return known.assign(price=known["price"].to_numpy(dtype=float) * factor)


def retrain(
    known: pd.DataFrame,
    coming: pd.DataFrame,
    *,
    since: Moment | None = None,
    cost_usd: float = 0.0,
) -> Plan:
    """Train the desk's model again on known labels, and predict with it.

    Every eighth row is held out for early stopping. The first training held out the newest rows;
    here the model would then not learn from them.

    Parameters
    ----------
    known, coming : DataFrame
        With the nine features; see the module docstring. Not modified.
    since : str or Timestamp, optional
        Use offers from this time on; all by default.
    cost_usd : float
        One-time cost of the remedy.

    Raises
    ------
    ValueError
        For fewer than 80 rows with a price, or a missing column.

    Notes
    -----
    Taught in lesson 07.

    Examples
    --------
    >>> from course_lib import load_desk
    >>> desk = load_desk()
    >>> retrain(desk.reference, desk.gap)
    Plan(3,071 stones, margin=0.1, 0 refused, 7,714 rows)
    """
    rows = _with_price(known, since).sort_values("offered_at", kind="stable")
    if len(rows) < MIN_ROWS:
        raise ValueError(
            f"{len(rows):,} rows have a known price{_since(since)}, training needs {MIN_ROWS}; "
            "choose an earlier `since`, or `recalibrate`"
        )
    _require(rows, *FEATURES)
    _require(coming, *FEATURES)
    held_out = np.arange(len(rows)) % HELD_OUT == HELD_OUT - 1
    model = fit_price_model(rows[~held_out], rows[held_out])
    y_pred = np.asarray(model.predict(coming[list(FEATURES)]), dtype=float)
    return Plan(y_pred, cost_usd=cost_usd, note=f"{len(rows):,} rows")


def change_margin(
    known: pd.DataFrame,
    coming: pd.DataFrame,
    *,
    since: Moment,
    margins: Sequence[float] = tuple(np.arange(41) / 100),
    seller_reserve: float = SELLER_RESERVE,
    handling_usd: float = HANDLING_USD,
    cost_usd: float = 0.0,
) -> Plan:
    """Keep the model and choose the margin that would have earned most on known labels.

    Parameters
    ----------
    known, coming : DataFrame
        See the module docstring. Not modified.
    since : str or Timestamp
        Only labels of offers from this time on are used.
    margins : sequence of float
        The candidates; of several best ones, the first is chosen.
    seller_reserve, handling_usd : float
        See `desk_value`.
    cost_usd : float
        One-time cost of the remedy.

    Raises
    ------
    ValueError
        When no price is known since then, or `margins` is empty.

    Notes
    -----
    Taught in lesson 07.

    Examples
    --------
    >>> day = pd.Timestamp("2025-03-03")
    >>> known = pd.DataFrame({"price": [900.0], "predicted_price": 1000, "offered_at": day})
    >>> change_margin(known, known, since=day, margins=[0.1, 0.2]).margin
    0.2
    """
    if not len(margins):
        raise ValueError("`margins` is empty; give at least one share, such as [0.2]")
    rows = _with_price(known, since)
    y_true, y_pred = rows["price"].to_numpy(), _predicted(rows)
    values = [
        desk_value(margin=margin, seller_reserve=seller_reserve, handling_usd=handling_usd)
        for margin in margins
    ]
    earned = [value.rows(y_true, y_pred).mean() for value in values]
    best = float(margins[int(np.argmax(earned))])
    return Plan(_predicted(coming), margin=best, cost_usd=cost_usd)


def _with_price(known: pd.DataFrame, since: Moment | None) -> pd.DataFrame:
    """Return the rows with a known price, offered at `since` or later."""
    _require(known, "price", "predicted_price", "offered_at")
    mask = known["price"].notna()
    if since is not None:
        mask &= known["offered_at"] >= pd.Timestamp(since)
    if not mask.any():
        raise ValueError(
            f"0 of {len(known):,} rows of `known` have a price{_since(since)}; choose an earlier "
            "`since`, or wait for the labels"
        )
    n_missing = int(known.loc[mask, "predicted_price"].isna().sum())
    if n_missing:
        raise ValueError(
            f"`predicted_price` is missing in {n_missing:,} of {int(mask.sum()):,} rows with a "
            "price; drop those rows, or predict them"
        )
    return known[mask]


def _since(since: Moment | None) -> str:
    return "" if since is None else f" and were offered since {since}"


def _ratios(rows: pd.DataFrame, by: str | None, edges: Sequence[float]) -> NDArray[np.float64]:
    """Return Σ price / Σ predicted of each segment."""
    segment = _segment(rows, by, edges)
    n_segments = len(edges) + 1
    counts = np.bincount(segment, minlength=n_segments)
    if not counts.all():
        raise ValueError(
            f"{(counts == 0).sum()} of {n_segments} segments of `{by}` have no known price; "
            "choose fewer `edges` or an earlier `since`"
        )
    prices = np.bincount(segment, rows["price"].to_numpy(dtype=float), n_segments)
    return np.asarray(prices / np.bincount(segment, _predicted(rows), n_segments))


def _segment(frame: pd.DataFrame, by: str | None, edges: Sequence[float]) -> NDArray[np.int_]:
    if np.ndim(edges) != 1:
        raise TypeError(f"`edges` must be a list such as [1.0], got {edges!r}")
    if (by is None) != (len(edges) == 0):
        raise ValueError("`by` and `edges` go together; give the column and where segments begin")
    if by is None:
        return np.zeros(len(frame), dtype=int)
    _require(frame, by)
    values = frame[by].to_numpy(dtype=float, na_value=np.nan)
    n_missing = int(np.isnan(values).sum())
    if n_missing:
        raise ValueError(
            f"`{by}` is missing in {n_missing:,} of {len(frame):,} rows, which then have no "
            "segment; fill or drop those rows"
        )
    return np.asarray(np.digitize(values, edges))


def _predicted(frame: pd.DataFrame) -> NDArray[np.float64]:
    _require(frame, "predicted_price")
    return frame["predicted_price"].to_numpy(dtype=float)


def _require(frame: pd.DataFrame, *columns: str) -> None:
    missing = [name for name in columns if name not in frame]
    if missing:
        raise ValueError(
            f"the frame has no column {', '.join(map(repr, missing))}; it has "
            f"{', '.join(map(str, frame.columns))}"
        )
