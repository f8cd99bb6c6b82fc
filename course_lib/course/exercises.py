"""What a lesson says about itself, and what it asks the reader.

`claim` protects a sentence of the prose, `check` marks an exercise, `quiz` marks a prediction.
An untouched stub (``answer = ...``) passes, so that a fresh lesson runs from top to bottom.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import EllipsisType
from typing import Any

import numpy as np

from course_lib.course.answers import accepts, describe, matches, plain

__all__ = ["WrongAnswer", "check", "claim", "quiz"]

NOT_ATTEMPTED = "Not attempted yet."


class WrongAnswer(AssertionError):  # noqa: N818 - it is the answer that is wrong, not the program
    """An exercise answered wrongly, or a prediction that is none of the options.

    Jupyter shows the hint alone, without a traceback; the cell fails all the same.

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
    """Hold a sentence of the lesson against the numbers that were computed.

    Taught in lesson 00.

    Parameters
    ----------
    sentence
        The sentence, as a reader would read it.
    truth
        Whether it holds: one bool, not an array and not a number.

    Raises
    ------
    TypeError
        If ``sentence`` is no text or ``truth`` is no bool.
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
        raise TypeError(f"`sentence` is {describe(sentence)}; give a text, then the truth.")
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
    """Mark the answer to an exercise.

    ``...`` prints that the exercise was not attempted and passes. A right answer prints "Correct.".
    A wrong one raises `WrongAnswer` with the hint that fits it.

    Taught in lesson 00.

    Parameters
    ----------
    answer
        What the reader gave.
    expected
        The right answer: a number, a bool, a text (case and outer blanks do not matter), a date, a
        set (any collection will do for an answer), a list, tuple, array, Index or Series (compared
        value by value in order, the index ignored), a DataFrame (same columns in any order, rows in
        order), or a function that takes the answer and returns whether it is right.
    hint
        Shown for a wrong answer for which ``hints`` has nothing better.
    hints
        Hints for specific mistakes. A key is a wrong answer, or a function that recognizes one; it
        is asked about answers of the expected kind only.
    tolerance
        How far a number may be off, in the number's own unit. By default, one part in a million.

    Raises
    ------
    WrongAnswer
        If the answer is wrong, or not of the expected kind.
    TypeError
        If ``expected`` or a key of ``hints`` is of none of these kinds.

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
    """Mark a prediction made before the result is seen.

    A wrong prediction is no failure: it prints what is behind the mistake, and the lesson goes on.

    Taught in lesson 00.

    Parameters
    ----------
    prediction
        The key of one option, or ``...`` as long as there is none.
    options
        Feedback per option: why it is right, or which misconception leads to it.
    answer
        The key of the right option.

    Raises
    ------
    WrongAnswer
        If ``prediction`` is not a key of ``options``: one line that names them, no traceback.
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
    wanted = accepts(answer, expected)
    for mistake, words in hints.items():
        # A function that recognizes numbers has nothing to say about a Series of them.
        if callable(mistake) and wanted is not None:
            continue
        if matches(answer, mistake, tolerance=tolerance):
            return words
    return hint if wanted is None else f"The answer should be {wanted}; it is {describe(answer)}."
