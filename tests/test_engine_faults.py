"""The engine's faults still happen; one that is gone fails its test, so that we learn what may go with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from engine_probes import PROBES

from memini_kuzu.store.engine.faults import FAULTS, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

SLOW = "commit_beside_a_reader_says_timeout"
"""Waits six seconds, in which the others run."""


def start(name: str, folder: Path) -> subprocess.Popen[str]:
    folder.mkdir()
    return subprocess.Popen(
        [sys.executable, Path(__file__).with_name("engine_probes.py"), name, folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process: subprocess.Popen[str]) -> str:
    """What the probe has found, or how it ended."""
    output, errors = process.communicate(timeout=60)
    said = output.split()
    # a process with spoilt memory may die as late as at its end
    if process.returncode < 0 and said[:1] == ["armed"]:
        return "happens"
    if process.returncode == 0 and said[-1:] in (["happens"], ["gone"]):
        return said[-1]
    return f"the probe ended with {process.returncode}: {output}{errors}"


@pytest.fixture(scope="module", autouse=True)
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    with start(SLOW, tmp_path_factory.mktemp("slow") / SLOW) as process:
        yield process
        process.kill()


@pytest.mark.parametrize(
    "fault", sorted(FAULTS, key=lambda fault: fault.name == SLOW), ids=lambda fault: fault.name
)
def test_the_engine_still_has_the_fault(fault: Fault, slow: subprocess.Popen[str], tmp_path: Path) -> None:
    found = outcome(slow if fault.name == SLOW else start(fault.name, tmp_path / fault.name))
    assert found != "gone", f"the fault is gone, and what keeps it off can go: {fault.kept_off_by}"
    assert found == "happens"


def test_every_fault_has_a_probe() -> None:
    assert sorted(fault.name for fault in FAULTS) == sorted(PROBES)
