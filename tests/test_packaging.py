"""The files that say what to install agree with each other, and make does what it says."""

import ast
import base64
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import course_lib

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
BACKEND = PROJECT["build-system"]["requires"]
EVERYDAY = [*PROJECT["project"]["dependencies"], *EXTRAS["lab"], *EXTRAS["test"], *BACKEND]
LOCKS = {
    "requirements.lock": [*EVERYDAY, *EXTRAS["scale"]],
    "requirements-oldest.lock": EVERYDAY,
    "requirements-data.lock": [*PROJECT["project"]["dependencies"], *EXTRAS["data"]],
    "requirements-site.lock": [*PROJECT["project"]["dependencies"], *EXTRAS["site"]],
}
MODULES = sorted((ROOT / "course_lib").glob("*.py"))
IMPORT_NAMES = {"scikit-learn": "sklearn"}


def pins(lock):
    """The versions in a lock, by name; more than one where they depend on the Python version."""
    found = {}
    for line in (ROOT / lock).read_text().splitlines():
        if match := re.match(r"([\w.-]+)==([^\s;\\]+)", line):
            found.setdefault(canonicalize_name(match[1]), set()).add(Version(match[2]))
    return found


def by_name(requirements):
    parsed = [Requirement(text) for text in requirements]
    return {canonicalize_name(r.name): r.specifier for r in parsed}


# -- Locks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_no_address(lock):
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "@ " not in text
    assert "index" not in text


@pytest.mark.parametrize("lock", LOCKS)
def test_every_version_in_a_lock_has_a_hash(lock):
    blocks = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())
    assert len(blocks) > 20
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_keeps_the_bounds(lock):
    locked = pins(lock)
    for name, bounds in by_name(LOCKS[lock]).items():
        assert locked.get(name), f"{name} is not in {lock}"
        assert all(version in bounds for version in locked[name]), f"{name} in {lock}"


def test_the_oldest_lock_holds_the_lower_bounds():
    locked = pins("requirements-oldest.lock")
    for name, bounds in by_name(EVERYDAY).items():
        lowest = [Version(b.version) for b in bounds if b.operator in {">=", "=="}]
        assert locked[name] == set(lowest), name


@pytest.mark.parametrize("lock", ["requirements-data.lock", "requirements-site.lock"])
def test_what_comes_on_top_leaves_the_everyday_versions(lock):
    everyday, on_top = pins("requirements.lock"), pins(lock)
    shared = everyday.keys() & on_top.keys()
    assert shared
    assert {n: on_top[n] for n in shared} == {n: everyday[n] for n in shared}


def test_every_lock_that_a_reader_installs_is_audited():
    workflow = yaml.safe_load((ROOT / ".github/workflows/audit.yml").read_text())
    job = workflow["jobs"]["audit"]
    assert set(job["strategy"]["matrix"]["lock"]) == LOCKS.keys() - {"requirements-oldest.lock"}
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert "--require-hashes --disable-pip -r ${{ matrix.lock }}" in commands[-1]


# -- Names and versions ---------------------------------------------------------------------------


def test_conda_gets_the_same_packages_with_the_same_bounds():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = {n.removesuffix("-base"): s for n, s in by_name(listed).items() if n != "pip"}
    python = {"python": SpecifierSet(PROJECT["project"]["requires-python"])}
    assert conda == by_name(EVERYDAY) | python


def test_python_has_a_lower_bound_and_no_cap():
    assert PROJECT["project"]["requires-python"] == ">=3.11"


def test_the_library_tells_the_version_of_the_package():
    assert course_lib.__version__ == PROJECT["project"]["version"]


def imported(module):
    nodes = list(ast.walk(ast.parse(module.read_text())))
    found = {alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names}
    found |= {n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.module and not n.level}
    return {name.split(".")[0] for name in found} - sys.stdlib_module_names


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_the_library_imports_only_what_it_depends_on(module):
    declared = by_name(PROJECT["project"]["dependencies"])
    names = {IMPORT_NAMES.get(name, name) for name in declared}
    # IPython is there wherever a notebook runs, and the library does without it elsewhere.
    assert imported(module) <= names | {"course_lib", "IPython"}


def test_importing_the_library_loads_nothing_heavy():
    heavy = ["matplotlib", "lightgbm", "sklearn", "scipy.stats"]
    code = f"import sys, course_lib; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("path", [".venv/", ".venv-*/", "uv.lock", "build/", "*.egg-info/"])
def test_git_ignores_what_tools_make(path):
    assert path in (ROOT / ".gitignore").read_text().splitlines()


# -- Looking before downloading -------------------------------------------------------------------

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
needs_sh = pytest.mark.skipif(shutil.which("sh") is None, reason="there is no POSIX shell")


def stub(folder, name, body):
    """An executable of this name, for a PATH of its own."""
    path = folder / name
    path.write_text(f"#!{shutil.which('sh')}\n{body}\n")
    path.chmod(0o755)


def preflight(folder, *arguments, **environment):
    """Run the checks with nothing on PATH but a few tools and what the test put there."""
    for tool in ("sed", "cat"):
        if not (folder / tool).exists():
            (folder / tool).symlink_to(shutil.which(tool))
    return subprocess.run(
        [shutil.which("sh"), ROOT / "tools" / "preflight.sh", *arguments],
        env={"PATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@needs_sh
def test_preflight_prints_an_interpreter_that_runs(tmp_path):
    stub(tmp_path, "python3", f'exec "{sys.executable}" "$@"')
    assert preflight(tmp_path).stdout.strip() == sys.executable


@needs_sh
def test_preflight_passes_over_a_launcher_that_does_not_run(tmp_path):
    stub(tmp_path, "python3.13", "exit 127")
    stub(tmp_path, "python3", f'exec "{sys.executable}" "$@"')
    assert preflight(tmp_path).stdout.strip() == sys.executable


@needs_sh
def test_preflight_without_python_says_so_in_one_sentence(tmp_path):
    run = preflight(tmp_path)
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.startswith("Python 3.11 or later is needed")
    assert run.stderr.count("\n") == 1


@needs_sh
def test_preflight_takes_the_named_interpreter_and_no_other(tmp_path):
    stub(tmp_path, "python3", f'exec "{sys.executable}" "$@"')
    stub(tmp_path, "my python", f'exec "{sys.executable}" "$@"')
    assert preflight(tmp_path, PYTHON=str(tmp_path / "my python")).returncode == 0
    assert "/no/such/python" in preflight(tmp_path, PYTHON="/no/such/python").stderr


@needs_sh
def test_preflight_keeps_an_upper_limit_where_it_is_given_one(tmp_path):
    stub(tmp_path, "python3", f'exec "{sys.executable}" "$@"')
    here = f"3.{sys.version_info.minor}"
    assert f"below {here} is needed" in preflight(tmp_path, here).stderr
    assert preflight(tmp_path, f"3.{sys.version_info.minor + 1}").returncode == 0


@needs_sh
@pytest.mark.parametrize(
    ("missing", "remedy"), [("ensurepip", "python3-venv"), ("libgomp.so.1", "libgomp1")]
)
def test_preflight_names_what_is_missing_and_how_to_get_it(missing, remedy, tmp_path):
    hide = (
        "import ctypes, sys\n"
        f"sys.modules[{missing!r}] = None\n"
        "def no_library(name, *args, **options): raise OSError(name)\n"
        f"ctypes.CDLL = no_library if {missing.startswith('lib')} else ctypes.CDLL\n"
    )
    (tmp_path / "sitecustomize.py").write_text(hide)
    stub(tmp_path, "python3", f'exec "{sys.executable}" "$@"')
    run = preflight(tmp_path, PYTHONPATH=str(tmp_path))
    assert run.returncode == 1
    assert remedy in run.stderr
    assert run.stderr.count("\n") == 1


def make(*arguments):
    command = ["make", "-C", str(ROOT), "--no-print-directory", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout + run.stderr


@needs_make
def test_a_second_call_of_make_sets_nothing_up(tmp_path):
    for stamp in (".ready", ".data-ready"):
        (tmp_path / stamp).touch()
    assert "pip install" not in make("-n", "test", f"VENV={tmp_path}")


@needs_make
def test_a_changed_lock_makes_the_environment_anew(tmp_path):
    (tmp_path / ".ready").touch()
    os.utime(tmp_path / ".ready", (0, 0))
    assert "--require-hashes -r requirements.lock" in make("-n", "course", f"VENV={tmp_path}")


@needs_make
def test_the_lab_listens_on_loopback_and_fetches_nothing(tmp_path):
    (tmp_path / ".ready").touch()
    command = make("-n", "course", f"VENV={tmp_path}")
    assert "--ServerApp.ip=127.0.0.1" in command
    assert "--LabApp.news_url=None" in command
    assert "NeverCheckForUpdate" in command
    assert "token" not in command  # no word about it: JupyterLab makes one


@needs_make
def test_the_lab_does_not_ask_about_news(tmp_path):
    setup = make("-n", "course", f"VENV={tmp_path}")
    assert '{"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": true}}' in setup


@needs_make
def test_make_help_lists_every_target():
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
    assert [line.split()[1] for line in make("help").splitlines()] == targets


def test_the_readme_shows_the_first_picture_of_lesson_00_as_stored():
    cells = nbformat.read(ROOT / "notebooks/00_start_here.ipynb", as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    pictures = [o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {})]
    shown = (ROOT / "docs/finished_monitor.png").read_bytes()
    assert shown == base64.b64decode(pictures[0])
    assert "(docs/finished_monitor.png)" in (ROOT / "README.md").read_text()
