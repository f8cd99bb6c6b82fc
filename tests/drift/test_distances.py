"""Each distance against scipy, or against its formula written out without any shortcut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats
from scipy.spatial import distance

from course_lib.drift.distances import (
    SortedSample,
    chi2_statistic,
    hellinger_distance,
    jensen_shannon_distance,
    kolmogorov_smirnov_distance,
    l_infinity_distance,
    wasserstein_distance,
)

repeatable = settings(derandomize=True, deadline=None, max_examples=150)
SHAPES = {
    "random": lambda rng, n: rng.normal(size=n),
    "tied": lambda rng, n: rng.integers(0, 4, n).astype(float),
    "constant": lambda rng, n: np.full(n, 3.0),
    "skewed": lambda rng, n: rng.lognormal(0, 2, n),
    "mostly zero": lambda rng, n: np.where(rng.random(n) < 0.9, 0.0, rng.exponential(size=n)),
    "far away": lambda rng, n: 1e6 + rng.normal(size=n),
}
numbers = st.builds(
    lambda shape, n, seed: SHAPES[shape](np.random.default_rng(seed), n),
    st.sampled_from(sorted(SHAPES)),
    st.one_of(st.integers(1, 5), st.integers(50, 300)),
    st.integers(0, 10_000),
)
tiny = st.lists(st.sampled_from([-2.0, 0.0, 0.1, 0.5, 1.0, 1e9]), min_size=1, max_size=6)
samples = st.one_of(numbers, tiny.map(np.array))
counts = st.integers(1, 8).flatmap(
    lambda n: st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=n, max_size=n
    ).filter(lambda rows: all(sum(side) > 0 for side in zip(*rows, strict=True)))
)


def with_holes(values, seed=0):
    """The values in another order, with missing ones among them."""
    holes = np.full(len(values) // 2 + 1, np.nan)
    return np.random.default_rng(seed).permutation(np.concatenate([values, holes]))


def sides(rows):
    p, q = np.array(rows, dtype=float).T
    return p, q


def in_order(values):
    return SortedSample.of_sorted(np.sort(values))


# -- Samples of numbers ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:divide by zero")  # of the p-value of samples of one
@repeatable
@given(samples, samples)
def test_kolmogorov_smirnov_of_a_sorted_sample_is_scipys(reference, chunk):
    expected = stats.ks_2samp(reference, chunk, method="asymp").statistic
    found = in_order(reference).kolmogorov_smirnov(np.sort(chunk))
    assert_allclose(found, expected, atol=1e-12)
    assert kolmogorov_smirnov_distance(reference, chunk) == expected


@repeatable
@given(samples, samples)
def test_wasserstein_of_a_sorted_sample_is_scipys(reference, chunk):
    expected = stats.wasserstein_distance(reference, chunk)
    scale = max(np.abs(reference).max(), np.abs(chunk).max(), 1)
    found = in_order(reference).wasserstein(np.sort(chunk))
    assert_allclose(found, expected, rtol=1e-9, atol=1e-11 * scale)
    assert wasserstein_distance(reference, chunk) == expected


@repeatable
@given(samples, samples)
def test_missing_values_and_order_do_not_matter_to_distances_of_numbers(reference, chunk):
    for function in (kolmogorov_smirnov_distance, wasserstein_distance):
        expected = function(reference, chunk)
        assert function(with_holes(reference), with_holes(chunk, 1)) == pytest.approx(
            expected, rel=1e-9, abs=1e-12 * max(np.abs(reference).max(), 1)
        )


@repeatable
@given(samples, samples)
def test_distances_of_numbers_are_symmetric(reference, chunk):
    scale = max(np.abs(reference).max(), np.abs(chunk).max(), 1)
    for function in (kolmogorov_smirnov_distance, wasserstein_distance):
        assert_allclose(function(reference, chunk), function(chunk, reference), atol=1e-11 * scale)


@repeatable
@given(numbers, numbers, st.integers(0, 100))
def test_leaving_a_chunk_out_is_removing_its_rows(others, chunk, seed):
    everything = np.random.default_rng(seed).permutation(np.concatenate([others, chunk]))
    ordered = np.sort(chunk)
    left_out = in_order(everything).without(ordered)
    scale = max(np.abs(everything).max(), 1)
    assert left_out.size == len(others)
    assert_allclose(
        left_out.kolmogorov_smirnov(ordered), kolmogorov_smirnov_distance(others, chunk), atol=1e-12
    )
    assert_allclose(
        left_out.wasserstein(ordered), wasserstein_distance(others, chunk), atol=1e-10 * scale
    )


def test_moving_every_value_by_a_dollar_costs_a_dollar():
    values = np.random.default_rng(0).lognormal(size=1000)
    assert wasserstein_distance(values, values + 1) == pytest.approx(1, rel=1e-12)


def test_wasserstein_has_the_unit_of_the_column_and_kolmogorov_smirnov_has_none():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=300), rng.normal(0.3, size=200)
    assert wasserstein_distance(100 * a, 100 * b) == pytest.approx(100 * wasserstein_distance(a, b))
    ks = kolmogorov_smirnov_distance(a, b)
    assert kolmogorov_smirnov_distance(np.exp(a), np.exp(b)) == ks


def test_an_outlier_in_a_large_reference_does_not_blind_kolmogorov_smirnov():
    rng = np.random.default_rng(0)
    reference, chunk = rng.lognormal(size=20_000), rng.lognormal(1, size=2500)
    clean = kolmogorov_smirnov_distance(reference, chunk)
    assert clean > 0.3
    spoiled = kolmogorov_smirnov_distance([*reference, 1e6], chunk)
    assert spoiled == pytest.approx(clean, abs=1e-4)


@pytest.mark.parametrize("function", [kolmogorov_smirnov_distance, wasserstein_distance])
def test_samples_that_cannot_be_compared_are_refused(function):
    with pytest.raises(ValueError, match="`chunk` has no value that is not missing"):
        function([1.0], [np.nan])
    with pytest.raises(ValueError, match="`reference` has no value"):
        function([], [1.0])
    with pytest.raises(ValueError, match="`reference` is infinite in 1 of 2 values"):
        function([1.0, np.inf], [1.0])


# -- Counts ---------------------------------------------------------------------------------------


@repeatable
@given(counts)
def test_jensen_shannon_is_scipys(rows):
    p, q = sides(rows)
    expected = np.nan_to_num(distance.jensenshannon(p, q, base=2))
    assert_allclose(jensen_shannon_distance(p, q), expected, atol=1e-7)


@repeatable
@given(counts)
def test_hellinger_is_its_formula(rows):
    p, q = sides(rows)
    a, b = p / p.sum(), q / q.sum()
    # 1 less the Bhattacharyya coefficient is the square: another way to the same number.
    expected = max(1 - sum(np.sqrt(x * y) for x, y in zip(a, b, strict=True)), 0)
    assert_allclose(hellinger_distance(p, q) ** 2, expected, atol=1e-12)


@repeatable
@given(counts)
def test_l_infinity_is_the_chebyshev_distance_of_the_shares(rows):
    p, q = sides(rows)
    expected = distance.chebyshev(p / p.sum(), q / q.sum())
    assert_allclose(l_infinity_distance(p, q), expected, atol=1e-15)


@repeatable
@given(counts)
def test_chi2_is_scipys(rows):
    p, q = sides(rows)
    table = np.array([p, q])[:, (p + q) > 0]
    assert_allclose(
        chi2_statistic(p, q), stats.chi2_contingency(table).statistic, rtol=1e-10, atol=1e-12
    )


@repeatable
@given(counts, st.integers(2, 50))
def test_shares_alone_matter_to_all_but_chi2(rows, factor):
    p, q = sides(rows)
    for function in (jensen_shannon_distance, hellinger_distance, l_infinity_distance):
        assert_allclose(function(factor * p, q), function(p, q), atol=1e-7)
        assert 0 <= function(p, q) <= 1 + 1e-12


def test_chi2_grows_with_the_number_of_rows():
    p, q = np.array([500, 300, 200]), np.array([40, 35, 25])
    assert chi2_statistic(10 * p, 10 * q) == pytest.approx(10 * chi2_statistic(p, q))


def test_an_empty_bin_needs_no_invented_mass():
    assert jensen_shannon_distance([5, 5, 0], [0, 5, 5]) == pytest.approx(np.sqrt(0.5))
    assert hellinger_distance([5, 5, 0], [0, 5, 5]) == pytest.approx(np.sqrt(0.5))


BINNED = [jensen_shannon_distance, hellinger_distance, l_infinity_distance, chi2_statistic]


@pytest.mark.parametrize("function", BINNED)
def test_counts_that_cannot_be_compared_are_refused(function):
    with pytest.raises(ValueError, match=r"`reference` has shape \(2,\), `chunk` \(3,\)"):
        function([1, 2], [1, 2, 3])
    for bad in ([0, 0], [3, -1], [np.nan, 1], [np.inf, 1]):
        with pytest.raises(ValueError, match="`chunk` must hold counts"):
            function([1, 2], bad)
