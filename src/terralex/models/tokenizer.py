"""The pocket model's tokenizer: CLIP's byte-pair encoding, cut to its most frequent merges.

A merge's rank is its frequency order, so the first merges are a vocabulary of their own: common words stay
whole, rare words and Latin names fall into pieces that were all seen in training, and nothing is ever out of
vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from open_clip.tokenizer import SimpleTokenizer

_BYTE_TOKENS = 512  # 256 bytes, each inside a word and at its end


class PocketTokenizer:
    """Text to token ids, padded with ``pad_id``.

    Args:
        merges: how many of CLIP's merges to keep (most frequent first).
        context: tokens a text may have, start and end included; longer texts are cut.
    """

    pad_id = 0

    def __init__(self, merges: int, context: int) -> None:
        self._bpe = SimpleTokenizer()
        self._bpe.bpe_ranks = {pair: rank for pair, rank in self._bpe.bpe_ranks.items() if rank < merges}
        self.context = context
        # Ids are shifted by one so that 0 is left for padding.
        self.start_id = 1 + _BYTE_TOKENS + merges
        self.end_id = self.start_id + 1
        self.vocab_size = self.end_id + 1

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        """Token ids, int64 of shape (len(texts), context)."""
        tokens = torch.full((len(texts), self.context), self.pad_id, dtype=torch.long)
        for row, text in zip(tokens, texts, strict=True):
            ids = [1 + token for token in self._bpe.encode(text)][: self.context - 2]
            row[: len(ids) + 2] = torch.tensor([self.start_id, *ids, self.end_id])
        return tokens
