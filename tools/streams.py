"""Simulated streams: quiet and shifted chunks for every monitor, and what the monitors say.

A stream is a reference of k quiet chunks and an analysis: quiet chunks of the reference's size,
of half and of a quarter of it, then one chunk per size of shift. Rows are independent, or those of
a day have a part in common.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from course_lib import (
    CBPE,
    DLE,
    ColumnConsistencyCalculator,
    DataReconstructionDriftCalculator,
    DomainClassifierCalculator,
    MissingValuesCalculator,
    NumericalRangeCalculator,
    PerformanceCalculator,
    PredictionIntervalThreshold,
    UnivariateDriftCalculator,
    UnseenValuesCalculator,
    desk_value,
)
from course_lib.core.chunking import Chunk
from course_lib.core.monitor import Monitor
from course_lib.core.readings import Reading
from course_lib.core.thresholds import Threshold

SEED = 20_240_909
N_ROWS = 160  # of a chunk: eight days
N_DAY, SHARED = 20, 0.2  # rows of a day; in clustered rows, the share of variance they share
QUIET = {"quiet": (4, 1), "half": (2, 2), "quarter": (2, 4)}  # chunks, and by what n is divided
DEFAULT = PredictionIntervalThreshold().false_alarm_rate
RATES = (DEFAULT, 0.05)
BATCH = 25  # streams of a part
#: Fewer trees than by default: fitting them is nearly all of the cost.
NANNY = {"num_leaves": 4, "num_iterations": 8, "learning_rate": 0.5}
WITNESS = {"num_leaves": 4, "num_iterations": 5, "learning_rate": 0.4}

Floats = NDArray[np.float64]


class Source:
    """Draws standard normal numbers, independent or with a part in common to each day."""

    def __init__(self, *seed: int, clustered: bool = False) -> None:
        self.rng = np.random.default_rng([SEED, *seed])
        self.clustered = clustered

    def normal(self, n: int) -> Floats:
        """Draw n numbers."""
        own = self.rng.standard_normal(n)
        if not self.clustered:
            return own
        days = self.rng.standard_normal(-(-n // N_DAY))
        return np.sqrt(1 - SHARED) * own + np.sqrt(SHARED) * np.repeat(days, N_DAY)[:n]

    def uniform(self, n: int) -> Floats:
        """Draw n numbers between 0 and 1."""
        return np.asarray(ndtr(self.normal(n)))


@dataclass(frozen=True)
class Cuts:
    """A chunker that knows its two frames, of different lengths, by their sizes."""

    reference: tuple[int, ...]
    analysis: tuple[int, ...]
    timestamp_column_name: str | None = None

    def split(self, n_rows: int, timestamps: pd.DatetimeIndex | None) -> tuple[Chunk, ...]:
        """Return the chunks of the frame of this length."""
        sizes = next(each for each in (self.reference, self.analysis) if sum(each) == n_rows)
        stops = np.cumsum(sizes).tolist()
        starts = [0, *stops[:-1]]
        return tuple(
            Chunk(i, f"[{start}:{stop - 1}]", slice(start, stop))
            for i, (start, stop) in enumerate(zip(starts, stops, strict=True))
        )


@dataclass(frozen=True)
class World:
    """Where rows come from, who watches them, and the sizes of shift that are tried."""

    rows: Callable[[Source, int, float], pd.DataFrame]
    monitors: Callable[[Cuts, int], dict[str, Monitor]]
    shifts: tuple[float, ...]
    shift: str
    n_streams: int = 500
    n_rows: int = N_ROWS
    copies: int = 1  # columns are watched one by one: so many streams lie side by side in a frame


def copied(names: Sequence[str], copies: int) -> list[str]:
    """Return the names of the columns of all copies."""
    return [f"{name} {i}" for i in range(copies) for name in names] if copies > 1 else list(names)


# -- Regression -----------------------------------------------------------------------------------
# The error of a row grows with `wear`; a shift is another mix of rows, and P(y given x) stays.

LOW_ERROR, HIGH_ERROR = 0.05, 0.20  # of the prediction, at wear 0 and what is added at wear 1
ROLES = {"y_true": "price", "y_pred": "predicted"}


def priced(source: Source, n: int, shift: float) -> pd.DataFrame:
    """Draw rows of a regression; the shift is the relative rise of the expected absolute error."""
    # wear = u^(1/a) has E(wear²) = a / (a + 2); a = 1 is quiet.
    usual = LOW_ERROR + HIGH_ERROR / 3
    square = ((1 + shift) * usual - LOW_ERROR) / HIGH_ERROR
    wear = source.uniform(n) ** ((1 - square) / (2 * square))
    predicted = 500 + 3000 * source.uniform(n)
    error = (LOW_ERROR + HIGH_ERROR * wear**2) * source.normal(n)
    price = predicted * np.exp(error)  # skewed, as errors of prices are
    return pd.DataFrame({"wear": wear, "predicted": predicted, "price": price})


def regression(cuts: Cuts, copies: int) -> dict[str, Monitor]:
    """Realized and estimated error and value."""
    roles = {**ROLES, "metrics": ["mae", "rmse", desk_value()], "chunker": cuts}
    return {
        "realized": PerformanceCalculator(problem_type="regression", **roles),
        "DLE": DLE(["wear"], hyperparameters=NANNY, **roles),
    }


# -- Classification -------------------------------------------------------------------------------

#: Rows this much closer to the cut are misclassified two thirds more often: 26 % instead of 16 %.
MIXED = 0.513
CLASS_ROLES = {"y_true": "churned", "y_pred": "predicted", "y_pred_proba": "score"}


def scored(source: Source, n: int, shift: float) -> pd.DataFrame:
    """Draw rows of a classifier; a shift of s moves rows closer to the cut, by the share s."""
    logit = (1 - shift) * (3 * source.normal(n) - 1)
    score = expit(1.3 * logit)  # too sure of itself
    churned = source.uniform(n) < expit(logit)
    return pd.DataFrame({"score": score, "predicted": score >= 0.5, "churned": churned})


def classification(cuts: Cuts, copies: int) -> dict[str, Monitor]:
    """Realized and estimated metrics of a classifier."""
    roles = {**CLASS_ROLES, "metrics": ["roc_auc", "f1"], "chunker": cuts}
    return {
        "realized": PerformanceCalculator(problem_type="classification_binary", **roles),
        "CBPE": CBPE(**roles),
    }


# -- Columns, one by one --------------------------------------------------------------------------

N_EVEN, N_UNEVEN = 4, 7


def columns(source: Source, n: int, shift: float) -> pd.DataFrame:
    """Draw columns of different shapes; the shift is that of the mean before they are shaped."""
    z = [source.normal(n) + shift for _ in range(6)]
    uneven = np.minimum(-np.log2(1 - ndtr(z[5])), N_UNEVEN - 1).astype(int)
    return pd.DataFrame(
        {
            "bell": z[0],
            "skewed": np.exp(0.6 * z[1]),
            "heavy": z[2] * np.exp(0.15 * z[2] ** 2),  # Tukey's h: tails as of t with 3 to 4 d.f.
            "whole": np.round(2 * z[3]),
            "even": _letters((N_EVEN * ndtr(z[4])).astype(int)),
            "uneven": _letters(uneven),  # a half, a quarter, … of the rows
        }
    )


def _letters(codes: NDArray[Any]) -> NDArray[Any]:
    return np.array(list("abcdefgh"))[codes]


def univariate(cuts: Cuts, copies: int) -> dict[str, Monitor]:
    """All distances of the univariate calculator."""
    names = copied(["bell", "skewed", "heavy", "whole", "even", "uneven"], copies)
    numbers = ["jensen_shannon", "hellinger", "kolmogorov_smirnov", "wasserstein"]
    texts = ["jensen_shannon", "hellinger", "l_infinity", "chi2"]
    methods = {"continuous_methods": numbers, "categorical_methods": texts}
    return {"univariate": UnivariateDriftCalculator(names, chunker=cuts, **methods)}


# -- Quality --------------------------------------------------------------------------------------


def holes(source: Source, n: int, shift: float) -> pd.DataFrame:
    """Draw columns with flaws; the shift is the share of rows that are flawed on top."""
    z = [source.normal(n) for _ in range(6)]
    bad = source.rng.uniform(size=n) < shift
    few, some, many = (
        np.where((ndtr(z[i]) < share) | bad, np.nan, z[i])
        for i, share in enumerate((0.01, 0.05, 0.20))
    )
    # The rarest names of a long tail are new at any time.
    name = np.minimum(np.exp(1.5 * np.abs(z[3])), 10_000).astype(int)
    return pd.DataFrame(
        {
            "few": few,
            "some": some,
            "many": many,
            "name": np.where(bad, "new", name.astype(str)),
            "bell": np.where(bad, 99, z[4]),
            "skewed": np.where(bad, 99, np.exp(0.6 * z[5])),
        }
    )


def quality(cuts: Cuts, copies: int) -> dict[str, Monitor]:
    """Missing values, unseen values, values out of range."""
    return {
        "missing": MissingValuesCalculator(copied(["few", "some", "many"], copies), chunker=cuts),
        "unseen": UnseenValuesCalculator(copied(["name"], copies), chunker=cuts),
        "range": NumericalRangeCalculator(copied(["bell", "skewed"], copies), chunker=cuts),
    }


# -- Columns together -----------------------------------------------------------------------------


def related(source: Source, n: int, shift: float) -> pd.DataFrame:
    """Draw columns that depend on each other; the shift is the share of `weight` that is mixed."""
    size, form, noise = (source.normal(n) for _ in range(3))
    weight = np.exp(0.5 * size + 0.2 * form + 0.05 * noise)
    mixed = slice(round(shift * n))
    weight[mixed] = source.rng.permutation(weight[mixed])
    grade = _letters(np.digitize(size + form, [-1.0, 1.0]))
    apart = _letters((3 * source.uniform(n)).astype(int))  # says nothing of the others
    return pd.DataFrame(
        {"size": np.exp(0.5 * size), "weight": weight, "grade": grade, "apart": apart}
    )


def multivariate(cuts: Cuts, copies: int) -> dict[str, Monitor]:
    """Reconstruction and consistency."""
    names = ["size", "weight", "grade", "apart"]
    return {
        # Frequencies of `apart` are equal but for chance, so that blocks encode it differently.
        "reconstruction": DataReconstructionDriftCalculator(names[:3], chunker=cuts),
        "consistency": ColumnConsistencyCalculator(names, hyperparameters=WITNESS, chunker=cuts),
    }


def moved(source: Source, n: int, shift: float) -> pd.DataFrame:
    """Draw three columns, the first shifted by so many standard deviations."""
    return pd.DataFrame({name: source.normal(n) + shift * (name == "a") for name in "abc"})


def domain(cuts: Cuts, copies: int) -> dict[str, Monitor]:
    """The domain classifier, with fewer trees than by default."""
    few = {"num_iterations": 20}
    return {"domain": DomainClassifierCalculator([*"abc"], hyperparameters=few, chunker=cuts)}


WORLDS = {
    "regression": World(priced, regression, (0.2, 0.4, 2 / 3, 0.9), "rise of the expected error"),
    "classification": World(scored, classification, (0.2, 0.35, MIXED, 0.75), "closer to the cut"),
    "columns": World(
        columns, univariate, (0.1, 0.2, 0.4, 0.6), "standard deviations", 500, 400, 25
    ),
    "quality": World(holes, quality, (0.02, 0.05, 0.1, 0.15), "share of rows", copies=25),
    "together": World(related, multivariate, (0.05, 0.1, 0.2, 0.4), "share of rows"),
    "domain": World(moved, domain, (0.5, 1.0, 1.5, 2.0), "standard deviations", 50, 100),
}


# -- The run --------------------------------------------------------------------------------------


def plan(world: World) -> list[tuple[str, int, float]]:
    """Return kind, number of rows and shift of each analysis chunk."""
    quiet = [
        (kind, world.n_rows // divisor, 0.0)
        for kind, (n_chunks, divisor) in QUIET.items()
        for _ in range(n_chunks)
    ]
    return [*quiet, *((f"shift {size:.2f}", world.n_rows, size) for size in world.shifts)]


def frames(
    world: World, chunks: Sequence[tuple[str, int, float]], source: Source, k: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw reference and analysis of one stream."""
    reference = [world.rows(source, world.n_rows, 0.0) for _ in range(k)]
    analysis = [world.rows(source, n, size) for _, n, size in chunks]
    return pd.concat(reference, ignore_index=True), pd.concat(analysis, ignore_index=True)


def streams(name: str, k: int, clustered: bool, first: int) -> pd.DataFrame:
    """Fit the monitors of a world on one stream, or on copies, and return what they say."""
    world, chunks = WORLDS[name], plan(WORLDS[name])
    kind_of_world = zlib.crc32(name.encode())
    drawn = [
        frames(world, chunks, Source(kind_of_world, k, clustered, i, clustered=clustered), k)
        for i in range(first, first + world.copies)
    ]
    reference, analysis = (_side_by_side(parts) for parts in zip(*drawn, strict=True))
    cuts = Cuts((world.n_rows,) * k, tuple(n for _, n, _ in chunks))
    found = [
        reading
        for monitor, fitted in world.monitors(cuts, world.copies).items()
        for reading in readings(monitor, fitted, reference, analysis)
    ]
    said = pd.DataFrame(found)
    said["kind"] = [chunks[i][0] for i in said["chunk"]]
    names = said["column"].astype(str).str.split(" ", expand=True)
    said["column"] = names[0]
    said["stream"] = first + (names[1].astype(int) if world.copies > 1 else 0)
    return said


def _side_by_side(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    if len(parts) == 1:
        return parts[0]
    return pd.concat([part.add_suffix(f" {i}") for i, part in enumerate(parts)], axis=1)


def readings(
    name: str, monitor: Monitor, reference: pd.DataFrame, analysis: pd.DataFrame
) -> Iterable[dict[str, Any]]:
    """Fit a monitor once, and judge each chunk of the analysis at all rates.

    The same values, limits and boundaries as in the monitor's result, without its frames: a
    stream has some dozens of rows, and frames would take longer than the measuring.
    """
    monitor.fit(reference)
    fitted: Any = monitor._fitted
    table = fitted.schema.read(analysis).cut(fitted.rules._chunker)
    measured = [
        (chunk, reading)
        for chunk in table.chunks
        for reading in fitted.rules._measure(fitted.state, table, chunk)
    ]
    judges = {f"alert_{rate}": Judge(monitor, PredictionIntervalThreshold(rate)) for rate in RATES}
    for chunk, reading in measured:
        yield {
            "monitor": name,
            "metric": reading.metric,
            "column": reading.column,
            "chunk": chunk.index,
            "value": reading.value,
            **{rate: judge.alerts(reading) for rate, judge in judges.items()},
            **_held(monitor, reading),
        }


class Judge:
    """Another threshold in a fitted monitor's place; each limit is computed once."""

    def __init__(self, monitor: Monitor, threshold: Threshold) -> None:
        self.monitor, self.threshold = monitor, threshold
        self.known: dict[tuple[Any, ...], tuple[float | None, float | None]] = {}

    def alerts(self, reading: Reading) -> bool:
        """Say whether a reading passes the limits for its number of rows."""
        key = reading.column, reading.metric, reading.n_used
        if key not in self.known:
            fitted: Any = self.monitor._fitted
            names = fitted.rules._metric_names()
            fitted.rules._thresholds = dict.fromkeys(names, self.threshold)
            quiet = fitted.quiet[reading.column, reading.metric]
            self.known[key] = fitted.rules._limits(reading.metric, quiet, reading.n_used)
        lower, upper = self.known[key]
        low = lower is not None and reading.value < lower - 1e-12 * abs(lower)
        return low or (upper is not None and reading.value > upper + 1e-12 * abs(upper))


def _held(monitor: Monitor, reading: Reading) -> dict[str, bool]:
    """Say whether the realized value lies in the boundaries, and in those of independent rows."""
    if reading.baseline is None:
        return {}
    fitted: Any = monitor._fitted
    measured = reading.metric, reading.value, reading.spread
    low, high = fitted.rules._boundaries(fitted.calibration, *measured)
    apart = abs(reading.baseline - reading.value)
    return {
        "held": low <= reading.baseline <= high,
        "held_if_independent": apart <= 1.96 * reading.sampling_error,
    }


KEPT = ["value", *(f"alert_{rate}" for rate in RATES), "held", "held_if_independent"]


def label(said: pd.DataFrame) -> pd.Series:
    """Name the line of the table that a reading belongs to."""
    text = said["column"].isin(["even", "uneven"])
    shape = np.where(text, ", categories", np.where(said["column"] == "heavy", ", heavy tails", ""))
    several = said["metric"].isin(["jensen_shannon", "hellinger", "wasserstein"])
    by_column = said["monitor"].isin(["missing", "range", "consistency"])
    tail = np.where(by_column, ", " + said["column"], np.where(several, shape, ""))
    return said["monitor"] + " " + said["metric"] + tail


def batch(name: str, k: int, clustered: bool, first: int, n: int) -> pd.DataFrame:
    """Run some streams: per stream, line and kind of chunk the means over its chunks."""
    steps = range(first, first + n, WORLDS[name].copies)
    said = pd.concat([streams(name, k, clustered, step) for step in steps], ignore_index=True)
    said = said.reindex(columns=[*KEPT, "monitor", "metric", "column", "kind", "stream"])
    said[KEPT] = said[KEPT].astype(float)
    keys = [label(said).rename("line"), said["kind"], said["stream"]]
    means = said.groupby(keys, sort=False)[KEPT].mean().reset_index()
    return means.assign(world=name, k=k, clustered=clustered)


def batches(name: str, k: int, clustered: bool, n_streams: int) -> dict[str, tuple[Any, ...]]:
    """Return the parts of a run of streams."""
    rows = "clustered" if clustered else "independent"
    return {
        f"{name}-{rows}-{k}-{first:04d}": (name, k, clustered, first, BATCH)
        for first in range(0, n_streams, BATCH)
    }
