"""Parameters as scikit-learn users expect them: readable, copied, changeable, frozen by `fit`."""

import os
import subprocess
import sys
import textwrap
import threading
from inspect import Parameter, signature
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import course_lib
from course_lib import (
    CBPE,
    DLE,
    ColumnConsistencyCalculator,
    ConstantThreshold,
    CorrelationRanker,
    DataReconstructionDriftCalculator,
    DomainClassifierCalculator,
    ImpactRanker,
    MissingValuesCalculator,
    NumericalRangeCalculator,
    PerformanceCalculator,
    RowMetric,
    UnivariateDriftCalculator,
    UnseenValuesCalculator,
)
from course_lib.core.monitor import Monitor

FEW = {"num_iterations": 3, "num_leaves": 4}
LIMIT = ConstantThreshold(upper=1e-4)


def stones(n=300, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"size": rng.uniform(1, 2, n), "cut": rng.choice(list("AB"), n)})
    frame["weight"] = frame["size"] + rng.normal(0, 0.1, n)
    frame["predicted"] = 1000 * frame["size"]
    frame["price"] = frame["predicted"] + rng.normal(0, 50, n)
    frame["score"] = rng.uniform(0, 1, n)
    frame["sold"] = (rng.uniform(0, 1, n) < frame["score"]).astype(int)
    frame["guess"] = (frame["score"] > 0.5).astype(int)
    return frame


COLUMNS = {"column_names": ["size", "weight"]}
CLASSES = {"y_true": "sold", "y_pred": "guess", "y_pred_proba": "score"}
GIVEN = {
    DLE: {
        "feature_column_names": ["size", "cut"],
        "y_pred": "predicted",
        "y_true": "price",
        "metrics": ["mae", "rmse"],
        "hyperparameters": FEW,
    },
    CBPE: {**CLASSES, "metrics": ["f1", "accuracy"]},
    PerformanceCalculator: {"y_true": "price", "y_pred": "predicted", "metrics": ["mae", "bias"]},
    UnivariateDriftCalculator: {**COLUMNS, "continuous_methods": ["wasserstein", "hellinger"]},
    DataReconstructionDriftCalculator: COLUMNS,
    DomainClassifierCalculator: {
        "feature_column_names": ["size", "weight"],
        "hyperparameters": FEW,
    },
    ColumnConsistencyCalculator: {**COLUMNS, "hyperparameters": FEW},
    MissingValuesCalculator: COLUMNS,
    NumericalRangeCalculator: COLUMNS,
    UnseenValuesCalculator: {"column_names": ["cut", "size"]},
}
every_monitor = pytest.mark.parametrize("kind", GIVEN, ids=lambda kind: kind.__name__)


def given(kind):
    """Return fresh arguments, the containers copied."""
    return {k: type(v)(v) if isinstance(v, (list, dict)) else v for k, v in GIVEN[kind].items()}


def make(kind, **options):
    return kind(**{**given(kind), "chunk_size": 50, **options})


def measure(monitor, frame=None):
    verb = monitor.estimate if hasattr(monitor, "estimate") else monitor.calculate
    return verb(stones(100, seed=1) if frame is None else frame)


def assert_same(result, expected):
    pd.testing.assert_frame_equal(result.to_df(), expected.to_df(), check_exact=True)


def test_every_monitor_is_tried():
    things = [getattr(course_lib, name) for name in course_lib.__all__]
    kinds = {kind for kind in things if isinstance(kind, type) and issubclass(kind, Monitor)}
    assert kinds == set(GIVEN)


# -- Reading --------------------------------------------------------------------------------------


@every_monitor
def test_each_argument_of_the_constructor_is_an_attribute_of_its_name(kind):
    monitor, arguments = make(kind), {**given(kind), "chunk_size": 50}
    for name, parameter in signature(kind).parameters.items():
        assert getattr(monitor, name) == arguments.get(name, parameter.default)
    assert monitor.get_params() == {n: getattr(monitor, n) for n in signature(kind).parameters}
    assert monitor.get_params(deep=False) == monitor.get_params()


@every_monitor
def test_a_copy_has_the_parameters_and_is_not_fitted(kind):
    monitor = make(kind, thresholds=LIMIT).fit(stones())
    for copy in (clone(monitor), clone(clone(monitor))):
        assert copy.get_params() == monitor.get_params()
        with pytest.raises(NotFittedError):
            measure(copy)
        assert_same(measure(copy.fit(stones())), measure(monitor))


@every_monitor
def test_lists_and_dicts_of_the_caller_can_change_without_effect(kind):
    arguments = given(kind)
    monitor, untouched = kind(**arguments, chunk_size=50), make(kind)
    for spoil in (None, lambda: measure(monitor.fit(stones()))):
        if spoil:
            spoil()
        for value in arguments.values():
            if isinstance(value, (list, dict)):
                value.clear()
        assert monitor.get_params() == untouched.get_params()
    assert_same(measure(monitor), measure(untouched.fit(stones())))


# -- Changing -------------------------------------------------------------------------------------


@every_monitor
@pytest.mark.parametrize("how", ["attribute", "set_params"])
def test_a_change_takes_effect_at_the_next_fit_and_not_before(kind, how):
    monitor = make(kind).fit(stones())
    before = measure(monitor)
    if how == "attribute":
        monitor.thresholds, monitor.chunk_size = LIMIT, 40
    else:
        assert monitor.set_params(thresholds=LIMIT, chunk_size=40) is monitor
    assert_same(measure(monitor), before)
    expected = make(kind, thresholds=LIMIT, chunk_size=40).fit(stones())
    assert_same(measure(monitor.fit(stones())), measure(expected))


@every_monitor
def test_a_container_changed_in_place_takes_effect_at_the_next_fit_and_not_before(kind):
    monitor = make(kind).fit(stones())
    before = measure(monitor)
    for value in monitor.get_params().values():
        if isinstance(value, list):
            value.reverse()
        if isinstance(value, dict):
            value["num_iterations"] = 1
    assert_same(measure(monitor), before)
    assert monitor._fitted.rules.get_params() == make(kind).get_params()
    measure(monitor.fit(stones()))
    assert monitor._fitted.rules.get_params() == monitor.get_params() != make(kind).get_params()


class Tolerance:
    """A threshold of one's own that can change."""

    def __init__(self, upper):
        self.upper = upper

    def limits(self, values, *, n_used, n, bounds):
        return None, self.upper


@every_monitor
def test_an_object_of_your_own_changed_in_place_changes_no_fitted_monitor(kind):
    rule = Tolerance(5.0)
    monitor = make(kind, thresholds=rule).fit(stones())
    before = measure(monitor)
    assert before.to_df()["upper_threshold"].eq(5.0).all()
    rule.upper = monitor.thresholds.upper = 7.0
    assert_same(measure(monitor), before)
    assert measure(monitor.fit(stones())).to_df()["upper_threshold"].eq(7.0).all()


@every_monitor
def test_a_refused_change_changes_nothing(kind):
    monitor = make(kind)
    before = monitor.get_params()
    with pytest.raises(ValueError, match=f"{kind.__name__} has no parameter 'tresholds'; it has: "):
        monitor.set_params(chunk_size=40, tresholds=LIMIT)  # codespell:ignore
    with pytest.raises(TypeError, match="3 is not a threshold"):
        monitor.set_params(chunk_size=40, thresholds=3)
    assert monitor.get_params() == before


@every_monitor
def test_an_attribute_that_the_constructor_would_refuse_is_refused_by_fit(kind):
    monitor = make(kind).fit(stones())
    before = measure(monitor)
    monitor.thresholds = {"speed": LIMIT}
    with pytest.raises(ValueError, match="`thresholds` names 'speed', which is not measured"):
        monitor.fit(stones(seed=2))
    assert_same(measure(monitor), before)


# -- Thresholds -----------------------------------------------------------------------------------


@every_monitor
def test_every_monitor_takes_one_threshold_or_one_per_metric(kind):
    one = make(kind, thresholds=LIMIT).fit(stones())
    names = one._metric_names()
    each = make(kind, thresholds=dict.fromkeys(names, LIMIT)).fit(stones())
    assert_same(measure(one), measure(each))
    assert measure(one).to_df()["upper_threshold"].eq(1e-4).all()
    if "threshold" in signature(kind).parameters:  # as NannyML calls it, where there is one metric
        assert_same(measure(make(kind, threshold=LIMIT).fit(stones())), measure(one))
        with pytest.raises(ValueError, match="`threshold` and `thresholds` are given; give one"):
            make(kind, threshold=LIMIT, thresholds=LIMIT)


def test_monitors_of_one_metric_have_the_same_word_for_their_threshold():
    single = [kind for kind in GIVEN if len(make(kind)._metric_names()) == 1]
    assert len(single) == 6
    for kind in single:
        assert {"threshold", "thresholds"} <= set(signature(kind).parameters)


# -- Not fitted -----------------------------------------------------------------------------------


@every_monitor
def test_measuring_before_fit_raises_the_error_of_scikit_learn(kind):
    verb = "estimate" if hasattr(kind, "estimate") else "calculate"
    with pytest.raises(NotFittedError, match=rf"call `.fit\(reference\)` before `.{verb}\("):
        measure(make(kind))


def test_rankers_raise_it_too():
    dle = make(DLE, metrics="mae")
    with pytest.raises(NotFittedError, match="this ImpactRanker is not fitted"):
        ImpactRanker(dle).rank(stones())
    result = measure(make(MissingValuesCalculator).fit(stones()))
    with pytest.raises(NotFittedError, match="this CorrelationRanker is not fitted"):
        CorrelationRanker().rank(result, result)


# -- Names of columns -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [0, ("a", "b"), None, 1.5, ""])
def test_a_column_name_that_is_not_text_is_refused_with_a_remedy_that_works(name):
    frame = stones()[["size", "weight"]].set_axis(["size", name], axis=1)
    message = r"1 of 2 column names are empty or not text, such as .*; rename the columns first"
    for kind in (MissingValuesCalculator, UnivariateDriftCalculator):
        with pytest.raises(TypeError, match=message):
            kind(["size", name]).fit(frame)
    frame.columns = frame.columns.map(lambda label: str(label) or "unnamed")
    measure(MissingValuesCalculator(list(frame.columns)).fit(frame), frame)


# -- Subclasses of one's own ----------------------------------------------------------------------


class Strict(MissingValuesCalculator):
    """A subclass that adds a parameter and hands the others on."""

    def __init__(self, column_names, tolerance=0.1, **options):
        self.tolerance = tolerance
        super().__init__(column_names, **options)


def test_a_subclass_that_hands_options_on_has_the_parameters_of_both():
    monitor = Strict(["size"], tolerance=0.2, chunk_size=50)
    assert list(monitor.get_params())[:2] == ["column_names", "tolerance"]
    assert monitor.get_params()["chunk_size"] == 50
    assert clone(monitor.set_params(tolerance=0.3)).tolerance == 0.3
    expected = MissingValuesCalculator(["size"], chunk_size=50).fit(stones())
    assert_same(measure(monitor.fit(stones())), measure(expected))


class Forgetful(MissingValuesCalculator):
    """A subclass that does not store what it is given."""

    def __init__(self, column_names, tolerance=0.1):
        super().__init__(column_names)


def test_a_subclass_that_forgets_an_argument_is_told_what_to_do():
    with pytest.raises(AttributeError, match=r"no attribute `tolerance`.*self.tolerance = toler"):
        Forgetful(["size"]).get_params()


class Fixed(DLE):
    """A subclass that fixes arguments of its base, and holds what no copy can be made of."""

    def __init__(self, **options):
        self.lock = threading.Lock()
        super().__init__(["size"], "predicted", "price", metrics="mae", **options)


def test_a_subclass_that_fixes_arguments_can_be_changed_copied_and_fitted():
    monitor = Fixed(hyperparameters=FEW, chunk_size=50).set_params(chunk_size=60)
    copy = clone(monitor.fit(stones()))
    assert copy.chunk_size == monitor.chunk_size == 60
    assert_same(measure(copy.fit(stones())), measure(monitor))


def test_a_monitor_that_forgot_an_argument_can_still_be_shown():
    assert repr(Forgetful(["size"])) == "Forgetful(column_names=['size']; not fitted)"


# -- What users hand over -------------------------------------------------------------------------


class Ledger:
    """An object that cannot be copied, with a method that is used as a loss."""

    def __init__(self):
        self.lock = threading.Lock()

    def loss(self, y_true, y_pred):
        return np.abs(y_true - y_pred)


def test_views_mappings_and_indexes_become_lists_and_dicts():
    names = {"size": 1, "weight": 2}
    settings = MappingProxyType(FEW)
    dle = DLE(names.keys(), "predicted", "price", metrics="mae", hyperparameters=settings)
    assert (dle.feature_column_names, dle.hyperparameters) == (["size", "weight"], FEW)
    assert DLE(pd.Index(names), "predicted", "price").feature_column_names == list(names)
    limits = MappingProxyType({"mae": LIMIT})
    assert make(PerformanceCalculator, thresholds=limits).thresholds == {"mae": LIMIT}


def test_what_cannot_be_copied_is_shared():
    ledger = Ledger()
    own = RowMetric("own", ledger.loss)
    calculator = make(PerformanceCalculator, metrics=[own]).fit(stones())
    mae = make(PerformanceCalculator, metrics="mae").fit(stones())
    found, expected = (measure(monitor).to_df()["value"] for monitor in (calculator, mae))
    pd.testing.assert_series_equal(found, expected)


@pytest.mark.parametrize("kind", [DLE, DomainClassifierCalculator, ColumnConsistencyCalculator])
def test_hyperparameters_that_are_not_a_dict_are_refused_by_the_constructor(kind):
    with pytest.raises(TypeError, match="`hyperparameters` must be a dict of LightGBM settings"):
        make(kind, hyperparameters=[("num_leaves", 4)])


def test_two_ways_to_make_chunks_are_refused_with_a_remedy_that_works():
    monitor = make(MissingValuesCalculator)
    with pytest.raises(ValueError, match="give one of them, None for the others"):
        monitor.set_params(chunk_number=5)
    assert monitor.set_params(chunk_size=None, chunk_number=5).chunk_number == 5


# -- The ranker that holds a DLE ------------------------------------------------------------------


def impact():
    dle = make(DLE, metrics="mae").fit(stones())
    return dle, ImpactRanker(dle, groups={"all": ["size", "cut"]}).fit(stones())


@pytest.mark.parametrize(
    "change", [{"metrics": ["mae", "mse"]}, {"metrics": "mse"}, {"chunk_size": 40}], ids=str
)
def test_changes_are_not_compared_with_a_dle_that_was_fitted_otherwise(change):
    dle, ranker = impact()
    expected = ranker.changes(stones(100, seed=1))
    dle.set_params(**change)
    pd.testing.assert_frame_equal(ranker.changes(stones(100, seed=1)), expected)
    dle.fit(stones())
    with pytest.raises(ValueError, match=f"another `{next(iter(change))}` than this ranker; fit"):
        ranker.changes(stones(100, seed=1))


def test_a_refused_fit_of_a_ranker_keeps_the_former_one():
    dle, ranker = impact()
    expected = ranker.rank(stones(100, seed=1))
    for features, message in ((["size", "none"], "`groups` names 'cut'"), (["size"], "`groups`")):
        dle.set_params(feature_column_names=features)
        with pytest.raises(ValueError, match=message):
            ranker.fit(stones())
        pd.testing.assert_frame_equal(ranker.rank(stones(100, seed=1)), expected)


# -- Types ----------------------------------------------------------------------------------------

USER = """
import pandas as pd
from course_lib import CBPE, DLE, MissingValuesCalculator, PerformanceCalculator, load

frame = pd.DataFrame({"size": [1.0], "y": [1.0], "p": [1.0]})
dle = DLE(["size"], "p", "y", metrics=["mae"], chunk_size=100)
dle.fit(frame).estimate(frame).filter(period="analysis").alerts().head()
dle.fit(frame).estimate(frame).plot()
PerformanceCalculator("mae", "y", y_pred="p").fit(frame).calculate(frame).to_df()
MissingValuesCalculator(["size"]).set_params(chunk_size=5).fit(frame).calculate(frame)
DLE.load("dle.monitor").estimate(frame)
reveal_type(dle.fit(frame))
reveal_type(dle.fit(frame).estimate(frame))
"""
MISTAKES = {
    "DLE(['size'], 'p', 'y').fit(frame).estimat(frame)": '"DLE" has no attribute "estimat"',
    "dle.fit(frame).estimate(frame).plott()": '"Result" has no attribute "plott"',
    "CBPE(y_true='y').fit(frame).calculate(frame)": '"CBPE" has no attribute "calculate"',
    "MissingValuesCalculator(['size'], threshold=3)": 'incompatible type "int"',
    "DLE.load('x').calculate(frame)": '"DLE" has no attribute "calculate"',
}


@pytest.mark.slow
def test_a_type_checker_finds_a_misspelt_method_in_a_chain(tmp_path):
    pytest.importorskip("mypy")
    path = tmp_path / "user.py"
    path.write_text(textwrap.dedent(USER) + "\n".join(MISTAKES) + "\n", encoding="utf-8")
    root = Path(course_lib.__file__).parents[1]
    # The settings of the project: some packages have no stubs.
    settings = ["--config-file", str(root / "pyproject.toml"), "--cache-dir", str(tmp_path)]
    command = [sys.executable, "-m", "mypy", "--strict", *settings, str(path)]
    home = {"MYPYPATH": str(root)}
    run = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env=os.environ | home
    )
    lines = run.stdout.splitlines()
    assert [line for line in lines if 'Revealed type is "course_lib.performance.dle.DLE"' in line]
    assert [line for line in lines if 'Revealed type is "course_lib.core.result.Result"' in line]
    errors = [line for line in lines if "error:" in line]
    assert len(errors) == len(MISTAKES), run.stdout
    for error, expected in zip(errors, MISTAKES.values(), strict=True):
        assert expected in error


# -- Subclasses -----------------------------------------------------------------------------------


class Owned(MissingValuesCalculator):
    def __init__(self, *args, owner="me", **kwargs):
        self.owner = owner
        super().__init__(*args, **kwargs)


class OwnedDLE(DLE):
    def __init__(self, *, owner, **kwargs):
        self.owner = owner
        super().__init__(**kwargs)


class OwnedUnivariate(UnivariateDriftCalculator):
    def __init__(self, owner="me", **kwargs):
        self.owner = owner
        super().__init__(**kwargs)


@pytest.mark.parametrize("kind", [Owned, OwnedDLE, OwnedUnivariate])
def test_a_subclass_may_add_an_argument_in_any_way(kind):
    base = kind.__mro__[1]
    monitor = kind(owner="you", **{**GIVEN[base], "chunk_size": 50})
    assert monitor.get_params()["owner"] == "you"
    assert set(signature(kind).parameters) == {"owner", *signature(base).parameters}
    assert_same(measure(clone(monitor).fit(stones())), measure(make(base).fit(stones())))


def test_arguments_that_all_monitors_share_are_given_by_name():
    shared = {"id_column_name", "chunk_size", "chunk_number", "chunk_period", "chunker"}
    shared |= {"thresholds", "progress"}
    for kind in GIVEN:
        kinds = {name: p.kind for name, p in signature(kind).parameters.items()}
        assert shared <= set(kinds)
        assert {kinds[name] for name in shared} == {Parameter.KEYWORD_ONLY}


def test_cross_fit_is_an_argument_where_it_has_an_effect():
    without = {kind.__name__ for kind in GIVEN if "cross_fit" not in signature(kind).parameters}
    quality = {"MissingValuesCalculator", "UnseenValuesCalculator", "NumericalRangeCalculator"}
    assert without == {"PerformanceCalculator", *quality}
