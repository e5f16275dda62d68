"""The analysis of an event stream: a script whose cells run as a whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import memini_kuzu

pytestmark = pytest.mark.slow

STRICT = ("-W", "error", "-W", "ignore:fetch_arrow_table:DeprecationWarning")
"""As pyproject.toml has it for the tests."""

PACKAGE = Path(memini_kuzu.__file__).parent.parent


def analyse(checkout: Path, folder: Path, *args: object) -> dict[str, list[str]]:
    """What is printed: the lines of each block under its title."""
    done = subprocess.run(
        [sys.executable, *STRICT, checkout / "scripts" / "analyse_events.py", *map(str, args)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert not done.returncode, done.stderr
    blocks = [block.splitlines() for block in done.stdout.split("\n\n")]
    return {block[0]: [" ".join(line.split()) for line in block[1:]] for block in blocks if block}


def test_the_analysis_answers_its_questions_about_the_stream_that_it_makes(
    checkout: Path, tmp_path: Path
) -> None:
    found = analyse(checkout, tmp_path)
    assert found["What matters now"][1].startswith("Ines lighthouse")
    assert {line.split()[1] for line in found["New this week"][1:4]} == {"lighthouse", "audit", "new"}
    assert {line.split()[1] for line in found["Consolidated"][1:4]} == {"harbour", "city", "theatre"}
    assert {line.split()[1] for line in found["Fading"][1:]} == {"regatta", "by-election", "festival"}
    probabilities = found["The next event of Ines, if it is with something known"]
    assert probabilities[1].startswith("lighthouse 0.")
    [trust] = [title for title in found if "known targets of the last week" in title]
    hits, _, met = trust.split()[:3]
    assert 0 < int(hits) <= int(met)
    # what is recent loses nearly all in a month, what is consolidated does not
    assert all(float(line.split()[-2]) < 0.1 for line in found["Strong today, but only recent"][1:4])


def test_the_analysis_reads_a_file_and_draws(checkout: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = ["Ada,Paris,2025-01-01,2", "The Ada,Paris,2025-02-01,1", "Ada,Rome,2025-02-01T10:00,1"]
    (tmp_path / "trips.csv").write_text("\n".join(["source,target,time,amount", *rows]) + "\n")
    found = analyse(checkout, tmp_path, "trips.csv")
    assert found["What matters now"][1:] == ["Ada Rome 1.000 1", "Ada Paris 0.742 2"]
    assert found["Fading"][1:] == ["nothing"]
    assert found["The next event of Ada, if it is with something known"][1].startswith("Rome 0.574")
    assert "wrote analysis.png" in found
    assert (tmp_path / "analysis.png").read_bytes().startswith(b"\x89PNG")


def test_the_analysis_reads_times_as_seconds_as_the_load_does(checkout: Path, tmp_path: Path) -> None:
    times = [1_735_689_600 + 86_400 * day for day in (0, 10, 20)]  # from 2025-01-01
    rows = "".join(f"Ada,Paris,{time}\n" for time in times)
    (tmp_path / "trips.csv").write_text("source,target,time\n" + rows)
    found = analyse(checkout, tmp_path, "trips.csv")
    assert "1 of 1 known targets of the last week were among the first 3 of the week before" in found


def test_the_script_is_in_cells_that_notebooks_open(checkout: Path) -> None:
    lines = (checkout / "scripts" / "analyse_events.py").read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith("# %%") for line in lines) >= 8
