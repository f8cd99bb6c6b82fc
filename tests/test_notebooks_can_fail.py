"""The notebooks are tests: what is broken in one fails, and no code cell is left out."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

pytestmark = pytest.mark.slow  # runs notebooks

ROOT = Path(__file__).parent.parent
NOTEBOOKS = [*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "notebooks/solutions").glob("*.ipynb")]

IMPORT = "from course_lib import check, claim, quiz"
CHECK = 'check({}, 0.25, hint="Divide by all rows.", hints={{25: "A share, please."}})'
QUIZ = 'quiz({}, options={{"a": "Labels are late.", "b": "Not so."}}, answer="a")'
MARKED = "# NBVAL_CHECK_OUTPUT\n1 + 1"
PLOT = "# NBVAL_CHECK_OUTPUT\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
FIGURE = {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure size 640x480 with 1 Axes>"}

# The cells of one notebook, with the output each had when it was stored.
PASSING = {
    "the import": (IMPORT, {}),
    "a true claim": ('claim("Two weeks are 14 days.", 2 * 7 == 14)', {}),
    "a right answer": (CHECK.format("0.25"), {}),
    "an untouched exercise": (CHECK.format("..."), {}),
    "an untouched quiz": (QUIZ.format("..."), {}),
    "a wrong prediction": (QUIZ.format("'b'"), {}),
    "a marked output as before": (MARKED, {"text/plain": "2"}),
    "another output without a mark": ("1 + 1", {"text/plain": "3"}),
    "another figure": (PLOT, FIGURE),
}
FAILING = {
    "a broken cell": ("1 / 0", {}),
    "a false claim": ('claim("Two weeks are 15 days.", 2 * 7 == 15)', {}),
    "a wrong answer": (CHECK.format("0.5"), {}),
    "a known mistake": (CHECK.format("25"), {}),
    "no option of the quiz": (QUIZ.format("'c'"), {}),
    "another output with a mark": (MARKED, {"text/plain": "3"}),
}
REASONS = {
    "a broken cell": "ZeroDivisionError",
    "a false claim": "This does not hold: Two weeks are 15 days.",
    "a wrong answer": "Not yet. Divide by all rows.",
    "a known mistake": "Not yet. A share, please.",
    "no option of the quiz": "choose one of these texts: a, b",
    "another output with a mark": "Cell outputs differ",
}
CASES = PASSING | FAILING


def stored(source, data):
    """A code cell as a notebook stores it."""
    kind = "display_data" if "image/png" in data else "execute_result"
    count = {} if kind == "display_data" else {"execution_count": 1}
    outputs = [new_output(kind, data=data, **count)] if data else []
    return new_code_cell(source, outputs=outputs, execution_count=1)


def pytest_here(*arguments):
    """Run pytest with the project's own settings in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "-p", "no:xdist"]
    command += ["-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def failures(tmp_path_factory):
    """The message of each case that failed."""
    folder = tmp_path_factory.mktemp("notebooks")
    (folder / "conftest.py").write_text((ROOT / "notebooks/conftest.py").read_text())
    cells = [stored(source, data) for source, data in CASES.values()]
    nbformat.write(new_notebook(cells=cells), folder / "cases.ipynb")
    report = folder / "report.xml"
    run = pytest_here("--rootdir", folder, f"--junitxml={report}", folder)
    assert report.exists(), run.stdout + run.stderr
    ran = list(ElementTree.parse(report).iter("testcase"))
    assert len(ran) == len(CASES), run.stdout
    assert not any(case.findall("error") or case.findall("skipped") for case in ran), run.stdout
    results = zip(CASES, [case.find("failure") for case in ran], strict=True)
    return {name: result.text for name, result in results if result is not None}


@pytest.mark.parametrize("name", FAILING)
def test_what_is_wrong_fails_and_says_why(name, failures):
    assert REASONS[name] in failures.get(name, "it passed")


@pytest.mark.parametrize("name", PASSING)
def test_what_is_right_passes(name, failures):
    assert name not in failures


def test_a_wrong_answer_shows_its_hint_without_a_traceback(failures):
    assert "WrongAnswer" not in failures["a wrong answer"]
    assert "ZeroDivisionError" in failures["a broken cell"]


def test_pytest_collects_every_code_cell_of_every_notebook():
    listed = pytest_here("--collect-only", "-q", "notebooks").stdout.splitlines()
    found = [line for line in listed if ".ipynb::" in line]
    cells = [cell for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells]
    assert len(found) == sum(cell.cell_type == "code" for cell in cells) > 0
