"""Sparse maps of voxels: points fused into means, kept in files, larger than memory if need be."""

from terralex.mapping.voxels.builder import MapBuilder
from terralex.mapping.voxels.files import ENDINGS, check_map_name, load_map, save_map
from terralex.mapping.voxels.keys import REACH, centres_of, keys_of, neighbours, pack, unpack
from terralex.mapping.voxels.map import MapInfo, VoxelMap
from terralex.mapping.voxels.sampling import GridFeatures, Groups, PointFeatures, Samples

__all__ = [
    "ENDINGS",
    "REACH",
    "GridFeatures",
    "Groups",
    "MapBuilder",
    "MapInfo",
    "PointFeatures",
    "Samples",
    "VoxelMap",
    "centres_of",
    "check_map_name",
    "keys_of",
    "load_map",
    "neighbours",
    "pack",
    "save_map",
    "unpack",
]
