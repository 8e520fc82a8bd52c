"""Gradients of a batch that goes through the network chunk by chunk."""

import copy

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from terralex.models.clip import CLIP
from terralex.models.pocket import PocketCLIP, PocketConfig
from terralex.training.caching import GradientCache
from terralex.training.learner import Encoded
from terralex.training.objectives import clip_loss

SIZE = 32
CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": SIZE, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 12, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1},
}


class Towers(nn.Module):
    """A learner in small; what it drops is drawn anew at each call."""

    def __init__(self, network: nn.Module, drop: float) -> None:
        super().__init__()
        self.network, self.drop = network, nn.Dropout(drop)

    def forward(self, pixels: Tensor | None, tokens: Tensor | None) -> Encoded:
        images = None if pixels is None else self.drop(self.network.encode_image(pixels))
        return Encoded(images, None if tokens is None else self.network.encode_text(tokens))


@pytest.fixture(scope="module")
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


def batch(pictures: int, texts: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(1, 60, (texts, 12), generator=generator)
    tokens[:, -1] = 63  # where a text ends
    relation = (torch.arange(pictures)[:, None] % texts == torch.arange(texts)).to(torch.int8)
    return torch.randn(pictures, 3, SIZE, SIZE, generator=generator), tokens, relation


def learner(drop: float = 0.0) -> Towers:
    torch.manual_seed(0)
    return Towers(CLIP(**CONFIG), drop)


def loss_of(towers: nn.Module, encoded: Encoded, relation: Tensor) -> Tensor:
    images, texts = (nn.functional.normalize(rows, dim=-1) for rows in encoded[:2])
    return clip_loss(images, texts, towers.network.logit_scale.exp(), relation)


def gradients(towers: nn.Module) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in towers.named_parameters() if p.grad is not None}


def cached(fabric: Fabric, towers: nn.Module, size: int, rows: tuple[Tensor, Tensor, Tensor]) -> float:
    cache = GradientCache(fabric, fabric.setup(towers), size)
    loss = loss_of(towers, cache(rows[0], rows[1]), rows[2])
    fabric.backward(loss)
    cache.backward()
    return loss.item()


@pytest.mark.parametrize(("pictures", "texts", "size"), [(8, 8, 2), (7, 3, 2), (3, 7, 2), (4, 4, 100)])
def test_gradients_are_those_of_the_whole_batch(fabric: Fabric, pictures: int, texts: int, size: int) -> None:
    rows, whole, parts = batch(pictures, texts), learner(), learner()
    loss = loss_of(whole, whole(rows[0], rows[1]), rows[2])
    loss.backward()
    assert cached(fabric, parts, size, rows) == pytest.approx(loss.item(), rel=1e-5)
    ours, theirs = gradients(parts), gradients(whole)
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        torch.testing.assert_close(ours[name], gradient, rtol=1e-3, atol=1e-5)
    assert max(float(gradient.abs().max()) for gradient in ours.values()) > 1e-3


def test_what_is_dropped_is_the_same_on_the_second_run(fabric: Fabric) -> None:
    """The same chunks, but all of them kept until the loss has its gradients."""
    rows, kept, parts = batch(6, 6), learner(0.5), learner(0.5)
    torch.manual_seed(7)
    pieces = [kept(rows[0][k : k + 2], rows[1][k : k + 2]) for k in (0, 2, 4)]
    joined = Encoded(torch.cat([p.images for p in pieces]), torch.cat([p.texts for p in pieces]))
    loss_of(kept, joined, rows[2]).backward()
    after = torch.rand(3)
    torch.manual_seed(7)
    cached(fabric, parts, 2, rows)
    assert torch.equal(torch.rand(3), after), "and what is drawn next is as without chunks"
    for name, gradient in gradients(kept).items():
        torch.testing.assert_close(gradients(parts)[name], gradient, rtol=1e-3, atol=1e-5)


def test_statistics_are_gathered_once(fabric: Fabric) -> None:
    torch.manual_seed(0)
    config = PocketConfig(bands=3, image_size=SIZE, width=64, depth=1, text_width=64, text_depth=1)
    once = Towers(PocketCLIP(config, 64), 0.0)
    parts = copy.deepcopy(once)
    rows = batch(4, 4)
    for start in (0, 2):
        once(rows[0][start : start + 2], None)
    cached(fabric, parts, 2, rows)
    for name, value in once.named_buffers():
        if "running" in name:
            torch.testing.assert_close(dict(parts.named_buffers())[name], value)


def test_it_holds_on_to_no_activations(fabric: Fabric) -> None:
    towers = learner()
    rows = batch(6, 6)
    encoded = GradientCache(fabric, fabric.setup(towers), 2)(rows[0], rows[1])
    loss = loss_of(towers, encoded, rows[2])
    reached = {name for name, p in towers.named_parameters() if p.requires_grad}
    loss.backward()
    assert set(gradients(towers)) == {"network.logit_scale"} < reached
