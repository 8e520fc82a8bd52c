"""The sensors this package knows: read from `sensors/*.yaml`, one file each."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

import yaml

from terralex.imagery.units import Units, parse_units


@dataclass(frozen=True, slots=True)
class Band:
    """One band of a sensor.

    Attributes:
        name: Canonical name, for example "B8A".
        common: What it is on any sensor: "red", "nir", "swir1".
        wavelength_nm: Centre wavelength in nanometres.
        gsd_m: Ground sampling distance in metres; None where it differs from picture to picture.
        aliases: Other names for it on this sensor.
    """

    name: str
    common: str
    wavelength_nm: float
    gsd_m: float | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """A usual order of a sensor's bands in files, with a name that `--bands` understands.

    Attributes:
        name: For example "eurosat".
        sensor: Name of the sensor.
        bands: Canonical names in the order in which files hold them.
        units: What the values mean, where the published data set fixes it; else None.
        note: A few words that tell this order from others with as many bands.
    """

    name: str
    sensor: str
    bands: tuple[str, ...]
    units: Units | None
    note: str


@dataclass(frozen=True)
class Sensor:
    """A sensor: its bands by ascending wavelength where it has many, and the usual orders of its files."""

    name: str
    title: str
    bands: tuple[Band, ...]
    orders: tuple[Order, ...]

    def find(self, name: str) -> Band | None:
        """Return the first band with this name, common name or alias, in any case of letters, or None."""
        return self._by_name.get(fold(name))

    @cached_property
    def _by_name(self) -> dict[str, Band]:
        bands = reversed(self.bands)  # the first of those that share a name stays
        return {fold(own): band for band in bands for own in (band.name, band.common, *band.aliases)}


@cache
def load_sensors() -> Mapping[str, Sensor]:
    """Return every known sensor by name."""
    folder = files("terralex.imagery") / "sensors"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    texts = {name.removesuffix(".yaml"): (folder / name).read_text("utf-8") for name in names}
    return {name: _parse(name, yaml.safe_load(text)) for name, text in texts.items()}


@cache
def load_orders() -> Mapping[str, Order]:
    """Return every named order of bands by name."""
    return {order.name: order for sensor in load_sensors().values() for order in sensor.orders}


def fold(name: str) -> str:
    """Return a band's name as it is compared: lower case, without spaces, hyphens and underscores."""
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")


def _parse(name: str, entry: dict[str, Any]) -> Sensor:
    bands = tuple(Band(**{**band, "aliases": tuple(band.get("aliases", ()))}) for band in entry["bands"])
    orders = tuple(
        Order(
            key,
            name,
            bands=tuple(order["bands"]),
            units=parse_units(order["units"]) if "units" in order else None,
            note=order["note"],
        )
        for key, order in entry["orders"].items()
    )
    return Sensor(name, entry["title"], bands, orders)
