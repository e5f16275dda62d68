"""What the package does not do, read from its source."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "memini_kuzu"

STORE = PACKAGE / "store"

CYPHER = re.compile(
    r"\b(?:MATCH\s*\(|MERGE\s*\(|CREATE\s*\(|UNWIND\s|DETACH\s+DELETE|LOAD\s+FROM|COPY\s+\w+\s+FROM|RETURN\s+\w+\.\w+"
    r"|ALTER\s+TABLE|DROP\s+TABLE|CREATE\s+(?:NODE|REL)\s+TABLE)"
)

NETWORK = {
    "socket",
    "ssl",
    "http",
    "urllib",
    "ftplib",
    "smtplib",
    "telnetlib",
    "xmlrpc",
    "requests",
    "httpx",
    "aiohttp",
    "urllib3",
    "websockets",
}

TALKERS = ("service/", "integrations/", "cli/", "extraction/llm.py")
"""Where talking to others is the purpose, asked for by the user; everything else is the core."""


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def core() -> list[Path]:
    return [path for path in sources() if not path.relative_to(PACKAGE).as_posix().startswith(TALKERS)]


def docstrings(tree: ast.AST) -> set[int]:
    """Nodes of strings that stand alone: they are read by people."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def strings(path: Path) -> list[tuple[int, str]]:
    """The strings of a module with their lines; of f-strings what is constant."""
    tree = ast.parse(path.read_text())
    prose = docstrings(tree)
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
    ]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_cypher_is_spoken_in_the_store_only(path: Path) -> None:
    if path.is_relative_to(STORE):
        return
    # help texts show commands that hold a query
    spoken = [
        f"{path.name}:{line}: {text}"
        for line, text in strings(path)
        if CYPHER.search(text) and not text.lstrip().startswith(("memini ", "Examples", "--"))
    ]
    assert not spoken


def kept_names(tree: ast.Module) -> set[str]:
    """Names that a module binds at its top."""
    return {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }


@pytest.mark.parametrize("path", sorted(STORE.rglob("*.py")), ids=lambda path: path.name)
def test_no_query_is_built_from_values(path: Path) -> None:
    """Into a query's text go the module's own constants and names of tables, never a value from outside."""
    tree = ast.parse(path.read_text())
    constants = kept_names(tree)
    wrong = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr):
            continue
        text = "".join(part.value for part in node.values if isinstance(part, ast.Constant))
        if not CYPHER.search(text):
            continue
        wrong += [
            f"{path.name}:{node.lineno}: {ast.unparse(part.value)}"
            for part in node.values
            if isinstance(part, ast.FormattedValue)
            and ast.unparse(part.value) not in constants | BUILT[path.name]
        ]
    assert not wrong


class _Built(dict[str, set[str]]):
    def __missing__(self, key: str) -> set[str]:
        return set()


BUILT = _Built(
    {
        # patterns that the module's own functions pass on
        "reading.py": {"anchor", "match", "variable", "field", "carry", "result", "rest"},
        # tables and columns of the schema's own files, and how they stand in a statement
        "change.py": {
            "source",
            "target",
            "a_key",
            "b_key",
            "a",
            "b",
            "key",
            "fresh",
            "rest",
            "table.name",
            # looked at: identifiers
            "_assigned(rows.column_names)",
            "properties",
            "_set('n', columns)",
            "_set('r', columns, '$')",
            "rest.replace('$', '')",
            "int(dimension)",
            "variable",
            "label",
            "name",
            "'$' * (name in shared)",
            "' '.join(ends)",
        },
        "database.py": {"label", "key", "arrow"},
        "catalog.py": {"pattern", "', '.join(returned)"},
        "health.py": {"source", "target", "name", "a", "b"},
        "store.py": {"aggregate", "label"},
        # the patterns of a loop over literals
        "evidence.py": {"pattern", "ends", "edge"},
        "schema.py": {"table", "columns"},
        # a number that has been through int(): a type takes no parameter
        "vectors.py": {"dimension"},
    }
)


def imported_by(path: Path) -> set[str]:
    """The packages that a module imports."""
    return {
        name.split(".")[0]
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }


@pytest.mark.parametrize("path", core(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_core_knows_no_network(path: Path) -> None:
    assert not imported_by(path) & NETWORK


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_engine_is_known_in_its_room_only(path: Path) -> None:
    assert "kuzu" not in imported_by(path) or path.parent == STORE / "engine"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_is_evaluated(path: Path) -> None:
    called = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"eval", "exec", "__import__", "compile"}


def test_the_scan_itself_finds_what_it_looks_for(tmp_path: Path) -> None:
    module = tmp_path / "bad.py"
    module.write_text("def f(x):\n    return run(f'MATCH (n {{id: {x}}}) RETURN n.id')\n")
    assert CYPHER.search(strings(module)[0][1])
    assert "socket" in NETWORK & set(sys.stdlib_module_names)
