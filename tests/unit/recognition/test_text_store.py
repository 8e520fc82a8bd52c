import errno
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from terralex.models import Model, load_model
from terralex.recognition import text_store
from terralex.recognition.text_store import BLOCK, Vectors, stored, text_vectors
from terralex.runtime import TerralexError, UsageError, progress
from terralex.runtime.cache import cache_dir

COUNT, SIZE = 2 * BLOCK + 100, 8
TRUTH = np.random.default_rng(0).random((COUNT, SIZE), dtype=np.float32)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERRALEX_CACHE", str(tmp_path / "cache"))


class Rows:
    """Makes the rows, and notes which; stops before a row."""

    def __init__(self, stop: int | None = None) -> None:
        self.made: list[int] = []
        self._stop = stop

    def __call__(self, first: int, last: int) -> Vectors:
        if self._stop is not None and last > self._stop:
            raise KeyboardInterrupt
        self.made.append(first)
        return TRUTH[first:last]


def file() -> Path:
    (found,) = (cache_dir() / "texts").iterdir()
    return found


def test_rows_are_made_once() -> None:
    first = Rows()
    np.testing.assert_array_equal(stored(b"key", COUNT, SIZE, first), TRUTH)
    assert first.made == [0, BLOCK, 2 * BLOCK]
    second = Rows()
    again = stored(b"key", COUNT, SIZE, second)
    np.testing.assert_array_equal(again, TRUTH)
    assert second.made == []
    again[0] = 0
    np.testing.assert_array_equal(stored(b"key", COUNT, SIZE, second), TRUTH)


def test_what_was_cut_short_goes_on() -> None:
    with pytest.raises(KeyboardInterrupt):
        stored(b"key", COUNT, SIZE, Rows(stop=2 * BLOCK))
    assert file().suffix == ".part"
    with file().open("ab") as part:
        part.write(b"half a row")
    rest = Rows()
    np.testing.assert_array_equal(stored(b"key", COUNT, SIZE, rest), TRUTH)
    assert rest.made == [2 * BLOCK]
    assert file().suffix == ".vectors"


def test_a_whole_part_is_only_finished() -> None:
    stored(b"key", 2 * BLOCK, SIZE, Rows())
    whole = file()
    whole.rename(whole.with_suffix(".part"))
    rows = Rows()
    np.testing.assert_array_equal(stored(b"key", 2 * BLOCK, SIZE, rows), TRUTH[: 2 * BLOCK])
    assert rows.made == []


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_file_is_made_again(damage: str) -> None:
    stored(b"key", COUNT, SIZE, Rows())
    content = bytearray(file().read_bytes())
    content[1000] ^= 1
    damaged = {"flip": bytes(content), "cut": bytes(content[:-1]), "empty": b""}[damage]
    file().write_bytes(damaged)
    rows = Rows()
    np.testing.assert_array_equal(stored(b"key", COUNT, SIZE, rows), TRUTH)
    assert len(rows.made) == 3
    assert file().read_bytes() != damaged


def test_without_a_place_or_a_key_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.testing.assert_array_equal(stored(None, COUNT, SIZE, Rows()), TRUTH)
    assert not cache_dir().exists()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TERRALEX_CACHE", str(tmp_path / "file" / "cache"))
    np.testing.assert_array_equal(stored(b"key", COUNT, SIZE, Rows()), TRUTH)


def test_a_full_disk_is_said() -> None:
    def full(first: int, last: int) -> Vectors:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(TerralexError, match=r"cannot write .*No space left.*TERRALEX_CACHE"):
        stored(b"key", COUNT, SIZE, full)


@pytest.mark.skipif(sys.platform == "win32", reason="no locks")
def test_two_runs_do_not_write_one_file() -> None:
    def meanwhile(first: int, last: int) -> Vectors:
        program = f"""
            import numpy as np
            from terralex.recognition.text_store import stored
            stored(b"key", {COUNT}, {SIZE}, lambda first, last: np.zeros((last - first, {SIZE}), np.float32))
        """
        command = [sys.executable, "-c", textwrap.dedent(program)]
        other = subprocess.run(command, capture_output=True, text=True)
        assert "another run is encoding the same names" in other.stderr
        return TRUTH[first:last]

    np.testing.assert_array_equal(stored(b"key", BLOCK, SIZE, meanwhile), TRUTH[:BLOCK])


def test_texts_are_encoded_as_the_model_does(tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_store, "BLOCK", 4)
    model: Model = load_model(tiny_model)
    texts = [f"Animalia Chordata {n}" for n in range(10)]
    totals: list[int] = []

    def watch(total: int) -> object:
        totals.append(total)
        return progress(total, "names")

    plain = text_vectors(model, texts, watch=watch)  # type: ignore[arg-type]
    torch.testing.assert_close(torch.from_numpy(plain), model.encode_texts(texts), atol=1e-5, rtol=0)
    assert totals == [10]
    text_vectors(model, texts, watch=watch)  # type: ignore[arg-type]
    assert totals == [10], "they are kept"
    prompts = ["a photo of {c}", "a drawing of {c}"]
    prompted = torch.from_numpy(text_vectors(model, texts, prompts))
    torch.testing.assert_close(prompted, model.class_weights(texts, prompts), atol=1e-5, rtol=0)
    with pytest.raises(UsageError, match="no names"):
        text_vectors(model, [])
