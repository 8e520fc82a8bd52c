"""Where a run starts from: a network, from scratch or with weights, for the bands that it shall take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from terralex.models import InputSpec, ModelCard, load_model
from terralex.models.extension import extend_bands
from terralex.models.families.registry import get_family
from terralex.models.hyperbolic import LorentzScales
from terralex.models.interfaces import Tokenizer
from terralex.models.registry import get_card
from terralex.runtime.errors import UsageError
from terralex.training.recipe import Recipe

LORENTZ_LOGIT_SCALE = 1 / 0.07  # what MERU and ATMG begin at


def starting_point(recipe: Recipe) -> tuple[ModelCard, nn.Module, Tokenizer]:
    """The network that a run begins with, in float32 on the CPU, and the card of what comes of it.

    Raises:
        UsageError: there is no such model, or none that could begin from nothing.
        TerralexError: its weights are not here or damaged.
    """
    card, network, tokenizer = _from_scratch(recipe) if recipe.from_scratch else _continued(recipe)
    if recipe.temperature is not None:
        network.logit_scale.data.fill_(-math.log(recipe.temperature))  # type: ignore[operator]
    if recipe.temperature is not None or _learns_scale(recipe):
        card = replace(card, logit_scale=None)  # what stands in the weights counts
    if recipe.small_until and not get_family(card.family).trains_on_several_sizes:
        raise UsageError(f"{recipe.model} takes pictures of one size alone: leave small_until out")
    card = _described(card, recipe)
    if recipe.objective.needs_scenes:
        return card, network, tokenizer
    card = replace(card, root=None, geometry="cosine") if card.geometry == "radial" else card
    match recipe.objective.geometry:
        case "radial" if card.geometry == "cosine":
            card = replace(card, geometry="radial", root=recipe.root)
        case "lorentz" if card.geometry == "cosine":
            network.lorentz = LorentzScales(card.embed_dim)
            if recipe.temperature is None:
                network.logit_scale.data.fill_(math.log(LORENTZ_LOGIT_SCALE))  # type: ignore[operator]
            card = replace(card, geometry="lorentz", logit_scale=None)
        case needed if needed != card.geometry:
            name = recipe.objective.name
            raise UsageError(f"{name} cannot train {recipe.model}, whose geometry is {card.geometry}")
    return card, network, tokenizer


def _from_scratch(recipe: Recipe) -> tuple[ModelCard, nn.Module, Tokenizer]:
    card = get_card(recipe.model)
    return get_family(card.family).from_scratch(card, _input(card, recipe), recipe.architecture or {})


def _continued(recipe: Recipe) -> tuple[ModelCard, nn.Module, Tokenizer]:
    model = load_model(recipe.model, device="cpu", precision="float32")
    card, network = model.card, model.network.train().requires_grad_(True)
    if recipe.blend:
        _blend(network, recipe.blend)
    if card.architecture.get("domain"):  # of the vectors that it had before
        del network.domain
        card = replace(card, architecture={**card.architecture, "domain": 0})
    spec = _input(card, recipe)
    if (spec.sensor, spec.bands) != (card.input.sensor, card.input.bands):
        extend_bands(network, card.input, spec, recipe.new_bands)
    card = get_family(card.family).with_band_count(card, len(spec.bands))
    return replace(card, input=spec), network, model.tokenizer


def _blend(network: nn.Module, others: Mapping[str, Any]) -> None:
    """Average the weights with those of other models."""
    if not all(isinstance(share, float) and 0 < share < 1 for share in others.values()):
        raise UsageError(f"blend in the recipe: shares of models are numbers between 0 and 1, not {others}")
    own = 1 - sum(others.values())
    if own <= 0:
        raise UsageError(f"blend in the recipe: {others} leaves nothing of the model itself")
    state = {name: value.clone() for name, value in network.state_dict().items()}
    blended = {name: own * value for name, value in state.items() if value.is_floating_point()}
    for other, share in others.items():
        theirs = load_model(other, device="cpu", precision="float32").network.state_dict()
        if any(name not in theirs or theirs[name].shape != value.shape for name, value in blended.items()):
            raise UsageError(f"blend in the recipe: {other} has another architecture")
        blended = {name: value + share * theirs[name] for name, value in blended.items()}
    network.load_state_dict({**state, **blended})


def _learns_scale(recipe: Recipe) -> bool:
    named = {"scale", "logit_scale"} & {*recipe.learns}
    return (not recipe.learns or bool(named)) and "logit_scale" not in recipe.objective.fixed


def _input(card: ModelCard, recipe: Recipe) -> InputSpec:
    """What the model shall take: as its card says, or as another card does; of that, the bands asked for."""
    spec = replace(get_card(recipe.input).input, size=card.input.size) if recipe.input else card.input
    if not recipe.bands:
        return spec
    if strange := [name for name in recipe.bands if name not in spec.bands]:
        raise UsageError(f"bands in the recipe: no '{strange[0]}' here, only {', '.join(spec.bands)}")
    if len(set(recipe.bands)) != len(recipe.bands):
        raise UsageError(f"bands in the recipe: one is named twice in {', '.join(recipe.bands)}")
    places = [spec.bands.index(name) for name in recipe.bands]
    mean, std = (tuple(values[place] for place in places) for values in (spec.mean, spec.std))
    return replace(spec, bands=recipe.bands, mean=mean, std=std)


def _described(card: ModelCard, recipe: Recipe) -> ModelCard:
    """The card of what comes of a run: what was measured before holds no longer."""
    sources = [str(entry.get("path", f"made {entry['kind']}")) for entry in recipe.data] or ["made scenes"]
    pictures = recipe.steps * recipe.accumulate * recipe.batch_size
    own = f"{pictures:,} pictures of {', '.join(sources)}, with the objective {recipe.objective.name}."
    before = "" if recipe.from_scratch else f"{card.trained_on.strip().rstrip('.')}; then "
    name = recipe.name or f"{card.name}-{recipe.objective.name}"
    return replace(card, name=name, trained_on=before + own, scores=())
