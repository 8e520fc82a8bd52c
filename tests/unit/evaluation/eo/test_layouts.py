"""Every data set is found in both of its layouts, with the right pictures, labels, bands and values."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from terralex.evaluation.eo import Found, check_order, find_datasets
from terralex.evaluation.eo.listing import Sample, class_of, read_patch_labels
from terralex.evaluation.eo.reading import read_sample
from terralex.runtime.errors import InputError, UsageError

from .make_datasets import L1C, L2A, PATCHES, colours, value, write_picture

PICTURES = [  # data set, pictures in MS-CLIP's layout (all of them), in the download's (the test split)
    ("EuroSAT_RGB", 30, 20),
    ("EuroSAT_MS", 30, 20),
    ("RESISC45_RGB", 9, 6),
    ("AID_RGB", 9, 9),
    ("METERML_RGB", 21, 14),
    ("METERML_MS", 21, 14),
    ("METERML_NAIP", 21, 14),
    ("ForestNet_RGB", 4, 4),
    ("BigEarthNet_RGB", 3, 3),
    ("BigEarthNet_MS", 3, 3),
]


def find(data: Path, name: str, split: str | None = None) -> Found:
    return find_datasets(data, [name], split=split)[0]


def number(sample: Sample) -> int:
    """Which picture of its class it is."""
    return int(Path(sample.name).stem.rpartition("_")[2])


@pytest.mark.parametrize(("name", "all_pictures", "test_pictures"), PICTURES)
def test_both_layouts(made: Path, name: str, all_pictures: int, test_pictures: int) -> None:
    for layout, count in (("msclip", all_pictures), ("official", test_pictures)):
        found = find(made / layout, name)
        assert len(found.samples) == count
        for sample in found.samples:
            image = read_sample(found, sample)
            assert image.has_data
            if found.dataset.use:
                assert image.bands.common == ("red", "green", "blue")


@pytest.mark.parametrize("layout", ["msclip", "official"])
def test_eurosat_has_b8a_last(made: Path, layout: str) -> None:
    found = find(made / layout, "EuroSAT_MS")
    for sample in found.samples[::7]:
        image = read_sample(found, sample)
        k = found.classes.index(sample.labels[0]) if sample.labels else -1
        for band in L1C:
            plane = image.pixels[image.bands.find(band)]
            assert (plane == value(band, k, number(sample))).all(), band
        assert image.units == "dn"


def test_lists_of_torchgeo_name_jpeg_files_for_both(made: Path) -> None:
    for name in ("EuroSAT_RGB", "EuroSAT_MS"):
        found = find(made / "official", name)
        assert {number(sample) for sample in found.samples} == {2, 3}
        assert (found.split, found.notes) == ("test", ())
        train = find(made / "official", name, "train")
        assert {number(sample) for sample in train.samples} == {1}
        assert len(find(made / "official", name, "all").samples) == 30
        with pytest.raises(UsageError, match=r"no list of the split val: looked for .*eurosat-val\.txt"):
            find(made / "official", name, "val")


def test_without_lists_all_is_taken_and_said(made: Path) -> None:
    found = find(made / "msclip", "RESISC45_RGB")
    assert (found.split, found.notes) == ("all", ("no resisc45-test.txt: all its pictures are taken",))
    with pytest.raises(UsageError, match="no list of the split test"):
        find(made / "msclip", "RESISC45_RGB", "test")


def test_the_order_of_bands_is_stated_and_checked(made: Path, tmp_path: Path) -> None:
    check_order(find(made / "msclip", "EuroSAT_MS"))
    check_order(find(made / "msclip", "EuroSAT_MS_sequential"))
    check_order(find(made / "msclip", "METERML_MS"))  # has no cirrus band
    shutil.copytree(made / "msclip" / "EuroSAT_MS_sequential", tmp_path / "EuroSAT_MS")
    with pytest.raises(UsageError, match="plane 11 of these files looks like B10") as raised:
        check_order(find(tmp_path, "EuroSAT_MS"))
    assert "pass --datasets EuroSAT_MS_sequential" in str(raised.value)
    check_order(find(tmp_path, "EuroSAT_MS_sequential"))


def test_meter_ml_has_all_bands_on_the_finest_pixels(made: Path) -> None:
    found = find(made / "official", "METERML_MS")
    assert found.notes == ("7 pictures with several labels are left out",)
    for sample in found.samples[::3]:
        image = read_sample(found, sample)
        assert image.pixels.shape == (13, 24, 24)
        longitude = Path(sample.name).name.split("_-")[1]
        k = found.classes.index(sample.labels[0]) if sample.labels else -1
        for band in L1C:
            expected = value(band, k, int(float(longitude)) - 90)
            assert np.allclose(image.pixels[image.bands.find(band)], expected, rtol=1e-5), band


def test_infrared_in_the_place_of_alpha_hides_nothing(made: Path) -> None:
    found = find(made / "official", "METERML_NAIP")
    image = read_sample(found, found.samples[0])
    assert image.valid is None
    assert (image.pixels == colours(0, 1)[:1, :1].transpose(2, 0, 1)).all()


@pytest.mark.parametrize("layout", ["msclip", "official"])
def test_bigearthnet(made: Path, layout: str) -> None:
    found = find(made / layout, "BigEarthNet_MS")
    assert (found.split, [sample.labels for sample in found.samples]) == ("test", [None] * 3)
    assert [sample.name[-4] for sample in found.samples] == ["1", "2", "3"]
    for i, sample in enumerate(found.samples, 1):
        image = read_sample(found, sample)
        assert image.bands.names == L2A
        assert image.pixels.shape == (12, 24, 24)
        for band in L2A:
            assert (image.pixels[image.bands.find(band)] == value(band, 0, i)).all(), band
        labels = read_patch_labels(found.root / sample.name)
        kept = [class_of(found.dataset, label) for label in labels if label not in found.dataset.ignore]
        assert list(dict.fromkeys(kept)) == PATCHES[i][1]


def test_bigearthnet_2(made: Path) -> None:
    root = made / "official" / "v2"
    found = find(root, "BigEarthNet_MS")
    assert [sample.labels for sample in found.samples] == [
        ("Coniferous forest", "Inland wetlands"),
        ("Marine waters",),
    ]
    assert read_sample(found, found.samples[1]).pixels[0, 0, 0] == value("B01", 0, 3)
    assert len(find(root, "BigEarthNet_MS", "val").samples) == 1
    everything = find(root, "BigEarthNet_MS", "all")
    assert everything.samples[0].labels == ("Urban fabric", "Inland waters")
    assert (everything.split, len(everything.samples)) == ("all", 4)


@pytest.mark.parametrize("layout", ["msclip", "official"])
def test_forestnet_has_merged_labels(made: Path, layout: str) -> None:
    found = find(made / layout, "ForestNet_RGB")
    assert {sample.labels for sample in found.samples} == {(name,) for name in found.classes}
    assert found.split == "test"
    assert (read_sample(found, found.samples[1]).pixels[:, 0, 0] == colours(1, 2)[0, 0]).all()
    assert find(made / layout, "ForestNet_RGB", "train").samples[0].name.startswith("examples/0.0")
    with pytest.raises(UsageError, match="has a file for each split"):
        find(made / layout, "ForestNet_RGB", "all")


@pytest.mark.parametrize(("layout", "name"), [("msclip", "RSICD"), ("official", "UCM_captions")])
def test_captions(made: Path, layout: str, name: str) -> None:
    found = find(made / layout, name)
    assert [len(sample.captions) for sample in found.samples] == [5, 5, 5]
    assert found.samples[0].captions[2] == "sentence 2 on picture 1 ."
    assert (
        np.abs(read_sample(found, found.samples[2]).pixels[:, 0, 0].astype(int) - colours(3, 3)[0, 0]).max()
        < 4
    )
    assert len(find(made / layout, name, "all").samples) == 4


def test_captions_whose_pictures_lie_elsewhere(made: Path, tmp_path: Path) -> None:
    shutil.copy(made / "msclip" / "dataset_rsicd.json", tmp_path)
    with pytest.raises(UsageError, match="RSICD is not there"):
        find(tmp_path, "RSICD")
    shutil.copytree(made / "msclip" / "RSICD_images", tmp_path / "images")
    found = find(tmp_path, "RSICD")
    assert found.samples[0].name == "images/1.jpg"
    assert read_sample(found, found.samples[0]).has_data


def test_those_that_are_there_are_taken_if_none_are_named(made: Path) -> None:
    names = {found.name for found in find_datasets(made / "official", kind="multispectral")}
    assert names == {"EuroSAT_MS", "METERML_MS", "BigEarthNet_MS"}
    names = {found.name for found in find_datasets(made / "msclip", kind="rgb")}
    assert names == {name for name, *_ in PICTURES if not name.endswith("_MS")} | {"RSICD"}


def test_what_is_missing_says_where_it_was_looked_for(made: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        find_datasets(tmp_path, ["EuroSAT_MS", "RSICD"])
    message = str(raised.value)
    assert "EuroSAT_MS is not there: looked for EuroSAT_MS/<class>/<picture> or ds/images" in message
    assert f"in {tmp_path}, {tmp_path / 'EuroSAT_MS'}" in message
    assert "RSICD is not there: looked for dataset_rsicd.json with RSICD_images/{filename}" in message
    with pytest.raises(
        UsageError, match=r"no data set that suits the model is in .*BigEarthNet_MS as sentinel-2/"
    ):
        find_datasets(tmp_path, kind="multispectral")
    with pytest.raises(UsageError, match=r"no folder .*none: --data DIR is the folder"):
        find_datasets(tmp_path / "none")


def test_strange_folders_and_lists_are_told(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "msclip" / "EuroSAT_RGB" / "River", tmp_path / "EuroSAT_RGB" / "River")
    shutil.copytree(made / "msclip" / "EuroSAT_RGB" / "Forest", tmp_path / "EuroSAT_RGB" / "Volcano")
    (tmp_path / "EuroSAT_RGB" / "SeaLake").mkdir()
    (tmp_path / "eurosat-test.txt").write_text("River/River_2.jpg\nRiver_9.jpg\n")
    found = find(tmp_path, "EuroSAT_RGB")
    assert [sample.name for sample in found.samples] == ["EuroSAT_RGB/River/River_2.jpg"]
    assert len(found.classes) == 10, "all are there to choose from"
    notes = " | ".join(found.notes)
    assert "Volcano is none of its classes, and left out" in notes
    assert "SeaLake holds no pictures" in notes
    assert "names 2 pictures, of which 1 are there" in notes


def test_class_folders_may_be_called_by_their_words(made: Path, tmp_path: Path) -> None:
    source = made / "msclip" / "METERML_NAIP" / "Mines"
    shutil.copytree(source, tmp_path / "METERML_NAIP" / "coal_mines")
    found = find(tmp_path, "METERML_NAIP")
    assert class_of(found.dataset, "coal_mines") == "Mines"
    assert len(found.samples) == 3


def test_names_do_not_lead_out_of_the_folder(made: Path, tmp_path: Path) -> None:
    root = tmp_path / "ForestNetDataset"
    root.mkdir()
    for name in "ab":
        write_picture(root / name / "images" / "visible" / "composite.png", colours(0, 1))
    (root / "test.csv").write_text(
        "merged_label,example_path\nOther,../../etc\nOther,/etc\nOther,a\nOther,b\n"
    )
    found = find(tmp_path, "ForestNet_RGB")
    for sample in found.samples[:2]:
        with pytest.raises(InputError, match="leads out of the folder"):
            read_sample(found, sample)


def test_a_data_set_whose_pictures_are_mostly_missing_is_refused(made: Path, tmp_path: Path) -> None:
    root = tmp_path / "ForestNetDataset"
    write_picture(root / "a" / "images" / "visible" / "composite.png", colours(0, 1))
    (root / "test.csv").write_text("merged_label,example_path\nOther,a\nOther,b\nOther,c\n")
    with pytest.raises(
        UsageError, match=r"ForestNet_RGB: 2 of 3 pictures are missing, the first being .*b/im"
    ):
        find(tmp_path, "ForestNet_RGB")
    write_picture(tmp_path / "EuroSAT_RGB" / "River" / "River_1.png", colours(0, 1))
    (tmp_path / "eurosat-test.txt").write_text("River_1.jpg\nRiver_2.jpg\nForest_3.jpg\n")
    with pytest.raises(UsageError, match="names 3 pictures, of which 1 are there"):
        find(tmp_path, "EuroSAT_RGB")


def test_names_with_dots_are_whole(made: Path, tmp_path: Path) -> None:
    for name in ("30.5_-91.25", "30.5_-91"):
        write_picture(tmp_path / "EuroSAT_RGB" / "River" / f"{name}.png", colours(0, 1))
    (tmp_path / "eurosat-test.txt").write_text("30.5_-91.25\n")
    assert [sample.name for sample in find(tmp_path, "EuroSAT_RGB").samples] == [
        "EuroSAT_RGB/River/30.5_-91.25.png"
    ]


@pytest.mark.parametrize("split", [None, "test"])
def test_a_table_of_something_else_is_no_data_set(made: Path, tmp_path: Path, split: str | None) -> None:
    """Unless it is asked for: then the error says what it lacks."""
    shutil.copytree(made / "official" / "UCM_captions", tmp_path / "UCM_captions")
    (tmp_path / "test.csv").write_text("label,path\nOther,a\n")
    assert [found.name for found in find_datasets(tmp_path, split=split)] == ["UCM_captions"]
    with pytest.raises(UsageError, match="a row has no merged_label"):
        find(tmp_path, "ForestNet_RGB")
    shutil.copytree(made / "msclip" / "ForestNet_RGB", tmp_path / "ForestNet_RGB")
    assert "ForestNet_RGB" in [found.name for found in find_datasets(tmp_path, split=split)]


@pytest.mark.parametrize("content", ["{}", '{"features": [1]}', '{"features": [{"properties": null}]}'])
def test_a_broken_table_of_features(tmp_path: Path, content: str) -> None:
    (tmp_path / "test_dataset.geojson").write_text(content)
    with pytest.raises(UsageError, match=r"test_dataset\.geojson is no GeoJSON of features"):
        find(tmp_path, "METERML_MS")


def test_broken_lists(made: Path, tmp_path: Path) -> None:
    (tmp_path / "RSICD_images").mkdir()
    (tmp_path / "dataset_rsicd.json").write_text("{}")
    with pytest.raises(UsageError, match="is no file of captions: it lacks 'images'"):
        find(tmp_path, "RSICD")
    (tmp_path / "dataset_rsicd.json").write_text("{")
    with pytest.raises(UsageError, match="cannot read"):
        find(tmp_path, "RSICD")
    (tmp_path / "examples").mkdir()
    (tmp_path / "test.csv").write_text("label,path\n")
    with pytest.raises(UsageError, match="no pictures of the split test"):
        find(tmp_path, "ForestNet_RGB")
    (tmp_path / "test.csv").write_text("label,path\nOther,a\n")
    with pytest.raises(UsageError, match="a row has no merged_label; its columns are label, path"):
        find(tmp_path, "ForestNet_RGB")
    patch = tmp_path / "patch"
    patch.mkdir()
    with pytest.raises(InputError, match="no JSON file with its labels"):
        read_patch_labels(patch)
    (patch / "a.json").write_text(json.dumps({"corine": []}))
    with pytest.raises(InputError, match=r"cannot read the labels in a\.json"):
        read_patch_labels(patch)
