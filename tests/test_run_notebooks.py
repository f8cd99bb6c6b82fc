"""`make run` and `make notebooks` do what they say."""

import importlib.util
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

pytestmark = pytest.mark.slow  # runs notebooks

ROOT = Path(__file__).parent.parent
SPEC = importlib.util.spec_from_file_location("run_notebooks", ROOT / "tools/run_notebooks.py")
run_notebooks = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(run_notebooks)

SLOPPY = {
    "kernelspec": {"name": "my-env", "display_name": "Mine", "language": "python"},
    "language_info": {"name": "python", "version": "3.99.0"},
    "widgets": {},
}


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A folder with two lessons and a solution in place of the course."""
    monkeypatch.setattr(run_notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(run_notebooks, "COPIES", tmp_path / "build" / "lessons")
    for name in ("IPYTHONDIR", "JUPYTER_PREFER_ENV_PATH", "PYDEVD_DISABLE_FILE_VALIDATION"):
        monkeypatch.setenv(name, "")
    monkeypatch.delenv("MPLBACKEND", raising=False)
    (tmp_path / "notebooks/solutions").mkdir(parents=True)
    write(tmp_path, "notebooks/01_one.ipynb", "from pathlib import Path", "Path.cwd().name")
    write(tmp_path, "notebooks/02_two.ipynb", "1 + 1")
    write(tmp_path, "notebooks/solutions/01_one.ipynb", "Path = 3", "Path")
    return tmp_path


def write(folder, name, *sources):
    cells = [new_markdown_cell("# Do it", id="title")]
    cells += [new_code_cell(s, id=f"cell-{n}", execution_count=7) for n, s in enumerate(sources)]
    cells[-1].metadata = {"tags": ["kept"], "execution": {"iopub.status.busy": "now"}}
    nbformat.write(new_notebook(cells=cells, metadata=SLOPPY), folder / name)


def read(path):
    return nbformat.read(path, as_version=4)


def test_run_executes_the_lessons_in_order_and_leaves_copies(course, capsys):
    before = (course / "notebooks/01_one.ipynb").read_bytes()
    assert run_notebooks.main(["run"]) == 0
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.startswith("notebooks/01_one.ipynb")
    assert second.startswith("notebooks/02_two.ipynb")
    assert first.endswith(" s  ok")
    assert last == "2 of 2 notebooks ran"
    executed = read(course / "build/lessons/01_one.ipynb")
    assert executed.cells[2].outputs[0].data["text/plain"] == "'notebooks'"
    assert (course / "notebooks/01_one.ipynb").read_bytes() == before


def test_refresh_stores_one_clean_run_without_times_and_versions(course):
    assert run_notebooks.main(["refresh"]) == 0
    for path in course.glob("notebooks/**/*.ipynb"):
        stored = read(path)
        code = [cell for cell in stored.cells if cell.cell_type == "code"]
        assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
        assert code[-1].outputs
        assert stored.cells[-1].metadata == {"tags": ["kept"]}
        assert stored.metadata.kernelspec == run_notebooks.KERNEL
        assert stored.metadata.language_info == {"name": "python"}
        assert set(stored.metadata) == {"kernelspec", "language_info"}
        assert [cell.id for cell in stored.cells][:2] == ["title", "cell-0"]


def test_refreshing_twice_changes_no_byte(course):
    path = course / "notebooks/02_two.ipynb"
    run_notebooks.main(["refresh", str(path)])
    first = path.read_bytes()
    run_notebooks.main(["refresh", str(path)])
    assert path.read_bytes() == first
    assert first.endswith(b"}\n")


def test_a_print_that_arrives_in_pieces_is_stored_as_one(course):
    pieces = "import sys\nprint('half', end=''); sys.stdout.flush()\nprint(' and half')"
    write(course, "notebooks/02_two.ipynb", pieces)
    path = course / "notebooks/02_two.ipynb"
    assert run_notebooks.main(["refresh", str(path)]) == 0
    outputs = read(path).cells[-1].outputs
    assert [output.text for output in outputs] == ["half and half\n"]


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("1 / 0", "cell cell-1: ZeroDivisionError"),
        ("import warnings; warnings.warn('soon gone')", "cell-1 wrote to stderr"),
        ("import os; os._exit(1)", "cell cell-1"),
    ],
)
def test_a_notebook_that_fails_or_warns_is_named_and_not_stored(course, capsys, source, word):
    write(course, "notebooks/02_two.ipynb", "1 + 1", source)
    before = (course / "notebooks/02_two.ipynb").read_bytes()
    assert run_notebooks.main(["refresh", str(course / "notebooks/02_two.ipynb")]) == 1
    printed = capsys.readouterr().out
    assert "FAILED" in printed
    assert word in printed
    assert (course / "notebooks/02_two.ipynb").read_bytes() == before


def test_a_figure_is_stored_once_with_its_alt_text(course):
    show = (
        "from IPython.display import publish_display_data\n"
        "publish_display_data({'image/png': 'iVBORw0KGgo=', 'text/html': '<img>',"
        " 'text/plain': 'A line.', 'application/vnd.x+json': {}},"
        " metadata={'image/png': {'alt': 'A line.'}})"
    )
    write(course, "notebooks/02_two.ipynb", show)
    assert run_notebooks.main(["refresh", str(course / "notebooks/02_two.ipynb")]) == 0
    output = read(course / "notebooks/02_two.ipynb").cells[1].outputs[0]
    assert set(output.data) == {"image/png", "text/plain"}
    assert output.metadata["image/png"]["alt"] == "A line."


def test_one_failure_does_not_stop_the_others(course, capsys):
    write(course, "notebooks/01_one.ipynb", "1 / 0")
    assert run_notebooks.main(["run"]) == 1
    assert capsys.readouterr().out.endswith("1 of 2 notebooks ran\n")


def test_a_course_without_notebooks_is_an_error(course, capsys):
    for path in course.glob("notebooks/**/*.ipynb"):
        path.unlink()
    assert run_notebooks.main(["run"]) == 1
    assert "no notebooks" in capsys.readouterr().err


def test_an_unknown_command_prints_how_to_use_it(capsys):
    assert run_notebooks.main(["walk"]) == 2
    assert "run_notebooks.py refresh" in capsys.readouterr().err


def test_two_runs_of_a_lesson_give_identical_outputs():
    path = ROOT / "notebooks" / "02_estimate_performance.ipynb"
    first, second = (run_notebooks.execute(read(path), folder=path.parent) for _ in range(2))
    assert nbformat.writes(first) == nbformat.writes(second)


def test_a_folded_cell_stays_folded():
    cell = new_code_cell("check(...)", id="mark")
    cell.metadata = {"jupyter": {"source_hidden": True, "outputs_hidden": True}, "editable": False}
    (kept,) = run_notebooks.clean(new_notebook(cells=[cell])).cells
    assert kept.metadata == {"jupyter": {"source_hidden": True}}
