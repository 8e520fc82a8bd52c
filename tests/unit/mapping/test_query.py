import numpy as np
import pytest
import torch
from scipy import ndimage

from terralex.mapping.encoding import FeatureEncoder
from terralex.mapping.instances import connected, instances
from terralex.mapping.query import NONE, best_labels, denoised, voxel_probabilities
from terralex.mapping.voxels import MapBuilder, MapInfo, pack, unpack
from terralex.models import load_model
from terralex.models.dense import DenseEncoder
from terralex.segmentation.labelling import class_probabilities
from terralex.segmentation.segmenter import Vocabulary


def test_touching_voxels_are_one_thing_also_at_corners() -> None:
    places = np.array([[0, 0, 0], [1, 1, 1], [3, 1, 1], [3, 2, 0], [31, 0, 0], [32, 1, -1]])
    keys = np.sort(pack(places))
    groups = {tuple(place): int(group) for place, group in zip(unpack(keys), connected(keys), strict=True)}
    assert groups[0, 0, 0] == groups[1, 1, 1]
    assert groups[3, 1, 1] == groups[3, 2, 0]
    assert groups[31, 0, 0] == groups[32, 1, -1]
    assert len(set(groups.values())) == 3


def test_groups_are_those_of_a_full_grid() -> None:
    grid = np.random.default_rng(0).random((40, 30, 20)) < 0.06
    places = np.argwhere(grid) - 15
    keys = np.sort(pack(places))
    wanted, count = ndimage.label(grid, np.ones((3, 3, 3)))
    found = connected(keys)
    assert found.max() + 1 == count
    pairs = set(zip(found.tolist(), wanted[tuple((unpack(keys) + 15).T)].tolist(), strict=True))
    assert len(pairs) == count


def test_boxes_and_volumes() -> None:
    places = np.array([[x, y, 4] for x in (0, 1, 2) for y in (0, 1)] + [[9, 9, 9]])
    keys = np.sort(pack(places))
    (first,) = instances(keys, np.ones(len(keys), bool), 0.5, smallest=2)
    assert first.centre == pytest.approx((0.5, 0.25, 2.0))
    assert first.low == pytest.approx((-0.25, -0.25, 1.75))
    assert first.high == pytest.approx((1.25, 0.75, 2.25))
    assert first.volume == pytest.approx(6 * 0.125)
    assert len(instances(keys, np.ones(len(keys), bool), 0.5)) == 2
    assert instances(keys, np.zeros(len(keys), bool), 0.5) == []


def test_classes_that_are_nowhere_and_voxels_that_are_nothing() -> None:
    found = np.array([[0.6, 0.4], [0.3, 0.49], [0.05, 0.02]], np.float32)
    labels, confidence = best_labels(denoised(found, 0.5), 0.1)
    assert labels.tolist() == [0, 0, NONE]
    assert confidence == pytest.approx([0.6, 0.3, 0.05])
    assert best_labels(np.zeros((2, 3), np.float32)).labels.tolist() == [NONE, NONE]
    assert best_labels(np.zeros((0, 3), np.float32)).labels.tolist() == []


def test_probabilities_are_those_of_the_averaged_features(tiny_model: str) -> None:
    model = load_model(tiny_model, device="cpu")
    encoder, vocabulary = DenseEncoder.for_model(model), Vocabulary.of(model, ["a", "b", "c"])
    rng = np.random.default_rng(0)
    builder = MapBuilder(MapInfo(0.1))
    features = rng.standard_normal((9000, FeatureEncoder(model).channels)).astype(np.float32)
    builder.add(rng.normal(0, 5, (9000, 3)), rng.random((9000, 3), np.float32), features)
    voxels = builder.finish()
    held = torch.from_numpy(voxels.features[:].astype(np.float32))
    wanted = class_probabilities(encoder.align(held), vocabulary.phrases, None, vocabulary.scale)
    np.testing.assert_allclose(voxel_probabilities(voxels, encoder, vocabulary), wanted, atol=1e-5)
