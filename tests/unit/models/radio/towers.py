"""A SigLIP 2 model small enough to make, laid out as on the Hugging Face Hub."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

LETTERS = "abcdefghijklmnopqrstuvwxyz▁0123456789"
MERGES = [("p", "h"), ("o", "t"), ("ot", "o"), ("ph", "oto")]


def write_siglip2(folder: Path, *, kind: str = "siglip2", out: int = 24) -> Any:  # noqa: ANN401
    """Writes ``config.json``, ``tokenizer.json`` and ``model.safetensors``; returns the whole model."""
    from transformers import Siglip2Config, Siglip2Model, SiglipConfig, SiglipModel

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    vision = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {
        **vision,
        "num_hidden_layers": 2,
        "projection_size": out,
        "vocab_size": tokenizer.get_vocab_size(),
    }
    config, model = (Siglip2Config, Siglip2Model) if kind == "siglip2" else (SiglipConfig, SiglipModel)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = model(config(text_config=text, vision_config=vision)).eval()
    for parameter in made.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    made.save_pretrained(folder)
    return made


def _tokenizer() -> Tokenizer:
    """Byte-pair encoding over letters, with the special tokens that SigLIP 2's has."""
    names = ["<pad>", "<eos>", "<bos>", "<unk>", *LETTERS, "ph", "ot", "oto", "photo"]
    vocabulary = {name: number for number, name in enumerate(names)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=MERGES, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Replace("▁", " ")
    tokenizer.add_special_tokens(["<pad>", "<eos>", "<bos>", "<unk>"])
    return tokenizer
