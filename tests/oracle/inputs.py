"""Write the rows that both sides read: `python -m oracle.inputs` in tests/, with course_lib.

They are stored because the desk's predictions depend on the version of LightGBM.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from course_lib import load_desk, load_flights

FOLDER = Path(__file__).parent / "inputs"
STONE = ["carat", "cut", "color", "clarity", "depth", "table", "x", "y", "z"]
FLIGHT = ["dep_delay", "hour", "distance", "temp", "visib", "wind_gust", "plane_year", "carrier"]


def logistic(x):
    return 1 / (1 + np.exp(-x))


def both_periods(reference, analysis):
    frames = {"reference": reference, "analysis": analysis}
    return pd.concat(
        [frame.assign(period=period) for period, frame in frames.items()], ignore_index=True
    )


def desk():
    """The diamond desk with its four incidents."""
    state = load_desk()
    rows = both_periods(state.reference, state.analysis)
    rows = rows[["period", "offered_at", *STONE, "price", "predicted_price", "accepted"]]
    return rows.astype(dict.fromkeys(["cut", "color", "clarity"], str))


def flights():
    """Eighteen weeks of three carriers from LaGuardia, scored by departure delay alone."""
    rows = load_flights()
    rows = rows[(rows["origin"] == "LGA") & rows["carrier"].isin(["DL", "AA", "MQ"])]
    rows = rows.dropna(subset=["dep_delay"])
    when = rows["scheduled_at"]
    reference = rows[(when >= "2013-04-29") & (when < "2013-07-01")].dropna(subset=["arr_delay"])
    analysis = rows[(when >= "2013-07-01") & (when < "2013-09-02")]
    rows = both_periods(reference, analysis)
    late = (rows["arr_delay"] >= 30).astype(float).where(rows["arr_delay"].notna())
    score = logistic((rows["dep_delay"] - 28) / 9)
    return rows[["period", "scheduled_at", *FLIGHT, "dest"]].assign(
        carrier=rows["carrier"].astype(str),
        dest=rows["dest"].astype(str),
        late=late,
        score=score,
        sharp_score=logistic((rows["dep_delay"] - 28) / 2),
        predicted_late=(score >= 0.5).astype(int),
    )


def mixed(n=8050, n_reference=4900, seed=3):
    """Every kind of column, with ties, skew, missing values and a shift in the analysis."""
    rng = np.random.default_rng(seed)
    later = np.arange(n) >= n_reference
    moment = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n) * 55, "min")
    normal = rng.normal(size=n) + 0.3 * later
    tied = rng.poisson(3, n)
    letter = rng.choice(list("abcdefgh"), n, p=[0.3, 0.2, 0.15, 0.1, 0.1, 0.08, 0.05, 0.02])
    letter[later & (rng.uniform(size=n) < 0.03)] = "z"
    town = rng.choice(["north", "south", "east"], n).astype(object)
    town[later & (rng.uniform(size=n) < 0.2)] = "west"
    town[later & (rng.uniform(size=n) < 0.1)] = "centre"
    level = np.exp(3 + 0.4 * normal + 0.1 * tied + 0.3 * (letter == "b"))
    logit = 0.9 * normal - 0.4 * (tied - 3) - 0.5
    probability = np.round(logistic(logit), 3)
    frame = pd.DataFrame(
        {
            "period": np.where(later, "analysis", "reference"),
            "moment": moment,
            "normal": normal,
            "skewed": np.exp(2 * rng.normal(size=n) + 0.5 * later),
            "tied": tied,
            "zeros": np.where(rng.uniform(size=n) < 0.7, 0.0, rng.exponential(size=n)),
            "letter": letter.astype(object),
            "grade": pd.Categorical(
                rng.choice(["low", "mid", "high"], n, p=[0.5, 0.3, 0.2]),
                categories=["low", "mid", "high"],
                ordered=True,
            ),
            "flag": rng.uniform(size=n) < 0.4,
            "code": rng.integers(0, 5, n),
            "town": town,
            "target": level * np.exp(rng.normal(scale=0.2 + 0.1 * (tied > 4), size=n)),
            "estimate": level,
            "bought": (rng.uniform(size=n) < logistic(logit)).astype(float),
            "probability": probability,
            "overconfident": np.round(logistic(3 * logit), 4),
            "predicted_class": (probability >= 0.5).astype(int),
        }
    )
    frame["skewed"] = frame["skewed"].where(rng.uniform(size=n) >= 0.05 + 0.05 * later)
    frame["letter"] = frame["letter"].where(rng.uniform(size=n) >= 0.04)
    frame["target"] = frame["target"].where(rng.uniform(size=n) >= 0.02)
    frame["bought"] = frame["bought"].where(~later | (rng.uniform(size=n) >= 0.1))
    frame["town"] = frame["town"].where(~later | (rng.uniform(size=n) >= 0.05))
    digits = {"normal": 3, "skewed": 4, "zeros": 3, "target": 3, "estimate": 3}
    return frame.round(digits).sample(frac=1, random_state=seed, ignore_index=True)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for make in (desk, flights, mixed):
        rows = make()
        file = FOLDER / f"{make.__name__}.parquet"
        rows.to_parquet(file, index=False, compression="zstd")
        print(f"{file.name}: {rows.shape}, {file.stat().st_size:,} bytes")
