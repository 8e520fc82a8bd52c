"""The sensors this package knows: one file each in `sensors/*.yaml`, checked when it is read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from typing import Annotated

from pydantic import Field

from terralex.imagery.units import Units
from terralex.runtime.yaml_files import read_yaml


@dataclass(frozen=True, slots=True)
class Band:
    """One band of a sensor.

    Attributes:
        name: Official name, for example "B8A".
        common: What it is on any sensor: "red", "nir", "swir1".
        wavelength_nm: Centre wavelength in nanometres.
        gsd_m: Ground sampling distance in metres; None where it differs from image to image.
        aliases: Other names for it on this sensor. `B01` and `B1` are the same name anyway.
    """

    name: str
    common: str
    wavelength_nm: Annotated[float, Field(gt=0)]
    gsd_m: Annotated[float, Field(gt=0)] | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """A usual order of a sensor's bands in files, with a name that `--bands` understands.

    Attributes:
        name: For example "eurosat".
        sensor: Name of the sensor.
        bands: Official names in the order in which files hold them.
        units: What the values mean, where the published data set fixes it; else None.
        note: A few words that distinguish this order from others with as many bands.
    """

    name: str
    sensor: str
    bands: tuple[str, ...]
    units: Units | None
    note: str


@dataclass(frozen=True)
class Sensor:
    """A sensor: its bands by ascending wavelength where it has many, and the usual orders of its files.

    Attributes:
        name: For example "sentinel-2-l2a".
        title: One line for people.
        bands: Its bands.
        orders: Usual orders of bands in files.
        products: Patterns of product identifiers, searched in file names, folder names and tags.
        platforms: Patterns of platform names ("LANDSAT_7"), searched in tags.
    """

    name: str
    title: str
    bands: tuple[Band, ...]
    orders: tuple[Order, ...]
    products: tuple[re.Pattern[str], ...] = ()
    platforms: tuple[re.Pattern[str], ...] = ()

    def find(self, name: str) -> Band | None:
        """Return the first band with this name, common name or alias, in any case of letters, or None."""
        return self._by_name.get(fold(name))

    @cached_property
    def _by_name(self) -> dict[str, Band]:
        bands = reversed(self.bands)  # the first of those that share a name remains
        return {fold(own): band for band in bands for own in (band.name, band.common, *band.aliases)}


@dataclass(frozen=True)
class _OrderEntry:
    """An order as a sensor file has it."""

    bands: Annotated[tuple[str, ...], Field(min_length=1)]
    note: str
    units: Units | None = None


@dataclass(frozen=True)
class _SensorFile:
    """The content of a sensor file."""

    title: str
    bands: Annotated[tuple[Band, ...], Field(min_length=1)]
    orders: dict[str, _OrderEntry] = field(default_factory=dict)
    products: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [band.name for band in self.bands]
        for kind, words in (("name", names), ("common name", [band.common for band in self.bands])):
            if twice := sorted({word for word in words if words.count(word) > 1}):
                raise ValueError(f"bands: the {kind} {twice[0]!r} is given to two bands")
        for key, order in self.orders.items():
            if unknown := [name for name in order.bands if name not in names]:
                raise ValueError(f"orders.{key}.bands: {unknown[0]!r} is none of {', '.join(names)}")
            if len(set(order.bands)) != len(order.bands):
                raise ValueError(f"orders.{key}.bands: a band is named twice")
        for key in ("products", "platforms"):
            for pattern in getattr(self, key):
                try:
                    re.compile(pattern)
                except re.error as problem:
                    raise ValueError(f"{key}: {pattern!r} is not a regular expression: {problem}") from None


@cache
def load_sensors() -> Mapping[str, Sensor]:
    """Return every known sensor by name.

    Raises:
        TerralexError: A sensor file is wrong; the message names the file, the key and what is allowed.
    """
    folder = files("terralex.imagery") / "sensors"
    paths = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".yaml")), key=lambda e: e.name
    )
    sensors = {}
    for path in paths:
        name = path.name.removesuffix(".yaml")
        sensors[name] = _make_sensor(name, read_yaml(path, _SensorFile, f"the sensor file {path.name}"))
    return sensors


@cache
def load_orders() -> Mapping[str, Order]:
    """Return every named order of bands by name."""
    return {order.name: order for sensor in load_sensors().values() for order in sensor.orders}


def fold(name: str) -> str:
    """Return a band's name as it is compared.

    That is in lower case, without spaces, hyphens, underscores, and zeros before a band's number.
    """
    plain = name.lower().replace("-", "").replace("_", "").replace(" ", "")
    return re.sub(r"b0+(?=\d)", "b", plain)


def _make_sensor(name: str, content: _SensorFile) -> Sensor:
    orders = tuple(
        Order(key, name, bands=order.bands, units=order.units, note=order.note)
        for key, order in content.orders.items()
    )
    products, platforms = (
        tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)
        for patterns in (content.products, content.platforms)
    )
    return Sensor(name, content.title, content.bands, orders, products, platforms)
