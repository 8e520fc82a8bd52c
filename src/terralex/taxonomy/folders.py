"""Names of class folders as iNaturalist and TreeOfLife have them: `00000_Animalia_..._Apis_mellifera`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from terralex.runtime.errors import UsageError
from terralex.runtime.inputs import is_system_name, natural_key
from terralex.runtime.tables import text_lines
from terralex.taxonomy.build import make_taxonomy
from terralex.taxonomy.names import RANKS
from terralex.taxonomy.taxonomy import Taxonomy

_NUMBERED = re.compile(r"\d+_(?=\D)")


def folder_lineage(name: str) -> tuple[str, ...]:
    """The seven names in the name of a class folder, "" where missing.

    Args:
        name: `NNNNN_Kingdom_Phylum_Class_Order_Family_Genus_epithet`, with or without the number. Everything
            after the genus is the epithet, whose words may be parted by spaces or by `_`.

    Raises:
        UsageError: It is not of this form.
    """
    parts = _NUMBERED.sub("", name, count=1).split("_", len(RANKS) - 1)
    if len(parts) < len(RANKS) or not any(parts):
        form = f"NNNNN_{'_'.join(rank.capitalize() for rank in RANKS[:-1])}_species"
        raise UsageError(f"{name!r} is no folder name of the form {form}")
    return (*parts[:-1], parts[-1].replace("_", " "))


def read_folders(folder: Path) -> Taxonomy:
    """The taxonomy of the class folders in a folder; `source_rows` count them in natural order.

    Raises:
        UsageError: One of them has no such name.
    """
    names = [entry.name for entry in folder.iterdir() if entry.is_dir() and not is_system_name(entry.name)]
    if not names:
        raise UsageError(f"{folder} has no class folders to read names from")
    return _of_names((str(folder), name) for name in sorted(names, key=natural_key))


def read_folder_list(path: Path) -> Taxonomy:
    """The taxonomy of a text file with the name, or the path, of a class folder in each line.

    Raises:
        UsageError: One of them has no such name.
    """
    lines = text_lines(path)
    return _of_names((f"{path}, line {number}", Path(line.strip()).name) for number, line in lines)


def is_folder_name(text: str) -> bool:
    """Whether a line looks like the name or the path of a numbered class folder."""
    name = Path(text.strip()).name
    return bool(_NUMBERED.match(name)) and name.count("_") >= len(RANKS)


def _of_names(names: Iterable[tuple[str, str]]) -> Taxonomy:
    lineages = []
    for place, name in names:
        try:
            lineages.append(folder_lineage(name))
        except UsageError as error:
            raise UsageError(f"{place}: {error}") from None
    return make_taxonomy(lineages)
