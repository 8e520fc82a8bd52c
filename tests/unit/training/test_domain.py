import pytest

from terralex.models import Model, load_model
from terralex.runtime.errors import UsageError
from terralex.training import Concepts
from terralex.training.domain import with_domain
from terralex.training.sources import SourceSpec

LAND = {"kind": "land", "tiles": 20}


@pytest.fixture(scope="module")
def model(tiny_model: str) -> Model:
    return load_model(tiny_model, device="cpu", precision="float32")


def test_a_model_learns_its_domain_and_keeps_its_weights(model: Model) -> None:
    spec = SourceSpec(model.card.input, Concepts.load("land"), 0)
    knowing = with_domain(model, {"known": [LAND], "held_out": [LAND]}, spec)
    assert knowing.domain is not None
    assert knowing.card.architecture["domain"] == len(knowing.domain.means) == 10
    assert 5 <= knowing.logit_scale <= 80
    weights = knowing.network.state_dict()
    assert all(weights[name].equal(value) for name, value in model.network.state_dict().items())
    with pytest.raises(UsageError, match="needs the lists of data sources known and held_out"):
        with_domain(model, {"known": [LAND]}, spec)
