"""The pocket network: a dual encoder small enough to ship, with a convolutional stem and a ViT trunk.

The stem ("Early Convolutions Help Transformers See Better", Xiao et al., NeurIPS 2021) carries the inductive
bias that a few thousand pictures cannot teach a plain patch embedding; the trunk leaves a grid of tokens for
dense features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.nn import functional as F

STRIDE = 16


@dataclass(frozen=True)
class PocketConfig:
    """Sizes of the network; a card's ``architecture`` mapping."""

    bands: int = 10
    image_size: int = 128
    width: int = 256
    depth: int = 6
    text_width: int = 192
    text_depth: int = 4
    merges: int = 7680
    context: int = 32
    embed_dim: int = 256
    drop_path: float = 0.1

    @classmethod
    def from_card(cls, architecture: Mapping[str, Any]) -> PocketConfig:
        """The sizes that a card's ``architecture`` states."""
        return cls(**architecture)


class PocketCLIP(nn.Module):
    """Images of ``bands`` channels and texts into one space of ``embed_dim`` dimensions."""

    def __init__(self, config: PocketConfig, vocab_size: int) -> None:
        super().__init__()
        self.config = config
        self.visual = _ImageTower(config)
        self.text = _TextTower(config, vocab_size)
        self.logit_scale = nn.Parameter(torch.tensor(20.0).log())

    def forward(self, pixels: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Unit image features, unit text features and the factor of their cosines: what training needs."""
        images = F.normalize(self.encode_image(pixels), dim=-1)
        texts = F.normalize(self.encode_text(tokens), dim=-1)
        return images, texts, self.logit_scale.exp()

    def encode_image(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (N, bands, H, W) to features (N, embed_dim), not of unit length."""
        features: Tensor = self.visual(pixels)
        return features

    def encode_dense(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (N, bands, H, W) to features in the text space (N, embed_dim, H/16, W/16)."""
        return self.visual.dense(pixels)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Token ids (N, context) to features (N, embed_dim), not of unit length."""
        features: Tensor = self.text(tokens)
        return features


class _ImageTower(nn.Module):
    def __init__(self, config: PocketConfig) -> None:
        super().__init__()
        width = config.width
        self.stem = nn.Sequential(
            _downsample(config.bands, 32),
            _downsample(32, 64),
            _Residual(64),
            _downsample(64, 128),
            _Residual(128),
            _downsample(128, width),
        )
        side = config.image_size // STRIDE
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, width, side, side))
        self.blocks = _blocks(width, config.depth, config.drop_path)
        self.norm = nn.LayerNorm(width)
        self.proj = nn.Linear(width, config.embed_dim, bias=False)

    def forward(self, pixels: Tensor) -> Tensor:
        tokens, _ = self._tokens(pixels)
        projected: Tensor = self.proj(tokens.mean(dim=1))
        return projected

    def dense(self, pixels: Tensor) -> Tensor:
        tokens, (rows, columns) = self._tokens(pixels)
        return self.proj(tokens).transpose(1, 2).unflatten(2, (rows, columns))  # type: ignore[no-any-return]

    def _tokens(self, pixels: Tensor) -> tuple[Tensor, tuple[int, int]]:
        grid = self.stem(pixels)
        shape = grid.shape[-2], grid.shape[-1]
        position: Tensor = self.pos_embed
        if shape != position.shape[-2:]:
            position = F.interpolate(position, size=shape, mode="bicubic", antialias=True)
        tokens = (grid + position).flatten(2).transpose(1, 2)
        return self.norm(self.blocks(tokens)), shape


class _TextTower(nn.Module):
    def __init__(self, config: PocketConfig, vocab_size: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocab_size, config.text_width, padding_idx=0)
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, config.context, config.text_width))
        self.blocks = _blocks(config.text_width, config.text_depth, 0.0)
        self.norm = nn.LayerNorm(config.text_width)
        self.proj = nn.Linear(config.text_width, config.embed_dim, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        present = tokens != 0
        longest = int(present.sum(dim=1).max())
        tokens, present = tokens[:, :longest], present[:, :longest]
        x = self.token_embedding(tokens) + self.pos_embed[:, :longest]
        attend = present[:, None, None, :].expand(-1, 1, x.shape[1], -1)
        for block in self.blocks:
            x = block(x, attn_mask=attend)
        weight = present.unsqueeze(-1).to(x.dtype)
        mean = (self.norm(x) * weight).sum(dim=1) / weight.sum(dim=1)
        projected: Tensor = self.proj(mean)
        return projected


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))))


def _downsample(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()
    )


def _blocks(width: int, depth: int, drop_path: float) -> nn.Sequential:
    rates = [drop_path * i / max(1, depth - 1) for i in range(depth)]
    blocks = nn.Sequential(*(Block(width, width // 64, qkv_bias=True, drop_path=rate) for rate in rates))
    for block in blocks.children():
        # With so few tokens the plain product beats the fused kernel, most of all backwards on a CPU.
        block.attn.fused_attn = False  # type: ignore[union-attr]
    return blocks
