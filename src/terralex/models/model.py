"""A loaded model: pictures and words to unit vectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from terralex.imagery import Image, Source, read_image
from terralex.models.card import ModelCard
from terralex.models.checkpoints import fingerprint
from terralex.models.networks import Network, Tokenizer
from terralex.models.preprocess import Prepared, prepare
from terralex.models.prompts import check_templates, fill, load_templates
from terralex.runtime.cache import VectorCache, cache_key
from terralex.runtime.errors import UsageError

ImageLike = Source | Prepared

_T = TypeVar("_T")


class Model:
    """A network with its card.

    Attributes:
        card: What the model is.
        network: The network itself, on `device`, in `dtype`, in evaluation mode.
        tokenizer: Texts to token ids.
        device: Where it computes.
        dtype: What the network computes in. Similarities and probabilities are float32 always.
        revision: 12 hexadecimal digits that change with the weights, the architecture and the preprocessing.
        logit_scale: What cosines are multiplied by before the softmax.

    Args:
        card: What the model is.
        network: A `Network` that holds its weights.
        tokenizer: Texts to token ids.
        device: Where to compute.
        dtype: What to compute in.
    """

    def __init__(
        self,
        card: ModelCard,
        network: nn.Module,
        tokenizer: Tokenizer,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.card = card
        self.tokenizer = tokenizer
        self.device = torch.device(device)
        self.dtype = dtype
        self.revision = fingerprint(network.state_dict(), card.architecture, card.input, card.text)
        learned = cast(Network, network).logit_scale.detach().float()
        self.logit_scale = card.logit_scale if card.logit_scale is not None else float(learned.exp())
        self.network = network.to(self.device, self.dtype).eval()
        # In half precision exp(logit_scale) would be off by a percent: the scale alone keeps its digits.
        cast(Network, network).logit_scale.data = learned.to(self.device)

    @property
    def name(self) -> str:
        """The card's name."""
        return self.card.name

    @property
    def embed_dim(self) -> int:
        """Length of the vectors."""
        return self.card.embed_dim

    @property
    def key(self) -> str:
        """What embeddings are kept under: the name, the revision, and the precision."""
        return f"{self.name}@{self.revision}/{str(self.dtype).removeprefix('torch.')}"

    def prepare(self, image: Image) -> Prepared:
        """Bring a picture into the form that the network takes. May run on many threads.

        Raises:
            InputError: The picture does not suit the model.
        """
        return prepare(image, self.card.input)

    @torch.inference_mode()
    def encode_images(self, images: Sequence[ImageLike] | Tensor, batch_size: int = 32) -> Tensor:
        """Embed pictures.

        Args:
            images: `Image`, `Prepared`, paths, Pillow pictures or arrays; or a tensor of prepared pixels (N,
                bands, size, size).
            batch_size: Pictures that go through the network at once.

        Returns:
            float32 (N, embed_dim) on the model's device, unit rows.

        Raises:
            InputError: A picture cannot be read or does not suit the model.
        """
        encoder = cast(Network, self.network).encode_image
        rows = [
            encoder(self._pixels(batch).to(self.device, self.dtype)) for batch in _batches(images, batch_size)
        ]
        return self._unit(rows)

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str], batch_size: int = 256) -> Tensor:
        """Embed texts as they stand, without a template.

        Returns:
            float32 (N, embed_dim) on the model's device, unit rows.
        """
        encoder = cast(Network, self.network).encode_text
        rows = [encoder(self.tokenizer(list(batch)).to(self.device)) for batch in _batches(texts, batch_size)]
        return self._unit(rows)

    def class_weights(
        self,
        labels: Sequence[str] | Mapping[str, Sequence[str]],
        templates: str | Sequence[str] | None = None,
        *,
        cache: VectorCache | None = None,
    ) -> Tensor:
        """One vector for each label: the mean over its prompts.

        Every prompt is embedded and brought to unit length, then the mean over a label's prompts is.

        Args:
            labels: Labels; or for each label the phrases that stand for it.
            templates: A name or file of `load_templates`, or sentences with ``{c}``; by default the card's.
            cache: Where vectors of prompts are kept between runs.

        Returns:
            float32 (len(labels), embed_dim) on the model's device, unit rows.

        Raises:
            UsageError: There are no labels, a label has no phrases, there are no such templates, or one has
                no ``{c}``.
        """
        if templates is None or isinstance(templates, str):
            templates = load_templates(templates or self.card.text.templates)
        templates = check_templates(templates, "templates")
        phrases = labels.values() if isinstance(labels, Mapping) else [(label,) for label in labels]
        prompts = [[p for phrase in own for p in fill(templates, phrase)] for own in phrases]
        if not prompts or not all(prompts):
            raise UsageError("there are no labels" if not prompts else "a label has no phrases")
        place = {prompt: i for i, prompt in enumerate(dict.fromkeys(p for own in prompts for p in own))}
        vectors = self._encode_kept(list(place), cache) if cache else self.encode_texts(list(place))
        means = torch.stack([vectors[[place[prompt] for prompt in own]].mean(dim=0) for own in prompts])
        return F.normalize(means, dim=-1)

    def logits(self, images: Tensor, texts: Tensor) -> Tensor:
        """Scaled cosines of unit rows (N, D) and (K, D): float32 (N, K), never less precise."""
        return self.logit_scale * (images.float() @ texts.float().T)

    def probabilities(self, images: Tensor, texts: Tensor) -> Tensor:
        """Softmax of `logits` over the texts: float32 (N, K), rows sum to 1."""
        return self.logits(images, texts).softmax(dim=-1)

    def _pixels(self, batch: Sequence[ImageLike] | Tensor) -> Tensor:
        return (
            batch
            if isinstance(batch, Tensor)
            else torch.stack([self._prepared(item).pixels for item in batch])
        )

    def _prepared(self, item: ImageLike) -> Prepared:
        return item if isinstance(item, Prepared) else self.prepare(read_image(item))

    def _unit(self, rows: list[Tensor]) -> Tensor:
        if not rows:
            return torch.zeros(0, self.embed_dim, device=self.device)
        return F.normalize(torch.cat(rows).float(), dim=-1)

    def _encode_kept(self, prompts: list[str], cache: VectorCache) -> Tensor:
        keys = [cache_key(self.key, prompt) for prompt in prompts]
        kept = cache.get_many(keys)
        absent = [i for i, key in enumerate(keys) if key not in kept]
        if absent:
            fresh = self.encode_texts([prompts[i] for i in absent]).cpu().numpy()
            new = {keys[i]: vector for i, vector in zip(absent, fresh, strict=True)}
            cache.put_many(new)
            kept = {**kept, **new}
        return torch.from_numpy(np.stack([kept[key] for key in keys])).to(self.device)


def _batches(items: Sequence[_T] | Tensor, size: int) -> Iterator[Sequence[_T] | Tensor]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
