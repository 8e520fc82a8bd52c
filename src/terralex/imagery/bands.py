"""The bands of an image, by name."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from terralex.imagery.catalog import Band, Sensor, fold, load_orders, load_sensors
from terralex.imagery.units import Units
from terralex.runtime.errors import InputError, UsageError

# Where several sensors give names the same meaning, the first of these is taken.
_PREFERENCE = ("rgb", "naip", "sentinel-2-l2a", "sentinel-2-l1c", "landsat-8-9")

_OVERRIDE = "override:"


@dataclass(frozen=True, slots=True)
class Bands:
    """Names of an image's bands, in the order of its pixels' first axis.

    Attributes:
        names: Canonical names of the sensor ("B02", "SR_B4", "red"), each once.
        sensor: Name of the sensor, or None where it is not known.
        implied_units: Units that a named order fixes (EuroSAT's files: "dn"), else None. Only for reading
            files that do not state theirs: what an image's values mean is in `Image.units`.
        override: Whether the statement counts even where a file names its bands differently.
    """

    names: tuple[str, ...]
    sensor: str | None = None
    implied_units: Units | None = field(default=None, compare=False)
    override: bool = field(default=False, compare=False)

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
        """Return the index of the band with this name, alias or common name, or None."""
        folded = [fold(own) for own in self.names]
        if fold(name) in folded:
            return folded.index(fold(name))
        band = load_sensors()[self.sensor].find(name) if self.sensor else None
        return self.names.index(band.name) if band and band.name in self.names else None

    def index(self, names: Sequence[str]) -> list[int]:
        """Return the indices of bands by name, alias or common name.

        Raises:
            InputError: If one is missing.
        """
        indices = [self.find(name) for name in names]
        missing = [name for name, index in zip(names, indices, strict=True) if index is None]
        if missing:
            raise InputError(f"no band {', '.join(missing)} here; there are {', '.join(self.names)}")
        return [index for index in indices if index is not None]

    def select(self, names: Sequence[str]) -> "Bands":
        """Return the named bands, in the order asked for.

        Raises:
            InputError: If one is missing.
        """
        return Bands(tuple(self.names[index] for index in self.index(names)), self.sensor)

    @classmethod
    def parse(cls, text: str) -> "Bands":
        """Read bands as people write them.

        Args:
            text: A named order ("eurosat", "sentinel-2-l2a"), names or aliases with commas ("B02,B03,B04" or
                "red,green,blue"), or such names after a sensor's name ("landsat-8-9:red,nir"). "override:"
                before any of them takes the statement even where a file names its bands differently.

        Raises:
            UsageError: If a name is not known, or could be a band of several sensors.
        """
        plain = text.strip()
        if plain.lower().startswith(_OVERRIDE):
            return replace(cls.parse(plain[len(_OVERRIDE) :]), override=True)
        order = load_orders().get(plain.lower())
        if order:
            return cls(order.bands, order.sensor, order.units)
        prefix, colon, rest = text.rpartition(":")
        names = [name.strip() for name in rest.split(",") if name.strip()]
        if colon and prefix.strip().lower() not in load_sensors():
            raise UsageError(
                f"unknown sensor {prefix!r} in bands {text!r}; known: {', '.join(load_sensors())}"
            )
        sensors = [load_sensors()[prefix.strip().lower()]] if colon else list(load_sensors().values())
        candidates = interpret([(name,) for name in names], sensors, trust_spelling=True)
        if not candidates:
            raise UsageError(_unknown(text, names, sensors))
        if len(candidates) > 1:
            choices = " or ".join(f"{bands.sensor}:{rest}" for bands in candidates)
            raise UsageError(f"bands {text!r} could be of several sensors; write {choices}")
        return candidates[0]

    def _entries(self) -> list[Band | None]:
        sensor = load_sensors()[self.sensor] if self.sensor else None
        return [sensor.find(name) if sensor else None for name in self.names]


def interpret(
    names: Sequence[Sequence[str]],
    sensors: Iterable[Sensor] | None = None,
    *,
    trust_spelling: bool = False,
    accept: Callable[[Bands], bool] = lambda bands: True,
) -> list[Bands]:
    """Return what a list of band names can mean: nothing, one meaning, or several that differ.

    Numbered names ("B4", "B04", "SR_B4") mean different bands on different sensors, so all sensors that have
    them count. For words ("red", "nir"), a sensor whose official names they are goes before one that only
    knows them as aliases.

    Args:
        names: For each band its names, which must all be of one band: ("B04",) or ("B04", "red").
        sensors: The sensors that come into question; every known one if None.
        trust_spelling: Let official names, as they are spelled ("B02" but not "B2"), go before aliases even
            if they are numbered.

        accept: What else bands must fulfil to come into question.

    Returns:
        One entry if all sensors agree on what the bands are; else one for each sensor.
    """
    known = sorted(load_sensors().values() if sensors is None else sensors, key=_preference)
    official: list[Bands] = []
    others: list[Bands] = []
    for sensor in known:
        bands = [_same_band(sensor, words) for words in names]
        canonical = tuple(band.name for band in bands if band)
        if names and len(set(canonical)) == len(names) and accept(named := Bands(canonical, sensor.name)):
            (official if _is_official(names, canonical) else others).append(named)
    numbered = any(is_numbered(word) for words in names for word in words)
    candidates = official if official and (trust_spelling or not numbered) else [*official, *others]
    meanings = {bands.common if official else (bands.names, bands.common) for bands in candidates}
    return candidates[:1] if len(meanings) == 1 else candidates


def is_numbered(name: str) -> bool:
    """Return whether a band's name is a number ("B4", "SR_B4", "B8A") rather than a word ("red")."""
    return any(letter.isdigit() for letter in name)


def _same_band(sensor: Sensor, words: Sequence[str]) -> Band | None:
    """Return the sensor's band that has all of these names, or None."""
    bands = [sensor.find(word) for word in words]
    return bands[0] if bands and all(band is not None and band == bands[0] for band in bands) else None


def _is_official(names: Sequence[Sequence[str]], canonical: Sequence[str]) -> bool:
    """Return whether these are official names, at least one of them in the official spelling."""
    pairs = list(zip(names, canonical, strict=True))
    return all(fold(name) in map(fold, words) for words, name in pairs) and any(
        name.lower() in [word.lower() for word in words] for words, name in pairs
    )


def _preference(sensor: Sensor) -> tuple[int, str]:
    index = _PREFERENCE.index(sensor.name) if sensor.name in _PREFERENCE else len(_PREFERENCE)
    return index, sensor.name


def _unknown(text: str, names: Sequence[str], sensors: Sequence[Sensor]) -> str:
    """Return the message for names that no sensor has."""
    known = dict.fromkeys(
        own for sensor in sensors for band in sensor.bands for own in (band.name, band.common)
    )
    unknown = [name for name in names if not any(sensor.find(name) for sensor in sensors)]
    if names and not unknown:
        return f"no sensor has all of the bands {text!r}, each once"
    choices = [*known, *load_orders()]
    near = get_close_matches((unknown or [text])[0], choices, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"named orders are {', '.join(load_orders())}"
    return f"unknown bands {', '.join(unknown) or text!r}; {hint}"
