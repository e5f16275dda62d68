"""The page that compares memini with others names a test for each of its own claims."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from memini_kuzu.cli._docs import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

PAGE = FOLDER / "explanation" / "expectations.md"
TEST = re.compile(r"`(tests/\w+\.py::\w+)`")


def rows() -> list[list[str]]:
    """The cells of all rows, but for the heads of the tables."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return [row for row in cells if row[0] != "expected"]


def test_every_row_has_a_cell_of_each_system_and_ours_names_a_test() -> None:
    found = rows()
    assert len(found) > 20
    for row in found:
        assert len(row) == 6, row
        assert TEST.search(row[1]), row
        assert all(cell.strip() for cell in row), row


def test_every_test_that_is_named_is_there(checkout: Path) -> None:
    named = sorted({name for row in rows() for name in TEST.findall(row[1])})
    line = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *named]
    done = subprocess.run(line, cwd=checkout, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    collected = {each.partition("[")[0] for each in done.stdout.splitlines()}
    assert set(named) <= collected
