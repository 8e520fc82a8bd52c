"""What refines the outlines of a segmentation. A new refiner is one file, and one line in `REFINERS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from terralex.segmentation.refinement.sam_refiner import SamRefiner

if TYPE_CHECKING:
    from torch import Tensor

    from terralex.models.model import Model
    from terralex.segmentation.labelling import Segmentation


class Refiner(Protocol):
    """Refines the outlines of coarse segmentations."""

    @property
    def settings(self) -> object:
        """What its results depend on, besides weights; the `repr` of other settings is another."""
        ...

    def refine(
        self,
        image: Tensor,
        probabilities: Tensor,
        size: tuple[int, int],
        coarse: Segmentation | None = None,
    ) -> Segmentation:
        """Labels with refined outlines.

        Args:
            image: float32 (3, h0, w0), RGB from 0 to 1, of any size.
            probabilities: float32 (K, h, w), on the grid of features.
            size: Height and width (H, W) of the result.
            coarse: Labels (H, W) without a threshold, if they are known already.

        Returns:
            Labels and confidence (H, W). Pixels that the refiner leaves alone keep the coarse ones.
        """
        ...

    def probabilities(self, image: Tensor, probabilities: Tensor, size: tuple[int, int]) -> Tensor:
        """Refined probabilities of all classes, float32 (K, H, W); arguments as of `refine`."""
        ...

    def with_coarse_threshold(self, coarse_threshold: float) -> Refiner:
        """A refiner that leaves pixels alone whose best class is less probable than this, from 0 to 1."""
        ...


class _RefinerType(Protocol):
    def for_model(self, model: Model, *, as_published: bool, offline: bool) -> Refiner: ...


REFINERS: dict[str, _RefinerType] = {"sam": SamRefiner}


def load_refiner(
    model: Model, name: str = "sam", *, as_published: bool = False, offline: bool = False
) -> Refiner:
    """A refiner for the segmentations of a model, on the model's device.

    Args:
        model: The model whose segmentations are refined.
        name: A key of `REFINERS`.
        as_published: Keep the defects of the published code; see `RefineSettings`.
        offline: Never use the network.

    Raises:
        TerralexError: The refiner's weights are not on this machine, or damaged.
    """
    return REFINERS[name].for_model(model, as_published=as_published, offline=offline)
