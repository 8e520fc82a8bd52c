"""Which parameters of a network learn, and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from terralex.models.extension import patch_embedding
from terralex.runtime.errors import UsageError

PARTS = ("image", "text", "patch", "scale")
"""What ``learns`` in a recipe may name, besides the beginning of a parameter's own name.

The towers of pictures and of texts, the patch embedding, and the learned temperature.
"""


def fix(network: nn.Module, learns: Sequence[str], fixed: tuple[str, ...]) -> None:
    """Leave gradients to the parameters that shall learn.

    Args:
        network: what learns.
        learns: `PARTS`, or beginnings of names, of what learns; none: all do.
        fixed: beginnings of names of what does not, whatever ``learns`` says.

    Raises:
        UsageError: A part is neither.
    """
    named = dict(network.named_parameters())
    parts = {name: _parts(network, name) for name in named} if learns else {}
    for wanted in learns:
        if not any(wanted in parts[name] or name.startswith(wanted) for name in named):
            raise UsageError(
                f"learns names '{wanted}', but nothing in the model is called so: write "
                f"{', '.join(PARTS)}, or the beginning of a parameter's name, such as {next(iter(named))}"
            )
    for name, parameter in named.items():
        chosen = not learns or any(wanted in parts[name] or name.startswith(wanted) for wanted in learns)
        parameter.requires_grad_(chosen and not name.startswith(fixed))


def groups(
    learner: nn.Module, network: nn.Module, weight_decay: float, factor: float
) -> list[dict[str, Any]]:
    """Parameter groups: weight decay for matrices and filters, none for norms, biases and scalars.

    Each group has a ``scale``, what the learning rate is multiplied by: 1 for the patch embedding, which has
    new bands to learn, and for what the network itself does not have; and ``factor`` for all else.
    """
    learning = [p for p in learner.parameters() if p.requires_grad]
    if factor == 1:
        return [group for group in _decayed(learning, weight_decay, 1.0) if group["params"]]
    known = {id(p) for p in network.parameters()} - {id(patch_embedding(network))}
    first = [p for p in learning if id(p) not in known]
    others = [p for p in learning if id(p) in known]
    split = [*_decayed(first, weight_decay, 1.0), *_decayed(others, weight_decay, factor)]
    return [group for group in split if group["params"]]


def _decayed(parameters: list[nn.Parameter], weight_decay: float, scale: float) -> list[dict[str, Any]]:
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay, "scale": scale},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0, "scale": scale},
    ]


def _parts(network: nn.Module, name: str) -> tuple[str, ...]:
    """The parts that a parameter belongs to."""
    if name == "logit_scale":
        return ("scale",)
    if name.startswith("lorentz."):
        return ()
    if not name.startswith("visual."):
        return ("text",)
    patch = network.get_parameter(name) is patch_embedding(network)
    return ("image", "patch") if patch else ("image",)
