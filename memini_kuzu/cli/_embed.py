"""The command embed: vectors for passages that came without."""

from typing import Annotated

import typer

from memini_kuzu.cli._app import STORE, Db, Json, Wait, command, opened_file
from memini_kuzu.cli._print import show_json
from memini_kuzu.cli._progress import CountProgress

__all__ = ["embed"]


@command("memini embed minilm --db notes.memini")
def embed(
    embedder: Annotated[
        str, typer.Argument(metavar="EMBEDDER", help="minilm (extra dense), or one that is installed.")
    ],
    *,
    db: Db = STORE,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Give every passage a vector of an embedder; those of another one are deleted."""
    with (
        opened_file(db, write=True, wait=wait, embedder=embedder) as memory,
        CountProgress("passages") as progress,
    ):
        written = memory.embed(progress=progress)
    if as_json:
        show_json({"vectors": written})
    else:
        typer.echo(f"{written:,} vectors written")
