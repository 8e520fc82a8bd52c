"""What product names, tags and product metadata say: which sensor, and what the values mean."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terralex.imagery.catalog import Sensor, load_sensors
from terralex.imagery.units import Units, named_line

_SENTINEL_2 = re.compile(
    r"S2[A-D]_MSIL(?P<level>1C|2A)_(?P<year>\d{4})\d{4}T\d{6}(?:_N(?P<baseline>\d{4}))?(?P<rest>.*)"
)
_LANDSAT_LEVEL_2 = re.compile(r"L[CEOT]0[45789]_L2S[PR]_\d{6}_\d{8}_\d{8}_02_")
_HLS = re.compile(r"HLS[._]?[LS]30(?![0-9A-Za-z])")
_LEVELS_UP = 5  # from a band's file (in R10m) to the folder of the product


@dataclass(frozen=True, slots=True)
class Scaling:
    """Reflectance of each plane is scale x value + offset."""

    scales: tuple[float, ...]
    offsets: tuple[float, ...]

    def apply(self, pixels: NDArray[Any]) -> tuple[NDArray[Any], Units]:
        """Return the pixels as they are where the scaling has a name, else reflectance as float32."""
        names = {named_line(scale, offset) for scale, offset in zip(self.scales, self.offsets, strict=True)}
        name = names.pop()
        if name and not names:
            return pixels, name
        scales, offsets = (np.array(line, np.float32)[:, None, None] for line in (self.scales, self.offsets))
        return pixels.astype(np.float32) * scales + offsets, "reflectance"


def names_around(path: Path) -> list[str]:
    """Return the names that may contain a product's: of a file or folder, then of the folders around it."""
    absolute = path.resolve()
    return [entry.name for entry in (absolute, *list(absolute.parents)[:_LEVELS_UP])]


def sensors_of(names: Iterable[str], tags: Mapping[str, str] | None = None) -> list[Sensor]:
    """Return the sensors that product names and tags point to, as far as they do; none if they do not.

    Args:
        names: Of a file and the folders around it, the nearest first: later ones only narrow the choice.
        tags: Of a raster. They count where the names say nothing.
    """
    tags = tags or {}
    if (own := tags.get("SENSOR", "").lower()) in load_sensors():
        return [load_sensors()[own]]
    pairs = [f"{key}={value}" for key, value in tags.items()]
    return (
        _narrowed(names, lambda sensor: sensor.products)
        or _narrowed(pairs, lambda sensor: sensor.products)
        or _narrowed(tags.values(), lambda sensor: sensor.platforms)
    )


def _narrowed(
    texts: Iterable[str], patterns: Callable[[Sensor], tuple[re.Pattern[str], ...]]
) -> list[Sensor]:
    sensors: list[Sensor] = []
    for text in texts:
        matching = [
            sensor
            for sensor in load_sensors().values()
            if any(pattern.search(text) for pattern in patterns(sensor))
        ]
        sensors = [sensor for sensor in sensors if sensor in matching] or sensors or matching
    return sensors


def units_of_tags(tags: Mapping[str, str], planes: int) -> Scaling | Units | None:
    """Read units from a raster's tags as Sentinel-2 tools write them.

    Args:
        tags: Quantification and offset, or processing baseline, under their names in products or STAC.
        planes: Number of planes that the scaling is for.
    """
    # GDAL takes the colon of STAC's "s2:processing_baseline" for the end of a name.
    pairs = [f"{key}={value}".rpartition("=") for key, value in tags.items()]
    entries = {key.lower().replace(":", "_"): value for key, _, value in pairs}

    def number(*endings: str) -> float | None:
        texts = [value for key, value in entries.items() if key.endswith(endings)]
        try:
            return float(texts[0]) if texts else None
        except ValueError:
            return None

    applied = [value.lower() for key, value in entries.items() if key.endswith("boa_offset_applied")]
    if "true" in applied:
        return "dn"
    quantification = number("quantification_value")
    if quantification:
        offset = number("boa_add_offset", "radio_add_offset") or 0.0
        return Scaling((1 / quantification,) * planes, (offset / quantification,) * planes)
    baseline = number("processing_baseline")
    return units_of_baseline(baseline) if baseline is not None else None


def units_of_baseline(baseline: float) -> Units | None:
    """Return the units of a Sentinel-2 product by its baseline; 99.99 (custom processing) says nothing."""
    return None if baseline >= 99 else "dn+1000" if baseline >= 4 else "dn"


def units_of_product(name: str) -> tuple[Units, str] | None:
    """Read units from the name of a product, with a note where copies of the product may differ.

    Known are Sentinel-2 products by processing baseline, the patches of BigEarthNet v1 (made before there was
    an offset), Landsat Collection 2 level 2, and HLS.
    """
    if _LANDSAT_LEVEL_2.search(name):
        return "landsat-c2", ""
    if _HLS.search(name):
        return "dn", ""
    match = _SENTINEL_2.search(name)
    if match is None:
        return None
    if match["baseline"] is None:
        patch = re.fullmatch(r"_\d{1,2}_\d{1,2}", match["rest"])
        return ("dn", "") if patch and match["level"] == "2A" and match["year"] in ("2017", "2018") else None
    units = units_of_baseline(int(match["baseline"]) / 100)
    if units is None:
        return None
    note = f"read as dn+1000 by baseline N{match['baseline']}; if the offset was removed, pass --units dn"
    return units, note if units == "dn+1000" else ""
