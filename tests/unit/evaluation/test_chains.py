"""Benchmarks of ordering, read as their authors wrote them and as disks leave them."""

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest

from terralex.evaluation.chains import read_chain_data
from terralex.runtime.errors import UsageError


def write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_rcme_names_pictures_by_path(tmp_path: Path) -> None:
    rows = [("a/1.jpg", "A => A B => A B c"), ("b/2.jpg", "A=>A D"), ("a/1.jpg", "E")]
    data = read_chain_data(write(tmp_path / "order_dataset.csv", ["img_fn", "captions"], rows))
    assert data.layout == "rcme"
    assert data.pictures == (str(tmp_path / "a/1.jpg"), str(tmp_path / "b/2.jpg"))
    assert data.references == (("A", "A B", "A B c"), ("A", "A D"), ("E",))
    assert (data.picture_of, data.notes) == ((0, 1, 0), ())
    (tmp_path / "elsewhere").mkdir()
    moved = read_chain_data(tmp_path / "order_dataset.csv", tmp_path / "elsewhere")
    assert moved.pictures[0] == str(tmp_path / "elsewhere/a/1.jpg")


def test_hierarcaps_finds_pictures_by_the_name_in_their_address(tmp_path: Path) -> None:
    """The column id counts rows: here each is the number of another row's picture."""
    images = tmp_path / "test_imgs"
    images.mkdir()
    for number in (0, 1, 2):
        (images / f"COCO_val2014_{number:012d}.jpg").touch()
    numbers = (2, 0, 1)
    urls = [f"http://images.cocodataset.org/val2014/COCO_val2014_{n:012d}.jpg" for n in numbers]
    texts = ("food => cake", "dog, black", "cat")
    rows = [(i, text, url) for i, (text, url) in enumerate(zip(texts, urls, strict=True))]
    table = write(tmp_path / "hierarcaps_test.csv", ["id", "captions", "image_url"], rows)
    data = read_chain_data(table, images)
    assert data.layout == "hierarcaps"
    assert data.pictures == tuple(str(images / f"COCO_val2014_{n:012d}.jpg") for n in numbers)
    assert data.references == (("food", "cake"), ("dog, black",), ("cat",))


def test_hierarcaps_finds_renamed_pictures_by_their_number(tmp_path: Path) -> None:
    for name in ("42.png", "coco_0007.jpg", "7b.jpg"):
        (tmp_path / name).touch()
    rows = [(f"http://x.org/y_{n:012d}.jpg?size=1", "a => b") for n in (42, 7, 9)]
    table = write(tmp_path / "t.csv", ["image_url", "captions"], rows)
    data = read_chain_data(table)
    assert data.pictures[:2] == (str(tmp_path / "42.png"), str(tmp_path / "coco_0007.jpg"))
    assert not Path(data.pictures[2]).exists(), "it has no picture: reading it will cost it a row"
    (tmp_path / "other_42.jpg").touch()
    with pytest.raises(UsageError, match=r"2 pictures whose names end in the number 42, such as .*--images"):
        read_chain_data(table)


def test_a_picture_without_a_number_is_found_by_its_name_alone(tmp_path: Path) -> None:
    (tmp_path / "cover.jpg").touch()
    rows = [("http://x.org/dog.jpg", "animal => dog")]
    data = read_chain_data(write(tmp_path / "t.csv", ["image_url", "captions"], rows))
    assert data.pictures == (str(tmp_path / "dog.jpg"),)


def test_a_file_that_was_cut_short_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    rows = [(f"{i}.jpg", f"thing => thing {i * i} => thing {i**3} µ") for i in range(3000)]
    plain = write(tmp_path / "expanded.csv", ["img_fn", "positive"], rows).read_bytes()
    zipped = tmp_path / "expanded.csv.gz"
    zipped.write_bytes(gzip.compress(plain))
    whole = read_chain_data(zipped)
    assert (len(whole.references), whole.notes) == (3000, ())
    content = zipped.read_bytes()
    for end in (len(content) // 2, len(content) - 9, len(content) - 4):
        zipped.write_bytes(content[:end])
        data = read_chain_data(zipped)
        count = len(data.references)
        assert 1000 < count <= 3000
        assert data.references == whole.references[:count], "no half of a chain is taken for a whole one"
        assert data.notes == (f"{zipped} is cut short; used are the {count:,} rows that are there",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "this has none"),
        ("img_fn,words\na.jpg,b\n", "this has img_fn, words"),
        ("id,captions\n1,b\n", r"img_fn \(RCME\) or image_url \(HierarCaps\), and this has id, captions"),
        ("img_fn,captions\n", "has no rows"),
        ("img_fn,captions\na.jpg,b\na.jpg,b => => c\n", "line 3: a row names a picture in img_fn"),
        ("img_fn,captions\n,b\n", "line 2: a row names a picture"),
        ("img_fn,captions\na.jpg\n", "line 2: a row names a picture"),
        (b"img_fn,captions\n\xff.jpg,b\n", "is not UTF-8"),
    ],
)
def test_what_is_no_benchmark_is_told(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match=message):
        read_chain_data(path)


def test_files_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*absent\.csv"):
        read_chain_data(tmp_path / "absent.csv")
    with pytest.raises(UsageError, match=r"no folder .*--images"):
        read_chain_data(tmp_path / "absent.csv", tmp_path / "nowhere")
    (tmp_path / "no.csv.gz").write_bytes(b"img_fn,captions\na,b\n")
    with pytest.raises(UsageError, match="is no gzip file"):
        read_chain_data(tmp_path / "no.csv.gz")
