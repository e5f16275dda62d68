"""What holds for every test, the examples in docstrings included."""

from __future__ import annotations

import functools
import signal
import tempfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# a shell that starts the tests in the background has them ignore it, and so all processes that they start
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _model_is_loaded_once() -> Iterator[None]:
    """The memories of a process share a spaCy model, which takes over a second to load."""
    from memini_kuzu.extraction import SpacyExtractor  # noqa: PLC0415 - coverage begins before

    pipeline = SpacyExtractor.pipeline.func
    load = functools.cache(lambda model: pipeline(SpacyExtractor(model)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SpacyExtractor, "pipeline", property(lambda extractor: load(extractor.model)))
        yield


@pytest.fixture(scope="session", autouse=True)
def _temporary_folders_are_cleared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The folders that examples make are among those of the tests, which pytest clears."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("loose")))
        yield
