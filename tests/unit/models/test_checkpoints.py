import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from terralex.models import ModelCard
from terralex.models.checkpoints import (
    MSCLIP_PREFIXES,
    fingerprint,
    load_strict,
    read_state_dict,
    read_tensors,
)
from terralex.models.networks import build
from terralex.models.weight_text import text_instead_of_weights
from terralex.runtime.errors import TerralexError

State = dict[str, torch.Tensor]


@pytest.fixture
def state() -> State:
    return {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(2.0)}


def _equal(found: State, wanted: State) -> bool:
    return found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s,
        lambda s: {"epoch": 3, "name": "x", "state_dict": s},
        lambda s: {"model": s, "optimizer": {"state": {}}},
        lambda s: {"model_state_dict": s, "loss": 0.5},
        lambda s: {"epoch": 1, "model": {"state_dict": s}},
    ],
    ids=["plain", "state_dict", "model", "model_state_dict", "nested"],
)
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
def test_pytorch_layouts(
    tmp_path: Path, state: State, wrap: Callable[[State], dict[str, object]], prefix: str
) -> None:
    torch.save(wrap({prefix + name: tensor for name, tensor in state.items()}), tmp_path / "epoch_20.pt")
    assert _equal(read_state_dict(tmp_path / "epoch_20.pt"), state)


def test_parts_may_be_compiled_and_old_buffers_do_not_count(tmp_path: Path, state: State) -> None:
    saved = {
        "a._orig_mod.weight": state["a.weight"],
        "b": state["b"],
        "input_resolution": torch.tensor(64),
        "context_length": torch.tensor(77),
        "vocab_size": torch.tensor(49408),
        "text.embeddings.position_ids": torch.arange(77)[None],
    }
    torch.save(saved, tmp_path / "weights.pt")
    assert _equal(read_state_dict(tmp_path / "weights.pt"), state)


@pytest.mark.parametrize("file", ["weights.pt", "weights.bin", "weights.safetensors"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 605219813\n", "Git LFS pointer"),
        ("<!DOCTYPE html><html>Not found</html>", "web page"),
        ("\n<html><body>" + "x" * 5000, "web page"),
        ("Invalid username or password.", "begins 'Invalid username"),
        ('{"error": "Repository not found"}', "begins"),
        ("", "it is empty"),
    ],
)
def test_texts_are_no_weights(tmp_path: Path, file: str, content: str, message: str) -> None:
    path = tmp_path / file
    path.write_text(content)
    with pytest.raises(TerralexError, match=f"{file} cannot be read as weights: .*{message}"):
        read_state_dict(path)


def test_weights_are_no_text(tmp_path: Path, state: State) -> None:
    save_file(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "b.pt")
    torch.save(state, tmp_path / "c.pt", _use_new_zipfile_serialization=False)
    for path in tmp_path.iterdir():
        assert text_instead_of_weights(path) is None


def test_safetensors(tmp_path: Path, state: State) -> None:
    save_file(state, tmp_path / "model.safetensors")
    assert _equal(read_state_dict(tmp_path / "model.safetensors"), state)


@pytest.mark.parametrize("kept", [MSCLIP_PREFIXES, MSCLIP_PREFIXES[1:], MSCLIP_PREFIXES[2:]])
def test_msclip_names_one_network_three_times(tmp_path: Path, state: State, kept: tuple[str, ...]) -> None:
    aliased = {prefix + name: tensor for prefix in kept for name, tensor in state.items()}
    torch.save({**aliased, "temperature": torch.tensor(0.07)}, tmp_path / "weights.pt")
    assert _equal(read_state_dict(tmp_path / "weights.pt"), state)
    assert len(read_tensors(tmp_path / "weights.pt")) == len(kept) * len(state) + 1


def test_msclip_with_more_than_its_network(tmp_path: Path, state: State) -> None:
    aliased = {MSCLIP_PREFIXES[0] + name: tensor for name, tensor in state.items()}
    torch.save({**aliased, "head.weight": torch.ones(1)}, tmp_path / "weights.pt")
    with pytest.raises(TerralexError, match=r"also holds head\.weight"):
        read_state_dict(tmp_path / "weights.pt")


class _Malicious:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("save", [torch.save, lambda x, path: path.write_bytes(pickle.dumps(x, 2))])
def test_code_is_not_run(tmp_path: Path, save: Callable[[object, Path], None]) -> None:
    mark = tmp_path / "code ran"
    save({"a": _Malicious(mark)}, tmp_path / "weights.pt")
    with pytest.raises(TerralexError, match=r"more than tensors.*safetensors"):
        read_state_dict(tmp_path / "weights.pt")
    assert not mark.exists()


@pytest.mark.parametrize("file", ["weights.pt", "weights.safetensors"])
@pytest.mark.parametrize("content", [b"", b"<html>rate limited</html>", None])
def test_damaged_files(tmp_path: Path, state: State, file: str, content: bytes | None) -> None:
    path = tmp_path / file
    if content is None:
        torch.save(state, path) if path.suffix == ".pt" else save_file(state, path)
        path.write_bytes(path.read_bytes()[:-40])
    else:
        path.write_bytes(content)
    with pytest.raises(TerralexError, match=f"{file} cannot be read"):
        read_state_dict(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_damage_of_any_kind_is_our_error(tmp_path: Path, state: State) -> None:
    """Whatever bytes change or are missing, what comes of it is weights or a `TerralexError`."""
    path = tmp_path / "weights.pt"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    for number in range(300):
        damaged = bytearray(whole)
        for at in np.random.default_rng(number).integers(0, 400, 3):
            damaged[at] = (damaged[at] * 7 + number) % 256
        path.write_bytes(damaged if number % 3 else damaged[: len(whole) * number // 300])
        with suppress(TerralexError):
            read_tensors(path)


@pytest.mark.parametrize("content", [[torch.ones(1)], {}, {"a": 1}, {"state_dict": {"a": "b"}}])
def test_not_weights(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(TerralexError, match=r"weights\.pt (holds no weights|is not a file of weights)"):
        read_state_dict(tmp_path / "weights.pt")


def test_absent(tmp_path: Path) -> None:
    with pytest.raises(TerralexError, match="no such weight file"):
        read_state_dict(tmp_path / "weights.pt")


def test_strict(rgb_card: ModelCard, make_state: Callable[[ModelCard], State]) -> None:
    network, _ = build(rgb_card)
    good = make_state(rgb_card)
    bad = {
        **{name: tensor for name, tensor in good.items() if "resblocks.1" not in name},
        "visual.conv1.weight": torch.zeros(64, 10, 8, 8),
        "head.bias": torch.zeros(1),
    }
    with pytest.raises(TerralexError) as error:
        load_strict(network, bad, "weights.pt")
    message = str(error.value)
    assert "lacks" in message
    assert "resblocks.1" in message
    assert "and 21 more" in message
    assert "unexpected head.bias" in message
    assert "visual.conv1.weight (64, 10, 8, 8) instead of (64, 3, 8, 8)" in message
    load_strict(network, good, "weights.pt")
    assert _equal(dict(network.state_dict()), good)


def test_position_embeddings_are_not_interpolated(
    rgb_card: ModelCard, make_state: Callable[[ModelCard], State]
) -> None:
    network, _ = build(rgb_card)
    state = {**make_state(rgb_card), "visual.positional_embedding": torch.zeros(50, 64)}
    with pytest.raises(TerralexError, match=r"positional_embedding \(50, 64\) instead of \(17, 64\)"):
        load_strict(network, state, "weights.pt")


def test_fingerprint(state: State) -> None:
    same = {name: tensor.clone() for name, tensor in reversed(state.items())}
    assert fingerprint(state, "x") == fingerprint(same, "x")
    others = [
        fingerprint(state, "y"),
        fingerprint({**state, "b": torch.tensor(2.0000002)}, "x"),
        fingerprint({**state, "b": state["b"].bfloat16()}, "x"),
        fingerprint({"a.weight": state["a.weight"], "c": state["b"]}, "x"),
        fingerprint({**state, "a.weight": state["a.weight"].reshape(3, 2)}, "x"),
    ]
    assert len({fingerprint(state, "x"), *others}) == 6
    assert len(fingerprint(state)) == 12
