"""The bands of an image, by name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from terralex.imagery.catalog import Band, Sensor, fold, load_orders, load_sensors
from terralex.imagery.units import Units
from terralex.runtime.errors import InputError, UsageError

# Where several sensors give the very same names, the first of these is meant: the names say all that matters.
_PREFERENCE = ("rgb", "naip", "sentinel-2-l2a", "sentinel-2-l1c")


@dataclass(frozen=True, slots=True)
class Bands:
    """Names of an image's bands, in the order of its pixels' first axis.

    Attributes:
        names: Canonical names of the sensor ("B02", "SR_B4", "red"), each once.
        sensor: Name of the sensor, or None where it is not known.
        implied_units: Units that a named order fixes (EuroSAT's files: "dn"), else None. Only for reading
            files that say nothing of it: what an image's values mean stands in `Image.units`.
    """

    names: tuple[str, ...]
    sensor: str | None = None
    implied_units: Units | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        if len(set(self.names)) != len(self.names):
            raise UsageError(f"a band is named twice: {', '.join(self.names)}")
        if self.sensor is not None and self.sensor not in load_sensors():
            raise UsageError(f"unknown sensor {self.sensor!r}; known: {', '.join(load_sensors())}")

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.find(name) is not None

    def __str__(self) -> str:
        return ",".join(self.names)

    @property
    def wavelengths(self) -> tuple[float | None, ...]:
        """Centre wavelengths in nanometres; None for a band of an unknown sensor."""
        return tuple(band.wavelength_nm if band else None for band in self._entries())

    @property
    def common(self) -> tuple[str | None, ...]:
        """What each band is on any sensor ("red", "nir", "swir1"); None for a band of an unknown sensor."""
        return tuple(band.common if band else None for band in self._entries())

    def find(self, name: str) -> int | None:
        """Return the place of the band with this name, alias or common name, or None."""
        folded = [fold(own) for own in self.names]
        if fold(name) in folded:
            return folded.index(fold(name))
        band = load_sensors()[self.sensor].find(name) if self.sensor else None
        return self.names.index(band.name) if band and band.name in self.names else None

    def index(self, names: Sequence[str]) -> list[int]:
        """Return the places of bands, found by name, alias or common name.

        Raises:
            InputError: If one is not here.
        """
        places = [self.find(name) for name in names]
        missing = [name for name, place in zip(names, places, strict=True) if place is None]
        if missing:
            raise InputError(f"no band {', '.join(missing)} here; there are {', '.join(self.names)}")
        return [place for place in places if place is not None]

    def select(self, names: Sequence[str]) -> "Bands":
        """Return the named bands, in the order asked for.

        Raises:
            InputError: If one is not here.
        """
        return Bands(tuple(self.names[place] for place in self.index(names)), self.sensor)

    @classmethod
    def parse(cls, text: str) -> "Bands":
        """Read bands as people write them.

        Args:
            text: A named order ("eurosat", "sentinel-2-l2a"), names or aliases with commas ("B02,B03,B04" or
                "red,green,blue"), or such names after a sensor's name ("landsat-8-9:red,nir").

        Raises:
            UsageError: If a name is not known, or could be a band of several sensors.
        """
        order = load_orders().get(text.strip().lower())
        if order:
            return cls(order.bands, order.sensor, order.units)
        prefix, colon, rest = text.rpartition(":")
        names = [name.strip() for name in rest.split(",") if name.strip()]
        if colon and prefix.strip().lower() not in load_sensors():
            raise UsageError(
                f"unknown sensor {prefix!r} in bands {text!r}; known: {', '.join(load_sensors())}"
            )
        sensors = [load_sensors()[prefix.strip().lower()]] if colon else list(load_sensors().values())
        found = resolve(names, sensors)
        if not found:
            raise UsageError(_unknown(text, names, sensors))
        if len(found) > 1:
            choices = " or ".join(f"{bands.sensor}:{rest}" for bands in found)
            raise UsageError(f"bands {text!r} could be of several sensors; write {choices}")
        return found[0]

    def _entries(self) -> list[Band | None]:
        sensor = load_sensors()[self.sensor] if self.sensor else None
        return [sensor.find(name) if sensor else None for name in self.names]


def resolve(names: Sequence[str], sensors: Sequence[Sensor] | None = None) -> list[Bands]:
    """Return what a list of names can mean: nothing, one reading, or several that differ.

    A sensor whose own names these are goes before one that only knows them as aliases.

    Args:
        names: Names or aliases of bands.
        sensors: Sensors to look among; every known one if None.

    Returns:
        One entry for each distinct meaning.
    """
    known = load_sensors().values() if sensors is None else sensors
    readings: list[tuple[bool, Bands]] = []
    for sensor in sorted(known, key=_rank):
        bands = [sensor.find(name) for name in names]
        if names and all(bands):
            canonical = tuple(band.name for band in bands if band)
            if len(set(canonical)) == len(canonical):
                exact = all(fold(a) == fold(b) for a, b in zip(names, canonical, strict=True))
                readings.append((exact, Bands(canonical, sensor.name)))
    best = [bands for exact, bands in readings if exact] or [bands for _, bands in readings]
    return list({bands.names: bands for bands in reversed(best)}.values())[::-1]


def _rank(sensor: Sensor) -> tuple[int, str]:
    place = _PREFERENCE.index(sensor.name) if sensor.name in _PREFERENCE else len(_PREFERENCE)
    return place, sensor.name


def _unknown(text: str, names: Sequence[str], sensors: Sequence[Sensor]) -> str:
    """Return the message for names that no sensor has."""
    known = {own: None for sensor in sensors for band in sensor.bands for own in (band.name, band.common)}
    strange = [name for name in names if not any(sensor.find(name) for sensor in sensors)]
    if names and not strange:
        return f"no sensor has all of the bands {text!r}, each once"
    choices = [*known, *load_orders()]
    near = get_close_matches((strange or [text])[0], choices, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"named orders are {', '.join(load_orders())}"
    return f"unknown bands {', '.join(strange) or text!r}; {hint}"
