"""Saved monitors and results: the same numbers after a round trip, a clear error for a bad file."""

import errno
import io
import json
import os
import pickle
import zipfile
from datetime import date
from decimal import Decimal
from importlib import import_module
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
from course_lib.core.monitor import Monitor
from course_lib.performance.classification_metrics import matrix_value
from course_lib.persistence.encoding import TAGS

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
    things = [getattr(course_lib, name) for name in course_lib.__all__]
    public = {kind for kind in things if isinstance(kind, type) and issubclass(kind, Monitor)}
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


def assert_equal_parameters(first, second):
    """Compare parameters, arrays element by element."""
    first, second = first.get_params(), second.get_params()
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert type(second[name]) is type(value), name
        assert (
            np.array_equal(second[name], value)
            if name == "business_value_matrix"
            else (second[name] == value)
        ), name


CHANGES = {
    "thresholds": lambda m: m.set_params(thresholds=ConstantThreshold(upper=0.001)),
    "false alarms": lambda m: m.set_params(thresholds=PredictionIntervalThreshold(0.2)),
    "chunks": lambda m: m.set_params(chunk_size=50, chunker=None),
    "chunker": lambda m: m.set_params(chunk_size=None, chunker=CountBasedChunker(8, "drop")),
    "cross_fit": lambda m: m.set_params(cross_fit=False),
    "confidence_level": lambda m: m.set_params(confidence_level=0.5),
    "in place": lambda m: change_in_place(m),
}


def change_in_place(monitor):
    """Change the containers that the monitor holds, as one may do by mistake."""
    for value in monitor.get_params().values():
        if isinstance(value, list) and len(value) > 1 and all(isinstance(v, str) for v in value):
            value.reverse()
        if isinstance(value, dict) and "num_leaves" in value:
            value["num_leaves"] = 3


def change(monitor, rng):
    """Make one or two of the changes that this monitor has parameters for."""
    known = [
        name for name in CHANGES if " " in name or name[:5] in ("chunk", "thres")
        or name in monitor.get_params()
    ]  # fmt: skip
    for name in rng.choice(known, 2, replace=False):
        CHANGES[name](monitor)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", MONITORS)
def test_a_loaded_monitor_equals_the_live_one_whatever_was_changed_and_when(name, seed, path):
    rng = np.random.default_rng([seed, len(name)])
    monitor = MONITORS[name]()
    if seed % 2:
        change(monitor, rng)
    monitor.fit(stones())
    before = measure(monitor)
    if seed > 0:
        change(monitor, rng)
    assert_same(measure(monitor), before)  # a change takes effect at the next fit
    monitor.save(path)
    again = load(path)
    assert_equal_parameters(again, monitor)
    assert repr(again) == repr(monitor)
    assert_same(measure(again), before)
    reference = stones(700, seed=3)
    assert_same(measure(again.fit(reference)), measure(monitor.fit(reference)))


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
    assert load(path).get_params() == monitor.get_params()
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
    assert repr(load(path)).endswith("; not fitted)")
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
    assert (contents["format"], contents["version"]) == ("course_lib", 2)
    assert contents["monitor"]["object"][0] == "dle"
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


def test_tags_name_what_exists_and_nothing_twice():
    assert len(set(TAGS.values())) == len(TAGS)
    for tag, path in TAGS.items():
        module, _, name = path.rpartition(".")
        assert tag.islower()
        assert getattr(import_module(module), name).__name__ == name


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
    with pytest.raises(
        ValueError, match=rf"saved without `{name}`; hand over .*load\(path, {name}=...\)"
    ):
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
    with pytest.raises(ValueError, match="it measures `mae`, `overpaid`, but with the param"):
        load(path, metrics=["mae"])


def test_leaving_out_what_was_not_given_is_an_error(path):
    with pytest.raises(ValueError, match="`without` names 'treshold', which is not one of `metr"):
        realized().save(path, without=["treshold"])  # codespell:ignore


def test_what_was_changed_after_fit_cannot_be_left_out(path):
    own = {"mae": Tolerance(70.0)}
    monitor = realized(["mae"], thresholds=own).fit(stones())
    for change in (
        lambda: monitor.set_params(thresholds={"mae": Tolerance(7.0)}),
        lambda: monitor.thresholds.update(mae=Tolerance(7.0)),
    ):
        change()
        with pytest.raises(ValueError, match=r"`thresholds` was changed after `fit`.*fit again"):
            monitor.save(path, without=["thresholds"])
        monitor.fit(stones()).save(path, without=["thresholds"])
        again = load(path, thresholds=monitor.thresholds)
        assert_same(measure(again), measure(monitor))
        again.save(path, without=["thresholds"])


def test_parameters_that_loading_would_refuse_are_not_written_over_a_good_file(path):
    monitor = realized().fit(stones())
    monitor.save(path)
    before = path.read_bytes()
    monitor.chunk_number = 10
    with pytest.raises(ValueError, match="cannot be saved: `chunk_size` and `chunk_number` are"):
        monitor.save(path)
    assert path.read_bytes() == before


def test_what_is_handed_over_needlessly_is_refused(path):
    realized().fit(stones()).save(path)
    with pytest.raises(ValueError, match="it does not need `metrics`; pass only what"):
        load(path, metrics=["mae"])
    measure(realized().fit(stones())).save(path)
    with pytest.raises(ValueError, match="it does not need `metrics`; pass only what"):
        load(path, metrics=["mae"])


def test_names_to_leave_out_are_a_list(path):
    with pytest.raises(ValueError, match=r"give names as a list: \['metrics'\]"):
        realized().save(path, without="metrics")


def test_a_result_without_rows_is_kept(path):
    monitor = UnivariateDriftCalculator(["size", "cut"], categorical_methods="chi2", chunk_size=60)
    result = measure(monitor.fit(stones())).filter(metrics="chi2", column_names="size")
    assert len(result) == 0
    result.save(path)
    assert_same(load(path), result)


def in_main(kind):
    """Return a subclass as a user defines it, under the same name and in another module."""
    return type(kind.__name__, (kind,), {"__module__": "__main__"})


@pytest.mark.parametrize("name", MONITORS)
def test_a_subclass_of_your_own_is_refused_with_a_way_out_that_works(name, path):
    monitor = MONITORS[name]().fit(stones())
    expected = measure(monitor)
    monitor.__class__ = in_main(type(monitor))
    with pytest.raises(ValueError, match=r"holds classes of course_lib only; fit .* or pickle it"):
        monitor.save(path)
    assert not path.exists()
    monitor.__class__ = type(monitor).__base__  # a test cannot pickle a class of another program
    assert_same(measure(pickle.loads(pickle.dumps(monitor))), expected)


def test_categories_that_are_no_plain_values_are_refused_with_their_column(path):
    frame = stones().assign(cut=pd.cut(stones()["size"], 3))
    monitor = UnseenValuesCalculator(["cut"], chunk_size=60).fit(frame)
    with pytest.raises(
        ValueError, match=r"`cut` holds Interval\(.*only a pickle could hold; convert it to strings"
    ):
        monitor.save(path)


# -- Files that are no monitor --------------------------------------------------------------------


def saved(path, make=dle):
    make().fit(stones()).save(path)
    return path.read_bytes()


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_file_that_is_not_there_says_so(path):
    with pytest.raises(FileNotFoundError, match=r"saved.monitor` cannot be read .*check the path"):
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


@pytest.mark.parametrize(
    ("version", "age", "remedy"), [(99, "newer", "update"), (1, "older", "fit and save again")]
)
def test_a_file_of_another_format_names_both_versions(version, age, remedy, path):
    saved(path, realized)
    found = members(path)
    contents = json.loads(found["contents.json"]) | {"version": version, "course_lib": "9.1.0"}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("contents.json", json.dumps(contents))
    with pytest.raises(
        ValueError, match=rf"its format is {age}: version {version}.*9\.1\.0.*{remedy}"
    ):
        load(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "else"},
        {"version": "1"},
        {"without": ["metrics"]},
        {"metrics": ["rmse"]},
        {"monitor": {"object": ["os.system", {}]}},
        {"monitor": {"object": ["course_lib.performance.dle.DLE", {}]}},
        {"monitor": {"object": ["dle", {}]}},
        {"fitted": {"pickle": "gASVAAAAA"}},
        {"fitted": {"function": "eval"}},
        {"fitted": {"array": "../../etc/passwd"}},
        {"fitted": {"two": 1, "kinds": 2}},
        {"fitted": 3},
    ],
    ids=str,
)
def test_contents_that_save_does_not_write_are_refused(changes, path):
    saved(path, realized)
    found = members(path)
    contents = json.loads(found["contents.json"]) | changes
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (found | {"contents.json": json.dumps(contents).encode()}).items():
            archive.writestr(name, data)
    with pytest.raises(ValueError, match="cannot be loaded"):
        load(path)


def test_an_array_that_only_a_pickle_could_hold_is_refused(path):
    saved(path)
    found = members(path)
    stream = io.BytesIO()
    np.save(stream, np.array([{}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in found.items():
            archive.writestr(name, stream.getvalue() if name.endswith(".npy") else data)
    with pytest.raises(ValueError, match="cannot be loaded: Object arrays cannot be loaded"):
        load(path)


def test_nothing_is_written_next_to_the_file_whatever_members_are_called(tmp_path, path):
    saved(path, realized)
    found = members(path)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (found | {"../evil": b"x", "/evil": b"x"}).items():
            archive.writestr(name, data)
    load(path)
    assert os.listdir(tmp_path) == [path.name]


# -- Writing --------------------------------------------------------------------------------------


def test_a_monitor_of_another_class_is_refused_by_the_class(path):
    saved(path, realized)
    assert isinstance(PerformanceCalculator.load(path), PerformanceCalculator)
    with pytest.raises(ValueError, match="holds a PerformanceCalculator, not a DLE"):
        DLE.load(path)


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path, path):
    path.write_text("old")
    saved(path, realized)
    assert repr(load(path)).startswith("PerformanceCalculator(")
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
    with pytest.raises(OSError, match=r"cannot be written \(.*choose a folder that exists"):
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

    monkeypatch.setattr("course_lib.persistence.storage.os.fsync", fail)
    kind, message = type(error), "No space left on device.*unchanged; free disk space"
    with pytest.raises(kind, match=message if kind is OSError else None):
        other.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]
