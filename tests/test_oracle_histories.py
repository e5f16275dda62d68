"""Histories that were found to go wrong, or nearly did; each played on a store and on the oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from oracle import play, readable
from oracle_model import Edge
from oracle_state import START
from oracle_steps import (
    PARAMETERS,
    Add,
    AliasAdd,
    AliasRemove,
    Consolidate,
    ForgetDocuments,
    ForgetEntity,
    ForgetPair,
    LoadEdges,
    LoadEvents,
    Merge,
    Retune,
    Step,
    Wait,
)

from memini_kuzu.extraction import canonical
from memini_kuzu.identity import stable_id
from memini_kuzu.records import Record
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def told(text: str, day: int = 0, id: str = "1", source: str = "diary") -> Record:  # noqa: A002
    return Record(text, START + day * DAY, source, id=id)


def loaded(source: str | int, target: str, day: int = 0, amount: float = 1.0) -> LoadEvents:
    end: str | int = target if isinstance(source, str) else identity(target)
    return LoadEvents(((source, end, amount, START + day * DAY),), both=False, suffix="")


def identity(name: str) -> int:
    return stable_id(canonical(name))


EDGE = Edge(identity("Ada"), identity("Cleo"), 0.5, 0.25, START + 9 * DAY, 2, START, START + 9 * DAY)
NAMES = ((identity("Ada"), "Ada"), (identity("Cleo"), "Cleo"))

FIRST_DAY = ForgetDocuments(None, START, START + DAY)

HISTORIES: dict[str, list[Step]] = {
    "an alias is removed after a pass has dropped what it brought": [
        Add((told("Ada met Cleo. Ada met Cleo."), told("Bob met Cleo.", id="2"))),
        AliasAdd("Ada", "Bob"),
        Wait(900),
        Consolidate(1e-3),
        Add((told("Bob met Cleo.", 1, "3"), told("Bob met Cleo. So.", 1, "4"))),
        AliasRemove("Ada"),
    ],
    "an alias is removed after a pass and a new telling": [
        Add((told("Ada met Cleo. Ada met Cleo."), told("Bob met Cleo.", id="2"))),
        AliasAdd("Ada", "Bob"),
        Wait(900),
        Consolidate(1e-3),
        Add((told("Bob met Cleo.", 1100, "3"),)),
        AliasRemove("Ada"),
    ],
    "what two names of one entity had in common is forgotten by its date": [
        Add((told("Ada met Bob."), told("Cleo.", 30), told("Ada met Dora.", 5, "3"), told("Bob.", 5, "4"))),
        AliasAdd("Ada", "Bob"),
        FIRST_DAY,
        AliasRemove("Ada"),
    ],
    "what two names of one entity had in common is forgotten and told otherwise": [
        Add((told("Ada met Bob."), told("Ada met Dora.", 5, "3"), told("Bob met Cleo.", 5, "4"))),
        AliasAdd("Ada", "Bob"),
        FIRST_DAY,
        Add((told("Ada met Bob met Cleo.", 1),)),
        AliasRemove("Ada"),
    ],
    "a loaded association is forgotten under an alias": [
        Add((told("Ada. Cleo. Bob."), told("Ada", 1, "7"))),
        loaded("Ada", "Cleo"),
        AliasAdd("Ada", "Bob"),
        ForgetPair("Bob", "Cleo"),
        AliasRemove("Ada"),
    ],
    "an entity is forgotten under an alias and told again": [
        Add((told("Ada. Cleo. Bob."), told("Ada", 1, "7"))),
        loaded("Ada", "Cleo"),
        AliasAdd("Ada", "Bob"),
        ForgetEntity("Cleo"),
        Add((told("Cleo met Dora.", 3, "9"),)),
        AliasRemove("Ada"),
    ],
    "a source is forgotten under an alias that also has loaded events": [
        Add(
            (told("Ada met Cleo."), told("Bob met Ada.", 1, "7"), told("Ada met Dora.", 2, source="letters"))
        ),
        loaded("Ada", "Dora"),
        AliasAdd("Ada", "Bob"),
        ForgetDocuments("letters", None, None),
        AliasRemove("Ada"),
    ],
    "an alias of an alias whose entity is forgotten": [
        Add((told("Ada met Cleo.", source="letters"), told("Bob met Dora.", 1))),
        AliasAdd("Countess", "Ada"),
        AliasAdd("Ada", "Bob"),
        ForgetDocuments("letters", None, None),
        AliasRemove("Ada"),
    ],
    "events are loaded under an alias, which is removed": [
        Add((told("Bob. Ada."), told("Ada", 1, "8"))),
        loaded("Ada", "Cleo"),
        loaded("Bob", "Cleo"),
        AliasAdd("Ada", "Bob"),
        loaded("Bob", "Cleo", 31),
        AliasRemove("Ada"),
    ],
    "events between two names of one entity are loaded": [
        Add((told("Ada met Cleo."), told("Bob met Cleo.", id="2"))),
        AliasAdd("Ada", "Bob"),
        loaded("Ada", "Bob", 5),
    ],
    "events and edges are loaded by the id of an alias": [
        Add((told("Ada met Bob."), told("Ada met Cleo.", 30, "3"))),
        AliasAdd("Ada", "Bob"),
        loaded(identity("Ada"), "Cleo"),
        LoadEdges((EDGE,), NAMES),
    ],
    "edges come without names, and the names are told later": [
        LoadEdges((EDGE,), ()),
        Add((told("Ada met Bob."),)),
        AliasAdd("Ada", "Ada"),
    ],
    "aliases of two stores build on each other": [
        Add((told("Ada met Cleo."), told("Bob met Cleo.", id="2"))),
        AliasAdd("Ada", "Bob"),
        Merge((Add((told("Dora met Cleo. Ada met Emil.", 3, source="letters"),)), AliasAdd("Dora", "Ada"))),
        AliasRemove("Dora"),
        AliasRemove("Ada"),
    ],
    "a merge brings what is an alias here": [
        Add((told("Ada met Cleo."), told("Bob met Cleo.", id="2"))),
        AliasAdd("Ada", "Bob"),
        Merge((Add((told("Ada met Dora. Bob met Ada.", 3, source="letters"),)),)),
        AliasRemove("Ada"),
    ],
    "a merge brings an alias that is an entity here": [
        Add((told("Dora met Cleo."),)),
        Merge((Add((told("Dora met Ada. Bob.", 3, source="letters"),)), AliasAdd("Dora", "Bob"))),
        AliasRemove("Dora"),
    ],
    "a merge brings an alias into a source that is here": [
        Add((told("Cleo met Bob."),)),
        Merge((Add((told("Ada met Dora. Emil.", 3, id="2"),)), AliasAdd("Ada", "Emil"))),
        AliasRemove("Ada"),
    ],
    "a merge leaves documents out of associations of which a pass has dropped some": [
        Add((told("Ada met Bob."),)),
        Merge(
            (
                Add((told("Ada met Bob."), told("Ada met Bob. Yes.", 1, "2"))),
                Consolidate(0.3),
                Add((told("Ada met Bob. So.", 210, "3"),)),
            ),
            skip_known=True,
        ),
    ],
    "two aliases are removed, and the first removal brings back what a pass had dropped of the other": [
        Add((told("Cleo met Emil. So. Dora met Emil met Bob.", 30, "2"),)),
        Consolidate(0.3),
        Add((Record("Ada met Emil. Bob met Harbour.", START + DAY, "letters", title="Cleo"),)),
        AliasAdd("Cleo", "Ada"),
        AliasAdd("Harbour", "Emil"),
        AliasRemove("Harbour"),
        AliasRemove("Cleo"),
    ],
    "a source is forgotten that is dated as what a pass has dropped": [
        Add((told("Ada met Bob."), told("Nothing.", 1), told("Cleo met Dora.", source="letters"))),
        Wait(900),
        Consolidate(0.3),
        ForgetDocuments("letters", None, None),
        Retune(PARAMETERS[1]),
    ],
    "a retuning where weak loaded events hide behind dropped ones": [
        Add((told("Ada met Bob."), told("Ada met Bob. Yes.", 1, "2"))),
        Wait(900),
        Consolidate(0.3),
        loaded("Ada", "Bob", amount=0.001),
        Retune(PARAMETERS[1]),
    ],
    "a forgotten document leaves the counts of mentions right": [
        Add((told("Ada met Bob."), told("Ada met Dora.", 5, "3"), told("Bob met Cleo.", 5, "4"))),
        AliasAdd("Ada", "Bob"),
        FIRST_DAY,
    ],
    "what is refused after an entity was forgotten changes nothing": [
        Add((told("Emil met Harbour. Harbour."), told("Harbour: Dora met Harbour met Ada.", id="2"))),
        ForgetEntity("Ada"),
        AliasRemove("Ada"),
    ],
    "an alias is removed after a retuning": [
        Add((told("Ada met Cleo. Bob."), told("Ada met Bob.", 1, "4"))),
        AliasAdd("Ada", "Bob"),
        Retune(PARAMETERS[1]),
        Add((told("Ada met Cleo.", 3, "5"),)),
        AliasRemove("Ada"),
    ],
}


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_agrees_with_the_oracle(tmp_path: Path, name: str) -> None:
    outcome = play(tmp_path, HISTORIES[name])
    assert not [readable(line) for line in outcome.wrong]
    assert outcome.steps == HISTORIES[name]
