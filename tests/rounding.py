"""How near numbers are that the same formula gives from equal operands.

They need not be the same bits: libraries sum in another order where operands are aligned otherwise in memory,
lie in batches of another size, or are shared among threads, and each processor has kernels of its own.
"""

import torch
from torch import Tensor

from terralex.models import Model


def equal_up_to_rounding(found: Tensor, expected: Tensor, dtype: torch.dtype = torch.float32) -> bool:
    """Whether tensors of one shape differ by at most 32 roundings of their largest value.

    Args:
        found: What is tested.
        expected: What it should be.
        dtype: What both were computed in.
    """
    tolerance = 32 * torch.finfo(dtype).eps * expected.abs().max().item() if expected.numel() else 0.0
    return found.shape == expected.shape and torch.allclose(found, expected, rtol=0, atol=tolerance)


def equal_weights(one: Model, other: Model) -> bool:
    """Whether the networks of two models have the same weights, to the bit."""
    ours, theirs = one.network.state_dict(), other.network.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
