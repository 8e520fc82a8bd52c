"""Pictures and texts of a benchmark to vectors: read ahead, shown as they go; a bad picture costs itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from terralex.imagery import Image
from terralex.models import Model
from terralex.runtime.pipeline import run_chunks
from terralex.runtime.progress import progress

CHUNK = 64

_TEXTS = 256  # texts between two looks at the bar

T = TypeVar("T")


@dataclass(frozen=True)
class Encoded:
    """What became of pictures.

    Attributes:
        vectors: float32 (m, D) on the model's device, points of its geometry.
        kept: int64 (m,), which of the pictures these are.
        errors: The others: their names, and the reason without the name.
    """

    vectors: Tensor
    kept: Tensor
    errors: tuple[tuple[str, str], ...]


def encode_pictures(
    model: Model, items: Sequence[T], load: Callable[[T], Image], name: Callable[[T], str]
) -> Encoded:
    """Embed pictures in order, in batches of `CHUNK`.

    Args:
        model: What embeds them.
        items: The pictures.
        load: Reads one; may run on many threads.
        name: What one is called in errors.
    """
    vectors, kept = [torch.zeros(0, model.embed_dim, device=model.device)], [torch.zeros(0, dtype=torch.long)]
    errors: list[tuple[str, str]] = []
    with progress(len(items), "pictures") as bar:
        for chunk in run_chunks(items, lambda item: model.prepare(load(item)), chunk_size=CHUNK):
            before = len(errors)
            errors += [(name(s), _reason(name(s), result)) for _, s, result in chunk if _failed(result)]
            good = [(place, result) for place, _, result in chunk if not isinstance(result, Exception)]
            if good:
                embedded = model.encode_images([prepared for _, prepared in good])
                finite = embedded.isfinite().all(dim=1)
                vectors.append(embedded[finite])
                places = torch.tensor([place for place, _ in good])
                kept.append(places[finite.cpu()])
                lost = places[~finite.cpu()].tolist()
                errors += [(name(items[i]), "the model gives no finite numbers for it") for i in lost]
            bar.advance(len(chunk), failed=len(errors) - before)
    return Encoded(torch.cat(vectors), torch.cat(kept), tuple(errors))


def encode_texts(model: Model, texts: Sequence[str], templates: str | Sequence[str] | None = None) -> Tensor:
    """Embed texts, float32 (K, D) on the model's device: bare, or as the centre of their prompts.

    Raises:
        UsageError: There are no such templates.
    """
    vectors = [torch.zeros(0, model.embed_dim, device=model.device)]
    with progress(len(texts), "texts") as bar:
        for start in range(0, len(texts), _TEXTS):
            batch = texts[start : start + _TEXTS]
            vectors.append(model.class_weights(batch, templates) if templates else model.encode_texts(batch))
            bar.advance(len(batch))
    return torch.cat(vectors)


def _failed(result: object) -> bool:
    return isinstance(result, Exception)


def _reason(name: str, error: object) -> str:
    """What an error says of a picture, without the name, which stands beside it."""
    return str(error).removeprefix(f"{name}: ") or type(error).__name__
