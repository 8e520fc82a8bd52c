"""Files to pixels with bands, units and a grid, and back."""

from terralex.imagery._band_files import is_scene_folder
from terralex.imagery._class_maps import read_classes
from terralex.imagery.bands import Bands
from terralex.imagery.catalog import Band, Order, Sensor, load_orders, load_sensors
from terralex.imagery.grid import Grid, Transform, Window
from terralex.imagery.image import Image, to_rgb8
from terralex.imagery.read import IMAGE_EXTENSIONS, Source, read_image
from terralex.imagery.units import RGB_MAX_DN, UNITS, Units, convert, parse_units, to_reflectance
from terralex.imagery.windows import WindowReader
from terralex.imagery.write import write_geotiff

__all__ = [
    "IMAGE_EXTENSIONS",
    "RGB_MAX_DN",
    "UNITS",
    "Band",
    "Bands",
    "Grid",
    "Image",
    "Order",
    "Sensor",
    "Source",
    "Transform",
    "Units",
    "Window",
    "WindowReader",
    "convert",
    "is_scene_folder",
    "load_orders",
    "load_sensors",
    "parse_units",
    "read_classes",
    "read_image",
    "to_reflectance",
    "to_rgb8",
    "write_geotiff",
]
