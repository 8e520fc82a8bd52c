import pytest
import straightforward as plain
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from terralex.segmentation import labelling
from terralex.segmentation.labelling import NONE, class_probabilities, denoise, label_map

small = st.integers(1, 9)


def grid(classes: int, height: int, width: int, sharpness: float, seed: int) -> Tensor:
    noise = torch.randn(classes, height, width, generator=torch.Generator().manual_seed(seed))
    return (sharpness * noise).softmax(0)


@given(
    st.integers(1, 12),
    small,
    small,
    st.integers(1, 70),
    st.integers(1, 70),
    st.floats(0, 30),
    st.integers(0, 99),
)
def test_labels_of_any_size(
    classes: int, h: int, w: int, height: int, width: int, sharpness: float, seed: int
) -> None:
    probabilities = grid(classes, h, w, sharpness, seed)
    found = label_map(probabilities, (height, width))
    labels, confidence = plain.label_map(probabilities, (height, width), 0.0, 0.0)
    torch.testing.assert_close(found.confidence, confidence, atol=1e-6, rtol=1e-5)
    full = F.interpolate(probabilities[None], size=(height, width), mode="bilinear")[0]
    own = full.gather(0, found.labels[None])[0]
    assert ((found.labels == labels) | (confidence - own < 1e-6)).all()  # but where two are the same


@pytest.mark.parametrize("band", [1, 1000, labelling.BAND])
def test_bands_make_no_difference(band: int, monkeypatch: pytest.MonkeyPatch) -> None:
    probabilities = grid(6, 11, 13, 5.0, 0)
    expected = plain.label_map(probabilities, (170, 201), 0.0, 0.4)
    monkeypatch.setattr(labelling, "BAND", band)
    found = label_map(probabilities, (170, 201), 0.4)
    assert torch.equal(found.labels, expected[0])
    torch.testing.assert_close(found.confidence, expected[1], atol=1e-6, rtol=0)


def test_thresholds_and_what_is_not_there() -> None:
    probabilities = torch.tensor([[[0.7, 0.1]], [[0.2, 0.3]], [[0.1, 0.6]]])
    assert label_map(probabilities, (1, 2), 0.65).labels.tolist() == [[0, NONE]]
    assert label_map(probabilities, (1, 2)).labels.tolist() == [[0, 2]]
    assert denoise(probabilities.clone(), 0.65)[:, 0, 1].tolist() == pytest.approx([0.1, 0, 0])
    nothing = label_map(denoise(probabilities.clone(), 0.9), (3, 4))
    assert (nothing.labels == NONE).all()
    assert (nothing.confidence == 0).all()


def test_the_first_of_equal_classes() -> None:
    assert (label_map(torch.full((4, 3, 3), 0.25), (20, 20)).labels == 0).all()


def test_a_class_is_as_probable_as_its_best_phrase() -> None:
    phrases = F.normalize(torch.randn(5, 8, generator=torch.Generator().manual_seed(0)), dim=-1)
    vectors = 3 * torch.randn(20, 8, generator=torch.Generator().manual_seed(1))
    each = (100 * plain.cosines(vectors, phrases)).softmax(-1)
    torch.testing.assert_close(class_probabilities(vectors, phrases), each)
    owner = torch.tensor([1, 0, 1, 2, 0])
    expected = torch.stack([each[:, [1, 4]].amax(1), each[:, [0, 2]].amax(1), each[:, 3]], dim=1)
    torch.testing.assert_close(class_probabilities(vectors, phrases, owner), expected)


def test_the_probabilities_of_a_band_alone_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    lerp = torch.lerp

    def watched(*tensors: Tensor) -> Tensor:
        result = lerp(*tensors)
        seen.append(result.numel())
        return result

    monkeypatch.setattr(labelling, "BAND", 20_000)
    monkeypatch.setattr(torch, "lerp", watched)
    label_map(grid(20, 8, 8, 0.1, 0), (300, 300))
    assert 0 < max(seen) <= 20_000
