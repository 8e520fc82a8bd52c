"""The published evaluation in 3D as it is described: frame by frame, voxel by voxel, class by class."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from terralex.mapping.frames import Frame

Voxels = NDArray[np.int64]
CHUNK = 10_000


def unproject(frame: Frame) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Points in the world, (P, 3), and which pixels they are of, (H, W)."""
    valid = np.isfinite(frame.depth) & (frame.depth > 0)
    v, u = np.nonzero(valid)
    camera = frame.intrinsics
    matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
    rays = np.linalg.inv(matrix) @ np.stack([u, v, np.ones_like(u)])
    points = np.vstack([rays * frame.depth[valid], np.ones(len(u))])
    return (frame.pose @ points)[:3].T, valid


def mean_by_voxel(
    points: NDArray[np.floating], values: NDArray[np.floating], size: float
) -> tuple[Voxels, NDArray[np.float64]]:
    """Distinct voxels (V, 3), in the order of their coordinates, and the mean of the values in each."""
    voxels, index = np.unique(np.round(points / size).astype(np.int64), axis=0, return_inverse=True)
    sums = np.zeros((len(voxels), values.shape[1]))
    np.add.at(sums, index.reshape(-1), values)
    return voxels, sums / np.bincount(index.reshape(-1))[:, None]


def predict(probabilities: NDArray[np.floating], presence: float, threshold: float) -> NDArray[np.int64]:
    """Labels from 1; 0 where the best class is not probable enough. Classes are looked for chunk by chunk."""
    parts = []
    for start in range(0, len(probabilities), CHUNK):
        chunk = probabilities[start : start + CHUNK].copy()
        chunk[:, chunk.max(axis=0) < presence] = -np.inf
        best = chunk.max(axis=1)
        parts.append(np.where(best < threshold, 0, chunk.argmax(axis=1) + 1))
    return np.concatenate(parts)


def evaluate(
    frames: list[Frame],
    features: Callable[[Frame], NDArray[np.floating]],
    truth: tuple[Voxels, NDArray[np.int64]],
    *,
    size: float,
    presence: float,
    threshold: float,
    neighbours: int,
    classes: int,
) -> tuple[float, float, float]:
    """mIoU, fmIoU and accuracy of the voxels of the truth."""
    points, values = [], []
    for frame in frames:
        own, valid = unproject(frame)
        points.append(own)
        values.append(features(frame)[:, valid].T)
    voxels, means = mean_by_voxel(np.concatenate(points), np.concatenate(values), size)
    found = predict(means, presence, threshold)
    wanted, labels = truth
    if neighbours == 0:
        same = {tuple(voxel): label for voxel, label in zip(voxels.tolist(), found.tolist(), strict=True)}
        carried = np.array([same.get(tuple(voxel), 0) for voxel in wanted.tolist()])
    else:
        _, nearest = cKDTree(voxels).query(wanted, k=neighbours)
        carried = np.array([np.bincount(found[row], minlength=classes + 1).argmax() for row in nearest])
    return score(carried[labels > 0], labels[labels > 0], classes)


def score(found: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> tuple[float, float, float]:
    """Over classes that the truth has: the mean of the IoU, its mean weighted by size, and the accuracy."""
    ious, sizes = [], []
    for label in range(1, classes + 1):
        there, said = labels == label, found == label
        if there.any():
            ious.append((there & said).sum() / (there | said).sum())
            sizes.append(there.sum())
    weights = np.array(sizes) / sum(sizes)
    return float(np.mean(ious)), float(weights @ ious), float((found == labels).mean())
