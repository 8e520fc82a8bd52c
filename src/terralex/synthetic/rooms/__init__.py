"""Made rooms and forest plots by exact ray casting, with depth, labels and poses, in layouts people have."""

from terralex.synthetic.rooms.formats import LAYOUTS
from terralex.synthetic.rooms.plot import make_plot
from terralex.synthetic.rooms.room import make_room
from terralex.synthetic.rooms.truth import surface_points, write_truth
from terralex.synthetic.rooms.world import Camera, Light, View, World, look_at
from terralex.synthetic.rooms.writing import write_sequence

__all__ = [
    "LAYOUTS",
    "Camera",
    "Light",
    "View",
    "World",
    "look_at",
    "make_plot",
    "make_room",
    "surface_points",
    "write_sequence",
    "write_truth",
]
