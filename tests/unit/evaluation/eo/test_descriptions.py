"""Descriptions of data sets: those that ship, and those of users."""

from pathlib import Path

import pytest

from terralex.evaluation.eo import dataset_names, load_dataset
from terralex.evaluation.eo.beside import published
from terralex.runtime.errors import UsageError

TEN = {
    *("METERML_RGB", "METERML_MS", "METERML_NAIP", "EuroSAT_RGB", "EuroSAT_MS", "RESISC45_RGB", "AID_RGB"),
    *("ForestNet_RGB", "BigEarthNet_RGB", "BigEarthNet_MS"),
}

MINIMAL = """
title: Parcels
labels: one
layouts: [{folders: parcels}]
"""


def write(folder: Path, text: str) -> str:
    path = folder / "parcels.yaml"
    path.write_text(text)
    return str(path)


def test_the_data_sets_of_ms_clip_ship() -> None:
    assert set(dataset_names()) == {*TEN, "EuroSAT_MS_sequential", "RSICD", "UCM_captions"}
    multispectral = {name for name in dataset_names() if load_dataset(name).kind == "multispectral"}
    assert multispectral == {"METERML_MS", "EuroSAT_MS", "EuroSAT_MS_sequential", "BigEarthNet_MS"}
    assert load_dataset("eurosat_ms").name == "EuroSAT_MS"


@pytest.mark.parametrize(
    ("name", "classes", "first"),
    [
        ("EuroSAT_MS", 10, ("AnnualCrop", "annual crop land")),
        ("RESISC45_RGB", 45, ("airplane", "airplane")),
        ("AID_RGB", 30, ("Airport", "airport")),
        ("METERML_NAIP", 7, ("CAFOs", "concentrated animal feeding operations")),
        ("ForestNet_RGB", 4, ("Plantation", "plantation")),
        ("BigEarthNet_MS", 19, ("Urban fabric", "Urban fabric")),
    ],
)
def test_classes_have_words(name: str, classes: int, first: tuple[str, str]) -> None:
    words = load_dataset(name).classes
    assert words is not None
    assert (len(words), next(iter(words.items()))) == (classes, first)


def test_words_of_camel_case_and_underscores() -> None:
    aid, resisc = load_dataset("AID_RGB").classes, load_dataset("RESISC45_RGB").classes
    assert aid is not None
    assert resisc is not None
    assert (aid["BareLand"], aid["RailwayStation"]) == ("bare land", "railway station")
    assert resisc["baseball_diamond"] == "baseball diamond"


def test_labels_of_bigearthnet_are_the_43_of_corine() -> None:
    dataset = load_dataset("BigEarthNet_RGB")
    assert dataset.classes is not None
    same = {label for label in dataset.classes if label not in dataset.merge.values()}
    assert len(same | set(dataset.merge) | dataset.ignore) == 43
    assert not (set(dataset.merge) & set(dataset.classes)) - {"Transitional woodland, shrub"}
    assert dataset.use == ("red", "green", "blue"), "its own, beside what it takes from BigEarthNet_MS"


def test_published_figures_tell_what_is_printed() -> None:
    figures = published().tables["accuracy"]
    assert str(figures["RemoteCLIP"]["EuroSAT"]) == "34.0"
    assert str(figures["GeoRSCLIP"]["EuroSAT"]) == "~52.8"
    ours = figures["Llama3-MS-CLIP"]
    assert all(figure.printed for figure in ours.values())
    for table in published().tables.values():
        for column in ours:
            values = [figures[column].value for figures in table.values()]
            assert max(values) == table["Llama3-MS-CLIP"][column].value
            lowest = min(table.values(), key=lambda figures: figures[column].value)
            assert lowest[column].printed, "both ends of each axis are printed"


def test_ones_own_description(tmp_path: Path) -> None:
    dataset = load_dataset(write(tmp_path, MINIMAL))
    assert (dataset.name, dataset.classes, dataset.kind) == ("parcels", None, "rgb")
    assert dataset.roots == (".", "parcels")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: [", "is not valid YAML"),
        ("- title", "must be a mapping"),
        ("title: Parcels\nlabels: one", "layouts is missing"),
        (MINIMAL.replace("one", "many"), "labels must be one of one, several, captions, not 'many'"),
        (MINIMAL.replace("folders", "foldrs"), "folders or one of table, patches, captions must say"),
        (MINIMAL + "clases: [a]", "clases is not a field here"),
        (MINIMAL + "bands: B42", "unknown bands 'B42'"),
        (MINIMAL + "units: metres", "unknown units 'metres'"),
        (MINIMAL + "classes: corine", "no list is called 'corine'"),
        (MINIMAL + "like: nothing", "like must be the name of a shipped data set"),
        (MINIMAL.replace("folders: parcels", "table: a.csv"), "image is missing: table needs it"),
        (MINIMAL.replace("one", "several"), "classes is missing"),
        (MINIMAL.replace("one", "captions"), "folders does not fit labels: captions"),
    ],
)
def test_what_is_wrong_with_it(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        load_dataset(write(tmp_path, text))
    assert message in str(raised.value)
    assert "parcels.yaml" in str(raised.value)


def test_unknown_names_list_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"did you mean EuroSAT_MS\?.*There are AID_RGB"):
        load_dataset("EuroSAT_M")
    with pytest.raises(UsageError, match=r"cannot read .*none\.yaml"):
        load_dataset(str(tmp_path / "none.yaml"))
