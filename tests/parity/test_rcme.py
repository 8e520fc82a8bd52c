"""RCME, Radial Embeddings, MERU and ATMG: losses, hyperbolic geometry, ordering metrics."""

import csv
from collections.abc import Callable, Mapping
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from terralex.geometry import lorentz, radial
from terralex.metrics.ordering import measure_ordering, number_texts
from terralex.training.objectives import (
    Angles,
    Apex,
    Chains,
    Terms,
    atmg_loss,
    chain_angles,
    global_entailment,
    hard_examples,
    local_entailment,
    meru_loss,
)

# Losses are differences of angles up to π, whose float32 rounding counts where the difference is small.
RELATIVE = {"rtol": 1e-5, "atol": 1e-6}

LOG_CURVATURE, IMAGE_SCALE, TEXT_SCALE, LOGIT_SCALE = 0.4, -1.2, -1.6, 1 / 0.07
STEPS, ROOT = 50, "Eukarya"

Expected = Mapping[str, np.ndarray]


@pytest.fixture(scope="module")
def expected(case: SimpleNamespace) -> Expected:
    found: Expected = case.expected()
    return found


def chains(expected: Expected, *, opposed: int) -> Chains:
    """The chains, with opposed texts for so many ranks."""
    texts = torch.from_numpy(expected["text"]).transpose(0, 1)
    ranks = texts.shape[1] // 2
    return Chains(texts[:, :ranks], texts[:, ranks : ranks + opposed], torch.from_numpy(expected["root"]))


class TestEntailment:
    @pytest.mark.parametrize(
        ("name", "apex", "finest"),
        [("rcme", "parent", False), ("root", "root", True), ("radial", "root", True)],
    )
    def test_local(self, expected: Expected, name: str, apex: Apex, finest: bool) -> None:
        """Seen from the root, the finest rank's negative counts too; it is not among the angles given."""
        ranks = len(expected["text"]) // 2
        angles = chain_angles(chains(expected, opposed=ranks - (not finest)), apex)
        np.testing.assert_allclose(angles.onward.T, expected[f"{name}_P"], **RELATIVE)
        np.testing.assert_allclose(-angles.astray.T[: ranks - 1], expected[f"{name}_N"], **RELATIVE)
        np.testing.assert_allclose(local_entailment(angles), expected[f"{name}_local"], **RELATIVE)

    def test_hard_examples(self, expected: Expected) -> None:
        angles: Angles = chain_angles(chains(expected, opposed=len(expected["rcme_N"])), "parent")
        np.testing.assert_allclose(hard_examples(angles), expected["rcme_max"], **RELATIVE)

    def test_global(self, expected: Expected) -> None:
        found = global_entailment(chains(expected, opposed=len(expected["root_N"])), margin=0.0)
        np.testing.assert_allclose(found, expected["root_global"], **RELATIVE)


class TestLorentz:
    @pytest.fixture
    def points(self, expected: Expected) -> tuple[Tensor, Tensor]:
        """Texts and images on the hyperboloid."""
        return torch.from_numpy(expected["meru_text_points"]), torch.from_numpy(expected["meru_image_points"])

    @pytest.mark.parametrize(
        ("name", "function"),
        [
            ("lorentz_inner", lorentz.pairwise_inner),
            ("lorentz_dist", lorentz.pairwise_distance),
            ("oxy_angle", lorentz.exterior_angle),
            ("pairwise_oxy_angle", lorentz.pairwise_exterior_angle),
        ],
    )
    def test_pairs(
        self, expected: Expected, points: tuple[Tensor, Tensor], name: str, function: Callable[..., Tensor]
    ) -> None:
        found = function(*points, torch.tensor(LOG_CURVATURE).exp())
        np.testing.assert_allclose(found, expected[name], rtol=1e-5)

    @pytest.mark.parametrize(
        ("name", "function"), [("half_aperture", lorentz.half_aperture), ("log_map0", lorentz.log_map0)]
    )
    def test_points(
        self, expected: Expected, points: tuple[Tensor, Tensor], name: str, function: Callable[..., Tensor]
    ) -> None:
        found = function(points[0], torch.tensor(LOG_CURVATURE).exp())
        np.testing.assert_allclose(found, expected[name], rtol=1e-5, atol=1e-7)


class TestHyperbolicLosses:
    @pytest.mark.parametrize("name", ["meru", "atmg"])
    def test_points(self, expected: Expected, name: str) -> None:
        images, texts, *_ = lifted(expected, torch.float32)
        np.testing.assert_allclose(images.detach(), expected[f"{name}_image_points"], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(texts.detach(), expected[f"{name}_text_points"], rtol=1e-5, atol=1e-7)

    def test_meru(self, expected: Expected) -> None:
        images, texts, curvature, logit_scale, _ = lifted(expected, torch.float32)
        terms = meru_loss(images, texts, curvature, logit_scale, pairs(images))
        loss = [terms[name].item() for name in ("loss", "contrastive", "entailment")]
        np.testing.assert_allclose(loss, expected["meru_loss"], rtol=1e-5)

    @pytest.mark.parametrize(("ours", "published"), [(meru_loss, "meru"), (atmg_loss, "atmg")])
    def test_gradients(self, expected: Expected, ours: Callable[..., Terms], published: str) -> None:
        """Loss and gradients in float32 are those of the published formula in float64, up to their rounding.

        What is recorded is the formula in float32, whose arc functions lose digits where angles are near a
        half turn and points near each other. How many is measured: the order of the features changes nothing
        but the rounding, so the largest error over some orders is a sample of the recorded one.
        """
        exact = with_gradients(PUBLISHED[published], expected, torch.float64)
        features = expected["hyp_features_image"].shape[1]
        orders = [torch.randperm(features, generator=torch.Generator().manual_seed(i)) for i in range(16)]
        rounded = [with_gradients(PUBLISHED[published], expected, torch.float32, order) for order in orders]
        for dtype, rtol in ((torch.float32, 1e-5), (torch.float64, 1e-6)):
            np.testing.assert_allclose(with_gradients(ours, expected, dtype), exact, rtol=rtol)
        recorded = np.append(expected[f"{published}_loss"][0], expected[f"{published}_grad_scalars"])
        error = np.abs(np.stack(rounded) - exact).max(axis=0)
        assert (np.abs(recorded - exact) <= 4 * error + 1e-5 * np.abs(exact)).all()


def test_ordering(case: SimpleNamespace, expected: Expected) -> None:
    with (case.folder / "order_dataset.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    texts, references = number_texts([[text.strip() for text in row["captions"].split("=>")] for row in rows])
    files = list(dict.fromkeys(row["img_fn"] for row in rows))
    names = expected["order_text_names"].tolist()
    embeddings = normalize(torch.from_numpy(expected["order_text_embeddings"]), dim=1)
    candidates = embeddings[[names.index(text) for text in texts]]
    report = measure_ordering(
        normalize(torch.from_numpy(expected["order_image_embeddings"]), dim=1),
        candidates,
        radial.depth(candidates, embeddings[names.index(ROOT)]),
        references,
        torch.tensor([files.index(row["img_fn"]) for row in rows]),
        steps=STEPS,
        resamples=10,
    )
    found = [report.tau, report.precision, report.recall]
    np.testing.assert_allclose(found, expected["order_metrics"], rtol=1e-5)


def pairs(images: Tensor) -> Tensor:
    """Each text holds for its own image alone."""
    return torch.eye(len(images), dtype=torch.int8)


def lifted(
    expected: Expected, dtype: torch.dtype, order: Tensor | slice = slice(None)
) -> tuple[Tensor, Tensor, Tensor, Tensor, tuple[Tensor, ...]]:
    """Images and texts on the hyperboloid, curvature, logit scale, and the four scalars behind them."""
    values = (LOG_CURVATURE, IMAGE_SCALE, TEXT_SCALE, np.log(LOGIT_SCALE))
    scalars = tuple(torch.tensor(value, dtype=dtype, requires_grad=True) for value in values)
    log_curvature, image_scale, text_scale, log_logit_scale = scalars
    curvature = log_curvature.exp()
    images, texts = (
        lorentz.lift(torch.from_numpy(expected[f"hyp_features_{kind}"])[:, order].to(dtype), scale, curvature)
        for kind, scale in (("image", image_scale), ("text", text_scale))
    )
    return images, texts, curvature, log_logit_scale.exp(), scalars


def with_gradients(
    objective: Callable[..., Terms],
    expected: Expected,
    dtype: torch.dtype,
    order: Tensor | slice = slice(None),
) -> np.ndarray:
    """The loss and its gradients with respect to the four scalars, from features and scalars of a dtype."""
    images, texts, curvature, logit_scale, scalars = lifted(expected, dtype, order)
    loss = objective(images, texts, curvature, logit_scale, pairs(images))["loss"]
    return np.array([loss.item(), *(slope.item() for slope in torch.autograd.grad(loss, scalars))])


class Published:
    """The formulas of the papers as they are written, in the dtype of the curvature."""

    def __init__(self, x: Tensor, y: Tensor, curvature: Tensor) -> None:
        self.x, self.y, self.curvature = x.to(curvature.dtype), y.to(curvature.dtype), curvature
        x_time, self.y_time = ((1 / curvature + (p**2).sum(dim=1)).sqrt() for p in (self.x, self.y))
        self.x_time = x_time[:, None]
        self.product = curvature * (self.x @ self.y.T - self.x_time * self.y_time)

    def distances(self) -> Tensor:
        return (-self.product).arccosh() / self.curvature.sqrt()

    def angles(self) -> Tensor:
        above = self.y_time + self.product * self.x_time
        norm = torch.linalg.vector_norm(self.x, dim=1)[:, None]
        return (above / (norm * (self.product**2 - 1).sqrt())).arccos()

    def half_apertures(self) -> Tensor:
        return (0.2 / (torch.linalg.vector_norm(self.x, dim=1) * self.curvature.sqrt())).arcsin()


def published_meru(images: Tensor, texts: Tensor, curvature: Tensor, scale: Tensor, _: Tensor) -> Terms:
    logits, own = -scale * Published(images, texts, curvature).distances(), torch.arange(len(images))
    seen = Published(texts, images, curvature)
    outside = (seen.angles().diagonal() - seen.half_apertures()).clamp(min=0).mean()
    return {"loss": (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2 + 0.2 * outside}


def published_atmg(images: Tensor, texts: Tensor, curvature: Tensor, scale: Tensor, _: Tensor) -> Terms:
    own, ways = torch.arange(len(images)), ((images, texts), (texts, images))
    one_way = [cross_entropy(-scale * Published(*points, curvature).angles(), own) for points in ways]
    return {"loss": (one_way[0] + one_way[1]) / 2}


PUBLISHED = {"meru": published_meru, "atmg": published_atmg}
