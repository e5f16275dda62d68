"""The examples of the README and of all pages of the documentation, executed: one test a page.

A page has a temporary folder with the sample in notes/, and one Python namespace. Its python blocks are
executed, and the text block that follows one is what it prints; console blocks are what a shell prints. A
block that is not executed says why in a comment on the line above it, and that comment names what covers it.
"""

from __future__ import annotations

import doctest
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from contextlib import redirect_stdout
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import draw_figures
import pytest
import typer
from build_docs import fetched, mathml, subscripted
from math_core import LatexError
from typer.testing import CliRunner

import memini_kuzu
from memini_kuzu.cli import app
from memini_kuzu.cli._docs import FOLDER, pages
from memini_kuzu.store.engine.faults import FAULTS

CHECKER = doctest.OutputChecker()
COMPARED = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

EXECUTED = {"python", "console"}
ELSEWHERE = {
    "javascript": "tests/test_http.py",
    "cypher": "tests/test_cypher_for_apps.py",
    "math": "scripts/build_docs.py, which .ci/run runs",
}
SHOWN = {"text", "json", "toml", "yaml", ""}

MEMINI = 'memini() { python -m memini_kuzu "$@"; }\n'
"""The command of the interpreter that runs the tests; that the installed one works is shown by .ci/run."""

PACKAGE = str(Path(memini_kuzu.__file__).parent.parent)
"""Where the package under test is, for the shell's folder is another."""

SHELL = re.compile(r"[|&;<>$`\n]|^\w+=")
"""What makes a command one for a shell; others run in this process, which has loaded what they need."""

SAYS_EXIT_CODE = ' || echo "exit code $?"'

FENCE = re.compile(r"^(```+)(\w*)\s*$")
NOT_EXECUTED = re.compile(r"<!-- not executed: \S.*-->")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")

README = Path(__file__).parent.parent / "README.md"
PAGES = [README, *sorted(FOLDER.rglob("*.md"))]


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    page: str
    line: int
    skipped: bool

    @property
    def executed(self) -> bool:
        return self.language in EXECUTED and not self.skipped


def blocks_of(path: Path) -> list[Block]:
    """All fenced blocks of a page."""
    blocks = []
    lines = path.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        number += 1
        if not (fence := FENCE.match(lines[number - 1])):
            continue
        start = number
        while lines[number].rstrip() != fence[1]:
            number += 1
        text = "\n".join(lines[start:number]) + "\n"
        skipped = start >= 2 and bool(NOT_EXECUTED.fullmatch(lines[start - 2].strip()))
        blocks.append(Block(fence[2], text, path.name, start + 1, skipped))
        number += 1
    return blocks


def name_of(path: Path) -> str:
    return path.relative_to(FOLDER if path.is_relative_to(FOLDER) else path.parent).with_suffix("").as_posix()


@pytest.fixture
def folder(tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(sample, tmp_path / "notes")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("MEMINI_DB", "MEMINI_SERVER", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def fail(block: Block, line: int, message: str) -> None:
    pytest.fail(f"{block.page}, line {line}: {message}", pytrace=False)


def compare(block: Block, expected: str, printed: str, line: int) -> None:
    if not CHECKER.check_output(expected, printed, COMPARED):
        example = doctest.Example("", expected)
        fail(block, line, CHECKER.output_difference(example, printed, COMPARED))


def run_python(block: Block, expected: Block | None, namespace: dict[str, Any]) -> None:
    # blank lines before the code: a traceback names the page's line
    code = compile("\n" * (block.line - 1) + block.text, block.page, "exec")
    with redirect_stdout(io.StringIO()) as printed:
        exec(code, namespace)  # noqa: S102 - the documentation's own examples
    if expected is not None:
        compare(block, expected.text, printed.getvalue(), expected.line)


def commands_of(block: Block) -> list[tuple[str, str, int]]:
    """Command, expected output and line of each `$ `."""
    commands: list[tuple[str, str, int]] = []
    for number, line in enumerate(block.text.splitlines(), block.line):
        if line.startswith("$ "):
            commands.append((line[2:], "", number))
            continue
        assert commands, f"{block.page}, line {number}: a console block begins with `$ `"
        command, output, at = commands[-1]
        if not output and line.startswith("> "):
            commands[-1] = (f"{command}\n{line[2:]}", output, at)
        else:
            commands[-1] = (command, f"{output}{line}\n", at)
    return commands


def run_here(command: str) -> tuple[int, str]:
    """Exit code and output of a `memini` command that needs no shell, but for saying its exit code."""
    command, said, _ = command.partition(SAYS_EXIT_CODE)
    done = CliRunner().invoke(app, shlex.split(command)[1:], prog_name="memini", catch_exceptions=False)
    if said and done.exit_code:
        return 0, f"{done.stdout}exit code {done.exit_code}\n{done.stderr}"
    return done.exit_code, done.stdout + done.stderr


def run_in_shell(command: str) -> tuple[int, str]:
    done = subprocess.run(
        ["bash", "-c", MEMINI + command],  # noqa: S607 - any bash
        env=os.environ
        | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": PACKAGE,
            "PYTHONUTF8": "1",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def run_console(block: Block) -> None:
    for command, expected, line in commands_of(block):
        one_line = command.replace("\\\n", "")
        alone = one_line.startswith("memini ") and not SHELL.search(one_line.removesuffix(SAYS_EXIT_CODE))
        code, printed = (run_here if alone else run_in_shell)(one_line)
        if code:
            fail(block, line, f"exit code {code}\n$ {command}\n{printed}")
        if expected.strip():
            compare(block, expected, printed, line)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "path", [path for path in PAGES if any(block.executed for block in blocks_of(path))], ids=name_of
)
def test_page_runs_as_shown(path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block, following in pairwise([*blocks_of(path), None]):
        assert block is not None
        if block.skipped:
            continue
        if block.language == "python":
            expected = following if following is not None and following.language == "text" else None
            run_python(block, expected, namespace)
        elif block.language == "console":
            run_console(block)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_no_block_escapes_execution_unnoticed(path: Path) -> None:
    for block in blocks_of(path):
        assert block.skipped or block.language in EXECUTED | ELSEWHERE.keys() | SHOWN, (
            f"{block.page}, line {block.line}: a {block.language} block runs nowhere; "
            "write python or console, or say above it why it is not executed"
        )


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_what_covers_a_block_that_is_not_executed_is_there(path: Path, checkout: Path) -> None:
    for comment in re.findall(r"<!-- not executed: .*-->", path.read_text(encoding="utf-8")):
        for file in re.findall(r"(?:tests|scripts)/\w+\.py|\.ci/run", comment):
            assert (checkout / file).is_file(), f"{path.name}: {comment}"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_to_files(path: Path) -> None:
    """That their anchors are there too is checked by `make docs`."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in LINK.findall(text):
        file = target.partition("#")[0]
        if file and not file.startswith("https://"):
            assert (path.parent / file).is_file(), f"{path.name}: {target}"


def test_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


def test_blocks_that_install_are_covered_by_ci(checkout: Path) -> None:
    """The commands of the README's first lines are those that CI runs."""
    makefile = (checkout / "Makefile").read_text()
    ci = (checkout / ".ci" / "run").read_text()
    assert "make docs\n" in ci
    # the same tests and more: nothing is left out
    assert "make test-all\n" in ci
    [everything] = re.findall(r"^test-all:.*\n\t(.+)$", makefile, re.MULTILINE)
    assert " -m " not in everything
    for target in ("demo", "docs", "test"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_every_page_has_a_name_of_its_own_and_a_title() -> None:
    listed = list(pages())
    assert len({page.name for page in listed}) == len(listed) == len(PAGES) - 1
    assert all(page.title for page in listed)


@pytest.mark.parametrize("page", list(pages()), ids=lambda page: page.name)
def test_page_is_shown_by_the_command(page: Any) -> None:
    code, printed = run_here(f"memini docs {page.name}")
    assert not code
    assert printed.startswith(f"# {page.title}\n")
    assert not re.search(r"^(<!--|:::)", printed, re.MULTILINE), "all that is generated is there"


def test_the_path_of_a_link_names_a_page() -> None:
    assert run_here("memini docs ../how-to/backup.md") == run_here("memini docs backup")


def test_a_page_that_is_not_there_is_named_with_one_that_is() -> None:
    code, printed = run_here("memini docs bakup")
    assert code == 1
    assert "no page is named 'bakup'; did you mean backup?" in printed


def test_all_pages_and_one_page_as_json() -> None:
    code, printed = run_here("memini docs --json")
    assert not code
    assert {page["name"] for page in json.loads(printed)} == {page.name for page in pages()}
    assert json.loads(run_here("memini docs backup --json")[1])["text"].startswith("# ")


def test_a_terminal_gets_the_page_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(SystemExit) as ended:
        app(["docs", "backup"], prog_name="memini")
    assert not ended.value.code
    shown = sys.stdout.getvalue()
    assert "```" not in shown
    assert "memini backup" in shown


def test_every_public_name_is_in_the_reference_once() -> None:
    text = (FOLDER / "reference" / "python.md").read_text(encoding="utf-8")
    listed = re.findall(r"^::: memini_kuzu\.(\w+)$", text, re.MULTILINE)
    assert sorted(listed) == sorted(memini_kuzu.__all__)


def test_every_table_of_the_schema_is_described() -> None:
    _, printed = run_here("memini docs file")
    described, _, generated = printed.partition("## The schema")
    tables = set(re.findall(r"CREATE (?:NODE|REL) TABLE (\w+)", generated))
    assert tables
    assert {name for name in tables if f"`{name}`" not in described} == set()


def test_every_macro_is_described() -> None:
    _, printed = run_here("memini docs file")
    described, _, generated = printed.partition("## The schema")
    macros = set(re.findall(r"CREATE MACRO (\w+)", generated))
    assert macros
    assert {name for name in macros if f"`{name}(" not in described} == set()


@pytest.mark.parametrize("name", typer.main.get_command(app).commands)
def test_every_command_is_shown_at_work(name: str) -> None:
    commands = [
        command
        for path in PAGES
        for block in blocks_of(path)
        if block.language == "console"
        for command, *_ in commands_of(block)
    ]
    assert any(re.search(rf"\bmemini (?:--\w+ \S+ )*{name}\b", command) for command in commands)


def test_every_page_is_in_the_navigation_of_the_site(checkout: Path) -> None:
    listed = re.findall(r'"([\w/-]+\.md)"', (checkout / "zensical.toml").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(f"{name_of(path)}.md" for path in PAGES if path != README)


def test_equations_become_mathml() -> None:
    made = mathml("a = b/c\nd = \\sum_i e_i\n")
    assert made.startswith('<math display="block">')
    assert made.count("<mtr>") == 2
    with pytest.raises(LatexError):
        mathml("a = \\sqrt{")


def test_symbols_get_subscripts_outside_of_code() -> None:
    code = "`w_f`, first_seen\n```text\nw_f\n```\n"
    assert subscripted(f"x_{{p,t}}, {code}τ_s") == f"<i>x</i><sub>p,t</sub>, {code}<i>τ</i><sub>s</sub>"


def test_what_a_browser_would_fetch_from_elsewhere_is_found() -> None:
    local = '<a href="https://example.org"></a><script src="../site.js"></script>'
    assert not fetched(local)
    for tag in (
        '<script async src="https://a.org/b.js">',
        '<link rel="stylesheet" href="http://a.org/b.css">',
    ):
        assert len(fetched(local + tag)) == 1


def test_every_fault_of_the_engine_is_told() -> None:
    _, printed = run_here("memini docs engine-faults")
    for fault in FAULTS:
        assert f"`{fault.name}`\n\n{fault.happens}\n" in printed


def test_every_command_and_option_is_in_the_reference() -> None:
    _, printed = run_here("memini docs command-line")
    for name, command in typer.main.get_command(app).commands.items():
        _, _, section = printed.partition(f"## `memini {name}`\n")
        section = re.split(r"^## ", section, flags=re.MULTILINE)[0]
        assert section
        for parameter in command.params:
            assert any(option in section for option in parameter.opts) or parameter.metavar in section


def test_version_of_the_changelog_is_that_of_the_project(checkout: Path) -> None:
    version = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    changelog = (checkout / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## (\d+\.\d+\.\d+) \((\d{4}-\d{2}-\d{2})\)$", changelog, re.MULTILINE)
    assert re.search(r"^## Unreleased$", changelog, re.MULTILINE)
    assert released[0][0] == version


def test_drawn_figures_are_those_that_the_pages_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["draw_figures.py", "--output", str(tmp_path)])
    assert not draw_figures.main()
    drawn = {file.name for file in tmp_path.iterdir()}
    # reproduce_memini.py draws the other; tests/test_plots.py runs it
    assert drawn | {"reproduction.svg"} == {file.name for file in (FOLDER / "figures").glob("*.svg")}
    shown = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    assert all(f"figures/{name})" in shown for name in drawn)


def block(language: str, text: str, line: int) -> Block:
    return Block(language, text, "page.md", line, skipped=False)


@pytest.mark.usefixtures("folder")
def test_a_difference_in_output_is_noticed() -> None:
    with pytest.raises(pytest.fail.Exception, match="line 7"):
        run_console(block("console", "$ echo one\ntwo\n", 7))
    with pytest.raises(pytest.fail.Exception, match="line 7"):
        run_console(block("console", "$ memini docs backup\ntwo\n", 7))
    with pytest.raises(pytest.fail.Exception, match="line 3"):
        run_python(block("python", "print(1)\n", 1), block("text", "2\n", 3), {})


@pytest.mark.usefixtures("folder")
def test_a_failing_command_is_noticed() -> None:
    with pytest.raises(pytest.fail.Exception, match="exit code 3"):
        run_console(block("console", "$ exit 3\n", 7))
    with pytest.raises(pytest.fail.Exception, match="exit code 1"):
        run_console(block("console", "$ memini docs bakup\n", 7))


def test_an_exit_code_is_said_as_a_shell_says_it() -> None:
    command = "memini docs bakup" + SAYS_EXIT_CODE
    assert run_here(command) == run_in_shell(command)
