"""Which plane of a file is which band: by statement, description or colour; never by position alone."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from terralex.imagery.bands import Bands, interpret, is_numbered
from terralex.imagery.catalog import Sensor, load_orders, load_sensors
from terralex.imagery.grid import Window
from terralex.imagery.units import Units
from terralex.runtime.errors import InputError

RGB = Bands(("red", "green", "blue"), "rgb")

MOST_BANDS = 16
"""An axis at most this long may be one of bands; known sensors have at most 13."""

WAVELENGTH_TOLERANCE = 0.05
"""How far a plane may be centred from a sensor's band to be that band, as a part of the wavelength."""

_LONGEST_REFLECTED = 4000.0  # nanometres

# Phrases that name another band than the colour in them does.
_OTHER_BANDS = re.compile(r"red[ _-]*edge|narrow[ _-]*nir|nir[ _-]*narrow", re.IGNORECASE)

# Words that do not change what a colour means; any other ("green vegetation fraction") may.
_PLAIN_WORDS = {"band", "channel", "surface", "toa", "boa", "reflectance", "aerosol", "light", "nm"}


@dataclass(frozen=True, slots=True)
class Request:
    """What the caller of `read_image` states and wants.

    Attributes:
        bands: The stated bands.
        units: The stated units.
        want: Bands to read, by name or alias; None for all.
        window: Part to read; None for all.
        upright: Whether to turn a picture as its EXIF orientation says.
    """

    bands: Bands | None = None
    units: Units | None = None
    want: tuple[str, ...] | None = None
    window: Window | None = None
    upright: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """Planes of a file, counted from 0, and the bands that they are."""

    bands: Bands
    planes: tuple[int, ...]
    note: str = ""

    def narrow(self, want: Sequence[str] | None) -> "Choice":
        """Return the wanted bands in the order asked for; all of them if none of the wanted is here."""
        indices = [index for index in map(self.bands.find, want or ()) if index is not None]
        return self._take(list(dict.fromkeys(indices))) if indices else self

    def select(self, names: Sequence[str]) -> "Choice":
        """Return the named bands, all of which are here, in the order asked for."""
        return self._take(self.bands.index(names))

    def without_thermal(self) -> "Choice":
        """Return the bands that measure reflected light, with a note if others are left out.

        Thermal bands hold temperatures or emitted radiance, which no unit of this package describes.
        """
        reflective = [
            index
            for index, wavelength in enumerate(self.bands.wavelengths)
            if wavelength is None or wavelength <= _LONGEST_REFLECTED
        ]
        if not reflective or len(reflective) == len(self.planes):
            return self
        left = ", ".join(name for index, name in enumerate(self.bands) if index not in reflective)
        note = f"thermal bands were left out: {left}"
        return replace(self._take(reflective), note=f"{self.note}; {note}" if self.note else note)

    def _take(self, indices: Sequence[int]) -> "Choice":
        names = tuple(self.bands.names[index] for index in indices)
        planes = tuple(self.planes[index] for index in indices)
        return replace(self, bands=replace(self.bands, names=names), planes=planes)


@dataclass(frozen=True, slots=True)
class Labels:
    """What a file says of its planes.

    Attributes:
        descriptions: One for each plane, None where there is none.
        wavelengths: Centre wavelength of each plane in nanometres, None where it is not given.
        sensors: The sensors that the file's name and tags point to; () if they point to none.
    """

    descriptions: tuple[str | None, ...]
    wavelengths: tuple[float | None, ...] = ()
    sensors: tuple[str, ...] = ()


def by_statement(source: str, stated: Bands, count: int, labels: Labels | None = None) -> Choice:
    """Take the planes for the stated bands.

    A file that names its bands is read by these names: the statement then chooses among them, or must agree.

    Raises:
        InputError: If there are not as many planes as bands, or the file names them differently and the
            statement does not say that it overrides that.
    """
    named = labels is not None and any(labels.descriptions) and not stated.override
    if len(stated) != count:
        chosen = _by_name(stated, labels) if named and labels else None
        if chosen:
            return chosen
        raise InputError(
            f"{source}: has {count} bands, but --bands names {len(stated)} ({stated}){_candidates(count)}"
        )
    if named and labels:
        _check_agreement(source, stated, labels)
    return Choice(stated, tuple(range(count)))


def by_description(source: str, labels: Labels) -> Choice | None:
    """Take the planes whose descriptions name bands; others (masks, indices) are left out with a note.

    Raises:
        InputError: If the names mean different bands on different sensors, and nothing says which sensor.
    """
    choices = _readings(labels, [load_sensors()[name] for name in labels.sensors])
    if not choices:
        return None
    if len(choices) > 1:
        raise ambiguous_bands(source, [choice.bands for choice in choices], _own_names(labels))
    (choice,) = choices
    count = len(labels.descriptions)
    left = count - len(choice.planes)
    note = f"{left} of {count} bands are not named as bands of a known sensor and were left out"
    return replace(choice, note=note if left else "").without_thermal()


def by_colour(colours: Sequence[str], *, picture: bool) -> Choice | None:
    """Take the planes marked red, green and blue, or the only one or three of a picture.

    Args:
        colours: GDAL's colour interpretation of each plane but alpha.
        picture: Whether the values are those of a picture (8 bit, or a picture format).
    """
    if {"red", "green", "blue"} <= set(colours):
        planes = tuple(colours.index(name) for name in RGB.names)
        left = len(colours) - 3
        note = f"{left} more bands than red, green and blue are not described and were left out (see --bands)"
        return Choice(RGB, planes, note if left else "")
    if picture and len(colours) in (1, 3):
        return Choice(RGB, (0, 1, 2) if len(colours) == 3 else (0, 0, 0))
    return None


def unknown_bands(source: str, count: int) -> InputError:
    """Return the error for planes that nothing names, with the flag that names them."""
    return InputError(f"{source}: {count} bands of unknown order{_candidates(count)}")


def ambiguous_bands(source: str, meanings: Sequence[Bands], names: Sequence[str]) -> InputError:
    """Return the error for band names that mean different bands on different sensors."""
    sensors = [bands.sensor for bands in meanings]
    return InputError(
        f"{source}: its band names {', '.join(names)} could be of several sensors; pass "
        f"--bands SENSOR:{','.join(names)} with one of {', '.join(map(str, sensors))}"
    )


def wavelength_nm(tags: Mapping[str, str]) -> float | None:
    """Return the centre wavelength in nanometres that the tags of a plane give, or None."""
    for key, value in tags.items():
        if "wavelength" in key.lower() and not key.lower().endswith("units"):
            try:
                number = float(value)
            except ValueError:
                continue
            return number * 1000 if 0 < number < 100 else number or None  # micrometres
    return None


def _candidates(count: int) -> str:
    orders = [order for order in load_orders().values() if len(order.bands) == count]
    flags = [f"--bands {order.name} ({order.note})" for order in orders]
    return f"; pass {' or '.join([*flags, '--bands with their names, such as red,green,blue'])}"


def _readings(labels: Labels, sensors: Sequence[Sensor]) -> list[Choice]:
    """Return what the descriptions can mean, on the given sensors or, if there are none, on any."""
    words = {
        plane: named
        for plane, text in enumerate(labels.descriptions)
        if text and (named := band_words(text, tuple(sensor.name for sensor in sensors)))
    }
    planes = tuple(words)
    given = [labels.wavelengths[plane] if labels.wavelengths else None for plane in planes]
    meanings = interpret(
        list(words.values()), sensors or None, accept=lambda bands: _fits_wavelengths(bands, given)
    )
    return [Choice(bands, planes) for bands in meanings]


def _fits_wavelengths(bands: Bands, given: Sequence[float | None]) -> bool:
    return all(
        own is None or known is None or abs(own - known) <= WAVELENGTH_TOLERANCE * known
        for own, known in zip(given, bands.wavelengths, strict=True)
    )


def _by_name(stated: Bands, labels: Labels) -> Choice | None:
    """Return the stated bands where the file names all of them as bands of the stated sensor."""
    choices = _readings(labels, [load_sensors()[stated.sensor]] if stated.sensor else [])
    choice = choices[0] if choices else None
    if choice is None or any(choice.bands.find(name) is None for name in stated):
        return None
    return choice.select(stated.names)


def _check_agreement(source: str, stated: Bands, labels: Labels) -> None:
    """Refuse a statement that contradicts the names of a plane.

    Raises:
        InputError: If a plane's own names are those of another band, on the stated sensor and on any other
            that comes into question.
    """
    sensors = [load_sensors()[name] for name in labels.sensors] or list(load_sensors().values())
    for text, name, common in zip(labels.descriptions, stated, stated.common, strict=True):
        words = band_words(text) if text else ()
        if not words:
            continue
        meanings = interpret([words], sensors)
        if stated.sensor:
            meanings = interpret([words], [load_sensors()[stated.sensor]]) or meanings
        if meanings and not any(bands.common[0] == common or bands.names[0] == name for bands in meanings):
            raise InputError(
                f"{source}: --bands names {name} where the file itself names {text!r}; leave --bands out, or "
                f"pass --bands override:{stated} if the file is wrong"
            )


def _own_names(labels: Labels) -> list[str]:
    words = [band_words(text) for text in labels.descriptions if text]
    return [named[0] for named in words if named]


@lru_cache(1024)
def band_words(description: str, sensors: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the words of a description that name its one band ("B4 - Red": B4 and Red); () if none do.

    Args:
        description: Of a plane.
        sensors: Names of the sensors that come into question; () for all.
    """
    known = tuple(load_sensors()[name] for name in sensors) or tuple(load_sensors().values())
    if any(sensor.find(description) for sensor in known):
        # Every maker of cameras has a red edge of its own: it means something on a known sensor only.
        return () if not sensors and _OTHER_BANDS.fullmatch(description) else (description,)
    words = re.split(r"[^A-Za-z0-9_]+", _OTHER_BANDS.sub(" ", description))
    named = [word for word in words if len(word) > 1 and any(sensor.find(word) for sensor in known)]
    others = {word.lower() for word in words if word.isalpha()} - {word.lower() for word in named}
    if not named or not interpret([named], known):
        return ()
    return tuple(named) if any(map(is_numbered, named)) or others <= _PLAIN_WORDS else ()
