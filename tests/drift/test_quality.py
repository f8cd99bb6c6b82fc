"""Missing values, unseen categories, numbers out of range."""

import numpy as np
import pandas as pd
import pytest

from course_lib import (
    ConstantThreshold,
    MissingValuesCalculator,
    NumericalRangeCalculator,
    PredictionIntervalThreshold,
    SizeBasedChunker,
    UnseenValuesCalculator,
)


def stones(n=1000, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"size": rng.uniform(1, 3, n), "cut": rng.choice(["Fair", "Good"], n)})


def measured(kind, analysis, reference=None, columns=("size", "cut"), **options):
    calculator = kind(list(columns), chunk_size=100, **options)
    return calculator.fit(stones() if reference is None else reference).calculate(analysis)


def analysis_of(result):
    return result.filter(period="analysis").to_df()


# -- Missing --------------------------------------------------------------------------------------


def test_the_share_of_missing_values_is_counted_by_hand():
    late = stones(200, 1)
    late.loc[:24, "size"], late.loc[150:159, "cut"] = np.nan, None
    frame = analysis_of(measured(MissingValuesCalculator, late))
    found = frame.set_index(["chunk_index", "column"])["value"].to_dict()
    assert found == {(0, "size"): 0.25, (0, "cut"): 0, (1, "size"): 0, (1, "cut"): 0.10}
    assert frame.loc[frame["value"] == 0.25, "sampling_error"].item() == pytest.approx(
        np.sqrt(0.25 * 0.75 / 100)
    )
    assert (frame["unit"] == "share of rows").all()


def test_where_nothing_was_ever_missing_a_single_hole_alerts():
    late = stones(100, 1)
    assert not analysis_of(measured(MissingValuesCalculator, late))["alert"].any()
    late.loc[3, "size"] = np.nan
    frame = analysis_of(measured(MissingValuesCalculator, late)).set_index("column")
    assert frame["alert"].to_dict() == {"size": True, "cut": False}
    assert (frame["upper_threshold"] < 1 / 100).all()


def test_where_values_are_often_missing_it_takes_more_than_usual():
    rng = np.random.default_rng(1)
    reference, quiet = stones(2000), stones(1000, 2)
    for frame in (reference, quiet):
        frame.loc[rng.random(len(frame)) < 0.1, "size"] = np.nan
    worse = quiet.assign(size=quiet["size"].mask(rng.random(1000) < 0.3))
    rates = [
        analysis_of(measured(MissingValuesCalculator, late, reference, ["size"]))["alert"].mean()
        for late in (quiet, worse)
    ]
    assert rates[0] <= 0.2
    assert rates[1] == 1


@pytest.mark.parametrize("dtype", ["Float64", "double[pyarrow]", object])
def test_every_kind_of_missing_value_counts(dtype):
    late = stones(100, 1)
    late.loc[:9, "size"] = np.nan
    frame = analysis_of(measured(MissingValuesCalculator, late.astype({"size": dtype})))
    assert frame.set_index("column").loc["size", "value"] == 0.1


# -- Unseen ---------------------------------------------------------------------------------------


def test_values_that_the_reference_does_not_hold_are_unseen_and_missing_ones_are_not():
    late = stones(100, 1)
    late.loc[:4, "cut"], late.loc[5:9, "cut"], late.loc[10:29, "cut"] = "Superb", "fair", None
    row = analysis_of(measured(UnseenValuesCalculator, late, columns=["cut"])).iloc[0]
    assert row["value"] == pytest.approx(0.1)
    assert row["alert"]


def test_numbers_are_taken_as_categories():
    codes = pd.DataFrame({"code": [1, 2, 3, 4] * 250})
    late = pd.DataFrame({"code": [1, 2, 3, 9] * 25})
    frame = analysis_of(measured(UnseenValuesCalculator, late, codes, ["code"]))
    assert frame["value"].tolist() == [0.25]


def test_a_column_that_always_brings_new_values_does_not_alert_for_them():
    numbers = np.arange(3000)
    reference, late = (pd.DataFrame({"order": part}) for part in (numbers[:2000], numbers[2000:]))
    # Every second value of a chunk occurs in no other chunk.
    reference["order"] = np.where(numbers[:2000] % 2, 1, numbers[:2000])
    late["order"] = np.where(numbers[2000:] % 2, 1, numbers[2000:])
    result = measured(UnseenValuesCalculator, late, reference, ["order"])
    assert (result.to_df()["value"] == 0.5).all()  # the reference too: other chunks are its measure
    assert not result.to_df()["alert"].any()


# -- Out of range ---------------------------------------------------------------------------------


def test_the_share_outside_the_range_of_the_reference_is_counted_by_hand():
    low, high = stones()["size"].agg(["min", "max"])
    late = stones(100, 1)
    late["size"] = late["size"].clip(low, high)
    late.loc[:6, "size"], late.loc[7:9, "size"], late.loc[10:19, "size"] = low - 1, high + 1, np.nan
    late.loc[20:21, "size"] = [low, high]  # the edges belong to it
    frame = analysis_of(measured(NumericalRangeCalculator, late, columns=["size"]))
    assert frame["value"].tolist() == [pytest.approx(0.1)]
    assert frame["alert"].all()


def test_a_reference_chunk_is_held_against_the_range_of_the_others():
    reference = stones()
    reference.loc[250, "size"] = 50.0
    frame = measured(NumericalRangeCalculator, reference, reference, ["size"]).to_df()
    rows = frame[frame["period"] == "reference"].set_index("chunk_index")["value"]
    assert rows[2] >= 0.01
    assert frame.loc[frame["period"] == "analysis", "value"].max() == 0


def heavy_tails(n, seed):
    return pd.DataFrame({"size": np.random.default_rng(seed).standard_t(3, n)})


def with_ties(n=230):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.integers(0, 12, n).astype(float)})
    frame.loc[rng.random(n) < 0.2, "size"] = np.nan
    return frame.assign(wide=rng.normal(size=n), none=np.nan)


@pytest.mark.parametrize("incomplete", ["keep", "drop", "append"])
@pytest.mark.parametrize("kind", [UnseenValuesCalculator, NumericalRangeCalculator])
def test_a_reference_chunk_is_held_against_all_other_rows(kind, incomplete):
    frame = with_ties()
    calculator = kind(list(frame), chunker=SizeBasedChunker(20, incomplete))
    found = calculator.fit(frame).calculate(frame).filter(period="reference").to_df()
    for key, column, value in found[["key", "column", "value"]].itertuples(index=False):
        first, last = map(int, key.removeprefix("reference ")[1:-1].split(":"))
        here, rest = frame[column].loc[first:last], frame[column].drop(range(first, last + 1))
        strange = ~here.isin(rest)
        if kind is NumericalRangeCalculator:
            strange = ~here.between(rest.min(), rest.max())
        assert value == (strange & here.notna()).mean()


@pytest.mark.parametrize("kind", [UnseenValuesCalculator, NumericalRangeCalculator])
def test_the_reference_is_read_a_few_times_however_many_chunks_it_has(kind, monkeypatch):
    read = []
    seen = kind._seen
    monkeypatch.setattr(
        kind,
        "_seen",
        lambda self, values, column: read.append(len(values)) or seen(self, values, column),
    )
    kind(["size"], chunk_size=10).fit(with_ties()[["size"]])
    assert sum(read) <= 2 * len(with_ties())


def test_a_new_record_now_and_then_is_no_alarm_unless_it_is_asked_for():
    rates = {}
    for name, rule in (("default", None), ("strict", ConstantThreshold(upper=0))):
        frames = [
            analysis_of(
                measured(
                    NumericalRangeCalculator,
                    heavy_tails(2000, 100 + seed),
                    heavy_tails(2000, seed),
                    ["size"],
                    threshold=rule,
                )
            )
            for seed in range(30)
        ]
        rates[name] = pd.concat(frames)["alert"].mean()
    assert rates["default"] < 0.03
    assert rates["strict"] > 0.06


def test_text_has_no_range():
    with pytest.raises(TypeError, match="`cut` must hold numbers"):
        measured(NumericalRangeCalculator, stones(100, 1), columns=["cut"])


# -- All of them ----------------------------------------------------------------------------------

KINDS = [MissingValuesCalculator, UnseenValuesCalculator, NumericalRangeCalculator]


@pytest.mark.parametrize("kind", KINDS)
def test_frames_are_not_changed_and_limits_are_those_given(kind):
    reference, late = stones(), stones(100, 1)
    before = reference.copy(), late.copy()
    result = measured(kind, late, reference, ["size"], threshold=ConstantThreshold(upper=0.5))
    assert (result.to_df()["upper_threshold"] == 0.5).all()
    pd.testing.assert_frame_equal(reference, before[0])
    pd.testing.assert_frame_equal(late, before[1])


@pytest.mark.parametrize("kind", KINDS)
def test_the_list_of_columns_is_copied_and_no_text(kind):
    names = ["size"]
    calculator = kind(names)
    names.append("absent")
    calculator.fit(stones())
    assert calculator.column_names == ["size"]
    with pytest.raises(TypeError, match=r"as a list: \['size'\], not 'size'"):
        kind("size")


@pytest.mark.parametrize("kind", KINDS)
def test_a_rate_that_is_asked_for_has_the_limits_of_the_default(kind):
    reference, late = stones(), stones(100, 1)
    default, asked = (
        measured(kind, late, reference, ["size"], threshold=rule).to_df()["upper_threshold"]
        for rule in (None, PredictionIntervalThreshold(0.01))
    )
    pd.testing.assert_series_equal(asked, default)


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_that_it_was_not_fitted(kind):
    with pytest.raises(ValueError, match="is not fitted; call"):
        kind(["size"]).calculate(stones())


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_without_any_value_is_measured_too(kind):
    late = stones(100, 1).assign(size=np.nan)
    (value,) = analysis_of(measured(kind, late, columns=["size"]))["value"]
    assert value == (1 if kind is MissingValuesCalculator else 0)
