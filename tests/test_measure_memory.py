"""The measurement of a process with one store runs to its end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mcp", reason='the extra "mcp" is not installed')

from test_server import environment


@pytest.mark.slow
def test_the_measurement_shows_each_stage_of_both() -> None:
    script = Path(__file__).parent.parent / "scripts" / "measure_memory.py"
    done = subprocess.run(
        [sys.executable, script, "--passages", "60", "--turns", "2"],
        capture_output=True, text=True, env=environment(), timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = [line.split(",")[0] for line in done.stdout.splitlines() if line.startswith(("Python", "memini"))]
    assert shown == ["Python"] * 5 + ["memini serve"] * 4
