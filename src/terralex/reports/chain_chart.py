"""Chains as a chart: each text as far from the root as it is specific, so that a chain opens like a cone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from terralex.imagery import Image, read_image, to_rgb8
from terralex.recognition.encoder import Encoder
from terralex.recognition.items import Item
from terralex.recognition.order import Orderer
from terralex.recognition.records import Link
from terralex.reports.charts import DIM, INK, new_figure, shortened, to_png
from terralex.reports.preview import thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize

_CONE, _STEM = "#eef4f1", "#a9c7bb"
_SIMILARITY = "YlGn"  # colour map of the scores
_MOST_LINKS = 60  # of a longer chain every second, third, ... is drawn
_ROW = 0.28  # inches
_SUBJECT = 2.6  # height of what is described, inches
_NAME = 42  # characters


@dataclass(frozen=True, eq=False)
class Panel:
    """One chain to draw.

    Attributes:
        links: The chain, most general first.
        picture: What it describes; None for a phrase.
    """

    links: Sequence[Link]
    picture: Image | None = None


def make_panels(
    encoder: Encoder, orderer: Orderer, items: Sequence[Item], phrases: Sequence[str], most: int
) -> list[Panel]:
    """The chains of the first pictures and phrases; a picture that cannot be used has none."""
    panels = []
    shown_first = items[:most]
    encoded = (entry for chunk in encoder.chunks(shown_first) for entry in chunk)
    for item, entry in zip(shown_first, encoded, strict=True):
        links = list(orderer.describe([entry]))
        if not links[0].error:
            shown = read_image(item.source, bands=encoder.bands, units=encoder.units, window=item.window)
            panels.append(Panel(links, thinned(shown)))
    for phrase in phrases[: max(0, most - len(items))]:
        panels.append(Panel(list(orderer.describe_phrases([phrase]))))
    return panels


def draw_chains(panels: Sequence[Panel], root: str) -> bytes:
    """Draw chains, one above the other on one scale of radii; long ones are thinned out.

    Args:
        panels: One or more chains.
        root: What the root is called: the text, or "origin".

    Returns:
        The content of a PNG file.

    Raises:
        UsageError: matplotlib is not installed.
    """
    chains = [_thinned(panel.links) for panel in panels]
    heights = [max(_SUBJECT, _ROW * (len(chain) + 1) + 0.8) for chain in chains]
    with new_figure(13, sum(heights) + 0.3) as figure:
        from matplotlib.colors import Normalize

        scores = [link.score or 0.0 for chain in chains for link in chain]
        similarity = Normalize(min(scores), max(scores) if max(scores) > min(scores) else min(scores) + 1)
        radius = max(link.radius or 0.0 for chain in chains for link in chain) or 1.0
        rows = figure.subplots(
            len(panels), 2, squeeze=False, gridspec_kw={"width_ratios": [1, 3], "height_ratios": heights}
        )
        for (left, right), panel, chain in zip(rows, panels, chains, strict=True):
            _draw_subject(left, panel)
            draw_chain(right, chain, root, radius, similarity)
        return to_png(figure)


def _thinned(links: Sequence[Link]) -> Sequence[Link]:
    """At most `_MOST_LINKS` links; the most specific is always among them."""
    every = -(-len(links) // _MOST_LINKS)
    return links[::-1][::every][::-1]


def _draw_subject(axes: Axes, panel: Panel) -> None:
    """What is described, the picture and its name, or the phrase."""
    first = panel.links[0]
    axes.set_axis_off()
    if panel.picture is None:
        lines = wrap(shortened(f"“{first.path}”", 180), 26) or ["“”"]
        axes.text(0, 1, "\n".join(lines), fontsize=15, va="top", transform=axes.transAxes)
        title = ""
    else:
        axes.imshow(to_rgb8(panel.picture), aspect="equal")
        axes.set_anchor("N")
        title = shortened(first.path.replace("\\", "/").rpartition("/")[2], 34) + "\n"
    axes.set_title(f"{title}model {shortened(first.model, 30)}", fontsize=9, color=DIM, loc="left")


def draw_chain(axes: Axes, links: Sequence[Link], root: str, radius: float, similarity: Normalize) -> None:
    """The root and the chain, row by row, over the distance from the root."""
    rows = range(1, len(links) + 1)
    radii = [link.radius or 0.0 for link in links]
    axes.fill_betweenx([0, *rows], [0, *radii], color=_CONE)
    axes.hlines(rows, 0, radii, color=_STEM, linewidth=2)
    axes.plot([0, *radii], [0, *rows], color=_STEM, linewidth=1)
    scores = [link.score or 0.0 for link in links]
    axes.scatter(radii, rows, c=scores, cmap=_SIMILARITY, norm=similarity, edgecolors=DIM, s=70, zorder=3)
    axes.scatter([0], [0], color="white", edgecolors=DIM, s=50, zorder=3)
    axes.set_yticks([0, *rows], [shortened(root, _NAME), *map(_name, links)], color=INK)
    axes.set(ylim=(len(links) + 0.7, -0.7), xlim=(0, 1.08 * radius))
    axes.set_xlabel(f"distance from {shortened(root, _NAME)}", color=DIM)
    axes.grid(visible=False, axis="y")
    place = axes.get_yaxis_transform()
    axes.text(1.01, 0, "score", color=DIM, fontsize=9, va="center", transform=place)
    for row, score in zip(rows, scores, strict=True):
        axes.text(1.01, row, f"{score:.2f}", va="center", transform=place)


def _name(link: Link) -> str:
    rank = f"  ({link.rank})" if link.rank else ""
    return shortened(link.name or "", _NAME) + rank
