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
from terralex.segmentation.refinement import Refiner, RefineSettings
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


@pytest.fixture(scope="module")
def refiner(case: SimpleNamespace, radio: Radio) -> Refiner | None:
    """As published; None if the case is not refined."""
    if (told := case.settings.get("sam")) is None:
        return None
    settings = RefineSettings(
        coarse_threshold=told["coarse_thresh"],
        minimal_area=told["minimal_area"],
        quality=told["iou_thresh"],
        as_published=True,
    )
    path = case.folder / "sam.pth"
    return Refiner.from_checkpoint(path, radio=radio, scra=case.settings["scra"], settings=settings)


def test_probabilities(
    case: SimpleNamespace,
    image: Tensor,
    probabilities: Tensor,
    refiner: Refiner | None,
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
    refiner: Refiner | None,
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


def test_mended_refinement(image: Tensor, probabilities: Tensor, refiner: Refiner | None) -> None:
    """Labels follow the probabilities; as published they do not where SAM fails. Nothing else is touched."""
    if refiner is None:
        pytest.skip("this case is not refined")
    size = size_of(image)
    coarse = resized(probabilities, size)
    for as_published, quality in ((True, 1.0), (False, 1.1)):  # which SAM reaches for some regions only
        settings = replace(refiner.settings, as_published=as_published, quality=quality)
        used = Refiner(refiner.sam, refiner.eye, settings)
        labels = used.refine(image, probabilities, size).labels
        refined = used.probabilities(image, probabilities, size)
        said = refined.amax(dim=0) > 0
        failed = said & (refined > coarse - 1e-6).all(dim=0)
        follows = (labels == refined.argmax(dim=0)).float()
        assert failed.float().mean() > 0.1
        assert follows[said & ~failed].mean() > EQUAL_LABELS
        assert (follows[failed].mean() > EQUAL_LABELS) == (not as_published)
        assert (labels == coarse.argmax(dim=0))[~said].float().mean() > EQUAL_LABELS


def size_of(image: Tensor) -> tuple[int, int]:
    return image.shape[1], image.shape[2]


def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(maps[None], size=size, mode="bilinear")[0]
