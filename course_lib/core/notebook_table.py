"""The HTML table that a notebook shows for a result: few rows, compact numbers, no colors."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pandas.api.types import is_string_dtype

__all__ = ["N_SHOWN", "compact", "notebook_table"]

#: The largest number of rows that a table shows.
N_SHOWN = 20


def notebook_table(heading: str, rows: pd.DataFrame, alerts: ArrayLike) -> str:
    """Return a heading and a table as HTML; all text is escaped.

    Of more than 20 rows, the latest 20 that alert are shown, then the latest others, and a line
    below the table says so. String columns without any text are left out.

    Parameters
    ----------
    heading : str
    rows : DataFrame
        In order of time. Booleans are shown as "alert" and "".
    alerts : array-like of bool, shape (n_rows,)
    """
    shown, remark = _selected(np.asarray(alerts, dtype=bool))
    texts = {str(name): [_text(value) for value in rows[name].iloc[shown]] for name in rows}
    kept = {n: texts[n] for n in texts if any(texts[n]) or not is_string_dtype(rows[n].dtype)}
    head = f"<thead>{_line('th', kept)}</thead>"
    body = "".join(_line("td", cells) for cells in zip(*kept.values(), strict=True))
    table = f'<table class="dataframe">{head}<tbody>{body}</tbody></table>' if len(rows) else ""
    note = f"<p>{remark}</p>" if remark else ""
    # Without these classes a notebook renders text between two dollar signs as a formula.
    title = f"<p><code>{escape(heading)}</code></p>"
    return f'<div class="tex2jax_ignore mathjax_ignore">{title}{table}{note}</div>'


def compact(value: float) -> str:
    """Return a number with four digits, large ones as whole numbers; "" when it is missing.

    Examples
    --------
    >>> compact(0.123456), compact(98765.4), compact(float("nan"))
    ('0.1235', '98,765', '')
    """
    if np.isnan(value):
        return ""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}"


def _selected(alerts: NDArray[np.bool_]) -> tuple[NDArray[np.intp], str]:
    """Return the positions of the rows to show, in order, and a remark on the others."""
    if len(alerts) <= N_SHOWN:
        return np.arange(len(alerts)), ""
    # A stable sort keeps the order of time: others first, then those that alert.
    shown = np.sort(np.argsort(alerts, kind="stable")[-N_SHOWN:])
    n, n_alerting = int(alerts[shown].sum()), int(alerts.sum())
    parts = [f"the latest {n} of {n_alerting} that alert"] if n else []
    if n < N_SHOWN:
        parts.append(f"the latest {N_SHOWN - n} of {len(alerts) - n_alerting} that do not")
    return shown, f"{N_SHOWN} of {len(alerts):,} rows are shown: {' and '.join(parts)}."


def _text(value: bool | float | str) -> str:
    if isinstance(value, bool | np.bool_):
        return "alert" if value else ""
    return value if isinstance(value, str) else compact(value)


def _line(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
