"""Captions from label maps, from tags, and from a function."""

import random
from pathlib import Path

import numpy as np
import pytest
from made_captioned import write_pictures

from terralex.imagery import Image, to_rgb8
from terralex.runtime.errors import InputError, UsageError
from terralex.training.captioned import CaptionedTable, caption_labels, caption_tags, caption_with

NAMES = ("water", "forest", "sand", "snow", "crops")


def labels(shares: dict[int, float]) -> np.ndarray:
    flat = np.concatenate([np.full(round(1000 * share), k, np.uint8) for k, share in shares.items()])
    return np.random.default_rng(0).permutation(flat).reshape(10, -1)


def test_a_caption_names_what_a_label_map_shows_the_commonest_first() -> None:
    for seed in range(20):
        caption = caption_labels(labels({1: 0.6, 0: 0.25, 4: 0.14, 2: 0.01}), NAMES, random.Random(seed))
        places = [caption.find(name) for name in ("forest", "water", "crops")]
        assert -1 < places[0] < places[1] < places[2], caption
        assert "sand" not in caption, "hardly there"
        assert "{" not in caption


def test_one_class_is_a_whole_picture() -> None:
    captions = {caption_labels(labels({3: 0.99, 0: 0.01}), NAMES, random.Random(seed)) for seed in range(40)}
    assert len(captions) > 4, "sentences vary"
    assert all("snow" in caption and "water" not in caption for caption in captions)


def test_a_class_may_go_by_several_words() -> None:
    words = {"water": ("a lake", "a pond"), "forest": ("trees",)}
    found = {caption_labels(labels({0: 1.0}), words, random.Random(seed)) for seed in range(30)}
    assert {word for word in ("a lake", "a pond") for caption in found if word in caption} == {
        "a lake",
        "a pond",
    }


def test_values_beyond_the_names_are_no_class() -> None:
    assert "forest" in caption_labels(labels({255: 0.5, 1: 0.5}), NAMES, random.Random(0))
    with pytest.raises(InputError, match="without a single class"):
        caption_labels(labels({255: 1.0}), NAMES, random.Random(0))
    with pytest.raises(InputError, match="has the value 113, and there are"):
        caption_labels(labels({113: 0.5, 1: 0.5}), NAMES, random.Random(0))


def test_a_caption_of_tags_keeps_their_order_and_says_nothing_twice() -> None:
    tags = ["landuse=forest", "name=Black Forest", "highway=residential", "highway=track", "building=yes"]
    caption = caption_tags(tags, random.Random(1))
    assert caption is not None
    assert -1 < caption.find("forest") < caption.find("roads") < caption.find("buildings")
    assert caption.count("roads") == 1
    assert caption_tags(["name=x", "shop=bakery"], random.Random(1)) is None


def test_a_function_describes_pictures_into_a_table_to_train_on(tmp_path: Path) -> None:
    table = write_pictures(tmp_path, range(3))
    (tmp_path / "tiles" / "bad.tif").write_bytes(b"no picture")
    table.unlink()

    def describe(image: Image) -> str:
        brightness = to_rgb8(image).mean()
        if "2.tif" in image.source:
            raise InputError("too hard to say")
        return f"A picture of\nbrightness {brightness:.0f}, with {len(image.bands)} bands."

    pictures = [tmp_path / "tiles" / name for name in ("0.tif", "bad.tif", "1.tif", "2.tif")]
    failed = caption_with(describe, pictures, table)
    assert [Path(name).name for name, _ in failed] == ["bad.tif", "2.tif"]
    written = CaptionedTable(table)
    assert [Path(written.name(k)).name for k in range(len(written))] == ["0.tif", "1.tif"]
    assert written.caption(1).endswith("with 12 bands.")


def test_pictures_elsewhere_do_not_fit_into_a_table(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not in the folder of"):
        caption_with(lambda image: "x", [tmp_path / "a.tif"], tmp_path / "deeper" / "captions.csv")
