"""SAM as transformers builds it: a neck, a prompt encoder and a mask decoder; its own trunk where wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import SamConfig, SamVisionConfig
from transformers.models.sam.modeling_sam import (
    SamMaskDecoder,
    SamPromptEncoder,
    SamVisionEncoder,
    SamVisionNeck,
)

from terralex.models.checkpoints import load_strict

_NECK = "vision_encoder.neck."
_TRUNK = "vision_encoder."
_POSITIONS = "prompt_encoder.shared_embedding.positional_embedding"

# SAM was trained with torch's own epsilon in the decoder's layers; transformers has 1e-6 there.
_DECODER_EPS = 1e-5


class Sam(nn.Module):
    """The parts of SAM that refine a segmentation, under the names of the Hugging Face layout.

    Attributes:
        image_size: Side in pixels of the square frame that SAM looks at: 1024.
        grid_size: Side of its embedding of a picture: 64.
        prompt_size: Side of the mask that may be a prompt, and of the masks that it answers: 256.

    Args:
        config: The architecture.
        trunk: Whether SAM's own vision transformer is part of it, or only its neck.
    """

    def __init__(self, config: SamConfig, *, trunk: bool) -> None:
        super().__init__()
        vision: Any = config.vision_config  # transformers types these as what they may be before __init__
        prompts: Any = config.prompt_encoder_config
        decoder: Any = config.mask_decoder_config
        self.vision_encoder = (
            SamVisionEncoder(vision) if trunk else nn.ModuleDict({"neck": SamVisionNeck(vision)})
        )
        self.prompt_encoder = SamPromptEncoder(config)
        self.mask_decoder = SamMaskDecoder(decoder)
        self.image_size: int = prompts.image_size
        self.grid_size: int = prompts.image_embedding_size
        self.prompt_size = 4 * self.grid_size

    @property
    def has_trunk(self) -> bool:
        """Whether `encode` works."""
        return isinstance(self.vision_encoder, SamVisionEncoder)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.mask_decoder.iou_token.weight.device

    def encode(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (1, 3, image_size, image_size) to an embedding (1, 256, grid, grid)."""
        embedding: Tensor = self.vision_encoder(pixels).last_hidden_state
        return embedding

    def neck(self, features: Tensor) -> Tensor:
        """Features of SAM's trunk (1, width, h, w), h and w up to grid, to an embedding (1, 256, grid, grid).

        What is beyond h and w is zero.
        """
        height, width = features.shape[-2:]
        padded = nn.functional.pad(features, (0, self.grid_size - width, 0, self.grid_size - height))
        embedding: Tensor = self.vision_encoder.get_submodule("neck")(padded.permute(0, 2, 3, 1))
        return embedding

    def decode(
        self, embedding: Tensor, points: Tensor, boxes: Tensor, masks: Tensor, *, as_published: bool = False
    ) -> tuple[Tensor, Tensor]:
        """One mask for each prompt of a point in the thing, a box around it, and a rough mask.

        Args:
            embedding: (1, 256, grid, grid).
            points: float32 (N, 2): x, y in pixels of the frame.
            boxes: float32 (N, 4): x0, y0, x1, y1 in pixels of the frame.
            masks: float32 (N, prompt_size, prompt_size).
            as_published: Embed masks as RADSeg's code does, see `RefineSettings`.

        Returns:
            Logits (N, prompt_size, prompt_size), positive inside; and how well SAM thinks they fit (N,), an
            intersection over union.
        """
        number = len(points)
        inside = torch.ones(number, 1, 1, dtype=torch.int64, device=points.device)
        sparse, _ = self.prompt_encoder(points[:, None, None], inside, boxes[:, None], None)
        embed = self._normalised_over_rows if as_published else self.prompt_encoder.mask_embed
        logits, quality = self.mask_decoder(
            embedding.expand(number, -1, -1, -1),
            self._positions().expand(number, -1, -1, -1),
            sparse,
            embed(masks[:, None]),
            multimask_output=False,
        )
        return logits[:, 0, 0], quality[:, 0, 0]

    def _normalised_over_rows(self, masks: Tensor) -> Tensor:
        """Masks (N, 1, side, side) embedded, with norms over the rows of a map instead of its channels.

        It is what SAM's norms do to a mask without the dimension of a batch.
        """
        embed = self.prompt_encoder.mask_embed
        maps = masks
        for convolve, norm in ((embed.conv1, embed.layer_norm1), (embed.conv2, embed.layer_norm2)):
            maps = convolve(maps)
            variance, mean = torch.var_mean(maps, dim=2, correction=0, keepdim=True)
            maps = (maps - mean) * (variance + norm.eps).rsqrt()
            maps = embed.activation(maps * norm.weight[:, None, None] + norm.bias[:, None, None])
        embedded: Tensor = embed.conv3(maps)
        return embedded

    def _positions(self) -> Tensor:
        """What tells the places of the grid apart: (1, 256, grid, grid)."""
        weight = self.prompt_encoder.shared_embedding.positional_embedding
        centres = (
            torch.arange(self.grid_size, device=weight.device, dtype=weight.dtype) + 0.5
        ) / self.grid_size
        y, x = torch.meshgrid(centres, centres, indexing="ij")
        places: Tensor = self.prompt_encoder.shared_embedding(torch.stack((x, y), dim=-1))
        return places.permute(2, 0, 1)[None]


def build_sam(state: Mapping[str, Tensor], where: str, *, trunk: bool = False) -> Sam:
    """The network that these weights are of, with them in it, ready to use.

    Args:
        state: Weights under the names of the Hugging Face layout, those of the trunk with the rest if wanted.
        where: The file, for messages.
        trunk: Whether to keep SAM's own vision transformer; if not, its weights are left.

    Raises:
        TerralexError: A weight is missing, unknown or of the wrong shape.
    """
    kept = {
        name: tensor
        for name, tensor in state.items()
        if trunk or not name.startswith(_TRUNK) or name.startswith(_NECK)
    }
    config = _config(kept, trunk=trunk)
    with torch.device("meta"):
        sam = Sam(config, trunk=trunk)
    load_strict(sam, kept, where)
    return sam.requires_grad_(False).eval()


def _config(state: Mapping[str, Tensor], *, trunk: bool) -> SamConfig:
    """The architecture, from the shapes of its weights. What is not there is as in SAM's own ViT-H."""
    neck = state.get(f"{_NECK}conv1.weight")
    vision: dict[str, Any] = {
        "hidden_size": neck.shape[1] if neck is not None else 1280,
        "num_pos_feats": state[_POSITIONS].shape[1] if _POSITIONS in state else 128,
    }
    if trunk:
        vision |= _trunk(state, vision["hidden_size"])
    config = SamConfig(
        vision_config=SamVisionConfig(**vision).to_dict(),
        prompt_encoder_config={},
        mask_decoder_config={"layer_norm_eps": _DECODER_EPS},
    )
    parts: tuple[Any, ...] = (config, config.vision_config, config.mask_decoder_config)
    for part in parts:
        part._attn_implementation = "sdpa"
    return config


def _trunk(state: Mapping[str, Tensor], width: int) -> dict[str, Any]:
    """Depth, heads and windows of SAM's vision transformer.

    Tables of relative positions have 2 n - 1 rows for attention over n x n tokens.
    """
    tables = {
        int(name.split(".")[2]): tensor
        for name, tensor in state.items()
        if name.startswith(f"{_TRUNK}layers.") and name.endswith("attn.rel_pos_h")
    }
    if not tables:
        return {"num_hidden_layers": 32, "num_attention_heads": 16}
    smallest = min(len(table) for table in tables.values())
    return {
        "num_hidden_layers": max(tables) + 1,
        "num_attention_heads": max(1, width // tables[max(tables)].shape[1]),
        "window_size": (smallest + 1) // 2,
        "global_attn_indexes": [layer for layer, table in sorted(tables.items()) if len(table) > smallest],
    }
