"""The public names of course_lib: each one once, with the module that holds it."""

from .core.chunking import CountBasedChunker as CountBasedChunker
from .core.chunking import PeriodBasedChunker as PeriodBasedChunker
from .core.chunking import SizeBasedChunker as SizeBasedChunker
from .core.monitor_checks import check_monitor as check_monitor
from .core.result import Result as Result
from .core.thresholds import ConstantThreshold as ConstantThreshold
from .core.thresholds import PredictionIntervalThreshold as PredictionIntervalThreshold
from .core.thresholds import StandardDeviationThreshold as StandardDeviationThreshold
from .core.timeline import as_of as as_of
from .core.timeline import split_by_time as split_by_time
from .course.carat_repair import carat_contradicts as carat_contradicts
from .course.carat_repair import repair_carat as repair_carat
from .course.data import load_diamonds as load_diamonds
from .course.data import load_flights as load_flights
from .course.desk import load_desk as load_desk
from .course.desk_remedies import change_margin as change_margin
from .course.desk_remedies import do_nothing as do_nothing
from .course.desk_remedies import recalibrate as recalibrate
from .course.desk_remedies import refuse as refuse
from .course.desk_remedies import reindex as reindex
from .course.desk_remedies import retrain as retrain
from .course.desk_value import desk_value as desk_value
from .course.exercises import check as check
from .course.exercises import claim as claim
from .course.exercises import quiz as quiz
from .course.game import game_day as game_day
from .course.production_files import write_partitions as write_partitions
from .course.remedy_value import compare_remedies as compare_remedies
from .diagnosis.decomposition import decompose_change as decompose_change
from .diagnosis.incident_log import error_by_segment as error_by_segment
from .diagnosis.incident_log import incident_log as incident_log
from .diagnosis.ranking import AlertCountRanker as AlertCountRanker
from .diagnosis.ranking import CorrelationRanker as CorrelationRanker
from .diagnosis.ranking import ImpactRanker as ImpactRanker
from .diagnosis.triage import triage as triage
from .drift.consistency import ColumnConsistencyCalculator as ColumnConsistencyCalculator
from .drift.domain_classifier import DomainClassifierCalculator as DomainClassifierCalculator
from .drift.quality import MissingValuesCalculator as MissingValuesCalculator
from .drift.quality import NumericalRangeCalculator as NumericalRangeCalculator
from .drift.quality import UnseenValuesCalculator as UnseenValuesCalculator
from .drift.reconstruction import (
    DataReconstructionDriftCalculator as DataReconstructionDriftCalculator,
)
from .drift.univariate import UnivariateDriftCalculator as UnivariateDriftCalculator
from .performance.cbpe import CBPE as CBPE
from .performance.dle import DLE as DLE
from .performance.realized import PerformanceCalculator as PerformanceCalculator
from .performance.regression_metrics import RowMetric as RowMetric
from .persistence.partitions import measure_partitions as measure_partitions
from .persistence.storage import load as load
from .plots import show as show

__version__: str
__all__: list[str]
