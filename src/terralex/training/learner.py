"""The network of a run: where it starts from, what of it learns, and how its features reach the loss."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from terralex.models import ModelCard, load_model
from terralex.models.hyperbolic import LorentzScales
from terralex.models.networks import Tokenizer
from terralex.models.pocket import PocketCLIP, PocketConfig
from terralex.models.registry import get_card
from terralex.models.tokenizer import PocketTokenizer
from terralex.runtime.errors import UsageError
from terralex.training.batches import Batch
from terralex.training.objective import Features, Objective
from terralex.training.recipe import Recipe

MAX_LOGIT_SCALE = 100.0
LORENTZ_LOGIT_SCALE = 1 / 0.07  # what MERU and ATMG begin at


def starting_point(recipe: Recipe) -> tuple[ModelCard, nn.Module, Tokenizer]:
    """The network that a run begins with, in float32 on the CPU, and the card of what comes of it.

    Raises:
        UsageError: there is no such model, or none that could begin from nothing.
        TerralexError: its weights are not here or damaged.
    """
    if recipe.from_scratch:
        card = get_card(recipe.model)
        if card.family != "pocket":
            raise UsageError(f"model {recipe.model}: only the pocket model is made from scratch")
        config = PocketConfig.from_card(card.architecture)
        tokenizer: Tokenizer = PocketTokenizer(config.merges, config.context)
        network: nn.Module = PocketCLIP(config, tokenizer.vocab_size)  # type: ignore[attr-defined]
    else:
        model = load_model(recipe.model, device="cpu", precision="float32")
        card, network, tokenizer = model.card, model.network.train(), model.tokenizer
        network.requires_grad_(True)
    card = _described(card, recipe)
    card = replace(card, root=None, geometry="cosine") if card.geometry == "radial" else card
    match recipe.objective.geometry:
        case "radial" if card.geometry == "cosine":
            card = replace(card, geometry="radial", root=recipe.root)
        case "lorentz" if card.geometry == "cosine":
            network.lorentz = LorentzScales(card.embed_dim)
            network.logit_scale.data.fill_(math.log(LORENTZ_LOGIT_SCALE))  # type: ignore[operator]
            card = replace(card, geometry="lorentz", logit_scale=None)
        case needed if needed != card.geometry:
            name = recipe.objective.name
            raise UsageError(f"{name} cannot train {recipe.model}, whose geometry is {card.geometry}")
    return card, network, tokenizer


def _described(card: ModelCard, recipe: Recipe) -> ModelCard:
    """The card of what comes of a run: what was measured before holds no longer."""
    data = ", ".join(str(entry.get("path", f"made {entry['kind']}")) for entry in recipe.data)
    pictures = recipe.steps * recipe.accumulate * recipe.batch_size
    own = f"{pictures:,} pictures of {data}, with the objective {recipe.objective.name}."
    before = "" if recipe.from_scratch else f"{card.trained_on.strip().rstrip('.')}; then "
    name = recipe.name or f"{card.name}-{recipe.objective.name}"
    return replace(card, name=name, trained_on=before + own, scores=())


class Learner(nn.Module):
    """A network and, while it learns, a free vector for each name.

    Pictures learn from these prototypes at once, long before the text tower tells phrases apart, which then
    only has to meet the pictures. They are not exported.

    Args:
        network: what learns.
        objective: what for; it decides which parameters are fixed.
        prototypes: how many names have a free vector; 0: none.
        dim: its length.
    """

    def __init__(self, network: nn.Module, objective: Objective, prototypes: int, dim: int) -> None:
        super().__init__()
        self.network = network
        self.prototypes = nn.Embedding(prototypes, dim) if prototypes else None
        if self.prototypes is not None:
            nn.init.normal_(self.prototypes.weight, std=dim**-0.5)
        for name, parameter in network.named_parameters():
            if name.startswith(objective.fixed):
                parameter.requires_grad_(False)

    def forward(self, pixels: Tensor | None, tokens: Tensor) -> tuple[Tensor | None, Tensor]:
        """Features of pictures and texts, as the towers give them."""
        images = None if pixels is None else self.network.encode_image(pixels)  # type: ignore[operator]
        return images, self.network.encode_text(tokens)  # type: ignore[operator]

    @torch.no_grad()
    def clamp_(self) -> None:
        """Bring scalars that learn back to where they may be."""
        scale = self.network.logit_scale
        assert isinstance(scale, Tensor)
        scale.clamp_(max=math.log(MAX_LOGIT_SCALE))
        if isinstance(lorentz := getattr(self.network, "lorentz", None), LorentzScales):
            lorentz.clamp_()


def frozen_texts(network: nn.Module) -> nn.Module:
    """A copy of the text tower as it is."""
    visual = network.visual
    network.visual = nn.Identity()
    frozen = copy.deepcopy(network).eval().requires_grad_(False)
    network.visual = visual
    return frozen


def embed(
    fabric: Fabric, learner: nn.Module, batch: Batch, tokens: Tensor, frozen: nn.Module | None
) -> Features:
    """The features of a batch. Each process encodes a part of its texts and its own pictures, once each."""
    network: Any = learner.module.network  # type: ignore[union-attr]
    mine = _part(tokens, fabric)
    has_pictures = len(batch.pixels) > 0
    images, texts = learner(batch.pixels if has_pictures else None, mine)
    texts = _gather(texts.float(), fabric)[: len(tokens)]
    images = _gather(images.float(), fabric) if has_pictures else texts[:0]
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
    return Features(images, texts, scale, curvature, prototypes, prior)


def decay_groups(learner: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices and filters, none for norms, biases and scalars."""
    learning = [p for p in learner.parameters() if p.requires_grad]
    return [
        {"params": [p for p in learning if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in learning if p.ndim <= 1], "weight_decay": 0.0},
    ]


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
