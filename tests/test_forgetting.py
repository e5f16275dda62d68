"""Forgetting takes back exactly what it names: the store then equals one that never saw it."""

from __future__ import annotations

import re
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import strategies  # noqa: F401  its profile: no deadline, the same examples everywhere
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from memini_kuzu import InputError, Memory, Mention, Parameters, Record, UnknownEntityError
from memini_kuzu.changes.scope import Scope
from memini_kuzu.extraction import canonical
from memini_kuzu.store import reading
from memini_kuzu.times import DAY, to_millis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# each try fills two stores: few of them, and no shrinking. That events are taken back exactly in any history
# is shown on columns, with many tries (tests/test_associations.py)
PHASES = (Phase.explicit, Phase.generate)

NAMES = ("Ada", "Babbage", "Curie", "Darwin", "Euler")
SOURCES = ("diary", "letters", "")
NOW = to_millis("2026-06-01")


class Names:
    """Finds capitalised words; sentences end in a full stop."""

    identity = "names/1"

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        del processes
        for text in texts:
            found = re.finditer(r"[A-Z][a-z]+", text)
            yield [
                Mention(canonical(word[0]), word[0], "NAME", text[: word.start()].count("."), word.start())
                for word in found
            ]


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store to copy: making one takes longer than filling it."""
    path = tmp_path_factory.mktemp("empty") / "empty.memini"
    Memory.open(path, extractor=Names()).close()
    return path


@contextmanager
def copied(empty: Path) -> Iterator[Memory]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.memini"
        shutil.copyfile(empty, path)
        with Memory.open(path, extractor=Names(), clock=lambda: NOW) as memory:
            yield memory


@pytest.fixture
def memory(empty: Path) -> Iterator[Memory]:
    with copied(empty) as opened:
        yield opened


QUERIES = {
    "associations": """MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity) WITH a, b, e, $now AS now
        RETURN a.key AS source, b.key AS target, memini_fast(e, now) AS fast, memini_slow(e, now) AS slow,
        e.events AS events, e.first_seen AS first, e.last_seen AS last""",
    "entities": """MATCH (e:Entity) WHERE e.mentions > 0 OR EXISTS { MATCH (e)-[:ASSOCIATES]-(:Entity) }
        RETURN e.key AS key, e.name AS name, e.label AS label, e.first_seen AS first,
        e.last_seen AS last, e.mentions AS mentions, e.headings AS headings""",
    "passages": """MATCH (p:Passage) RETURN p.source AS source, p.record AS record, p.position AS position,
        p.title AS title, p.time AS time, p.text AS text, p.terms AS terms, p.words AS words,
        p.heading AS heading""",
    "mentions": """MATCH (p:Passage)-[m:MENTIONS]->(e:Entity)
        RETURN p.source AS source, p.position AS position, e.key AS entity, m.count AS count,
        m.label AS label""",
    "documents": """MATCH (d:Document) RETURN d.source AS source, d.record AS record, d.time AS time,
        d.digest AS digest, d.title AS title, d.versions AS versions, d.positions AS positions,
        list_transform(d.amount_at, i -> d.event_amounts[i]) AS amounts""",
    "sources": "MATCH (s:Source) RETURN s.name AS name, s.passages AS passages",
    "sums": "MATCH (m:MeminiMeta) WHERE m.key IN ['passages', 'words'] RETURN m.key AS key, m.value AS value",
    "aliases": "MATCH (a:Alias) RETURN a.key AS key",
}


def contents(memory: Memory) -> dict[str, list[dict[str, Any]]]:
    """All that a store says, and what its full-text index answers."""
    state = {
        name: sorted(
            memory._store.read(query, {"now": NOW} if "$now" in query else None).to_pylist(), key=repr
        )
        for name, query in QUERIES.items()
        if name != "associations"
    }
    moment = np.datetime64(NOW, "ms").item()
    edges = memory._store.read(QUERIES["associations"], {"now": moment}).to_pylist()
    state["associations"] = sorted(edges, key=lambda edge: (edge["source"], edge["target"]))
    for document in state["documents"]:
        document["versions"].sort()
    state["passages"].sort(key=lambda passage: (passage["source"], passage["position"]))
    state["sums"] = [row for row in state["sums"] if row["value"] != "0"]
    state["index"] = [
        {
            "word": name,
            "passages": sorted(
                (row["source"], row["position"])
                for row in reading.fulltext(memory._store, name.lower(), 100).to_pylist()
            ),
        }
        for name in ("Ada", "Babbage", "Curie", "Darwin", "Euler")
    ]
    return state


def assert_equal(
    left: dict[str, list[dict[str, Any]]], right: dict[str, list[dict[str, Any]]], *, but: float = 0.0
) -> None:
    """Equal to rounding; associations that one side lacks may be as strong as `but` at most."""
    for name, rows in left.items():
        if name != "associations":
            assert rows == right[name], name
    sides = [
        {(edge["source"], edge["target"]): edge for edge in state["associations"]} for state in (left, right)
    ]
    for pair in sides[0].keys() | sides[1].keys():
        one, other = (side.get(pair) for side in sides)
        if one is None or other is None:
            present = one or other
            assert max(present["fast"], present["slow"]) <= but, pair
            continue
        for variable in ("fast", "slow"):
            assert one[variable] == pytest.approx(other[variable], rel=1e-9, abs=but + 1e-300), pair
        if not but:
            assert one == {**other, "fast": one["fast"], "slow": one["slow"]}


@st.composite
def sentences(draw: st.DrawFn) -> str:
    words = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)
    return " ".join(" met ".join(draw(words)) + "." for _ in range(draw(st.integers(1, 3))))


@st.composite
def histories(draw: st.DrawFn) -> list[Record]:
    """Documents in any order of dates, some of them in several versions."""
    return [
        Record(
            draw(sentences()),
            time=NOW - draw(st.integers(0, 400)) * DAY,
            source=draw(st.sampled_from(SOURCES)),
            title=draw(st.sampled_from(("", *NAMES[:2]))),
            id=draw(st.sampled_from(("", "1", "2"))),
        )
        for _ in range(draw(st.integers(1, 8)))
    ]


@settings(max_examples=6, phases=PHASES)
@given(history=histories(), source=st.sampled_from(SOURCES), swap=st.booleans())
@example(
    history=[Record("Ada. Babbage.", NOW - DAY, "diary", "", "1"), Record("Curie.", NOW, "diary", "", "1")],
    source="diary",
    swap=False,
)
def test_forgetting_a_source_equals_never_having_seen_it(
    empty: Path, history: list[Record], source: str, *, swap: bool
) -> None:
    kept = [record for record in history if record.source != source]
    with copied(empty) as memory, copied(empty) as innocent, pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(memory._store), "prefers_swap", lambda *_args: swap)
        memory.add(history)
        innocent.add(kept)
        if len(kept) < len(history):
            expected = memory.forget(source=source, dry_run=True)
            assert memory.forget(source=source) == type(expected)(**{**expected.to_dict(), "dry_run": False})
        assert_equal(contents(memory), contents(innocent))


@settings(max_examples=5, phases=PHASES)
@given(first=histories(), second=histories(), threshold=st.sampled_from((0.0, 1e-3, 0.02)))
def test_maintenance_before_forgetting_changes_it_by_no_more_than_the_threshold(
    empty: Path, first: list[Record], second: list[Record], threshold: float
) -> None:
    with copied(empty) as memory, copied(empty) as innocent:
        for records in (first, second):
            memory.add(records)
            innocent.add([record for record in records if record.source != "diary"])
            memory.consolidate(threshold=threshold)
            innocent.consolidate(threshold=threshold)
        if any(record.source == "diary" for record in [*first, *second]):
            memory.forget(source="diary")
        left, right = contents(memory), contents(innocent)
        if threshold:
            # what a pass has dropped leaves no trace but in dates and ledgers
            for name in ("entities",):
                left[name] = right[name] = []
        assert_equal(left, right, but=2 * threshold)
        assert all(edge["fast"] >= 0 and edge["slow"] >= 0 for edge in left["associations"])


@settings(max_examples=5, phases=PHASES)
@given(history=histories(), days=st.tuples(st.integers(0, 400), st.integers(1, 200)))
def test_forgetting_a_time_range_takes_back_the_events_of_that_range(
    empty: Path, history: list[Record], days: tuple[int, int]
) -> None:
    since = NOW - days[0] * DAY
    until = since + days[1] * DAY
    kept = [record for record in history if not since <= (record.time or 0) < until]
    with copied(empty) as memory, copied(empty) as innocent:
        memory.add(history)
        innocent.add(kept)
        memory.forget(since=np.datetime64(since, "ms").item(), until=np.datetime64(until, "ms").item())
        left, right = contents(memory), contents(innocent)
        assert_equal({"associations": left["associations"]}, {"associations": right["associations"]})
        times = {np.datetime64(record.time, "ms").item() for record in kept}
        assert {passage["time"] for passage in left["passages"]} <= times


def test_a_document_whose_newest_version_is_forgotten_takes_its_earlier_text_again(memory: Memory) -> None:
    """That version was known, so nothing was to be done, and the document stayed without a text."""
    earlier = Record("Ada met Babbage.", to_millis("2026-01-01"), "diary", "", "1")
    memory.add([earlier])
    told, before = memory.get("1"), memory.associations("Ada", now="2026-06-01")
    memory.remember("Ada met Curie.", time="2026-03-01", source="diary", id="1")
    memory.forget(since="2026-02-01")
    assert not memory.get("1").text
    assert memory.add([earlier]).changed == 1
    assert memory.add([earlier]).unchanged == 1
    assert memory.get("1") == told
    assert [passage.text for passage in memory.recall("Babbage").passages] == [told.text]
    # its events were there all the time
    assert memory.associations("Ada", now="2026-06-01") == before
    assert memory.doctor(deep=True).sound


def test_a_document_whose_newest_version_is_forgotten_takes_a_new_one_later(memory: Memory) -> None:
    for day, text in (("2026-01-01", "Ada met Babbage."), ("2026-03-01", "Ada met Curie.")):
        memory.remember(text, time=day, source="diary", id="1")
    memory.forget(since="2026-02-01")
    assert contents(memory)["passages"] == []
    assert [found.target for found in memory.associations("Ada")] == ["Babbage"]
    report = memory.remember("Ada met Darwin.", time="2026-04-01", source="diary", id="1")
    assert (report.added, report.changed) == (0, 1)
    assert [passage["text"] for passage in contents(memory)["passages"]] == ["Ada met Darwin."]


def test_a_forgotten_source_can_be_told_again(memory: Memory) -> None:
    record = Record("Ada met Babbage.", NOW, "diary", "", "1")
    memory.add([record])
    before = contents(memory)
    memory.forget(source="diary")
    assert memory.stats().entities == 0
    assert memory.add([record]).added == 1
    assert_equal(contents(memory), before)


def test_positions_of_other_documents_stay_when_a_range_is_forgotten(memory: Memory) -> None:
    for day in (1, 2, 3):
        memory.remember(f"Ada met {NAMES[day]}.", time=f"2026-01-0{day}", source="diary")
    memory.forget(source="diary", since="2026-01-02", until="2026-01-03")
    assert [passage["position"] for passage in contents(memory)["passages"]] == [0, 2]
    memory.remember("Ada left.", time="2026-01-04", source="diary")
    assert [passage["position"] for passage in contents(memory)["passages"]] == [0, 2, 3]
    assert len(memory.recall("Ada", k=5).passages) == 3


def test_a_forgotten_entity_leaves_its_passages_and_nothing_else(memory: Memory) -> None:
    memory.remember("Ada met Babbage. Babbage met Curie.", time="2026-01-01", source="diary", title="Babbage")
    memory.remember("Ada met Curie.", time="2026-01-02", source="diary")
    report = memory.forget(entity="Babbage")
    assert (report.passages, report.entities, report.associations) == (0, 1, 4)
    state = contents(memory)
    assert [entity["key"] for entity in state["entities"]] == ["ada", "curie"]
    assert {edge["source"] for edge in state["associations"]} == {"ada", "curie"}
    assert {passage["heading"] for passage in state["passages"]} == {None}
    assert any("Babbage" in passage["text"] for passage in state["passages"])
    with pytest.raises(UnknownEntityError):
        memory.forget(entity="Babbage")
    assert {row["word"]: len(row["passages"]) for row in state["index"]}["Ada"] == 2
    # nothing is taken back twice: the ledgers no longer hold what went
    memory.forget(source="diary")
    assert memory.stats().associations == 0


def test_a_forgotten_association_is_forgotten_in_both_directions(memory: Memory) -> None:
    memory.remember("Ada met Babbage. Darwin met Curie.", time="2026-01-01", source="diary")
    report = memory.forget(association=("Ada", "Babbage"))
    assert (report.associations, report.entities, report.passages) == (2, 0, 0)
    assert "Babbage" not in {found.target for found in memory.associations("Ada")}


def test_associations_that_no_ledger_accounts_for_survive(memory: Memory) -> None:
    memory.remember("Ada met Babbage.", time="2026-01-01", source="diary")
    memory.cypher(
        "MATCH (a:Entity {key: 'ada'})-[e:ASSOCIATES]->(b:Entity {key: 'babbage'}) "
        "SET e.fast = e.fast + 3.0, e.events = e.events + 3",
        write=True,
    )
    memory.forget(source="diary")
    [found] = memory.associations("Ada", now="2026-01-01")
    assert found.events == 3
    assert found.strength == pytest.approx(3.0)


def test_aliases_of_a_forgotten_entity_are_forgotten(memory: Memory) -> None:
    memory.remember("Ada met Babbage.", time="2026-01-01", source="diary")
    memory.cypher(
        "MATCH (e:Entity {key: 'ada'}) CREATE (:Alias {key: 'countess', name: 'Countess', entity: e.id})",
        write=True,
    )
    assert memory.forget(entity="Countess").aliases == 1
    assert contents(memory)["aliases"] == []


def test_a_dry_run_writes_nothing_and_needs_no_right_to_write(memory: Memory) -> None:
    memory.remember("Ada met Babbage.", time="2026-01-01", source="diary")
    before = contents(memory)
    assert memory.forget(source="diary", dry_run=True).documents == 1
    assert contents(memory) == before


def test_an_unknown_source_is_refused_with_similar_names(memory: Memory) -> None:
    memory.remember("Ada met Babbage.", source="diary")
    with pytest.raises(InputError, match="did you mean 'diary'"):
        memory.forget(source="dairy")


@pytest.mark.parametrize(
    "scope",
    [{}, {"source": "a", "entity": 1}, {"entity": 1, "pair": (1, 2)}, {"since": 2, "until": 2}],
)
def test_a_scope_names_one_kind_of_thing(scope: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Scope(**scope)


def test_forgetting_does_not_depend_on_the_parameters(tmp_path: Path) -> None:
    parameters = Parameters(tau_fast=1.0, tau_slow=1000.0, coupling=3.0, capacity=100.0, impulse=2.5)
    with Memory.open(tmp_path / "a.memini", parameters=parameters, extractor=Names()) as memory:
        memory.remember("Ada met Babbage.", time="2026-01-01", source="diary")
        memory.remember("Ada met Babbage.", time="2020-01-01", source="letters")
        memory.forget(source="letters")
        assert memory.associations("Ada", now="2026-01-01")[0].strength == 2.5
        memory.forget(source="diary")
        assert memory.stats().associations == 0
