"""The same network from every form of file, and nothing from a bad one."""

import json
import math
import os
import pickle
from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from terralex.models.radio import Radio, load_radio
from terralex.runtime.errors import TerralexError, UsageError

from ....rounding import equal_up_to_rounding
from . import made
from .conftest import Save


def see(radio: Radio, pixels: torch.Tensor) -> list[torch.Tensor]:
    output = radio(pixels)
    return [
        output.summary,
        output.features,
        *(h.summary(output.features) for h in radio.heads.values() if h.summary),
    ]


def equal(ours: Radio, theirs: Radio, pixels: torch.Tensor, atol: float | None = None) -> bool:
    same = partial(torch.allclose, rtol=0, atol=atol) if atol else equal_up_to_rounding
    return all(same(one, other) for one, other in zip(see(ours, pixels), see(theirs, pixels), strict=True))


def test_sizes_and_teachers(save: Save, pixels: torch.Tensor) -> None:
    radio = load_radio(save())
    assert (radio.width, radio.patch_size, radio.prefix_tokens, len(radio.blocks)) == (32, 16, 8, 2)
    assert radio.blocks[0].attn.num_heads == 4
    assert list(radio.heads) == ["clip", "siglip2", "dino_v2", "sam"]
    assert [head.slot for head in radio.heads.values()] == [0, 1, 2, 3]
    output = radio(pixels)
    assert output.summary.shape == (2, 3 * 32), "sam is not in the summary"
    assert output.features.shape == (2, 15, 32)
    assert radio.heads["sam"].project(output.features, (3, 5)).shape == (2, made.OUT + 3, 3, 5)
    assert not radio.training
    assert not any(parameter.requires_grad for parameter in radio.parameters())


def test_conditioning(save: Save) -> None:
    radio = load_radio(save())
    grey = torch.full((1, 3, 2, 2), 0.5)
    assert torch.allclose(
        radio.condition(grey)[0, :, 0, 0], torch.tensor([0.02 / 0.27, 0.04 / 0.26, 0.09 / 0.28])
    )


def test_the_average_over_training_is_preferred(save: Save, pixels: torch.Tensor) -> None:
    average, last = made.checkpoint_state(1), made.checkpoint_state(2)
    both = load_radio(save(last, state_dict_ema=average))
    assert equal(both, load_radio(save(average)), pixels)
    assert not equal(both, load_radio(save(last)), pixels)
    assert equal(both, load_radio(save(None, state_dict_ema=average)), pixels)


def test_parallel_training_and_half_precision(save: Save, pixels: torch.Tensor) -> None:
    plain = load_radio(save())
    assert equal(load_radio(save(made.under("module.", made.checkpoint_state()))), plain, pixels)
    half = load_radio(save({name: tensor.half() for name, tensor in made.checkpoint_state().items()}))
    assert {parameter.dtype for parameter in half.parameters()} == {torch.float32}
    assert equal(half, plain, pixels, atol=0.05)


def test_heads_by_name(save: Save, pixels: torch.Tensor) -> None:
    names = [teacher["name"] for teacher in made.TEACHERS]
    state = made.checkpoint_state()
    for number, name in enumerate(names):
        for kind in ("_heads", "_feature_projections"):
            own = {key: state.pop(key) for key in list(state) if key.startswith(f"{kind}.{number}.")}
            state |= {key.replace(f"{kind}.{number}.", f"{kind}.{name}."): own[key] for key in own}
    assert equal(load_radio(save(state)), load_radio(save()), pixels)


def test_head_1_is_not_head_10(save: Save) -> None:
    teachers = [{"name": f"teacher{number}"} for number in range(11)]
    state = made.under("base_model.", made.backbone())
    tokens = {"base_model.patch_generator.cls_token.token": torch.zeros(16, made.WIDTH)}
    state |= (
        tokens | made.under("_heads.1.", made.head(1, out=5)) | made.under("_heads.10.", made.head(2, out=7))
    )
    radio = load_radio(save(state, made.arguments(teachers=teachers)))
    assert {name: head.out_features for name, head in radio.heads.items()} == {"teacher1": 5, "teacher10": 7}


def test_a_name_that_begins_another(save: Save) -> None:
    teachers = [{"name": "siglip2"}, {"name": "siglip2-g"}]
    state = made.under("base_model.", made.backbone()) | made.under("_heads.siglip2.", made.head(1, out=5))
    state |= made.under("_heads.siglip2-g.", made.head(2, out=7))
    radio = load_radio(save(state, made.arguments(teachers=teachers)))
    assert [radio.heads[name].out_features for name in ("siglip2", "siglip2-g")] == [5, 7]


@pytest.mark.parametrize(
    ("wanted", "teachers", "found"),
    [
        ("siglip2", [("clip", "open_clip"), ("siglip2-g", "siglip2"), ("sam3", "sam3")], "siglip2-g"),
        ("siglip2", [("siglip2", "siglip2"), ("siglip2-g", "siglip2")], "siglip2"),
        ("dino_v3", [("dino_v3_7b", "dino"), ("clip", "open_clip")], "dino_v3_7b"),
        ("siglip2", [("words", "siglip2"), ("clip", "open_clip")], "words"),
        ("sam", [("sam3", "sam3"), ("clip", "open_clip")], None),
        ("open_clip", [("clip", "open_clip"), ("siglip", "open_clip")], None),
        ("siglip", [("siglip2", "siglip2"), ("clip", "open_clip")], None),
    ],
)
def test_adaptors_are_found_by_name_or_kind(
    save: Save, wanted: str, teachers: list[tuple[str, str]], found: str | None
) -> None:
    path = save(args=made.arguments(teachers=[{"name": name, "type": kind} for name, kind in teachers]))
    if found:
        assert list(load_radio(path, [wanted]).heads) == [found]
    else:
        with pytest.raises(
            UsageError, match=rf"no adaptor '{wanted}'.*offers {teachers[0][0]}, {teachers[1][0]}"
        ):
            load_radio(path, [wanted])


def test_one_summary_token_for_all(save: Save, pixels: torch.Tensor) -> None:
    radio = load_radio(save(args=made.arguments(cls_token_per_teacher=False)))
    assert [head.slot for head in radio.heads.values()] == [0, 0, 0, 0]
    assert radio(pixels).summary.shape == (2, 32)


def test_slots_and_repeated_teachers(save: Save) -> None:
    teachers = [
        {"name": "a"},
        {"name": "b", "token_slot": 5},
        {"name": "a"},
        {"name": "c", "use_summary": False},
    ]
    radio = load_radio(save(args=made.arguments(teachers=teachers)))
    assert {name: head.slot for name, head in radio.heads.items()} == {"a": 0, "b": 5, "c": 3}
    assert radio.summary_slots == (0, 1)
    with pytest.raises(TerralexError, match="token 9 of 8"):
        load_radio(save(args=made.arguments(teachers=[{"name": "a", "token_slot": 9}])))


def _hugging_face(folder: Path) -> Path:
    state = made.under("radio_model.model.", made.backbone())
    conditioner = {name: value for name, value in made.checkpoint_state().items() if "conditioner" in name}
    state |= made.under("radio_model.", conditioner)
    state["radio_model.summary_idxs"] = torch.tensor([0, 1, 2])
    save_file(state, folder / "model.safetensors")
    return folder / "model.safetensors"


def test_hugging_face_form(save: Save, pixels: torch.Tensor, tmp_path: Path) -> None:
    container = load_radio(save())
    path = _hugging_face(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"args": {"model_kwargs": {"num_heads": 4}}}))
    bare = load_radio(path)
    assert list(bare.heads) == []
    seen = zip(bare(pixels), container(pixels), strict=True)
    assert all(equal_up_to_rounding(one, other) for one, other in seen)
    whole = load_radio(path, heads=save())
    assert equal(whole, container, pixels)
    with pytest.raises(UsageError, match="it holds a backbone alone"):
        load_radio(path, ["siglip2"])


def test_heads_are_inferred_from_the_width(tmp_path: Path) -> None:
    radio = load_radio(_hugging_face(tmp_path))
    assert radio.blocks[0].attn.num_heads == 1
    assert radio.summary_slots == (0, 1, 2)


def test_normalised_features(save: Save, pixels: torch.Tensor) -> None:
    mean, rotation = torch.randn(made.WIDTH), torch.randn(made.WIDTH, made.WIDTH)
    more = {"_feature_normalizer.mean": mean, "_feature_normalizer.tx": rotation}
    more["_intermediate_feature_normalizer.alphas"] = torch.ones(2)
    plain, normalised = load_radio(save()), load_radio(save(made.checkpoint_state() | more))
    expected = torch.einsum("bnc,dc->bnd", plain(pixels).features - mean, rotation)
    assert torch.allclose(normalised(pixels).features, expected, atol=1e-5)
    assert equal_up_to_rounding(normalised(pixels).summary, plain(pixels).summary)


def test_final_norm_only_where_it_is_used(save: Save, pixels: torch.Tensor) -> None:
    norm = made.under("base_model.norm.", {"weight": torch.full((32,), 2.0), "bias": torch.ones(32)})
    state = made.checkpoint_state() | norm
    plain = load_radio(save())
    assert equal(load_radio(save(state)), plain, pixels)
    normed = load_radio(save(state, made.arguments(model_norm=True)))(pixels).features
    assert torch.allclose(normed.mean(-1), torch.ones(2, 15), atol=1e-5)


def test_scaled_norms(save: Save, pixels: torch.Tensor) -> None:
    scaled = load_radio(save(args=made.arguments(model_kwargs={"num_heads": 4, "scaled_ln": True})))
    state = made.checkpoint_state()
    for name in state:
        if name.startswith("base_model.blocks.1.norm"):
            state[name] = state[name] / math.sqrt(2)
    assert equal(scaled, load_radio(save(state)), pixels, atol=1e-6)


class Harm:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("place", ["args", "state_dict", "inside args", "beside"])
def test_code_in_a_pickle_is_refused(save: Save, tmp_path: Path, place: str) -> None:
    harm = Harm(tmp_path / "harmed")
    changes: dict[str, Any] = {
        "args": {"args": harm},
        "state_dict": {"state": {**made.checkpoint_state(), "x": harm}},
        "inside args": {"args": made.arguments(teachers=[harm])},
        "beside": {"optimizer": harm},
    }
    with pytest.raises(TerralexError, match="could run code"):
        load_radio(save(**changes[place]))
    plain = tmp_path / "plain.pth.tar"
    plain.write_bytes(pickle.dumps(harm))
    with pytest.raises(TerralexError, match=r"plain\.pth\.tar cannot be read"):
        load_radio(plain)
    assert not (tmp_path / "harmed").exists()


def test_the_allowance_ends_with_the_reading(save: Save) -> None:
    load_radio(save())
    assert Namespace not in torch.serialization.get_safe_globals()


def _drop(name: str) -> Any:  # noqa: ANN401
    return lambda state: state.pop(f"base_model.{name}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_drop("blocks.1.attn.proj.bias"), r"lacks blocks\.1\.attn\.proj\.bias"),
        (_drop("patch_generator.pos_embed"), r"no RADIO backbone: it lacks 'patch_generator\.pos_embed'"),
        (lambda state: state.update({"base_model.x": torch.ones(1)}), "has unexpected x"),
        (
            lambda state: state.update({"base_model.patch_generator.pos_embed": torch.zeros(1, 60, 32)}),
            r"another shape for patch_generator\.pos_embed \(1, 60, 32\) instead of \(1, 49, 32\)",
        ),
        (
            lambda state: state.update({"base_model.blocks.0.attn.qkv.weight": torch.zeros(64, 32)}),
            r"another shape for blocks\.0\.attn\.qkv\.weight",
        ),
        (
            lambda state: state.pop("_heads.1.blocks.0.0.weight"),
            r"lacks heads\.siglip2\.summary\.blocks\.0\.0",
        ),
        (lambda state: state.pop("_heads.1.fc1.weight"), "summary head of siglip2 is of no known form"),
        (lambda state: state.update({"_heads.1.y": torch.ones(1)}), r"unexpected heads\.siglip2\.summary\.y"),
        (lambda state: state.update(x="text"), "'x' in it is no tensor"),
    ],
)
def test_weights_must_fit(save: Save, change: Any, message: str) -> None:  # noqa: ANN401
    state: Any = made.checkpoint_state()
    change(state)
    with pytest.raises(TerralexError, match=message):
        load_radio(save(state))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teachers": "clip"}, "args.teachers must be a list, not str"),
        ({"teachers": ["clip"]}, r"args\.teachers\[0\] must be a mapping"),
        ({"teachers": [{"type": "clip"}]}, r"args\.teachers\[0\]\.name must be a name, not None"),
        ({"teachers": [{"name": "a.b"}]}, "must be a name, not 'a.b'"),
        ({"teachers": [{"name": "a", "token_slot": -1}]}, "token_slot must be a whole number, not -1"),
        ({"model_kwargs": 4}, "args.model_kwargs must be a mapping, not int"),
        ({"model_kwargs": {"num_heads": "4"}}, "num_heads must be a whole number, not '4'"),
        ({"model_kwargs": {"num_heads": 5}}, "5 attention heads that divide its width 32"),
        ({"spectral_reparam": {"eps": "small"}}, "spectral_reparam.eps must be a number"),
    ],
)
def test_arguments_are_checked(save: Save, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TerralexError, match=message):
        load_radio(save(args=made.arguments(**changes)))


def test_other_files(save: Save, tmp_path: Path) -> None:
    with pytest.raises(TerralexError, match="no such weight file"):
        load_radio(tmp_path / "absent.pth.tar")
    for name, content in {
        "list": [1],
        "plain": made.backbone(),
        "no args": {"state_dict": made.backbone()},
    }.items():
        torch.save(content, tmp_path / name)
        with pytest.raises(TerralexError, match="is no RADIO checkpoint"):
            load_radio(tmp_path / name)
    whole = save().read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 10):
        (tmp_path / "cut.pth.tar").write_bytes(whole[:length])
        with pytest.raises(TerralexError, match=r"cut\.pth\.tar cannot be read"):
            load_radio(tmp_path / "cut.pth.tar")
    (tmp_path / "cut.safetensors").write_bytes(_hugging_face(tmp_path).read_bytes()[:-9])
    with pytest.raises(TerralexError, match=r"cut\.safetensors cannot be read"):
        load_radio(tmp_path / "cut.safetensors")
