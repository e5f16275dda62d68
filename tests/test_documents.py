"""The life of a document by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fixtures_memory import NOW, START, Names, contents
from typer.testing import CliRunner

from memini_kuzu import InputError, Memory, Record
from memini_kuzu.cli import app
from memini_kuzu.identity import document_id, stable_id
from memini_kuzu.times import DAY, from_millis

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytest_plugins = ["fixtures_memory"]


def day(number: int) -> Any:
    return from_millis(START + number * DAY)


@pytest.fixture
def told(memory: Memory) -> Memory:
    memory.add(
        [
            Record("Ada met Bruno.", START, "diary", id="1", metadata={"project": "orion"}),
            Record("Ada met Clara.", START + DAY, "diary", id="2"),
            Record("Dora met Clara.", START + 2 * DAY, "chat", id="1"),
        ]
    )
    return memory


def test_what_is_remembered_is_found_by_the_id_that_comes_back(memory: Memory) -> None:
    [identity] = memory.remember("Ada met Bruno.", time=day(0), source="diary", metadata={"by": "Eve"}).ids
    found = memory.get(identity)
    assert (found.id, found.text, found.source, found.time) == (identity, "Ada met Bruno.", "diary", day(0))
    assert (found.metadata, found.versions) == ({"by": "Eve"}, 1)
    # told again, it is the same document
    assert memory.remember("Ada met Bruno.", time=day(0), source="diary").ids == [identity]
    [passage] = memory.recall("Bruno").passages
    assert passage.document == identity


def test_ids_are_in_the_order_of_the_records(told: Memory) -> None:
    records = [Record("Emil left.", START, "diary", id="9"), Record("Ada met Clara.", START, "diary", id="2")]
    ids = told.add(records).ids
    assert [told.get(identity).record for identity in ids] == ["9", "2"]


def test_a_report_holds_a_thousand_ids(memory: Memory) -> None:
    report = memory.add(Record(f"note {number}", START, id=str(number)) for number in range(1_005))
    assert (report.added, len(report.ids)) == (1_005, 1_000)
    assert memory.get(report.ids[-1]).record == "999"


def test_the_id_of_a_record_does_where_one_document_has_it(told: Memory) -> None:
    assert told.get("2").text == "Ada met Clara."
    with pytest.raises(InputError, match=r"id = '1': documents of 2 sources have it \('chat', 'diary'\)"):
        told.get("1")
    for unknown in ("3", "", "0123456789abcdef"):
        with pytest.raises(InputError, match=f"id = '{unknown}': no document has it"):
            told.get(unknown)
    with pytest.raises(InputError, match="id = 7; pass the id of a document as text"):
        told.get(7)  # type: ignore[arg-type]


def test_a_text_of_several_passages_is_whole(memory: Memory) -> None:
    text = "\n\n".join(f"Paragraph {number}. " + "Ada wrote a long letter. " * 60 for number in range(4))
    [identity] = memory.remember(text).ids
    assert memory.get(identity).text.split() == text.split()


def test_an_update_is_a_new_version_with_its_date(told: Memory) -> None:
    report = told.update("2", "Ada met Emil.", time=day(5))
    assert report.changed == 1
    found = told.get("2")
    assert (found.text, found.time, found.versions) == ("Ada met Emil.", day(5), 2)
    versions = told.history("2")
    assert [(each.time, each.current) for each in versions] == [(day(1), False), (day(5), True)]
    assert len({each.digest for each in versions}) == 2
    assert told.update("2", "Ada met Emil.", time=day(6)).unchanged == 1


def test_an_update_keeps_title_and_metadata_unless_they_are_given(told: Memory) -> None:
    [identity] = told.remember("A.", title="Plan", metadata={"project": "orion"}, time=day(3)).ids
    told.update(identity, "B.", time=day(4))
    assert (told.get(identity).title, told.get(identity).metadata) == ("Plan", {"project": "orion"})
    told.update(identity, "C.", title="Other", metadata={}, time=day(5))
    assert (told.get(identity).title, told.get(identity).metadata) == ("Other", {})


def test_an_update_before_the_newest_version_is_refused(told: Memory) -> None:
    before = contents(told)
    with pytest.raises(InputError, match=r"is before the newest version of .*, of 2025-01-02 00:00"):
        told.update("2", "Ada met Emil.", time=day(0))
    assert contents(told) == before


def test_an_update_back_to_a_text_of_the_same_date_is_refused_and_not_passed_over(told: Memory) -> None:
    """The version was known, so nothing was changed, and the other text stayed."""
    [door] = told.remember("The door is open, Ada.", time="2026-03-01").ids
    assert told.update(door, "The door is closed, Ada.", time="2026-03-01").changed == 1
    # the same call again, as after a broken connection
    assert told.update(door, "The door is closed, Ada.", time="2026-03-01").unchanged == 1
    with pytest.raises(InputError, match="was replaced since; pass a later time"):
        told.update(door, "The door is open, Ada.", time="2026-03-01")
    assert told.update(door, "The door is open, Ada.", time="2026-03-01T00:01").changed == 1
    assert told.get(door).text == "The door is open, Ada."


def test_one_document_is_forgotten_alone_as_if_never_told(
    memory: Memory, memories: Callable[[], Memory]
) -> None:
    records = [Record(f"Ada met {name}.", START, "diary", id=name) for name in ("Bruno", "Clara")]
    wrong = Record("Ada met Dora.", START + DAY, "diary", id="wrong")
    [*_, identity] = memory.add([*records, wrong]).ids
    assert memory.forget(id=identity, dry_run=True).documents == 1
    assert memory.get(identity).text == "Ada met Dora."
    report = memory.forget(id=identity)
    assert (report.documents, report.passages, report.associations) == (1, 1, 2)
    other = memories()
    other.add(records)
    ours, theirs = (contents(each) for each in (memory, other))
    for table in ("Entity", "Document", "Passage", "ASSOCIATES", "MENTIONS"):
        assert ours[table] == theirs[table]
    with pytest.raises(InputError, match="no document has it"):
        memory.forget(id=identity)
    with pytest.raises(InputError, match="one kind of thing at a time"):
        memory.forget(id="Bruno", source="diary")


def test_documents_are_listed_in_pages_newest_first(told: Memory) -> None:
    assert [each.text for each in told.list()] == ["Dora met Clara.", "Ada met Clara.", "Ada met Bruno."]
    pages, after = [], None
    while page := told.list(k=2, after=after):
        pages.append([each.record for each in page])
        after = page[-1].id
    assert pages == [["1", "2"], ["1"]]


@pytest.mark.parametrize(
    ("asked", "records"),
    [
        ({"sources": "diary"}, ["2", "1"]),
        ({"sources": ["ch*"]}, ["1"]),
        ({"since": day(1), "until": day(2)}, ["2"]),
        ({"text": "clara"}, ["1", "2"]),
        ({"text": "CLARA", "sources": "diary"}, ["2"]),
        ({"text": "nobody"}, []),
        ({"where": {"project": "orion"}}, ["1"]),
        ({"where": {"project": "lyra"}}, []),
        ({"ids": []}, []),
        ({"ids": [document_id(stable_id("diary", "1")), "0123456789abcdef"]}, ["1"]),
        ({"ids": [document_id(stable_id("diary", each)) for each in "12"], "text": "clara"}, ["2"]),
    ],
)
def test_a_list_holds_what_is_asked_for(told: Memory, asked: dict[str, Any], records: list[str]) -> None:
    assert [each.record for each in told.list(**asked)] == records


def test_equal_dates_are_listed_once_each(memory: Memory) -> None:
    memory.add(Record(f"note {number}", START, id=str(number)) for number in range(7))
    seen, after = [], None
    while page := memory.list(k=3, after=after):
        seen += [each.record for each in page]
        after = page[-1].id
    assert sorted(seen) == [str(number) for number in range(7)]


# --- plain mistakes ---


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda memory: memory.recall("Ada", k="3"), r"k = '3'; pass how many passages"),
        (lambda memory: memory.recall("Ada", k=True), r"k = True; pass how many passages"),
        (lambda memory: memory.recall("Ada", budget_tokens="9"), r"budget_tokens = '9'; pass how many"),
        (lambda memory: memory.recall(None), "cue = None; pass a question, a name or some words as text"),
        (lambda memory: memory.recall(b"Ada"), r"cue = b'Ada'; decode it to text"),
        (lambda memory: memory.associations(None), "entity = None; pass the name of an entity as text"),
        (lambda memory: memory.associations("Ada", k=0), "k = 0; pass how many associations"),
        (lambda memory: memory.explain("Ada", 1), "passage = 1; pass the id of a passage"),
        (lambda memory: memory.list(k="3"), "k = '3'; pass how many documents"),
        (lambda memory: memory.list(text=3), "text = 3; pass a part of a text"),
        (lambda memory: memory.remember(None), "text = None; pass a text"),
        (lambda memory: memory.remember(b"Ada"), "text = b'Ada'; decode it to text"),
        (lambda memory: memory.remember(""), "the text is empty"),
        (lambda memory: memory.remember("Ada", source=None), "source = None; pass"),
        (lambda memory: memory.remember("Ada", id=7), "id = 7; pass"),
        (lambda memory: memory.remember([]), r"text = \[\]; pass"),
        (lambda memory: memory.remember(["Ada"]), "message 1 = 'Ada'"),
        (lambda memory: memory.remember({"role": "user"}), "message 1 has no 'content'"),
        (lambda memory: memory.remember({"role": "user", "content": 3}), "content = 3"),
        (lambda memory: memory.remember({"role": 3, "content": "Ada"}), "role = 3"),
        (lambda memory: memory.update("2", None), "text = None; pass a text"),
    ],
)
def test_a_plain_mistake_is_named_and_changes_nothing(
    told: Memory, call: Callable[[Any], Any], message: str
) -> None:
    before = contents(told)
    with pytest.raises(InputError, match=message):
        call(told)
    assert contents(told) == before


# --- messages ---


def test_a_chat_message_is_remembered_with_its_role(memory: Memory) -> None:
    [identity] = memory.remember({"role": "user", "content": "I met Bruno.", "time": "2025-01-03"}).ids
    found = memory.get(identity)
    assert (found.text, found.time) == ("user: I met Bruno.", day(2))
    # a role is nobody
    assert [each.name for each in memory.recall("Bruno").entities] == ["Bruno"]


def test_messages_are_remembered_in_their_order(memory: Memory) -> None:
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Where does Ada live?", "time": "2025-01-03T10:00"},
        {"role": "assistant", "content": [{"type": "text", "text": "In Oslo."}], "time": "2025-01-03T10:01"},
        {"role": "tool", "content": "{}"},
        {"role": "Ada", "content": "No, in Rome.", "id": "m4", "time": "2025-01-03T10:02"},
    ]
    report = memory.remember(talk, source="chat/7")
    assert [memory.get(identity).text for identity in report.ids] == [
        "user: Where does Ada live?",
        "assistant: In Oslo.",
        "Ada: No, in Rome.",
    ]
    assert {str(notice) for notice in report.notices} == {
        "the messages: left out as of the system or a tool: 2"
    }
    assert memory.get("m4").source == "chat/7"
    assert memory.remember(talk, source="chat/7").unchanged == 3


def test_two_messages_of_one_text_are_two(memory: Memory) -> None:
    talk = [{"role": "user", "content": "Yes.", "time": "2025-01-03"}] * 2
    assert memory.remember(talk, source="chat").added == 2
    assert memory.remember(talk, source="chat").unchanged == 2
    numbered = [{"role": "user", "content": f"Yes {number}."} for number in range(2)]
    ids = memory.remember(numbered, source="chat", id="t").ids
    assert [memory.get(each).record for each in ids] == ["t#1", "t#2"]


# --- the command line ---


def ran(path: Path, *arguments: str, stdin: str | None = None) -> str:
    result = CliRunner().invoke(
        app, [*arguments, "--db", str(path)], input=stdin, catch_exceptions=False, prog_name="memini"
    )
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command_line_handles_one_document(told: Memory, path: Path) -> None:
    identity = told.get("2").id
    told.close()
    assert "Ada met Clara." in ran(path, "get", identity)
    assert ran(path, "list", "--text", "clara", "--source", "diary").split()[4] == identity
    assert "a new version" in ran(path, "update", identity, "Ada met Emil.", "--time", "2025-02-01")
    assert len(ran(path, "history", identity, "--json").split("digest")) == 3
    assert "documents" in ran(path, "forget", "--id", identity, "--yes")
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as memory:
        assert {each.record for each in memory.list()} == {"1"}


def test_a_new_text_comes_from_standard_input_as_the_first_one_does(told: Memory, path: Path) -> None:
    identity = told.get("2").id
    told.close()
    assert "a new version" in ran(path, "update", identity, "-", stdin="Ada met Emil.\n")
    assert "Ada met Emil." in ran(path, "get", identity)
