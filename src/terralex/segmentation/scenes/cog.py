"""Cloud-optimised GeoTIFFs with names and colours of classes, from the stores of a finished map."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax import saxutils

import rasterio
import rasterio.shutil
from rasterio.crs import CRS

from terralex.imagery import Grid
from terralex.segmentation.scenes.colours import Colour
from terralex.segmentation.scenes.labelling import TOP
from terralex.segmentation.scenes.store import Store

_TYPES = {"uint8": "Byte", "uint16": "UInt16"}


def write_class_map(
    path: Path,
    labels: Store,
    overviews: Sequence[Store],
    grid: Grid,
    names: Sequence[str],
    colours: Sequence[Colour],
    tags: Mapping[str, str],
) -> None:
    """Write a class map; the names of its classes stand in a file beside it, `PATH.aux.xml`, as GDAL has it.

    Args:
        path: The GeoTIFF.
        labels: One plane; 0 is no data.
        overviews: Smaller versions of it, the largest first, in the same folder.
        grid: Its place.
        names: Of the classes 1, 2, ...
        colours: Of the same.
        tags: Metadata.
    """
    for level in overviews:
        size = Grid(None, grid.transform, level.width, level.height)
        _write_vrt(level.path.with_suffix(".vrt"), size, [_band(level, 0)], {})
    layers = "".join(
        f'<Overview><SourceFilename relativeToVRT="1">{level.path.with_suffix(".vrt").name}</SourceFilename>'
        "<SourceBand>1</SourceBand></Overview>"
        for level in overviews
    )
    classes = _palette(colours) + _categories(names) + _attributes(names, colours)
    head = "<Description>class</Description><NoDataValue>0</NoDataValue><ColorInterp>Palette</ColorInterp>"
    vrt = labels.path.with_suffix(".vrt")
    named = {**tags, "CLASSES": json.dumps(dict(enumerate(names, 1)), ensure_ascii=False)}
    _write_vrt(vrt, grid, [_band(labels, 0, head + classes + layers)], named)
    _copy(vrt, path, BLOCKSIZE=512)


def write_probabilities(
    path: Path, planes: Store, grid: Grid, names: Sequence[str], tags: Mapping[str, str]
) -> None:
    """Write one band a class; scale and offset, which GIS programs apply, make them probabilities."""
    told = f"<NoDataValue>0</NoDataValue><Scale>{1 / TOP!r}</Scale><Offset>{-1 / TOP!r}</Offset>"
    bands = [
        _band(planes, place, f"<Description>{escape(name)}</Description>" + told)
        for place, name in enumerate(names)
    ]
    vrt = planes.path.with_suffix(".vrt")
    _write_vrt(vrt, grid, bands, tags)
    _copy(vrt, path, BLOCKSIZE=256, OVERVIEW_RESAMPLING="AVERAGE")


def _copy(vrt: Path, path: Path, **options: object) -> None:
    # Some builds of GDAL let in no raw files unless told; these are ours. The cache is as for reading.
    cache = {} if "GDAL_CACHEMAX" in os.environ else {"GDAL_CACHEMAX": 512}
    with rasterio.Env(GDAL_VRT_ENABLE_RAWRASTERBAND="YES", **cache):
        rasterio.shutil.copy(
            str(vrt),
            str(path),
            driver="COG",
            COMPRESS="DEFLATE",
            SPARSE_OK="TRUE",
            BIGTIFF="IF_SAFER",
            **options,
        )


def _write_vrt(path: Path, grid: Grid, bands: Sequence[str], tags: Mapping[str, str]) -> None:
    a, b, c, d, e, f = grid.transform
    place = "".join(
        [
            f"<SRS>{escape(CRS.from_user_input(grid.crs).to_wkt())}</SRS>" if grid.crs else "",
            f"<GeoTransform>{', '.join(repr(float(v)) for v in (c, a, b, f, d, e))}</GeoTransform>",
        ]
    )
    metadata = "".join(f'<MDI key="{escape(key)}">{escape(value)}</MDI>' for key, value in tags.items())
    numbered = "".join(
        band.replace("<VRTRasterBand", f'<VRTRasterBand band="{n}"', 1) for n, band in enumerate(bands, 1)
    )
    path.write_text(
        f'<VRTDataset rasterXSize="{grid.width}" rasterYSize="{grid.height}">{place}'
        f"<Metadata>{metadata}</Metadata>{numbered}</VRTDataset>",
        encoding="utf-8",
    )


def _band(store: Store, plane: int, content: str = "") -> str:
    size = store.dtype.itemsize
    return (
        f'<VRTRasterBand dataType="{_TYPES[store.dtype.name]}" subClass="VRTRawRasterBand">{content}'
        f'<SourceFilename relativetoVRT="1">{store.path.name}</SourceFilename>'
        f"<ImageOffset>{plane * store.height * store.width * size}</ImageOffset>"
        f"<PixelOffset>{size}</PixelOffset><LineOffset>{store.width * size}</LineOffset>"
        "<ByteOrder>LSB</ByteOrder></VRTRasterBand>"
    )


def _palette(colours: Sequence[Colour]) -> str:
    entries = "".join(f'<Entry c1="{r}" c2="{g}" c3="{b}" c4="255"/>' for r, g, b in colours)
    return f'<ColorTable><Entry c1="0" c2="0" c3="0" c4="0"/>{entries}</ColorTable>'


def _categories(names: Sequence[str]) -> str:
    return (
        f"<CategoryNames>{''.join(f'<Category>{escape(n)}</Category>' for n in ('', *names))}</CategoryNames>"
    )


def _attributes(names: Sequence[str], colours: Sequence[Colour]) -> str:
    """The raster attribute table: value, name, colour."""
    columns = [("Value", 0, 5), ("Class", 2, 2), ("Red", 0, 6), ("Green", 0, 7), ("Blue", 0, 8)]
    fields = "".join(
        f'<FieldDefn index="{n}"><Name>{name}</Name><Type>{kind}</Type><Usage>{usage}</Usage></FieldDefn>'
        for n, (name, kind, usage) in enumerate(columns)
    )
    rows = "".join(
        f'<Row index="{n}">'
        + "".join(f"<F>{escape(str(cell))}</F>" for cell in (n + 1, name, *colour))
        + "</Row>"
        for n, (name, colour) in enumerate(zip(names, colours, strict=True))
    )
    return f'<GDALRasterAttributeTable tableType="thematic">{fields}{rows}</GDALRasterAttributeTable>'


def escape(text: str) -> str:
    """Text for XML, which has no place for control characters."""
    return saxutils.escape("".join(letter for letter in text if letter.isprintable()))
