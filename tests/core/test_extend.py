"""Appended results: new chunks are measured alone, and the whole is what one run would give."""

from functools import reduce

import numpy as np
import pandas as pd
import pytest

from course_lib import (
    CBPE,
    DLE,
    ColumnConsistencyCalculator,
    ConstantThreshold,
    DataReconstructionDriftCalculator,
    DomainClassifierCalculator,
    MissingValuesCalculator,
    NumericalRangeCalculator,
    PerformanceCalculator,
    Result,
    UnivariateDriftCalculator,
    UnseenValuesCalculator,
    load,
)

QUICK = {"num_iterations": 5, "num_leaves": 4}
COLUMNS = ["size", "weight", "cut"]
WEEKS = {"timestamp_column_name": "day", "chunk_period": "W"}


def stones(n_weeks, first="2024-01-01", seed=0, per_week=60):
    rng = np.random.default_rng(seed)
    n = n_weeks * per_week
    frame = pd.DataFrame({"size": rng.uniform(1, 2, n), "cut": rng.choice(list("ABC"), n)})
    frame["weight"] = frame["size"] ** 3 + rng.normal(0, 0.1, n)
    frame.loc[rng.choice(n, n // 20, replace=False), "weight"] = np.nan
    frame["predicted"] = 1000 * frame["size"]
    frame["price"] = frame["predicted"] + rng.normal(0, 50, n)
    frame["score"] = rng.uniform(0, 1, n)
    frame["sold"] = (rng.uniform(0, 1, n) < frame["score"]).astype(int)
    hours = 7 * 24 / per_week * np.arange(n)
    frame["day"] = pd.Timestamp(first) + pd.to_timedelta(hours, unit="h")
    return frame


REFERENCE = stones(8)
ANALYSIS = stones(6, "2024-05-06", seed=1).assign(
    size=lambda f: f["size"] * np.linspace(1, 1.3, len(f))
)


def dle(**options):
    options = {"metrics": ["mae", "rmse"], "hyperparameters": QUICK, **WEEKS} | options
    return DLE(COLUMNS, "predicted", "price", **options)


MONITORS = {
    "DLE": dle,
    "CBPE": lambda **o: CBPE(["roc_auc"], "score", "sold", **WEEKS | o),
    "realized": lambda **o: PerformanceCalculator(
        "mae", "price", "regression", "predicted", **WEEKS | o
    ),
    "reconstruction": lambda **o: DataReconstructionDriftCalculator(COLUMNS, **WEEKS | o),
    "domain classifier": lambda **o: DomainClassifierCalculator(
        COLUMNS, hyperparameters=QUICK, **WEEKS | o
    ),
    "consistency": lambda **o: ColumnConsistencyCalculator(
        COLUMNS, hyperparameters={"num_leaves": 4}, **WEEKS | o
    ),
    "univariate": lambda **o: UnivariateDriftCalculator(COLUMNS, **WEEKS | o),
    "missing": lambda **o: MissingValuesCalculator(COLUMNS, **WEEKS | o),
    "unseen": lambda **o: UnseenValuesCalculator(["cut"], **WEEKS | o),
    "range": lambda **o: NumericalRangeCalculator(["size"], **WEEKS | o),
}


def measure(monitor, frame):
    return (monitor.estimate if hasattr(monitor, "estimate") else monitor.calculate)(frame)


def parts(frame, rows):
    return [frame.iloc[i : i + rows] for i in range(0, len(frame), rows)]


def assert_same(result, expected):
    pd.testing.assert_frame_equal(result.to_df(), expected.to_df(), check_exact=True)
    assert result.kind == expected.kind
    if expected._shares is not None:
        shares = result.distribution(), expected.distribution()
        pd.testing.assert_frame_equal(*shares, check_exact=True)


missing = MONITORS["missing"]


# -- The same as one run --------------------------------------------------------------------------


@pytest.mark.parametrize("name", MONITORS)
@pytest.mark.parametrize("n_weeks", [1, 2, 4])
def test_weeks_appended_one_by_one_are_the_whole_frame(name, n_weeks):
    monitor = MONITORS[name]().fit(REFERENCE)
    results = [measure(monitor, part) for part in parts(ANALYSIS, 60 * n_weeks)]
    assert_same(reduce(Result.extend, results), measure(monitor, ANALYSIS))


@pytest.mark.parametrize("name", ["DLE", "univariate"])
def test_chunks_of_rows_are_the_whole_frame_when_parts_are_multiples_of_them(name):
    options = {"chunk_period": None, "chunk_size": 30}
    monitor = MONITORS[name](**options).fit(REFERENCE)
    results = [measure(monitor, part) for part in parts(ANALYSIS, 90)]
    whole = measure(monitor, ANALYSIS)
    assert_same(reduce(Result.extend, results), whole)
    assert whole.to_df()["key"].iloc[-1] == "[330:359]"


def test_positions_are_counted_on_from_a_short_chunk():
    monitor = missing(chunk_period=None, chunk_size=50).fit(REFERENCE)
    results = [measure(monitor, part) for part in parts(ANALYSIS, 120)]
    frame = reduce(Result.extend, results).filter(period="analysis", column_names="cut").to_df()
    keys = ["[0:49]", "[50:99]", "[100:119]", "[120:169]", "[170:219]", "[220:239]"]
    assert frame["key"].tolist()[:6] == keys
    assert frame["chunk_index"].tolist() == list(range(9))


def test_the_keys_of_the_reference_stay_when_positions_are_counted_on():
    monitor = MONITORS["univariate"](chunk_period=None, chunk_size=30).fit(REFERENCE)
    longer = reduce(Result.extend, [measure(monitor, part) for part in parts(ANALYSIS, 90)])
    for frame in (longer.to_df(), longer.distribution()):
        chunks = frame[frame["column"] == frame["column"].iloc[0]].drop_duplicates("key")
        reference = chunks.loc[chunks["period"] == "reference", "key"]
        assert reference.tolist() == [
            f"reference [{i}:{i + 29}]" for i in range(0, len(REFERENCE), 30)
        ]
        assert len(chunks) == (len(REFERENCE) + len(ANALYSIS)) / 30


def test_a_nightly_job_keeps_monitor_and_result_in_files(tmp_path):
    monitor = MONITORS["univariate"]().fit(REFERENCE)
    monitor.save(tmp_path / "monitor")
    first, *nights = parts(ANALYSIS, 60)
    measure(monitor, first).save(tmp_path / "result")
    for night in nights:
        result = load(tmp_path / "result")
        result.extend(measure(load(tmp_path / "monitor"), night)).save(tmp_path / "result")
    assert_same(load(tmp_path / "result"), measure(monitor, ANALYSIS))


def test_nothing_is_measured_again(monkeypatch):
    monitor = missing().fit(REFERENCE)
    results = [measure(monitor, part) for part in parts(ANALYSIS, 180)]
    monkeypatch.setattr(MissingValuesCalculator, "_measure", None)
    assert repr(reduce(Result.extend, results)).startswith("Result(quality missing_values")


def test_both_results_stay_as_they_are():
    monitor = MONITORS["univariate"]().fit(REFERENCE)
    first, later = (measure(monitor, part) for part in parts(ANALYSIS, 180))
    before = [frame for r in (first, later) for frame in (r.to_df(), r.distribution())]
    first.extend(later)
    after = [frame for r in (first, later) for frame in (r.to_df(), r.distribution())]
    for was, still in zip(before, after, strict=True):
        pd.testing.assert_frame_equal(was, still)


def test_a_result_without_analysis_takes_that_of_the_other():
    result = measure(missing().fit(REFERENCE), ANALYSIS)
    reference = result.filter(period="reference")
    assert_same(reference.extend(result), result)
    assert_same(result.extend(reference), result)


def test_a_part_of_the_metrics_is_extended_by_the_same_part():
    monitor = dle().fit(REFERENCE)
    results = [measure(monitor, part).filter(metrics="mae") for part in parts(ANALYSIS, 180)]
    assert_same(reduce(Result.extend, results), measure(monitor, ANALYSIS).filter(metrics="mae"))


# -- Refused --------------------------------------------------------------------------------------


def halves(make=missing, **options):
    monitor = make(**options).fit(REFERENCE)
    return [measure(monitor, part) for part in parts(ANALYSIS, 180)]


def test_a_chunk_that_is_there_already_is_refused():
    first, _ = halves()
    with pytest.raises(
        ValueError, match=r"3 of 3 chunks, such as 2024-05-06/.* append only later chunks"
    ):
        first.extend(first)


def test_an_earlier_part_is_refused():
    first, second = halves()
    with pytest.raises(ValueError, match=r"start before or at 2024-06-16 23:59:59.999999, where"):
        second.extend(first)


def test_a_week_in_two_parts_is_refused():
    monitor = missing().fit(REFERENCE)
    first, second, *_ = (measure(monitor, part) for part in parts(ANALYSIS, 90))
    with pytest.raises(ValueError, match=r"1 of 2 chunks, .* only after the period has ended"):
        first.extend(second)


def test_rows_that_were_there_already_are_refused_in_chunks_of_rows():
    monitor = missing(chunk_period=None, chunk_size=30).fit(REFERENCE)
    first, again = (measure(monitor, rows) for rows in (ANALYSIS[:90], ANALYSIS[60:120]))
    with pytest.raises(ValueError, match=r"1 of 2 chunks, such as \[0:29\], start before or at"):
        first.extend(again)


def test_a_chunk_that_starts_when_the_last_one_ends_is_refused():
    monitor = missing(chunk_period=None, chunk_size=30).fit(REFERENCE)
    first, touching, apart = (
        measure(monitor, rows) for rows in (ANALYSIS[:90], ANALYSIS[89:119], ANALYSIS[90:120])
    )
    end = first.to_df()["end_date"].max()
    assert (touching.filter(period="analysis").to_df()["start_date"] == end).all()
    with pytest.raises(ValueError, match=r"1 of 1 chunks, such as \[0:29\], start before or at"):
        first.extend(touching)
    longer = first.extend(apart).filter(period="analysis", column_names="cut").to_df()
    assert longer["key"].tolist() == ["[0:29]", "[30:59]", "[60:89]", "[90:119]"]


def test_chunks_without_dates_are_refused():
    first, second = halves(chunk_period=None, timestamp_column_name=None, chunk_size=60)
    with pytest.raises(
        ValueError, match=r"without dates cannot be appended.*timestamp_column_name"
    ):
        first.extend(second)


@pytest.mark.parametrize(
    "other",
    [
        lambda: halves(MONITORS["range"])[1],
        lambda: halves(lambda **o: MissingValuesCalculator(["size", "cut"], **WEEKS | o))[1],
        lambda: halves()[1].filter(column_names="cut"),
        lambda: halves(dle)[1],
    ],
    ids=["monitor", "columns", "filtered", "kind"],
)
def test_a_result_that_measures_something_else_is_refused(other):
    with pytest.raises(ValueError, match=r"measures something else than .* filter afterwards"):
        halves()[0].extend(other())


@pytest.mark.parametrize("metrics", [["mae"], ["rmse", "mae"]])
def test_other_metrics_are_refused(metrics):
    with pytest.raises(ValueError, match="measures something else"):
        halves(dle)[0].extend(halves(dle, metrics=metrics)[1])


def test_another_threshold_is_refused():
    own = halves(threshold=ConstantThreshold(upper=0.2))
    with pytest.raises(
        ValueError, match="do not have the same reference and limits; fit one monitor"
    ):
        halves()[0].extend(own[1])


def test_another_reference_is_refused():
    monitor = missing().fit(stones(8, seed=5))
    with pytest.raises(
        ValueError, match="do not have the same reference and limits; fit one monitor"
    ):
        halves()[0].extend(measure(monitor, ANALYSIS[180:]))


def test_a_result_without_its_reference_is_refused():
    first, second = halves()
    bare = first.filter(period="analysis"), second.filter(period="analysis")
    for pair in ((bare[0], second), (first, bare[1]), bare):
        with pytest.raises(ValueError, match="do not have the same reference"):
            pair[0].extend(pair[1])


def test_a_frame_is_no_result():
    first, second = halves()
    with pytest.raises(TypeError, match="`later` must be a Result, got DataFrame"):
        first.extend(second.to_df())
