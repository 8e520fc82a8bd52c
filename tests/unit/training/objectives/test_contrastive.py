import torch
from torch.nn import functional as F

from terralex.training import clip_loss
from terralex.training.objectives import dense_loss


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


def test_with_depths_a_true_text_competes_with_the_true_texts_above_it() -> None:
    images, texts, scale = unit(3, 0).float(), unit(6, 1).float(), torch.tensor(7.0)
    relation = torch.tensor([[1, 1, 0, 1, 0, -1], [1, 0, 1, 0, 1, 0], [0, 0, 1, 1, -1, 1]], dtype=torch.int8)
    depths = torch.tensor([0, 1, 1, 2, 2, 5])
    logits = scale * images @ texts.T

    def loss_of(image: int, *, ordered: bool) -> torch.Tensor:
        true = (relation[image] == 1).nonzero()[:, 0]
        pairs = []
        for text in true:
            above = true[depths[true] < depths[text]] if ordered else true[:0]
            rivals = torch.cat([(relation[image] == 0).nonzero()[:, 0], above])
            pairs.append(-logits[image, torch.cat([text[None], rivals])].log_softmax(0)[0])
        return torch.stack(pairs).mean()

    more = sum(loss_of(image, ordered=True) - loss_of(image, ordered=False) for image in range(3)) / 3
    plain = clip_loss(images, texts, scale, relation)
    assert more > 0.01
    torch.testing.assert_close(clip_loss(images, texts, scale, relation, depths), plain + 0.5 * more)
    torch.testing.assert_close(clip_loss(images, texts, scale, relation, torch.zeros_like(depths)), plain)


def test_the_dense_loss_is_that_of_places_among_the_texts() -> None:
    features = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    texts, scale = unit(3, 1).float(), torch.tensor(6.0)
    concepts = torch.tensor([0, 2, 1, 1, 0, 2])
    expected = F.cross_entropy(F.normalize(features, dim=1) @ (scale * texts).T, concepts)
    found = dense_loss(features, texts, scale, torch.eye(3, dtype=torch.int8)[concepts])
    torch.testing.assert_close(found, expected)
