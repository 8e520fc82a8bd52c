"""Which band is which: by statement, description, colour or file name; never by position alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import PurePath

from terralex.imagery.bands import Bands, resolve
from terralex.imagery.catalog import load_orders, load_sensors
from terralex.imagery.grid import Window
from terralex.imagery.units import Units
from terralex.runtime.errors import InputError

RGB = Bands(("red", "green", "blue"), "rgb")

MOST_BANDS = 16
"""An axis at most this long may be one of bands; known sensors have at most 13."""

# T48QUE_20200223T032739_B02_10m, <patch>_B8A, LC08_..._SR_B4
_BAND_FILE = re.compile(
    r"(?:^|_)(?P<band>B(?:0[1-9]|1[0-2]|0?8A)|SR_B[1-7])(?:_(?P<metres>\d{2})m)?$", re.IGNORECASE
)


# Words of two that name another band than their one colour does.
_OTHER_BANDS = re.compile(r"red[ _-]*edge|narrow[ _-]*nir|nir[ _-]*narrow", re.IGNORECASE)

# Words that leave a colour what it is; any other ("green vegetation fraction") may make it something else.
_PLAIN_WORDS = {"band", "channel", "surface", "toa", "boa", "reflectance", "aerosol", "light", "nm"}


@dataclass(frozen=True, slots=True)
class Request:
    """What the caller of `read_image` says and asks."""

    bands: Bands | None = None
    units: Units | None = None
    want: tuple[str, ...] | None = None
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Planes of a file, counted from 0, and the bands that they are."""

    bands: Bands
    places: tuple[int, ...]
    note: str = ""

    def narrow(self, want: Sequence[str] | None) -> "Choice":
        """Return the wanted bands in the order asked for; all of them if none of the wanted is here."""
        places = [place for place in map(self.bands.find, want or ()) if place is not None]
        distinct = list(dict.fromkeys(places))
        if not distinct:
            return self
        names = tuple(self.bands.names[place] for place in distinct)
        return replace(
            self, bands=replace(self.bands, names=names), places=tuple(self.places[p] for p in distinct)
        )


def by_statement(source: str, stated: Bands, count: int) -> Choice:
    """Take the planes for the stated bands.

    Raises:
        InputError: If there are not as many planes as bands.
    """
    if len(stated) != count:
        raise InputError(
            f"{source}: has {count} bands, but --bands names {len(stated)} ({stated}){_candidates(count)}"
        )
    return Choice(stated, tuple(range(count)))


def by_description(source: str, descriptions: Sequence[str | None], sensor: str | None) -> Choice | None:
    """Take the planes whose descriptions name bands; others (masks, indices) are left out with a note.

    Args:
        source: For messages.
        descriptions: One for each plane, None where there is none.
        sensor: A sensor that the file's tags name, or None.

    Raises:
        InputError: If the names could be of several sensors.
    """
    sensors = [load_sensors()[sensor]] if sensor else None
    named = {place: _band_in(text) for place, text in enumerate(descriptions) if text}
    places = tuple(place for place, name in named.items() if name)
    readings = resolve([name for name in named.values() if name], sensors)
    if not readings:
        return None
    if len(readings) > 1:
        choices = " or ".join(f"--bands {bands.sensor}:{bands}" for bands in readings)
        raise InputError(f"{source}: its band names could be of several sensors; pass {choices}")
    left = len(descriptions) - len(places)
    note = f"{left} of {len(descriptions)} bands are not named as bands of a known sensor and were left out"
    return Choice(readings[0], places, note if left else "")


def by_colour(colours: Sequence[str], *, picture: bool) -> Choice | None:
    """Take the planes marked red, green and blue, or the only one or three of a picture.

    Args:
        colours: GDAL's colour interpretation of each plane but alpha.
        picture: Whether the values are those of a picture (8 bit, or a picture format).
    """
    if {"red", "green", "blue"} <= set(colours):
        places = tuple(colours.index(name) for name in RGB.names)
        left = len(colours) - 3
        note = f"{left} more bands than red, green and blue are not described and were left out (see --bands)"
        return Choice(RGB, places, note if left else "")
    if picture and len(colours) in (1, 3):
        return Choice(RGB, (0, 1, 2) if len(colours) == 3 else (0, 0, 0))
    return None


def by_file_name(source: str) -> Choice | None:
    """Take a file of one plane for the band that its name ends with ("..._B04.tif")."""
    name = band_of_file(PurePath(source).stem)
    readings = resolve([name[0]]) if name else []
    return Choice(readings[0], (0,)) if len(readings) == 1 else None


def band_of_file(stem: str) -> tuple[str, int | None] | None:
    """Return the band that a file's name without its ending ends with, and metres a pixel if it says so."""
    match = _BAND_FILE.search(stem)
    if not match:
        return None
    return match["band"].upper().replace("B08A", "B8A"), int(match["metres"]) if match["metres"] else None


def unknown_bands(source: str, count: int) -> InputError:
    """Return the error for planes that nothing names, with the flag that names them."""
    return InputError(f"{source}: {count} bands of unknown order{_candidates(count)}")


def _candidates(count: int) -> str:
    orders = [order for order in load_orders().values() if len(order.bands) == count]
    flags = [f"--bands {order.name} ({order.note})" for order in orders]
    return f"; pass {' or '.join([*flags, '--bands with their names, such as B02,B03,B04'])}"


@lru_cache(1024)
def _band_in(description: str) -> str | None:
    """Return the one band that a description names ("B04", "red", "B4 - Red"), or None."""
    if resolve([description]):
        return description
    words = re.split(r"[^A-Za-z0-9_]+", _OTHER_BANDS.sub(" ", description))
    named = [word for word in words if len(word) > 1 and resolve([word])]
    numbered = [word for word in named if any(letter.isdigit() for letter in word)]
    others = {word.lower() for word in words if word.isalpha()} - {word.lower() for word in named}
    if not named or not _agree(named) or not (numbered or others <= _PLAIN_WORDS):
        return None
    return (numbered or named)[0]


def _agree(words: Sequence[str]) -> bool:
    """Tell whether all words are one band of some sensor ("B4 Red")."""
    return any(
        all(band is not None for band in bands) and len({band.name for band in bands if band}) == 1
        for bands in ([sensor.find(word) for word in words] for sensor in load_sensors().values())
    )
