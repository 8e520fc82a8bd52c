from importlib import import_module

import pytest
import straightforward as plain
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention.flex_attention import flex_attention

from terralex.models.dense import scga, scra
from terralex.models.dense._fused import cut_at_zero

room = import_module("terralex.models.dense.attention")


def made(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def project(tokens: Tensor) -> Tensor:
    width, dtype = tokens.shape[-1], tokens.dtype
    return F.linear(
        tokens, (made(width, width, seed=1) / width**0.5).to(dtype), made(width, seed=2).to(dtype)
    )


def rounding(scale: float) -> dict[str, float]:
    """Tolerances of attention by cosines that are multiplied by a scale, for float32 against float64.

    Rounding moves a cosine of unit vectors by some eps, a score by `scale` times that, and a softmax weight,
    the exponential of the score, relatively by as much. Values and their projections are near 1.
    """
    tolerance = 8 * torch.finfo(torch.float32).eps * (1 + scale)
    return {"atol": tolerance, "rtol": tolerance}


CUT = 1e-6
"""Scores this near to zero are cut or not by rounding alone, which no tolerance covers."""


@pytest.fixture(params=[1, 7, 100, room.BLOCK])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Pairs that are compared at once, from one row to everything."""
    monkeypatch.setattr(room, "BLOCK", request.param)
    monkeypatch.setattr(room, "ROWS", 1)
    return int(request.param)


@pytest.mark.parametrize(("batch", "tokens", "heads"), [(1, 1, 1), (1, 23, 4), (3, 40, 2)])
@pytest.mark.parametrize("scale", [0.5, 10.0, 100.0])
def test_scra(block: int, batch: int, tokens: int, heads: int, scale: float) -> None:
    qkv = made(batch, tokens, 3 * 8 * heads)
    assert plain.scra_cosines(qkv.double(), project, heads).abs().min() > CUT
    expected = plain.scra(qkv.double(), project, heads, scale).float()
    torch.testing.assert_close(scra(qkv, project, heads, scale), expected, **rounding(scale))


@pytest.mark.parametrize(("places", "width"), [(1, 4), (2, 4), (37, 5), (100, 16)])
@pytest.mark.parametrize("scale", [0.5, 10.0, 100.0])
def test_scga(block: int, places: int, width: int, scale: float) -> None:
    features = made(places, width) + 0.5
    above = plain.scga_cosines(features.double())
    assert places == 1 or above.abs().min() > CUT
    expected = plain.scga(features.double(), scale).float()
    torch.testing.assert_close(scga(features, scale), expected, **rounding(scale))


@given(st.integers(1, 60), st.integers(2, 12), st.floats(0.1, 50), st.integers(0, 999))
def test_scga_of_any_size(places: int, width: int, scale: float, seed: int) -> None:
    features = made(places, width, seed=seed)
    assume(places == 1 or plain.scga_cosines(features.double()).abs().min() > CUT)
    expected = plain.scga(features.double(), scale).float()
    torch.testing.assert_close(scga(features, scale), expected, **rounding(scale))


@given(st.integers(1, 3), st.integers(1, 50), st.integers(1, 4), st.floats(0.1, 50), st.integers(0, 999))
def test_scra_of_any_size(batch: int, tokens: int, heads: int, scale: float, seed: int) -> None:
    qkv = made(batch, tokens, 3 * 4 * heads, seed=seed)
    assume(plain.scra_cosines(qkv.double(), project, heads).abs().min() > CUT)
    expected = plain.scra(qkv.double(), project, heads, scale).float()
    torch.testing.assert_close(scra(qkv, project, heads, scale), expected, **rounding(scale))


def test_pictures_of_a_batch_do_not_meet() -> None:
    qkv = made(3, 20, 48)
    together, apart = scra(qkv, project, 2, 10.0), [scra(one[None], project, 2, 10.0)[0] for one in qkv]
    torch.testing.assert_close(together, torch.stack(apart))


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1])
def test_places_that_are_all_the_same_stay_so(value: float) -> None:
    """As in a black picture: the cosine of every pair is the mean, give or take rounding."""
    features = torch.full((50, 24), value)
    torch.testing.assert_close(scga(features, 10.0), features)
    assert scra(torch.full((1, 50, 72), value), lambda tokens: tokens, 3, 10.0).isfinite().all()


def test_half_precision_keeps_what_tells_places_apart() -> None:
    """Cosines within a thousandth of 1, where bfloat16 knows no numbers but 1 and 0.996."""
    features = made(64, seed=3) + 0.03 * made(300, 64)
    exact = plain.scga(features.double(), 1e4).float()
    moved = (exact - features).norm()
    assert (scga(features, 1e4, torch.bfloat16) - exact).norm() < 0.1 * moved
    assert (plain.scga(features.bfloat16(), 1e4).float() - exact).norm() > 0.3 * moved


def test_no_matrix_of_all_pairs() -> None:
    """The blocks of 8,000 places are a small part of their 64 million pairs."""
    seen: list[int] = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # noqa: ANN001, ANN204
            result = func(*args, **(kwargs or {}))
            seen.extend(one.numel() for one in (result,) if isinstance(one, Tensor))
            return result

    with Watch():
        scga(made(8000, 8), 10.0)
        scra(made(1, 8000, 24), lambda tokens: tokens, 1, 10.0)
    assert room.BLOCK < max(seen) == room.ROWS * 8000


def test_the_cut_of_the_fused_kernel() -> None:
    """The score modification, uncompiled; the kernel itself takes a GPU."""
    direction, value = F.normalize(made(2, 3, 33, 16), dim=-1), made(2, 3, 33, 16, seed=1)
    scores = 10 * direction @ direction.transpose(-1, -2)
    expected = scores.masked_fill(scores < 0, -torch.inf).softmax(-1) @ value
    with pytest.warns(UserWarning, match="flex_attention"):
        found = flex_attention(direction, direction, value, score_mod=cut_at_zero, scale=10.0)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_on_a_gpu() -> None:
    qkv = made(2, 449, 3 * 128).cuda()
    expected = plain.scra(qkv.cpu(), project, 2, 10.0)
    found = scra(qkv, lambda tokens: project(tokens.cpu()).cuda(), 2, 10.0)
    torch.testing.assert_close(found.cpu(), expected, atol=2e-2, rtol=2e-2)
