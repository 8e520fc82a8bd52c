"""What a service counts, in the form that Prometheus reads."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import Scope

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_SIZES = (1, 2, 4, 8, 16, 32)


class Metrics:
    """Counters of one service.

    Attributes:
        active: Requests that are answered or wait.
        batches: Pictures that went through a model together.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        named: dict[str, Any] = {"registry": self._registry, "namespace": "terralex"}
        self.active = Gauge("requests_active", "Requests that are answered or wait.", **named)
        self.batches = Histogram("batch_size", "Pictures of a batch.", buckets=_SIZES, **named)
        self._requests = Counter("requests", "Requests answered.", ["path", "status"], **named)
        self._seconds = Histogram(
            "request_seconds", "How long requests took.", ["path"], buckets=_SECONDS, **named
        )

    def count(self, scope: Scope, status: int, seconds: float | None = None) -> None:
        """Count a request. What is no path of the service counts as one."""
        path = getattr(scope.get("route"), "path", "other")
        self._requests.labels(path, str(status)).inc()
        if seconds is not None:
            self._seconds.labels(path).observe(seconds)

    def text(self) -> bytes:
        """All of them."""
        return generate_latest(self._registry)
