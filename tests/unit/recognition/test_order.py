"""Chains of texts from general to specific, for pictures and phrases."""

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from matplotlib.colors import Normalize
from torch import Tensor

import terralex
from terralex.geometry import Hierarchical
from terralex.models import Model, load_model
from terralex.models.networks import build
from terralex.recognition import Encoder, Link, Orderer, candidates, list_items, load_captions
from terralex.reports.chain_chart import Panel, draw_chain, draw_chains, make_panels
from terralex.reports.charts import new_figure
from terralex.runtime import UsageError
from terralex.taxonomy import make_taxonomy

LINEAGES = [
    ("Animalia", "Chordata", "Aves", "Erithacus", "rubecula"),
    ("Animalia", "Chordata", "", "Canis", "lupus"),
    ("Animalia", "Arthropoda", "Insecta", "Apis", "mellifera"),
    ("Plantae", "Tracheophyta", "Liliopsida", "Morus", ""),
    ("Animalia", "Chordata", "Aves", "Morus", "bassanus"),
]
RANKS = ("kingdom", "phylum", "class", "genus", "species")
TEXTS = ["life", "animal", "bird", "robin", "plant", "a robin on a branch", "oak", "tree"]


@pytest.fixture(scope="module")
def model(tiny_model: str) -> Model:
    return load_model(tiny_model)


@pytest.fixture(scope="module")
def radial(model: Model) -> Model:
    return Model(replace(model.card, geometry="radial", root="Eukarya"), model.network, model.tokenizer)


@pytest.fixture(scope="module")
def hyperbolic(model: Model) -> Model:
    card = replace(model.card, geometry="lorentz", root=None)
    network, tokenizer = build(card)
    network.load_state_dict(model.network.state_dict(), strict=False)
    return Model(card, network, tokenizer)


def chain_by_definition(query: Tensor, texts: Tensor, space: Hierarchical, steps: int) -> list[int]:
    """At each level the most similar text among those no deeper; each once."""
    depths = space.depth(texts).double()
    scores = space.scores(query[None], texts)[0]
    chain: list[int] = []
    for level in np.linspace(float(depths.min()), float(depths.max()), steps):
        near = [i for i in range(len(texts)) if depths[i] <= level]
        best = max(near, key=lambda i: float(scores[i]))
        if best not in chain:
            chain.append(best)
    return chain


@pytest.mark.parametrize("kind", ["cosine", "radial", "hyperbolic"])
def test_chains_by_definition(kind: str, pictures: Path, request: pytest.FixtureRequest) -> None:
    model: Model = request.getfixturevalue({"cosine": "model"}.get(kind, kind))
    root = "anything" if kind == "cosine" else None
    paths = [str(pictures / f"{n}.png") for n in range(4)]
    links = list(
        terralex.order(paths, queries=["a robin", "oak"], texts=TEXTS, root=root, steps=20, model=model)
    )
    space, texts = model.hierarchy(root), model.encode_texts(TEXTS)
    points = [*model.encode_images(paths), *model.encode_texts(["a robin", "oak"])]
    for path, point in zip([*paths, "a robin", "oak"], points, strict=True):
        chain = chain_by_definition(point, texts, space, 20)
        own = [link for link in links if link.path == path]
        assert [link.text for link in own] == [TEXTS[i] for i in chain]
        assert [link.position for link in own] == list(range(1, len(chain) + 1))
        radii = space.depth(texts[chain]).tolist()
        np.testing.assert_allclose([link.radius or math.nan for link in own], radii, atol=1e-5)
        scores = space.scores(point[None], texts[chain])[0].tolist()
        np.testing.assert_allclose([link.score or math.nan for link in own], scores, atol=1e-5)
        assert radii == sorted(radii)
        assert scores == sorted(scores), "each displaced one that is less similar"
    assert [link.query for link in links if link.path == "oak"] == ["oak"] * len(own)
    assert own[-1].text == "oak", "a phrase that is a candidate ends its own chain"


def test_a_picture_that_cannot_be_read_has_one_row(radial: Model, pictures: Path) -> None:
    links = list(terralex.order(pictures, texts=TEXTS, model=radial))
    bad = [link for link in links if link.error]
    assert [Path(link.path).name for link in bad] == ["4.jpg"]
    assert bad[0].position is bad[0].text is bad[0].radius is None
    one = [(link.position, link.text) for link in links if link.path == str(pictures / "1.png")]
    assert one == [(link.position, link.text) for link in links if "again" in link.path]


def test_taxa_of_every_rank_are_candidates() -> None:
    found = candidates(taxonomy=make_taxonomy(LINEAGES, RANKS))
    rows = dict(zip(found.texts, zip(found.names, found.ranks, strict=True), strict=True))
    assert len(rows) == len(found.texts) == 17
    assert rows["Animalia"] == ("Animalia", "kingdom")
    assert rows["Animalia Chordata Aves Erithacus rubecula"] == ("Erithacus rubecula", "species")
    assert rows["Animalia Chordata Canis lupus"] == ("Canis lupus", "species"), "the class has no name"
    assert rows["Plantae Tracheophyta Liliopsida Morus"] == ("Morus", "genus")
    assert rows["Animalia Chordata Aves Morus"] == ("Morus", "genus")
    assert "" not in found.names


def test_taxonomies_from_files(radial: Model, tmp_path: Path) -> None:
    file = tmp_path / "birds.csv"
    rows = [RANKS, *LINEAGES]
    file.write_text("\n".join(",".join(row) for row in rows))
    links = list(terralex.order(queries="Animalia Chordata Aves", taxonomy=file, model=radial))
    assert (links[-1].name, links[-1].rank, links[-1].text) == ("Aves", "class", "Animalia Chordata Aves")
    assert links[-1].score == pytest.approx(1, abs=1e-5)
    with pytest.raises(UsageError, match=r"birds\.csv is a taxonomy.*--taxonomy"):
        load_captions(file)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "# texts\nlife\nanimal\nbird\n\nanimal\n"),
        ("b.txt", "life => animal => bird\nlife => animal\n"),
        ("c.csv", 'id,captions\n7,"life => animal => bird"\n8,life=>bird\n'),
        ("d.yaml", "- life\n- animal\n- bird\n"),
    ],
)
def test_files_of_captions(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert sorted(load_captions(tmp_path / name)) == ["animal", "bird", "life"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"which texts .*--taxonomy FILE"),
        ({"texts": ["a"], "captions": "b.txt"}, r"which texts .*one of them"),
        ({"texts": ["a", " "]}, "one of the texts is empty"),
        ({"captions": "absent.txt"}, r"absent\.txt does not exist"),
        ({"taxonomy": "absent.csv"}, r"absent\.csv does not exist"),
        ({"texts": ["a"], "queries": ["b", " "]}, "a query is empty"),
        ({"texts": ["a"], "steps": 1}, "at least two steps"),
    ],
)
def test_mistakes_are_named(radial: Model, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        terralex.order(model=radial, **arguments)  # type: ignore[arg-type]


def test_the_root(model: Model, radial: Model, hyperbolic: Model) -> None:
    chosen = candidates(texts=TEXTS)
    plain = Model(replace(model.card, geometry="cosine", root=None), model.network, model.tokenizer)
    with pytest.raises(UsageError, match="tiny has no root"):
        terralex.order(queries="oak", texts=TEXTS, model=plain)
    with pytest.raises(UsageError, match="leave out --root"):
        terralex.order(queries="oak", texts=TEXTS, root="life", model=hyperbolic)
    assert Orderer(radial, chosen).root == "“Eukarya”"
    assert Orderer(model, chosen, root="").root == "the empty text"
    assert Orderer(hyperbolic, chosen).root == "the origin"
    assert next(terralex.order(queries="oak", texts=TEXTS, root="life", model=radial)).text == "life"


def test_one_text_is_a_chain(radial: Model, hyperbolic: Model) -> None:
    for model in (radial, hyperbolic):
        assert [link.text for link in terralex.order(queries="oak", texts=["a"], model=model)] == ["a"]


def test_pictures_that_come_one_by_one(radial: Model, pictures: Path) -> None:
    paths = [str(pictures / f"{n}.png") for n in range(4)]
    assert list(terralex.order(iter(paths), texts=TEXTS, model=radial)) == list(
        terralex.order(paths, texts=TEXTS, model=radial)
    )


class TestPicture:
    def draw(self, panels: list[Panel], root: str = "“Eukarya”") -> np.ndarray:
        return np.asarray(PIL.Image.open(io.BytesIO(draw_chains(panels, root))).convert("RGB"))

    def test_of_pictures_and_phrases(self, radial: Model, pictures: Path) -> None:
        encoder, orderer = Encoder(radial), Orderer(radial, candidates(texts=TEXTS))
        items = list_items([str(pictures / "0.png"), str(pictures / "4.jpg")])
        panels = make_panels(encoder, orderer, items, ["a robin", "oak"], 3)
        assert [panel.links[0].path for panel in panels] == [str(pictures / "0.png"), "a robin"]
        drawn = self.draw(panels)
        assert drawn.shape[1] > 1200
        for side in (drawn[:, :3], drawn[:, -3:], drawn[:3], drawn[-3:]):
            assert (side == 255).all(), "nothing runs over the edge"

    def test_radii_are_to_scale(self) -> None:
        """Each text has a dot at its radius."""
        radii = [0.5, 1.0, 2.0]
        panel = Panel([_link(f"t{i}", radius, radius) for i, radius in enumerate(radii)])
        with new_figure(6, 3) as figure:
            axes = figure.subplots()
            draw_chain(axes, panel.links, "root", 2.0, Normalize(0.5, 2.0))
            dots = axes.collections[-2].get_offsets()
        assert np.asarray(dots).tolist() == [[0.5, 1], [1.0, 2], [2.0, 3]]

    @pytest.mark.parametrize(
        "name", ["word " * 200, "x" * 3000, "naïve\tname\n with\x00 control", "日本語", "", "£" * 80]
    )
    def test_any_name(self, name: str) -> None:
        drawn = self.draw([Panel([replace(_link(name, 0.5, 0.1), path=name)])], f"“{name}”"[:50])
        for side in (drawn[:, :3], drawn[:, -3:]):
            assert (side == 255).all()

    def test_chains_of_any_length_and_radius(self) -> None:
        for count in (1, 2, 500):
            links = [_link(str(i), 1e-3 * i, -i) for i in range(count)]
            assert len(self.draw([Panel(links)])) < 3000

    @pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (300, 300)])
    def test_pictures_of_any_shape(self, shape: tuple[int, int]) -> None:
        image = terralex.Image.from_pil(PIL.Image.fromarray(np.full((*shape, 3), 200, np.uint8)))
        drawn = self.draw([Panel([_link("a", 1.0, 0.5)], image)])
        assert (drawn != 255).any()


def _link(name: str, radius: float, score: float) -> Link:
    return Link("a phrase", position=1, name=name, rank="species", radius=radius, score=score, model="m")
