"""What the rest of the reference has never seen is unseen in a chunk that is left out of it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import (
    DomainClassifierCalculator,
    UnivariateDriftCalculator,
    UnseenValuesCalculator,
)
from course_lib.core.schema import Schema

SIZE, N_CHUNKS = 300, 20


def long_tail(n_values, seed, n_chunks=N_CHUNKS):
    """A quiet column whose values follow Zipf's law, and a number."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, n_values + 1) ** 1.1
    codes = rng.choice(n_values, n_chunks * SIZE, p=weights / weights.sum())
    return pd.DataFrame(
        {"sku": pd.Series(codes).map("s{}".format), "x": rng.normal(size=len(codes))}
    )


def test_values_of_one_chunk_alone_are_unseen_when_it_is_left_out():
    frame = pd.DataFrame({"sku": ["a", "b", "c", "a", "a", None], "x": range(6)})
    table = Schema.learn(frame, ["sku", "x"]).read(frame)
    assert table["sku"].tolist() == [1, 2, 3, 1, 1, 4]
    assert table.as_new(slice(1, 4))["sku"].tolist() == [1, 0, 0, 1, 1, 4]
    assert table.as_new(slice(5, 6))["sku"].tolist() == [1, 2, 3, 1, 1, 4]  # missing, not unseen
    assert table.as_new(slice(0, 6))["sku"].tolist() == [0, 0, 0, 0, 0, 4]
    assert table["sku"].tolist() == [1, 2, 3, 1, 1, 4]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=30), st.data())
def test_a_left_out_row_looks_as_it_would_in_a_later_frame(values, data):
    """Codes are those of a schema learned without the rows, where it has the same categories."""
    start = data.draw(st.integers(0, len(values) - 1))
    stop = data.draw(st.integers(start + 1, len(values)))
    frame = pd.DataFrame({"sku": values})
    table = Schema.learn(frame, ["sku"]).read(frame)
    rest = frame.drop(index=range(start, stop))
    unseen = ~frame["sku"].isin(rest["sku"])
    expected = np.where(unseen & (frame.index >= start) & (frame.index < stop), 0, table["sku"])
    np.testing.assert_array_equal(table.as_new(slice(start, stop))["sku"], expected)


@pytest.mark.parametrize("n_values", [50, 500, 5000])
@pytest.mark.parametrize("method", ["l_infinity", "jensen_shannon", "hellinger", "chi2"])
def test_reference_and_quiet_chunks_of_a_long_tail_lie_alike(n_values, method):
    """At the same level, where l_infinity of unseen values was five times as large before."""
    monitor = UnivariateDriftCalculator(["sku"], categorical_methods=method, chunk_size=SIZE).fit(
        long_tail(n_values, 0)
    )
    frame = monitor.calculate(long_tail(n_values, 1)).to_df()
    level = frame.groupby("period")["value"].agg(["mean", "std"])
    apart = abs(level.loc["analysis", "mean"] - level.loc["reference", "mean"])
    # The noise of two means of 20 chunks, and that all compare with one reference.
    assert apart < 3 * level["std"].mean() * np.sqrt(2 / N_CHUNKS) + 0.05 * level["mean"].mean()
    assert frame.loc[frame["period"] == "analysis", "alert"].sum() <= 2


def test_the_share_of_unseen_values_is_the_same_left_out_and_later():
    monitor = UnseenValuesCalculator(["sku"], chunk_size=SIZE).fit(long_tail(2000, 0, 40))
    frame = monitor.calculate(long_tail(2000, 1, 40)).to_df()
    shares = frame.groupby("period")["value"].mean()
    assert shares["reference"] == pytest.approx(shares["analysis"], rel=0.15)
    assert shares["analysis"] > 0.02


def test_a_classifier_does_not_know_quiet_rows_by_their_unseen_values():
    options = {"hyperparameters": {"num_iterations": 20}, "chunk_size": SIZE}
    monitor = DomainClassifierCalculator(["sku", "x"], **options).fit(long_tail(500, 0, 10))
    frame = monitor.calculate(long_tail(500, 1, 10)).to_df()
    auroc = frame.groupby("period")["value"].mean()
    assert auroc["analysis"] == pytest.approx(auroc["reference"], abs=0.02)
