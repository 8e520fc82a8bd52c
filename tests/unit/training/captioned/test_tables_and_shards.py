"""Captioned pictures of a table, and of webdataset shards."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_captioned import SIDE, add, caption_of, land_of, write_pictures, write_tar

from terralex.runtime.errors import InputError, UsageError
from terralex.synthetic import make_land_tile
from terralex.training.captioned import CaptionedShards, CaptionedTable


def test_a_table_of_paths_and_captions(tmp_path: Path) -> None:
    pictures = CaptionedTable(write_pictures(tmp_path, range(3)))
    assert [pictures.caption(k) for k in range(3)] == [caption_of(k, 0) for k in range(3)]
    tile = make_land_tile(land_of(2, 0), 200, SIDE)
    np.testing.assert_array_equal(pictures.read(2).pixels, tile.pixels)
    assert pictures.read(2).bands.names == tile.bands.names
    assert sorted(pictures.order(0, 1).tolist()) == [0, 1, 2]


def test_a_table_may_be_parquet_and_rows_without_a_caption_are_left_out(tmp_path: Path) -> None:
    write_pictures(tmp_path, range(4))
    rows = {"path": [f"tiles/{k}.tif" for k in range(4)], "caption": ["a", None, " ", "None"]}
    pq.write_table(pa.table(rows), tmp_path / "captions.parquet")
    pictures = CaptionedTable(tmp_path / "captions.parquet")
    assert [(pictures.name(k), pictures.caption(k)) for k in range(len(pictures))] == [
        (str(tmp_path / "tiles/0.tif"), "a"),
        (str(tmp_path / "tiles/3.tif"), "None"),
    ]


@pytest.mark.parametrize("path", ["../secret.tif", "/etc/passwd", "C:\\secret.tif", "a\\..\\..\\b.tif"])
def test_paths_stay_in_the_folder_of_their_table(tmp_path: Path, path: str) -> None:
    (tmp_path / "t.csv").write_text(f"path,caption\n{path},a town\n")
    with pytest.raises(UsageError, match="names a file outside its folder"):
        CaptionedTable(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no table .*: a .csv, .tsv or .parquet file is read there"),
        ("file,caption\na.tif,b\n", "has no column 'path', only file, caption"),
        ("path,caption\na.tif,\n", "no row has a path and a caption"),
        ("path,caption\na,b,c\n", "3 cells, but the header has 2"),
    ],
)
def test_a_table_that_is_none_says_why(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UsageError, match=message):
        CaptionedTable(tmp_path / "t.csv")


@pytest.mark.parametrize("caption", ["json", "txt"])
def test_shards_hold_pictures_of_any_bands_with_captions(tmp_path: Path, caption: str) -> None:
    for shard in range(2):
        write_tar(tmp_path / f"{shard:06d}.tar", range(3 * shard, 3 * shard + 3), caption)
    pictures = CaptionedShards(tmp_path)
    for number in range(6):
        assert pictures.caption(number) == " ".join(caption_of(number, 0).split())
        image = pictures.read(number)
        np.testing.assert_array_equal(
            image.pixels, make_land_tile(land_of(number, 0), 100 * number, SIDE).pixels
        )
        assert (len(image.bands), image.units) == (12, "dn")
    assert sorted(pictures.order(3, 0).tolist()) == list(range(6))
    again = CaptionedShards(tmp_path)  # by the index that was kept
    assert again.caption(4) == pictures.caption(4)


def test_samples_that_lack_something_are_left_out_and_damaged_ones_cost_themselves(tmp_path: Path) -> None:
    array = io.BytesIO()
    np.save(array, np.full((12, 8, 8), 500, np.uint16))
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        add(archive, "alone.npy", array.getvalue())
        add(archive, "words.txt", b"a town without a picture")
        add(archive, "good.npy", array.getvalue())
        add(archive, "good.txt", b"a town")
        add(archive, "mute.npy", array.getvalue())
        add(archive, "mute.json", json.dumps({"title": "no caption"}).encode())
        add(archive, "bad.npy", b"no array")
        add(archive, "bad.txt", b"a field")
    pictures = CaptionedShards(tmp_path, bands="sentinel-2-l2a", units="dn")
    assert len(pictures) == 3
    assert pictures.read(0).pixels.shape == (12, 8, 8)
    with pytest.raises(InputError, match=r"a\.tar, sample 2: its caption cannot be read: 'caption'"):
        pictures.read(1)
    with pytest.raises(InputError, match=r"^.*a\.tar, sample 3"):
        pictures.read(2)


def test_arrays_of_objects_are_not_unpickled(tmp_path: Path) -> None:
    array = io.BytesIO()
    np.save(array, np.array([{"a": 1}], object), allow_pickle=True)
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        add(archive, "x.npy", array.getvalue())
        add(archive, "x.txt", b"a town")
    with pytest.raises(InputError):
        CaptionedShards(tmp_path, bands="sentinel-2-l2a", units="dn").read(0)


@pytest.mark.parametrize("damage", ["none", "cut", "empty"])
def test_shards_that_are_none_say_why(tmp_path: Path, damage: str) -> None:
    if damage != "none":
        write_tar(tmp_path / "a.tar", range(1))
    if damage == "cut":
        content = (tmp_path / "a.tar").read_bytes()
        (tmp_path / "a.tar").write_bytes(content[: len(content) // 2])
    if damage == "empty":
        with tarfile.open(tmp_path / "a.tar", "w") as archive:
            add(archive, "a.txt", b"alone")
    messages = {"none": "holds no shards", "cut": "cut short", "empty": "no sample has a picture, and a .txt"}
    with pytest.raises(UsageError, match=messages[damage]):
        CaptionedShards(tmp_path)
