"""A model as what maps the benchmarks' scenes: by features, or by probabilities of the classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from terralex.evaluation.mapping.settings import MappingSetting
from terralex.mapping.encoding import FeatureEncoder, LabelEncoder
from terralex.mapping.frames import Frame
from terralex.mapping.query import voxel_probabilities
from terralex.mapping.voxels import VoxelMap
from terralex.models import Model
from terralex.runtime import digest
from terralex.runtime.cache import VectorCache
from terralex.segmentation.refinement import Refiner
from terralex.segmentation.segmenter import Segmenter, Vocabulary


class FeatureMapper:
    """Maps scenes by a model's dense features, which are averaged before they are compared with words.

    Attributes:
        key: Of the model.

    Args:
        model: What is measured.
        setting: With which windows.
        names: The classes.
        cache: Where vectors of prompts are kept between runs.

    Raises:
        UsageError: The model has no dense features.
    """

    def __init__(
        self, model: Model, setting: MappingSetting, names: Sequence[str], *, cache: VectorCache | None = None
    ) -> None:
        self.key = model.key
        self._encode = FeatureEncoder(model, crop=setting.crop, stride=setting.stride)
        self._vocabulary = Vocabulary.of(model, names, cache=cache)

    def encode(self, frame: Frame) -> NDArray[np.float32]:
        """As of `Mapper`."""
        return self._encode(frame)

    def probabilities(self, voxels: VoxelMap) -> NDArray[np.float32]:
        """As of `Mapper`."""
        return voxel_probabilities(voxels, self._encode.encoder, self._vocabulary)


class ProbabilityMapper:
    """Maps scenes by the probabilities of the classes in each frame, which are averaged.

    Attributes:
        key: Of the model and the classes.

    Args:
        model: What is measured.
        setting: With which windows.
        names: The classes.
        refiner: Refines outlines in each frame; None: no refinement.
        cache: Where vectors of prompts are kept between runs.

    Raises:
        UsageError: The model has no dense features.
    """

    def __init__(
        self,
        model: Model,
        setting: MappingSetting,
        names: Sequence[str],
        *,
        refiner: Refiner | None = None,
        cache: VectorCache | None = None,
    ) -> None:
        segmenter = Segmenter(
            model,
            names,
            crop=setting.crop,
            stride=setting.stride,
            prompt_denoising=setting.prompt_denoising,
            refiner=refiner,
            cache=cache,
        )
        about = [f"denoised {setting.prompt_denoising}", f"refined {refiner and refiner.settings}"]
        self.key = f"{model.key} {digest([*about, *names])}"
        self._encode = LabelEncoder(model, segmenter)

    def encode(self, frame: Frame) -> NDArray[np.float32]:
        """As of `Mapper`."""
        return self._encode(frame)

    def probabilities(self, voxels: VoxelMap) -> NDArray[np.float32]:
        """As of `Mapper`."""
        return np.concatenate(list(voxels.blocks()))
