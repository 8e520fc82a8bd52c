"""RCME, Radial Embeddings, MERU and ATMG: losses, hyperbolic geometry, ordering metrics."""

import csv
from collections.abc import Callable, Mapping
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from terralex.geometry import lorentz, radial
from terralex.metrics.ordering import measure_ordering, number_texts
from terralex.training.objectives import (
    Angles,
    Apex,
    Chains,
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
        images, texts, curvature, logit_scale, scalars = lifted(expected, torch.float32)
        terms = meru_loss(images, texts, curvature, logit_scale, pairs(images), entailment_weight=0.2)
        loss = [terms[name].item() for name in ("loss", "contrastive", "entailment")]
        np.testing.assert_allclose(loss, expected["meru_loss"], rtol=1e-5)
        slopes = torch.stack(torch.autograd.grad(terms["loss"], scalars))
        np.testing.assert_allclose(slopes, expected["meru_grad_scalars"], rtol=1e-5)

    def test_atmg(self, expected: Expected) -> None:
        """Ours is the published loss in float64; what is expected lost digits to the arc cosine in float32.

        Near a half turn, where these angles lie, that costs gradients up to 3e-3. So they are held to ten
        times what the same formula loses in float32 here, and the loss to 1e-5.
        """
        recorded = np.append(expected["atmg_loss"][0], expected["atmg_grad_scalars"])
        exact, rounded = published_atmg(expected, torch.float64), published_atmg(expected, torch.float32)
        np.testing.assert_allclose(our_atmg(expected, torch.float64), exact, rtol=1e-6)
        found = our_atmg(expected, torch.float32)
        np.testing.assert_allclose(found[0], recorded[0], rtol=1e-5)
        np.testing.assert_allclose(found, recorded, rtol=1e-5 + 10 * max(abs(rounded / exact - 1)))


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
    expected: Expected, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor, Tensor, tuple[Tensor, ...]]:
    """Images and texts on the hyperboloid, curvature, logit scale, and the four scalars that they hang on."""
    values = (LOG_CURVATURE, IMAGE_SCALE, TEXT_SCALE, np.log(LOGIT_SCALE))
    scalars = tuple(torch.tensor(value, dtype=dtype, requires_grad=True) for value in values)
    log_curvature, image_scale, text_scale, log_logit_scale = scalars
    curvature = log_curvature.exp()
    images, texts = (
        lorentz.lift(torch.from_numpy(expected[f"hyp_features_{kind}"]).to(dtype), scale, curvature)
        for kind, scale in (("image", image_scale), ("text", text_scale))
    )
    return images, texts, curvature, log_logit_scale.exp(), scalars


def our_atmg(expected: Expected, dtype: torch.dtype) -> np.ndarray:
    """The loss and its four gradients."""
    images, texts, curvature, logit_scale, scalars = lifted(expected, dtype)
    loss = atmg_loss(images, texts, curvature, logit_scale, pairs(images))["loss"]
    return torch.stack([loss, *torch.autograd.grad(loss, scalars)]).detach().double().numpy()


def published_atmg(expected: Expected, dtype: torch.dtype) -> np.ndarray:
    """`our_atmg` by the arc cosine of the papers."""
    images, texts, curvature, logit_scale, scalars = lifted(expected, dtype)

    def angles(x: Tensor, y: Tensor) -> Tensor:
        x_time, y_time = ((1 / curvature + (p**2).sum(dim=1)).sqrt() for p in (x, y))
        product = curvature * (x @ y.T - x_time[:, None] * y_time)
        above = y_time + product * x_time[:, None]
        return (above / (torch.linalg.vector_norm(x, dim=1)[:, None] * (product**2 - 1).sqrt())).arccos()

    own = torch.arange(len(images))
    one_way = [
        torch.nn.functional.cross_entropy(-logit_scale * angles(*xy), own)
        for xy in ((images, texts), (texts, images))
    ]
    loss = sum(one_way) / 2
    return torch.stack([loss, *torch.autograd.grad(loss, scalars)]).detach().double().numpy()
