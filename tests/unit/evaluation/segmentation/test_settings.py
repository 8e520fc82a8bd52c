from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from terralex.evaluation import published_table
from terralex.evaluation.segmentation import choose_settings, class_names, keep_ratio_size, load_settings
from terralex.models.dense import slide_size, windows
from terralex.runtime.errors import UsageError

from .make_datasets import CLASSES, COCO_GAPS

DATASETS = sorted(CLASSES)


def test_there_are_fifteen_settings() -> None:
    settings = load_settings()
    assert len({setting.name for setting in settings}) == len(settings) == 15
    assert {setting.dataset.name for setting in settings} == set(CLASSES)
    assert Counter((setting.crop, setting.stride) for setting in settings) == {
        (224, 112): 5,
        (336, 112): 1,
        (336, 224): 9,
    }
    assert {(s.scra, s.scga, s.prompt_denoising, s.threshold) for s in settings} == {(10, 10, 0.5, 0)}
    thresholds = {s.dataset.name: s.dataset.coarse_threshold for s in settings}
    assert thresholds == {
        "ade20k": 0.05,
        "coco-stuff": 0.05,
        "voc20": 0.2,
        "context59": 0.15,
        "cityscapes": 0.1,
    }


def test_published_figures_are_of_these_datasets() -> None:
    table = published_table("segmentation")
    assert set(table.columns) == set(CLASSES)
    assert table.source
    assert all(len(row) == len(table.columns) for row in table.rows.values())
    assert all(figure is None or 0 < figure < 1 for row in table.rows.values() for figure in row)


def test_settings_are_chosen_by_name() -> None:
    chosen = choose_settings(["voc20", "ade20k"], ["high"])
    assert [setting.name for setting in chosen] == ["voc20, high", "ade20k, high"]
    with pytest.raises(UsageError, match="no dataset is called 'voc21': take voc20, context59"):
        choose_settings(["voc21"], ["low"])
    with pytest.raises(UsageError, match="no resolution is called 'huge': take low, mid, high"):
        choose_settings(["voc20"], ["huge"])


def test_label_values_mean_classes() -> None:
    truth = {s.dataset.name: [kept.classes for kept in s.dataset.truth] for s in load_settings()}
    reduced = np.arange(256).astype(np.uint8)  # step by step, as MMSegmentation reduces labels
    reduced[reduced == 0] = 255
    reduced -= 1
    reduced[reduced == 254] = 255
    for name in ("voc20", "context59", "ade20k"):
        assert (truth[name][0] == reduced).all()
    for name in ("coco-stuff", "cityscapes"):
        assert (truth[name][0] == np.arange(256)).all()
    drawn = [value for value in range(182) if value not in COCO_GAPS]
    assert truth["coco-stuff"][1][drawn].tolist() == list(range(171))
    assert set(np.delete(truth["coco-stuff"][1], drawn)) == {255}
    assert np.flatnonzero(truth["cityscapes"][1] < 255).tolist() == [
        *(7, 8, 11, 12, 13, 17, *range(19, 29), 31, 32, 33)
    ]


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_class_has_words_of_its_own(dataset: str) -> None:
    for style in ("published", "plain", "synonyms"):
        names = class_names(dataset, style)
        assert len(names) == CLASSES[dataset]
        phrases = [phrase.casefold() for words in names.values() for phrase in words]
        assert all(phrase and phrase == " ".join(phrase.split()) for phrase in phrases)
        assert len(set(phrases)) == len(phrases)
    assert not any(" " in phrase for words in class_names(dataset).values() for phrase in words)


def test_classes_are_in_the_order_of_their_numbers() -> None:
    """The places of some, by the datasets' own documents."""
    places = {
        "voc20": {0: "aeroplane", 3: "ship", 10: "table", 19: "tvmonitor"},
        "context59": {0: "aeroplane", 37: "plate", 58: "wood"},
        "coco-stuff": {0: "person", 11: "stop sign", 79: "toothbrush", 80: "banner", 170: "wood"},
        "cityscapes": {0: "road", 10: "sky", 18: "bicycle"},
        "ade20k": {0: "wall", 44: "chest of drawers", 136: "traffic light", 149: "flag"},
    }
    for dataset, expected in places.items():
        names = list(class_names(dataset))
        assert {place: names[place] for place in expected} == expected


def test_styles_differ_in_the_words() -> None:
    assert class_names("coco-stuff")["traffic light"] == ("trafficlight",)
    assert class_names("coco-stuff", "plain")["traffic light"] == ("traffic light",)
    assert class_names("coco-stuff", "plain")["wall-brick"] == ("brick wall",)
    assert class_names("ade20k", "synonyms")["sofa"] == ("sofa", "couch")
    assert class_names("ade20k", "synonyms")["sky"] == ("sky",)


def test_names_come_from_a_file(tmp_path: Path) -> None:
    own = tmp_path / "names.txt"
    lines = ["road,  street ", *class_names("cityscapes", "plain")][:19]
    own.write_text("\n".join(lines) + "\n\n")
    names = class_names("cityscapes", str(own))
    assert list(names) == list(class_names("cityscapes"))
    assert names["road"] == ("road", "street")
    assert names["sidewalk"] == ("road",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\nb\n", "has 2 lines: cityscapes has 19 classes"),
        ("a\n" * 9 + ", ,\n" + "a\n" * 9, "line 10 is empty"),
        (None, "cannot read the names of classes"),
    ],
)
def test_a_file_that_does_not_fit_says_so(tmp_path: Path, content: str | None, message: str) -> None:
    own = tmp_path / "names.txt"
    if content is not None:
        own.write_text(content)
    with pytest.raises(UsageError, match=message):
        class_names("cityscapes", str(own))


def test_an_unknown_style_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="published, plain, synonyms, or a file"):
        class_names("voc20", "short")


@pytest.mark.parametrize(
    ("setting", "picture", "count", "cells"),
    [
        ("ade20k, low", (512, 683), 6, 588),
        ("ade20k, mid", (512, 683), 12, 2352),
        ("ade20k, high", (512, 683), 12, 2352),
        ("coco-stuff, mid", (480, 640), 9, 1764),
        ("coco-stuff, high", (480, 640), 30, 5880),
        ("voc20, low", (375, 500), 6, 588),
        ("voc20, mid", (375, 500), 2, 588),
        ("voc20, high", (375, 500), 12, 2352),
        ("context59, mid", (375, 500), 12, 2352),
        ("cityscapes, low", (1024, 2048), 36, 2450),
        ("cityscapes, mid", (1024, 2048), 28, 5488),
        ("cityscapes, high", (1024, 2048), 72, 14112),
    ],
)
def test_windows_are_as_many_as_published(
    setting: str, picture: tuple[int, int], count: int, cells: int
) -> None:
    (chosen,) = choose_settings(*([part] for part in setting.split(", ")))
    size = slide_size(*keep_ratio_size(*picture, chosen.scale), chosen.crop, chosen.stride)
    assert len(windows(*size, chosen.crop, chosen.stride)) == count
    assert size[0] * size[1] // 16**2 == cells
