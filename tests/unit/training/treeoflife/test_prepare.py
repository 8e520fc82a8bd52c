import csv
import io
import json
import shutil
import sqlite3
import tarfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from made_tree_of_life import BEAR, CAT, FLY, HYBRID, OAK, RARE, RARE_KIND, SPECIES, make_source

from terralex.runtime import TerralexError, UsageError
from terralex.training.treeoflife import Conversion, TreeFolders, TreeShards, is_finished


def convert(source: Path, output: Path, split: str = "train", **options: object) -> Conversion:
    options.setdefault("workers", 1)
    conversion = Conversion(source, output, split, **options)  # type: ignore[arg-type]
    for _ in conversion.run():
        pass
    return conversion


def rows_of(folder: Path, name: str = "image_metadata.csv") -> list[dict[str, str]]:
    with (folder / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def made(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("made")
    for split in ("train", "val", "train_small"):
        convert(source, output, split)
    return output


def in_split(source: Path, condition: str) -> set[str]:
    with closing(sqlite3.connect(source / "metadata" / "mapping.sqlite")) as database:
        return {row[0] for row in database.execute(f"SELECT evobio10m_id FROM split WHERE {condition}")}


def test_the_table_names_what_is_in_the_folders(made: Path, source: Path) -> None:
    folder = made / "train_folders"
    rows = rows_of(folder)
    assert list(rows[0]) == [
        *("global_id", "folder_name", "image_filename", "source_dataset", "relative_path"),
        *("scientific_name", "common_name", "kingdom", "phylum", "class", "order", "family", "genus"),
        "species",
    ]
    assert [row["relative_path"] for row in rows] == sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*.jpg")
    )
    assert Counter(row["source_dataset"] for row in rows).keys() == {"EOL", "BIOSCAN", "iNat21"}
    assert {row["global_id"] for row in rows} < in_split(source, "is_val = 0")
    for row in rows:
        assert row["relative_path"] == f"{row['folder_name']}/{row['image_filename']}"
        assert row["image_filename"] == row["global_id"] + ".jpg"
        assert row["scientific_name"] == f"{row['genus']} {row['species']}"


def test_splits_are_apart(made: Path, source: Path) -> None:
    train, val, small = (
        {row["global_id"] for row in rows_of(made / f"{split}_folders")}
        for split in ("train", "val", "train_small")
    )
    assert val
    assert val <= in_split(source, "is_val = 1")
    assert small
    assert small == train & in_split(source, "is_train_small = 1")


def test_species_keep_their_number_in_every_split(made: Path) -> None:
    for split in ("train", "val", "train_small"):
        for row in rows_of(made / f"{split}_folders"):
            lineage = tuple(row[rank] for rank in list(row)[7:])
            assert row["folder_name"].startswith(f"{SPECIES.index(lineage) + 1:06d}_")


def test_names_that_cannot_be_folders_are_in_the_table(made: Path) -> None:
    by_name = {row["species"]: row for row in rows_of(made / "train_folders")}
    assert by_name["× pip/er_ita"]["folder_name"].endswith("_Mentha_× pip-er-ita")
    assert by_name["arctos syriacus"]["kingdom"] == "Animalia"  # it was Metazoa
    assert by_name["catus"]["common_name"] in ("house cat", "")


def test_rare_species_are_kept_out(made: Path, source: Path) -> None:
    kept = {
        row["scientific_name"] for split in ("train", "val") for row in rows_of(made / f"{split}_folders")
    }
    assert kept == {f"{names[5]} {names[6]}" for names in (CAT, BEAR, OAK, HYBRID, FLY)}
    rare = json.loads((source / "rarespecies" / "seen_in_training.json").read_text())
    content, page = Path(rare["Felis catus"][0]).name.split("_")[:2]
    with closing(sqlite3.connect(source / "metadata" / "mapping.sqlite")) as database:
        found = database.execute(
            "SELECT evobio10m_id FROM eol WHERE content_id = ? AND page_id = ?", (content, page)
        )
        (held_out,) = found.fetchone()
    assert held_out not in {row["global_id"] for row in rows_of(made / "train_folders")}
    assert not list(made.rglob(f"{held_out}*"))


def test_every_picture_is_rgb_of_the_size(made: Path) -> None:
    for path in (made / "train_folders").rglob("*.jpg"):
        with PIL.Image.open(path) as image:
            assert (image.mode, image.size) == ("RGB", (256, 256))


def test_bad_files_cost_a_row_each(source: Path, made: Path, tmp_path: Path) -> None:
    errors = rows_of(made / "train_folders", "errors.csv")
    assert [Path(row["path"]).name for row in errors] == ["2.jpg", "2.jpg"]
    assert {row["reason"] for row in errors} == {"its content is no picture of a known format"}
    assert not (made / "val_folders" / "errors.csv").exists()
    summary = convert(source, tmp_path).summary
    assert (summary.failed, summary.absent) == (2, 2)
    assert (summary.rare_species, summary.rare_pictures, summary.species) == (2, 1, 5)


def test_the_bytes_do_not_depend_on_the_number_of_workers(source: Path, made: Path, tmp_path: Path) -> None:
    convert(source, tmp_path, workers=3)
    assert tree(tmp_path / "train_folders") == tree(made / "train_folders")
    assert [path.name for path in tmp_path.iterdir()] == ["train_folders"]


def test_other_sizes(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path, "val", size=32)
    with PIL.Image.open(next((tmp_path / "val_folders").rglob("*.jpg"))) as image:
        assert image.size == (32, 32)


def test_further_species_are_kept_out_on_request(source: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(
        "# mine\nfelis CATUS\nPlantae-a-b-c-d-Quercus-robur\n", encoding="utf-8"
    )
    convert(source, tmp_path, exclude=[tmp_path / "list.txt"])
    kept = {row["scientific_name"] for row in rows_of(tmp_path / "train_folders")}
    assert kept == {"Ursus arctos syriacus", "Mentha × pip/er_ita", "Megaselia scalaris"}


def test_a_source_with_some_collections_alone(source: Path, made: Path, tmp_path: Path) -> None:
    """Species keep their numbers, as the catalogue is the same."""
    part = tmp_path / "part"
    shutil.copytree(source, part, ignore=shutil.ignore_patterns("eol", "bioscan"))
    summary = convert(part, tmp_path / "out").summary
    folders = {row["folder_name"] for row in rows_of(tmp_path / "out" / "train_folders")}
    assert folders < {row["folder_name"] for row in rows_of(made / "train_folders")}
    assert summary.species == 2


def test_a_torn_archive_gives_what_came_before(source: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    shutil.copytree(source, torn)
    archive = torn / "dataset" / "eol" / "image_set_01.tar.gz"
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    summary = convert(torn, tmp_path).summary
    errors = rows_of(tmp_path / "train_folders", "errors.csv")
    assert "damaged" in next(row["reason"] for row in errors if row["path"].endswith("image_set_01.tar.gz"))
    assert {row["source_dataset"] for row in rows_of(tmp_path / "train_folders")} == {
        "EOL",
        "BIOSCAN",
        "iNat21",
    }
    assert summary.absent > 2


def test_an_archive_with_a_broken_header_is_not_taken_for_its_end(source: Path, tmp_path: Path) -> None:
    import gzip

    broken = tmp_path / "broken"
    shutil.copytree(source, broken)
    archive = broken / "dataset" / "eol" / "image_set_02.tar.gz"
    content = bytearray(gzip.decompress(archive.read_bytes()))
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        header = tar.getmembers()[7].offset
    content[header : header + 512] = b"x" * 512
    archive.write_bytes(gzip.compress(bytes(content)))
    convert(broken, tmp_path)
    assert any(
        row["path"].endswith("image_set_02.tar.gz")
        for row in rows_of(tmp_path / "train_folders", "errors.csv")
    )


def test_shards_hold_the_same_pictures(source: Path, made: Path, tmp_path: Path) -> None:
    convert(source, tmp_path, shard=25, workers=2)
    folder = tmp_path / "train_shards"
    assert sorted(path.name for path in folder.iterdir()) == [
        "errors.csv",
        *(f"train-{number:06d}.tar" for number in range(3)),
    ]
    rows = {row["global_id"]: row for row in rows_of(made / "train_folders")}
    seen = Counter[str]()
    for name, content in members(folder):
        key, _, ending = name.partition(".")
        row = rows[key]
        seen[key] += 1
        if ending == "jpg":
            assert content == (made / "train_folders" / row["relative_path"]).read_bytes()
        else:
            assert json.loads(content) == {
                "lineage": list(row.values())[7:],
                "common": row["common_name"],
                "source": row["source_dataset"],
            }
    assert seen == dict.fromkeys(rows, 2)
    mixed = TreeShards(folder).leaves[:25]
    assert len(np.unique(mixed)) > 3  # a shard has of all, in no order of theirs
    assert [path.name for path in tmp_path.iterdir()] == ["train_shards"]


def members(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                assert (member.mtime, member.uid, member.uname) == (0, 0, "")
                file = tar.extractfile(member)
                assert file
                yield member.name, file.read()


def test_what_is_made_is_read(source: Path, made: Path, tmp_path: Path) -> None:
    folders = TreeFolders(made / "train_folders")
    convert(source, tmp_path, shard=10_000)
    shards = TreeShards(tmp_path / "train_shards")
    assert len(folders) == len(shards) == len(rows_of(made / "train_folders"))
    assert (
        list(folders.taxonomy.lineages())
        == list(shards.taxonomy.lineages())
        == sorted([CAT, BEAR, OAK, HYBRID, FLY])
    )
    assert folders.taxonomy.counts.tolist() == shards.taxonomy.counts.tolist()


def test_flags_say_what_to_do_with_what_is_there(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path, "val")
    before = tree(tmp_path)
    with pytest.raises(UsageError, match="exists: pass --overwrite"):
        Conversion(source, tmp_path, "val")
    with pytest.raises(UsageError, match="finished, nothing to resume"):
        Conversion(source, tmp_path, "val", resume=True)
    with pytest.raises(UsageError, match="one of the two"):
        Conversion(source, tmp_path, "val", resume=True, overwrite=True)
    assert is_finished(tmp_path, "val", sharded=False)
    (tmp_path / "val_folders" / "stale.txt").write_text("of an earlier run")
    convert(source, tmp_path, "val", overwrite=True)
    assert tree(tmp_path) == before


def test_an_unfinished_run_is_gone_on_with_by_the_same_settings_alone(source: Path, tmp_path: Path) -> None:
    stages = Conversion(source, tmp_path, "val", workers=1).run()
    assert next(stages).name == "plan"
    assert next(stages).name == "pictures"
    stages.close()
    assert not is_finished(tmp_path, "val", sharded=False)
    with pytest.raises(UsageError, match="unfinished: pass --resume"):
        Conversion(source, tmp_path, "val")
    with pytest.raises(UsageError, match=r"other settings \(size: 256, now 128\)"):
        Conversion(source, tmp_path, "val", size=128, resume=True)
    with pytest.raises(UsageError, match="unfinished"):
        TreeFolders(tmp_path / "val_folders")
    convert(source, tmp_path, "val", resume=True)
    assert is_finished(tmp_path, "val", sharded=False)


def test_what_is_there_stays_if_nothing_can_take_its_place(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path, "val")
    before = tree(tmp_path)
    broken = tmp_path.with_name("broken")
    shutil.copytree(source, broken)
    (broken / "metadata" / "mapping.sqlite").write_bytes(b"torn")
    with pytest.raises(UsageError, match="is damaged"):
        convert(broken, tmp_path, "val", overwrite=True)
    assert tree(tmp_path) == before
    assert is_finished(tmp_path, "val", sharded=False)


def test_two_runs_do_not_write_the_same(source: Path, tmp_path: Path) -> None:
    one, two = (Conversion(source, tmp_path, "val", workers=1).run() for _ in range(2))
    next(one)
    with pytest.raises(UsageError, match="another run is writing"):
        next(two)
    one.close()


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    (folder / "eol").mkdir(parents=True)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda s: shutil.rmtree(s / "metadata"), "is no TreeOfLife-10M: expected dataset/ and metadata/"),
        (lambda s: (s / "metadata/naming/eol_name_lookup.json").unlink(), "is missing: it has the names"),
        (lambda s: (s / "metadata/mapping.sqlite").unlink(), "is missing: it says which picture is which"),
        (lambda s: (s / "metadata/mapping.sqlite").write_bytes(b"SQLite format 3\0 torn" * 99), "damaged"),
        (lambda s: (s / "metadata/naming/eol_name_lookup.json").write_text("{"), "is damaged"),
        (lambda s: (s / "metadata/naming/eol_name_lookup.json").write_text('{"1": 2}'), "entry '1' is not"),
        (lambda s: (s / "metadata/naming/eol_name_lookup.json").write_text("[]"), "no lookup"),
        (lambda s: _empty(s / "dataset"), "holds no pictures: expected eol"),
        (lambda s: (s / "rarespecies/unseen_in_training.json").write_text("[1]"), "no list of rare species"),
    ],
)
def test_a_source_that_is_not_whole(source: Path, tmp_path: Path, break_it: object, message: str) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(source, broken)
    break_it(broken)  # type: ignore[operator]
    with pytest.raises(UsageError, match=message):
        convert(broken, tmp_path / "out")
    assert not list(tmp_path.glob("out/*"))


def test_identifiers_that_lead_elsewhere_are_refused(source: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(source, broken)
    with closing(sqlite3.connect(broken / "metadata" / "mapping.sqlite")) as database, database:
        (name,) = database.execute("SELECT evobio10m_id FROM bioscan WHERE filename = '1.jpg'").fetchone()
        for table in ("bioscan", "split"):
            database.execute(f"UPDATE {table} SET evobio10m_id = '../../x' WHERE evobio10m_id = ?", (name,))
    names = broken / "metadata" / "naming" / "bioscan_name_lookup.json"
    names.write_text(names.read_text().replace(name, "../../x"))
    with pytest.raises(UsageError, match=r"'\.\./\.\./x' is no identifier"):
        convert(broken, tmp_path / "out")


def test_a_full_disk_is_said_in_words(source: Path, tmp_path: Path) -> None:
    (tmp_path / "train_folders.progress").write_text("a file where a folder must be")
    with pytest.raises(TerralexError, match="cannot write"):
        convert(source, tmp_path)


def test_wrong_values(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no split 'test': choose one of train, val, train_small"):
        Conversion(source, tmp_path, "test")
    with pytest.raises(UsageError, match="no folder"):
        Conversion(source / "nowhere", tmp_path)
    with pytest.raises(UsageError, match="pictures in a shard must be at least 1"):
        Conversion(source, tmp_path, shard=0)


def test_without_lists_nothing_is_kept_out(tmp_path: Path) -> None:
    source = make_source(tmp_path / "tol", per_part=8, archives=1)
    shutil.rmtree(source / "rarespecies")
    summary = convert(source, tmp_path / "out").summary
    assert (summary.rare_lists, summary.rare_species) == (0, 0)
    species = {row["species"] for row in rows_of(tmp_path / "out" / "train_folders")}
    assert {RARE[-1], RARE_KIND[-1]} & species
