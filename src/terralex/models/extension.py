"""An image tower for other bands than it was trained on: its first layer, extended by the bands' names."""

from __future__ import annotations

from typing import Any, Literal, cast

import torch
from torch import nn

from terralex.imagery import Bands
from terralex.models.card import InputSpec
from terralex.models.pocket import PocketCLIP
from terralex.runtime.errors import UsageError

NewBands = Literal["zero", "mean"]
"""What the weights of new bands begin as.

- ``zero``: at nothing, as published for MS-CLIP: whatever the new bands hold, the network answers as before.
- ``mean``: each at the mean of the weights that are there, divided by the number of new bands, so that all
  of them together weigh as much as one band. The network answers as before where the new bands are at their
  mean, and their weights begin with edges and blobs to learn from.
"""


def extend_bands(network: nn.Module, old: InputSpec, new: InputSpec, start: NewBands = "zero") -> None:
    """Give the layers of a network that see the bands the channels of others, in place.

    A band keeps its weights, wherever it stands in the new order: it is found by its name, or between sensors
    by what it is (the red of a photo is B04 of Sentinel-2). So red, green and blue come to stand as
    B02, B03, B04. Pixels have to be normalised comparably: the weights know nothing of units.

    Args:
        network: open_clip's CLIP (vision transformer or ResNet) or the pocket network.
        old: what it was trained on.
        new: what it shall take.
        start: what the weights of bands that are new begin as.

    Raises:
        UsageError: The two have no band in common, or the network has no first layer that is known.
    """
    places = _places(old, new)
    if all(place is None for place in places):
        raise UsageError(
            f"no band of {', '.join(new.bands)} is one of the model's {', '.join(old.bands)}: "
            "there is nothing to extend"
        )
    for module, name in _band_layers(network):
        setattr(module, name, _extended(getattr(module, name), places, start))


def patch_embedding(network: nn.Module) -> nn.Parameter:
    """The weights of the first layer: (out, bands, rows, columns).

    Raises:
        UsageError: The network has no first layer that is known.
    """
    module, name = _band_layers(network)[0]
    weight = getattr(module, name).weight
    assert isinstance(weight, nn.Parameter)
    return weight


def _extended(layer: nn.Conv2d, places: list[int | None], start: NewBands) -> nn.Conv2d:
    """The layer with a channel for each band: that of its old place, or a new one."""
    weight = layer.weight.detach()
    fresh = (
        weight.mean(dim=1) / max(places.count(None), 1) if start == "mean" else torch.zeros_like(weight[:, 0])
    )
    channels = [fresh if place is None else weight[:, place] for place in places]
    wider = nn.Conv2d(
        len(places),
        layer.out_channels,
        cast(tuple[int, int], layer.kernel_size),
        cast(tuple[int, int], layer.stride),
        cast(tuple[int, int], layer.padding),
        bias=layer.bias is not None,
    ).to(weight)
    with torch.no_grad():
        wider.weight.copy_(torch.stack(channels, dim=1))
        if wider.bias is not None and layer.bias is not None:
            wider.bias.copy_(layer.bias)
    return wider


def _places(old: InputSpec, new: InputSpec) -> list[int | None]:
    """Where each new band stands among the old ones, or None."""
    before, after = Bands(old.bands, old.sensor), Bands(new.bands, new.sensor)
    if before.sensor == after.sensor:
        return [before.find(name) for name in after]
    known = {common: place for place, common in enumerate(before.common) if common}
    return [known.get(common) if common else None for common in after.common]


def _band_layers(network: nn.Module) -> list[tuple[nn.Module, str]]:
    """The convolutions that see the bands, the first layer first: what holds each, and its name there."""
    visual: Any = network.visual
    if isinstance(network, PocketCLIP):
        return [(visual.stem[0], "0"), (visual.dense_head, "patches")]
    if isinstance(getattr(visual, "conv1", None), nn.Conv2d):
        return [(visual, "conv1")]
    raise UsageError("the image tower has no first layer of a known kind: its bands cannot be changed")
