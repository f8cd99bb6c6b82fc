"""Ctrl-C, a folder that cannot be written, a damaged file, two lessons at once."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import lightgbm
import pandas as pd
import pytest
from hostile import MONITORS, Case, Frame

from course_lib import load_diamonds, load_flights
from course_lib.course.data import data_file
from course_lib.persistence.storage import replaced

ROOT = Path(__file__).parent.parent
DATA = ROOT / "data"
FEATURES = (("size", "float64", "plain"), ("weight", "float64", "trend"), ("cut", "str", "plain"))


def case(monitor):
    features = FEATURES[:2] if monitor == "range" else FEATURES
    reference, analysis = (Frame(200, seed, features) for seed in (0, 1))
    metrics = MONITORS[monitor][1][:1]
    return Case(monitor, reference, analysis, {"chunk_number": 10}, metrics)


def interrupting(monkeypatch, monitor, at):
    """Count the chunks a monitor measures, and press Ctrl-C while it measures one of them."""
    measured = []
    measure = type(monitor)._measure

    def counted(self, state, table, chunk):
        measured.append(chunk.index)
        if len(measured) == at:
            signal.raise_signal(signal.SIGINT)
        return measure(self, state, table, chunk)

    monkeypatch.setattr(type(monitor), "_measure", counted)
    return measured


def measured_by(monitor, frame):
    verb = monitor.estimate if hasattr(monitor, "estimate") else monitor.calculate
    return verb(frame).to_df()


# -- Ctrl-C ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MONITORS)
def test_an_interrupt_stops_before_the_next_chunk_and_changes_nothing(name, monkeypatch):
    given = case(name)
    monitor = MONITORS[name][0](given).fit(given.reference.build())
    analysis = given.analysis.build()
    before = measured_by(monitor, analysis)
    measured = interrupting(monkeypatch, monitor, 3)
    with pytest.raises(KeyboardInterrupt):
        measured_by(monitor, analysis)
    assert len(measured) == 3
    monkeypatch.undo()
    pd.testing.assert_frame_equal(measured_by(monitor, analysis), before)


@pytest.mark.parametrize("name", MONITORS)
def test_an_interrupted_fit_keeps_the_former_one(name, monkeypatch):
    given = case(name)
    monitor = MONITORS[name][0](given).fit(given.reference.build())
    analysis = given.analysis.build()
    before = measured_by(monitor, analysis)
    measured = interrupting(monkeypatch, monitor, 7)
    with pytest.raises(KeyboardInterrupt):
        monitor.fit(Frame(300, 2, given.reference.features).build())
    assert len(measured) == 7
    monkeypatch.undo()
    pd.testing.assert_frame_equal(measured_by(monitor, analysis), before)


@pytest.mark.parametrize("name", MONITORS)
def test_an_interrupted_first_fit_leaves_none(name, monkeypatch):
    given = case(name)
    monitor = MONITORS[name][0](given)
    interrupting(monkeypatch, monitor, 1)
    with pytest.raises(KeyboardInterrupt):
        monitor.fit(given.reference.build())
    with pytest.raises(ValueError, match="is not fitted; call"):
        measured_by(monitor, given.analysis.build())


@pytest.mark.parametrize("name", ["DLE", "consistency", "domain classifier"])
def test_an_interrupt_stops_before_the_next_boosting_round(name, monkeypatch):
    rounds = []
    update = lightgbm.Booster.update

    def counted(self, *args, **options):
        rounds.append(1)
        if len(rounds) == 4:
            signal.raise_signal(signal.SIGINT)
        return update(self, *args, **options)

    monkeypatch.setattr(lightgbm.Booster, "update", counted)
    given = case(name)
    with pytest.raises(KeyboardInterrupt):
        MONITORS[name][0](given).fit(given.reference.build())
    assert len(rounds) == 4


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_from_outside_ends_a_long_fit(tmp_path):
    """A million rounds would take many minutes; the process says when it starts and how it ends."""
    code = (
        "import numpy as np, pandas as pd\n"
        "from course_lib import DLE\n"
        "rng = np.random.default_rng(0)\n"
        "frame = pd.DataFrame(rng.normal(size=(500, 3)), columns=['a', 'p', 'y'])\n"
        "dle = DLE(['a'], 'p', 'y', metrics=['mae'], hyperparameters={'num_iterations': 10**6})\n"
        "print('ready', flush=True)\n"
        "try:\n    dle.fit(frame)\n"
        "except KeyboardInterrupt:\n    print('stopped,', dle._fitted)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=2)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[0] == "stopped, None\n"
    finally:
        process.kill()


# -- Data that cannot be read or written ----------------------------------------------------------


@pytest.mark.parametrize("load", [load_diamonds, load_flights])
@pytest.mark.parametrize("where", ["absent", "."])
def test_a_missing_folder_or_file_names_the_place_and_the_remedy(load, where, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"is not at .*leave out `path` to read the file"):
        load(tmp_path / where)


@pytest.mark.parametrize("size", [0, 100, 500_000])
def test_a_file_that_was_cut_short_says_how_to_restore_it(size, tmp_path):
    whole = data_file("diamonds.parquet").read_bytes()
    (tmp_path / "diamonds.parquet").write_bytes(whole[:size])
    with pytest.raises(OSError, match=r"diamonds.parquet` cannot be read .*git checkout data"):
        load_diamonds(tmp_path)


def test_data_in_a_folder_that_cannot_be_written_are_read_and_nothing_is_added(tmp_path):
    shutil.copy(data_file("diamonds.parquet"), tmp_path)
    tmp_path.chmod(0o555)
    try:
        assert len(load_diamonds(tmp_path)) == 53_940
        assert os.listdir(tmp_path) == ["diamonds.parquet"]
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="root may read and write everything"
)
def test_a_file_without_permission_says_so(tmp_path):
    path = tmp_path / "diamonds.parquet"
    shutil.copy(data_file("diamonds.parquet"), path)
    path.chmod(0)
    with pytest.raises(OSError, match=r"cannot be read \(.*[Pp]ermission"):
        load_diamonds(path)
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(PermissionError, match="that you may write to"), replaced(path) as part:
            part.write_text("x")
    finally:
        tmp_path.chmod(0o755)


def build(folder):
    code = (
        "import sys; sys.path.insert(0, 'data'); import pandas as pd, build; from pathlib import "
        f"Path; build.write(pd.DataFrame({{'a': range(10**6)}}), Path({str(folder)!r}) / 'a')"
    )
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )


def test_the_data_are_built_whole_or_not_at_all(tmp_path):
    assert build(tmp_path).returncode == 0
    assert os.listdir(tmp_path) == ["a"]
    failed = build(tmp_path / "absent")
    assert "cannot be written" in failed.stderr
    assert "choose a folder that exists" in failed.stderr


def test_a_write_that_fails_half_way_leaves_what_was_there(tmp_path):
    path = tmp_path / "kept"
    path.write_text("old")

    def write():
        with replaced(path) as part:
            part.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="an existing file is unchanged"):
        write()
    assert (path.read_text(), os.listdir(tmp_path)) == ("old", ["kept"])


MOUNT = 'mount -t tmpfs -o size=1m tmpfs "$1" && shift && exec "$@"'
ON_A_SMALL_DISK = """
import os, sys
from pathlib import Path
sys.path.insert(0, "data")
import build, numpy as np, pandas as pd
from course_lib import UnivariateDriftCalculator
path = Path(sys.argv[1]) / "kept"
path.write_text("old")
frame = pd.DataFrame({"a": np.random.default_rng(0).normal(size=200_000)})
drift = UnivariateDriftCalculator(["a"], continuous_methods="wasserstein").fit(frame)
for write in (drift.save, lambda path: build.write(frame, path)):
    try:
        write(path)
    except OSError as error:
        print(error)
    print(path.read_text(), os.listdir(path.parent))
"""


def on_a_small_disk(folder, *command):
    """Run a command that sees an empty disk of one megabyte in place of a folder."""
    namespace = ["unshare", "-rm", "sh", "-c", MOUNT, "sh", folder, *command]
    return subprocess.run(namespace, capture_output=True, text=True, check=False, cwd=ROOT)


def test_on_a_disk_that_is_really_full_what_was_there_stays(tmp_path):
    if shutil.which("unshare") is None or on_a_small_disk(tmp_path, "true").returncode:
        pytest.skip("the system lets nobody mount a small disk")
    run = on_a_small_disk(tmp_path, sys.executable, "-c", ON_A_SMALL_DISK, tmp_path)
    saved, kept, built, kept_again = run.stdout.splitlines()
    for message in (saved, built):
        assert re.search(r"cannot be written .*No space left.*unchanged; free disk space", message)
    assert kept == kept_again == "old ['kept']"
    assert os.listdir(tmp_path) == []


# -- Two at once ----------------------------------------------------------------------------------


def state(folder):
    """What lies in a folder, to the last byte and nanosecond."""
    return {
        path.name: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.iterdir())
        if path.is_file()
    }


@pytest.mark.slow
def test_two_lessons_at_once_get_the_same_desk_and_write_nothing():
    before = state(DATA)
    code = (
        "import pandas as pd; from course_lib import load_desk; desk = load_desk(); "
        "print(pd.util.hash_pandas_object(desk.analysis).sum(), desk.predict(desk.future).sum())"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(2)
    ]
    printed = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert printed[0] == printed[1]
    assert len(printed[0].split()) == 2
    assert state(DATA) == before


WRITING = re.compile(
    r"\.save\(|\.to_(parquet|csv|json|pickle|feather)\(|open\(|write_\w+\(|mkdir\("
)


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("notebooks/**/*.ipynb")), ids=lambda path: path.name
)
def test_a_lesson_writes_into_a_temporary_folder_only(path):
    cells = json.loads(path.read_text("utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert "TemporaryDirectory" in code or not WRITING.search(code)


def test_the_pattern_finds_what_writes():
    for line in (
        "dle.save(path)",
        "frame.to_csv('a')",
        "open('a', 'w')",
        "Path('a').write_text(b)",
    ):
        assert WRITING.search(line)
    assert not WRITING.search("frame.to_dict(); answer = saved; np.savez")
