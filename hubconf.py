"""RADSeg by `torch.hub`: `torch.hub.load("OWNER/terralex", "radseg_encoder", classes=["tree"], ...)`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from terralex.segmentation.hub import RADSegEncoder

dependencies = ["torch", "timm", "open_clip", "transformers", "safetensors", "yaml"]


def radseg_encoder(
    model_version: str = "c-radio_v3-b",
    lang_model: str = "siglip2",
    scra_scaling: float = 10.0,
    scga_scaling: float = 10.0,
    **options: Any,  # noqa: ANN401 (those of RADSegEncoder)
) -> RADSegEncoder:
    """RADSeg's encoder with RADIO's weights.

    Args:
        model_version: RADIO's name of a version, or the path of a container.
        lang_model: The adaptor whose text space is meant.
        scra_scaling: Scale of the self-correlating recursive attention.
        scga_scaling: Scale of the self-correlating global aggregation.
        options: As of `terralex.segmentation.hub.RADSegEncoder`: `predict`, `classes`, `device`, ...
    """
    if importlib.util.find_spec("terralex") is None:  # not installed: this folder has it
        sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))
    from terralex.segmentation.hub import RADSegEncoder

    return RADSegEncoder(
        model_version=model_version,
        lang_model=lang_model,
        scra_scaling=scra_scaling,
        scga_scaling=scga_scaling,
        **options,
    )
