"""`--engine ray` gives what this process gives. Ray is started once, on this machine."""

import csv
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from terralex.cli.app import run
from terralex.models import load_model
from terralex.runtime import TerralexError, UsageError
from terralex.runtime.cluster import map_on_ray
from terralex.tasks import Encoder, list_items

ray = pytest.importorskip("ray")
CPU = torch.device("cpu")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    yield
    ray.shutdown()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for number in range(11):
        pixels = random.integers(0, 256, (40, 40, 3), np.uint8)
        PIL.Image.fromarray(pixels).save(tmp_path / f"{number:02}.png")
    (tmp_path / "07.png").write_bytes(b"no picture")
    return tmp_path


def _squares(numbers: Sequence[int]) -> list[int]:
    return [number * number for number in numbers]


def _fails(numbers: Sequence[int]) -> list[int]:
    if 4 in numbers:
        raise TerralexError("no room for 4")
    return list(numbers)


def test_parts_come_back_in_order() -> None:
    done = list(map_on_ray(_squares, range(10), size=3, device=CPU))
    assert done == [[0, 1, 4], [9, 16, 25], [36, 49, 64], [81]]
    assert list(map_on_ray(_squares, [], size=3, device=CPU)) == []


def test_what_a_worker_raises_is_said_in_one_line() -> None:
    with pytest.raises(TerralexError, match=r"^no room for 4$"):
        list(map_on_ray(_fails, range(6), size=2, device=CPU))


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps"])
def test_a_device_that_the_cluster_cannot_give_is_refused(device: str) -> None:
    with pytest.raises(UsageError, match=r"Ray cluster offers no GPU|chooses the devices itself"):
        list(map_on_ray(_squares, range(4), size=2, device=torch.device(device)))


def test_vectors_are_those_of_this_process(tiny_model: str, photos: Path) -> None:
    model, items = load_model(tiny_model), list_items([str(photos)])
    here = Encoder(model, batch_size=2, cache=False)
    there = Encoder(model, batch_size=2, engine="ray")
    assert not there.has_cache
    for start in (0, 2):
        expected, found = list(here.chunks(items, start)), list(there.chunks(items, start))
        assert [[e.path for e in chunk] for chunk in found] == [[e.path for e in chunk] for chunk in expected]
        for one, other in zip(chain(*found), chain(*expected), strict=True):
            assert one.error == other.error
            if one.features and other.features:
                np.testing.assert_allclose(one.features.vector, other.features.vector, atol=1e-6)
                assert one.features.bands == other.features.bands
    assert [e.path for e in chain(*found) if e.error] == [str(photos / "07.png")]


def test_figures_are_those_of_this_process(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "EuroSAT_MS").symlink_to(data_dir / "eurosat_ms")
    arguments = ["evaluate", "eo", "--data", str(tmp_path), "--datasets", "EuroSAT_MS", "--batch-size", "4"]
    found = []
    for engine in ("local", "ray"):
        output = tmp_path / f"{engine}.csv"
        assert run([*arguments, "-o", str(output), "--engine", engine]) == 0
        with output.open(newline="") as file:
            found.append([{**row, "seconds": None} for row in csv.DictReader(file)])
    assert found[0] == found[1]
    assert len(found[0]) > 10
