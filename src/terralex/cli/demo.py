"""`terralex demo`: the web page."""

from __future__ import annotations

import webbrowser
from threading import Timer
from typing import Annotated

import typer

from terralex.cli import options
from terralex.cli.messages import say
from terralex.runtime.errors import UsageError

_STARTS_WITHIN = 1.0  # seconds that the server takes to listen

HOST = Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen. Default: this machine alone.")]


def demo(
    host: HOST = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, metavar="N", help="The port.")] = 7860,
    model: options.ModelName = "pocket",
    auth: Annotated[
        str | None,
        typer.Option(
            metavar="NAME:PASSWORD",
            help="Let in only who gives these.",
            envvar="TERRALEX_AUTH",
            show_default=False,
        ),
    ] = None,
    upload_mb: Annotated[
        int, typer.Option(min=1, metavar="N", help="Megabytes of an upload, at most.")
    ] = 200,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    offline: options.Offline = False,
) -> int:
    """Open Terralex as a page in the browser: identify, map, find, and ask 3D maps.

    Nothing leaves this machine, and the page loads nothing from elsewhere.
    """
    from terralex.cli.extras import need

    need("app", "gradio", "fastapi", "uvicorn")
    from terralex.app.demo.server import run_demo
    from terralex.app.limits import Limits
    from terralex.app.pool import ModelPool

    pool = ModelPool(model, device=device, precision=precision, offline=offline)
    address = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"

    def ready() -> None:
        say(f"Terralex is at {address} (Ctrl-C ends it)")
        if browser:
            Timer(_STARTS_WITHIN, webbrowser.open, [address]).start()

    run_demo(pool, Limits(upload_mb=upload_mb), host, port, _credentials(auth), ready)
    return 0


def _credentials(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    name, colon, password = text.partition(":")
    if not (name and colon and password):
        raise UsageError("--auth is a name and a password with a colon between: NAME:PASSWORD")
    return name, password
