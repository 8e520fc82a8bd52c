"""Made trees of life: evolved traits, Latin-like names and pictures of specimens."""

from terralex.synthetic.life.specimen import render_specimen
from terralex.synthetic.life.traits import PLANS, RANKS, TRAITS
from terralex.synthetic.life.tree import BRANCHING, Taxon, TreeOfLife, held_out_species, make_tree_of_life

__all__ = [
    "BRANCHING",
    "PLANS",
    "RANKS",
    "TRAITS",
    "Taxon",
    "TreeOfLife",
    "held_out_species",
    "make_tree_of_life",
    "render_specimen",
]
