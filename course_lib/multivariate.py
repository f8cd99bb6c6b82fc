"""Multivariate drift: three monitors that ask whether columns still fit each other.

Each is at home in a module of its own. Taught in lesson 05.
"""

from .consistency import ColumnConsistencyCalculator
from .domain_classifier import DomainClassifierCalculator
from .reconstruction import DataReconstructionDriftCalculator

__all__ = [
    "ColumnConsistencyCalculator",
    "DataReconstructionDriftCalculator",
    "DomainClassifierCalculator",
]
