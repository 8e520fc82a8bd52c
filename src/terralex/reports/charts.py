"""What all charts share: one look, PNG out, and a clear message where matplotlib is not installed."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from terralex.runtime.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, DIM, GRID = "#1f2933", "#61707f", "#e4e9ee"
OWN = "#2f6fb0"

_DPI = 120
_STYLE: dict[Any, Any] = {
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": DIM,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "xtick.color": DIM,
    "ytick.color": DIM,
    "legend.frameon": False,
    "text.parse_math": False,  # a dollar sign in a label is a dollar sign
}


def has_matplotlib() -> bool:
    """Whether charts can be drawn."""
    return find_spec("matplotlib") is not None


def check_matplotlib() -> None:
    """See that charts can be drawn, before hours of work.

    Raises:
        UsageError: matplotlib is not installed.
    """
    if not has_matplotlib():
        raise UsageError("charts are drawn with matplotlib: pip install 'terralex[charts]'")


@contextmanager
def new_figure(width: float, height: float) -> Iterator[Figure]:
    """A figure of this size in inches, in the common style. It belongs to no window.

    Raises:
        UsageError: matplotlib is not installed.
    """
    check_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # Names in scripts that the font lacks are drawn as boxes, which is no reason to stop.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield Figure(figsize=(width, height), layout="constrained")


def to_png(figure: Figure) -> bytes:
    """A figure as the content of a PNG file."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=_DPI)
    return content.getvalue()


def percent_axis(axes: Axes, which: str, upper: float = 1.0) -> None:
    """Show fractions from 0 to `upper` along "x" or "y" as percentages."""
    from matplotlib.ticker import PercentFormatter

    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(PercentFormatter(xmax=1.0, decimals=None))
    axes.set(**{f"{which}lim": (0, upper)})


def shortened(text: str, length: int) -> str:
    """A text in one line of at most so many characters, with its middle left out if it is longer."""
    line = "".join(c if c.isprintable() else " " for c in text)
    if len(line) <= length:
        return line
    head = (length - 2) // 2
    return f"{line[:head]} … {line[len(line) - (length - 3 - head) :]}"
