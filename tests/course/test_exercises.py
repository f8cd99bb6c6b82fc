import datetime as dt

import numpy as np
import pandas as pd
import pytest

from course_lib.course.exercises import WrongAnswer, check, claim, quiz

HINT = "Count the weeks."


def is_right(answer, expected, **options):
    try:
        check(answer, expected, hint=HINT, **options)
    except WrongAnswer:
        return False
    return True


# -- claim ----------------------------------------------------------------------------------------


def test_a_true_claim_prints_its_sentence(capsys):
    claim("Two weeks are 14 days.", 2 * 7 == 14)
    assert capsys.readouterr().out == "✓ Two weeks are 14 days.\n"


def test_a_false_claim_fails_and_names_its_sentence(capsys):
    with pytest.raises(AssertionError, match=r"does not hold: The error doubles\."):
        claim("The error doubles.", np.float64(1.9) > 2)
    assert capsys.readouterr().out == ""


def test_a_claim_takes_the_bool_of_numpy():
    claim("Half is more than a third.", np.float64(0.5) > np.float64(1 / 3))


@pytest.mark.parametrize(
    "truth", [1, 0.0, np.nan, "yes", None, [True], np.array([True]), pd.Series([True]), pd.NA]
)
def test_a_claim_takes_nothing_but_a_bool(truth):
    with pytest.raises(TypeError, match="`truth`"):
        claim("The error doubles.", truth)


def test_a_claim_with_swapped_arguments_says_so():
    with pytest.raises(TypeError, match="`sentence` is of type bool"):
        claim(True, "The error doubles.")


# -- check: the three ways it ends ----------------------------------------------------------------


def test_an_untouched_stub_passes_and_says_so(capsys):
    check(..., 3, hint=HINT)
    assert capsys.readouterr().out == "Not attempted yet.\n"


def test_a_right_answer_says_so(capsys):
    check(3, 3, hint=HINT)
    assert capsys.readouterr().out == "Correct.\n"


def test_a_wrong_answer_raises_its_hint():
    with pytest.raises(WrongAnswer, match=HINT):
        check(4, 3, hint=HINT)


def test_a_wrong_answer_is_shown_as_its_hint_alone():
    with pytest.raises(WrongAnswer) as raised:
        check(4, 3, hint=HINT)
    assert raised.value._render_traceback_() == [f"Not yet. {HINT}"]


# -- check: kinds of answers ----------------------------------------------------------------------

FRAME = pd.DataFrame({"week": [1, 2], "error": [250.0, np.nan]})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (np.int64(3), 3),
        (3.0, np.float32(3)),
        (0.1 + 0.2, 0.3),
        (0.0, 0),
        (np.True_, True),
        (" Carat", "carat"),
        (["x", "carat"], {"carat", "x"}),
        (pd.Index(["x", "carat", "x"]), {"carat", "x"}),
        (np.array([1.0, 2.0]), [1, 2]),
        (pd.Series([1, 2], index=[7, 8]), pd.Series([1, 2])),
        ([1.0, None], [1.0, np.nan]),
        (np.eye(2), np.eye(2)),
        (dt.date(2024, 9, 9), pd.Timestamp("2024-09-09")),
        ("2024-09-09", pd.Timestamp("2024-09-09")),
        (np.datetime64("2024-09-09"), dt.datetime(2024, 9, 9)),
        (FRAME[["error", "week"]].set_axis([5, 6]), FRAME),
        (12, lambda answer: answer % 2 == 0),
    ],
)
def test_these_answers_are_right(answer, expected):
    assert is_right(answer, expected)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (3.001, 3),
        (float("nan"), 3),
        (True, 1),
        (1, True),
        (None, 3),
        ("3", 3),
        (np.array([3]), 3),
        ("carats", "carat"),
        (["carat"], {"carat", "x"}),
        (["carat", "x", "y"], {"carat", "x"}),
        ("carat", {"carat"}),
        ([2, 1], [1, 2]),
        ([1, 2, 3], [1, 2]),
        ([1, np.nan], [1, 2]),
        (np.ones(4), np.eye(2)),
        ("not a date", pd.Timestamp("2024-09-09")),
        (pd.NaT, pd.Timestamp("2024-09-09")),
        (FRAME.iloc[::-1], FRAME),
        (FRAME[["week"]], FRAME),
        (FRAME.assign(error=[250.0, 1.0]), FRAME),
        (FRAME, [1, 2]),
        (13, lambda answer: answer % 2 == 0),
        ("thirteen", lambda answer: answer > 2),
    ],
)
def test_these_answers_are_wrong(answer, expected):
    assert not is_right(answer, expected)


def test_the_tolerance_is_in_the_unit_of_the_answer():
    assert is_right(102, 100, tolerance=2)
    assert not is_right(102.1, 100, tolerance=2)
    assert is_right([102, 99], [100, 100], tolerance=2)


def test_checking_leaves_the_answer_as_it_was():
    answer = FRAME.copy()
    check(answer, FRAME, hint=HINT)
    pd.testing.assert_frame_equal(answer, FRAME)


# -- check: hints ---------------------------------------------------------------------------------


def test_a_known_mistake_gets_its_own_hint():
    hints = {25: "A share, not a percentage.", (lambda answer: answer > 1): "A share is below 1."}
    with pytest.raises(WrongAnswer, match="not a percentage"):
        check(25.0, 0.25, hint=HINT, hints=hints)
    with pytest.raises(WrongAnswer, match="below 1"):
        check(2, 0.25, hint=HINT, hints=hints)
    with pytest.raises(WrongAnswer, match=HINT):
        check(0.5, 0.25, hint=HINT, hints=hints)


def test_a_right_answer_is_never_held_for_a_mistake():
    assert is_right(0.25, 0.25, hints={0.25: "A share, not a percentage."})


def test_another_type_of_answer_gets_told_the_type():
    with pytest.raises(WrongAnswer, match="should be a number; it is of type DataFrame"):
        check(FRAME, 3, hint=HINT)
    with pytest.raises(WrongAnswer, match="should be a text; it is None"):
        check(None, "carat", hint=HINT)


@pytest.mark.parametrize("answer", [pd.Series([True, False]), FRAME, np.array([1, 2]), pd.NA, "4"])
def test_a_forgotten_sum_gets_told_the_type_before_any_hint_is_tried(answer):
    hints = {(lambda answer: answer > 3): "Too many.", (lambda answer: len(answer) > 0): "Text."}
    with pytest.raises(WrongAnswer, match="should be a number; it is of type"):
        check(answer, 3, hint=HINT, hints=hints)


def test_many_verdicts_on_an_answer_of_many_values_are_no_match():
    with pytest.raises(WrongAnswer, match=HINT):
        check(pd.Series([2, 4]), lambda answer: answer % 2 == 0, hint=HINT)
    with pytest.raises(WrongAnswer, match=HINT):
        check(np.array([2, 4]), [1, 2], hint=HINT, hints={lambda answer: answer > 1: "Too many."})


def test_a_wrong_answer_of_another_type_that_is_foreseen_gets_its_hint():
    with pytest.raises(WrongAnswer, match="Count"):
        check("three", 3, hint=HINT, hints={"three": "Count, and give a number."})


def test_an_exercise_without_a_right_answer_is_refused():
    with pytest.raises(TypeError, match="`expected` is None"):
        check(3, None, hint=HINT)


def test_a_predicate_that_returns_no_bool_is_refused():
    with pytest.raises(TypeError, match="one bool"):
        check(3, lambda answer: answer, hint=HINT)


# -- quiz -----------------------------------------------------------------------------------------

OPTIONS = {"a": "Labels come late.", "b": "Inputs come at once, labels do not."}


def test_an_untouched_prediction_reveals_nothing(capsys):
    quiz(..., options=OPTIONS, answer="a")
    assert capsys.readouterr().out == "Not attempted yet.\n"


@pytest.mark.parametrize("prediction", ["a", " A "])
def test_a_right_prediction_gets_its_reason(prediction, capsys):
    quiz(prediction, options=OPTIONS, answer="a")
    assert capsys.readouterr().out == "Correct. Labels come late.\n"


def test_a_wrong_prediction_names_the_misconception_and_does_not_fail(capsys):
    quiz("b", options=OPTIONS, answer="a")
    assert capsys.readouterr().out == "Not this one. Inputs come at once, labels do not.\n"


@pytest.mark.parametrize("prediction", ["c", "", 1, None])
def test_a_prediction_that_is_no_option_names_the_options(prediction):
    with pytest.raises(WrongAnswer, match=r"`prediction` is .*a, b") as raised:
        quiz(prediction, options=OPTIONS, answer="a")
    assert len(raised.value._render_traceback_()) == 1


def test_a_quiz_without_its_own_answer_is_refused():
    with pytest.raises(ValueError, match="`answer` is 'c'"):
        quiz(..., options=OPTIONS, answer="c")
