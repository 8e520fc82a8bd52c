"""Posed RGB-D: what a camera saw, how far away it was and where it stood, in the layouts people have."""

from terralex.mapping.frames.checking import Problem, check_sequence
from terralex.mapping.frames.classes import ClassTable, nyu40, read_class_list
from terralex.mapping.frames.frame import Frame, Intrinsics, project, unproject
from terralex.mapping.frames.layouts import LAYOUTS
from terralex.mapping.frames.opening import open_sequence
from terralex.mapping.frames.recording import Recording
from terralex.mapping.frames.sequence import PosedSequence

__all__ = [
    "LAYOUTS",
    "ClassTable",
    "Frame",
    "Intrinsics",
    "PosedSequence",
    "Problem",
    "Recording",
    "check_sequence",
    "nyu40",
    "open_sequence",
    "project",
    "read_class_list",
    "unproject",
]
