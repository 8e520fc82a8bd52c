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
from timm.layers.norm import LayerNorm2d
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.nn import functional as F

from terralex.models.domain import Domain

STRIDE = 16
"""Pixels a token."""

DENSE_STRIDE = 2
"""Pixels a cell of the dense features."""


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
    dense_width: int = 128
    drop_path: float = 0.1
    domain: int = 0  # means of the classes that it knows; 0: it does not know what it knows

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
        if config.domain:
            self.domain = Domain(config.domain, config.embed_dim)

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
        """Normalised pixels (N, bands, H, W) to features of places (N, C, H/2, W/2), odd sides rounded up.

        `align` leads on to the space of texts.
        """
        return self.visual.dense(pixels)

    def align(self, features: Tensor) -> Tensor:
        """Features of places (N, C), or means of them, to the space of texts (N, embed_dim)."""
        aligned: Tensor = self.visual.dense_head.proj(features)
        return aligned

    def encode_patches(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Features as of `encode_image`, and the tokens of the places they are from (N, places, width)."""
        tokens = self.visual.tokens(pixels)
        features: Tensor = self.visual.proj(tokens.mean(dim=1))
        return features, tokens

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Token ids (N, context) to features (N, embed_dim), not of unit length."""
        features: Tensor = self.text(tokens)
        return features


_BEFORE_HALVING = (0, 2, 4)  # the layers of the stem whose grids are of 2, 4 and 8 pixels a cell


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
        self.dense_head = _DenseHead(config.bands, (32, 64, 128, width), config.dense_width, config.embed_dim)

    def forward(self, pixels: Tensor) -> Tensor:
        projected: Tensor = self.proj(self.tokens(pixels).mean(dim=1))
        return projected

    def tokens(self, pixels: Tensor) -> Tensor:
        return self._tokens(self.stem(pixels))

    def dense(self, pixels: Tensor) -> Tensor:
        height, width = pixels.shape[-2:]
        pixels = F.pad(pixels, (0, -width % STRIDE, 0, -height % STRIDE))
        x, grids = pixels, []
        for number, layer in enumerate(self.stem):
            x = layer(x)
            if number in _BEFORE_HALVING:
                grids.append(x)
        tokens = torch.unflatten(self._tokens(x).transpose(1, 2), 2, x.shape[-2:])
        features: Tensor = self.dense_head(pixels, [*grids, tokens])
        return features[..., : -(-height // DENSE_STRIDE), : -(-width // DENSE_STRIDE)]

    def _tokens(self, grid: Tensor) -> Tensor:
        position: Tensor = self.pos_embed
        if grid.shape[-2:] != position.shape[-2:]:
            position = F.interpolate(position, size=grid.shape[-2:], mode="bicubic", antialias=True)
        tokens: Tensor = self.norm(self.blocks((grid + position).flatten(2).transpose(1, 2)))
        return tokens


class _DenseHead(nn.Module):
    """Features of places: what tokens say, put right by the finer grids of the stem and by the pixels.

    The grids, each twice as fine as the next, are added up from the coarsest on ("Feature Pyramid Networks",
    Lin et al., CVPR 2017).
    """

    def __init__(self, bands: int, channels: tuple[int, ...], width: int, out: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(own, width, 1) for own in channels)
        self.patches = nn.Conv2d(bands, width, DENSE_STRIDE, DENSE_STRIDE)
        self.coarse = _mixing(width, width)
        self.fine = _mixing(width, width // 2)
        self.proj = nn.Linear(width // 2, out, bias=False)

    def forward(self, pixels: Tensor, grids: list[Tensor]) -> Tensor:
        """Pixels, and grids from fine to coarse, to features on the finest grid, before `proj`."""
        finest, *finer, x = (lateral(grid) for lateral, grid in zip(self.lateral, grids, strict=True))
        for grid in reversed(finer):
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear") + grid
        x = F.interpolate(self.coarse(x), scale_factor=2.0, mode="bilinear")
        features: Tensor = self.fine(x + finest + self.patches(pixels))
        return features


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


def _mixing(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(LayerNorm2d(channels), nn.Conv2d(channels, out, 3, padding=1), nn.GELU())


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
