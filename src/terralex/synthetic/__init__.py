"""Made worlds, seeded, whose truth is known: scenes of land, trees of life, rooms and forest plots."""

from terralex.synthetic.land import (
    LAND_CLASSES,
    LAND_NAMES,
    LandClass,
    LandScene,
    cut_tiles,
    draw_land_tile,
    make_land_scene,
    make_land_tile,
    make_land_tiles,
    render_rgb8,
)
from terralex.synthetic.life import (
    PLANS,
    RANKS,
    TRAITS,
    Taxon,
    TreeOfLife,
    held_out_species,
    make_tree_of_life,
    render_specimen,
)
from terralex.synthetic.rooms import make_plot, make_room, write_sequence
from terralex.synthetic.samples import write_samples
from terralex.synthetic.unrelated import make_unrelated_picture

__all__ = [
    "LAND_CLASSES",
    "LAND_NAMES",
    "PLANS",
    "RANKS",
    "TRAITS",
    "LandClass",
    "LandScene",
    "Taxon",
    "TreeOfLife",
    "cut_tiles",
    "draw_land_tile",
    "held_out_species",
    "make_land_scene",
    "make_land_tile",
    "make_land_tiles",
    "make_plot",
    "make_room",
    "make_tree_of_life",
    "make_unrelated_picture",
    "render_rgb8",
    "render_specimen",
    "write_samples",
    "write_sequence",
]
