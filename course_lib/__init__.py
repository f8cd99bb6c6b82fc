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
    from .business import desk_value as desk_value
    from .checks import check as check
    from .checks import claim as claim
    from .checks import quiz as quiz
    from .chunking import CountBasedChunker as CountBasedChunker
    from .chunking import PeriodBasedChunker as PeriodBasedChunker
    from .chunking import SizeBasedChunker as SizeBasedChunker
    from .datasets import as_of as as_of
    from .datasets import load_diamonds as load_diamonds
    from .datasets import load_flights as load_flights
    from .datasets import split_by_time as split_by_time
    from .desk import load_desk as load_desk
    from .estimation import CBPE as CBPE
    from .estimation import DLE as DLE
    from .game import game_day as game_day
    from .logbook import error_by_segment as error_by_segment
    from .logbook import incident_log as incident_log
    from .metrics import RowMetric as RowMetric
    from .multivariate import ColumnConsistencyCalculator as ColumnConsistencyCalculator
    from .multivariate import DataReconstructionDriftCalculator as DataReconstructionDriftCalculator
    from .multivariate import DomainClassifierCalculator as DomainClassifierCalculator
    from .partitions import write_partitions as write_partitions
    from .payoff import compare_remedies as compare_remedies
    from .plots import show as show
    from .quality import MissingValuesCalculator as MissingValuesCalculator
    from .quality import NumericalRangeCalculator as NumericalRangeCalculator
    from .quality import UnseenValuesCalculator as UnseenValuesCalculator
    from .ranking import AlertCountRanker as AlertCountRanker
    from .ranking import CorrelationRanker as CorrelationRanker
    from .ranking import ImpactRanker as ImpactRanker
    from .realized import PerformanceCalculator as PerformanceCalculator
    from .remedies import change_margin as change_margin
    from .remedies import do_nothing as do_nothing
    from .remedies import recalibrate as recalibrate
    from .remedies import refuse as refuse
    from .remedies import reindex as reindex
    from .remedies import retrain as retrain
    from .repairs import carat_contradicts as carat_contradicts
    from .repairs import repair_carat as repair_carat
    from .resolution import decompose_change as decompose_change
    from .result import Result as Result
    from .scale import measure_partitions as measure_partitions
    from .storage import load as load
    from .thresholds import ConstantThreshold as ConstantThreshold
    from .thresholds import PredictionIntervalThreshold as PredictionIntervalThreshold
    from .thresholds import StandardDeviationThreshold as StandardDeviationThreshold
    from .univariate import UnivariateDriftCalculator as UnivariateDriftCalculator
    from .verdicts import triage as triage


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
