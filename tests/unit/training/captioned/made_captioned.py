"""Makes captioned pictures in the layouts in which they are published: `made_captioned.py FOLDER`."""

import csv
import io
import json
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

from terralex.imagery import write_geotiff
from terralex.synthetic import make_land_tile

BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
LANDS = ("water", "conifer forest", "sand", "built-up", "grassland")
TIMES, SIDE = 4, 40
FIRST = 80_710  # the first sample's number: names begin with zeros, which tables may have lost


def sample_name(number: int) -> str:
    return f"{FIRST + 7 * number:07d}"


def land_of(sample: int, time: int) -> str:
    return LANDS[(sample + time) % len(LANDS)]


def caption_of(sample: int, time: int) -> str:
    return f'The image shows {land_of(sample, time)}, "{sample_name(sample)}",\nseason {time}.'


def pixels_of(sample: int, time: int) -> NDArray[np.uint16]:
    """Digital numbers without the offset, (12, SIDE, SIDE)."""
    return make_land_tile(land_of(sample, time), 100 * sample + time, SIDE).pixels


def make_split(folder: Path, files: int = 3, samples: int = 4, block: int = 2) -> Path:
    """`S2L2A/ssl4eos12_train_seasonal_data_NNNNNN.zarr.zip` and `captions/` of the same names."""
    for number in range(files):
        stem = f"ssl4eos12_train_seasonal_data_{number + 1:06d}"
        first = number * samples
        write_zarr(folder / "S2L2A" / f"{stem}.zarr.zip", range(first, first + samples), block)
        write_captions(folder / "captions" / f"{stem}.csv", range(first, first + samples))
    return folder


def write_zarr(path: Path, samples: range, block: int) -> None:
    """A file of format 2, as xarray writes it: arrays name their dimensions, metadata are consolidated."""
    count = len(samples)
    names = np.array([sample_name(number) for number in samples], "<U7")
    bands = np.stack([[pixels_of(number, time) for time in range(TIMES)] for number in samples])
    arrays = {
        "band": (("band",), np.array(BANDS, "<U3")),
        "sample": (("sample",), names),
        "time": (("time",), np.arange(TIMES)),
        "x": (("x",), np.arange(SIDE)),
        "y": (("y",), np.arange(SIDE)),
        "bands": (("sample", "time", "band", "y", "x"), (bands + 1000).astype(np.int16)),
        "center_lat": (("sample",), np.linspace(-30, 50, count)),
        "center_lon": (("sample",), np.linspace(-100, 120, count)),
        "cloud_mask": (("sample", "time", "y", "x"), np.zeros((count, TIMES, SIDE, SIDE), np.uint8)),
        "crs": (("sample",), np.full(count, 32633)),
        "file_id": (
            ("sample", "time"),
            np.full((count, TIMES), "20201116T023001_20201116T022955_T51TXK", "<U38"),
        ),
        "sample_id": (
            ("sample", "time"),
            np.array([[f"{n}_{t}" for t in range(TIMES)] for n in names], "<U9"),
        ),
        "time_": (("sample", "time"), np.full((count, TIMES), 1_605_493_801_000_000_000)),
        "x_": (("sample", "x"), np.zeros((count, SIDE))),
        "y_": (("sample", "y"), np.zeros((count, SIDE))),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        group = zarr.open_group(scratch, mode="w", zarr_format=2)
        for name, (dimensions, values) in arrays.items():
            chunks = (block, 1, *values.shape[2:]) if values.ndim >= 4 else values.shape
            array = group.create_array(name, shape=values.shape, dtype=values.dtype, chunks=chunks)
            array[...] = values
            array.attrs["_ARRAY_DIMENSIONS"] = list(dimensions)
        zarr.consolidate_metadata(scratch, zarr_format=2)
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(Path(scratch).rglob("*")):
                if file.is_file():
                    archive.write(file, file.relative_to(scratch).as_posix())


def write_captions(path: Path, samples: range) -> None:
    """A table as pandas writes it, with its own row numbers first; captions are not all there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("", "sample_id", "time_id", "question_1", "answer_1", "caption"))
        for row, (number, time) in enumerate((n, t) for n in samples for t in range(TIMES)):
            caption = "" if (number, time) == (1, 2) else caption_of(number, time)
            writer.writerow((row, FIRST + 7 * number, time, "Is there water?", "yes, none", caption))
        writer.writerow((99, 9_999_999, 0, "", "", "The image shows what is in no file."))


def write_tar(path: Path, samples: range, caption: str = "json") -> None:
    """A webdataset shard of GeoTIFFs with their captions as `.txt` or in a `.json`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, tarfile.open(path, "w") as archive:
        for number in samples:
            tile = make_land_tile(land_of(number, 0), 100 * number, SIDE)
            write_geotiff(tile, Path(scratch) / "tile.tif")
            text = caption_of(number, 0)
            told = json.dumps({"caption": text, "width": SIDE}) if caption == "json" else text
            add(archive, f"{sample_name(number)}.tif", (Path(scratch) / "tile.tif").read_bytes())
            add(archive, f"{sample_name(number)}.{caption}", told.encode())


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def write_pictures(folder: Path, samples: range) -> Path:
    """GeoTIFFs in a folder, and the table of their paths and captions; returns the table."""
    (folder / "tiles").mkdir(parents=True)
    table = folder / "captions.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "caption"))
        for number in samples:
            write_geotiff(
                make_land_tile(land_of(number, 0), 100 * number, SIDE), folder / "tiles" / f"{number}.tif"
            )
            writer.writerow((f"tiles/{number}.tif", caption_of(number, 0)))
    return table


if __name__ == "__main__":
    root = Path(sys.argv[1])
    make_split(root / "train")
    write_tar(root / "shards" / "000000.tar", range(4))
    write_pictures(root / "pictures", range(4))
