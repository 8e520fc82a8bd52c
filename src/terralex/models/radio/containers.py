"""Files of RADIO weights: the official container, its Hugging Face form, and ours, under one set of names.

Nothing in a file is run: of a container's pickle, tensors, plain values and an `argparse.Namespace` are
allowed, by name.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from terralex.models.checkpoints import StateDict, why_unreadable
from terralex.models.radio.arguments import Arguments, parse_arguments
from terralex.models.radio.spectral import fold_spectral
from terralex.runtime.errors import TerralexError

_ALLOWED: list[Any] = [Namespace]
_MAX_CONFIG_BYTES = 1 << 20

# In the order of trial: Hugging Face's, the container's, and what `save_model` writes.
_PREFIXES = (
    ("radio_model.model.", ""),
    ("radio_model.", ""),
    ("base_model.", ""),
    ("_feature_normalizer.", "feature_normalizer."),
    ("radio.", ""),
)
_WRAPPER = "inner."
_IGNORED = (
    "_heads.",  # of teachers that the arguments do not name
    "_feature_projections.",
    "_intermediate_feature_normalizer.",  # of a forward pass that is not offered
    "inter_feature_normalizer.",
    "head.",  # of the classifier that the architecture came with
    f"{_WRAPPER}mask_token",
)


@dataclass(frozen=True)
class Container:
    """The content of a file.

    Attributes:
        path: The file.
        arguments: What it says of the network; of a bare ``.safetensors``: nothing.
        backbone: Weights of the backbone, under the names of `Radio`.
        wrapped: The backbone is DINOv2's class, whose final norm is always used.
        heads: Weights of summary heads, by teacher.
        projections: Weights of feature heads, by teacher.
    """

    path: Path
    arguments: Arguments
    backbone: StateDict
    wrapped: bool
    heads: Mapping[str, StateDict]
    projections: Mapping[str, StateDict]


def read_container(path: Path, arguments: Mapping[str, Any] | None = None) -> Container:
    """Read weights without running code.

    Args:
        path: A ``.pth.tar``, or a ``.safetensors`` whose arguments are in ``config.json`` beside it.
        arguments: The arguments, where they are known from elsewhere.

    Raises:
        TerralexError: The file is absent, damaged, holds other objects than weights, or is not RADIO's.
    """
    if not path.is_file():
        raise TerralexError(f"no such weight file: {path}")
    try:
        state, found = _load(path)
    except TerralexError:
        raise
    except Exception as error:  # readers of damaged files raise nearly anything
        raise TerralexError(f"{path} cannot be read as weights: {why_unreadable(error, path)}") from error
    parsed = parse_arguments(arguments if arguments is not None else found, str(path))
    try:
        state = fold_spectral(state, parsed.spectral_eps)
    except (KeyError, RuntimeError, ValueError, IndexError) as error:
        raise TerralexError(f"{path}: its spectral reparametrisation is incomplete: {error}") from error
    return _sorted(path, parsed, state)


def _load(path: Path) -> tuple[StateDict, Mapping[str, Any]]:
    """Weights as they are named in the file, and its arguments."""
    if path.suffix == ".safetensors":
        return load_file(path), _config_arguments(path.parent / "config.json")
    with torch.serialization.safe_globals(_ALLOWED):
        content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, Mapping):
        raise TerralexError(f"{path} is no RADIO checkpoint, but a {type(content).__name__}")
    # The average over training, where there is one, is what is meant to be used.
    state = content.get("state_dict_ema") or content.get("state_dict")
    arguments = content.get("args")
    if not isinstance(state, Mapping) or not isinstance(arguments, Namespace):
        raise TerralexError(f"{path} is no RADIO checkpoint: it needs a state_dict and an args Namespace")
    for name, value in state.items():
        if not isinstance(value, Tensor):
            raise TerralexError(f"{path} is no file of weights: {name!r} in it is no tensor")
    return {str(name).removeprefix("module."): value for name, value in state.items()}, vars(arguments)


def _config_arguments(config: Path) -> Mapping[str, Any]:
    if not config.is_file() or config.stat().st_size > _MAX_CONFIG_BYTES:
        return {}
    content = json.loads(config.read_text(encoding="utf-8"))
    arguments = content.get("args") if isinstance(content, Mapping) else None
    return arguments if isinstance(arguments, Mapping) else {}


def _sorted(path: Path, arguments: Arguments, state: StateDict) -> Container:
    heads: dict[str, StateDict] = {}
    projections: dict[str, StateDict] = {}
    backbone = state
    for teacher in arguments.teachers:
        keys = (teacher.name, *map(str, teacher.positions))
        heads[teacher.name], backbone = _take(
            backbone, [f"_heads.{key}." for key in keys] + [f"radio.heads.{teacher.name}.summary."]
        )
        projections[teacher.name], backbone = _take(
            backbone,
            [f"_feature_projections.{key}." for key in keys] + [f"radio.heads.{teacher.name}.features."],
        )
    plain = {_without_prefix(name): tensor for name, tensor in backbone.items()}
    wrapped = any(name.startswith(_WRAPPER) for name in plain)
    known = {_timm_name(name): value for name, value in plain.items() if not name.startswith(_IGNORED)}
    return Container(path, arguments, known, wrapped, heads, projections)


def _take(state: StateDict, prefixes: list[str]) -> tuple[StateDict, StateDict]:
    """The weights under the first prefix that has any, and all others.

    A prefix ends in a dot, so that head 1 is not also head 10.
    """
    prefix = next((one for one in prefixes if any(name.startswith(one) for name in state)), None)
    if prefix is None:
        return {}, state
    own = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
    return own, {name: tensor for name, tensor in state.items() if not name.startswith(prefix)}


def _without_prefix(name: str) -> str:
    for prefix, plain in _PREFIXES:
        if name.startswith(prefix):
            return plain + name.removeprefix(prefix)
    return name


def _timm_name(name: str) -> str:
    """Of a layer's scale, and of DINOv2's gated MLP."""
    name = name.removeprefix(_WRAPPER).replace(".grandma", ".gamma")
    return name.replace(".mlp.w12.", ".mlp.fc1.").replace(".mlp.w3.", ".mlp.fc2.")
