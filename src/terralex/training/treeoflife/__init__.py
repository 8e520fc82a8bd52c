"""TreeOfLife-10M and what is laid out like it: made into folders or shards, and read for training."""

from terralex.training.treeoflife.prepare import Conversion, Stage, Summary, is_finished
from terralex.training.treeoflife.sources import TreeFolders, TreePictures, TreeShards, open_pictures

__all__ = [
    "Conversion",
    "Stage",
    "Summary",
    "TreeFolders",
    "TreePictures",
    "TreeShards",
    "is_finished",
    "open_pictures",
]
