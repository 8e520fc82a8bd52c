"""Pieces of HTML that results are shown in. Everything a person typed is escaped."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

Colour = tuple[int, int, int]


def data_uri(pixels: NDArray[np.uint8] | Pictures.Image, side: int | None = None, form: str = "WEBP") -> str:
    """A picture as a `data:` address, no larger than `side` pixels along its longer side."""
    picture = pixels if isinstance(pixels, Pictures.Image) else Pictures.fromarray(pixels)
    if side:
        picture.thumbnail((side, side))
    memory = io.BytesIO()
    options = {"quality": 85, "method": 2} if form == "WEBP" else {"optimize": True}
    picture.save(memory, form, **options)
    return f"data:image/{form.lower()};base64,{base64.b64encode(memory.getvalue()).decode('ascii')}"


def message(text: str, kind: str = "hint") -> str:
    """A line for people: "hint", "busy" or "done". Screen readers say it when it changes."""
    return f'<p class="tx-message tx-{kind}" role="status">{escape(text)}</p>'


def notes(texts: Iterable[str]) -> str:
    """Remarks about results, each once."""
    lines = "".join(f"<li>{escape(text)}</li>" for text in dict.fromkeys(texts) if text)
    return f'<ul class="tx-notes">{lines}</ul>' if lines else ""


def bar(label: str, share: float, *, colour: Colour | None = None, detail: str = "", kind: str = "") -> str:
    """A label with a bar from 0 to 1 and its figure."""
    style = f"--c: rgb{colour};" if colour else ""
    figure = detail or f"{share:.0%}"
    return (
        f'<div class="tx-bar {kind}" style="{style}--w:{max(0.0, min(share, 1.0)):.1%}">'
        f"<span>{escape(label)}</span><b>{escape(figure)}</b><i></i></div>"
    )


def card(picture: str, title: str, body: str, *, alt: str, subtitle: str = "") -> str:
    """A picture with what is known of it."""
    image = f'<img src="{picture}" alt="{escape(alt)}" loading="lazy">' if picture else ""
    small = f"<small>{escape(subtitle)}</small>" if subtitle else ""
    return f'<article class="tx-card">{image}<div><h3>{escape(title)}</h3>{small}{body}</div></article>'


def cards(entries: Sequence[str], *, label: str) -> str:
    """Cards side by side."""
    return f'<section class="tx-cards" aria-label="{escape(label)}">{"".join(entries)}</section>'


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, label: str) -> str:
    """Rows below headings; None is an empty cell."""
    heads = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{'' if cell is None else escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="tx-table" role="region" tabindex="0" aria-label="{escape(label)}"><table>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def chip(label: str, colour: Colour, detail: str = "") -> str:
    """A coloured name, as in legends."""
    small = f"<b>{escape(detail)}</b>" if detail else ""
    return f'<li style="--c: rgb{colour}"><i></i><span>{escape(label)}</span>{small}</li>'


def legend(chips: Iterable[str]) -> str:
    """Coloured names, one below the other."""
    return f'<ul class="tx-legend">{"".join(chips)}</ul>'
