"""Where the data sets are: in which of their layouts, with which pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from terralex.evaluation.classification import prompt_name
from terralex.evaluation.coverage import check_present
from terralex.evaluation.eo.descriptions import Dataset, Kind, Layout, dataset_names, load_dataset
from terralex.evaluation.eo.listing import ALL, Sample, has_columns, in_split, list_samples
from terralex.imagery import Bands, load_orders, read_image
from terralex.runtime.errors import InputError, UsageError

_PROBED = 8  # pictures


@dataclass(frozen=True)
class Found:
    """A data set that is there.

    Attributes:
        dataset: Its description.
        layout: How it lies.
        root: The folder that the names of pictures begin in.
        split: Which split; "all" if it has none.
        classes: Labels, in order; () for captions.
        samples: The pictures.
        notes: What a person should know of it.
    """

    dataset: Dataset
    layout: Layout
    root: Path
    split: str
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the data set."""
        return self.dataset.name


def find_datasets(
    data: Path, names: Sequence[str] = (), *, split: str | None = None, kind: Kind | None = None
) -> list[Found]:
    """Find data sets below a folder.

    Args:
        data: The folder of all data.
        names: Which; see `load_dataset`. All of them must be there. If none are named, those that are there.
        split: "train", "val", "test" or "all"; None: "test" where there are lists of splits, else all.
        kind: Of those that are not named, only data sets of this kind.

    Raises:
        UsageError: One is not there, most of its pictures are missing, or what is there is not as its layout
            has it.
    """
    if not data.is_dir():
        raise UsageError(f"no folder {data}: --data DIR is the folder in which the data sets are")
    if names:
        chosen = list({dataset.name: dataset for dataset in map(load_dataset, names)}.values())
        places = {dataset.name: _places(dataset, data, split) for dataset in chosen}
        missing = [_missing(dataset, data, split) for dataset in chosen if not places[dataset.name]]
        if missing:
            raise UsageError("; ".join(missing))
    else:
        known = [dataset for dataset in map(load_dataset, dataset_names()) if not dataset.only_when_named]
        chosen = [dataset for dataset in known if kind in (None, dataset.kind)]
        places = {dataset.name: _own_places(dataset, data, split) for dataset in chosen}
        if not any(places.values()):
            listed = "; ".join(f"{d.name} as {_shown(d.layouts[0], split)}" for d in chosen)
            raise UsageError(f"no data set that suits the model is in {data}: looked for {listed}")
        chosen = [dataset for dataset in chosen if places[dataset.name]]
    return [_find(dataset, *places[dataset.name][0], split) for dataset in chosen]


def check_order(found: Found) -> None:
    """See, by the cirrus band, that the stated order of bands is that of the files.

    What reaches band 10 of Sentinel-2 comes from high clouds, so over land that plane is far the darkest.
    Two orders of as many bands are told apart by where it stands.

    Raises:
        UsageError: By these pictures the files are in another order.
    """
    bands = found.layout.bands
    if bands is None or bands.find("B10") is None or found.layout.parts:
        return
    darkest = _darkest_plane(found, bands)
    if darkest is None or darkest == bands.find("B10"):
        return
    rivals = [
        order.name
        for order in load_orders().values()
        if order.sensor == bands.sensor and len(order.bands) == len(bands) and order.bands[darkest] == "B10"
    ]
    if rivals:
        raise UsageError(
            f"{found.name} says that its bands are {bands}, but plane {darkest + 1} of these files looks "
            f"like B10, as in the order {' or '.join(rivals)}: {_advice(found, rivals)}"
        )


def _darkest_plane(found: Found, bands: Bands) -> int | None:
    """The plane that is darkest in the middle one of some pictures, if it is far darker than all others."""
    step = max(1, len(found.samples) // _PROBED)
    levels = []
    for sample in found.samples[::step][:_PROBED]:
        try:
            image = read_image(found.root / sample.name, bands=bands, units=found.layout.units)
        except InputError:
            continue
        levels.append(image.pixels.reshape(len(bands), -1).mean(axis=1))
    if not levels:
        return None
    middle = np.median(np.stack(levels), axis=0)
    first, second = np.argsort(middle)[:2]
    return int(first) if 4 * middle[first] < middle[second] else None


def _advice(found: Found, rivals: Sequence[str]) -> str:
    """What to name instead."""
    orders = {tuple(load_orders()[name].bands) for name in rivals}
    for name in dataset_names():
        other = load_dataset(name)
        shared = {layout.path for layout in other.layouts} & {layout.path for layout in found.dataset.layouts}
        if shared and any(layout.bands and layout.bands.names in orders for layout in other.layouts):
            return f"pass --datasets {name}"
    return "state their order in the description"


def _find(dataset: Dataset, layout: Layout, root: Path, split: str | None) -> Found:
    listed = list_samples(dataset, layout, root, split)
    check_present([listed.root / sample.name for sample in listed.samples], dataset.name)
    if dataset.labels == "captions":
        classes: tuple[str, ...] = ()
    elif dataset.classes is not None:
        classes = tuple(dataset.classes)
    else:
        classes = tuple(dict.fromkeys(label for sample in listed.samples for label in sample.labels or ()))
    if dataset.classes is None and classes:
        dataset = replace(dataset, classes={label: prompt_name(label) for label in classes})
    return Found(dataset, layout, listed.root, listed.split, classes, listed.samples, listed.notes)


def _places(dataset: Dataset, data: Path, split: str | None) -> list[tuple[Layout, Path]]:
    """Where the data set lies, in which of its layouts."""
    wanted = None if split == ALL else split
    places = [(layout, data / root) for layout in dataset.layouts for root in dict.fromkeys(dataset.roots)]
    return [
        (layout, root)
        for layout, root in places
        if (path := root / in_split(layout.path, wanted)).exists()
        and path.is_dir() == (layout.reader in ("folders", "patches"))
        and _has_pictures(layout, path.parent if layout.reader == "table" else root)
    ]


def _own_places(dataset: Dataset, data: Path, split: str | None) -> list[tuple[Layout, Path]]:
    """`_places`, but for tables of something else that are called alike."""
    wanted = None if split == ALL else split
    return [
        (layout, root)
        for layout, root in _places(dataset, data, split)
        if layout.reader != "table" or has_columns(root / in_split(layout.path, wanted), layout)
    ]


def _has_pictures(layout: Layout, root: Path) -> bool:
    """Whether the folder is there in which a table or captions have their pictures."""
    fixed, _, _ = layout.image.partition("{")
    return (root / fixed.rpartition("/")[0]).is_dir()


def _missing(dataset: Dataset, data: Path, split: str | None) -> str:
    shown = " or ".join(dict.fromkeys(_shown(layout, split) for layout in dataset.layouts))
    folders = ", ".join(str(data / root) for root in dict.fromkeys(dataset.roots))
    return f"{dataset.name} is not there: looked for {shown} in {folders}; --data DIR is the folder above it"


def _shown(layout: Layout, split: str | None) -> str:
    path = in_split(layout.path, None if split == ALL else split)
    inside = {"folders": "<class>/<picture>", "patches": "<patch>/<patch>_B02.tif"}.get(layout.reader)
    return f"{path}/{inside}" if inside else f"{path} with {layout.image}"
