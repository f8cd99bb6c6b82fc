"""Reconstruction error, domain classifier and consistency, on frames made for the purpose."""

from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from course_lib import (
    ColumnConsistencyCalculator,
    ConstantThreshold,
    DataReconstructionDriftCalculator,
    DomainClassifierCalculator,
    StandardDeviationThreshold,
)

MONITORS = [
    DataReconstructionDriftCalculator,
    DomainClassifierCalculator,
    ColumnConsistencyCalculator,
]


def values(monitor, analysis, *, column=""):
    frame = monitor.calculate(analysis).filter(period="analysis").to_df()
    return frame[frame["column"] == column]


def linked(n_rows, *, seed=0):
    """Three numbers of which each follows from the others, one apart, and a grade of one."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"width": rng.uniform(1, 2, n_rows), "height": rng.uniform(1, 2, n_rows)})
    frame["area"] = frame["width"] * frame["height"]
    frame["other"] = rng.normal(size=n_rows)
    frame["size"] = np.where(frame["area"] > 2, "large", "small")
    return frame


def shuffled(frame, name, *, share=1.0, seed=7):
    """Return the frame with the values of a column dealt anew among a share of the rows."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(frame))[: round(share * len(frame))]
    mixed = frame[name].to_numpy(copy=True)
    mixed[rows] = np.roll(mixed[rows], 1)
    return frame.assign(**{name: mixed})


# -- Reconstruction error: NannyML's numbers ------------------------------------------------------


def mixed_frame(rng, n, shift):
    a = rng.normal(size=n)
    b = 2 * a + rng.normal(size=n) * 0.5 + shift
    frame = pd.DataFrame({"a": a, "b": b, "c": rng.exponential(size=n)})
    frame["cut"] = rng.choice(["Fair", "Good", "Ideal"], n, p=[0.2, 0.3, 0.5])
    frame["color"] = rng.choice(list("DEFG") + (["Z"] if shift else []), n)
    for name in ("b", "c"):
        frame.loc[rng.random(n) < 0.05, name] = np.nan
    frame.loc[rng.random(n) < 0.05, "cut"] = np.nan  # NannyML takes None for a category
    return frame


@pytest.fixture(scope="module")
def mixed():
    """A reference, and an analysis with missing values, a shift and an unseen color."""
    rng = np.random.default_rng(5)
    return mixed_frame(rng, 1200, 0.0), mixed_frame(rng, 600, 0.7)


# NannyML 0.13.1 (pandas 2, numpy 2.2, scikit-learn 1.6) on these two frames:
#   nml.DataReconstructionDriftCalculator(column_names=list(reference), n_components=k,
#                                         chunk_size=200).fit(reference).calculate(analysis)
# per n_components: values of the six reference and three analysis chunks, the sampling errors of
# the analysis chunks, the limits.
NANNYML = {
    0.65: (
        [0.811156462904, 0.869401696613, 0.867211459138, 0.799518142609, 0.866907488371,
         0.821268753871, 2.979989723671, 2.671990375104, 2.447131146272],
        [0.300742045696, 0.274872096284, 0.258294954302],
        (0.751376796947, 0.927111204222),
    ),
    2: (
        [1.289174766875, 1.232232289516, 1.272420143581, 1.216864048837, 1.245135962262,
         1.217804989470, 4.476683307254, 4.102757545360, 3.675113566209],
        [0.464750804107, 0.431139083410, 0.404634860181],
        (1.164408303220, 1.326802430293),
    ),
    0.9: (
        [0.152633302329, 0.166680157088, 0.147109749232, 0.158018085565, 0.178706755691,
         0.167867791959, 0.252525165681, 0.280559887867, 0.299304944343],
        [0.011922692137, 0.015761034132, 0.015335889452],
        (0.130357425080, 0.193314522208),
    ),
}  # fmt: skip


@pytest.mark.parametrize("n_components", NANNYML)
def test_values_errors_and_limits_are_those_of_nannyml(mixed, n_components):
    reference, analysis = mixed
    monitor = DataReconstructionDriftCalculator(
        column_names=list(reference),
        n_components=n_components,
        chunk_size=200,
        threshold=StandardDeviationThreshold(),
        cross_fit=False,
        row_cap=None,
    )
    found = monitor.fit(reference).calculate(analysis).to_df()
    wanted, sampling_errors, limits = NANNYML[n_components]
    np.testing.assert_allclose(found["value"], wanted, rtol=1e-6)
    np.testing.assert_allclose(found["sampling_error"].tail(3), sampling_errors, rtol=1e-6)
    for limit, name in zip(limits, ("lower_threshold", "upper_threshold"), strict=True):
        np.testing.assert_allclose(found[name], limit, rtol=1e-6)
    assert found["alert"].tolist() == [False] * 6 + [True] * 3


# -- Reconstruction error: by hand ----------------------------------------------------------------


def numbers(n_rows=2000, *, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n_rows))
    return pd.DataFrame({"a": a, "b": b, "c": a + b, "d": a - 2 * b + rng.normal(size=n_rows)})


def by_hand(reference, analysis, *, n_kept, chunk_size):
    mean, sd = reference.mean(), reference.std(ddof=0)
    _, _, directions = np.linalg.svd(((reference - mean) / sd).to_numpy(), full_matrices=False)
    kept = directions[:n_kept]
    scaled = ((analysis - mean) / sd).to_numpy()
    error = np.linalg.norm(scaled - scaled @ kept.T @ kept, axis=1)
    return error.reshape(-1, chunk_size).mean(axis=1)


def test_reconstruction_error_is_what_singular_vectors_by_hand_give():
    reference, analysis = numbers(), shuffled(numbers(800, seed=1), "c")
    monitor = DataReconstructionDriftCalculator(
        list("abcd"), n_components=2, chunk_size=200, row_cap=None
    ).fit(reference)
    wanted = by_hand(reference, analysis, n_kept=2, chunk_size=200)
    np.testing.assert_allclose(values(monitor, analysis)["value"], wanted, rtol=1e-9)


def test_a_share_of_variance_keeps_the_fewest_directions_that_hold_more():
    reference, analysis = numbers(), numbers(400, seed=1)
    correlation = np.corrcoef(reference.T)
    shares = np.cumsum(np.sort(np.linalg.eigvalsh(correlation))[::-1]) / 4
    for n_kept in (1, 2):
        share = shares[n_kept - 1] - 1e-6
        monitors = [
            DataReconstructionDriftCalculator(list("abcd"), n_components=k, chunk_size=200)
            for k in (share, n_kept)
        ]
        left, right = (values(m.fit(reference), analysis)["value"] for m in monitors)
        np.testing.assert_allclose(left, right, rtol=1e-12)


def test_units_and_the_order_of_rows_and_columns_do_not_matter():
    reference, analysis = numbers(), numbers(400, seed=1)
    plain = DataReconstructionDriftCalculator(list("abcd"), chunk_size=200).fit(reference)
    other = DataReconstructionDriftCalculator(list("dbca"), chunk_size=200)
    unit = {"a": reference["a"] * 1e6 + 32}
    other.fit(reference.assign(**unit))
    changed = analysis.assign(a=analysis["a"] * 1e6 + 32)
    within = np.r_[np.arange(199, -1, -1), np.arange(399, 199, -1)]  # each chunk backwards
    np.testing.assert_allclose(
        values(plain, analysis)["value"], values(other, changed.iloc[within])["value"], rtol=1e-8
    )


def test_a_lost_relation_alerts_though_no_column_moved():
    reference, analysis = numbers(), numbers(400, seed=1)
    broken = shuffled(analysis, "c", share=0.5)
    assert sorted(broken["c"]) == sorted(analysis["c"])
    monitor = DataReconstructionDriftCalculator(list("abcd"), chunk_size=200).fit(reference)
    assert not values(monitor, analysis)["alert"].any()
    assert values(monitor, broken)["alert"].all()


def test_cross_fitting_measures_reference_chunks_with_directions_that_did_not_see_them():
    # Many columns of noise and few rows: components flatter the rows they were made from.
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(400, 30)), columns=[f"c{i}" for i in range(30)])
    fresh = pd.DataFrame(rng.normal(size=(2000, 30)), columns=frame.columns)
    found = {}
    for cross_fit in (True, False):
        monitor = DataReconstructionDriftCalculator(
            list(frame), n_components=15, chunk_size=40, cross_fit=cross_fit
        )
        result = monitor.fit(frame).calculate(fresh).to_df()
        found[cross_fit] = result.groupby("period")["value"].mean()
    assert found[True]["analysis"] == pytest.approx(found[False]["analysis"], rel=0.01)
    assert found[False]["reference"] < 0.96 * found[False]["analysis"]
    # Four fifths of the rows make rougher directions than all of them do.
    assert 0.99 < found[True]["reference"] / found[True]["analysis"] < 1.06


def test_folds_keep_as_many_directions_as_the_whole_reference():
    # Half of the folds would keep one direction more: the share asked for is on the edge.
    reference = numbers(500)
    shares = np.sort(np.linalg.eigvalsh(np.corrcoef(reference.T)))[::-1] / 4
    monitor = DataReconstructionDriftCalculator(
        list("abcd"), n_components=float(shares[0]) - 1e-9, chunk_size=50
    ).fit(reference)
    quiet = monitor.calculate(reference).filter(period="reference").to_df()["value"]
    assert quiet.max() / quiet.min() < 1.5  # two directions leave a third of the error of one


def test_one_impossible_row_moves_neither_chunk_nor_limit_unless_asked():
    reference, analysis = numbers(), numbers(400, seed=1)
    spoiled = reference.assign(a=reference["a"].where(reference.index != 100, 20.0))
    hit = analysis.assign(a=analysis["a"].where(analysis.index != 100, 20.0))

    def limit_and_value(reference, analysis, row_cap):
        monitor = DataReconstructionDriftCalculator(list("abcd"), chunk_size=200, row_cap=row_cap)
        first = values(monitor.fit(reference), analysis).iloc[0]
        return first["upper_threshold"], first["value"]

    limit, value = limit_and_value(reference, analysis, 0.999)
    _, hit_value = limit_and_value(reference, hit, 0.999)
    assert hit_value < limit
    assert abs(hit_value / value - 1) < 0.05
    assert limit_and_value(reference, hit, None)[1] > limit
    # A reference with such a row: no limit is lower than with the row's full weight.
    spoiled_limit, _ = limit_and_value(spoiled, analysis, None)
    mended_limit, _ = limit_and_value(spoiled, analysis, 0.999)
    assert mended_limit < spoiled_limit
    assert mended_limit == pytest.approx(limit, rel=0.25)


def test_constant_columns_and_missing_values_are_data():
    reference = numbers().assign(same=0.1, text="x")
    reference.loc[reference.index % 7 == 0, "a"] = np.nan
    reference.loc[reference.index % 11 == 0, "text"] = None
    analysis = reference.head(400).assign(a=np.nan)
    monitor = DataReconstructionDriftCalculator(list(reference), chunk_size=200).fit(reference)
    frame = monitor.calculate(analysis).to_df()
    assert frame["value"].between(0.1, 10).all()
    assert (frame["note"] == "").all()
    # 0.1 has no exact mean: its rounding must not be scaled up to a standard deviation of 1.
    bare = DataReconstructionDriftCalculator(
        [*"abcd"], n_components=monitor._fitted.state.directions.shape[0], chunk_size=200
    ).fit(reference)
    np.testing.assert_allclose(
        values(bare, reference.head(400))["value"],
        values(monitor, reference.head(400))["value"],
        rtol=1e-6,
    )


def test_what_cannot_be_measured_is_refused_by_name():
    frame = numbers(400)
    with pytest.raises(ValueError, match="has 1 of the 2 columns that this monitor needs; name at"):
        DataReconstructionDriftCalculator(["a"])
    with pytest.raises(TypeError, match=r"as a list: \['abcd'\]"):
        DataReconstructionDriftCalculator("abcd")
    with pytest.raises(ValueError, match=r"keeps all 2 directions.*keep fewer"):
        DataReconstructionDriftCalculator(["a", "b"], n_components=0.99).fit(frame)
    with pytest.raises(ValueError, match="from 1 to 3, one fewer than columns; got 4"):
        DataReconstructionDriftCalculator(list("abcd"), n_components=4)
    for wrong in (0, -0.5, 1.5):
        with pytest.raises(ValueError, match=f"`n_components`.*got {wrong}"):
            DataReconstructionDriftCalculator(list("abcd"), n_components=wrong)
    with pytest.raises(TypeError, match="`n_components` must be a number, got 'mle'"):
        DataReconstructionDriftCalculator(list("abcd"), n_components="mle")
    with pytest.raises(ValueError, match=r"`row_cap` must be a quantile.*got 5"):
        DataReconstructionDriftCalculator(list("abcd"), row_cap=5)
    with pytest.raises(ValueError, match="all 2 columns are constant in `reference`"):
        DataReconstructionDriftCalculator(["a", "b"]).fit(frame.assign(a=1.0, b=0.1))


# -- All three ------------------------------------------------------------------------------------


@pytest.mark.parametrize("monitor", MONITORS)
def test_inputs_are_left_alone_and_the_order_of_time_decides(monitor):
    frame = linked(1000).assign(day=pd.date_range("2024-01-01", periods=1000, freq="h"))
    names = ["width", "height", "area", "size"]
    kept = frame.copy()
    sorted_one = monitor(names, timestamp_column_name="day", chunk_size=100).fit(frame)
    mixed_up = frame.sample(frac=1, random_state=0)
    other = monitor(names, timestamp_column_name="day", chunk_size=100).fit(mixed_up)
    pd.testing.assert_frame_equal(frame, kept)
    pd.testing.assert_frame_equal(
        sorted_one.calculate(frame).to_df(), other.calculate(mixed_up).to_df()
    )


@pytest.mark.parametrize("monitor", MONITORS)
def test_bad_input_is_refused_by_name(monitor):
    frame = linked(1000)
    names = list(frame)
    fitted = monitor(names, chunk_size=100).fit(frame)
    with pytest.raises(ValueError, match=r"not fitted; call `\.fit"):
        monitor(names).calculate(frame)
    with pytest.raises(ValueError, match="`analysis` lacks 1 of 5 columns: `area`"):
        fitted.calculate(frame.drop(columns="area"))
    with pytest.raises(ValueError, match="`reference` lacks 1 of 5 columns: `size`"):
        monitor(names).fit(frame.drop(columns="size"))
    with pytest.raises(TypeError, match="`area` must hold numbers"):
        fitted.calculate(frame.assign(area="wide"))
    with pytest.raises(TypeError, match=r"0\.65 is not a threshold for "):
        monitor(names, threshold=0.65)


@pytest.mark.parametrize("monitor", [MONITORS[0], MONITORS[2]])
def test_a_column_without_any_value_is_refused(monitor):
    frame = linked(1000).assign(other=np.nan)
    with pytest.raises(ValueError, match="`other` is missing in all 1,000 rows of `reference`"):
        monitor(list(frame), chunk_size=100).fit(frame)


# -- Domain classifier ----------------------------------------------------------------------------


def test_auroc_is_a_half_on_quiet_data_and_rises_with_the_shift():
    frame = linked(3000)
    monitor = DomainClassifierCalculator(list(frame), chunk_size=300).fit(frame)
    quiet = linked(1500, seed=1)
    means = [
        values(monitor, quiet.assign(other=quiet["other"] + shift))["value"].mean()
        for shift in (0, 0.5, 1, 4)
    ]
    assert 0.47 < means[0] < 0.53
    assert means == sorted(means)
    assert means[2] > 0.65
    assert means[3] > 0.98


def test_it_sees_a_lost_relation_though_no_column_moved():
    frame, quiet = linked(3000), linked(900, seed=1)
    monitor = DomainClassifierCalculator(["width", "height", "area"], chunk_size=300).fit(frame)
    assert not values(monitor, quiet)["alert"].any()
    assert values(monitor, shuffled(quiet, "area"))["alert"].all()


def test_the_reference_is_not_flattered_and_cross_fitting_matters():
    frame = linked(2000)
    found = {}
    for cross_fit in (True, False):
        monitor = DomainClassifierCalculator(list(frame), chunk_size=200, cross_fit=cross_fit)
        result = monitor.fit(frame).calculate(frame.head(200)).filter(period="reference")
        found[cross_fit] = result.to_df()["value"]
    assert 0.46 < found[True].mean() < 0.54
    # Without it, a chunk is told from a sample that holds some of its own rows.
    assert found[False].mean() < found[True].mean() + 0.01


def test_two_runs_give_the_same_values():
    frame, later = linked(1000), linked(300, seed=1)
    runs = [
        DomainClassifierCalculator(list(frame), chunk_size=100).fit(frame).calculate(later).to_df()
        for _ in range(2)
    ]
    pd.testing.assert_frame_equal(*runs, check_exact=True)


def test_the_rows_of_reference_and_chunk_are_bounded(monkeypatch):
    monkeypatch.setattr(DomainClassifierCalculator, "_max_rows", 150)
    frame, seen = linked(2000), []
    monitor = DomainClassifierCalculator(list(frame), chunk_size=400)
    plain = monitor._auroc
    monkeypatch.setattr(
        monitor, "_auroc", lambda m, n, c: seen.append((len(m), n)) or plain(m, n, c)
    )
    result = monitor.fit(frame).calculate(frame.head(500)).to_df()
    assert seen[:-1] == [(300, 150)] * 6
    assert seen[-1] == (250, 150)  # a chunk of 100 rows
    assert result["n_used"].tolist() == [150] * 6 + [100]


def test_a_chunk_too_small_for_the_folds_has_a_note_instead_of_a_value():
    frame = linked(1000)
    monitor = DomainClassifierCalculator(list(frame), chunk_size=100).fit(frame)
    last = values(monitor, linked(103, seed=1)).iloc[-1]
    assert np.isnan(last["value"])
    assert last["note"] == "3 rows are too few for 5 folds"
    assert not last["alert"]


def test_a_column_that_was_empty_gives_later_rows_away():
    frame = linked(1000).assign(late=np.nan)
    monitor = DomainClassifierCalculator(list(frame), chunk_size=100).fit(frame)
    found = values(monitor, linked(200, seed=1).assign(late=1.0))
    assert (found["value"] > 0.99).all()


def test_the_limits_of_nannyml_can_be_asked_for():
    frame = linked(1000)
    monitor = DomainClassifierCalculator(
        list(frame), chunk_size=100, threshold=ConstantThreshold(0.45, 0.65)
    ).fit(frame)
    found = values(monitor, linked(200, seed=1))
    assert found["lower_threshold"].tolist() == [0.45] * 2
    assert found["upper_threshold"].tolist() == [0.65] * 2


def test_numbers_can_be_treated_as_categories():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"code": rng.integers(0, 12, 1000), "size": rng.normal(size=1000)})
    names, codes = list(frame), ["code"]
    monitors = [
        DomainClassifierCalculator(names, kinds, chunk_size=100).fit(frame)
        for kinds in (None, codes)
    ]
    assert [m._fitted.state.categorical for m in monitors] == [[], [0]]
    assert not np.array_equal(*(values(m, frame.head(100)) for m in monitors))
    with pytest.raises(ValueError, match="`cod` is listed as categorical, but is not"):
        DomainClassifierCalculator(names, treat_as_categorical=["cod"]).fit(frame)


def test_folds_are_checked():
    with pytest.raises(ValueError, match="`cv_folds_num` must be at least 2, got 1"):
        DomainClassifierCalculator(["a"], cv_folds_num=1)
    with pytest.raises(TypeError, match=r"`cv_folds_num` must be a whole number, got 2\.5"):
        DomainClassifierCalculator(["a"], cv_folds_num=2.5)


# -- Consistency ----------------------------------------------------------------------------------


def rise(monitor, analysis):
    """How many standard deviations of the reference each column rises, largest first."""
    frame = monitor.calculate(analysis).to_df()
    quiet = frame[frame["period"] == "reference"].groupby("column")["value"].agg(["mean", "std"])
    found = frame[frame["period"] == "analysis"].groupby("column")["value"].mean()
    return ((found - quiet["mean"]) / quiet["std"]).sort_values(ascending=False)


@pytest.fixture(scope="module")
def consistency():
    frame = linked(4000)
    frame["edge"] = frame["width"] + 3 * frame["height"]
    return ColumnConsistencyCalculator(list(frame), chunk_size=400).fit(frame)


def fresh(n_rows=1200, *, seed=1):
    frame = linked(n_rows, seed=seed)
    return frame.assign(edge=frame["width"] + 3 * frame["height"])


@pytest.mark.parametrize("name", ["width", "height", "area", "edge"])
def test_a_corrupted_number_is_named_first(consistency, name):
    broken = shuffled(fresh(), name, share=0.35)
    found = rise(consistency, broken)
    assert found.index[0] == name
    assert found.iloc[0] > 3 * found.iloc[1]
    assert values(consistency, broken, column=name)["alert"].all()


def test_a_corrupted_category_is_named_first(consistency):
    found = rise(consistency, shuffled(fresh(), "size", share=0.35))
    assert found.index[0] == "size"
    assert found.iloc[0] > 3 * found.iloc[1]


def test_a_column_that_nothing_explains_cannot_be_inconsistent(consistency):
    broken = shuffled(fresh(), "other")
    assert not consistency.calculate(broken).filter(period="analysis").to_df()["alert"].any()


@pytest.mark.parametrize("cross_fit", [True, False])
def test_models_of_consistency_learn_from_bounded_rows_and_measure_all(monkeypatch, cross_fit):
    module = import_module(ColumnConsistencyCalculator.__module__)
    learned, plain = [], module.bin_matrix
    monkeypatch.setattr(module, "MAX_ROWS", 900)
    monkeypatch.setattr(
        module, "bin_matrix", lambda m, *a, **k: learned.append(len(m)) or plain(m, *a, **k)
    )
    frame = fresh(2000)
    monitor = ColumnConsistencyCalculator(list(frame), chunk_size=200, cross_fit=cross_fit)
    monitor.fit(frame)
    assert set(learned) == {900}
    broken = shuffled(fresh(600, seed=2), "area", share=0.35)
    result = monitor.calculate(broken)
    assert set(result.filter(period="analysis").to_df()["n_used"]) == {200}
    assert rise(monitor, broken).index[0] == "area"


def test_the_columns_predicted_from_a_broken_one_stay_near_the_reference():
    # By hand: two witnesses of a length, one wrong. The third column must not be blamed.
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"length": rng.uniform(1, 2, 4000)})
    frame["inches"] = frame["length"] * 39.37
    frame["feet"] = frame["length"] * 3.281
    monitor = ColumnConsistencyCalculator(list(frame), chunk_size=400).fit(frame)
    found = rise(monitor, shuffled(frame.head(800), "inches", share=0.5))
    assert found.index[0] == "inches"
    assert found["inches"] > 20 * max(found["length"], found["feet"], 1)


def test_residuals_are_in_the_unit_of_their_column():
    frame, later = linked(3000), shuffled(linked(900, seed=1), "area", share=0.3)
    names = ["width", "height", "area"]
    monitor = ColumnConsistencyCalculator(names, chunk_size=300).fit(frame)
    larger = ColumnConsistencyCalculator(names, chunk_size=300).fit(
        frame.assign(area=frame["area"] * 1024)
    )
    changed = later.assign(area=later["area"] * 1024)
    for name, unit in (("area", 1024), ("width", 1)):
        np.testing.assert_allclose(
            values(larger, changed, column=name)["value"],
            values(monitor, later, column=name)["value"] * unit,
            rtol=0.02,
        )
    wrong = (later["area"] - later["width"] * later["height"]).abs().mean()
    # Capped rows hide part of it.
    assert 0.2 * wrong < values(monitor, later, column="area")["value"].mean() < 1.1 * wrong


def test_missing_values_are_inputs_but_no_targets(consistency):
    later = fresh(800)
    later.loc[later.index % 4 == 0, "area"] = np.nan
    later.loc[later.index < 400, "size"] = None
    frame = consistency.calculate(later).filter(period="analysis").to_df()
    used = frame.set_index(["column", "chunk_index"])
    assert used["n_used"]["area"].tolist() == [300, 300]
    assert used["n_used"]["size"].tolist() == [0, 400]
    assert used["note"]["size"].tolist() == ["all 400 values of the chunk are missing", ""]
    assert np.isnan(used["value"]["size"][0])
    assert used["value"].notna().sum() == len(used) - 1


def test_an_unseen_category_does_not_fit_at_all(consistency):
    later = fresh(400).assign(size="huge")
    assert values(consistency, later, column="size")["value"].iloc[0] > 0.95


def test_constant_columns_raise_no_alert():
    frame = linked(2000).assign(same=0.1, word="x")
    monitor = ColumnConsistencyCalculator(list(frame), chunk_size=200).fit(frame)
    later = linked(1000, seed=1).assign(same=0.1, word="x")
    result = monitor.calculate(later).filter(period="analysis", column_names=["same", "word"])
    assert not result.to_df()["alert"].any()
    assert values(monitor, later.assign(same=0.2), column="same")["alert"].all()


@pytest.mark.slow
def test_cross_fitting_tells_the_reference_what_new_rows_would_show():
    frame = linked(6000)
    fitted = [
        ColumnConsistencyCalculator(list(frame), chunk_size=600, cross_fit=cross_fit).fit(frame)
        for cross_fit in (True, False)
    ]
    honest, flattered = (
        monitor.calculate(frame)
        .filter(period="reference", column_names="other")
        .to_df()["value"]
        .mean()
        for monitor in fitted
    )
    new = values(fitted[0], linked(6000, seed=1), column="other")["value"].mean()
    assert honest == pytest.approx(new, rel=0.05)
    assert flattered < 0.95 * new


@pytest.mark.slow
@pytest.mark.parametrize("n_categories", [2, 4])
def test_a_category_that_nothing_predicts_is_quiet_as_long_as_nothing_changes(n_categories):
    # One model of all rows of the reference would alert in a quarter of these chunks.
    alerts = []
    for seed in range(3):
        rng = np.random.default_rng([n_categories, seed])
        frame = linked(13_500, seed=seed)
        frame["van"] = rng.integers(n_categories, size=len(frame)).astype(str)
        monitor = ColumnConsistencyCalculator(list(frame), chunk_size=300).fit(frame.head(6000))
        found = values(monitor, frame.tail(7500), column="van")
        alerts += found["alert"].tolist()
    assert len(alerts) == 75
    assert sum(alerts) <= stats.binom.ppf(0.999, len(alerts), 0.01)


def test_consistency_refuses_what_it_cannot_do():
    frame = linked(1000)
    with pytest.raises(ValueError, match="has 1 of the 2 columns that this monitor needs; name at"):
        ColumnConsistencyCalculator(["area"])
    many = frame.assign(name=[f"stone {i}" for i in range(1000)])
    with pytest.raises(ValueError, match=r"`name` has 1,000 categories.*keep 99, give the rest"):
        ColumnConsistencyCalculator(["area", "name"], chunk_size=100).fit(many)
    late = frame.assign(area=frame["area"].where(frame.index < 200))
    with pytest.raises(ValueError, match="`area` is missing in all rows outside one block"):
        ColumnConsistencyCalculator(["area", "width"], chunk_size=100).fit(late)
