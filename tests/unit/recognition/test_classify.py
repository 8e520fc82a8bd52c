from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import terralex
from terralex.models import Model, load_model
from terralex.models.domain import Domain
from terralex.recognition import Classifier, Encoder, Prediction, load_labels
from terralex.recognition.ranking import rank_labels
from terralex.runtime import UsageError

LABELS = ["water", "forest", "town"]


@pytest.fixture(scope="module")
def model(tiny_model: str) -> Model:
    return load_model(tiny_model)


def test_every_image_gets_its_best_label(model: Model, pictures: Path) -> None:
    predictions = list(terralex.classify(pictures, LABELS, model=model))
    assert [Path(entry.path).name for entry in predictions] == [
        *("0.png", "1.png", "2.png", "3.png", "4.jpg", "1.png")
    ]
    bad = predictions.pop(4)
    assert (bad.label, bad.position, bad.score, bad.model) == (None, None, None, "tiny")
    assert bad.error
    for entry in predictions:
        assert entry.label in LABELS
        assert entry.position == 1
        assert entry.score is not None
        assert entry.score > 1 / 3
        assert entry.scores is None
        assert entry.error is None
    assert predictions[1].score == pytest.approx(predictions[4].score, abs=1e-6)


def test_scores_are_the_softmax_of_scaled_cosines(model: Model, pictures: Path) -> None:
    path = pictures / "0.png"
    image = model.encode_images([path])[0].double()
    prompts = [[f"{text} {label}" for text in ("a photo of", "a map of")] for label in LABELS]
    texts = torch.stack([model.encode_texts(own).double().mean(0) for own in prompts])
    cosines = (texts / texts.norm(dim=1, keepdim=True)) @ image
    expected = (model.logit_scale * cosines).softmax(0).tolist()

    templates = ["a photo of {c}", "a map of {c}"]
    found = list(terralex.classify(path, LABELS, model=model, templates=templates, top_k=3, scores=True))
    assert [entry.position for entry in found] == [1, 2, 3]
    scores = [entry.score for entry in found]
    assert scores == sorted(scores, reverse=True)
    for entry in found:
        assert entry.scores == {
            label: pytest.approx(p, abs=1e-5) for label, p in zip(LABELS, expected, strict=True)
        }
        assert entry.score == entry.scores[entry.label]


def test_more_labels_than_there_are_is_all_of_them(model: Model, pictures: Path) -> None:
    assert len(list(terralex.classify(pictures / "0.png", LABELS, model=model, top_k=99))) == 3


class Even:
    """Gives all labels one probability."""

    labels = ("zebra", "ant", "newt")

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.full((len(vectors), 3), 1 / 3, np.float32)


def test_equal_scores_keep_the_order_of_the_labels(model: Model, pictures: Path) -> None:
    chunk = next(Encoder(model, cache=False).stream(pictures / "0.png"))
    found = rank_labels(chunk, Even(), "even", top_k=2, scores=False)
    assert [entry.label for entry in found] == ["zebra", "ant"]


def test_an_image_unlike_the_training_images_says_so(
    model: Model, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert all(entry.in_domain is None for entry in terralex.classify(pictures, LABELS, model=model))
    vectors = model.encode_images([pictures / "0.png", pictures / "1.png"])
    domain = Domain(1, model.embed_dim)
    domain.means.copy_(vectors[:1])
    domain.whitening.copy_(torch.eye(model.embed_dim) * 2 / (vectors[0] - vectors[1]).norm())
    monkeypatch.setattr(model, "domain", domain)
    known, other = terralex.classify([pictures / "0.png", pictures / "1.png"], LABELS, model=model)
    assert (known.in_domain, other.in_domain) == (True, False)
    said = "unlike the images that the model was trained on"
    assert said not in known.notes
    assert said in other.notes
    assert other.label in LABELS


def test_phrases_stand_for_their_label(model: Model, pictures: Path, tmp_path: Path) -> None:
    path = tmp_path / "labels.yaml"
    path.write_text("water: [river, lake]\ntown: [houses]\n")
    from_file = list(terralex.classify(pictures, path, model=model, templates="plain", scores=True))
    vectors = model.encode_texts(["river", "lake", "houses"]).numpy()
    water = vectors[:2].mean(0) / np.linalg.norm(vectors[:2].mean(0))
    image = model.encode_images([pictures / "0.png"]).numpy()[0]
    odds = np.exp(model.logit_scale * (image @ (water - vectors[2])))
    assert from_file[0].scores
    assert from_file[0].scores["water"] == pytest.approx(odds / (1 + odds), abs=1e-5)


def test_templates_come_from_a_file_too(model: Model, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("look, {c}!\n")
    image = pictures / "0.png"
    from_file = next(terralex.classify(image, LABELS, model=model, templates=tmp_path / "mine.txt"))
    assert from_file == next(terralex.classify(image, LABELS, model=model, templates=["look, {c}!"]))
    assert from_file != next(terralex.classify(image, LABELS, model=model))


@pytest.mark.parametrize(("labels", "templates"), [([], None), (["a", "A"], None), (LABELS, "no-such-set")])
def test_wrong_words_are_refused_before_anything_is_read(
    model: Model, labels: list[str], templates: str | None
) -> None:
    with pytest.raises(UsageError):
        terralex.classify("anything.jpg", labels, model=model, templates=templates)


def test_prompts_are_kept_between_runs(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERRALEX_CACHE", str(tmp_path / "cache"))
    labels = load_labels(LABELS)
    image = np.eye(1, model.embed_dim, dtype=np.float32)
    first = Classifier(model, labels).probabilities(image)
    monkeypatch.setattr(model, "tokenizer", lambda *_: pytest.fail("encoded again"))
    np.testing.assert_array_equal(Classifier(model, labels).probabilities(image), first)


def test_a_prediction_has_only_a_path_for_sure() -> None:
    assert Prediction("a.jpg").error is None
