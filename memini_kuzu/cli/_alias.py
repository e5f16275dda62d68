"""The commands alias add, list, remove and suggest: other names of an entity."""

from typing import Annotated

import typer

from memini_kuzu.cli._app import STORE, Db, Json, K, Wait, app, ending, opened_file
from memini_kuzu.cli._print import clean, show_json, show_table

__all__ = ["add", "remove", "show", "suggest"]

group = typer.Typer(
    help="Other names of an entity: seen, made and undone by people.",
    no_args_is_help=True,
    epilog=ending("memini alias suggest", "memini alias add 'Countess Lovelace' 'Ada Lovelace'"),
)
app.add_typer(group, name="alias")

Name = Annotated[str, typer.Argument(metavar="ALIAS", help="The other name.")]


@group.command(epilog=ending("memini alias add 'Countess Lovelace' 'Ada Lovelace'"))
def add(
    alias: Name,
    entity: Annotated[str, typer.Argument(metavar="ENTITY", help="The entity's name, or another alias.")],
    *,
    db: Db = STORE,
    as_json: Json = False,
    wait: Wait = 0.0,
) -> None:
    """Let a name stand for an entity; what was known under it goes over, until it is removed."""
    with opened_file(db, write=True, wait=wait) as memory:
        made = memory.alias_add(alias, entity)
    if as_json:
        show_json(made)
    else:
        moved = "; what was known under it went over" if made.merged else ""
        typer.echo(clean(f"{made.name} now stands for {made.entity}{moved}"))


@group.command("list", epilog=ending("memini alias list --json"))
def show(*, db: Db = STORE, as_json: Json = False, wait: Wait = 0.0) -> None:
    """List the aliases."""
    with opened_file(db, wait=wait) as memory:
        found = memory.alias_list()
    if as_json:
        show_json(found)
    elif not found:
        typer.echo("there is no alias")
    else:
        show_table(["alias", "entity", "merged"], [(one.name, one.entity, one.merged) for one in found])


@group.command(epilog=ending("memini alias remove 'Countess Lovelace'"))
def remove(alias: Name, *, db: Db = STORE, as_json: Json = False, wait: Wait = 0.0) -> None:
    """Let a name stand for itself again, and give back what was moved."""
    with opened_file(db, write=True, wait=wait) as memory:
        was = memory.alias_remove(alias)
    if as_json:
        show_json(was)
    else:
        typer.echo(clean(f"{was.name} no longer stands for {was.entity}"))


@group.command(epilog=ending("memini alias suggest -k 20"))
def suggest(*, db: Db = STORE, k: K = 10, as_json: Json = False, wait: Wait = 0.0) -> None:
    """List pairs of names that may mean the same. Changes nothing."""
    with opened_file(db, wait=wait) as memory:
        found = memory.alias_suggest(k)
    if as_json:
        show_json(found)
    elif not found:
        typer.echo("no two names look alike")
    else:
        show_table(
            ["alias", "entity", "because of", "similarity"],
            [(one.alias, one.entity, one.reason, one.similarity) for one in found],
        )
