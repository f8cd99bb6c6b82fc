"""Both sides on the data sets that NannyML ships: they come with its package and are not stored.

`python -m oracle.own_data write FOLDER` in tests/, with NannyML 0.13.1, writes its rows and
results; `python -m oracle.own_data compare FOLDER`, with course_lib, prints the differences.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"  # before the import, or it reports home

PRICE = {"y_true": "y_true", "y_pred": "y_pred"}
PRICE_FEATURES = [
    *("car_age", "km_driven", "price_new", "accident_count"),
    *("door_count", "fuel", "transmission"),
]
LOAN = {"y_true": "repaid", "y_pred": "y_pred", "y_pred_proba": "y_pred_proba"}
LOAN |= {"problem_type": "classification_binary"}
LOAN_METRICS = [
    *("roc_auc", "average_precision", "f1", "precision", "recall", "specificity", "accuracy"),
    *("confusion_matrix", "business_value"),
]
MATRIX = [[0, -50], [-200, 100]]
#: data set, calculator, keywords
CASES = [
    ("car price", "DLE", {**PRICE, "feature_column_names": PRICE_FEATURES, "chunk_size": 6000}),
    (
        "car price",
        "PerformanceCalculator",
        {**PRICE, "problem_type": "regression", "chunk_size": 6000},
    ),
    *(
        (
            "car loan",
            name,
            {
                **LOAN,
                "metrics": LOAN_METRICS,
                "business_value_matrix": MATRIX,
                "timestamp_column_name": "timestamp",
                "chunk_size": 5000,
            },
        )
        for name in ("CBPE", "PerformanceCalculator")
    ),
]
#: The documentation of NannyML: DLE's rmse of the car prices, chunks of the analysis.
PUBLISHED_RMSE = [
    *(1067.212885, 1063.129715, 1054.158749, 1060.665742, 1055.230227),
    *(928.513388, 928.915961, 927.915836, 930.426206, 919.397864),
]
REGRESSION = ["mae", "mape", "mse", "rmse", "msle", "rmsle"]


def frames():
    """Reference and analysis, with labels, of both data sets, as NannyML loads them."""
    import nannyml

    loaders = {
        "car price": nannyml.load_synthetic_car_price_dataset,
        "car loan": nannyml.load_synthetic_car_loan_dataset,
    }
    for data, load in loaders.items():
        reference, analysis, labels = load()
        yield data, reference, analysis.merge(labels, on="id", validate="1:1")


def measure(library, calculator, keywords, reference, analysis):
    """One row per chunk of the analysis and metric: value."""
    monitor = getattr(library, calculator)(**keywords).fit(reference)
    verb = monitor.estimate if hasattr(monitor, "estimate") else monitor.calculate
    return verb(analysis)


def write(folder):
    """Write the rows, and what NannyML makes of them."""
    import nannyml

    folder.mkdir(parents=True, exist_ok=True)
    parts, rows = [], {}
    for data, reference, analysis in frames():
        rows[data] = reference, analysis
        for period, frame in zip(("reference", "analysis"), rows[data], strict=True):
            frame.to_parquet(folder / f"{data} {period}.parquet")
    for data, calculator, keywords in CASES:
        # NannyML's bootstrap of average precision draws from the global generator.
        np.random.seed(0)  # noqa: NPY002
        options = {"metrics": REGRESSION, **keywords}
        result = measure(nannyml, calculator, options, *rows[data])
        frame = result.filter(period="analysis").to_df()
        for metric in dict.fromkeys(frame.columns.get_level_values(0).drop("chunk")):
            part = frame[[("chunk", "chunk_index"), (metric, "value")]].set_axis(
                ["chunk_index", "value"], axis=1
            )
            parts.append(part.assign(data=data, calculator=calculator, metric=metric))
    pd.concat(parts).to_csv(folder / "own data.csv", index=False)


def compare(folder):
    """Return the largest relative difference by data set, calculator and metric."""
    import course_lib

    theirs, keys = pd.read_csv(folder / "own data.csv"), ["chunk_index", "metric"]
    found = []
    for data, calculator, keywords in CASES:
        rows = [
            pd.read_parquet(folder / f"{data} {period}.parquet")
            for period in ("reference", "analysis")
        ]
        own = {} if calculator == "PerformanceCalculator" else {"cross_fit": False}
        result = measure(course_lib, calculator, {"metrics": None, **keywords, **own}, *rows)
        ours = result.filter(period="analysis").to_df()[[*keys, "value"]]
        part = theirs[(theirs["data"] == data) & (theirs["calculator"] == calculator)]
        both = part.merge(ours, on=keys, suffixes=("_nannyml", ""), how="outer", validate="1:1")
        both["gap"] = (both["value"] / both["value_nannyml"] - 1).abs()
        found.append(both.assign(data=data, calculator=calculator))
        if calculator == "DLE":
            rmse = ours.loc[ours["metric"] == "rmse", "value"].to_numpy()
            gap = np.abs(rmse / PUBLISHED_RMSE - 1).max()
            print(f"DLE rmse against the ten published values: {gap:.1e}\n")
    return pd.concat(found).groupby(["data", "calculator", "metric"], sort=False)["gap"].max()


if __name__ == "__main__":
    order, where = sys.argv[1], Path(sys.argv[2])
    print(compare(where).map("{:.1e}".format).to_string()) if order == "compare" else write(where)
