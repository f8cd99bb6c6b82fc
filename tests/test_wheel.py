"""The wheel works outside the checkout, with its data, and the sdist makes the same wheel."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

import course_lib

pytestmark = [
    pytest.mark.slow,  # builds and installs
    pytest.mark.skipif(
        find_spec("pip") is None or find_spec("setuptools") is None,
        reason="building a wheel needs pip and setuptools",
    ),
]

ROOT = Path(__file__).parent.parent
FILES = ["pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "LICENSE-text"]
DATA = [path for path in sorted((ROOT / "data").iterdir()) if path.suffix == ".parquet"]

MONITOR = """
import course_lib, json
import numpy as np, pandas as pd
from course_lib import DLE, load

rng = np.random.default_rng(0)
frame = pd.DataFrame({"size": rng.uniform(0, 1, 2000)})
frame["predicted"] = 100 + 10 * frame["size"]
frame["price"] = frame["predicted"] + 5 * rng.normal(size=2000)
roles = {"y_true": "price", "y_pred": "predicted", "metrics": "mae", "chunk_size": 200}
monitor = DLE(["size"], **roles).fit(frame)
result = monitor.estimate(frame.drop(columns="price"))
monitor.save("monitor.zip")
again = load("monitor.zip").estimate(frame.drop(columns="price"))
pd.testing.assert_frame_equal(again.to_df(), result.to_df())
axes = result.plot()
axes.figure.savefig("estimate.png")
values = result.filter(period="analysis").to_df()["value"]
print(json.dumps([course_lib.__file__, course_lib.__version__, len(values), values.mean()]))
"""

COURSE = """
import json
from course_lib import game_day, load_desk, load_diamonds, load_flights
from course_lib.course.data import data_file

desk = load_desk()
found = {
    "diamonds": load_diamonds().shape,
    "flights": load_flights().shape,
    "desk": [len(desk.reference), desk.features],
    "game": len(game_day(7).analysis),
    "file": str(data_file("diamonds.parquet")),
}
print(json.dumps(found))
"""

MISSING = """
from course_lib import load_diamonds

try:
    load_diamonds()
except (FileNotFoundError, OSError) as error:
    print(type(error).__name__, error)
"""


def run(*command, cwd, **environment):
    """Run a command that sees neither the checkout nor a package index."""
    own = ("PYTHONPATH", "PYTHONHOME", "COURSE_DATA", "PIP_FIND_LINKS")
    env = {name: value for name, value in os.environ.items() if name not in own}
    env |= {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "MPLBACKEND": "Agg", **environment}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def wheel_of(source, folder):
    """The wheel that pip builds of a folder or an sdist, with the packages that are installed."""
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    run(sys.executable, "-m", "pip", "wheel", "--quiet", *options, source, cwd=folder.parent)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what is built, since a build leaves folders behind."""
    folder = tmp_path_factory.mktemp("wheel") / "source"
    for name in ("course_lib", "data"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(source):
    return wheel_of(source, source.parent / "dist")


@pytest.fixture(scope="module")
def sdist(source):
    code = "from setuptools import build_meta; build_meta.build_sdist('../sdist')"
    run(sys.executable, "-c", code, cwd=source)
    (archive,) = (source.parent / "sdist").glob("*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def installed(wheel):
    """An environment with the wheel alone, which finds all else in the environment of the tests."""
    folder = wheel.parent.parent / "env"
    venv.create(folder, symlinks=os.name != "nt", with_pip=False)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    options = ["--quiet", "--no-deps", wheel]
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, cwd=folder)
    # Only now: pip would take the editable install of the tests for the library.
    packages = Path(run(python, "-c", PURELIB, cwd=folder).strip())
    others = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    (packages / "others.pth").write_text("\n".join(sorted(others)))
    return python, packages


PURELIB = "import sysconfig; print(sysconfig.get_path('purelib'))"


def names(wheel):
    return sorted(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_holds_modules_style_data_and_licenses(wheel):
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "course_lib").rglob("*.py")}
    data = {f"course_lib/data/{path.name}" for path in DATA}
    others = {"course_lib/__init__.pyi", "course_lib/py.typed", "course_lib/style.mplstyle"}
    others |= {"course_lib/data/README.md", "course_lib/data/LICENSE-diamonds"}
    found = set(names(wheel))
    assert {name for name in found if ".dist-info/" not in name} == modules | data | others
    licenses = {name.split("/")[-1] for name in found if "/licenses/" in name}
    assert licenses == {"LICENSE", "LICENSE-text"}


def test_the_data_in_the_wheel_are_those_of_the_checkout(wheel):
    with zipfile.ZipFile(wheel) as archive:
        for path in DATA:
            held = archive.read(f"course_lib/data/{path.name}")
            assert hashlib.sha256(held).digest() == hashlib.sha256(path.read_bytes()).digest()


def test_the_sdist_makes_the_same_wheel(sdist, wheel):
    assert names(wheel_of(sdist, sdist.parent / "dist")) == names(wheel)
    with tarfile.open(sdist) as archive:
        assert any(name.endswith("/data/build.py") for name in archive.getnames())


def test_a_monitor_is_fitted_saved_loaded_and_drawn_from_the_wheel(installed, tmp_path):
    python, packages = installed
    file, version, chunks, mean = json.loads(run(python, "-c", MONITOR, cwd=tmp_path))
    assert Path(file) == packages / "course_lib" / "__init__.py"
    assert version == course_lib.__version__
    assert chunks == 10
    assert mean == pytest.approx(5 * (2 / 3.14159) ** 0.5, rel=0.05)  # the MAE of normal noise
    assert (tmp_path / "estimate.png").stat().st_size > 10_000


def test_the_data_are_read_from_the_wheel(installed, tmp_path):
    python, packages = installed
    found = json.loads(run(python, "-c", COURSE, cwd=tmp_path))
    assert found.pop("file") == str(packages / "course_lib/data/diamonds.parquet")
    features = ["carat", "cut", "color", "clarity", "depth", "table", "x", "y", "z"]
    desk = [7714, features]
    assert found == {"diamonds": [53940, 13], "flights": [336776, 29], "desk": desk, "game": 10706}


def test_a_data_folder_of_another_package_is_not_read(installed, tmp_path):
    python, packages = installed
    others = packages / "data"
    others.mkdir()
    (others / "diamonds.parquet").write_bytes(b"of another package")
    (packages / "pyproject.toml").write_text("[project]\nname = 'another'\n")
    file = packages / "course_lib/data/diamonds.parquet"
    kept = file.rename(file.with_suffix(".kept"))
    try:
        told = run(python, "-c", MISSING, cwd=tmp_path)
    finally:
        kept.rename(file)
        shutil.rmtree(others)
        (packages / "pyproject.toml").unlink()
    assert told.startswith(f"FileNotFoundError `diamonds.parquet` is not at {file}; install")
    assert "build.py" not in told
