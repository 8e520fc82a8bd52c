"""open_clip's own description of a model, ``open_clip_config.json``: to a card, beside one, from one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from terralex.models.card import (
    InputSpec,
    Interpolation,
    ModelCard,
    Resize,
    TextSpec,
    WeightSource,
    card_to_yaml,
    parse_card,
)
from terralex.models.networks import open_clip_config
from terralex.runtime.errors import TerralexError

CONFIG_FILE = "open_clip_config.json"
WEIGHT_FILES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)

_RGB = ("red", "green", "blue")


def derive_card(path: Path, name: str, repo: str | None = None) -> ModelCard:
    """The card that an ``open_clip_config.json`` amounts to.

    Args:
        path: The file.
        name: What to call the model.
        repo: Its repository on the Hugging Face Hub, if it is of one.

    Raises:
        TerralexError: The file is damaged, lacks the preprocessing, or describes an unsupported model.
    """
    config, preprocess = _read(path)
    model = open_clip_config({"config": config}, str(path))
    try:
        card = _card(model, preprocess, path, name, repo)
    except (KeyError, TypeError, ValueError) as error:
        raise TerralexError(
            f"{path} is no open_clip configuration: {type(error).__name__} {error}"
        ) from error
    return parse_card(yaml.safe_load(card_to_yaml(card)), where=str(path))  # checked as any card is


def disagreement(card: ModelCard, path: Path) -> str | None:
    """In what a card and its publisher's ``open_clip_config.json`` differ, in words; None: in nothing.

    What either leaves out is not compared.
    """
    published = _content(path)
    ours, theirs = open_clip_config(card.architecture, card.name), published.get("model_cfg") or {}
    pairs: list[tuple[str, Any, Any]] = []
    if theirs:
        pairs.append(("quick_gelu", bool(ours.get("quick_gelu")), bool(theirs.get("quick_gelu"))))
    for part in ("vision_cfg", "text_cfg"):
        pairs += [(key, ours[part].get(key), value) for key, value in (theirs.get(part) or {}).items()]
    own = json.loads(config_json(card))["preprocess_cfg"]
    pairs += [(key, own.get(key), value) for key, value in (published.get("preprocess_cfg") or {}).items()]
    size = card.input.size
    differing = [
        f"{key} {mine} here, {other} there"
        for key, mine, other in pairs
        if None not in (mine, other) and mine != other and not (mine == [size, size] and other == size)
    ]
    return "; ".join(differing) or None


def config_json(card: ModelCard) -> str:
    """The ``open_clip_config.json`` from which open_clip itself builds the model and its preprocessing."""
    spec = card.input
    preprocess = {
        "mean": list(spec.mean),
        "std": list(spec.std),
        "size": [spec.size, spec.size],
        "interpolation": spec.interpolation,
        "resize_mode": spec.resize.removesuffix("_float"),
        "mode": "RGB",
    }
    config = {"model_cfg": open_clip_config(card.architecture, card.name), "preprocess_cfg": preprocess}
    return json.dumps(config, indent=2) + "\n"


def _card(
    model: Mapping[str, Any], preprocess: Mapping[str, Any], path: Path, name: str, repo: str | None
) -> ModelCard:
    url = f"https://huggingface.co/{repo}" if repo else str(path.parent)
    return ModelCard(
        name=name,
        title=name,
        description=f"An open_clip model, as {CONFIG_FILE} describes it.",
        family="open_clip",
        architecture={"config": model},
        embed_dim=int(model["embed_dim"]),
        weights=WeightSource(files=WEIGHT_FILES, repo=repo),
        input=_input(preprocess, model, path),
        text=TextSpec("clip", int(model["text_cfg"].get("context_length", 77)), "openai"),
        licence=f"see {url}",
        url=url,
        citation="not stated",
        domain="not stated",
        trained_on="not stated",
    )


def _read(path: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    content = _content(path)
    model, preprocess = content.get("model_cfg"), content.get("preprocess_cfg")
    if not isinstance(model, dict):
        raise TerralexError(f"{path} has no model_cfg, so the network is not known")
    if not isinstance(preprocess, dict) or not {"mean", "std"} <= preprocess.keys():
        raise TerralexError(
            f"{path} has no preprocess_cfg with mean and std, so how to prepare pictures is not known"
        )
    return model, preprocess


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TerralexError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise TerralexError(f"{path} is no open_clip configuration")
    return content


def _input(preprocess: Mapping[str, Any], model: Mapping[str, Any], path: Path) -> InputSpec:
    # open_clip fills in what its file leaves out in this way: the network's size, bicubic, the shorter side.
    size = preprocess.get("size") or model["vision_cfg"].get("image_size", 224)
    sides = set(size) if isinstance(size, list) else {size}
    resize = preprocess.get("resize_mode") or "shortest"
    interpolation = preprocess.get("interpolation") or "bicubic"
    if (
        resize not in ("shortest", "squash")
        or interpolation not in ("bicubic", "bilinear")
        or len(sides) != 1
    ):
        raise TerralexError(
            f"{path}: size {size}, resize_mode {resize} and interpolation {interpolation} are not supported"
        )
    mean, std = (tuple(float(value) for value in preprocess[key]) for key in ("mean", "std"))
    return InputSpec(
        bands=_RGB,
        sensor="rgb",
        units="8bit",
        mean=mean,
        std=std,
        size=int(sides.pop()),
        resize=cast(Resize, resize),
        interpolation=cast(Interpolation, interpolation),
        missing="error",
    )
