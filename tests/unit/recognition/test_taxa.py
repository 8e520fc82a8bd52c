import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import terralex
from terralex.metrics.calibration import Calibration, calibrate
from terralex.models import Model, load_model
from terralex.recognition import (
    TaxonClassifier,
    TaxonScorer,
    bins_of_taxa,
    load_bins,
    load_stopping,
    load_taxa,
    stopping,
)
from terralex.recognition.taxon_scores import AS_PUBLISHED
from terralex.runtime import UsageError
from terralex.taxonomy import RANKS, Taxonomy, make_taxonomy, read_taxonomy, taxonomic_name

LINEAGES = [
    ("Animalia", "Chordata", "Aves", "Anseriformes", "Anatidae", "Anas", "acuta"),
    ("Animalia", "Chordata", "Aves", "Anseriformes", "Anatidae", "Anas", "crecca"),
    ("Animalia", "Chordata", "Mammalia", "Carnivora", "Felidae", "", ""),
    ("Plantae", "Tracheophyta", "Magnoliopsida", "Rosales", "Moraceae", "Morus", "alba"),
    ("Plantae", "Tracheophyta", "Magnoliopsida", "Rosales", "Moraceae", "Morus", "nigra"),
]


@pytest.fixture(scope="module")
def model(tiny_model: str) -> Model:
    return load_model(tiny_model)


@pytest.fixture
def taxonomy() -> Taxonomy:
    return make_taxonomy(LINEAGES)


def probabilities(model: Model, taxonomy: Taxonomy, picture: Path) -> np.ndarray:
    texts = model.encode_texts([taxonomic_name(lineage) for lineage in taxonomy.lineages()]).double()
    cosines = texts @ model.encode_images([picture])[0].double()
    return (model.logit_scale * cosines).softmax(0).numpy()


def test_an_image_gets_the_way_down(model: Model, taxonomy: Taxonomy, pictures: Path) -> None:
    found = list(terralex.classify_taxa(pictures, taxonomy, model=model))
    assert [Path(entry.path).name for entry in found] == [
        *("0.png", "1.png", "2.png", "3.png", "4.jpg", "1.png")
    ]
    bad = found.pop(4)
    assert bad.error
    assert (bad.position, bad.rank, bad.label, bad.score, bad.lineage) == (None, None, None, None, {})
    for entry in found:
        expected = probabilities(model, taxonomy, Path(entry.path))
        assert entry.position == 1
        assert list(entry.lineage) == list(RANKS[: RANKS.index(entry.rank or "") + 1])
        assert entry.label == entry.lineage[entry.rank or ""]
        assert entry.score == entry.probabilities[entry.rank or ""]
        assert entry.error is None
        above = taxonomy
        for rank, name in entry.lineage.items():
            inside = taxonomy.within(name, rank=rank)
            leaves = taxonomy.locate(inside.lineages())
            assert entry.probabilities[rank] == pytest.approx(expected[leaves].sum(), abs=1e-5)
            siblings = [
                expected[taxonomy.locate(above.within(t.name).lineages())].sum()
                for t in above.taxa(rank)
                if t.name
            ]
            assert expected[leaves].sum() == pytest.approx(max(siblings))
            above = inside


def test_a_name_that_is_missing_ends_the_way(model: Model, taxonomy: Taxonomy, pictures: Path) -> None:
    felids = taxonomy.within("Felidae")
    (found,) = terralex.classify_taxa(pictures / "0.png", felids, model=model)
    assert (found.rank, found.label, found.score) == ("family", "Felidae", 1)
    assert list(found.probabilities) == list(RANKS[:5])


def test_the_best_taxa_of_a_rank(model: Model, taxonomy: Taxonomy, pictures: Path) -> None:
    expected = taxonomy.roll_up(probabilities(model, taxonomy, pictures / "2.png"), "family")
    found = list(terralex.classify_taxa(pictures / "2.png", taxonomy, rank="family", top_k=9, model=model))
    assert [entry.position for entry in found] == [1, 2, 3]
    names = [taxon.name for taxon in taxonomy.taxa("family")]
    assert [entry.label for entry in found] == [names[i] for i in np.argsort(-expected)]
    assert [entry.score for entry in found] == pytest.approx(sorted(expected, reverse=True), abs=1e-5)
    for entry in found:
        shares = list(entry.probabilities.values())
        assert shares == sorted(shares, reverse=True)
        assert entry.lineage["kingdom"] == ("Plantae" if entry.label == "Moraceae" else "Animalia")


def test_unnamed_groups_are_not_ranked(model: Model, taxonomy: Taxonomy, pictures: Path) -> None:
    found = list(terralex.classify_taxa(pictures / "2.png", taxonomy, rank="genus", top_k=9, model=model))
    assert {entry.label for entry in found} == {"Anas", "Morus"}
    species = list(terralex.classify_taxa(pictures / "2.png", taxonomy, rank="species", top_k=2, model=model))
    assert len(species) == 2
    assert all(len((entry.label or "").split()) == 2 for entry in species)


def test_blocks_do_not_change_probabilities(
    model: Model, taxonomy: Taxonomy, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = model.encode_images([pictures / "0.png", pictures / "1.png"]).numpy()
    whole = TaxonScorer(model, load_taxa(taxonomy)).probabilities(vectors)
    monkeypatch.setattr("terralex.recognition.taxon_scores._BLOCK", 2)
    np.testing.assert_allclose(
        TaxonScorer(model, load_taxa(taxonomy)).probabilities(vectors), whole, atol=1e-6
    )
    np.testing.assert_allclose(whole[0], probabilities(model, taxonomy, pictures / "0.png"), atol=1e-5)


def test_a_subset_is_chosen_from_alone(
    model: Model, taxonomy: Taxonomy, pictures: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "subset.csv"
    listed.write_text("Genus,remark\nMorus,a tree\n\nMorus,again\n")
    part = load_taxa(taxonomy, listed).taxonomy
    assert part.digest == taxonomy.within("Morus").digest
    (found,) = terralex.classify_taxa(pictures / "0.png", taxonomy, subset=listed, model=model)
    assert found.probabilities["genus"] == pytest.approx(1)
    for content, message in (
        ("Genus\nAnas\nMoruss\nNobody\n", "'Moruss' .did you mean Morus.*'Nobody'.*2 of 3 names"),
        ("tribe\nAnatini\n", "called like a rank"),
        ("genus\n", "has no rows"),
        ("", "has no rows"),
    ):
        listed.write_text(content)
        with pytest.raises(UsageError, match=message):
            load_taxa(taxonomy, listed)
    with pytest.raises(UsageError, match="does not exist"):
        load_taxa(taxonomy, tmp_path / "absent.csv")


def test_what_does_not_go_together_is_said(model: Model, taxonomy: Taxonomy) -> None:
    for asked, message in (
        ({"top_k": 3}, "3 best taxa of which rank"),
        ({"rank": "tribe"}, "no rank 'tribe'"),
        ({"rank": "genus", "stop_at_error": 0.1}, "not both"),
        ({"stop_at_error": 0.1}, "none comes with the model"),
        ({"templates": ["no place"]}, "c}"),
    ):
        with pytest.raises(UsageError, match=message):
            terralex.classify_taxa("x.png", taxonomy, model=model, **asked)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="has a name at the rank 'species'"):
        terralex.classify_taxa("x.png", taxonomy.within("Felidae"), rank="species", model=model)


def published(folder: Path, size: int) -> Path:
    """A table of names in an order of its own, and vectors that say which is which."""
    order = [3, 0, 4, 1]
    path = folder / "txt_emb_species.json"
    path.write_text(json.dumps([[list(LINEAGES[i]), f"common {i}"] for i in order]))
    np.save(folder / "txt_emb_species.npy", 3 * np.eye(size, len(order), dtype=np.float32))
    return path


def test_published_vectors_are_used_with_the_model_that_they_are_of(model: Model, tmp_path: Path) -> None:
    path = published(tmp_path, model.embed_dim)
    taxa = load_taxa(path)
    images = np.eye(4, model.embed_dim, dtype=np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "card", replace(model.card, name="bioclip"))
        for cache in (False, True, True):
            best = TaxonScorer(model, taxa, cache=cache).probabilities(images).argmax(axis=1)
            assert [taxa.taxonomy.lineage(leaf) for leaf in best] == [LINEAGES[i] for i in (3, 0, 4, 1)]
    own = TaxonScorer(model, taxa, cache=False).probabilities(images)
    np.testing.assert_allclose(
        own, TaxonScorer(model, load_taxa(taxa.taxonomy), cache=False).probabilities(images), atol=1e-6
    )
    subset = tmp_path / "subset.csv"
    subset.write_text("genus\nMorus\n")
    part = load_taxa(path, subset)
    assert part.table is not None
    assert part.table.vectors(slice(0, 2)).argmax(axis=1).tolist() == [0, 2]


def test_a_subset_takes_all_lineages_of_a_name(tmp_path: Path) -> None:
    """As in pybioclip: large tables of names have a species twice, once without its order."""
    cat = ("Animalia", "Chordata", "Mammalia", "Carnivora", "Felidae", "Felis", "catus")
    dog = ("Animalia", "Chordata", "Mammalia", "Carnivora", "Canidae", "Canis", "lupus")
    taxonomy = make_taxonomy([cat, (*cat[:3], "", *cat[4:]), dog])
    listed = tmp_path / "subset.csv"
    listed.write_text("species\nFelis catus\n")
    part = load_taxa(taxonomy, listed)
    assert sorted(part.taxonomy.lineages()) == sorted([cat, (*cat[:3], "", *cat[4:])])
    assert part.notes == (f"{listed}: 1 names, 2 taxa: a name under several lineages takes all of them",)
    listed.write_text("species\nCarnivora > Felis catus\n")
    assert list(load_taxa(taxonomy, listed).taxonomy.lineages()) == [cat]


def calibrated(model: Model, taxonomy: Taxonomy, certainty: float) -> Calibration:
    """A calibration of pictures on which the model is right, at every rank, where it is sure."""
    confidence = torch.linspace(0.01, 0.99, 4000)[:, None].expand(-1, len(taxonomy.ranks))
    return calibrate(
        confidence,
        confidence > certainty,
        taxonomy.ranks,
        model=model.name,
        revision=model.revision,
        taxonomy=taxonomy.digest,
    )


def test_answers_stop_where_they_are_no_longer_safe(
    model: Model, taxonomy: Taxonomy, pictures: Path, tmp_path: Path
) -> None:
    path = tmp_path / "calibration.json"
    whole = list(terralex.classify_taxa(pictures, taxonomy, model=model))
    shares = sorted({entry.probabilities["kingdom"] for entry in whole if not entry.error})
    threshold = (shares[0] + shares[1]) / 2
    none, every, nowhere = (0.0,) * len(RANKS), (1.0,) * len(RANKS), (0,) * len(RANKS)
    made = replace(calibrated(model, taxonomy, 0.5), temperatures=every, offsets=none)
    replace(made, levels=(threshold,), stopped=((*nowhere, 1000),), wrong=(0,)).save(path)
    found = list(terralex.classify_taxa(pictures, taxonomy, model=model, stop_at_error=0.2, calibration=path))
    stop = load_stopping(0.2, path, model, taxonomy)
    ends = set()
    for entry, full in zip(found, whole, strict=True):
        if entry.error:
            continue
        raw = np.array([[full.probabilities.get(rank, np.nan) for rank in RANKS]], np.float32)
        sure, (place,) = stop.apply(raw)
        ends.add(int(place))
        assert entry.rank == ("" if place < 0 else RANKS[place])
        assert entry.label == ("" if place < 0 else full.lineage[RANKS[place]])
        assert entry.lineage == dict(list(full.lineage.items())[: place + 1])
        assert list(entry.probabilities.values()) == pytest.approx(sure[0, : place + 1].tolist())
        assert ("no rank is sure enough for an expected error of 0.2" in entry.notes) == (place < 0)
        assert (entry.score is None) == (place < 0)
    assert -1 in ends
    assert len(ends) > 1


def test_a_calibration_of_something_else_is_refused(model: Model, taxonomy: Taxonomy) -> None:
    made = calibrated(model, taxonomy, 0.5)
    part = taxonomy.exclude("Felidae")
    for calibration, other, said, message in (
        (replace(made, revision="other"), taxonomy, (), "for the model tiny@other, and this is tiny@"),
        (made, part, (), "on another taxonomy or another part of it"),
        (made, taxonomy, ("a photo of {c}",), "with other words around the names; make one"),
        (made, taxonomy, AS_PUBLISHED, "published vectors .* `terralex taxa convert"),
    ):
        with pytest.raises(UsageError, match=message):
            load_stopping(0.2, calibration, model, other, said)
    with pytest.raises(UsageError, match=r"no threshold keeps the error at 0\.001"):
        load_stopping(0.001, made, model, taxonomy)


def test_a_calibration_that_comes_with_the_model_is_found(
    model: Model, taxonomy: Taxonomy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping.resources, "files", lambda package: tmp_path)
    (tmp_path / "calibrations").mkdir()
    calibrated(model, taxonomy, 0.5).save(tmp_path / "calibrations" / f"tiny-{taxonomy.digest}.json")
    assert load_stopping(0.2, None, model, taxonomy).error == 0.2
    with pytest.raises(UsageError, match="none comes with the model"):
        load_stopping(0.2, None, model, taxonomy.within("Aves"))


def test_bins_of_taxa_of_any_rank(taxonomy: Taxonomy, tmp_path: Path) -> None:
    path = tmp_path / "bins.csv"
    path.write_text("taxon,bin\nAves,bird\nFelidae,beast\nMorus alba,tree\n")
    part, bins = bins_of_taxa(taxonomy, load_bins(path))
    assert list(bins) == ["bird", "beast", "tree"]
    assert len(part) == 4
    assert {name: [part.lineage(leaf)[-1] for leaf in leaves] for name, leaves in bins.items()} == {
        "bird": ["acuta", "crecca"],
        "beast": [""],
        "tree": ["alba"],
    }
    path.write_text("taxon,bin\nAves,bird\nAnas,duck\n")
    with pytest.raises(UsageError, match=r"genus .*Anas belongs to the bin 'bird' and to 'duck'"):
        bins_of_taxa(taxonomy, load_bins(path))
    path.write_text("label;bin\nwater, deep;wet\nsand;dry\n")
    assert load_bins(path) == {"water, deep": "wet", "sand": "dry"}
    path.write_text(",label,bin\n0,water,wet\n1,sand,dry\n")
    assert load_bins(path) == {"water": "wet", "sand": "dry"}
    for content, message in (
        ("a,b\nwater,wet\nwater,dry\n", "line 3: 'water' is in the bins 'wet' and 'dry'"),
        ("a,b\nwater,\n", "line 2: a bin is missing"),
        ("a,b\n,wet\n", "line 2: a label is missing"),
        ("a\nwater\n", "line 1: 2 columns are expected"),
    ):
        path.write_text(content)
        with pytest.raises(UsageError, match=message):
            load_bins(path)


def test_the_classifier_takes_an_empty_chunk(model: Model, taxonomy: Taxonomy) -> None:
    assert list(TaxonClassifier(TaxonScorer(model, load_taxa(taxonomy))).predict([])) == []


def test_a_file_is_read(model: Model, pictures: Path, tmp_path: Path) -> None:
    path = tmp_path / "taxa.csv"
    path.write_text("genus,species,common_name\nMorus,Morus alba,mulberry\n")
    (found,) = terralex.classify_taxa(pictures / "0.png", path, model=model)
    assert (found.label, found.common_name) == ("Morus alba", "mulberry")
    assert read_taxonomy(path).digest == load_taxa(path).taxonomy.digest
