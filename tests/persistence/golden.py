"""Files of the current format, kept in the repository: later versions have to read them.

``python -m golden`` in this folder writes them anew, with the numbers that they gave. Do so only
together with a new `course_lib.persistence.storage.VERSION`.
"""

from pathlib import Path

import pandas as pd
from test_storage import MONITORS, measure, stones

FOLDER = Path(__file__).parent / "golden_files"
EXPECTED = FOLDER / "expected.csv"
COMPARED = ["value", "sampling_error", "lower_confidence_boundary", "upper_confidence_boundary"]
COMPARED += ["lower_threshold", "upper_threshold", "alert"]


def path(name):
    return FOLDER / f"{name.replace(', ', '_').replace(' ', '_')}.monitor"


def numbers(name, monitor):
    """Return what the monitor measures in later rows, without what differs by version."""
    frame = measure(monitor).to_df()
    return frame[["column", "metric", "period", "chunk_index", *COMPARED]].assign(monitor=name)


def write():
    FOLDER.mkdir(exist_ok=True)
    parts = []
    for name, make in MONITORS.items():
        monitor = make().fit(stones())
        monitor.save(path(name))
        parts.append(numbers(name, monitor))
    pd.concat(parts).to_csv(EXPECTED, index=False, lineterminator="\n")


if __name__ == "__main__":
    write()
