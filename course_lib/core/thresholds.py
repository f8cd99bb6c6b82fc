"""Thresholds: compute limits from the values of reference chunks; a chunk beyond them alerts.

Taught in lesson 02 (what a limit costs in false alarms).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

__all__ = [
    "Bounds",
    "ConstantThreshold",
    "PredictionIntervalThreshold",
    "StandardDeviationThreshold",
    "Threshold",
    "Thresholds",
    "quiet_chunks",
    "thresholds_by_metric",
]

Side = Literal["upper", "lower", "both"]
Limits = tuple[float | None, float | None]
MIN_CHUNKS = 5  # with fewer, the t quantile at 1 % exceeds 4.5 and limits are too wide to use


@dataclass(frozen=True)
class Bounds:
    """Properties of a metric that its threshold needs.

    Attributes
    ----------
    lower_limit, upper_limit : float or None
        The smallest and largest value the metric can take.
    side : {"upper", "lower", "both"}
        The side that is worse.
    scale : {"raw", "log", "cbrt"}
        The scale on which the values of quiet chunks are close to normal.
    size_power : float
        The spread (raw scale) or the level (other scales) in a chunk of n rows is proportional to
        n ** -size_power: 0.5 for a mean or a distance, 0 for a test statistic.
    total : bool
        Whether the metric is a sum over n rows. Prediction limits are the mean's, times n.
    best : float or None
        The value of a perfect chunk, if there is one. Losses are skewed and bounded by this value;
        (distance from it) ** ``power`` is close to normal.
    power : float
        0.5 for a loss or a share of correct predictions, 0.25 for a squared loss.
    """

    lower_limit: float | None = None
    upper_limit: float | None = None
    side: Side = "upper"
    scale: Literal["raw", "log", "cbrt"] = "raw"
    size_power: float = 0.5
    total: bool = False
    best: float | None = None
    power: float = 0.5

    def clip(self, limits: Limits) -> Limits:
        """Return the limits, None where the metric cannot cross one."""
        lower, upper = limits
        if lower is not None and self.lower_limit is not None and lower <= self.lower_limit:
            lower = None
        if upper is not None and self.upper_limit is not None and upper >= self.upper_limit:
            upper = None
        return lower, upper


class Threshold(Protocol):
    """Interface of all thresholds; you can pass any object with a method `limits`."""

    def limits(
        self, values: ArrayLike, *, n_used: ArrayLike, n: float, bounds: Bounds
    ) -> tuple[float | None, float | None]:
        """Return (lower, upper) for a chunk of ``n`` rows; None switches a side off."""


#: What monitors accept: one threshold for all metrics, one per metric, or None for the default.
Thresholds = Threshold | Mapping[str, Threshold] | None


@dataclass(frozen=True)
class ConstantThreshold:
    """Fixed limits, such as an agreed tolerance.

    Taught in lesson 12.

    Parameters
    ----------
    lower, upper : float, optional
        None switches a side off.

    Raises
    ------
    TypeError, ValueError
        For limits that are not finite numbers, or a ``lower`` that is not below ``upper``.

    Examples
    --------
    >>> ConstantThreshold(upper=300.0).limits([250.0], n_used=[400], n=400, bounds=Bounds())
    (None, 300.0)
    """

    lower: float | None = None
    upper: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("lower", self.lower), ("upper", self.upper)):
            if value is not None:
                require_number(name, value)
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise ValueError(f"`lower` ({self.lower}) must be below `upper` ({self.upper})")

    def limits(
        self, values: ArrayLike, *, n_used: ArrayLike, n: float, bounds: Bounds
    ) -> tuple[float | None, float | None]:
        """Return the two constants."""
        return self.lower, self.upper


@dataclass(frozen=True)
class StandardDeviationThreshold:
    """A center plus and minus a multiple of the standard deviation of the reference chunks.

    NannyML's rule (ddof 0). With ten reference chunks and a multiplier of 3, about 2.4 % of quiet
    chunks alert. A normal distribution suggests 0.27 %, but center and standard deviation are
    estimates; `PredictionIntervalThreshold` accounts for that. Taught in lesson 12.

    Parameters
    ----------
    std_lower_multiplier, std_upper_multiplier : float or None
        At least 0; None switches the side off.
    offset_from : callable
        Function that computes the center from the values.

    Raises
    ------
    TypeError, ValueError
        For multipliers below 0 or not finite, or an ``offset_from`` that is not callable.

    Examples
    --------
    >>> lower, upper = StandardDeviationThreshold().limits(
    ...     range(10), n_used=[1] * 10, n=1, bounds=Bounds())
    >>> round(lower, 4), round(upper, 4)
    (-4.1168, 13.1168)
    """

    std_lower_multiplier: float | None = 3
    std_upper_multiplier: float | None = 3
    offset_from: Callable[[Any], Any] = np.nanmean

    def __post_init__(self) -> None:
        if not callable(self.offset_from):
            raise TypeError(
                f"`offset_from` must be a function such as np.nanmean, got {self.offset_from!r}"
            )
        for name in ("std_lower_multiplier", "std_upper_multiplier"):
            value = getattr(self, name)
            if value is not None:
                require_number(name, value)
                if value < 0:
                    raise ValueError(
                        f"`{name}` must be at least 0, or None for no limit; got {value}"
                    )

    def limits(
        self, values: ArrayLike, *, n_used: ArrayLike, n: float, bounds: Bounds
    ) -> tuple[float | None, float | None]:
        """Return the limits; they do not depend on the size of the chunk."""
        quiet = np.asarray(values, dtype=float)
        quiet = quiet[~np.isnan(quiet)]
        if not len(quiet):
            raise ValueError(
                f"none of {np.size(values)} reference chunks has a value to compute limits from; "
                "give a longer reference, or a ConstantThreshold"
            )
        center, spread = float(self.offset_from(quiet)), float(np.std(quiet))
        below, above = self.std_lower_multiplier, self.std_upper_multiplier
        lower = None if below is None else center - below * spread
        upper = None if above is None else center + above * spread
        return bounds.clip((lower, upper))


@dataclass(frozen=True)
class PredictionIntervalThreshold:
    """Limits of a prediction interval: quiet chunks alert at the stated rate.

    For k reference chunks with mean m and standard deviation s (ddof 1) the upper limit is
    m + t · s · √(1 + 1/k), where t is a quantile of Student's distribution with k − 1 degrees of
    freedom: the prediction interval of a normal sample (Hahn and Meeker, Statistical Intervals,
    1991, 4.7). The metric's `Bounds` give scale and side. Losses and shares of correct predictions
    are skewed; their limit is computed on (distance from a perfect chunk) ** `power`. Values are
    scaled to the mean chunk size n̄, and limits to the size n of the measured chunk. For a mean,
    the root is √(n̄/n + 1/k): the noise of the chunk depends on n, the noise of m does not.

    The rate holds on average over references. With a single reference of ten chunks it can be much
    lower or much higher (lesson 02). Taught in lesson 02.

    Parameters
    ----------
    false_alarm_rate : float
        Share of quiet chunks that alert, both sides together; 0.01 by default.

    Raises
    ------
    TypeError, ValueError
        For a rate that is not between 0 and 1; in `limits`, for fewer than five usable chunks.

    Examples
    --------
    >>> quiet = [250.0, 243.0, 260.0, 251.0, 248.0, 255.0]
    >>> lower, upper = PredictionIntervalThreshold(0.01).limits(
    ...     quiet, n_used=[400] * 6, n=400, bounds=Bounds(side="upper"))
    >>> print(lower, round(upper, 1))
    None 272.4
    """

    false_alarm_rate: float = 0.01

    def __post_init__(self) -> None:
        require_number("false_alarm_rate", self.false_alarm_rate)
        if not 0 < self.false_alarm_rate < 1:
            raise ValueError(
                f"`false_alarm_rate` must lie between 0 and 1, got {self.false_alarm_rate}; "
                "0.01 means one false alarm in a hundred chunks"
            )

    def limits(
        self, values: ArrayLike, *, n_used: ArrayLike, n: float, bounds: Bounds
    ) -> tuple[float | None, float | None]:
        """Return the limits for a chunk of ``n`` rows."""
        quiet, sizes = quiet_chunks(values, n_used)
        if bounds.total:
            of_mean = replace(bounds, total=False)
            lower, upper = self.limits(quiet / sizes, n_used=sizes, n=n, bounds=of_mean)
            return None if lower is None else lower * n, None if upper is None else upper * n
        if bounds.best is not None:
            rooted = np.abs(quiet - bounds.best) ** bounds.power
            _, limit = self.limits(rooted, n_used=sizes, n=n, bounds=Bounds())
            distance = 0.0 if limit is None else max(limit, 0.0) ** (1 / bounds.power)
            return bounds.clip(_at_distance(bounds.best, distance, bounds.side))
        if bounds.scale != "raw" and not quiet.any():
            return None, 0.0  # all distances are 0: no spread to compute a limit from
        k, size = len(quiet), n / float(np.mean(sizes))
        tail = self.false_alarm_rate / (2 if bounds.side == "both" else 1)
        level = _to_scale(quiet, sizes / float(np.mean(sizes)), bounds)
        center = float(np.mean(level))
        reach = float(stdtrit(k - 1, 1 - tail)) * float(np.std(level, ddof=1))
        lower = None if bounds.side == "upper" else _from_scale(center, -reach, size, k, bounds)
        upper = None if bounds.side == "lower" else _from_scale(center, reach, size, k, bounds)
        return bounds.clip((lower, upper))


def _at_distance(best: float, distance: float, side: Side) -> Limits:
    """Return the limits at this distance from the best value, on the worse side."""
    return (None, best + distance) if side == "upper" else (best - distance, None)


def quiet_chunks(
    values: ArrayLike, n_used: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return values and sizes of the usable chunks: with a value and at least half the median size.

    Raises
    ------
    ValueError
        When fewer than five chunks are usable.
    """
    quiet, sizes = np.asarray(values, dtype=float), np.asarray(n_used, dtype=float)
    usable = ~np.isnan(quiet) & (sizes > 0)
    usable &= sizes >= (np.median(sizes[usable]) / 2 if usable.any() else 0)
    if usable.sum() < MIN_CHUNKS:
        raise ValueError(
            f"only {int(usable.sum())} reference chunks have a value and at least half the median "
            f"size, and limits need {MIN_CHUNKS}; give a longer reference or smaller chunks, "
            "or a ConstantThreshold"
        )
    return quiet[usable], sizes[usable]


def _to_scale(
    quiet: NDArray[np.float64], size: NDArray[np.float64], bounds: Bounds
) -> NDArray[np.float64]:
    """Return the values on the scale of the limits, for chunks of mean size; sizes are relative."""
    if bounds.scale == "raw":
        # Larger chunks have the same center and less spread.
        center = float(np.average(quiet, weights=size))
        return center + (quiet - center) * size**bounds.size_power
    # Larger chunks have smaller distances. A zero is replaced by half the smallest positive value.
    level = np.maximum(quiet, quiet[quiet > 0].min() / 2) * size**bounds.size_power
    return np.asarray(np.log(level) if bounds.scale == "log" else np.cbrt(level))


def _from_scale(center: float, reach: float, size: float, k: int, bounds: Bounds) -> float:
    """Return a limit in the unit of the metric, for a chunk of this relative size."""
    shrink: float = size**-bounds.size_power
    if bounds.scale == "raw":
        return center + reach * math.sqrt(shrink**2 + 1 / k)
    limit = center + reach * math.sqrt(1 + 1 / k)
    return (math.exp(limit) if bounds.scale == "log" else max(limit, 0.0) ** 3) * shrink


def require_number(name: str, value: object) -> None:
    """Raise unless the named argument is a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"`{name}` must be a number, got {value!r}")
    if not math.isfinite(float(value)):
        raise ValueError(f"`{name}` must be finite, got {value}")


def thresholds_by_metric(thresholds: object, metrics: Sequence[str]) -> dict[str, Threshold]:
    """Return the given thresholds by metric.

    Parameters
    ----------
    thresholds : Threshold, dict of metric name to Threshold, or None
        One threshold applies to all metrics.
    metrics : sequence of str
        The metrics that are measured.

    Raises
    ------
    TypeError, ValueError
        For something that is not a threshold, or a metric that is not measured.
    """
    if thresholds is None:
        return {}
    given = thresholds if isinstance(thresholds, Mapping) else dict.fromkeys(metrics, thresholds)
    for name, threshold in given.items():
        if name not in metrics:
            raise ValueError(
                f"`thresholds` names {name!r}, which is not measured; "
                f"choose from {', '.join(metrics)}"
            )
        if isinstance(threshold, type) or not callable(getattr(threshold, "limits", None)):
            raise TypeError(
                f"{threshold!r} is not a threshold for {name!r}; give one such as "
                "ConstantThreshold(upper=300), or a dict such as "
                '{"mae": ConstantThreshold(upper=300)}'
            )
    return dict(given)
