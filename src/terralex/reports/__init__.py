"""One page that shows what was asked and what was found: a file of its own, with its pictures in it."""

from terralex.reports.page import (
    Answer,
    Card,
    Key,
    Map,
    Page,
    Row,
    Section,
    Step,
    Thumb,
    View,
    render_page,
)
from terralex.reports.preview import make_views, picture_uri

__all__ = [
    "Answer",
    "Card",
    "Key",
    "Map",
    "Page",
    "Row",
    "Section",
    "Step",
    "Thumb",
    "View",
    "make_views",
    "picture_uri",
    "render_page",
]
