"""Freeze NannyML's numbers: `python -m oracle.freeze FOLDER` in tests/, with NannyML 0.13.1."""

import json
import logging
import os
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"  # before the import, or it reports home
os.environ.setdefault("OMP_NUM_THREADS", "1")

import lightgbm  # noqa: I001, only one of the two environments has nannyml
import nannyml
import numpy as np
import pandas as pd
from nannyml.drift.multivariate.domain_classifier.calculator import DEFAULT_LGBM_HYPERPARAMS

from oracle.cases import CASES, DRIFT, METHOD, METRIC, PERFORMANCE

HERE = Path(__file__).parent
MEASURES = ["value", "sampling_error", "lower_threshold", "upper_threshold", "alert"]
SHARES = {
    "MissingValuesCalculator": "missing_values",
    "UnseenValuesCalculator": "unseen_values",
    "NumericalRangeCalculator": "out_of_range",
}
# One thread, so that sums are the same on every machine.
ONE_THREAD = {
    "DomainClassifierCalculator": {"hyperparameters": DEFAULT_LGBM_HYPERPARAMS | {"n_jobs": 1}}
}
PACKAGES = ["nannyml", "numpy", "pandas", "scipy", "scikit-learn", "lightgbm"]


def run(case):
    """Fit on the reference, measure the analysis: the calculator and its result."""
    # NannyML fills in NaN, and takes the None of a parquet file for a category of its own.
    rows = pd.read_parquet(HERE / "inputs" / f"{case.data}.parquet").fillna(np.nan)
    reference, analysis = (
        rows[rows["period"] == period].drop(columns="period").reset_index(drop=True)
        for period in ("reference", "analysis")
    )
    # NannyML's bootstrap of average precision draws from the global generator.
    np.random.seed(0)  # noqa: NPY002
    calculator = getattr(nannyml, case.calculator)(
        **case.keywords, **ONE_THREAD.get(case.calculator, {})
    )
    calculator.fit(reference)
    measure = calculator.estimate if hasattr(calculator, "estimate") else calculator.calculate
    return calculator, measure(analysis)


def chunk_frame(result):
    frame = result.to_df()
    return frame["chunk"]["chunk"] if frame.columns.nlevels == 3 else frame["chunk"]


def tidy(case, result):
    """One row per chunk, column and metric."""
    frame, chunks = result.to_df(), chunk_frame(result)
    for top in dict.fromkeys(name[:-1] for name in frame.columns if name[0] != "chunk"):
        part = frame[top if len(top) > 1 else top[0]]
        column, metric = top if len(top) == 2 else (None, top[0])
        if case.calculator in SHARES:
            column, metric = top[0], SHARES[case.calculator]
        rows = chunks[["period", "chunk_index", "key"]].copy()
        rows.insert(0, "case", case.name)
        rows["column"], rows["metric"] = column, metric
        for name in MEASURES[:-1]:
            rows[name] = part[name].astype(float) if name in part else np.nan
        rows["alert"] = part["alert"].astype(bool)
        yield rows


def chunks_of(case, result):
    names = ["period", "chunk_index", "key", "start_index", "end_index", "start_date", "end_date"]
    rows = chunk_frame(result)[names].copy()
    rows.insert(0, "data", case.data)
    rows.insert(1, "chunking", case.chunking)
    return rows


def rankings(drift, performance):
    drift = drift.filter(methods=[METHOD])
    performance = performance.filter(metrics=[METRIC])
    counted = nannyml.AlertCountRanker().rank(drift)
    ranker = nannyml.CorrelationRanker().fit(performance.filter(period="reference"))
    correlated = ranker.rank(drift, performance)
    parts = {"AlertCountRanker": counted, "CorrelationRanker": correlated}
    return pd.concat([part.assign(ranker=name) for name, part in parts.items()])


def main(folder):
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    lightgbm.register_logger(logging.getLogger("lightgbm"))
    folder.mkdir(parents=True, exist_ok=True)
    results, chunks, kept, calibrated = [], [], {}, {}
    for case in CASES:
        print(case.name, flush=True)
        calculator, result = run(case)
        results += tidy(case, result)
        chunks.append(chunks_of(case, result))
        if case.name in (DRIFT, PERFORMANCE):
            kept[case.name] = result
        if case.calculator == "CBPE":
            calibrated[case.name] = bool(calculator.needs_calibration)
    pd.concat(results).to_csv(folder / "results.csv", index=False)
    same = ["data", "chunking", "period", "chunk_index"]
    pd.concat(chunks).drop_duplicates(same).to_csv(folder / "chunks.csv", index=False)
    first = ["ranker", "column_name", "rank"]
    ranked = rankings(kept[DRIFT], kept[PERFORMANCE])
    ranked[[*first, *ranked.columns.difference(first)]].to_csv(folder / "rankings.csv", index=False)
    facts = {"versions": {name: version(name) for name in PACKAGES}, "calibrated": calibrated}
    (folder / "facts.json").write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
