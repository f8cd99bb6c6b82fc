"""Saved monitors and results: the same numbers after a round trip, a clear error for a bad file."""

import errno
import io
import json
import os
import re
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import course_lib
from course_lib import (
    CBPE,
    DLE,
    ColumnConsistencyCalculator,
    ConstantThreshold,
    CountBasedChunker,
    DataReconstructionDriftCalculator,
    DomainClassifierCalculator,
    MissingValuesCalculator,
    NumericalRangeCalculator,
    PerformanceCalculator,
    PeriodBasedChunker,
    PredictionIntervalThreshold,
    RowMetric,
    SizeBasedChunker,
    StandardDeviationThreshold,
    UnivariateDriftCalculator,
    UnseenValuesCalculator,
    desk_value,
    load,
)
from course_lib.business import matrix_value
from course_lib.model_text import from_text, to_text
from course_lib.monitor import Monitor

QUICK = {"num_iterations": 5, "num_leaves": 4}
MATRIX = [[0, -1], [-10, 5]]
COLUMNS = ["size", "weight", "cut"]


def stones(n=600, seed=0):
    """Numbers with gaps, a text, a prediction, a price, a score and its label."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"size": rng.uniform(1, 2, n), "cut": rng.choice(list("ABC"), n)})
    frame["weight"] = frame["size"] ** 3 + rng.normal(0, 0.1, n)
    frame.loc[rng.choice(n, n // 20, replace=False), "weight"] = np.nan
    frame["predicted"] = 1000 * frame["size"]
    frame["price"] = frame["predicted"] + rng.normal(0, 50, n)
    frame["score"] = rng.uniform(0, 1, n)
    frame["sold"] = (rng.uniform(0, 1, n) < frame["score"]).astype(int)
    frame["guess"] = (frame["score"] > 0.5).astype(int)
    frame["day"] = pd.date_range("2024-01-01", periods=n, freq="3h")
    return frame


def later(n=300):
    frame = stones(n, seed=1)
    frame["day"] += pd.Timedelta(120, "D")
    return frame.assign(cut=frame["cut"].replace("C", "new"), size=frame["size"] * 1.2)


def dle(**options):
    options = {"metrics": ["mae", "rmse"], "hyperparameters": QUICK, "chunk_size": 60} | options
    return DLE(COLUMNS, "predicted", "price", "day", **options)


def realized(metrics=("mae", "msle"), **options):
    options = {"chunk_size": 60} | options
    return PerformanceCalculator(list(metrics), "price", "regression", "predicted", **options)


def of_classes(kind, metrics, **options):
    roles = {"y_true": "sold", "y_pred": "guess", "y_pred_proba": "score", "chunk_size": 60}
    return kind(metrics, problem_type="classification_binary", **roles, **options)


CLASS_METRICS = ["roc_auc", "f1", "confusion_matrix", "business_value"]
MONITORS = {
    "DLE": dle,
    "CBPE": lambda: of_classes(CBPE, CLASS_METRICS, business_value_matrix=MATRIX),
    "CBPE uncalibrated": lambda: of_classes(CBPE, "accuracy", calibration=None),
    "realized": realized,
    "realized classes": lambda: of_classes(
        PerformanceCalculator, CLASS_METRICS, business_value_matrix=np.array(MATRIX, "int16")
    ),
    "reconstruction": lambda: DataReconstructionDriftCalculator(COLUMNS, chunk_size=60),
    "reconstruction uncapped": lambda: DataReconstructionDriftCalculator(
        COLUMNS, chunk_size=60, row_cap=None, n_components=2
    ),
    "domain classifier": lambda: DomainClassifierCalculator(
        COLUMNS, chunk_size=60, hyperparameters=QUICK
    ),
    "consistency": lambda: ColumnConsistencyCalculator(
        COLUMNS, chunk_size=60, hyperparameters={"num_leaves": 4}
    ),
    "univariate": lambda: UnivariateDriftCalculator(
        COLUMNS,
        continuous_methods=["jensen_shannon", "hellinger", "kolmogorov_smirnov", "wasserstein"],
        categorical_methods=["jensen_shannon", "hellinger", "l_infinity", "chi2"],
        chunk_size=60,
    ),
    "univariate, counts": lambda: UnivariateDriftCalculator(COLUMNS, bins="doane", chunk_size=60),
    "missing": lambda: MissingValuesCalculator(COLUMNS, chunk_size=60),
    "unseen": lambda: UnseenValuesCalculator(["cut"], chunk_size=60),
    "range": lambda: NumericalRangeCalculator(["size", "weight"], chunk_size=60),
}


def measure(monitor, frame=None):
    verb = monitor.estimate if hasattr(monitor, "estimate") else monitor.calculate
    return verb(later() if frame is None else frame)


def assert_same(result, expected):
    pd.testing.assert_frame_equal(result.to_df(), expected.to_df(), check_exact=True)
    assert result.kind == expected.kind
    assert (result._shares is None) == (expected._shares is None)
    if expected._shares is not None:
        shares = result.distribution(), expected.distribution()
        pd.testing.assert_frame_equal(*shares, check_exact=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "saved.monitor"


# -- Round trips ----------------------------------------------------------------------------------


def test_every_monitor_is_tried():
    kinds = {thing for thing in vars(course_lib)["_HOME"] if thing.endswith("Calculator")}
    public = {getattr(course_lib, name) for name in {*kinds, "DLE", "CBPE"}}
    assert all(issubclass(kind, Monitor) for kind in public)
    assert {type(make()) for make in MONITORS.values()} == public


@pytest.mark.parametrize("name", MONITORS)
def test_a_loaded_monitor_measures_the_same_to_the_last_digit(name, path):
    monitor = MONITORS[name]().fit(stones())
    monitor.save(path)
    again = load(path)
    assert type(again) is type(monitor)
    assert repr(again) == repr(monitor)
    assert_same(measure(again), measure(monitor))


@pytest.mark.parametrize("name", MONITORS)
def test_a_loaded_monitor_can_be_fitted_anew(name, path):
    monitor = MONITORS[name]().fit(stones())
    monitor.save(path)
    reference = stones(700, seed=3)
    assert_same(measure(load(path).fit(reference)), measure(MONITORS[name]().fit(reference)))


@pytest.mark.parametrize("name", ["DLE", "univariate"])
def test_a_saved_file_is_the_same_every_time_and_after_a_round_trip(name, tmp_path):
    monitor = MONITORS[name]().fit(stones())
    paths = [tmp_path / name for name in ("first", "second", "third")]
    monitor.save(paths[0])
    monitor.save(paths[1])
    load(paths[0]).save(paths[2])
    assert len({saved.read_bytes() for saved in paths}) == 1


@pytest.mark.parametrize(
    "chunks",
    [
        {"chunk_number": 8},
        {"chunk_period": "W"},
        {"chunker": SizeBasedChunker(70, "append", "day")},
        {"chunker": CountBasedChunker(7, "drop")},
        {"chunker": PeriodBasedChunker("day", "W-WED")},
        {},
    ],
    ids=str,
)
def test_every_chunker_is_kept(chunks, path):
    monitor = MissingValuesCalculator(COLUMNS, "day", **chunks).fit(stones())
    monitor.save(path)
    assert load(path).chunker == monitor.chunker
    assert_same(measure(load(path)), measure(monitor))


@pytest.mark.parametrize(
    "threshold",
    [
        ConstantThreshold(upper=60.0),
        PredictionIntervalThreshold(0.05),
        StandardDeviationThreshold(None, 2, np.median),
        StandardDeviationThreshold(),
    ],
    ids=["constant", "interval", "median", "deviation"],
)
def test_every_threshold_is_kept(threshold, path):
    monitor = realized(["mae", "rmse"], thresholds={"rmse": threshold}).fit(stones())
    monitor.save(path)
    assert load(path).thresholds == {"rmse": threshold}
    assert_same(measure(load(path)), measure(monitor))


@pytest.mark.parametrize(
    "metric",
    [desk_value(margin=0.2), desk_value(total=True), matrix_value(MATRIX), "rmsle"],
    ids=["desk", "desk total", "matrix", "name"],
)
def test_the_business_values_of_the_library_are_kept(metric, path):
    frame, roles = stones(), {"y_true": "price", "y_pred": "predicted"}
    if not isinstance(metric, str) and metric.name == "business_value" and "row" not in metric.unit:
        roles = {"y_true": "sold", "y_pred": "guess"} if metric.unit == "value" else roles
    monitor = PerformanceCalculator([metric], **roles, chunk_size=60).fit(frame)
    monitor.save(path)
    assert load(path).metrics == monitor.metrics
    assert_same(measure(load(path)), measure(monitor))


def test_a_monitor_that_is_not_fitted_can_be_saved_too(path):
    realized().save(path)
    assert repr(load(path)) == "PerformanceCalculator(mae, msle; not fitted)"
    assert_same(measure(load(path).fit(stones())), measure(realized().fit(stones())))


@pytest.mark.parametrize(
    "values",
    [
        [True, False],
        [1, 2, 3],
        [0.5, float("inf")],
        [Decimal("1.10"), Decimal("2.5")],
        [date(2024, 1, 1), date(2024, 2, 1)],
        pd.DatetimeIndex(["2024-01-01T10:00", "2024-02-01T00:00"]).tz_localize("Europe/Berlin"),
        pd.to_timedelta(["1D", "2h"]),
        ["a", "á\n\x00", "\U0001f48e", ""],
    ],
    ids=str,
)
def test_categories_of_every_kind_are_recognised_after_loading(values, path):
    frame = pd.DataFrame(
        {"kind": pd.Series(list(values)).sample(600, replace=True, random_state=0)}
    )
    monitor = UnseenValuesCalculator(["kind"], chunk_size=60).fit(frame)
    monitor.save(path)
    result = load(path).calculate(frame)
    assert result.to_df()["value"].eq(0).all()
    assert_same(result, monitor.calculate(frame))


@pytest.mark.parametrize("make", [dle, MONITORS["univariate"]], ids=["estimated", "drift"])
def test_a_result_is_kept_with_its_distributions(make, path):
    result = measure(make().fit(stones()))
    result.save(path)
    assert_same(load(path), result)
    part = result.filter(period="analysis")
    part.save(path)
    assert_same(load(path), part)


def test_models_shared_by_two_metrics_are_one_model_after_loading(path):
    dle(metrics=["mse", "rmse"]).fit(stones()).save(path)
    pairs = load(path)._fitted.state.pairs
    assert pairs["mse"][0] is pairs["rmse"][0]


# -- What is in the file --------------------------------------------------------------------------


def test_the_file_is_a_zip_of_json_arrays_and_text(path):
    dle().fit(stones()).save(path)
    with zipfile.ZipFile(path) as archive:
        endings = {Path(name).suffix for name in archive.namelist()}
        contents = json.loads(archive.read("contents.json"))
    assert endings == {".json", ".npy", ".txt"}
    assert (contents["format"], contents["version"], contents["class"]) == ("course_lib", 1, "DLE")
    assert contents["course_lib"] == course_lib.__version__


@pytest.mark.parametrize(
    "name",
    ["DLE", "CBPE", "realized", "reconstruction", "consistency", "univariate, counts", "missing"],
)
def test_no_row_of_the_reference_is_in_the_file(name, path):
    frame = stones()
    MONITORS[name]().fit(frame).save(path)
    with zipfile.ZipFile(path) as archive:
        sizes = [
            np.load(io.BytesIO(archive.read(member))).size
            for member in archive.namelist()
            if member.endswith(".npy")
        ]
    # Result columns are as long as chunks times series, or bins; none is as long as the reference
    # is, unless it is one of the shares.
    rows = 10 * (53 * 2 + 5)
    assert all(size < len(frame) or size == rows for size in sizes)


# -- What cannot be saved -------------------------------------------------------------------------


def overpaid(y, p):
    return np.maximum(p - y, 0)


class Tolerance:
    """A threshold of one's own."""

    def __init__(self, upper):
        self.upper = upper

    def limits(self, values, *, n_used, n, bounds):
        return None, self.upper


class Halves:
    """A chunker of one's own."""

    timestamp_column_name = None

    def split(self, n_rows, timestamps):
        return CountBasedChunker(6).split(n_rows, timestamps)


OWN = {
    "metrics": {"metrics": ["mae", RowMetric("overpaid", overpaid, lower_limit=0)]},
    "thresholds": {"thresholds": {"mae": Tolerance(70.0)}},
    "chunker": {"chunker": Halves(), "chunk_size": None},
}


@pytest.mark.parametrize("name", OWN)
def test_what_is_your_own_is_refused_by_name_with_the_way_out(name, path):
    monitor = dle(**OWN[name]).fit(stones())
    with pytest.raises(ValueError, match=rf'`{name}` holds .*save\(path, without=\["{name}"\]\)'):
        monitor.save(path)
    assert not path.exists()


@pytest.mark.parametrize("name", OWN)
def test_what_is_your_own_can_be_left_out_and_handed_over_again(name, path):
    monitor = dle(**OWN[name]).fit(stones())
    monitor.save(path, without=[name])
    with pytest.raises(ValueError, match=f"saved without `{name}`, and handed over is nothing"):
        load(path)
    again = load(path, **{name: OWN[name][name]})
    assert_same(measure(again), measure(monitor))


def test_a_centre_of_your_own_is_refused_too(path):
    own = {"mae": StandardDeviationThreshold(offset_from=lambda values: values[0])}
    monitor = realized(["mae"], thresholds=own).fit(stones())
    with pytest.raises(ValueError, match=r"`thresholds` holds <function .*only a pickle could"):
        monitor.save(path)
    monitor.save(path, without=["thresholds"])
    assert_same(measure(load(path, thresholds=own)), measure(monitor))


def test_metrics_handed_over_must_be_those_that_were_fitted(path):
    dle(**OWN["metrics"]).fit(stones()).save(path, without=["metrics"])
    with pytest.raises(ValueError, match="it measures `mae`, `overpaid`, and with what was handed"):
        load(path, metrics=["mae"])


def test_leaving_out_what_was_not_given_is_an_error(path):
    with pytest.raises(ValueError, match="`without` names 'treshold', which the monitor was not"):
        realized().save(path, without=["treshold"])  # codespell:ignore


def test_categories_that_are_no_plain_values_are_refused_with_their_column(path):
    frame = stones().assign(cut=pd.cut(stones()["size"], 3))
    monitor = UnseenValuesCalculator(["cut"], chunk_size=60).fit(frame)
    with pytest.raises(
        ValueError, match=r"Interval\(.*only a pickle could hold \(in `cut`\); turn that column"
    ):
        monitor.save(path)


def test_linear_trees_are_refused():
    import lightgbm

    size = np.linspace(0, 1, 200)
    settings = {"linear_tree": True, "verbosity": -1}
    booster = lightgbm.train(settings, lightgbm.Dataset(size[:, None], size), num_boost_round=2)
    with pytest.raises(ValueError, match="linear trees cannot be saved"):
        to_text(booster)


# -- Files that are no monitor --------------------------------------------------------------------


def saved(path, make=dle):
    make().fit(stones()).save(path)
    return path.read_bytes()


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def forge(path, **changes):
    """Write the file anew with other contents, and members by name."""
    found = members(path)
    contents = json.loads(found["contents.json"])
    replaced = {name: value for name, value in changes.items() if not name.endswith("_")}
    found["contents.json"] = json.dumps(contents | replaced).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in found.items():
            archive.writestr(name, data)


def test_a_file_that_is_not_there_says_so(path):
    with pytest.raises(FileNotFoundError, match=r"saved.monitor` cannot be read .*look where"):
        load(path)


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x03\x04" + bytes(100)], ids=repr)
def test_a_file_of_another_kind_is_an_error(data, path):
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"cannot be loaded: .*fit and save again"):
        load(path)


def test_a_truncated_file_is_an_error(path):
    data = saved(path)
    for share in (0.01, 0.3, 0.6, 0.9, 0.999):
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(ValueError, match="cannot be loaded"):
            load(path)


def test_a_damaged_byte_anywhere_is_an_error_or_harmless(path):
    data = bytearray(saved(path))
    expected = measure(load(path))
    rng = np.random.default_rng(0)
    refused = 0
    for at in rng.choice(len(data), 60, replace=False):
        damaged = bytearray(data)
        damaged[at] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            found = measure(load(path))
        except ValueError as error:
            assert "cannot be loaded" in str(error)  # noqa: PT017, either outcome is right
            refused += 1
        else:
            assert_same(found, expected)
    assert refused > 50


def test_a_newer_file_names_both_versions(path):
    saved(path, realized)
    forge(path, version=2, course_lib="9.1.0")
    with pytest.raises(ValueError, match=r"by a newer course_lib, 9\.1\.0, and this is .* update"):
        load(path)
    forge(path, version=0)
    with pytest.raises(ValueError, match="by an older course_lib"):
        load(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "else"},
        {"version": "1"},
        {"class": "Desk"},
        {"class": "load_desk"},
        {"class": "os.system"},
        {"class": "Result"},
        {"class": "MissingValuesCalculator"},
        {"class": ["DLE"]},
        {"without": ["metrics"]},
        {"arguments": {}},
        {"arguments": {"y_true": 3}},
        {"arguments": []},
        {"metrics": ["rmse"]},
        {"fitted": 3},
        {"fitted": {"object": ["os.path", {}]}},
        {"fitted": {"object": ["desk.Desk", {}]}},
        {"fitted": {"object": ["thresholds.require_number", {"name": "a", "value": 1}]}},
        {"fitted": {"object": ["thresholds.ConstantThreshold", {"upper": 1.0}]}},
        {"fitted": {"array": "../../etc/passwd"}},
        {"fitted": {"pickle": "gASVAAAAA"}},
        {"fitted": {"function": "eval"}},
        {"fitted": {"dict": [[{"dict": []}, 1]]}},
        {"fitted": {"two": 1, "kinds": 2}},
    ],
    ids=str,
)
def test_forged_contents_are_refused(changes, path):
    saved(path, realized)
    forge(path, **changes)
    with pytest.raises(ValueError, match="cannot be loaded"):
        load(path)


@pytest.mark.parametrize(
    "text", ["[]", "null", "{", '{"format": "course_lib"}', "[" * 100_000, "NaN", '"\ud800"']
)
def test_contents_that_are_no_description_are_refused(text, path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("contents.json", text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ValueError, match="cannot be loaded"):
        load(path)


def leaves(code, at=()):
    """The places of all plain values in the contents."""
    if isinstance(code, dict):
        return [leaf for name, part in code.items() for leaf in leaves(part, (*at, name))]
    if isinstance(code, list):
        return [leaf for i, part in enumerate(code) for leaf in leaves(part, (*at, i))]
    return [at]


@pytest.mark.parametrize("name", MONITORS)
def test_a_wrong_value_anywhere_is_refused_or_measured_with(name, path):
    """Whatever stands in one place: loading works or says why not, and nothing else happens."""
    saved(path, MONITORS[name])
    found = members(path)
    contents = json.loads(found["contents.json"])
    rng = np.random.default_rng(0)
    places = leaves(contents)
    for at in rng.choice(len(places), min(25, len(places)), replace=False):
        forged = json.loads(found["contents.json"])
        *way, last = places[at]
        target = forged
        for step in way:
            target = target[step]
        wrong = [None, -1, 1e300, "x", [], {}, {"float": "nan"}, {"array": "1.npy"}, True, 10**30]
        target[last] = wrong[rng.integers(len(wrong))]
        with zipfile.ZipFile(path, "w") as archive:
            for member, data in (found | {"contents.json": json.dumps(forged).encode()}).items():
                archive.writestr(member, data)
        try:
            assert isinstance(load(path), Monitor)
        except ValueError as error:
            assert "cannot be loaded" in str(error)  # noqa: PT017, either outcome is right


def test_a_compressed_member_is_refused_before_it_is_read(path):
    saved(path, realized)
    found = members(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (found | {"0.npy": bytes(50_000_000)}).items():
            archive.writestr(name, data)
    assert path.stat().st_size < 100_000
    with pytest.raises(ValueError, match="holds compressed members"):
        load(path)


def test_members_that_overlap_or_claim_too_much_are_refused(path):
    data = bytearray(saved(path, realized))
    at = data.rindex(b"PK\x01\x02")  # the last entry of the directory
    for place in (20, 24):  # its size, compressed and not
        data[at + place : at + place + 4] = (2**31).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(ValueError, match="claim to be larger than the file"):
        load(path)


def test_names_that_stand_twice_are_refused(path):
    saved(path, realized)
    found = members(path)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("0.npy", found["1.npy"])
    with pytest.raises(ValueError, match="holds no monitor"):
        load(path)


def test_nothing_is_written_next_to_the_file_whatever_members_are_called(tmp_path, path):
    saved(path, realized)
    found = members(path)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (found | {"../evil": b"x", "/evil": b"x"}).items():
            archive.writestr(name, data)
    load(path)
    assert os.listdir(tmp_path) == [path.name]


def npy(header, data=b""):
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize(
    "array",
    [
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1)}", bytes(8)),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"gASVAAAA"),
        npy("{'descr': '<c16', 'fortran_order': False, 'shape': (1,)}", bytes(16)),
        npy("__import__('os').abort()"),
        b"\x93NUMPY\x02\x00",
        b"",
    ],
    ids=["huge", "negative", "object", "complex", "code", "version", "empty"],
)
def test_forged_arrays_are_refused(array, path):
    saved(path, realized)
    found = members(path)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (found | {"0.npy": array}).items():
            archive.writestr(name, data)
    with pytest.raises(ValueError, match="cannot be loaded"):
        load(path)


# A wrong number in LightGBM's text can end the process, so it must not get there.


@pytest.fixture(scope="module")
def model():
    frame = stones().assign(cut=stones()["cut"].map({"A": 1, "B": 2, "C": 3}))
    from course_lib.trees import bin_matrix, grow

    data = bin_matrix(frame[COLUMNS].to_numpy(float), [2])
    return grow(data, (frame["price"] + 500 * (frame["cut"] == 2)).to_numpy(), QUICK)


def test_a_model_comes_back_from_its_text_and_prints_nothing(model, capfd):
    matrix = stones()[["size", "weight", "price"]].to_numpy()
    again = from_text(to_text(model))
    np.testing.assert_array_equal(again.predict(matrix), model.predict(matrix))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("line", "other"),
    [
        (r"num_leaves=4", "num_leaves=5"),
        (r"num_leaves=4", "num_leaves=99999999999"),
        (r"num_class=1", "num_class=2"),
        (r"objective=regression", "objective=multiclass num_class:1000000"),
        (r"max_feature_idx=2", "max_feature_idx=0"),
        (r"tree_sizes=\d+", "tree_sizes=7"),
        (r"left_child=\S+", "left_child=0"),
        (r"left_child=\S+ \S+", "left_child=1 1"),
        (r"right_child=\S+", "right_child=-9"),
        (r"split_feature=\S+", "split_feature=3"),
        (r"split_feature=\S+", "split_feature=-1"),
        (r"threshold=\S+", "threshold=inf"),
        (r"threshold=\S+", "threshold=1_0"),
        (r"threshold=\S+ ", "threshold="),
        (r"leaf_value=\S+", "leaf_value=nan"),
        (r"leaf_value=\S+", "leaf_value=x"),
        (r"decision_type=\d+", "decision_type=99"),
        (r"cat_boundaries=0", "cat_boundaries=1"),
        (r"cat_boundaries=0 \d+", "cat_boundaries=0 7"),
        (r"cat_threshold=\d+", "cat_threshold=99999999999"),
        (r"is_linear=0", "is_linear=1"),
        (r"shrinkage=\S+", "shrinkage=T"),
        (r"leaf_count=", "leaf_counts="),
        (r"Tree=1", "Tree=2"),
        (r"end of trees\n", ""),
    ],
)
def test_a_forged_model_never_reaches_lightgbm(line, other, model):
    text = to_text(model)
    forged = re.sub(line, other, text, count=1)
    assert forged != text
    if not line.startswith("tree_sizes"):  # a forger would mend the sizes
        trees = re.findall(r"Tree=.*?\n\n\n", forged, re.DOTALL)
        sizes = " ".join(str(len(tree)) for tree in trees)
        forged = re.sub(r"tree_sizes=.*", f"tree_sizes={sizes}", forged, count=1)
    with pytest.raises(ValueError, match="a LightGBM model in it is damaged"):
        from_text(forged)


# -- Writing --------------------------------------------------------------------------------------


def test_a_monitor_of_another_class_is_refused_by_the_class(path):
    saved(path, realized)
    assert isinstance(PerformanceCalculator.load(path), PerformanceCalculator)
    with pytest.raises(ValueError, match="holds a PerformanceCalculator, no DLE"):
        DLE.load(path)


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path, path):
    path.write_text("old")
    saved(path, realized)
    assert repr(load(path)) == "PerformanceCalculator(mae, msle; fitted)"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.skipif(os.name != "posix", reason="permissions and links are POSIX's")
def test_a_link_keeps_pointing_and_permissions_follow_the_umask(tmp_path, path):
    link = tmp_path / "latest"
    link.symlink_to(path)
    before = os.umask(0o022)
    try:
        saved(link, realized)
    finally:
        os.umask(before)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("where", ["absent/m", "."])
def test_a_place_that_cannot_be_written_says_what_to_do(where, tmp_path):
    monitor = realized().fit(stones())
    with pytest.raises(OSError, match=r"cannot be written \(.*choose a folder that is there"):
        monitor.save(tmp_path / where)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]
)
def test_a_full_disk_or_an_interrupt_leaves_the_old_file(error, tmp_path, path, monkeypatch):
    saved(path, realized)
    before = path.read_bytes()
    other = dle().fit(stones())

    def fail(descriptor):
        raise error

    monkeypatch.setattr("course_lib.storage.os.fsync", fail)
    kind, message = type(error), "No space left on device.*as before; make room"
    with pytest.raises(kind, match=message if kind is OSError else None):
        other.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]
