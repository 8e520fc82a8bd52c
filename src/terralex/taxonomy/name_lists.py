"""Plain lists of scientific names: text files with one in each line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from terralex.runtime.errors import UsageError
from terralex.runtime.tables import folded, text_lines
from terralex.taxonomy._clean import clean_lineages
from terralex.taxonomy.build import TaxonomyBuilder
from terralex.taxonomy.scientific import parse_scientific
from terralex.taxonomy.taxonomy import Taxonomy

_HEADINGS = {
    "name",
    "names",
    "taxon",
    "taxa",
    "label",
    "labels",
    "specieslist",
    "scientificnames",
    "latinname",
}
_GENUS = re.compile(r"(?:× )?[^\W\d_]+(?:-[^\W\d_]+)*\.?")


def read_name_list(path: Path, first_cells: Sequence[str]) -> Taxonomy:
    """Read a text file with a scientific name in each line; lines that begin with "#" are left out.

    Args:
        path: The file.
        first_cells: The cells of its first line, were it a table: several show that it is one.

    Raises:
        UsageError: It is a table without a line of headings, or a line is not a scientific name.
    """
    builder = TaxonomyBuilder(("genus", "species"))
    lineages: list[tuple[str, str]] = []
    for number, line in text_lines(path):
        where = f"{path}, line {number}"
        if line.lstrip().startswith("#") or (not lineages and folded(line.strip()) in _HEADINGS):
            continue
        if "\t" in line or ";" in line:
            shown = ", ".join(cell for cell in first_cells[:12])
            raise UsageError(
                f"{path} has no line of headings that names a rank (kingdom, ..., species) or "
                f"scientificName; its first line is {shown}: write the names of the columns there"
            )
        name = parse_scientific(line)
        # In lower case it may be a common name: "red fox" is no genus Red.
        if not _GENUS.fullmatch(name.genus) or line.lstrip("x ")[0].islower():
            raise UsageError(
                f"{where}: {line.strip()!r} is not a scientific name; a list has one in each line, with a "
                "capital, such as 'Canis lupus', and a table names its columns in the first line"
            )
        if name.is_open:
            builder.tally.count("with an open name ('sp.', 'cf.') end at the genus", line.strip())
        elif not name.epithet:
            builder.tally.count("of one word end at the genus", line.strip())
        elif name.capitalised:
            builder.tally.count("with a capitalised epithet are read as species", line.strip())
        lineages.append((name.genus, name.epithet))
    builder.add(clean_lineages(lineages, builder.ranks))
    return builder.finish(str(path))
