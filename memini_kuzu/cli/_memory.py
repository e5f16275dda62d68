"""The basic commands: init, remember, ingest, recall, associations, consolidate, stats, cypher."""

from memini_kuzu.cli._app import STORE, Db, Json, Wait, command, opened
from memini_kuzu.cli._print import show_json, show_table

__all__ = ["stats"]


@command("memini stats --db notes.memini")
def stats(*, db: Db = STORE, as_json: Json = False, wait: Wait = 0.0) -> None:
    """Say what the store holds."""
    with opened(db, wait=wait) as memory:
        found = memory.stats()
    if as_json:
        show_json(found)
    else:
        show_table(["what", "how many"], [["entities", found.entities]])
