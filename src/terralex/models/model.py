"""A loaded model: pictures and words to points of its geometry, mostly unit vectors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from terralex.geometry import Cosine, Geometry, Hierarchical, Lorentz, Radial
from terralex.imagery import Image, Source, read_image
from terralex.models.card import ModelCard
from terralex.models.checkpoints import fingerprint
from terralex.models.domain import Domain
from terralex.models.interfaces import Network, Tokenizer
from terralex.models.preprocess import Prepared, prepare
from terralex.models.prompts import check_templates, fill, load_templates
from terralex.models.truncation import TruncationCheck
from terralex.runtime.cache import VectorCache, cache_key
from terralex.runtime.errors import UsageError

ImageLike = Source | Prepared

_T = TypeVar("_T")

_CPU_PIXELS = 8 * 224**2
"""Of pictures that go through a network at once on a CPU: with more, activations leave its caches."""


class Model:
    """A network with its card.

    Attributes:
        card: What the model is.
        network: The network itself, on `device`, in `dtype`, in evaluation mode.
        tokenizer: Texts to token ids.
        device: Where it computes.
        dtype: What the network computes in. Similarities and probabilities are float32 always.
        revision: 12 hexadecimal digits that change with the weights, the architecture, the preprocessing and
            the geometry.
        domain: What tells images apart that are unlike those of its training; None: it cannot.
        logit_scale: What scores of the geometry (cosines, mostly) are multiplied by before the softmax.

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
        self.truncation = TruncationCheck(card.name, tokenizer)
        self.device = torch.device(device)
        self.dtype = dtype
        settings = (card.architecture, card.input, card.text, card.geometry, card.root)
        self.revision = fingerprint(network.state_dict(), *settings)
        learned = cast(Network, network).logit_scale.detach().float()
        self.logit_scale = card.logit_scale if card.logit_scale is not None else float(learned.exp())
        # In half precision exp(logit_scale) would be off by a percent: scalars alone keep their digits.
        # Copies, as a view of one keeps the whole file of weights in memory.
        scalars = {name: p.detach().float().clone() for name, p in network.named_parameters() if p.ndim == 0}
        # So do the statistics of the domain, whose distances are differences of near numbers.
        domain = getattr(network, "domain", None)
        self.domain: Domain | None = None if domain is None else copy.deepcopy(domain).to(self.device).float()
        self.network = network.to(self.device, self.dtype).eval()
        for name, value in scalars.items():
            self.network.get_parameter(name).data = value.to(self.device)

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

    @cached_property
    def geometry(self) -> Geometry:
        """How vectors of this model are scored, searched and, if it has a hierarchy, ordered."""
        if self.card.geometry == "lorentz":
            return Lorentz(float(cast(Network, self.network).lorentz.curvature.detach()))
        return Cosine() if self.card.root is None else self._around(self.card.root)

    def hierarchy(self, root: str | None = None) -> Hierarchical:
        """The geometry with a depth: how general or specific vectors are.

        Args:
            root: The most general text, in place of the card's; for a model that was not trained with one,
                any text may serve.

        Raises:
            UsageError: The model has no root and none is given, or it is hyperbolic and one is given.
        """
        if isinstance(self.geometry, Lorentz):
            if root is not None:
                raise UsageError(f"the root of {self.name} is the origin of its space: leave out --root")
            return self.geometry
        if root is not None:
            return self._around(root)
        if isinstance(self.geometry, Radial):
            return self.geometry
        raise UsageError(
            f"{self.name} has no root from which general leads to specific: name the most general text with "
            '--root TEXT (such as "Eukarya"), or use a model that is trained with one, such as rcme'
        )

    def prepare(self, image: Image, *, whole: bool = False) -> Prepared:
        """Bring a picture into the form that the network takes. May run on many threads.

        Args:
            image: Any picture whose bands and units are known.
            whole: Keep its own size, for dense features.

        Raises:
            InputError: The picture does not suit the model.
        """
        return prepare(image, self.card.input, whole=whole)

    @torch.inference_mode()
    def encode_images(self, images: Sequence[ImageLike] | Tensor, batch_size: int = 32) -> Tensor:
        """Embed pictures.

        Args:
            images: `Image`, `Prepared`, paths, Pillow pictures or arrays; or a tensor of prepared pixels (N,
                bands, size, size).
            batch_size: Pictures that go through the network at once; on a CPU fewer, if they are large.

        Returns:
            float32 (N, embed_dim) on the model's device: points of its geometry, which are unit rows, or the
            space components of points of hyperbolic space.

        Raises:
            InputError: A picture cannot be read or does not suit the model.
        """
        network = cast(Network, self.network)
        if self.device.type == "cpu":
            batch_size = min(batch_size, max(1, _CPU_PIXELS // self.card.input.size**2))
        rows = [
            network.encode_image(self._pixels(batch).to(self.device, self.dtype))
            for batch in _batches(images, batch_size)
        ]
        return self._points(rows, network.lorentz.lift_images if self._is_hyperbolic else _unit)

    @torch.no_grad()
    def encode_dense(self, image: ImageLike) -> Tensor:
        """Embed every place of a picture of any size; `terralex.models.dense` offers more.

        Args:
            image: As of `encode_images`.

        Returns:
            float32 (embed_dim, h, w) on the model's device: unit vectors, to be compared with texts.

        Raises:
            InputError: The picture cannot be read or does not suit the model.
            UsageError: The model has no dense features.
        """
        from terralex.models.dense import DenseEncoder

        encoder = DenseEncoder.for_model(self)
        prepared = image if isinstance(image, Prepared) else self.prepare(read_image(image), whole=True)
        features = encoder(prepared.pixels[None])[0]
        places = encoder.align(features.flatten(1).T)
        return _unit(places.float()).T.reshape(-1, *features.shape[1:])

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str], batch_size: int = 256) -> Tensor:
        """Embed texts as they stand, without a template.

        Returns:
            float32 (N, embed_dim) on the model's device: points of its geometry, as of `encode_images`.
        """
        self.truncation.check(texts)
        return self._embed_texts(texts, batch_size)

    @torch.inference_mode()
    def _embed_texts(self, texts: Sequence[str], batch_size: int = 256) -> Tensor:
        network = cast(Network, self.network)
        rows = [
            network.encode_text(self.tokenizer(list(batch)).to(self.device))
            for batch in _batches(texts, batch_size)
        ]
        return self._points(rows, network.lorentz.lift_texts if self._is_hyperbolic else _unit)

    def class_weights(
        self,
        labels: Sequence[str] | Mapping[str, Sequence[str]],
        templates: str | Sequence[str] | None = None,
        *,
        cache: VectorCache | None = None,
    ) -> Tensor:
        """One point for each label: the centre of its prompts.

        For unit vectors: every prompt is brought to unit length, then the mean over a label's prompts is.

        Args:
            labels: Labels; or for each label the phrases that stand for it.
            templates: A name or file of `load_templates`, or sentences with ``{c}``; by default the card's.
            cache: Where vectors of prompts are kept between runs.

        Returns:
            float32 (len(labels), embed_dim) on the model's device: points of its geometry.

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
        self.truncation.check([own[0] for own in prompts])  # of each label one; cached vectors or not
        vectors = self._encode_kept(list(place), cache) if cache else self._embed_texts(list(place))
        centre = self.geometry.centre
        return torch.stack([centre(vectors[[place[prompt] for prompt in own]]) for own in prompts])

    def logits(self, images: Tensor, texts: Tensor) -> Tensor:
        """Scaled scores of points (N, D) and (K, D): float32 (N, K), never less precise.

        Scores are cosines, or minus the distances in hyperbolic space.
        """
        images, texts = images.float(), texts.float()
        if isinstance(self.geometry, Lorentz):
            return self.logit_scale * self.geometry.scores(images, texts)
        return self.logit_scale * (images @ texts.T)  # unit rows: not brought to unit length once more

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

    @property
    def _is_hyperbolic(self) -> bool:
        return self.card.geometry == "lorentz"

    def _around(self, root: str) -> Radial:
        return Radial(self.encode_texts([root])[0])

    def _points(self, rows: list[Tensor], project: Callable[[Tensor], Tensor]) -> Tensor:
        if not rows:
            return torch.zeros(0, self.embed_dim, device=self.device)
        return project(torch.cat(rows).float()).float()

    def _encode_kept(self, prompts: list[str], cache: VectorCache) -> Tensor:
        keys = [cache_key(self.key, prompt) for prompt in prompts]
        kept = cache.get_many(keys)
        absent = [i for i, key in enumerate(keys) if key not in kept]
        if absent:
            fresh = self._embed_texts([prompts[i] for i in absent]).cpu().numpy()
            new = {keys[i]: vector for i, vector in zip(absent, fresh, strict=True)}
            cache.put_many(new)
            kept = {**kept, **new}
        return torch.from_numpy(np.stack([kept[key] for key in keys])).to(self.device)


def _unit(features: Tensor) -> Tensor:
    return F.normalize(features, dim=-1)


def _batches(items: Sequence[_T] | Tensor, size: int) -> Iterator[Sequence[_T] | Tensor]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
