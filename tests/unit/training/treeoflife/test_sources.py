import csv
import io
import json
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from made_tree_of_life import BEAR, CAT, OAK, picture

from terralex.runtime import InputError, UsageError
from terralex.training.treeoflife import TreeFolders, TreePictures, TreeShards, open_pictures

LINEAGES = (BEAR, CAT, OAK)


def class_folder(number: int, names: tuple[str, ...]) -> str:
    return "_".join((f"{number:05d}", *names))


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Twelve pictures of three species, in folders as of iNaturalist, beside what is no picture."""
    for number, names in enumerate(LINEAGES):
        folder = tmp_path / "train" / class_folder(number, names)
        folder.mkdir(parents=True)
        for i in range(number + 3):
            (folder / f"{i}.jpg").write_bytes(picture(10 * number + i))
        (folder / ".hidden.jpg").write_bytes(b"")
        (folder / "notes.txt").write_text("no picture")
    (tmp_path / "train" / ".cache").mkdir()
    return tmp_path / "train"


def write_shard(path: Path, samples: list[tuple[str, bytes]]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, content in samples:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Five shards of six pictures: the seventh of all is `b/6.jpg`, of species 6 % 3."""
    folder = tmp_path / "shards"
    folder.mkdir()
    for shard in range(5):
        samples = []
        for i in range(6 * shard, 6 * shard + 6):
            names = {"lineage": LINEAGES[i % 3], "common": "", "source": "EOL"}
            samples += [(f"b/{i}.jpg", picture(i)), (f"b/{i}.json", json.dumps(names).encode())]
            samples += [(f"b/{i}.txt", b"more of it")]
        write_shard(folder / f"train-{shard:06d}.tar", samples)
    return folder


def pixels(content: bytes) -> np.ndarray:
    with PIL.Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


def test_folders_as_they_come(folders: Path) -> None:
    source = open_pictures(folders)
    assert isinstance(source, TreeFolders)
    assert len(source) == 12
    assert list(source.taxonomy.lineages()) == [CAT, BEAR, OAK]
    assert source.leaves.tolist() == [1] * 3 + [0] * 4 + [2] * 5
    assert source.leaves.dtype == np.int32
    assert source.taxonomy.counts.tolist() == [4, 3, 5]
    assert source.name(4) == str(folders / class_folder(1, CAT) / "1.jpg")
    assert (source.read(4) == pixels(picture(11))).all()


def test_the_table_has_the_names_that_folders_cannot_have(folders: Path) -> None:
    hybrid = (*OAK[:5], "Mentha", "× pip/er_ita")
    names = {class_folder(1, CAT): hybrid, class_folder(2, OAK): OAK}
    with (folders / "image_metadata.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        ranks = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
        writer.writerow(["folder_name", "image_filename", "note", *ranks])
        writer.writerows([name, "0.jpg", "a, b", *lineage] for name, lineage in names.items())
    source = TreeFolders(folders)
    assert set(source.taxonomy.lineages()) == {BEAR, hybrid, OAK}
    assert len(source) == 12  # what is not in the table counts too


def test_a_row_without_its_file(folders: Path) -> None:
    folder = class_folder(1, CAT)
    rows = f"folder_name,image_filename\n{folder},0.jpg\n{folder},gone.jpg\n{folder},none.jpg\n"
    (folders / "image_metadata.csv").write_text(rows)
    with pytest.raises(UsageError, match=r"names 2 pictures that are not there, such as .*/gone\.jpg"):
        TreeFolders(folders)


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "folder_name,image_filename\nx\n"])
def test_a_table_that_is_none(folders: Path, content: str) -> None:
    (folders / "image_metadata.csv").write_text(content)
    with pytest.raises(UsageError, match=r"image_metadata\.csv (cannot be read|has no column|is damaged)"):
        TreeFolders(folders)


def test_folders_that_are_none(tmp_path: Path, folders: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        open_pictures(tmp_path / "nowhere")
    (tmp_path / "out" / "train_folders").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"holds splits, not class folders: name one, .*train_folders"):
        open_pictures(tmp_path / "out")
    with pytest.raises(UsageError, match="has no class folders"):
        open_pictures(tmp_path / "out" / "train_folders")
    (tmp_path / "out" / "train_folders" / class_folder(0, CAT)).mkdir()
    with pytest.raises(UsageError, match="its 1 class folders hold no pictures"):
        open_pictures(tmp_path / "out" / "train_folders")
    (folders / "cats").mkdir()
    (folders / "cats" / "a.jpg").write_bytes(picture(1))
    with pytest.raises(UsageError, match="'cats' is no folder name of the form NNNNN_Kingdom_"):
        TreeFolders(folders)


def test_damaged_pictures_cost_themselves_alone(folders: Path) -> None:
    source = TreeFolders(folders)
    Path(source.name(0)).write_bytes(b"torn")
    Path(source.name(1)).unlink()
    with pytest.raises(InputError, match=r"0\.jpg: its content is no picture"):
        source.read(0)
    with pytest.raises(InputError, match=r"1\.jpg: cannot be read: No such file"):
        source.read(1)


def test_shards_as_they_come(shards: Path) -> None:
    source = open_pictures(shards)
    assert isinstance(source, TreeShards)
    assert len(source) == 30
    assert list(source.taxonomy.lineages()) == [CAT, BEAR, OAK]
    assert source.taxonomy.counts.tolist() == [10, 10, 10]
    assert source.leaves.tolist() == [[1, 0, 2][i % 3] for i in range(30)]
    for i in (0, 5, 6, 29):
        assert (source.read(i) == pixels(picture(i))).all()
    assert source.name(7) == f"{shards / 'train-000001.tar'}, picture 2"


def test_a_shard_that_changed_is_gone_through_again(shards: Path) -> None:
    assert len(TreeShards(shards)) == 30
    names = json.dumps({"lineage": CAT}).encode()
    write_shard(shards / "train-000004.tar", [("x.png", picture(3, "LA")), ("x.json", names)])
    source = TreeShards(shards)
    assert len(source) == 25
    assert source.leaves[-1] == 0
    assert source.read(24).shape == (30, 40, 3)


def test_an_index_that_is_damaged_is_made_again(shards: Path) -> None:
    TreeShards(shards)
    for kept in (Path(os.environ["TERRALEX_CACHE"]) / "shards").iterdir():
        kept.write_bytes(b"torn")
    assert len(TreeShards(shards)) == 30


def test_shards_are_found_where_no_cache_can_be(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERRALEX_CACHE", str(shards / "train-000000.tar" / "below"))
    assert len(TreeShards(shards)) == 30


def lineage(names: object) -> bytes:
    return json.dumps({"lineage": names}).encode()


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([], "holds no pictures"),
        ([("a.txt", b"")], "holds no pictures"),
        ([("a.jpg", b"x")], r"a has no \.json with its lineage"),
        ([("a.json", lineage(CAT))], r"a has no picture \(\.jpg\)"),
        ([("a.jpg", b"x"), ("a.json", b"{}")], "must be a list of 7 names"),
        ([("a.jpg", b"x"), ("a.json", lineage(CAT[:3]))], "must be a list of 7 names"),
        ([("a.jpg", b"x"), ("a.json", lineage("Animals"))], "must be a list of 7 names"),
        ([("a.jpg", b"x"), ("a.json", b"torn")], "must be a list of 7 names"),
    ],
)
def test_a_shard_that_is_none(tmp_path: Path, samples: list[tuple[str, bytes]], message: str) -> None:
    write_shard(tmp_path / "train-000007.tar", samples)
    with pytest.raises(UsageError, match=rf"train-000007\.tar.*{message}"):
        TreeShards(tmp_path)


@pytest.mark.parametrize("keep", [0, 300, 512, 5000, -10240, -1024])
def test_a_shard_that_is_cut_short(shards: Path, keep: int) -> None:
    path = shards / "train-000003.tar"
    with tarfile.open(path) as tar:
        end = max(member.offset_data + -(-member.size // 512) * 512 for member in tar)
    content = path.read_bytes()
    path.write_bytes(content[:keep] if keep >= 0 else content[: end + 1024 + keep])
    with pytest.raises(UsageError, match=r"train-000003\.tar is cut short or no tar file"):
        TreeShards(shards)


def test_a_shard_with_a_broken_header_is_not_taken_for_its_end(shards: Path) -> None:
    path = shards / "train-000002.tar"
    with tarfile.open(path) as tar:
        header = tar.getmembers()[9].offset
    content = bytearray(path.read_bytes())
    content[header : header + 512] = b"x" * 512
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"train-000002\.tar is cut short"):
        TreeShards(shards)


def test_no_shards(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no shards"):
        TreeShards(tmp_path)


@pytest.fixture(params=["folders", "shards"])
def source(request: pytest.FixtureRequest) -> TreePictures:
    return open_pictures(request.getfixturevalue(request.param))


def test_an_epoch_has_every_picture_once_and_repeats_by_its_seed(source: TreePictures) -> None:
    orders = [source.order(epoch, seed) for epoch in (0, 1) for seed in (0, 1)]
    for order in orders:
        assert sorted(order.tolist()) == list(range(len(source)))
        assert order.dtype == np.int32
    assert len({order.tobytes() for order in orders}) == 4
    assert (source.order(1, 0) == orders[2]).all()


@pytest.mark.parametrize("world", [2, 3, 7])
def test_ranks_share_an_epoch_without_overlap_or_loss(source: TreePictures, world: int) -> None:
    shares = [source.order(3, 5)[rank::world] for rank in range(world)]
    assert sorted(np.concatenate(shares).tolist()) == list(range(len(source)))


def test_shards_are_read_a_few_at_a_time(shards: Path) -> None:
    source = TreeShards(shards, buffer=12)
    for start in range(0, 30, 12):
        assert len({source.shard_of(i) for i in source.order(0, 0)[start : start + 12]}) <= 2
    apart = {tuple(source.shard_of(i) for i in source.order(epoch, 0)) for epoch in range(5)}
    assert len(apart) == 5
    everything = TreeShards(shards).order(0, 0)
    assert len({source.shard_of(i) for i in everything[:6]}) > 2


def test_processes_of_a_loader_see_the_same(source: TreePictures) -> None:
    other = pickle.loads(pickle.dumps(source))
    assert (other.order(0, 0) == source.order(0, 0)).all()
    assert (other.read(2) == source.read(2)).all()
