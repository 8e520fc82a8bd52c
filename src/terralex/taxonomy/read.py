"""Reading a taxonomy from whatever holds one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from terralex.runtime.errors import UsageError
from terralex.runtime.tables import TEXT_TABLES, Table, first_line, open_table
from terralex.taxonomy.checklists import read_darwin_core
from terralex.taxonomy.darwin_core import is_darwin_core
from terralex.taxonomy.folders import is_folder_name, read_folder_list, read_folders
from terralex.taxonomy.name_lists import read_name_list
from terralex.taxonomy.name_table import read_names
from terralex.taxonomy.rank_tables import (
    CHAIN,
    CHAIN_COLUMNS,
    rank_columns,
    read_chain_table,
    read_chains,
    read_rank_table,
)
from terralex.taxonomy.taxonomy import Taxonomy

_ADVICE = {
    ".npy": "these are embeddings; pass the .json file of the same name, which has the names",
    ".zip": "unpack it and pass the table of taxa in it (in Darwin Core archives, Taxon.tsv or taxon.txt)",
    ".xlsx": "save the sheet as CSV",
    ".nwk": "trees in Newick form are not read; make a table with the columns id, name, parent_id",
    ".tre": "trees in Newick form are not read; make a table with the columns id, name, parent_id",
}


def read_taxonomy(path: str | PathLike[str], *, ranks: Sequence[str] | None = None) -> Taxonomy:
    """Read a taxonomy; its ending, its columns or its first line show what kind of file it is.

    - CSV, TSV or Parquet (text also as `.gz`) with a column for each rank, whatever its capitals: `kingdom`
      to `species` (or `cls`, `species_epithet`), some of them, or those called like `ranks`. A column
      `common_name` or `vernacularName` gives common names. Rows may repeat, as in lists of pictures.
      Columns such as `taxon_family_name` or `familyName` are read too.
    - Darwin Core tables: `scientificName` with `taxonRank`, and the higher ranks as columns or through
      `parentNameUsageID`. Any table with `id`, `name` and `parent_id` is read in the same way. Taxa whose
      status is not "accepted" or the like are left out.
    - A text file (`.txt`) with a scientific name in each line.
    - `txt_emb_species.json`, the names of BioCLIP's embeddings.
    - A folder whose folders are called `00000_Kingdom_..._Genus_epithet`, or a text file of such names.
    - Chains "a => b => c" of any length: a text file with one in each line, or a table with a column
      `captions`.

    Args:
        path: The file or folder.
        ranks: Names of the ranks, from general to specific, where they are not the Linnaean ones: the columns
            to read, or the levels of chains.

    Returns:
        The taxonomy; its `source_rows` count the rows of the file, and its `report` says which were left out.

    Raises:
        UsageError: It does not exist, is none of these or is damaged; the message says where, and what to do.
    """
    path = Path(path)
    if path.is_dir():
        return read_folders(path)
    if not path.is_file():
        raise UsageError(f"{path} does not exist: no taxonomy to read there")
    ending = (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()
    if ending == ".json":
        return read_names(path)
    if ending == ".parquet":
        return _read_table(open_table(path), ranks)
    if ending in TEXT_TABLES:
        return _read_text(path, ending, ranks)
    advice = _ADVICE.get(ending, "a taxonomy is a .csv, .tsv, .parquet, .json or .txt file, or a folder")
    raise UsageError(f"{path} cannot be read as a taxonomy: {advice}")


def _read_text(path: Path, ending: str, ranks: Sequence[str] | None) -> Taxonomy:
    line = first_line(path)
    if ending == ".txt" and CHAIN in line:
        return read_chains(path, ranks)
    if is_folder_name(line) and not re.search(r"[,;\t]", line):
        return read_folder_list(path)
    table = open_table(path)
    if ending == ".txt" and ranks is None and not _is_taxon_table(table):
        return read_name_list(path, table.columns)
    return _read_table(table, ranks)


def _is_taxon_table(table: Table) -> bool:
    return table.find(*CHAIN_COLUMNS) is not None or is_darwin_core(table) or bool(rank_columns(table))


def _read_table(table: Table, ranks: Sequence[str] | None) -> Taxonomy:
    chain = table.find(*CHAIN_COLUMNS)
    if chain is not None and not rank_columns(table, ranks or ()):
        return read_chain_table(table, chain, ranks)
    if is_darwin_core(table):
        return read_darwin_core(table, ranks)
    if ranks is not None or rank_columns(table):
        return read_rank_table(table, ranks)
    shown = ", ".join(table.columns[:12])
    raise UsageError(
        f"{table.path} has no column that names a rank (kingdom, ..., genus, species), no scientificName and"
        f" no captions; it has {shown}. Write the names of ranks in its first line; in Python, other names"
        f" can be passed as `ranks`, from general to specific"
    )
