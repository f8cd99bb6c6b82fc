"""Where course_lib does not give NannyML's number, and why. Everything else agrees to 1e-6."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

TOLERANCE = 1e-6


@dataclass(frozen=True)
class Departure:
    """Numbers that differ on purpose.

    Attributes
    ----------
    what : str
        Which numbers, in words.
    covers : callable
        Which rows of the frame of gaps, as a mask.
    tolerance : float
        The largest relative difference they may have; infinite where one side has no number, or
        where the two are numbers of different things. Alerts may differ with them.
    reason : str
    """

    what: str
    covers: Callable[[pd.DataFrame], pd.Series]
    tolerance: float
    reason: str

    @property
    def size(self) -> str:
        """The tolerance, in words."""
        return "not compared" if self.tolerance == float("inf") else f"within {self.tolerance:.0%}"


def of(
    cases: str = "",
    metrics: str = "",
    quantities: str = "",
    columns: str = "",
    period: str = "",
) -> Callable[[pd.DataFrame], pd.Series]:
    """Choose rows by a pattern in the case's name and by lists of names, divided by blanks."""

    def covers(gaps: pd.DataFrame) -> pd.Series:
        found = pd.Series(True, index=gaps.index)
        if cases:
            found &= gaps["case"].str.contains(cases, regex=True)
        for name, wanted in (("metric", metrics), ("quantity", quantities), ("column", columns)):
            if wanted:
                found &= gaps[name].isin(wanted.split())
        return found & (gaps["period"] == period) if period else found

    return covers


def _switched_off(gaps: pd.DataFrame) -> pd.Series:
    lower = gaps["quantity"].eq("lower_threshold") & gaps["theirs"].eq(0)
    upper = gaps["quantity"].eq("upper_threshold") & gaps["theirs"].eq(1)
    return (lower | upper) & gaps["ours"].isna()


def _error_of_none(gaps: pd.DataFrame) -> pd.Series:
    return of("unseen$|range$", quantities="sampling_error")(gaps) & gaps["theirs"].isna()


DEPARTURES = [
    Departure(
        "a threshold at the end of the scale",
        _switched_off,
        float("inf"),
        "NannyML clips a limit to the smallest or largest value of the metric, which no value can "
        "pass; here the side is switched off. Alerts are the same",
    ),
    Departure(
        "chi-squared: limit and alert",
        of(metrics="chi2", quantities="upper_threshold alert"),
        float("inf"),
        "NannyML alerts at p < 0.05 and has no limit; here the limit comes from the reference, as "
        "for any distance. The statistic agrees",
    ),
    Departure(
        "L-infinity with two unseen categories in a chunk",
        of("univariate$", "l_infinity", "value", "town", "analysis"),
        0.6,
        "NannyML counts them one by one, here all unseen ones count as one category: frozen codes "
        "keep the state small",
    ),
    Departure(
        "sampling error of F1",
        of("CBPE|realized", "f1", "sampling_error"),
        0.4,
        "by the delta method; NannyML's is too large by the factor 1 + TP/(TP + FP + FN)",
    ),
    Departure(
        "sampling error of ROC AUC",
        of("CBPE|realized", "roc_auc", "sampling_error"),
        0.35,
        "DeLong's, which counts both classes; NannyML's counts the rarer class only",
    ),
    Departure(
        "sampling error of average precision",
        of("CBPE|realized", "average_precision", "sampling_error"),
        0.1,
        "by the delta method; NannyML draws 50 bootstrap samples, other ones in every run (here "
        "with a fixed seed)",
    ),
    Departure(
        "estimated average precision with tied scores",
        of("CBPE", "average_precision", "value alert"),
        0.01,
        "rows of equal score count together, as scikit-learn counts realized ones; NannyML takes "
        "them one by one in the order its sort left them in",
    ),
    Departure(
        "whether scores need calibration",
        of("CBPE", quantities="calibrated"),
        float("inf"),
        "judged on five blocks of rows in order of time; NannyML judges on ten random tenths. "
        "Where scores are good probabilities either way, the verdict is a toss-up",
    ),
    Departure(
        "business value per prediction",
        of("per prediction$"),
        float("inf"),
        "the total divided by the number of rows; NannyML divides by column sums of the confusion "
        "matrix, which is no value per prediction",
    ),
    Departure(
        "sampling error of the share of missing values",
        of("missing$", quantities="sampling_error"),
        float("inf"),
        "from the chunk's own share; NannyML's, from the reference, is zero where the reference "
        "has no gap",
    ),
    Departure(
        "sampling error of unseen and out-of-range shares",
        _error_of_none,
        float("inf"),
        "NannyML gives none",
    ),
    Departure(
        "unseen and out-of-range shares in the reference",
        of("unseen$|range$", quantities="value alert", period="reference"),
        float("inf"),
        "each chunk is held against the other chunks; in NannyML against a reference that holds "
        "it, which is zero by construction",
    ),
    Departure(
        "missing values as unseen ones",
        of("unseen$", quantities="value alert", columns="town", period="analysis"),
        float("inf"),
        "a missing value is not an unseen one; in NannyML it is, unless the reference had one too",
    ),
    Departure(
        "domain classifier",
        of("domain classifier$", quantities="value alert"),
        0.2,
        "at most 2,000 rows of each side, shuffled folds, smaller trees; NannyML takes all rows "
        "and folds in order of time",
    ),
    Departure(
        "rank by alerts",
        of("alert count", quantities="rank"),
        float("inf"),
        "columns with equal counts are in order of their names; in NannyML in reverse order",
    ),
    Departure(
        "rank by correlation",
        of("correlation", quantities="rank"),
        float("inf"),
        "by strength, whatever the sign; in NannyML a strong negative correlation comes last",
    ),
]
