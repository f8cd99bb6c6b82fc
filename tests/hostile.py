"""Frames as bad days make them, monitors to give them to, and what must hold whatever comes.

A drawn specification says what each column holds; numpy makes the cells from its seed.
"""

import itertools
import tempfile
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path

import hypothesis
import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import course_lib
from course_lib import (
    CBPE,
    DLE,
    AlertCountRanker,
    ColumnConsistencyCalculator,
    ConstantThreshold,
    CorrelationRanker,
    DataReconstructionDriftCalculator,
    DomainClassifierCalculator,
    ImpactRanker,
    MissingValuesCalculator,
    NumericalRangeCalculator,
    PerformanceCalculator,
    Result,
    StandardDeviationThreshold,
    UnivariateDriftCalculator,
    UnseenValuesCalculator,
    as_of,
    decompose_change,
    split_by_time,
)
from course_lib.core.result import MEASURES

PACKAGE = Path(course_lib.__file__).parent


# -- Cells ----------------------------------------------------------------------------------------


def _floats(flaw, rng, n):
    """Make numbers with a flaw, missing ones as NaN."""
    values = rng.normal(100, 10, n)
    if flaw == "constant":
        values[:] = 7.0
    elif flaw == "some missing":
        values[rng.uniform(size=n) < 0.3] = np.nan
    elif flaw == "all missing":
        values[:] = np.nan
    elif flaw == "half missing":
        values[n // 2 :] = np.nan
    elif flaw == "infinite":
        values[rng.integers(n)] = rng.choice([np.inf, -np.inf])
    elif flaw == "huge":
        values *= 1e12
    elif flaw == "one huge":
        values[rng.integers(n)] = 1e14
    elif flaw == "tiny":
        values *= 1e-12
    elif flaw == "mostly zero":
        values[rng.uniform(size=n) < 0.9] = 0.0
    elif flaw == "negative":
        values *= -1
    elif flaw == "far from zero":
        values += 1e15
    elif flaw == "trend":
        values += np.arange(n)
    return values


def _integers(values):
    return np.nan_to_num(np.clip(values, 0, 120), nan=0).astype(int)


def _optional(values, make):
    return [None if np.isnan(value) else make(value) for value in values]


def _codes(flaw, rng, n):
    """Make codes of categories, missing ones as −1."""
    n_categories = {"constant": 1, "many": 10_000, "each its own": max(n, 1)}.get(flaw, 4)
    codes = rng.integers(n_categories, size=n)
    if flaw == "each its own":
        codes = rng.permutation(n)
    codes[np.isnan(_floats(flaw, rng, n))] = -1
    return codes


def _labels(make):
    return lambda flaw, rng, n: [make(c) if c >= 0 else None for c in _codes(flaw, rng, n).tolist()]


def _days(flaw, rng, n):
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.uniform(0, 70, n), unit="D")
    return pd.Series(days).mask(np.isnan(_floats(flaw, rng, n)))


def _arrow(make, kind):
    return lambda flaw, rng, n: pd.array(make(flaw, rng, n), dtype=pd.ArrowDtype(kind))


def _of_floats(dtype):
    most = 1e38 if dtype == "Float32" else np.inf
    return lambda flaw, rng, n: pd.array(
        _optional(np.clip(_floats(flaw, rng, n), -most, most), float), dtype=dtype
    )


def _of_integers(dtype):
    def make(flaw, rng, n):
        values = _floats(flaw, rng, n)
        return pd.array(_optional(values, lambda v: int(np.clip(v, 0, 120))), dtype=dtype)

    return make


_text = _labels(lambda code: f"stone {code}")
_flag = _labels(lambda code: bool(code % 2))
_MIXED = (1, "1", 2.5, True, b"x", None, date(2024, 1, 1), float("nan"))

#: What a column may hold: a function of flaw, generator and number of rows.
KINDS: dict[str, Callable] = {
    "float64": _floats,
    "float32": lambda f, g, n: np.clip(_floats(f, g, n), -1e38, 1e38).astype("float32"),
    "float16": lambda f, g, n: np.clip(_floats(f, g, n), -6e4, 6e4).astype("float16"),
    **{
        name: (lambda f, g, n, name=name: _integers(_floats(f, g, n)).astype(name))
        for name in ("int64", "int8", "uint64", "uint8", "complex128")
    },
    "big integers": lambda f, g, n: g.integers(2**62, 2**63 - 1, n),
    **{name: _of_integers(name) for name in ("Int64", "Int8", "UInt32", "int64[pyarrow]")},
    **{name: _of_floats(name) for name in ("Float64", "Float32", "double[pyarrow]")},
    "decimal[pyarrow]": _arrow(
        lambda f, g, n: _optional(_floats(f, g, n), lambda v: Decimal(int(np.clip(v, 0, 99)))),
        pa.decimal128(12, 2),
    ),
    "Decimal": lambda f, g, n: _objects(_optional(_floats(f, g, n), Decimal)),
    "numbers as objects": lambda f, g, n: _objects(_optional(_floats(f, g, n), float)),
    "integers as objects": lambda f, g, n: _objects([int(v) for v in _integers(_floats(f, g, n))]),
    "numbers as texts": lambda f, g, n: _objects(_optional(_floats(f, g, n), str)),
    "sparse numbers": lambda f, g, n: pd.arrays.SparseArray(_floats(f, g, n)),
    "sparse integers": lambda f, g, n: pd.arrays.SparseArray(_integers(_floats(f, g, n))),
    "bool": lambda f, g, n: _floats(f, g, n) > 100,
    "boolean": lambda f, g, n: pd.array(_flag(f, g, n), dtype="boolean"),
    "bool[pyarrow]": _arrow(_flag, pa.bool_()),
    "flags as objects": lambda f, g, n: _objects(_flag(f, g, n)),
    "texts as objects": lambda f, g, n: _objects(_text(f, g, n)),
    "str": lambda f, g, n: pd.Series(_text(f, g, n)),
    "string": lambda f, g, n: pd.array(_text(f, g, n), dtype="string"),
    "string[pyarrow]": lambda f, g, n: pd.array(_text(f, g, n), dtype="string[pyarrow]"),
    "large_string[pyarrow]": _arrow(_text, pa.large_string()),
    "dictionary[pyarrow]": _arrow(
        lambda f, g, n: pa.array(_text(f, g, n), pa.string()).dictionary_encode(),
        pa.dictionary(pa.int32(), pa.string()),
    ),
    "category": lambda f, g, n: pd.Categorical(_text(f, g, n)),
    "ordered category": lambda f, g, n: pd.Categorical(_text(f, g, n), ordered=True),
    "category of numbers": lambda f, g, n: pd.Categorical(_integers(_floats(f, g, n)) // 10),
    "category of no row": lambda f, g, n: pd.Categorical(_text(f, g, n)).add_categories(["x", ""]),
    "category of days": lambda f, g, n: pd.Categorical(_days(f, g, n).dt.floor("7D")),
    "odd texts": lambda f, g, n: _objects(
        list(g.choice(["", " ", "é", "e\u0301", "\x00", '{"a": [1]}', "nan", "None", "💎"], n))
    ),
    "bytes": lambda f, g, n: _objects(_labels(lambda code: bytes([code % 256]))(f, g, n)),
    "tuples": lambda f, g, n: _objects(_labels(lambda code: (code, "x"))(f, g, n)),
    "lists": lambda f, g, n: _objects(_labels(lambda code: [code])(f, g, n)),
    "dicts": lambda f, g, n: _objects(_labels(lambda code: {"a": code})(f, g, n)),
    "arrays": lambda f, g, n: _objects(_labels(lambda code: np.arange(code % 3))(f, g, n)),
    "mixed": lambda f, g, n: _objects([_MIXED[i] for i in g.integers(len(_MIXED), size=n)]),
    "numbers and texts": lambda f, g, n: _objects(
        [("x" if v < 95 else v) for v in _floats(f, g, n)]
    ),
    "nothing": lambda f, g, n: _objects([None] * n),
    "missing of every kind": lambda f, g, n: _objects(
        [(None, np.nan, pd.NA, pd.NaT, 1.0, 2.0)[i] for i in g.integers(6, size=n)]
    ),
    "null[pyarrow]": lambda f, g, n: pd.array([None] * n, dtype=pd.ArrowDtype(pa.null())),
    "list[pyarrow]": _arrow(_labels(lambda code: [code]), pa.list_(pa.int64())),
    "struct[pyarrow]": _arrow(_labels(lambda code: {"a": code}), pa.struct([("a", pa.int64())])),
    "binary[pyarrow]": _arrow(_labels(lambda code: bytes([code % 256])), pa.binary()),
    "datetime64[ns]": lambda f, g, n: _days(f, g, n).astype("datetime64[ns]"),
    "datetime64[s]": lambda f, g, n: _days(f, g, n).astype("datetime64[s]"),
    "datetime with zone": lambda f, g, n: _days(f, g, n).dt.tz_localize("UTC"),
    "timestamp[pyarrow]": lambda f, g, n: _days(f, g, n).astype("timestamp[ns][pyarrow]"),
    "dates": lambda f, g, n: _objects(_labels(lambda c: date(2024, 1, 1 + c % 28))(f, g, n)),
    "date32[pyarrow]": _arrow(_labels(lambda c: date(2024, 1, 1 + c % 28)), pa.date32()),
    "times": lambda f, g, n: _objects(_labels(lambda c: time(c % 24))(f, g, n)),
    "timedelta64": lambda f, g, n: pd.to_timedelta(_floats("plain", g, n), unit="h"),
    "duration[pyarrow]": _arrow(_labels(lambda c: timedelta(c)), pa.duration("s")),
    "period": lambda f, g, n: _days(f, g, n).dt.to_period("D"),
    "interval": lambda f, g, n: pd.arrays.IntervalArray.from_breaks(np.arange(n + 1.0)),
}
FLAWS = (
    *("plain", "constant", "some missing", "all missing", "half missing", "infinite", "huge"),
    *(
        "one huge",
        "tiny",
        "mostly zero",
        "negative",
        "far from zero",
        "trend",
        "many",
    ),
    "each its own",
)
PREDICTIONS = [(kind, "plain") for kind in KINDS] + [("float64", flaw) for flaw in FLAWS]
LABELS = (*FLAWS[1:13], "other classes")
#: Column names: LightGBM refuses the characters of JSON, others trip over texts that look special.
NAMES = (
    *(
        "size",
        "two words",
        "größe 📏",
        '{"a": [1, "b"]}',
        "a,b:c",
        " ",
        "Column_0",
        "col\nline",
    ),
    *(
        "with `tick`",
        "%s {} \\",
        "x" * 60,
        "__index_level_0__",
        "column",
        "nan",
        "period",
        "0",
        r"a $\frac{ b$",
    ),
)


def _objects(values):
    cells = np.empty(len(values), dtype=object)
    cells[:] = values
    return cells


# -- Times ----------------------------------------------------------------------------------------


def _spread(g, n, days=70.0):
    return pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(g.uniform(0, days, n)), unit="D")


#: How the time of a row may be written.
TIMES: dict[str, Callable] = {
    "datetime64[ns]": lambda g, n: _spread(g, n).as_unit("ns"),
    "datetime64[s]": lambda g, n: _spread(g, n).as_unit("s"),
    "with a zone": lambda g, n: _spread(g, n).tz_localize("UTC").tz_convert("Europe/Berlin"),
    "unsorted": lambda g, n: g.permutation(_spread(g, n)),
    "all the same": lambda g, n: pd.DatetimeIndex(["2024-01-01"] * n),
    "texts": lambda g, n: _spread(g, n).strftime("%Y-%m-%d %H:%M:%S"),
    "texts of several forms": lambda g, n: _objects(
        [str(t) if i % 2 else str(t.date()) for i, t in enumerate(_spread(g, n))]
    ),
    "no times": lambda g, n: _objects(["soon"] * n),
    "missing": lambda g, n: pd.Series(_spread(g, n)).mask(g.uniform(size=n) < 0.1),
    "numbers": lambda g, n: np.arange(n),
    "numbers as objects": lambda g, n: _objects(list(range(n))),
    "dates": lambda g, n: _objects([t.date() for t in _spread(g, n)]),
    "zones mixed": lambda g, n: _objects(
        [t.tz_localize("UTC" if i % 2 else "Asia/Tokyo") for i, t in enumerate(_spread(g, n))]
    ),
    "zone or none": lambda g, n: _objects(
        [t.tz_localize("UTC") if i % 2 else t for i, t in enumerate(_spread(g, n))]
    ),
    "timestamp[pyarrow]": lambda g, n: pd.Series(_spread(g, n)).astype("timestamp[ns][pyarrow]"),
    "date32[pyarrow]": lambda g, n: pd.array(
        [t.date() for t in _spread(g, n)], dtype=pd.ArrowDtype(pa.date32())
    ),
    "string": lambda g, n: pd.array([str(t) for t in _spread(g, n)], dtype="string"),
    "category": lambda g, n: pd.Categorical(_spread(g, n).floor("D")),
    "period": lambda g, n: _spread(g, n).to_period("D"),
    "timedelta": lambda g, n: pd.to_timedelta(np.arange(n), unit="h"),
    "booleans": lambda g, n: np.arange(n) % 2 == 0,
    "nothing": lambda g, n: _objects([None] * n),
}


# -- Frames ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Frame:
    """What a frame shall be like; `build` makes it, the same every time."""

    n_rows: int
    seed: int
    features: tuple[tuple[str, str, str], ...]  # name, kind, flaw
    time: str = "datetime64[ns]"
    index: str = "range"
    labels: str = "plain"
    prediction: tuple[str, str] = ("float64", "plain")
    change: str = "none"

    def build(self):
        """Return the frame."""
        rng, n = np.random.default_rng(self.seed), self.n_rows
        parts = [
            pd.Series(KINDS[kind](flaw, rng, n), name=name) for name, kind, flaw in self.features
        ]
        parts += self._roles(rng)
        frame = pd.concat(parts, axis=1)
        frame.columns = [part.name for part in parts]
        return self._changed(frame.set_index(INDEXES[self.index](rng, n)))

    def _roles(self, rng):
        n = self.n_rows
        price = _floats("plain" if self.labels == "other classes" else self.labels, rng, n)
        kind, flaw = self.prediction
        predicted = pd.Series(KINDS[kind](flaw, rng, n))
        # A score with the same flaw: out of range if that is huge, missing where that is.
        score = (_floats(flaw, rng, n) - 40) / 100 if flaw != "plain" else rng.uniform(0, 1, n)
        sold = (rng.uniform(0, 1, n) < score).astype(float)
        if self.labels == "constant":
            sold[:] = 1.0
        elif self.labels == "other classes":
            sold[rng.integers(n)] = 2.0
        else:
            sold[np.isnan(price)] = np.nan
        roles = {
            "price": price,
            "predicted": predicted,
            "score": predicted if kind not in ("float64", "boolean", "bool") else score,
            "sold": sold,
            "guess": predicted if kind != "float64" else (score > 0.5).astype(int),
            "day": TIMES[self.time](rng, n),
        }
        return [pd.Series(values, name=name) for name, values in roles.items()]

    def _changed(self, frame):
        if self.change == "column gone":
            return frame.iloc[:, 1:]
        if self.change == "column twice":
            return frame.iloc[:, [0, *range(frame.shape[1])]]
        if self.change == "no rows":
            return frame.iloc[:0]
        if self.change == "one more column":
            return frame.assign(extra=1.0)
        if self.change == "columns in another order":
            return frame.iloc[:, ::-1]
        if self.change == "other names":
            return frame.rename(columns=lambda name: f"{name}_")
        return frame


CHANGES = (
    *("column gone", "column twice", "no rows", "one more column", "columns in another order"),
    "other names",
)
INDEXES: dict[str, Callable] = {
    "range": lambda g, n: pd.RangeIndex(n),
    "all the same": lambda g, n: pd.Index([5] * n),
    "shuffled": lambda g, n: pd.Index(g.permutation(n)),
    "texts": lambda g, n: pd.Index([f"row {i}" for i in range(n)]),
    "times": lambda g, n: pd.DatetimeIndex(["2024-01-01"] * n),
    "two levels": lambda g, n: pd.MultiIndex.from_arrays([[1] * n, range(n)], names=["a", "day"]),
    "missing": lambda g, n: pd.Index([np.nan] * n),
}


# -- Monitors -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A monitor with its settings, a reference to fit it on and a frame to measure."""

    monitor: str
    reference: Frame
    analysis: Frame
    chunks: dict = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    threshold: str = "default"
    cross_fit: bool = True
    timed: bool = True

    @property
    def settings(self):
        """The arguments that all monitors take."""
        timed = self.timed or "chunk_period" in self.chunks
        return {"timestamp_column_name": "day" if timed else None, **self.chunks}

    @property
    def columns(self):
        """The names of the features."""
        return [name for name, _, _ in self.reference.features]

    def limit(self):
        """The threshold drawn."""
        thresholds = {
            "constant": ConstantThreshold(upper=0.7),
            "deviations": StandardDeviationThreshold(),
        }
        return thresholds.get(self.threshold)

    def limits(self, names):
        """The threshold drawn, for every metric."""
        return None if self.limit() is None else dict.fromkeys(names, self.limit())


TREES = {"num_iterations": 3, "num_leaves": 4}
MATRIX = [[0, -1], [-10, 5]]
REGRESSION = ("mae", "mape", "mse", "rmse", "msle", "rmsle")
CLASSES = ("roc_auc", "average_precision", "f1", "precision", "recall", "accuracy")
CONTINUOUS = ("jensen_shannon", "hellinger", "kolmogorov_smirnov", "wasserstein")
CATEGORICAL = ("jensen_shannon", "hellinger", "l_infinity", "chi2")


def _of_classes(kind, case, **options):
    matrix = MATRIX if "business_value" in case.metrics else None
    return kind(
        list(case.metrics),
        y_true="sold",
        y_pred="guess",
        y_pred_proba="score",
        problem_type="classification_binary",
        business_value_matrix=matrix,
        thresholds=case.limits(case.metrics),
        **case.settings,
        **options,
    )


def _univariate(case):
    continuous = [name for name in case.metrics if name in CONTINUOUS] or None
    categorical = [name for name in case.metrics if name in CATEGORICAL] or None
    names = {*(continuous or ["jensen_shannon"]), *(categorical or ["jensen_shannon"])}
    return UnivariateDriftCalculator(
        case.columns,
        continuous_methods=continuous,
        categorical_methods=categorical,
        bins="doane" if case.reference.seed % 2 else "quantile",
        cross_fit=case.cross_fit,
        thresholds=case.limits(names),
        **case.settings,
    )


def _columns(kind, **options):
    def make(case):
        crossed = {"cross_fit": case.cross_fit}
        return kind(case.columns, threshold=case.limit(), **crossed, **case.settings, **options)

    return make


def _shares(kind):
    return lambda case: kind(case.columns, threshold=case.limit(), **case.settings)


#: Each monitor with the metrics that it may be asked for.
MONITORS: dict[str, tuple[Callable, tuple[str, ...]]] = {
    "DLE": (
        lambda case: DLE(
            case.columns,
            "predicted",
            "price",
            metrics=list(case.metrics),
            hyperparameters=TREES,
            thresholds=case.limits(case.metrics),
            cross_fit=case.cross_fit,
            **case.settings,
        ),
        REGRESSION,
    ),
    "CBPE": (
        lambda case: _of_classes(CBPE, case, cross_fit=case.cross_fit),
        (*CLASSES, "business_value"),
    ),
    "realized": (
        lambda case: PerformanceCalculator(
            list(case.metrics),
            "price",
            y_pred="predicted",
            thresholds=case.limits(case.metrics),
            **case.settings,
        ),
        REGRESSION,
    ),
    "realized classes": (
        lambda case: _of_classes(PerformanceCalculator, case),
        (*CLASSES, "business_value"),
    ),
    "reconstruction": (_columns(DataReconstructionDriftCalculator, n_components=1), ()),
    "domain classifier": (
        _columns(DomainClassifierCalculator, hyperparameters=TREES, cv_folds_num=2),
        (),
    ),
    "consistency": (_columns(ColumnConsistencyCalculator, hyperparameters=TREES), ()),
    "univariate": (_univariate, (*CONTINUOUS, "l_infinity", "chi2")),
    "missing": (_shares(MissingValuesCalculator), ()),
    "unseen": (_shares(UnseenValuesCalculator), ()),
    "range": (_shares(NumericalRangeCalculator), ()),
}


def _rank_by_impact(case, reference, analysis):
    dle = MONITORS["DLE"][0](case)
    require_numbers(ImpactRanker(dle).fit(reference).rank(analysis), "contribution")


def _rank_by_alerts(case, reference, analysis):
    drift = _univariate(case).fit(reference).calculate(analysis)
    table = AlertCountRanker().rank(drift)
    if sorted(table["column_name"]) != sorted(case.columns):
        raise BrokenError(f"of {len(case.columns)} columns, {len(table)} are ranked")
    metrics = ("mae",)
    realized = MONITORS["realized"][0](replace(case, metrics=metrics, threshold="default"))
    performance = realized.fit(reference).calculate(analysis)
    CorrelationRanker().fit(performance).rank(drift, performance)


def _decompose(case, reference, analysis):
    dle, realized = (MONITORS[name][0](case).fit(reference) for name in ("DLE", "realized"))
    parts = decompose_change(dle.estimate(analysis), realized.calculate(analysis))
    require_numbers(parts, "change", "explained", "unexplained")


def _look_back(case, reference, analysis):
    roles = {"timestamp_column_name": "day", "y_true": ["price", "sold"], "known_at": "day"}
    seen = as_of(analysis, "2024-02-01", **roles)
    if len(seen) > len(analysis) or list(seen.columns) != list(analysis.columns):
        raise BrokenError("what was known is more than there is")


def _split(case, reference, analysis):
    starts = {"first": "2024-01-01", "second": "2024-01-20"}
    sets = split_by_time(analysis, timestamp_column_name="day", starts=starts)
    if sum(map(len, sets.values())) > len(analysis):
        raise BrokenError("a row is in two sets")


#: The other public calls that take a frame or a result, with the metrics they may be asked for.
CALLS: dict[str, tuple[Callable, tuple[str, ...]]] = {
    "ImpactRanker": (_rank_by_impact, REGRESSION),
    "other rankers": (_rank_by_alerts, CATEGORICAL[:2]),
    "decompose_change": (_decompose, REGRESSION),
    "as_of": (_look_back, ()),
    "split_by_time": (_split, ()),
}
SUBJECTS = (*MONITORS, *CALLS)


#: What can be wrong with a case. A few at a time, or the first would hide all others.
OF_ALL = (
    *("time", "time later", "frame", "frame later", "few rows", "few rows later", "small chunks"),
)
OF_COLUMNS = ("kind", "kind", "kind later", "flaw", "flaw", "flaw later", "names", "one column")
OF_ROLES = ("labels", "labels", "labels later", "prediction", "prediction later")
TROUBLES = {
    **dict.fromkeys(("realized", "realized classes", "CBPE"), (*OF_ALL, *OF_ROLES, *OF_ROLES)),
    **dict.fromkeys(("DLE", "ImpactRanker", "decompose_change"), (*OF_ALL, *OF_COLUMNS, *OF_ROLES)),
}
SOUND = ("float64", "float64", "int64", "Float64", "str", "category", "boolean", "string[pyarrow]")
SMALL = (1, 2, 9)


@st.composite
def cases(draw, monitor):
    """Draw a case for a monitor or another call, with up to three troubles."""
    n_troubles = draw(st.sampled_from([0, 1, 1, 2, 2, 3, 3]))
    possible = TROUBLES.get(monitor, (*OF_ALL, *OF_COLUMNS))
    troubles = {draw(st.sampled_from(possible)) for _ in range(n_troubles)}

    def pick(trouble, sound, options):
        return draw(st.sampled_from(sorted(options))) if trouble in troubles else sound

    def odd(features, *wrong):
        """Put another kind or flaw into one of the features."""
        i = draw(st.integers(0, len(features) - 1))
        name, kind, flaw = features[i]
        new = (name, pick(wrong[0], kind, KINDS), pick(wrong[1], flaw, FLAWS))
        return (*features[:i], new, *features[i + 1 :])

    seeds = st.integers(0, 2**32 - 1)
    n_features = pick("one column", draw(st.sampled_from([2, 3, 4])), [1])
    kinds = draw(st.lists(st.sampled_from(SOUND), min_size=n_features, max_size=n_features))
    if monitor == "range":
        kinds = ["Float64"] * n_features
    names = [NAMES[i] for i in draw(st.permutations(range(len(NAMES))))[:n_features]]
    if "names" in troubles:
        names = [names[0]] * n_features
    features = tuple((name, kind, "plain") for name, kind in zip(names, kinds, strict=True))
    reference = Frame(
        n_rows=pick("few rows", 120, SMALL),
        seed=draw(seeds),
        features=odd(features, "kind", "flaw"),
        time=pick("time", "datetime64[ns]", TIMES),
        index=draw(st.sampled_from(sorted(INDEXES))),
        labels=pick("labels", "plain", LABELS),
        prediction=pick("prediction", ("float64", "plain"), PREDICTIONS),
        change=pick("frame", "none", CHANGES),
    )
    analysis = replace(
        reference,
        n_rows=pick("few rows later", 50, SMALL),
        seed=draw(seeds),
        features=odd(reference.features, "kind later", "flaw later"),
        time=pick("time later", reference.time, TIMES),
        index=draw(st.sampled_from(sorted(INDEXES))),
        labels=pick("labels later", reference.labels, LABELS),
        prediction=pick("prediction later", reference.prediction, PREDICTIONS),
        change=pick("frame later", reference.change, CHANGES),
    )
    known = {**MONITORS, **CALLS}[monitor][1]
    most = 1 if monitor in CALLS else 2
    several = st.lists(st.sampled_from(known), min_size=1, max_size=most, unique=True)
    metrics = draw(several) if known else ()
    chunks = [{"chunk_number": 6}, {"chunk_size": 17}, {"chunk_period": "W"}, {}]
    return Case(
        monitor,
        reference,
        analysis,
        {"chunk_size": 1} if "small chunks" in troubles else draw(st.sampled_from(chunks)),
        tuple(metrics),
        draw(st.sampled_from(["default", "constant", "deviations"])),
        draw(st.booleans()),
        draw(st.booleans()),
    )


# -- What must hold -------------------------------------------------------------------------------


class BrokenError(AssertionError):
    """What a case showed that must not be."""


def examine(case):
    """Run a case; return "result" or the type of the refusal, raise `BrokenError` otherwise."""
    reference, analysis = case.reference.build(), case.analysis.build()
    act = CALLS[case.monitor][0] if case.monitor in CALLS else _measure
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            act(case, reference, analysis)
        outcome = "result"
    except BrokenError:
        raise
    except Exception as error:
        require_refusal(error)
        outcome = type(error).__name__
    for frame, drawn in ((reference, case.reference), (analysis, case.analysis)):
        require_equal(frame, drawn.build(), "the input was changed")
    return outcome


def _measure(case, reference, analysis):
    monitor = MONITORS[case.monitor][0](case).fit(reference)
    verb = "estimate" if hasattr(monitor, "estimate") else "calculate"
    result = getattr(monitor, verb)(analysis)
    require_sound(result, len(analysis))
    require_extension(result, len(analysis))
    if case.reference.seed % 8 == 0:
        require_round_trip(monitor, verb, analysis, result)


def require_refusal(error):
    """Demand a ValueError or TypeError that the library itself raises, and that says what to do."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    if type(error) not in (ValueError, TypeError):
        raise BrokenError(f"{type(error).__name__} from {_place(last)}: {error}") from error
    if not Path(last.filename).is_relative_to(PACKAGE):
        raise BrokenError(f"{type(error).__name__} from {_place(last)}: {error}") from error
    if not (";" in str(error) and any(mark in str(error) for mark in "`0123456789")):
        raise BrokenError(f"the message from {_place(last)} names nothing: {error}") from error


def _place(frame):
    path = Path(frame.filename)
    home = path.relative_to(PACKAGE.parent) if path.is_relative_to(PACKAGE) else path.name
    return f"{home}, {frame.name}"


def require_sound(result, n_rows):
    """Demand all that the contract says of a result."""
    frame = result.to_df()
    values = frame[list(MEASURES)].to_numpy()
    limits = frame["lower_threshold"], frame["upper_threshold"]
    beyond = (frame["value"] < limits[0]) | (frame["value"] > limits[1])
    analysis = frame[frame["period"] == "analysis"]
    chunks = analysis.drop_duplicates("chunk_index")
    demands = {
        "it is a Result": type(result) is Result,
        "a missing value has a note": (frame["value"].notna() | (frame["note"] != "")).all(),
        "numbers are finite": not np.isinf(values).any(),
        "a missing value is no alert": not frame.loc[frame["value"].isna(), "alert"].any(),
        "alerts lie beyond limits": not (frame["alert"] & ~beyond).any(),
        "limits are in order": not (limits[0] > limits[1]).any(),
        "both periods": set(frame["period"]) == {"reference", "analysis"},
        "each series once per chunk": not frame.duplicated(
            ["period", "chunk_index", "column", "metric"]
        ).any(),
        "keys are unique": not frame.duplicated(["column", "metric", "key"]).any(),
        "chunks are numbered": chunks["chunk_index"].tolist() == list(range(len(chunks))),
        "all rows are in chunks": chunks["n_rows"].sum() == n_rows,
        "rows are counted": frame["n_used"].between(0, frame["n_rows"]).all(),
        "dates are in order": not (frame["start_date"] > frame["end_date"]).any(),
        "errors are positive": not (frame["sampling_error"] < 0).any(),
        "it has a name": repr(result).startswith("Result("),
    }
    if result._shares is not None:
        whole = result.distribution().groupby(["period", "chunk_index", "column"])["share"].sum()
        demands["shares sum to 1"] = np.allclose(whole, 1)
    failed = [name for name, truth in demands.items() if not truth]
    if failed:
        raise BrokenError(f"the result is not as agreed: {', '.join(failed)}")


def require_extension(result, n_rows):
    """Demand that the same rows once more are refused, or counted on where they have no time."""
    try:
        twice = result.extend(result)
    except ValueError as error:
        require_refusal(error)
    else:
        require_sound(twice, 2 * n_rows)


def require_numbers(table, *names):
    """Demand finite numbers in these columns of a table."""
    if not np.isfinite(table[list(names)].to_numpy(dtype=float)).all():
        raise BrokenError(f"{', '.join(names)}: not finite")


def require_round_trip(monitor, verb, analysis, result):
    """Demand that a saved monitor measures the same, if it can be saved at all."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "monitor"
        monitor.save(path)
        again = getattr(course_lib.load(path), verb)(analysis)
    require_equal(again.to_df(), result.to_df(), "a loaded monitor measures something else")


def require_equal(frame, before, otherwise):
    """Demand that a frame is what it was, to the last digit."""
    try:
        pd.testing.assert_frame_equal(frame, before, check_exact=True)
    except AssertionError as error:
        raise BrokenError(f"{otherwise}: {error}") from error


def tally(monitor, seed, n_examples):
    """Draw and run cases; return one row per case: monitor, outcome, finding and the case itself.

    A finding is kept, not raised, so that it does not hide those behind it.
    """
    rows = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=n_examples,
        derandomize=False,  # or the seed would not count
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(monitor))
    def run(case):
        try:
            rows.append((monitor, examine(case), "", ""))
        except BrokenError as error:
            rows.append((monitor, "broken", str(error).splitlines()[0], repr(case)))

    run()
    return pd.DataFrame(rows, columns=["monitor", "outcome", "finding", "case"])


def wide(n_columns):
    """Return features by the hundred, of all names and some kinds."""
    kinds = itertools.cycle(["float64", "str", "Int64", "category"])
    return tuple(
        (f"{i} {NAMES[i % len(NAMES)]}", next(kinds), "some missing") for i in range(n_columns)
    )
