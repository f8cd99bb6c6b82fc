"""Monitor a deployed model, end to end: the library of the course.

Every public name can be imported from here. A module is loaded when one of its names is first
used, so that ``import course_lib`` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "checks": ["check", "claim", "quiz"],
    "chunking": ["CountBasedChunker", "PeriodBasedChunker", "SizeBasedChunker"],
    "datasets": ["as_of", "load_diamonds", "load_flights", "split_by_time"],
    "business": ["desk_value"],
    "desk": ["load_desk"],
    "estimation": ["CBPE", "DLE"],
    "game": ["game_day"],
    "logbook": ["error_by_segment", "incident_log"],
    "metrics": ["RowMetric"],
    "multivariate": [
        "ColumnConsistencyCalculator",
        "DataReconstructionDriftCalculator",
        "DomainClassifierCalculator",
    ],
    "partitions": ["write_partitions"],
    "payoff": ["compare_remedies"],
    "plots": ["show"],
    "quality": ["MissingValuesCalculator", "NumericalRangeCalculator", "UnseenValuesCalculator"],
    "ranking": ["AlertCountRanker", "CorrelationRanker", "ImpactRanker"],
    "realized": ["PerformanceCalculator"],
    "remedies": [
        "change_margin",
        "do_nothing",
        "recalibrate",
        "refuse",
        "reindex",
        "retrain",
    ],
    "repairs": ["carat_contradicts", "repair_carat"],
    "resolution": ["decompose_change"],
    "result": ["Result"],
    "scale": ["measure_partitions"],
    "storage": ["load"],
    "thresholds": [
        "ConstantThreshold",
        "PredictionIntervalThreshold",
        "StandardDeviationThreshold",
    ],
    "univariate": ["UnivariateDriftCalculator"],
    "verdicts": ["triage"],
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__version__ = "0.1.0"
__all__ = sorted(_HOME)

if TYPE_CHECKING:
    from .chunking import CountBasedChunker as CountBasedChunker
    from .chunking import PeriodBasedChunker as PeriodBasedChunker
    from .chunking import SizeBasedChunker as SizeBasedChunker
    from .estimation import CBPE as CBPE
    from .estimation import DLE as DLE
    from .metrics import RowMetric as RowMetric
    from .realized import PerformanceCalculator as PerformanceCalculator
    from .result import Result as Result
    from .thresholds import ConstantThreshold as ConstantThreshold
    from .thresholds import PredictionIntervalThreshold as PredictionIntervalThreshold
    from .thresholds import StandardDeviationThreshold as StandardDeviationThreshold


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
