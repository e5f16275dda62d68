from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from memini_kuzu.store.model import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

# before test modules import it: they take its fixtures as a plugin
pytest.register_assert_rewrite("fixtures_browser", "fixtures_memory")

# a shell lets what it runs in the background ignore SIGINT, and what the tests start would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)

CHECKOUT = Path(__file__).parent.parent


@pytest.fixture(scope="session", autouse=True)
def several_segments() -> Iterator[None]:
    """Indexes of small stores have several segments, as those of large ones do."""
    with patch.object(rows, "FEW", 1):
        yield


@pytest.fixture(scope="session")
def checkout() -> Path:
    return CHECKOUT


@pytest.fixture(scope="session")
def sample() -> Path:
    """Dated notes of our own."""
    return CHECKOUT / "scripts" / "sample" / "notes"
