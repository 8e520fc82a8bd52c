"""A page from plain records: its style and pictures are in it, it asks no server and runs no script."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template


@dataclass(frozen=True, slots=True)
class View:
    """One rendering of an image.

    Attributes:
        caption: What the rendering shows, such as `near infrared`; empty if that needs no saying.
        uri: The picture itself, as a data URI.
    """

    caption: str
    uri: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A label and its probability, 0 to 1."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Card:
    """One image and what was said of it; or, if `error` is set, why nothing could be said."""

    name: str
    views: tuple[View, ...] = ()
    answers: tuple[Answer, ...] = ()
    truth: str | None = None
    note: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Thumb:
    """One image that a sentence found, and the cosine similarity."""

    name: str
    uri: str
    score: float


@dataclass(frozen=True, slots=True)
class Row:
    """A sentence and what it found, nearest first."""

    query: str
    thumbs: tuple[Thumb, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do next, and the command that does it."""

    title: str
    command: str


@dataclass(frozen=True, slots=True)
class Key:
    """What a colour of a map stands for, and the part of the map that it covers, 0 to 1."""

    label: str
    colour: tuple[int, int, int]
    share: float


@dataclass(frozen=True, slots=True)
class Map:
    """Renderings of one place, side by side, and what their colours stand for."""

    views: tuple[View, ...]
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, a sentence or two, and whichever of a map, cards, rows and steps it has."""

    title: str
    lead: str
    map: Map | None = None
    cards: tuple[Card, ...] = ()
    rows: tuple[Row, ...] = ()
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """The whole page.

    Attributes:
        title: Of the browser's window, and above the headline.
        headline: What it is about, in large letters.
        cover: A picture beside it, or two renderings of one that share its place; none is fine.
        facts: A few words each, under the headline.
        sections: In reading order.
        footer: One paragraph each.
        version: The package that made it.
    """

    title: str
    headline: str
    cover: tuple[View, ...]
    facts: tuple[str, ...]
    sections: tuple[Section, ...]
    footer: tuple[str, ...]
    version: str


def render_page(page: Page) -> str:
    """Turn a page into HTML. Everything that a file name or a label could hold is escaped."""
    here = files("terralex.reports")
    return Template(here.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        title=escape(page.title),
        kicker=escape(page.title),
        headline=escape(page.headline),
        cover=_cover(page.cover),
        version=escape(page.version),
        style=here.joinpath("page.css").read_text(encoding="utf-8"),
        facts=_join(f"<span>{escape(fact)}</span>" for fact in page.facts),
        sections=_join(_section(section) for section in page.sections),
        footer=_join(f"<p>{escape(paragraph)}</p>" for paragraph in page.footer),
    )


def _cover(views: tuple[View, ...]) -> str:
    images = "".join(f'<img src="{view.uri}" alt="{escape(view.caption)}">' for view in views[:2])
    return f'<figure class="cover">{images}</figure>' if images else ""


def _section(section: Section) -> str:
    return _join(
        (
            f'<section>\n<h2>{escape(section.title)}</h2>\n<p class="lead">{escape(section.lead)}</p>',
            _map(section.map) if section.map else "",
            f'<div class="cards">\n{_join(map(_card, section.cards))}\n</div>' if section.cards else "",
            _join(map(_row, section.rows)),
            _join(map(_step, section.steps)),
            "</section>",
        )
    )


def _map(shown: Map) -> str:
    views = "".join(_view(view, "map") for view in shown.views)
    keys = "".join(
        f'<li><i style="background:rgb{key.colour}"></i>{escape(key.label)} <b>{key.share:.0%}</b></li>'
        for key in shown.keys
    )
    return f'<div class="card"><div class="views">{views}</div><ul class="keys">{keys}</ul></div>'


def _card(card: Card) -> str:
    if card.error is not None:
        body = f'<p class="answer">Not read</p><p class="name">{escape(card.name)}</p>{_note(card.error)}'
        return f'<article class="card failed"><div class="body">{body}</div></article>'
    views = "".join(_view(view, card.name) for view in card.views)
    said = card.answers[0].label
    body = f'<p class="answer">{escape(said)}</p><p class="name">{escape(card.name)}</p>{_bars(card.answers)}'
    if card.note:
        body += f"<details><summary>how it was read</summary>{_note(card.note)}</details>"
    if card.truth is not None:
        mark = (
            "<mark>right</mark>"
            if said == card.truth
            else f'<mark class="no">in truth {escape(card.truth)}</mark>'
        )
        body += f'<p class="truth">{mark}</p>'
    return f'<article class="card"><div class="views">{views}</div><div class="body">{body}</div></article>'


def _view(view: View, name: str) -> str:
    alt = f"{name}, {view.caption}" if view.caption else name
    caption = f"<figcaption>{escape(view.caption)}</figcaption>" if view.caption else ""
    return f'<figure><img src="{view.uri}" alt="{escape(alt)}">{caption}</figure>'


def _bars(answers: tuple[Answer, ...]) -> str:
    items = (
        f"<li><span>{escape(answer.label)}</span><b>{answer.score:.0%}</b>"
        f'<i style="background-size:{answer.score:.1%} 100%"></i></li>'
        for answer in answers
    )
    return f'<ul class="bars">{"".join(items)}</ul>'


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def _row(row: Row) -> str:
    hits = f'<div class="hits">{"".join(map(_thumb, row.thumbs))}</div>'
    return f'<div class="row"><blockquote>{escape(row.query)}</blockquote>{hits}</div>'


def _thumb(thumb: Thumb) -> str:
    name = escape(thumb.name)
    caption = f'<span title="{name}">{name}</span><b>{thumb.score:.2f}</b>'
    return (
        f'<figure class="hit"><img src="{thumb.uri}" alt="{name}"><figcaption>{caption}</figcaption></figure>'
    )


def _step(step: Step) -> str:
    return f'<p class="step">{escape(step.title)}</p><pre>{escape(step.command)}</pre>'


def _join(parts: Iterable[str]) -> str:
    return "\n".join(part for part in parts if part)
