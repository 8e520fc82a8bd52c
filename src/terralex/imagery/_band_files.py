"""The files of a scene of one file a band: which file is which band."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from terralex.imagery._identify import ambiguous_bands
from terralex.imagery._products import names_around, sensors_of
from terralex.imagery.bands import Bands, interpret
from terralex.imagery.catalog import fold, load_sensors
from terralex.runtime.errors import InputError

# T48QUE_20200223T032739_B02_10m, <patch>_B8A, LC08_..._SR_B4, HLS.L30....v2.0.B05, B2
_BAND_FILE = re.compile(
    r"(?:(?P<prefix>.*?)[_.])??(?P<band>S[RT]_B\d{1,2}|B(?:\d{1,2}|0?8A))(?:_(?P<metres>\d{2})m)?",
    re.IGNORECASE,
)
# Numbers without a leading zero also count the columns of a mosaic ("tile_B2"), so they need support.
_PADDED = re.compile(r"S[RT]_B\d+|B0\d|B0?8A", re.IGNORECASE)

_CELL = re.compile(r"[AC-Z]\d{1,2}", re.IGNORECASE)

# Files of a product that hold no band: classes, masks, angles, previews, atmosphere.
_KNOWN_OTHERS = re.compile(
    r"(?:^|[_.])(?:SCL|TCI|AOT|WVP|PVI|CLD|SNW|CLDPRB|SNWPRB|Fmask|S[AVZ][AZ]|V[AZ]A|QA\w*|(?:S[RT]_)?QA_\w+"
    r"|B6_VCID_\d|ATRAN|CDIST|DRAD|EMIS|EMSD|TRAD|URAD|MSK_\w+|cloud\w*|thumbnail|preview|overview|udm2?)(?:_\d{2}m)?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class BandFiles:
    """The files of a scene.

    Attributes:
        bands: The bands, in the order of the sensor.
        paths: The finest file of each.
        unknown: Names of the rasters in the folder of which nothing is known.
    """

    bands: Bands
    paths: tuple[Path, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file whose name ends with a band."""

    path: Path
    prefix: str
    band: str
    metres: int | None


def band_of_file(path: Path) -> str | None:
    """Return the band that a file's name ends with, or None."""
    match = _BAND_FILE.fullmatch(path.stem)
    return match["band"] if match else None


def find_band_files(folder: Path, stated: Bands | None = None) -> BandFiles | None:
    """Return the files of a scene, or None if the folder is not a scene.

    Args:
        folder: A product (`*.SAFE`), a part of it, or a folder with a file for each of at least two bands.
        stated: Bands that the caller states; their sensor settles what the names mean.

    Raises:
        InputError: If a band has several files, the names are of no sensor, or they mean different bands on
            different sensors and nothing says which.
    """
    rasters = list(_rasters(folder))
    entries = _finest(folder, _supported(folder, rasters))
    if len(entries) < 2:
        return None
    bands = _interpret(folder, entries, stated)
    order = {band.name: index for index, band in enumerate(load_sensors()[bands.sensor or ""].bands)}
    pairs = sorted(
        zip(bands, (entry.path for entry in entries), strict=True), key=lambda pair: order[pair[0]]
    )
    known = {entry.path for entry in _parse(rasters)}
    unknown = tuple(
        path.name for path in rasters if path not in known and not _KNOWN_OTHERS.search(path.stem)
    )
    return BandFiles(
        Bands(tuple(name for name, _ in pairs), bands.sensor), tuple(path for _, path in pairs), unknown
    )


def is_scene_folder(path: str | os.PathLike[str]) -> bool:
    """Return whether a folder is one scene of one file a band, by the names in it.

    That is a Sentinel-2 product (`*.SAFE`) or a part of it, or a folder with at least two TIFF or JPEG 2000
    files whose names end with bands ("_B02.tif", "B8A.tif", "B2.tif", "_SR_B4.TIF"), each band once.
    """
    folder = Path(path)
    try:
        return len(_finest(folder, _supported(folder, list(_rasters(folder))))) >= 2
    except (InputError, OSError):
        return False


def _rasters(folder: Path) -> Iterator[Path]:
    """Yield the TIFF and JPEG 2000 files of a scene: in the folder, and in the image folders of a product."""
    images = [*folder.glob("GRANULE/*/IMG_DATA"), *folder.glob("IMG_DATA"), folder]
    for part in sorted({*images, *(part for image in images for part in image.glob("R[126]0m"))}):
        with os.scandir(part) as entries:
            names = sorted(entry.name for entry in entries)
        for name in names:
            if name.lower().endswith((".tif", ".tiff", ".jp2")) and not name.startswith("."):
                yield part / name


def _parse(paths: Iterable[Path]) -> Iterator[_Entry]:
    for path in paths:
        match = _BAND_FILE.fullmatch(path.stem)
        if match:
            metres = match["metres"]
            yield _Entry(path, match["prefix"] or "", match["band"], int(metres) if metres else None)


def _supported(folder: Path, paths: Sequence[Path]) -> list[_Entry]:
    """Return the files that are bands, and not numbered tiles of a mosaic.

    A number without a leading zero counts if a product's name is around, if other files with the same
    beginning are bands in the usual spelling, or if it is all of the name and no other file is called like
    another cell of a table (A1, C2).
    """
    entries = list(_parse(paths))
    sure = {entry.prefix for entry in entries if _PADDED.fullmatch(entry.band)}
    if not any(_CELL.fullmatch(path.stem) for path in paths):
        sure.add("")
    product = bool(entries and sensors_of([entries[0].path.name, *names_around(folder)]))
    return [entry for entry in entries if product or entry.prefix in sure]


def _finest(folder: Path, entries: Iterable[_Entry]) -> list[_Entry]:
    """Return one file for each band, the finest of those that differ in resolution.

    Raises:
        InputError: If a band has several files of the same resolution.
    """
    by_band: dict[str, dict[int | None, _Entry]] = {}
    for entry in entries:
        same = by_band.setdefault(fold(entry.band), {})
        if entry.metres in same:
            first = same[entry.metres].path.name
            raise InputError(f"{folder}: holds several scenes: {first} and {entry.path.name}")
        same[entry.metres] = entry
    return [same[min(same, key=lambda metres: metres or 0)] for same in by_band.values()]


def _interpret(folder: Path, entries: list[_Entry], stated: Bands | None) -> Bands:
    """Return the bands that the files are.

    Raises:
        InputError: As of `find_band_files`.
    """
    names = [(entry.band,) for entry in entries]
    shown = ", ".join(entry.band for entry in entries)
    product = sensors_of([*names_around(folder), entries[0].path.name])
    meanings = interpret(names, product or None)
    by_stated = interpret(names, [load_sensors()[stated.sensor]]) if stated and stated.sensor else []
    if stated and by_stated:
        agreeing = [bands for bands in meanings if bands.common == by_stated[0].common]
        if product and meanings and not agreeing and not stated.override:
            raise InputError(
                f"{folder}: --bands says {stated.sensor}, but its name says {product[0].name}; leave --bands "
                f"out, or pass --bands override:{stated.sensor}:{stated} if the name is wrong"
            )
        meanings = agreeing[:1] if product and agreeing else by_stated
    if not meanings:
        sensor = product[0].name if product else "one sensor"
        raise InputError(f"{folder}: its files are not all bands of {sensor}: {shown}")
    if len(meanings) > 1:
        raise ambiguous_bands(str(folder), meanings, [entry.band for entry in entries])
    return meanings[0]
