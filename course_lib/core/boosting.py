"""LightGBM with one set of constants: quiet, seeded, deterministic.

Threads come from OMP_NUM_THREADS, as OpenMP reads it; small data use one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "QUIET",
    "Booster",
    "Hyperparameters",
    "bin_matrix",
    "draw",
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
#: Rows below which one thread learns or predicts. A tree grows in many short steps that each wait
#: for all threads; predictions wait once.
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
#: Settings that would crash LightGBM, or that it cannot heed, with the reason.
_REFUSED = {
    "linear_tree": "bins are shared and hold no raw numbers; leave it out",
    "early_stopping_round": "no rows are held out to stop by; choose `num_iterations` instead",
}


class Booster(Protocol):
    """A lightgbm.Booster, as far as monitors need it."""

    def predict(self, data: NDArray[np.float64], **settings: object) -> NDArray[np.float64]: ...  # noqa: D102

    def feature_importance(self, importance_type: str) -> NDArray[np.float64]: ...  # noqa: D102

    def model_to_string(self) -> str: ...  # noqa: D102


def load_lightgbm() -> Any:
    """Import LightGBM, or say in one sentence what is missing."""
    try:
        import lightgbm
    except OSError as error:
        raise OSError(
            "LightGBM needs the OpenMP runtime: install libgomp1 (Debian, Ubuntu), libgomp "
            "(Fedora) or libomp (macOS, `brew install libomp`), then restart Python"
        ) from error
    return lightgbm


def require_hyperparameters(hyperparameters: object) -> None:
    """Raise a TypeError unless hyperparameters are a dict of settings, or None."""
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
    """Bin columns once, as a lightgbm.Dataset from which several targets can be learned.

    Parameters
    ----------
    matrix : array of shape (n_rows, n_columns)
        Missing values as NaN, categories as codes from 0.
    categorical : sequence of int
        The positions of the columns that hold codes.
    target : array of shape (n_rows,), optional
        What `grow` shall learn from parts of the rows (``.subset(rows)``).
    hyperparameters : dict, optional
        Those that `grow` will get: some (``max_bin``) say how to bin, and cannot change afterwards.

    Raises
    ------
    ValueError
        For a hyperparameter that cannot be heeded here.
    """
    lightgbm = load_lightgbm()
    # LightGBM before 4.6 forgets which columns are categorical with the raw data.
    return lightgbm.Dataset(
        matrix,
        target,
        categorical_feature=list(categorical),
        params=QUIET | _asked(hyperparameters),
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

    LightGBM's defaults with squared error, unless hyperparameters say otherwise. Without a target
    the data must bring one.

    Raises
    ------
    ValueError
        When a target is too large for LightGBM; ``name`` says what it is. For hyperparameters that
        LightGBM refuses.
    """
    if target is not None and len(target) and np.abs(target).max() > np.finfo(np.float32).max:
        n_beyond = int((np.abs(target) > np.finfo(np.float32).max).sum())
        raise ValueError(
            f"{name} exceeds {np.finfo(np.float32).max:.1g}, the largest number that LightGBM "
            f"learns, in {n_beyond:,} of {len(target):,} rows; give a larger unit"
        )
    lightgbm = load_lightgbm()
    asked = _asked(hyperparameters)
    try:
        limited = threads(data.construct().num_data())
        settings = {"objective": "regression", **QUIET, **limited, **asked}
        n_rounds = settings.pop("num_iterations", 100)
        if target is not None:
            data.set_label(target)
        booster: Booster = lightgbm.train(settings, data, num_boost_round=n_rounds)
        return booster
    except (lightgbm.basic.LightGBMError, ValueError, TypeError) as error:
        if not asked:
            raise
        raise ValueError(
            f"LightGBM cannot work with `hyperparameters` {asked}: {str(error).strip()}; correct "
            "or leave out what it names"
        ) from error


def _asked(hyperparameters: Hyperparameters | None) -> dict[str, object]:
    """Hyperparameters under the names that are used here."""
    asked = {_ALIASES.get(name, name): value for name, value in (hyperparameters or {}).items()}
    for name, reason in _REFUSED.items():
        if asked.get(name):
            raise ValueError(f"`hyperparameters` asks for {name}={asked[name]!r}, but {reason}")
    # Switched off, as by default: older versions of LightGBM refuse even that.
    return {name: value for name, value in asked.items() if name not in _REFUSED}


def predict(booster: Booster, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Predict with a lightgbm.Booster, shape (n_rows,)."""
    return np.asarray(booster.predict(matrix, **threads(len(matrix), FEW)))


def threads(n_rows: int, least: int = SMALL) -> dict[str, int]:
    """Keep small data on one thread: sharing the work out would cost more than it saves."""
    return {"num_threads": 1} if n_rows < least else {}


def draw(rows: NDArray[np.intp], n: int, seed: int = 0) -> NDArray[np.intp]:
    """Draw at most n of the rows, in their order, the same every time."""
    if len(rows) <= n:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, n, replace=False))
