"""What the data sets are: short descriptions, which are data. `datasets/*.yaml` show by example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal, get_args

from terralex.evaluation.classification import prompt_name
from terralex.imagery import Bands, Units, parse_units
from terralex.runtime.errors import TerralexError, UsageError
from terralex.runtime.fields import Fields
from terralex.runtime.yaml_files import load_yaml, read_text

Labels = Literal["one", "several", "captions"]
Reader = Literal["folders", "table", "patches", "captions"]
Kind = Literal["rgb", "multispectral"]

_READERS: tuple[Reader, ...] = get_args(Reader)
_COLOURS = {"red", "green", "blue"}


@dataclass(frozen=True)
class Part:
    """One of several files that are one picture: what it is called, and its bands."""

    file: str
    bands: Bands


@dataclass(frozen=True)
class Layout:
    """A way in which the files of a data set lie.

    Attributes:
        reader: Who lists the pictures; see `terralex.evaluation.eo.listing`.
        path: The folder or the file that shows that the data lies so; ``{split}`` is the split's name.
        splits: Files that list the pictures of a split, of which the first that is there counts.
        image: Where the picture of a row is: a path with ``{column}``.
        label: The column of the label.
        separator: What stands between several labels in one cell; "" if there is only one.
        split: The column that tells the split; "" if there is none.
        bands: Bands of files that do not say; None if they do.
        units: Units of files that do not say.
        parts: The files of a picture, if it is a folder of several.
    """

    reader: Reader
    path: str
    splits: tuple[str, ...] = ()
    image: str = ""
    label: str = ""
    separator: str = ""
    split: str = ""
    bands: Bands | None = None
    units: Units | None = None
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class AsPublished:
    """How the published evaluation reads a data set, where that differs; see `reading.prepare_as_published`.

    Attributes:
        bands: The order in which it takes the bands to be.
        wrap_dn: The digital number that becomes 255, beyond which values start again at 0; None: no picture
            of 8 bits is made.
        interpolation: How it resizes; None: as the model's card says.
        names: What classes are called: "lower", the label in lower case without ``_`` and ``/``; "verbatim",
            the label; or "prompts", the words of this description.
        note: What a person should know of it.
    """

    bands: Bands | None = None
    wrap_dn: float | None = None
    interpolation: Literal["bilinear", "bicubic"] | None = None
    names: str = "lower"
    note: str = ""


@dataclass(frozen=True)
class Dataset:
    """A data set, described.

    Attributes:
        name: What the command line calls it.
        title: What people call it.
        source: The paper or the place that it is from.
        labels: Whether a picture has one class, several, or captions.
        layouts: How its files may lie, the likeliest first.
        roots: Folders, below that of all data, in which to look for them.
        use: Bands to look at; () for all.
        classes: The words that stand for each label; None: labels are found, and speak for themselves.
        merge: Labels in the files that mean a label of `classes`.
        ignore: Labels in the files that mean none.
        other_features: With several labels: a further class for all else, whose score is a second threshold
            for the accuracy; "" if there is none.
        published: The column of the published figures that belongs beside; None if there is none.
        as_published: How the published evaluation reads it.
        only_when_named: Whether it is left out unless it is asked for.
    """

    name: str
    title: str
    source: str
    labels: Labels
    layouts: tuple[Layout, ...]
    roots: tuple[str, ...] = (".",)
    use: tuple[str, ...] = ()
    classes: Mapping[str, str] | None = None
    merge: Mapping[str, str] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()
    other_features: str = ""
    published: str | None = None
    as_published: AsPublished = AsPublished()
    only_when_named: bool = False

    @property
    def kind(self) -> Kind:
        """Whether it has more than red, green and blue."""
        bands = [layout.bands for layout in self.layouts] + [
            part.bands for layout in self.layouts for part in layout.parts
        ]
        seen = set(self.use) or {str(name) for known in bands if known for name in known.common}
        return "rgb" if seen <= _COLOURS else "multispectral"


def dataset_names() -> tuple[str, ...]:
    """Names of the shipped descriptions."""
    names = (entry.name for entry in _shipped("datasets").iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


def load_dataset(name_or_path: str) -> Dataset:
    """A description by its name, in any case of letters, or from a YAML file of one's own.

    Raises:
        UsageError: There is none, or it is not understood.
    """
    known = {name.lower(): name for name in dataset_names()}
    if (name := known.get(name_or_path.lower())) is not None:
        return _read(_shipped("datasets") / f"{name}.yaml", name)
    path = Path(name_or_path)
    if path.suffix.lower() not in (".yaml", ".yml"):
        near = get_close_matches(name_or_path.lower(), known, n=1)
        hint = f"; did you mean {known[near[0]]}?" if near else ""
        raise UsageError(
            f"no data set is called {name_or_path!r}{hint} There are {', '.join(known.values())}; or name a "
            ".yaml file that describes one"
        )
    return _read(path, path.stem)


def _shipped(folder: str) -> Traversable:
    return files("terralex.evaluation.eo") / folder


def _read(source: Traversable | Path, name: str) -> Dataset:
    where = str(source) if isinstance(source, Path) else name
    content = _content(source, where)
    if (base := content.pop("like", None)) is not None:
        if base not in dataset_names():
            raise UsageError(f"{where}: like must be the name of a shipped data set, not {base!r}")
        content = {**_content(_shipped("datasets") / f"{base}.yaml", base), **content}
    try:
        return _parse(Fields(content, where), name)
    except UsageError as error:  # of bands and units
        raise UsageError(f"{where}: {error}") from error
    except TerralexError as error:
        raise UsageError(str(error)) from error


def _content(source: Traversable | Path, where: str) -> dict[str, object]:
    """The fields of a description."""
    content = load_yaml(read_text(source, where, UsageError), where, UsageError)
    if not isinstance(content, Mapping):
        raise UsageError(f"{where} does not describe a data set: it must be a mapping of fields")
    return {str(key): value for key, value in content.items()}


def _parse(fields: Fields, name: str) -> Dataset:
    bands = _bands(fields.optional_text("bands"))
    units = _units(fields.optional_text("units"))
    labels: Any = fields.choice("labels", get_args(Labels))
    layouts = tuple(_layout(section, labels, bands, units) for section in fields.sections("layouts"))
    if not layouts:
        raise fields.error("layouts", "is missing: it says where the files are")
    dataset = Dataset(
        name=name,
        title=fields.text("title"),
        source=fields.optional_text("source") or "",
        labels=labels,
        layouts=layouts,
        roots=(".", name, *fields.texts("roots", ())),
        use=fields.texts("use", ()),
        classes=_classes(fields),
        merge=_merged(fields),
        ignore=frozenset(fields.texts("ignore", ())),
        other_features=fields.optional_text("other_features") or "",
        published=fields.optional_text("published"),
        as_published=_as_published(fields),
        only_when_named=fields.flag("only_when_named", False),
    )
    fields.finish()
    if labels == "several" and not dataset.classes:
        raise fields.error("classes", "is missing: with several labels a picture, all have to be known")
    if dataset.other_features and labels != "several":
        raise fields.error("other_features", "is for pictures with several labels")
    return dataset


def _layout(fields: Fields, labels: Labels, bands: Bands | None, units: Units | None) -> Layout:
    paths = {reader: fields.optional_text(reader) for reader in _READERS}
    given = [reader for reader, path in paths.items() if path]
    if len(given) != 1:
        raise fields.error("folders", f"or one of {', '.join(_READERS[1:])} must say where the files are")
    reader = given[0]
    own_bands, own_units = _bands(fields.optional_text("bands")), _units(fields.optional_text("units"))
    layout = Layout(
        reader=reader,
        path=paths[reader] or "",
        splits=fields.texts("splits", ()),
        image=fields.optional_text("image") or "",
        label=fields.optional_text("label") or "",
        separator=fields.optional_text("separator") or "",
        split=fields.optional_text("split") or "",
        bands=own_bands or bands,
        units=own_units or units,
        parts=tuple(_part(section) for section in fields.sections("parts")),
    )
    fields.finish()
    if (reader == "captions") != (labels == "captions"):
        raise fields.error(reader, f"does not fit labels: {labels}")
    needed = {"table": ("image", "label"), "captions": ("image",)}.get(reader, ())
    for name in needed:
        if not getattr(layout, name):
            raise fields.error(name, f"is missing: {reader} needs it")
    return layout


def _part(fields: Fields) -> Part:
    part = Part(fields.text("file"), Bands.parse(fields.text("bands")))
    fields.finish()
    return part


def _as_published(fields: Fields) -> AsPublished:
    if not fields.optional("as_published"):
        return AsPublished()
    section = fields.section("as_published")
    interpolation: Any = section.choice("interpolation", ("bilinear", "bicubic", "card"), "card")
    found = AsPublished(
        bands=_bands(section.optional_text("bands")),
        wrap_dn=section.optional_number("wrap_dn"),
        interpolation=None if interpolation == "card" else interpolation,
        names=section.choice("names", ("lower", "verbatim", "prompts"), "lower"),
        note=section.optional_text("note") or "",
    )
    section.finish()
    return found


def _classes(fields: Fields) -> dict[str, str] | None:
    """The words of each label: of a shipped list, a mapping, or a list of labels that need no other words."""
    given = fields.optional("classes")
    if isinstance(given, str):
        listed = _shipped("classes") / f"{given}.yaml"
        if not listed.is_file():
            raise fields.error("classes", f"must map labels to words; no list is called {given!r}")
        given = load_yaml(read_text(listed), given)
    if given is None:
        return None
    if isinstance(given, list):
        given = dict.fromkeys(given)
    if not isinstance(given, Mapping) or not given:
        raise fields.error("classes", "must be a mapping from labels to words, or a list of labels")
    return {str(label): str(words or prompt_name(str(label))) for label, words in given.items()}


def _merged(fields: Fields) -> dict[str, str]:
    """Which label of `classes` each label that is merged becomes."""
    if fields.optional("merge") is None:
        return {}
    return {str(old): new for new, olds in fields.mapping("merge").items() for old in olds}


def _bands(text: str | None) -> Bands | None:
    return None if text is None else Bands.parse(text)


def _units(text: str | None) -> Units | None:
    return None if text is None else parse_units(text)
