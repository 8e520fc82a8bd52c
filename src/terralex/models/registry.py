"""The cards that come with the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files

from terralex.models._names import nearest
from terralex.models.card import ModelCard, read_card
from terralex.runtime.errors import UsageError


def list_cards() -> tuple[ModelCard, ...]:
    """All shipped cards: the bundled model first, then by name."""
    return tuple(_cards().values())


def get_card(name: str) -> ModelCard:
    """The shipped card of that name.

    Raises:
        UsageError: There is none; the message offers near names.
    """
    card = _cards().get(name.strip().lower())
    if card is None:
        raise UsageError(
            f"no model is called {name!r}{nearest(name, _cards())}; `terralex models list` shows them all"
        )
    return card


def card_for_repo(repo: str) -> ModelCard | None:
    """The shipped card of a Hugging Face repository ``owner/name``, if there is exactly one."""
    matching = [card for card in list_cards() if (card.weights.repo or "").lower() == repo.lower()]
    return matching[0] if len(matching) == 1 else None


@cache
def _cards() -> dict[str, ModelCard]:
    with as_file(files("terralex.models") / "cards") as folder:
        cards = [read_card(path) for path in folder.glob("*.yaml")]
    cards.sort(key=lambda card: (not card.weights.bundled, card.name))
    return {card.name: card for card in cards}
