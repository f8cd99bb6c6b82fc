"""Claims, exercises and quizzes of the lessons.

`claim` tests a sentence of the prose, `check` grades an exercise, `quiz` grades a prediction.
An unchanged stub (``answer = ...``) passes, so that a new lesson runs from top to bottom.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import EllipsisType
from typing import Any

import numpy as np

from course_lib.course.answers import accepts, describe, matches, plain

__all__ = ["WrongAnswer", "check", "claim", "quiz"]

NOT_ATTEMPTED = "Not attempted yet."


class WrongAnswer(AssertionError):  # noqa: N818 - not a program error
    """Raised for a wrong answer, or for a prediction that is not one of the options.

    Jupyter shows the hint without a traceback. The cell still fails.

    Taught in lesson 00.

    Examples
    --------
    >>> raise WrongAnswer("Count the weeks, not the rows.")
    Traceback (most recent call last):
    course_lib.course.exercises.WrongAnswer: Count the weeks, not the rows.
    """

    def _render_traceback_(self, *_: object) -> list[str]:
        """Return the lines that IPython prints instead of a traceback."""
        return [f"Not yet. {self}"]


def claim(sentence: str, truth: bool | np.bool_) -> None:
    """Check that a sentence of the lesson agrees with the computed numbers.

    Taught in lesson 00.

    Parameters
    ----------
    sentence
        The sentence, as the reader sees it.
    truth
        Whether the sentence is true: one bool, not an array or a number.

    Raises
    ------
    TypeError
        If ``sentence`` is not a string or ``truth`` is not a bool.
    AssertionError
        If ``truth`` is false; the message is the sentence.

    Examples
    --------
    >>> claim("Two weeks are 14 days.", 2 * 7 == 14)
    ✓ Two weeks are 14 days.
    >>> claim("Two weeks are 15 days.", 2 * 7 == 15)
    Traceback (most recent call last):
    AssertionError: This does not hold: Two weeks are 15 days.
    """
    if not isinstance(sentence, str):
        raise TypeError(f"`sentence` is {describe(sentence)}; give a string, then a bool.")
    if not isinstance(truth, bool | np.bool_):
        raise TypeError(f"`truth` is {describe(truth)}; give one bool, for instance with .all().")
    if not truth:
        raise AssertionError(f"This does not hold: {sentence}")
    print(f"✓ {sentence}")


def check(
    answer: object,
    expected: object,
    *,
    hint: str,
    hints: Mapping[Any, str] | None = None,
    tolerance: float | None = None,
) -> None:
    """Grade the answer to an exercise.

    ``...`` prints "Not attempted yet." and passes. A right answer prints "Correct.". A wrong answer
    raises `WrongAnswer` with the hint that matches it.

    Taught in lesson 00.

    Parameters
    ----------
    answer
        The reader's answer.
    expected
        The right answer: a number, a bool, a string (case and outer spaces are ignored), a date, a
        set (the answer may be any collection), a list, tuple, array, Index or Series (compared
        value by value in order, without the index), a DataFrame (same columns in any order, rows in
        order), or a function that takes the answer and returns whether it is right.
    hint
        Shown for a wrong answer that no key of ``hints`` matches.
    hints
        Hints for specific mistakes. A key is a wrong answer, or a function that returns True for
        it. Functions are called only with answers of the expected kind.
    tolerance
        Largest difference allowed for a number, in its unit; by default a relative 1e-6.

    Raises
    ------
    WrongAnswer
        If the answer is wrong, or not of the expected kind.
    TypeError
        If ``expected`` or a key of ``hints`` is of another kind.

    Examples
    --------
    >>> check(..., 0.25, hint="Divide by all rows.")
    Not attempted yet.
    >>> check(0.2504, 0.25, tolerance=0.001, hint="Divide by all rows.")
    Correct.
    >>> check(25, 0.25, hint="Divide by all rows.", hints={25: "A share, not a percentage."})
    Traceback (most recent call last):
    course_lib.course.exercises.WrongAnswer: A share, not a percentage.
    """
    if isinstance(answer, EllipsisType):
        print(NOT_ATTEMPTED)
    elif matches(answer, expected, tolerance=tolerance):
        print("Correct.")
    else:
        raise WrongAnswer(_best_hint(answer, expected, hint, hints or {}, tolerance))


def quiz(prediction: object, *, options: Mapping[str, str], answer: str) -> None:
    """Grade a prediction that the reader makes before seeing the result.

    A wrong prediction prints the feedback of its option and raises no error.

    Taught in lesson 00.

    Parameters
    ----------
    prediction
        The key of one option, or ``...`` if there is no prediction yet.
    options
        Feedback per option: why it is right, or which misconception leads to it.
    answer
        The key of the right option.

    Raises
    ------
    WrongAnswer
        If ``prediction`` is not a key of ``options``; the message lists the keys.
    ValueError
        If ``answer`` is not a key of ``options``.

    Examples
    --------
    >>> feedback = {"a": "Labels come late.", "b": "Inputs come at once, labels do not."}
    >>> quiz(..., options=feedback, answer="a")
    Not attempted yet.
    >>> quiz("a", options=feedback, answer="a")
    Correct. Labels come late.
    >>> quiz("b", options=feedback, answer="a")
    Not this one. Inputs come at once, labels do not.
    """
    keys = ", ".join(options)
    if answer not in options:
        raise ValueError(f"`answer` is {answer!r}, which is none of the options: {keys}.")
    if isinstance(prediction, EllipsisType):
        print(NOT_ATTEMPTED)
        return
    key = plain(prediction) if isinstance(prediction, str) else ""
    if key not in options:
        raise WrongAnswer(f"`prediction` is {prediction!r}; choose one of these texts: {keys}.")
    print("Correct." if key == answer else "Not this one.", options[key])


def _best_hint(
    answer: object, expected: object, hint: str, hints: Mapping[Any, str], tolerance: float | None
) -> str:
    kind = accepts(answer, expected)
    for mistake, text in hints.items():
        # A function that is written for a number would fail on a Series.
        if callable(mistake) and kind is not None:
            continue
        if matches(answer, mistake, tolerance=tolerance):
            return text
    return hint if kind is None else f"The answer should be {kind}; it is {describe(answer)}."
