"""Text towers of RADIO's teachers: words into the space that a head leads to.

They are large, and not part of RADIO's weights: each is read when the first text comes, its text part alone.
"""

from __future__ import annotations

import json
import string
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors import safe_open
from torch import Tensor, nn

from terralex.models import hub
from terralex.models.card import TextSpec
from terralex.models.checkpoints import StateDict, load_strict, read_tensors, why_unreadable
from terralex.models.networks import causal_mask
from terralex.models.published import WEIGHT_FILES
from terralex.models.radio.arguments import Teacher
from terralex.runtime.errors import TerralexError

if TYPE_CHECKING:
    import tokenizers

_SIGLIP2 = {
    "siglip2-g-384": "google/siglip2-giant-opt-patch16-384",
    "siglip2-so400m": "google/siglip2-so400m-patch16-naflex",
}
_SIGLIP2_CONTEXT = 64
_TEXT_PREFIX = "text_model."
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


class TextTower(ABC):
    """A tokenizer, which calling it is, and an encoder.

    Args:
        tower: Which one, as of `TextSpec`.
        name: The model that needs it, for messages.
        offline: Never use the network.
    """

    def __init__(self, tower: str, name: str, *, offline: bool = False) -> None:
        self.tower, self.name, self.offline = tower, name, offline
        self._encoder: nn.Module | None = None

    @abstractmethod
    def __call__(self, texts: Sequence[str], /) -> Tensor:
        """Token ids, int64 (len(texts), context)."""

    def encode(self, tokens: Tensor, dtype: torch.dtype) -> Tensor:
        """Token ids (N, context) to features (N, D), computed in ``dtype`` on the device of the tokens.

        Raises:
            TerralexError: The tower is not on this machine, or damaged; the message names what is missing.
        """
        if self._encoder is None:
            self._encoder = self._read_encoder().eval().requires_grad_(False)
        return self._encode(self._encoder.to(tokens.device, dtype), tokens)

    def release(self) -> None:
        """Let go of the encoder's memory; the next text reads it again."""
        self._encoder = None

    @abstractmethod
    def fetch(self) -> None:
        """See to it that everything needed is on this machine."""

    @abstractmethod
    def _read_encoder(self) -> nn.Module: ...

    @abstractmethod
    def _encode(self, encoder: nn.Module, tokens: Tensor) -> Tensor: ...

    def _locate(self, repo: str, *files: str) -> Path:
        return hub.locate_part(repo, files, self.name, offline=self.offline)


class Siglip2Text(TextTower):
    """The text part of a SigLIP 2 model of the Hugging Face Hub, with transformers' network.

    Texts are canonicalised (`canonical`), end in ``<eos>``, are padded on the right without a mask, and are
    read at their last position, as the model was trained.
    """

    def __call__(self, texts: Sequence[str], /) -> Tensor:
        """Token ids, int64 (len(texts), 64)."""
        end, pad = (cast(int, self._tokenizer.token_to_id(name)) for name in ("<eos>", "<pad>"))
        tokens = torch.full((len(texts), _SIGLIP2_CONTEXT), pad, dtype=torch.long)
        encoded = self._tokenizer.encode_batch([canonical(text) for text in texts], add_special_tokens=False)
        for row, text in zip(tokens, encoded, strict=True):
            ids = [*text.ids[: _SIGLIP2_CONTEXT - 1], end]
            row[: len(ids)] = torch.tensor(ids)
        return tokens

    def fetch(self) -> None:
        """See to it that everything needed is on this machine."""
        for file in ("config.json", "tokenizer.json"):
            self._locate(self.tower, file)
        self._weight_files()

    @cached_property
    def _tokenizer(self) -> tokenizers.Tokenizer:
        from tokenizers import Tokenizer

        path = self._locate(self.tower, "tokenizer.json")
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the reader raises Exception itself
            raise TerralexError(f"{path} is no tokenizer: {error}") from error
        if tokenizer.token_to_id("<eos>") is None or tokenizer.token_to_id("<pad>") is None:
            raise TerralexError(f"{path} is not the tokenizer of SigLIP 2: it has no <eos> or <pad>")
        return tokenizer

    def _read_encoder(self) -> nn.Module:
        config = self._locate(self.tower, "config.json")
        encoder = _siglip2_network(config)
        weights: StateDict = {}
        for path in self._weight_files():
            weights |= _text_part(path)
        load_strict(encoder, weights, f"the text part of {self.tower}")
        return encoder

    def _weight_files(self) -> list[Path]:
        first = self._locate(self.tower, "model.safetensors", "model.safetensors.index.json")
        if first.suffix == ".safetensors":
            return [first]
        try:
            places = json.loads(first.read_text(encoding="utf-8"))["weight_map"]
            shards = sorted(
                {Path(file).name for name, file in places.items() if name.startswith(_TEXT_PREFIX)}
            )
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise TerralexError(f"{first} does not say where weights are: {error}") from error
        return [self._locate(self.tower, shard) for shard in shards]

    def _encode(self, encoder: nn.Module, tokens: Tensor) -> Tensor:
        return cast(Tensor, encoder(input_ids=tokens).pooler_output)


class OpenClipText(TextTower):
    """The text part of a model that open_clip knows by name."""

    def __call__(self, texts: Sequence[str], /) -> Tensor:
        """Token ids, int64 (len(texts), context)."""
        return cast(Tensor, self._tokenizer(list(texts)))

    def fetch(self) -> None:
        """See to it that everything needed is on this machine."""
        self._weights()
        self(["a"])

    @cached_property
    def _tokenizer(self) -> Any:  # noqa: ANN401 (one of open_clip's classes)
        import open_clip

        source = self._config["text_cfg"].get("hf_tokenizer_name")
        if source:
            self._locate(source, "tokenizer.json", "tokenizer_config.json")
        try:
            return open_clip.get_tokenizer(self._architecture, cache_dir=str(hub.hub_cache()))
        except Exception as error:  # the readers' errors have no common base
            raise TerralexError(f"the tokenizer of {self.tower} cannot be read: {error}") from error

    @cached_property
    def _config(self) -> dict[str, Any]:
        import open_clip

        config = open_clip.get_model_config(self._architecture)
        text = (config or {}).get("text_cfg", {})
        if config is None or "multimodal_cfg" in config or text.get("hf_model_name"):
            raise TerralexError(f"{self.name}: {self._architecture!r} is no CLIP that open_clip has")
        return cast(dict[str, Any], config)

    @property
    def _architecture(self) -> str:
        return self.tower.partition("/")[0]

    def _weights(self) -> Path:
        import open_clip

        entry = open_clip.get_pretrained_cfg(self._architecture, self.tower.partition("/")[2]) or {}
        repo = str(entry.get("hf_hub") or "").strip("/")
        if repo.count("/") != 1:
            raise TerralexError(
                f"{self.name}: open_clip has no weights {self.tower!r} on the Hugging Face Hub"
            )
        return self._locate(repo, *WEIGHT_FILES)

    def _read_encoder(self) -> nn.Module:
        import open_clip

        from terralex.models.clip import CLIP

        config = {name: value for name, value in self._config.items() if name != "custom_text"}
        with torch.device("meta"):
            network = (open_clip.CustomTextCLIP if self._config.get("custom_text") else CLIP)(**config)
        del network.visual
        holder: Any = getattr(network, "text", network)
        if holder.attn_mask is not None:  # no weight, so no file brings it
            holder.attn_mask = causal_mask(holder.attn_mask.shape[-1])
        path = self._weights()
        state = {name: value for name, value in read_tensors(path).items() if not name.startswith("visual.")}
        load_strict(network, state, str(path))
        return cast(nn.Module, network)

    def _encode(self, encoder: nn.Module, tokens: Tensor) -> Tensor:
        return cast(Any, encoder).encode_text(tokens)  # type: ignore[no-any-return]


def canonical(text: str) -> str:
    """A text as SigLIP 2 was taught them: lower case, without punctuation, single spaces.

    Punctuation goes without leaving a space: ``close-up`` becomes ``closeup``.
    """
    return " ".join(text.replace("_", " ").translate(_NO_PUNCTUATION).lower().split())


def text_spec(teacher: Teacher, like: TextSpec) -> TextSpec | None:
    """Which text tower belongs to a teacher; None: it has none."""
    if teacher.kind == "siglip2" and teacher.model in _SIGLIP2:
        return TextSpec("siglip2", _SIGLIP2_CONTEXT, like.templates, _SIGLIP2[teacher.model])
    if teacher.kind == "open_clip" and teacher.model and teacher.pretrained:
        return TextSpec("open_clip", like.context, like.templates, f"{teacher.model}/{teacher.pretrained}")
    return None


def text_tower(spec: TextSpec, name: str, *, offline: bool = False) -> TextTower:
    """The text tower that a card names, for the model ``name``. Reads nothing yet.

    Raises:
        TerralexError: The card names none.
    """
    if spec.tower is None or spec.tokenizer not in ("siglip2", "open_clip"):
        raise TerralexError(f"the card of {name}: text.tower must name a text tower of siglip2 or open_clip")
    kind = Siglip2Text if spec.tokenizer == "siglip2" else OpenClipText
    return kind(spec.tower, name, offline=offline)


def _siglip2_network(config: Path) -> nn.Module:
    from transformers import Siglip2TextConfig, Siglip2TextModel

    try:
        content = json.loads(config.read_text(encoding="utf-8"))["text_config"]
        content.pop("model_type", None)  # SigLIP's, for the fixed sizes: the same network
        with torch.device("meta"):
            network = Siglip2TextModel(Siglip2TextConfig(**content))
    except Exception as error:  # a configuration is anyone's, and transformers trusts it
        raise TerralexError(f"{config} describes no SigLIP 2 text tower: {error}") from error
    embeddings: Any = network.embeddings
    embeddings.position_ids = torch.arange(embeddings.position_embedding.num_embeddings)[None]  # no weight
    return cast(nn.Module, network)


def _text_part(path: Path) -> StateDict:
    try:
        with safe_open(path, framework="pt") as file:
            own = [name for name in file.keys() if name.startswith(_TEXT_PREFIX)]  # noqa: SIM118 (no mapping)
            return {name.removeprefix(_TEXT_PREFIX): file.get_tensor(name) for name in own}
    except Exception as error:  # readers of damaged files raise nearly anything
        raise TerralexError(f"{path} cannot be read as weights: {why_unreadable(error, path)}") from error
