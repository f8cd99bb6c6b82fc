"""Monitor a deployed model, end to end: the library of the course.

Every public name can be imported from here. ``__init__.pyi`` lists the names and their modules. A
module is loaded when one of its names is first used, so that ``import course_lib`` is quick.
"""

import ast as _ast
from importlib import import_module as _import_module
from pathlib import Path as _Path

_STUB = _ast.parse(_Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
_HOMES = {
    alias.name: f".{node.module}"
    for node in _STUB.body
    if isinstance(node, _ast.ImportFrom)
    for alias in node.names
}

__version__ = "0.1.0"
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(_import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
