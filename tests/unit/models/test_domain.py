from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from terralex.models import Model, load_model, save_model
from terralex.models.domain import Domain
from terralex.models.networks import build


@pytest.fixture
def domain() -> Domain:
    """Two classes about two directions of eight."""
    generator = torch.Generator().manual_seed(0)
    classes = torch.arange(400) % 2
    centres = torch.eye(8)[classes]
    vectors, held_out = (
        F.normalize(centres + 0.1 * torch.randn(400, 8, generator=generator), dim=1) for _ in range(2)
    )
    made = Domain(2, 8)
    made.fit(vectors, classes, held_out, 0.05)
    assert (made.distances(held_out) > 1).float().mean() == pytest.approx(0.05, abs=0.01)
    return made


def test_it_ends_between_what_it_knows_and_anything_else(domain: Domain) -> None:
    others = F.normalize(torch.eye(8)[2:], dim=1)
    assert (domain.distances(others) > 2).all()
    assert (domain.distances(torch.eye(8)[:2]) < 0.5).all()
    between = F.normalize(torch.eye(8)[:2].sum(dim=0, keepdim=True), dim=1)
    assert (domain.distances(between) > 1).all(), "a mixture of two classes is neither"


def test_half_precision_hardly_changes_distances(domain: Domain) -> None:
    vectors = F.normalize(torch.randn(50, 8, generator=torch.Generator().manual_seed(1)), dim=1)
    stored = Domain(2, 8)
    stored.load_state_dict({name: value.half().float() for name, value in domain.state_dict().items()})
    torch.testing.assert_close(stored.distances(vectors), domain.distances(vectors), rtol=1e-2, atol=1e-2)


def test_a_model_keeps_its_domain_in_a_folder(tiny_model: str, tmp_path: Path) -> None:
    tiny = load_model(tiny_model, device="cpu")
    assert tiny.domain is None
    card = replace(tiny.card, architecture={**tiny.card.architecture, "domain": 2})
    network, tokenizer = build(card)
    state = {**network.state_dict(), **tiny.network.state_dict()}
    state["domain.means"] = torch.randn(2, card.embed_dim)
    state["domain.whitening"] = torch.eye(card.embed_dim)
    network.load_state_dict(state)
    model = Model(card, network, tokenizer)
    vectors = F.normalize(torch.randn(4, card.embed_dim), dim=1)
    again = load_model(f"local-dir:{save_model(model, tmp_path / 'model')}", device="cpu")
    assert model.domain is not None
    assert again.domain is not None
    torch.testing.assert_close(again.domain.distances(vectors), model.domain.distances(vectors))
    half = load_model(f"local-dir:{tmp_path / 'model'}", device="cpu", precision="bfloat16")
    assert half.domain is not None
    torch.testing.assert_close(half.domain.distances(vectors), model.domain.distances(vectors))
