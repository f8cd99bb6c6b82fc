"""The files that say what to install agree with each other, and make does what it says."""

import ast
import base64
import os
import re
import shlex
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
MODULES = sorted((ROOT / "course_lib").rglob("*.py"))
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


def test_the_version_is_written_in_one_place():
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "course_lib.__version__"}
    text = (ROOT / "course_lib/__init__.py").read_text()
    assert f'__version__ = "{course_lib.__version__}"' in text.splitlines()


def test_the_citation_and_the_changelog_name_the_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == course_lib.__version__
    assert f"## [{course_lib.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_every_package_is_in_the_wheel():
    folders = {path.parent.relative_to(ROOT) for path in MODULES}
    wanted = sorted(".".join(folder.parts) for folder in folders)
    assert PROJECT["tool"]["setuptools"]["packages"] == wanted


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
    for tool in ("sed", "cat", "dirname"):
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


def supported():
    """The versions of Python that pyproject.toml names, oldest first."""
    classifiers = "\n".join(PROJECT["project"]["classifiers"])
    return re.findall(r" :: Python :: (3\.\d+)$", classifiers, re.M)


def pyenv(folder, version):
    """The folder of a pyenv that holds an interpreter, installed and not selected."""
    place = folder / "my pyenv" / "versions" / version / "bin"
    place.mkdir(parents=True)
    stub(place, "python", f'exec "{sys.executable}" "$@"')
    return str(folder / "my pyenv")


@needs_sh
def test_preflight_lists_the_classifiers_of_the_project(tmp_path):
    assert preflight(tmp_path, "--supported").stdout.split() == supported()


def test_the_oldest_supported_python_is_the_one_that_is_required():
    assert PROJECT["project"]["requires-python"] == f">={supported()[0]}"
    minors = [int(version.removeprefix("3.")) for version in supported()]
    assert minors == list(range(minors[0], minors[-1] + 1))


@needs_sh
def test_preflight_tries_the_newest_supported_python_first(tmp_path):
    for version in supported():
        tried = f'echo {version} >> "{tmp_path}/tried"'
        stub(tmp_path, f"python{version}", f'{tried}; exec "{sys.executable}" "$@"')
    for arguments, first in (([], supported()[-1]), (["3.99"], supported()[0])):
        (tmp_path / "tried").unlink(missing_ok=True)
        assert preflight(tmp_path, *arguments).returncode == 0
        assert set((tmp_path / "tried").read_text().split()) == {first}


@needs_sh
def test_preflight_prints_the_version_instead_of_the_path(tmp_path):
    stub(tmp_path, "python3", f'exec "{sys.executable}" "$@"')
    assert preflight(tmp_path, "--version").stdout == f"3.{sys.version_info.minor}\n"


@needs_sh
def test_preflight_looks_in_the_folder_of_pyenv(tmp_path):
    """A launcher of pyenv is on PATH and fails where another version is selected."""
    newest = supported()[-1]
    stub(tmp_path, f"python{newest}", "exit 127")
    root = pyenv(tmp_path, f"{newest}.4")
    assert preflight(tmp_path, PYENV_ROOT=root).stdout.strip() == sys.executable
    named = {"PYTHON": f"python{newest}"}
    assert preflight(tmp_path, PYENV_ROOT=root, **named).stdout.strip() == sys.executable
    (tmp_path / ".pyenv").symlink_to(root)
    assert preflight(tmp_path, HOME=str(tmp_path), **named).stdout.strip() == sys.executable


@needs_sh
def test_preflight_does_not_take_another_version_from_pyenv(tmp_path):
    oldest, newest = supported()[0], supported()[-1]
    root = pyenv(tmp_path, f"{newest}.4")
    run = preflight(tmp_path, PYENV_ROOT=root, PYTHON=f"python{oldest}")
    assert run.returncode == 1
    assert f"none was found as python{oldest} or in {root}/versions" in run.stderr


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


#: What the make that runs the tests hands on to the make that a test calls.
HANDED_ON = {"MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "PYTHON", "VENV", "OLDEST", "ORACLE"}


def make(*arguments):
    command = ["make", "-C", str(ROOT), "--no-print-directory", *arguments]
    env = {name: value for name, value in os.environ.items() if name not in HANDED_ON}
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
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
    assert re.findall(r"^make (\S+) ", make("help"), re.M) == targets
    assert "PYTHON=python3.12" in make("help")


# -- Which Python ---------------------------------------------------------------------------------

HERE = f"3.{sys.version_info.minor}"


@needs_make
def test_a_python_that_is_named_gets_an_environment_of_its_own():
    named = f"PYTHON={sys.executable}"
    assert f" .venv-{HERE}/bin/python -m pytest" in make("-n", "test", named)
    assert f" .venv-{HERE}/bin/python -m pytest" in make("-n", "test-short", named)
    assert f" .venv-oldest-{HERE}/bin/python -m pytest" in make("-n", "test-oldest", named)
    assert " .venv/bin/python -m pytest" in make("-n", "test")
    assert " .venv-oldest/bin/python -m pytest" in make("-n", "test-oldest")


@needs_make
@pytest.mark.parametrize("variable", ["VENV", "OLDEST"])
def test_an_environment_of_another_python_is_not_used(variable, tmp_path):
    (tmp_path / "bin").mkdir()
    stub(tmp_path / "bin", "python", "echo 3.10")
    told = make("-n", "test", f"{variable}={tmp_path}", f"PYTHON={sys.executable}")
    assert f"{tmp_path} holds Python 3.10, and PYTHON asks for {HERE}" in told
    assert "-m pytest" not in told
    stub(tmp_path / "bin", "python", f"echo {HERE}")
    assert "-m pytest" in make("-n", "test", f"{variable}={tmp_path}", f"PYTHON={sys.executable}")


@needs_make
def test_a_python_that_does_not_run_stops_make():
    told = make("-n", "test", "PYTHON=/no/such/python")
    assert "none was found as /no/such/python" in told
    assert "pytest" not in told


# -- Which tests ----------------------------------------------------------------------------------


def selected(target):
    """The arguments with which a target calls pytest, the shell's wildcards expanded."""
    words = shlex.split(make("-n", target).splitlines()[-1].split(" -m pytest ")[1])
    found = [sorted(ROOT.glob(word)) if "*" in word else [word] for word in words]
    return [str(path).removeprefix(f"{ROOT}/") for paths in found for path in paths]


@needs_make
def test_make_test_runs_everything():
    assert selected("test") == ["-n", "logical", "--maxprocesses=4", "--dist", "loadfile"]


@needs_make
def test_the_oldest_tests_are_the_units_that_are_not_slow_and_the_lessons():
    options, lessons = selected("test-oldest")[5:9], selected("test-oldest")[9:]
    assert options == ["-m", "not slow", "course_lib", "tests"]
    assert lessons == [f"notebooks/{path.name}" for path in sorted(ROOT.glob("notebooks/*.ipynb"))]


@needs_make
def test_the_quick_tests_name_files_that_exist():
    options = selected("test-quick")[5:]
    assert options[:3] == ["-m", "not slow", "tests/core"]
    paths = [option.removeprefix("--ignore=") for option in options[2:]]
    assert all((ROOT / path).exists() for path in paths)


@needs_make
def test_the_short_suite_names_files_that_exist():
    assert selected("test-short")[5:7] == ["-m", "not slow"]
    paths = selected("test-short")[7:]
    assert all((ROOT / path).is_file() for path in paths)
    lessons = [path.split("/")[1][:2] for path in paths if path.startswith("notebooks/")]
    assert lessons == ["00", "02"]


@needs_make
def test_a_run_that_collects_nothing_fails(tmp_path):
    """The command of the Makefile, with a choice that no test meets."""
    (tmp_path / "test_one.py").write_text("def test_one():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-p", "xdist.plugin", *selected("test"), "-n1"]
    env = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # the others take seconds to load
    for choice, code in (([], 0), (["-m", "absent"], 5)):
        run = subprocess.run([*command, *choice], cwd=tmp_path, env=env, check=False)
        assert run.returncode == code, choice


def test_slow_is_a_marker_and_unknown_markers_are_errors():
    settings = PROJECT["tool"]["pytest"]["ini_options"]
    assert [marker.split(":")[0] for marker in settings["markers"]] == ["slow"]
    assert "--strict-markers" in settings["addopts"]


def test_github_tests_every_supported_python():
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == supported()
    commands = [step["run"] for step in jobs["test"]["steps"] if "run" in step]
    assert "make test PYTHON=python${{ matrix.python }}" in commands
    assert jobs["oldest"]["steps"][1]["with"]["python-version"] == supported()[0]
    commands = [step["run"] for step in jobs["oldest"]["steps"] if "run" in step]
    assert f"make test-oldest PYTHON=python{supported()[0]}" in commands


@pytest.mark.parametrize("workflow", ["site", "audit"])
def test_the_other_workflows_use_the_newest_supported_python(workflow):
    text = (ROOT / f".github/workflows/{workflow}.yml").read_text()
    assert re.findall(r'python-version: "(.*)"', text) == [supported()[-1]]


def test_binder_has_the_newest_supported_python():
    assert (ROOT / ".binder/runtime.txt").read_text() == f"python-{supported()[-1]}\n"


# -- The run before a change is taken -------------------------------------------------------------

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


@pytest.fixture
def checkout(tmp_path):
    """A folder with the scripts of the run and a `make` that writes down what it is asked."""
    for path in (".ci/run", "tools/preflight.sh", "pyproject.toml"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    (tmp_path / "bin").mkdir()
    for tool in ("sed", "cat", "dirname", "sh", "id"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    stub(tmp_path / "bin", "make", 'echo "$@" >> made; test "$*" != "${BROKEN:-}"')
    return tmp_path


def interpreters(checkout, *versions):
    """Interpreters by name; each says it has the version that its name says."""
    for version in versions:
        path = checkout / "bin" / f"python{version}"
        claim = f"import sys; sys.version_info = {(*map(int, version.split('.')), 0)}; "
        claim += f"sys.executable = {str(path)!r}; exec(sys.stdin.read())"
        (checkout / "bin" / f"{version}.py").write_text(claim)
        run = f'shift\nexec "{sys.executable}" "{checkout}/bin/{version}.py" "$@"'
        stub(checkout / "bin", path.name, f'[ "$1" != -c ] || {{ echo {version}; exit; }}\n{run}')


def run_ci(checkout, **environment):
    """The exit code, the lines that were printed, and what make was asked for."""
    run = subprocess.run(
        [shutil.which("bash"), checkout / ".ci/run"],
        env={"PATH": str(checkout / "bin"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    made = checkout / "made"
    return run.returncode, (run.stdout + run.stderr).splitlines(), made.read_text().splitlines()


@needs_bash
def test_every_supported_python_has_its_suite(checkout):
    interpreters(checkout, *supported())
    code, lines, made = run_ci(checkout)
    assert code == 0, lines
    tests = [line for line in made if line.startswith("test")]
    between = supported()[1:-1]
    short = [f"test-short PYTHON=python{version}" for version in between]
    assert tests == ["test", *short, "test-oldest"]
    ready = [f"PYTHON=python{version} .venv-{version}/.ready" for version in between]
    ready = ["setup", *ready, ".venv-oldest/.ready"]
    assert made == [*ready, "site", "lint", *tests]  # all is installed before the network is cut
    assert re.fullmatch(r"\d+ s  all of it", lines[-1])
    assert sum(re.match(r"\d+ s  ", line) is not None for line in lines) == len(tests) + 5


@needs_bash
@pytest.mark.parametrize("github", [False, True])
def test_a_missing_python_is_named_last_and_fails_on_github_only(github, checkout):
    oldest, middle, *_, newest = supported()
    interpreters(checkout, oldest, newest)
    code, lines, made = run_ci(checkout, **({"GITHUB_ACTIONS": "true"} if github else {}))
    assert made[-2:] == ["test", "test-oldest"]
    assert lines[-1].startswith(f"=== not tested: Python {middle}, found neither")
    assert code == int(github)
    told = "=== failed: a run on GitHub must test every supported Python"
    assert (told in lines) == github


@needs_bash
def test_without_the_oldest_python_the_oldest_packages_are_not_tested(checkout):
    interpreters(checkout, *supported()[1:])
    code, lines, made = run_ci(checkout)
    assert code == 0
    assert "test-oldest" not in made
    assert f"Python {supported()[0]}," in lines[-1]


@needs_bash
def test_without_the_newest_python_the_next_one_runs_everything(checkout):
    interpreters(checkout, supported()[0])
    code, lines, made = run_ci(checkout)
    assert code == 0
    assert [line for line in made if line.startswith("test")] == ["test", "test-oldest"]
    assert f"=== all tests, Python {supported()[0]}" in lines
    missing = [line for line in lines[1 - len(supported()) :] if "=== not tested" in line]
    assert len(missing) == len(supported()) - 1


@needs_bash
def test_the_run_stops_at_the_part_that_fails_and_still_names_what_is_missing(checkout):
    interpreters(checkout, supported()[0], supported()[-1])
    code, lines, made = run_ci(checkout, BROKEN="lint")
    assert code == 1
    assert made[-1] == "lint"
    assert lines[-2] == "=== failed: lint"
    assert lines[-1].startswith("=== not tested")


@needs_bash
@pytest.mark.parametrize(("seconds", "code"), [(2600, 0), (2701, 1)])
def test_a_run_of_more_than_its_limit_fails(seconds, code, checkout):
    """Bash counts on from the seconds that it is given."""
    interpreters(checkout, *supported())
    found, lines, made = run_ci(checkout, SECONDS=str(seconds))
    assert found == code
    assert "test-oldest" in made
    assert ("=== failed: the run took more than 45 minutes" in lines) == bool(code)


@needs_bash
def test_an_environment_that_an_earlier_run_left_with_another_python_fails(checkout):
    interpreters(checkout, *supported())
    (checkout / ".venv/bin").mkdir(parents=True)
    stub(checkout / ".venv/bin", "python", "echo 3.10")
    (checkout / "made").touch()
    code, lines, made = run_ci(checkout)
    assert code == 1
    assert made == []
    told = f".venv holds Python 3.10 instead of {supported()[-1]}: remove it with 'make clean'"
    assert told in lines


def test_the_readme_shows_the_first_picture_of_lesson_00_as_stored():
    cells = nbformat.read(ROOT / "notebooks/00_start_here.ipynb", as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    pictures = [o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {})]
    shown = (ROOT / "docs/finished_monitor.png").read_bytes()
    assert shown == base64.b64decode(pictures[0])
    assert "(docs/finished_monitor.png)" in (ROOT / "README.md").read_text()
