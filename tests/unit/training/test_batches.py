from dataclasses import replace

import numpy as np
import pytest
import torch

from terralex.models import get_card
from terralex.runtime.errors import TerralexError, UsageError
from terralex.training.augment import Augmentation
from terralex.training.batches import Batches, Share
from terralex.training.captions import ConceptCaptions, TaxonCaptions
from terralex.training.concepts import HOLDS, Concepts
from terralex.training.preview import check_batch, draw_batch
from terralex.training.sources import Source, SourceSpec, find_rgb_channels, load_source, rgb_channels

CARD = get_card("pocket")
SPEC = SourceSpec(CARD.input, Concepts.load("land"), 0)
VARIED = Augmentation(crop=0.5, mix=0.0)


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    entries = [{"kind": "land", "tiles": 20, "share": 0.5}, {"kind": "life", "pictures": 1, "share": 0.5}]
    return [load_source(entry, SPEC) for entry in entries]


def batches(sources: list[Source], augment: Augmentation | None = VARIED, **more: object) -> Batches:
    taxonomy = sources[1].taxonomy
    assert taxonomy is not None
    assert SPEC.concepts is not None
    words = ConceptCaptions(SPEC.concepts, ["{c}"])
    taxa = TaxonCaptions(taxonomy, "chains", "Eukarya")
    return Batches(sources, words, taxa, CARD.input, 16, augment, **more)  # type: ignore[arg-type]


def test_red_green_and_blue_are_found_by_name() -> None:
    landsat = replace(
        CARD.input,
        bands=("SR_B5", "SR_B4", "SR_B3", "SR_B2"),
        sensor="landsat-8-9",
        mean=(0,) * 4,
        std=(1,) * 4,
    )
    assert rgb_channels(landsat) == (1, 2, 3)
    assert rgb_channels(CARD.input) == tuple(CARD.input.bands.index(band) for band in ("B04", "B03", "B02"))
    infrared = replace(landsat, bands=("SR_B5", "SR_B6", "SR_B7"), mean=(0,) * 3, std=(1,) * 3)
    assert find_rgb_channels(infrared) is None
    with pytest.raises(UsageError, match=r"need red, green and blue.*SR_B5, SR_B6, SR_B7"):
        rgb_channels(infrared)


def test_a_batch_depends_on_the_seed_and_the_step_alone(sources: list[Source]) -> None:
    ours, theirs = batches(sources), batches(sources)
    ours.draw(0, 64)
    first, again, other = ours.draw(5, 64), theirs.draw(5, 64), theirs.draw(6, 64)
    torch.testing.assert_close(first.pixels, again.pixels)
    assert first.captions.texts == again.captions.texts
    assert not torch.equal(first.pixels, other.pixels)
    assert not torch.equal(batches(sources, seed=1).draw(5, 64).pixels, first.pixels)


def test_two_processes_together_see_what_one_does(sources: list[Source]) -> None:
    whole = batches(sources).draw(3, 64)
    halves = [batches(sources, share=Share(rank, 2)).draw(3, 64) for rank in (0, 1)]
    assert halves[0].captions.texts == whole.captions.texts
    assert torch.equal(halves[0].captions.relation, halves[1].captions.relation)
    # Process after process, and in each source after source.
    order = [0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15]
    torch.testing.assert_close(torch.cat([half.pixels for half in halves]), whole.pixels[order])
    assert torch.equal(halves[0].captions.relation, whole.captions.relation[order])


def test_partners_are_of_one_source_and_mixed_as_the_captions_say(sources: list[Source]) -> None:
    mixing = Augmentation(crop=0.5, mix=1.0)
    batch = batches(sources, mixing).draw(0, 64)
    assert batch.own < 1
    assert [weight for weight, _ in batch.relations()] == pytest.approx([batch.own, 1 - batch.own])
    partner = torch.arange(16) ^ 1
    assert torch.equal(batch.partner, batch.captions.relation[partner])


def test_validation_pictures_are_as_they_are(sources: list[Source]) -> None:
    batch = batches(sources, None).draw(0, CARD.input.size)
    assert batch.own == 1
    assert torch.equal(batch.pixels, batches(sources, None).draw(0, CARD.input.size).pixels)


def test_captions_alone_read_no_picture(sources: list[Source], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(sources[0]), "pixels", lambda *_: pytest.fail("a picture was read"))
    assert len(batches(sources, pictures=False).draw(0, 64).pixels) == 0


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_drawn_ahead_are_the_same(sources: list[Source], workers: int) -> None:
    made = batches(sources)
    with made.ahead(4, lambda number: 32 if number < 5 else 64, workers) as ahead:
        for number in (4, 5, 6):
            torch.testing.assert_close(next(ahead).pixels, made.draw(number, 32 if number < 5 else 64).pixels)


def test_processes_that_cannot_share_evenly_are_told(sources: list[Source]) -> None:
    with pytest.raises(UsageError, match="3 processes cannot share batches"):
        batches(sources, share=Share(0, 3))


def test_the_first_batch_is_drawn_with_its_captions(sources: list[Source]) -> None:
    batch = batches(sources).draw(0, 64)
    check_batch(batch)
    assert draw_batch(batch, CARD.input).startswith(b"\x89PNG")


def test_a_first_batch_that_teaches_nothing_stops_the_run(sources: list[Source]) -> None:
    batch = batches(sources).draw(0, 64)
    batch.pixels.zero_()
    with pytest.raises(TerralexError, match="every picture of the first batch is blank"):
        check_batch(batch)
    batch.pixels[0, 0, 0, 0] = np.nan
    with pytest.raises(TerralexError, match="no finite numbers"):
        check_batch(batch)
    batch.pixels.normal_()
    batch.captions.relation[2][batch.captions.relation[2] == HOLDS] = 0
    with pytest.raises(TerralexError, match="1 pictures of the first batch have no text"):
        check_batch(batch)
    batch.captions.relation.fill_(HOLDS)
    with pytest.raises(TerralexError, match="every text of the first batch holds for all its pictures"):
        check_batch(batch)
