"""A model as what maps scenes: by features or by probabilities."""

from collections.abc import Callable

import numpy as np
import pytest

from terralex.evaluation.mapping import Mapper, MappingPlan, evaluate_mapping
from terralex.evaluation.mapping.mapper import FeatureMapper, ProbabilityMapper
from terralex.mapping.frames import Frame
from terralex.mapping.fusion import fuse
from terralex.mapping.voxels import MapBuilder, MapInfo
from terralex.models import Model, load_model

NAMES = ("wall", "floor", "night stand")
WINDOWS = {"size": (96, 128), "crop": 128, "stride": 128, "frame_skip": 3}

Plan = Callable[..., MappingPlan]


@pytest.fixture(scope="module")
def model(tiny_model: str) -> Model:
    return load_model(tiny_model)


@pytest.mark.parametrize("kind", [FeatureMapper, ProbabilityMapper])
def test_a_model_maps_scenes(
    model: Model, plan: Plan, kind: type[FeatureMapper] | type[ProbabilityMapper]
) -> None:
    made: list[Mapper] = []

    def make(setting, names) -> Mapper:  # noqa: ANN001
        made.append(kind(model, setting, names))
        return made[-1]

    setting = plan("replica", **WINDOWS, prompt_denoising=0.0, threshold=0.0)
    reports = evaluate_mapping(setting, make)
    assert len(made) == 1
    assert all(report.error is None and report.frames == 2 for report in reports)
    assert all(report.scores is not None and 0 <= report.scores.miou <= 1 for report in reports)


def test_probabilities_are_those_of_each_frame_averaged(model: Model, plan: Plan) -> None:
    found = plan("replica", **WINDOWS, prompt_denoising=0.0)
    mapper = ProbabilityMapper(model, found.setting, NAMES)
    grids: list[np.ndarray] = []

    def encode(frame: Frame) -> np.ndarray:
        grids.append(mapper.encode(frame))
        return grids[-1]

    builder = MapBuilder(MapInfo(0.05))
    assert all(frame.error is None for frame in fuse(found.scenes[0].recording, encode, builder))
    assert len(grids) == 2
    assert all(np.allclose(grid.sum(0), 1, atol=1e-4) for grid in grids)
    probabilities = mapper.probabilities(builder.finish())
    assert probabilities.shape == (len(builder), len(NAMES))
    assert np.allclose(probabilities.sum(1), 1, atol=2e-3)
    low, high = (
        bound([bound(grid.reshape(3, -1), axis=1) for grid in grids], axis=0) for bound in (np.min, np.max)
    )
    assert (probabilities >= low - 1e-3).all()
    assert (probabilities <= high + 1e-3).all()


def test_what_maps_depend_on(model: Model, plan: Plan) -> None:
    setting = plan("replica", **WINDOWS).setting
    other = plan("replica", **{**WINDOWS, "prompt_denoising": 0.2}).setting
    # Features serve any words; probabilities are of these classes, of those that a frame has.
    assert FeatureMapper(model, setting, NAMES).key == FeatureMapper(model, other, NAMES[:2]).key == model.key
    made = [
        ProbabilityMapper(model, *about).key
        for about in ((setting, NAMES), (setting, NAMES[:2]), (other, NAMES))
    ]
    assert len({model.key, *made}) == 4
