"""Sums over ranges of neighbouring columns, in numpy or on a tensor's own device."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def roll_up(values: Any, starts: NDArray[np.int32], width: int) -> Any:  # noqa: ANN401 (array or tensor)
    """Sum (..., width) values over the ranges that begin at `starts` and end where the next one begins.

    Args:
        values: numpy array or torch tensor; gradients flow through a tensor.
        starts: int32 (K,), rising, the first one 0.
        width: What the last axis must have.

    Returns:
        (..., K), in the type of `values`, or in float32 where that is narrower (sums of many small numbers).
    """
    if values.shape[-1] != width:
        raise ValueError(f"one value for each of {width} leaves is needed, not {tuple(values.shape)}")
    if isinstance(values, np.ndarray):
        return np.add.reduceat(values, starts, axis=-1, dtype=np.result_type(values.dtype, np.float32))
    return _sum_tensor(values, starts, width)


def _sum_tensor(values: Any, starts: NDArray[np.int32], width: int) -> Any:  # noqa: ANN401
    import torch  # whoever passes a tensor has it loaded; the others need not

    values = values.to(torch.promote_types(values.dtype, torch.float32))
    if values.device.type == "cpu" and not values.requires_grad:
        return torch.from_numpy(np.add.reduceat(values.numpy(), starts, axis=-1))
    lengths = np.diff(starts, append=width)
    columns = torch.from_numpy(np.repeat(np.arange(len(starts)), lengths)).to(values.device)
    return values.new_zeros(*values.shape[:-1], len(starts)).index_add(-1, columns, values)
