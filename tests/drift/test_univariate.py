"""The calculator: its distances, its reference, what it refuses, what it keeps for a picture."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from course_lib import (
    ConstantThreshold,
    MissingValuesCalculator,
    PredictionIntervalThreshold,
    StandardDeviationThreshold,
    UnivariateDriftCalculator,
)
from course_lib.drift.distances import chi2_statistic, jensen_shannon_distance, wasserstein_distance

CONTINUOUS = ["kolmogorov_smirnov", "jensen_shannon", "wasserstein", "hellinger"]
CATEGORICAL = ["chi2", "jensen_shannon", "hellinger", "l_infinity"]
METHODS = {"continuous_methods": CONTINUOUS, "categorical_methods": CATEGORICAL}
COLUMNS = ["size", "skewed", "tied", "grade"]


def stones(n, seed, shift=0.0, grades="DEFG"):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"size": rng.normal(shift, 1, n), "skewed": rng.lognormal(shift, 1, n)})
    frame["tied"] = rng.integers(0, 6, n) + (rng.random(n) < shift)
    frame["grade"] = rng.choice(list(grades), n)
    frame.loc[::7, ["skewed", "grade"]] = np.nan
    return frame


def values(result, period="analysis"):
    """Value of each column and method, chunk by chunk."""
    frame = result.to_df()
    rows = frame[frame["period"] == period]
    return {
        (column, metric): part["value"].tolist()
        for (column, metric), part in rows.groupby(["column", "metric"])
    }


def measured(reference, analysis, columns=None, **options):
    given = {"chunk_size": 400, **METHODS, **options}
    calculator = UnivariateDriftCalculator(columns or list(reference.columns), **given)
    return calculator.fit(reference).calculate(analysis)


# -- As NannyML -----------------------------------------------------------------------------------

# NannyML 0.13.1 (pandas 2.3, numpy 2.2), on stones(4000, 0) and the three chunks of
# `three_chunks()`:
#   rule = nannyml.thresholds.StandardDeviationThreshold(std_lower_multiplier=None)
#   nannyml.UnivariateDriftCalculator(COLUMNS, chunk_size=400, **METHODS,
#       thresholds={method: rule for each method but chi2}).fit(reference).calculate(analysis)
# Values of the analysis chunks, and the upper threshold (none for chi2).
ORACLE = {
    ("size", "kolmogorov_smirnov"): ([0.0765000000, 0.1352500000, 0.0420000000], 0.0720565511),
    ("size", "jensen_shannon"): ([0.1127835084, 0.1375696511, 0.0764784218], 0.1133896741),
    ("size", "wasserstein"): ([0.0957223112, 0.2885263893, 0.0653230591], 0.1190309212),
    ("size", "hellinger"): ([0.0966418063, 0.1168164226, 0.0672544835], 0.0966165366),
    ("skewed", "kolmogorov_smirnov"): ([0.0549431240, 0.1142005636, 0.0323343364], 0.0629474817),
    ("skewed", "jensen_shannon"): ([0.0932729671, 0.1295309291, 0.1174606215], 0.1335014083),
    ("skewed", "wasserstein"): ([0.1134414777, 0.5263111687, 0.0946738376], 0.2026937491),
    ("skewed", "hellinger"): ([0.0860778882, 0.1212807043, 0.1079534844], 0.1280761953),
    ("tied", "kolmogorov_smirnov"): ([0.0402500000, 0.0750000000, 0.0190000000], 0.0627337698),
    ("tied", "jensen_shannon"): ([0.0493184888, 0.2117414225, 0.0216867253], 0.0833026586),
    ("tied", "wasserstein"): ([0.1507500000, 0.3582500000, 0.0482500000], 0.1397808896),
    ("tied", "hellinger"): ([0.0410721878, 0.2036564508, 0.0180563590], 0.0693824262),
    ("grade", "chi2"): ([2.6172427814, 5.0443748293, 1172.8653325712], None),
    ("grade", "jensen_shannon"): ([0.0390282500, 0.0534686259, 0.6488315075], 0.0826694764),
    ("grade", "hellinger"): ([0.0324969575, 0.0445296414, 0.6387059957], 0.0688520177),
    ("grade", "l_infinity"): ([0.0297993135, 0.0505793363, 0.2932693948], 0.0643529424),
}


def three_chunks():
    parts = [stones(400, 1), stones(400, 2, 0.3), stones(400, 3, 0, "DDEX")]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def as_nannyml():
    rule = StandardDeviationThreshold(std_lower_multiplier=None)
    methods = dict.fromkeys([*CONTINUOUS, *CATEGORICAL], rule)
    return measured(
        stones(4000, 0), three_chunks(), thresholds=methods, bins="doane", cross_fit=False
    )


@pytest.mark.parametrize(("column", "method"), list(ORACLE))
def test_values_and_limits_are_nannymls(as_nannyml, column, method):
    expected, limit = ORACLE[column, method]
    frame = as_nannyml.filter(period="analysis", column_names=column, metrics=method).to_df()
    assert_allclose(frame["value"], expected, rtol=1e-6, atol=1e-9)
    if limit is not None:
        assert_allclose(frame["upper_threshold"], limit, rtol=1e-6)


# -- Every distance is the plain function on the column's values ----------------------------------


def test_distances_of_numbers_are_those_of_scipy_on_the_values_that_are_there():
    reference, analysis = stones(4000, 0), stones(400, 1)
    found = values(measured(reference, analysis))
    a, b = reference["skewed"].dropna(), analysis["skewed"].dropna()
    assert found["skewed", "kolmogorov_smirnov"] == pytest.approx([stats.ks_2samp(a, b).statistic])
    assert found["skewed", "wasserstein"] == pytest.approx([stats.wasserstein_distance(a, b)])


def test_default_bins_hold_a_tenth_of_the_reference_each():
    reference = pd.DataFrame({"size": np.random.default_rng(0).permutation(4000) / 4000})
    low = pd.DataFrame({"size": np.linspace(0, 0.099, 400)})  # all in the first tenth
    found = values(measured(reference, low))["size", "jensen_shannon"]
    expected = jensen_shannon_distance([400] * 10, [400] + [0] * 9)
    assert found == pytest.approx([expected], abs=1e-3)


@pytest.mark.parametrize("outside", [-5.0, 5.0])
def test_values_beyond_the_reference_have_bins_of_their_own(outside):
    reference = pd.DataFrame({"size": np.random.default_rng(0).random(4000)})
    far = pd.DataFrame({"size": np.full(400, outside)})
    found = values(measured(reference, far))
    assert found["size", "jensen_shannon"] == pytest.approx([1])
    assert found["size", "hellinger"] == pytest.approx([1])


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_default_bins_see_a_column_of_two_values(share):
    rng = np.random.default_rng(0)
    reference = pd.DataFrame({"flag": (rng.random(4000) < share).astype(int)})
    chunk = pd.DataFrame({"flag": [0, 1, 1, 1] * 100 if share < 0.5 else [0, 0, 0, 1] * 100})
    p, q = (frame["flag"].value_counts().sort_index() for frame in (reference, chunk))
    found = values(measured(reference, chunk))["flag", "jensen_shannon"]
    assert found == pytest.approx([jensen_shannon_distance(p, q)])


def test_default_bins_see_the_zeros_of_a_column_that_is_mostly_zero():
    rng = np.random.default_rng(0)
    sales = np.where(rng.random(4400) < 0.95, 0.0, rng.exponential(size=4400))
    reference, chunk = (pd.DataFrame({"sales": part}) for part in (sales[:4000], sales[4000:]))
    quiet = values(measured(reference, chunk))["sales", "jensen_shannon"][0]
    chunk.loc[chunk.index[::2], "sales"] = 1.0
    moved = values(measured(reference, chunk))["sales", "jensen_shannon"][0]
    assert quiet < 0.1
    assert moved > 0.4


def test_categories_are_counted_on_those_of_the_reference_and_unseen_ones_are_one():
    reference = pd.DataFrame({"grade": ["D", "E", "F", "G"] * 1000})
    chunk = pd.DataFrame({"grade": ["D", "E", "X", "Y"] * 100})
    found = values(measured(reference, chunk))
    expected = [0, 100, 100, 0, 0]  # the first for the unseen
    assert found["grade", "chi2"] == pytest.approx(
        [chi2_statistic([0, *[1000] * 4], [200, *expected[1:]])]
    )
    assert found["grade", "l_infinity"] == pytest.approx([0.5])


# -- One outlier ----------------------------------------------------------------------------------


def log_normal(n, seed, shift=0.0, outlier=False):
    sizes = np.random.default_rng(seed).lognormal(shift, 1, n)
    if outlier:
        sizes[n // 2] = 1e6
    return pd.DataFrame({"size": sizes})


@pytest.mark.parametrize("shift", [0.0, 0.5])
@pytest.mark.parametrize("where", ["reference", "chunk"])
def test_one_outlier_changes_no_distance_but_wasserstein(where, shift):
    clean = values(measured(log_normal(20_000, 0), log_normal(2500, 1, shift), chunk_size=2500))
    spoiled = values(
        measured(
            log_normal(20_000, 0, outlier=where == "reference"),
            log_normal(2500, 1, shift, outlier=where == "chunk"),
            chunk_size=2500,
        )
    )
    for method in CONTINUOUS:
        change = abs(spoiled["size", method][0] - clean["size", method][0])
        assert (change > 10) if method == "wasserstein" else (change <= 0.01), method


def test_bins_of_equal_width_do_not_survive_an_outlier():
    spoiled, chunk = log_normal(20_000, 0, outlier=True), log_normal(2500, 1, 0.5)
    found = [
        values(measured(spoiled, chunk, chunk_size=2500, bins=bins))["size", "jensen_shannon"][0]
        for bins in ("doane", "quantile")
    ]
    assert found[0] < 0.02
    assert found[1] > 0.15


# -- The reference --------------------------------------------------------------------------------


@pytest.mark.parametrize("bins", ["quantile", "doane"])
def test_a_reference_chunk_is_compared_with_the_others_only(bins):
    reference = stones(4000, 0)
    found = values(measured(reference, reference.head(400), bins=bins), "reference")
    chunk, others = reference.iloc[800:1200], reference.drop(index=range(800, 1200))
    a, b = others["skewed"].dropna(), chunk["skewed"].dropna()
    assert found["skewed", "wasserstein"][2] == pytest.approx(wasserstein_distance(a, b))
    assert found["skewed", "kolmogorov_smirnov"][2] == pytest.approx(stats.ks_2samp(a, b).statistic)
    p, q = (frame["grade"].value_counts().sort_index() for frame in (others, chunk))
    assert found["grade", "jensen_shannon"][2] == pytest.approx(jensen_shannon_distance(p, q))
    p, q = (frame["tied"].value_counts().sort_index() for frame in (others, chunk))
    if bins == "quantile":
        assert found["tied", "jensen_shannon"][2] == pytest.approx(jensen_shannon_distance(p, q))


def test_comparing_a_chunk_with_itself_among_others_flatters_the_reference():
    reference = stones(4000, 0)
    honest = values(measured(reference, reference.head(400)), "reference")
    flattered = values(measured(reference, reference.head(400), cross_fit=False), "reference")
    for series, found in honest.items():
        assert np.mean(flattered[series]) < np.mean(found), series


def test_quiet_chunks_alert_at_about_one_in_a_hundred():
    alerts = [
        measured(stones(4000, seed), stones(4000, 100 + seed))
        .filter(period="analysis")
        .to_df()["alert"]
        .mean()
        for seed in range(8)
    ]
    assert 0.002 < np.mean(alerts) < 0.03  # 1,280 readings


def test_a_chunk_that_moved_alerts_in_every_method():
    moved = stones(800, 1, shift=0.8, grades="DDDE")
    frame = measured(stones(4000, 0), moved).filter(period="analysis").to_df()
    assert frame["alert"].all()


def test_neither_order_nor_unit_matters():
    reference, analysis = stones(4000, 0), stones(400, 1)
    other = [
        frame.sample(frac=1, random_state=0).assign(size=1000 * frame["size"])
        for frame in (reference, analysis)
    ]
    methods = {"continuous_methods": ["jensen_shannon", "hellinger", "kolmogorov_smirnov"]}
    before = values(measured(reference, analysis, **methods))
    after = values(measured(*other, **methods))
    for series, found in before.items():
        assert_allclose(after[series], found, atol=1e-12)


# -- Missing, unseen, constant --------------------------------------------------------------------


def test_a_chunk_without_a_value_has_a_note_and_no_alert():
    late = stones(800, 1)
    late.loc[400:, ["size", "grade"]] = np.nan
    frame = measured(stones(4000, 0), late).filter(period="analysis").to_df()
    gone = frame[(frame["chunk_index"] == 1) & frame["column"].isin(["size", "grade"])]
    assert len(gone) == 8
    assert gone["value"].isna().all()
    assert (gone["note"] == "all 400 values of the chunk are missing").all()
    assert not gone["alert"].any()
    assert (gone["n_used"] == 0).all()
    assert (gone["upper_threshold"] > 0).all()
    rest = frame.drop(index=gone.index)
    assert rest["value"].notna().all()
    assert (rest["note"] == "").all()


def test_a_reference_chunk_without_a_value_sets_no_limit():
    reference = stones(4000, 0)
    reference.loc[400:799, "size"] = np.nan
    result = measured(reference, stones(400, 1)).filter(column_names="size")
    frame = result.filter(period="reference", metrics="kolmogorov_smirnov").to_df()
    assert frame["value"].isna().tolist() == [i == 1 for i in range(10)]
    assert frame["upper_threshold"].notna().all()


def test_a_column_that_is_missing_throughout_the_reference_is_refused():
    with pytest.raises(ValueError, match="`size` is missing in all 4,000 rows of `reference`"):
        measured(stones(4000, 0).assign(size=np.nan), stones(400, 1))


def test_a_column_with_values_in_too_few_chunks_is_refused_by_name():
    reference = stones(4000, 0)
    reference.loc[1200:, "size"] = np.nan
    message = "`size`, kolmogorov_smirnov: only 3 reference chunks have a value.*; in chunk "
    message += r"\[1200:1599\], all 400 values of the chunk are missing"
    with pytest.raises(ValueError, match=message):
        measured(reference, stones(400, 1))


def test_a_column_with_all_its_values_in_one_chunk_is_refused_by_name():
    reference = stones(4000, 0)
    reference.loc[400:, "grade"] = None
    message = "`grade`, chi2: only 0 reference chunks have a value.*; in chunk "
    message += r"\[0:399\], the other chunks of the reference have no value"
    with pytest.raises(ValueError, match=message):
        measured(reference, stones(400, 1))


def test_missing_values_are_counted_out():
    frame = measured(stones(4000, 0), stones(400, 1)).filter(period="analysis").to_df()
    used = frame.drop_duplicates("column").set_index("column")["n_used"]
    assert used.to_dict() == {"size": 400, "skewed": 342, "tied": 400, "grade": 342}
    assert (frame["n_rows"] == 400).all()


def test_a_constant_column_alerts_as_soon_as_it_moves():
    reference = pd.DataFrame({"size": np.full(4000, 7.0), "grade": "D"})
    same = measured(reference, reference.head(400)).filter(period="analysis").to_df()
    assert (same["value"] == 0).all()
    assert not same["alert"].any()
    moved = reference.head(400).copy()
    moved.loc[:9, "size"], moved.loc[:9, "grade"] = 8.0, "E"
    moved = measured(reference, moved).filter(period="analysis").to_df()
    assert (moved["value"] > 0).all()
    assert moved["alert"].all()


def test_the_reference_is_sorted_once_and_summed_only_for_wasserstein(monkeypatch):
    reference, late = stones(4000, 0)[["size"]], stones(400, 1)[["size"]]
    both, alone = (
        UnivariateDriftCalculator(["size"], continuous_methods=methods, chunk_size=400)
        for methods in (["kolmogorov_smirnov", "wasserstein"], "kolmogorov_smirnov")
    )
    full = both.fit(reference).calculate(late).filter(metrics="kolmogorov_smirnov").to_df()
    sort, sizes = np.sort, []
    monkeypatch.setattr(np, "sort", lambda values: sizes.append(len(values)) or sort(values))
    pd.testing.assert_frame_equal(alone.fit(reference).calculate(late).to_df(), full)
    assert sizes.count(4000) == 1
    assert [len(m._fitted.state["size"].sample.area) for m in (both, alone)] == [4001, 0]


# -- Kinds and types ------------------------------------------------------------------------------


def test_a_kind_can_be_given():
    reference, analysis = stones(4000, 0), stones(400, 1)
    found = values(measured(reference, analysis, treat_as_categorical=["tied"]))
    assert ("tied", "chi2") in found
    assert ("tied", "wasserstein") not in found
    flags = reference.assign(grade=(reference["grade"] == "D"))
    found = values(measured(flags, flags.head(400), treat_as_numerical=["grade"]))
    assert ("grade", "wasserstein") in found


def test_lists_of_columns_are_copied_and_no_texts():
    names = ["size", "grade"]
    calculator = UnivariateDriftCalculator(names, treat_as_categorical=names[1:])
    names.append("absent")
    assert calculator.column_names == ["size", "grade"]
    for role in ("treat_as_numerical", "treat_as_categorical", "column_names"):
        with pytest.raises(TypeError, match=r"as a list: \['size'\], not 'size'"):
            UnivariateDriftCalculator(**{"column_names": names, role: "size"})


def test_a_kind_given_to_a_column_that_is_not_read_is_refused():
    with pytest.raises(ValueError, match="`grad` is listed as categorical, but is not"):
        measured(stones(4000, 0), stones(400, 1), treat_as_categorical=["grad"])


def test_a_column_cannot_be_both():
    with pytest.raises(ValueError, match="`tied` is listed as numerical and as categorical"):
        measured(
            stones(4000, 0),
            stones(400, 1),
            treat_as_categorical=["tied"],
            treat_as_numerical=["tied"],
        )


@pytest.mark.parametrize(
    ("size", "grade"),
    [
        ("float32", "category"),
        ("Float64", "string"),
        ("double[pyarrow]", "string[pyarrow]"),
        (object, object),
    ],
)
def test_the_types_of_columns_do_not_matter(size, grade):
    reference, analysis = stones(4000, 0), stones(400, 1)
    plain = values(measured(reference, analysis))
    typed = [
        f.astype({"size": size, "skewed": size, "grade": grade}) for f in (reference, analysis)
    ]
    for series, found in values(measured(*typed)).items():
        assert_allclose(found, plain[series], atol=1e-6)


def test_dates_are_refused():
    reference = stones(4000, 0).assign(size=pd.Timestamp("2024-01-01"))
    with pytest.raises(TypeError, match="`size` holds datetime64"):
        measured(reference, stones(400, 1))


def test_the_kind_is_that_of_the_reference():
    empty = stones(400, 1).assign(size=None)  # a column of objects now
    frame = measured(stones(4000, 0), empty).filter(column_names="size").to_df()
    assert set(frame["metric"]) == set(CONTINUOUS)


def test_frames_are_not_changed():
    reference, analysis = stones(4000, 0), stones(400, 1)
    before = reference.copy(), analysis.copy()
    measured(reference, analysis)
    pd.testing.assert_frame_equal(reference, before[0])
    pd.testing.assert_frame_equal(analysis, before[1])


# -- Arguments ------------------------------------------------------------------------------------


def test_one_method_is_the_default():
    calculator = UnivariateDriftCalculator(COLUMNS, chunk_size=400).fit(stones(4000, 0))
    frame = calculator.calculate(stones(400, 1)).to_df()
    assert set(frame["metric"]) == {"jensen_shannon"}
    assert calculator.get_params()["continuous_methods"] is None


@pytest.mark.parametrize("freedom", [3, 6])
def test_chi_squared_alerts_at_the_rate_that_is_asked_for(freedom):
    bounds = UnivariateDriftCalculator(["grade"])._bounds("chi2")
    threshold = PredictionIntervalThreshold(0.05)
    quiet = np.random.default_rng(0).chisquare(freedom, (1000, 10))
    limits = [threshold.limits(row, n_used=[400] * 10, n=400, bounds=bounds)[1] for row in quiet]
    assert stats.chi2.sf(limits, freedom).mean() == pytest.approx(0.05, abs=0.005)


def test_methods_and_bins_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="`continuous_methods` names 'chi2'; choose from jensen"):
        UnivariateDriftCalculator(["size"], continuous_methods=["chi2"])
    with pytest.raises(ValueError, match="`categorical_methods` is empty; name at least one"):
        UnivariateDriftCalculator(["size"], categorical_methods=[])
    with pytest.raises(ValueError, match='`bins` must be "quantile" or "doane", got 20'):
        UnivariateDriftCalculator(["size"], bins=20)


def test_a_threshold_can_be_given_per_method():
    result = measured(
        stones(4000, 0), stones(400, 1), thresholds={"chi2": ConstantThreshold(upper=7.8)}
    )
    frame = result.filter(period="analysis").to_df().set_index("metric")
    assert frame.loc["chi2", "upper_threshold"] == 7.8
    assert (frame.drop(index="chi2")["upper_threshold"] < 1).all()


def test_it_says_that_it_was_not_fitted():
    with pytest.raises(ValueError, match=r"not fitted; call `.fit\(reference\)` before"):
        UnivariateDriftCalculator(["size"]).calculate(stones(400, 1))


# -- What is kept for a picture -------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept():
    late = stones(800, 1, shift=0.3, grades="DDEX")
    late.loc[400:, "size"] = np.nan
    return late, measured(stones(4000, 0), late)


def of(result, column, chunk=0, period="analysis"):
    frame = result.distribution()
    rows = (frame["column"] == column) & (frame["chunk_index"] == chunk)
    return frame[rows & (frame["period"] == period)].reset_index(drop=True)


def test_shares_of_every_chunk_and_column_sum_to_one(kept):
    frame = kept[1].distribution()
    totals = frame.groupby(["period", "chunk_index", "column"])["share"].sum()
    assert len(totals) == 12 * 4
    assert_allclose(totals, 1)


def test_shares_of_numbers_are_those_of_a_histogram(kept):
    analysis, result = kept
    rows = of(result, "skewed")
    edges = [*rows["left"][:-1], np.inf]
    expected, _ = np.histogram(analysis["skewed"][:400].dropna(), edges)
    assert_allclose(rows["share"][:-1], expected / 400)
    assert rows["bin"].tolist()[:1] + rows["bin"].tolist()[-2:] == ["below", "above", "missing"]
    assert rows["share"].iloc[-1] == pytest.approx(58 / 400)


def test_shares_of_categories_are_counts_over_rows(kept):
    analysis, result = kept
    rows = of(result, "grade").set_index("bin")["share"]
    counts = analysis["grade"][:400].value_counts()
    assert rows.index.tolist() == ["D", "E", "F", "G", "other", "missing"]
    assert rows["D"] == counts["D"] / 400
    assert rows["F"] == 0
    assert rows["other"] == counts["X"] / 400
    assert rows["missing"] == pytest.approx(58 / 400)


def test_categories_that_read_alike_have_bins_of_their_own():
    codes = np.array([1, "1", "other", 2], dtype=object)
    reference = pd.DataFrame({"code": np.tile(codes, 1000)})
    result = measured(reference, reference.head(400))
    rows = of(result, "code")
    assert rows["bin"].tolist() == ["1", "2", "'1'", "other (category)", "other", "missing"]
    assert rows["share"].tolist() == [0.25] * 4 + [0, 0]
    result.filter(metrics="jensen_shannon").plot(kind="distribution")


def test_rare_categories_are_drawn_as_one():
    reference = pd.DataFrame({"grade": [f"g{i:02}" for i in range(20) for _ in range(200 + i)]})
    reference = reference.sample(frac=1, random_state=0, ignore_index=True)
    rows = of(measured(reference, reference.head(400)), "grade")
    assert rows["bin"].tolist() == [*(f"g{i}" for i in range(12, 20)), "other", "missing"]
    assert 0.5 < rows["share"].iloc[-2] < 0.7


def test_a_chunk_that_is_missing_is_missing_in_the_picture(kept):
    rows = of(kept[1], "size", chunk=1)
    assert rows["share"].tolist() == [0] * (len(rows) - 1) + [1]


def test_bins_are_the_same_in_every_chunk(kept):
    frame = kept[1].distribution()
    edges = frame[frame["column"] == "size"].groupby(["period", "chunk_index"])["left"].apply(tuple)
    assert len({pd.Series(row[:-1]).to_json() for row in edges}) == 1


def test_a_constant_column_has_bins_with_a_width():
    reference = pd.DataFrame({"size": np.full(4000, 7.0)})
    rows = of(measured(reference, reference.head(400)), "size")
    assert rows["share"].max() == 1
    assert (rows["right"] - rows["left"]).iloc[1:-2].gt(0).all()


def test_a_filter_takes_the_distributions_along(kept):
    part = kept[1].filter(period="analysis", column_names=["size", "grade"], metrics="hellinger")
    frame = part.distribution()
    assert set(frame["column"]) == {"size", "grade"}
    assert set(frame["period"]) == {"analysis"}
    whole = kept[1].distribution()
    assert len(whole) == 12 * (2 * 53 + 53 + 6)


def test_the_distribution_is_a_copy(kept):
    frame = kept[1].distribution()
    frame["share"] = 0.0
    assert kept[1].distribution()["share"].max() > 0


def test_other_monitors_keep_no_distribution():
    result = MissingValuesCalculator(["size"]).fit(stones(4000, 0)).calculate(stones(400, 1))
    with pytest.raises(ValueError, match="holds no distributions; only a UnivariateDriftCalcul"):
        result.distribution()
    with pytest.raises(ValueError, match="holds no distributions"):
        result.plot(kind="distribution")
