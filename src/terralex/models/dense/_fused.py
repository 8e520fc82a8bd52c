"""Correlation of tokens in one kernel on a GPU, without a matrix of all pairs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import flex_attention


def fused_correlation(direction: Tensor, value: Tensor, scale: float) -> Tensor | None:
    """Attention of unit directions to themselves without scores below 0; None if it cannot be compiled.

    Args:
        direction: float32 (B, heads, N, d), unit rows.
        value: (B, heads, N, d); the kernel computes in its type.
        scale: What cosines are multiplied by.
    """
    attend = _compiled()
    if attend is None:
        return None
    unit = direction.to(value.dtype)
    try:
        found: Tensor = attend(unit, unit, value.contiguous(), score_mod=cut_at_zero, scale=scale)
        return found
    except Exception as error:  # a compiler raises anything; what it would have done is done in blocks
        _give_up(error)
        return None


def cut_at_zero(score: Tensor, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
    """The score modification of `flex_attention`; a token's score with itself is never below 0."""
    return torch.where(score < 0, -torch.inf, score)


_given_up = False


@cache
def _compile() -> Callable[..., Any]:
    return torch.compile(flex_attention)


def _compiled() -> Callable[..., Any] | None:
    return None if _given_up else _compile()


def _give_up(error: Exception) -> None:
    global _given_up
    _given_up = True
    warnings.warn(
        f"attention on the GPU could not be compiled and runs in blocks instead: {error}",
        RuntimeWarning,
        stacklevel=3,
    )
