from __future__ import annotations

from pathlib import Path

import pytest

# before test modules import it: they take its fixtures as a plugin
pytest.register_assert_rewrite("fixtures_memory")

CHECKOUT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def checkout() -> Path:
    return CHECKOUT


@pytest.fixture(scope="session")
def sample() -> Path:
    """Dated notes of our own."""
    return CHECKOUT / "scripts" / "sample" / "notes"
