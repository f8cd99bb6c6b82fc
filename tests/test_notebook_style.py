"""Every notebook keeps the rules of the house; every rule can fail."""

import ast
import re
from copy import deepcopy
from pathlib import Path

import notebook_rules as rules
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from notebook_view import Notebook

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "notebooks"
LESSONS = sorted(FOLDER.glob("*.ipynb"))
SOLUTIONS = sorted((FOLDER / "solutions").glob("*.ipynb"))
PAIRS = [(path, rule) for path in LESSONS for rule in rules.EVERYWHERE + rules.IN_LESSONS]
PAIRS += [(path, rule) for path in SOLUTIONS for rule in rules.EVERYWHERE + rules.IN_SOLUTIONS]


def name_of(value):
    return getattr(value, "__name__", None) or str(value.relative_to(FOLDER))


NUMBERS = [path.name[:2] for path in LESSONS]
FREE = {"09", "10"}  # for a reader's own model, and for a job that runs every night


def test_each_lesson_has_a_number_of_its_own_and_a_solution():
    assert [path.name for path in SOLUTIONS] == [path.name for path in LESSONS]
    wanted = [f"{number:02d}" for number in range(int(NUMBERS[-1]) + 1)]
    assert [number for number in wanted if number not in FREE] == NUMBERS


def test_texts_name_lessons_that_there_are():
    texts = [path.read_text() for path in [*LESSONS, *SOLUTIONS, *ROOT.glob("docs/*.md")]]
    texts += [path.read_text() for path in [*ROOT.glob("course_lib/**/*.py"), ROOT / "README.md"]]
    named = {number for text in texts for number in re.findall(r"[Ll]essons?\s(\d\d)\b", text)}
    assert "00" in named
    assert named <= set(NUMBERS)


@pytest.mark.parametrize(("path", "rule"), PAIRS, ids=name_of)
def test_the_notebook_keeps_the_rule(path, rule):
    assert rule(Notebook(path)) == []


# -- The rules themselves: a specimen keeps all of them, and each is broken ------------------------

FOLDED = {"jupyter": {"source_hidden": True}}
SENTENCE = "The error of the week grows by a third when large stones come in. "
EXERCISE = (
    "## Exercise 1: count the weeks\n\n<details><summary>Hint</summary>Divide.</details>\n\n"
    "[Solution](solutions/01_specimen.ipynb)"
)


def specimen():
    """A lesson that keeps every rule, as small as they allow."""
    cells = [
        new_markdown_cell(
            "# Estimate the error\n\n**You will be able to** divide.\n\n**Time** 40 minutes\n\n"
            "**Needs** nothing\n\n**Data** none",
            id="title",
        ),
        new_code_cell("weeks = 14 / 7", id="weeks"),
        new_markdown_cell("## Two weeks\n\n" + SENTENCE * 80, id="why"),
        new_code_cell('claim("Two weeks are 14 days.", weeks == 2)', id="claim"),
        new_markdown_cell("## Predict", id="predict"),
        new_code_cell("prediction = ...", id="prediction"),
        new_code_cell(
            'quiz(prediction, options={"a": "Yes.", "b": "No."}, answer="a")',
            id="quiz",
            metadata=FOLDED,
        ),
        new_markdown_cell(EXERCISE, id="exercise"),
        new_code_cell("answer = ...", id="stub"),
        new_code_cell('check(answer, 2, hint="Divide.")', id="check", metadata=FOLDED),
        new_markdown_cell(EXERCISE.replace("1", "2", 1), id="exercise-two"),
        new_code_cell("answer = ...", id="stub-two"),
        new_code_cell('check(answer, 3, hint="Divide.")', id="check-two", metadata=FOLDED),
        *(new_markdown_cell(f"### Part {n}\n\nMore.", id=f"part-{n}") for n in range(9)),
        new_markdown_cell("## Key points\n\n- one\n- two\n- three", id="key-points"),
        new_markdown_cell("## In practice\n\nNot always.", id="in-practice"),
        new_markdown_cell("## Sources\n\n[Paper](https://doi.org/10.1/1)", id="sources"),
    ]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook = new_notebook(
        cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}}
    )
    run(notebook, "Not attempted yet.")
    return notebook


def run(notebook, answer):
    for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count = count
        text = answer if "check(" in cell.source else "✓" if "claim(" in cell.source else "2"
        cell.outputs = [new_output("stream", name="stdout", text=text)]


def solution_of(lesson):
    solution = deepcopy(lesson)
    for cell in solution.cells:
        cell.source = cell.source.replace("answer = ...", "answer = 2").replace("n = ...", "n = 2")
        cell.source = cell.source.replace("(solutions/", "(../")
    run(solution, "Correct.")
    return solution


def write(folder, lesson, solution=None):
    (folder / "solutions").mkdir(exist_ok=True)
    for path, content in [
        (folder / "01_specimen.ipynb", lesson),
        (folder / "solutions" / "01_specimen.ipynb", solution or solution_of(lesson)),
    ]:
        path.write_text(rules.nbformat.writes(content))
    return Notebook(folder / "01_specimen.ipynb"), Notebook(
        folder / "solutions" / "01_specimen.ipynb"
    )


def cell(notebook, name):
    return next(c for c in notebook.cells if c.id == name)


def source(name, old, new):
    """A change of the text of one cell."""

    def change(notebook):
        assert old in cell(notebook, name).source
        cell(notebook, name).source = cell(notebook, name).source.replace(old, new)

    return change


def code(name, text):
    """A change of the whole text of one cell."""
    return lambda notebook: cell(notebook, name).update(source=text)


def store(name, /, **fields):
    """A change of the first stored output of one cell."""
    return lambda notebook: cell(notebook, name).outputs[0].update(fields)


def figure(alt):
    data = {"image/png": "iVBORw0KGgo="}
    shown = new_output("display_data", data=data, metadata={"image/png": {"alt": alt}})
    return lambda notebook: cell(notebook, "weeks").update(outputs=[shown])


def drop(name):
    return lambda notebook: notebook.cells.remove(cell(notebook, name))


def meta(**fields):
    return lambda notebook: notebook.metadata.update(fields)


BROKEN = {
    rules.title_is_verb_and_object: [
        source("title", "# Estimate the error", "# The error"),
        source("title", "# Estimate the error", "# Estimate"),
        source("why", "## Two", "# Two"),
    ],
    rules.opening_has_the_four_items: [
        source("title", "**Needs**", "Needs"),
        source("title", "40 minutes", "90 minutes"),
    ],
    rules.closing_has_the_three_sections: [
        drop("in-practice"),
        source("key-points", "- three", ""),
        source("key-points", "- one\n", ""),
        source("sources", "https://doi.org/", ""),
    ],
    rules.headings_skip_no_level: [source("part-0", "###", "####")],
    rules.cells_and_words_are_enough_and_not_too_many: [
        drop("part-0"),
        lambda notebook: notebook.cells.extend(new_markdown_cell("More.") for _ in range(21)),
        code("why", SENTENCE * 60),
        code("why", SENTENCE * 160),
    ],
    rules.prose_carries_the_code: [code("weeks", "weeks = 2\n" * 160)],
    rules.code_cells_are_short: [code("weeks", "weeks = 2\n" * 16)],
    rules.code_follows_prose: [code("check", "weeks = 3"), code("quiz", "weeks\nweeks\nweeks")],
    rules.words_do_not_belittle: [
        source("why", "The error", "Obviously the error"),
        source("claim", "Two weeks are", "Two weeks are just"),
    ],
    rules.there_is_something_to_do: [
        code("claim", "print(weeks)"),
        code("check", "print(weeks)"),
        code("quiz", "print(weeks)"),
    ],
    rules.marked_names_are_stubs: [
        source("prediction", "...", "'a'"),
        source("check", "answer", "result"),
        source("check", "answer", "answer + 1"),
    ],
    rules.exercises_have_hint_and_solution: [
        source("exercise", "<details>", ""),
        source("exercise-two", "01_specimen", "02_specimen"),
        source("exercise", "Exercise", "Task"),
    ],
    rules.nothing_outside_reads_an_exercise: [
        source("claim", "weeks == 2", "answer == 2"),
        source("claim", "weeks == 2", "prediction == 2"),
        source("stub", "answer", "weeks = answer"),
    ],
    rules.code_is_plain_python: [
        code("weeks", "%timeit 1"),
        code("weeks", "!ls"),
        code("weeks", "weeks = 2;"),
        code("weeks", "weeks = input()"),
        code("weeks", "from urllib.request import urlopen"),
        code("weeks", "import ipywidgets as w"),
    ],
    rules.code_defines_nothing: [
        code("weeks", "def weeks():\n    return 2"),
        code("weeks", "class Weeks:\n    n = 2"),
    ],
    rules.nbval_markers_count: [
        code("weeks", "# NBVAL_CHECK_OUTPUT since prose quotes it\nweeks = 2"),
        code("weeks", "# NBVAL_SKIP\nweeks = 2"),
        lambda notebook: cell(notebook, "weeks").metadata.update(tags=["raises-exception"]),
    ],
    rules.stored_run_is_one_clean_run: [
        lambda notebook: cell(notebook, "weeks").update(execution_count=9),
        lambda notebook: cell(notebook, "weeks").update(execution_count=None),
        store("weeks", name="stderr"),
        store("weeks", text="FutureWarning: soon gone"),
        lambda notebook: cell(notebook, "weeks").update(
            outputs=[new_output("error", ename="KeyError", evalue="x", traceback=[])]
        ),
    ],
    rules.marks_have_the_right_output: [
        store("check", text="Correct."),
        store("claim", text=""),
    ],
    rules.metadata_are_lean: [
        meta(kernelspec={"name": "my-env", "display_name": "Mine"}),
        meta(widgets={}),
        meta(language_info={"name": "python", "version": "3.11.7"}),
        lambda notebook: cell(notebook, "weeks").metadata.update(execution={}),
    ],
    rules.cells_with_answers_are_folded: [
        lambda notebook: cell(notebook, "quiz").update(metadata={}),
        lambda notebook: cell(notebook, "weeks").update(metadata=FOLDED),
    ],
    rules.cell_ids_are_readable: [
        lambda notebook: cell(notebook, "weeks").update(id="1f2e3d4c"),
        lambda notebook: cell(notebook, "weeks").update(id="deadbeef"),
        lambda notebook: cell(notebook, "weeks").update(id="9-weeks"),
    ],
    rules.nothing_names_this_machine: [
        source("why", "The error", "See /home/me/data. The error"),
        store("weeks", text="File /tmp/ipykernel_12/34.py"),
        store("weeks", text="<Figure at 0x7f5e3c2d1a90>"),
    ],
    rules.file_is_small: [store("weeks", text="2" * 1_000_000)],
    rules.figures_have_alt_text: [
        figure(""),
        figure("A line."),
        figure("The error grows in the tenth week of all weeks"),
        source("why", "The error", "![](../data/README.md) The error"),
        source("why", "The error", '<img src="a.png"> The error'),
    ],
    rules.links_lead_somewhere: [source("exercise", "](solutions", "](answers")],
}
CHANGES = [(rule, change) for rule, changes in BROKEN.items() for change in changes]


def test_the_specimen_keeps_every_rule(tmp_path):
    lesson, solution = write(tmp_path, specimen())
    assert {r.__name__: r(lesson) for r in rules.EVERYWHERE + rules.IN_LESSONS if r(lesson)} == {}
    kept = rules.EVERYWHERE + rules.IN_SOLUTIONS
    assert {r.__name__: r(solution) for r in kept if r(solution)} == {}


def test_every_rule_for_lessons_is_broken_below():
    assert {*BROKEN, rules.solution_exists} == {*rules.EVERYWHERE, *rules.IN_LESSONS}


@pytest.mark.parametrize(("rule", "change"), CHANGES, ids=lambda value: value.__name__)
def test_a_broken_rule_is_noticed(rule, change, tmp_path):
    notebook = specimen()
    solution = solution_of(notebook)
    change(notebook)
    lesson, _ = write(tmp_path, notebook, solution)
    assert rule(lesson)


def test_a_lesson_without_a_solution_is_noticed(tmp_path):
    lesson, solution = write(tmp_path, specimen())
    solution.path.unlink()
    assert rules.solution_exists(lesson)


def test_a_figure_with_a_text_and_a_number_keeps_the_rule(tmp_path):
    notebook = specimen()
    figure("The error doubles to 480 USD in week 10.")(notebook)
    assert rules.figures_have_alt_text(write(tmp_path, notebook)[0]) == []


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        (rules.solution_has_the_checks_of_its_lesson, source("check", ", 2,", ", 5,")),
        (rules.solution_has_the_checks_of_its_lesson, drop("check-two")),
        (rules.solutions_leave_no_stub, source("stub", "2", "...")),
        (rules.marks_have_the_right_output, store("check", text="Not attempted yet.")),
    ],
)
def test_a_broken_rule_for_solutions_is_noticed(rule, change, tmp_path):
    changed = solution_of(specimen())
    change(changed)
    _, solution = write(tmp_path, specimen(), changed)
    assert rule(solution)


def test_a_lesson_that_defines_functions_is_the_first(tmp_path):
    notebook = specimen()
    code("weeks", "def weeks():\n    return 2")(notebook)
    assert rules.code_defines_nothing(Notebook(tmp_path / "00_start_here.ipynb", notebook)) == []
    assert rules.code_defines_nothing(Notebook(tmp_path / "01_specimen.ipynb", notebook))


def test_names_leave_out_the_variables_of_comprehensions():
    found = rules.names(new_code_cell("[week for week in weeks if week > start]"), ast.Load)
    assert found == {"weeks", "start"}
