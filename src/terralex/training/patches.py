"""Patch-text alignment: heads that bring the patches of pictures and the texts together while a model learns.

"Open Vocabulary Semantic Segmentation with Patch Aligned Contrastive Learning", Mukhoti et al., CVPR 2023.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from terralex.models.pocket import PocketCLIP
from terralex.runtime.errors import UsageError

_DROPOUT = 0.1


class PatchHeads(nn.Module):
    """Patches and texts into a space of their own. They serve training, and are not exported.

    Args:
        network: whose patches they are; of open_clip's models it must be a vision transformer.
        dim: length of the texts' features, and of the space.

    Raises:
        UsageError: The image tower has no patches.
    """

    def __init__(self, network: nn.Module, dim: int) -> None:
        super().__init__()
        width = _patch_width(network)
        self.norm, self.drop = nn.LayerNorm(width), nn.Dropout(_DROPOUT)
        self.direct = nn.Linear(width, dim)
        self.bent = nn.Sequential(nn.Linear(width, dim), nn.GELU(), nn.Linear(dim, dim))
        self.texts = nn.Sequential(nn.LayerNorm(dim), nn.Dropout(_DROPOUT), nn.Linear(dim, dim))

    def align_patches(self, patches: Tensor) -> Tensor:
        """Tokens of patches (n, places, width) to (n, places, dim)."""
        kept = self.drop(self.norm(patches))
        aligned: Tensor = self.direct(kept) + self.bent(kept)
        return aligned


def encode_patches(network: nn.Module, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Features of pictures (n, dim), and the tokens of their patches (n, places, width), in one pass."""
    if isinstance(network, PocketCLIP):
        return network.encode_patches(pixels)
    visual: Any = network.visual
    visual.output_tokens = True
    try:
        features, tokens = visual(pixels)
    finally:
        visual.output_tokens = False
    return features, tokens


def _patch_width(network: nn.Module) -> int:
    if isinstance(network, PocketCLIP):
        return network.config.width
    visual: Any = network.visual
    if not hasattr(visual, "output_tokens") or visual.conv1.kernel_size != visual.conv1.stride:
        raise UsageError("patch_weight needs a vision transformer: this image tower has no patches")
    width: int = visual.conv1.out_channels
    return width
