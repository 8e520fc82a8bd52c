"""Model cards: everything that belongs to a set of weights besides the weights.

A card says which bands a model takes, in which units, how pictures are resized and normalised, which prompts
it was meant for, and where its weights are. It is a YAML file that holds data only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import yaml

from terralex.runtime.errors import TerralexError
from terralex.runtime.fields import Fields

Family = Literal["open_clip", "pocket", "radio"]
Resize = Literal["shortest", "squash", "squash_float"]
Interpolation = Literal["bicubic", "bilinear"]
Missing = Literal["mean", "error"]
TokenizerName = Literal["clip", "pocket", "open_clip", "siglip2"]
GeometryName = Literal["cosine", "radial", "lorentz"]

CARD_FILE = "terralex_card.yaml"


@dataclass(frozen=True)
class WeightSource:
    """Where a model's weights are.

    Attributes:
        files: Names of the weight file, the preferred one first: in a repository, a folder, or the package.
        repo: ``owner/name`` on the Hugging Face Hub.
        revision: Branch or commit in ``repo``.
        url: Where a person fetches the file when it is not on the Hub.
        bundled: The file is part of this package.
        sha256: Checksum of the file, where it is published.
        size_mb: Size of the file in megabytes, for people.
    """

    files: tuple[str, ...]
    repo: str | None = None
    revision: str = "main"
    url: str | None = None
    bundled: bool = False
    sha256: str | None = None
    size_mb: float | None = None


@dataclass(frozen=True)
class InputSpec:
    """What a network takes: pixels of shape (len(bands), size, size), normalised.

    Attributes:
        bands: Canonical names of ``sensor``, in channel order.
        sensor: Name of a sensor file, such as ``rgb`` or ``sentinel-2-l2a``.
        units: Units of ``mean`` and ``std``. For ``8bit`` they are fractions of 255, as is the custom.
        mean: One value a band. A pixel that is not known is set to it, which is 0 after normalisation.
        std: One value a band.
        size: Height and width in pixels.
        resize: ``shortest``: the shorter side to ``size``, then the centre; ``squash``: both sides;
            ``squash_float``: the same in floating point, for pictures of 8 bits too.
        interpolation: ``bicubic`` or ``bilinear``.
        antialias: Low-pass before shrinking.
        missing: What to do about a band that the picture lacks: its ``mean``, reported, or an ``error``.
        rgb_max_dn: The digital number (reflectance x 10000) that 255 stands for, where one of picture and
            model is an 8-bit rendering and the other is not.
    """

    bands: tuple[str, ...]
    sensor: str
    units: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: int
    resize: Resize = "shortest"
    interpolation: Interpolation = "bicubic"
    antialias: bool = True
    missing: Missing = "mean"
    rgb_max_dn: float = 2000.0


@dataclass(frozen=True)
class TextSpec:
    """How texts become tokens.

    Attributes:
        tokenizer: ``clip`` (CLIP's byte-pair encoding), ``pocket``, ``siglip2``, or ``open_clip``: the one of
            ``tower``.
        context: Tokens a text may have, start and end included.
        templates: Name of the prompt templates that the model was meant for.
        tower: The text tower, where it is not part of the weights: a repository of the Hugging Face Hub for
            ``siglip2``; ``ARCHITECTURE/WEIGHTS`` in open_clip's names for ``open_clip``.
    """

    tokenizer: TokenizerName
    context: int
    templates: str
    tower: str | None = None


@dataclass(frozen=True)
class Score:
    """A published or measured figure, and where it is written."""

    task: str
    metric: str
    value: float
    source: str


@dataclass(frozen=True)
class ModelCard:
    """A model, described. ``architecture`` is read by its family; the rest by everyone.

    Attributes:
        logit_scale: What cosines are multiplied by before the softmax; None: what was learned with the
            weights.
        geometry: ``cosine``: embeddings are unit rows; ``radial``: unit rows around a root, the farther from
            it the more specific; ``lorentz``: points of hyperbolic space, whose root is the origin.
        root: The most general text, whose embedding is the root of a radial model; it may be empty.
        domain: What the model is for.
        trained_on: What it learned from.
        notes: What a user should know, one sentence each.
    """

    name: str
    title: str
    description: str
    family: Family
    architecture: Mapping[str, Any]
    embed_dim: int
    weights: WeightSource
    input: InputSpec
    text: TextSpec
    licence: str
    url: str
    citation: str
    domain: str
    trained_on: str
    logit_scale: float | None = None
    geometry: GeometryName = "cosine"
    root: str | None = None
    scores: tuple[Score, ...] = ()
    notes: tuple[str, ...] = ()


def read_card(path: Path) -> ModelCard:
    """Read and check the card in a YAML file.

    Raises:
        TerralexError: The file cannot be read or is not a card; the message names the field.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:  # such as a 13th month
        raise TerralexError(
            f"{path}: cannot be read as a model card: {' '.join(str(error).split())}"
        ) from error
    return parse_card(data, where=str(path))


def parse_card(data: object, where: str) -> ModelCard:
    """Turn the content of a card file into a ModelCard.

    Args:
        data: What YAML gave.
        where: The file, for messages.

    Raises:
        TerralexError: A field is missing, unknown, or of the wrong kind; the message names it.
    """
    card = Fields(data, where)
    built = ModelCard(
        name=card.text("name"),
        title=card.text("title"),
        description=card.text("description"),
        family=cast(Family, card.choice("family", get_args(Family))),
        architecture=card.mapping("architecture"),
        embed_dim=card.count("embed_dim"),
        weights=_weights(card.section("weights")),
        input=_input(card.section("input")),
        text=_text(card.section("text")),
        licence=card.text("licence"),
        url=card.text("url"),
        citation=card.text("citation"),
        domain=card.text("domain"),
        trained_on=card.text("trained_on"),
        logit_scale=card.optional_number("logit_scale"),
        geometry=cast(GeometryName, card.choice("geometry", get_args(GeometryName), default="cosine")),
        root=card.optional_text("root"),
        scores=tuple(_score(entry) for entry in card.sections("scores")),
        notes=card.texts("notes", default=()),
    )
    card.finish()
    if built.geometry == "radial" and built.root is None:
        raise card.error("root", 'is missing: a radial model needs its most general text, such as "Eukarya"')
    if built.geometry != "radial" and built.root is not None:
        raise card.error("root", f"is of radial models alone, and geometry is {built.geometry}")
    return built


def card_to_yaml(card: ModelCard) -> str:
    """The card as YAML that `parse_card` reads back to an equal card."""
    return yaml.safe_dump(
        _plain(card), default_flow_style=None, sort_keys=False, allow_unicode=True, width=100
    )


def _weights(section: Fields) -> WeightSource:
    weights = WeightSource(
        files=section.texts("files"),
        repo=section.optional_text("repo"),
        revision=section.optional_text("revision") or "main",
        url=section.optional_text("url"),
        bundled=section.flag("bundled", default=False),
        sha256=section.optional_text("sha256"),
        size_mb=section.optional_number("size_mb"),
    )
    section.finish()
    if not weights.files:
        raise section.error("files", "names no file")
    return weights


def _input(section: Fields) -> InputSpec:
    spec = InputSpec(
        bands=section.texts("bands"),
        sensor=section.text("sensor"),
        units=section.choice("units", ("dn", "dn+1000", "reflectance", "8bit", "landsat-c2")),
        mean=section.numbers("mean"),
        std=section.numbers("std"),
        size=section.count("size"),
        resize=cast(Resize, section.choice("resize", get_args(Resize), default="shortest")),
        interpolation=cast(
            Interpolation, section.choice("interpolation", get_args(Interpolation), default="bicubic")
        ),
        antialias=section.flag("antialias", default=True),
        missing=cast(Missing, section.choice("missing", get_args(Missing), default="mean")),
        rgb_max_dn=section.number("rgb_max_dn", default=2000.0),
    )
    section.finish()
    if not spec.bands or len(set(spec.bands)) != len(spec.bands):
        raise section.error("bands", "must name at least one band, and each once")
    for name, values in (("mean", spec.mean), ("std", spec.std)):
        if len(values) != len(spec.bands):
            raise section.error(name, f"has {len(values)} values for {len(spec.bands)} bands")
    if min(spec.std) <= 0 or spec.rgb_max_dn <= 0:
        raise section.error("std" if min(spec.std) <= 0 else "rgb_max_dn", "must be above 0")
    return spec


def _text(section: Fields) -> TextSpec:
    spec = TextSpec(
        tokenizer=cast(TokenizerName, section.choice("tokenizer", get_args(TokenizerName))),
        context=section.count("context"),
        templates=section.text("templates"),
        tower=section.optional_text("tower"),
    )
    section.finish()
    return spec


def _score(section: Fields) -> Score:
    score = Score(
        task=section.text("task"),
        metric=section.text("metric"),
        value=section.number("value"),
        source=section.text("source"),
    )
    section.finish()
    return score


def _plain(value: object) -> Any:  # noqa: ANN401 (any YAML value)
    """Dataclasses and tuples as mappings and lists; fields that are None or empty are left out."""
    if is_dataclass(value) and not isinstance(value, type):
        items = {field.name: getattr(value, field.name) for field in fields(value)}
        return {name: _plain(item) for name, item in items.items() if item is not None and item != ()}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
