"""`--engine ray` gives what this process gives. Ray is started once, on this machine."""

import csv
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from pyarrow.parquet import read_table

from terralex.cli.app import run
from terralex.models import load_model
from terralex.recognition import Encoder, list_items
from terralex.runtime import TerralexError, UsageError
from terralex.runtime.cluster import map_on_ray

ray = pytest.importorskip("ray")
CPU = torch.device("cpu")

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
    pytest.mark.filterwarnings("ignore:`ray_remote_args` is deprecated"),  # nothing else limits retries yet
]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    try:
        list(map_on_ray(sorted, [0], batch_size=1, device=CPU))
    except TerralexError as error:
        if not str(error).startswith("no Ray cluster could be started"):
            raise
        pytest.skip(str(error))
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import it
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


def _pairs(numbers: Sequence[int]) -> list[tuple[int, str | None]]:
    return [(number, None if number % 2 else os.getcwd()) for number in numbers]


def _fails(numbers: Sequence[int]) -> list[int]:
    if 40 in numbers:
        raise UsageError("no room for 40")
    return list(numbers)


def _dies(numbers: Sequence[int]) -> list[int]:
    os._exit(1)


def test_results_come_back_in_order_as_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    done = list(map_on_ray(_pairs, range(20), batch_size=1, device=CPU))
    assert done == [(number, None if number % 2 else str(tmp_path)) for number in range(20)]
    assert list(map_on_ray(_pairs, [], batch_size=1, device=CPU)) == []


def test_what_a_worker_raises_is_raised_here() -> None:
    with pytest.raises(UsageError, match=r"^no room for 40$"):
        list(map_on_ray(_fails, range(48), batch_size=2, device=CPU))


def test_what_kills_its_worker_again_and_again_is_given_up() -> None:
    with pytest.raises(TerralexError, match=r"the Ray cluster failed: .*(died|unavailable)"):
        list(map_on_ray(_dies, range(4), batch_size=2, device=CPU))


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps"])
def test_a_device_that_the_cluster_cannot_give_is_refused(device: str) -> None:
    with pytest.raises(UsageError, match=r"Ray cluster offers no GPU|chooses the devices itself"):
        list(map_on_ray(_pairs, range(4), batch_size=2, device=torch.device(device)))


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
    shutil.copytree(data_dir / "eurosat_ms", tmp_path / "EuroSAT_MS")
    next((tmp_path / "EuroSAT_MS").rglob("*.tif")).write_bytes(b"no picture")
    arguments = ["evaluate", "eo", "--data", str(tmp_path), "--datasets", "EuroSAT_MS", "--batch-size", "4"]
    found = []
    for engine in ("local", "ray"):
        output = tmp_path / f"{engine}.csv"
        assert run([*arguments, "-o", str(output), "--engine", engine]) == 3
        with output.open(newline="") as file:
            found.append([{**row, "seconds": None} for row in csv.DictReader(file)])
    assert found[0] == found[1]
    assert len(found[0]) > 10
    tables = [read_table(tmp_path / f"{engine}.vectors.parquet") for engine in ("local", "ray")]
    for name in ("path", "labels", "error"):
        assert tables[0].column(name).equals(tables[1].column(name))
