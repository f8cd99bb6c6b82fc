"""Rankers: by alerts, by correlation, by what the change costs."""

import numpy as np
import pandas as pd
import pytest
from handmade import handmade
from scipy import stats

from course_lib import (
    DLE,
    AlertCountRanker,
    CorrelationRanker,
    ImpactRanker,
    MissingValuesCalculator,
    PerformanceCalculator,
    RowMetric,
    UnivariateDriftCalculator,
    load_desk,
)
from course_lib.core.boosting import bin_matrix, grow, predict
from course_lib.core.result import Result


def result(alerts=None, values=None, metric="shift", period="analysis", kind="drift"):
    """Build a result by hand: per column a list of alerts, or of values."""
    rows = [
        {"column": column, "chunk_index": i, "value": float(value), "alert": bool(alert)}
        for column in (alerts or values)
        for i, (alert, value) in enumerate(
            zip(
                (alerts or dict.fromkeys(values, [False] * 99))[column],
                (values or dict.fromkeys(alerts, [0.0] * 99))[column],
                strict=False,
            )
        )
    ]
    keys = [str(row["chunk_index"]) for row in rows]
    return handmade(pd.DataFrame(rows).assign(period=period, key=keys, metric=metric), kind)


def performance(values, period="analysis"):
    return result(values={"": values}, metric="mae", period=period, kind="realized")


# -- Alerts ---------------------------------------------------------------------------------------


def test_columns_are_ranked_by_their_alerts_and_ties_by_name():
    ranked = AlertCountRanker().rank(
        result({"d": [0, 0, 0], "c": [1, 0, 0], "b": [1, 1, 1], "a": [0, 0, 1]})
    )
    assert ranked.columns.tolist() == ["number_of_alerts", "column_name", "rank"]
    assert ranked["column_name"].tolist() == ["b", "a", "c", "d"]
    assert ranked["number_of_alerts"].tolist() == [3, 1, 1, 0]
    assert ranked["rank"].tolist() == [1, 2, 3, 4]


def test_columns_without_an_alert_can_be_left_out():
    found = result({"a": [0, 0], "b": [0, 1]})
    assert AlertCountRanker().rank(found, only_drifting=True)["column_name"].tolist() == ["b"]


def test_any_monitor_of_columns_can_be_ranked():
    frame = pd.DataFrame({"a": np.arange(1000.0), "b": np.arange(1000.0)})
    late = frame.assign(b=frame["b"].where(frame["b"] > 300))
    missing = MissingValuesCalculator(["a", "b"]).fit(frame).calculate(late)
    ranked = AlertCountRanker().rank(missing)
    assert ranked["column_name"].tolist() == ["b", "a"]
    assert ranked["number_of_alerts"].tolist() == [4, 0]


def test_a_result_without_columns_or_with_two_metrics_is_refused():
    with pytest.raises(ValueError, match="not about columns"):
        AlertCountRanker().rank(performance([1, 2, 3]))
    both = [result({"a": [1]}, metric=name).to_df() for name in ("shift", "jump")]
    with pytest.raises(ValueError, match="`a` has 2 metrics in the result; choose one with"):
        AlertCountRanker().rank(Result(pd.concat(both), "drift"))


# -- Correlation ----------------------------------------------------------------------------------

USUAL = performance([9.0, 10.0, 11.0], period="reference")
LATER = performance([10.0, 12.0, 7.0, 14.0])


def test_columns_are_ranked_by_the_strength_of_their_correlation_with_the_change():
    drift = {
        "same": [0, 2, 3, 4],
        "noise": [1, 1, 2, 1],
        "inverse": [4, 2.1, 1, 0],
        "flat": [1] * 4,
    }
    ranked = CorrelationRanker().fit(USUAL).rank(result(values=drift), LATER)
    assert ranked.columns.tolist() == [
        "column_name",
        "pearsonr_correlation",
        "pearsonr_pvalue",
        "has_drifted",
        "rank",
    ]
    assert ranked["column_name"].tolist() == ["same", "inverse", "noise", "flat"]
    assert ranked["rank"].tolist() == [1, 2, 3, 4]
    change = [0, 2, 3, 4]  # from the reference mean of 10, without sign
    for row in ranked.head(3).itertuples():
        expected = stats.pearsonr(drift[row.column_name], change)
        assert row.pearsonr_correlation == pytest.approx(expected.statistic)
        assert row.pearsonr_pvalue == pytest.approx(expected.pvalue)
    assert np.isnan(ranked["pearsonr_correlation"].iloc[3])


def test_chunks_without_a_value_are_left_out_of_the_correlation():
    drift = {"a": [0, 2, np.nan, 4, 5]}
    late = performance([10.0, 12.0, 7.0, 14.0, np.nan])
    ranked = CorrelationRanker().fit(USUAL).rank(result(values=drift), late)
    assert ranked["pearsonr_correlation"].tolist() == [pytest.approx(1)]


def test_columns_that_never_alerted_can_be_left_out():
    drift = result({"a": [0, 1, 0, 0], "b": [0] * 4})
    ranked = CorrelationRanker().fit(USUAL).rank(drift, LATER, only_drifting=True)
    assert ranked["column_name"].tolist() == ["a"]
    assert ranked["has_drifted"].tolist() == [True]


def test_results_that_do_not_fit_together_are_refused():
    drift = result({"a": [0] * 5})
    with pytest.raises(ValueError, match="this CorrelationRanker is not fitted"):
        CorrelationRanker().rank(drift, LATER)
    ranker = CorrelationRanker().fit(USUAL)
    with pytest.raises(ValueError, match="1 drift values belong to chunks that the performance"):
        ranker.rank(drift, LATER)
    with pytest.raises(ValueError, match="has no reference chunk with a value"):
        CorrelationRanker().fit(LATER)
    two = Result(pd.concat([LATER.to_df(), LATER.to_df().assign(metric="mse")]), "realized")
    with pytest.raises(ValueError, match="the performance result has 2 metrics; choose one"):
        CorrelationRanker().fit(two)


# -- Impact ---------------------------------------------------------------------------------------


def offers(n=1500, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.uniform(size=(n, 3)), columns=["a", "b", "c"])
    frame["kind"] = rng.choice(["x", "y"], n)
    frame["predicted"] = 100.0
    noise = rng.normal(size=n) * (1 + 9 * frame["a"] + 3 * (frame["kind"] == "y"))
    return frame.assign(price=100 + noise)


def dle(metrics="mae", features=("a", "b", "c", "kind"), **options):
    given = {"chunk_size": 300, **options}
    return DLE(list(features), y_pred="predicted", y_true="price", metrics=metrics, **given)


def nanny_change(frame, chunks, metric):
    """What a nanny without the prediction expects: per chunk, less the reference."""
    matrix = [
        np.column_stack([f["a"], f["b"], f["c"], (f["kind"] == "y") + 1.0])
        for f in (frame, *chunks)
    ]
    loss = metric(frame["price"].to_numpy(), frame["predicted"].to_numpy())
    nanny = grow(bin_matrix(matrix[0], [3]), loss)
    expected = [predict(nanny, part).mean() for part in matrix]
    return np.array(expected[1:]) - expected[0], loss.mean()


def absolute(y_true, y_pred):
    return np.abs(y_true - y_pred)


def squared(y_true, y_pred):
    return (y_true - y_pred) ** 2


def gain(y_true, y_pred):
    return y_true - y_pred


METRICS = {
    "mae": ("mae", absolute),
    "mse": ("mse", squared),
    "own": (RowMetric("gain", gain, unit="USD", higher_is_better=True), gain),
}


@pytest.mark.parametrize("name", list(METRICS))
def test_contributions_add_up_to_the_change_of_the_nanny(name):
    metric, function = METRICS[name]
    reference = offers()
    late = pd.concat([offers(300, 1), offers(300, 2).assign(a=0.95)], ignore_index=True)
    ranked = ImpactRanker(dle(metric)).fit(reference).rank(late)
    total = ranked.groupby("chunk_index")["contribution"].sum()
    expected, usual = nanny_change(reference, [late[:300], late[300:]], function)
    assert np.abs(total.to_numpy() - expected).max() <= 1e-9 * max(abs(usual), 1e-6)
    assert abs(expected[1]) > 1e-3


def test_the_column_that_moved_is_first_and_carries_the_change():
    late = pd.concat([offers(300, 1).assign(a=0.95), offers(300, 2).assign(kind="y")])
    ranked = ImpactRanker(dle()).fit(offers()).rank(late)
    assert ranked.columns.tolist() == [
        "chunk_index",
        "key",
        "column",
        "metric",
        "contribution",
        "rank",
    ]
    first = ranked[ranked["rank"] == 1]
    assert first["column"].tolist() == ["a", "kind"]
    assert (first["contribution"] > 0.5).all()
    assert set(ranked["metric"]) == {"mae"}
    for _, part in ranked.groupby("chunk_index"):
        assert part["rank"].tolist() == [1, 2, 3, 4]
        assert part["contribution"].abs().is_monotonic_decreasing


def test_the_change_that_is_shared_out_stands_beside_that_of_the_dle():
    late = pd.concat([offers(300, 1), offers(300, 2).assign(a=0.95)], ignore_index=True)
    estimator = dle().fit(offers())
    ranker = ImpactRanker(estimator).fit(offers())
    found = ranker.changes(late)
    total = ranker.rank(late).groupby("chunk_index")["contribution"].sum()
    np.testing.assert_allclose(found["change"], total)
    value = estimator.estimate(late).to_df().groupby("period")["value"]
    by_hand = value.get_group("analysis") - value.get_group("reference").mean()
    np.testing.assert_allclose(found["change_estimated"], by_hand)
    np.testing.assert_allclose(found["distance"], total.to_numpy() - by_hand.to_numpy())
    assert found["key"].tolist() == ["[0:299]", "[300:599]"]
    assert abs(found["distance"][1]) < 0.2 * found["change"][1]  # the prediction says nothing


def test_a_dle_that_was_not_fitted_has_no_change():
    ranker = ImpactRanker(dle()).fit(offers())
    with pytest.raises(ValueError, match="this DLE is not fitted"):
        ranker.changes(offers(300, 1))


def test_a_loss_too_large_to_learn_is_named():
    dear = offers().assign(price=1e30)
    with pytest.raises(ValueError, match="`mse` of a row exceeds"):
        ImpactRanker(dle("mse")).fit(dear)


def test_a_group_is_the_sum_of_its_columns():
    late = offers(600, 1)
    alone = ImpactRanker(dle()).fit(offers()).rank(late)
    pair = ImpactRanker(dle(), groups={"both": ["a", "b"]}).fit(offers()).rank(late)
    parts = alone.set_index(["chunk_index", "column"])["contribution"]
    sums = pair.set_index(["chunk_index", "column"])["contribution"]
    for chunk in (0, 1):
        assert sums[chunk, "both"] == pytest.approx(parts[chunk, "a"] + parts[chunk, "b"])
        assert sums[chunk, "c"] == pytest.approx(parts[chunk, "c"])
    assert set(pair["column"]) == {"both", "c", "kind"}


def test_labels_and_predictions_of_the_chunk_do_not_matter():
    ranker, late = ImpactRanker(dle()).fit(offers()), offers(300, 1)
    plain = ranker.rank(late)
    other = ranker.rank(late.assign(predicted=7.0).drop(columns="price"))
    pd.testing.assert_frame_equal(plain, other)


def test_contributions_are_measured_against_ten_thousand_rows_of_the_reference():
    # Against all rows of the reference, its own chunks move by nothing on average. A chunk of at
    # most 2,000 rows is not drawn from.
    reference = offers(10_000, 1)
    quick = dle(chunk_size=2000, hyperparameters={"n_estimators": 10})
    ranked = ImpactRanker(quick).fit(reference).rank(reference)
    moved = ranked.groupby("column")["contribution"]
    assert (moved.mean().abs() < 1e-9 * moved.max().max()).all()
    assert moved.max().max() > 1e-3


def test_of_a_large_chunk_some_rows_are_drawn_and_always_the_same(monkeypatch):
    late = offers(300, 1)
    whole = ImpactRanker(dle()).fit(offers()).rank(late)
    monkeypatch.setattr(ImpactRanker, "_max_rows", 100)
    drawn, again = (ImpactRanker(dle()).fit(offers()).rank(late) for _ in range(2))
    pd.testing.assert_frame_equal(drawn, again)
    both = whole.merge(drawn, on="column")
    assert not np.allclose(both["contribution_x"], both["contribution_y"])
    np.testing.assert_allclose(both["contribution_x"], both["contribution_y"], atol=0.5)


def test_rows_without_a_label_are_not_learned_from():
    holes = offers(1800)
    holes.loc[1500:, "price"] = np.nan
    ranked = ImpactRanker(dle()).fit(holes).rank(offers(300, 1))
    assert ranked["contribution"].notna().all()


def test_what_has_no_single_unit_or_does_not_add_up_is_refused():
    with pytest.raises(ValueError, match="the DLE has 2 metrics; impact has one unit"):
        ImpactRanker(dle(["mae", "mse"]))
    with pytest.raises(ValueError, match=r"`metrics=\['rmse'\]`, the root of a mean"):
        ImpactRanker(dle("rmse"))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"size": ["a", "d"]}, "`groups` names 'd', which is not a feature"),
        ({"size": ["a", "b"], "other": ["b"]}, "`groups` names 'b' more than once"),
        ({"c": ["a", "b"]}, "the group 'c' has the name of another column"),
        ({"size": []}, r"`groups` needs a list of columns for 'size', got \[\]"),
        ({"size": "ab"}, "`groups` needs a list of columns for 'size', got 'ab'"),
    ],
)
def test_groups_that_make_no_sense_are_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        ImpactRanker(dle(), groups=groups)


def test_it_says_that_it_was_not_fitted():
    with pytest.raises(ValueError, match=r"this ImpactRanker is not fitted; call `.fit\(reference"):
        ImpactRanker(dle()).rank(offers(300, 1))


# -- On the desk ----------------------------------------------------------------------------------

CAMPAIGN, GAUGE = range(10, 16), range(4, 10)
WEEKLY = {"timestamp_column_name": "offered_at", "chunk_period": "W"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_in_the_campaign_size_carries_the_change_and_the_gauge_carries_none(seed):
    desk = load_desk(seed=seed)
    roles = {"y_true": "price", "y_pred": "predicted_price", "metrics": "mae", **WEEKLY}
    nanny = DLE(desk.features, **roles)
    analysis = desk.analysis
    weeks = analysis[desk.week(analysis).isin([GAUGE[0], *CAMPAIGN])]
    ranker = ImpactRanker(nanny, groups={"size": ["carat", "x", "y", "z"]}).fit(desk.reference)
    ranked = ranker.rank(weeks)
    pooled = ranked[ranked["chunk_index"] > 0].groupby("column")["contribution"].sum()
    shares = (pooled / pooled.sum()).sort_values(key=abs, ascending=False)
    assert shares.index[0] == "size"
    assert 0.90 <= shares.iloc[0] <= 1.15
    assert abs(shares.iloc[1]) <= 0.10
    gauge = ranked[ranked["chunk_index"] == 0].set_index("column")["contribution"]
    assert abs(gauge["depth"]) < 0.1 * pooled["size"] / 6  # depth alerts, and costs nothing

    # The change that is shared out is close to the one that the estimate shows.
    frame = nanny.fit(desk.reference).estimate(weeks).to_df()
    usual = frame.loc[frame["period"] == "reference", "value"].mean()
    change = frame.loc[frame["period"] == "analysis", "value"].to_numpy()[1:] - usual
    assert pooled.sum() / 6 == pytest.approx(change.mean(), abs=40)


def test_the_older_rankers_see_the_gauge_as_they_see_the_campaign():
    desk = load_desk()
    drift = UnivariateDriftCalculator(desk.features, **WEEKLY).fit(desk.reference)
    drift = drift.calculate(desk.analysis)
    counts = AlertCountRanker().rank(drift.filter(period="analysis")).set_index("column_name")
    assert counts.loc["depth", "number_of_alerts"] >= 6
    assert (
        abs(counts.loc["depth", "number_of_alerts"] - counts.loc["carat", "number_of_alerts"]) < 3
    )
    calculator = PerformanceCalculator(
        "mae", "price", "regression", "predicted_price", **WEEKLY
    ).fit(desk.reference)
    realized = calculator.calculate(desk.analysis)
    ranker = CorrelationRanker().fit(realized.filter(period="reference"))
    ranked = ranker.rank(drift.filter(period="analysis"), realized.filter(period="analysis"))
    assert ranked["pearsonr_correlation"].abs().max() < 0.5  # most of the change is not in inputs
