"""The package as a whole: what it loads, which module may import which, how long functions are."""

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
PATHS = [path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "__init__.py"]
MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in PATHS}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
HEAVY = ["matplotlib", "seaborn", "lightgbm", "sklearn", "scipy.stats", "IPython"]


def imports(tree, *, in_functions=True):
    """Every module that a file imports, by its full name; names of modules after a `from` too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name the package: from course_lib.core.result import …"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif in_functions or not isinstance(node, ast.FunctionDef):
            yield from imports(node, in_functions=in_functions)


def own_imports(tree, *, in_functions=True):
    """The modules of the package that a file imports, without the package's name."""
    found = imports(tree, in_functions=in_functions)
    return {module.removeprefix("course_lib.") for module in found} & set(MODULES)


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
    code = "import course_lib, sys; before = 'course_lib.performance.dle' in sys.modules; "
    code += "course_lib.DLE; print(before, 'course_lib.performance.dle' in sys.modules)"
    assert python(code) == "False True\n"


@pytest.mark.parametrize("name", course_lib.__all__)
def test_every_public_name_can_be_reached(name):
    thing = getattr(course_lib, name)
    assert getattr(thing, "__name__", name) == name
    assert thing.__doc__
    assert name in dir(course_lib)


def test_a_public_name_stands_in_the_module_that_defines_it():
    """Else a name would be imported from one module and pickled, and documented, as of another."""
    homes = {name: getattr(course_lib, name).__module__ for name in course_lib.__all__}
    assert homes == {name: f"course_lib{home}" for name, home in course_lib._HOMES.items()}


@pytest.mark.parametrize("name", course_lib.__all__)
def test_every_public_name_says_where_it_is_taught_and_what_it_refuses(name):
    text = " ".join(getattr(course_lib, name).__doc__.split())
    assert re.search(r"(Taught in|Used from) lessons? \d\d|Not taught in a lesson", text)
    if name not in ("AlertCountRanker", "CorrelationRanker", "Result"):  # made of nothing to refuse
        assert " Raises ------ " in text


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'course_lib' has no attribute 'DRE'"):
        _ = course_lib.DRE


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

#: A module may import modules of its own package and of the lines above its own.
LAYERS = [
    ["core"],
    ["performance", "drift", "plots"],
    ["diagnosis"],
    ["persistence"],
    ["course"],
]
LAYER = {package: i for i, layer in enumerate(LAYERS) for package in layer}
#: Methods of the base classes that import what draws and what writes, when they are called.
WHEN_CALLED = {
    ("core.result", "plots"),
    ("core.result", "persistence.storage"),
    ("core.monitor", "persistence.storage"),
}


def package_of(module):
    return module.split(".")[0]


def allowed(importer, imported):
    first, second = package_of(importer), package_of(imported)
    return first == second or LAYER[second] < LAYER[first] or (importer, imported) in WHEN_CALLED


def circle(graph):
    """Modules that import each other in a ring, or None."""
    done = set()

    def visit(name, path):
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return None
        found = next(filter(None, (visit(n, [*path, name]) for n in sorted(graph[name]))), None)
        done.add(name)
        return found

    return next(filter(None, (visit(name, []) for name in sorted(graph))), None)


def test_every_package_has_a_layer():
    assert {package_of(name) for name in MODULES} == set(LAYER)


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_to_lower_layers_only(name):
    assert [other for other in own_imports(TREES[name]) if not allowed(name, other)] == []


def test_no_modules_import_each_other():
    graph = {name: own_imports(tree, in_functions=False) for name, tree in TREES.items()}
    assert circle(graph) is None


def test_what_is_imported_when_called_is_nowhere_imported_at_once():
    for importer, imported in WHEN_CALLED:
        assert imported in own_imports(TREES[importer])
        assert imported not in own_imports(at_run_time(TREES[importer]), in_functions=False)


def test_the_rules_of_imports_see_what_breaks_them():
    code = "from course_lib.course.desk import load_desk\nimport course_lib.core.result\n"
    code += "from course_lib import plots\ndef f():\n    import course_lib.drift.quality\n"
    at_once = {"course.desk", "core.result", "plots"}
    assert own_imports(ast.parse(code), in_functions=False) == at_once
    assert own_imports(ast.parse(code)) == at_once | {"drift.quality"}
    assert allowed("course.desk", "drift.quality")
    assert not allowed("drift.quality", "course.desk")
    assert not allowed("drift.quality", "performance.dle")
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a", "b"}}) == ["a", "b", "c", "a"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None


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
