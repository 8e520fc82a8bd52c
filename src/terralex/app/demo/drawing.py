"""What was found in a picture, as pieces of the page."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

from terralex import HeatMaps, Segmentation
from terralex.app.demo import html
from terralex.app.demo.heat import heat_colours
from terralex.segmentation.photos import NONE
from terralex.segmentation.scenes.colours import class_colours
from terralex.segmentation.scenes.ground import Ground

_THUMBNAIL = 480
_SHOWN = 1600  # pixels of the longer side


def figure(picture: NDArray[np.uint8], found: Segmentation | None, *, name: str) -> str:
    """The picture, and over it the classes, whose opacity the page changes without asking the server."""
    base = html.data_uri(picture, _SHOWN)
    over = ""
    alt = f"The picture {name}"
    if found is not None and found.labels is not None:
        table = np.array([*class_colours(len(found.names)), (0, 0, 0)], np.uint8)
        alpha = np.where(found.labels == NONE, 0, 255).astype(np.uint8)
        layer = Pictures.fromarray(np.dstack([table[found.labels], alpha]))
        layer.thumbnail((_SHOWN, _SHOWN), Pictures.Resampling.NEAREST)
        over = f'<img class="tx-over" alt="" src="{html.data_uri(layer, form="PNG")}">'
        parts = ", ".join(f"{share.label} {share.area:.0%}" for share in found.classes)
        alt += f" with its classes: {parts or 'none found'}"
    return f'<figure class="tx-figure"><img alt="{escape(alt)}" src="{base}">{over}</figure>'


def legend(found: Segmentation | None) -> str:
    """The classes with their colours, parts of the picture, areas and probabilities."""
    if found is None:
        return ""
    colours = dict(zip(found.names, class_colours(len(found.names)), strict=True))
    hectares = _hectares(found)
    chips = []
    for share in found.classes:
        ground = f" · {share.pixels * hectares:,.2f} ha" if hectares else ""
        chips.append(
            html.chip(
                share.label, colours[share.label], f"{share.area:.1%}{ground} · mean p {share.score:.2f}"
            )
        )
    absent = [name for name in found.names if name not in {share.label for share in found.classes}]
    chips += [html.chip(name, colours[name], "not there") for name in absent]
    return html.legend(chips)


def heat_maps(heat: HeatMaps | None, *, compared: bool) -> str:
    """A heat map for each phrase, all on one scale."""
    if heat is None or heat.maps is None:
        return ""
    low, high = (0.0, 1.0) if compared else (float(np.nanmin(heat.maps)), float(np.nanmax(heat.maps)))
    figures = []
    for phrase, values in zip(heat.phrases, heat.maps, strict=True):
        picture = html.data_uri(
            Pictures.fromarray(heat_colours((values - low) / max(high - low, 1e-6))), _THUMBNAIL
        )
        most = float(np.nanmax(values))
        figures.append(
            f'<figure class="tx-figure-plain"><img src="{picture}" alt="Heat map of {escape(phrase)}" '
            f'style="width:100%;border-radius:10px;display:block"><figcaption><span>{escape(phrase)}</span>'
            f"<b>at most {most:.2f}</b></figcaption></figure>"
        )
    kind = "probability" if compared else "cosine"
    scale = (
        f'<div class="tx-scale-row"><span>{low:.2f}</span><div class="tx-scale" role="img" '
        f'aria-label="{kind}, from dark to light"></div><span>{high:.2f} {kind}</span></div>'
    )
    return f'{scale}<section class="tx-heat" aria-label="Heat maps">{"".join(figures)}</section>'


def _hectares(found: Segmentation) -> float | None:
    """Hectares of a pixel, if the picture says where on the Earth it lies."""
    ground = found.grid and Ground.under(found.grid)
    if not found.grid or not ground:
        return None
    across, down = ground.metres(found.grid)
    return across * down / 1e4
