"""A notebook file, with the few views of it that the rules for notebooks need."""

import ast
import re
from functools import cached_property
from pathlib import Path

import nbformat

MARKS = {"claim", "check", "quiz"}


class Notebook:
    """A notebook file, with the few views of it that the rules need."""

    def __init__(self, path, content=None):
        self.path = Path(path)
        self.content = nbformat.read(path, as_version=4) if content is None else content
        self.cells = self.content.cells
        self.is_solution = self.path.parent.name == "solutions"

    @property
    def code(self):
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @property
    def markdown(self):
        return [cell for cell in self.cells if cell.cell_type == "markdown"]

    @cached_property
    def prose(self):
        return "\n\n".join(re.sub(r"```.*?```", "", c.source, flags=re.S) for c in self.markdown)

    @cached_property
    def headings(self):
        found = re.findall(r"^(#{1,6}) +(.+?)\s*$", self.prose, flags=re.M)
        return [(len(signs), text) for signs, text in found]

    @cached_property
    def words(self):
        text = re.sub(r"\]\([^)]*\)|<[^>]+>|https?://\S+", " ", self.prose)
        return len(re.findall(r"[^\W_][\w'’.,-]*", text))

    def section(self, heading):
        """Return the text from a heading of this name to the next heading."""
        match = re.search(rf"^#+ +{re.escape(heading)}.*?(?=^#+ |\Z)", self.prose, re.M | re.S)
        return match[0] if match else ""

    @cached_property
    def headed(self):
        """Pairs of a cell and the heading above it."""
        pairs, heading = [], ""
        for cell in self.cells:
            if cell.cell_type == "markdown":
                found = re.findall(r"^#{1,6} +(.+?)\s*$", cell.source, flags=re.M)
                heading = found[-1] if found else heading
            pairs.append((cell, heading))
        return pairs


def tree(cell):
    """Parse a code cell; what is no Python (a magic, a shell command) has a rule of its own."""
    try:
        return ast.parse(cell.source)
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def calls(cell, names):
    nodes = [n for n in ast.walk(tree(cell)) if isinstance(n, ast.Call)]
    return [n for n in nodes if isinstance(n.func, ast.Name) and n.func.id in names]


def is_mark(statement):
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and getattr(call.func, "id", "") in MARKS


def stubs(cell):
    """Return the names that a cell sets to ``...``."""
    found = [n for n in tree(cell).body if isinstance(n, ast.Assign)]
    found = [n for n in found if isinstance(n.value, ast.Constant) and n.value.value is ...]
    return {target.id for n in found for target in n.targets if isinstance(target, ast.Name)}


def lines(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def outputs(notebook):
    return [(cell, output) for cell in notebook.code for output in cell.outputs]
