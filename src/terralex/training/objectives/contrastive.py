"""Contrastive losses when several texts may hold for one image."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int8
from torch import Tensor
from torch.nn import functional as F

from terralex.training.concepts import FALSE, HOLDS

_NOTHING = -1e4  # a logit that adds nothing, with a finite gradient even where it is all there is


def clip_loss(
    image_features: Float[Tensor, "n d"],
    text_features: Float[Tensor, "k d"],
    logit_scale: Float[Tensor, ""],
    relation: Int8[Tensor, "n k"],
) -> Float[Tensor, ""]:
    """Symmetric contrastive loss (InfoNCE, Radford et al. 2021) when several texts may hold for one image.

    Each (image, text) pair that holds is told apart from the pairs that do not, for its image and for its
    text; other true pairs do not compete with it. With one true pair a row and column this is CLIP's loss.

    Args:
        image_features: unit rows.
        text_features: unit rows.
        logit_scale: what multiplies the cosines.
        relation: 1 the text holds for the image, 0 it does not, -1 unknown and left out.
    """
    with torch.autocast(image_features.device.type, enabled=False):
        logits = logit_scale.float() * image_features.float() @ text_features.float().T
    return contrastive_loss(logits, logits.T, relation)


def contrastive_loss(
    image_logits: Float[Tensor, "n k"], text_logits: Float[Tensor, "k n"], relation: Int8[Tensor, "n k"]
) -> Float[Tensor, ""]:
    """`clip_loss` of logits: of each image over the texts, and of each text over the images."""
    return 0.5 * (_one_way(image_logits, relation) + _one_way(text_logits, relation.T))


def _one_way(
    logits: Float[Tensor, "rows columns"], relation: Int8[Tensor, "rows columns"]
) -> Float[Tensor, ""]:
    """Mean, over the rows with true pairs, of the loss of these pairs, each against the row's false ones."""
    holds = relation == HOLDS
    false = logits.masked_fill(relation != FALSE, _NOTHING).logsumexp(dim=1, keepdim=True)
    loss = F.softplus(false - logits) * holds
    pairs = holds.sum(dim=1)
    return (loss.sum(dim=1) / pairs.clamp(min=1)).sum() / (pairs > 0).sum().clamp(min=1)
