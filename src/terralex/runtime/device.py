"""Where the tensors live and how precise they are."""

import torch

from terralex.runtime.errors import UsageError

_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def resolve_device(name: str = "auto") -> torch.device:
    """The device to compute on.

    Args:
        name: `auto` (a GPU if there is one, else the CPU), `cpu`, `cuda`, `cuda:1`, or `mps`.

    Returns:
        A device that this machine has.

    Raises:
        UsageError: There is no such device, or this machine lacks it.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda", "mps"):
        raise UsageError(f"unknown device {name!r}: use auto, cpu, cuda, cuda:N or mps")
    if device.type == "cuda" and (device.index or 0) >= _gpu_count():
        raise UsageError(f"no device {name}: {_gpus()}; pass --device auto or --device cpu")
    if device.type == "mps" and not _has_mps():
        raise UsageError("no device mps: torch sees no Apple GPU; pass --device auto or --device cpu")
    return device


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """The number type to run a model in.

    Args:
        name: `auto`, `float32`, `bfloat16` or `float16`. `auto` is bfloat16 on a CUDA GPU that has
            instructions for it, else float32; see `is_emulated`.
        device: Where the model runs.

    Returns:
        The floating-point type.

    Raises:
        UsageError: There is no such precision.
    """
    if name == "auto":
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if fast else torch.float32
    if name not in _PRECISIONS:
        raise UsageError(f"unknown precision {name!r}: use auto, {', '.join(_PRECISIONS)}")
    return _PRECISIONS[name]


def is_emulated(dtype: torch.dtype, device: torch.device) -> bool:
    """Whether a device has no instructions for bfloat16, and so computes in it more slowly than in float32.

    Of processors only those of x86-64 are asked, for AMX or AVX-512 BF16.
    """
    if dtype is not torch.bfloat16:
        return False
    if device.type == "cuda":
        return not torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return False
    has = torch.cpu.get_capabilities()
    return has.get("architecture") == "x86_64" and not (has.get("amx_bf16") or has.get("avx512_bf16"))


def _has_mps() -> bool:
    return torch.backends.mps.is_available()


def _gpu_count() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _gpus() -> str:
    count = _gpu_count()
    return "torch sees no CUDA GPU" if count == 0 else f"torch sees CUDA GPUs 0 to {count - 1} only"
