"""What a model knows: whether the vector of an image is like those of the images that it was trained on."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Domain(nn.Module):
    """Means of classes and a common spread, in the space of unit vectors.

    The distance of a vector is that of Mahalanobis to the nearest mean ("A Simple Unified Framework for
    Detecting Out-of-Distribution Samples and Adversarial Attacks", Lee et al., NeurIPS 2018), as a multiple
    of the distance that a stated part of held-out images of the domain exceeds.

    Args:
        means: How many means there are.
        dim: Length of the vectors.
    """

    means: Tensor
    whitening: Tensor

    def __init__(self, means: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(means, dim))
        self.register_buffer("whitening", torch.zeros(dim, dim))

    @torch.no_grad()
    def distances(self, vectors: Tensor) -> Tensor:
        """Distances of unit vectors (N, dim): float32 (N,); the domain ends at 1."""
        whitening = self.whitening.float()
        whitened, means = vectors.float() @ whitening.T, self.means.float() @ whitening.T
        return torch.cdist(whitened, means).amin(dim=1)

    @torch.no_grad()
    def fit(self, vectors: Tensor, classes: Tensor, held_out: Tensor, false_alarms: float) -> None:
        """Learn the domain.

        Args:
            vectors: Unit vectors (N, dim) of images of the domain.
            classes: int64 (N,), from 0 to the number of means less one; each occurs.
            held_out: Unit vectors (M, dim) of other images of the domain.
            false_alarms: The part of these that shall count as outside, above 0 and below 1.
        """
        vectors, count = vectors.double(), len(self.means)
        sums = torch.zeros(count, vectors.shape[1], dtype=torch.float64).index_add(0, classes, vectors)
        means = sums / torch.bincount(classes, minlength=count)[:, None]
        spread = (vectors - means[classes]).T.cov()
        # Directions in which the classes hardly vary are no surer than a tenth of the mean spread says.
        spread += 0.1 * spread.diagonal().mean() * torch.eye(len(spread), dtype=torch.float64)
        whitening = torch.linalg.inv(torch.linalg.cholesky(spread))
        self.means.copy_(means)
        self.whitening.copy_(whitening)
        self.whitening.div_(self.distances(held_out).quantile(1 - false_alarms))
