"""Regression metrics: a loss or value per row, its aggregate per chunk, its sampling error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from course_lib.core.schema import Table
from course_lib.core.thresholds import Bounds, Side

__all__ = [
    "REGRESSION_METRICS",
    "RootMetric",
    "RowMetric",
    "estimated_metrics",
    "regression_metrics",
]

Rows = NDArray[np.float64]
LARGEST = 1e145  # the square of a larger number cannot be summed
Metric = TypeVar("Metric")


@dataclass(frozen=True)
class RowMetric:
    """A metric that is the mean of one number per row, such as a loss or a value in money.

    `PerformanceCalculator` measures it with labels, `DLE` estimates it without. Taught in lessons
    02 and 04.

    Parameters
    ----------
    name : str
        In results and plots.
    function : callable
        ``function(y_true, y_pred)`` with float arrays of shape (n,), returning shape (n,), finite.
    unit : str
        The unit of the result, for the axis of a plot.
    lower_limit : float, optional
        The smallest value a row can have; estimates are clipped there. For a loss it is also the
        best value and sets the scale of the limits (see `PredictionIntervalThreshold`).
    higher_is_better : bool or None
        Alerts are raised on the worse side only. None means that neither side is worse and both
        alert.
    total : bool
        Report the sum over the rows of a chunk instead of their mean. Limits are scaled with the
        size of the chunk.

    Raises
    ------
    TypeError
        For a name that is not a string, or a function that is not callable.

    Examples
    --------
    >>> import numpy as np
    >>> over = RowMetric("overpaid", lambda y, p: np.maximum(p - y, 0), unit="USD", lower_limit=0)
    >>> over.rows(np.array([100.0, 200.0]), np.array([130.0, 150.0]))
    array([30.,  0.])
    """

    name: str
    function: Callable[[Rows, Rows], Rows]
    unit: str = field(default="", kw_only=True)
    lower_limit: float | None = field(default=None, kw_only=True)
    higher_is_better: bool | None = field(default=False, kw_only=True)
    total: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"`name` of a RowMetric must be a string, got {self.name!r}")
        if not callable(self.function):
            raise TypeError(f"`function` of the RowMetric {self.name!r} must be callable")

    @property
    def bounds(self) -> Bounds:
        """Range and worse side of the metric, for a threshold."""
        sides: dict[bool | None, Side] = {True: "lower", False: "upper", None: "both"}
        best = self.lower_limit if self.higher_is_better is False else None
        side = sides[self.higher_is_better]
        # A bound of a row is a bound of the mean. Of a sum it is one only if it is 0.
        low = self.lower_limit if not self.total or self.lower_limit == 0 else None
        return Bounds(low, None, side, total=self.total, best=best)

    def rows(self, y_true: Rows, y_pred: Rows) -> Rows:
        """Return one number per row, shape (n,).

        Raises
        ------
        ValueError
            When the function returns another shape, or a value that is not finite or lies below
            ``lower_limit``.
        """
        values = np.asarray(self.function(y_true, y_pred), dtype=float)
        if values.shape != y_true.shape:
            raise ValueError(
                f"`function` of the metric {self.name!r} returned shape {values.shape} for "
                f"{len(y_true):,} rows; it must return one number per row"
            )
        name = f"the metric {self.name!r}"
        remedy = "; drop those rows or choose a metric that is defined for them"
        too_large = ~(np.abs(values) < LARGEST)  # or not a number
        what = f"beyond ±{LARGEST:g}" if np.isfinite(values).all() else "not finite"
        refuse_rows(too_large, f"{name} is {what}", remedy)
        if (limit := self.lower_limit) is not None:
            remedy = ", where estimates are clipped; give a lower one or none"
            refuse_rows(values < limit, f"{name} is below its `lower_limit` of {limit:g}", remedy)
        return values

    def aggregate(self, mean: float, n: int) -> float:
        """Return the value of a chunk of n rows from the mean over its rows."""
        return mean * n if self.total else mean

    def sampling_error(self, mean: float, sd: float, n: int) -> float:
        """Return the standard error in a chunk of n rows, given mean and SD (ddof 0) of a row."""
        return sd * float(np.sqrt(n)) if self.total else sd / float(np.sqrt(n))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, unit={self.unit!r})"


@dataclass(frozen=True, repr=False)
class SquareMetric(RowMetric):
    """The mean of a squared loss; it alerts in the chunks in which its square root does."""

    @property
    def bounds(self) -> Bounds:
        """Range and worse side of the metric, for a threshold."""
        return replace(super().bounds, power=0.25)


@dataclass(frozen=True, repr=False)
class RootMetric(RowMetric):
    """The square root of the mean of one number per row; sampling error by the delta method."""

    def aggregate(self, mean: float, n: int) -> float:
        """Return the square root of the mean."""
        return float(np.sqrt(mean))

    def sampling_error(self, mean: float, sd: float, n: int) -> float:
        """Return sd / (2 · √(n · mean)): the derivative of the root times the error of the mean."""
        return sd / float(2 * np.sqrt(n * mean)) if mean > 0 else 0.0


def absolute_error(y_true: Rows, y_pred: Rows) -> Rows:
    """Return |y − p|."""
    return np.abs(y_true - y_pred)


def signed_error(y_true: Rows, y_pred: Rows) -> Rows:
    """Return p − y."""
    return y_pred - y_true


def squared_error(y_true: Rows, y_pred: Rows) -> Rows:
    """Return (y − p)²."""
    return np.square(y_true - y_pred)


def absolute_percentage_error(y_true: Rows, y_pred: Rows) -> Rows:
    """Return |y − p| / |y|; raise for a true value of zero."""
    refuse_zero("y_true", y_true)
    return np.asarray(np.abs(y_true - y_pred) / np.abs(y_true))


def squared_log_error(y_true: Rows, y_pred: Rows) -> Rows:
    """Return (log(1 + y) − log(1 + p))²; raise for negative values."""
    refuse_negative("y_true", y_true)
    refuse_negative("y_pred", y_pred)
    return np.asarray(np.square(np.log1p(y_true) - np.log1p(y_pred)))


def refuse_zero(name: str, y_true: Rows) -> None:
    """Raise a ValueError where mape would divide by zero; missing labels are ignored."""
    remedy = ", and mape divides by it; use mae, or a RowMetric of your own"
    refuse_rows(y_true == 0, f"`{name}` is zero", remedy)


def refuse_negative(name: str, values: Rows) -> None:
    """Raise a ValueError for negative values, for msle and rmsle; missing labels are ignored."""
    remedy = ", and msle and rmsle take its logarithm; use mae or rmse"
    refuse_rows(values < 0, f"`{name}` is negative", remedy)


def refuse_rows(bad: NDArray[np.bool_], problem: str, remedy: str) -> None:
    """Raise a ValueError that counts the bad rows, if there are any."""
    if n_bad := int(bad.sum()):
        raise ValueError(f"{problem} in {n_bad:,} of {len(bad):,} rows{remedy}")


def require_domain(
    metrics: Iterable[RowMetric], table: Table, y_pred: str, y_true: str | None = None
) -> None:
    """Refuse a frame with rows for which a built-in metric is not defined."""
    functions = [metric.function for metric in metrics]
    if squared_log_error in functions:
        for name in filter(None, (y_pred, y_true)):
            refuse_negative(name, table[name])
    if y_true and absolute_percentage_error in functions:
        refuse_zero(y_true, table[y_true])


#: The built-in metrics by name. "y_true" in a unit stands for the target's name.
REGRESSION_METRICS: dict[str, RowMetric] = {
    metric.name: metric
    for metric in (
        RowMetric("mae", absolute_error, unit="unit of y_true", lower_limit=0),
        RowMetric("mape", absolute_percentage_error, unit="share of y_true", lower_limit=0),
        SquareMetric("mse", squared_error, unit="squared unit of y_true", lower_limit=0),
        RootMetric("rmse", squared_error, unit="unit of y_true", lower_limit=0),
        SquareMetric("msle", squared_log_error, unit="squared logarithm", lower_limit=0),
        RootMetric("rmsle", squared_log_error, unit="logarithm", lower_limit=0),
        RowMetric("bias", signed_error, unit="unit of y_true", higher_is_better=None),
    )
}


def regression_metrics(
    metrics: str | RowMetric | Sequence[str | RowMetric] | None,
) -> tuple[RowMetric, ...]:
    """Return metrics from names and `RowMetric` objects; ``mae``, ``rmse``, ``bias`` by default.

    The default metrics are defined for every finite target, zero and negative values included.

    Raises
    ------
    TypeError, ValueError
        For something that is neither a name nor a `RowMetric`; for an unknown name, a name given
        twice, or an empty list.

    Examples
    --------
    >>> [metric.name for metric in regression_metrics(["mae", "rmse"])]
    ['mae', 'rmse']
    """
    return _chosen(["mae", "rmse", "bias"] if metrics is None else metrics, REGRESSION_METRICS)


def estimated_metrics(
    metrics: str | RowMetric | Sequence[str | RowMetric] | None,
) -> tuple[RowMetric, ...]:
    """Return the metrics to estimate without labels; ``mae`` and ``rmse`` by default.

    Raises
    ------
    TypeError, ValueError
        As `regression_metrics`, and for a metric that needs labels.
    """
    given = ["mae", "rmse"] if metrics is None else as_list(metrics)
    if "bias" in given or REGRESSION_METRICS["bias"] in given:
        raise ValueError(
            "'bias' cannot be estimated without labels: features do not show whether "
            "predictions are too high or too low; measure it with PerformanceCalculator"
        )
    return _chosen(given, {name: m for name, m in REGRESSION_METRICS.items() if name != "bias"})


def _chosen(metrics: object, known: Mapping[str, RowMetric]) -> tuple[RowMetric, ...]:
    chosen = [m if isinstance(m, RowMetric) else named(m, known) for m in as_list(metrics)]
    refuse_equal_names([metric.name for metric in chosen])
    return tuple(chosen)


def as_list(metrics: object) -> list[object]:
    """Return one metric, or several, as a list; refuse an empty one."""
    # An object that is not iterable is not a metric either: `named` refuses it.
    if isinstance(metrics, (str, RowMetric)) or not isinstance(metrics, Iterable):
        return [metrics]
    if not (given := list(metrics)):
        raise ValueError("`metrics` is empty; name at least one")
    return given


def named(name: object, known: Mapping[str, Metric], more: Sequence[str] = ()) -> Metric:
    """Return the metric of this name; an error lists the known names, and ``more`` of them."""
    if not isinstance(name, str):
        raise TypeError(f"`metrics` holds {name!r}; give names, or RowMetric objects")
    if name not in known:
        raise ValueError(
            f"unknown metric {name!r} in `metrics`; choose from {', '.join([*known, *more])}, "
            "or pass a RowMetric"
        )
    return known[name]


def refuse_equal_names(names: Sequence[str]) -> None:
    """Raise a ValueError when two metrics share a name."""
    if len(set(names)) < len(names):
        raise ValueError(f"two metrics share a name in {names}; names must differ")
