"""Long runs in parts: each finished part is stored, so that an interrupted run goes on."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd

import course_lib

STORE = Path(__file__).resolve().parent.parent / "build" / "evidence"


def collect(
    name: str,
    function: Callable[..., pd.DataFrame],
    tasks: Mapping[str, tuple[Any, ...]],
    *,
    jobs: int = 1,
    store: Path | None = None,
) -> pd.DataFrame:
    """Call a function once per task and return all rows, in order of the tasks.

    Parts lie in build/evidence/*.csv under a name that changes with the source of the library and
    of the function's module: a change of either starts anew.
    """
    store = STORE if store is None else store
    store.mkdir(parents=True, exist_ok=True)
    version = _version(function)
    files = {task: store / f"{name}-{task}-{version}.csv" for task in tasks}
    open_tasks = {task: tasks[task] for task, file in files.items() if not file.exists()}
    for done, (task, part) in enumerate(_run(function, open_tasks, jobs), start=1):
        unfinished = files[task].with_suffix(".part")
        part.to_csv(unfinished, index=False)
        unfinished.replace(files[task])
        print(f"{name} {task}: {done} of {len(open_tasks)}", file=sys.stderr, flush=True)
    # Also a new part is read back: a resumed run prints the same as one that was never stopped.
    return pd.concat([pd.read_csv(file) for file in files.values()], ignore_index=True)


def _run(
    function: Callable[..., pd.DataFrame], tasks: Mapping[str, tuple[Any, ...]], jobs: int
) -> Any:
    if jobs == 1 or len(tasks) < 2:
        yield from ((task, function(*given)) for task, given in tasks.items())
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(function, *given): task for task, given in tasks.items()}
        for finished in as_completed(running):
            yield running[finished], finished.result()


def _version(function: Callable[..., Any]) -> str:
    library = sorted(Path(course_lib.__file__).parent.rglob("*.py"))
    sources = [*library, Path(inspect.getfile(function))]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:8]
