"""Training recipes: a YAML file that says everything a run depends on, with ``key=value`` changes on top."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

from terralex.models.extension import NewBands
from terralex.runtime.errors import UsageError
from terralex.runtime.yaml_files import load_yaml
from terralex.training.augment import Augmentation
from terralex.training.objective import OBJECTIVES, Align, Clip, Objective
from terralex.training.objectives import Apex

# Weights and their average stay float32: in a half precision, an average of many steps would not move.
Precision = Literal["32-true", "bf16-mixed"]
Export = Literal["float32", "float16"]
Schedule = Literal["cosine", "one-cycle", "constant"]
Names = tuple[str, ...]

_CHOICES = {
    "Precision": Precision,
    "Export": Export,
    "Schedule": Schedule,
    "Apex": Apex,
    "Align": Align,
    "NewBands": NewBands,
}
_ABOVE_ZERO = (
    *("steps", "batch_size", "accumulate", "learning_rate", "epsilon", "warmup", "clip_norm"),
    *("save_every", "log_every", "validate_every", "validation_batches", "decay_factor"),
)
_FRACTIONS = ("average", "small_until", "beta2")
_SEEDS = 2**32


@dataclass(frozen=True)
class Recipe:
    """What a training run does. ``recipes/pocket.yaml`` and ``recipes/rcme.yaml`` explain by example.

    Attributes:
        model: what to start from, as `load_model` takes it; with ``from_scratch`` a card of the pocket
            family, whose weights are made anew.
        data: where pictures come from, and their shares of a batch; see `load_source`.
        steps: how many times the weights change.
        batch_size: pictures that are compared with each other, of all processes together.
        learning_rate: the highest.
        blend: other models of the same architecture, and their shares of the average that the weights begin
            as (Wortsman et al. 2022, WiSE-FT): what fine-tuning has made worse mostly comes back.
        name: what the model is called; by default as what it starts from, with the objective.
        architecture: sizes of a network that is made from scratch, in place of those of its card.
        input: the card whose bands, units and statistics the model shall take, in place of its own.
        bands: of these the ones it shall take, by name; by default all.
        new_bands: how the weights of bands that are new to the model begin; see `NewBands`.
        learns: what of the network learns: ``image``, ``text``, ``patch`` (the first layer), ``scale``, or
            beginnings of parameters' names; by default everything.
        decay_factor: the learning rate of all but the first layer, as a part of that layer's.
        temperature: what the learned temperature begins at; by default as the weights have it.
        objective: a name, or ``{name: ..., and its weights}``.
        root: text that chains of names begin at.
        concepts: names and their words, for data that is labelled with them.
        templates: sentences around these words.
        validation: one more source, to choose the best weights by.
        domain: what the model learns of its own domain at the end; see `with_domain`.
        scenes: made scenes, from which dense features learn in place of data; 0: none.
        masks: other scenes for them; see `load_scenes`.
        accumulate: batches a step.
        chunk: pictures, and texts, that go through the network at once, to save memory: the gradients of the
            whole batch are the same (Gao et al. 2021, GradCache) for one more forward pass; 0: all of them.
        schedule: ``cosine``: linear warm-up, then a cosine to zero. ``one-cycle``: Smith & Topin 2018.
            ``constant``: always the highest.
        average: how slowly the exported average of the weights moves; 0: the last weights are exported.
        small_until: part of the steps on smaller pictures.
        small_size: their size in pixels; 0: three quarters of the model's.
        prototypes: whether a free vector for every name helps the pictures learn, as `Clip` does it.
        recompute: trade time for memory: recompute activations on the way back.
        workers: threads that read pictures ahead; 0: pictures are read in between.
    """

    model: str
    steps: int
    batch_size: int
    learning_rate: float
    data: tuple[Mapping[str, Any], ...] = ()
    objective: Objective = field(default_factory=Clip)
    from_scratch: bool = False
    name: str | None = None
    architecture: Mapping[str, Any] | None = None
    input: str | None = None
    bands: Names = ()
    new_bands: NewBands = "zero"
    learns: Names = ()
    decay_factor: float = 1.0
    temperature: float | None = None
    root: str = "Eukarya"
    concepts: str | None = None
    templates: str = "plain"
    validation: Mapping[str, Any] | None = None
    domain: Mapping[str, Any] | None = None
    scenes: int = 0
    masks: tuple[Mapping[str, Any], ...] = ()
    blend: Mapping[str, Any] | None = None
    seed: int = 0
    accumulate: int = 1
    chunk: int = 0
    schedule: Schedule = "cosine"
    warmup: int = 200
    weight_decay: float = 0.05
    beta2: float = 0.999
    epsilon: float = 1e-8
    clip_norm: float = 1.0
    average: float = 0.0
    small_until: float = 0.0
    small_size: int = 0
    prototypes: bool = False
    precision: Precision = "32-true"
    recompute: bool = False
    compile: bool = False
    workers: int = 0
    export: Export = "float32"
    augment: Augmentation = field(default_factory=Augmentation)
    save_every: int = 500
    log_every: int = 50
    validate_every: int = 500
    validation_batches: int = 20

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
            _set(settings, key.split("."), load_yaml(value, f"'{change}'", UsageError), key)
        augment = settings.pop("augment", {})
        if not isinstance(augment, Mapping):
            raise UsageError(f"augment in the recipe: {augment!r} is no mapping of keys to values")
        varied = Augmentation(**_checked(Augmentation, augment, "augment."))
        objective = _objective(settings.pop("objective", "clip"))
        recipe = cls(**_checked(cls, settings), augment=varied, objective=objective)
        _check_ranges(recipe)
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
        text = shipped.read_text("utf-8")
    elif Path(source).is_file():
        text = Path(source).read_text("utf-8")
    else:
        raise UsageError(f"no recipe '{source}': give a YAML file or one of {', '.join(recipe_names())}")
    text = text.replace("${TERRALEX_DATA}", str(data_root()))
    settings = load_yaml(text, f"recipe {source}", UsageError)
    if not isinstance(settings, dict):
        raise UsageError(f"recipe {source} is no mapping of keys to values")
    return settings


def _objective(value: object) -> Objective:
    """The objective of a name, or of a mapping with a name and weights."""
    settings = {"name": value} if isinstance(value, str) else value
    if not isinstance(settings, Mapping) or settings.get("name") not in OBJECTIVES:
        raise UsageError(f"objective in the recipe: {value!r} is none of {', '.join(OBJECTIVES)}")
    kind = OBJECTIVES[settings["name"]]
    weights = {key: weight for key, weight in settings.items() if key != "name"}
    return kind(**_checked(kind, weights, "objective."))


def _checked(cls: type, settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The settings with values as the fields of a dataclass want them, or an error that names the key."""
    known = {f.name: f for f in dataclasses.fields(cls)}
    if unknown := sorted(set(settings) - set(known), key=str):
        names = ", ".join(sorted(known))
        raise UsageError(f"unknown key '{prefix}{unknown[0]}' in the recipe: known are {names or 'none'}")
    for name, f in known.items():
        if name not in settings and f.default is f.default_factory is dataclasses.MISSING:
            raise UsageError(f"the recipe has no '{prefix}{name}'")
    checked = {}
    for key, value in settings.items():
        try:
            checked[key] = _converted(value, str(known[key].type))
        except ValueError as error:
            raise UsageError(f"{prefix}{key} in the recipe: {error}") from None
    return checked


def _converted(value: Any, kind: str) -> Any:  # noqa: ANN401 (any YAML value)
    """A value from YAML as a field of this type wants it, or a `ValueError` in words."""
    if kind.endswith(" | None"):
        return None if value is None else _converted(value, kind.removesuffix(" | None"))
    choices = get_args(_CHOICES[kind]) if kind in _CHOICES else ()
    if choices and value not in choices:
        raise ValueError(f"{value!r} is none of {', '.join(choices)}")
    if kind == "str" and not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    if kind == "bool" and not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    if kind in ("int", "float"):
        return _number(value, kind)
    if choices or kind in ("str", "bool"):
        return value
    if kind == "Mapping[str, Any]":
        if not isinstance(value, Mapping):
            raise ValueError(f"{value!r} is no mapping")
        return dict(value)
    if kind == "Names":
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise ValueError(f"{value!r} is no list of names")
        return tuple(value)
    # What is left is the list of data sources.
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise ValueError(f"{value!r} is no list of mappings")
    return tuple(dict(entry) for entry in value)


def _number(value: Any, kind: str) -> int | float:  # noqa: ANN401 (any YAML value)
    """A finite number; YAML takes some, such as 1e-4, for text."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError(f"{value!r} is no number")
    if kind == "int" and number != int(number):
        raise ValueError(f"{value!r} is no whole number")
    return int(number) if kind == "int" else number


def _check_ranges(recipe: Recipe) -> None:
    augment = {f"augment.{name}": value for name, value in dataclasses.asdict(recipe.augment).items()}
    objective = {f"objective.{name}": value for name, value in vars(recipe.objective).items()}
    values = {**dataclasses.asdict(recipe), **augment, **objective}
    for key in (*_ABOVE_ZERO, "augment.crop"):
        if values[key] <= 0:
            raise UsageError(f"{key} must be above 0, not {values[key]}")
    parts = [key for key in ("objective.patch_weight",) if key in values]
    for key in (*_FRACTIONS, *augment, *parts):
        if not 0 <= values[key] <= 1:
            raise UsageError(f"{key} must be from 0 to 1, not {values[key]}")
    weights = {key: value for key, value in values.items() if key.endswith("_weight")}
    for key in ("workers", "weight_decay", "chunk", "scenes", "small_size", *weights):
        if values[key] < 0:
            raise UsageError(f"{key} must be 0 or more, not {values[key]}")
    if recipe.temperature is not None and not 0.01 <= recipe.temperature <= 1:
        raise UsageError(f"temperature must be from 0.01 to 1, not {recipe.temperature}")
    if recipe.architecture is not None and not recipe.from_scratch:
        raise UsageError("architecture is for a network from scratch: what is trained on keeps its own")
    if recipe.chunk and recipe.scenes:
        raise UsageError("chunk is for pictures and texts alone: leave it or the recipe's scenes out")
    if not 0 <= recipe.seed < _SEEDS:
        raise UsageError(f"seed must be from 0 to {_SEEDS - 1}, not {recipe.seed}")
    if recipe.objective.needs_scenes != bool(recipe.scenes):
        raise UsageError("the objective dense, and no other, learns from the recipe's 'scenes'")
    if bool(recipe.data) == bool(recipe.scenes):
        raise UsageError("the recipe needs 'data', or for the objective dense 'scenes' and no data")
    if recipe.prototypes and not isinstance(recipe.objective, Clip):
        raise UsageError(f"prototypes help the objective clip alone, not {recipe.objective.name}")


def _set(node: Any, path: list[str], value: object, key: str) -> None:  # noqa: ANN401 (a tree of YAML)
    """Sets a dotted key; a list is entered by number."""
    try:
        for part in path[:-1]:
            if isinstance(node, dict) and part == "objective" and isinstance(node.get(part), str):
                node[part] = {"name": node[part]}
            node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
        node[int(path[-1]) if isinstance(node, list) else path[-1]] = value
    except (ValueError, IndexError, AttributeError, TypeError):
        raise UsageError(f"the recipe has no '{key}' to change") from None
