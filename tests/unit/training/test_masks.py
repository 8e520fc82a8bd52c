from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from terralex.models import get_card
from terralex.runtime.errors import UsageError
from terralex.training.concepts import Concepts
from terralex.training.masks import UNLABELLED, load_scenes

CONCEPTS = Concepts.load("land")
SPEC = get_card("pocket").input


@pytest.fixture
def photographs(tmp_path: Path) -> dict[str, object]:
    """A picture of which the left half is dark and masked as water, and the rest bright and not masked."""
    for name in ("images", "masks"):
        (tmp_path / "a" / name).mkdir(parents=True)
    rgb = np.zeros((300, 400, 3), np.uint8)
    rgb[:, 200:] = 200
    mask = np.zeros_like(rgb)
    mask[:, :200] = (0xE2, 0xA9, 0x29)
    PIL.Image.fromarray(rgb).save(tmp_path / "a" / "images" / "1.jpg", quality=95)
    PIL.Image.fromarray(mask).save(tmp_path / "a" / "masks" / "1.png")
    colours = {"#E2A929": "water"}
    return {"kind": "photographs", "path": str(tmp_path), "folders": ["a"], "colours": colours, "scenes": 3}


def test_photographs_and_their_masks_stay_together(photographs: dict[str, object]) -> None:
    scenes = list(load_scenes(photographs, CONCEPTS, SPEC, 0))
    assert len(scenes) == 3
    red = SPEC.bands.index("B04")
    for scene in scenes:
        water = scene.concepts == CONCEPTS.index("water")
        assert scene.rgb_only
        assert (scene.concepts[~water] == UNLABELLED).all()
        assert (scene.pixels[red][water] < 1000).mean() > 0.98
        assert (scene.pixels[red][~water] > 2000).mean() > 0.98
        assert not scene.pixels[SPEC.bands.index("B08")].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "none"}, "the kind of an entry of masks is one of made, mosaics, photographs"),
        ({"size": 3}, "unknown key 'size' in masks of kind photographs"),
        ({"scenes": 0}, "must be a whole number from 1, not 0"),
        ({"folders": ["b"]}, r"has no images/\*.jpg in the folders b"),
        ({"colours": {"#E2A929": "lava"}}, "no concept is called 'lava'"),
    ],
)
def test_a_wrong_entry_says_what_is_wrong(
    photographs: dict[str, object], change: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        list(load_scenes({**photographs, **change}, CONCEPTS, SPEC, 0))
    with pytest.raises(UsageError, match="has no 'colours'"):
        list(load_scenes({k: v for k, v in photographs.items() if k != "colours"}, CONCEPTS, SPEC, 0))
