"""Samples depend on the content of rows, not on where they stand, and are random otherwise."""

import numpy as np
import pandas as pd

from course_lib.core.sampling import draw
from course_lib.core.schema import Schema

N, WANTED = 5_000, 500


def frame(n=N, seed=0):
    rng = np.random.default_rng(seed)
    names = rng.choice(["a", "b", "c"], n)
    return pd.DataFrame({"x": rng.normal(size=n), "few": rng.integers(0, 5, n), "name": names})


def drawn(data, names, seed=0):
    """The rows of the sample, sorted by content."""
    table = Schema.learn(frame(), names).read(data)
    rows = draw(table, names, np.arange(len(data)), WANTED, seed=seed)
    assert len(rows) == min(WANTED, len(data))
    assert (np.diff(rows) > 0).all()
    return data.iloc[rows][names].sort_values(names, ignore_index=True)


def test_shuffled_rows_give_the_same_sample():
    for names in (["x", "name"], ["few", "name"], ["few"]):
        shuffled = frame().sample(frac=1, random_state=3)
        pd.testing.assert_frame_equal(drawn(frame(), names), drawn(shuffled, names))


def test_another_seed_gives_another_sample():
    assert not drawn(frame(), ["x"]).equals(drawn(frame(), ["x"], seed=1))


def test_few_rows_are_all_taken_in_their_order():
    data = frame(100)
    table = Schema.learn(data, ["x"]).read(data)
    np.testing.assert_array_equal(draw(table, ["x"], np.arange(50, 90), 40), np.arange(50, 90))


def test_only_the_rows_asked_for_are_drawn():
    table = Schema.learn(frame(), ["x"]).read(frame())
    asked = np.arange(1000, 3000)
    assert np.isin(draw(table, ["x"], asked, WANTED), asked).all()


def test_repeated_rows_are_drawn_as_often_as_at_random():
    """Of a value that fills a share of the rows, the sample holds about that share."""
    data = frame()
    expected = WANTED * data["few"].value_counts(normalize=True).sort_index()
    counts = [drawn(data, ["few"], seed)["few"].value_counts().sort_index() for seed in range(100)]
    counts = np.array(counts)
    # A simple random sample without replacement: hypergeometric.
    share = expected / WANTED
    sd = np.sqrt(WANTED * share * (1 - share) * (N - WANTED) / (N - 1))
    assert (np.abs(counts.mean(axis=0) - expected) < 4 * sd / 10).all()
    np.testing.assert_allclose(counts.std(axis=0), sd, rtol=0.3)


def test_two_samples_of_the_same_rows_with_other_seeds_are_independent():
    """Else the domain classifier would compare equal rows of reference and chunk too often."""
    data = frame()
    pairs = [(drawn(data, ["few"], s), drawn(data, ["few"], s + 1)) for s in range(0, 200, 2)]
    shares = np.array([[(part["few"] == 0).mean() for part in pair] for pair in pairs])
    assert abs(np.corrcoef(shares.T)[0, 1]) < 0.3


def test_samples_of_two_chunks_of_alike_rows_are_independent():
    """With the same seed, too: else all chunks would share their noise, and limits be narrow."""
    pairs = [(drawn(frame(seed=i), ["few"]), drawn(frame(seed=i + 1), ["few"])) for i in range(100)]
    noise = [
        [(part["few"] == 0).mean() - (frame(seed=i + k)["few"] == 0).mean() for k, part in pair]
        for i, pair in enumerate(map(enumerate, pairs))
    ]
    assert abs(np.corrcoef(np.array(noise).T)[0, 1]) < 0.3
