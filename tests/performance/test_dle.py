import builtins

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMRegressor
from scipy import stats

from course_lib import (
    DLE,
    ColumnConsistencyCalculator,
    DomainClassifierCalculator,
    PerformanceCalculator,
    RowMetric,
    SizeBasedChunker,
)
from course_lib.core.boosting import bin_matrix, grow, load_lightgbm

QUICK = {"n_estimators": 10}


def stones(n=1000, seed=0, gaps=True):
    """Prices whose error grows with the carat, depends on the cut, and has gaps in the inputs."""
    rng = np.random.default_rng(seed)
    carat, cut = rng.uniform(0.2, 2, n), rng.choice(["Fair", "Good", "Ideal"], n)
    predicted = 4000 * carat
    spread = np.where(cut == "Fair", 0.3, 0.1)
    frame = pd.DataFrame({"carat": carat, "cut": cut, "predicted": predicted})
    frame["price"] = predicted * np.exp(spread * rng.normal(size=n))
    if gaps:
        frame["carat"] = frame["carat"].mask(rng.random(n) < 0.1)
        frame["cut"] = frame["cut"].mask(rng.random(n) < 0.1)
    return frame


def make(**options):
    given = {
        "feature_column_names": ["carat", "cut"],
        "y_pred": "predicted",
        "y_true": "price",
        "chunk_size": 100,
        "metrics": ["mae"],
        "hyperparameters": QUICK,
    }
    return DLE(**{**given, **options})


def estimated(reference, analysis, **options):
    frame = make(**options).fit(reference).estimate(analysis).to_df()
    return frame[frame["period"] == "analysis"].reset_index(drop=True)


def encoded(frame, reference):
    """NannyML's encoding: a missing category is a category, an unseen one is 0, seen from 1."""
    filled = reference["cut"].astype(object).fillna("NML_missing_value")
    codes = {name: i + 1 for i, name in enumerate(sorted(filled.unique()))}
    cut = frame["cut"].astype(object).fillna("NML_missing_value").map(codes).fillna(0)
    return frame[["carat"]].assign(cut=cut, predicted=frame["predicted"]).to_numpy(float)


def nanny(frame, target, reference, **options):
    model = LGBMRegressor(verbosity=-1, n_jobs=1, **options)
    return model.fit(encoded(frame, reference), target, categorical_feature=[1])


def chunk_means(rows, size=100):
    return np.array([rows[i : i + size].mean() for i in range(0, len(rows), size)])


def loss(frame):
    return (frame["price"] - frame["predicted"]).abs().to_numpy()


# -- The estimate ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mae", "mse", "rmse"])
def test_the_estimate_is_the_mean_of_a_lightgbm_regressor_of_the_loss(name):
    reference, later = stones(), stones(450, seed=1)
    later.loc[later.index % 7 == 0, "cut"] = "Very Good"  # unseen
    target = loss(reference) if name == "mae" else loss(reference) ** 2
    rows = nanny(reference, target, reference).predict(encoded(later, reference))
    by_hand = chunk_means(np.maximum(rows, 0))
    by_hand = np.sqrt(by_hand) if name == "rmse" else by_hand
    found = estimated(reference, later, metrics=[name], hyperparameters=None)
    np.testing.assert_allclose(found["value"], by_hand, rtol=1e-9)


def test_reference_chunks_are_estimated_by_nannies_that_did_not_see_their_block():
    reference = stones()
    frame = make().fit(reference).estimate(stones(100, seed=1)).to_df()
    for start in range(0, 1000, 200):
        block = reference.iloc[start : start + 200]
        rest = reference.drop(block.index)
        # The encoding is that of the whole reference.
        rows = nanny(rest, loss(rest), reference, **QUICK).predict(encoded(block, reference))
        found = frame["value"][start // 100 : start // 100 + 2]
        np.testing.assert_allclose(found, chunk_means(np.maximum(rows, 0)), rtol=1e-9)


def test_without_cross_fitting_the_nanny_has_seen_the_reference_chunks():
    reference = stones()
    frame = make(cross_fit=False).fit(reference).estimate(stones(100, seed=1)).to_df()
    rows = nanny(reference, loss(reference), reference, **QUICK).predict(
        encoded(reference, reference)
    )
    np.testing.assert_allclose(frame["value"][:10], chunk_means(np.maximum(rows, 0)), rtol=1e-9)


def test_cross_fitting_changes_the_reference_and_leaves_the_estimates():
    reference, later = stones(), stones(200, seed=1)
    crossed = make().fit(reference).estimate(later).to_df()
    plain = make(cross_fit=False).fit(reference).estimate(later).to_df()
    same = ["value", "sampling_error", "upper_threshold", "alert"]
    pd.testing.assert_frame_equal(crossed[same][10:], plain[same][10:])
    assert not np.isclose(crossed["value"][:10], plain["value"][:10]).any()


def test_a_nanny_flatters_the_chunks_it_has_seen():
    # Why cross-fitting is the default: in sample, the estimate follows the noise of each chunk.
    reference = stones()
    realized = chunk_means(loss(reference))
    options = {"hyperparameters": {"n_estimators": 100}}
    distance = {
        cross_fit: np.abs(
            make(cross_fit=cross_fit, **options).fit(reference)._fitted.reference["value"]
            - realized
        ).mean()
        for cross_fit in (True, False)
    }
    assert distance[False] < 0.8 * distance[True]


def test_the_root_is_the_root_of_the_estimated_mean():
    found = estimated(stones(), stones(300, seed=1), metrics=["mse", "rmse", "msle", "rmsle"])
    value = found.pivot_table(index="chunk_index", columns="metric", values="value")
    np.testing.assert_array_equal(value["rmse"], np.sqrt(value["mse"]))
    np.testing.assert_array_equal(value["rmsle"], np.sqrt(value["msle"]))


def test_a_metric_does_not_depend_on_which_others_are_asked_for():
    reference, later = stones(), stones(200, seed=1)
    together = estimated(reference, later, metrics=None)
    for name in together["metric"].unique():
        alone = estimated(reference, later, metrics=[name])
        of_all = together[together["metric"] == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(of_all, alone)


def test_metrics_that_share_a_row_loss_share_a_nanny(monkeypatch):
    targets = []

    def count(data, target, hyperparameters, **options):
        targets.append(target.tobytes())
        return grow(data, target, hyperparameters, **options)

    monkeypatch.setattr("course_lib.performance.dle.grow", count)
    make(metrics=["mae", "mse", "rmse"], cross_fit=False).fit(stones())
    # |e|, e² (also the square of |e|) and e⁴.
    assert len(targets) == len(set(targets)) == 3


def test_a_larger_error_where_the_inputs_say_so_raises_the_estimate_and_alerts():
    large = stones(2000, seed=1)
    large = large[(large["predicted"] > 6000) & (large["cut"] == "Fair")].head(200)
    found = estimated(stones(), large)
    assert found["alert"].all()
    realized = chunk_means(loss(large))
    np.testing.assert_allclose(found["value"], realized, rtol=0.25)


def test_concept_drift_leaves_the_estimate_where_it_was():
    later = stones(300, seed=1)
    fallen = later.assign(price=later["price"] * 0.5)
    pd.testing.assert_frame_equal(estimated(stones(), fallen), estimated(stones(), later))


def test_estimates_are_not_below_the_lower_limit_of_the_metric():
    # Most losses are exactly zero, so that squared error would predict some below zero.
    reference = stones(gaps=False)
    quiet = reference["carat"] < 1.9
    reference.loc[quiet, "price"] = reference.loc[quiet, "predicted"]
    options = {"chunk_size": 1, "hyperparameters": {"n_estimators": 60}}
    free = RowMetric("free", lambda y, p: np.abs(y - p))
    found = estimated(reference, reference.head(600), metrics=["mae", free], **options)
    by_metric = found.pivot_table(index="chunk_index", columns="metric", values="value")
    assert by_metric["free"].min() < 0
    np.testing.assert_array_equal(by_metric["mae"], np.maximum(by_metric["free"], 0))


# -- Metrics of your own --------------------------------------------------------------------------


def gain(y_true, y_pred):
    return y_true - 0.9 * y_pred


def test_a_row_metric_with_the_function_of_mae_is_mae():
    own = RowMetric("own", lambda y, p: np.abs(y - p), unit="unit of y_true", lower_limit=0)
    frame = make(metrics=["mae", own]).fit(stones()).estimate(stones(300, seed=1)).to_df()
    parts = [
        frame[frame["metric"] == name].drop(columns="metric").reset_index(drop=True)
        for name in ("mae", "own")
    ]
    pd.testing.assert_frame_equal(*parts)


def test_a_value_that_may_be_negative_is_not_clipped_and_alerts_below_only():
    value = RowMetric("gain", gain, unit="USD", higher_is_better=True)
    rng = np.random.default_rng(0)
    # The value falls with the carat: large stones lose money.
    reference = stones(2000, gaps=False)
    reference["price"] = reference["predicted"] * (1.2 - 0.25 * reference["carat"])
    reference["price"] += rng.normal(0, 20, 2000)
    small, large = (reference["carat"] < 0.6, reference["carat"] > 1.6)
    options = {"metrics": [value], "hyperparameters": {"n_estimators": 60}}
    rich = estimated(reference, reference[small].head(200), **options)
    poor = estimated(reference, reference[large].head(200), **options)
    assert (poor["value"] < 0).all()
    assert poor["alert"].all()
    assert (rich["value"] > 0).all()
    assert not rich["alert"].any()
    assert rich["upper_threshold"].isna().all()
    assert (poor["lower_confidence_boundary"] < poor["value"]).all()


def test_an_estimate_carries_the_unit_of_the_target():
    money = ["predicted", "price"]
    cents = stones()[money] * 100
    later = stones(300, seed=1)
    plain = estimated(stones(), later)
    scaled = estimated(stones().assign(**cents), later.assign(**later[money] * 100))
    for name in ("value", "sampling_error", "upper_threshold", "upper_confidence_boundary"):
        np.testing.assert_allclose(scaled[name], 100 * plain[name], rtol=1e-6)


# -- Limits and errors ----------------------------------------------------------------------------


def test_limits_come_from_the_realized_reference_and_not_from_the_estimate():
    reference, later = stones(), stones(250, seed=1)
    found = make().fit(reference).estimate(later).to_df()
    calculator = PerformanceCalculator("mae", "price", "regression", "predicted", chunk_size=100)
    realized = calculator.fit(reference).calculate(later).to_df()
    pd.testing.assert_series_equal(found["upper_threshold"], realized["upper_threshold"])
    pd.testing.assert_series_equal(found["sampling_error"], realized["sampling_error"])


def test_every_row_of_a_chunk_is_used_with_or_without_labels():
    later = stones(250, seed=1).assign(price=np.nan)
    found = estimated(stones(), later)
    assert found["n_rows"].tolist() == found["n_used"].tolist() == [100, 100, 50]
    assert (found["note"] == "").all()


def test_a_reference_with_late_labels_learns_from_those_it_has():
    reference = stones()
    part = reference.assign(price=reference["price"].where(reference.index % 3 != 0))
    known = part.dropna(subset="price")
    later = stones(200, seed=1)
    rows = nanny(known, loss(known), reference, **QUICK).predict(encoded(later, reference))
    found = estimated(part, later)
    np.testing.assert_allclose(found["value"], chunk_means(np.maximum(rows, 0)), rtol=1e-9)


def test_a_reference_chunk_without_labels_is_estimated_but_sets_no_limit():
    reference = stones()
    reference.loc[300:399, "price"] = np.nan
    frame = make().fit(reference).estimate(stones(100, seed=1)).to_df()
    assert frame["value"].notna().all()
    assert frame["upper_confidence_boundary"].notna().all()
    rooted = np.sqrt(np.delete(chunk_means(loss(reference.fillna({"price": 0}))), 3))
    reach = stats.t.ppf(0.99, 8) * rooted.std(ddof=1) * np.sqrt(1 + 1 / 9)
    assert frame["upper_threshold"].iloc[-1] == pytest.approx((rooted.mean() + reach) ** 2)


# -- Confidence boundaries ------------------------------------------------------------------------


STEEP = {"n_estimators": 2, "learning_rate": 1.7}  # predicts losses below 0


@pytest.mark.parametrize("settings", [QUICK, STEEP], ids=["above the limit", "below the limit"])
def test_the_boundaries_are_the_formula_of_the_docstring_with_losses_clipped_at_the_limit(settings):
    reference, later = stones(), stones(200, seed=1)
    lowest = []

    def measure(learned, chunk):
        known = encoded(chunk, reference)
        first = nanny(learned, loss(learned), reference, **settings).predict(known)
        lowest.append(first.min())
        first = np.maximum(first, 0)
        second = nanny(learned, loss(learned) ** 2, reference, **settings).predict(known)
        error = np.sqrt(np.maximum(second - first**2, 0).mean() / len(chunk))
        return first.mean(), error

    off = []
    for start in range(0, 1000, 100):
        block = range(start // 200 * 200, start // 200 * 200 + 200)
        chunk = reference.iloc[start : start + 100]
        value, error = measure(reference.drop(block), chunk)
        off.append((loss(chunk).mean() - value) / error)
    reach = stats.t.ppf(0.975, df=9) * np.sqrt(1 + 1 / 10) * np.std(off, ddof=1)
    found = estimated(reference, later, hyperparameters=settings)
    for i in range(2):
        value, error = measure(reference, later.iloc[100 * i : 100 * i + 100])
        assert found["lower_confidence_boundary"][i] == pytest.approx(value - reach * error)
        assert found["upper_confidence_boundary"][i] == pytest.approx(value + reach * error)
    assert (min(lowest) < 0) == (settings is STEEP)


def test_the_boundaries_contain_the_estimate_and_stay_above_the_lower_limit():
    frame = make(metrics=None).fit(stones()).estimate(stones(450, seed=1)).to_df()
    assert (frame["lower_confidence_boundary"] < frame["value"]).all()
    assert (frame["value"] < frame["upper_confidence_boundary"]).all()
    assert (frame["lower_confidence_boundary"] >= 0).all()


def width(frame):
    return frame["upper_confidence_boundary"] - frame["lower_confidence_boundary"]


def test_the_boundaries_widen_with_the_error():
    later = stones(4000, seed=1)
    options = {"hyperparameters": {"n_estimators": 50}}
    small = estimated(stones(), later[later["predicted"] < 2000].head(300), **options)
    large = estimated(stones(), later[later["predicted"] > 6000].head(300), **options)
    assert width(large).min() > 2 * width(small).max()
    # NannyML's sampling error does not: it is that of the reference.
    assert large["sampling_error"].tolist() == small["sampling_error"].tolist()


def test_the_boundaries_narrow_with_the_root_of_the_size():
    # The same hundred rows, once and four times.
    later = stones(100, seed=1)
    fourfold = pd.concat([later] * 4, ignore_index=True)
    once = estimated(stones(), later)
    four = estimated(stones(), fourfold, chunk_size=None, chunker=OneChunkAfter(1000))
    assert four["value"][0] == pytest.approx(once["value"][0])
    assert width(four)[0] == pytest.approx(width(once)[0] / 2)


class OneChunkAfter:
    """Chunks of 100 rows for a reference of a known length, a single chunk for any other."""

    timestamp_column_name = None

    def __init__(self, n_reference):
        self.n_reference = n_reference

    def split(self, n_rows, timestamps):
        size = 100 if n_rows == self.n_reference else n_rows
        return SizeBasedChunker(size).split(n_rows, timestamps)


def test_a_higher_confidence_level_gives_wider_boundaries():
    levels = [width(estimated(stones(), stones(seed=1), confidence_level=p)) for p in (0.5, 0.9)]
    ratio = stats.t.ppf(0.95, 9) / stats.t.ppf(0.75, 9)
    np.testing.assert_allclose(levels[1], ratio * levels[0])


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_boundaries_hold_the_realized_value_at_the_stated_rate_in_quiet_times(level):
    n_runs, n_chunks, held = 25, 20, []
    for seed in range(n_runs):
        later = stones(50 * n_chunks, seed=1000 + seed, gaps=False)
        found = estimated(
            stones(seed=seed, gaps=False), later, chunk_size=50, confidence_level=level
        )
        realized = chunk_means(loss(later), size=50)
        inside = (found["lower_confidence_boundary"] <= realized) & (
            realized <= found["upper_confidence_boundary"]
        )
        held.append(inside.mean())
    # Chunks after one reference share its band: the runs, not the chunks, are independent.
    error = max(np.std(held, ddof=1), np.sqrt(level * (1 - level) / n_chunks)) / np.sqrt(n_runs)
    assert np.mean(held) == pytest.approx(level, abs=4 * error)
    assert 4 * error < 0.1


# -- What is not read, and what never changes -----------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.drop(columns="price"),
        lambda f: f.assign(price=np.inf),
        lambda f: f.assign(price="not for sale"),
        lambda f: f.assign(price=-f["price"]),
        lambda f: pd.concat([f, f["price"]], axis=1),
        lambda f: f.assign(other=1.0),
    ],
    ids=["dropped", "infinite", "text", "negative", "twice", "and another column"],
)
def test_the_label_is_not_read_when_estimating(change):
    dle, later = make(metrics=["mae", "rmsle"]).fit(stones()), stones(200, seed=1)
    expected = dle.estimate(later).to_df()
    pd.testing.assert_frame_equal(dle.estimate(change(later)).to_df(), expected)


def test_two_runs_are_identical():
    frames = [
        make(metrics=None).fit(stones()).estimate(stones(200, seed=1)).to_df() for _ in range(2)
    ]
    pd.testing.assert_frame_equal(*frames, check_exact=True)


def test_fitting_twice_equals_fitting_once():
    later = stones(200, seed=2)
    twice = make().fit(stones(seed=1)).fit(stones()).estimate(later).to_df()
    pd.testing.assert_frame_equal(twice, make().fit(stones()).estimate(later).to_df())


def test_a_failing_fit_leaves_the_previous_state():
    dle, later = make().fit(stones()), stones(200, seed=1)
    expected = dle.estimate(later).to_df()
    with pytest.raises(ValueError, match="is missing in all"):
        dle.fit(stones(seed=1).assign(price=np.nan))
    pd.testing.assert_frame_equal(dle.estimate(later).to_df(), expected)


def test_each_chunk_is_estimated_on_its_own():
    dle, later = make().fit(stones()), stones(300, seed=1)
    whole = dle.estimate(later).filter(period="analysis").to_df()
    alone = dle.estimate(later.iloc[100:200]).filter(period="analysis").to_df()
    for name in ("value", "sampling_error", "upper_confidence_boundary", "upper_threshold"):
        assert alone[name][0] == whole[name][1]


@pytest.mark.parametrize("kind", [bool, "boolean", object])
def test_truth_values_are_features_of_two_categories(kind):
    reference, later = stones(), stones(200, seed=1)
    frames = [f.assign(cut=(f["cut"] == "Fair")) for f in (reference, later)]
    expected = estimated(*[f.assign(cut=f["cut"].map({True: "yes", False: "no"})) for f in frames])
    found = estimated(*[f.assign(cut=f["cut"].astype(kind)) for f in frames])
    pd.testing.assert_frame_equal(found, expected)


def test_whole_numbers_kept_as_objects_are_numbers_to_the_nanny():
    reference, later = stones(), stones(200, seed=1)
    ranks = {"Fair": 1, "Good": 2, "Ideal": 3}
    frames = [f.assign(cut=f["cut"].map(ranks)) for f in (reference, later)]
    as_objects = [
        f.assign(cut=f["cut"].astype(object).where(f["cut"].notna(), None)) for f in frames
    ]
    pd.testing.assert_frame_equal(estimated(*as_objects), estimated(*frames))


def test_a_feature_may_be_missing_everywhere():
    later = stones(100, seed=1).assign(carat=np.nan, cut=None)
    assert estimated(stones(), later)["value"].notna().all()


# -- Arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"feature_column_names": "carat"}, TypeError, r"must be a list: \['carat'\], not 'carat'"),
        ({"feature_column_names": []}, ValueError, "`feature_column_names` is empty"),
        (
            {"feature_column_names": ["carat", "price"]},
            ValueError,
            "`price` is the target and one of `feature_column_names`; .* take it out",
        ),
        (
            {"feature_column_names": ["carat", "predicted"]},
            ValueError,
            "`predicted` is the prediction and one of `feature_column_names`; take it out",
        ),
        ({"tune_hyperparameters": True}, ValueError, "`tune_hyperparameters=True` is not offered"),
        ({"hyperparameters": [10]}, TypeError, r"`hyperparameters` must be a dict .*, got \[10\]"),
        ({"confidence_level": 95}, ValueError, "`confidence_level` must lie between 0 and 1, got"),
        ({"confidence_level": 0}, ValueError, "`confidence_level` must lie between 0 and 1, got"),
        ({"confidence_level": "95 %"}, TypeError, "`confidence_level` must be a number, got"),
    ],
)
def test_a_bad_argument_is_refused_by_name(options, error, message):
    with pytest.raises(error, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (["carat", "carat"], ValueError, "`carat` is named more than once"),
        (["carat", "colour"], ValueError, r"`reference` lacks 1 of 4 columns: `colour`"),
        (["carat", "day"], TypeError, r"`day` holds datetime64.* neither numeric nor categorical"),
    ],
)
def test_features_that_cannot_be_used_are_refused_before_any_work(
    names, error, message, monkeypatch
):
    monkeypatch.setattr(DLE, "_learn", lambda *args: pytest.fail("learned before checking"))
    reference = stones().assign(day=pd.Timestamp("2024-01-01"))
    with pytest.raises(error, match=message):
        make(feature_column_names=names).fit(reference)


def test_an_infinite_feature_is_refused_and_a_missing_one_is_not():
    reference = stones()
    reference.loc[:2, "carat"] = np.inf
    with pytest.raises(ValueError, match=r"`carat` is infinite in 3 of 1,000 rows; .*missing"):
        make().fit(reference)


def test_text_in_a_numeric_feature_is_refused_when_estimating():
    dle = make().fit(stones())
    with pytest.raises(TypeError, match=r"`carat` must hold numbers, but 100 of 100 rows"):
        dle.estimate(stones(100).assign(carat="large"))


def test_labels_in_a_single_block_of_chunks_are_an_error_with_two_remedies():
    reference = stones(3000)
    reference["price"] = reference["price"].where(reference.index < 500)
    with pytest.raises(ValueError, match=r"`price` are in one block of chunks.*cross_fit=False"):
        make().fit(reference)
    make(cross_fit=False).fit(reference)


# -- LightGBM -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["n_estimators", "num_iterations", "num_boost_round", "num_trees"])
def test_the_number_of_trees_goes_by_any_of_its_names(name):
    data = bin_matrix(np.arange(100.0)[:, None], [])
    assert grow(data, np.arange(100.0), {name: 7}).num_trees() == 7


@pytest.mark.parametrize("name", ["seed", "random_state", "random_seed"])
def test_a_seed_goes_by_any_of_its_names(name):
    x = np.random.default_rng(0).normal(size=(300, 1))
    draws = {"subsample": 0.5, "subsample_freq": 1, "n_estimators": 3}
    models = [
        grow(bin_matrix(x, []), x[:, 0], {**draws, name: seed}).predict(x) for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(models[0], models[1])
    assert not np.array_equal(models[0], models[2])


def test_settings_of_the_bins_are_heeded_with_several_nannies():
    settings = {"n_estimators": 5, "max_bin": 7, "min_child_samples": 3}
    reference, later = stones(gaps=False), stones(200, seed=1, gaps=False)
    found = estimated(reference, later, metrics=["mae", "mse"], hyperparameters=settings)
    for name, power in (("mae", 1), ("mse", 2)):
        model = nanny(reference, loss(reference) ** power, reference, **settings)
        rows = model.predict(encoded(later, reference))
        values = found.loc[found["metric"] == name, "value"]
        np.testing.assert_allclose(values, chunk_means(np.maximum(rows, 0)), rtol=1e-9)


def test_hyperparameters_are_passed_on_and_not_modified():
    settings = {"n_estimators": 3, "learning_rate": 0.5}
    slow = estimated(stones(), stones(100, seed=1), hyperparameters={"n_estimators": 3})
    fast = estimated(stones(), stones(100, seed=1), hyperparameters=settings)
    assert slow["value"][0] != fast["value"][0]
    assert settings == {"n_estimators": 3, "learning_rate": 0.5}


def test_lightgbm_prints_nothing(capfd):
    # Few rows make LightGBM warn that it finds no further split.
    make(chunk_size=10).fit(stones(60)).estimate(stones(10, seed=1))
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


@pytest.mark.parametrize(
    "settings",
    [
        {"max_bin": 31},
        {"max_bins": 31, "min_data_in_bin": 9},
        {"min_data_in_leaf": 5},
        {"min_child_samples": 50},
        {"feature_pre_filter": False, "min_data_in_leaf": 3},
        {"linear_tree": False, "early_stopping_round": 0},
        {"no_setting_of_lightgbm": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "monitor",
    [DLE, DomainClassifierCalculator, ColumnConsistencyCalculator],
    ids=lambda m: m.__name__,
)
def test_lightgbm_prints_nothing_whatever_it_is_asked_for(monitor, settings, capfd):
    with_trees(monitor, settings).fit(stones(300))
    assert capfd.readouterr() == ("", "")


def with_trees(monitor, settings):
    roles = {"y_pred": "predicted", "y_true": "price", "metrics": "mae"} if monitor is DLE else {}
    return monitor(["carat", "cut"], **roles, chunk_size=60, hyperparameters=settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"linear_tree": True}, "linear_tree=True, but bins are shared.*leave it out"),
        ({"early_stopping_rounds": 5}, "early_stopping_round=5.*choose `num_iterations`"),
        ({"boosting": "rf"}, "'boosting': 'rf'.*bagging_fraction.*correct or leave out"),
        ({"num_leaves": "x"}, "'num_leaves': 'x'.*should be of type int.*correct or leave out"),
    ],
    ids=["linear trees", "early stopping", "forest", "text"],
)
@pytest.mark.parametrize(
    "monitor",
    [DLE, DomainClassifierCalculator, ColumnConsistencyCalculator],
    ids=lambda m: m.__name__,
)
def test_hyperparameters_that_cannot_be_heeded_are_refused_by_name(monitor, settings, message):
    with pytest.raises(ValueError, match="`hyperparameters`.*" + message):
        with_trees(monitor, settings).fit(stones(300))


def test_a_missing_openmp_runtime_is_named_in_one_sentence(monkeypatch):
    real = builtins.__import__

    def broken(name, *args, **options):
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file")
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(OSError, match=r"needs the OpenMP runtime: install libgomp1"):
        load_lightgbm()
