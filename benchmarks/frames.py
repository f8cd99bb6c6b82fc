"""The frames and calculators that are timed: the same names for both libraries."""

import numpy as np
import pandas as pd

NUMBERS = list("abcdef")
COLUMNS = [*NUMBERS, "grade", "shop"]
N_CHUNKS = 20


def make(n_rows, *, shift=0.0, seed=0):
    """Draw a frame: skewed and shifted numbers, two text columns, predictions and outcomes."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n_rows, 6)), columns=NUMBERS)
    frame["b"] = np.exp(frame["b"])
    frame["a"] += shift
    frame["grade"] = rng.choice(list("ABCDE"), n_rows)
    frame["shop"] = rng.choice([f"shop {i}" for i in range(20)], n_rows)
    frame["predicted"] = 100 + 10 * frame["a"] + frame["b"]
    noise = rng.normal(size=n_rows) * (1 + frame["a"].abs() + (frame["grade"] == "A"))
    score = 1 / (1 + np.exp(-frame["a"] - 0.5 * frame["c"]))
    late = (rng.uniform(size=n_rows) < score).astype(int)
    return frame.assign(
        y=frame["predicted"] + noise, score=score, late=late, called=(score > 0.5).astype(int)
    )


def pair(n_rows):
    """Return reference and analysis; the reference is half as long, the analysis shifted."""
    return make(n_rows // 2), make(n_rows, shift=0.1, seed=1)


REGRESSION = {"y_true": "y", "y_pred": "predicted", "metrics": ["mae", "rmse"]}
CLASSES = {
    "y_true": "late",
    "y_pred": "called",
    "y_pred_proba": "score",
    "problem_type": "classification_binary",
    "metrics": ["roc_auc", "f1", "accuracy"],
}


def distances(continuous, categorical):
    """Return the options of a univariate calculator."""
    return {
        "column_names": COLUMNS,
        "continuous_methods": [continuous],
        "categorical_methods": [categorical],
    }


MOST = 1_000_000  # rows on which NannyML is timed
# name: (title, class, options, the most rows for NannyML: more would take minutes)
CALCULATORS = {
    "realized": (
        "Realized mae and rmse",
        "PerformanceCalculator",
        {**REGRESSION, "problem_type": "regression"},
        MOST,
    ),
    "dle": ("DLE mae and rmse", "DLE", {"feature_column_names": COLUMNS, **REGRESSION}, MOST),
    "classified": ("Realized ROC AUC, F1, accuracy", "PerformanceCalculator", CLASSES, MOST),
    "cbpe": ("CBPE ROC AUC, F1, accuracy", "CBPE", CLASSES, MOST),
    "ks": (
        "Kolmogorov–Smirnov, chi-squared",
        "UnivariateDriftCalculator",
        distances("kolmogorov_smirnov", "chi2"),
        MOST,
    ),
    "wasserstein": (
        "Wasserstein, L-infinity",
        "UnivariateDriftCalculator",
        distances("wasserstein", "l_infinity"),
        MOST,
    ),
    "js": (
        "Jensen–Shannon",
        "UnivariateDriftCalculator",
        distances("jensen_shannon", "jensen_shannon"),
        MOST,
    ),
    "hellinger": (
        "Hellinger",
        "UnivariateDriftCalculator",
        distances("hellinger", "hellinger"),
        MOST,
    ),
    "pca": (
        "Reconstruction error",
        "DataReconstructionDriftCalculator",
        {"column_names": COLUMNS},
        MOST,
    ),
    "domain": (
        "Domain classifier",
        "DomainClassifierCalculator",
        {"feature_column_names": COLUMNS},
        100_000,
    ),
    "consistency": (
        "Column consistency",
        "ColumnConsistencyCalculator",
        {"column_names": COLUMNS},
        0,
    ),
    "missing": ("Missing values", "MissingValuesCalculator", {"column_names": COLUMNS}, MOST),
}
#: Options of ours alone: NannyML has no cross-fitting.
OURS = {"dle": {"cross_fit": False}}
#: The most rows for ours: with more, 160 models that predict every row would take some ten minutes.
OURS_MOST = {"consistency": 1_000_000}
