"""Layouts of benchmarks of taxa."""

import shutil
from pathlib import Path

import pytest
import torch

from terralex.evaluation.taxon_pictures import read_taxon_pictures
from terralex.evaluation.taxon_texts import encode_ranks, taxon_text
from terralex.models import Model
from terralex.runtime.errors import UsageError
from terralex.taxonomy import RANKS, make_taxonomy, read_taxonomy

from .conftest import LINEAGES, PICTURES


@pytest.mark.parametrize("inside", ["", "val"])
def test_inat_folders_are_read(inat: Path, inside: str) -> None:
    (inat / "order_dataset.csv").write_text("img_fn,captions\n")
    found = read_taxon_pictures(inat / inside)
    assert (found.layout, len(found.files), len(found.taxonomy)) == ("inat21", 4 * PICTURES, 4)
    for file, leaf in zip(found.files, found.leaves.tolist(), strict=True):
        assert found.taxonomy.lineage(leaf) == LINEAGES[int(Path(file).parent.name[:5])]


def test_a_table_is_read_with_its_paths(inat: Path, rare: Path) -> None:
    for data in (rare, rare.parent):
        found = read_taxon_pictures(data, inat)
        assert (found.layout, len(found.files), found.taxonomy.ranks) == ("rare-species", 24, RANKS)
        for file, leaf in zip(found.files, found.leaves.tolist(), strict=True):
            assert Path(file).is_file()
            assert found.taxonomy.lineage(leaf) == LINEAGES[int(Path(file).parent.name[:5])]
    assert read_taxon_pictures(rare).files[0].startswith(str(rare.parent))


def test_folders_in_folders_are_ranks(inat: Path, tmp_path: Path) -> None:
    picture = next((inat / "val").rglob("*.png"))
    for names in (("animals", "birds", "raven"), ("animals", "birds", "crow"), ("plants", "grass")):
        folder = tmp_path.joinpath(*names)
        folder.mkdir(parents=True)
        shutil.copy(picture, folder)
    found = read_taxon_pictures(tmp_path)
    assert (found.layout, found.taxonomy.ranks) == ("folders", ("level 1", "level 2", "level 3"))
    assert [found.taxonomy.lineage(leaf) for leaf in found.leaves.tolist()] == [
        ("animals", "birds", "crow"),
        ("animals", "birds", "raven"),
        ("plants", "grass", ""),
    ]
    shutil.copy(picture, tmp_path / "stray.png")
    with pytest.raises(UsageError, match=r"stray\.png is in no folder"):
        read_taxon_pictures(tmp_path)


def test_another_taxonomy_has_to_have_them(inat: Path, tmp_path: Path) -> None:
    found = read_taxon_pictures(inat)
    wider = make_taxonomy([*LINEAGES[1:], ("Fungi", "Basidiomycota", "A", "B", "C", "D", "e")])
    moved = found.among(wider)
    assert (len(moved.files), len(moved.taxonomy), len(moved.errors)) == (3 * PICTURES, 4, PICTURES)
    for file, leaf in zip(moved.files, moved.leaves.tolist(), strict=True):
        assert wider.lineage(leaf) == LINEAGES[int(Path(file).parent.name[:5])]
    assert "the taxonomy has no Animalia > Chordata > Aves > Passeriformes > Corvidae" in moved.errors[0][1]
    with pytest.raises(UsageError, match="no picture shows a taxon of the taxonomy"):
        found.among(make_taxonomy([("Fungi",)]))
    with pytest.raises(UsageError, match="has the ranks kingdom, the pictures have kingdom, phylum"):
        found.among(make_taxonomy([("Fungi",)], ("kingdom",)))


def test_what_is_no_benchmark_is_told(tmp_path: Path, inat: Path, rare: Path) -> None:
    with pytest.raises(UsageError, match="layouts are"):
        read_taxon_pictures(inat, layout="inat")  # type: ignore[arg-type]
    for layout in ("auto", "inat21", "folders"):
        with pytest.raises(UsageError, match="no folder"):
            read_taxon_pictures(tmp_path / "absent", layout=layout)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="has no folders of the form NNNNN_Kingdom"):
        read_taxon_pictures(tmp_path, layout="inat21")
    with pytest.raises(UsageError, match=r"no folder .*--images"):
        read_taxon_pictures(rare, tmp_path / "nowhere")
    with pytest.raises(UsageError, match="holds none: name the table"):
        read_taxon_pictures(inat / "val", layout="rare-species")
    table = tmp_path / "t.csv"
    table.write_text("family,path\nFelidae,\n")
    with pytest.raises(UsageError, match="line 2: nothing in the column path"):
        read_taxon_pictures(table)
    table.write_text("family,picture\nFelidae,a.jpg\n")
    with pytest.raises(UsageError, match="has no columns called filepath; it has family, picture"):
        read_taxon_pictures(table)
    table.write_text("name,path\nFelidae,a.jpg\n")
    with pytest.raises(UsageError, match="has no columns for ranks"):
        read_taxon_pictures(table)


def test_taxa_are_called_by_style(rare: Path, model: Model) -> None:
    tree = read_taxonomy(rare)
    raven = tree.find("Corvus corax")
    assert taxon_text(tree, raven) == "Animalia Chordata Aves Passeriformes Corvidae Corvus corax"
    assert taxon_text(tree, raven, "name") == "Corvus corax"
    assert taxon_text(tree, raven, "common") == "raven"
    assert taxon_text(tree, tree.find("Corvus"), "common") == "Corvus"
    ranks = encode_ranks(model, tree, "common")
    assert [len(rank.vectors) for rank in ranks] == [2, 3, 3, 3, 3, 3, 4]
    row = ranks[-1].label_of[tree.columns("species")[raven.leaves.start]]
    assert ranks[-1].vectors[row].tolist() == pytest.approx(
        model.encode_texts(["raven"])[0].tolist(), abs=1e-5
    )
    with pytest.raises(UsageError, match="without common names"):
        encode_ranks(model, make_taxonomy(LINEAGES), "common")
    with pytest.raises(UsageError, match="labels of taxa are one of"):
        encode_ranks(model, tree, "latin")  # type: ignore[arg-type]


def test_homonyms_share_a_label_and_the_nameless_have_none(model: Model) -> None:
    tree = make_taxonomy(
        [("A", "B", "", "", "", "Morus", "x"), ("L", "M", "", "", "", "Morus", "y"), ("L", "N")]
    )
    genus = encode_ranks(model, tree, "name", ("a photo of {c}",))[5]
    assert genus.label_of.tolist() == [0, 0, -1]
    expected = model.class_weights(["Morus"], ["a photo of {c}"])
    torch.testing.assert_close(genus.vectors, expected)
    prefix = encode_ranks(model, tree)
    assert prefix[5].label_of.tolist() == [0, 1, -1]
    assert [len(rank.vectors) for rank in prefix] == [2, 3, 0, 0, 0, 2, 2]
