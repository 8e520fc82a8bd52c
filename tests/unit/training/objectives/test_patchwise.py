import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from terralex.training.objectives import patch_similarity, patchwise


def straightforward(patches: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
    """By the formula, one picture and one text at a time, with the pooled patches made."""
    scores = torch.empty(len(patches), len(texts))
    for i, own in enumerate(F.normalize(patches, dim=-1)):
        for k, text in enumerate(F.normalize(texts, dim=-1)):
            weights = torch.sigmoid(10 * own @ text)
            scores[i, k] = F.cosine_similarity((weights[:, None] * own).sum(dim=0), text, dim=0)
    return scores


@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 5), st.integers(0, 2**31 - 1))
def test_it_is_the_formula(n: int, places: int, k: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    patches = torch.randn(n, places, 6, generator=generator)
    texts = torch.randn(k, 6, generator=generator)
    torch.testing.assert_close(
        patch_similarity(patches, texts), straightforward(patches, texts), rtol=1e-4, atol=1e-5
    )


def test_blocks_change_nothing(monkeypatch) -> None:  # noqa: ANN001
    patches, texts = torch.randn(3, 4, 5), torch.randn(7, 5)
    whole = patch_similarity(patches, texts)
    monkeypatch.setattr(patchwise, "_BLOCK", 24)
    torch.testing.assert_close(patch_similarity(patches, texts), whole)


def test_one_patch_that_fits_is_enough() -> None:
    """The mean of the patches would be far from the text."""
    text = F.one_hot(torch.tensor([0]), 8).float()
    others = F.one_hot(torch.arange(1, 8), 8).float()
    with_it = torch.cat([text, others - 0.5 * text])[None]
    without = (others - 0.5 * text)[None]
    found, missed = patch_similarity(with_it, text), patch_similarity(without, text)
    assert float(found) > 0.9
    assert float(missed) < -0.3
    assert float(F.cosine_similarity(with_it.mean(dim=1), text)) < 0


def test_it_can_be_differentiated_where_patches_cancel_out() -> None:
    patches = torch.zeros(1, 2, 4)
    patches[0, 0, 0], patches[0, 1, 0] = 1.0, -1.0
    patches.requires_grad_()
    patch_similarity(patches, torch.eye(4)[1:2]).sum().backward()
    assert patches.grad.isfinite().all()
