"""Losses that order chains of texts from general to specific, by exterior angles.

A chain has a concept for each rank, the most general first. At each, the next concept should lie straight
beyond (a small exterior angle); an *opposed* text, of which the concept is no ancestor, should not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from terralex.geometry import cosine, radial

Apex = Literal["root", "parent"]


@dataclass(frozen=True)
class Chains:
    """Embedded chains of texts.

    Attributes:
        concepts: From general to specific.
        opposed: For each rank, or each but the last, a text beside the concept, such as a child of a sibling.
        root: The most general text of all.
        present: False beyond the end of a shorter chain; by default every concept is there.
        has_opposed: False at a rank without a sibling; by default every rank has one.
    """

    concepts: Float[Tensor, "chains ranks d"]
    opposed: Float[Tensor, "chains opposed d"]
    root: Float[Tensor, " d"]
    present: Bool[Tensor, "chains ranks"] | None = None
    has_opposed: Bool[Tensor, "chains opposed"] | None = None

    def __post_init__(self) -> None:
        ranks, opposed = self.concepts.shape[1], self.opposed.shape[1]
        if ranks < 2 or ranks - opposed not in (0, 1):
            raise ValueError(
                f"chains of {ranks} concepts with {opposed} opposed texts: a chain has at least 2 concepts, "
                "and an opposed text for each or for each but the last"
            )


class Angles(NamedTuple):
    """Exterior angles along chains, in radians, and where there is one.

    Attributes:
        onward: At each concept but the last, to the next.
        astray: At each concept, to its opposed text.
        has_onward: Whether there is an angle onward.
        has_astray: Whether there is an angle astray.
    """

    onward: Float[Tensor, "chains steps"]
    astray: Float[Tensor, "chains opposed"]
    has_onward: Bool[Tensor, "chains steps"]
    has_astray: Bool[Tensor, "chains opposed"]


def chain_angles(chains: Chains, apex: Apex = "parent") -> Angles:
    """The angles that the local losses are made of.

    Args:
        chains: Embedded chains.
        apex: What a concept's cone opens away from: ``root`` (Alper & Averbuch-Elor 2024), or ``parent``, the
            concept before it, the root for the first (Sastry et al. 2025).
    """
    concepts, opposed = chains.concepts, chains.opposed
    start = chains.root.expand_as(concepts[:, :1])
    apexes = torch.cat([start, concepts[:, :-1]], dim=1) if apex == "parent" else start
    last = concepts.shape[1] - 1
    seen_from = apexes.expand_as(concepts)
    side = slice(opposed.shape[1])
    onward = radial.exterior_angle(concepts[:, :last], concepts[:, 1:], seen_from[:, :last])
    astray = radial.exterior_angle(concepts[:, side], opposed, seen_from[:, side])
    present = _present(chains)
    has_opposed = torch.ones_like(present[:, side]) if chains.has_opposed is None else chains.has_opposed
    return Angles(onward, astray, present[:, 1:] & present[:, :-1], has_opposed & present[:, side])


def local_entailment(angles: Angles) -> Float[Tensor, ""]:
    """Mean angle onward minus mean angle astray, over the ranks of the batch that have one."""
    return _mean(angles.onward, angles.has_onward) - _mean(angles.astray, angles.has_astray)


def hard_examples(angles: Angles) -> Float[Tensor, ""]:
    """The worst of the batch once more: where onward is widest, and where astray is narrowest.

    Each adds its angle onward minus its angle astray; a part that is absent counts 0.
    """
    ranks = slice(angles.onward.shape[1])
    onward, has_onward = angles.onward, angles.has_onward
    astray, has_astray = angles.astray[:, ranks], angles.has_astray[:, ranks]
    gap = (torch.where(has_onward, onward, 0.0) - torch.where(has_astray, astray, 0.0)).flatten()
    widest = onward.masked_fill(~has_onward, -torch.inf).argmax()
    narrowest = astray.masked_fill(~has_astray, torch.inf).argmin()
    return gap[widest] + gap[narrowest]


def global_entailment(chains: Chains, margin: float = 0.0) -> Float[Tensor, ""]:
    """Transitivity (Sastry et al. 2025): where a entails b and b entails c, a entails c.

    Mean over consecutive a, b, c of max(0, Ξ(a, c) - arccos(cos Ξ(a, b) · cos Ξ(b, c)) + margin), all seen
    from the root; in the product, angles beyond a right angle count as right. 0 if no chain has three.

    Args:
        chains: Embedded chains.
        margin: Radians by which a must entail c better than the product asks.
    """
    concepts, root, present = chains.concepts, chains.root, _present(chains)
    steps = radial.exterior_angle(concepts[:, :-1], concepts[:, 1:], root)
    leaps = radial.exterior_angle(concepts[:, :-2], concepts[:, 2:], root)
    excess = (leaps - radial.hypotenuse(steps[:, :-1], steps[:, 1:]) + margin).clamp(min=0)
    return _mean(excess, present[:, :-2] & present[:, 1:-1] & present[:, 2:])


def prior(features: Float[Tensor, "k d"], frozen: Float[Tensor, "k d"]) -> Float[Tensor, ""]:
    """How far features have moved from what the frozen encoder gives: (1 - mean cosine) / 2, 0..1.

    Args:
        features: One row for each distinct text.
        frozen: The same texts.
    """
    return (1 - cosine.similarity(features, frozen.detach()).mean()) / 2


def _present(chains: Chains) -> Bool[Tensor, "chains ranks"]:
    if chains.present is not None:
        return chains.present
    return torch.ones(chains.concepts.shape[:2], dtype=torch.bool, device=chains.concepts.device)


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, values, 0.0).sum() / mask.sum().clamp(min=1)
