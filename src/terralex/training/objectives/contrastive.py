"""Contrastive losses when several texts may hold for one image."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int8, Int64
from torch import Tensor
from torch.nn import functional as F

from terralex.training.concepts import FALSE, HOLDS

_NOTHING = -1e4  # a logit that adds nothing, with a finite gradient even where it is all there is


def clip_loss(
    image_features: Float[Tensor, "n d"],
    text_features: Float[Tensor, "k d"],
    logit_scale: Float[Tensor, ""],
    relation: Int8[Tensor, "n k"],
    depths: Int64[Tensor, " k"] | None = None,
) -> Float[Tensor, ""]:
    """Symmetric contrastive loss (InfoNCE, Radford et al. 2021) when several texts may hold for one image.

    Each (image, text) pair that holds is told apart from the pairs that do not, for its image and for its
    text; other true pairs do not compete with it. With one true pair a row and column this is CLIP's loss.

    Args:
        image_features: unit rows.
        text_features: unit rows.
        logit_scale: what multiplies the cosines.
        relation: 1 the text holds for the image, 0 it does not, -1 unknown and left out.
        depths: How specific each text is: for its image, a true text then competes with the true texts above
            it too, so that the most specific is the nearest; by default all are equally specific.
    """
    with torch.autocast(image_features.device.type, enabled=False):
        logits = logit_scale.float() * image_features.float() @ text_features.float().T
    return contrastive_loss(logits, logits.T, relation, depths)


def contrastive_loss(
    image_logits: Float[Tensor, "n k"],
    text_logits: Float[Tensor, "k n"],
    relation: Int8[Tensor, "n k"],
    depths: Int64[Tensor, " k"] | None = None,
) -> Float[Tensor, ""]:
    """`clip_loss` of logits: of each image over the texts, and of each text over the images."""
    return 0.5 * (one_way_loss(image_logits, relation, depths) + one_way_loss(text_logits, relation.T))


def dense_loss(
    features: Float[Tensor, "n d"],
    text_features: Float[Tensor, "k d"],
    logit_scale: Float[Tensor, ""],
    relation: Int8[Tensor, "n k"],
) -> Float[Tensor, ""]:
    """Loss of the texts at places of pictures, each against the others.

    Args:
        features: dense features of places, not of unit length.
        text_features: unit rows.
        logit_scale: what multiplies the cosines.
        relation: which text holds for which place, as for `clip_loss`.
    """
    with torch.autocast(features.device.type, enabled=False):
        unit = F.normalize(features.float(), dim=1)
        return one_way_loss(logit_scale.float() * unit @ text_features.float().T, relation)


def one_way_loss(
    logits: Float[Tensor, "rows columns"],
    relation: Int8[Tensor, "rows columns"],
    depths: Int64[Tensor, " columns"] | None = None,
) -> Float[Tensor, ""]:
    """Mean, over the rows with true pairs, of the loss of these pairs, each against the row's rivals."""
    holds, false = relation == HOLDS, relation == FALSE
    if depths is None:
        rivals = _log_sum(logits, false)
    else:
        levels, level_of = torch.unique(depths, return_inverse=True)
        above = [_log_sum(logits, false | (holds & (depths < level))) for level in levels]
        rivals = torch.cat(above, dim=1)[:, level_of]
    loss = F.softplus(rivals - logits) * holds
    pairs = holds.sum(dim=1)
    return (loss.sum(dim=1) / pairs.clamp(min=1)).sum() / (pairs > 0).sum().clamp(min=1)


def _log_sum(logits: Float[Tensor, "rows columns"], which: Bool[Tensor, "rows columns"]) -> Tensor:
    return logits.masked_fill(~which, _NOTHING).logsumexp(dim=1, keepdim=True)
