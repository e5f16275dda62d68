"""The command explore: the memory in a browser."""

import os
import signal
from typing import Annotated

import typer

from memini_kuzu.cli._app import STORE, Db, Wait, command, opened_file, spare_lasting
from memini_kuzu.cli._print import note
from memini_kuzu.cli._serve import interrupt, no_extra

__all__ = ["explore"]


@command("memini explore --db notes.memini", "memini explore --read-only --no-browser --port 8080")
def explore(
    *,
    db: Db = STORE,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Change nothing; others may read the file meanwhile.")
    ] = False,
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="0 takes any that is free.")
    ] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page, or print its address only.")
    ] = True,
    wait: Wait = 0.0,
) -> None:
    """Show the memory in a browser: ask, walk, move through time, put right. For this machine only."""
    import secrets
    import webbrowser
    from urllib.parse import quote

    spare_lasting()
    try:
        from memini_kuzu.service import PATH, serve_http
    except ImportError as error:
        raise no_extra(error) from error
    # others on this machine reach the port too
    token = os.environ.get("MEMINI_TOKEN") or secrets.token_urlsafe(24)

    def ready(url: str) -> None:
        # what follows # is not sent to the server, and the page takes it out of the address
        page = f"{url.removesuffix(PATH)}/#token={quote(token, safe='')}"
        note(f"exploring {db} at {page}; end with Ctrl-C")
        if browser:
            webbrowser.open(page)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interrupt)
    with opened_file(db, write=not read_only, wait=wait) as memory:
        serve_http(memory, port=port, token=token, ready=ready)
