"""Whole evaluations with `as_published` against the published one as it is described."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from terralex.evaluation.mapping import (
    MappingPlan,
    MappingSetting,
    Scene,
    evaluate_mapping,
    plan_mapping,
    read_points,
)
from terralex.mapping.frames import Frame
from terralex.synthetic.rooms import World

from . import plain_evaluation as plain
from .conftest import Oracle, small


class Unsure(Oracle):
    """An oracle that errs: every third class is never probable enough, and some pixels are others."""

    def encode(self, frame: Frame) -> NDArray[np.float32]:
        known = super().encode(frame)
        wrong = np.random.default_rng(int(frame.id)).random(known.shape) > 0.97
        strength = np.where(np.arange(len(known)) % 3, 1.0, 0.2)[:, None, None]
        mixed = known * strength + 0.9 * wrong + 0.5 / len(known)
        found: NDArray[np.float32] = (mixed / mixed.sum(axis=0)).astype(np.float32)
        return found


@pytest.mark.parametrize(
    ("neighbours", "tolerance"),
    [(0, 1e-6), (5, 0.02)],  # of voxels that are equally far, any may be among the nearest five
)
@pytest.mark.parametrize("dataset", ["replica", "scannet"])
def test_figures_are_those_of_the_description(
    dataset: str,
    neighbours: int,
    tolerance: float,
    rooms: dict[str, World],
    benchmark_root: Callable[..., object],
) -> None:
    setting = small(dataset, scenes=("room0",), neighbours=neighbours)
    plan: MappingPlan = plan_mapping(setting, benchmark_root(dataset), as_published=True)  # type: ignore[arg-type]
    (scene,) = plan.scenes
    names = scene.classes.names[1:]
    mapper = Unsure(rooms, names)
    (report,) = evaluate_mapping(plan, lambda *_: mapper, as_published=True)
    frames = [scene.recording.read(index) for index in range(len(scene.recording))]
    expected = plain.evaluate(
        frames,
        mapper.encode,
        prepared_truth(setting, scene) if scene.points else rendered_truth(setting, scene, frames),
        size=setting.voxel_size,
        presence=setting.prompt_denoising,
        threshold=setting.threshold,
        neighbours=setting.neighbours,
        classes=len(names),
    )
    assert report.scores is not None
    found = (report.scores.miou, report.scores.fmiou, report.scores.accuracy)
    assert found == pytest.approx(expected, abs=tolerance)
    assert 0.1 < report.scores.miou < 0.99


def prepared_truth(setting: MappingSetting, scene: Scene) -> tuple[plain.Voxels, NDArray[np.int64]]:
    """Labelled points, as tools of the data sets prepare them: one-hot votes, ties to the lowest index."""
    assert scene.points is not None
    points, numbers = read_points(scene.points)
    labels = np.array([scene.classes.indices.get(int(number), 0) for number in numbers])
    votes = np.eye(len(scene.classes.names))[labels]
    voxels, shares = plain.mean_by_voxel(points, votes, setting.voxel_size)
    return voxels, shares.argmax(axis=1)


def rendered_truth(
    setting: MappingSetting, scene: Scene, frames: list[Frame]
) -> tuple[plain.Voxels, NDArray[np.int64]]:
    """Label maps: of each voxel the class that most of its pixels are, ignored ones aside."""
    points, votes = [], []
    names = {name: index for index, name in enumerate(scene.classes.names)}
    known = scene.recording.classes
    assert known is not None
    for frame in frames:
        assert frame.labels is not None
        own, valid = plain.unproject(frame)
        labels = np.array([names.get(known.names[number], 0) for number in frame.labels[valid]])
        points.append(own)
        votes.append(np.eye(len(names))[labels])
    voxels, shares = plain.mean_by_voxel(np.concatenate(points), np.concatenate(votes), setting.voxel_size)
    return voxels, np.where(shares[:, 1:].any(axis=1), shares[:, 1:].argmax(axis=1) + 1, 0)
