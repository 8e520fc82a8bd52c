"""Loaded models, shared by everyone who uses a server."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from terralex.models import Model, list_cards, load_model
from terralex.models.hub import find
from terralex.runtime.errors import UsageError


@dataclass(eq=False)
class ModelPool:
    """Models by name, each loaded once; the least recently used one leaves when there are too many.

    Attributes:
        default: The model for whoever names none, as `load_model` takes it.
        device: Where models run.
        precision: What they compute in.
        offline: Never use the network.
        capacity: Models that are in memory at once.
    """

    default: str = "pocket"
    device: str = "auto"
    precision: str = "auto"
    offline: bool = False
    capacity: int = 2
    _loaded: OrderedDict[str, Model] = field(default_factory=OrderedDict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def names(self) -> list[str]:
        """Models that can be used at once: the default, and those whose weights are on this machine."""
        here = [card.name for card in list_cards() if find(card.weights, card.name)]
        return list(dict.fromkeys([self.default, *here]))

    def get(self, name: str | None = None) -> Model:
        """A model, loaded if it is not yet.

        Only shipped cards whose weights are on this machine, and the default, may be named: a request never
        makes the server read another file or fetch weights.

        Raises:
            UsageError: There is no such model, or its weights are not on this machine.
            TerralexError: It cannot be loaded.
        """
        name = name or self.default
        with self._lock:
            if name not in self._loaded:
                if name not in self.names():
                    raise UsageError(f"no model {name!r} on this server; there are {', '.join(self.names())}")
                self._loaded[name] = load_model(
                    name, device=self.device, precision=self.precision, offline=self.offline
                )
            self._loaded.move_to_end(name)
            while len(self._loaded) > self.capacity:
                self._loaded.popitem(last=False)
            return self._loaded[name]
