from dataclasses import replace

import numpy as np
import plain_refinement as plain
import pytest
import torch
from torch import Tensor

from terralex.segmentation.labelling import Segmentation, label_map
from terralex.segmentation.refinement import RefineSettings, Sam, SamRefiner

FRAME = (192, 256)
IMAGE = torch.zeros(3, 12, 16)


def grid(labels: int = 4, rows: int = 6, columns: int = 8, seed: int = 0) -> Tensor:
    """Probabilities in which every class is the most probable somewhere."""
    generator = torch.Generator().manual_seed(seed)
    return (3 * torch.randn(labels, rows, columns, generator=generator)).softmax(0)


@pytest.fixture
def settings(sam: Sam, embedding: Tensor) -> RefineSettings:
    """A quality that SAM reaches for about half of the regions."""
    least = RefineSettings(minimal_area=9, quality=-np.inf)
    qualities = plain.refine(sam, embedding, FRAME, grid(), (60, 80), least)[2]
    return replace(least, quality=float(np.median(qualities)))


@pytest.mark.parametrize("as_published", [False, True])
@pytest.mark.parametrize("size", [(60, 80), (90, 120)])
def test_refinement_is_as_described(
    sam: Sam, embedding: Tensor, settings: RefineSettings, size: tuple[int, int], as_published: bool
) -> None:
    settings = replace(settings, as_published=as_published)
    refiner = SamRefiner(sam, lambda _: (embedding, FRAME), settings)
    labels, probabilities, qualities = plain.refine(sam, embedding, FRAME, grid(), size, settings)
    accepted = sum(quality > settings.quality for quality in qualities)
    assert 2 < accepted < len(qualities) - 2
    found = refiner.refine(IMAGE, grid(), size)
    assert (found.labels == labels).float().mean() > 0.999  # ties of rounding
    assert (labels != label_map(grid(), size).labels).float().mean() > 0.01
    torch.testing.assert_close(refiner.probabilities(IMAGE, grid(), size), probabilities, atol=1e-4, rtol=0)
    agreed = (found.labels == labels) & (probabilities.amax(0) > 0)
    torch.testing.assert_close(found.confidence[agreed], probabilities.amax(0)[agreed], atol=1e-4, rtol=0)


@pytest.mark.parametrize("as_published", [False, True])
@pytest.mark.parametrize(
    ("size", "frame", "cells"),
    [
        ((333, 500), (160, 256), (42, 63)),  # PASCAL VOC, high
        ((480, 640), (192, 256), (42, 42)),  # COCO-Stuff, mid: whole windows change the shape of the picture
    ],
)
def test_refinement_at_mid_and_high_resolution(
    sam: Sam,
    embedding: Tensor,
    size: tuple[int, int],
    frame: tuple[int, int],
    cells: tuple[int, int],
    as_published: bool,
) -> None:
    """On grids and frames of the published settings, at a quarter of SAM's square."""
    assert frame == tuple(side * 16 // max(size) * 16 for side in size), "whole patches"
    rough = torch.nn.functional.interpolate(grid(rows=5, columns=5)[None], cells, mode="bicubic")[0].softmax(
        0
    )
    settings = RefineSettings(coarse_threshold=0.05, quality=-np.inf, as_published=as_published)
    median = float(np.median(plain.refine(sam, embedding, frame, rough, size, settings)[2]))
    settings = replace(settings, quality=median)
    labels, probabilities, _ = plain.refine(sam, embedding, frame, rough, size, settings)
    refiner = SamRefiner(sam, lambda _: (embedding, frame), settings)
    assert (refiner.refine(IMAGE, rough, size).labels == labels).float().mean() > 0.999
    close = (refiner.probabilities(IMAGE, rough, size) - probabilities).abs() < 1e-4
    assert close.float().mean() > 0.9999, "where a logit is about 0, rounding decides"


def test_the_mended_behaviour_differs(sam: Sam, embedding: Tensor, settings: RefineSettings) -> None:
    refined = [
        SamRefiner(sam, lambda _: (embedding, FRAME), replace(settings, as_published=published)).refine(
            IMAGE, grid(), (60, 80)
        )
        for published in (False, True)
    ]
    assert not torch.equal(refined[0].labels, refined[1].labels)


class Answering(Sam):
    """In place of SAM: answers what it is told to, and keeps the prompts."""

    image_size, grid_size, prompt_size = 256, 16, 64

    def __init__(self, logits: Tensor, quality: list[float]) -> None:
        torch.nn.Module.__init__(self)
        self.logits, self.quality = logits, quality
        self.prompts: list[tuple[Tensor, ...]] = []

    def decode(self, embedding: Tensor, *prompts: Tensor, **_: bool) -> tuple[Tensor, Tensor]:
        self.prompts.append(prompts)
        number = len(prompts[0])
        done = sum(len(points) for points, *_ in self.prompts[:-1])
        return self.logits.expand(number, -1, -1), torch.tensor(self.quality[done : done + number])


def halves(left: float = 0.9) -> Tensor:
    """Class 0 on the left half, class 1 on the right."""
    probable = torch.full((8, 8), left)
    probable[:, 4:] = 1 - left
    return torch.stack([probable, 1 - probable])


def test_a_region_that_sam_fails_on_keeps_its_label() -> None:
    """SAM fails on the left region; the right one's mask is everywhere. The published code gives it all."""
    everywhere = torch.full((64, 64), 10.0)
    for published, expected in ((False, 0), (True, 1)):
        sam = Answering(everywhere, [0.1, 0.95])
        settings = RefineSettings(as_published=published)
        refiner = SamRefiner(sam, lambda _: (torch.zeros(1), (256, 256)), settings)
        found = refiner.refine(IMAGE, halves(), (64, 64))
        assert (found.labels[:, 40:] == 1).all()
        assert (found.labels[:, :24] == expected).all()
        assert (found.confidence[:, :24] > 0.85).all()


def test_no_mask_is_good_enough() -> None:
    sam = Answering(torch.full((64, 64), 10.0), [0.9, 0.1])
    refiner = SamRefiner(sam, lambda _: (torch.zeros(1), (256, 256)))
    coarse = label_map(halves(), (64, 64))
    found = refiner.refine(IMAGE, halves(), (64, 64))
    assert torch.equal(found.labels, coarse.labels)
    assert torch.equal(found.confidence, coarse.confidence)
    sam.prompts.clear()
    torch.testing.assert_close(
        refiner.probabilities(IMAGE, halves(), (64, 64)), plain.resized(halves(), (64, 64))
    )


def test_masks_nowhere() -> None:
    """SAM is sure of masks that are empty: labels stay."""
    sam = Answering(torch.full((64, 64), -10.0), [0.95, 0.95])
    found = SamRefiner(sam, lambda _: (torch.zeros(1), (256, 256))).refine(IMAGE, halves(), (64, 64))
    assert torch.equal(found.labels, label_map(halves(), (64, 64)).labels)


def test_prompts_are_in_the_frame_of_the_features() -> None:
    """A picture of 819.2 rows in 1024 is brought to 816: prompts follow, which the published ones do not."""
    bottoms = []
    for published in (False, True):
        sam = Answering(torch.zeros(256, 256), [0.0, 0.0])
        sam.image_size, sam.prompt_size = 1024, 256
        refiner = SamRefiner(
            sam, lambda _: (torch.zeros(1), (816, 1024)), RefineSettings(as_published=published)
        )
        refiner.refine(torch.zeros(3, 448, 560), halves(), (448, 560))
        _, boxes, masks = sam.prompts[0]
        assert boxes[1, 2] == 279 * 1024 / 280
        bottoms.append((float(boxes[0, 3]), int(masks[0].any(dim=1).sum())))
    assert bottoms[0] == (pytest.approx(223 * 816 / 224), 204)
    assert bottoms[1] == (pytest.approx(223 * 819 / 224), 205)


def test_mask_prompts() -> None:
    """Probabilities above the threshold, scaled; 0 elsewhere."""
    sam = Answering(torch.zeros(64, 64), [0.0, 0.0])
    SamRefiner(sam, lambda _: (torch.zeros(1), (256, 256))).refine(IMAGE, halves(0.95), (64, 64))
    _, _, masks = sam.prompts[0]
    assert masks[0].max() == pytest.approx(0.95 * 0.005)
    assert (masks[0][:, 40:] == 0).all()


def test_nothing_probable() -> None:
    """No region: SAM is not asked, and the picture not even looked at."""

    def never(_: Tensor) -> tuple[Tensor, tuple[int, int]]:
        raise AssertionError

    sam = Answering(torch.zeros(64, 64), [])
    for empty in (torch.zeros(3, 8, 8), torch.full((20, 8, 8), 0.05)):
        found = SamRefiner(sam, never).refine(IMAGE, empty, (64, 64))
        assert torch.equal(found.labels, label_map(empty, (64, 64)).labels)
    assert sam.prompts == []


def test_coarse_labels_that_are_there_already() -> None:
    sam = Answering(torch.full((64, 64), -10.0), [0.95] * 2)
    coarse = label_map(halves(), (64, 64))
    turned = Segmentation(1 - coarse.labels, coarse.confidence)
    refiner = SamRefiner(sam, lambda _: (torch.zeros(1), (256, 256)))
    assert torch.equal(refiner.refine(IMAGE, halves(), (64, 64), turned).labels, turned.labels)


def test_one_pixel() -> None:
    sam = Answering(torch.zeros(64, 64), [])
    found = SamRefiner(sam, lambda _: (torch.zeros(1), (256, 256))).refine(IMAGE, halves(), (1, 1))
    assert found.labels.shape == (1, 1)


def test_no_stack_of_all_classes(sam: Sam, embedding: Tensor) -> None:
    """No tensor has more numbers than a few planes of the picture, however many classes there are."""
    seen: list[int] = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # noqa: ANN001, ANN204
            result = func(*args, **(kwargs or {}))
            seen.extend(one.numel() for one in (result,) if isinstance(one, Tensor))
            return result

    size, classes = (600, 800), 40
    settings = RefineSettings(minimal_area=4000, quality=-np.inf)
    refiner = SamRefiner(sam, lambda _: (embedding, FRAME), settings)
    with Watch():
        refiner.refine(IMAGE, grid(classes), size)
    assert max(seen) < classes / 4 * size[0] * size[1]
