"""From the content of a file to a `Radio` with its weights, every one and no other."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from terralex.models.checkpoints import StateDict, load_strict
from terralex.models.radio.arguments import Arguments, Teacher, attention_heads
from terralex.models.radio.backbone import BackboneSizes, Radio
from terralex.models.radio.containers import Container, read_container
from terralex.models.radio.heads import Head, build_head
from terralex.runtime.errors import TerralexError, UsageError

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
_BLOCK_NORM = re.compile(r"blocks\.(\d+)\.norm[12]\.")


def load_radio(
    path: str | Path,
    adaptors: Sequence[str] | None = None,
    *,
    heads: str | Path | None = None,
    align_corners: bool = False,
) -> Radio:
    """A backbone and its heads from a file, in float32, ready for use.

    Args:
        path: The official container (``.pth.tar``), or the ``model.safetensors`` of the Hugging Face Hub.
        adaptors: Names or kinds of teachers whose heads are wanted, such as ``siglip2`` and ``sam``; by
            default all that the file has.
        heads: A container with the heads, where ``path`` has the backbone alone.
        align_corners: How the position table is resized, as of `Radio`.

    Raises:
        TerralexError: A file cannot be read, lacks weights, or has weights that the network has no place for.
        UsageError: There is no such adaptor, or no head for it.
    """
    container = read_container(Path(path))
    source = read_container(Path(heads)) if heads is not None else container
    return build_radio(container, source, adaptors, align_corners=align_corners)


def build_radio(
    container: Container, source: Container, adaptors: Sequence[str] | None, *, align_corners: bool
) -> Radio:
    """As `load_radio`, of files already read: the backbone of ``container``, the heads of ``source``."""
    arguments = source.arguments
    chosen = (
        [one for one in arguments.teachers if source.heads[one.name] or source.projections[one.name]]
        if adaptors is None
        else [find_teacher(source, wanted) for wanted in adaptors]
    )
    state = _complete(container)
    try:
        sizes = _sizes(state, container.arguments)
    except (KeyError, ValueError, IndexError) as error:
        raise TerralexError(f"{container.path} holds no RADIO backbone: it lacks {error}") from error
    slots = tuple(state.pop("summary_idxs").tolist()) if "summary_idxs" in state else arguments.summary_slots
    if (last := max([*slots, *(teacher.slot for teacher in chosen)])) >= sizes.prefix_tokens:
        raise TerralexError(f"{source.path}: a summary is token {last} of {sizes.prefix_tokens}")
    built = {teacher.name: _head(source, teacher, state) for teacher in dict.fromkeys(chosen)}
    with torch.device("meta"):
        radio = Radio(sizes, built, align_corners=align_corners, summary_slots=slots).eval()
    load_strict(radio, {name: tensor.float() for name, tensor in state.items()}, str(container.path))
    return radio.requires_grad_(False)


def find_teacher(container: Container, wanted: str) -> Teacher:
    """The teacher called ``wanted`` (`Arguments.teacher`) that has a head.

    Raises:
        UsageError: There is none; the message lists what the file offers.
    """
    teacher = container.arguments.teacher(wanted)
    if teacher and (container.heads[teacher.name] or container.projections[teacher.name]):
        return teacher
    offered = [one.name for one in container.arguments.teachers if container.heads[one.name]]
    raise UsageError(
        f"{container.path} has no adaptor {wanted!r}; "
        + (f"it offers {', '.join(offered)}" if offered else "it holds a backbone alone: name the .pth.tar")
    )


def _complete(container: Container) -> StateDict:
    """The backbone's weights, with what a file may leave out, and without the norm that it does not use."""
    state = dict(container.backbone)
    for name, values in (("norm_mean", _CLIP_MEAN), ("norm_std", _CLIP_STD)):
        state.setdefault(f"input_conditioner.{name}", torch.tensor(values).reshape(3, 1, 1))
    if container.arguments.final_norm is False and not container.wrapped:
        state = {name: tensor for name, tensor in state.items() if not name.startswith("norm.")}
    if container.arguments.scaled_norms:
        state = {name: _scaled(name, tensor) for name, tensor in state.items()}
    return state


def _scaled(name: str, tensor: Tensor) -> Tensor:
    found = _BLOCK_NORM.match(name)
    return tensor.float() / math.sqrt(int(found[1]) + 1) if found else tensor


def _sizes(state: StateDict, arguments: Arguments) -> BackboneSizes:
    width, inputs = state["patch_generator.embedder.weight"].shape
    patch_size, side = math.isqrt(inputs // 3), math.isqrt(state["patch_generator.pos_embed"].shape[1])
    depth = len({name.split(".")[1] for name in state if name.startswith("blocks.")})
    heads = attention_heads(arguments.heads, width)
    if width % heads:
        raise ValueError(f"{heads} attention heads that divide its width {width}")
    gated = state["blocks.0.mlp.fc1.weight"].shape[0] == 2 * state["blocks.0.mlp.fc2.weight"].shape[1]
    return BackboneSizes(
        width=width,
        depth=depth,
        heads=heads,
        hidden=state["blocks.0.mlp.fc1.weight"].shape[0],
        patch_size=patch_size,
        side=side,
        prefix_tokens=state["patch_generator.cls_token.token"].shape[0],
        patch_bias="patch_generator.embedder.bias" in state,
        qkv_bias="blocks.0.attn.qkv.bias" in state,
        qk_norm="blocks.0.attn.q_norm.weight" in state,
        layer_scale="blocks.0.ls1.gamma" in state,
        mlp_norm="blocks.0.mlp.norm.weight" in state,
        gated=gated,
        final_norm="norm.weight" in state,
        normalised_features="feature_normalizer.mean" in state,
    )


def _head(source: Container, teacher: Teacher, state: StateDict) -> Head:
    """The heads of one teacher, without weights; the weights are added to ``state``."""
    parts: dict[str, nn.Module | None] = {}
    for part, kept in (("summary", source.heads), ("features", source.projections)):
        own = kept[teacher.name]
        try:
            with torch.device("meta"):
                parts[part] = build_head(own) if own else None
        except (KeyError, ValueError) as error:
            raise TerralexError(
                f"{source.path}: the {part} head of {teacher.name} is of no known form: it lacks {error}"
            ) from error
        state.update({f"heads.{teacher.name}.{part}.{name}": tensor for name, tensor in own.items()})
    return Head(parts["summary"], parts["features"], teacher.slot, teacher.upsample)
