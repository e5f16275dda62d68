"""Looking through the entities of a store, and putting them right."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import strategies  # noqa: F401  its profile: no deadline, the same examples everywhere
from fixtures_memory import NOW, PEOPLE, START, Names, assert_same_strengths, contents, corpus, strengths
from hypothesis import given, settings
from hypothesis import strategies as st

from memini_kuzu import Memory
from memini_kuzu.errors import InputError, UnknownEntityError
from memini_kuzu.insight.junk import looks_wrong
from memini_kuzu.records import Record
from memini_kuzu.times import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytest_plugins = ["fixtures_memory"]

EDITS: dict[str, Callable[[Memory], object]] = {
    "drop": lambda memory: memory.entity_drop("Ada"),
    "rename": lambda memory: memory.entity_rename("Ada", "Countess"),
    "split": lambda memory: memory.entity_split("Ada", "Ada (ship)", ["source 0"]),
}
UNDONE = {"drop": "Ada", "rename": "Ada", "split": "Ada (ship)"}


def opened(path: Path) -> Memory:
    return Memory.open(path, extractor=Names(), clock=lambda: NOW)


@pytest.fixture(scope="session")
def told_of_all(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    path = Path(shutil.copy(empty_store, tmp_path_factory.mktemp("told") / "told.memini"))
    with opened(path) as memory:
        memory.add(corpus(7, 20))
    return path


@pytest.fixture
def told(told_of_all: Path, tmp_path: Path) -> Iterator[Memory]:
    with opened(Path(shutil.copy(told_of_all, tmp_path / "told.memini"))) as memory:
        yield memory


def mentioned(memory: Memory, cue: str) -> set[str]:
    """The entities that a cue brings to mind."""
    return {entity.name for entity in memory.recall(cue).entities}


# --- what looks wrong ---


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("response.status", "markup or code"),
        ("[link](https://a.example)", "markup or code"),
        ("3rd", "number"),
        ("10 km", "number"),
        ("2025-03-01", "number"),
        ("way", "common words"),
        ("good ideas", "common words"),
        ("Client", "common words"),
        ("we went down to the river to see the boats", "too long"),
        ("The Big Short", ""),
        ("Ada Lovelace", ""),
        ("kerosene lamp", ""),
        ("C++", ""),
        ("HTTP/2", ""),
    ],
)
def test_a_name_that_looks_wrong_has_a_reason(name: str, reason: str) -> None:
    assert looks_wrong(name) == reason


def test_entities_are_listed_by_mentions_with_their_events(told: Memory) -> None:
    found = told.entities(1000)
    assert [one.mentions for one in found] == sorted((one.mentions for one in found), reverse=True)
    by_name = {one.name: one for one in found}
    assert by_name["Ada"].events == sum(one.events for one in told.associations("Ada", k=1000))
    assert told.entities(3) == found[:3]


def test_only_what_looks_wrong_is_listed_as_junk(told: Memory) -> None:
    everything, junk = told.entities(1000), told.entities(1000, junk=True)
    assert junk == [one for one in everything if one.wrong]
    told.remember("They met at Client.", id="one more")
    assert "Client" in {one.name for one in told.entities(1000, junk=True)}


# --- dropping ---


def test_a_dropped_entity_is_in_no_answer(told: Memory) -> None:
    others = {one.target for one in told.associations("Bob", k=1000)}
    assert "Ada" in others & mentioned(told, "Ada and Bob")
    told.entity_drop("Ada")
    assert {one.target for one in told.associations("Bob", k=1000)} == others - {"Ada"}
    assert "Ada" not in {one.name for one in told.entities(1000)}
    assert "Ada" not in mentioned(told, "Ada and Bob") | mentioned(told, "Bob")
    with pytest.raises(UnknownEntityError, match="has been dropped; `memini entity undo 'Ada'`"):
        told.associations("Ada")
    assert told.recall("Ada").passages  # by its words


def test_a_dropped_entity_is_left_out_of_the_past_too(told: Memory) -> None:
    then = np.datetime64(START + 200 * DAY, "ms").item()
    assert "Ada" in {one.target for one in told.associations("Bob", k=1000, now=then)}
    told.entity_drop("Ada")
    assert "Ada" not in {one.target for one in told.associations("Bob", k=1000, now=then)}


def test_kinds_and_what_words_select_leave_out_what_is_dropped(told: Memory) -> None:
    [source] = {each.source for each in told.top(1)}
    before = {each.target for each in told.kinds(source, k=50)}
    dropped = min(before)
    word = dropped.split()[0]
    assert dropped in {each.target for each in told.associations(source, about=word, k=50)}
    told.entity_drop(dropped)
    assert {each.target for each in told.kinds(source, k=50)} == before - {dropped}
    assert dropped not in {each.target for each in told.associations(source, about=word, k=50)}


def test_news_overviews_and_suggestions_leave_out_what_is_dropped(told: Memory) -> None:
    told.remember("Ada met Featherstonehaugh. Ada met Featherstonehough.", id="alike")
    pair = {"Featherstonehaugh", "Featherstonehough"}
    assert any({one.alias, one.entity} == pair for one in told.alias_suggest(100))
    told.entity_drop("Ada")
    told.entity_drop("Featherstonehaugh")
    news = told.changes(since="2000-01-01", k=1000)
    pairs = [*news.new, *news.confirmed, *news.faded, *told.overview(k=1000, days=1e4).consolidated]
    assert pairs
    assert not {"Ada", "Featherstonehaugh"} & {name for one in pairs for name in (one.source, one.target)}
    named = {name for one in told.alias_suggest(100) for name in (one.alias, one.entity)}
    assert "Featherstonehaugh" not in named


def test_recall_from_memory_leaves_it_out_as_well(told: Memory) -> None:
    told._store.hold()
    told.entity_drop("Ada")
    found = told.recall("Bob").entities
    assert found
    assert "Ada" not in [one.name for one in found]


def test_a_mistyped_name_of_a_dropped_entity_means_nobody(told: Memory) -> None:
    told.remember("Ada met Featherstonehaugh.", id="long")
    told.entity_drop("Featherstonehaugh")
    assert "Featherstonehaugh" not in [
        one.name for one in told.recall("Where is Featherstonehaugj?").entities
    ]


@pytest.mark.parametrize("name", ["Ada (ship)", "Ada（船）"])
def test_a_cue_with_the_name_of_one_that_was_split_off_means_it(memory: Memory, name: str) -> None:
    memory.remember("Ada met Gus.", id="aunt", source="letters")
    memory.remember("Ada left Oslo.", id="ship", source="log")
    memory.entity_split("Ada", name, ["log"])
    for cue in (name, f"Where is {name}?"):
        assert memory.recall(cue).entities[0].name == name
    assert memory.recall("Ada").entities[0].name == "Ada"


def test_later_documents_do_not_bring_a_dropped_entity_back(told: Memory) -> None:
    told.entity_drop("Ada")
    told.remember("Ada met Bob. Ada met Ivo.", id="later")
    assert "Ada" not in {one.target for one in told.associations("Bob", k=1000)}
    told.entity_undo("Ada")
    assert "Ivo" in {one.target for one in told.associations("Ada", k=1000)}


def test_an_entity_is_dropped_once(told: Memory) -> None:
    told.entity_drop("Ada")
    with pytest.raises(InputError, match="dropped already"):
        told.entity_drop("Ada")
    with pytest.raises(InputError, match="is dropped; `memini entity undo`"):
        told.entity_rename("Ada", "Countess")


def test_a_dropped_entity_can_be_forgotten(told: Memory) -> None:
    told.entity_drop("Ada")
    assert told.forget(entity="Ada").entities == 1
    told.entity_undo("Ada")
    with pytest.raises(UnknownEntityError, match="no entity is named"):
        told.associations("Ada")


def test_what_is_dropped_stays_so_in_an_export_and_a_merge(told: Memory, tmp_path: Path) -> None:
    told.entity_drop("Ada")
    told.export(tmp_path / "exported")
    with Memory.import_(tmp_path / "again.memini", tmp_path / "exported") as copy:
        assert "Ada" not in {one.name for one in copy.entities(1000)}
    with opened(tmp_path / "other.memini") as other:
        other.remember("Ada met Bob.", id="other", source="other")
        other.merge(tmp_path / "again.memini")
        assert "Ada" not in {one.name for one in other.entities(1000)}


# --- renaming ---


def test_a_renamed_entity_has_all_that_it_had(told: Memory) -> None:
    before = {one.target: (one.strength, one.events) for one in told.associations("Ada", k=1000)}
    done = told.entity_rename("Ada", "The Countess")
    assert (done.entity, done.name) == ("Ada", "The Countess")
    for name in ("Countess", "Ada"):  # the former name means it too
        found = told.associations(name, k=1000)
        assert {one.target: (one.strength, one.events) for one in found} == before
        assert {one.source for one in found} == {"The Countess"}
    assert told.doctor(deep=True).sound


def test_later_documents_mean_the_renamed_entity_by_its_former_name(told: Memory) -> None:
    told.entity_rename("Ada", "Countess")
    told.remember("Ada met Ivo.", id="later")
    assert "Ivo" in {one.target for one in told.associations("Countess", k=1000)}
    assert "Ada" not in {one.name for one in told.entities(1000)}


def test_another_way_to_write_a_name_only_shows_it_so(told: Memory) -> None:
    told.entity_rename("Ada", "ADA")
    assert [one.name for one in told.entities(1000) if one.name.lower() == "ada"] == ["ADA"]
    assert told.alias_list() == []


@pytest.mark.parametrize(
    ("entity", "name", "message"),
    [
        ("Ada", "Bob", "unite the two with `memini alias add 'Ada' 'Bob'`"),
        ("Ada", "—", "holds no letter"),
        ("Ada", "Zo\udceb", r"name 'Zo\\udceb' holds half of a character"),
        ("Nobody", "Ada", "no entity is named"),
    ],
)
def test_what_cannot_be_renamed_is_refused_and_changes_nothing(
    told: Memory, entity: str, name: str, message: str
) -> None:
    before = contents(told)
    with pytest.raises((InputError, UnknownEntityError), match=message):
        told.entity_rename(entity, name)
    assert contents(told) == before


def test_what_was_told_under_a_new_name_stays_with_it(told: Memory) -> None:
    before = strengths(told, NOW)
    told.entity_rename("Ada", "Countess")
    told.remember("Countess met Ivo.", id="later")
    told.entity_undo("Ada")
    assert {one.target for one in told.associations("Countess")} == {"Ivo"}
    after = strengths(told, NOW)
    for pair, values in before.items():
        np.testing.assert_allclose(after[pair], values, rtol=0, atol=1e-12)
    assert told.doctor(deep=True).sound


def test_nothing_else_can_be_undone(told: Memory) -> None:
    told.alias_add("Countess", "Bob")
    for name in ("Ada", "Countess", "Nobody", "—"):
        with pytest.raises(InputError, match="was neither dropped, renamed nor split off"):
            told.entity_undo(name)


def test_a_former_name_comes_back_by_undoing(told: Memory) -> None:
    told.entity_rename("Ada", "Countess")
    with pytest.raises(InputError, match="'Ada' stands for 'Countess' already; `memini entity undo 'Ada'`"):
        told.entity_rename("Countess", "Ada")
    told.alias_add("Duchess", "Countess")
    with pytest.raises(InputError, match="`memini alias remove 'Duchess'` first"):
        told.entity_rename("Countess", "Duchess")


def test_what_is_dropped_stays_so_where_its_name_is_to_be_taken_back(told: Memory) -> None:
    told.entity_rename("Ada", "Countess")
    told.entity_drop("Countess")
    before = contents(told)
    with pytest.raises(InputError, match="'Ada' is called now is dropped"):
        told.entity_undo("Ada")
    assert contents(told) == before
    told.entity_undo("Countess")
    assert told.entity_undo("Ada").name == "Ada"


# --- splitting ---


def tell_of_two(memory: Memory) -> None:
    for number, (source, text) in enumerate(
        (("letters", "Ada met Bob."), ("letters", "Ada met Cleo."), ("ships", "Ada left Malmo."))
    ):
        memory.remember(text, time=f"2026-01-0{number + 1}", source=source, id=str(number))


def test_a_split_equals_a_store_in_which_the_other_had_its_own_name(
    empty_store: Path, tmp_path: Path
) -> None:
    with (
        opened(Path(shutil.copy(empty_store, tmp_path / "a.memini"))) as memory,
        opened(Path(shutil.copy(empty_store, tmp_path / "b.memini"))) as expected,
    ):
        tell_of_two(memory)
        memory.entity_split("Ada", "Adaship", ["ships"])
        expected.remember("Ada met Bob.", time="2026-01-01", source="letters", id="0")
        expected.remember("Ada met Cleo.", time="2026-01-02", source="letters", id="1")
        expected.remember("Adaship left Malmo.", time="2026-01-03", source="ships", id="2")
        assert strengths(memory, NOW) == strengths(expected, NOW)
        assert contents(memory)["Entity"] == contents(expected)["Entity"]
        assert contents(memory)["MENTIONS"] == contents(expected)["MENTIONS"]
        assert memory.doctor(deep=True).sound


def test_what_a_source_tells_later_is_of_the_one_that_it_means(told: Memory) -> None:
    tell_of_two(told)
    told.entity_split("Ada", "Ada (ship)", ["ships"])
    told.remember("Ada reached Oslo.", source="ships", id="later")
    told.remember("Ada met Dora.", source="letters", id="later")
    assert {one.target for one in told.associations("Ada (ship)")} == {"Malmo", "Oslo"}
    assert not {"Malmo", "Oslo"} & {one.target for one in told.associations("Ada", k=1000)}
    told.forget(source="ships")
    with pytest.raises(UnknownEntityError):
        told.associations("Ada (ship)")
    told.remember("Ada reached Oslo.", source="ships", id="later")
    assert [one.name for one in told.entities(1000) if "ship" in one.name] == ["Ada (ship)"]


def test_edits_of_what_was_split_off_are_undone_the_last_first(empty_store: Path, tmp_path: Path) -> None:
    with opened(Path(shutil.copy(empty_store, tmp_path / "a.memini"))) as memory:
        tell_of_two(memory)
        before = contents(memory)
        memory.entity_split("Ada", "Adaship", ["ships"])
        split = contents(memory)
        memory.entity_rename("Adaship", "Titan")
        assert memory.entity_undo("Adaship").entity == "Titan"
        assert contents(memory) == split
        memory.alias_add("Adaship", "Bob")
        with pytest.raises(InputError, match="stands for another entity; `memini alias remove` it first"):
            memory.entity_undo("Adaship")
        memory.alias_remove("Adaship")
        assert memory.entity_undo("Adaship").name == "Ada"
        assert contents(memory) == before


def test_a_split_holds_where_the_other_one_has_another_name_since(told: Memory) -> None:
    tell_of_two(told)
    told.entity_split("Ada", "Ada (ship)", ["ships"])
    told.entity_rename("Ada", "Countess")
    told.remember("Ada reached Oslo.", source="ships", id="later")
    told.remember("Ada met Dora.", source="letters", id="later")
    assert {one.target for one in told.associations("Ada (ship)")} == {"Malmo", "Oslo"}
    assert not {"Malmo", "Oslo"} & {one.target for one in told.associations("Countess", k=1000)}
    with pytest.raises(InputError, match="has another name, which is to be taken back first"):
        told.entity_undo("Ada (ship)")


@pytest.mark.parametrize(
    ("name", "sources", "message"),
    [
        ("Bob", ["ships"], "is the name of an entity already"),
        ("Ada (ship)", [], "at least one source"),
        ("Zo\udceb", ["ships"], "holds half of a character"),
        ("Ada (ship)", ["shops"], "'shops' is no source that mentions 'Ada'"),
        ("Ada (ship)", ["ships", "letters"], "rename it instead"),
    ],
)
def test_what_cannot_be_split_is_refused_and_changes_nothing(
    empty_store: Path, tmp_path: Path, name: str, sources: list[str], message: str
) -> None:
    with opened(Path(shutil.copy(empty_store, tmp_path / "a.memini"))) as memory:
        tell_of_two(memory)
        before = contents(memory)
        with pytest.raises(InputError, match=message):
            memory.entity_split("Ada", name, sources)
        assert contents(memory) == before


# --- undoing, and forgetting after it ---


@settings(max_examples=6)
@given(seed=st.integers(0, 10_000), edit=st.sampled_from(sorted(EDITS)))
def test_undoing_an_edit_restores_the_whole_store(empty_store: Path, seed: int, edit: str) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        opened(Path(shutil.copy(empty_store, Path(folder) / "a.memini"))) as memory,
    ):
        memory.add(corpus(seed, 20))
        if "ada" not in {one.name.lower() for one in memory.entities(1000)}:
            return
        before, strong = contents(memory), strengths(memory, NOW)
        try:
            EDITS[edit](memory)
        except InputError:  # no source, or every one, tells of her
            return
        assert contents(memory) != before or edit == "drop"
        assert memory.doctor(deep=True).sound
        memory.entity_undo(UNDONE[edit])
        after, now = strengths(memory, NOW), contents(memory)
        assert after.keys() == strong.keys()
        for ends, values in strong.items():
            np.testing.assert_allclose(after[ends], values, rtol=0, atol=1e-12)
        for table in before.keys() - {"ASSOCIATES"}:
            assert now[table] == before[table], table


@pytest.mark.parametrize("edit", sorted(EDITS))
def test_forgetting_after_an_edit_is_never_having_been_told(
    empty_store: Path, tmp_path: Path, edit: str
) -> None:
    records = corpus(11, 20)
    kept = [record for record in records if record.source != "source 1"]
    with (
        opened(Path(shutil.copy(empty_store, tmp_path / "a.memini"))) as memory,
        opened(Path(shutil.copy(empty_store, tmp_path / "b.memini"))) as innocent,
    ):
        memory.add(records)
        innocent.add(kept)
        for each in (memory, innocent):
            EDITS[edit](each)
        memory.forget(source="source 1")
        assert_same_strengths(strengths(memory, NOW), strengths(innocent, NOW))
        for each in (memory, innocent):
            each.entity_undo(UNDONE[edit])
        assert_same_strengths(strengths(memory, NOW), strengths(innocent, NOW))
        assert memory.doctor(deep=True).sound


def test_edits_survive_a_store_that_is_closed_and_opened(told_of_all: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(told_of_all, tmp_path / "a.memini"))
    with opened(path) as memory:
        memory.entity_drop("Ada")
        memory.entity_rename(PEOPLE[1], "Robert")
        memory.add([Record("Ada met Bob.", START + 500 * DAY, id="later")])
    with opened(path) as memory:
        names = {one.name for one in memory.entities(1000)}
        assert "Robert" in names
        assert not names & {"Ada", "Bob"}
