"""Dense features: where in a picture the words are."""

from terralex.models.dense.attention import scga, scra
from terralex.models.dense.encoder import DenseEncoder
from terralex.models.dense.tower import Tower
from terralex.models.dense.towers import ClipTower, PocketTower, RadioTower
from terralex.models.dense.windows import slide_size, windows

__all__ = [
    "ClipTower",
    "DenseEncoder",
    "PocketTower",
    "RadioTower",
    "Tower",
    "scga",
    "scra",
    "slide_size",
    "windows",
]
