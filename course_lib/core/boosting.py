"""LightGBM with fixed settings: no log output, a fixed seed, deterministic.

OMP_NUM_THREADS sets the number of threads; small data use one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "QUIET",
    "Booster",
    "Hyperparameters",
    "bin_matrix",
    "grow",
    "load_lightgbm",
    "predict",
    "require_hyperparameters",
    "threads",
]

#: Settings of LightGBM by name.
Hyperparameters = Mapping[str, object]

#: Passed to every LightGBM model of the library.
QUIET: dict[str, object] = {
    "verbosity": -1,
    "seed": 0,
    "deterministic": True,
    "force_row_wise": True,
}
#: With fewer rows, one thread trains (SMALL) or predicts (FEW). Training waits for all threads in
#: many short steps, prediction once.
SMALL, FEW = 100_000, 5_000
#: LightGBM aliases of the settings we set; without them our default would override the alias.
_ALIASES = {
    **dict.fromkeys(("random_state", "random_seed"), "seed"),
    **dict.fromkeys(("n_jobs", "num_thread", "nthread", "nthreads"), "num_threads"),
    **dict.fromkeys(("loss", "app", "application", "objective_type"), "objective"),
    **dict.fromkeys(("n_estimators", "num_iteration", "n_iter", "num_tree"), "num_iterations"),
    **dict.fromkeys(("num_trees", "num_round", "num_rounds", "nrounds"), "num_iterations"),
    **dict.fromkeys(("num_boost_round", "max_iter"), "num_iterations"),
    **dict.fromkeys(("shrinkage_rate", "eta"), "learning_rate"),
    **dict.fromkeys(("num_leaf", "max_leaves", "max_leaf", "max_leaf_nodes"), "num_leaves"),
    **dict.fromkeys(("early_stopping_rounds", "early_stopping"), "early_stopping_round"),
    "n_iter_no_change": "early_stopping_round",
    "linear_trees": "linear_tree",
    "verbose": "verbosity",
}
#: Settings that would crash LightGBM or have no effect here, with the reason.
_REFUSED = {
    "linear_tree": "bins are shared and hold no raw numbers; leave it out",
    "early_stopping_round": "no rows are held out to stop by; choose `num_iterations` instead",
}


class Booster(Protocol):
    """The methods of lightgbm.Booster that monitors use."""

    def predict(self, data: NDArray[np.float64], **settings: object) -> NDArray[np.float64]: ...  # noqa: D102

    def feature_importance(self, importance_type: str) -> NDArray[np.float64]: ...  # noqa: D102

    def model_to_string(self) -> str: ...  # noqa: D102


def load_lightgbm() -> Any:
    """Import LightGBM; the error names the system library that is missing."""
    try:
        import lightgbm
    except OSError as error:
        raise OSError(
            "LightGBM needs the OpenMP runtime: install libgomp1 (Debian, Ubuntu), libgomp "
            "(Fedora) or libomp (macOS, `brew install libomp`), then restart Python"
        ) from error
    return lightgbm


def require_hyperparameters(hyperparameters: object) -> None:
    """Raise a TypeError unless hyperparameters are a dict of settings or None."""
    if not isinstance(hyperparameters, Mapping | None):
        raise TypeError(
            f"`hyperparameters` must be a dict of LightGBM settings, got {hyperparameters!r}"
        )


def bin_matrix(
    matrix: NDArray[np.float64],
    categorical: Sequence[int],
    *,
    target: NDArray[np.float64] | None = None,
    hyperparameters: Hyperparameters | None = None,
) -> Any:
    """Bin the columns once; return a lightgbm.Dataset that serves several targets.

    Parameters
    ----------
    matrix : array of shape (n_rows, n_columns)
        Missing values as NaN, categories as codes from 0.
    categorical : sequence of int
        The positions of the columns that hold codes.
    target : array of shape (n_rows,), optional
        The target, if `grow` gets a part of the rows (``.subset(rows)``).
    hyperparameters : dict, optional
        Those that `grow` will get: some, such as ``max_bin``, set the bins and cannot change later.

    Raises
    ------
    ValueError
        For a hyperparameter that is not supported here.
    """
    lightgbm = load_lightgbm()
    # LightGBM before 4.6 loses the categorical columns when it frees the raw data.
    return lightgbm.Dataset(
        matrix,
        target,
        categorical_feature=list(categorical),
        params=QUIET | _canonical(hyperparameters),
        free_raw_data=False,
    )


def grow(
    data: Any,
    target: NDArray[np.float64] | None = None,
    hyperparameters: Hyperparameters | None = None,
    *,
    name: str = "the target",
) -> Booster:
    """Fit a lightgbm.Booster to a target.

    The default settings are LightGBM's, with squared error. Without ``target``, the data must have
    one.

    Raises
    ------
    ValueError
        For a target too large for LightGBM (``name`` is its name in the message), or
        hyperparameters that LightGBM rejects.
    """
    if target is not None and len(target) and np.abs(target).max() > np.finfo(np.float32).max:
        n_beyond = int((np.abs(target) > np.finfo(np.float32).max).sum())
        raise ValueError(
            f"{name} exceeds {np.finfo(np.float32).max:.1g}, the largest number that LightGBM "
            f"learns, in {n_beyond:,} of {len(target):,} rows; give a larger unit"
        )
    lightgbm = load_lightgbm()
    given = _canonical(hyperparameters)
    try:
        n_rows = data.construct().num_data()
        settings = {"objective": "regression", **QUIET, **threads(n_rows), **given}
        n_rounds = settings.pop("num_iterations", 100)
        if target is not None:
            data.set_label(target)
        booster: Booster = lightgbm.train(settings, data, num_boost_round=n_rounds)
        return booster
    except (lightgbm.basic.LightGBMError, ValueError, TypeError) as error:
        if not given:
            raise
        raise ValueError(
            f"LightGBM cannot work with `hyperparameters` {given}: {str(error).strip()}; correct "
            "or leave out what it names"
        ) from error


def _canonical(hyperparameters: Hyperparameters | None) -> dict[str, object]:
    """Return the hyperparameters with aliases replaced by LightGBM's main names."""
    given = {_ALIASES.get(name, name): value for name, value in (hyperparameters or {}).items()}
    for name, reason in _REFUSED.items():
        if given.get(name):
            raise ValueError(f"`hyperparameters` asks for {name}={given[name]!r}, but {reason}")
    # Older versions of LightGBM reject these settings even when they are switched off.
    return {name: value for name, value in given.items() if name not in _REFUSED}


def predict(booster: Booster, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Predict with a lightgbm.Booster, shape (n_rows,)."""
    return np.asarray(booster.predict(matrix, **threads(len(matrix), FEW)))


def _note_fork() -> None:
    global _forked
    _forked = True


_forked = False
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_note_fork)


def threads(n_rows: int, least: int = SMALL) -> dict[str, int]:
    """Return the setting of one thread where more are slower, or would hang.

    OpenMP's threads do not survive a fork: a forked child that asks for them waits forever.
    """
    return {"num_threads": 1} if _forked or n_rows < least else {}
