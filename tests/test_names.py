"""An entity answers to the name that it is shown under."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from memini_kuzu import Memory, Mention, UnknownEntityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class Plurals:
    """Keeps the singular as the key of what stands in the plural, as spaCy's lemma does."""

    identity = "plurals/1"

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:  # noqa: ARG002
        for _ in texts:
            yield [
                Mention("tidal river", "tidal rivers", "CONCEPT", 0, 0),
                Mention("ada", "Ada", "PERSON", 0, 14),
            ]


@pytest.mark.parametrize("name", ["tidal rivers", "Tidal Rivers", "tidal river"])
def test_a_concept_is_found_by_its_key_and_by_its_name(tmp_path: Path, name: str) -> None:
    with Memory.open(tmp_path / "a.memini", extractor=Plurals()) as memory:
        memory.remember("tidal rivers, Ada", time="2026-03-01")

        assert [found.target for found in memory.associations(name, now="2026-03-01")] == ["Ada"]


def test_an_unknown_name_is_an_error_that_names_similar_ones(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "a.memini", extractor=Plurals()) as memory:
        memory.remember("tidal rivers, Ada", time="2026-03-01")

        with pytest.raises(UnknownEntityError, match="did you mean tidal rivers"):
            memory.associations("tidal riber", now="2026-03-01")
