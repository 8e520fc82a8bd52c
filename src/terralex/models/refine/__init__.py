"""Refinement: the outlines of a coarse segmentation, sharpened by SAM."""

from terralex.models.refine.features import Eye, RadioEye, SamEye
from terralex.models.refine.refiner import Refiner, RefineSettings
from terralex.models.refine.regions import Region, find_regions
from terralex.models.refine.sam import Sam, build_sam
from terralex.models.refine.weights import SAM_LICENCE, SAM_NAME, SAM_WEIGHTS, locate_sam, read_sam

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
