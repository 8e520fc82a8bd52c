"""The tour as a page."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from terralex._version import __version__
from terralex.models import get_card
from terralex.reports import (
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
    picture_uri,
    render_page,
)
from terralex.reports.quickstart.tour import OWN_LABELS, SAMPLE_LABELS, Seen, Stop, Tour
from terralex.segmentation.scenes.colours import class_colours

PUBLISHED = ("bioclip-2", "msclip", "georsclip-vit-b32")


def make_page(tour: Tour) -> str:
    """Turn a tour into a page of HTML that needs nothing else."""
    stops = [stop for stop in (tour.own, tour.samples) if stop]
    own = _own_sections(tour.own, tour.left_out) if tour.own else ()
    page = Page(
        title="Terralex quickstart",
        headline="Ask images of the natural world in words.",
        cover=tour.scene,
        facts=(
            f"{sum(len(stop.seen) for stop in stops)} pictures named",
            f"{sum(len(stop.found) for stop in stops)} sentences searched",
            f"{tour.seconds:.0f} s on {'a CPU' if tour.model.device.type == 'cpu' else 'a GPU'}",
            "no network",
        ),
        sections=(*own, *_map_section(tour), *_sample_sections(tour.samples), _going_on(tour), _real_work()),
        footer=_footer(tour),
    )
    return render_page(page)


def _sample_sections(samples: Stop) -> tuple[Section, ...]:
    return (
        Section(
            "What does the satellite see?",
            f"Made Sentinel-2 tiles in twelve bands. The model chooses among {len(SAMPLE_LABELS)} names. "
            "Left: what an eye would see. Right: near infrared, in which living plants are red.",
            cards=_cards([seen for seen in samples.seen if len(seen.views) > 1]),
        ),
        Section(
            "And in plain colour?",
            "Other tiles, of which only a picture in red, green and blue is left. The same model names them.",
            cards=_cards([seen for seen in samples.seen if len(seen.views) < 2]),
        ),
        Section(
            "Find by describing",
            "Each sentence is compared with all of these, tiles and pictures together. The nearest come "
            "first; the number is the cosine of the angle between words and picture.",
            rows=_rows(samples),
        ),
    )


def _map_section(tour: Tour) -> tuple[Section, ...]:
    mapped = tour.mapped
    if mapped is None or mapped.found.labels is None:
        return ()
    palette = dict(zip(SAMPLE_LABELS, class_colours(len(SAMPLE_LABELS)), strict=True))
    colours = np.array(list(palette.values()), np.uint8)
    views = (
        replace(tour.scene[0], caption="the scene"),
        View("its map", picture_uri(colours[mapped.found.labels])),
        View("the truth", picture_uri(colours[mapped.truth])),
    )
    keys = tuple(Key(share.label, palette[share.label], share.area) for share in mapped.found.classes)
    lead = (
        f"Every pixel of a made scene is named, from {len(SAMPLE_LABELS)} words alone; {mapped.right:.0%} of "
        "them are right. Real scenes become GeoTIFFs and polygons that open in a GIS."
    )
    return (Section("Where is what?", lead, map=Map(views, keys)),)


def _own_sections(own: Stop, left_out: int) -> tuple[Section, ...]:
    usable = sum(seen.error is None for seen in own.seen)
    more = f" {left_out:,} more are left out here; terralex classify takes any number." if left_out else ""
    named = Section(
        "Your pictures",
        f"The model chooses among {len(OWN_LABELS)} names of land seen from above. Of anything else it only "
        f"says which of them it looks most like.{more}",
        cards=_cards(own.seen),
    )
    found = Section(
        "Found among your pictures", "Each sentence is compared with your pictures.", rows=_rows(own)
    )
    return (named, found) if usable > 1 else (named,)


def _going_on(tour: Tour) -> Section:
    folder = shlex.quote(str(tour.folder))
    return Section(
        "Go on",
        "The samples are on your disk, and the commands take files, folders and patterns.",
        steps=(
            Step(
                "Names into a table",
                f'terralex classify {folder}/tiles --labels "water,forest,town" -o names.csv',
            ),
            Step(
                "A map for a GIS, with polygons and areas",
                f'terralex segment {folder}/scene/scene.tif --labels "water,forest,crops,built-up" '
                "-o map.tif -o map.gpkg -o areas.csv",
            ),
            Step("Search with your own words", f'terralex search {folder}/rgb --query "a field of wheat"'),
            Step("Search with a picture", f"terralex search {folder}/rgb --like {folder}/rgb/water_1.png"),
        ),
    )


def _real_work() -> Section:
    cards = [get_card(name) for name in PUBLISHED]
    return Section(
        "For real work",
        "The pocket model shows how it goes. These published models know far more, and take the same "
        "commands. Their weights are fetched once; after that no network is needed.",
        steps=tuple(
            Step(
                f"{card.title}. {card.domain}",
                f"terralex models pull {card.name}\n"
                f"terralex classify PICTURES --labels LABELS --model {card.name} -o names.csv",
            )
            for card in cards
        ),
    )


def _footer(tour: Tour) -> tuple[str, ...]:
    model, card = tour.model, tour.model.card
    where = f"{model.device}, {str(model.dtype).removeprefix('torch.')}"
    return (
        f"Every answer on this page comes from the model {model.name}, revision {model.revision}, on "
        f"{where}. {card.description}",
        f"It learned from: {card.trained_on} Licence: {card.licence}.",
        f"Made by Terralex {__version__}. This page is one file, loads nothing and sends nothing.",
    )


def _cards(pictures: Sequence[Seen]) -> tuple[Card, ...]:
    return tuple(_card(seen) for seen in pictures)


def _card(seen: Seen) -> Card:
    answers = tuple(
        Answer(said.label, said.score)
        for said in seen.answers
        if said.label is not None and said.score is not None
    )
    return Card(Path(seen.path).name, seen.views, answers, seen.truth, seen.answers[0].notes, seen.error)


def _rows(stop: Stop) -> tuple[Row, ...]:
    uris = {seen.path: seen.views[0].uri for seen in stop.seen if seen.views}
    return tuple(
        Row(
            query,
            tuple(
                Thumb(Path(hit.path).name, uris[hit.path], hit.score)
                for hit in hits
                if hit.score is not None and hit.path in uris
            ),
        )
        for query, hits in stop.found.items()
    )
