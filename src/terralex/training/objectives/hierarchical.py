"""The objectives that learn from general to specific: RCME and Radial Embeddings on angles, MERU and ATMG.

Each returns its terms by name, unweighted, and their weighted sum as ``loss``; all are scalars.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int8, Int64
from torch import Tensor

from terralex.geometry import lorentz, to_float64
from terralex.training.concepts import HOLDS
from terralex.training.objectives.contrastive import clip_loss, contrastive_loss
from terralex.training.objectives.entailment import (
    Apex,
    Chains,
    chain_angles,
    global_entailment,
    hard_examples,
    local_entailment,
    prior,
)

Terms = dict[str, Float[Tensor, ""]]


def rcme_loss(
    chains: Chains,
    images: Float[Tensor, "n d"],
    texts: Float[Tensor, "k d"],
    logit_scale: Float[Tensor, ""],
    relation: Int8[Tensor, "n k"],
    depths: Int64[Tensor, " k"] | None = None,
    *,
    apex: Apex = "parent",
    hard_weight: float = 1.0,
    global_weight: float = 1.0,
    margin: float = 0.0,
    alignment_weight: float = 0.1,
) -> Terms:
    """Radial cross-modal embeddings (Sastry et al. 2025).

    loss = local + hard_weight · hard + global_weight · global + alignment_weight · alignment

    Args:
        chains: Texts from general to specific, unit rows.
        images: Unit rows.
        texts: Unit rows: the finest names, which are aligned with the images.
        logit_scale: What multiplies the cosines of images and texts.
        relation: Which text holds for which image, as for `clip_loss`.
        depths: How specific each text is, as for `clip_loss`.
        apex: What a concept's cone opens away from in the local terms; in the global term it is the root.
        hard_weight: Weight of `hard_examples`.
        global_weight: Weight of `global_entailment`.
        margin: Of the global term, in radians.
        alignment_weight: Weight of the contrastive term.
    """
    angles = chain_angles(chains, apex)
    terms = {
        "local": local_entailment(angles),
        "hard": hard_examples(angles),
        "global": global_entailment(chains, margin),
        "alignment": clip_loss(images, texts, logit_scale, relation, depths),
    }
    weights = {"hard": hard_weight, "global": global_weight, "alignment": alignment_weight}
    return _weighed(terms, weights)


def sixth_rows(
    chains: Chains, images: Float[Tensor, "n d"]
) -> tuple[Float[Tensor, "m d"], Float[Tensor, "m d"], Int8[Tensor, "m m"]]:
    """What the published code of RCME compares: every sixth name, where it means the last of seven.

    So ranks are mixed, and a name that stands in several rows is told apart from itself. The published code
    also takes names of other taxa with pictures of their own, which are not read here.

    Args:
        chains: Texts from general to specific, unit rows; one chain for each picture.
        images: Unit rows.

    Returns:
        Pictures, names, and which name holds for which picture: each for its own alone.

    Raises:
        ValueError: There are more pictures than chains.
    """
    if len(images) != len(chains.concepts):
        raise ValueError(
            f"{len(images)} pictures with {len(chains.concepts)} chains: every sixth name needs both"
        )
    ranks = chains.concepts.shape[1]
    rows = torch.arange(ranks - 1, len(images) * ranks, ranks - 1, device=images.device)
    if chains.present is not None:
        rows = rows[chains.present.flatten()[rows]]
    own = torch.eye(len(rows), dtype=torch.int8, device=images.device)
    return images[rows // ranks], chains.concepts.flatten(0, 1)[rows], own


def radial_loss(
    chains: Chains,
    texts: Float[Tensor, "k d"],
    frozen: Float[Tensor, "k d"],
    *,
    hard_weight: float = 1.0,
    prior_weight: float = 10.0,
) -> Terms:
    """Radial Embeddings (Alper & Averbuch-Elor 2024): the text tower alone learns, seen from the root.

    loss = local + hard_weight · hard + prior_weight · prior

    Args:
        chains: Texts from general to specific, unit rows.
        texts: Every distinct text of the batch.
        frozen: The same texts by the encoder as it was.
        hard_weight: Weight of `hard_examples`.
        prior_weight: Weight of `prior`.
    """
    angles = chain_angles(chains, "root")
    terms = {
        "local": local_entailment(angles),
        "hard": hard_examples(angles),
        "prior": prior(texts, frozen),
    }
    return _weighed(terms, {"hard": hard_weight, "prior": prior_weight})


def meru_loss(
    images: Float[Tensor, "n d"],
    texts: Float[Tensor, "k d"],
    curvature: lorentz.Curvature,
    logit_scale: Float[Tensor, ""] | float,
    relation: Int8[Tensor, "n k"],
    *,
    entailment_weight: float = 0.2,
) -> Terms:
    """MERU (Desai et al. 2023): near in hyperbolic space, and each image inside the cones of its texts.

    loss = contrastive + entailment_weight · entailment. The contrastive logits are minus the distances; the
    entailment is the mean, over the pairs that hold, of how far the image lies outside the text's cone.

    Args:
        images: Points of hyperbolic space.
        texts: Likewise.
        curvature: c > 0.
        logit_scale: What minus the distances are multiplied by.
        relation: Which text holds for which image, as for `clip_loss`.
        entailment_weight: Weight of the cones.

    Returns:
        float64 terms: see `atmg_loss`.
    """
    images, texts = to_float64(images), to_float64(texts)
    logits = -logit_scale * lorentz.pairwise_distance(images, texts, curvature)
    image, text = (relation == HOLDS).nonzero(as_tuple=True)
    turn = lorentz.exterior_angle(texts[text], images[image], curvature)
    outside = (turn - lorentz.half_aperture(texts, curvature)[text]).clamp(min=0)
    terms = {
        "contrastive": contrastive_loss(logits, logits.T, relation),
        "entailment": outside.sum() / max(len(outside), 1),
    }
    return _weighed(terms, {"entailment": entailment_weight})


def atmg_loss(
    images: Float[Tensor, "n d"],
    texts: Float[Tensor, "k d"],
    curvature: lorentz.Curvature,
    logit_scale: Float[Tensor, ""] | float,
    relation: Int8[Tensor, "n k"],
) -> Terms:
    """Accept the Modality Gap (Ramasinghe et al. 2024): contrast by hyperbolic exterior angles.

    Logits of an image are minus the angles at it to the texts, those of a text minus the angles at it to the
    images: neither matrix is the other's transpose. Arguments as for `meru_loss`.

    Returns:
        float64 terms, whatever the dtype of the points (float32 on MPS). Their gradients are differences
        between nearly equal terms, of a pair and of its rivals, and would be off by up to 1e-3 in float32.
        Points from `lorentz.lift` carry the digits that this needs.
    """
    images, texts = to_float64(images), to_float64(texts)
    image_logits = -logit_scale * lorentz.pairwise_exterior_angle(images, texts, curvature)
    text_logits = -logit_scale * lorentz.pairwise_exterior_angle(texts, images, curvature)
    return _weighed({"contrastive": contrastive_loss(image_logits, text_logits, relation)}, {})


def _weighed(terms: Terms, weights: Mapping[str, float]) -> Terms:
    weighed = [term * weights.get(name, 1.0) for name, term in terms.items()]
    return {"loss": torch.stack(weighed).sum(), **terms}
