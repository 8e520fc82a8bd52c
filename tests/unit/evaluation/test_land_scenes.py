import numpy as np
import pytest
import torch

from terralex.evaluation import COVERS, evaluate_scenes, label_scene
from terralex.metrics.segmentation import count_pixels, score_pixels
from terralex.models import Model, load_model
from terralex.segmentation.segmenter import Segmenter
from terralex.synthetic import LAND_NAMES, make_land_scene


@pytest.fixture(scope="module")
def model(tiny_model: str) -> Model:
    return load_model(tiny_model, device="cpu")


def test_the_covers_share_out_all_classes_of_made_land() -> None:
    classes = [name for own in COVERS.values() for name in own]
    assert sorted(classes) == sorted(LAND_NAMES)
    assert len(COVERS) == 8


def test_figures_are_those_of_the_label_maps(model: Model) -> None:
    """Counted over both scenes, with conifers and broadleaves one cover."""
    report = evaluate_scenes(model, scenes=2, size=96, seed=5)
    names = list(COVERS)
    segmenter = Segmenter(model, COVERS, prompt_denoising=0.0)
    counts = torch.zeros(3, 8, dtype=torch.int64)
    for seed in (5, 6):
        scene = make_land_scene(seed, 96)
        cover = {name: names.index(cover) for cover, own in COVERS.items() for name in own}
        truth = np.vectorize([cover[name] for name in scene.classes].__getitem__)(scene.labels)
        counts += count_pixels(label_scene(model, segmenter, scene.image), torch.from_numpy(truth), 8)
    expected = score_pixels(counts)
    assert report.count == 2 * 96 * 96
    assert report.scores.miou == expected.miou
    rows = {(row["metric"], row["label"]): row["value"] for row in report.rows()}
    assert rows["miou", ""] == expected.miou
    assert rows["recall", "forest"] == pytest.approx(float(expected.accuracy[1]), nan_ok=True)


def test_colours_alone_are_another_picture(model: Model) -> None:
    bands, rgb = (evaluate_scenes(model, scenes=1, size=96, seed=5, rgb=rgb) for rgb in (False, True))
    assert bands.scores.aacc != rgb.scores.aacc
