"""SAM's weights: where they are, and their two published layouts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from terralex.models.card import WeightSource
from terralex.models.checkpoints import read_tensors
from terralex.models.hub import hand_folder, locate
from terralex.runtime.errors import TerralexError

SAM_NAME = "sam-vit-huge"
SAM_LICENCE = "Apache-2.0"
SAM_WEIGHTS = WeightSource(
    files=("model.safetensors", "sam_vit_h_4b8939.pth"),
    repo="facebook/sam-vit-huge",
    url="https://dl.fbaipublicfiles.com/segment_anything/sam_vit_h_4b8939.pth",
    size_mb=2564,
)
"""Meta's SAM ViT-H (Kirillov et al., Segment Anything, ICCV 2023): on the Hub, and the original file."""

# The original names of things, and the Hugging Face ones.
_RENAMED = {
    "image_encoder.": "vision_encoder.",
    ".blocks.": ".layers.",
    ".patch_embed.proj.": ".patch_embed.projection.",
    ".neck.0.": ".neck.conv1.",
    ".neck.1.": ".neck.layer_norm1.",
    ".neck.2.": ".neck.conv2.",
    ".neck.3.": ".neck.layer_norm2.",
    ".pe_layer.positional_encoding_gaussian_matrix": ".shared_embedding.positional_embedding",
    ".point_embeddings.": ".point_embed.",
    ".mask_downscaling.0.": ".mask_embed.conv1.",
    ".mask_downscaling.1.": ".mask_embed.layer_norm1.",
    ".mask_downscaling.3.": ".mask_embed.conv2.",
    ".mask_downscaling.4.": ".mask_embed.layer_norm2.",
    ".mask_downscaling.6.": ".mask_embed.conv3.",
    ".output_upscaling.0.": ".upscale_conv1.",
    ".output_upscaling.1.": ".upscale_layer_norm.",
    ".output_upscaling.3.": ".upscale_conv2.",
    ".norm_final_attn.": ".layer_norm_final_attn.",
}
_NORM = re.compile(r"\.norm(\d)\.")
_MLP_LAYER = re.compile(r"(output_hypernetworks_mlps\.\d+|iou_prediction_head)\.layers\.(\d)")
_MLP_NAMES = {"0": "proj_in", "1": "layers.0", "2": "proj_out"}

_POSITIONS = "prompt_encoder.shared_embedding.positional_embedding"
_POSITIONS_AGAIN = "shared_image_embedding.positional_embedding"


def read_sam(path: Path) -> dict[str, Tensor]:
    """SAM's weights in a file of either layout, under the names of the Hugging Face layout.

    Raises:
        TerralexError: The file is absent, damaged, or of something else.
    """
    state = read_tensors(path)
    if not any(name.startswith("mask_decoder.") for name in state):
        raise TerralexError(
            f"{path} holds no weights of SAM (none called mask_decoder...): {SAM_WEIGHTS.files[1]} is "
            f"published at {SAM_WEIGHTS.url}"
        )
    return _as_hugging_face(state)


def locate_sam(*, offline: bool = False) -> Path:
    """SAM's weight file on this machine, downloaded if it is not here and that is allowed.

    Raises:
        TerralexError: It is not here and cannot be fetched; the message names the file and where to put it.
    """
    return locate(SAM_WEIGHTS, SAM_NAME, offline=offline, absent=_absent())


def _absent() -> str:
    hub, original = SAM_WEIGHTS.files
    return (
        f"the weights of SAM, which refine outlines, are not on this machine: {original} "
        f"({SAM_WEIGHTS.size_mb:,.0f} MB, {SAM_LICENCE}). Put it, from {SAM_WEIGHTS.url}, or {hub} of "
        f"https://huggingface.co/{SAM_WEIGHTS.repo}, into {hand_folder(SAM_NAME)}"
    )


def _as_hugging_face(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if any(name.startswith(("image_encoder.", "prompt_encoder.pe_layer.")) for name in state):
        return {_renamed(name): tensor for name, tensor in state.items()}
    named = dict(state)
    positions = named.pop(_POSITIONS_AGAIN, None)  # one tensor, which files may name once or twice
    if positions is not None:
        named.setdefault(_POSITIONS, positions)
    return named


def _renamed(name: str) -> str:
    for original, ours in _RENAMED.items():
        name = name.replace(original, ours)
    name = _NORM.sub(r".layer_norm\1.", name)
    return _MLP_LAYER.sub(lambda found: f"{found[1]}.{_MLP_NAMES.get(found[2], found[2])}", name)
