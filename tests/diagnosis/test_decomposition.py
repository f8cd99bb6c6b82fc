import numpy as np
import pandas as pd
import pytest
from handmade import handmade

from course_lib import DLE, PerformanceCalculator, Result, RowMetric, decompose_change


def result(kind, values, *, period="analysis", bands=None, n_used=None, metric="mae"):
    """Build a result by hand: a chunk per value, 100 rows each; `bands` are (lower, upper)."""
    frame = pd.DataFrame({"value": values, "key": [f"[{i}:{i}]" for i in range(len(values))]})
    frame = frame.assign(
        period=period, chunk_index=range(len(values)), n_rows=100, n_used=100, metric=metric
    )
    if bands is not None:
        edges = ["lower_confidence_boundary", "upper_confidence_boundary"]
        frame[edges] = np.array(bands, dtype=float)
    if n_used is not None:
        frame["n_used"] = n_used
    return handmade(frame, kind)


def joined(reference, analysis):
    return Result(pd.concat([reference.to_df(), analysis.to_df()]), analysis.kind)


def by_hand(values, **options):
    """Realized values after a reference whose weeks mean 260."""
    return joined(
        result("realized", [250.0, 270.0], period="reference"),
        result("realized", values, **options),
    )


ESTIMATE = result("estimated", [300.0, 265.0], bands=[(240, 360), (215, 315)])


def stones(n=1200, seed=0, level=1.0):
    """Stones whose error grows with their size; `level` moves true prices."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(0.2, 2, n)
    frame = pd.DataFrame({"size": size, "predicted": 4000 * size})
    frame["price"] = level * frame["predicted"] + 300 * size * rng.normal(size=n)
    frame["day"] = pd.date_range("2024-01-01", periods=n, freq="6h")
    return frame


ROLES = {"y_pred": "predicted", "y_true": "price", "timestamp_column_name": "day"}


@pytest.fixture(scope="module")
def monitors():
    options = {**ROLES, "chunk_size": 100, "metrics": "mae"}
    return (
        DLE(feature_column_names=["size"], **options).fit(stones()),
        PerformanceCalculator(problem_type="regression", **options).fit(stones()),
    )


def parts_of(monitors, frame):
    dle, calculator = monitors
    return decompose_change(dle.estimate(frame), calculator.calculate(frame))


# -- What it returns ------------------------------------------------------------------------------


def test_a_case_worked_by_hand():
    parts = decompose_change(ESTIMATE, by_hand([310.0, 500.0]))
    assert parts["change"].tolist() == [50, 240]
    assert parts["explained"].tolist() == [40, 5]
    assert parts["unexplained"].tolist() == [10, 235]
    assert parts["lower_boundary"].tolist() == [-60, -50]
    assert parts["upper_boundary"].tolist() == [60, 50]
    assert parts["beyond"].tolist() == [False, True]
    assert parts["labelled"].tolist() == [1, 1]


def test_the_columns_are_those_of_the_docstring():
    parts = decompose_change(ESTIMATE, by_hand([310.0, 500.0]))
    assert parts.columns.tolist() == [
        "chunk_index", "key", "start_date", "end_date", "change", "explained", "unexplained",
        "lower_boundary", "upper_boundary", "beyond", "labelled",
    ]  # fmt: skip
    assert parts["beyond"].dtype == bool


@pytest.mark.parametrize("seed", range(3))
def test_the_two_parts_add_up_to_the_change(monitors, seed):
    parts = parts_of(monitors, stones(500, seed=seed, level=0.9))
    assert np.allclose(parts["explained"] + parts["unexplained"], parts["change"])


def test_a_value_on_its_boundary_is_not_beyond_it():
    parts = decompose_change(ESTIMATE, by_hand([360.0, 215.0]))
    assert not parts["beyond"].any()


@pytest.mark.parametrize("realized", [239.0, 361.0])
def test_a_rest_is_beyond_on_either_side(realized):
    parts = decompose_change(ESTIMATE, by_hand([realized, 265.0]))
    assert parts["beyond"].tolist() == [True, False]


def test_without_boundaries_nothing_is_called_beyond_them():
    estimate = result("estimated", [300.0, 265.0])
    assert not decompose_change(estimate, by_hand([310.0, 500.0]))["beyond"].any()


def test_the_reference_counts_each_chunk_once_whatever_its_size():
    reference = result("realized", [200.0, 300.0], period="reference", n_used=[100, 10])
    parts = decompose_change(ESTIMATE, joined(reference, result("realized", [310.0, 500.0])))
    assert parts["change"].tolist() == [60, 250]


def test_another_unit_scales_every_part(monitors):
    cents = ["predicted", "price"]
    frame, reference = stones(500, seed=1, level=0.9), stones()
    frame[cents], reference[cents] = 100 * frame[cents], 100 * reference[cents]
    options = {**ROLES, "chunk_size": 100, "metrics": "mae"}
    dle = DLE(feature_column_names=["size"], **options).fit(reference)
    calculator = PerformanceCalculator(problem_type="regression", **options).fit(reference)
    dear, parts = parts_of((dle, calculator), frame), parts_of(monitors, stones(500, 1, 0.9))
    for column in ("change", "unexplained", "upper_boundary"):
        assert np.allclose(dear[column], 100 * parts[column], rtol=1e-3)


# -- What it sees ---------------------------------------------------------------------------------


def test_a_shift_of_inputs_is_explained(monitors):
    large = stones(6000, seed=1)
    parts = parts_of(monitors, large[large["size"] > 1.5].reset_index(drop=True))
    assert parts["explained"].mean() == pytest.approx(parts["change"].mean(), rel=0.15)
    assert parts["explained"].min() > 80
    assert parts["beyond"].mean() < 0.3


def test_a_fall_of_prices_is_not_explained_and_lies_beyond(monitors):
    parts = parts_of(monitors, stones(1000, seed=1, level=0.8))
    assert parts["explained"].abs().max() < 0.1 * parts["change"].min()
    assert parts["beyond"].all()


def test_quiet_chunks_stay_inside_about_as_often_as_the_band_says(monitors):
    parts = parts_of(monitors, stones(20_000, seed=1))
    assert 0.01 <= parts["beyond"].mean() <= 0.15  # 200 chunks, 5 % asked, one reference of 12


# -- Labels that are not there --------------------------------------------------------------------


def test_chunks_without_a_label_are_left_out(monitors):
    frame = stones(500, seed=1)
    frame.loc[200:, "price"] = np.nan
    parts = parts_of(monitors, frame)
    assert parts["chunk_index"].tolist() == [0, 1]
    assert parts.index.tolist() == [0, 1]


def test_a_partly_labelled_chunk_says_so_and_has_wider_boundaries():
    whole = decompose_change(ESTIMATE, by_hand([310.0, 330.0]))
    partly = decompose_change(ESTIMATE, by_hand([310.0, 330.0], n_used=[100, 25]))
    assert partly["labelled"].tolist() == [1, 0.25]
    assert whole["beyond"].tolist() == [False, True]
    assert partly["beyond"].tolist() == [False, False]
    assert partly["upper_boundary"].tolist() == [60, 100]
    assert partly["lower_boundary"].tolist() == [-60, -100]


def test_a_total_of_labelled_rows_is_brought_to_all_rows():
    roles = {**ROLES, "metrics": [RowMetric("off", lambda y, p: y - p, total=True)]}
    options = {**roles, "chunk_size": 100}
    dle = DLE(feature_column_names=["size"], **options).fit(stones())
    calculator = PerformanceCalculator(problem_type="regression", **options)
    known, later = stones(), stones(500, seed=1, level=1.1)
    known.loc[::10, "price"] = np.nan
    later.loc[::2, "price"] = np.nan
    realized = calculator.fit(known).calculate(later)
    parts = decompose_change(dle.estimate(later), realized)
    off = [f["price"].sub(f["predicted"]).groupby(f.index // 100).mean() for f in (known, later)]
    np.testing.assert_allclose(parts["change"], 100 * (off[1] - off[0].mean()))
    assert (parts["labelled"] == 0.5).all()
    both = dle.estimate(later).compare(realized).to_df()
    rest = both.loc[both["period"] == "analysis", "difference"]
    np.testing.assert_allclose(rest, -parts["unexplained"], atol=1e-9)


# -- What goes in ---------------------------------------------------------------------------------


def test_neither_result_is_changed():
    realized = by_hand([310.0, 500.0])
    before = ESTIMATE.to_df(), realized.to_df()
    decompose_change(ESTIMATE, realized)
    pd.testing.assert_frame_equal(ESTIMATE.to_df(), before[0])
    pd.testing.assert_frame_equal(realized.to_df(), before[1])


def test_two_results_in_the_wrong_order_are_told_apart():
    with pytest.raises(ValueError, match="`estimated` holds realized values; give estimated ones"):
        decompose_change(by_hand([310.0, 500.0]), ESTIMATE)
    with pytest.raises(ValueError, match="`realized` holds estimated values; give realized ones"):
        decompose_change(ESTIMATE, ESTIMATE)


def test_drift_is_refused():
    with pytest.raises(ValueError, match="`estimated` holds drift values"):
        decompose_change(result("drift", [1.0, 2.0]), by_hand([310.0, 500.0]))


def test_several_metrics_are_an_error_that_names_the_remedy():
    two = joined(ESTIMATE, result("estimated", [1.0, 2.0], metric="mse"))
    with pytest.raises(ValueError, match=r"`estimated` holds 2 metrics; .*\.filter\(metrics="):
        decompose_change(two, by_hand([310.0, 500.0]))


def test_two_different_metrics_are_an_error_that_names_both():
    with pytest.raises(ValueError, match="holds mse, `realized` holds mae"):
        decompose_change(result("estimated", [1.0, 2.0], metric="mse"), by_hand([310.0, 500.0]))


def test_a_result_without_its_reference_is_an_error():
    with pytest.raises(ValueError, match="`realized` has 0 reference chunks"):
        decompose_change(ESTIMATE, by_hand([310.0, 500.0]).filter(period="analysis"))


def test_no_label_at_all_and_other_chunks_are_errors(monitors):
    with pytest.raises(ValueError, match=r"none of 5 analysis .*at least one are known"):
        parts_of(monitors, stones(500, seed=1).assign(price=np.nan))
    dle, calculator = monitors
    with pytest.raises(ValueError, match="use the same chunks for both"):
        decompose_change(dle.estimate(stones(100)), calculator.calculate(stones(150)[100:]))
