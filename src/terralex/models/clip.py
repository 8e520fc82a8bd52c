"""open_clip's CLIP, with texts no longer than they need to be."""

from __future__ import annotations

import open_clip
from torch import Tensor, nn
from torch.func import functional_call


class CLIP(open_clip.CLIP):  # type: ignore[misc]  # open_clip has no types
    """The same weights and the same results as open_clip's class; texts take a fraction of the time.

    The text tower is causal and is read where a text ends, so what follows the longest text of a batch (most
    of the 77 tokens, for a label in a sentence) changes nothing and is left out.
    """

    def encode_text(self, text: Tensor, normalize: bool = False) -> Tensor:
        """Token ids (N, context) to features (N, embed_dim)."""
        if self.attn_mask is None or self.text_pool_type != "argmax":
            return super().encode_text(text, normalize)  # type: ignore[no-any-return]
        length = int(text.argmax(dim=-1).max()) + 1  # the end of a text has the highest id
        shortened = {
            "clip.positional_embedding": self.positional_embedding[:length],
            "clip.attn_mask": self.attn_mask[:length, :length],
        }
        features: Tensor = functional_call(_Text(self), shortened, (text[:, :length], normalize))
        return features


class _Text(nn.Module):
    """The text tower as a module of its own, for `functional_call`."""

    def __init__(self, clip: CLIP) -> None:
        super().__init__()
        self.clip = clip

    def forward(self, text: Tensor, normalize: bool) -> Tensor:
        features: Tensor = open_clip.CLIP.encode_text(self.clip, text, normalize)
        return features
