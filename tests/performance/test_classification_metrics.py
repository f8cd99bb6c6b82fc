"""Metrics of a binary classifier: values, influence, sampling errors, realized chunks."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from course_lib import PerformanceCalculator, RowMetric
from course_lib.performance.classification_metrics import classification_metrics
from course_lib.performance.regression_metrics import RootMetric

RATES = ["roc_auc", "average_precision", "f1", "precision", "recall", "specificity", "accuracy"]
REFERENCE = {
    "roc_auc": lambda y, p, s: sk.roc_auc_score(y, s),
    "average_precision": lambda y, p, s: sk.average_precision_score(y, s),
    "f1": lambda y, p, s: sk.f1_score(y, p),
    "precision": lambda y, p, s: sk.precision_score(y, p),
    "recall": lambda y, p, s: sk.recall_score(y, p),
    "specificity": lambda y, p, s: sk.recall_score(1 - y, 1 - p),
    "accuracy": lambda y, p, s: sk.accuracy_score(y, p),
}
MATRIX = [[0, -1], [-10, 5]]


def drawn(n=400, seed=0, decimals=2):
    """Labels, predictions and scores with ties; the scores are calibrated."""
    rng = np.random.default_rng(seed)
    score = np.round(rng.beta(1, 2, n), decimals)
    return (rng.uniform(size=n) < score).astype(float), (score > 0.4).astype(float), score


def only(name, **settings):
    (metric,) = classification_metrics([name], **settings)
    return metric


def loans(n=1000, seed=0):
    return pd.DataFrame(dict(zip(["unpaid", "warned", "risk"], drawn(n, seed), strict=True)))


def make(metrics, **changes):
    settings = {
        "metrics": metrics,
        "y_true": "unpaid",
        "y_pred": "warned",
        "y_pred_proba": "risk",
        "problem_type": "classification_binary",
        "chunk_size": 100,
    }
    return PerformanceCalculator(**(settings | changes))


def measured(metrics, frame, **changes):
    result = make(metrics, **changes).fit(loans()).calculate(frame)
    return result.filter(period="analysis").to_df()


# -- Values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RATES)
@given(seed=st.integers(0, 10_000), n=st.integers(20, 300))
def test_with_labels_the_value_is_that_of_scikit_learn(name, seed, n):
    y, p, s = drawn(n, seed, decimals=1)
    measured = only(name).measure(y, p, s)
    if measured.note:
        assert np.isnan(measured.value)
    else:
        assert measured.value == pytest.approx(REFERENCE[name](y, p, s), rel=1e-12)


@pytest.mark.parametrize("name", RATES)
def test_with_probabilities_each_row_counts_as_both_classes_by_its_share(name):
    _, p, s = drawn(300, 3)
    truth = np.random.default_rng(1).uniform(size=300)
    both = (np.repeat([1.0, 0.0], 300), np.tile(p, 2), np.tile(s, 2))
    weight = np.concatenate([truth, 1 - truth])
    weighted = {
        "roc_auc": lambda y, p, s: sk.roc_auc_score(y, s, sample_weight=weight),
        "average_precision": lambda y, p, s: sk.average_precision_score(y, s, sample_weight=weight),
        "f1": lambda y, p, s: sk.f1_score(y, p, sample_weight=weight),
        "precision": lambda y, p, s: sk.precision_score(y, p, sample_weight=weight),
        "recall": lambda y, p, s: sk.recall_score(y, p, sample_weight=weight),
        "specificity": lambda y, p, s: sk.recall_score(1 - y, 1 - p, sample_weight=weight),
        "accuracy": lambda y, p, s: sk.accuracy_score(y, p, sample_weight=weight),
    }[name]
    assert only(name).measure(truth, p, s).value == pytest.approx(weighted(*both), rel=1e-9)


def test_a_confusion_matrix_worked_by_hand():
    y = np.array([1, 1, 1, 0, 0, 0, 0, 1.0])
    p = np.array([1, 1, 0, 1, 0, 0, 0, 1.0])
    counts = {"true_positive": 3, "true_negative": 3, "false_positive": 1, "false_negative": 1}
    for normalize, divisors in {
        None: (1, 1, 1, 1),
        "all": (8, 8, 8, 8),
        "true": (4, 4, 4, 4),
        "pred": (4, 4, 4, 4),
    }.items():
        cells = classification_metrics("confusion_matrix", normalize_confusion_matrix=normalize)
        found = {cell.name: cell.measure(y, p, p).value for cell in cells}
        expected = [n / by for n, by in zip(counts.values(), divisors, strict=True)]
        assert list(found.values()) == expected
        assert list(found) == list(counts)


@pytest.mark.parametrize(
    ("normalize", "groups"),
    [
        ("true", [("true_positive", "false_negative"), ("true_negative", "false_positive")]),
        ("pred", [("true_positive", "false_positive"), ("true_negative", "false_negative")]),
        ("all", [("true_positive", "false_negative", "true_negative", "false_positive")]),
    ],
)
def test_shares_of_a_class_add_up_to_one(normalize, groups):
    _, p, s = drawn(200, 5)
    cells = classification_metrics("confusion_matrix", normalize_confusion_matrix=normalize)
    found = {cell.name: cell.measure(s, p, s).value for cell in cells}
    for group in groups:
        assert sum(found[name] for name in group) == pytest.approx(1)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_a_rank_metric_heeds_the_order_of_scores_alone(name):
    y, p, s = drawn(200, 2)
    assert only(name).measure(y, p, s).value == only(name).measure(y, p, s**3).value


@pytest.mark.parametrize(
    ("name", "y", "p", "note"),
    [
        ("roc_auc", 1, 1, "all rows are of one class"),
        ("average_precision", 0, 1, "no row is of class 1"),
        ("f1", 0, 0, "no row is of class 1 and none is predicted 1"),
        ("precision", 1, 0, "no row is predicted 1"),
        ("recall", 0, 1, "no row is of class 1"),
        ("specificity", 1, 1, "no row is of class 0"),
    ],
)
def test_what_has_no_value_says_why(name, y, p, note):
    frame = pd.DataFrame({"unpaid": [y] * 50, "warned": [p] * 50, "risk": 0.5})
    row = measured([name], frame).iloc[0]
    assert np.isnan(row["value"])
    assert row["note"].startswith(note)
    assert not row["alert"]


@pytest.mark.parametrize(
    ("name", "y", "p", "value"), [("f1", 0, 1, 0), ("f1", 1, 1, 1), ("accuracy", 1, 0, 0)]
)
def test_one_class_alone_is_no_obstacle_where_the_value_exists(name, y, p, value):
    frame = pd.DataFrame({"unpaid": [y] * 50, "warned": [p] * 50, "risk": 0.5})
    assert measured([name], frame)["value"].tolist() == [value]


# -- Influence and sampling errors ----------------------------------------------------------------


@pytest.mark.parametrize("name", [*RATES, "confusion_matrix", "business_value"])
def test_the_influence_of_a_row_is_the_derivative_by_its_probability(name):
    _, p, s = drawn(60, 4, decimals=1)
    truth = np.random.default_rng(2).uniform(0.2, 0.8, 60)
    settings = {"business_value_matrix": MATRIX} if name == "business_value" else {}
    for metric in classification_metrics([name], **settings):
        found = metric.measure(truth, p, s)
        for row in (0, 17, 59):
            step = np.zeros(60)
            step[row] = 1e-6
            up, down = metric.measure(truth + step, p, s), metric.measure(truth - step, p, s)
            slope = (up.value - down.value) / 2e-6
            assert found.positive[row] - found.negative[row] == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("name", [*RATES, "business_value"])
def test_the_sampling_error_is_the_spread_over_samples(name):
    settings = {"business_value_matrix": MATRIX} if name == "business_value" else {}
    metric = only(name, **settings)
    values = [metric.measure(*drawn(500, seed)).value for seed in range(600)]
    error = metric.sampling_error(metric.row_error(*drawn(20_000, 1000)), 500)
    assert error == pytest.approx(np.std(values, ddof=1), rel=0.12)


def test_the_error_of_f1_is_the_closed_form():
    y, p, s = drawn(1000, 1)
    hits, relevant = np.sum(y * p), np.sum((y + p) > 0)
    q = hits / relevant
    closed = 2 / (1 + q) ** 2 * np.sqrt(q * (1 - q) / relevant)
    metric = only("f1")
    assert metric.sampling_error(metric.row_error(y, p, s), 1000) == pytest.approx(closed)


def test_the_error_of_roc_auc_is_delongs():
    y, p, s = drawn(300, 1)
    wins = (s[y == 1][:, None] > s[y == 0]) + 0.5 * (s[y == 1][:, None] == s[y == 0])
    delong = np.sqrt(
        wins.mean(axis=1).var() / (y == 1).sum() + wins.mean(axis=0).var() / (y == 0).sum()
    )
    metric = only("roc_auc")
    assert metric.sampling_error(metric.row_error(y, p, s), 300) == pytest.approx(delong)


@pytest.mark.parametrize("name", RATES)
def test_the_noise_of_labels_is_their_spread_over_draws(name):
    _, p, s = drawn(500, 7)
    rng = np.random.default_rng(3)
    draws = [(rng.uniform(size=500) < s).astype(float) for _ in range(500)]
    values = [only(name).measure(y, p, s).value for y in draws]
    noise = only(name).measure(s, p, s).label_noise(s)
    assert noise == pytest.approx(np.std(values, ddof=1), rel=0.12)


# -- Realized chunks ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RATES)
def test_every_chunk_has_the_value_of_its_rows(name):
    later = loans(250, 9)
    found = measured([name], later)
    parts = [later[i : i + 100] for i in range(0, 250, 100)]
    expected = [REFERENCE[name](part["unpaid"], part["warned"], part["risk"]) for part in parts]
    np.testing.assert_allclose(found["value"], expected)
    assert found["n_used"].tolist() == [100, 100, 50]


def test_by_default_one_metric_of_the_score_and_two_of_the_classes_are_measured():
    assert measured(None, loans(100, 1))["metric"].tolist() == ["roc_auc", "f1", "accuracy"]


def test_a_worse_classifier_alerts_and_a_better_one_does_not():
    worse = loans(500, 3).assign(risk=lambda f: 1 - f["risk"])
    better = loans(500, 3).assign(risk=lambda f: f["unpaid"] * 0.9)
    assert measured(["roc_auc"], worse)["alert"].all()
    assert not measured(["roc_auc"], better)["alert"].any()


def test_a_cell_alerts_on_both_sides():
    more = loans(100, 1).assign(unpaid=1, warned=1)
    none = loans(100, 1).assign(unpaid=0, warned=0)
    cells = {"normalize_confusion_matrix": "all"}
    for frame in (more, none):
        found = measured(["confusion_matrix"], frame, **cells).set_index("metric")
        assert found.loc["true_positive", "alert"]


def test_counts_have_limits_that_follow_the_size_of_the_chunk():
    found = measured(["confusion_matrix"], loans(150, 1))
    counts = found[found["metric"] == "true_positive"]
    assert counts["unit"].tolist() == ["rows", "rows"]
    assert counts["upper_threshold"].iloc[1] < 0.8 * counts["upper_threshold"].iloc[0]


def test_rank_metrics_need_no_predicted_class():
    found = make(["roc_auc"], y_pred=None).fit(loans()).calculate(loans(100, 1))
    assert found.to_df()["value"].notna().all()


def test_limits_stay_within_what_the_metric_can_be():
    perfect = loans().assign(risk=lambda f: f["unpaid"])
    found = make(["roc_auc"]).fit(perfect).calculate(perfect).to_df()
    assert found["value"].eq(1).all()
    assert not found["alert"].any()


# -- Bad input ------------------------------------------------------------------------------------


def test_a_score_that_is_no_probability_is_refused_by_name():
    bad = loans().assign(risk=lambda f: f["risk"].mask(f.index < 3, 1.2))
    with pytest.raises(ValueError, match=r"`risk` lies outside 0 to 1 in 3 of 1,000 rows; give"):
        make(["roc_auc"]).fit(bad)


def test_a_missing_score_is_refused_by_name():
    bad = loans().assign(risk=lambda f: f["risk"].mask(f.index < 3))
    with pytest.raises(ValueError, match="`risk` is missing in 3 of 1,000 rows"):
        make(["roc_auc"]).fit(loans()).calculate(bad)


@pytest.mark.parametrize(
    ("metric", "missing"), [("roc_auc", "y_pred_proba"), ("f1", "y_pred"), ("accuracy", "y_pred")]
)
def test_the_column_that_a_metric_needs_must_be_named(metric, missing):
    with pytest.raises(ValueError, match=f"'{metric}' needs `{missing}`"):
        make([metric], **{missing: None})


@pytest.mark.parametrize(
    ("metrics", "error", "message"),
    [
        (["gini"], ValueError, "unknown metric 'gini' in `metrics`; choose from roc_auc, "),
        ([], ValueError, "`metrics` is empty"),
        ([7], TypeError, "`metrics` holds 7; give names"),
        (["f1", "f1"], ValueError, "two metrics share a name"),
        (["confusion_matrix", "confusion_matrix"], ValueError, "two metrics share a name"),
    ],
)
def test_metrics_that_cannot_be_are_refused(metrics, error, message):
    with pytest.raises(error, match=message):
        classification_metrics(metrics)


def test_the_root_of_a_mean_is_refused_since_counts_have_none():
    root = RootMetric("rms_miss", lambda y, p: (y - p) ** 2)
    with pytest.raises(ValueError, match=r"'rms_miss' is the root of a mean.*use a RowMetric"):
        classification_metrics(["f1", root])


def test_an_unused_or_unknown_normalization_is_refused():
    with pytest.raises(ValueError, match='`metrics` does not have "confusion_matrix"'):
        classification_metrics(["f1"], normalize_confusion_matrix="all")
    with pytest.raises(ValueError, match='must be None or one of "all", "true", "pred"'):
        classification_metrics("confusion_matrix", normalize_confusion_matrix="rows")


def test_a_score_is_refused_in_regression():
    with pytest.raises(ValueError, match="`y_pred_proba` is for classification"):
        PerformanceCalculator(metrics="mae", y_true="y", y_pred="p", y_pred_proba="s")


def test_a_row_metric_is_measured_as_the_mean_over_rows():
    missed = RowMetric("missed", lambda y, p: y * (1 - p), lower_limit=0)
    y, p, s = drawn(100, 1)
    (metric,) = classification_metrics(missed)
    assert metric.measure(y, p, s).value == pytest.approx(np.mean(y * (1 - p)))
