"""Time every calculator on one large frame, each in a process of its own.

    OMP_NUM_THREADS=2 python benchmarks/drift.py [--rows 1000000] [--only pca dle]

The frame has six numeric and two text columns, a prediction and a label. The reference is half
as long as the analysis; both are cut into chunks of a twentieth of the analysis. Seconds are those
of fit and calculate, without making the frame; on a busy machine, CPU seconds compare better.
Memory is the peak of the whole process, and beside it what the process held before the calculator
began (Python, the libraries and the frame).
"""

import argparse
import resource
import subprocess
import sys
from time import perf_counter, process_time

import numpy as np
import pandas as pd

NUMBERS = list("abcdef")
COLUMNS = [*NUMBERS, "grade", "shop"]
N_CHUNKS = 20
ROLES = {"y_true": "y", "y_pred": "predicted"}


def make(n_rows, *, shift=0.0, seed=0):
    """Draw a frame: skewed and shifted numbers, two text columns, a prediction and a label."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n_rows, 6)), columns=NUMBERS)
    frame["b"] = np.exp(frame["b"])
    frame["a"] += shift
    frame["grade"] = rng.choice(list("ABCDE"), n_rows)
    frame["shop"] = rng.choice([f"shop {i}" for i in range(20)], n_rows)
    frame["predicted"] = 100 + 10 * frame["a"] + frame["b"]
    noise = rng.normal(size=n_rows) * (1 + frame["a"].abs() + (frame["grade"] == "A"))
    return frame.assign(y=frame["predicted"] + noise)


def univariate(continuous, categorical):
    """Return a maker of a univariate calculator for a chunk size."""
    from course_lib import UnivariateDriftCalculator

    methods = {"continuous_methods": continuous, "categorical_methods": categorical}
    return lambda size: UnivariateDriftCalculator(COLUMNS, chunk_size=size, **methods)


def reconstruction():
    """Return a maker of the reconstruction error for a chunk size."""
    from course_lib import DataReconstructionDriftCalculator

    return lambda size: DataReconstructionDriftCalculator(COLUMNS, chunk_size=size)


def realized():
    """Return a maker of the realized metrics for a chunk size."""
    from course_lib import PerformanceCalculator

    metrics = {"metrics": ["mae", "rmse"], "problem_type": "regression"}
    return lambda size: PerformanceCalculator(chunk_size=size, **metrics, **ROLES)


def estimated():
    """Return a maker of the estimated metrics for a chunk size."""
    from course_lib import DLE

    options = {"metrics": ["mae", "rmse"], "cross_fit": False}
    return lambda size: DLE(COLUMNS, chunk_size=size, **options, **ROLES)


CALCULATORS = {
    "ks": ("KS and chi-squared", lambda: univariate("kolmogorov_smirnov", "chi2")),
    "js": ("Jensen–Shannon", lambda: univariate("jensen_shannon", "jensen_shannon")),
    "wasserstein": ("Wasserstein and L-infinity", lambda: univariate("wasserstein", "l_infinity")),
    "hellinger": ("Hellinger", lambda: univariate("hellinger", "hellinger")),
    "pca": ("Reconstruction error (PCA)", reconstruction),
    "realized": ("Realized mae and rmse", realized),
    "dle": ("DLE mae and rmse, cross_fit=False", estimated),
}


def peak_mb():
    """Return the peak memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


def run_one(name, n_rows):
    """Print seconds, CPU seconds, peak and starting memory, for the parent process to read."""
    reference, analysis = make(n_rows // 2), make(n_rows, shift=0.1, seed=1)
    calculator = CALCULATORS[name][1]()(n_rows // N_CHUNKS)
    before, start, cpu = peak_mb(), perf_counter(), process_time()
    calculator.fit(reference)
    (calculator.estimate if name == "dle" else calculator.calculate)(analysis)
    print(perf_counter() - start, process_time() - cpu, peak_mb(), before)


def measured(name, n_rows):
    """Run one calculator in a new process."""
    command = [sys.executable, __file__, "--rows", str(n_rows), "--one", name]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()]


def main():
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the analysis")
    parser.add_argument("--only", nargs="+", choices=CALCULATORS, default=list(CALCULATORS))
    parser.add_argument("--one", choices=CALCULATORS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        run_one(asked.one, asked.rows)
        return
    print(f"{asked.rows:,} analysis rows, {asked.rows // 2:,} reference rows, 8 columns\n")
    print("| calculator | seconds | CPU seconds | peak memory, MB | of it before the start, MB |")
    print("|---|---|---|---|---|")
    for name in asked.only:
        seconds, cpu, peak, before = measured(name, asked.rows)
        row = f"{seconds:.2f} | {cpu:.2f} | {peak:,.0f} | {before:,.0f}"
        print(f"| {CALCULATORS[name][0]} | {row} |", flush=True)


if __name__ == "__main__":
    main()
