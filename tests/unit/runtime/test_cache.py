import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import terralex
from terralex.runtime import InputError
from terralex.runtime.cache import VectorCache, cache_dir, cache_key, content_key

VECTOR = np.array([0.1, -2, 3e-9], np.float32)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for caches that does not exist yet."""
    monkeypatch.setenv("TERRALEX_CACHE", str(tmp_path / "deep" / "cache"))
    return tmp_path / "deep" / "cache"


def test_where_caches_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TERRALEX_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_dir() == Path.home() / ".cache" / "terralex"
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_dir() == Path("/somewhere/terralex")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_dir() == Path.home() / "Library" / "Caches" / "terralex"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert cache_dir() == Path("/local/terralex")
    monkeypatch.setenv("TERRALEX_CACHE", "~/mine")
    assert cache_dir() == Path.home() / "mine"


def test_vectors_come_back_exactly_also_in_a_later_run(folder: Path) -> None:
    cache = VectorCache("text")
    assert cache.get_many([b"a", b"b"]) == {}
    cache.put_many({b"a": VECTOR, b"b": [1.0, 2.0]})
    cache.put_many({b"b": VECTOR * 2})
    cache.close()
    found = VectorCache("text").get_many([b"b", b"missing", b"a", b"a"])
    assert found.keys() == {b"a", b"b"}
    assert found[b"a"].dtype == np.float32
    np.testing.assert_array_equal(found[b"a"], VECTOR)
    np.testing.assert_array_equal(found[b"b"], VECTOR * 2)
    assert VectorCache("images").get_many([b"a"]) == {}


def test_vectors_may_be_changed_by_whoever_asked_for_them(folder: Path) -> None:
    cache = VectorCache("text")
    cache.put_many({b"a": VECTOR})
    cache.get_many([b"a"])[b"a"][:] = 0
    np.testing.assert_array_equal(cache.get_many([b"a"])[b"a"], VECTOR)


def test_many_keys_at_once(folder: Path) -> None:
    cache = VectorCache("text")
    vectors = {cache_key(str(i)): np.full(4, i, np.float32) for i in range(3000)}
    cache.put_many(vectors)
    found = cache.get_many(vectors)
    assert all(np.array_equal(found[key], vector) for key, vector in vectors.items())


def test_a_damaged_file_is_replaced(folder: Path) -> None:
    folder.mkdir(parents=True)
    file = folder / "text.sqlite"
    file.write_bytes(b"this is no database" * 100)
    cache = VectorCache("text")
    assert cache.get_many([b"a"]) == {}
    cache.put_many({b"a": VECTOR})
    np.testing.assert_array_equal(VectorCache("text").get_many([b"a"])[b"a"], VECTOR)


def test_a_file_damaged_in_the_middle_never_gives_a_wrong_vector(folder: Path) -> None:
    cache = VectorCache("text")
    vectors = {cache_key(str(i)): np.full(300, i, np.float32) for i in range(200)}
    cache.put_many(vectors)
    cache.close()
    content = bytearray((folder / "text.sqlite").read_bytes())
    generator = np.random.default_rng(0)
    for position in generator.integers(4096, len(content), 60):
        content[position] ^= 0xFF
    (folder / "text.sqlite").write_bytes(content)
    found = VectorCache("text").get_many(vectors)
    assert len(found) < len(vectors)
    assert all(np.array_equal(vector, vectors[key]) for key, vector in found.items())


def test_a_file_of_another_layout_counts_as_empty(folder: Path) -> None:
    folder.mkdir(parents=True)
    connection = sqlite3.connect(folder / "text.sqlite")
    connection.execute("CREATE TABLE vectors (something TEXT)")
    connection.close()
    cache = VectorCache("text")
    cache.put_many({b"a": VECTOR})
    assert cache.get_many([b"a"]) == {}


def test_no_place_to_write_counts_as_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TERRALEX_CACHE", str(tmp_path / "file" / "cache"))
    cache = VectorCache("text")
    cache.put_many({b"a": VECTOR})
    assert cache.get_many([b"a"]) == {}


def test_no_home_folder_counts_as_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("TERRALEX_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert VectorCache("text").get_many([b"a"]) == {}


def test_a_cache_that_cannot_be_written_is_still_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    VectorCache("text").put_many({b"a": VECTOR})
    cache = VectorCache("text")
    cache.get_many([])
    assert cache._connection is not None
    cache._connection.execute("PRAGMA query_only = ON")
    cache.put_many({b"b": VECTOR})
    assert cache.get_many([b"a", b"b"]).keys() == {b"a"}


def test_a_cache_locked_for_too_long_counts_as_empty(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("terralex.runtime.cache.LOCK_SECONDS", 0.1)
    VectorCache("text").put_many({b"a": VECTOR})
    other = sqlite3.connect(folder / "text.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    cache = VectorCache("text")
    assert cache.get_many([b"a"]) == {}
    other.execute("ROLLBACK")
    other.close()
    assert cache.get_many([b"a"]) == {}  # or every call of a long run would wait as long
    assert cache.get_many([b"a"]) == {}
    assert VectorCache("text").get_many([b"a"]).keys() == {b"a"}


WRITER = """
import sys
import numpy as np
from terralex.runtime.cache import VectorCache, cache_key

cache = VectorCache("shared")
for i in range(100):
    cache.put_many({cache_key(sys.argv[1], str(i)): np.full(64, i, np.float32)})
"""


def test_several_processes_write_at_once(folder: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(terralex.__file__).parents[1])}
    command = [sys.executable, "-W", "error", "-c", WRITER]
    processes = [subprocess.Popen([*command, name], env=environment) for name in "abc"]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    keys = [cache_key(name, str(i)) for name in "abc" for i in range(100)]
    assert len(VectorCache("shared").get_many(keys)) == 300


def test_several_threads_use_one_cache(folder: Path) -> None:
    cache = VectorCache("text")

    def work(name: str) -> None:
        for i in range(30):
            cache.put_many({cache_key(name, str(i)): VECTOR})
            assert cache.get_many([cache_key(name, str(i))])

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache.get_many([cache_key(name, str(i)) for name in "abcd" for i in range(30)])) == 120


def test_keys_tell_parts_apart() -> None:
    keys = [cache_key("ab", "c"), cache_key("a", "bc"), cache_key("abc"), cache_key("abc", ""), cache_key()]
    assert len(set(keys)) == 5
    assert cache_key("ä", b"x") == cache_key("ä".encode(), "x")


def test_content_keys_follow_content_not_names(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100)
    (tmp_path / "b").write_bytes(b"x" * 100)
    (tmp_path / "c").write_bytes(b"y" * 100)
    assert content_key(tmp_path / "a") == content_key(tmp_path / "b") != content_key(tmp_path / "c")


def test_content_key_of_a_scene_covers_every_file_and_its_name(tmp_path: Path) -> None:
    for scene in ("one", "two"):
        (tmp_path / scene / "sub").mkdir(parents=True)
        (tmp_path / scene / "B02.tif").write_bytes(b"2")
        (tmp_path / scene / "sub" / "B03.tif").write_bytes(b"3")
    same = content_key(tmp_path / "one")
    assert content_key(tmp_path / "two") == same
    (tmp_path / "two" / "sub" / "B03.tif").write_bytes(b"4")
    assert content_key(tmp_path / "two") != same
    (tmp_path / "one" / "B02.tif").rename(tmp_path / "one" / "B04.tif")
    assert content_key(tmp_path / "one") != same


def test_pipes_and_devices_are_not_read(tmp_path: Path) -> None:
    """Nobody may ever write to a pipe, and a device has no end."""
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", Path("/dev/zero")):
        with pytest.raises(InputError, match="not a regular file"):
            content_key(path)


def test_content_key_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*gone\.jpg: No such file"):
        content_key(tmp_path / "gone.jpg")
