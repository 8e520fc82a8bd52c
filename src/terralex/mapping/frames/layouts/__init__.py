"""The layouts in which people keep posed RGB-D: each says how to know it, and what is where."""

from terralex.mapping.frames.layouts._layout import Layout
from terralex.mapping.frames.layouts.plain import PLAIN
from terralex.mapping.frames.layouts.replica import NICE_REPLICA, SEMANTIC_NERF
from terralex.mapping.frames.layouts.scannet import SCANNET
from terralex.mapping.frames.layouts.scannetpp import SCANNETPP
from terralex.mapping.frames.layouts.seven_scenes import SEVEN_SCENES
from terralex.mapping.frames.layouts.tum import TUM

LAYOUTS = {
    layout.name: layout
    for layout in (NICE_REPLICA, SEMANTIC_NERF, SCANNET, SCANNETPP, SEVEN_SCENES, TUM, PLAIN)
}
"""By name; a folder that several know is in the first."""

__all__ = ["LAYOUTS", "Layout"]
