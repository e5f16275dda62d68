"""A Node.js program reads the same file and gives the same strengths."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import kuzu
import pytest

from memini_kuzu import Memory, RuleExtractor

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).parent.parent / "scripts" / "node_recall.mjs"


@pytest.fixture(scope="module")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the `kuzu` npm package, or the reason why there is none."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node.js and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"private": true}')
    try:
        installed = subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--loglevel=error", f"kuzu@{kuzu.version}"],
            cwd=folder, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        pytest.skip("npm took more than four minutes to install the kuzu package")
    if installed.returncode:
        pytest.skip(f"npm cannot install the kuzu package: {installed.stderr.strip()[:300]}")
    return folder


def test_node_prints_the_same_strengths_as_python(node_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.memini"
    now = "2026-03-20T10:30:00"
    with Memory.open(path, extractor=RuleExtractor()) as memory:
        for day, friend in enumerate(("Babbage", "Somerville", "Babbage", "Faraday", "Babbage"), 1):
            memory.remember(f"Ada Lovelace met {friend}.", time=f"2026-03-{day:02d}T08:00:00")
        expected = memory.associations("Ada Lovelace", now=now)
    printed = subprocess.run(
        ["node", PROGRAM, path, "ada lovelace", now],  # noqa: S607 - the user's own
        cwd=node_folder, capture_output=True, text=True, timeout=60, check=True,
    ).stdout.splitlines()  # fmt: skip
    rows = [json.loads(line) for line in printed]
    assert [row["target"] for row in rows] == [each.target for each in expected]
    for row, each in zip(rows, expected, strict=True):
        assert row["strength"] == pytest.approx(each.strength, rel=1e-9)
        assert row["consolidated"] == pytest.approx(each.consolidated, rel=1e-9)
