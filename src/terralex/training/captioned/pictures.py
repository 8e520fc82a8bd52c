"""What all collections of captioned pictures share."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from terralex.imagery import Image
from terralex.runtime.errors import InputError
from terralex.training.captions import Captions
from terralex.training.concepts import FALSE, HOLDS

UNREADABLE = ""
"""The caption of a picture whose caption cannot be read."""


class CaptionedPictures(Protocol):
    """Pictures, each with a caption. Safe to use from several threads."""

    def __len__(self) -> int:
        """Number of pictures, N."""

    def name(self, index: int) -> str:
        """Where a picture is, for messages."""

    def caption(self, index: int) -> str:
        """What is said of a picture.

        Raises:
            InputError: Its caption cannot be read.
        """

    def read(self, index: int) -> Image:
        """A picture with its bands and units.

        Raises:
            InputError: It is damaged or gone.
        """

    def order(self, epoch: int, seed: int) -> NDArray[np.integer[Any]]:
        """(N,): every picture once, in the order in which an epoch takes them."""


class TextCaptions:
    """The captions of pictures, each distinct one once; one caption holds for every picture that has it."""

    def __init__(self, pictures: CaptionedPictures) -> None:
        self.pictures = pictures

    def of(self, labels: NDArray[np.int64], state: int) -> Captions:
        """Captions of the pictures with these numbers."""
        own = [self._caption(index) for index in labels.tolist()]
        texts = list(dict.fromkeys(own))
        place = {text: column for column, text in enumerate(texts)}
        relation = torch.full((len(own), len(texts)), FALSE, dtype=torch.int8)
        relation[torch.arange(len(own)), torch.tensor([place[text] for text in own])] = HOLDS
        keys = torch.arange(len(texts))
        return Captions(texts, relation, keys, torch.zeros_like(keys), len(texts))

    def _caption(self, index: int) -> str:
        try:
            return self.pictures.caption(index)
        except InputError:  # its picture is in the same place, and is reported from there
            return UNREADABLE
