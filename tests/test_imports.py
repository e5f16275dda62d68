"""What is loaded, and when: who imports memini or asks for help waits for nothing else."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import memini_kuzu
from memini_kuzu import Memory

if TYPE_CHECKING:
    from pathlib import Path

DEPENDENCIES = {
    "Stemmer", "filelock", "frontmatter", "kuzu", "numpy", "pyarrow", "rapidfuzz", "rich", "spacy", "typer",
}  # fmt: skip
"""Those of the package, as they are imported."""

HIDDEN = {"asyncio", "mcp", "pandas", "yaml"}
"""What these, or an extra, would bring along."""

UNUSED_BY_RECALL = {
    "dateparser",
    "duckdb",
    "ibis",
    "markdown_it",
    "mcp",
    "multiprocessing",
    "pandas",
    "pathspec",
    "polars",
    "py3langid",
    "scipy",
    "spacy",
    "yaml",
}
"""What takes texts in, serves or fits."""

RUN = """
import sys
from memini_kuzu.cli import main
sys.argv = ["memini", *sys.argv[1:]]
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""


def modules(code: str, *arguments: str) -> set[str]:
    """The modules of a process of its own at its end."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    # a wrong command line says so in a line before
    return set(done.stderr.splitlines()[-1].split())


def loaded(code: str, *arguments: str) -> set[str]:
    """The same; packages, not what is in them."""
    return {name.partition(".")[0] for name in modules(code, *arguments)}


def test_importing_the_package_loads_none_of_its_dependencies() -> None:
    found = loaded("import sys, memini_kuzu; print(*sys.modules, file=sys.stderr)")
    assert "memini_kuzu" in found
    assert found & (DEPENDENCIES | HIDDEN) == set()


def test_frameworks_that_call_the_tools_themselves_need_no_server() -> None:
    pytest.importorskip("pydantic", reason="it comes with each of these frameworks")
    found = loaded("import sys, memini_kuzu.service.tools; print(*sys.modules, file=sys.stderr)")
    assert "pydantic" in found
    assert found & {"mcp", "starlette", "uvicorn", "httpx2"} == set()


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["recall", "--help"], ["recal"], ["recall", "--bogus"]],
    ids=" ".join,
)
def test_help_and_a_wrong_command_line_load_the_parser_alone(arguments: list[str]) -> None:
    found = loaded(RUN, *arguments)
    assert found & (DEPENDENCIES | HIDDEN) == {"typer"}


def test_a_recall_loads_no_model_no_reader_and_nothing_that_changes_a_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.memini"
    with Memory.open(path) as memory:
        memory.remember("Ada Lovelace wrote to Charles Babbage in London.", time="2026-03-01")
    found = modules(RUN, "recall", "--db", str(path), "Who wrote to Babbage?")
    assert "memini_kuzu.recall.recollection" in found
    assert {name.partition(".")[0] for name in found} & UNUSED_BY_RECALL == set()
    assert "pyarrow.acero" not in found
    within = {".".join(name.split(".")[1:3]) for name in found if name.startswith("memini_kuzu.")}
    assert {name for name in within if name.startswith("changes.")} == {"changes.report"}
    assert {name for name in within if name.startswith(("extraction.", "insight.", "readers."))} <= {
        "extraction.broken",
        "extraction.canonical",
        "extraction.default",
        "extraction.generic",
        "extraction.headings",
        "extraction.mentions",
        "extraction.vocabulary",
    }


def test_public_names_are_listed_before_they_are_loaded() -> None:
    assert set(memini_kuzu.__all__) <= set(dir(memini_kuzu))
    named = [name for names in memini_kuzu._MODULES.values() for name in names]
    assert sorted(named) == sorted(memini_kuzu.__all__)


def test_a_name_that_is_not_public_is_an_error() -> None:
    with pytest.raises(AttributeError, match="module 'memini_kuzu' has no attribute 'Memorie'"):
        memini_kuzu.Memorie  # type: ignore[attr-defined]  # noqa: B018 - asked for
