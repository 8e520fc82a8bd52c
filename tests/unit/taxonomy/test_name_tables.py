"""BioCLIP's tables of names and embeddings, and names of class folders."""

import json
from pathlib import Path

import numpy as np
import pytest

from terralex.runtime import UsageError
from terralex.taxonomy import RANKS, folder_lineage, read_name_table, read_taxonomy
from terralex.taxonomy import name_table as module

BEE = ["Animalia", "Arthropoda", "Insecta", "Hymenoptera", "Apidae", "Apis", "mellifera"]
ENTRIES: list[tuple[list[str], str | None]] = [
    (BEE, "honey bee"),
    ([*BEE[:5], "", ""], 'bees, [the] "family"'),
    (["Animalia", "Chordata", "Mammalia", "Carnivora", "Ursidae", "Ursus", "arctos syriacus"], ""),
    ([""] * 7, "nobody"),
    ([*BEE[:5], "Bombus", "terrestris"], None),
]


def write(path: Path, entries: object, **options: object) -> Path:
    path.write_text(json.dumps(entries, **options), encoding="utf-8")  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("piece", [7, 64, 2**22])
@pytest.mark.parametrize("indent", [None, 1])
def test_names_of_embeddings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int, indent: int | None
) -> None:
    """However the file is cut into the pieces that are read at a time."""
    monkeypatch.setattr(module, "_PIECE", piece)
    taxonomy = read_taxonomy(write(tmp_path / "names.json", ENTRIES, indent=indent, ensure_ascii=False))
    assert taxonomy.ranks == RANKS
    assert list(taxonomy.lineages()) == [tuple(ENTRIES[row][0]) for row in taxonomy.source_rows.tolist()]
    assert taxonomy.source_rows.tolist() == [1, 0, 4, 2]
    assert taxonomy.common_name(taxonomy.find("Apis mellifera").number) == ("honey bee", "species")
    bumblebee = taxonomy.find("Bombus terrestris").number
    assert taxonomy.common_name(bumblebee) == ('bees, [the] "family"', "family")


def test_embeddings_are_those_of_the_leaves(tmp_path: Path) -> None:
    path = write(tmp_path / "txt_emb_species.json", ENTRIES)
    stored = np.random.default_rng(0).normal(size=(8, len(ENTRIES))).astype(np.float16)
    np.save(path.with_suffix(".npy"), stored)
    table = read_name_table(path.with_suffix(".npy"))
    assert isinstance(table.embeddings, np.memmap)
    vectors = table.vectors(slice(None))
    assert vectors.shape == (4, 8)
    assert vectors.dtype == np.float32
    for leaf, lineage in enumerate(table.taxonomy.lineages()):
        row = next(n for n, (names, _) in enumerate(ENTRIES) if tuple(names) == lineage)
        assert np.array_equal(vectors[leaf], stored[:, row].astype(np.float32))
    insects = read_name_table(path).taxonomy.within("Insecta")
    assert np.array_equal(
        module.NameTable(insects, table.embeddings).vectors(np.array([2, 0])), vectors[[2, 0]]
    )


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (None, "names.npy does not exist: the embeddings belong beside names.json"),
        (np.zeros((5, 3)), "is 5 x 3: a column for each of the 5 names is expected"),
        (np.zeros((3, 6)), "is 3 x 6: a column for each"),
        (np.zeros(5), "is 5: a column for each"),
        (b"nonsense", "is no array that can be read"),
    ],
)
def test_what_is_wrong_with_embeddings(
    tmp_path: Path, array: np.ndarray | bytes | None, message: str
) -> None:
    path = write(tmp_path / "names.json", ENTRIES)
    if isinstance(array, bytes):
        path.with_suffix(".npy").write_bytes(array)
    elif array is not None:
        np.save(path.with_suffix(".npy"), array)
    with pytest.raises(UsageError, match=message):
        read_name_table(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no list of names"),
        ('{"a": 1}', "is no list of names"),
        ("[]", "names no taxa"),
        (json.dumps([*ENTRIES, [BEE[:6], ""]]), r'entry 6 is \[\["Animalia", .* is expected'),
        (json.dumps([*ENTRIES, [[*BEE[:6], 7], ""]]), "entry 6 is"),
        (json.dumps([*ENTRIES, ["letters", ""]]), 'entry 6 is \\["letters", ""\\]'),
        (json.dumps([["letters", ""]]), "entry 1 is"),
        (json.dumps([*ENTRIES, [BEE, 3]]), "entry 6 is"),
        (json.dumps([BEE]), "entry 1 is"),
        (json.dumps([3]), "entry 1 is 3;"),
        (json.dumps(ENTRIES)[:-5], "is damaged at entry 5"),
        (json.dumps(ENTRIES)[:-1], "is damaged at entry 6"),
        (json.dumps(ENTRIES).replace("honey bee", "\\x"), "is damaged at entry 1"),
    ],
)
def test_what_is_wrong_with_names(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "names.json").write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        read_taxonomy(tmp_path / "names.json")
    assert len(str(caught.value)) < 600


FOLDERS = {
    "00000_Animalia_Arthropoda_Insecta_Hymenoptera_Apidae_Apis_mellifera": tuple(BEE),
    "Animalia_Arthropoda_Insecta_Hymenoptera_Apidae_Apis_mellifera": tuple(BEE),
    "000123_Animalia_Chordata_Mammalia_Carnivora_Ursidae_Ursus_arctos syriacus": tuple(ENTRIES[2][0]),
    "000123_Animalia_Chordata_Mammalia_Carnivora_Ursidae_Ursus_arctos_syriacus": tuple(ENTRIES[2][0]),
    "7_Animalia_Chordata__Testudines_Emydidae_Emys_": (
        "Animalia",
        "Chordata",
        "",
        *["Testudines", "Emydidae", "Emys"],
        "",
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_names_of_class_folders(name: str) -> None:
    assert folder_lineage(name) == FOLDERS[name]


@pytest.mark.parametrize("name", ["Forest", "00001_Animalia_Chordata", "00001_______", ""])
def test_what_is_no_folder_name(name: str) -> None:
    with pytest.raises(UsageError, match="no folder name of the form NNNNN_Kingdom_Phylum"):
        folder_lineage(name)


def test_a_folder_of_class_folders(tmp_path: Path) -> None:
    names = list(FOLDERS)
    for name in names[:1] + names[2:3]:
        (tmp_path / name).mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "list.csv").write_text("")
    assert list(read_taxonomy(tmp_path).lineages()) == [FOLDERS[names[0]], FOLDERS[names[2]]]
    (tmp_path / "Forest").mkdir()
    with pytest.raises(UsageError, match="'Forest' is no folder name"):
        read_taxonomy(tmp_path)


def test_a_folder_without_any(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no class folders"):
        read_taxonomy(tmp_path)


def test_a_list_of_class_folders(tmp_path: Path) -> None:
    names = [f"train/{name}" for name in FOLDERS if name[0].isdigit()]
    path = tmp_path / "folders.txt"
    path.write_text("\n\n".join(names) + "\n")
    assert len(read_taxonomy(path)) == 3
    path.write_text("\n\n".join([*names, "train/Forest"]))
    with pytest.raises(UsageError, match=r"folders\.txt, line 9: 'Forest' is no folder name"):
        read_taxonomy(path)
