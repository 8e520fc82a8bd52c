"""Risk-coverage curves as a chart."""

from __future__ import annotations

from collections.abc import Sequence

from terralex.metrics.curves import STOPPING, Curve
from terralex.reports.charts import DIM, INK, new_figure, percent_axis, to_png


def draw_curves(curves: Sequence[Curve], title: str, subtitle: str) -> bytes:
    """Draw risk over coverage, a line a curve; that of stopping is black, and its bound dashed.

    Returns:
        The content of a PNG file.

    Raises:
        UsageError: matplotlib is not installed.
    """
    with new_figure(10, 6) as figure:
        from matplotlib import colormaps

        axes = figure.subplots()
        figure.suptitle(title, x=0.01, ha="left", fontsize=15)
        axes.set_title(subtitle, loc="left", color=DIM, fontsize=11)
        ranks = [curve for curve in curves if curve.name != STOPPING]
        colours = colormaps["turbo"].resampled(max(2, len(ranks)))
        for number, curve in enumerate(ranks):
            _line(axes, curve.coverage, curve.risk, f"all at {curve.name}", color=colours(number))
        for curve in curves[len(ranks) :]:
            _line(axes, curve.coverage, curve.risk, "stop where it is safe", color=INK, linewidth=3)
            _line(axes, curve.coverage, curve.bound, "the same, 95 % bound", color=DIM, linestyle="--")
        highest = max((risk for curve in curves for risk in curve.risk), default=0.0)
        percent_axis(axes, "x")
        percent_axis(axes, "y", min(1.0, max(0.01, 1.1 * highest)))
        axes.set(xlabel="images answered", ylabel="answers that are wrong")
        if curves:
            axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        return to_png(figure)


def _line(axes: object, x: Sequence[float], y: Sequence[float], label: str, **style: object) -> None:
    """A curve; of a single point, the point."""
    marker = {"marker": "o"} if len(x) == 1 else {}
    axes.plot(x, y, label=label, **marker, **style)  # type: ignore[attr-defined]
