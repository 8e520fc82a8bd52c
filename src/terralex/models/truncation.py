"""Texts that are longer than a model reads: they are cut, which must not go unnoticed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from torch import Tensor

_LOG = logging.getLogger("terralex.models")

_SHOWN = 60  # characters of a text in a message
_CHECKED = 4096  # long texts that are looked at; tables of taxa have a million


class TruncationCheck:
    """Says once if texts of a model are cut, and once if texts that differ become the same.

    Args:
        name: The model's name.
        tokenizer: Texts to token ids, (N, context).
    """

    def __init__(self, name: str, tokenizer: Callable[[Sequence[str]], Tensor]) -> None:
        self._name, self._tokenizer = name, tokenizer
        self._seen: set[str] = set()
        self._texts: dict[bytes, str] = {}
        self._context: int | None = None
        self._said_cut = self._said_equal = False

    def check(self, texts: Sequence[str]) -> None:
        """Look at texts that are going to be encoded, each once."""
        if self._context is None:
            self._context = self._tokenizer(["a"]).shape[1]
        # A token is at least a letter, so shorter texts fit in any case.
        left = _CHECKED - len(self._seen)
        long = [text for text in texts if len(text) > self._context - 2 and text not in self._seen][:left]
        if not long or self._said_equal:
            return
        cut = self._cut(list(dict.fromkeys(long)))
        if cut and not self._said_cut:
            self._said_cut = True
            _LOG.warning(
                "%s reads %d tokens of a text; %d of %d texts are longer and are cut, such as %r",
                *(self._name, self._context, len(cut), len(texts), _shown(next(iter(cut)))),
            )
        for text, tokens in cut.items():
            first = self._texts.setdefault(tokens, text)
            if first != text:
                self._said_equal = True
                _LOG.warning(
                    "%s cannot distinguish %r and %r: they differ only in what is cut",
                    *(self._name, _shown(first), _shown(text)),
                )
                return

    def _cut(self, texts: list[str]) -> dict[str, bytes]:
        """The texts that are cut, and their tokens: those that have the same tokens without their end."""
        shorter = [_without_the_end(text) for text in texts]
        pairs = zip(texts, self._tokenizer(texts), self._tokenizer(shorter), strict=True)
        cut = {text: row.numpy().tobytes() for text, row, other in pairs if bool((row == other).all())}
        self._seen.update(texts)
        return cut


def _without_the_end(text: str) -> str:
    """A text without its last word, or without its last letter if it is one word."""
    return (text.rstrip().rpartition(" ")[0] if " " in text.strip() else text[:-1]) or text


def _shown(text: str) -> str:
    """The beginning and the end of a long text."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]}...{text[-_SHOWN // 2 :]}"
