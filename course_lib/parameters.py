"""Constructor arguments as parameters: readable, copied, changeable; scikit-learn's conventions."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from inspect import Parameter, signature
from reprlib import Repr
from typing import Any, Self, TypeVar

__all__ = ["Parametrized", "copied"]

T = TypeVar("T")
_GATHERED = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)

_SHORT = Repr()
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 6
_SHORT.maxstring = _SHORT.maxother = 80


class Parametrized:
    """Base of objects whose constructor stores each argument under its own name.

    `sklearn.base.clone` works, too. A subclass whose ``__init__`` takes ``**options`` hands them on
    to its base class, and has the parameters of both.
    """

    @classmethod
    def _parameters(cls) -> dict[str, Parameter]:
        """Return the constructor's parameters by name, in order."""
        found: dict[str, Parameter] = {}
        for kind in cls.__mro__:
            if "__init__" not in vars(kind):
                continue
            own = list(signature(vars(kind)["__init__"]).parameters.values())[1:]
            found |= {p.name: p for p in own if p.kind not in _GATHERED and p.name not in found}
            if Parameter.VAR_KEYWORD not in {p.kind for p in own}:
                break
        return found

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name, as they are now.

        Parameters
        ----------
        deep : bool, default True
            Has no effect: no parameter is an estimator. scikit-learn passes it.

        Raises
        ------
        AttributeError
            When a subclass does not store an argument of its constructor under its own name.
        """
        found = {}
        for name in self._parameters():
            if not hasattr(self, name):
                raise AttributeError(
                    f"{type(self).__name__} has no attribute `{name}`, which its constructor "
                    f"takes; store each argument under its own name: self.{name} = {name}"
                )
            found[name] = getattr(self, name)
        return found

    def set_params(self, **params: Any) -> Self:
        """Change parameters; a fitted object follows its old ones until the next `fit`.

        Returns
        -------
        The object itself.

        Raises
        ------
        TypeError, ValueError
            For a name that is not a parameter, or a value that the constructor refuses. Nothing is
            changed then.
        """
        known = self.get_params()
        for name in params:
            if name not in known:
                raise ValueError(
                    f"{type(self).__name__} has no parameter {name!r}; it has: {', '.join(known)}"
                )
        checked = type(self)(**(known | params))
        for name in params:
            setattr(self, name, getattr(checked, name))
        return self

    def __sklearn_clone__(self) -> Self:
        """Return an unfitted copy with the same parameters, for `sklearn.base.clone`."""
        return type(self)(**self.get_params())

    def _changed(self) -> str:
        """Describe the parameters that differ from their defaults."""
        values = self.get_params()
        return ", ".join(
            f"{name}={_SHORT.repr(values[name])}"
            for name, parameter in self._parameters().items()
            if not _same(values[name], parameter.default)
        )


def copied(value: T) -> T:
    """Return a deep copy of an argument, so that later changes of the original have no effect."""
    return list(value) if isinstance(value, Iterator) else deepcopy(value)  # type: ignore[return-value]


def _same(value: object, default: object) -> bool:
    return value is default or (type(value) is type(default) and value == default)
