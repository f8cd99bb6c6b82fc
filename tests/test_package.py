"""The package as a whole: what it loads, what depends on what, and how large it is."""

import ast
import io
import re
import statistics
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import course_lib

PACKAGE = Path(course_lib.__file__).parent
MODULES = {path.stem: path for path in sorted(PACKAGE.glob("*.py")) if path.stem != "__init__"}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
HEAVY = ["matplotlib", "seaborn", "lightgbm", "sklearn", "scipy.stats", "IPython"]


def imports(tree):
    """Every module that is imported anywhere in a file, the package's own with a leading dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module}.{alias.name}".replace("..", ".") for alias in node.names)


def own_imports(name):
    """Names of the package's modules that a module of it imports, relatively or by full name."""
    found = {module.removeprefix("course_lib") for module in imports(TREES[name])}
    return {module.split(".")[1] for module in found if module.startswith(".")} & set(MODULES)


def at_run_time(tree):
    """The module without what only a type checker reads."""
    body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    ]
    return ast.Module(body, [])


def python(code):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- Loading --------------------------------------------------------------------------------------


def test_importing_the_package_loads_nothing_heavy():
    code = f"import course_lib, sys; print([n for n in {HEAVY} if n in sys.modules])"
    assert python(code) == "[]\n"


def test_a_monitor_is_imported_without_matplotlib_and_lightgbm():
    heavy = [name for name in HEAVY if name != "scipy.stats"]
    code = "from course_lib import DLE, PerformanceCalculator, RowMetric, Result; import sys; "
    code += f"print([n for n in {heavy} if n in sys.modules])"
    assert python(code) == "[]\n"


def test_a_name_is_loaded_when_it_is_first_used():
    code = "import course_lib, sys; before = 'course_lib.estimation' in sys.modules; "
    code += "course_lib.DLE; print(before, 'course_lib.estimation' in sys.modules)"
    assert python(code) == "False True\n"


@pytest.mark.parametrize("name", course_lib.__all__)
def test_every_public_name_can_be_reached(name):
    thing = getattr(course_lib, name)
    assert getattr(thing, "__name__", name) == name
    assert thing.__doc__
    assert name in dir(course_lib)


def test_type_checkers_see_every_public_name_in_its_home():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    declared = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
        if alias.asname == alias.name
    }
    assert declared == course_lib._HOME


@pytest.mark.parametrize("name", course_lib.__all__)
def test_every_public_name_says_where_it_is_taught_and_what_it_refuses(name):
    told = " ".join(getattr(course_lib, name).__doc__.split())
    assert re.search(r"(Taught in|Used from) lessons? \d\d", told)
    if name not in ("AlertCountRanker", "CorrelationRanker", "Result"):  # made of nothing to refuse
        assert " Raises ------ " in told


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'course_lib' has no attribute 'DRE'"):
        _ = course_lib.DRE


def test_public_names_are_sorted_and_unique():
    assert course_lib.__all__ == sorted(set(course_lib.__all__))


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is_and_what_it_offers(name):
    module = __import__(f"course_lib.{name}", fromlist=["__all__"])
    assert module.__doc__
    assert module.__all__
    for public in module.__all__:
        assert hasattr(module, public)


def test_the_package_is_typed_and_ships_its_style():
    assert (PACKAGE / "py.typed").exists()
    assert (PACKAGE / "style.mplstyle").exists()


# -- What depends on what -------------------------------------------------------------------------


def test_the_reader_of_imports_sees_every_form():
    code = "import course_lib.desk\nfrom . import checks\nfrom .result import Result\n"
    code += "def f():\n    from course_lib.incidents import TRUTH\n    import matplotlib.pyplot\n"
    TREES["probe"] = ast.parse(code)
    try:
        assert own_imports("probe") == {"desk", "checks", "result", "incidents"} & set(MODULES)
    finally:
        del TREES["probe"]
    assert "matplotlib.pyplot" in set(imports(ast.parse(code)))


def reached(name, seen=()):
    """The module and all that it imports, directly or not."""
    found = {name}
    for other in own_imports(name) - {name, *seen}:
        found |= reached(other, {*seen, *found})
    return found


MONITORS = [name for name in MODULES if "monitor" in own_imports(name) or name == "monitor"]


def test_the_monitors_are_found():
    assert {"monitor", "estimation", "realized"} <= set(MONITORS)


@pytest.mark.parametrize("name", MONITORS)
def test_a_monitor_knows_nothing_of_the_course(name):
    assert not reached(name) & {"desk", "incidents", "checks", "datasets"}


@pytest.mark.parametrize("name", [name for name in MODULES if name != "plots"])
def test_only_plots_draws(name):
    drawing = [
        module
        for module in imports(at_run_time(TREES[name]))
        if module.split(".")[0] in ("matplotlib", "seaborn")
    ]
    assert drawing == []


@pytest.mark.parametrize("name", MODULES)
def test_no_module_logs_pickles_or_opens_a_connection(name):
    banned = {"logging", "pickle", "joblib", "socket", "urllib", "requests", "http"}
    assert not {module.split(".")[0] for module in imports(TREES[name])} & banned


# -- Size -----------------------------------------------------------------------------------------


def docstring_lines(tree):
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node.body[0] for node in ast.walk(tree) if isinstance(node, kinds) and node.body]
    return {
        line
        for node in nodes
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node.value.value, str)
        for line in range(node.lineno, node.end_lineno + 1)
    }


def code_lines(text):
    """The numbers of the lines that hold code: no docstring, no comment, no blank line."""
    blank = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    blank |= {tokenize.ENDMARKER, tokenize.ENCODING}
    found = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in blank:
            found |= set(range(token.start[0], token.end[0] + 1))
    return found - docstring_lines(ast.parse(text))


def test_lines_of_code_are_counted_without_docstrings_comments_and_blanks():
    text = '"""What.\n\nWhy.\n"""\n\n# A comment.\nx = (\n    1\n)\n\n\ndef f():\n    """Say."""\n'
    text += '    return """kept\n    text"""  # a remark\n'
    assert sorted(code_lines(text)) == [7, 8, 9, 12, 14, 15]


def test_functions_stay_short():
    lengths = {}
    for name, path in MODULES.items():
        code = code_lines(path.read_text("utf-8"))
        for node in ast.walk(TREES[name]):
            if isinstance(node, ast.FunctionDef):
                body = range(node.body[0].lineno, node.end_lineno + 1)
                lengths[f"{name}.{node.name}:{node.lineno}"] = len(code & set(body))
    assert statistics.median(lengths.values()) <= 8
    assert {name: n for name, n in lengths.items() if n > 50} == {}
