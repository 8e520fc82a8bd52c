"""How well a text holds for the patches of a picture."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

_SHARPNESS = 10.0
_BLOCK = 2**26  # numbers held at once


def patch_similarity(
    patches: Float[Tensor, "n places d"], texts: Float[Tensor, "k d"]
) -> Float[Tensor, "n k"]:
    """Cosine of each text with each picture, of which only the patches count that the text is about.

    Of a picture with unit patches u_p and a unit text t, w_p = sigmoid(10 · cos(u_p, t)) says how much a
    patch counts; the result is the cosine of Σ_p w_p u_p with t (PACL: Mukhoti et al., CVPR 2023, with the
    sigmoid and its sharpness as MS-CLIP has them).

    Args:
        patches: features of any length.
        texts: features of any length.
    """
    with torch.autocast(patches.device.type, enabled=False):
        patches, texts = F.normalize(patches.float(), dim=-1), F.normalize(texts.float(), dim=-1)
        gram = patches @ patches.transpose(1, 2)
        each = max(1, _BLOCK // max(1, patches.shape[0] * patches.shape[1]))
        blocks = (texts[start : start + each] for start in range(0, len(texts), each))
        return torch.cat([_of_block(patches, gram, block) for block in blocks], dim=1)


def _of_block(patches: Tensor, gram: Tensor, texts: Tensor) -> Tensor:
    """The pooled patches themselves, n x k x d numbers, are never made: their Gram matrix is enough."""
    cosines = torch.einsum("npd,kd->nkp", patches, texts)
    weights = (_SHARPNESS * cosines).sigmoid()
    along = (weights * cosines).sum(dim=2)
    square = (torch.einsum("nkp,npq->nkq", weights, gram) * weights).sum(dim=2)
    return along / square.clamp(min=1e-12).sqrt()
