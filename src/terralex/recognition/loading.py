"""A model that tasks are given: loaded already, or by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terralex.runtime.options import ModelOptions

if TYPE_CHECKING:
    from terralex.models import Model


def open_model(model: str | Model, options: ModelOptions) -> Model:
    """A model as it is, or loaded by name.

    Raises:
        UsageError, TerralexError: As `load_model`.
    """
    if not isinstance(model, str):
        return model
    from terralex.models import load_model  # not at the top: it brings torch

    return load_model(
        model,
        device=options.device,
        precision=options.precision,
        offline=options.offline,
        resize=options.resize,
    )
