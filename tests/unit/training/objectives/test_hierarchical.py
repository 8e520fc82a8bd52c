"""Objectives from general to specific, held to their definitions written out as loops."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from terralex.geometry import lorentz, to_float64
from terralex.training.objectives import (
    Apex,
    Chains,
    Terms,
    atmg_loss,
    chain_angles,
    clip_loss,
    global_entailment,
    hard_examples,
    local_entailment,
    meru_loss,
    prior,
    radial_loss,
    rcme_loss,
    sixth_rows,
)

B, R, D = 3, 5, 8


def unit(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(*shape, D, generator=generator, dtype=torch.float64), dim=-1)


def made(*, present: Tensor | None = None, has_opposed: Tensor | None = None, opposed: int = R) -> Chains:
    return Chains(unit(0, B, R), unit(1, B, opposed), unit(2), present, has_opposed)


def turn(apex: Tensor, x: Tensor, y: Tensor) -> float:
    """The exterior angle by the arc cosine."""
    a, b = x - apex, y - x
    return math.acos(float(a @ b / (a.norm() * b.norm())))


def apex_of(chains: Chains, apex: Apex, chain: int, rank: int) -> Tensor:
    return chains.root if apex == "root" or rank == 0 else chains.concepts[chain, rank - 1]


def onward(chains: Chains, apex: Apex, b: int, i: int) -> float:
    return turn(apex_of(chains, apex, b, i), chains.concepts[b, i], chains.concepts[b, i + 1])


def astray(chains: Chains, apex: Apex, b: int, i: int) -> float:
    return turn(apex_of(chains, apex, b, i), chains.concepts[b, i], chains.opposed[b, i])


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


@pytest.mark.parametrize("apex", ["root", "parent"])
@pytest.mark.parametrize("opposed", [R - 1, R])
def test_local_entailment_is_its_loop(apex: Apex, opposed: int) -> None:
    chains = made(opposed=opposed)
    positive = mean([onward(chains, apex, b, i) for b in range(B) for i in range(R - 1)])
    negative = mean([astray(chains, apex, b, i) for b in range(B) for i in range(opposed)])
    assert local_entailment(chain_angles(chains, apex)).item() == pytest.approx(positive - negative)


@pytest.mark.parametrize("apex", ["root", "parent"])
def test_hard_examples_are_the_widest_and_the_narrowest(apex: Apex) -> None:
    chains = made()
    pairs = [(onward(chains, apex, b, i), astray(chains, apex, b, i)) for b in range(B) for i in range(R - 1)]
    widest, narrowest = max(pairs), min(pairs, key=lambda pair: pair[1])
    expected = widest[0] - widest[1] + narrowest[0] - narrowest[1]
    assert hard_examples(chain_angles(chains, apex)).item() == pytest.approx(expected)


@pytest.mark.parametrize("margin", [0.0, 0.3, -0.3])
def test_global_entailment_is_its_loop(margin: float) -> None:
    chains, excess = made(), []
    for b in range(B):
        for i in range(R - 2):
            first, second = (max(math.cos(onward(chains, "root", b, i + k)), 0) for k in range(2))
            leap = turn(chains.root, chains.concepts[b, i], chains.concepts[b, i + 2])
            excess.append(max(0, leap - math.acos(first * second) + margin))
    assert any(excess)
    assert global_entailment(chains, margin).item() == pytest.approx(mean(excess))


def test_a_straight_walk_from_the_root_keeps_transitivity() -> None:
    root, away = unit(0), unit(1)
    walk = root + torch.arange(1, R + 1, dtype=torch.float64)[:, None] * away
    chains = Chains(walk[None], unit(2, 1, R), root)
    assert global_entailment(chains).item() == pytest.approx(0, abs=1e-9)
    assert chain_angles(chains).onward.max().item() == pytest.approx(0, abs=1e-9)


class TestMasks:
    """What is absent counts neither in values nor in gradients, whatever stands in its place."""

    present = torch.tensor([[True] * 5, [True] * 3 + [False] * 2, [True] + [False] * 4])
    has_opposed = torch.tensor([[True, False, True, True, False], [False] * 5, [True] * 5])

    @pytest.mark.parametrize("apex", ["root", "parent"])
    def test_values(self, apex: Apex) -> None:
        chains = made(present=self.present, has_opposed=self.has_opposed)
        there, angles = self.present.tolist(), chain_angles(chains, apex)
        steps = [(b, i) for b in range(B) for i in range(R - 1) if there[b][i + 1]]
        sides = [(b, i) for b in range(B) for i in range(R) if there[b][i] and self.has_opposed[b, i]]
        assert (len(steps), len(sides)) == (6, 4)
        expected = mean([onward(chains, apex, *at) for at in steps])
        expected -= mean([astray(chains, apex, *at) for at in sides])
        assert local_entailment(angles).item() == pytest.approx(expected)

        def gap(at: tuple[int, int]) -> float:
            plus = onward(chains, apex, *at) if at in steps else 0
            return plus - (astray(chains, apex, *at) if at in sides else 0)

        widest = max(steps, key=lambda at: onward(chains, apex, *at))
        narrowest = min((at for at in sides if at[1] < R - 1), key=lambda at: astray(chains, apex, *at))
        assert hard_examples(angles).item() == pytest.approx(gap(widest) + gap(narrowest))

    @pytest.mark.parametrize("term", [local_entailment, hard_examples])
    @pytest.mark.parametrize("filler", [0.0, 1e30, torch.nan])
    def test_absent_features_do_not_matter(self, term: Callable[..., Tensor], filler: float) -> None:
        plain = made(present=self.present, has_opposed=self.has_opposed)
        concepts = plain.concepts.masked_fill(~self.present[..., None], filler).requires_grad_()
        opposed = plain.opposed.masked_fill(~self.has_opposed[..., None], filler).requires_grad_()
        chains = Chains(concepts, opposed, plain.root, self.present, self.has_opposed)
        loss = term(chain_angles(chains)) + global_entailment(chains)
        torch.testing.assert_close(loss, term(chain_angles(plain)) + global_entailment(plain))
        slopes = torch.autograd.grad(loss, (concepts, opposed))
        assert all(torch.isfinite(slope).all() for slope in slopes)
        assert not slopes[0][~self.present].any()
        assert not slopes[1][~self.has_opposed].any()

    def test_nothing_at_all_is_zero(self) -> None:
        concepts = unit(0, B, R).requires_grad_()
        nothing = torch.zeros(B, R, dtype=torch.bool)
        chains = Chains(concepts, unit(1, B, R), unit(2), nothing, nothing)
        angles = chain_angles(chains)
        loss = local_entailment(angles) + hard_examples(angles) + global_entailment(chains)
        assert loss.item() == 0
        assert not torch.autograd.grad(loss, concepts)[0].any()


def test_identical_texts_have_finite_gradients() -> None:
    """The published losses are NaN here: a chain whose names repeat, and a text that equals the root."""
    concepts = unit(0, B, R).float()
    concepts[0, 1], concepts[1] = concepts[0, 0], unit(2).float()
    concepts.requires_grad_()
    chains = Chains(concepts, concepts.detach().clone(), unit(2).float())
    angles = chain_angles(chains)
    loss = local_entailment(angles) + hard_examples(angles) + global_entailment(chains)
    loss.backward()
    assert torch.isfinite(loss)
    assert concepts.grad is not None
    assert torch.isfinite(concepts.grad).all()


@pytest.mark.parametrize(("ranks", "opposed"), [(1, 1), (4, 2), (4, 5)])
def test_chains_of_odd_sizes_are_refused(ranks: int, opposed: int) -> None:
    with pytest.raises(ValueError, match="opposed text"):
        Chains(unit(0, B, ranks), unit(1, B, opposed), unit(2))


def test_prior_is_zero_at_home_and_one_at_the_opposite() -> None:
    texts = unit(0, 6)
    assert prior(texts, texts).item() == pytest.approx(0)
    assert prior(texts, -texts).item() == pytest.approx(1)
    assert not prior(texts, unit(1, 6).requires_grad_()).requires_grad


def test_rcme_is_the_weighted_sum_of_its_terms() -> None:
    chains, images, texts = made(), unit(3, 4), unit(4, 4)
    scale, relation = torch.tensor(10.0, dtype=torch.float64), torch.eye(4, dtype=torch.int8)
    angles = chain_angles(chains, "root")
    parts = [
        local_entailment(angles),
        hard_examples(angles),
        global_entailment(chains, 0.2),
        clip_loss(images, texts, scale, relation),
    ]
    terms = rcme_loss(
        chains,
        images,
        texts,
        scale,
        relation,
        apex="root",
        hard_weight=2.0,
        global_weight=3.0,
        margin=0.2,
        alignment_weight=0.5,
    )
    assert list(terms) == ["loss", "local", "hard", "global", "alignment"]
    for ours, part in zip(list(terms.values())[1:], parts, strict=True):
        torch.testing.assert_close(ours, part)
    weights = torch.tensor([1, 2, 3, 0.5], dtype=torch.float64)
    torch.testing.assert_close(terms["loss"], torch.stack([p.double() for p in parts]) @ weights)


def test_every_sixth_row_mixes_ranks() -> None:
    """The published stride over rows of seven names: finest name, then the one above it, and so on."""
    torch.manual_seed(0)
    concepts, images = torch.randn(8, 7, 5), torch.randn(8, 5)
    pictures, names, relation = sixth_rows(Chains(concepts, torch.randn(8, 6, 5), torch.zeros(5)), images)
    rows = [(row // 7, row % 7) for row in range(6, 56, 6)]
    assert rows[:4] == [(0, 6), (1, 5), (2, 4), (3, 3)]
    assert torch.equal(names, torch.stack([concepts[chain, rank] for chain, rank in rows]))
    assert torch.equal(pictures, torch.stack([images[chain] for chain, _ in rows]))
    assert torch.equal(relation, torch.eye(len(rows), dtype=torch.int8))


def test_radial_is_seen_from_the_root_and_held_to_the_frozen_encoder() -> None:
    chains, texts, frozen = made(), unit(3, 6), unit(4, 6)
    terms = radial_loss(chains, texts, frozen)
    angles = chain_angles(chains, "root")
    assert list(terms) == ["loss", "local", "hard", "prior"]
    expected = local_entailment(angles) + hard_examples(angles) + 10 * prior(texts, frozen)
    torch.testing.assert_close(terms["loss"], expected)


CURVATURE = torch.tensor(1.3, dtype=torch.float64)
ONE_EACH = torch.eye(6, dtype=torch.int8)


def points(seed: int, n: int = 6) -> Tensor:
    return lorentz.exp_map0(1.5 * unit(seed, n), CURVATURE)


def test_meru_with_one_text_an_image() -> None:
    images, texts, own = points(0), points(1), torch.arange(6)
    terms = meru_loss(images, texts, CURVATURE, 14.0, ONE_EACH)
    logits = -14 * lorentz.pairwise_distance(images, texts, CURVATURE)
    torch.testing.assert_close(
        terms["contrastive"], (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2
    )
    outside = lorentz.exterior_angle(texts, images, CURVATURE) - lorentz.half_aperture(texts, CURVATURE)
    torch.testing.assert_close(terms["entailment"], outside.clamp(min=0).mean())
    torch.testing.assert_close(terms["loss"], terms["contrastive"] + 0.2 * terms["entailment"])


def test_meru_wants_an_image_in_the_cones_of_all_its_texts_and_of_no_other() -> None:
    """An image is in the cones of a general and a specific text on its ray; unrelated texts are not asked."""
    away = unit(0)
    chain = torch.stack([lorentz.exp_map0(length * away, 1.0) for length in (0.5, 1.0, 2.0)])
    texts = torch.cat([chain[:2], lorentz.exp_map0(-away, 1.0)[None]])
    relation = torch.tensor([[1, 1, 0]], dtype=torch.int8)
    assert meru_loss(chain[2:], texts, 1.0, 10.0, relation)["entailment"] == 0
    assert meru_loss(chain[2:], texts, 1.0, 10.0, torch.ones_like(relation))["entailment"] > 0.5
    assert meru_loss(chain[2:], texts, 1.0, 10.0, torch.zeros_like(relation))["entailment"] == 0


def test_atmg_contrasts_angles_at_either_end() -> None:
    images, texts, own = points(0), points(1), torch.arange(6)
    terms = atmg_loss(images, texts, CURVATURE, 14.0, ONE_EACH)
    ways = ((images, texts), (texts, images))
    at = [cross_entropy(-14 * lorentz.pairwise_exterior_angle(x, y, CURVATURE), own) for x, y in ways]
    torch.testing.assert_close(terms["loss"], (at[0] + at[1]) / 2)
    assert list(terms) == ["loss", "contrastive"]
    assert at[0] != at[1]


@pytest.mark.parametrize("objective", [meru_loss, atmg_loss])
@pytest.mark.parametrize("noise", [3.0, 1.0, 0.1, 0.01, 1e-4])
@pytest.mark.parametrize(("pairs", "width", "log_scale"), [(2, 2, -1.0), (8, 16, -1.4), (24, 512, -3.1)])
def test_float32_features_have_float64_gradients(
    objective: Callable[..., Terms], noise: float, pairs: int, width: int, log_scale: float
) -> None:
    """Gradients of features and scalars, from texts far from their images to nearly the same.

    They are computed in float64 and rounded once: by half an eps of float32, here of the largest.
    """
    generator = torch.Generator().manual_seed(pairs)
    features = torch.randn(2, pairs, width, generator=generator)
    features[1] = features[0] + noise * features[1]
    scalars = torch.tensor([0.4, log_scale, log_scale - 0.2, 30.0])  # logarithms but the last

    def gradients(dtype: torch.dtype) -> list[Tensor]:
        images, texts = (kind.to(dtype).requires_grad_() for kind in features)
        log_curvature, image_scale, text_scale, logit_scale = (
            scalar.to(dtype).requires_grad_() for scalar in scalars
        )
        curvature, relation = to_float64(log_curvature).exp(), torch.eye(pairs, dtype=torch.int8)
        ways = ((images, image_scale), (texts, text_scale))
        points = [lorentz.lift(features, scale, curvature) for features, scale in ways]
        loss = objective(*points, curvature, logit_scale, relation)["loss"]
        leaves = (images, texts, log_curvature, image_scale, text_scale, logit_scale)
        return [slope.double() for slope in torch.autograd.grad(loss, leaves)]

    for found, exact in zip(gradients(torch.float32), gradients(torch.float64), strict=True):
        tolerance = 2 * torch.finfo(torch.float32).eps * exact.abs().max().item()
        torch.testing.assert_close(found, exact, atol=tolerance, rtol=0)


def test_autocast_changes_nothing() -> None:
    chains = Chains(unit(0, B, R).float(), unit(1, B, R).float(), unit(2).float())
    images, texts = points(0).float(), points(1).float()

    def losses() -> Tensor:
        curvature, scale = torch.tensor(1.3), torch.tensor(10.0)
        return torch.stack(
            [
                rcme_loss(chains, unit(3, 6).float(), unit(4, 6).float(), scale, ONE_EACH)["loss"],
                meru_loss(images, texts, curvature, scale, ONE_EACH)["loss"],
                atmg_loss(images, texts, curvature, scale, ONE_EACH)["loss"],
            ]
        )

    plain = losses()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(losses(), plain, rtol=0, atol=0)
