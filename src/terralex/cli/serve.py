"""`terralex serve`: the tasks as an HTTP service."""

from __future__ import annotations

from typing import Annotated

import typer

from terralex.cli import options
from terralex.cli.demo import HOST
from terralex.cli.messages import say

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(
    host: HOST = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, metavar="N", help="The port.")] = 8000,
    model: options.ModelName = "pocket",
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            help="Answer only requests that bring it: Authorization: Bearer TOKEN.",
            envvar="TERRALEX_TOKEN",
            show_default=False,
        ),
    ] = None,
    queue: Annotated[
        int, typer.Option(min=1, metavar="N", help="Requests at once; further ones are told to come later.")
    ] = 64,
    seconds: Annotated[
        float, typer.Option(min=0.1, metavar="S", help="How long a request may take.")
    ] = 120.0,
    upload_mb: Annotated[
        int, typer.Option(min=1, metavar="N", help="Megabytes of a request, at most.")
    ] = 200,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    offline: options.Offline = False,
) -> int:
    """Serve classify, search, segment, detect and embed over HTTP; /docs describes them.

    Pictures of concurrent requests go through the model together.
    """
    from terralex.cli.extras import need

    need("app", "fastapi", "fastapi_offline", "prometheus_client", "uvicorn")
    from terralex.app.limits import Limits
    from terralex.app.pool import ModelPool
    from terralex.app.service import run_service

    pool = ModelPool(model, device=device, precision=precision, offline=offline)
    pool.get()
    if host not in _LOOPBACK and token is None:
        say(f"anyone who reaches {host} can use this service: --token TOKEN lets in only who knows it")
    say(f"Terralex answers at http://{host}:{port}, described at /docs (Ctrl-C ends it)")
    run_service(pool, Limits(upload_mb=upload_mb, queue=queue, seconds=seconds), host, port, token)
    return 0
