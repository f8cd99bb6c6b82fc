"""What is computed on both sides: one calculator, one data set, one way to cut it, one line.

Calculators and keywords have the same names in NannyML and in course_lib, so a case is written
once. Nothing is imported here, so that both environments can read it.
"""

from dataclasses import dataclass, field
from typing import Any

TIME = {"desk": "offered_at", "flights": "scheduled_at", "mixed": "moment"}
CHUNKING: dict[str, dict[str, Any]] = {
    "week": {"chunk_period": "W"},
    "month": {"chunk_period": "M"},
    "size": {"chunk_size": 1000},
    "rows": {"chunk_size": 1000, "timestamp_column_name": None},
    "number": {"chunk_number": 7},
    "default": {},
}

SHORT = {
    "DLE": "DLE",
    "CBPE": "CBPE",
    "PerformanceCalculator": "realized",
    "DataReconstructionDriftCalculator": "reconstruction",
    "DomainClassifierCalculator": "domain classifier",
    "UnivariateDriftCalculator": "univariate",
    "MissingValuesCalculator": "missing",
    "UnseenValuesCalculator": "unseen",
    "NumericalRangeCalculator": "range",
}


@dataclass(frozen=True)
class Case:
    """A calculator with its keywords, run on the reference and the analysis rows of a data set."""

    data: str
    chunking: str
    calculator: str
    options: dict[str, Any]
    variant: str = field(default="", kw_only=True)

    @property
    def name(self) -> str:
        """The name of the case in the frozen files, such as "desk week DLE"."""
        parts = [self.data, self.chunking, SHORT[self.calculator], self.variant]
        return " ".join(filter(None, parts))

    @property
    def keywords(self) -> dict[str, Any]:
        """What the calculator is called with, beside thresholds."""
        return {
            "timestamp_column_name": TIME[self.data],
            **CHUNKING[self.chunking],
            **self.options,
        }


REGRESSION = ["mae", "mape", "mse", "rmse", "msle", "rmsle"]
RATES = ["roc_auc", "average_precision", "f1", "precision", "recall", "specificity", "accuracy"]
CLASSIFICATION = [*RATES, "confusion_matrix", "business_value"]
CONTINUOUS = ["kolmogorov_smirnov", "wasserstein", "jensen_shannon", "hellinger"]
CATEGORICAL = ["chi2", "l_infinity", "jensen_shannon", "hellinger"]
METHODS = {"continuous_methods": CONTINUOUS, "categorical_methods": CATEGORICAL}

STONE = ["carat", "cut", "color", "clarity", "depth", "table", "x", "y", "z"]
PRICE = {"y_pred": "predicted_price", "y_true": "price"}
FLIGHT = ["dep_delay", "hour", "distance", "temp", "visib", "carrier", "dest"]
# Rebooking a passenger early costs little, a missed connection much.
LATE = {"y_true": "late", "problem_type": "classification_binary", "metrics": CLASSIFICATION}
LATE |= {"business_value_matrix": [[0, -20], [-300, -60]]}
MIXED = ["normal", "skewed", "tied", "zeros", "letter", "grade"]
BOUGHT = {"y_true": "bought", "problem_type": "classification_binary", "metrics": CLASSIFICATION}
BOUGHT |= {"business_value_matrix": [[0, -1], [-10, 5]]}
PROBABILITY = {"y_pred_proba": "probability", "y_pred": "predicted_class"}
OVERCONFIDENT = {"y_pred_proba": "overconfident", "y_pred": "predicted_class"}

CASES = [
    Case("desk", "week", "DLE", {"feature_column_names": STONE, **PRICE, "metrics": REGRESSION}),
    Case(
        "desk",
        "week",
        "PerformanceCalculator",
        {**PRICE, "problem_type": "regression", "metrics": REGRESSION},
    ),
    Case("desk", "week", "DataReconstructionDriftCalculator", {"column_names": STONE}),
    Case(
        "desk",
        "week",
        "UnivariateDriftCalculator",
        {"column_names": [*STONE, "predicted_price", "price", "accepted"], **METHODS},
    ),
    Case("desk", "week", "DomainClassifierCalculator", {"feature_column_names": STONE}),
    Case("desk", "week", "NumericalRangeCalculator", {"column_names": ["carat", "depth", "y"]}),
    Case(
        "desk",
        "size",
        "DLE",
        {"feature_column_names": STONE, **PRICE, "metrics": ["mae", "rmse"]},
    ),
    Case(
        "desk",
        "size",
        "PerformanceCalculator",
        {**PRICE, "problem_type": "regression", "metrics": ["mae", "rmse"]},
    ),
    Case(
        "desk",
        "size",
        "DataReconstructionDriftCalculator",
        {"column_names": STONE, "n_components": 3},
    ),
    Case(
        "desk",
        "size",
        "UnivariateDriftCalculator",
        {"column_names": ["carat", "depth", "clarity"], **METHODS},
    ),
    Case(
        "flights",
        "week",
        "PerformanceCalculator",
        {"y_pred_proba": "score", "y_pred": "predicted_late", **LATE},
    ),
    Case(
        "flights",
        "week",
        "PerformanceCalculator",
        {
            "y_pred_proba": "score",
            "y_pred": "predicted_late",
            **LATE,
            "metrics": ["business_value"],
            "normalize_business_value": "per_prediction",
        },
        variant="per prediction",
    ),
    Case("flights", "week", "CBPE", {"y_pred_proba": "score", "y_pred": "predicted_late", **LATE}),
    Case(
        "flights",
        "rows",
        "CBPE",
        {"y_pred_proba": "sharp_score", "y_pred": "predicted_late", **LATE},
        variant="sharp score",
    ),
    Case("flights", "week", "DataReconstructionDriftCalculator", {"column_names": FLIGHT}),
    Case(
        "flights",
        "week",
        "UnivariateDriftCalculator",
        {"column_names": ["dep_delay", "distance", "wind_gust", "score", "carrier"], **METHODS},
    ),
    Case(
        "flights",
        "week",
        "MissingValuesCalculator",
        {"column_names": ["wind_gust", "plane_year", "temp", "carrier"]},
    ),
    Case(
        "flights",
        "week",
        "NumericalRangeCalculator",
        {"column_names": ["dep_delay", "temp", "distance"]},
    ),
    Case(
        "mixed",
        "month",
        "DLE",
        {
            "feature_column_names": [*MIXED, "flag"],
            "y_pred": "estimate",
            "y_true": "target",
            "metrics": REGRESSION,
        },
    ),
    Case(
        "mixed",
        "month",
        "PerformanceCalculator",
        {
            "y_pred": "estimate",
            "y_true": "target",
            "problem_type": "regression",
            "metrics": REGRESSION,
        },
    ),
    Case("mixed", "month", "DataReconstructionDriftCalculator", {"column_names": MIXED}),
    Case(
        "mixed",
        "month",
        "UnivariateDriftCalculator",
        {
            "column_names": [*MIXED, "flag", "code", "town"],
            "treat_as_categorical": ["code"],
            **METHODS,
        },
    ),
    Case(
        "mixed",
        "number",
        "UnivariateDriftCalculator",
        {"column_names": ["skewed", "tied", "grade"], **METHODS},
    ),
    Case("mixed", "number", "PerformanceCalculator", {**PROBABILITY, **BOUGHT}),
    Case("mixed", "number", "CBPE", {**PROBABILITY, **BOUGHT}),
    Case("mixed", "default", "CBPE", {**OVERCONFIDENT, **BOUGHT}, variant="overconfident"),
    Case(
        "mixed",
        "default",
        "MissingValuesCalculator",
        {"column_names": ["skewed", "letter", "normal"]},
    ),
    Case("mixed", "default", "UnseenValuesCalculator", {"column_names": ["letter", "town"]}),
    Case("mixed", "default", "NumericalRangeCalculator", {"column_names": ["skewed", "tied"]}),
]
BY_NAME = {case.name: case for case in CASES}

#: Rankings: the drift by one method, over both periods, and the metric it is held against.
DRIFT, METHOD = "desk week univariate", "jensen_shannon"
PERFORMANCE, METRIC = "desk week realized", "mae"
