"""SSL4EO-S12 v1.1 as it is published: zarr zips of places in four seasons, joined with tables of captions."""

import itertools
import json
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import zarr
from made_captioned import BANDS, SIDE, TIMES, caption_of, make_split, pixels_of, sample_name, write_zarr

from terralex.runtime.errors import InputError, UsageError
from terralex.training.captioned import Ssl4eo


@pytest.fixture
def changed(split: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(split, tmp_path / "train"))


def where(pictures: Ssl4eo, index: int) -> tuple[int, int]:
    """Sample and time of a picture, from its name."""
    words = pictures.name(index).split(", ")
    names = [sample_name(number) for number in range(12)]
    return names.index(words[1].removeprefix("sample ")), int(words[2].removeprefix("time "))


def test_every_picture_with_a_caption_is_there_once_with_its_own(split: Path) -> None:
    pictures = Ssl4eo(split)
    found = {where(pictures, index): index for index in range(len(pictures))}
    assert len(found) == len(pictures) == 12 * TIMES - 1
    assert (1, 2) not in found, "it has no caption"
    for (sample, time), index in found.items():
        assert pictures.caption(index) == caption_of(sample, time)


def test_a_picture_has_its_bands_by_name_and_the_offset_of_its_digital_numbers(split: Path) -> None:
    pictures = Ssl4eo(split)
    for index in (0, 7, 46):
        image = pictures.read(index)
        assert image.bands.names == BANDS
        assert image.bands.sensor == "sentinel-2-l2a"
        assert image.units == "dn+1000"
        np.testing.assert_array_equal(image.pixels, pixels_of(*where(pictures, index)) + 1000)


def test_units_can_be_stated(split: Path) -> None:
    assert Ssl4eo(split, units="dn").read(0).units == "dn"


@pytest.mark.parametrize("block", [1, 2, 4])
def test_an_epoch_has_every_picture_once_and_another_order_each(tmp_path: Path, block: int) -> None:
    pictures = Ssl4eo(make_split(tmp_path / "train", files=2, block=block))
    first, again, second = pictures.order(0, 5), pictures.order(0, 5), pictures.order(1, 5)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
    for order in (first, second):
        assert sorted(order.tolist()) == list(range(len(pictures)))
    files = [pictures.name(index).split(",")[0] for index in first.tolist()]
    seasons = [where(pictures, index)[1] for index in first.tolist()]
    assert sum(a != b for a, b in itertools.pairwise(files)) > 4, "files are mixed"
    assert sum(a != b for a, b in itertools.pairwise(seasons)) > 8, "and so are seasons"
    for index in first[:8].tolist():
        np.testing.assert_array_equal(pictures.read(index).pixels, pixels_of(*where(pictures, index)) + 1000)


@pytest.mark.parametrize("form", ["parquet", "one table", "elsewhere"])
def test_captions_come_in_one_table_or_several_here_or_elsewhere(
    changed: Path, tmp_path: Path, form: str
) -> None:
    folder = changed / "captions"
    options = pa.csv.ParseOptions(newlines_in_values=True)
    tables = [pa.csv.read_csv(path, parse_options=options) for path in sorted(folder.glob("*.csv"))]
    shutil.rmtree(folder)
    if form == "parquet":
        folder.mkdir()
        for number, table in enumerate(tables):
            pq.write_table(table, folder / f"part-{number}.parquet")
    elsewhere = tmp_path / "all.parquet"
    if form != "parquet":
        pq.write_table(pa.concat_tables(tables), elsewhere)
    if form == "one table":
        folder.mkdir()
        elsewhere = Path(shutil.move(elsewhere, folder / "all.parquet"))
    pictures = Ssl4eo(changed, elsewhere if form == "elsewhere" else None)
    assert len(pictures) == 12 * TIMES - 1
    assert all(pictures.caption(k) == caption_of(*where(pictures, k)) for k in range(len(pictures)))


def test_a_table_in_two_forms_would_count_twice(changed: Path) -> None:
    table = next((changed / "captions").glob("*.csv"))
    pq.write_table(pa.table({"caption": ["a"]}), table.with_suffix(".parquet"))
    with pytest.raises(UsageError, match=rf"{table.name} stands there as \.parquet too"):
        Ssl4eo(changed)


def test_a_file_that_goes_bad_costs_its_own_pictures(changed: Path) -> None:
    pictures = Ssl4eo(changed)
    bad = sorted((changed / "S2L2A").iterdir())[1]
    bad.write_bytes(b"PK no more")
    for index in range(len(pictures)):
        if bad.name in pictures.name(index):
            with pytest.raises(InputError, match=r"000002\.zarr\.zip, sample 00\d+, time \d: cannot be read"):
                pictures.read(index)
        else:
            pictures.read(index)


def test_a_damaged_block_costs_its_own_pictures(changed: Path) -> None:
    path = sorted((changed / "S2L2A").iterdir())[0]
    with zipfile.ZipFile(path) as archive:
        begins = archive.getinfo("bands/0.0.0.0.0").header_offset
    content = bytearray(path.read_bytes())
    content[begins + 1000] ^= 1
    path.write_bytes(content)
    pictures = Ssl4eo(changed)
    for index in range(len(pictures)):
        if where(pictures, index) in ((0, 0), (1, 0)):
            with pytest.raises(InputError, match=r"sample 00807\d\d, time 0: cannot be read: Bad CRC-32"):
                pictures.read(index)
        else:
            pictures.read(index)


def test_where_there_is_nothing_in_any_band_there_is_no_data(changed: Path) -> None:
    path = sorted((changed / "S2L2A").iterdir())[0]
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name != "bands/0.0.0.0.0"}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    pictures = Ssl4eo(changed)
    for index in range(len(pictures)):
        image = pictures.read(index)
        assert image.valid is not None
        if where(pictures, index) in ((0, 0), (1, 0)):
            assert not image.valid.any()
        else:
            assert image.valid.all()


def test_samples_that_are_numbers_are_joined_whatever_their_lengths(tmp_path: Path) -> None:
    (tmp_path / "S2L2A").mkdir()
    values = {
        "sample": np.array([8, 64, 100]),
        "band": np.array(BANDS, "<U3"),
        "bands": np.full((3, TIMES, 12, 2, 2), 2000, np.int16),
    }
    group = zarr.open_group(tmp_path / "plain", mode="w", zarr_format=2)
    for name, array in values.items():
        group.create_array(name, data=array)
    with zipfile.ZipFile(tmp_path / "S2L2A" / "a.zarr.zip", "w") as archive:
        for file in (tmp_path / "plain").rglob("*"):
            archive.write(file, file.relative_to(tmp_path / "plain"))
    (tmp_path / "captions").mkdir()
    (tmp_path / "captions" / "a.csv").write_text("sample_id,time_id,caption\n8,0,a\n64,1,b\n100,2,c\n")
    pictures = Ssl4eo(tmp_path)
    found = {pictures.name(k).split(", ", 1)[1]: pictures.caption(k) for k in range(len(pictures))}
    assert found == {"sample 8, time 0": "a", "sample 64, time 1": "b", "sample 100, time 2": "c"}


def test_what_is_no_such_file_is_refused_at_once(changed: Path) -> None:
    (changed / "S2L2A" / "x.zarr.zip").write_bytes(b"no zip")
    with pytest.raises(UsageError, match=r"x\.zarr\.zip is no file of SSL4EO-S12 v1\.1, or damaged"):
        Ssl4eo(changed)


@pytest.mark.parametrize(
    "harm",
    [
        {"compressor": {"id": "pickle"}},
        {"filters": [{"id": "pickle"}]},
        {"dtype": "|O", "filters": [{"id": "pickle"}], "compressor": None, "fill_value": None},
    ],
)
def test_arrays_that_would_run_code_are_refused(
    changed: Path, tmp_path: Path, harm: dict[str, object]
) -> None:
    """Zarr's format 2 has codecs that unpickle what they read."""
    ran = tmp_path / "ran"

    class Harm:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (ran,))

    path = changed / "S2L2A" / "harm.zarr.zip"
    write_zarr(path, range(12, 13), 1)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    del files[".zmetadata"]
    files["sample/.zarray"] = json.dumps({**json.loads(files["sample/.zarray"]), **harm}).encode()
    files["sample/0"] = pickle.dumps(Harm())
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    with pytest.raises(UsageError, match=r"harm\.zarr\.zip is no file of SSL4EO-S12 v1\.1"):
        Ssl4eo(changed)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("no pictures", r"S2L2A holds no \.zarr\.zip files"),
        ("no captions", r"captions holds no captions"),
        ("no column", r"has no column 'caption', only sample_id, time_id, text"),
        ("no match", r"no sample_id with its time_id is in the 3 files"),
        ("no time", r"time_id must be a whole number from 0, not 'spring'"),
    ],
)
def test_what_is_missing_is_said(changed: Path, change: str, message: str) -> None:
    captions = changed / "captions"
    if change == "no pictures":
        shutil.rmtree(changed / "S2L2A")
    else:
        shutil.rmtree(captions)
    rows = {
        "no column": "sample_id,time_id,text\n1,0,a\n",
        "no match": "sample_id,time_id,caption\n1,0,a town\n80710,9,a field\n",
        "no time": "sample_id,time_id,caption\n80710,spring,a town\n",
    }
    if change in rows:
        captions.mkdir()
        (captions / "a.csv").write_text(rows[change])
    with pytest.raises(UsageError, match=message):
        Ssl4eo(changed)


def test_the_fixture_is_as_published(split: Path) -> None:
    """Dimensions, names and types of the data set's own description."""
    path = sorted((split / "S2L2A").iterdir())[0]
    store = zarr.storage.ZipStore(path, mode="r")
    group = zarr.open_group(store, mode="r")
    assert group.metadata.zarr_format == 2
    assert group["bands"].shape == (4, TIMES, 12, SIDE, SIDE)
    assert group["bands"].dtype == np.int16
    assert group["bands"].attrs["_ARRAY_DIMENSIONS"] == ["sample", "time", "band", "y", "x"]
    assert str(group["sample"][0]) == "0080710"
    store.close()
