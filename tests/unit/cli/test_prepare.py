import sys
from pathlib import Path

import pytest

from terralex.cli.app import run

sys.path.insert(0, str(Path(__file__).parents[1] / "training" / "treeoflife"))
from made_tree_of_life import make_source


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_source(tmp_path_factory.mktemp("data") / "TreeOfLife-10M", per_part=8, archives=1)


def test_all_splits(source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = [
        "prepare",
        "treeoflife",
        str(source),
        "-o",
        str(tmp_path / "out"),
        "--workers",
        "1",
        "--size",
        "32",
    ]
    assert run([*words, "--split", "all"]) == 3
    out, err = capfd.readouterr()
    assert out == ""
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["train_folders", "val_folders"]
    assert f"{tmp_path / 'out' / 'train_folders'}: " in err
    assert "pictures of" in err
    assert "errors.csv tells why" in err
    assert "kept out, as the lists of rare species say: 2 species" in err

    assert run([*words, "--split", "all"]) == 2
    assert "exists: pass --overwrite" in capfd.readouterr().err
    (tmp_path / "out" / "val_folders").rename(tmp_path / "gone")
    assert run([*words, "--split", "all", "--resume"]) == 0  # train is finished: val alone is made
    assert (tmp_path / "out" / "val_folders" / "image_metadata.csv").read_bytes() == (
        tmp_path / "gone" / "image_metadata.csv"
    ).read_bytes()
    capfd.readouterr()
    assert run([*words, "--split", "all", "--resume"]) == 2
    assert "finished, nothing to resume" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere", "-o", "out"], "no folder nowhere: name the folder of TreeOfLife-10M"),
        ([".", "-o", "out"], "is no TreeOfLife-10M: expected dataset/ and metadata/ in it"),
        (["here", "-o", "out"], "holds no pictures: expected eol/*.tar.gz"),
        ([".", "-o", "out", "--split", "test"], "'test' is not one of"),
        (["here", "-o", "out", "--exclude-species", "none.txt"], "none.txt cannot be read"),
        (["."], "missing option '--output'"),
    ],
)
def test_wrong_use(
    words: list[str],
    message: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("here/dataset", "here/metadata"):
        (tmp_path / name).mkdir(parents=True)
    assert run(["prepare", "treeoflife", *words]) == 2
    assert message in capfd.readouterr().err
