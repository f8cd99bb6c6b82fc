"""Figures of the course. Each function takes an ``ax`` and returns it.

The reference is gray, the analysis blue, an estimate purple and dashed, an alert a red diamond.
"""

from __future__ import annotations

import sys
from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from course_lib.core.histograms import MISSING, OTHER
from course_lib.core.result import Comparison, Result, in_all_rows

__all__ = ["COLORS", "STYLE", "plot_comparison", "plot_distribution", "plot_result", "show"]

#: The style sheet of the course, for ``plt.style.use(STYLE)``.
STYLE = str(Path(__file__).with_name("style.mplstyle"))
#: The colors (after Okabe and Ito), by what they show.
COLORS = {
    "reference": "#7f7f7f",
    **dict.fromkeys(("realized", "drift", "quality"), "#0072B2"),
    "estimated": "#8B4F9F",
    "limit": "#D55E00",
    "alert": "#C8102E",
    "second": "#E69F00",
}
_DASH = {"estimated": (0, (3, 1)), "realized": "-", "drift": "-", "quality": "-"}
_SIDES = ("lower", "upper")
_PERFORMANCE = ("estimated", "realized")
#: Allowed `kind` for each kind of result.
_KINDS = {"drift": ("drift",), "quality": ("quality", "drift")}
_KINDS |= dict.fromkeys(_PERFORMANCE, ("performance",))


def plot_result(
    result: Result, *, kind: str | None = None, ax: Axes | None = None, title: str | None = None
) -> Any:
    """Draw the values of a result over its chunks, with band, limits and alerts.

    Parameters
    ----------
    result : Result
    kind : str, optional
        ``"performance"``, ``"drift"`` or ``"quality"``, matching the result (``"drift"`` also
        matches quality); ``"distribution"`` for `plot_distribution`. None fits any result.
    ax : Axes, optional
        Where to draw a single series; by default, on new axes.
    title : str, optional
        The message of the figure as a sentence; by default, kind and metric.

    Returns
    -------
    Axes, or a list of Axes when the result holds several metrics or columns.

    Raises
    ------
    ValueError
        When one ``ax`` is given for several series, or `kind` does not match the result.
    """
    if kind == "distribution":
        return plot_distribution(result, ax=ax, title=title)
    if kind not in (None, *_KINDS[result.kind]):
        allowed = " or ".join(map(repr, _KINDS[result.kind]))
        raise ValueError(f"`kind` must be {allowed} for this result, got {kind!r}")
    series, frame = result.series, result.to_df()
    with plt.style.context(STYLE):
        panels = _panels(ax, len(series), "series")
        for panel, (column, metric) in zip(panels, series, strict=True):
            rows = frame[(frame["metric"] == metric) & (frame["column"] == column)]
            _draw_series(panel, rows, result.kind)
            name = f"{column}: {metric}" if column else metric
            panel.set_ylabel(_with_unit(name, rows))
            _finish(rows, title or f"{result.kind.capitalize()} {_escaped(name)}", panel)
    return panels[0] if len(panels) == 1 else panels


def plot_distribution(result: Result, *, ax: Axes | None = None, title: str | None = None) -> Any:
    """Draw the distribution of each column in each chunk, and mark the chunks with an alert.

    A numeric column is drawn as ridges, one per chunk, with the median as a dot; the outermost bins
    include all values beyond them. A categorical column is drawn as stacked shares. A chunk is
    marked if any metric of the column alerts.

    Parameters
    ----------
    result : Result
        Of a `UnivariateDriftCalculator`.
    ax, title
        As in `plot_result`.

    Returns
    -------
    Axes, or a list of Axes when the result holds several columns.

    Raises
    ------
    ValueError
        When the result holds no distributions, or one ``ax`` is given for several columns.
    """
    shares, alerts = result.distribution(), result.alerts()
    columns = list(shares["column"].unique())
    with plt.style.context(STYLE):
        panels = _panels(ax, len(columns), "columns")
        for panel, column in zip(panels, columns, strict=True):
            rows = shares[shares["column"] == column]
            chunks = rows.drop_duplicates(["period", "chunk_index"])
            marked = chunks["chunk_index"].isin(alerts[alerts["column"] == column]["chunk_index"])
            chunks = chunks.assign(alert=marked & (chunks["period"] == "analysis"))
            draw = _draw_ridges if rows["left"].notna().any() else _draw_stacks
            height = draw(panel, rows, chunks)
            start, width = _starts_and_widths(chunks[chunks["alert"]])
            if len(start):
                x, y = start + width / 2, np.full(len(start), height)
                style: dict[str, Any] = {"color": COLORS["alert"], "markersize": 6}
                panel.plot(x, y, "D", label="alert", clip_on=False, **style)
            _finish(chunks, title or f"Distribution of {_escaped(column)}", panel)
    return panels[0] if len(panels) == 1 else panels


def plot_comparison(
    comparison: Comparison, *, ax: Axes | None = None, title: str | None = None
) -> Axes:
    """Draw two results over the same chunks.

    Results of the same metric share one y axis, with the limits of the first result. Different
    metrics get one y axis each, the second one on the right.

    Parameters
    ----------
    comparison : Comparison
    ax, title
        As in `plot_result`.

    Returns
    -------
    Axes
        The left axes.
    """
    with plt.style.context(STYLE):
        ax = ax if ax is not None else plt.subplots()[1]
        second = ax if comparison.same_metric else ax.twinx()
        if second is not ax:
            second.grid(visible=False)
        labels = [_escaped(label) for label in comparison.labels]
        sides = zip((ax, second), (comparison.left, comparison.right), strict=True)
        for i, (axes, result) in enumerate(sides):
            color = COLORS["second"] if i and result.kind != "realized" else COLORS[result.kind]
            rows = in_all_rows(result)
            _draw_values(axes, rows, color, _DASH[result.kind], labels[i])
            _draw_alerts(axes, rows, label=None if i else "alert")
            axes.set_ylabel(_with_unit(result.series[0][1], rows))
        left = comparison.left.to_df()
        if comparison.same_metric:
            _draw_limits(ax, left)
        names = " and ".join(labels)
        _finish(left, title or names[0].upper() + names[1:], ax, second)
    return ax


def show(drawing: Axes | Figure, *, alt: str) -> None:
    """Show a figure in a notebook with an alternative text, and close it.

    The text is stored as the ``alt`` of the image, which nbconvert writes into the page, and as the
    plain-text output. Outside a notebook the text is printed and the figure stays open. Used from
    lesson 00 on.

    Parameters
    ----------
    drawing : Axes or Figure
    alt : str
        What the figure shows, in one or two sentences with the key number.

    Raises
    ------
    ValueError
        If ``alt`` is empty.

    Examples
    --------
    >>> figure, axes = plt.subplots()
    >>> show(axes, alt="The error doubles to 480 USD in week 10.")
    The error doubles to 480 USD in week 10.
    >>> plt.close(figure)
    """
    if not alt.strip():
        raise ValueError("`alt` is empty; say in one sentence what the figure shows")
    if not _in_notebook():
        print(alt)
        return
    from IPython.display import display

    figure = drawing if isinstance(drawing, Figure) else drawing.get_figure()
    if not isinstance(figure, Figure):
        raise TypeError("`drawing` must be a Figure, or Axes of one")
    png = BytesIO()
    # The software tag would store the version of matplotlib in the file.
    figure.savefig(png, format="png", bbox_inches="tight", metadata={"Software": None})
    bundle = {"image/png": b64encode(png.getvalue()).decode("ascii"), "text/plain": alt}
    metadata = {"image/png": {"alt": alt}}
    display(bundle, metadata=metadata, raw=True)  # type: ignore[no-untyped-call, unused-ignore]
    plt.close(figure)


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")  # a notebook has imported it
    return ipython is not None and ipython.get_ipython() is not None


def _panels(ax: Axes | None, n: int, what: str) -> list[Axes]:
    """Return `n` axes: the one given, or those of a new figure."""
    if ax is None:
        return list(plt.subplots(n, figsize=(9, 3.6 * n), squeeze=False)[1].flat)
    if n > 1:
        raise ValueError(f"one `ax` is given for {n} {what}; choose one with `.filter`")
    return [ax]


def _draw_ridges(ax: Axes, rows: pd.DataFrame, chunks: pd.DataFrame) -> float:
    """Draw shares as ridges that may overlap the next chunk; return the height for alerts."""
    shares = rows["share"].to_numpy().reshape(len(chunks), -1)
    edges = rows["right"].to_numpy()[: shares.shape[1] - 2]
    step = edges[1] - edges[0]
    centers = np.append(edges, edges[-1] + step) - step / 2
    start, width = _starts_and_widths(chunks)
    length = np.minimum(shares[:, :-1] / shares[:, 1:-2].max(), 1) * 1.5 * width[:, None]
    for x, ridge, row in zip(start, length, chunks.itertuples(), strict=True):
        name = "reference" if row.period == "reference" else "alert" if row.alert else "drift"
        label, color = "analysis" if name == "drift" else name, COLORS[name]
        ax.fill_betweenx(centers, x, x + ridge, label=label, color=color, lw=0.4, ec="white")
    present = np.where(shares[:, -1] < 1, 1 - shares[:, -1], np.nan)
    cumulative = shares[:, :-2].cumsum(axis=1) / present[:, None]
    medians = [np.interp(0.5, row, edges) for row in cumulative]
    ax.plot(start + width / 4, medians, "o", color="black", markersize=2.5, label="median")
    used = centers[shares[:, :-1].any(axis=0)]  # empty if all values of all chunks are missing
    low, high = (used[0], used[-1]) if len(used) else (centers[0], centers[-1])
    ax.set_ylim(low - step, high + 3 * step)
    ax.set_ylabel(_escaped(rows["column"].iloc[0]))
    return float(high + 2 * step)


def _draw_stacks(ax: Axes, rows: pd.DataFrame, chunks: pd.DataFrame) -> float:
    """Draw one bar per chunk, dark to light by category; return the height for alerts."""
    start, width = _starts_and_widths(chunks)
    by_bin = {str(name): part["share"].to_numpy() for name, part in rows.groupby("bin", sort=False)}
    categories = [name for name in by_bin if name not in (OTHER, MISSING)]
    colors = plt.get_cmap("cividis")(np.linspace(0, 1, len(categories)))
    shades = dict(zip(categories, colors, strict=True))
    top = np.ones(len(chunks))
    for name, share in reversed(by_bin.items()):  # from the top, in the order of the legend
        if name in shades or share.any():
            style = {"color": shades.get(name, "#d9d9d9"), "hatch": "//" * (name == MISSING)}
            style |= {"align": "edge", "linewidth": 0, "label": _escaped(name)}
            ax.bar(start, -share, width, top, **style)
        top = top - share
    ax.set_ylim(0, 1.1)
    ax.set_ylabel(f"{_escaped(rows['column'].iloc[0])}, share of rows")
    return 1.05


def _starts_and_widths(chunks: pd.DataFrame) -> tuple[Any, Any]:
    """Return left edges and widths of the chunks, with dates as matplotlib's numbers."""
    start, end = _edges(chunks)
    if chunks["start_date"].notna().all():
        start, end = (np.asarray(date2num(x)) for x in (start, end))  # type: ignore[no-untyped-call, unused-ignore]
    return start, end - start


def _draw_series(ax: Axes, rows: pd.DataFrame, kind: str) -> None:
    for period, part in rows.groupby("period", sort=False):
        color = COLORS["reference" if period == "reference" else kind]
        label = kind if kind in _PERFORMANCE and period == "analysis" else str(period)
        if part["lower_confidence_boundary"].notna().any():
            (x, low), (_, high) = (_steps(part, f"{side}_confidence_boundary") for side in _SIDES)
            band = "confidence band" if period == "analysis" else None
            ax.fill_between(x, low, high, color=color, alpha=0.18, linewidth=0, label=band)
        _draw_values(ax, part, color, _DASH[kind], label)
    _draw_limits(ax, rows)
    _draw_alerts(ax, rows, label="alert")


def _draw_values(ax: Axes, rows: pd.DataFrame, color: str, style: Any, label: str) -> None:
    """Draw a step per chunk; a chunk without a value leaves a gap."""
    for i, (_, part) in enumerate(rows.groupby("period", sort=False)):
        ax.plot(*_steps(part, "value"), color=color, linestyle=style, label=None if i else label)
        start, end = _edges(part)
        ax.plot(start + (end - start) / 2, part["value"], "o", color=color, markersize=3.5)


def _draw_limits(ax: Axes, rows: pd.DataFrame) -> None:
    label: str | None = "limit"
    for _, part in rows.groupby("period", sort=False):
        for side in _SIDES:
            if part[f"{side}_threshold"].notna().any():
                steps = _steps(part, f"{side}_threshold")
                ax.plot(*steps, "--", color=COLORS["limit"], linewidth=1.3, label=label)
                label = None


def _draw_alerts(ax: Axes, rows: pd.DataFrame, *, label: str | None) -> None:
    """Draw red diamonds, but not in the reference period, where alerts are false alarms."""
    alerts = rows[rows["alert"] & (rows["period"] == "analysis")]
    if len(alerts):
        start, end = _edges(alerts)
        style: dict[str, Any] = {"color": COLORS["alert"], "markersize": 8, "zorder": 5}
        ax.plot(start + (end - start) / 2, alerts["value"], "D", label=label, **style)


def _finish(rows: pd.DataFrame, title: str, ax: Axes, *others: Axes) -> None:
    """Mark the start of the analysis, label the x axis, and add title and legend."""
    analysis = rows[rows["period"] == "analysis"]
    if len(analysis) and len(analysis) < len(rows):
        ax.axvline(_edges(analysis)[0][0], color="black", linewidth=0.8)
    if rows["start_date"].notna().all():
        locator = AutoDateLocator()  # type: ignore[no-untyped-call, unused-ignore]
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call, unused-ignore]
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlabel("chunk, counted from the start of the analysis")
    ax.set_title(title)
    handles: dict[str, Any] = {}
    for axes in (ax, *others):
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    # Next to the plot, so that the legend hides no data, and right of a second axis.
    place = (1.07 if {*others} - {ax} else 1.0, 1)
    ax.legend(handles.values(), handles.keys(), loc="upper left", bbox_to_anchor=place)


def _edges(rows: pd.DataFrame) -> tuple[Any, Any]:
    """Return both edges of the chunks: dates, or positions from the start of the analysis."""
    if rows["start_date"].notna().all():
        return rows["start_date"].to_numpy(), rows["end_date"].to_numpy()
    index, is_reference = rows["chunk_index"].to_numpy(), rows["period"] == "reference"
    n_reference = index[is_reference].max(initial=-1) + 1
    start = index - np.where(is_reference, n_reference, 0)
    return start, start + 1


def _steps(rows: pd.DataFrame, column: str) -> tuple[Any, Any]:
    """Return x and y of steps: each value from the left to the right edge of its chunk."""
    return np.column_stack(_edges(rows)).ravel(), np.repeat(rows[column].to_numpy(), 2)


def _with_unit(name: str, rows: pd.DataFrame) -> str:
    unit = rows["unit"].iloc[0]
    return _escaped(f"{name}, {unit}" if unit else name)


def _escaped(name: str) -> str:
    """Escape dollar signs, since matplotlib reads text between two of them as TeX."""
    escaped = r"\$"  # in one line with a dollar sign, the site would take it for a formula
    return name.replace("$", escaped)
