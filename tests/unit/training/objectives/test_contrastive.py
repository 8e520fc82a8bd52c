import torch
from torch.nn import functional as F

from terralex.training import clip_loss


def unit(n: int, seed: int) -> torch.Tensor:
    return F.normalize(
        torch.randn(n, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=1
    )


def test_one_true_pair_a_row_is_clips_loss() -> None:
    images, texts, scale = unit(5, 0).float(), unit(5, 1).float(), torch.tensor(14.0)
    logits = scale * images @ texts.T
    expected = 0.5 * (F.cross_entropy(logits, torch.arange(5)) + F.cross_entropy(logits.T, torch.arange(5)))
    ours = clip_loss(images, texts, scale, torch.eye(5, dtype=torch.int8))
    torch.testing.assert_close(ours, expected)


def test_true_pairs_do_not_compete() -> None:
    """An image's loss for one of its texts is the same whether or not it has another."""
    image, texts, scale = unit(1, 0).float(), unit(3, 1).float(), torch.tensor(5.0)
    logits = (scale * image @ texts.T)[0]
    both = clip_loss(image, texts, scale, torch.tensor([[1, 1, 0]], dtype=torch.int8))
    to_text = 0.5 * sum(F.softplus(logits[2] - logits[k]) for k in (0, 1))
    torch.testing.assert_close(both, 0.5 * to_text, atol=1e-6, rtol=1e-5)


def test_unknown_pairs_have_no_gradient() -> None:
    images, texts = unit(2, 0).float(), unit(3, 1).float().requires_grad_()
    relation = torch.tensor([[1, 0, -1], [0, 1, -1]], dtype=torch.int8)
    clip_loss(images, texts, torch.tensor(5.0), relation).backward()
    assert texts.grad is not None
    assert texts.grad[2].abs().max() == 0
    assert texts.grad[:2].abs().min() > 0


def test_a_row_with_nothing_false_is_finite() -> None:
    images = unit(2, 0).float().requires_grad_()
    loss = clip_loss(images, unit(2, 1).float(), torch.tensor(5.0), torch.ones(2, 2, dtype=torch.int8))
    loss.backward()
    assert loss == 0
    assert images.grad is not None
    assert torch.isfinite(images.grad).all()
