"""Refinement of the outlines of a coarse segmentation."""

from terralex.segmentation.refinement.embedders import ImageEmbedder, RadioEmbedder, SamEmbedder
from terralex.segmentation.refinement.refiner import REFINERS, Refiner, load_refiner
from terralex.segmentation.refinement.regions import Region, find_regions
from terralex.segmentation.refinement.sam import Sam, build_sam
from terralex.segmentation.refinement.sam_refiner import RefineSettings, SamRefiner
from terralex.segmentation.refinement.weights import (
    SAM_LICENCE,
    SAM_NAME,
    SAM_WEIGHTS,
    locate_sam,
    read_sam,
)

__all__ = [
    "REFINERS",
    "SAM_LICENCE",
    "SAM_NAME",
    "SAM_WEIGHTS",
    "ImageEmbedder",
    "RadioEmbedder",
    "RefineSettings",
    "Refiner",
    "Region",
    "Sam",
    "SamEmbedder",
    "SamRefiner",
    "build_sam",
    "find_regions",
    "load_refiner",
    "locate_sam",
    "read_sam",
]
