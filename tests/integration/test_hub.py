import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from terralex.runtime import UsageError

REPOSITORY = Path(__file__).parents[2]
ATOL = 1e-4
EQUAL_LABELS = 0.999


def load(**options: Any) -> Any:  # noqa: ANN401
    return torch.hub.load(str(REPOSITORY), "radseg_encoder", source="local", device="cpu", **options)


@pytest.fixture(scope="module")
def case() -> Path:
    root = Path(os.environ.get("TERRALEX_PARITY") or REPOSITORY.parent / "shared" / "parity")
    folder = root / "radseg" / "slide"
    if not folder.is_dir():
        pytest.skip(f"no parity case: {folder} is absent (set TERRALEX_PARITY)")
    return folder


@pytest.fixture(scope="module")
def expected(case: Path) -> Mapping[str, torch.Tensor]:
    with np.load(case / "expected.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


@pytest.fixture(scope="module")
def encoder(case: Path) -> Any:  # noqa: ANN401
    return load(model_version=str(case / "checkpoint.pth.tar"), lang_model="siglip2")


@pytest.fixture
def predicting(encoder: Any, expected: Mapping[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401
    """As with classes, whose vectors the case brings: its text tower is not part of it."""
    monkeypatch.setattr(encoder, "predict", True)
    monkeypatch.setattr(encoder, "prompts", [f"class {i}" for i in range(len(expected["text_embeddings"]))])
    monkeypatch.setattr(encoder, "text_embeds", expected["text_embeddings"])
    return encoder


def test_features_agree(encoder: Any, expected: Mapping[str, torch.Tensor]) -> None:  # noqa: ANN401
    image = expected["image"][None] / 255
    features = encoder.encode_image_to_feat_map(image)
    torch.testing.assert_close(features, expected["features"][None], atol=ATOL, rtol=0)
    aligned = encoder.align_spatial_features_with_language(features)
    torch.testing.assert_close(aligned, expected["aligned"][None], atol=ATOL, rtol=0)
    twice = encoder.encode_image_to_feat_map(torch.cat([image, image.flip(3)]))
    torch.testing.assert_close(twice[:1], features, atol=ATOL, rtol=0)


def test_predictions_agree(predicting: Any, expected: Mapping[str, torch.Tensor]) -> None:  # noqa: ANN401
    image = expected["image"][None] / 255
    height, width = image.shape[2:]
    probabilities, labels = predicting.encode_image_to_feat_map(image, return_preds=True)
    assert probabilities.shape == (1, 6, height, width)
    torch.testing.assert_close(probabilities[0, :, ::8, ::8], expected["probs_every_8th"], atol=ATOL, rtol=0)
    assert labels.shape == (1, 1, height, width)
    assert (labels[:, 0] == expected["pred"]).float().mean() >= EQUAL_LABELS
    without = predicting.encode_image_to_feat_map(image, (height // 2, width // 2), True, False)
    half = (height // 2, width // 2)
    assert [part.shape for part in without] == [(1, 5, *half), (1, 1, *half)]
    torch.testing.assert_close(probabilities, predicting.encode_image_to_feat_map(image))


def test_refinement_agrees(case: Path) -> None:
    """With the published frames of prompts, the defect that the reference has."""
    folder = case.parent / "refined"
    with np.load(folder / "expected.npz") as arrays:
        image, texts, labels = (torch.from_numpy(arrays[n]) for n in ("image", "text_embeddings", "pred"))
    encoder = load(
        model_version=str(folder / "checkpoint.pth.tar"),
        sam_refinement=True,
        sam_ckpt=str(folder / "sam.pth"),
        as_published=True,
    )
    encoder.predict, encoder.text_embeds = True, texts
    encoder.prompts = [f"class {i}" for i in range(len(texts))]
    probabilities, found = encoder.encode_image_to_feat_map(image[None] / 255, None, True, False)
    assert probabilities.shape == (1, len(texts), *image.shape[1:])
    assert (found[:, 0] == labels).float().mean() >= 0.995


def test_predicting_is_an_encoder_of_one_hot_rows(predicting: Any) -> None:  # noqa: ANN401
    assert predicting.num_classes == 6
    assert predicting.cat_index_to_name[0] == ""
    assert predicting.cat_name_to_index["class 1"] == 2
    rows = predicting.encode_labels(["class 1", "class 4"])
    assert rows.argmax(dim=1).tolist() == [2, 5]
    assert rows.sum(dim=1).tolist() == pytest.approx([1, 1])
    assert rows.min() > 0
    torch.testing.assert_close(predicting.encode_prompts(["class 1"]), rows[:1])
    maps = torch.rand(1, 6, 2, 2)
    assert predicting.align_spatial_features_with_language(maps) is maps
    with pytest.raises(UsageError, match="'class 9' is not among the prompts"):
        predicting.encode_labels(["class 9"])


def test_text_vectors_are_given_on_request(
    predicting: Any,  # noqa: ANN401
    expected: Mapping[str, torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors = expected["text_embeddings"][:2]
    monkeypatch.setattr(predicting.model, "class_weights", lambda labels: vectors[: len(labels)])
    monkeypatch.setattr(predicting.model, "encode_texts", lambda texts: vectors[: len(texts)])
    torch.testing.assert_close(predicting.encode_labels(["class 1", "class 4"], onehot=False), vectors)
    torch.testing.assert_close(predicting.encode_prompts(["class 1"], onehot=False), vectors[:1])
    features = torch.rand(1, 64, 2, 2)
    aligned = predicting.align_spatial_features_with_language(features, onehot=False)
    assert aligned.shape == (1, 48, 2, 2)


def test_classes_may_be_set_afterwards(
    case: Path, expected: Mapping[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the README of the original, where `encode_labels` gives rows of a single 1 by then."""
    vectors = expected["text_embeddings"]
    labels = [f"class {i}" for i in range(len(vectors))]
    encoder = load(model_version=str(case / "checkpoint.pth.tar"), lang_model="siglip2").to("cpu").eval()
    monkeypatch.setattr(encoder.model, "class_weights", lambda labels: vectors[: len(labels)])
    encoder.predict = True
    encoder.prompts = labels
    encoder.text_embeds = encoder.encode_labels(labels)
    image = expected["image"][None] / 255
    probabilities = encoder.encode_image_to_feat_map(image)
    assert probabilities.shape == (1, len(labels) + 1, *image.shape[2:])
    torch.testing.assert_close(probabilities[0, :, ::8, ::8], expected["probs_every_8th"], atol=ATOL, rtol=0)


def test_as_published_every_pixel_has_a_class(
    predicting: Any,  # noqa: ANN401
    expected: Mapping[str, torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(predicting, "prompt_denoising_thresh", 1.1)  # no class is present
    image = expected["image"][None, :, :224, :224] / 255
    for as_published, first in ((False, 0), (True, 1)):
        monkeypatch.setattr(predicting, "as_published", as_published)
        _, labels = predicting.encode_image_to_feat_map(image, return_preds=True)
        assert (labels == first).all()


def test_sizes(encoder: Any) -> None:  # noqa: ANN401
    assert encoder.get_nearest_size(337, 7) == (336, 16)
    assert encoder.get_nearest_size(40, 24) == (32, 32), "half to even"
    assert encoder.is_compatible_size(336, 224)
    assert not encoder.is_compatible_size(337, 224)


def test_vectors(encoder: Any, expected: Mapping[str, torch.Tensor]) -> None:  # noqa: ANN401
    image = expected["image"][None, :, :224, :224] / 255
    vector = encoder.encode_image_to_vector(image)
    assert vector.shape == (1, 64)
    aligned = encoder.align_global_features_with_language(vector)
    direct = encoder.model.encode_images((image - _spec(encoder, "mean")) / _spec(encoder, "std"))
    torch.testing.assert_close(torch.nn.functional.normalize(aligned, dim=1), direct, atol=ATOL, rtol=0)


def test_texts_are_put_into_templates(encoder: Any) -> None:  # noqa: ANN401
    prompts = encoder.insert_labels_into_templates(["cat", "dog"])
    assert [len(own) for own in prompts] == [80, 80]
    assert all("dog" in prompt for prompt in prompts[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"predict": True}, "classes"),
        ({"text_query_mode": "sentences"}, "labels or prompts"),
        ({"lang_model": "word2vec"}, "word2vec"),
    ],
)
def test_what_cannot_be_is_said(case: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(model_version=str(case / "checkpoint.pth.tar"), **options)


def test_a_version_that_there_is_not() -> None:
    with pytest.raises(UsageError, match="radio-v9"):
        load(model_version="radio_v9")


def _spec(encoder: Any, name: str) -> torch.Tensor:  # noqa: ANN401
    return cast(torch.Tensor, torch.tensor(getattr(encoder.model.card.input, name))[:, None, None])
