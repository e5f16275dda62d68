"""The short form of scripts/full_disk.py, where no disk can be mounted: no file may grow beyond a size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from full_disk import fill_up, prepare

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("filled"), 1)


@pytest.mark.parametrize("name", ["remember", "consolidate", "note", "exchange", "close"])
def test_a_disk_that_fills_up_in_an_operation_leaves_the_store_before_or_after_it(
    base: Path, tmp_path: Path, name: str
) -> None:
    row = fill_up(base, tmp_path, name, 1, 2)
    # the engine ends the process where its log cannot be written and cannot be put away
    assert not [line for line in row["violations"] if "the process ended with -6" not in line], row
