import pytest
import torch

from terralex.runtime import UsageError
from terralex.runtime.device import is_emulated, resolve_device, resolve_precision


def has_gpus(monkeypatch: pytest.MonkeyPatch, count: int, bfloat16: bool = True) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bfloat16)


def test_cpu_is_everywhere() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    assert torch.zeros(1, device=resolve_device("auto")).sum() == 0


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x", "cuda:-1", "meta", "cpu cuda"])
def test_unknown_devices(name: str) -> None:
    with pytest.raises(UsageError, match=r"unknown device '.*': use auto, cpu, cuda, cuda:N or mps"):
        resolve_device(name)


def test_devices_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    has_gpus(monkeypatch, 0)
    with pytest.raises(UsageError, match="no device cuda: torch sees no CUDA GPU; pass --device auto"):
        resolve_device("cuda")
    has_gpus(monkeypatch, 2)
    with pytest.raises(UsageError, match="no device cuda:2: torch sees CUDA GPUs 0 to 1 only"):
        resolve_device("cuda:2")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UsageError, match="no device mps"):
        resolve_device("mps")


def test_devices_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    has_gpus(monkeypatch, 2)
    assert resolve_device("auto") == torch.device("cuda")
    assert resolve_device("cuda:1") == torch.device("cuda", 1)
    has_gpus(monkeypatch, 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto") == torch.device("mps")


def test_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    has_gpus(monkeypatch, 1, bfloat16=True)
    assert resolve_precision("auto", cpu) is torch.float32
    assert resolve_precision("auto", torch.device("mps")) is torch.float32
    assert resolve_precision("auto", cuda) is torch.bfloat16
    has_gpus(monkeypatch, 1, bfloat16=False)
    assert resolve_precision("auto", cuda) is torch.float32
    assert resolve_precision("float16", cuda) is torch.float16
    assert resolve_precision("bfloat16", cpu) is torch.bfloat16
    with pytest.raises(UsageError, match="unknown precision 'half': use auto, float32, bfloat16, float16"):
        resolve_precision("half", cpu)


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"architecture": "x86_64", "amx_bf16": False, "avx512_bf16": False}, True),
        ({"architecture": "x86_64", "amx_bf16": True, "avx512_bf16": True}, False),
        ({"architecture": "x86_64", "amx_bf16": False, "avx512_bf16": True}, False),
        ({"architecture": "aarch64"}, False),
    ],
)
def test_processors_that_emulate_bfloat16(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, object], expected: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    cpu = torch.device("cpu")
    assert is_emulated(torch.bfloat16, cpu) is expected
    assert not is_emulated(torch.float32, cpu)
    has_gpus(monkeypatch, 1, bfloat16=False)
    assert is_emulated(torch.bfloat16, torch.device("cuda"))
