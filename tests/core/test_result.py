from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from handmade import handmade

from course_lib import (
    DLE,
    MissingValuesCalculator,
    NumericalRangeCalculator,
    PerformanceCalculator,
    Result,
    RowMetric,
    UnivariateDriftCalculator,
    UnseenValuesCalculator,
)
from course_lib.core.notebook_table import compact
from course_lib.core.result import COLUMNS, MEASURES


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
    return handmade(pd.DataFrame(rows).assign(value=1.0, key="[0:9]"), "drift")


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
    assert (dtypes[["start_date", "end_date"]] == "datetime64[us]").all()
    assert dtypes["alert"] == "bool"


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
@pytest.mark.parametrize("chunks", [{"chunk_size": 100}, {"chunk_period": "W"}], ids=str)
def test_dates_are_in_microseconds_whatever_the_times_count(unit, chunks):
    drift = UnivariateDriftCalculator(["carat"], timestamp_column_name="day", **chunks)
    frame = stones()
    frame["day"] = frame["day"].dt.as_unit(unit)
    result = drift.fit(frame).calculate(frame)
    for found in (result.to_df(), result.distribution()):
        assert (found.dtypes[["start_date", "end_date"]] == "datetime64[us]").all()
        assert found["start_date"].iloc[0] == pd.Timestamp("2024-01-01")


@pytest.mark.parametrize("chunks", [{"chunk_size": 100}, {"chunk_period": "W"}], ids=str)
def test_keys_are_unique_over_both_periods_though_both_hold_the_same_rows(chunks):
    metrics = ["jensen_shannon", "hellinger"]
    drift = UnivariateDriftCalculator(
        ["carat", "price"], timestamp_column_name="day", continuous_methods=metrics, **chunks
    )
    result = drift.fit(stones()).calculate(stones())
    frame = result.to_df()
    assert not frame.duplicated(["key", "column", "metric"]).any()
    one = frame[frame["column"] == "carat"].pivot(index="key", columns="metric", values="value")  # noqa: PD010, which would average keys that come twice
    assert one.shape == (len(frame) / 4, 2)
    for found in (frame, result.distribution()):
        is_reference = found["period"] == "reference"
        assert found["key"].str.startswith("reference ").equals(is_reference)
        bare = found["key"].str.removeprefix("reference ")
        assert set(bare[is_reference]) == set(found.loc[~is_reference, "key"])


@pytest.mark.parametrize("make", [realized, estimated])
def test_metrics_of_the_whole_model_have_an_empty_column_and_are_not_lost_in_groups(make):
    frame = make(["mae", "rmse"]).to_df()
    assert (frame["column"] == "").all()
    assert frame.groupby(["column", "metric"]).size().to_dict() == {
        ("", "mae"): 14,
        ("", "rmse"): 14,
    }


def test_the_length_is_that_of_the_frame():
    result = realized(["mae", "rmse"])
    assert len(result) == len(result.to_df()) == 28
    assert len(result.filter(metrics="mae", period="analysis")) == 4


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


@pytest.mark.parametrize("argument", ["metrics", "column_names"])
def test_a_filter_by_what_is_neither_a_name_nor_a_list_names_the_argument(argument):
    with pytest.raises(TypeError, match=f"`{argument}` must be a name or a list of names, got 0"):
        drift().filter(**{argument: 0})


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("analysis", [("analysis", "carat"), ("analysis", "price")]),
        ("reference", [("reference", "carat"), ("reference", "price")]),
        ("all", [(p, c) for c in ("carat", "price") for p in ("reference", "analysis")]),
    ],
)
def test_alerts_are_the_rows_that_alert_numbered_from_0(period, expected):
    found = drift().alerts(period=period)
    assert list(zip(found["period"], found["column"], strict=True)) == expected
    assert (found["chunk_index"] == 1).all()
    assert found.index.tolist() == list(range(len(expected)))
    assert found.columns.tolist() == list(COLUMNS)


def test_alerts_are_those_of_the_analysis_unless_another_period_is_named():
    pd.testing.assert_frame_equal(drift().alerts(), drift().alerts(period="analysis"))
    with pytest.raises(ValueError, match="`period` must be"):
        drift().alerts(period="production")


def test_a_result_without_an_alert_has_an_empty_table_of_alerts():
    found = realized().alerts()
    assert found.empty
    assert found.columns.tolist() == list(COLUMNS)


def test_a_missing_column_is_listed_against_those_that_exist():
    with pytest.raises(ValueError, match="no column 'depth'; it has: carat, price"):
        drift().filter(column_names=["carat", "depth"])


def test_series_are_the_pairs_of_column_and_metric():
    assert realized(["mae", "rmse"]).series == [("", "mae"), ("", "rmse")]
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


def test_a_single_column_is_in_the_singular():
    assert repr(drift(["carat"])) == "Result(drift shift of 1 column: 3 analysis chunks, 1 alert)"


@pytest.mark.parametrize(
    "calculator",
    [MissingValuesCalculator, UnseenValuesCalculator, NumericalRangeCalculator],
)
def test_shares_of_faulty_rows_are_of_the_kind_quality(calculator):
    result = calculator(["carat"], chunk_size=100).fit(stones()).calculate(stones())
    assert result.kind == "quality"
    assert repr(result).startswith("Result(quality ")
    comparison = result.compare(result)
    assert comparison.labels[0].startswith("carat ")


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


# -- In a notebook --------------------------------------------------------------------------------


def table_of(shown):
    rows = ElementTree.fromstring(shown._repr_html_()).iter("tr")
    names, *cells = [[cell.text or "" for cell in row] for row in rows]
    return pd.DataFrame(cells, columns=names)


def long(alerts, n=50):
    """Build a result of one series with these alerts among n analysis chunks."""
    index = range(n)
    frame = pd.DataFrame({"chunk_index": index, "key": [f"[{i}]" for i in index], "value": 1234.5})
    frame = frame.assign(period="analysis", metric="mae", alert=[i in alerts for i in index])
    return handmade(frame, "realized")


def test_a_notebook_shows_the_analysis_chunks_under_the_repr():
    result = realized(["mae", "mse"], stones(200, seed=1, sd=2000))
    html, table = result._repr_html_(), table_of(result)
    assert f"<code>{result!r}</code>" in html
    assert table.columns.tolist() == [
        *("key", "metric", "value", "lower_threshold", "upper_threshold", "alert", "unit")
    ]
    analysis = result.filter(period="analysis").to_df()
    assert table["key"].tolist() == analysis["key"].tolist()
    assert table["alert"].tolist() == ["alert"] * 8
    assert (table["lower_threshold"] == "").all()
    shown = table["upper_threshold"].str.replace(",", "").astype(float)
    np.testing.assert_allclose(shown, analysis["upper_threshold"], rtol=1e-3)


def test_a_notebook_shows_the_reference_where_there_is_no_analysis():
    table = table_of(realized().filter(period="reference"))
    assert table["key"].str.startswith("reference ").all()
    assert len(table) == 10


def test_a_notebook_shows_columns_and_notes_only_where_there_are_any():
    assert "column" not in table_of(realized())
    assert table_of(drift())["column"].unique().tolist() == ["carat", "price"]
    unknown = realized(later=stones(200, seed=1).assign(price=np.nan))
    assert (table_of(unknown)["note"] != "").all()
    assert "note" not in table_of(realized())


@pytest.mark.parametrize(
    ("alerts", "expected", "remark"),
    [
        ([], range(30, 50), "20 of 50 rows are shown: the latest 20 of 50 that do not."),
        (
            [3, 31],
            [3, *range(31, 50)],
            "20 of 50 rows are shown: the latest 2 of 2 that alert and the latest 18 of 48 that",
        ),
        (range(40), range(20, 40), "20 of 50 rows are shown: the latest 20 of 40 that alert."),
    ],
    ids=["none", "some", "many"],
)
def test_of_many_rows_a_notebook_shows_those_that_alert_before_the_others(alerts, expected, remark):
    result = long(alerts)
    table = table_of(result)
    assert table["key"].tolist() == [f"[{i}]" for i in expected]
    assert (table["alert"] == "alert").sum() == min(len(alerts), 20)
    assert remark in result._repr_html_()


def test_twenty_rows_are_shown_without_a_remark():
    assert len(table_of(long([], n=20))) == 20
    assert "are shown" not in long([], n=20)._repr_html_()


def test_texts_are_escaped_and_never_set_as_formulas_in_a_notebook():
    result = drift(columns=["<b>", "a $ b $ c"], metrics=["x & y"])
    html = result._repr_html_()
    assert "<td>&lt;b&gt;</td>" in html
    assert "x &amp; y" in html
    assert "<b>" not in html
    assert "mathjax_ignore" in html.split(">")[0]


def test_a_table_has_no_colors_of_its_own_and_does_not_depend_on_options_of_pandas():
    result = long([3])
    html = result._repr_html_()
    assert "style" not in html
    assert "color" not in html
    with pd.option_context(
        "display.max_rows", 2, "display.max_colwidth", 3, "display.precision", 1
    ):
        assert result._repr_html_() == html


def test_a_result_without_rows_is_shown_without_a_table():
    empty = realized().filter(period="reference").filter(period="analysis")
    assert "<table" not in empty._repr_html_()


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.123456, "0.1235"), (480.0, "480"), (98765.4, "98,765"), (1e-9, "1e-09"), (np.nan, "")],
)
def test_numbers_are_shown_with_four_digits_or_as_whole_numbers(number, text):
    assert compact(number) == text


def test_a_notebook_shows_the_analysis_chunks_of_a_comparison():
    comparison = estimated().compare(realized())
    assert f"<code>{comparison!r}</code>" in comparison._repr_html_()
    table = table_of(comparison)
    assert table.columns.tolist() == [
        *("key", "estimated mae", "estimated mae alert", "realized mae", "realized mae alert"),
        "difference",
    ]
    assert table["key"].tolist() == ["[0:49]", "[50:99]", "[100:149]", "[150:199]"]
    frame = comparison.to_df()
    frame = frame[frame["period"] == "analysis"]
    np.testing.assert_allclose(
        table["estimated mae"].astype(float), frame["estimated mae"], rtol=1e-3
    )


# -- Made by hand ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda f: f[["value"]],
            "the frame of a result lacks 17 columns: period, chunk_",
        ),
        (lambda f: f.assign(more=1), "the frame of a result has 1 unknown column: more"),
        (lambda f: f.iloc[:, ::-1], "does not have its columns once each, in order: period"),
        (
            lambda f: f.assign(value=1),
            "`value` in the frame of .* must be float64, got int64",
        ),
        (lambda f: f.assign(alert=0), "`alert` in the frame .* must be bool, got int64"),
        (lambda f: f.assign(n_rows=1.5), "`n_rows` in the frame .* must be int64, got float64"),
        (
            lambda f: f.assign(end_date=f["end_date"].astype("datetime64[ns]")),
            r"`end_date` in the frame .* must be datetime64\[us\], got datetime64\[ns\]",
        ),
        (lambda f: f.assign(key=1), "`key` in the frame of a result must be text, got int64"),
        (lambda f: f.assign(column=None), '`column` .* is missing in 14 of 14 rows; use ""'),
        (
            lambda f: f.assign(period="now"),
            '`period` .* must be "reference" or "anal.*, got \'now\'',
        ),
        (lambda f: f.to_dict(), "the frame of a result must be a DataFrame, got {"),
    ],
)
def test_a_frame_that_is_not_a_result_is_refused_and_what_is_wrong_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        Result(change(realized().to_df()), "realized")


def test_shares_that_are_not_those_of_a_result_are_refused():
    drift = UnivariateDriftCalculator(["carat"], chunk_size=100).fit(stones())
    result = drift.calculate(stones())
    shares = result.distribution()
    assert len(Result(result.to_df(), "drift", shares).distribution()) == len(shares)
    with pytest.raises(ValueError, match="the distribution of a result lacks 1 column: bin"):
        Result(result.to_df(), "drift", shares.drop(columns="bin"))
    with pytest.raises(ValueError, match="`share` in the distribution of a result must be float64"):
        Result(result.to_df(), "drift", shares.assign(share=1))


@pytest.mark.parametrize("kind", ["nonsense", None, "Drift"])
def test_an_unknown_kind_of_result_is_refused(kind):
    message = "`kind` of a result must be one of 'estimated', 'realized', 'drift', 'quality', got"
    with pytest.raises(ValueError, match=message):
        Result(realized().to_df(), kind)


def test_the_frame_of_a_result_makes_the_same_result():
    result = estimated(["mae", "rmse"])
    again = Result(result.to_df(), result.kind)
    pd.testing.assert_frame_equal(again.to_df(), result.to_df())


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
