"""The state of a run in a file, and what a run must share with the one that it goes on with."""

from __future__ import annotations

import dataclasses
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from terralex.runtime.errors import UsageError
from terralex.runtime.files import cannot_write, write_atomically
from terralex.runtime.resume import differences
from terralex.training.recipe import Recipe

# What may change on the way: the losses do not depend on it, but for rounding.
_FREE = ("save_every", "log_every", "workers", "export", "recompute", "compile")


def save_state(path: Path, recipe: Recipe, state: dict[str, Any]) -> None:
    """Replace the state of a run in one step.

    Raises:
        TerralexError: it cannot be written; the old one is untouched.
    """
    content = BytesIO()
    torch.save({"recipe": _identity(recipe), **state}, content)
    write(path, content.getbuffer())


def load_state(path: Path, recipe: Recipe, device: torch.device) -> dict[str, Any]:
    """The state of a run of the same recipe.

    Raises:
        UsageError: it is damaged, or of another recipe.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        begun = dict(state["recipe"])
    except Exception as error:  # readers of damaged files raise nearly anything
        raise UsageError(f"{path} cannot be read: pass --overwrite to start anew") from error
    if changed := differences(begun, _identity(recipe)):
        raise UsageError(
            f"{path.parent} holds a run of another recipe ({changed}): repeat its settings, or pass "
            "--overwrite or another folder"
        )
    return state


def write(path: Path, content: bytes | memoryview) -> None:
    """Replace a file of a run in one step.

    Raises:
        TerralexError: it cannot be written; the old one is untouched.
    """
    try:
        write_atomically(path, content)
    except OSError as error:
        raise cannot_write(path, error, "Put that right and go on with --resume") from error


def _identity(recipe: Recipe) -> dict[str, object]:
    """All that the losses depend on, as plain values."""
    keys = (field.name for field in dataclasses.fields(recipe))
    values = {key: getattr(recipe, key) for key in keys if key not in _FREE}
    plain = (str, int, float, type(None))
    return {key: value if isinstance(value, plain) else repr(value) for key, value in values.items()}
