"""Constructor arguments as parameters: readable, copied, changeable; scikit-learn's conventions."""

from __future__ import annotations

from collections.abc import Iterator, KeysView, Mapping, ValuesView
from copy import copy, deepcopy
from inspect import Parameter, Signature, signature
from reprlib import Repr
from typing import Any, ClassVar, Self, TypeVar, cast

import pandas as pd

__all__ = ["Parametrized", "copied"]

T = TypeVar("T")
_GATHERED = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
_LISTED = (Iterator, KeysView, ValuesView, pd.Index)

_SHORT = Repr()
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 6
_SHORT.maxstring = _SHORT.maxother = 80


class Parametrized:
    """Base class of objects whose constructor stores each argument under its own name.

    `sklearn.base.clone` works, too. What is derived from parameters belongs in ``_resolve``. A
    subclass whose ``__init__`` takes ``**options`` hands them on to its base class, and has the
    parameters of both.
    """

    __signature__: ClassVar[Signature]
    _fitted: object | None

    def __init_subclass__(cls, **settings: Any) -> None:
        """Show all parameters, those of the base class too, to `help` and to completion."""
        super().__init_subclass__(**settings)
        found = cls._parameters()
        own = signature(vars(cls)["__init__"]).parameters if "__init__" in vars(cls) else found
        shown = [
            p if name in own else p.replace(kind=Parameter.KEYWORD_ONLY)
            for name, p in found.items()
        ]
        cls.__signature__ = Signature(shown)

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
        known = self._parameters()
        for name in params:
            if name not in known:
                raise ValueError(
                    f"{type(self).__name__} has no parameter {name!r}; it has: {', '.join(known)}"
                )
        checked = copy(self)
        vars(checked).update({name: copied(value) for name, value in params.items()})
        checked._resolve()
        vars(self).update({name: vars(checked)[name] for name in params})
        return self

    def __sklearn_clone__(self) -> Self:
        """Return an unfitted copy with the same parameters, for `sklearn.base.clone`."""
        return self._frozen()

    def _frozen(self) -> Self:
        """Return an unfitted copy that a change of this object's parameters does not change."""
        rules = copy(self)
        for name in self._parameters():
            if name in vars(self):
                setattr(rules, name, copied(getattr(self, name)))
        rules._fitted = None
        rules._resolve()
        return rules

    def _resolve(self) -> None:
        """Check the parameters and derive what measuring needs; `fit` does it, too."""

    def _changed(self) -> str:
        """Describe the parameters that differ from their defaults."""
        return ", ".join(
            f"{name}={_SHORT.repr(vars(self)[name])}"
            for name, parameter in self._parameters().items()
            if name in vars(self) and not _same(vars(self)[name], parameter.default)
        )


def copied(value: T) -> T:
    """Return a copy of an argument, so that later changes of the original have no effect.

    Iterators and views become lists, mappings dicts. Objects are copied as `copy.deepcopy` does:
    functions are not. What cannot be copied, such as an open connection, is shared.
    """
    return cast("T", _copied(value))


def _copied(value: Any) -> Any:
    if isinstance(value, _LISTED):
        return [_copied(item) for item in value]
    if isinstance(value, list | tuple):
        return type(value)([_copied(item) for item in value])
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    try:
        return deepcopy(value)
    except Exception:  # an object of the user's own can raise anything
        return value


def _same(value: object, default: object) -> bool:
    return value is default or (type(value) is type(default) and value == default)
