"""The machine itself, and what every monitor of performance refuses."""

import numpy as np
import pandas as pd
import pytest

from course_lib import (
    DLE,
    ConstantThreshold,
    MissingValuesCalculator,
    PerformanceCalculator,
    PeriodBasedChunker,
    RowMetric,
    SizeBasedChunker,
    StandardDeviationThreshold,
)
from course_lib.core.monitor import Monitor
from course_lib.core.readings import Reading
from course_lib.core.result import COLUMNS
from course_lib.core.schema import Schema
from course_lib.core.thresholds import Bounds

N_ROWS = 500


class MeanShift(Monitor):
    """The smallest monitor: how far a chunk's mean lies from the mean it has learned."""

    def __init__(self, *, blocks=None, name="x", cross_fit=True, **options):
        self.blocks, self.name, self.cross_fit = blocks, name, cross_fit
        self._learned = []
        super().__init__(**options)

    def _resolve(self):
        self._blocks = self.blocks
        super()._resolve()

    def _schema(self, reference):
        return Schema.learn(reference, [self.name], timestamp=self._timestamp)

    def _learn(self, table, rows):
        self._learned.append(set(rows.tolist()))
        return table[self.name][rows].mean()

    def _measure(self, state, table, chunk):
        values = table[self.name][chunk.rows]
        yield Reading("shift", values.mean() - state, len(chunk), column=self.name)

    def _bounds(self, metric):
        return Bounds(side="both")

    def _metric_names(self):
        return ["shift"]

    def calculate(self, frame):
        return self._run(frame, "calculate(analysis)")


def numbers(n=N_ROWS, seed=0):
    return pd.DataFrame({"x": np.random.default_rng(seed).normal(size=n)})


def values(result, period="reference"):
    frame = result.to_df()
    return frame.loc[frame["period"] == period, "value"].to_numpy()


# -- Learning, measuring, alerting ----------------------------------------------------------------


def test_without_cross_fitting_every_chunk_is_measured_by_the_whole_reference():
    frame = numbers()
    monitor = MeanShift(chunk_size=50).fit(frame)
    by_hand = frame["x"].to_numpy().reshape(10, 50).mean(axis=1) - frame["x"].mean()
    np.testing.assert_allclose(values(monitor.calculate(frame)), by_hand)
    assert len(monitor._learned) == 1


@pytest.mark.parametrize(
    ("blocks", "n_chunks", "expected"),
    [
        (5, 10, [2, 2, 2, 2, 2]),
        (5, 12, [3, 3, 2, 2, 2]),
        (5, 3, [1, 1, 1]),
        ("chunks", 10, [1] * 10),
    ],
)
def test_cross_fitting_leaves_out_one_block_of_neighbouring_chunks(blocks, n_chunks, expected):
    n = 50 * n_chunks
    limit = {"shift": ConstantThreshold(upper=1)}
    monitor = MeanShift(blocks=blocks, chunk_size=50, thresholds=limit).fit(numbers(n))
    whole, *folds = monitor._learned
    assert whole == set(range(n))
    left_out = [sorted(whole - rows) for rows in folds]
    assert [len(rows) / 50 for rows in left_out] == expected
    assert [row for rows in left_out for row in rows] == list(range(n))


def test_a_reference_chunk_is_measured_by_what_did_not_see_it():
    frame = numbers()
    x = frame["x"].to_numpy()
    result = MeanShift(blocks="chunks", chunk_size=50).fit(frame).calculate(frame)
    by_hand = [
        x[i : i + 50].mean() - np.delete(x, range(i, i + 50)).mean() for i in range(0, 500, 50)
    ]
    np.testing.assert_allclose(values(result), by_hand)


@pytest.mark.parametrize("side", [1, -1])
def test_a_value_alerts_beyond_its_limit_but_not_when_it_equals_it_up_to_rounding(side):
    limit = {"shift": ConstantThreshold(lower=-0.3, upper=0.3)}
    reference = pd.DataFrame({"x": np.zeros(10)})
    monitor = MeanShift(chunk_size=1, thresholds=limit).fit(reference)
    equal = 0.1 + 0.2  # 0.30000000000000004
    assert equal > 0.3
    later = pd.DataFrame({"x": side * np.array([0.2999, 0.3, equal, 0.30000001, 0.3001, 0.3003])})
    found = monitor.calculate(later).filter(period="analysis").to_df()
    assert found["alert"].tolist() == [False, False, False, True, True, True]


def test_analysis_chunks_are_measured_by_the_whole_reference_in_any_case():
    frame, later = numbers(), numbers(200, seed=1)
    crossed = MeanShift(blocks=5, chunk_size=50).fit(frame).calculate(later)
    plain = MeanShift(chunk_size=50).fit(frame).calculate(later)
    np.testing.assert_array_equal(values(crossed, "analysis"), values(plain, "analysis"))
    off = MeanShift(blocks=5, chunk_size=50, cross_fit=False).fit(frame).calculate(later)
    np.testing.assert_array_equal(values(off), values(plain))


def test_a_chunk_alerts_beyond_a_limit_and_not_on_it():
    frame = pd.DataFrame({"x": [-1.0, 1.0] * 25})
    later = pd.DataFrame({"x": [3.0, 3.0, 3.1, 3.1, -2.0, -2.0, -2.1, -2.1]})
    monitor = MeanShift(chunk_size=2, thresholds={"shift": ConstantThreshold(lower=-2, upper=3)})
    analysis = monitor.fit(frame).calculate(later).filter(period="analysis").to_df()
    assert analysis["alert"].tolist() == [False, True, False, True]


@pytest.mark.parametrize("scale", ["raw", "log", "cbrt"])
def test_a_metric_that_never_moves_does_not_alert_for_rounding(scale, monkeypatch):
    frame, monitor = numbers(), MeanShift(chunk_size=50)
    monkeypatch.setattr(monitor, "_bounds", lambda metric: Bounds(scale=scale))
    for value in np.random.default_rng(0).uniform(0, 1000, 20):
        reading = Reading("shift", value, 50)
        monkeypatch.setattr(monitor, "_measure", lambda *args, reading=reading: [reading])
        assert not monitor.fit(frame).calculate(frame).to_df()["alert"].any()


def test_limits_scale_with_the_rows_that_were_used():
    frame = numbers()
    later = MeanShift(chunk_size=50).fit(frame).calculate(frame.head(60)).to_df()
    limit = later.loc[later["period"] == "analysis", "upper_threshold"]
    assert limit.iloc[1] > limit.iloc[0]  # ten rows against fifty


def test_a_short_last_chunk_of_the_reference_sets_no_limit():
    frame = numbers()
    wild = pd.concat([frame, pd.DataFrame({"x": [900.0]})], ignore_index=True)
    # A constant centre keeps the wild row out of what is learned.
    monitor = MeanShift(chunk_size=50)
    monitor._learn = lambda table, rows: 0.0
    limits = monitor.fit(frame).calculate(frame).to_df()["upper_threshold"]
    with_wild = monitor.fit(wild).calculate(frame).to_df()
    full = with_wild["n_rows"] == 50
    assert with_wild.loc[full, "upper_threshold"].unique() == pytest.approx(limits.unique())


def test_fitting_twice_equals_fitting_once():
    first, second = numbers(), numbers(seed=1)
    twice = MeanShift(chunk_size=50).fit(first).fit(second).calculate(first).to_df()
    once = MeanShift(chunk_size=50).fit(second).calculate(first).to_df()
    pd.testing.assert_frame_equal(twice, once)


def test_calculating_twice_gives_the_same_and_forgets_nothing():
    frame = numbers()
    monitor = MeanShift(chunk_size=50).fit(frame)
    once = monitor.calculate(frame).to_df()
    monitor.calculate(numbers(seed=3))
    pd.testing.assert_frame_equal(monitor.calculate(frame).to_df(), once)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_failing_fit_leaves_the_previous_state(error, monkeypatch):
    frame = numbers()
    monitor = MeanShift(chunk_size=50).fit(frame)
    before = monitor.calculate(frame).to_df()

    def fail(*args):
        raise error

    monkeypatch.setattr(monitor, "_measure", fail)
    with pytest.raises(error):
        monitor.fit(numbers(seed=1))
    monkeypatch.undo()
    pd.testing.assert_frame_equal(monitor.calculate(frame).to_df(), before)


def test_a_failing_first_fit_leaves_the_monitor_unfitted(monkeypatch):
    monitor = MeanShift(chunk_size=50)
    monkeypatch.setattr(monitor, "_measure", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        monitor.fit(numbers())
    assert repr(monitor) == "MeanShift(chunk_size=50; not fitted)"


def test_cross_fitting_a_single_chunk_is_an_error_before_anything_is_learned():
    monitor = MeanShift(blocks=5, chunk_size=N_ROWS, thresholds={"shift": ConstantThreshold()})
    with pytest.raises(ValueError, match=r"has 1 chunk, and cross-fitting needs 2; .*cross_fit"):
        monitor.fit(numbers())
    assert monitor._learned == []


def test_a_chunker_of_your_own_keeps_its_rule_for_what_is_left_over():
    monitor = MeanShift(chunker=SizeBasedChunker(50, incomplete="drop")).fit(numbers(530))
    frame = monitor.calculate(numbers(120)).to_df()
    assert frame.groupby("period")["n_rows"].sum().to_dict() == {"analysis": 100, "reference": 500}


# -- Performance: what is refused, by name and before any work ------------------------------------


def stones(n=N_ROWS, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"carat": rng.uniform(0.2, 2, n), "cut": rng.choice(["A", "B", "C"], n)})
    frame["predicted"] = 4000 * frame["carat"]
    frame["price"] = frame["predicted"] * rng.uniform(0.8, 1.2, n)
    frame["day"] = pd.date_range("2024-01-01", periods=n, freq="6h")
    return frame


def make_dle(**options):
    return DLE(
        **{
            "feature_column_names": ["carat", "cut"],
            "y_pred": "predicted",
            "y_true": "price",
            "timestamp_column_name": "day",
            "chunk_size": 50,
            "metrics": ["mae"],
            "hyperparameters": {"n_estimators": 3},
            **options,
        }
    )


def make_calculator(**options):
    return PerformanceCalculator(
        **{
            "metrics": ["mae"],
            "y_true": "price",
            "y_pred": "predicted",
            "timestamp_column_name": "day",
            "chunk_size": 50,
            **options,
        }
    )


def run(monitor, frame):
    return monitor.estimate(frame) if isinstance(monitor, DLE) else monitor.calculate(frame)


both = pytest.mark.parametrize("make", [make_dle, make_calculator], ids=["DLE", "calculator"])


@pytest.fixture
def no_work(monkeypatch):
    """Fail if a monitor learns or measures although its input is bad."""

    def work(*args):
        pytest.fail("the monitor set to work before it had checked its input")

    for kind in (DLE, PerformanceCalculator):
        monkeypatch.setattr(kind, "_learn", work)
        monkeypatch.setattr(kind, "_measure", work)


def with_first(frame, name, bad, n=3):
    column = frame[name].astype(object)
    column.iloc[:n] = bad
    inferred = column if isinstance(bad, str) else column.infer_objects()
    return frame.assign(**{name: inferred})


BAD_FRAMES = {
    "no frame": (lambda f: f.to_dict(), TypeError, r"must be a pandas DataFrame, got dict"),
    "a column alone": (lambda f: f["carat"], TypeError, r"must be a pandas DataFrame, got Series"),
    "no rows": (lambda f: f.head(0), ValueError, r"has no rows; give at least one"),
    "no prediction": (
        lambda f: f.drop(columns="predicted"),
        ValueError,
        r"lacks 1 of \d columns: `predicted`; add them, or correct the names",
    ),
    "predictions twice": (
        lambda f: pd.concat([f, f[["predicted"]]], axis=1),
        ValueError,
        r"has 2 columns named `predicted`; keep only one",
    ),
    "missing predictions": (
        lambda f: with_first(f, "predicted", np.nan),
        ValueError,
        r"`predicted` is missing in 3 of 500 rows of `\w+`; fill or drop those rows",
    ),
    "infinite predictions": (
        lambda f: with_first(f, "predicted", -np.inf),
        ValueError,
        r"`predicted` is infinite in 3 of 500 rows; replace",
    ),
    "text predictions": (
        lambda f: f.assign(predicted=f["predicted"].astype(str)),
        TypeError,
        r"`predicted` must hold numbers, but 500 of 500 rows hold something else, .*; convert",
    ),
    "no times": (
        lambda f: f.drop(columns="day"),
        ValueError,
        r"lacks 1 of \d columns: `day`; add them",
    ),
    "missing times": (
        lambda f: with_first(f, "day", pd.NaT),
        ValueError,
        r"`day` is missing in 3 of 500 rows; .* fill or drop those rows",
    ),
    "unparsable times": (
        lambda f: with_first(f.assign(day=f["day"].astype(str)), "day", "soon"),
        ValueError,
        r"`day` cannot be read as a time in \d+ of 500 rows, such as .*; convert",
    ),
    "numbers for times": (
        lambda f: f.assign(day=range(len(f))),
        TypeError,
        r"`day` holds numbers, not times; convert it with pd.to_datetime\(\.\.\., unit=",
    ),
}
BAD_LABELS = {
    "no labels": (lambda f: f.drop(columns="price"), ValueError, r"lacks 1 of \d columns: `price`"),
    "infinite labels": (
        lambda f: with_first(f, "price", np.inf),
        ValueError,
        r"`price` is infinite in 3 of 500 rows; replace",
    ),
    "text among labels": (
        lambda f: with_first(f, "price", "unknown"),
        TypeError,
        r"`price` must hold numbers, but 3 of 500 rows hold something else, such as 'unknown'",
    ),
}
BAD_REFERENCES = {
    **BAD_LABELS,
    "labels all missing": (
        lambda f: f.assign(price=np.nan),
        ValueError,
        r"`price` is missing in all 500 rows of `reference`; a reference needs labels: choose",
    ),
    "four chunks": (
        lambda f: f.head(200),
        ValueError,
        r"only 4 reference chunks .* need 5; give a longer reference or smaller chunks",
    ),
    "four chunks with labels": (
        lambda f: f.assign(price=f["price"].where(f.index < 200)),
        ValueError,
        r"only 4 reference chunks have a value",
    ),
}


@both
@pytest.mark.parametrize("case", [*BAD_FRAMES, *BAD_REFERENCES])
def test_a_bad_reference_is_refused_before_any_work(make, case, no_work):
    spoil, error, message = {**BAD_FRAMES, **BAD_REFERENCES}[case]
    with pytest.raises(error, match=message):
        make().fit(spoil(stones()))


@both
@pytest.mark.parametrize("case", BAD_FRAMES)
def test_a_bad_analysis_is_refused_before_any_work(make, case, monkeypatch):
    monitor = make().fit(stones())
    monkeypatch.setattr(monitor, "_measure", lambda *args: pytest.fail("measured before checking"))
    spoil, error, message = BAD_FRAMES[case]
    with pytest.raises(error, match=message):
        run(monitor, spoil(stones(seed=1)))


@both
@pytest.mark.parametrize("column", ["price", "day"])
def test_a_duplicated_column_of_the_reference_is_refused(make, column, no_work):
    frame = stones()
    with pytest.raises(ValueError, match=f"`reference` has 2 columns named `{column}`"):
        make().fit(pd.concat([frame, frame[[column]]], axis=1))


@both
def test_the_error_says_which_frame_is_meant(make):
    frame = stones().drop(columns="predicted")
    with pytest.raises(ValueError, match="`reference` lacks"):
        make().fit(frame)
    with pytest.raises(ValueError, match="`analysis` lacks"):
        run(make().fit(stones()), frame)


@both
def test_measuring_before_fitting_is_an_error_that_says_what_to_call(make):
    with pytest.raises(
        ValueError, match=r"is not fitted; call `.fit\(reference\)` before `\.\w+\("
    ):
        run(make(), stones())


@both
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"chunk_size": 0}, ValueError, "`chunk_size` must be at least 1, got 0"),
        ({"chunk_size": -50}, ValueError, "`chunk_size` must be at least 1, got -50"),
        ({"chunk_size": 50.0}, TypeError, "`chunk_size` must be a whole number, got 50.0"),
        ({"chunk_number": 5}, ValueError, "`chunk_size` and `chunk_number` are given; give one"),
        ({"chunk_period": "W"}, ValueError, "`chunk_size` and `chunk_period` are given"),
        (
            {"chunk_size": None, "chunk_period": "W", "timestamp_column_name": None},
            ValueError,
            "`chunk_period` 'W' needs `timestamp_column_name`",
        ),
        (
            {"chunk_size": None, "chunk_period": "fortnight"},
            ValueError,
            "`offset` 'fortnight' .*`chunk_period`",
        ),
        ({"chunk_size": None, "chunker": 50}, TypeError, "`chunker` must be a chunker"),
        (
            {"chunk_size": None, "chunker": PeriodBasedChunker("week")},
            ValueError,
            "the chunker uses `week`, but `timestamp_column_name` is `day`; name the same",
        ),
        ({"metrics": ["mean"]}, ValueError, "unknown metric 'mean' in `metrics`; choose from mae"),
        ({"metrics": []}, ValueError, "`metrics` is empty"),
        ({"metrics": 7}, TypeError, "`metrics` holds 7"),
        ({"thresholds": 300}, TypeError, "300 is not a threshold for 'mae'; give one such as"),
        ({"thresholds": {"mae": 300}}, TypeError, "300 is not a threshold for 'mae'; give one"),
        ({"thresholds": ConstantThreshold}, TypeError, "ConstantThreshold'> is not a threshold"),
    ],
)
def test_a_bad_argument_is_refused_by_the_constructor(make, options, error, message):
    with pytest.raises(error, match=message):
        make(**options)


@both
def test_a_threshold_for_what_is_not_measured_is_refused(make):
    with pytest.raises(ValueError, match=r"`thresholds` names 'rmse', .*; choose from mae"):
        make(thresholds={"rmse": ConstantThreshold(upper=1)})


@both
def test_one_threshold_holds_for_all_metrics(make):
    limit = ConstantThreshold(upper=1.0)
    metrics = ["mae", "rmse"]
    one = run(make(metrics=metrics, thresholds=limit).fit(stones()), stones())
    each = make(metrics=metrics, thresholds=dict.fromkeys(metrics, limit)).fit(stones())
    pd.testing.assert_frame_equal(one.to_df(), run(each, stones()).to_df())
    assert one.to_df()["upper_threshold"].eq(1.0).all()


@both
def test_one_column_cannot_be_label_and_prediction(make, no_work):
    with pytest.raises(ValueError, match="`price` is named more than once"):
        make(y_pred="price").fit(stones())


@both
@pytest.mark.parametrize("metric", ["msle", "rmsle"])
def test_negative_values_are_refused_for_metrics_with_a_logarithm(make, metric, no_work):
    for name in ("price", "predicted"):
        frame = stones()
        frame.loc[:3, name] *= -1
        with pytest.raises(ValueError, match=rf"`{name}` is negative in 4 of 500 rows.*; use mae"):
            make(metrics=[metric]).fit(frame)


@both
def test_negative_predictions_are_refused_in_the_analysis_too(make, monkeypatch):
    monitor = make(metrics=["mae", "rmsle"]).fit(stones())
    monkeypatch.setattr(monitor, "_measure", lambda *args: pytest.fail("measured before checking"))
    frame = stones(seed=1)
    frame.loc[[7, 480], "predicted"] = -1.0
    with pytest.raises(ValueError, match=r"`predicted` is negative in 2 of 500 rows"):
        run(monitor, frame)


@both
def test_a_label_of_zero_is_refused_by_mape(make, no_work):
    frame = stones()
    frame.loc[:3, "price"] = 0
    with pytest.raises(ValueError, match=r"`price` is zero in 4 of 500 rows, and mape divides"):
        make(metrics=["mape"]).fit(frame)


@both
def test_a_row_metric_that_is_not_finite_is_refused_by_its_name(make):
    ratio = RowMetric("ratio", lambda y, p: np.where(p > 4000, np.inf, 1.0))
    n = int((stones()["predicted"] > 4000).sum())
    with pytest.raises(ValueError, match=rf"'ratio' is not finite in {n} of 500 rows"):
        make(metrics=[ratio]).fit(stones())


@both
def test_too_few_chunks_for_a_limit_are_an_error_that_names_the_metric(make, no_work):
    mae = {"mae": ConstantThreshold(upper=300)}
    with pytest.raises(ValueError, match=r"^rmse: only 4 reference chunks"):
        make(metrics=["mae", "rmse"], thresholds=mae).fit(stones().head(200))


def test_a_metric_of_your_own_that_fails_names_the_chunk():
    def picky(y_true, y_pred):
        if (y_true > 1e6).any():
            raise ZeroDivisionError("too dear")
        return np.where(y_true > 5e5, np.nan, y_true)

    calculator = make_calculator(metrics=[RowMetric("picky", picky)]).fit(stones())
    for price, error in ((2e6, ZeroDivisionError), (6e5, ValueError)):
        later = stones(seed=1)
        later.loc[later.index[120], "price"] = price
        with pytest.raises(error) as caught:
            calculator.calculate(later.sort_values("day"))
        (note,) = caught.value.__notes__
        position = int(later["day"].rank(method="first").iloc[120]) - 1
        assert note == f"In chunk [{position // 50 * 50}:{position // 50 * 50 + 49}]."


# -- Performance: what is no error, and what never matters ----------------------------------------


@both
def test_inputs_are_never_modified(make):
    reference, analysis = stones().iloc[::-1], stones(seed=1).iloc[::-1]
    copies = reference.copy(deep=True), analysis.copy(deep=True)
    run(make().fit(reference), analysis)
    pd.testing.assert_frame_equal(reference, copies[0])
    pd.testing.assert_frame_equal(analysis, copies[1])


@both
def test_the_order_of_rows_and_the_index_do_not_matter(make):
    expected = run(make().fit(stones()), stones(seed=1)).to_df()

    def shuffled(frame, seed):
        mixed = frame.sample(frac=1, random_state=seed)
        return mixed.set_axis(np.random.default_rng(seed).integers(0, 9, len(mixed)))

    found = run(make().fit(shuffled(stones(), 1)), shuffled(stones(seed=1), 2)).to_df()
    pd.testing.assert_frame_equal(found, expected, rtol=1e-12)


def nullable(frame):
    return frame.convert_dtypes()


def arrow(frame):
    kinds = {"carat": "double[pyarrow]", "cut": "string[pyarrow]", "day": "timestamp[ns][pyarrow]"}
    return frame.astype({**kinds, "predicted": "double[pyarrow]", "price": "double[pyarrow]"})


def objects(frame):
    return frame.astype("object")


def zoned(frame):
    return frame.assign(day=frame["day"].dt.tz_localize("America/New_York"))


def times_as_text(frame):
    return frame.assign(day=frame["day"].dt.strftime("%Y-%m-%d %H:%M"))


def categories(frame):
    kinds = pd.CategoricalDtype(["C", "unused", "A", "B"])
    return frame.assign(cut=frame["cut"].astype(kinds))


@both
@pytest.mark.parametrize("change", [nullable, arrow, objects, zoned, times_as_text, categories])
def test_the_numbers_do_not_depend_on_the_dtypes(make, change):
    # Wall-clock times keep clear of the hours that a change of clocks skips or repeats.
    reference, analysis = stones(200), stones(100, seed=1)
    options = {"chunk_size": 20}
    expected = run(make(**options).fit(reference), analysis).to_df()
    for pair in [(change, change), (change, objects), (lambda f: f, change)]:
        found = run(make(**options).fit(pair[0](reference)), pair[1](analysis)).to_df()
        pd.testing.assert_frame_equal(found, expected)


@both
@pytest.mark.parametrize(
    ("name", "threshold"),
    [("mae", ConstantThreshold(lower=1, upper=2)), ("mae", StandardDeviationThreshold())],
)
def test_a_threshold_of_your_own_is_used(make, name, threshold):
    frame = run(make(thresholds={name: threshold}).fit(stones()), stones()).to_df()
    realized = make_calculator().fit(stones()).calculate(stones()).filter(period="reference")
    expected = threshold.limits(
        realized.to_df()["value"], n_used=[50] * 10, n=50, bounds=Bounds(lower_limit=0)
    )
    limits = frame[["lower_threshold", "upper_threshold"]].drop_duplicates().to_numpy()
    np.testing.assert_allclose(limits, [expected])


class Recording:
    """A threshold that remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def limits(self, values, *, n_used, n, bounds):
        self.asked.append((tuple(values), n))
        return None, 1e9


def test_a_threshold_is_asked_once_per_series_and_size_with_values_that_were_measured():
    calculator = make_calculator(metrics=["mae", "rmse"], thresholds=Recording())
    result = calculator.fit(stones()).calculate(stones(seed=1).head(470))
    rule = calculator._fitted.rules.thresholds  # `fit` uses a copy, so that nobody changes it
    reference = result.filter(period="reference").to_df()
    measured = {tuple(part["value"]) for _, part in reference.groupby("metric")}
    assert {values for values, _ in rule.asked} == measured
    # In fit all chunks have 50 rows; later the last has 20.
    assert [n for _, n in rule.asked] == [50, 50, 50, 50, 20, 20]


@both
def test_performance_alerts_on_the_worse_side_only(make):
    frame = run(make().fit(stones()), stones()).to_df()
    assert frame["lower_threshold"].isna().all()
    assert frame["upper_threshold"].notna().all()


def test_estimate_and_realized_share_limits_and_chunks():
    options = {"chunk_size": None, "chunk_period": "W"}
    frame = make_dle(**options).fit(stones()).estimate(stones()).to_df()
    realized = make_calculator(**options).fit(stones()).calculate(stones()).to_df()
    same = ["period", "chunk_index", "key", "start_date", "end_date", "upper_threshold", "unit"]
    pd.testing.assert_frame_equal(frame[same], realized[same])


@both
def test_a_value_is_missing_only_together_with_a_note(make):
    late = stones(seed=1)
    late["price"] = late["price"].where(late.index < 220)
    frame = run(make().fit(stones()), late).to_df()
    assert (frame["value"].isna() == (frame["note"] != "")).all()
    assert (frame["sampling_error"].isna() == (frame["note"] != "")).all()
    assert not frame.loc[frame["value"].isna(), "alert"].any()


@both
def test_the_default_is_ten_chunks(make):
    frame = run(make(chunk_size=None).fit(stones()), stones(100)).to_df()
    assert frame.groupby("period")["chunk_index"].nunique().tolist() == [10, 10]


@both
def test_the_frame_has_the_columns_of_the_contract(make):
    frame = run(make().fit(stones()), stones()).to_df()
    assert tuple(frame.columns) == COLUMNS
    assert frame["unit"].unique().tolist() == ["unit of price"]
    assert (frame["column"] == "").all()


@both
def test_a_monitor_shows_its_columns_chunks_and_limits(make):
    monitor = make(metrics=["mae", "rmse"], thresholds={"mae": ConstantThreshold(1.0, 300)})
    shown = repr(monitor)
    assert shown.startswith(f"{type(monitor).__name__}(")
    for part in ("y_true='price'", "y_pred='predicted'", "chunk_size=50", "['mae', 'rmse']"):
        assert part in shown
    assert shown.endswith("; not fitted)")
    limit = monitor.fit(stones())._fitted.reference["upper_threshold"].iloc[1]
    fitted = f"; fitted on 10 chunks, limits: 1 <= mae <= 300, rmse <= {limit:.4g})"
    assert repr(monitor).endswith(fitted)


def test_of_many_limits_a_monitor_shows_the_first_and_counts_the_rest():
    names = [f"column_{i}" for i in range(300)]
    frame = pd.DataFrame(dict.fromkeys(names, 1.0), index=range(100))
    shown = repr(MissingValuesCalculator(names, chunk_size=20).fit(frame))
    assert shown.startswith("MissingValuesCalculator(column_names=['column_0', 'column_1',")
    assert shown.endswith("column_2 missing_values <= 0.025 and 297 more)")
    assert len(shown) < 350


@both
def test_results_hold_no_raw_rows(make):
    result = run(make().fit(stones()), stones())
    assert len(result.to_df()) == 20
    assert len(repr(result)) < 100


class Nothing(MeanShift):
    def _measure(self, state, table, chunk):
        yield Reading("shift", np.inf, len(chunk), column=self.name)


def test_a_value_that_is_not_finite_needs_a_note():
    message = "`x`, shift: the value of 50 rows is inf; correct numbers that are too large"
    with pytest.raises(ValueError, match=message) as error:
        Nothing(chunk_size=50).fit(numbers())
    assert error.value.__notes__ == ["In chunk [0:49]."]
