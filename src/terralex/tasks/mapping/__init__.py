"""Maps of rooms, streets and plots: made from posed RGB-D, and asked where things are."""

from terralex.tasks.mapping.ask import AGAINST, SMALLEST, THRESHOLD, TOP_K, ask
from terralex.tasks.mapping.build import MAPS, PICTURES, VOXEL_SIZE, MapReport, build_map
from terralex.tasks.mapping.records import PLACE_COLUMNS, MapAnswer, Place, place_row

__all__ = [
    "AGAINST",
    "MAPS",
    "PICTURES",
    "PLACE_COLUMNS",
    "SMALLEST",
    "THRESHOLD",
    "TOP_K",
    "VOXEL_SIZE",
    "MapAnswer",
    "MapReport",
    "Place",
    "ask",
    "build_map",
    "place_row",
]
