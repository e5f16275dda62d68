"""The command mcp install: an entry for memini in the configuration of an MCP client."""

import json
import shutil
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from memini_kuzu.cli._app import STORE, Db, Json, app, ending
from memini_kuzu.cli._print import clean, note, show_json
from memini_kuzu.errors import InputError

__all__ = ["install"]

group = typer.Typer(
    help="Memini as a tool of agents.",
    no_args_is_help=True,
    epilog=ending("memini mcp install claude-code --db agent.memini"),
)
app.add_typer(group, name="mcp")


class Client(StrEnum):
    """Programs that read their MCP servers from a file of the project."""

    CLAUDE_CODE = "claude-code"
    CURSOR = "cursor"
    VS_CODE = "vscode"


FILES = {
    Client.CLAUDE_CODE: (".mcp.json", "mcpServers"),
    Client.CURSOR: (".cursor/mcp.json", "mcpServers"),
    Client.VS_CODE: (".vscode/mcp.json", "servers"),
}
"""The file in a project, and the key below which its servers stand."""


@group.command(
    epilog=ending(
        "memini mcp install claude-code --db agent.memini",
        "memini mcp install vscode --project notes --db agent.memini --yes",
    )
)
def install(
    client: Annotated[Client, typer.Argument(metavar="CLIENT", help="claude-code, cursor or vscode.")],
    *,
    project: Annotated[
        Path, typer.Option("--project", metavar="FOLDER", help="The project that the client opens.")
    ] = Path(),
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What the client calls it.")] = "memini",
    yes: Annotated[bool, typer.Option("--yes", help="Write the file; otherwise only show it.")] = False,
    db: Db = STORE,
    as_json: Json = False,
) -> None:
    """Let a client of a project start `memini serve --stdio`; other entries of its file stay."""
    place, key = FILES[client]
    path = project / place
    if not project.is_dir():
        raise InputError(f"{project} is no folder; pass the project's with --project")
    settings = _read(path, key)
    settings.setdefault(key, {})[name] = {
        "type": "stdio",
        "command": shutil.which("memini") or sys.executable,
        "args": [*_module(), "serve", "--stdio", "--db", str(Path(db).absolute())],
    }
    if yes:
        _write(path, settings)
    if as_json:
        show_json({"path": str(path), "written": yes, "settings": settings})
        return
    typer.echo(clean(json.dumps(settings, indent=2, ensure_ascii=False)))
    note(f"{path} is written" if yes else f"nothing was written; write this to {path} with --yes")


def _module() -> list[str]:
    """What the interpreter needs, where there is no command in the search path."""
    return [] if shutil.which("memini") else ["-m", "memini_kuzu"]


def _read(path: Path, key: str) -> dict[str, Any]:
    """The settings that are there."""
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} is no JSON ({error}); comments must go, or add the entry by hand"
        ) from error
    if not isinstance(settings, dict) or not isinstance(settings.get(key, {}), dict):
        raise InputError(f"{path} has no object {key!r} to add to; add the entry by hand")
    return settings


def _write(path: Path, settings: dict[str, Any]) -> None:
    """Replace the file as a whole, so that it is never half written."""
    path.parent.mkdir(exist_ok=True)
    text = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
    # settings may hold tokens: the file keeps the rights that it has
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, delete=False, suffix=".json"
    ) as file:
        file.write(text)
    Path(file.name).chmod(mode)
    Path(file.name).replace(path)
