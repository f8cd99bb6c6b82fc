"""Measure time, memory and sameness of monitoring in partitions, at 1, 5 and 20 million rows.

    python tools/scale_evidence.py build/scale                    # prints the tables
    python tools/scale_evidence.py build/scale --millions 1       # that size alone
    python tools/scale_evidence.py build/scale --cluster tcp://127.0.0.1:8786 --write

Data (1.3 GB at all sizes) and finished measurements are kept in the folder; an interrupted run goes
on from there. Delete it afterwards. A measurement is a process of its own. The last line also uses
a Dask cluster that somebody has started, and writes the tables to docs/evidence.md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
from triage_evidence import write

from course_lib import (
    DLE,
    DataReconstructionDriftCalculator,
    DomainClassifierCalculator,
    PerformanceCalculator,
    UnivariateDriftCalculator,
    load_desk,
    measure_partitions,
    write_partitions,
)
from course_lib.core.monitor import Monitor

PER_WEEK = 50_000
WEEKLY = {"timestamp_column_name": "offered_at", "chunk_period": "W"}
WAYS = ["memory", "stream", "1 worker", "2 workers"]
#: At this size a worker is killed, and the cluster of somebody else is used, if there is one.
KILLED_AT = 5
EXTRA = ["2 workers, one killed", "cluster", "cluster, one worker killed"]


def monitors() -> dict[str, Monitor]:
    """Return the four monitors that measure all rows, not fitted."""
    features, roles = load_desk().features, {"y_true": "price", "y_pred": "predicted_price"}
    return {
        "DLE": DLE(features, **roles, metrics="mae", **WEEKLY),
        "realized MAE": PerformanceCalculator(metrics="mae", **roles, **WEEKLY),
        "reconstruction error": DataReconstructionDriftCalculator(features, **WEEKLY),
        "Jensen–Shannon": UnivariateDriftCalculator(features, **WEEKLY),
    }


def heavier() -> dict[str, Monitor]:
    """Return the monitors that keep something of the reference's rows."""
    features = load_desk().features
    numbers = [name for name in features if name not in ("cut", "color", "clarity")]

    def univariate(method: str) -> Monitor:
        return UnivariateDriftCalculator(numbers, continuous_methods=method, **WEEKLY)

    return {
        "domain classifier": DomainClassifierCalculator(features, **WEEKLY),
        "Kolmogorov–Smirnov, 6 columns": univariate("kolmogorov_smirnov"),
        "Wasserstein, 6 columns": univariate("wasserstein"),
    }


# -- One measurement ------------------------------------------------------------------------------


@contextmanager
def workers(way: str, address: str | None) -> Iterator[Any]:
    """Yield a client of the cluster that this way needs."""
    from distributed import Client, LocalCluster

    local = None
    if not way.startswith("cluster"):
        local = LocalCluster(
            n_workers=int(way[0]),
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            silence_logs=50,
        )
    with local or nullcontext(), Client(local or address) as client:
        client.wait_for_workers(int(way[0]) if local else 2)
        client.run(warm_up)
        yield client


def warm_up() -> None:
    """Import on a worker what it needs, which is not what is timed."""
    for name in (
        "dask.dataframe",
        "lightgbm",
        "course_lib.performance.dle",
        "course_lib.drift.univariate",
    ):
        import_module(name)


def kill_once(part: pd.DataFrame, week: pd.Timestamp, marker: str) -> pd.DataFrame:
    """Pass the partition on; but the first time in this week, end the worker without a word."""
    first = part["offered_at"].iloc[0]
    if week <= first < week + pd.Timedelta(7, "D") and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return part


def used() -> tuple[float, float]:
    """Return the CPU seconds of this process, and its peak memory in MB."""
    found = resource.getrusage(resource.RUSAGE_SELF)
    return found.ru_utime + found.ru_stime, found.ru_maxrss / 1024


def one(way: str, data: Path, results: Path, address: str | None) -> dict[str, Any]:
    """Measure all monitors in one way; store the results, return seconds and memory."""
    fitted = {name: monitor.fit(load_desk().reference) for name, monitor in monitors().items()}
    marker = results / f"{way}.marker"
    marker.unlink(missing_ok=True)
    columns = [*load_desk().features, "price", "predicted_price", "offered_at"]
    with nullcontext() if way in WAYS[:2] else workers(way, address) as client:
        before = client.run(used) if client else {}
        cpu, start = used()[0], time.perf_counter()
        if way == "memory":
            frame = pd.read_parquet(data, columns=columns)
            found = {
                name: getattr(monitor, "estimate", None) or monitor.calculate
                for name, monitor in fitted.items()
            }
            found = {name: measure(frame) for name, measure in found.items()}
        else:
            found = {
                name: measure_partitions(monitor, partitions(data, columns, way, marker))
                for name, monitor in fitted.items()
            }
        seconds, after = time.perf_counter() - start, client.run(used) if client else {}
        own = used()
    assert marker.exists() == way.endswith("killed")
    for name, result in found.items():
        result.to_df().to_parquet(results / f"{way} {name}.parquet")
    shares = [after[worker][0] - before.get(worker, (0, 0))[0] for worker in after]
    peaks = [own[1], *(peak for _, peak in after.values())]
    return {
        "seconds": seconds,
        "cpu": own[0] - cpu + sum(shares),
        "worker_cpu": shares,
        "peak_mb": max(peaks),
    }


def partitions(data: Path, columns: list[str], way: str, marker: Path) -> Any:
    """Return the files as frames one after another, or as a Dask DataFrame."""
    if way == "stream":
        return (pd.read_parquet(file, columns=columns) for file in sorted(data.iterdir()))
    import dask.dataframe as dd

    frame = dd.read_parquet(data, columns=columns)
    if not way.endswith("killed"):
        return frame
    files = sorted(data.iterdir())
    week = pd.Timestamp(files[len(files) // 2].stem)
    return frame.map_partitions(kill_once, week, str(marker), meta=frame._meta)


# -- All of them ----------------------------------------------------------------------------------


def measured(folder: Path, millions: int, way: str, address: str | None) -> dict[str, Any]:
    """Measure in a process of its own, or read what an earlier run has measured."""
    data, results = folder / f"data-{millions}", folder / f"results-{millions}"
    weeks = millions * 1_000_000 // PER_WEEK
    results.mkdir(parents=True, exist_ok=True)
    if not data.exists():
        unfinished = data.with_name(f"{data.name}-unfinished")
        write_partitions(unfinished, weeks=weeks, rows_per_week=PER_WEEK)
        unfinished.replace(data)
    figures = results / f"{way}.json"
    if not figures.exists():
        command = [sys.executable, __file__, str(folder), "--one", way, "--millions", str(millions)]
        command += ["--cluster", address] if address else []
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{way} at {millions} million rows failed:\n{done.stderr[-3000:]}")
        figures.write_text(done.stdout.splitlines()[-1])
    found = json.loads(figures.read_text())
    print(f"{millions} million rows, {way}: {found['seconds']:.0f} s", file=sys.stderr, flush=True)
    require_same(results, way)
    return {"millions": millions, "way": way, **found}


def require_same(results: Path, way: str) -> None:
    """Raise unless the results of this way are those of the streaming way, to the last bit."""
    for name in monitors():
        frames = [pd.read_parquet(results / f"{one} {name}.parquet") for one in ("stream", way)]
        pd.testing.assert_frame_equal(*frames, check_exact=True)


def sizes(times: int) -> dict[str, int]:
    """Return the bytes that are sent to a worker, the reference written down so many times."""
    from cloudpickle import dumps

    reference = pd.concat([load_desk().reference] * times, ignore_index=True)
    everything = {**monitors(), **heavier()}
    return {
        "the reference itself": len(dumps(reference)),
        **{name: len(dumps(monitor.fit(reference))) for name, monitor in everything.items()},
    }


def markdown(figures: pd.DataFrame) -> str:
    """Write the tables and what they say."""
    lines = [
        f"Partitions of {PER_WEEK:,} rows (a week each), {os.cpu_count()} cores. Seconds on the "
        "clock, CPU seconds of all processes, peak memory of the largest process:",
        "",
        "| million rows | way | seconds | CPU s | CPU s per million | of each worker | peak MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in figures.itertuples():
        each = ", ".join(f"{share:.0f}" for share in row.worker_cpu) or "–"
        lines.append(
            f"| {row.millions} | {row.way} | {row.seconds:.0f} | {row.cpu:.0f} "
            f"| {row.cpu / row.millions:.0f} | {each} | {row.peak_mb:,.0f} |"
        )
    lines += [
        "",
        f"All {len(figures)} runs gave the same results, to the last bit.",
        "",
        "What is sent to a worker, in kB, for the reference of the desk and one ten times as long:",
        "",
        "| | 7,714 rows | 77,140 rows |",
        "|---|---|---|",
    ]
    small, large = sizes(1), sizes(10)
    lines += [f"| {name} | {small[name] / 1e3:,.0f} | {large[name] / 1e3:,.0f} |" for name in small]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--millions", type=int, nargs="+", default=[1, 5, 20])
    parser.add_argument("--cluster", metavar="ADDRESS", help="of a scheduler with two workers")
    parser.add_argument("--one", metavar="WAY", help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true", help="to docs/evidence.md")
    options = parser.parse_args(arguments)
    folder = options.folder.resolve()
    if options.one:
        size = options.millions[0]
        where = folder / f"data-{size}", folder / f"results-{size}"
        print(json.dumps(one(options.one, *where, options.cluster)))
        return
    extra = EXTRA if options.cluster else EXTRA[:1]
    runs = [
        measured(folder, size, way, options.cluster)
        for size in options.millions
        for way in ["stream", "memory", *WAYS[2:], *(extra if size == KILLED_AT else [])]
    ]
    text = markdown(pd.DataFrame(runs))
    print(text)
    if options.write:
        write(text, "scale")


if __name__ == "__main__":
    main()
