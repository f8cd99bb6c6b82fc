"""Figures of the course. Each function takes an ``ax`` and returns it.

The reference is gray, the analysis blue, an estimate purple and dashed, an alert a red diamond.
"""

from __future__ import annotations

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
    "realized": "#0072B2",
    "drift": "#0072B2",
    "quality": "#0072B2",
    "estimated": "#8B4F9F",
    "limit": "#D55E00",
    "alert": "#C8102E",
    "second": "#E69F00",
}
_DASH = {"estimated": (0, (3, 1)), "realized": "-", "drift": "-", "quality": "-"}
#: Allowed `kind` for each kind of result; a result of data quality also allows "drift".
_KINDS = {
    "estimated": ("performance",),
    "realized": ("performance",),
    "drift": ("drift",),
    "quality": ("quality", "drift"),
}
_PERFORMANCE = ("estimated", "realized")


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
        Where to draw; only for a result with a single series.
    title : str, optional
        The message of the figure as a sentence; by default, the kind and metric of the result.

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
    series = result.series
    frame = result.to_df()
    with plt.style.context(STYLE):
        panels = _panels(ax, len(series), "series")
        for panel, (column, metric) in zip(panels, series, strict=True):
            rows = frame[(frame["metric"] == metric) & (frame["column"] == column)]
            _draw_series(panel, rows, result.kind)
            name = f"{column}: {metric}" if column else metric
            panel.set_ylabel(_with_unit(name, rows["unit"].iloc[0]))
            panel.set_title(title or f"{result.kind.capitalize()} {_escaped(name)}")
            _legend(panel)
    return panels[0] if len(panels) == 1 else panels


def plot_distribution(result: Result, *, ax: Axes | None = None, title: str | None = None) -> Any:
    """Draw the distribution of each column in each chunk, and mark the chunks with an alert.

    A numeric column is drawn as ridges, one per chunk, with the median as a dot; the outermost bins
    include all values beyond them. A categorical column is drawn as stacked shares. A chunk is
    marked if any metric of the result has an alert for the column.

    Parameters
    ----------
    result : Result
        Of a `UnivariateDriftCalculator`.
    ax : Axes, optional
        Where to draw; only for a result with a single column.
    title : str, optional

    Returns
    -------
    Axes, or a list of Axes when the result holds several columns.

    Raises
    ------
    ValueError
        When the result holds no distributions, or one ``ax`` is given for several columns.
    """
    shares, frame = result.distribution(), result.to_df()
    columns = list(shares["column"].unique())
    with plt.style.context(STYLE):
        panels = _panels(ax, len(columns), "columns")
        for panel, column in zip(panels, columns, strict=True):
            rows = shares[shares["column"] == column]
            chunks = rows.drop_duplicates(["period", "chunk_index"])
            alerts = frame[(frame["column"] == column) & frame["alert"]]
            chunks = chunks.assign(alert=_has_alert(chunks, alerts[alerts["period"] == "analysis"]))
            draw = _draw_ridges if rows["left"].notna().any() else _draw_stacks
            draw(panel, rows, chunks)
            _draw_start(panel, chunks)
            _date_axis(panel, chunks)
            panel.set_title(title or f"Distribution of {_escaped(column)}")
            _legend(panel)
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
    ax : Axes, optional
    title : str, optional

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
            axes.set_ylabel(_with_unit(result.series[0][1], rows["unit"].iloc[0]))
        left = comparison.left.to_df()
        if comparison.same_metric:
            _draw_limits(ax, left)
        _draw_start(ax, left)
        _date_axis(ax, left)
        names = " and ".join(labels)
        ax.set_title(title or names[0].upper() + names[1:])
        _legend(ax, second)
    return ax


def show(drawing: Axes | Figure, *, alt: str) -> None:
    """Show a figure in a notebook, with an alternative text.

    The text is stored as the ``alt`` of the image, which nbconvert writes into the page, and as the
    plain-text output. The figure is then closed, so that it is not drawn twice and its memory is
    freed. Outside a notebook the text is printed and the figure stays open.

    Parameters
    ----------
    drawing : Axes or Figure
        A figure, or axes in it.
    alt : str
        What the figure shows, in one or two sentences with the key number.

    Raises
    ------
    ValueError
        If ``alt`` is empty.

    Notes
    -----
    Used from lesson 00 on.

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
    bundle = {"image/png": _png(figure), "text/plain": alt}
    metadata = {"image/png": {"alt": alt}}
    display(bundle, metadata=metadata, raw=True)  # type: ignore[no-untyped-call, unused-ignore]
    plt.close(figure)


def _in_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return get_ipython() is not None


def _png(figure: Figure) -> str:
    buffer = BytesIO()
    # The software tag would store the version of matplotlib in the file.
    figure.savefig(buffer, format="png", bbox_inches="tight", metadata={"Software": None})
    return b64encode(buffer.getvalue()).decode("ascii")


def _panels(ax: Axes | None, n: int, what: str) -> list[Axes]:
    """Return `n` axes: the one given, or those of a new figure."""
    if ax is None:
        return list(plt.subplots(n, figsize=(9, 3.6 * n), squeeze=False)[1].flat)
    if n > 1:
        raise ValueError(f"one `ax` is given for {n} {what}; choose one with `.filter`")
    return [ax]


def _has_alert(chunks: pd.DataFrame, alerts: pd.DataFrame) -> Any:
    """Return which analysis chunks have an alert."""
    return (chunks["period"] == "analysis") & chunks["chunk_index"].isin(alerts["chunk_index"])


def _draw_ridges(ax: Axes, rows: pd.DataFrame, chunks: pd.DataFrame) -> None:
    """Draw the shares of a chunk to the right of its start; the largest overlaps the next chunk."""
    shares = rows["share"].to_numpy().reshape(len(chunks), -1)
    edges = rows["right"].to_numpy()[: shares.shape[1] - 2]
    step = edges[1] - edges[0]
    centers = np.append(edges, edges[-1] + step) - step / 2
    start, width = _edges_as_numbers(chunks)
    length = np.minimum(shares[:, :-1] / shares[:, 1:-2].max(), 1) * 1.5 * width[:, None]
    for x, ridge, row in zip(start, length, chunks.itertuples(), strict=True):
        name = "reference" if row.period == "reference" else "alert" if row.alert else "drift"
        label = {"drift": "analysis"}.get(name, name)
        style: dict[str, Any] = {"color": COLORS[name], "linewidth": 0.4, "edgecolor": "white"}
        ax.fill_betweenx(centers, x, x + ridge, label=label, **style)
    present = np.where(shares[:, -1] < 1, 1 - shares[:, -1], np.nan)
    cumulative = shares[:, :-2].cumsum(axis=1) / present[:, None]
    medians = [np.interp(0.5, row, edges) for row in cumulative]
    ax.plot(start + width / 4, medians, "o", color="black", markersize=2.5, label="median")
    used = centers[shares[:, :-1].any(axis=0)]  # empty if all values of all chunks are missing
    low, high = (used[0], used[-1]) if len(used) else (centers[0], centers[-1])
    _draw_marks(ax, chunks, high + 2 * step)
    ax.set_ylim(low - step, high + 3 * step)
    ax.set_ylabel(_escaped(rows["column"].iloc[0]))


def _draw_stacks(ax: Axes, rows: pd.DataFrame, chunks: pd.DataFrame) -> None:
    """Draw one bar per chunk; the shades go from dark to light in the order of the categories."""
    start, width = _edges_as_numbers(chunks)
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
    _draw_marks(ax, chunks, 1.05)
    ax.set_ylim(0, 1.1)
    ax.set_ylabel(f"{_escaped(rows['column'].iloc[0])}, share of rows")


def _draw_marks(ax: Axes, chunks: pd.DataFrame, height: float) -> None:
    """Draw a red diamond above each chunk with an alert."""
    start, width = _edges_as_numbers(chunks)
    marked = chunks["alert"].to_numpy()
    if marked.any():
        x = (start + width / 2)[marked]
        y = np.full(len(x), height)
        ax.plot(x, y, "D", color=COLORS["alert"], markersize=6, label="alert", clip_on=False)


def _edges_as_numbers(chunks: pd.DataFrame) -> tuple[Any, Any]:
    """Return left edges and widths of the chunks, with dates as matplotlib's numbers."""
    start, end = _start(chunks), _end(chunks)
    if chunks["start_date"].notna().all():
        start, end = (np.asarray(date2num(x)) for x in (start, end))  # type: ignore[no-untyped-call, unused-ignore]
    return start, end - start


def _draw_series(ax: Axes, rows: pd.DataFrame, kind: str) -> None:
    for period, part in rows.groupby("period", sort=False):
        color = COLORS["reference" if period == "reference" else kind]
        label = kind if kind in _PERFORMANCE and period == "analysis" else str(period)
        _draw_band(ax, part, color)
        _draw_values(ax, part, color, _DASH[kind], label)
    _draw_limits(ax, rows)
    _draw_alerts(ax, rows, label="alert")
    _draw_start(ax, rows)
    _date_axis(ax, rows)


def _draw_values(ax: Axes, rows: pd.DataFrame, color: str, style: Any, label: str) -> None:
    """Draw a step per chunk; a chunk without a value leaves a gap."""
    for i, (_, part) in enumerate(rows.groupby("period", sort=False)):
        x, y = _steps(part, "value")
        ax.plot(x, y, color=color, linestyle=style, label=None if i else label)
        ax.plot(_middle(part), part["value"], "o", color=color, markersize=3.5)


def _draw_band(ax: Axes, rows: pd.DataFrame, color: str) -> None:
    if rows["lower_confidence_boundary"].notna().any():
        x, low = _steps(rows, "lower_confidence_boundary")
        _, high = _steps(rows, "upper_confidence_boundary")
        label = "confidence band" if (rows["period"] == "analysis").all() else None
        ax.fill_between(x, low, high, color=color, alpha=0.18, linewidth=0, label=label)


def _draw_limits(ax: Axes, rows: pd.DataFrame) -> None:
    label: str | None = "limit"
    for _, part in rows.groupby("period", sort=False):
        for side in ("lower_threshold", "upper_threshold"):
            if part[side].notna().any():
                x, y = _steps(part, side)
                ax.plot(x, y, "--", color=COLORS["limit"], linewidth=1.3, label=label)
                label = None


def _draw_alerts(ax: Axes, rows: pd.DataFrame, *, label: str | None) -> None:
    """Draw red diamonds, but not in the reference period, where alerts are false alarms."""
    alerts = rows[rows["alert"] & (rows["period"] == "analysis")]
    if len(alerts):
        x, y = _middle(alerts), alerts["value"]
        ax.plot(x, y, "D", color=COLORS["alert"], markersize=8, label=label, zorder=5)


def _draw_start(ax: Axes, rows: pd.DataFrame) -> None:
    """Draw a line where the analysis period begins."""
    analysis = rows[rows["period"] == "analysis"]
    if len(analysis) and len(analysis) < len(rows):
        ax.axvline(_start(analysis)[0], color="black", linewidth=0.8)


def _date_axis(ax: Axes, rows: pd.DataFrame) -> None:
    if rows["start_date"].notna().all():
        locator = AutoDateLocator()  # type: ignore[no-untyped-call, unused-ignore]
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call, unused-ignore]
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlabel("chunk, counted from the start of the analysis")


def _start(rows: pd.DataFrame) -> Any:
    """Return the left edges of the chunks: dates, or positions from the start of the analysis."""
    if rows["start_date"].notna().all():
        return rows["start_date"].to_numpy()
    n_reference = _n_reference(rows)
    return rows["chunk_index"].to_numpy() - np.where(rows["period"] == "reference", n_reference, 0)


def _end(rows: pd.DataFrame) -> Any:
    if rows["start_date"].notna().all():
        return rows["end_date"].to_numpy()
    return _start(rows) + 1


def _n_reference(rows: pd.DataFrame) -> int:
    reference = rows[rows["period"] == "reference"]
    return int(reference["chunk_index"].max()) + 1 if len(reference) else 0


def _middle(rows: pd.DataFrame) -> Any:
    start, end = _start(rows), _end(rows)
    return start + (end - start) / 2


def _steps(rows: pd.DataFrame, column: str) -> tuple[Any, Any]:
    """Return x and y of steps: each value from the left to the right edge of its chunk."""
    x = np.column_stack([_start(rows), _end(rows)]).ravel()
    return x, np.repeat(rows[column].to_numpy(), 2)


def _with_unit(name: str, unit: str) -> str:
    return _escaped(f"{name}, {unit}" if unit else name)


def _escaped(name: str) -> str:
    """Escape dollar signs, since matplotlib reads text between two of them as TeX."""
    escaped = r"\$"
    return name.replace("$", escaped)


def _legend(*axes: Axes) -> None:
    """Draw one legend next to the plot, so that it hides no data."""
    handles: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    axes[0].legend(
        handles.values(),
        handles.keys(),
        loc="upper left",
        bbox_to_anchor=(1.07 if len(set(axes)) > 1 else 1.0, 1),
    )
