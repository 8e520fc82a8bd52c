from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from terralex.imagery import Image, read_image
from terralex.models import Model, Prepared, load_model
from terralex.recognition import Encoded, Encoder, Item, as_items, list_items
from terralex.runtime import TerralexError, UsageError


@pytest.fixture(scope="module")
def model(tiny_model: str) -> Model:
    return load_model(tiny_model)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TERRALEX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def batches(model: Model, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images went through the model at each call."""
    sizes: list[int] = []
    encode = model.encode_images

    def counting(images: Sequence[Prepared], batch_size: int) -> torch.Tensor:
        sizes.append(len(images))
        return encode(images, batch_size)

    monkeypatch.setattr(model, "encode_images", counting)
    return sizes


def flat(chunks: Iterator[list[Encoded]]) -> list[Encoded]:
    return [entry for chunk in chunks for entry in chunk]


def vectors(entries: Sequence[Encoded]) -> list[bytes | None]:
    return [entry.features.vector.tobytes() if entry.features else None for entry in entries]


def test_chunks_are_in_order_and_hold_one_result_an_item(model: Model, pictures: Path) -> None:
    encoder = Encoder(model, batch_size=4, cache=False)
    chunks = list(encoder.chunks(list_items([str(pictures)])))
    assert [len(chunk) for chunk in chunks] == [4, 2]
    names = [str(Path(entry.path).relative_to(pictures)) for entry in chunks[0] + chunks[1]]
    assert names == ["0.png", "1.png", "2.png", "3.png", "4.jpg", "again/1.png"]
    assert chunks[1][0].features is None
    assert chunks[1][0].error
    assert str(pictures) not in chunks[1][0].error
    for entry in [*chunks[0], chunks[1][1]]:
        assert entry.error is None
        assert entry.features
        assert entry.features.vector.dtype == np.float32
        assert np.linalg.norm(entry.features.vector) == pytest.approx(1, abs=1e-6)
        assert entry.features.bands == ("blue", "green", "red")
        assert "filled with the mean" in entry.features.notes


def test_vectors_are_those_of_the_model(model: Model, pictures: Path) -> None:
    expected = model.encode_images([str(pictures / "0.png")]).numpy()[0]
    entry = flat(Encoder(model).chunks(list_items([str(pictures / "0.png")])))[0]
    assert entry.features
    np.testing.assert_allclose(entry.features.vector, expected, atol=1e-6)


def test_a_start_gives_the_same_later_chunks(model: Model, pictures: Path) -> None:
    items = list_items([str(pictures)])
    encoder = Encoder(model, batch_size=2, cache=False)
    assert vectors(flat(encoder.chunks(items, start=1))) == vectors(flat(encoder.chunks(items)))[2:]


def test_a_hit_gives_the_same_row_and_skips_the_model(
    model: Model, pictures: Path, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    items = list_items([str(pictures)])
    first = flat(Encoder(model, batch_size=4).chunks(items))
    assert batches == [4]  # again/1.png is 1.png, 4.jpg is no picture
    monkeypatch.setattr(
        "terralex.recognition.encoder.read_image", lambda *_, **__: pytest.fail("it was decoded again")
    )
    usable = [*items[:4], items[5]]
    again = flat(Encoder(model, batch_size=3).chunks(usable))
    assert batches == [4]
    for old, new in zip([*first[:4], first[5]], again, strict=True):
        assert old.features
        assert new.features
        assert new.features.vector.tobytes() == old.features.vector.tobytes()
        assert (new.path, new.window, new.error) == (old.path, old.window, old.error)
        assert (new.features.bands, new.features.notes) == (old.features.bands, old.features.notes)


def test_equal_files_of_a_chunk_are_encoded_once(model: Model, pictures: Path, batches: list[int]) -> None:
    entries = flat(Encoder(model, batch_size=8).chunks(list_items([str(pictures)])))
    assert batches == [4]
    assert vectors(entries)[1] == vectors(entries)[5]


def test_without_a_cache_nothing_is_kept(
    model: Model, pictures: Path, batches: list[int], own_cache: Path
) -> None:
    for _ in range(2):
        flat(Encoder(model, cache=False).chunks(list_items([str(pictures)])))
    assert batches == [5, 5]
    assert not own_cache.exists()


def test_other_content_units_or_window_are_no_hit(model: Model, tmp_path: Path, batches: list[int]) -> None:
    path = str(tmp_path / "tile.npy")
    np.save(path, np.random.default_rng(0).integers(1, 9999, (10, 40, 40)).astype(np.uint16))

    def encode(
        window: tuple[int, int, int, int] | None = None, units: str = "dn", bands: str = "msclip"
    ) -> bytes:
        encoder = Encoder(model, bands=bands, units=units)
        entry = flat(encoder.chunks([Item(path, path, window)]))[0]
        assert entry.features, entry.error
        assert entry.window == window
        return entry.features.vector.tobytes()

    reversed_bands = "B12,B11,B8A,B08,B07,B06,B05,B04,B03,B02"
    results = [encode(), encode((0, 0, 20, 20)), encode((5, 0, 20, 20)), encode(units="dn+1000")]
    results.append(encode(bands=reversed_bands))
    np.save(path, np.random.default_rng(1).integers(1, 9999, (10, 40, 40)).astype(np.uint16))
    results.append(encode())
    assert len(set(results)) == len(results) == len(batches)
    assert encode((0, 0, 20, 20)) not in results[:1]


def test_another_precision_is_no_hit(tiny_model: str, model: Model, pictures: Path) -> None:
    items = list_items([str(pictures / "0.png")])
    half = load_model(tiny_model, precision="bfloat16")
    assert vectors(flat(Encoder(model).chunks(items))) != vectors(flat(Encoder(half).chunks(items)))


def test_a_cache_that_cannot_be_used_costs_nothing(
    model: Model, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = list_items([str(pictures)])
    expected = vectors(flat(Encoder(model, batch_size=2, cache=False).chunks(items)))
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TERRALEX_CACHE", str(tmp_path / "file"))
    found = vectors(flat(Encoder(model, batch_size=2).chunks(items)))
    assert found == expected


def test_images_in_memory_and_windows_keep_their_names(model: Model, pictures: Path) -> None:
    path = pictures / "0.png"
    picture = PIL.Image.open(path)
    array = np.asarray(picture)
    window = (4, 2, 16, 12)
    inputs = [path, array, picture.copy(), read_image(path), (str(path), window), (array, window)]
    entries = flat(Encoder(model).stream(inputs))
    assert [entry.path for entry in entries] == [
        str(path),
        "array 1",
        "image 2",
        str(path),
        str(path),
        "array 5",
    ]
    assert [entry.window for entry in entries] == [None, None, None, None, window, window]
    assert [entry.error for entry in entries] == [None] * 6
    whole = [entry.features.vector for entry in entries[:4] if entry.features]
    np.testing.assert_allclose(whole, [whole[0]] * 4, atol=1e-6)
    parts = [entry.features.vector for entry in entries[4:] if entry.features]
    np.testing.assert_allclose(parts[0], parts[1], atol=1e-6)
    assert np.abs(whole[0] - parts[0]).max() > 1e-3


@pytest.mark.parametrize("kind", ["path", "array", "picture", "image"])
def test_a_single_input_is_one_input(pictures: Path, kind: str) -> None:
    picture = PIL.Image.open(pictures / "0.png")
    single = {
        "path": str(pictures / "0.png"),
        "array": np.asarray(picture),
        "picture": picture,
        "image": Image.from_pil(picture),
    }[kind]
    assert len(list(as_items(single))) == 1
    assert len(list(as_items((single, (0, 0, 4, 4))))) == 1


def test_folders_and_globs_become_files(pictures: Path) -> None:
    assert len(list(as_items(pictures))) == 6
    assert len(list(as_items([f"{pictures}/**/*.png", pictures / "4.jpg"]))) == 6
    with pytest.raises(UsageError, match="nothing matches"):
        list(as_items(f"{pictures}/*.tif"))


def test_an_iterator_is_read_as_needed(model: Model) -> None:
    taken = 0

    def arrays() -> Iterator[np.ndarray]:
        nonlocal taken
        while True:
            taken += 1
            yield np.full((8, 8, 3), taken % 256, np.uint8)

    stream = Encoder(model, batch_size=2, cache=False).stream(arrays())
    assert [entry.path for entry in next(stream)] == ["array 0", "array 1"]
    assert taken <= 2 * 4 + 1


def test_numbers_that_are_not_finite_are_an_error(
    model: Model, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = model.encode_images

    def broken(images: Sequence[Prepared], batch_size: int) -> torch.Tensor:
        rows = encode(images, batch_size).clone()
        rows[1, 0] = torch.nan
        return rows

    items = list_items([str(pictures / "0.png"), str(pictures / "2.png")])
    with monkeypatch.context() as patch:
        patch.setattr(model, "encode_images", broken)
        entries = flat(Encoder(model).chunks(items))
    assert entries[0].features
    assert entries[1].error == "the model gives no finite numbers for it"
    assert flat(Encoder(model).chunks(items))[1].features, "what was broken must not be kept"


def test_a_full_device_says_what_to_do(model: Model, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(images: Sequence[Prepared], batch_size: int) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(model, "encode_images", full)
    with pytest.raises(TerralexError, match="no room for 4 images at once: use a smaller batch size"):
        flat(Encoder(model).chunks(list_items([str(pictures)])))


@pytest.mark.parametrize(("bands", "units"), [("B99", None), (None, "furlongs")])
def test_unknown_bands_and_units_are_refused_at_once(
    model: Model, bands: str | None, units: str | None
) -> None:
    with pytest.raises(UsageError, match="unknown"):
        Encoder(model, bands=bands, units=units)
