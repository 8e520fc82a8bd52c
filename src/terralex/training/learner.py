"""The network of a run while it learns, and how its features reach the loss."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from terralex.models.hyperbolic import LorentzScales
from terralex.models.pocket import PocketCLIP
from terralex.training.batches import Batch
from terralex.training.objective import Features
from terralex.training.objectives import patch_similarity
from terralex.training.parameters import fix
from terralex.training.patches import PatchHeads, encode_patches
from terralex.training.recipe import Recipe

MAX_LOGIT_SCALE = 100.0
_SHORT = 16  # tokens of a phrase about land; names of species with all above them have some 40


class Encoded(NamedTuple):
    """Features as the towers give them, each where it was asked for; not of unit length.

    Attributes:
        images: (n, d).
        texts: (k, d).
        scenes: (m, d), of places of scenes.
        patches: (n, places, d), as the heads of patch alignment give them.
        patch_texts: (k, d), likewise.
    """

    images: Tensor | None
    texts: Tensor | None
    scenes: Tensor | None = None
    patches: Tensor | None = None
    patch_texts: Tensor | None = None


class Learner(nn.Module):
    """A network and what helps it while it learns, which is not exported.

    Free vectors, one for each name: pictures learn from these prototypes at once, long before the text tower
    tells phrases apart, which then only has to meet the pictures. And heads for patches and texts.

    Args:
        network: what learns.
        recipe: how; it and its objective decide which parameters are fixed.
        prototypes: how many names have a free vector; 0: none.
        dim: its length.

    Raises:
        UsageError: The recipe names what the network does not have.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, prototypes: int, dim: int) -> None:
        super().__init__()
        self.network = network
        self.prototypes = nn.Embedding(prototypes, dim) if prototypes else None
        if self.prototypes is not None:
            nn.init.normal_(self.prototypes.weight, std=dim**-0.5)
        fix(network, recipe.learns, recipe.objective.fixed)
        self.heads = PatchHeads(network, dim) if recipe.objective.aligns_patches else None

    def forward(
        self, pixels: Tensor | None, tokens: Tensor | None, scenes: tuple[Tensor, Tensor] | None = None
    ) -> Encoded:
        """Features of pictures, of texts, and of scenes (their pixels) at places of theirs."""
        network: Any = self.network
        texts = None if tokens is None else encode_texts(network, tokens)
        dense = None if scenes is None else encode_places(network, *scenes)
        if self.heads is None:
            return Encoded(None if pixels is None else network.encode_image(pixels), texts, dense)
        images, patches = (None, None) if pixels is None else encode_patches(network, pixels)
        aligned = None if patches is None else self.heads.align_patches(patches)
        return Encoded(images, texts, dense, aligned, None if texts is None else self.heads.texts(texts))

    def train(self, mode: bool = True) -> Learner:
        """What learns varies and gathers statistics; what does not runs as it will be used."""
        super().train(mode)
        for module in self.network.modules():
            own = list(module.parameters())
            if own and not any(parameter.requires_grad for parameter in own):
                module.eval()
        return self

    @torch.no_grad()
    def clamp_(self) -> None:
        """Bring scalars that learn back to where they may be."""
        scale = self.network.logit_scale
        assert isinstance(scale, Tensor)
        scale.clamp_(max=math.log(MAX_LOGIT_SCALE))
        if isinstance(lorentz := getattr(self.network, "lorentz", None), LorentzScales):
            lorentz.clamp_()


def encode_texts(network: Any, tokens: Tensor) -> Tensor:  # noqa: ANN401 (any dual encoder)
    """Features of texts (k, d); in the pocket model long texts do not pad the short ones."""
    lengths = (tokens != 0).sum(dim=1)
    short = lengths <= _SHORT
    if not isinstance(network, PocketCLIP) or short.all() or not short.any():
        features: Tensor = network.encode_text(tokens)
        return features
    order = torch.cat([short.nonzero(), (~short).nonzero()])[:, 0]
    parts = [network.encode_text(tokens[chosen]) for chosen in (short, ~short)]
    return torch.cat(parts)[order.argsort()]


def encode_places(network: Any, pixels: Tensor, places: Tensor) -> Tensor:  # noqa: ANN401 (a pocket network)
    """Dense features of some places of scenes, in the space of texts: (m, d); see `SceneBatch`."""
    features = network.encode_dense(pixels).flatten(2).transpose(1, 2)
    chosen = features.take_along_dim(places[:, :, None], dim=1)
    aligned: Tensor = network.align(chosen.flatten(0, 1))
    return aligned


def frozen_texts(network: nn.Module) -> nn.Module:
    """A copy of the text tower as it is."""
    visual = network.visual
    network.visual = nn.Identity()
    frozen = copy.deepcopy(network).eval().requires_grad_(False)
    network.visual = visual
    return frozen


def embed(
    fabric: Fabric,
    learner: nn.Module,
    batch: Batch,
    tokens: Tensor,
    frozen: nn.Module | None,
    encode: Callable[..., Encoded],
) -> Features:
    """The features of a batch. Each process encodes a part of its texts and its own pictures, once each.

    Args:
        fabric: where it runs.
        learner: as Fabric set it up.
        batch: what to encode.
        tokens: of its texts.
        frozen: the text tower as it was.
        encode: the learner, or what stands in for it.
    """
    network: Any = learner.module.network  # type: ignore[union-attr]
    mine = _part(tokens, fabric)
    has_pictures = len(batch.pixels) > 0
    scenes = batch.scenes and (batch.scenes.pixels, batch.scenes.places)
    encoded = encode(batch.pixels if has_pictures else None, mine, scenes)
    assert encoded.texts is not None, "tokens were given"
    texts = _gather(encoded.texts.float(), fabric)[: len(tokens)]
    images = texts[:0] if encoded.images is None else _gather(encoded.images.float(), fabric)
    scale, curvature, prior = network.logit_scale.float().exp(), None, None
    if isinstance(lorentz := getattr(network, "lorentz", None), LorentzScales):
        images, texts, curvature = lorentz.lift_images(images), lorentz.lift_texts(texts), lorentz.curvature
    else:
        images, texts = F.normalize(images, dim=-1), F.normalize(texts, dim=-1)
    if frozen is not None:
        with torch.no_grad(), fabric.autocast():
            before: Tensor = frozen.encode_text(mine)  # type: ignore[operator]
        prior = F.normalize(_gather(before.float(), fabric)[: len(tokens)], dim=-1)
    table: nn.Embedding | None = learner.module.prototypes  # type: ignore[union-attr, assignment]
    prototypes = None if table is None else F.normalize(table(batch.captions.keys).float(), dim=-1)
    patches = None
    if encoded.patches is not None and encoded.patch_texts is not None:
        words = _gather(encoded.patch_texts.float(), fabric)[: len(tokens)]
        patches = _gather(patch_similarity(encoded.patches.float(), words), fabric)
    return Features(images, texts, scale, curvature, prototypes, prior, encoded.scenes, patches)


def _part(tokens: Tensor, fabric: Fabric) -> Tensor:
    """This process's rows; all have equally many, so the last row is repeated."""
    each = -(-len(tokens) // fabric.world_size)
    rows = torch.arange(fabric.global_rank * each, (fabric.global_rank + 1) * each, device=tokens.device)
    return tokens[rows.clamp(max=len(tokens) - 1)]


def _gather(rows: Tensor, fabric: Fabric) -> Tensor:
    """The rows of all processes, one after the other; gradients go back to where they came from."""
    if fabric.world_size == 1:
        return rows
    gathered = fabric.all_gather(rows, sync_grads=True)
    assert isinstance(gathered, Tensor)
    return gathered.flatten(0, 1)
