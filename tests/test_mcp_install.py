"""The entry for memini in the configuration of MCP clients."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from memini_kuzu.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


def install(*args: object) -> Result:
    return CliRunner().invoke(app, ["mcp", "install", *map(str, args)], prog_name="memini")


@pytest.mark.parametrize(
    ("client", "place", "key"),
    [
        ("claude-code", ".mcp.json", "mcpServers"),
        ("cursor", ".cursor/mcp.json", "mcpServers"),
        ("vscode", ".vscode/mcp.json", "servers"),
    ],
)
def test_the_entry_is_shown_first_and_written_if_asked(
    tmp_path: Path, client: str, place: str, key: str
) -> None:
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"mine": 1, key: {"other": {"command": "other"}}}))
    path.chmod(0o600)
    before = path.read_bytes()
    given = (client, "--project", tmp_path, "--db", tmp_path / "a.memini")

    shown = install(*given)
    assert shown.exit_code == 0
    assert path.read_bytes() == before

    assert install(*given, "--yes").exit_code == 0
    written = json.loads(path.read_text())
    assert written == json.loads(shown.stdout)
    assert written["mine"] == 1
    assert written[key]["other"] == {"command": "other"}
    assert written[key]["memini"]["args"][-4:] == ["serve", "--stdio", "--db", str(tmp_path / "a.memini")]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir() if file.suffix == ".json"] == [path.name]
    assert install(*given, "--yes").exit_code == 0
    assert json.loads(path.read_text()) == written


def test_what_is_written_starts_the_command(tmp_path: Path) -> None:
    assert install("claude-code", "--project", tmp_path, "--yes").exit_code == 0
    entry = json.loads((tmp_path / ".mcp.json").read_text())["mcpServers"]["memini"]
    begin = entry["args"][: entry["args"].index("serve") + 1]
    done = subprocess.run([entry["command"], *begin, "--help"], capture_output=True, text=True, check=True)
    assert "--stdio" in done.stdout


@pytest.mark.parametrize("held", ["// a comment\n{}", "[]", '{"mcpServers": []}'])
def test_a_file_that_is_not_understood_is_left_as_it_is(tmp_path: Path, held: str) -> None:
    path = tmp_path / ".mcp.json"
    path.write_text(held)
    refused = install("claude-code", "--project", tmp_path, "--yes")
    assert refused.exit_code != 0
    assert path.read_text() == held


def test_a_project_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert install("cursor", "--project", tmp_path / "none").exit_code != 0
