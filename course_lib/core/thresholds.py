"""Thresholds: from the values of quiet chunks to the limits beyond which a chunk alerts.

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
MIN_CHUNKS = 5  # below this the t quantile at 1 % exceeds 4.5: such limits see nothing


@dataclass(frozen=True)
class Bounds:
    """What a metric tells a threshold about itself.

    Attributes
    ----------
    lower_limit, upper_limit : float or None
        The smallest and largest value the metric can take.
    side : {"upper", "lower", "both"}
        The side that is worse.
    scale : {"raw", "log", "cbrt"}
        The scale on which its quiet values are close to normal.
    size_power : float
        Its spread (raw scale) or its level (other scales) falls with the chunk's number of rows n
        as n ** -size_power: 0.5 for a mean or a distance, 0 for a test statistic.
    total : bool
        The metric is a sum over the rows of a chunk: limits are those of its mean, times n.
    best : float or None
        The value of a perfect chunk, if there is one. Losses crowd towards it and straggle away
        from it: their distance from it, to the power of ``power``, is close to normal.
    power : float
        A half for a loss or a share of right answers, a quarter for a squared loss.
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
        """Switch off a limit that the metric cannot pass."""
        lower, upper = limits
        if lower is not None and self.lower_limit is not None and lower <= self.lower_limit:
            lower = None
        if upper is not None and self.upper_limit is not None and upper >= self.upper_limit:
            upper = None
        return lower, upper


class Threshold(Protocol):
    """What every threshold does; pass your own object with this method if you need another rule."""

    def limits(
        self, values: ArrayLike, *, n_used: ArrayLike, n: float, bounds: Bounds
    ) -> tuple[float | None, float | None]:
        """Return (lower, upper) for a chunk of ``n`` rows; None switches a side off."""


#: What monitors accept: one threshold for all metrics, or one per metric; the default without.
Thresholds = Threshold | Mapping[str, Threshold] | None


@dataclass(frozen=True)
class ConstantThreshold:
    """Fixed limits, for a tolerance that somebody has agreed to.

    Parameters
    ----------
    lower, upper : float, optional
        A missing side never alerts.

    Raises
    ------
    TypeError, ValueError
        For limits that are no finite numbers, or a lower one that is not below the upper.

    Notes
    -----
    Taught in lesson 12.

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
    """A centre plus and minus a multiple of the standard deviation of the reference chunks.

    The rule of NannyML (ddof 0). With ten reference chunks and a multiplier of 3 it raises about
    2.4 % false alarms, not the 0.27 % that three standard deviations suggest, since centre and
    spread are estimates; `PredictionIntervalThreshold` accounts for that.

    Parameters
    ----------
    std_lower_multiplier, std_upper_multiplier : float or None
        At least 0; None switches the side off.
    offset_from : callable
        The centre, a function of the values.

    Raises
    ------
    TypeError, ValueError
        For multipliers that are no finite numbers or below 0, or a centre that is no function.

    Notes
    -----
    Taught in lesson 12.

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
                        f"`{name}` must be at least 0, got {value}; None switches it off"
                    )

    def limits(
        self, values: ArrayLike, *, n_used: ArrayLike, n: float, bounds: Bounds
    ) -> tuple[float | None, float | None]:
        """Return the limits, the same for a chunk of any size."""
        quiet = np.asarray(values, dtype=float)
        quiet = quiet[~np.isnan(quiet)]
        if not len(quiet):
            raise ValueError(
                f"none of {np.size(values)} reference chunks has a value to set limits by; give a "
                "longer reference, or a ConstantThreshold"
            )
        center, spread = float(self.offset_from(quiet)), float(np.std(quiet))
        down, up = self.std_lower_multiplier, self.std_upper_multiplier
        lower = None if down is None else center - down * spread
        upper = None if up is None else center + up * spread
        return bounds.clip((lower, upper))


@dataclass(frozen=True)
class PredictionIntervalThreshold:
    """Limits that one more quiet chunk passes at the rate asked for.

    For k reference chunks with mean m and standard deviation s (ddof 1) the upper limit is
    m + t · s · √(1 + 1/k), t the quantile of Student's distribution with k − 1 degrees of freedom:
    the prediction interval of a normal sample (Hahn and Meeker, Statistical Intervals, 1991, 4.7).
    The metric's `Bounds` say on which scale and side. Losses and shares of right answers are
    skewed: their limit is set on the square root of their distance from a perfect chunk. Values
    are brought to the typical chunk size n̄ first, and limits to the size n of the chunk at hand:
    a mean has √(n̄/n + 1/k) for the root, since its own noise falls with n and that of m does not.

    The rate holds on average over references. One reference of ten chunks may buy far fewer or
    far more false alarms (lesson 02).

    Parameters
    ----------
    false_alarm_rate : float
        Share of quiet chunks that alert, both sides together; 0.01 by default.

    Raises
    ------
    TypeError, ValueError
        For a rate that does not lie between 0 and 1; when limits are asked of fewer than five
        reference chunks.

    Notes
    -----
    Taught in lesson 02.

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
                "0.01 stands for one false alarm in a hundred chunks"
            )

    def limits(
        self, values: ArrayLike, *, n_used: ArrayLike, n: float, bounds: Bounds
    ) -> tuple[float | None, float | None]:
        """Return the limits for a chunk of ``n`` rows."""
        quiet, sizes = quiet_chunks(values, n_used)
        if bounds.total:
            mean = replace(bounds, total=False)
            lower, upper = self.limits(quiet / sizes, n_used=sizes, n=n, bounds=mean)
            return lower and lower * n, upper and upper * n
        if bounds.best is not None:
            rooted = np.abs(quiet - bounds.best) ** bounds.power
            _, far = self.limits(rooted, n_used=sizes, n=n, bounds=Bounds())
            return bounds.clip(_beyond(bounds, max(far or 0.0, 0.0) ** (1 / bounds.power)))
        if bounds.scale != "raw" and not quiet.any():
            return None, 0.0  # a column that never moved
        k, typical = len(quiet), float(np.mean(sizes))
        tail = self.false_alarm_rate / (2 if bounds.side == "both" else 1)
        level = _to_scale(quiet, sizes / typical, bounds)
        center = float(np.mean(level))
        reach = float(stdtrit(k - 1, 1 - tail)) * float(np.std(level, ddof=1))
        lower = _from_scale(center, -reach, n / typical, k, bounds)
        upper = _from_scale(center, reach, n / typical, k, bounds)
        return bounds.clip(
            (lower if bounds.side != "upper" else None, upper if bounds.side != "lower" else None)
        )


def _beyond(bounds: Bounds, far: float) -> Limits:
    """Limits at this distance from the best value, on the side that is worse."""
    assert bounds.best is not None
    return (None, bounds.best + far) if bounds.side == "upper" else (bounds.best - far, None)


def quiet_chunks(
    values: ArrayLike, n_used: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return values and sizes of the chunks that set limits: those of at least half the median.

    Raises
    ------
    ValueError
        When fewer than five have a value and that size.
    """
    quiet, sizes = np.asarray(values, dtype=float), np.asarray(n_used, dtype=float)
    fit = ~np.isnan(quiet) & (sizes > 0)
    fit &= sizes >= (np.median(sizes[fit]) / 2 if fit.any() else 0)
    if fit.sum() < MIN_CHUNKS:
        raise ValueError(
            f"only {int(fit.sum())} reference chunks have a value and at least half the median "
            f"size, and limits need {MIN_CHUNKS}; give a longer reference or smaller chunks, "
            "or a ConstantThreshold"
        )
    return quiet[fit], sizes[fit]


def _to_scale(
    quiet: NDArray[np.float64], size: NDArray[np.float64], bounds: Bounds
) -> NDArray[np.float64]:
    """Bring the values of chunks, of these sizes over the typical one, to the typical size."""
    if bounds.scale == "raw":
        # Means spread less in larger chunks, round the same centre.
        center = float(np.average(quiet, weights=size))
        return center + (quiet - center) * size**bounds.size_power
    # Distances of quiet chunks shrink as a whole. An exact zero is floored at half the smallest
    # positive value.
    level = np.maximum(quiet, quiet[quiet > 0].min() / 2) * size**bounds.size_power
    return np.asarray(np.log(level) if bounds.scale == "log" else np.cbrt(level))


def _from_scale(center: float, reach: float, size: float, k: int, bounds: Bounds) -> float:
    """Bring a limit back from the scale, to a chunk of this size over the typical one."""
    shrink: float = size**-bounds.size_power
    if bounds.scale == "raw":
        return center + reach * math.sqrt(shrink**2 + 1 / k)
    limit = center + reach * math.sqrt(1 + 1 / k)
    return (math.exp(limit) if bounds.scale == "log" else max(limit, 0.0) ** 3) * shrink


def require_number(name: str, value: object) -> None:
    """Raise unless the argument of this name is a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"`{name}` must be a number, got {value!r}")
    if not math.isfinite(float(value)):
        raise ValueError(f"`{name}` must be finite, got {value}")


def thresholds_by_metric(thresholds: object, metrics: Sequence[str]) -> dict[str, Threshold]:
    """Return the thresholds that were asked for, by metric.

    Parameters
    ----------
    thresholds : Threshold, dict of metric name to Threshold, or None
        One threshold stands for all metrics.
    metrics : sequence of str
        The metrics that are measured.

    Raises
    ------
    TypeError, ValueError
        For something that is not a threshold, or a metric that is not measured.
    """
    if thresholds is None:
        return {}
    asked = thresholds if isinstance(thresholds, Mapping) else dict.fromkeys(metrics, thresholds)
    for name, threshold in asked.items():
        if name not in metrics:
            raise ValueError(
                f"`thresholds` names {name!r}, which is not measured; "
                f"measured are: {', '.join(metrics)}"
            )
        if isinstance(threshold, type) or not callable(getattr(threshold, "limits", None)):
            raise TypeError(
                f"{threshold!r} is not a threshold for {name!r}; give one such as "
                "ConstantThreshold(upper=300), or a dict such as "
                '{"mae": ConstantThreshold(upper=300)}'
            )
    return dict(asked)
