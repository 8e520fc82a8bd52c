"""Models as RADSeg was measured with them."""

from typing import TYPE_CHECKING

from terralex.runtime.options import ModelOptions

if TYPE_CHECKING:
    from terralex.models import Model


def open_for_radseg(name: str, run: ModelOptions) -> "Model":
    """A model by its name; RADIO with the position table that its hub code makes, which was measured."""
    from terralex.models import load_model
    from terralex.models.families.registry import get_family
    from terralex.models.loading import resolve

    found = resolve(name, offline=run.offline)
    card = get_family(found.card.family).as_published(found.card)
    return load_model(
        str(found.weights), card=card, device=run.device, precision=run.precision, offline=run.offline
    )
