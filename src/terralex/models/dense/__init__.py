"""Dense features: where in a picture the words are."""

from terralex.models.dense.attention import scga, scra
from terralex.models.dense.encoder import DenseEncoder
from terralex.models.dense.labelling import NONE, Segmentation, class_probabilities, denoise, label_map
from terralex.models.dense.segmenter import Segmenter, Vocabulary, grid_probabilities
from terralex.models.dense.towers import ClipTower, PocketTower, RadioTower, Tower
from terralex.models.dense.windows import slide_size, windows

__all__ = [
    "NONE",
    "ClipTower",
    "DenseEncoder",
    "PocketTower",
    "RadioTower",
    "Segmentation",
    "Segmenter",
    "Tower",
    "Vocabulary",
    "class_probabilities",
    "denoise",
    "grid_probabilities",
    "label_map",
    "scga",
    "scra",
    "slide_size",
    "windows",
]
