"""The formulas as they are written, and a SAM small enough for tests."""

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import SamConfig

from terralex.segmentation.refinement import Sam

sys.path.insert(0, str(Path(__file__).parent))  # of `plain_sam` and `plain_refinement`


@pytest.fixture(scope="session")
def sam() -> Sam:
    """A decoder for squares of 256 pixels, with random weights that tell prompts apart."""
    config = SamConfig(
        vision_config={"hidden_size": 24, "output_channels": 32, "num_pos_feats": 16},
        prompt_encoder_config={"hidden_size": 32, "image_size": 256},
        mask_decoder_config={"hidden_size": 32, "mlp_dim": 64, "iou_head_hidden_dim": 32},
    )
    config.mask_decoder_config._attn_implementation = "sdpa"
    made = Sam(config, trunk=False).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(3)
    for parameter in made.parameters():
        scale = 4 / parameter[0].numel() ** 0.5 if parameter.ndim > 1 else 0.3
        parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return made


@pytest.fixture(scope="session")
def embedding() -> Tensor:
    """Of a picture that fills 256 x 192 pixels of the frame."""
    return torch.randn(1, 32, 16, 16, generator=torch.Generator().manual_seed(1))
