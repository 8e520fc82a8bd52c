"""Gradients of a large batch in the memory of a small one.

"Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup", Gao et al. 2021 (GradCache): the
loss needs all features at once, but a network needs only the gradients of its own features. So the features
are made without keeping what they were made of, the loss gives the gradients of the features, and the
network runs once more, chunk by chunk, to pass them on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from terralex.training.learner import Encoded

_Chunk = tuple[Tensor | None, Tensor | None]


class _Random(NamedTuple):
    """The state of what the network drops at random."""

    cpu: Tensor
    device: Tensor | None


class GradientCache:
    """Stands in for a learner: called like it, and told to pass the gradients on once the loss has its own.

    What is dropped at random is the same both times. Statistics of batch norms are those of a chunk, as of a
    batch of its size, and are gathered once; without batch norm, gradients are those of the whole batch.

    Args:
        fabric: where it runs.
        learner: as Fabric set it up.
        size: pictures, and texts, of a chunk.
    """

    def __init__(self, fabric: Fabric, learner: Any, size: int) -> None:  # noqa: ANN401 (Fabric's wrapper)
        self.fabric, self.learner, self.size = fabric, learner, size
        self._chunks: list[_Chunk] = []
        self._states: list[_Random] = []
        self._parts: list[Encoded] = []

    def __call__(self, pixels: Tensor | None, tokens: Tensor | None, scenes: object = None) -> Encoded:
        """The features of all, which hold on to nothing but their gradients."""
        assert scenes is None, "recipes allow no chunks of scenes"
        self._chunks, self._states, self._parts = list(_chunks(pixels, tokens, self.size)), [], []
        with torch.no_grad(), _statistics_kept(self.learner):
            for chunk in self._chunks:
                self._states.append(_random_state(self.fabric.device))
                encoded = self.learner(*chunk)
                self._parts.append(Encoded(*(None if part is None else _leaf(part) for part in encoded)))
        columns = ([part for part in column if part is not None] for column in zip(*self._parts, strict=True))
        with torch.enable_grad():
            return Encoded(*(torch.cat(column) if column else None for column in columns))

    def backward(self) -> None:
        """Pass the gradients of the features on to the parameters. The loss must have been differentiated."""
        devices = [self.fabric.device] if self.fabric.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            for number, (chunk, state, part) in enumerate(
                zip(self._chunks, self._states, self._parts, strict=True), start=1
            ):
                waits = number < len(self._chunks)
                with self.fabric.no_backward_sync(self.learner, enabled=waits):
                    _set_random_state(state, self.fabric.device)
                    encoded = self.learner(*chunk)
                    passed = [
                        (again * leaf.grad).sum()
                        for again, leaf in zip(encoded, part, strict=True)
                        if leaf is not None and leaf.grad is not None
                    ]
                    if not waits:  # processes exchange gradients once all parameters have had theirs
                        passed += [0.0 * p.sum() for p in self.learner.parameters() if p.requires_grad]
                    if passed:
                        self.fabric.backward(torch.stack(passed).sum())
        self._chunks, self._states, self._parts = [], [], []


def _chunks(pixels: Tensor | None, tokens: Tensor | None, size: int) -> Iterator[_Chunk]:
    """Chunks of both, the shorter list padded at its front: the last chunk has pictures and texts."""
    pictures, texts = (
        [] if rows is None else [rows[start : start + size] for start in range(0, len(rows), size)]
        for rows in (pixels, tokens)
    )
    backwards = [*zip_longest(reversed(pictures), reversed(texts))]
    yield from reversed(backwards)


def _leaf(part: Tensor) -> Tensor:
    return part.detach().requires_grad_()


def _random_state(device: torch.device) -> _Random:
    return _Random(torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None)


def _set_random_state(state: _Random, device: torch.device) -> None:
    torch.set_rng_state(state.cpu)
    if state.device is not None:
        torch.cuda.set_rng_state(state.device, device)


@contextmanager
def _statistics_kept(learner: nn.Module) -> Iterator[None]:
    """Batch norms gather no statistics meanwhile: they will on the second run."""
    norms = [module for module in learner.modules() if isinstance(module, _BatchNorm)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum
