"""The rules of the house for notebooks: each takes a `Notebook` and returns its complaints.

A rule is in one of the lists at the end: for every notebook, for lessons, or for solutions.
"""

import ast
import re
from itertools import pairwise

import nbformat
from notebook_view import Notebook, calls, is_mark, lines, outputs, stubs, tree

VERBS = {
    "Build", "Calculate", "Classify", "Compare", "Count", "Detect", "Estimate", "Find", "Look",
    "Measure", "Monitor", "Play", "Prepare", "Read", "Resolve", "Run", "Scale", "See", "Solve",
    "Spot", "Start", "Translate", "Value", "Watch", "Weigh",
}  # fmt: skip
OPENING = ("You will be able to", "Time", "Needs", "Data")
CLOSING = ("Key points", "In practice", "Sources")
PLAY = ("Exercise", "Try it")
DISTANT = {"ftplib", "httpx", "ipywidgets", "requests", "socket", "subprocess", "urllib"}
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|tmp|work|Users|var|mnt)/|\b[A-Z]:\\")
ADDRESS = re.compile(r"\bat 0x[0-9a-f]{6,}")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


# -- How it begins and ends -----------------------------------------------------------------------


def title_is_verb_and_object(notebook):
    titles = [text for level, text in notebook.headings if level == 1]
    if len(titles) != 1 or not notebook.cells[0].source.startswith("# "):
        return [f"one H1 in the first cell, not {titles}"]
    first, *rest = titles[0].split()
    return [] if first in VERBS and rest else [f"title {titles[0]!r} is not a verb and its object"]


def opening_has_the_four_items(notebook):
    top = "\n".join(cell.source for cell in notebook.markdown[:2])
    found = re.findall(r"\*\*([^*]+?):?\*\*", top)
    kept = tuple(item for item in found if item in OPENING)
    wrong = [] if kept == OPENING else [f"bold items {OPENING} in this order, not {kept}"]
    minutes = re.search(r"\*\*Time:?\*\*\D{0,30}(\d+)", top)
    if not minutes or not 30 <= int(minutes[1]) <= 60:
        wrong.append("Time is 30 to 60 minutes")
    return wrong


def closing_has_the_three_sections(notebook):
    last = tuple(text for level, text in notebook.headings if level == 2)[-3:]
    wrong = [] if last == CLOSING else [f"the last sections are {last}, not {CLOSING}"]
    if not 3 <= len(re.findall(r"^[-*\d]", notebook.section("Key points"), re.M)) <= 5:
        wrong.append("3 to 5 key points")
    if not re.search(r"https?://", notebook.section("Sources")):
        wrong.append("a link under Sources")
    return wrong


def headings_skip_no_level(notebook):
    levels = [level for level, _ in notebook.headings]
    return [f"heading level {b} after {a}" for a, b in pairwise(levels) if b > a + 1]


# -- Rhythm ---------------------------------------------------------------------------------------


def cells_and_words_are_enough_and_not_too_many(notebook):
    wrong = []
    if not 25 <= len(notebook.cells) <= 45:
        wrong.append(f"{len(notebook.cells)} cells, not 25 to 45")
    if not 1000 <= notebook.words <= 2000:
        wrong.append(f"{notebook.words} words, not 1,000 to 2,000")
    return wrong


def prose_carries_the_code(notebook):
    statements = [s for c in notebook.code for s in tree(c).body if not is_mark(s)]
    n_lines = sum(s.end_lineno - s.lineno + 1 for s in statements)
    if n_lines and notebook.words / n_lines < 8:
        return [f"{notebook.words / n_lines:.1f} words a line of code, fewer than 8"]
    return []


def code_cells_are_short(notebook):
    return [f"{c.id}: {len(lines(c))} lines, over 15" for c in notebook.code if len(lines(c)) > 15]


def code_follows_prose(notebook):
    """No two code cells in a row, but for what belongs together: a stub and its mark, a quiz and
    the figure it asks about, a result and its claim, a result and two lines that show more of it.
    """
    rows = [(a, b) for a, b in pairwise(notebook.cells) if a.cell_type == b.cell_type == "code"]
    loose = [b for a, b in rows if not (calls(a, {"quiz"}) or only_shows(b) or ends_with_mark(b))]
    return [f"{cell.id}: code after code" for cell in loose]


def only_shows(cell):
    return len(lines(cell)) <= 2 and all(isinstance(s, ast.Expr) for s in tree(cell).body)


def ends_with_mark(cell):
    return bool(tree(cell).body) and is_mark(tree(cell).body[-1])


def words_do_not_belittle(notebook):
    pattern = re.compile(r"\b(simply|just|obviously)\b", re.I)
    found = [(c.id, word) for c in notebook.cells for word in pattern.findall(c.source)]
    return [f"{cell_id}: {word!r}" for cell_id, word in found]


# -- Claims, exercises, quizzes -------------------------------------------------------------------


def there_is_something_to_do(notebook):
    wanted = {"claim": 1, "check": 2, "quiz": 1}
    counts = {name: sum(len(calls(c, {name})) for c in notebook.code) for name in wanted}
    return [f"{counts[n]} of {n}, at least {wanted[n]}" for n in wanted if counts[n] < wanted[n]]


def marked_names_are_stubs(notebook):
    wrong, known = [], set()
    for cell in notebook.code:
        known |= stubs(cell)
        names = [getattr(c.args[0], "id", None) for c in calls(cell, {"check", "quiz"}) if c.args]
        wrong += [f"{cell.id}: no stub `{n} = ...` before it" for n in names if n not in known]
    return wrong


def exercises_have_hint_and_solution(notebook):
    wrong = []
    for heading in dict.fromkeys(h for c, h in notebook.headed if calls(c, {"check"})):
        text = notebook.section(heading)
        if not heading.startswith("Exercise"):
            wrong.append(f"check under {heading!r}, which is no exercise")
        elif "<details" not in text or f"(solutions/{notebook.path.name})" not in text:
            wrong.append(f"{heading}: a folded hint and a link to solutions/{notebook.path.name}")
    return wrong


def nothing_outside_reads_an_exercise(notebook):
    inside, outside = [], []
    for cell, heading in notebook.headed:
        if cell.cell_type == "code":
            play = heading.startswith(PLAY) or stubs(cell) or calls(cell, {"check", "quiz"})
            (inside if play else outside).append(cell)
    loose = set().union(*(names(c, ast.Store) for c in inside)) if inside else set()
    read = [(c.id, sorted(names(c, ast.Load) & loose)) for c in outside]
    return [f"{cell_id} reads {', '.join(found)}" for cell_id, found in read if found]


def names(cell, context):
    """Return the names that a cell stores or loads, without the variables of comprehensions."""
    nodes = list(ast.walk(tree(cell)))
    local = {
        n.id
        for c in nodes
        if isinstance(c, ast.comprehension)
        for n in ast.walk(c.target)
        if isinstance(n, ast.Name)
    }
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, context)} - local


def solution_has_the_checks_of_its_lesson(notebook):
    lesson = notebook.path.parent.parent / notebook.path.name
    if not lesson.exists():
        return [f"no lesson {lesson.name}"]
    wanted = [c.source for c in Notebook(lesson).code if calls(c, {"check"})]
    found = [c.source for c in notebook.code if calls(c, {"check"})]
    return [] if found == wanted else [f"{len(found)} check cells differ from the {len(wanted)}"]


def solution_exists(notebook):
    path = notebook.path.parent / "solutions" / notebook.path.name
    return [] if path.exists() else [f"no {path.name} in solutions"]


def solutions_leave_no_stub(notebook):
    return [f"{c.id}: {name} = ..." for c in notebook.code for name in stubs(c)]


# -- Code -----------------------------------------------------------------------------------------


def code_is_plain_python(notebook):
    wrong = []
    for cell in notebook.code:
        try:
            ast.parse(cell.source)
        except SyntaxError:
            wrong.append(f"{cell.id}: no plain Python (a magic or a shell command?)")
        if any(line.rstrip().endswith(";") for line in lines(cell)):
            wrong.append(f"{cell.id}: a line ends with a semicolon")
        wrong += [f"{cell.id}: {c.func.id}()" for c in calls(cell, {"input", "get_ipython"})]
        wrong += [f"{cell.id}: import {name}" for name in sorted(imports(cell) & DISTANT)]
    return wrong


def imports(cell):
    nodes = list(ast.walk(tree(cell)))
    found = {alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names}
    found |= {n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.module}
    return {name.split(".")[0] for name in found}


def code_defines_nothing(notebook):
    if notebook.path.name.startswith("00_"):
        return []  # its simulations are the lesson
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = [
        (c.id, n.name) for c in notebook.code for n in ast.walk(tree(c)) if isinstance(n, kinds)
    ]
    return [f"{cell_id} defines {name}" for cell_id, name in found]


def nbval_markers_count(notebook):
    """A marker with words after it is ignored, and a skipped cell is not tested."""
    wrong = [
        f"{c.id}: {line.strip()!r}"
        for c in notebook.code
        for line in c.source.splitlines()
        if "NBVAL" in line and line.strip() != "# NBVAL_CHECK_OUTPUT"
    ]
    tags = [(c.id, tag) for c in notebook.code for tag in c.metadata.get("tags", [])]
    return wrong + [f"{i}: tag {t}" for i, t in tags if t.startswith(("nbval", "raises"))]


# -- Stored state ---------------------------------------------------------------------------------


def stored_run_is_one_clean_run(notebook):
    counts = [cell.execution_count for cell in notebook.code]
    wrong = [] if counts == list(range(1, len(counts) + 1)) else [f"execution counts {counts}"]
    for cell, output in outputs(notebook):
        if output.output_type == "error":
            wrong.append(f"{cell.id}: stored error {output.ename}")
        if output.get("name") == "stderr" or "Warning:" in output.get("text", ""):
            wrong.append(f"{cell.id}: stored warning")
    return wrong


def marks_have_the_right_output(notebook):
    words = "Correct." if notebook.is_solution else "Not attempted yet."
    wrong = []
    for cell in notebook.code:
        text = "".join(output.get("text", "") for output in cell.outputs)
        if calls(cell, {"claim"}) and "✓" not in text:
            wrong.append(f"{cell.id}: a claim without output")
        if calls(cell, {"check"}) and words not in text:
            wrong.append(f"{cell.id}: the stored answer is not {words!r}")
    return wrong


def metadata_are_lean(notebook):
    kernel = notebook.content.metadata.get("kernelspec", {}).get("name")
    wrong = [] if kernel == "python3" else [f"kernel {kernel!r}, not 'python3'"]
    if extra := set(notebook.content.metadata) - {"kernelspec", "language_info"}:
        wrong.append(f"notebook metadata {sorted(extra)}")
    if set(notebook.content.metadata.get("language_info", {})) - {"name"}:
        wrong.append("the Python version in the metadata")
    return wrong + [
        f"{c.id}: metadata" for c in notebook.cells if set(c.metadata) - {"tags", "jupyter"}
    ]


def cells_with_answers_are_folded(notebook):
    """A quiz or check holds its answer in the source: JupyterLab shows it folded."""
    folded = {"jupyter": {"source_hidden": True}}
    return [
        f"{cell.id}: its source is not folded, or folded without need"
        for cell in notebook.code
        if (cell.metadata == folded) != bool(calls(cell, {"check", "quiz"}))
    ]


def cell_ids_are_readable(notebook):
    random = re.compile(r"[0-9a-f]{8}(-[0-9a-f-]+)?")
    ids = [cell.get("id", "") for cell in notebook.cells]
    readable = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
    return [f"cell id {i!r}" for i in ids if random.fullmatch(i) or not readable.fullmatch(i)]


def nothing_names_this_machine(notebook):
    texts = [(cell.id, cell.source) for cell in notebook.cells]
    for cell, output in outputs(notebook):
        data = [v for k, v in output.get("data", {}).items() if not k.startswith("image/")]
        texts += [(cell.id, str(text)) for text in [output.get("text", ""), *data]]
    found = [(i, p.search(t)) for i, t in texts for p in (MACHINE_PATH, ADDRESS)]
    return [f"{cell_id}: {match[0]!r}" for cell_id, match in found if match]


def file_is_small(notebook):
    size = len(nbformat.writes(notebook.content))
    return [f"{size:,} bytes, over a million"] if size > 1_000_000 else []


def figures_have_alt_text(notebook):
    wrong = []
    for cell, output in outputs(notebook):
        if "image/png" in output.get("data", {}):
            alt = output.metadata.get("image/png", {}).get("alt", "")
            if len(alt.split()) < 5 or not re.search(r"\d", alt):
                wrong.append(f"{cell.id}: alt text of five words and a number, not {alt!r}")
    images = [(c.id, t) for c in notebook.markdown for t in re.findall(r"!\[(.*?)\]\(", c.source)]
    images += [
        (c.id, "") for c in notebook.markdown if re.search(r"<img(?![^>]*alt=.\w)", c.source)
    ]
    return wrong + [
        f"{cell_id}: an image without alt text" for cell_id, t in images if not t.strip()
    ]


def links_lead_somewhere(notebook):
    targets = [(c.id, t) for c in notebook.markdown for t in LINK.findall(c.source)]
    near = [(i, t.split("#")[0]) for i, t in targets if not re.match(r"https?://|mailto:|#", t)]
    return [f"{i}: no file {t}" for i, t in near if not (notebook.path.parent / t).exists()]


EVERYWHERE = [
    headings_skip_no_level, code_cells_are_short, words_do_not_belittle, code_is_plain_python,
    code_defines_nothing, nbval_markers_count, stored_run_is_one_clean_run,
    marks_have_the_right_output, metadata_are_lean, cell_ids_are_readable,
    nothing_names_this_machine, file_is_small, figures_have_alt_text, links_lead_somewhere,
]  # fmt: skip
IN_LESSONS = [
    title_is_verb_and_object, opening_has_the_four_items, closing_has_the_three_sections,
    cells_and_words_are_enough_and_not_too_many, prose_carries_the_code, code_follows_prose,
    there_is_something_to_do, marked_names_are_stubs, exercises_have_hint_and_solution,
    nothing_outside_reads_an_exercise, solution_exists, cells_with_answers_are_folded,
]  # fmt: skip
IN_SOLUTIONS = [solution_has_the_checks_of_its_lesson, solutions_leave_no_stub]
