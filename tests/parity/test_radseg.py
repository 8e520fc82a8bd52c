"""RADSeg: windows with SCRA, SCGA, the language head, probabilities, labels; and these refined by SAM."""

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from terralex.models.dense import DenseEncoder, RadioTower
from terralex.models.radio import Radio, load_radio
from terralex.segmentation.labelling import denoise, label_map
from terralex.segmentation.refinement import RefineSettings, SamRefiner
from terralex.segmentation.segmenter import Vocabulary, grid_probabilities

FEATURE = 1e-4
EQUAL_LABELS = 0.999
EQUAL_REFINED = 0.995

Expected = Mapping[str, np.ndarray]


@pytest.fixture(scope="module")
def expected(case: SimpleNamespace) -> Expected:
    found: Expected = case.expected()
    return found


@pytest.fixture(scope="module")
def radio(case: SimpleNamespace) -> Radio:
    return load_radio(case.folder / "checkpoint.pth.tar", ["siglip2", "sam"])


@pytest.fixture(scope="module")
def encoder(case: SimpleNamespace, radio: Radio) -> DenseEncoder:
    settings = case.settings
    tower = RadioTower(radio, "siglip2", settings["scra"])
    return DenseEncoder(tower, scga=settings["scga"], crop=settings["crop"], stride=settings["stride"])


@pytest.fixture(scope="module")
def image(expected: Expected) -> Tensor:
    return torch.from_numpy(expected["image"]) / 255


@pytest.fixture(scope="module")
def pixels(radio: Radio, image: Tensor) -> Tensor:
    return radio.condition(image[None])


@pytest.fixture(scope="module")
def features(encoder: DenseEncoder, pixels: Tensor) -> Tensor:
    return encoder(pixels)


@pytest.fixture(scope="module")
def probabilities(
    case: SimpleNamespace, encoder: DenseEncoder, features: Tensor, expected: Expected
) -> Tensor:
    phrases = torch.from_numpy(expected["text_embeddings"])
    vocabulary = Vocabulary(tuple(f"class {i}" for i in range(len(phrases))), phrases)
    found = grid_probabilities(encoder, vocabulary, features)[0]
    return denoise(found, case.settings["denoise"])


def test_window_features(encoder: DenseEncoder, pixels: Tensor, expected: Expected) -> None:
    np.testing.assert_allclose(encoder.local(pixels)[0], expected["window_features"], atol=FEATURE, rtol=0)


def test_features(features: Tensor, expected: Expected) -> None:
    np.testing.assert_allclose(features[0], expected["features"], atol=FEATURE, rtol=0)


def test_aligned(encoder: DenseEncoder, features: Tensor, expected: Expected) -> None:
    aligned = encoder.align(features[0].flatten(1).T).T.reshape(expected["aligned"].shape)
    np.testing.assert_allclose(aligned, expected["aligned"], atol=FEATURE, rtol=0)


Answers = dict[tuple[bytes, bool], tuple[Tensor, Tensor]]
"""What SAM answers, masks and their qualities, by the points asked for and whether as published."""


@pytest.fixture(scope="module")
def answers() -> Answers:
    return {}


@pytest.fixture(scope="module")
def refiner(case: SimpleNamespace, radio: Radio, image: Tensor, answers: Answers) -> SamRefiner | None:
    """As published, with a SAM that computes each answer once; None if the case is not refined."""
    if (told := case.settings.get("sam")) is None:
        return None
    settings = RefineSettings(
        coarse_threshold=told["coarse_thresh"],
        minimal_area=told["minimal_area"],
        quality=told["iou_thresh"],
        as_published=True,
    )
    path = case.folder / "sam.pth"
    loaded = SamRefiner.from_checkpoint(path, radio=radio, scra=case.settings["scra"], settings=settings)
    seen, decode = loaded.embedder(image), loaded.sam.decode

    def answer(
        embedding: Tensor, points: Tensor, *prompts: Tensor, as_published: bool
    ) -> tuple[Tensor, Tensor]:
        key = (points.numpy().tobytes(), as_published)
        if key not in answers:
            answers[key] = decode(embedding, points, *prompts, as_published=as_published)
        return answers[key]

    loaded.sam.decode = answer
    return SamRefiner(loaded.sam, lambda _: seen, settings)


def test_probabilities(
    case: SimpleNamespace,
    image: Tensor,
    probabilities: Tensor,
    refiner: SamRefiner | None,
    expected: Expected,
) -> None:
    full = resized(probabilities, size_of(image))
    if refiner:
        full = refiner.probabilities(image, probabilities, size_of(image))
    if case.settings["ignore_label"]:
        full = torch.cat([torch.zeros_like(full[:1]), full])
    np.testing.assert_allclose(full[:, ::8, ::8], expected["probs_every_8th"], atol=FEATURE, rtol=0)


def test_labels(
    case: SimpleNamespace,
    image: Tensor,
    probabilities: Tensor,
    refiner: SamRefiner | None,
    expected: Expected,
) -> None:
    coarse = label_map(probabilities, size_of(image), case.settings["pred_thresh"])
    labels = refiner.refine(image, probabilities, size_of(image)).labels if refiner else coarse.labels
    if not probabilities.any():  # published: the first class everywhere, where nothing is left to be said
        labels = torch.zeros_like(labels)
    if case.settings["ignore_label"]:
        labels = (labels + 1).masked_fill(coarse.confidence < case.settings["pred_thresh"], 0)
    least = EQUAL_REFINED if refiner else EQUAL_LABELS
    assert (labels.numpy() == expected["pred"][0]).mean() >= least


def test_mended_refinement(
    image: Tensor, probabilities: Tensor, refiner: SamRefiner | None, answers: Answers
) -> None:
    """Labels follow the probabilities where there are masks, and are the coarse ones elsewhere.

    The threshold is the median of the qualities that SAM gives, so that it fails on some regions of any case
    with several. On these the published labels need not follow; ours do.
    """
    if refiner is None:
        pytest.skip("this case is not refined")
    size = size_of(image)
    coarse = resized(probabilities, size)
    for as_published in (True, False):
        settings = replace(refiner.settings, as_published=as_published, quality=-np.inf)
        SamRefiner(refiner.sam, refiner.embedder, settings).refine(image, probabilities, size)
        qualities = [quality for (_, published), (_, quality) in answers.items() if published == as_published]
        median = torch.cat(qualities).median().item() if qualities else 0.0
        used = SamRefiner(refiner.sam, refiner.embedder, replace(settings, quality=median))
        labels = used.refine(image, probabilities, size).labels
        refined = used.probabilities(image, probabilities, size)
        masked = refined.amax(dim=0) > 0
        failed = masked & (refined > coarse - 1e-6).all(dim=0)
        followed = masked & ~failed if as_published else masked
        assert share(labels == refined.argmax(dim=0), followed) > EQUAL_LABELS
        assert share(labels == coarse.argmax(dim=0), ~masked) > EQUAL_LABELS


def share(equal: Tensor, where: Tensor) -> float:
    """The share of pixels that are equal, of those that count; 1 if none does."""
    return equal[where].float().mean().item() if where.any() else 1.0


def size_of(image: Tensor) -> tuple[int, int]:
    return image.shape[1], image.shape[2]


def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(maps[None], size=size, mode="bilinear")[0]
