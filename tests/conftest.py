from __future__ import annotations

import functools
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# before test modules import it: they take its fixtures as a plugin
pytest.register_assert_rewrite("fixtures_memory")

CHECKOUT = Path(__file__).parent.parent


# a shell that starts the tests in the background has them ignore it, and so all processes that they start
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _model_is_loaded_once() -> Iterator[None]:
    """The memories of a process share a spaCy model, which takes over a second to load."""
    from memini_kuzu.extraction import SpacyExtractor

    pipeline = SpacyExtractor.pipeline.func
    load = functools.cache(lambda model: pipeline(SpacyExtractor(model)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SpacyExtractor, "pipeline", property(lambda extractor: load(extractor.model)))
        yield


@pytest.fixture(scope="session")
def checkout() -> Path:
    return CHECKOUT


@pytest.fixture(scope="session")
def sample() -> Path:
    """Dated notes of our own."""
    return CHECKOUT / "scripts" / "sample" / "notes"
