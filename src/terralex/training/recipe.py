"""Training recipes: a YAML file that says everything a run depends on, with ``key=value`` changes on top."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from terralex.runtime.errors import UsageError
from terralex.training.augment import Augmentation

Precision = Literal["32-true", "bf16-mixed", "bf16-true", "16-mixed"]
Export = Literal["float32", "float16"]


@dataclass(frozen=True)
class Recipe:
    """What a training run does. ``recipes/pocket.yaml`` explains each key by example."""

    card: str
    concepts: str
    templates: str
    data: tuple[Mapping[str, Any], ...]
    steps: int
    batch_size: int
    learning_rate: float
    objective: str = "clip"
    seed: int = 0
    weight_decay: float = 0.05
    warmup: int = 200
    clip_norm: float = 1.0
    average: float = 0.999
    small_until: float = 0.0
    precision: Precision = "32-true"
    compile: bool = False
    export: Export = "float32"
    augment: Augmentation = field(default_factory=Augmentation)
    save_every: int = 500
    log_every: int = 50

    @classmethod
    def load(cls, source: str, changes: Sequence[str] = ()) -> Recipe:
        """A shipped recipe by name, or a YAML file, with changes.

        Args:
            source: Name or file.
            changes: ``key=value``, such as ``steps=100``, ``augment.mix=0`` or ``data.0.share=1``.

        Raises:
            UsageError: no such recipe, an unknown key, or a value of the wrong kind.
        """
        settings = _read(source)
        for change in changes:
            key, equals, value = change.partition("=")
            if not equals:
                raise UsageError(
                    f"'{change}' is no change to a recipe: write key=value, for example steps=100"
                )
            _set(settings, key.split("."), yaml.safe_load(value), key)
        known = {f.name for f in dataclasses.fields(cls)}
        if unknown := sorted(set(settings) - known):
            raise UsageError(
                f"unknown key '{unknown[0]}' in recipe {source}: known are {', '.join(sorted(known))}"
            )
        augment = settings.pop("augment", {})
        if unknown := sorted(set(augment) - {f.name for f in dataclasses.fields(Augmentation)}):
            raise UsageError(f"unknown key 'augment.{unknown[0]}' in recipe {source}")
        recipe = cls(**_checked(cls, settings), augment=Augmentation(**augment))
        for key in ("steps", "batch_size", "learning_rate", "warmup", "save_every", "log_every"):
            if getattr(recipe, key) <= 0:
                raise UsageError(f"{key} must be above 0, not {getattr(recipe, key)}")
        return recipe


def recipe_names() -> list[str]:
    """Names of the shipped recipes."""
    folder = files("terralex.training") / "recipes"
    return sorted(
        entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")
    )


def data_root() -> Path:
    """Where data sets are: the folder that ``TERRALEX_DATA`` names, else ``../shared/data``."""
    return Path(os.environ.get("TERRALEX_DATA", "../shared/data"))


def _read(source: str) -> dict[str, Any]:
    shipped = files("terralex.training") / "recipes" / f"{source}.yaml"
    if shipped.is_file():
        text = shipped.read_text()
    elif Path(source).is_file():
        text = Path(source).read_text()
    else:
        raise UsageError(f"no recipe '{source}': give a YAML file or one of {', '.join(recipe_names())}")
    settings = yaml.safe_load(text.replace("${TERRALEX_DATA}", str(data_root())))
    if not isinstance(settings, dict):
        raise UsageError(f"recipe {source} is no mapping of keys to values")
    return settings


def _checked(cls: type[Recipe], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with numbers as their fields want them, or an error that names the key."""
    kinds = {f.name: f.type for f in dataclasses.fields(cls)}
    choices = {"precision": get_args(Precision), "export": get_args(Export)}
    checked = dict(settings)
    for key, value in settings.items():
        try:
            if kinds[key] in ("int", "float"):
                checked[key] = int(value) if kinds[key] == "int" else float(value)
            elif kinds[key] == "str" and not isinstance(value, str):
                raise ValueError(f"{value!r} is no text")
            elif key in choices and value not in choices[key]:
                raise ValueError(f"{value!r} is none of {', '.join(choices[key])}")
            elif key == "data":
                checked[key] = tuple(dict(entry) for entry in value)
        except (TypeError, ValueError) as error:
            raise UsageError(f"{key} in the recipe: {error}") from None
    required = {"card", "concepts", "templates", "data", "steps", "batch_size", "learning_rate"}
    if missing := sorted(required - set(checked)):
        raise UsageError(f"the recipe has no '{missing[0]}'")
    return checked


def _set(node: Any, path: list[str], value: object, key: str) -> None:  # noqa: ANN401 (a tree of YAML)
    """Sets a dotted key; a list is entered by number."""
    try:
        for part in path[:-1]:
            node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
        node[int(path[-1]) if isinstance(node, list) else path[-1]] = value
    except (ValueError, IndexError, AttributeError, TypeError):
        raise UsageError(f"the recipe has no '{key}' to change") from None
