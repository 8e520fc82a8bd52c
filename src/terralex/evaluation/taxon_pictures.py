"""Pictures whose taxon is known, in the layouts in which benchmarks have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from terralex.imagery.class_folders import class_folders
from terralex.imagery.read import IMAGE_EXTENSIONS
from terralex.runtime.errors import UsageError
from terralex.runtime.inputs import expand_inputs
from terralex.taxonomy import RANKS, Taxonomy, folder_lineage, make_taxonomy, show_lineage
from terralex.taxonomy.folders import is_folder_name
from terralex.taxonomy.labelled import read_labelled

Layout = Literal["inat21", "rare-species", "folders"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)

_SPLITS = ("val", "val_folders")
_FILE_COLUMNS = ("filepath", "relativepath", "imgfn", "imagefilename", "filename", "file", "path", "image")


@dataclass(frozen=True)
class TaxonPictures:
    """A benchmark of taxa.

    Attributes:
        layout: How it was laid out.
        files: The pictures.
        taxonomy: The taxa that there are to choose from.
        leaves: int64 (n,), the leaf that each picture shows.
        errors: Pictures that cannot be scored, with the reason.
    """

    layout: Layout
    files: tuple[str, ...]
    taxonomy: Taxonomy
    leaves: NDArray[np.int64]
    errors: tuple[tuple[str, str], ...] = ()

    def among(self, taxonomy: Taxonomy) -> TaxonPictures:
        """The same pictures, with the taxa of another taxonomy to choose from.

        Pictures of what it does not have move to `errors`.

        Raises:
            UsageError: It has none of them.
        """
        if taxonomy.ranks != self.taxonomy.ranks:
            raise UsageError(
                f"the taxonomy has the ranks {', '.join(taxonomy.ranks)}, the pictures have "
                f"{', '.join(self.taxonomy.ranks)}: they must be the same"
            )
        leaves = taxonomy.locate(self.taxonomy.lineages())[self.leaves]
        lost = [
            (self.files[i], f"the taxonomy has no {show_lineage(self.taxonomy.lineage(int(self.leaves[i])))}")
            for i in np.flatnonzero(leaves < 0).tolist()
        ]
        if len(lost) == len(self.files):
            raise UsageError(f"no picture shows a taxon of the taxonomy; the first: {': '.join(lost[0])}")
        files = tuple(file for file, leaf in zip(self.files, leaves.tolist(), strict=True) if leaf >= 0)
        kept = leaves[leaves >= 0]
        return replace(self, files=files, taxonomy=taxonomy, leaves=kept, errors=(*self.errors, *lost))


def read_taxon_pictures(
    data: Path, images: Path | None = None, layout: Layout | Literal["auto"] = "auto"
) -> TaxonPictures:
    """Find the pictures of a benchmark and what they show.

    - inat21: a folder with a folder a species, called `NNNNN_Kingdom_..._Genus_epithet`; or with such folders
      in `val`.
    - rare-species: a table with a column for each rank (`class` may be `cls`) and one `filepath`; or a folder
      with one such table.
    - folders: folders in folders, each called as its taxon, from general to specific. Seven levels are the
      Linnaean ranks.

    Args:
        data: The folder, or the table.
        images: The folder that a table's paths begin in; by default the table's own.
        layout: Which of them; "auto": what it looks like.

    Raises:
        UsageError: There is nothing of this layout.
    """
    if layout == "auto":
        layout = _guess(data)
    elif layout not in LAYOUTS:
        raise UsageError(f"layouts are {', '.join(LAYOUTS)}, not {layout!r}")
    if layout == "rare-species":
        return _read_table(data, images)
    if not data.is_dir():
        raise UsageError(f"no folder {data}: expected the pictures there, in folders called by their taxa")
    return _read_inat(data) if layout == "inat21" else _read_folders(data)


def _guess(data: Path) -> Layout:
    if data.is_file():
        return "rare-species"
    if data.is_dir() and _inat_root(data) is None:
        return "rare-species" if _tables(data) else "folders"
    return "inat21"


def _tables(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in (".csv", ".tsv", ".parquet"))


def _inat_root(data: Path) -> Path | None:
    """The folder that holds the class folders: this one, or one for a split in it."""
    for folder in (data, *(data / split for split in _SPLITS)):
        if folder.is_dir() and any(
            entry.is_dir() and is_folder_name(entry.name) for entry in folder.iterdir()
        ):
            return folder
    return None


def _read_inat(data: Path) -> TaxonPictures:
    root = _inat_root(data)
    if root is None:
        form = f"NNNNN_{'_'.join(rank.capitalize() for rank in RANKS[:-1])}_species"
        raise UsageError(f"{data} has no folders of the form {form}, and neither has {data / _SPLITS[0]}")
    files, lineages = [], []
    for name, own in class_folders(root).items():
        files += own
        lineages += [folder_lineage(name)] * len(own)
    return _of_lineages("inat21", files, lineages, RANKS)


def _read_folders(data: Path) -> TaxonPictures:
    files = expand_inputs([str(data)], IMAGE_EXTENSIONS)
    lineages = [Path(file).relative_to(data).parts[:-1] for file in files]
    if stray := next((file for file, names in zip(files, lineages, strict=True) if not names), None):
        raise UsageError(f"{stray} is in no folder that says what it shows")
    depth = max(map(len, lineages))
    ranks = RANKS if depth == len(RANKS) else [f"level {level}" for level in range(1, depth + 1)]
    return _of_lineages("folders", files, lineages, ranks)


def _of_lineages(
    layout: Layout, files: list[str], lineages: list[tuple[str, ...]], ranks: Sequence[str]
) -> TaxonPictures:
    taxonomy = make_taxonomy(lineages, ranks)
    return TaxonPictures(layout, tuple(files), taxonomy, taxonomy.locate(lineages))


def _read_table(data: Path, images: Path | None) -> TaxonPictures:
    if data.is_dir():
        tables = _tables(data)
        if len(tables) != 1:
            found = ", ".join(path.name for path in tables) or "none"
            raise UsageError(
                f"{data} should hold one table of the pictures, and holds {found}: name the table"
            )
        data = tables[0]
    folder = images or data.parent
    if not folder.is_dir():
        raise UsageError(f"no folder {folder}: --images names the one that the table's paths begin in")
    names, taxonomy, leaves = read_labelled(data, _FILE_COLUMNS)
    return TaxonPictures("rare-species", tuple(str(folder / name) for name in names), taxonomy, leaves)
