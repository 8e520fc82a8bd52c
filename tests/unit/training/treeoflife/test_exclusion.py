import json
from pathlib import Path

import pytest
from made_tree_of_life import CAT, OAK, RARE, RARE_KIND

from terralex.runtime import UsageError
from terralex.training.treeoflife.exclusion import rare_lists, read_exclusion


def test_both_forms_of_keys(tmp_path: Path) -> None:
    hyphens = {"-".join(RARE): ["a/1_2_eol-x.jpg"], "Animalia-a-b-c-d-Polygonia-c-album": []}
    (tmp_path / "unseen_in_training.json").write_text(json.dumps(hyphens))
    (tmp_path / "mine.json").write_text(json.dumps({"Felis  CATUS": []}))
    found = read_exclusion([tmp_path / "unseen_in_training.json", tmp_path / "mine.json"])
    assert found.species == {"cyclonaias tuberculata", "polygonia c-album", "felis catus"}
    assert found.pictures == {"1_2_eol-x"}
    assert list(found.eol_contents) == [(1, 2)]
    assert found.has(RARE)
    assert found.has(RARE_KIND)  # a subspecies shows the species
    assert found.has(CAT)
    assert not found.has(OAK)


def test_of_species_that_were_seen_the_pictures_alone(tmp_path: Path) -> None:
    (tmp_path / "rarespecies").mkdir()
    file = tmp_path / "rarespecies" / "seen_in_training.json"
    file.write_text(json.dumps({"Felis catus": ["x/0a-b.jpg"]}))
    assert rare_lists(tmp_path) == [file]
    assert rare_lists(tmp_path / "TreeOfLife-10M") == [file]
    found = read_exclusion([file])
    assert not found.species
    assert found.pictures == {"0a-b"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"Felis\n", "'Felis' is no species"),
        ("a.txt", b"\xff\xfe", "no UTF-8 text|not UTF-8"),
        ("a.json", b"{", "cannot be read"),
        ("a.json", b'{"a b": [1]}', "no list of rare species"),
    ],
)
def test_wrong_lists(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_exclusion([tmp_path / name])


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_exclusion([tmp_path / "none.txt"])
