"""The one place where tasks come by a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terralex.models import Model


def as_model(model: str | Model, *, device: str, precision: str, offline: bool) -> Model:
    """A model as it is, or loaded by name.

    Raises:
        UsageError, TerralexError: As `load_model`.
    """
    if not isinstance(model, str):
        return model
    from terralex.models import load_model  # not at the top: it brings torch

    return load_model(model, device=device, precision=precision, offline=offline)
