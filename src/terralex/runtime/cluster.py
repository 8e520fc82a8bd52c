"""Work on a Ray cluster, or on this machine by way of Ray: results in order, lost workers replaced."""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from terralex.runtime.errors import TerralexError, UsageError

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
R = TypeVar("R")

_PART = 8
"""Batches that a worker takes at once: it reads one ahead while it encodes another."""

_MOST_CPUS = 8
"""Of a worker without a GPU; a machine with more has several workers."""

_RETRIES = 3
"""Of a part whose worker died. Were there no end to them, a file that kills its reader would hold up all."""


def map_on_ray(
    work: Callable[[Sequence[T]], Sequence[R]],
    items: Sequence[T],
    *,
    batch_size: int,
    device: torch.device,
) -> Iterator[R]:
    """Do a piece of work on some batches of items at a time, on the workers of a Ray cluster.

    The cluster is the one that `RAY_ADDRESS` names, or that runs on this machine, or else one that is started
    on this machine and ends with the process. Every worker gets a copy of the work with all that it holds,
    such as a network, so that no weights need to be there; Terralex, and the files under the same paths, do.

    Args:
        work: Takes some batches of items, and gives a result for each batch. It is pickled.
        items: What there is to do.
        batch_size: Items a batch.
        device: Where the work runs. A worker on CUDA has one GPU, any other up to 8 cores.

    Yields:
        The result of each batch, in order.

    Raises:
        UsageError: Ray is not installed, or offers no such device.
        TerralexError: The cluster failed; or what the work raised.
    """
    if not items:
        return
    if device.type == "mps" or device.index:
        raise UsageError(f"--engine ray chooses the devices itself: --device cpu or cuda, not {device}")
    ray = _imported()
    try:
        _connect(ray)
        for outcome in _outcomes(ray, work, items, _PART * batch_size, device.type):
            if isinstance(outcome, TerralexError):
                raise outcome
            yield from outcome
    except ray.exceptions.RayError as error:
        last = str(error).strip().splitlines()[-1]
        raise TerralexError(f"the Ray cluster failed: {last}") from error


def _outcomes(
    ray: Any,  # noqa: ANN401 (a module)
    work: object,
    items: Sequence[object],
    size: int,
    device: str,
) -> Iterator[Any]:
    """The results of each part, or the error that ended it."""
    from ray.data import from_items

    # As bytes, because Ray Data would make columns of whatever it could look into.
    parts = [{"part": pickle.dumps(items[start : start + size])} for start in range(0, len(items), size)]
    workers, needs = _workers(ray, device)
    done = from_items(parts, override_num_blocks=len(parts)).map(
        _Worker,  # type: ignore[arg-type]  # its types know functions only
        fn_constructor_args=[ray.put(work), os.getcwd()],
        concurrency=min(workers, len(parts)),
        max_task_retries=_RETRIES,
        **needs,
    )
    done.context.execution_options.preserve_order = True
    done.context.enable_progress_bars = False
    for row in done.iter_rows():
        yield pickle.loads(row["outcome"])


class _Worker:
    """Keeps the work, and so the network, in a process, where relative paths mean what they mean here."""

    def __init__(self, work: Any, folder: str) -> None:  # noqa: ANN401 (a reference of Ray's)
        import ray

        if os.path.isdir(folder):
            os.chdir(folder)
        self._work = ray.get(work)

    def __call__(self, row: dict[str, bytes]) -> dict[str, bytes]:
        try:
            outcome = self._work(pickle.loads(row["part"]))
        except TerralexError as error:  # of Ray's own error only the text would arrive, in many lines
            outcome = error
        return {"outcome": pickle.dumps(outcome)}


def _imported() -> Any:  # noqa: ANN401
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody asked to be counted
    try:
        import ray
        import ray.data
    except ImportError:
        raise UsageError('--engine ray needs Ray: pip install "terralex[ray]"') from None
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray


def _connect(ray: Any) -> None:  # noqa: ANN401
    if ray.is_initialized():
        return
    try:
        ray.init(logging_level=logging.ERROR, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = os.environ.get("RAY_ADDRESS")
        raise TerralexError(
            f"no Ray cluster {f'at {where}' if where else 'could be started'}: {error}"
        ) from error


def _workers(ray: Any, device: str) -> tuple[int, dict[str, Any]]:  # noqa: ANN401
    """How many workers there can be, and what each of them takes."""
    kind = "GPU" if device == "cuda" else "CPU"
    counts = [int(node["Resources"].get(kind, 0)) for node in ray.nodes() if node["Alive"]]
    if not any(counts):
        raise UsageError(f"the Ray cluster offers no {kind}: pass another --device, or add machines to it")
    if kind == "GPU":
        return sum(counts), {"num_gpus": 1}
    cpus = min(_MOST_CPUS, max(counts))
    return sum(count // cpus for count in counts), {"num_cpus": cpus}
