"""Serving the web page: on this machine alone unless told otherwise, and without anything from outside."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from terralex.app.limits import MB, Limits
from terralex.app.pool import ModelPool

if TYPE_CHECKING:
    from fastapi import FastAPI

_FILES_AT_ONCE = 10  # of the largest size, in one upload of many

POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' blob: data: ws: wss:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'"
)
"""Content security policy: the page may load nothing from another server."""


@contextmanager
def demo_app(
    pool: ModelPool,
    limits: Limits,
    *,
    auth: tuple[str, str] | None = None,
) -> Iterator[FastAPI]:
    """The web page as an ASGI application. Its temporary files are removed at the end.

    Args:
        pool: The models.
        limits: What a visitor may ask for.
        auth: Name and password, without which nobody gets in.
    """
    workspace = Path(tempfile.mkdtemp(prefix="terralex-demo-"))
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # both are read when gradio is imported or first used
    os.environ["GRADIO_TEMP_DIR"] = str(workspace / "gradio")
    try:
        yield _app(pool, limits, workspace, auth)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def _app(pool: ModelPool, limits: Limits, workspace: Path, auth: tuple[str, str] | None) -> FastAPI:
    import gradio as gr
    from fastapi import FastAPI
    from starlette.middleware.gzip import GZipMiddleware

    from terralex.app.demo.context import Context
    from terralex.app.demo.page import build_page
    from terralex.app.demo.theme import CSS, HEAD, theme
    from terralex.app.middleware import BodyLimit, SecurityHeaders

    app = FastAPI(title="Terralex", openapi_url=None)
    app.add_middleware(SecurityHeaders, policy=POLICY)
    app.add_middleware(BodyLimit, most=_FILES_AT_ONCE * limits.upload_mb * MB)
    app.add_middleware(GZipMiddleware, minimum_size=2000)
    page = build_page(Context(pool, limits, workspace))
    page.queue(max_size=limits.queue, default_concurrency_limit=2)
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        page,
        path="/",
        auth=auth,
        footer_links=[],
        max_file_size=limits.upload_mb * MB,
        show_error=True,
        ssr_mode=False,
        mcp_server=False,
        theme=theme(),
        css=CSS,
        head=HEAD,
        favicon_path=str(Path(__file__).with_name("favicon.svg")),
    )
    return mounted


def run_demo(
    pool: ModelPool,
    limits: Limits,
    host: str,
    port: int,
    auth: tuple[str, str] | None,
    on_ready: Callable[[], object],
) -> None:
    """Serve the page until interrupted; `on_ready` is called when it is about to answer."""
    import uvicorn

    with demo_app(pool, limits, auth=auth) as app:
        # uvicorn ends itself with the signal that it got, and temporary files would stay.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
        on_ready()
        uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=3)
