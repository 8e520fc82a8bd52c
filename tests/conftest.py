"""What every test stands on: real imagery if it is there, no network, caches of its own."""

import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import settings

from .processes import Starter

REPOSITORY = Path(__file__).resolve().parents[1]
STARTED = time.monotonic()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--parity-dir", type=Path, metavar="DIR", help="run the parity cases in or below DIR")
    parser.addoption("--time-limit", type=float, metavar="SECONDS", help="skip what has not begun by then")


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse connections to other machines and look-ups of their names, whatever library makes them.

    Servers on this machine may be used: their loopback addresses and the name localhost.
    """
    if event in ("socket.connect", "socket.sendto") and arguments[0].family != socket.AF_UNIX:
        address = arguments[1]
        if not _is_loopback(address[0]):
            raise AssertionError(f"a test tried to connect to {address!r}")
    if event == "socket.getaddrinfo" and not _is_loopback(arguments[0]):
        raise AssertionError(f"a test tried to look up {arguments[0]!r}")


def _is_loopback(host: str | bytes | None) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "localhost"):  # no name stands for this machine
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def pytest_configure(config: pytest.Config) -> None:
    """Shut the network, and point every cache at a folder that goes with this run."""
    sys.addaudithook(_refuse_network)
    # Compiled modules are kept, also where the environment says otherwise: else each of the suite's processes
    # compiles the whole package and each worker all tests, which takes longer than most tests do.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # A busy machine is no failure. The same examples every time, so that a failure can be repeated; with
    # --hypothesis-profile=long others, and more.
    settings.register_profile("short", deadline=None, derandomize=True, max_examples=40)
    settings.register_profile("long", deadline=None, max_examples=1000)
    settings.load_profile(config.getoption("--hypothesis-profile") or "short")
    scratch = Path(tempfile.mkdtemp(prefix="terralex-tests-"))
    config.add_cleanup(lambda: shutil.rmtree(scratch, ignore_errors=True))
    os.environ["TERRALEX_CACHE"] = str(scratch / "terralex")
    os.environ["HF_HOME"] = str(scratch / "huggingface")
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", "TERRALEX_OFFLINE"):
        os.environ.pop(name, None)
    # A shell ignores Ctrl-C in background jobs, and so would the commands that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Small pictures on many threads are slower than on one, and workers share the cores.
    torch.set_num_threads(int(os.environ.setdefault("OMP_NUM_THREADS", "1")))


def pytest_runtest_setup(item: pytest.Item) -> None:
    limit = item.config.getoption("--time-limit")
    if limit is not None and time.monotonic() - STARTED > limit:
        pytest.skip(f"the time limit of {limit:g} s is reached")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real imagery; the test is skipped, saying so, where it is absent."""
    root = Path(os.environ.get("TERRALEX_DATA") or REPOSITORY.parent / "shared" / "data")
    if not root.is_dir():
        pytest.skip(f"no real imagery: {root} is absent (set TERRALEX_DATA)")
    return root


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A pocket model too small to know anything, as `--model` takes it: random weights, always the same."""
    import torch

    from terralex.models import Model, WeightSource, get_card, save_model
    from terralex.models.networks import build

    pocket = get_card("pocket")
    small = {**pocket.architecture, "width": 64, "depth": 2, "text_width": 64, "text_depth": 1}
    card = replace(
        pocket,
        name="tiny",
        architecture=small,
        weights=WeightSource(files=("model.safetensors",)),
        geometry="cosine",
        root=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        folder = save_model(Model(card, *build(card)), tmp_path_factory.mktemp("model"))
    return f"local-dir:{folder}"


@pytest.fixture
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """`start("terralex", ...)` or `start(script, ...)` in a process of its own, which ends with the test."""
    starter = Starter(tmp_path_factory.mktemp("processes"))
    yield starter
    starter.stop()


@pytest.fixture
def killed_at_operations(start: Starter) -> Callable[..., int]:
    """Kills runs of a case at many of their file operations, see `crash_points.py`: how many were tried."""

    def run(case: Path, folder: Path, points: int | str, form: str = "") -> int:
        script = REPOSITORY / "tests" / "crash_points.py"
        return int(start(script, case, folder, points, form).succeed())

    return run


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Small pictures `0.png` to `3.png`, `4.jpg` that is none, and `again/1.png` that equals `1.png`."""
    folder = tmp_path / "pictures"
    (folder / "again").mkdir(parents=True)
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(folder / f"{number}.png")
    shutil.copy(folder / "1.png", folder / "again")
    (folder / "4.jpg").write_text("no picture")
    return folder


@pytest.fixture(scope="session")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of a made room, with labels: ten small frames. Tests that change it take a copy."""
    from terralex.synthetic.rooms import make_room, write_sequence

    root = tmp_path_factory.mktemp("rooms")
    return write_sequence(make_room(0), root, layout="semantic-nerf", frames=10, size=(48, 64))
