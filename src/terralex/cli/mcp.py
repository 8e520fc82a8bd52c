"""`terralex mcp`: the tasks for assistants."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from terralex.cli import options


def mcp(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER...", help="Folders that assistants may read.", show_default=False),
    ],
    model: options.ModelName = "pocket",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    offline: options.Offline = False,
) -> int:
    """Offer classify, search, segment, detect and embed to an assistant, over standard input and output.

    It speaks the Model Context Protocol and reads no file outside of the folders.
    """
    from terralex.cli.extras import need

    need("app", "mcp")
    from terralex.app.mcp import Folders, mcp_server
    from terralex.app.pool import ModelPool

    pool = ModelPool(model, device=device, precision=precision, offline=offline)
    mcp_server(pool, Folders.of(folders)).run("stdio")
    return 0
