from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import memini_kuzu

Run = Callable[..., str]


@pytest.fixture(scope="module")
def demo(checkout: Path) -> Run:
    def run(*options: str) -> str:
        done = subprocess.run(
            [sys.executable, "scripts/demo.py", *options],
            cwd=checkout,
            env=os.environ | {"PYTHONPATH": str(Path(memini_kuzu.__file__).parent.parent), "COLUMNS": "160"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )
        assert not done.returncode, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("options", [(), ("--rules",)], ids=["spacy", "rules"])
def test_demo_shows_what_lasts_and_what_fades_the_same_in_every_run(
    demo: Run, options: tuple[str, ...]
) -> None:
    printed = demo(*options)
    if options:
        assert demo(*options) == printed
    assert "11 unchanged, 1 a new version" in printed
    assert "recalled Mira Okafor and Tomas Silva rented the workshop at Eastgate." in printed
    assert "because: association" in printed
    assert re.search(r"^\[1\] 20\d\d-\d\d-\d\d \d\d:\d\d \| id \S+\.md$", printed, re.MULTILINE)
    course = {
        match[1]: [float(value) for value in match[2].split()]
        for match in re.finditer(r"^ (Mira Okafor → \w+ \w+)((?: +[\d.]+){4}) *$", printed, re.MULTILINE)
    }
    repeated, once = course["Mira Okafor → Jonas Weber"], course["Mira Okafor → Tomas Silva"]
    assert once[0] > 10 * repeated[0]
    assert all(often > 4 * single for often, single in zip(repeated[1:], once[1:], strict=True))
    forgotten = re.search(r"Pass on 2026-09-01: (\d+) of (\d+) forgotten", printed)
    assert forgotten
    assert 0 < int(forgotten[1]) < int(forgotten[2])
