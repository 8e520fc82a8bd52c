"""`terralex doctor`: what this machine has."""

import os
from collections.abc import Iterator
from pathlib import Path

import typer

_LIBRARIES = (
    "torch",
    "torchvision",
    "open_clip_torch",
    "timm",
    "rasterio",
    "pillow",
    "pyarrow",
    "numpy",
    "huggingface_hub",
    "typer",
    "rich",
)
_OFFLINE = ("TERRALEX_OFFLINE", "HF_HUB_OFFLINE")


def doctor() -> None:
    """Show versions, devices, folders, and which models are ready to use."""
    for heading, lines in (
        ("Versions", _versions()),
        ("Devices", _devices()),
        ("Folders", _folders()),
        ("Models", _models()),
    ):
        typer.echo(heading)
        for name, value in lines:
            typer.echo(f"  {name:<20} {value}")


def _versions() -> Iterator[tuple[str, str]]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import terralex

    yield "terralex", terralex.__version__
    yield "python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    for name in _LIBRARIES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, "missing: install terralex again"


def _devices() -> Iterator[tuple[str, str]]:
    import torch

    from terralex.runtime.device import resolve_device, resolve_precision

    yield "cpu", f"{os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads"
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        yield f"cuda:{number}", f"{about.name}, {about.total_memory / 2**30:.0f} GiB"
    chosen = resolve_device("auto")
    yield "auto", f"{chosen}, {str(resolve_precision('auto', chosen)).removeprefix('torch.')}"


def _folders() -> Iterator[tuple[str, str]]:
    from terralex.models.hub import hub_cache
    from terralex.runtime.cache import cache_dir

    yield "cache", _describe(cache_dir())
    yield "Hugging Face", _describe(hub_cache())
    offline = [name for name in _OFFLINE if os.environ.get(name)]
    yield "network", f"not used ({', '.join(offline)} is set)" if offline else "used only to fetch weights"


def _describe(folder: Path) -> str:
    if not folder.exists():
        return f"{folder} (not there yet)"
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    trouble = "" if os.access(folder, os.W_OK) else ", cannot be written"
    return f"{folder} ({size / 1e6:,.0f} MB{trouble})"


def _models() -> Iterator[tuple[str, str]]:
    from terralex.models import hub, list_cards
    from terralex.models.weight_text import text_instead_of_weights

    for card in list_cards():
        path = hub.find(card.weights, card.name)
        if path is None:
            yield card.name, f"not here: terralex models pull {card.name}"
        elif problem := text_instead_of_weights(path):
            yield card.name, f"not usable: {path}: {problem}"
        else:
            yield card.name, f"ready: {path}"
