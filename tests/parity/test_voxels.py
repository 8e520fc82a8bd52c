"""Voxel maps as RayFronts fuses them: keys, counts, colours and features, and what the voxels are."""

from collections.abc import Mapping
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from terralex.evaluation.mapping import LabelledVoxels, Votes, carry_labels
from terralex.mapping.frames import Intrinsics, unproject
from terralex.mapping.query import best_labels, denoised
from terralex.mapping.voxels import GridFeatures, MapBuilder, MapInfo, VoxelMap, keys_of
from terralex.metrics.mapping import count_voxels, score_voxels
from terralex.segmentation.labelling import class_probabilities

FEATURE = 1e-4
BATCH = 2  # frames
DENOISE, THRESHOLD = 0.5, 0.1

Expected = Mapping[str, np.ndarray]


@pytest.fixture(scope="module")
def expected(case: SimpleNamespace) -> Expected:
    found: Expected = case.expected()
    return found


def fused(expected: Expected) -> MapBuilder:
    """The map, frame by frame."""
    k = expected["intrinsics"].astype(float)
    camera = Intrinsics(k[0, 0], k[1, 1], k[0, 2], k[1, 2])
    builder = MapBuilder(MapInfo(float(expected["voxel_size"])))
    for i, pose in enumerate(expected["poses"].astype(float)):
        depth = expected["depth"][i, 0]
        rows, columns = np.nonzero(np.isfinite(depth) & (depth > 0))
        points = unproject(depth[rows, columns], rows, columns, camera, pose)
        features = GridFeatures(expected["features"][i], depth.shape, rows, columns)
        builder.add(points, expected["rgb"][i][:, rows, columns].T, features)
    return builder


@pytest.fixture(scope="module")
def order(expected: Expected) -> np.ndarray:
    """The published voxels, sorted along x, then y, then z, in the order of ours."""
    size = float(expected["voxel_size"])
    ours = np.rint(fused(expected).finish().centres() / size).astype(int)
    return np.lexsort(ours.T[::-1])


@pytest.fixture(scope="module")
def voxels(expected: Expected) -> VoxelMap:
    return fused(expected).finish(np.float32)


def test_voxels_and_counts(voxels: VoxelMap, order: np.ndarray, expected: Expected) -> None:
    np.testing.assert_array_equal(voxels.centres()[order], expected["voxel_xyz"])
    np.testing.assert_array_equal(voxels.counts[order], expected["voxel_count"])


def test_features(voxels: VoxelMap, order: np.ndarray, expected: Expected) -> None:
    np.testing.assert_allclose(voxels.features[:][order], expected["voxel_features"], atol=FEATURE, rtol=0)


def test_colours(expected: Expected, order: np.ndarray) -> None:
    colours = np.concatenate(list(fused(expected).rows("colours")))
    np.testing.assert_allclose(colours[order], expected["voxel_rgb"], atol=FEATURE, rtol=0)


def test_prediction(voxels: VoxelMap, order: np.ndarray, expected: Expected) -> None:
    phrases = torch.from_numpy(expected["text_embeddings"])
    features = torch.from_numpy(voxels.features[:])
    probabilities = class_probabilities(features, torch.nn.functional.normalize(phrases, dim=-1)).numpy()
    found = best_labels(denoised(probabilities, DENOISE), THRESHOLD)
    assert (found.labels[order] + 1 == expected["prediction"]).mean() >= 0.999


def test_truth_of_voxels(expected: Expected) -> None:
    size = float(expected["voxel_size"])
    votes = Votes()
    votes.add(keys_of(expected["gt_points"], size), expected["gt_point_labels"])
    truth = votes.result(ties_to_lowest=True)
    wanted = keys_of(expected["gt_voxel_xyz"], size)
    order = np.argsort(wanted)
    np.testing.assert_array_equal(truth.keys, wanted[order])
    np.testing.assert_array_equal(truth.labels, expected["gt_voxel_labels"][order])


@pytest.mark.parametrize("neighbours", [1, 5])
def test_labels_carried_to_the_truth(neighbours: int, expected: Expected) -> None:
    """Where as many voxels are nearest as may vote; of several that are equally far, any may."""
    size = float(expected["voxel_size"])
    keys, wanted = (keys_of(expected[name], size) for name in ("voxel_xyz", "gt_voxel_xyz"))
    order = np.argsort(keys)
    found = LabelledVoxels(keys[order], expected["prediction"][order])
    carried = carry_labels(found, wanted, neighbours, ties_to_lowest=True)
    ours, theirs = (np.rint(expected[name] / size) for name in ("voxel_xyz", "gt_voxel_xyz"))
    distances = np.sort(((theirs[:, None] - ours[None]) ** 2).sum(2), axis=1)
    clear = distances[:, neighbours - 1] < distances[:, neighbours]
    assert clear.any()
    published = expected[f"knn{neighbours}_pred"]
    np.testing.assert_array_equal(carried[clear], published[clear])
    assert (carried == published).mean() >= 0.99


@pytest.mark.parametrize("neighbours", [1, 5])
def test_figures(neighbours: int, expected: Expected) -> None:
    published = expected[f"knn{neighbours}_tp_fp_fn_tn"]
    counts = count_voxels(expected[f"knn{neighbours}_pred"], expected["gt_voxel_labels"], published.shape[1])
    np.testing.assert_array_equal(counts, published)
    scores = score_voxels(counts)
    figures = [scores.miou, scores.fmiou, scores.accuracy]
    np.testing.assert_allclose(figures, expected[f"knn{neighbours}_miou_fmiou_acc"], atol=1e-6)
