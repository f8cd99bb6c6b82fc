"""Time one calculator of one library on one frame, in this process.

    python benchmarks/one.py {course_lib,nannyml,floor} NAME ROWS

Prints seconds, CPU seconds, and the peak memory of the process in MB. Seconds are those of fit and
calculate, without making the frame and without imports, those on first use included.
"""

import os
import resource
import sys
import warnings
from importlib import import_module
from time import perf_counter, process_time

import numpy as np
from frames import CALCULATORS, COLUMNS, N_CHUNKS, NUMBERS, OURS, pair


def peak_mb():
    """Return the peak memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


def calculator(library, name, n_rows):
    """Return what fits on a reference and calculates on an analysis frame."""
    _, class_name, options, _ = CALCULATORS[name]
    own = OURS.get(name, {}) if library == "course_lib" else {}
    monitor = getattr(import_module(library), class_name)(
        chunk_size=n_rows // N_CHUNKS, **options, **own
    )
    verb = "estimate" if hasattr(monitor, "estimate") else "calculate"

    def work(reference, analysis):
        monitor.fit(reference)
        getattr(monitor, verb)(analysis)

    return work


def sort_once(reference, analysis):
    """The floor of exact distances: sort each numeric column."""
    for frame in (reference, analysis):
        for column in NUMBERS:
            np.sort(frame[column].to_numpy())


def pass_once(reference, analysis):
    """The floor of a mean per chunk: one pass over label and prediction."""
    for frame in (reference, analysis):
        np.abs(frame["y"].to_numpy() - frame["predicted"].to_numpy()).mean()


def fit_once(reference, analysis):
    """The floor of a nanny: one LightGBM fit and prediction, on numbers and codes."""
    from course_lib.core.boosting import bin_matrix, grow, predict

    def matrix(frame):
        codes = [frame[name].astype("category").cat.codes for name in COLUMNS[len(NUMBERS) :]]
        return np.column_stack([frame[NUMBERS], *codes]).astype(float)

    target = np.abs(reference["y"] - reference["predicted"]).to_numpy()
    predict(grow(bin_matrix(matrix(reference), [6, 7]), target), matrix(analysis))


LOADED_ON_FIRST_USE = [
    "lightgbm",
    "pyarrow.compute",
    "scipy.stats",
    "sklearn.decomposition",
    "sklearn.metrics",
    "sklearn.model_selection",
]
FLOORS = {"one sort": sort_once, "one pass": pass_once, "one LightGBM": fit_once}


def main(library, name, n_rows):
    """Print the three figures."""
    warnings.simplefilter("ignore")
    os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
    for module in LOADED_ON_FIRST_USE:
        import_module(module)
    frames = pair(n_rows)
    work = FLOORS[name] if library == "floor" else calculator(library, name, n_rows)
    start, cpu = perf_counter(), process_time()
    work(*frames)
    print(perf_counter() - start, process_time() - cpu, peak_mb())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
