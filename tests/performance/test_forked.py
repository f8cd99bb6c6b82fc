"""A fitted monitor works in a child process: OpenMP's threads do not survive a fork.

A forked child inherits the monitor. Unpickling or fitting one in it can still hang in LightGBM.
"""

import multiprocessing
import os
import subprocess
import sys

import pytest

SCRIPT = """
import multiprocessing, sys
import numpy as np, pandas as pd
from concurrent.futures import ThreadPoolExecutor
from course_lib import DLE

def priced(seed, n=36_000):  # chunks of 6,000 rows: large enough for several threads
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=n)}).assign(predicted=lambda f: 3 * f["x"])
    return frame.assign(price=frame["predicted"] + rng.normal(size=n))

def estimate(monitor):
    return monitor.estimate(priced(1)).to_df()["value"].tolist()

def put(monitor, queue):
    queue.put(estimate(monitor))

if __name__ == "__main__":
    settings = {"num_iterations": 5}
    monitor = DLE(["x"], "predicted", "price", metrics="mae", chunk_size=6_000,
                  hyperparameters=settings).fit(priced(0))
    here = estimate(monitor)
    if sys.argv[1] == "threads":
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(estimate, [monitor] * 2))
    else:
        context = multiprocessing.get_context(sys.argv[1])
        queue = context.Queue()
        children = [context.Process(target=put, args=(monitor, queue)) for _ in range(2)]
        for child in children:
            child.start()
        found = [queue.get(timeout=60) for _ in children]
    assert found == [here] * 2, (here, found)
    print("equal")
"""
METHODS = [*multiprocessing.get_all_start_methods(), "threads"]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_child_process_gives_the_numbers_of_its_parent(method, tmp_path):
    """Without the limit to one thread, a forked child waited forever."""
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    run = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", path, method],
        env=os.environ | {"OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.stdout == "equal\n", run.stderr
