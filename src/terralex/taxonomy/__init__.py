"""Trees of names: read, look up, take parts, draw relatives, sum probabilities to any rank.

taxonomy = read_taxonomy("species.csv").within("Insecta")
families = taxonomy.roll_up(probabilities, "family")
"""

from terralex.taxonomy.build import TaxonomyBuilder, make_taxonomy
from terralex.taxonomy.checks import Finding
from terralex.taxonomy.folders import folder_lineage
from terralex.taxonomy.name_table import NameTable, read_name_table
from terralex.taxonomy.names import (
    RANKS,
    bioclip_names,
    show_lineage,
    tagged_name,
    taxonomic_name,
)
from terralex.taxonomy.paths import BestPaths, best_paths, roll_ups
from terralex.taxonomy.rank_tables import chain_names
from terralex.taxonomy.read import read_taxonomy
from terralex.taxonomy.report import ReadReport
from terralex.taxonomy.sampling import Relatives, RelativeSampler
from terralex.taxonomy.scientific import scientific_name, split_scientific, split_species
from terralex.taxonomy.taxon import CommonName, Taxon
from terralex.taxonomy.taxonomy import Taxonomy
from terralex.taxonomy.write import write_taxonomy

__all__ = [
    "RANKS",
    "BestPaths",
    "CommonName",
    "Finding",
    "NameTable",
    "ReadReport",
    "RelativeSampler",
    "Relatives",
    "Taxon",
    "Taxonomy",
    "TaxonomyBuilder",
    "best_paths",
    "bioclip_names",
    "chain_names",
    "folder_lineage",
    "make_taxonomy",
    "read_name_table",
    "read_taxonomy",
    "roll_ups",
    "scientific_name",
    "show_lineage",
    "split_scientific",
    "split_species",
    "tagged_name",
    "taxonomic_name",
    "write_taxonomy",
]
