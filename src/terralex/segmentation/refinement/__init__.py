"""Refinement: the outlines of a coarse segmentation, sharpened by SAM."""

from terralex.segmentation.refinement.features import Eye, RadioEye, SamEye
from terralex.segmentation.refinement.refiner import Refiner, RefineSettings
from terralex.segmentation.refinement.regions import Region, find_regions
from terralex.segmentation.refinement.sam import Sam, build_sam
from terralex.segmentation.refinement.weights import (
    SAM_LICENCE,
    SAM_NAME,
    SAM_WEIGHTS,
    locate_sam,
    read_sam,
)

__all__ = [
    "SAM_LICENCE",
    "SAM_NAME",
    "SAM_WEIGHTS",
    "Eye",
    "RadioEye",
    "RefineSettings",
    "Refiner",
    "Region",
    "Sam",
    "SamEye",
    "build_sam",
    "find_regions",
    "locate_sam",
    "read_sam",
]
