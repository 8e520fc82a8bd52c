import io
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from terralex.runtime import UsageError, expand_inputs, natural_key
from terralex.runtime.inputs import describe_left_out

PICTURES = frozenset({".jpg", ".tif"})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with some pictures in it."""
    names = ["b/tile10.jpg", "b/tile2.jpg", "b/Tile1.JPG", "b/sub/x.tif", "b/notes.txt", "a.jpg", "c.tif"]
    hidden = ["b/.hidden.jpg", "b/.git/y.jpg"]
    for name in names + hidden:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def expand(*arguments: str) -> list[str]:
    return expand_inputs(arguments, PICTURES)


def typed(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))


def test_folders_give_pictures_below_them_in_natural_order(folder: Path) -> None:
    assert expand("b") == ["b/sub/x.tif", "b/Tile1.JPG", "b/tile2.jpg", "b/tile10.jpg"]


def test_arguments_keep_their_order_and_each_input_comes_once(folder: Path) -> None:
    assert expand("c.tif", "b/tile2.jpg", "./b", "a.jpg", "./c.tif", str(folder / "a.jpg")) == [
        "c.tif",
        "b/tile2.jpg",
        "./b/sub/x.tif",
        "./b/Tile1.JPG",
        "./b/tile10.jpg",
        "a.jpg",
    ]


def test_what_systems_leave_in_folders_is_no_input(folder: Path) -> None:
    """Thumbnails of NAS systems, resource forks, checkpoints of notebooks, recycle bins."""
    names = ["@eaDir/tile2.jpg/SYNO_XL.jpg", "__MACOSX/._tile2.jpg", "#recycle/old.jpg", "sub/@eaDir/x.tif"]
    for name in [*names, "__MACOSX/plain.jpg", ".ipynb_checkpoints/a.jpg", "Thumbs.db"]:
        path = folder / "b" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    left_out: Counter[str] = Counter()
    pictures = ["b/sub/x.tif", "b/Tile1.JPG", "b/tile2.jpg", "b/tile10.jpg"]
    assert expand_inputs(["b"], PICTURES, left_out=left_out) == pictures
    assert left_out == {".txt": 1}
    assert expand("b/**/*.jpg") == ["b/tile2.jpg", "b/tile10.jpg"]
    assert expand("b/@eaDir/tile2.jpg") == ["b/@eaDir/tile2.jpg/SYNO_XL.jpg"], "but what is named is read"


def test_what_is_left_out_is_counted_by_ending(folder: Path) -> None:
    for name in ("x.HEIC", "y.heic", "z.nef", "README"):
        (folder / "b" / name).touch()
    left_out: Counter[str] = Counter()
    expand_inputs(["b", "a.jpg"], PICTURES, left_out=left_out)
    assert left_out == {".heic": 2, ".nef": 1, ".txt": 1, "": 1}
    words = describe_left_out(left_out)
    assert words.startswith("5 files in folders left out")
    assert words.endswith(": 2 .heic, 1 without an ending, 1 .nef, 1 .txt")
    assert describe_left_out({}) == ""
    (folder / "phone").mkdir()
    (folder / "phone" / "x.heic").touch()
    with pytest.raises(UsageError, match=r"no readable files in the folder phone.*1 \.heic"):
        expand("phone")


def test_named_files_are_kept_whatever_their_ending_and_if_they_do_not_exist(folder: Path) -> None:
    assert expand("b/notes.txt", "gone.jpg") == ["b/notes.txt", "gone.jpg"]


def test_globs(folder: Path) -> None:
    assert expand("*.tif") == ["c.tif"]
    assert expand("b/tile*") == ["b/tile2.jpg", "b/tile10.jpg"]
    assert expand("b/*.txt") == ["b/notes.txt"]
    assert expand("**/*.jpg") == ["a.jpg", "b/tile2.jpg", "b/tile10.jpg"]
    assert expand("[b]") == expand("b")


def test_a_file_whose_name_looks_like_a_glob_or_a_list_is_a_file(folder: Path) -> None:
    Path("odd[1].jpg").touch()
    Path("@home.jpg").touch()
    assert expand("odd[1].jpg", "@home.jpg") == ["odd[1].jpg", "@home.jpg"]


def test_lists(folder: Path) -> None:
    Path("list.txt").write_bytes("\ufeffa.jpg\r\n\r\ngone [1].jpg\r\nb\r\n".encode())
    assert expand("@list.txt") == ["a.jpg", "gone [1].jpg", *expand("b")]


def test_standard_input(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(b"c.tif\nb\n", monkeypatch)
    assert expand("a.jpg", "-") == ["a.jpg", "c.tif", *expand("b")]


def test_names_that_are_not_text_survive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = os.fsdecode(b"b/caf\xe9.jpg")
    Path(name).touch()
    assert name in expand("b")
    typed(b"b/caf\xe9.jpg\n", monkeypatch)
    assert expand("-") == [name]


def test_a_scene_folder_is_one_input_named_or_found(folder: Path) -> None:
    Path("b/scene").mkdir()
    Path("b/scene/B02.tif").touch()

    def is_scene(path: str) -> bool:
        return os.path.basename(path) == "scene"

    assert expand_inputs(["b/scene"], PICTURES, is_scene) == ["b/scene"]
    assert expand_inputs(["b"], PICTURES, is_scene)[0] == "b/scene"


def test_links_are_followed_and_loops_end(folder: Path) -> None:
    Path("b/sub/up").symlink_to(folder / "b")
    Path("b/self").symlink_to("self")
    Path("linked").symlink_to("b/sub")
    assert expand("b") == ["b/sub/x.tif", "b/Tile1.JPG", "b/tile2.jpg", "b/tile10.jpg"]
    assert "linked/x.tif" in expand("linked")


def test_a_folder_that_may_not_be_listed_costs_one_row(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuse(path: str) -> object:  # permissions do not stop root, who may run the tests
        if path == "b/sub":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert expand("b") == ["b/sub", "b/Tile1.JPG", "b/tile2.jpg", "b/tile10.jpg"]


@pytest.mark.parametrize("text", ["images:\n  - b\n  - a.jpg\n", "[b, a.jpg]"])
def test_a_list_may_be_yaml(folder: Path, text: str) -> None:
    Path("list.yaml").write_text(text)
    assert expand("@list.yaml") == [*expand("b"), "a.jpg"]


@pytest.mark.parametrize("text", ["images: 3", "[1, 2]", "a.jpg", "[a", "images: [{b: c}]"])
def test_yaml_that_is_no_list_of_paths(folder: Path, text: str) -> None:
    Path("list.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"list\.yaml is not"):
        expand("@list.yaml")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("empty", r"no readable files in the folder empty or below it: looked for \.jpg \.tif"),
        ("*.png", r"nothing matches \*\.png: looked for \.jpg \.tif"),
        ("@nothing.txt", "nothing.txt names nothing to read"),
        ("@gone.txt", "cannot read the list gone.txt: No such file"),
        ("@empty", "cannot read the list empty: Is a directory"),
        ("@picture.jpg", "picture.jpg is not a list"),
        ("-", "standard input names nothing to read"),
    ],
)
def test_an_argument_that_names_nothing_is_refused(
    argument: str, message: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("empty").mkdir()
    Path("nothing.txt").write_text("\n \n")
    Path("picture.jpg").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF\0")
    typed(b"\n", monkeypatch)
    with pytest.raises(UsageError, match=message):
        expand("a.jpg", argument)


def test_no_arguments_are_refused() -> None:
    with pytest.raises(UsageError, match="no inputs: name files"):
        expand()


def test_natural_key_is_a_total_order() -> None:
    names = ["a", "a1", "A1", "a01", "a2", "a10", "a10b", "b", "1", "01", "10", ""]
    assert sorted(names, key=natural_key) == [
        "",
        "01",
        "1",
        "10",
        "a",
        "a01",
        "A1",
        "a1",
        "a2",
        "a10",
        "a10b",
        "b",
    ]
    assert len({natural_key(name) for name in names}) == len(names)
