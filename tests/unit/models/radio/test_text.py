"""Text towers, against the libraries that their weights come from."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from safetensors.torch import load_file, save_file

from terralex.models.card import TextSpec
from terralex.models.hub import hand_folder
from terralex.models.radio.text import canonical, text_tower
from terralex.runtime.errors import TerralexError

from ....rounding import equal_up_to_rounding
from .towers import write_siglip2

REPO = "google/siglip2-so400m-patch16-naflex"
SPEC = TextSpec("siglip2", 64, "openai", REPO)
TEXTS = ["a photo of a cat.", "Wide-angle close-up of a DOG!", "", "tree " * 100]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A photo of a Cat.", "a photo of a cat"),
        ("close-up", "closeup"),
        ("floor_marble", "floor marble"),
        ("  many \t spaces\n", "many spaces"),
        ("it's (art)", "its art"),
        ("", ""),
        ("ÉTÉ été", "été été"),
    ],
)
def test_canonical(text: str, expected: str) -> None:
    assert canonical(text) == expected


@pytest.fixture
def tower_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TERRALEX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return hand_folder(REPO.replace("/", "--"))


def test_tokens_end_and_are_padded(tower_folder: Path) -> None:
    write_siglip2(tower_folder)
    tower = text_tower(SPEC, "made", offline=True)
    tokens = tower(TEXTS)
    assert (tokens.shape, tokens.dtype) == ((4, 64), torch.int64)
    end, pad = 1, 0
    assert tokens[2].tolist() == [end] + [pad] * 63
    assert tokens[3, -1] == end, "a long text is cut, and ends all the same"
    assert pad not in tokens[3]
    length = int((tokens[0] != pad).sum())
    assert tokens[0, length - 1] == end
    assert torch.equal(tower(["A PHOTO of a   cat"]), tokens[:1])
    assert torch.equal(tower([TEXTS[1]]), tokens[1:2]), "a batch is its texts"


@pytest.mark.parametrize("kind", ["siglip2", "siglip"])
@pytest.mark.parametrize("out", [16, 24])
def test_siglip2_agrees_with_transformers(tower_folder: Path, kind: str, out: int) -> None:
    """Also where the projection is wider than the tower, as the giant's is, and in the fixed-size form."""
    theirs = write_siglip2(tower_folder, kind=kind, out=out)
    tower = text_tower(SPEC, "made", offline=True)
    tokens = tower(TEXTS)
    with torch.no_grad():
        expected = theirs.text_model(input_ids=tokens).pooler_output
    features = tower.encode(tokens, torch.float32)
    assert features.shape == (4, out)
    assert torch.allclose(features, expected, atol=1e-6)
    assert not torch.allclose(features[0], features[1], atol=1e-3)
    tower.release()
    assert equal_up_to_rounding(tower.encode(tokens, torch.float32), features)
    half = tower.encode(tokens, torch.bfloat16)
    assert half.dtype == torch.bfloat16
    assert torch.allclose(half.float(), features, atol=0.1)


def test_weights_in_several_files(tower_folder: Path) -> None:
    write_siglip2(tower_folder)
    whole = text_tower(SPEC, "made", offline=True)
    expected = whole.encode(whole(TEXTS), torch.float32)
    state = load_file(tower_folder / "model.safetensors")
    (tower_folder / "model.safetensors").unlink()
    names = sorted(state)
    places = {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, name in enumerate(names)}
    for file in set(places.values()):
        save_file({name: state[name] for name in names if places[name] == file}, tower_folder / file)
    index = tower_folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    tower = text_tower(SPEC, "made", offline=True)
    assert equal_up_to_rounding(tower.encode(tower(TEXTS), torch.float32), expected)
    index.write_text("[]")
    with pytest.raises(TerralexError, match=r"index\.json does not say where weights are"):
        text_tower(SPEC, "made", offline=True).encode(tower(TEXTS), torch.float32)


def _drop_head(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    save_file({k: v for k, v in state.items() if k != "text_model.head.weight"}, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda folder: (folder / "model.safetensors").unlink(),
            f"model.safetensors of https://huggingface.co/{REPO}",
        ),
        (lambda folder: (folder / "config.json").unlink(), f"config.json of https://huggingface.co/{REPO}"),
        (
            lambda folder: (folder / "tokenizer.json").unlink(),
            f"tokenizer.json of https://huggingface.co/{REPO}",
        ),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x"), "model.safetensors cannot be read"),
        (
            lambda folder: (folder / "config.json").write_text("{}"),
            "config.json describes no SigLIP 2 text tower",
        ),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "tokenizer.json is no tokenizer"),
        (_drop_head, "the text part of google/siglip2-so400m-patch16-naflex does not fit.*lacks head.weight"),
    ],
)
def test_what_is_missing_or_damaged_is_named(
    tower_folder: Path, spoil: Callable[[Path], object], message: str
) -> None:
    write_siglip2(tower_folder)
    spoil(tower_folder)
    tower = text_tower(SPEC, "made", offline=True)
    with pytest.raises(TerralexError, match=message) as caught:
        tower.encode(tower(TEXTS), torch.float32)
    if "huggingface.co" in message:
        assert "terralex models pull made" in str(caught.value)
        assert str(tower_folder) in str(caught.value)


TINY: dict[str, Any] = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}


@pytest.fixture
def tiny_clip(tmp_path: Path, tower_folder: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A model that open_clip knows as ``tiny-clip``, and its published weights."""
    config = {**TINY, "custom_text": request.param}
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "tiny-clip.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "configs")
    published = open_clip.pretrained._PRETRAINED
    published["tiny-clip"] = {"made": {"hf_hub": "someone/tiny/"}, "elsewhere": {"url": "https://x"}}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.create_model("tiny-clip").eval()
    folder = hand_folder("someone--tiny")
    folder.mkdir(parents=True)
    torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")
    yield model
    del published["tiny-clip"]


@pytest.mark.parametrize("tiny_clip", [False, True], indirect=True)
def test_open_clip_towers(tiny_clip: Any) -> None:  # noqa: ANN401
    tower = text_tower(TextSpec("open_clip", 77, "openai", "tiny-clip/made"), "made", offline=True)
    tokens = tower(TEXTS[:3])
    assert torch.equal(tokens, open_clip.tokenize(TEXTS[:3]))
    with torch.no_grad():
        assert torch.allclose(tower.encode(tokens, torch.float32), tiny_clip.encode_text(tokens), atol=1e-5)


@pytest.mark.parametrize("tiny_clip", [False], indirect=True)
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tiny-clip/elsewhere", "no weights 'tiny-clip/elsewhere' on the Hugging Face Hub"),
        ("nothing/made", "'nothing' is no CLIP that open_clip has"),
        (
            "ViT-H-14-378-quickgelu/dfn5b",
            "https://huggingface.co/apple/DFN5B-CLIP-ViT-H-14-378 to",
        ),
    ],
)
def test_open_clip_towers_that_cannot_be_had(tiny_clip: Any, name: str, message: str) -> None:  # noqa: ANN401
    tower = text_tower(TextSpec("open_clip", 77, "openai", name), "made", offline=True)
    with pytest.raises(TerralexError, match=message):
        tower.encode(torch.zeros(1, 77, dtype=torch.long), torch.float32)
