"""Time the domain classifier, and NannyML's on the same frame where NannyML is installed.

    OMP_NUM_THREADS=2 python benchmarks/domain_classifier.py [n_rows]

Half of the rows are the reference; ten chunks each; six numeric and two text columns.
"""

import sys
from time import perf_counter

import numpy as np
import pandas as pd

from course_lib import DomainClassifierCalculator


def make(n_rows, *, shift=0.0, seed=0):
    """Return independent columns, the first of them shifted."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n_rows, 6)), columns=list("abcdef"))
    frame["a"] += shift
    frame["grade"] = rng.choice(list("ABCDE"), n_rows)
    frame["shop"] = rng.choice([f"shop {i}" for i in range(20)], n_rows)
    return frame


def seconds(calculator, reference, analysis):
    """Return how long fitting and calculating take."""
    start = perf_counter()
    calculator.fit(reference).calculate(analysis)
    return perf_counter() - start


def main(n_rows):
    """Print both times and their ratio."""
    reference, analysis = make(n_rows // 2), make(n_rows // 2, shift=0.3, seed=1)
    columns = list(reference)
    ours = seconds(
        DomainClassifierCalculator(columns, chunk_size=n_rows // 20), reference, analysis
    )
    print(f"course_lib: {ours:.1f} s for {n_rows:,} rows")
    try:
        import nannyml
    except ImportError:
        print("NannyML is not installed here")
        return
    calculator = nannyml.DomainClassifierCalculator(columns, chunk_size=n_rows // 20)
    theirs = seconds(calculator, reference, analysis)
    print(f"NannyML {nannyml.__version__}: {theirs:.1f} s, {theirs / ours:.1f} times as long")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
