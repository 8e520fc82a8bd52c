"""Pictures of concurrent requests go through a model together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue

import numpy as np
from numpy.typing import NDArray

from terralex.models import Model, Prepared

Vector = NDArray[np.float32]


class Batcher:
    """A thread that encodes prepared pictures, as many together as have come.

    Args:
        model: What encodes.
        batch_size: Pictures of a batch, at most.
        wait: Seconds that the first picture of a batch waits for others.
        on_batch: Called with the size of each batch.
    """

    def __init__(
        self,
        model: Model,
        *,
        batch_size: int = 32,
        wait: float = 0.004,
        on_batch: Callable[[int], object] = lambda size: None,
    ) -> None:
        self.model = model
        self._batch_size, self._wait, self._on_batch = batch_size, wait, on_batch
        self._waiting: SimpleQueue[tuple[Prepared, Future[Vector]] | None] = SimpleQueue()
        threading.Thread(target=self._run, daemon=True, name=f"batches of {model.name}").start()

    def encode(self, picture: Prepared) -> Future[Vector]:
        """A future of the picture's vector, float32 (embed_dim,)."""
        result: Future[Vector] = Future()
        self._waiting.put((picture, result))
        return result

    def close(self) -> None:
        """End the thread once what waits is done."""
        self._waiting.put(None)

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, is_last = self._gather(first)
            self._encode(batch)
            if is_last:
                return

    def _gather(
        self, first: tuple[Prepared, Future[Vector]]
    ) -> tuple[list[tuple[Prepared, Future[Vector]]], bool]:
        """The pictures of a batch, and whether none come after it."""
        batch = [first]
        latest = time.monotonic() + self._wait
        while len(batch) < self._batch_size:
            try:
                entry = self._waiting.get(timeout=max(0.0, latest - time.monotonic()))
            except Empty:
                break
            if entry is None:
                return batch, True
            batch.append(entry)
        return batch, False

    def _encode(self, batch: list[tuple[Prepared, Future[Vector]]]) -> None:
        # Whoever gave up waiting has cancelled: such pictures are not encoded.
        wanted = [entry for entry in batch if entry[1].set_running_or_notify_cancel()]
        if not wanted:
            return
        self._on_batch(len(wanted))
        try:
            pictures = [picture for picture, _ in wanted]
            vectors = self.model.encode_images(pictures, batch_size=len(pictures)).cpu().numpy()
        except Exception as error:  # it is raised where the results are waited for
            for _, result in wanted:
                result.set_exception(error)
            return
        for (_, result), vector in zip(wanted, vectors, strict=True):
            result.set_result(vector)
