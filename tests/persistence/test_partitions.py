"""A data set in partitions: one frame, frames one after another, and Dask give the same result."""

import os
import re
import signal
import sys
from operator import methodcaller

import numpy as np
import pandas as pd
import pytest

from course_lib import (
    CBPE,
    DLE,
    ColumnConsistencyCalculator,
    DataReconstructionDriftCalculator,
    DomainClassifierCalculator,
    MissingValuesCalculator,
    PerformanceCalculator,
    RowMetric,
    UnivariateDriftCalculator,
    measure_partitions,
    write_partitions,
)

WEEKS = 6
ROLES = {"timestamp_column_name": "day", "chunk_period": "W"}
INPUTS = ["carat", "cut"]


def stones(weeks=8, seed=0, per_week=80, start="2024-01-01"):
    """Stones of some weeks, their prices near 1,000 times the week."""
    rng = np.random.default_rng(seed)
    n = weeks * per_week
    week = np.repeat(np.arange(weeks), per_week)
    frame = pd.DataFrame({"carat": rng.uniform(0.2, 2, n), "cut": rng.choice(["Fair", "Good"], n)})
    frame["predicted"] = 1000.0 * week + 100 * frame["carat"]
    frame["price"] = frame["predicted"] + rng.normal(0, 20, n) * frame["carat"]
    frame["chance"] = rng.uniform(0, 1, n)
    frame["late"] = (rng.uniform(0, 1, n) < frame["chance"]).astype(int)
    minutes = np.sort(rng.integers(0, 7 * 24 * 6, (weeks, per_week)), axis=1).ravel() * 10
    frame["day"] = pd.Timestamp(start) + pd.to_timedelta(week * 7 * 24 * 60 + minutes, unit="min")
    return frame


REFERENCE, ANALYSIS = stones(), stones(WEEKS, seed=1, start="2024-04-01")
MONITORS = {
    "DLE": DLE(INPUTS, "predicted", "price", metrics=["mae", "rmse"], **ROLES),
    "CBPE": CBPE(y_pred_proba="chance", y_true="late", metrics="roc_auc", **ROLES),
    "realized": PerformanceCalculator("mae", "price", y_pred="predicted", **ROLES),
    "univariate": UnivariateDriftCalculator(
        INPUTS, continuous_methods=["jensen_shannon", "kolmogorov_smirnov"], **ROLES
    ),
    "reconstruction": DataReconstructionDriftCalculator(["carat", "chance", "late"], **ROLES),
    "consistency": ColumnConsistencyCalculator(["carat", "chance", "price"], **ROLES),
    "domain": DomainClassifierCalculator(INPUTS, **ROLES),
    "missing": MissingValuesCalculator(INPUTS, **ROLES),
}


@pytest.fixture(params=MONITORS)
def monitor(request):
    found = MONITORS[request.param]
    return found if found._fitted else found.fit(REFERENCE)


@pytest.fixture
def missing():
    return MissingValuesCalculator(["carat"], **ROLES).fit(REFERENCE)


def whole(monitor, frame=ANALYSIS):
    return (getattr(monitor, "estimate", None) or monitor.calculate)(frame)


def by_week(frame=ANALYSIS):
    return [week for _, week in frame.groupby(frame["day"].dt.to_period("W"))]


def assert_same(result, expected):
    assert result.kind == expected.kind
    pd.testing.assert_frame_equal(result.to_df(), expected.to_df(), check_exact=True)
    if expected._shares is not None:
        shares = result.distribution(), expected.distribution()
        pd.testing.assert_frame_equal(*shares, check_exact=True)


# -- One after another ----------------------------------------------------------------------------


def test_weeks_one_after_another_give_the_result_of_one_frame(monitor):
    assert_same(measure_partitions(monitor, iter(by_week())), whole(monitor))


def test_a_partition_may_hold_several_weeks_and_partitions_come_in_any_order(missing):
    first, second, third, *rest = by_week()
    parts = [*rest[::-1], pd.concat([first, third]), second]
    assert_same(measure_partitions(missing, parts), whole(missing))


def test_an_empty_partition_is_passed_over(missing):
    first, *rest = by_week()
    assert_same(measure_partitions(missing, [first[:0], first, *rest]), whole(missing))


def test_a_single_partition_will_do(missing):
    assert_same(measure_partitions(missing, [ANALYSIS]), whole(missing))


def test_no_more_than_one_frame_is_asked_for_at_a_time(missing):
    held = []

    def load():
        for week in by_week():
            held.append(len(held))
            yield week

    frames = load()
    measure_partitions(missing, frames)
    assert len(held) == WEEKS
    with pytest.raises(StopIteration):
        next(frames)


def test_a_week_is_measured_before_the_next_one_is_read(missing, monkeypatch):
    steps, run = [], type(missing).measure
    monkeypatch.setattr(
        type(missing), "measure", lambda *given: (steps.append("measure"), run(*given))[1]
    )
    measure_partitions(missing, (steps.append("read") or week for week in by_week()))
    assert steps == ["read", "measure"] * WEEKS


def test_the_monitor_and_the_frames_are_not_changed(missing):
    frames = by_week()
    copies = [frame.copy() for frame in frames]
    before = whole(missing)
    measure_partitions(missing, frames)
    assert_same(whole(missing), before)
    for frame, copy in zip(frames, copies, strict=True):
        pd.testing.assert_frame_equal(frame, copy)


def test_a_progress_bar_is_shown_on_stdout_and_only_when_asked_for(missing, capsys):
    measure_partitions(missing, by_week())
    assert capsys.readouterr() == ("", "")
    measure_partitions(missing, by_week(), progress=True)
    out, err = capsys.readouterr()
    assert f"{WEEKS}/{WEEKS}" in out
    assert not err


# -- What is refused ------------------------------------------------------------------------------


def test_a_week_in_two_partitions_is_refused_by_its_name(missing):
    first, second, *rest = by_week()
    parts = [first, second[:30], second[30:], *rest]
    message = "1 of 6 chunks, such as 2024-04-08/2024-04-14, have rows in more than one partition"
    with pytest.raises(ValueError, match=message):
        measure_partitions(missing, parts)


@pytest.mark.parametrize("chunks", [{"chunk_size": 50}, {"chunk_number": 5}, {}])
def test_chunks_that_are_counted_in_rows_are_refused(chunks):
    monitor = MissingValuesCalculator(["carat"], "day", **chunks).fit(REFERENCE)
    with pytest.raises(ValueError, match=r"counts rows across partitions.*chunk_period"):
        measure_partitions(monitor, by_week())


def test_a_monitor_that_is_not_fitted_is_refused():
    with pytest.raises(ValueError, match=r"MissingValuesCalculator is not fitted; call `\.fit"):
        measure_partitions(MissingValuesCalculator(["carat"], **ROLES), by_week())


def test_what_is_no_monitor_and_what_is_one_frame_are_refused(missing):
    with pytest.raises(TypeError, match="`monitor` must be a monitor of course_lib, got 'mae'"):
        measure_partitions("mae", by_week())
    with pytest.raises(TypeError, match="`partitions` is one DataFrame; let the monitor measure"):
        measure_partitions(missing, ANALYSIS)


@pytest.mark.parametrize("parts", [[], [ANALYSIS[:0]]])
def test_partitions_without_rows_are_refused(missing, parts):
    with pytest.raises(ValueError, match="`partitions` hold no rows"):
        measure_partitions(missing, parts)


def test_an_error_says_which_partition_it_comes_from(missing):
    first, second, *rest = by_week()
    with pytest.raises(ValueError, match="`analysis` lacks 1 of 2 columns: `carat`") as found:
        measure_partitions(missing, [first, second.drop(columns="carat"), *rest])
    assert found.value.__notes__ == ["This is partition 1, counted from 0."]


# -- The desk's data set --------------------------------------------------------------------------


def test_partitions_of_the_desk_are_whole_weeks_of_the_size_asked_for(tmp_path):
    files = write_partitions(tmp_path / "new", weeks=30, rows_per_week=7)
    frames = [pd.read_parquet(file) for file in files]
    assert [len(frame) for frame in frames] == [7] * 30
    for file, frame in zip(files, frames, strict=True):
        start = pd.Timestamp(file.stem)
        assert start.day_name() == "Monday"
        assert frame["offered_at"].is_monotonic_increasing
        assert frame["offered_at"].between(start, start + pd.Timedelta(7, "D")).all()
        assert (frame["price_known_at"] - frame["offered_at"] == pd.Timedelta(56, "D")).all()
    stones_of = [set(frame["stone"]) for frame in frames]
    assert not stones_of[0] & stones_of[1]


def test_partitions_of_the_desk_depend_on_the_seed_and_not_on_their_number(tmp_path):
    def stones_in(name, **options):
        files = write_partitions(tmp_path / name, rows_per_week=20, **options)
        return [pd.read_parquet(file)["stone"].tolist() for file in files]

    two, three, other = (
        stones_in("two", weeks=2),
        stones_in("three", weeks=3),
        stones_in("other", weeks=2, seed=1),
    )
    assert two == three[:2]
    assert two != other


def test_a_folder_that_is_not_empty_and_an_impossible_size_are_refused(tmp_path):
    write_partitions(tmp_path, weeks=1, rows_per_week=1)
    with pytest.raises(ValueError, match="`folder` holds 1 files"):
        write_partitions(tmp_path)
    with pytest.raises(ValueError, match="`weeks` must be at least 1, got 0"):
        write_partitions(tmp_path / "none", weeks=0)


# -- Dask -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dd():
    return pytest.importorskip(
        "dask.dataframe", reason='Dask is not installed: pip install -e ".[scale]"'
    )


@pytest.fixture(scope="module")
def client():
    """Two worker processes on this machine, on ports that the system picks."""
    distributed = pytest.importorskip(
        "distributed", reason='distributed is not installed: pip install -e ".[scale]"'
    )
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1"
    )
    with cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def data_set(dd, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stones")
    for week in by_week():
        week.to_parquet(folder / f"{week['day'].min():%Y-%m-%d}.parquet", index=False)
    return dd.read_parquet(folder)


def test_dask_without_a_cluster_gives_the_result_of_one_frame(monitor, data_set):
    assert data_set.npartitions == WEEKS
    assert_same(measure_partitions(monitor, data_set), whole(monitor))


def test_a_week_in_two_partitions_of_dask_is_refused(missing, dd):
    with pytest.raises(ValueError, match="have rows in more than one partition"):
        measure_partitions(missing, dd.from_pandas(ANALYSIS, npartitions=4))


def test_an_error_under_dask_says_which_partition_it_comes_from(missing, data_set):
    emptied = data_set.map_partitions(methodcaller("drop", columns="carat"))
    with pytest.raises(ValueError, match="lacks 1 of 2 columns") as found:
        measure_partitions(missing, emptied)
    assert re.fullmatch(r"This is partition [0-5], counted from 0\.", *found.value.__notes__)


@pytest.mark.slow
def test_workers_give_the_result_of_one_frame(client, data_set, capsys):
    for name in ("realized", "univariate", "missing"):  # LightGBM would take long to import
        monitor = MONITORS[name].fit(REFERENCE)
        assert_same(measure_partitions(monitor, data_set, progress=True), whole(monitor))
        assert f"{WEEKS}/{WEEKS}" in capsys.readouterr().out


@pytest.mark.slow
def test_an_error_on_a_worker_is_that_of_one_frame(client, missing, data_set):
    emptied = data_set.map_partitions(methodcaller("drop", columns="carat"))
    with pytest.raises(ValueError, match="lacks 1 of 2 columns") as found:
        measure_partitions(missing, emptied)
    assert re.fullmatch(r"This is partition [0-5], counted from 0\.", *found.value.__notes__)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot kill with SIGKILL")
def test_a_worker_killed_in_the_middle_changes_nothing(client, data_set, tmp_path):
    here, killed = os.getpid(), tmp_path / "killed"

    def fatal_once(y_true, y_pred):
        """In the fourth week, the first time, on a worker: end the process without a word."""
        if os.getpid() != here and y_true.mean() > 3000 and not killed.exists():
            killed.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return np.abs(y_true - y_pred)

    metric = RowMetric("mine", fatal_once, lower_limit=0)
    monitor = PerformanceCalculator(metric, "price", y_pred="predicted", **ROLES).fit(REFERENCE)
    assert_same(measure_partitions(monitor, data_set), whole(monitor))
    assert int(killed.read_text()) not in client.run(os.getpid).values()
