"""Models of open_clip with CLIP's own towers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from terralex.models.card import ModelCard
from terralex.models.checkpoints import StateDict
from terralex.models.dense.tower import Tower
from terralex.models.dense.towers import ClipTower
from terralex.models.families.family import Family
from terralex.models.interfaces import LoadedModel, Tokenizer
from terralex.models.networks import causal_mask, open_clip_config
from terralex.models.published import CONFIG_FILE, WEIGHT_FILES, config_json, disagreement
from terralex.runtime.errors import TerralexError, UsageError


class OpenClipFamily(Family):
    """See `Family`. Networks come on the meta device: they take no memory until weights are loaded."""

    weight_file = WEIGHT_FILES[0]

    def _build(self, card: ModelCard) -> tuple[nn.Module, Tokenizer]:
        """See `Family`."""
        import open_clip

        from terralex.models.clip import CLIP

        config = open_clip_config(card.architecture, card.name)
        with torch.device("meta"):
            try:
                network = CLIP(**config)
            except Exception as error:  # a configuration is anyone's, and open_clip trusts it
                raise TerralexError(
                    f"{card.name}: open_clip cannot build its architecture: {error}"
                ) from error
            first = network.visual.conv1
            if (channels := len(card.input.bands)) != first.in_channels:
                network.visual.conv1 = nn.Conv2d(
                    channels,
                    first.out_channels,
                    first.kernel_size,
                    first.stride,
                    first.padding,
                    bias=first.bias is not None,
                )
        if network.attn_mask is not None:  # no weight, so no file brings it
            network.attn_mask = causal_mask(network.attn_mask.shape[-1])
        return network, cast(Tokenizer, open_clip.SimpleTokenizer(context_length=card.text.context))

    def tower(self, model: LoadedModel, scra: float) -> Tower:
        """See `Family`."""
        from open_clip.transformer import ResidualAttentionBlock, VisionTransformer

        visual = cast(Any, model.network).visual
        if (
            not isinstance(visual, VisionTransformer)
            or not isinstance(visual.transformer.resblocks[-1], ResidualAttentionBlock)
            or visual.attn_pool is not None
        ):
            raise UsageError(
                f"{model.name} has no dense features: its image tower is not a plain vision transformer"
            )
        return ClipTower(visual, scra)

    def extra_files(self, card: ModelCard) -> dict[str, bytes]:
        """The description from which open_clip itself loads an RGB model that is not hyperbolic."""
        if card.input.sensor != "rgb" or card.geometry == "lorentz":
            return {}
        return {CONFIG_FILE: config_json(card).encode()}

    def disagreement(self, card: ModelCard, weights: Path) -> tuple[Path, str] | None:
        """See `Family`."""
        published = weights.parent / CONFIG_FILE
        differs = disagreement(card, published) if published.is_file() else None
        return (published, differs) if differs else None

    def fits(self, card: ModelCard, tensors: StateDict) -> bool:
        """See `Family`."""
        config = open_clip_config(card.architecture, card.name)
        vision = config["vision_cfg"]
        patch = vision["patch_size"]
        shapes = {
            "visual.conv1.weight": (vision["width"], len(card.input.bands), patch, patch),
            "text_projection": (config["text_cfg"]["width"], config["embed_dim"]),
        }
        return all(name in tensors and tuple(tensors[name].shape) == shape for name, shape in shapes.items())


FAMILY = OpenClipFamily()
