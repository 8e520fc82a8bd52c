"""Work on a Ray cluster, or on this machine by way of Ray: results in order, lost workers replaced."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from terralex.runtime.errors import TerralexError, UsageError

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
R = TypeVar("R")

_MOST_CPUS = 8
"""Of a worker without a GPU: more make one network little faster, and another worker does."""


def map_on_ray(
    work: Callable[[Sequence[T]], R], items: Sequence[T], *, size: int, device: torch.device
) -> Iterator[R]:
    """Do a piece of work on each part of a sequence, on the workers of a Ray cluster.

    The cluster is the one that `RAY_ADDRESS` names, or that runs on this machine, or else one that is started
    on this machine and ends with the process. Every worker gets a copy of the work, with all that it holds,
    such as a network: nothing but the items' files needs to be where the workers are.

    Args:
        work: Takes a part. It is pickled.
        items: What there is to do.
        size: Items a part.
        device: Where the work runs. A worker on CUDA has one GPU, any other up to 8 cores.

    Yields:
        ``work(items[i * size : (i + 1) * size])``, in order.

    Raises:
        UsageError: Ray is not installed, or offers no such device.
        TerralexError: The work raised it, or the cluster failed.
    """
    ray = _connected()
    from ray.data import DataContext, from_items

    context = DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    parts = [{"part": items[start : start + size]} for start in range(0, len(items), size)]
    if not parts:
        return
    workers, needs = _workers(ray, device)
    done = from_items(parts, override_num_blocks=len(parts)).map(
        _Worker,  # type: ignore[arg-type]  # its types know functions only
        fn_constructor_args=[ray.put(work)],
        concurrency=min(workers, len(parts)),
        **needs,
    )
    try:
        for row in done.iter_rows():
            if row["failure"]:
                raise TerralexError(row["failure"])
            yield row["result"]
    except ray.exceptions.RayError as error:
        last = str(error).strip().splitlines()[-1]
        raise TerralexError(f"a worker of the Ray cluster failed: {last}") from error


class _Worker:
    """Keeps the work, and so the network, in a process."""

    def __init__(self, work: Any) -> None:  # noqa: ANN401 (a reference of Ray's)
        import ray

        self._work = ray.get(work)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"result": self._work(row["part"]), "failure": None}
        except TerralexError as error:  # of Ray's own error only the text would arrive, in many lines
            return {"result": None, "failure": str(error)}


def _connected() -> Any:  # noqa: ANN401 (a module)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody asked to be counted
    try:
        import ray
        import ray.data
    except ImportError:
        raise UsageError('--engine ray needs Ray: pip install "terralex[ray]"') from None
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    if not ray.is_initialized():
        try:
            ray.init(logging_level=logging.ERROR, log_to_driver=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            where = os.environ.get("RAY_ADDRESS")
            raise TerralexError(
                f"no Ray cluster {f'at {where}' if where else 'could be started'}: {error}"
            ) from error
    return ray


def _workers(ray: Any, device: torch.device) -> tuple[int, dict[str, Any]]:  # noqa: ANN401
    """How many workers there can be, and what each of them takes."""
    if device.type == "mps" or device.index:
        raise UsageError(f"--engine ray chooses the devices itself: --device cpu or cuda, not {device}")
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if device.type == "cuda":
        gpus = int(sum(node.get("GPU", 0) for node in nodes))
        if not gpus:
            raise UsageError("the Ray cluster offers no GPU: pass --device cpu")
        return gpus, {"num_gpus": 1}
    cpus = min(_MOST_CPUS, *(int(node["CPU"]) for node in nodes if node.get("CPU")))
    return sum(int(node.get("CPU", 0)) // cpus for node in nodes), {"num_cpus": cpus}
