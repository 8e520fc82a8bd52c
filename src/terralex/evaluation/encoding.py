"""Pictures and texts of a benchmark to vectors, with progress; a picture that cannot be read is an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from terralex.models import Model
from terralex.recognition.encoder import Encoder
from terralex.recognition.items import Item
from terralex.runtime.progress import progress

_TEXTS = 256  # texts between two updates of the progress bar


@dataclass(frozen=True)
class EncodedPictures:
    """Vectors of the pictures of a benchmark.

    Attributes:
        vectors: float32 (m, D) on the model's device, points of its geometry.
        indices: int64 (m,), the positions of these pictures among all.
        errors: The names of the others, each with the reason.
    """

    vectors: Tensor
    indices: Tensor
    errors: tuple[tuple[str, str], ...]


def encode_pictures(encoder: Encoder, items: Sequence[Item]) -> EncodedPictures:
    """Encode pictures, in order.

    Raises:
        UsageError, TerralexError: As of `Encoder.chunks`.
    """
    model = encoder.model
    vectors, indices = [np.zeros((0, model.embed_dim), np.float32)], list[int]()
    errors: list[tuple[str, str]] = []
    with progress(len(items), "pictures") as bar:
        for number, chunk in enumerate(encoder.chunks(items)):
            failed = [(entry.path, entry.error or "") for entry in chunk if entry.features is None]
            first = number * encoder.batch_size
            for position, entry in enumerate(chunk, first):
                if entry.features is not None:
                    vectors.append(entry.features.vector[None])
                    indices.append(position)
            errors += failed
            bar.advance(len(chunk), failed=len(failed))
    stacked = torch.from_numpy(np.concatenate(vectors)).to(model.device)
    return EncodedPictures(stacked, torch.tensor(indices, dtype=torch.long), tuple(errors))


def file_items(paths: Sequence[str]) -> list[Item]:
    """Items of image files."""
    return [Item(path, path) for path in paths]


def encode_texts(model: Model, texts: Sequence[str], templates: str | Sequence[str] | None = None) -> Tensor:
    """Encode texts, float32 (K, D) on the model's device: as they are, or averaged over prompts.

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
