import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex

from course_lib import (
    DLE,
    ConstantThreshold,
    MissingValuesCalculator,
    PerformanceCalculator,
    RowMetric,
    UnivariateDriftCalculator,
)
from course_lib.plots import COLORS, STYLE, plot_comparison, plot_result, show

N_CHUNKS = 6


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def stones(n=500, seed=0, sd=200.0):
    rng = np.random.default_rng(seed)
    carat = rng.uniform(0.2, 2, n)
    frame = pd.DataFrame({"carat": carat, "predicted": 4000 * carat})
    frame["price"] = frame["predicted"] + rng.normal(0, sd, n)
    frame["day"] = pd.date_range("2024-01-01", periods=n, freq="6h")
    return frame


def later():
    """Six chunks of which the last two are worse."""
    frame = pd.concat([stones(200, seed=1), stones(100, seed=2, sd=800)], ignore_index=True)
    return frame.assign(day=pd.date_range("2024-06-01", periods=300, freq="6h"))


def realized(metrics="mae", frame=None, dated=True):
    calculator = PerformanceCalculator(
        metrics,
        "price",
        "regression",
        "predicted",
        timestamp_column_name="day" if dated else None,
        chunk_size=50,
    )
    return calculator.fit(stones()).calculate(later() if frame is None else frame)


def estimated(metrics=("mae",), dated=True):
    dle = DLE(
        ["carat"],
        "predicted",
        "price",
        "day" if dated else None,
        chunk_size=50,
        metrics=list(metrics),
        hyperparameters={"n_estimators": 5},
    )
    return dle.fit(stones()).estimate(later())


def lines(ax, marker=None, style=None):
    return [
        line
        for line in ax.get_lines()
        if (marker is None or line.get_marker() == marker)
        and (style is None or line.get_linestyle() == style)
    ]


def points(ax, marker):
    return [y for line in lines(ax, marker) for y in line.get_ydata()]


def title_of(ax):
    """The style of the course puts it on the left; an ``ax`` made elsewhere may not."""
    return ax.get_title(loc="left") or ax.get_title()


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize("dated", [True, False])
def test_every_chunk_has_its_value(dated):
    result = realized(dated=dated)
    ax = result.plot()
    np.testing.assert_allclose(points(ax, "o"), result.to_df()["value"])


@pytest.mark.parametrize("dated", [True, False])
@pytest.mark.parametrize("make", [realized, estimated])
def test_a_diamond_marks_every_alert_of_the_analysis_and_nothing_else(make, dated):
    result = make(dated=dated)
    analysis = result.filter(period="analysis").to_df()
    expected = analysis.loc[analysis["alert"], "value"].tolist()
    assert points(result.plot(), "D") == expected


def test_the_alerts_that_are_drawn_are_there_at_all():
    ax = realized().plot()
    assert len(points(ax, "D")) == 2
    (diamonds,) = lines(ax, "D")
    assert to_hex(diamonds.get_color()) == COLORS["alert"].lower()


def test_alerts_of_the_reference_are_not_marked():
    wild = stones()
    wild.loc[:49, "price"] += 5000
    calculator = PerformanceCalculator(
        "mae",
        "price",
        "regression",
        "predicted",
        chunk_size=50,
        thresholds={"mae": ConstantThreshold(upper=1000)},
    )
    result = calculator.fit(wild).calculate(stones())
    assert result.to_df()["alert"].tolist() == [True] + [False] * 19
    assert points(result.plot(), "D") == []


@pytest.mark.parametrize(
    ("make", "title", "names"),
    [
        (realized, "Realized mae", ["reference", "realized", "limit", "alert"]),
        (estimated, "Estimated mae", ["reference", "estimated", "limit", "confidence band"]),
    ],
)
def test_a_figure_says_what_is_drawn(make, title, names):
    ax = make().plot()
    assert title_of(ax) == title
    assert ax.get_ylabel() == "mae, unit of price"
    assert set(names) <= set(legend(ax))


def test_a_title_can_be_given():
    ax = realized().plot(title="The error doubles in June")
    assert title_of(ax) == "The error doubles in June"


@pytest.mark.parametrize("dated", [True, False])
def test_limits_are_drawn_where_the_frame_has_them(dated):
    result = realized(dated=dated)
    (reference, analysis) = [
        line for line in lines(result.plot(), style="--") if len(line.get_ydata()) > 2
    ]
    expected = np.repeat(result.to_df()["upper_threshold"], 2)
    found = np.concatenate([reference.get_ydata(), analysis.get_ydata()])
    np.testing.assert_allclose(found, expected)


def test_a_limit_that_is_off_is_not_drawn():
    gain = RowMetric("gain", lambda y, p: y - p, unit="USD", higher_is_better=True)
    ax = realized(gain).plot()
    frame = realized(gain).to_df()
    drawn = np.concatenate([line.get_ydata() for line in lines(ax, style="--")])
    np.testing.assert_allclose(drawn, np.repeat(frame["lower_threshold"], 2))


def test_the_band_is_drawn_for_an_estimate_and_not_for_a_realized_value():
    def bands(ax):
        return [shape for shape in ax.collections if isinstance(shape, PolyCollection)]

    result = estimated()
    frame = result.to_df()
    drawn = np.concatenate([band.get_paths()[0].vertices[:, 1] for band in bands(result.plot())])
    assert drawn.min() == pytest.approx(frame["lower_confidence_boundary"].min())
    assert drawn.max() == pytest.approx(frame["upper_confidence_boundary"].max())
    assert bands(realized().plot()) == []


def test_periods_have_their_colours():
    colors = [to_hex(line.get_color()) for line in lines(realized().plot(), "o")]
    assert colors == [COLORS["reference"].lower(), COLORS["realized"].lower()]
    colors = [to_hex(line.get_color()) for line in lines(estimated().plot(), "o")]
    assert colors == [COLORS["reference"].lower(), COLORS["estimated"].lower()]


def test_values_stand_in_the_middle_of_their_chunk():
    result = realized()
    frame = result.filter(period="analysis").to_df()
    x = lines(result.plot(), "o")[1].get_xdata()
    middle = frame["start_date"] + (frame["end_date"] - frame["start_date"]) / 2
    assert list(pd.to_datetime(x)) == list(middle)


def test_without_dates_chunks_are_counted_from_the_start_of_the_analysis():
    ax = realized(dated=False).plot()
    x = [line.get_xdata().tolist() for line in lines(ax, "o")]
    assert x == [[i + 0.5 for i in range(-10, 0)], [i + 0.5 for i in range(N_CHUNKS)]]
    assert ax.get_xlabel() == "chunk, counted from the start of the analysis"


def test_a_chunk_without_a_value_leaves_a_gap():
    late = later()
    late["price"] = late["price"].where((late.index < 100) | (late.index >= 150))
    ax = realized(frame=late).plot()
    assert np.isnan(points(ax, "o")).sum() == 1


def test_an_analysis_without_any_label_can_be_drawn():
    ax = realized(frame=later().assign(price=np.nan)).plot()
    assert np.isnan(points(ax, "o")).sum() == N_CHUNKS


@pytest.mark.parametrize("period", ["reference", "analysis"])
def test_one_period_alone_can_be_drawn(period):
    result = realized().filter(period=period)
    assert len(points(result.plot(), "o")) == len(result.to_df())


def test_several_series_get_axes_of_their_own_in_one_figure():
    axes = realized(["mae", "rmse", "mape"]).plot()
    assert [type(ax) for ax in axes] == [Axes] * 3
    assert len({id(ax.figure) for ax in axes}) == 1
    assert [ax.get_ylabel() for ax in axes] == [
        "mae, unit of price",
        "rmse, unit of price",
        "mape, share of price",
    ]


def test_a_single_series_is_drawn_where_it_is_asked_for():
    _, axes = plt.subplots(1, 2)
    assert realized().plot(ax=axes[1]) is axes[1]
    assert not axes[0].lines


def test_one_place_for_several_series_is_an_error():
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match=r"one `ax` is given for 2 series; choose one with `.filt"):
        realized(["mae", "rmse"]).plot(ax=ax)


def test_a_kind_that_the_result_is_not_is_an_error():
    assert isinstance(realized().plot(kind="performance"), Axes)
    with pytest.raises(ValueError, match="`kind` must be 'performance' for this result, got 'drif"):
        realized().plot(kind="drift")


def test_a_result_of_data_quality_is_drawn_as_quality_or_as_drift():
    result = MissingValuesCalculator(["carat"], chunk_size=50).fit(stones()).calculate(later())
    for kind in (None, "quality", "drift"):
        ax = result.plot(kind=kind)
        assert ax.get_title("left") == "Quality carat: missing_values"
        assert "analysis" in [text.get_text() for text in ax.get_legend().get_texts()]
    with pytest.raises(
        ValueError, match="`kind` must be 'quality' or 'drift' for this result, got"
    ):
        result.plot(kind="performance")


def test_the_result_is_not_changed_by_its_picture():
    result = estimated()
    before = result.to_df()
    plot_result(result)
    pd.testing.assert_frame_equal(result.to_df(), before)


def test_the_style_of_the_course_does_not_leak():
    before = dict(plt.rcParams)
    realized().plot()
    assert dict(plt.rcParams) == before
    assert plt.style.use(STYLE) is None
    plt.rcParams.update(before)


# -- Comparisons ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dated", [True, False])
def test_the_same_metric_shares_one_axis(dated):
    left, right = estimated(dated=dated), realized(dated=dated)
    ax = left.compare(right).plot()
    assert ax.figure.axes == [ax]
    values = [*left.to_df()["value"], *right.to_df()["value"]]
    np.testing.assert_allclose(points(ax, "o"), values)
    assert {"estimated mae", "realized mae", "limit"} <= set(legend(ax))


def test_different_metrics_get_an_axis_each():
    ax = estimated().compare(realized("rmse")).plot()
    left, right = ax.figure.axes
    assert left is ax
    assert left.get_ylabel() == "mae, unit of price"
    assert right.get_ylabel() == "rmse, unit of price"
    assert {"estimated mae", "realized rmse"} <= set(legend(ax))


def test_a_comparison_marks_the_alerts_of_both_sides():
    left, right = estimated(), realized()
    analysis = [side.filter(period="analysis").to_df() for side in (left, right)]
    expected = [y for frame in analysis for y in frame.loc[frame["alert"], "value"]]
    assert expected
    assert points(left.compare(right).plot(), "D") == expected


def test_the_title_of_a_comparison_keeps_capital_letters():
    gain = RowMetric("gain in USD", lambda y, p: y - p, unit="USD", higher_is_better=True)
    ax = realized(gain).compare(realized("mae")).plot()
    assert title_of(ax) == "Realized gain in USD and realized mae"
    ax = plot_comparison(estimated().compare(realized()), title="As one")
    assert title_of(ax) == "As one"


# -- Distributions --------------------------------------------------------------------------------


def drifted(dated=True, late=None):
    """Ten reference chunks and four of analysis; size and grade move in the last two."""
    rng = np.random.default_rng(0)
    size, grade = rng.normal(size=1400), rng.choice(list("DEF"), 1400)
    size[1200:], grade[1200:] = size[1200:] + 2, "D"
    frame = pd.DataFrame({"size": size, "grade": grade, "same": rng.normal(size=1400)})
    frame["day"] = pd.date_range("2024-01-01", periods=1400, freq="6h")
    calculator = UnivariateDriftCalculator(
        ["size", "grade", "same"], timestamp_column_name="day" if dated else None, chunk_size=100
    )
    analysis = frame[1000:].reset_index(drop=True)
    return calculator.fit(frame[:1000]).calculate(late(analysis) if late else analysis)


def ridges(ax):
    return [shape for shape in ax.collections if isinstance(shape, PolyCollection)]


@pytest.mark.parametrize("dated", [True, False])
@pytest.mark.parametrize("column", ["size", "grade"])
def test_chunks_that_alert_are_marked_above_their_distribution(column, dated):
    result = drifted(dated).filter(column_names=column)
    ax = result.plot(kind="distribution")
    (diamonds,) = lines(ax, "D")
    alerts = result.to_df().query("alert and period == 'analysis'")
    assert alerts["chunk_index"].tolist() == [2, 3]
    assert len(diamonds.get_xdata()) == 2
    assert min(diamonds.get_xdata()) > ax.dataLim.x0 + 0.8 * ax.dataLim.width
    assert set(diamonds.get_ydata()) == {max(diamonds.get_ydata())}


def test_a_column_without_an_alert_has_no_mark():
    assert lines(drifted().filter(column_names="same").plot(kind="distribution"), "D") == []


def test_numbers_are_drawn_as_a_ridge_per_chunk_in_the_colour_of_its_period():
    ax = drifted().filter(column_names="size").plot(kind="distribution")
    colors = [to_hex(ridge.get_facecolor()[0]) for ridge in ridges(ax)]
    expected = ["reference"] * 10 + ["drift"] * 2 + ["alert"] * 2
    assert colors == [COLORS[name].lower() for name in expected]
    assert set(legend(ax)) == {"reference", "analysis", "alert", "median"}
    assert ax.get_ylabel() == "size"


def test_the_dots_are_the_medians():
    result = drifted().filter(column_names="size")
    (dots,) = lines(result.plot(kind="distribution"), "o")
    assert len(dots.get_ydata()) == 14
    assert np.abs(dots.get_ydata()[:12]).max() < 0.4
    np.testing.assert_allclose(dots.get_ydata()[12:], 2, atol=0.4)


def test_categories_are_drawn_as_stacked_shares():
    result = drifted().filter(column_names="grade")
    ax = result.plot(kind="distribution")
    shares = result.distribution()
    for bars in ax.containers:
        heights = [abs(bar.get_height()) for bar in bars]
        expected = shares.loc[shares["bin"] == bars.get_label(), "share"]
        np.testing.assert_allclose(heights, expected, atol=1e-12)
    assert [name for name in legend(ax) if name != "alert"] == ["F", "E", "D"]
    assert ax.get_ylabel() == "grade, share of rows"


def test_missing_values_have_a_share_in_the_stack_and_a_chunk_of_them_can_be_drawn():
    def late(frame):
        return frame.assign(grade=None, size=np.nan)

    grades, sizes = (
        drifted(late=late).filter(column_names=name).plot(kind="distribution")
        for name in ("grade", "size")
    )
    assert "missing" in legend(grades)
    (dots,) = lines(sizes, "o")
    assert np.isnan(dots.get_ydata()).sum() == 4


def test_several_columns_get_axes_of_their_own_and_one_can_be_placed():
    axes = drifted().plot(kind="distribution", title="All of them")
    assert [title_of(ax) for ax in axes] == ["All of them"] * 3
    _, ax = plt.subplots()
    assert drifted().filter(column_names="size").plot(kind="distribution", ax=ax) is ax
    with pytest.raises(ValueError, match="one `ax` is given for 3 columns; choose one"):
        drifted().plot(kind="distribution", ax=ax)


def test_several_methods_of_a_column_share_its_picture():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=1000)})
    calculator = UnivariateDriftCalculator(
        ["size"], continuous_methods=["hellinger", "wasserstein"]
    )
    assert isinstance(calculator.fit(frame).calculate(frame).plot(kind="distribution"), Axes)


# -- Showing --------------------------------------------------------------------------------------


def test_outside_a_notebook_the_text_is_printed_and_the_figure_stays_open(capsys):
    ax = realized().plot()
    show(ax, alt="The error doubles.")
    assert capsys.readouterr().out == "The error doubles.\n"
    assert plt.fignum_exists(ax.figure.number)


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_a_figure_without_a_text_is_refused(alt):
    with pytest.raises(ValueError, match="`alt` is empty; say in one sentence"):
        show(realized().plot(), alt=alt)


@pytest.mark.parametrize("as_figure", [False, True])
def test_in_a_notebook_the_picture_carries_its_text_and_is_closed(as_figure, monkeypatch):
    shown = {}

    def display(bundle, *, metadata, raw):
        shown.update(bundle=bundle, metadata=metadata, raw=raw)

    monkeypatch.setattr("course_lib.plots._in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", display)
    ax = realized().plot()
    show(ax.figure if as_figure else ax, alt="The error doubles.")
    assert shown["bundle"]["text/plain"] == "The error doubles."
    assert shown["metadata"]["image/png"]["alt"] == "The error doubles."
    assert shown["bundle"]["image/png"].startswith("iVBOR")  # a PNG in base64
    assert not plt.fignum_exists(ax.figure.number)
