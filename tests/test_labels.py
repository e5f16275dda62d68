"""Labels of entities: what the passages that mention them agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from memini_kuzu import Memory
from memini_kuzu.extraction.mentions import Mention
from memini_kuzu.store.labels import agreed, votes_as_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class Labelled:
    """An extractor for texts such as "Ada/PERSON and Ada/ORG"."""

    identity = "labelled/1"

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        del processes
        for text in texts:
            found = []
            for word in text.split():
                name, slash, label = word.strip(".,").partition("/")
                if slash:
                    found.append(Mention(name.lower(), name, label, 0, text.index(word)))
            yield found


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "a.memini", extractor=Labelled()) as opened:
        yield opened


def label(memory: Memory, name: str) -> str:
    query = "MATCH (e:Entity {name: $name}) RETURN e.label AS label"
    return str(memory.cypher(query, {"name": name})["label"][0].as_py())


def tell(memory: Memory, *texts: str) -> None:
    for number, text in enumerate(texts):
        memory.remember(text, time="2026-01-01", source=text, id=str(number))


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ({}, "CONCEPT"),
        ({"PERSON": 2}, "NAME"),
        ({"PERSON": 3}, "PERSON"),
        ({"PERSON": 3, "ORG": 3}, "NAME"),
        ({"PERSON": 4, "ORG": 3}, "PERSON"),
        ({"PERSON": 3, "CONCEPT": 3}, "CONCEPT"),
        ({"PERSON": 4, "CONCEPT": 3}, "PERSON"),
        ({"PERSON": 3, "ORG": 1, "CONCEPT": 3}, "NAME"),
        ({"PERSON": 3, "NAME": 3}, "NAME"),
        ({"PERSON": 3, "NAME": 2}, "PERSON"),
        ({"PERSON": 3, "TITLE": 9}, "NAME"),
        ({"TITLE": 9}, "TITLE"),
        ({"CONCEPT": 1, "TITLE": 9}, "CONCEPT"),
    ],
)
def test_a_kind_of_name_is_what_more_than_half_and_at_least_three_passages_say(
    votes: dict[str, int], expected: str
) -> None:
    assert agreed(votes_as_text(votes)) == expected


def test_the_first_mention_does_not_decide(memory: Memory) -> None:
    tell(memory, "Lisbon/PERSON", "Lisbon/GPE", "Lisbon/GPE", "Lisbon/GPE")
    assert label(memory, "Lisbon") == "GPE"


def test_a_passage_votes_once_however_often_it_mentions(memory: Memory) -> None:
    tell(memory, "Ada/ORG Ada/ORG Ada/ORG Ada/PERSON", "Ada/PERSON", "Ada/PERSON b", "Ada/PERSON c")
    assert label(memory, "Ada") == "PERSON"


def test_what_is_forgotten_has_no_say_any_more(memory: Memory) -> None:
    tell(memory, "Ada/PERSON", "Ada/ORG", "Ada/ORG", "Ada/PERSON", "Ada/ORG", "Ada/ORG", "Ada/PERSON")
    assert label(memory, "Ada") == "ORG"
    memory.forget(source="Ada/ORG")
    assert label(memory, "Ada") == "PERSON"
    assert memory.doctor().sound


def test_a_new_version_of_a_text_votes_in_place_of_the_old(memory: Memory) -> None:
    for day, kind in enumerate(("ORG", "PERSON"), 1):
        for number in (1, 2, 3):
            memory.remember(f"Ada/{kind} Bob/{kind}", time=f"2026-01-0{day}", source="a", id=str(number))
        assert label(memory, "Ada") == kind


def test_an_alias_brings_its_votes_and_takes_them_away_again(memory: Memory) -> None:
    tell(memory, "Ada/PERSON", "Ada/PERSON Countess/ORG", "Ada/PERSON x")
    tell(memory, *(f"Countess/ORG {number}" for number in range(3)))
    memory.alias_add("Countess", "Ada")
    assert label(memory, "Ada") == "NAME"
    assert memory.doctor().sound
    memory.alias_remove("Countess")
    assert (label(memory, "Ada"), label(memory, "Countess")) == ("PERSON", "ORG")
    assert memory.doctor().sound


def test_merged_stores_vote_together(memory: Memory, tmp_path: Path) -> None:
    tell(memory, "Ada/PERSON", "Ada/ORG")
    with Memory.open(tmp_path / "b.memini", extractor=Labelled()) as other:
        tell(other, "Ada/ORG b", "Ada/ORG c")
    memory.merge(tmp_path / "b.memini")
    assert label(memory, "Ada") == "ORG"
    assert memory.doctor().sound


def test_a_label_that_its_mentions_do_not_bear_out_is_found(memory: Memory) -> None:
    tell(memory, "Ada/PERSON", "Ada/PERSON b", "Ada/PERSON c")
    memory.cypher("MATCH (e:Entity {name: 'Ada'}) SET e.label = 'GPE'", write=True)
    assert not memory.doctor().sound
