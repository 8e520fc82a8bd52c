"""The service as an application, and what stands around its paths."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline

import terralex
from terralex.app.limits import MB, Limits
from terralex.app.middleware import BodyLimit, SecurityHeaders
from terralex.app.pool import ModelPool
from terralex.app.service import paths
from terralex.app.service.admission import Admission
from terralex.app.service.metrics import Metrics
from terralex.app.service.work import Worker
from terralex.runtime.errors import InputError, TerralexError, UsageError

_POLICY = "default-src 'self' 'unsafe-inline' data: blob:; object-src 'none'; base-uri 'self'"
_DESCRIPTION = (
    "Names what images of the natural world show, finds them by words, and draws where things are. "
    "Pictures are sent as `multipart/form-data`; lists are fields that are repeated."
)


def service_app(pool: ModelPool, limits: Limits, *, token: str | None = None) -> FastAPI:
    """The service as an ASGI application.

    Args:
        pool: The models.
        limits: What a request may ask for.
        token: What requests have to bring as `Authorization: Bearer TOKEN`; None: nothing.
    """
    metrics = Metrics()
    app = FastAPIOffline(
        title="Terralex", version=terralex.__version__, description=_DESCRIPTION, redoc_url=None
    )
    app.state.worker = Worker(pool, limits, metrics)
    app.state.token = token
    app.include_router(paths.open_router)
    app.include_router(paths.router)
    app.add_exception_handler(TerralexError, _refused)
    app.add_exception_handler(TimeoutError, _too_late)
    app.add_middleware(BodyLimit, most=limits.upload_mb * MB)
    app.add_middleware(Admission, most=limits.queue, seconds=limits.seconds, metrics=metrics)
    app.add_middleware(SecurityHeaders, policy=_POLICY)
    return app


def run_service(pool: ModelPool, limits: Limits, host: str, port: int, token: str | None) -> None:
    """Serve until interrupted."""
    import uvicorn

    app = service_app(pool, limits, token=token)
    uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=3)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    """The request was wrong (400); or the server cannot do it now (503), as when memory has run out."""
    status = 400 if isinstance(error, UsageError | InputError) else 503
    return JSONResponse({"detail": str(error)}, status_code=status)


async def _too_late(request: Request, error: Exception) -> JSONResponse:
    seconds = request.app.state.worker.limits.seconds
    return JSONResponse({"detail": f"not done within {seconds:g} s"}, status_code=504)
