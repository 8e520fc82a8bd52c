"""Figures of a taxonomy, held to what their definitions say, picture by picture."""

import math
from itertools import combinations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from terralex.geometry import Cosine, Geometry, Lorentz
from terralex.metrics import retrieval, taxa
from terralex.metrics.retrieval import nearest_others, recall_at
from terralex.metrics.taxa import RankTexts, TaxonomyReport, leaf_vectors, measure_taxonomy
from terralex.taxonomy import Taxonomy, make_taxonomy

SCALE = 20.0

LINEAGES = (
    ("A", "B", "C", "d"),
    ("A", "B", "C", "e"),
    ("A", "B", "Morus", "f"),
    ("A", "G", "H", "i"),
    ("A", "", "J", "k"),  # a name is missing in between
    ("L", "M", "Morus", "n"),  # a homonym
    ("L", "M", "O"),  # ends early
    ("L", "P"),
)


@pytest.fixture(scope="module")
def tree() -> Taxonomy:
    return make_taxonomy(LINEAGES, ("one", "two", "three", "four"))


def made(tree: Taxonomy, seed: int, n: int, geometry: Geometry) -> tuple[Tensor, Tensor, list[RankTexts]]:
    """Pictures near their own texts and not, what they show, and texts by names: homonyms share one."""
    generator = torch.Generator().manual_seed(seed)

    def points(count: int) -> Tensor:
        return geometry.project(torch.randn(count, 6, generator=generator))

    texts = []
    for rank in tree.ranks:
        names = [taxon.lineage[-1] for taxon in tree.taxa(rank)]
        place = {name: i for i, name in enumerate(dict.fromkeys(filter(None, names)))}
        texts.append(RankTexts(points(len(place)), torch.tensor([place.get(name, -1) for name in names])))
    leaves = torch.randint(len(tree), (n,), generator=generator)
    own = leaf_vectors(texts, tree)[leaves]
    images = (
        normalize(own + points(n), dim=1) if isinstance(geometry, Cosine) else own * 0.5 + points(n) * 0.5
    )
    return images, leaves, texts


def similarity(geometry: Geometry, image: Tensor, vectors: Tensor) -> list[float]:
    return geometry.scores(image[None], vectors)[0].tolist()


def plain_ranks(
    tree: Taxonomy, images: Tensor, leaves: Tensor, texts: list[RankTexts], geometry: Geometry, place: int
) -> dict[str, float]:
    """Top 1, top 5 and macro of one rank, by loops."""
    top1: dict[int, list[bool]] = {}
    top5 = []
    for image, leaf in zip(images, leaves.tolist(), strict=True):
        node = int(tree.nodes[leaf, place])
        if not tree.names[node]:
            continue
        scores = similarity(geometry, image, texts[place].vectors)
        order = sorted(range(len(scores)), key=lambda label: -scores[label])
        own = int(texts[place].label_of[node - tree.offsets[place]])
        top1.setdefault(node, []).append(order[0] == own)
        top5.append(own in order[:5])
    every = [right for rights in top1.values() for right in rights]
    macro = sum(sum(rights) / len(rights) for rights in top1.values()) / len(top1)
    top1_part, top5_part = (sum(rights) / len(rights) for rights in (every, top5))
    return {"count": len(every), "top1": top1_part, "top5": top5_part, "macro": macro}


def plain_path(tree: Taxonomy, image: Tensor, texts: list[RankTexts], geometry: Geometry) -> list[int]:
    odds = (SCALE * geometry.scores(image[None], leaf_vectors(texts, tree))[0]).softmax(dim=0).tolist()
    path: list[int] = []
    for place in range(len(tree.ranks)):
        share: dict[int, float] = {}
        for leaf, odd in enumerate(odds):
            if tree.nodes[leaf, :place].tolist() == path:
                node = int(tree.nodes[leaf, place])
                share[node] = share.get(node, 0) + odd
        path.append(max(share, key=lambda node: share[node]))
    return path


def plain_consistency(
    tree: Taxonomy, images: Tensor, texts: list[RankTexts], geometry: Geometry, place: int
) -> float:
    """Part of the pictures for which each pair of labels, of this rank and above, is that of some leaf."""
    good = 0
    for image in images:
        said = []
        for own in texts[: place + 1]:
            scores = similarity(geometry, image, own.vectors)
            said.append(max(range(len(scores)), key=lambda label, known=scores: known[label]))
        labels = [
            [
                int(texts[upper].label_of[int(tree.nodes[leaf, upper]) - tree.offsets[upper]])
                for upper in range(place + 1)
            ]
            for leaf in range(len(tree))
        ]
        good += all(
            any(line[b] == said[b] and line[a] in (said[a], -1) for line in labels)
            for a, b in combinations(range(place + 1), 2)
        )
    return good / len(images)


@pytest.mark.parametrize("geometry", [Cosine(), Lorentz(0.7)], ids=["cosine", "lorentz"])
def test_figures_are_those_of_the_definition(tree: Taxonomy, geometry: Geometry) -> None:
    images, leaves, texts = made(tree, 6, 30, geometry)
    report = measure_taxonomy(images, leaves, tree, texts, geometry, logit_scale=SCALE)
    assert [rank.labels for rank in report.ranks] == [2, 4, 5, 6]
    paths = [plain_path(tree, image, texts, geometry) for image in images]
    for place, rank in enumerate(report.ranks):
        for name, value in plain_ranks(tree, images, leaves, texts, geometry, place).items():
            assert getattr(rank, name) == pytest.approx(value), (rank.rank, name)
        named = [row for row, leaf in enumerate(leaves.tolist()) if tree.named[tree.nodes[leaf, place]]]
        summed = sum(paths[row][place] == int(tree.nodes[leaves[row], place]) for row in named)
        assert rank.rolled_up == pytest.approx(summed / len(named))
        assert rank.consistency == plain_consistency(tree, images, texts, geometry, place), rank.rank
    for row, leaf in enumerate(leaves.tolist()):
        for place, node in enumerate(paths[row]):
            own = int(tree.nodes[leaf, place])
            assert bool(report.answers.confidence[row, place].isnan()) == (not tree.names[node])
            assert bool(report.answers.known[row, place]) == bool(tree.names[own])
            assert bool(report.answers.correct[row, place]) == (own == node)


def test_the_data_above_tells_figures_apart(tree: Taxonomy) -> None:
    """A mix-up of two of them would not pass unseen."""
    images, leaves, texts = made(tree, 6, 30, Cosine())
    report = measure_taxonomy(images, leaves, tree, texts, Cosine(), logit_scale=SCALE)
    coarse, fine = report.ranks[1], report.ranks[3]
    assert len({fine.top1, fine.top5, fine.macro, fine.rolled_up}) == 4
    assert 0 < fine.consistency < coarse.consistency < 1


@pytest.mark.parametrize("block", [1, 50])
def test_blocks_do_not_matter(tree: Taxonomy, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    images, leaves, texts = made(tree, 6, 30, Cosine())
    whole = measure_taxonomy(images, leaves, tree, texts, Cosine(), logit_scale=SCALE)
    monkeypatch.setattr(taxa, "_BLOCK", block)
    monkeypatch.setattr(retrieval, "_BLOCK", block)
    parts = measure_taxonomy(images, leaves, tree, texts, Cosine(), logit_scale=SCALE)
    assert parts == whole
    torch.testing.assert_close(parts.answers.confidence, whole.answers.confidence, equal_nan=True)


def test_pictures_at_their_texts_are_all_right(tree: Taxonomy) -> None:
    """Texts of taxa point one way each, so a leaf's vector with a little of its ancestors is found by all."""
    generator = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(64, 64, generator=generator)).Q
    texts, start = [], 0
    for rank in tree.ranks:
        names = [taxon.lineage for taxon in tree.taxa(rank)]
        named = [i for i, lineage in enumerate(names) if lineage[-1]]
        label_of = torch.full((len(names),), -1)
        label_of[named] = torch.arange(len(named))
        texts.append(RankTexts(axes[start : start + len(named)], label_of))
        start += len(named)
    images = torch.zeros(len(tree), 64)
    for leaf in range(len(tree)):
        for place, own in enumerate(texts):
            label = int(own.label_of[tree.nodes[leaf, place] - tree.offsets[place]])
            if label >= 0:
                images[leaf] += own.vectors[label]
    leaves = torch.arange(len(tree))
    report = measure_taxonomy(normalize(images, dim=1), leaves, tree, texts, Cosine(), logit_scale=100.0)
    for rank in report.ranks:
        assert (rank.top1, rank.top5, rank.macro, rank.rolled_up) == (1, 1, 1, 1), rank
    assert [rank.count for rank in report.ranks] == [8, 7, 7, 6]
    assert report.mean("top1") == 1
    whole = torch.from_numpy(tree.named[tree.nodes].all(axis=1)).nonzero()[:, 0]
    named = measure_taxonomy(images[whole], whole, tree, texts, Cosine(), logit_scale=100.0)
    assert [rank.consistency for rank in named.ranks] == [1, 1, 1, 1]


def test_no_pictures_are_refused(tree: Taxonomy) -> None:
    _, _, texts = made(tree, 0, 1, Cosine())
    with pytest.raises(ValueError, match="no pictures"):
        measure_taxonomy(
            torch.zeros(0, 6), torch.zeros(0, dtype=torch.long), tree, texts, Cosine(), logit_scale=1.0
        )


def test_one_picture_has_figures_but_nobody_to_find(tree: Taxonomy) -> None:
    images, leaves, texts = made(tree, 0, 1, Cosine())
    report = measure_taxonomy(images, leaves, tree, texts, Cosine(), logit_scale=SCALE)
    assert report.ranks[0].queries == 0
    assert math.isnan(report.ranks[0].recall[1])
    rows = list(report.rows())
    assert {row["rank"] for row in rows} == {*tree.ranks, "mean"}
    assert len(rows) == 4 * 5 + 4 + 3 * 4


def test_means_leave_out_ranks_without_a_name() -> None:
    tree = make_taxonomy([("A", "", "b"), ("C", "", "d")], ("one", "two", "three"))
    texts = [
        RankTexts(torch.eye(2), torch.arange(2)),
        RankTexts(torch.zeros(0, 2), torch.tensor([-1, -1])),
        RankTexts(torch.eye(2), torch.arange(2)),
    ]
    report = measure_taxonomy(
        torch.eye(2), torch.arange(2), tree, texts, Cosine(), logit_scale=SCALE, neighbours=(1,)
    )
    assert [rank.count for rank in report.ranks] == [2, 0, 2]
    assert math.isnan(report.ranks[1].top1)
    assert report.mean("top1") == 1
    assert [rank.consistency for rank in report.ranks] == [1, 1, 1]
    assert isinstance(report, TaxonomyReport)


@pytest.mark.parametrize("block", [1, 30, 10**6])
def test_neighbours_are_the_most_similar_others(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "_BLOCK", block)
    points = normalize(torch.randn(11, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    found = nearest_others(points, points, 3)
    for row in range(11):
        others = sorted(set(range(11)) - {row}, key=lambda other: -float(points[row] @ points[other]))
        assert found[row].tolist() == others[:3]
    assert nearest_others(points, points, 50).shape == (11, 10)
    assert nearest_others(points[:0], points[:0], 3).shape == (0, 0)


def test_recall_asks_only_for_groups_of_two_or_more() -> None:
    neighbours = torch.tensor([[1, 2], [2, 0], [3, 0], [2, 1], [0, 1]])
    groups = torch.tensor([0, 1, 0, 1, -1])
    recall, queries = recall_at(neighbours, groups, (1, 2))
    assert queries == 4
    assert recall == {1: 0.0, 2: 0.75}
    recall, queries = recall_at(neighbours, torch.tensor([0, 1, 2, 3, -1]), (1,))
    assert (queries, math.isnan(recall[1])) == (0, True)
