"""The README's examples, executed: one test a section.

A section (##) has a temporary folder with the sample in notes/, and one Python namespace. Its python blocks
are executed and the text block that follows one is what it prints; console blocks are what a shell prints. A
block that is not executed says why in a comment on the line above it, and that comment names what covers it.
"""

from __future__ import annotations

import doctest
import io
import os
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import memini_kuzu

CHECKER = doctest.OutputChecker()
COMPARED = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

EXECUTED = {"python", "console"}
ELSEWHERE = {"cypher": "tests/test_cypher_for_apps.py"}
SHOWN = {"text", "json", "toml", "yaml", "mermaid", ""}

MEMINI = 'memini() { python -m memini_kuzu "$@"; }\n'
"""The command of the interpreter that runs the tests; that the installed one works is shown by .ci/run."""

PACKAGE = str(Path(memini_kuzu.__file__).parent.parent)
"""Where the package under test is, for the shell's folder is another."""

FENCE = re.compile(r"^(```+)(\w*)\s*$")
NOT_EXECUTED = re.compile(r"<!-- not executed: \S.*-->")


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int
    skipped: bool


@dataclass(frozen=True)
class Section:
    title: str
    blocks: list[Block]


def sections_of(path: Path) -> list[Section]:
    """The blocks under each ## heading."""
    sections = [Section("(before the first section)", [])]
    lines = path.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if line.startswith("## "):
            sections.append(Section(line[3:].strip(), []))
        if not (fence := FENCE.match(line)):
            continue
        start = number
        while lines[number].rstrip() != fence[1]:
            number += 1
        text = "\n".join(lines[start:number]) + "\n"
        skipped = start >= 2 and bool(NOT_EXECUTED.fullmatch(lines[start - 2].strip()))
        sections[-1].blocks.append(Block(fence[2], text, start + 1, skipped))
        number += 1
    return sections


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "section" in metafunc.fixturenames:
        sections = [
            section
            for section in sections_of(metafunc.config.getoption("readme"))
            if any(block.language in EXECUTED and not block.skipped for block in section.blocks)
        ]
        metafunc.parametrize("section", sections, ids=[section.title for section in sections])


@pytest.fixture
def folder(tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(sample, tmp_path / "notes")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def compare(expected: str, printed: str, line: int) -> None:
    if not CHECKER.check_output(expected, printed, COMPARED):
        example = doctest.Example("", expected)
        pytest.fail(
            f"README, line {line}: {CHECKER.output_difference(example, printed, COMPARED)}", pytrace=False
        )


def run_python(block: Block, expected: Block | None, namespace: dict[str, Any], path: Path) -> None:
    # blank lines before the code: a traceback names the README's line
    code = compile("\n" * (block.line - 1) + block.text, str(path), "exec")
    with redirect_stdout(io.StringIO()) as printed:
        exec(code, namespace)  # noqa: S102 - the README's own examples
    if expected is not None:
        compare(expected.text, printed.getvalue(), expected.line)


def commands_of(block: Block) -> list[tuple[str, str, int]]:
    """Command, expected output and line of each `$ `."""
    commands: list[tuple[str, str, int]] = []
    for number, line in enumerate(block.text.splitlines(), block.line):
        if line.startswith("$ "):
            commands.append((line[2:], "", number))
            continue
        assert commands, f"README, line {number}: a console block begins with `$ `"
        command, output, at = commands[-1]
        if not output and line.startswith("> "):
            commands[-1] = (f"{command}\n{line[2:]}", output, at)
        else:
            commands[-1] = (command, f"{output}{line}\n", at)
    return commands


def run_console(block: Block, folder: Path) -> None:
    for command, expected, line in commands_of(block):
        done = subprocess.run(
            ["bash", "-c", MEMINI + command],  # noqa: S607 - any bash
            cwd=folder,
            env=os.environ
            | {
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": PACKAGE,
                "NO_COLOR": "1",
                "COLUMNS": "100",
                "PYTHONUTF8": "1",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=120,
        )
        printed = done.stdout + done.stderr
        if done.returncode:
            pytest.fail(
                f"README, line {line}: exit code {done.returncode}\n$ {command}\n{printed}", pytrace=False
            )
        if expected.strip():
            compare(expected, printed, line)


def test_section_runs_as_shown(section: Section, folder: Path, pytestconfig: pytest.Config) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block, following in zip(section.blocks, [*section.blocks[1:], None], strict=True):
        if block.skipped:
            continue
        if block.language == "python":
            expected = following if following is not None and following.language == "text" else None
            run_python(block, expected, namespace, pytestconfig.getoption("readme"))
        elif block.language == "console":
            run_console(block, folder)


def test_no_block_escapes_execution_unnoticed(pytestconfig: pytest.Config) -> None:
    for section in sections_of(pytestconfig.getoption("readme")):
        for block in section.blocks:
            assert block.skipped or block.language in EXECUTED | ELSEWHERE.keys() | SHOWN, (
                f"README, line {block.line}: a {block.language} block runs nowhere; "
                "write python or console, or say above it why it is not executed"
            )


def test_blocks_that_install_are_covered_by_ci(checkout: Path) -> None:
    """The commands of the README's first lines are those that CI runs."""
    makefile = (checkout / "Makefile").read_text()
    ci = (checkout / ".ci" / "run").read_text()
    # the same tests and more: nothing is left out
    assert "make test-all\n" in ci
    [everything] = re.findall(r"^test-all:.*\n\t(.+)$", makefile, re.MULTILINE)
    assert " -m " not in everything
    for target in ("demo", "test"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_a_difference_in_output_is_noticed(folder: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="line 7"):
        run_console(Block("console", "$ echo one\ntwo\n", 7, skipped=False), folder)
    with pytest.raises(pytest.fail.Exception, match="line 3"):
        run_python(
            Block("python", "print(1)\n", 1, skipped=False),
            Block("text", "2\n", 3, skipped=False),
            {},
            folder,
        )


def test_a_failing_command_is_noticed(folder: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="exit code 3"):
        run_console(Block("console", "$ exit 3\n", 7, skipped=False), folder)
