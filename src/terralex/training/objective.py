"""What a run optimises: the losses of `terralex.training.objectives` applied to a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from terralex.models.card import GeometryName
from terralex.training.batches import Batch
from terralex.training.captions import CaptionKind
from terralex.training.objectives import (
    Apex,
    Terms,
    atmg_loss,
    clip_loss,
    contrastive_loss,
    dense_loss,
    meru_loss,
    radial_loss,
    rcme_loss,
    sixth_rows,
)

Align = Literal["finest", "every", "sixth"]

_DENSE_HEAD = "visual.dense_head."


@dataclass(frozen=True)
class Features:
    """What a step's pictures and texts became, of all processes, float32.

    Attributes:
        images: (n, d) points of the objective's geometry.
        texts: (k, d), likewise.
        logit_scale: what similarities are multiplied by.
        curvature: of hyperbolic space.
        prototypes: (k, d) free unit vectors for what the texts name.
        frozen: (k, d) the texts by the tower as it was when the run began.
        scenes: (m, d) dense features of places of this process's scenes, not of unit length.
        patches: (n, k) cosines of the pictures' patches with the texts; see `patch_similarity`.
    """

    images: Tensor
    texts: Tensor
    logit_scale: Tensor
    curvature: Tensor | None = None
    prototypes: Tensor | None = None
    frozen: Tensor | None = None
    scenes: Tensor | None = None
    patches: Tensor | None = None


class Objective:
    """A loss, and what it needs.

    Attributes:
        name: what recipes call it.
        geometry: of the model that comes of it.
        reads_pictures: whether pictures take part.
        keeps_prior: whether it needs the text tower as it was.
        fixed: names, or beginnings of names, of parameters that do not learn.
        needs_scenes: whether it is about the pixels of scenes, in place of pictures.
    """

    name: ClassVar[str]
    geometry: ClassVar[GeometryName] = "cosine"
    reads_pictures: ClassVar[bool] = True
    keeps_prior: ClassVar[bool] = False
    fixed: ClassVar[tuple[str, ...]] = (_DENSE_HEAD,)
    needs_scenes: ClassVar[bool] = False

    @property
    def captions(self) -> CaptionKind:
        """Which texts it compares."""
        return "species"

    @property
    def aligns_patches(self) -> bool:
        """Whether it compares texts with the patches of pictures."""
        return False

    def terms(self, features: Features, batch: Batch) -> Terms:
        """The terms by name, and ``loss``."""
        raise NotImplementedError


@dataclass(frozen=True)
class Clip(Objective):
    """Plain contrast of pictures with their captions or finest names (Radford et al. 2021).

    With prototypes, also with these.

    Attributes:
        patch_weight: the part of the loss, from 0 to 1, that is contrast of the pictures' patches with the
            texts (PACL, Mukhoti et al. 2023).
    """

    name: ClassVar[str] = "clip"

    patch_weight: float = 0.0

    @property
    def aligns_patches(self) -> bool:
        """See `Objective`."""
        return self.patch_weight > 0

    def terms(self, features: Features, batch: Batch) -> Terms:
        """See `Objective`."""

        def terms(relation: Tensor) -> Terms:
            loss = clip_loss(features.images, features.texts, features.logit_scale, relation)
            if features.patches is not None:
                logits = features.logit_scale * features.patches
                aligned = contrastive_loss(logits, logits.T, relation)
                whole = (1 - self.patch_weight) * loss + self.patch_weight * aligned
                return {"loss": whole, "texts": loss, "patches": aligned}
            if features.prototypes is None:
                return {"loss": loss}
            direct = clip_loss(features.images, features.prototypes, features.logit_scale, relation)
            return {"loss": loss + direct, "texts": loss, "prototypes": direct}

        return _mixed(terms, batch)


@dataclass(frozen=True)
class Rcme(Objective):
    """RCME; see `rcme_loss` for the weights.

    Attributes:
        align: which names meet the pictures: the ``finest``, as published, or those at ``every`` rank, each
            of which also competes with the names above it, so that the finest is the nearest; or every
            ``sixth`` of all names, which mixes ranks, as the published code does: see `sixth_rows`.
    """

    name: ClassVar[str] = "rcme"
    geometry: ClassVar[GeometryName] = "radial"
    fixed: ClassVar[tuple[str, ...]] = (_DENSE_HEAD, "logit_scale")

    apex: Apex = "parent"
    hard_weight: float = 1.0
    global_weight: float = 1.0
    margin: float = 0.0
    alignment_weight: float = 0.1
    align: Align = "finest"

    @property
    def captions(self) -> CaptionKind:
        """See `Objective`."""
        return "aligned chains" if self.align == "every" else "chains"

    def terms(self, features: Features, batch: Batch) -> Terms:
        """See `Objective`."""
        chains = batch.chains(features.texts, last_opposed=self.apex == "root")

        def terms(images: Tensor, texts: Tensor, relation: Tensor, depths: Tensor | None = None) -> Terms:
            return rcme_loss(
                chains,
                images,
                texts,
                features.logit_scale,
                relation,
                depths,
                apex=self.apex,
                hard_weight=self.hard_weight,
                global_weight=self.global_weight,
                margin=self.margin,
                alignment_weight=self.alignment_weight,
            )

        if self.align == "sixth":
            return terms(*sixth_rows(chains, features.images))
        return _mixed(
            lambda relation: terms(features.images, features.texts, relation, batch.captions.depths), batch
        )


@dataclass(frozen=True)
class Radial(Objective):
    """Radial Embeddings; see `radial_loss` for the weights."""

    name: ClassVar[str] = "radial"
    geometry: ClassVar[GeometryName] = "radial"
    reads_pictures: ClassVar[bool] = False
    keeps_prior: ClassVar[bool] = True
    fixed: ClassVar[tuple[str, ...]] = ("visual.", "logit_scale")

    hard_weight: float = 1.0
    prior_weight: float = 10.0

    @property
    def captions(self) -> CaptionKind:
        """See `Objective`."""
        return "chains"

    def terms(self, features: Features, batch: Batch) -> Terms:
        """See `Objective`."""
        chains = batch.chains(features.texts, last_opposed=True)
        assert features.frozen is not None, "keeps_prior"
        return radial_loss(
            chains,
            features.texts,
            features.frozen,
            hard_weight=self.hard_weight,
            prior_weight=self.prior_weight,
        )


@dataclass(frozen=True)
class Meru(Objective):
    """MERU; see `meru_loss` for the weight."""

    name: ClassVar[str] = "meru"
    geometry: ClassVar[GeometryName] = "lorentz"

    entailment_weight: float = 0.2

    @property
    def captions(self) -> CaptionKind:
        """See `Objective`."""
        return "prefixes"

    def terms(self, features: Features, batch: Batch) -> Terms:
        """See `Objective`."""
        assert features.curvature is not None, "geometry"
        curvature = features.curvature
        return _mixed(
            lambda relation: meru_loss(
                features.images,
                features.texts,
                curvature,
                features.logit_scale,
                relation,
                entailment_weight=self.entailment_weight,
            ),
            batch,
        )


@dataclass(frozen=True)
class Atmg(Objective):
    """Accept the Modality Gap; see `atmg_loss`."""

    name: ClassVar[str] = "atmg"
    geometry: ClassVar[GeometryName] = "lorentz"

    @property
    def captions(self) -> CaptionKind:
        """See `Objective`."""
        return "prefixes"

    def terms(self, features: Features, batch: Batch) -> Terms:
        """See `Objective`."""
        assert features.curvature is not None, "geometry"
        curvature = features.curvature
        return _mixed(
            lambda relation: atmg_loss(
                features.images, features.texts, curvature, features.logit_scale, relation
            ),
            batch,
        )


@dataclass(frozen=True)
class Dense(Objective):
    """What each pixel of scenes is called; see `dense_loss`. Only the pocket model's dense head learns."""

    name: ClassVar[str] = "dense"
    reads_pictures: ClassVar[bool] = False
    fixed: ClassVar[tuple[str, ...]] = (
        *(f"visual.{part}" for part in ("stem.", "pos_embed", "blocks.", "norm.", "proj.")),
        "text.",
        "logit_scale",
    )
    needs_scenes: ClassVar[bool] = True

    def terms(self, features: Features, batch: Batch) -> Terms:
        """See `Objective`."""
        assert batch.scenes is not None, "needs_scenes"
        assert features.scenes is not None
        relation = batch.scenes.relation[batch.scenes.concepts.flatten()]
        return {"loss": dense_loss(features.scenes, features.texts, features.logit_scale, relation)}


OBJECTIVES: dict[str, type[Objective]] = {
    **{objective.name: objective for objective in (Clip, Rcme, Radial, Meru, Atmg, Dense)},
    "radial_embeddings_model": Radial,  # what the published code's README calls it
}
"""By their names in a recipe."""


def _mixed(terms_of: Callable[[Tensor], Terms], batch: Batch) -> Terms:
    """Terms with the captions of a batch of mixed pictures weighed."""
    weighed = [(weight, terms_of(relation)) for weight, relation in batch.relations()]
    names = weighed[0][1]
    return {name: torch.stack([weight * terms[name] for weight, terms in weighed]).sum() for name in names}
