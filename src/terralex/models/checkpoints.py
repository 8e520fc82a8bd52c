"""Weight files: tensors read without running code, their published layouts, and strict loading."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from terralex.models.weight_text import text_instead_of_weights
from terralex.runtime.errors import TerralexError

# MS-CLIP's checkpoint names its one CLIP three times; any prefix holds all of it.
MSCLIP_PREFIXES = ("clip_base_model.model.", "image_encoder.model.", "text_encoder.model.")
_MSCLIP_EXTRA = ("temperature",)

# RCME's training keeps the network as `model`, and beside it the scalars of hyperbolic objectives.
_RCME_PREFIX = "model."
_RCME_SCALARS = {
    "logit_scale": "logit_scale",
    "curv": "lorentz.log_curvature",
    "visual_alpha": "lorentz.log_image_scale",
    "textual_alpha": "lorentz.log_text_scale",
}

# What training scripts put the weights under, beside the state of the optimiser and the like.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "module")
# What parallel training and torch.compile put before the names of weights.
_TRAINING_PREFIXES = ("module.", "_orig_mod.")
# Buffers that older releases saved; the architecture has them.
_OLD_BUFFERS = {"input_resolution", "context_length", "vocab_size", "attn_mask", "position_ids"}

StateDict = dict[str, Tensor]


def read_tensors(path: Path) -> StateDict:
    """The tensors of a ``.safetensors`` file or of a PyTorch checkpoint, under the names of the file.

    A training run's checkpoint (``{"state_dict": ...}``, ``{"model": ...}``) is unwrapped, and the prefixes
    of parallel training and of torch.compile (``module.``, ``_orig_mod.``) are cut.

    Raises:
        TerralexError: The file is absent, damaged, holds more than tensors, or holds none.
    """
    if not path.is_file():
        raise TerralexError(f"no such weight file: {path}")
    try:
        content = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except Exception as error:  # readers of damaged files raise nearly anything
        raise TerralexError(f"{path} cannot be read as weights: {why_unreadable(error, path)}") from error
    content = _unwrapped(content)
    if not isinstance(content, Mapping) or not content:
        raise TerralexError(f"{path} holds no weights by name, but a {type(content).__name__}")
    for name, value in content.items():
        if not isinstance(value, Tensor):
            raise TerralexError(f"{path} is not a file of weights: {name!r} in it is no tensor")
    state = {str(name): value for name, value in content.items()}
    return _without_training_prefixes(state)


def read_state_dict(path: Path) -> StateDict:
    """The weights of one network in a file of any published layout, under the network's own names.

    Raises:
        TerralexError: As `read_tensors`.
    """
    state = read_tensors(path)
    state = {name: value for name, value in state.items() if name.rpartition(".")[2] not in _OLD_BUFFERS}
    if _is_rcme(state):
        scalars = {_RCME_SCALARS[name]: state[name].reshape(()) for name in _RCME_SCALARS if name in state}
        network = {name: value for name, value in state.items() if name.startswith(_RCME_PREFIX)}
        return {**_cut(network, _RCME_PREFIX), **scalars}
    if not is_msclip(state):
        return state
    prefix = next(prefix for prefix in MSCLIP_PREFIXES if any(name.startswith(prefix) for name in state))
    strange = [name for name in state if not name.startswith(MSCLIP_PREFIXES) and name not in _MSCLIP_EXTRA]
    if strange:
        raise TerralexError(f"{path} looks like an MS-CLIP checkpoint, but also holds {_some(strange)}")
    return _cut({name: value for name, value in state.items() if name.startswith(prefix)}, prefix)


def is_msclip(names: Iterable[str]) -> bool:
    """Whether these are the names of MS-CLIP's published checkpoint."""
    return any(name.startswith(MSCLIP_PREFIXES) for name in names)


def load_strict(network: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Give a network its weights, every one and no other. It takes the tensors themselves, without a copy.

    Args:
        network: May be on the meta device.
        state: Weights by name.
        where: The file, for messages.

    Raises:
        TerralexError: Weights are missing, unexpected or of another shape; the message names some.
    """
    wanted = network.state_dict()
    problems = {
        "lacks": [name for name in wanted if name not in state],
        "has unexpected": [name for name in state if name not in wanted],
        "has another shape for": [
            f"{name} {tuple(state[name].shape)} instead of {tuple(tensor.shape)}"
            for name, tensor in wanted.items()
            if name in state and state[name].shape != tensor.shape
        ],
    }
    found = [f"{problem} {_some(names)}" for problem, names in problems.items() if names]
    if found:
        raise TerralexError(f"{where} does not fit the model: it {', and '.join(found)}")
    network.load_state_dict(dict(state), strict=True, assign=True)


def fingerprint(state: Mapping[str, Tensor], *settings: object) -> str:
    """12 hexadecimal digits that change with any weight, its name, its type, and with the settings.

    The same weights have the same fingerprint whatever file they come from.
    """

    def digest(name: str) -> bytes:
        tensor = state[name].detach().cpu().contiguous()
        about = f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode()
        content = tensor.reshape(-1).view(torch.uint8).numpy().data
        return b"".join(hashlib.blake2b(part, digest_size=32).digest() for part in (about, content))

    with ThreadPoolExecutor() as pool:  # each hashes at the speed of one core
        digests = pool.map(digest, sorted(state))
        return hashlib.blake2b(repr(settings).encode() + b"".join(digests), digest_size=6).hexdigest()


def _unwrapped(content: object) -> object:
    """What a training run's checkpoint has the weights under; anything else as it is."""
    while isinstance(content, Mapping):
        inner = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = inner
    return content


def _without_training_prefixes(state: StateDict) -> StateDict:
    while prefix := next((p for p in _TRAINING_PREFIXES if all(name.startswith(p) for name in state)), None):
        state = _cut(state, prefix)
    # Only part of a network may be compiled.
    return {name.replace("._orig_mod.", "."): value for name, value in state.items()}


def _is_rcme(state: StateDict) -> bool:
    others = {name for name in state if not name.startswith(_RCME_PREFIX)}
    whole = others <= _RCME_SCALARS.keys() and len(others) < len(state)
    return whole and all(state[name].numel() == 1 for name in others)


def _cut(state: StateDict, prefix: str) -> StateDict:
    return {name.removeprefix(prefix): value for name, value in state.items()}


def _some(names: list[str], limit: int = 3) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def why_unreadable(error: Exception, path: Path) -> str:
    """Why a file of weights could not be read, for people."""
    if text := text_instead_of_weights(path):
        return text
    if isinstance(error, pickle.UnpicklingError) or "weights_only" in str(error):
        return (
            "it holds more than tensors, and loading it could run code. Save its state dict as .safetensors"
        )
    if not isinstance(error, SafetensorError | RuntimeError | OSError):
        return "it is damaged, or no file of weights"
    return " ".join(str(error).split()).split(". ")[0] or type(error).__name__
