import numpy as np
import pandas as pd
import pytest

from course_lib import DLE, PerformanceCalculator, Result, RowMetric
from course_lib.result import COLUMNS, MEASURES


def stones(n=500, seed=0, sd=200.0):
    rng = np.random.default_rng(seed)
    carat = rng.uniform(0.2, 2, n)
    frame = pd.DataFrame({"carat": carat, "predicted": 4000 * carat})
    frame["price"] = frame["predicted"] + rng.normal(0, sd, n)
    frame["day"] = pd.date_range("2024-01-01", periods=n, freq="6h")
    return frame


def realized(metrics=("mae",), later=None, **options):
    calculator = PerformanceCalculator(
        list(metrics),
        "price",
        "regression",
        "predicted",
        timestamp_column_name="day",
        chunk_size=50,
        **options,
    )
    return calculator.fit(stones()).calculate(stones(200, seed=1) if later is None else later)


def estimated(metrics=("mae",)):
    dle = DLE(["carat"], "predicted", "price", "day", chunk_size=50, metrics=list(metrics))
    return dle.fit(stones()).estimate(stones(200, seed=1))


def drift(columns=("carat", "price"), metrics=("shift",)):
    """Build a result with columns, as a drift monitor makes it."""
    rows = [
        {"period": period, "chunk_index": i, "column": column, "metric": metric, "alert": i == 1}
        for column in columns
        for metric in metrics
        for period in ("reference", "analysis")
        for i in range(3)
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).assign(value=1.0, key="[0:9]", unit="")
    return Result(frame.astype({"column": object, "start_date": "datetime64[ns]"}), "drift")


# -- The frame ------------------------------------------------------------------------------------


def test_the_frame_has_exactly_the_columns_of_the_contract_in_their_order():
    assert realized().to_df().columns.tolist() == [
        "period",
        "chunk_index",
        "key",
        "start_date",
        "end_date",
        "n_rows",
        "n_used",
        "column",
        "metric",
        "value",
        "sampling_error",
        "lower_confidence_boundary",
        "upper_confidence_boundary",
        "lower_threshold",
        "upper_threshold",
        "alert",
        "unit",
        "note",
    ]


@pytest.mark.parametrize("make", [realized, estimated])
def test_the_types_of_the_columns_do_not_depend_on_what_was_measured(make):
    dtypes = make().to_df().dtypes
    assert (dtypes[["chunk_index", "n_rows", "n_used"]] == "int64").all()
    assert (dtypes[list(MEASURES)] == "float64").all()
    assert (dtypes[["start_date", "end_date"]] == "datetime64[ns]").all()
    assert dtypes["alert"] == "bool"


def test_there_is_one_row_per_chunk_and_metric():
    frame = realized(["mae", "rmse"]).to_df()
    assert not frame.duplicated(["period", "chunk_index", "column", "metric"]).any()
    assert len(frame) == (10 + 4) * 2
    assert frame.index.tolist() == list(range(28))


def test_the_frame_is_a_copy():
    result = realized()
    frame = result.to_df()
    frame["value"] = 0.0
    assert (result.to_df()["value"] > 0).all()


# -- Filtering ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("period", "n"), [("all", 28), ("reference", 20), ("analysis", 8)])
def test_a_period_can_be_chosen(period, n):
    frame = realized(["mae", "rmse"]).filter(period=period).to_df()
    assert len(frame) == n
    assert frame.index.tolist() == list(range(n))


@pytest.mark.parametrize(
    ("metrics", "expected"), [("rmse", ["rmse"]), (["rmse", "mae"], ["mae", "rmse"])]
)
def test_metrics_can_be_chosen_by_one_name_or_several(metrics, expected):
    frame = realized(["mae", "mse", "rmse"]).filter(metrics=metrics).to_df()
    assert frame["metric"].unique().tolist() == expected


def test_columns_can_be_chosen():
    frame = drift().filter(column_names="price", period="analysis").to_df()
    assert frame["column"].tolist() == ["price"] * 3


def test_a_filter_leaves_the_result_as_it_was_and_keeps_its_kind():
    result = realized(["mae", "rmse"])
    before = result.to_df()
    part = result.filter(metrics="mae", period="analysis")
    assert part.kind == "realized"
    pd.testing.assert_frame_equal(result.to_df(), before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"period": "production"}, '`period` must be "all", "reference" or "analysis", got \'prod'),
        ({"metrics": "mape"}, "the result has no metric 'mape'; it has: mae, rmse"),
        ({"metrics": ["mae", "MAE"]}, "the result has no metric 'MAE'"),
        ({"column_names": "carat"}, "the result has no column 'carat'; it has: none"),
    ],
)
def test_a_filter_for_what_is_not_there_is_an_error_that_lists_what_is(options, message):
    with pytest.raises(ValueError, match=message):
        realized(["mae", "rmse"]).filter(**options)


def test_a_missing_column_is_listed_against_those_that_exist():
    with pytest.raises(ValueError, match="no column 'depth'; it has: carat, price"):
        drift().filter(column_names=["carat", "depth"])


def test_series_are_the_pairs_of_column_and_metric():
    assert realized(["mae", "rmse"]).series == [(None, "mae"), (None, "rmse")]
    assert drift(metrics=["ks", "w"]).series == [
        ("carat", "ks"),
        ("carat", "w"),
        ("price", "ks"),
        ("price", "w"),
    ]


# -- Looks ----------------------------------------------------------------------------------------


def test_a_result_shows_kind_metrics_chunks_and_alerts_of_the_analysis():
    worse = stones(200, seed=1, sd=2000)
    assert repr(realized()) == "Result(realized mae: 4 analysis chunks, 0 alerts)"
    assert repr(realized(["mae", "mse"], worse)) == (
        "Result(realized mae, mse: 4 analysis chunks, 8 alerts)"
    )
    assert repr(drift()) == "Result(drift shift of 2 columns: 3 analysis chunks, 2 alerts)"


def test_values_that_are_missing_are_not_taken_for_all_clear():
    unknown = stones(200, seed=1).assign(price=np.nan)
    assert repr(realized(later=unknown)) == (
        "Result(realized mae: 4 analysis chunks, 4 values missing, 0 alerts)"
    )


def test_one_is_singular():
    assert repr(realized(later=stones(50, seed=1, sd=2000))) == (
        "Result(realized mae: 1 analysis chunk, 1 alert)"
    )


def test_a_part_without_analysis_shows_the_reference():
    part = realized().filter(period="reference")
    assert repr(part) == "Result(realized mae: 10 reference chunks, 0 alerts)"


# -- Comparing ------------------------------------------------------------------------------------


def test_a_comparison_has_both_values_and_their_difference():
    left, right = estimated(), realized()
    frame = left.compare(right).to_df()
    assert frame.columns.tolist() == [
        "period",
        "chunk_index",
        "key",
        "start_date",
        "end_date",
        "estimated mae",
        "estimated mae alert",
        "realized mae",
        "realized mae alert",
        "difference",
    ]
    assert len(frame) == 14
    by_hand = left.to_df()["value"] - right.to_df()["value"]
    np.testing.assert_array_equal(frame["difference"], by_hand)
    back = right.compare(left).to_df()
    np.testing.assert_array_equal(back["difference"], -by_hand)


def test_different_metrics_have_no_difference():
    comparison = estimated(["mae"]).compare(realized(["rmse"]))
    assert "difference" not in comparison.to_df()
    assert not comparison.same_metric


def test_only_chunks_that_both_have_are_compared():
    shorter = realized(later=stones(100, seed=1))
    frame = estimated().compare(shorter).to_df()
    analysis = frame[frame["period"] == "analysis"]
    assert analysis["key"].tolist() == ["[0:49]", "[50:99]"]


def test_chunks_without_dates_can_be_compared():
    calculator = PerformanceCalculator("mae", "price", "regression", "predicted", chunk_size=50)
    result = calculator.fit(stones()).calculate(stones(200, seed=1))
    frame = result.compare(result).to_df()
    assert len(frame) == 14
    assert (frame["difference"] == 0).all()


def test_equal_labels_are_told_apart():
    comparison = realized().compare(realized(later=stones(200, seed=2)))
    assert comparison.labels == ("realized mae (first)", "realized mae (second)")
    assert comparison.to_df()["realized mae (second)"].notna().all()


def test_a_missing_label_leaves_the_difference_missing():
    late = stones(200, seed=1)
    late["price"] = late["price"].where(late.index < 150)
    frame = estimated().compare(realized(later=late)).to_df()
    assert frame["difference"].isna().tolist() == [False] * 13 + [True]


def test_a_drift_metric_is_labelled_with_its_column():
    comparison = drift(["carat"]).compare(drift(["price"]))
    assert comparison.labels == ("carat shift", "price shift")
    assert not comparison.same_metric


@pytest.mark.parametrize("place", ["first", "second"])
def test_several_series_cannot_be_compared_and_the_error_says_how_to_choose(place):
    one, several = realized(), realized(["mae", "rmse"])
    pair = (several, one) if place == "first" else (one, several)
    with pytest.raises(ValueError, match=rf"the {place} result holds 2 series; .*\.filter\(metric"):
        pair[0].compare(pair[1])


def test_results_without_a_common_chunk_cannot_be_compared():
    with pytest.raises(ValueError, match="share no chunk; use the same chunks for both"):
        realized().filter(period="reference").compare(realized().filter(period="analysis"))


def test_a_comparison_shows_its_labels_and_length():
    assert repr(estimated().compare(realized())) == (
        "Comparison(estimated mae and realized mae: 14 chunks)"
    )


def test_the_unit_of_your_own_metric_names_the_target():
    own = RowMetric("own", lambda y, p: y - p, unit="y_true per stone")
    assert realized([own]).to_df()["unit"].unique().tolist() == ["price per stone"]
