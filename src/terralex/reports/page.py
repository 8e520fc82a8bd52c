"""A page from plain records: its style and pictures are in it, it asks no server and runs no script."""

from __future__ import annotations

from dataclasses import dataclass

from terralex.runtime.html import render


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
    """

    title: str
    headline: str
    cover: tuple[View, ...]
    facts: tuple[str, ...]
    sections: tuple[Section, ...]
    footer: tuple[str, ...]


def render_page(page: Page) -> str:
    """Turn a page into HTML. Everything that a file name or a label could hold is escaped."""
    return render("terralex.reports:page.html", title=page.title, page=page)
