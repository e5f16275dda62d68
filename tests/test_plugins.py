"""Extractors and embedders keep their promises, and one that breaks its own stores nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from memini_kuzu import InputError, Memory, Mention, Record, RuleExtractor, SpacyExtractor
from memini_kuzu.testing import (
    EMBEDDER_CHECKS,
    EXTRACTOR_CHECKS,
    TEXTS,
    check_embedder,
    check_extractor,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path


def _has_model() -> bool:
    try:
        SpacyExtractor()
    except InputError:
        return False
    return True


NEEDS_MODEL = pytest.mark.skipif(not _has_model(), reason="no English spaCy model is installed")


class Words:
    """Every word is a mention; each test breaks one promise of it."""

    identity = "words/1"

    def of(self, text: str) -> list[Mention]:
        place, found = 0, []
        for word in text.split():
            place = text.index(word, place)
            if word.isalpha() and word.isascii():
                found.append(Mention(word.casefold(), word, "CONCEPT", 0, place))
            place += len(word)
        return found

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        del processes
        for text in texts:
            yield self.of(text)


class Skips(Words):
    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        yield from (found for found in super().extract(texts, processes=processes) if len(found) != 2)


class Repeats(Words):
    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        for found in super().extract(texts, processes=processes):
            yield found
            yield found


class Shifts(Words):
    """Gives each text the mentions of the one before it."""

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        earlier: list[Mention] = []
        for found in super().extract(texts, processes=processes):
            yield earlier
            earlier = found


class Nameless(Words):
    def of(self, text: str) -> list[Mention]:
        return [mention._replace(key="") for mention in super().of(text)]


class Backwards(Words):
    def of(self, text: str) -> list[Mention]:
        return super().of(text)[::-1]


class Shouts(Words):
    def of(self, text: str) -> list[Mention]:
        return [mention._replace(key=mention.key.upper()) for mention in super().of(text)]


class Remembers(Words):
    """Finds in each text what it found in those before, too."""

    def __init__(self) -> None:
        self.seen = 0

    def of(self, text: str) -> list[Mention]:
        self.seen += 1
        return super().of(text)[: self.seen]


class Hoards(Words):
    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        for number, text in enumerate(texts):
            if number > 100:
                raise AssertionError("reads ahead without end")
            self.of(text)
        yield from super().extract([], processes=processes)


class Letters:
    name, dimension = "letters/1", 26

    def embed(self, texts: Sequence[str]) -> Any:
        alphabet = "abcdefghijklmnopqrstuvwxyz"
        return np.array([[text.lower().count(letter) for letter in alphabet] for text in texts])


class Short(Letters):
    def embed(self, texts: Sequence[str]) -> Any:
        return super().embed(texts)[:-1]


class Alike(Letters):
    def embed(self, texts: Sequence[str]) -> Any:
        return np.ones((len(texts), 26))


class Drifts(Letters):
    def __init__(self) -> None:
        self.calls = 0

    def embed(self, texts: Sequence[str]) -> Any:
        self.calls += 1
        return super().embed(texts) + self.calls


@pytest.mark.parametrize("check", EXTRACTOR_CHECKS)
@pytest.mark.parametrize("make", [RuleExtractor, pytest.param(SpacyExtractor, marks=NEEDS_MODEL), Words])
def test_our_extractors_keep_their_promise(check: Callable[[Any], None], make: Any) -> None:
    check(make)


@pytest.mark.parametrize("check", EMBEDDER_CHECKS)
def test_an_embedder_keeps_its_promise(check: Callable[[Any], None]) -> None:
    check(Letters)


@pytest.mark.parametrize(
    "broken",
    [Skips, Repeats, Shifts, Nameless, Backwards, Shouts, Remembers, Hoards],
    ids=lambda broken: broken.__name__,
)
def test_the_checks_see_an_extractor_that_breaks_its_promise(broken: Any) -> None:
    with pytest.raises((AssertionError, InputError)):
        check_extractor(broken)


@pytest.mark.parametrize("broken", [Short, Alike, Drifts], ids=lambda broken: broken.__name__)
def test_the_checks_see_an_embedder_that_breaks_its_promise(broken: Any) -> None:
    with pytest.raises((AssertionError, InputError)):
        check_embedder(broken)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (Skips, "'words/1' gave 2 lists of mentions for 3 texts"),
        (Repeats, "'words/1' gave more lists of mentions than the 1 texts it took"),
        (Shifts, "'words/1' gave Mention.*which cannot stand in the text 'Hm'"),
        (Nameless, "'words/1' gave Mention"),
    ],
)
def test_nothing_is_stored_on_a_wrong_passage(broken: Any, message: str, tmp_path: Path) -> None:
    records = [Record("Ada met Charles in London", id="1"), Record("Hm", id="2"), Record("Ada left", id="3")]
    with Memory.open(tmp_path / "a.memini", extractor=broken()) as memory:
        with pytest.raises(InputError, match=message):
            memory.add(records)
        assert memory.stats().passages == memory.stats().entities == 0


def test_a_plugin_that_uses_the_memory_that_it_serves_is_refused_by_name(tmp_path: Path) -> None:
    class Nosy(Words):
        def of(self, text: str) -> list[Mention]:
            memory.recall("Ada")
            return super().of(text)

    class NosyLetters(Letters):
        def embed(self, texts: Sequence[str]) -> Any:
            memory.remember("Ada left.")
            return super().embed(texts)

    with Memory.open(tmp_path / "a.memini", extractor=Nosy()) as memory:
        with pytest.raises(InputError, match="the extractor 'words/1' called back into a memory"):
            memory.remember("Ada met Charles.")
        assert memory.stats().documents == 0
    with Memory.open(tmp_path / "a.memini", extractor=Words(), embedder=NosyLetters()) as memory:
        with pytest.raises(InputError, match=r"the embedder 'letters/1' .*called back into a memory"):
            memory.remember("Ada met Charles.")
        assert memory.stats().documents == 0


def test_the_texts_of_the_checks_are_of_every_kind() -> None:
    assert "" in TEXTS
    assert any(not text.isascii() for text in TEXTS)
