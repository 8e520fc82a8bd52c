"""The page: whole in itself, and safe with any file name."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image as Pictures

from terralex.imagery import Bands, Image
from terralex.reports import Answer, Card, Page, Row, Section, Step, Thumb, View, make_views, render_page

URI = "data:image/jpeg;base64,AAAA"
HOSTILE = '<script>alert("1")</script>&\'.jpg'
VOID = {"meta", "img"}


def page(*sections: Section) -> Page:
    return Page("T", "H", (View("scene", URI),), ("1 picture",), sections, ("Made by <pocket>",))


class Outline(HTMLParser):
    """Every tag with its attributes; fails on tags that do not close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_every_text_is_escaped() -> None:
    views = (View(HOSTILE, URI),)
    sections = Section(
        HOSTILE,
        HOSTILE,
        cards=(
            Card(HOSTILE, views, (Answer(HOSTILE, 0.5),), truth="x" + HOSTILE, note=HOSTILE),
            Card(HOSTILE, error=HOSTILE),
        ),
        rows=(Row(HOSTILE, (Thumb(HOSTILE, URI, 0.25),)),),
        steps=(Step(HOSTILE, HOSTILE),),
    )
    hostile = replace(page(sections), title=HOSTILE, headline=HOSTILE, facts=(HOSTILE,), footer=(HOSTILE,))
    hostile = replace(hostile, cover=views)
    outline = Outline(render_page(hostile))
    assert {tag for tag, _ in outline.tags}.isdisjoint({"script", "link", "iframe"})
    assert not [name for _, attributes in outline.tags for name in attributes if name.startswith("on")]
    assert sum(HOSTILE in text for text in outline.text) >= 14


def test_nothing_is_fetched() -> None:
    section = Section("S", "L", cards=(Card("a.jpg", (View("", URI),), (Answer("water", 1.0),)),))
    html = render_page(page(section))
    outline = Outline(html)
    sources = [
        attributes[key] for _, attributes in outline.tags for key in ("src", "href") if key in attributes
    ]
    assert sources == [URI, URI]
    assert not re.search(r"https?://|url\(|@import", html)


def test_a_card_says_whether_the_answer_is_right() -> None:
    answers = (Answer("water", 0.814), Answer("sand", 0.1))
    right = render_page(page(Section("S", "L", cards=(Card("a", (View("", URI),), answers, truth="water"),))))
    wrong = render_page(page(Section("S", "L", cards=(Card("a", (View("", URI),), answers, truth="sand"),))))
    silent = render_page(page(Section("S", "L", cards=(Card("a", (View("", URI),), answers),))))
    assert "<mark>right</mark>" in right
    assert "81%" in right
    assert "in truth sand" in wrong
    assert "<mark" not in silent


def test_a_file_that_failed_has_its_reason() -> None:
    html = render_page(page(Section("S", "L", cards=(Card("b.jpg", error="b.jpg: the file is empty"),))))
    assert "b.jpg: the file is empty" in html
    assert "Not read" in html


def decode(uri: str) -> Pictures.Image:
    return Pictures.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def made(names: str, values: list[int], units: str = "dn", size: tuple[int, int] = (8, 8)) -> Image:
    planes = np.stack([np.full(size, value, np.uint16) for value in values])
    return Image.from_array(planes, bands=Bands.parse(names), units=units)


def test_a_sentinel_2_tile_has_two_views() -> None:
    views = make_views(made("B02,B03,B04,B08", [300, 600, 900, 5000]))
    assert [view.caption for view in views] == ["true colour", "near infrared"]
    true_red, true_green, true_blue = decode(views[0].uri).getpixel((4, 4))
    assert true_red > true_green > true_blue
    infrared, red, _ = decode(views[1].uri).getpixel((4, 4))
    assert infrared > 2 * red


def test_pictures_of_one_sensor_share_a_scale() -> None:
    dark, bright = (decode(make_views(made("B02,B03,B04", [value] * 3))[0].uri) for value in (300, 8000))
    assert dark.getpixel((4, 4))[0] < 90
    assert bright.getpixel((4, 4))[0] > 250


@pytest.mark.parametrize(("names", "units"), [("red,green,blue", "8bit"), ("B08,B11", "dn")])
def test_other_pictures_have_one_view_without_caption(names: str, units: str) -> None:
    (view,) = make_views(made(names, [10, 200, 30][: len(names.split(","))], units))
    assert view.caption == ""
    assert decode(view.uri).size == (8, 8)


def test_pixels_without_data_are_black() -> None:
    image = made("B02,B03,B04", [3000] * 3)
    hidden = replace(image, valid=np.zeros((8, 8), bool))
    assert max(decode(make_views(hidden)[0].uri).getpixel((4, 4))) < 4


def test_large_pictures_become_small() -> None:
    image = made("red,green,blue", [1, 2, 3], "8bit", size=(900, 3000))
    assert max(decode(make_views(image)[0].uri).size) == 320
