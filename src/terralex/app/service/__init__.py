"""The HTTP service: the same tasks for programs, with concurrent requests batched through one model."""

from terralex.app.service.server import run_service, service_app

__all__ = ["run_service", "service_app"]
