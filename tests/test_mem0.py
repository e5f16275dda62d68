"""The calls of mem0: its names of arguments and shapes of results, on a memory of ours."""

from __future__ import annotations

import inspect
import math
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from fixtures_talk import ANSWER, QUESTION, TURNS, answer_from

from memini_kuzu import InputError, Memory, Redaction, RuleExtractor, TimeError
from memini_kuzu.integrations.mem0 import Mem0Memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIGNATURES = {
    "add": "messages user_id agent_id run_id metadata timestamp expiration_date infer memory_type prompt",
    "search": "query top_k filters threshold rerank explain reference_date show_expired kwargs",
    "get_all": "filters top_k show_expired kwargs",
    "get": "memory_id",
    "update": "memory_id text metadata expiration_date data",
    "delete": "memory_id",
    "delete_all": "user_id agent_id run_id",
    "history": "memory_id",
}
"""The parameters of mem0ai 2.2.1."""

WITHOUT = {
    "expiration_date", "memory_type", "prompt", "threshold", "rerank", "explain", "show_expired", "kwargs"
}  # fmt: skip
"""What the documentation says is not taken."""

OLDER = {"user_id", "agent_id", "run_id", "limit"}
"""What mem0 1 takes by name."""


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as opened:
        yield opened


@pytest.fixture
def mem0(memory: Memory) -> Mem0Memory:
    return Mem0Memory(memory)


@pytest.mark.parametrize("name", SIGNATURES)
def test_every_call_takes_what_mem0_takes(name: str) -> None:
    ours = inspect.signature(getattr(Mem0Memory, name)).parameters.keys() - {"self"}
    theirs = set(SIGNATURES[name].split())
    assert theirs - ours <= WITHOUT
    assert ours - theirs <= OLDER


def test_the_signatures_are_those_of_mem0(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(os.environ, "MEM0_TELEMETRY", "False")
    monkeypatch.setitem(os.environ, "MEM0_DIR", str(tmp_path))
    theirs = pytest.importorskip("mem0", reason="mem0ai is not installed; it is no extra").Memory
    for name, parameters in SIGNATURES.items():
        found = inspect.signature(getattr(theirs, name)).parameters.keys() - {"self"}
        assert found == set(parameters.split()), name


def test_what_was_said_is_kept_word_for_word(mem0: Mem0Memory, memory: Memory) -> None:
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Ada eats no nuts.", "name": "Bo"},
        {"role": "assistant", "content": "Noted."},
    ]
    added = mem0.add(talk, user_id="ada", run_id=" 7 ", metadata={"kind": "diet", "sure": 0.9, "of": ["x"]})
    first, second = added["results"]
    assert first == {
        "id": first["id"], "memory": "Ada eats no nuts.", "event": "ADD", "actor_id": "Bo", "role": "user"
    }  # fmt: skip
    assert (second["memory"], second["role"], second["actor_id"]) == ("Noted.", "assistant", None)
    item = mem0.get(first["id"])
    assert item is not None
    assert datetime.fromisoformat(item.pop("created_at")) <= datetime.now(UTC)
    assert item.pop("updated_at")
    assert item.pop("hash")
    assert item == {
        "id": first["id"],
        "memory": "Ada eats no nuts.",
        "user_id": "ada",
        "run_id": "7",
        "role": "user",
        "actor_id": "Bo",
        "metadata": {"kind": "diet", "sure": 0.9, "of": ["x"]},
    }
    # and others find it by what they know of it
    found = memory.recall("nuts", where={"kind": "diet", "user_id": "ada"}).passages[0]
    assert (found.text, found.source) == ("Bo: Ada eats no nuts.", "user_id:ada/run_id:7")


def test_a_search_sees_those_alone_whose_memories_are_asked_for(mem0: Mem0Memory) -> None:
    for user, run in (("ada", "1"), ("ada", "2"), ("bo", "1")):
        mem0.add(f"In run {run} {user} met Charles.", user_id=user, run_id=run, metadata={"n": int(run)})

    def found(**asked: Any) -> set[str]:
        return {item["memory"] for item in mem0.search("Charles", **asked)["results"]}

    ada = {"In run 1 ada met Charles.", "In run 2 ada met Charles."}
    assert found(user_id="ada") == found(filters={"user_id": "ada"}) == ada
    assert found(filters={"user_id": "ada", "n": 2}) == {"In run 2 ada met Charles."}
    assert found(filters={"AND": [{"user_id": {"eq": "ada"}}, {"n": {"eq": 1}}]}) == {
        "In run 1 ada met Charles."
    }
    assert found(run_id="1") == {"In run 1 ada met Charles.", "In run 1 bo met Charles."}
    assert found(user_id="nobody") == set()
    assert len(mem0.search("Charles", user_id="ada", top_k=1)["results"]) == 1
    assert len(mem0.search("Charles", user_id="ada", limit=1)["results"]) == 1
    scores = [item["score"] for item in mem0.search("Charles", user_id="ada")["results"]]
    assert scores == sorted(scores, reverse=True)
    newest = mem0.get_all(user_id="ada", limit=1)["results"]
    assert [item["memory"] for item in newest] == ["In run 2 ada met Charles."]
    assert len(mem0.get_all(filters={"run_id": "1"})["results"]) == 2


def test_a_question_about_the_past_is_answered_as_of_then(mem0: Mem0Memory) -> None:
    mem0.add("Ada lives in Oslo.", user_id="ada", timestamp="2025-03-01")
    mem0.add("Ada lives in Rome.", user_id="ada", timestamp=datetime(2026, 3, 1, tzinfo=UTC).timestamp())
    [then] = mem0.search("Where does Ada live?", user_id="ada", reference_date="2025-06-01")["results"]
    assert then["memory"] == "Ada lives in Oslo."
    assert len(mem0.search("Where does Ada live?", user_id="ada")["results"]) == 2


def test_a_memory_is_updated_and_its_history_told(mem0: Mem0Memory) -> None:
    [added] = mem0.add("Ada lives in Oslo.", user_id="ada", metadata={"kind": "home", "sure": True})[
        "results"
    ]
    own = added["id"]
    created = mem0.get(own)["created_at"]  # type: ignore[index]
    done = {"message": "Memory updated successfully!"}
    assert mem0.update(own, metadata={"kind": "flat"}) == done
    assert mem0.update(memory_id=own, data="Ada lives in Rome.") == done
    assert mem0.update(own, text="Ada lives in Ribe.", metadata={"sure": False}) == done
    item = mem0.get(own)
    assert item is not None
    assert (item["memory"], item["metadata"]) == ("Ada lives in Ribe.", {"kind": "flat", "sure": False})
    assert (item["user_id"], item["role"], item["created_at"]) == ("ada", "user", created)
    events = mem0.history(own)
    assert [(each["event"], each["new_memory"]) for each in events] == [
        ("ADD", None), ("UPDATE", None), ("UPDATE", "Ada lives in Ribe.")
    ]  # fmt: skip
    assert {each["memory_id"] for each in events} == {own}
    assert mem0.search("Oslo", user_id="ada")["results"] == []


def test_memories_are_taken_back_one_by_one_and_all_of_a_user(mem0: Mem0Memory, memory: Memory) -> None:
    for user, run in (("ada", "1"), ("ada", "2"), ("bo", "1")):
        mem0.add(f"In run {run} {user} met Charles.", user_id=user, run_id=run)
    [item] = mem0.get_all(user_id="ada", run_id="2")["results"]
    assert mem0.delete(item["id"]) == {"message": "Memory deleted successfully!"}
    assert mem0.get(item["id"]) is None
    assert mem0.get("no id at all") is None
    with pytest.raises(InputError, match="no document has it"):
        mem0.delete(item["id"])
    # another one's text in the source of ada's first run stays
    memory.remember("Clara met Charles.", source="user_id:ada/run_id:1")
    mem0.add("In run 3 ada met Charles.", user_id="ada", run_id="3")
    assert mem0.delete_all(user_id="ada") == {"message": "Memories deleted successfully!"}
    assert mem0.get_all(user_id="ada") == {"results": []}
    assert {document.text for document in memory.list()} == {
        "user: In run 1 bo met Charles.", "Clara met Charles."
    }  # fmt: skip


def test_the_same_said_twice_at_one_time_is_one_memory(mem0: Mem0Memory) -> None:
    told = [mem0.add("Ada left.", user_id="ada", timestamp="2026-03-01")["results"][0] for _ in range(2)]
    assert [each["event"] for each in told] == ["ADD", "NONE"]
    assert told[0]["id"] == told[1]["id"]


@pytest.mark.parametrize(
    ("call", "arguments", "message"),
    [
        ("add", {"messages": "Ada left."}, "whose memory"),
        ("add", {"messages": "Ada left.", "user_id": " "}, "an id without spaces"),
        ("add", {"messages": "Ada left.", "user_id": "a b"}, "an id without spaces"),
        ("add", {"messages": "Ada left.", "user_id": "ada", "infer": True}, "no model extracts facts here"),
        ("add", {"messages": "Ada left.", "user_id": "ada", "metadata": {"role": "x"}}, "role are told by"),
        (
            "add",
            {"messages": "Ada left.", "user_id": "ada", "metadata": {"x": object()}},
            "what JSON can say",
        ),
        ("add", {"messages": 7, "user_id": "ada"}, "text = 7"),
        (
            "add",
            {"messages": [{"role": "user", "content": "Ada left."}, {"role": "user"}], "user_id": "ada"},
            "message 2 has no 'content'",
        ),
        # milliseconds, as JavaScript has them
        (
            "add",
            {"messages": "Ada left.", "user_id": "ada", "timestamp": 1_700_000_000_000},
            "pass seconds since 1970",
        ),
        ("add", {"messages": "Ada left.", "user_id": "ada", "timestamp": math.nan}, "timestamp = nan"),
        ("search", {"query": "Ada"}, "whose memory"),
        ("search", {"query": " ", "user_id": "ada"}, "the cue is empty"),
        (
            "search",
            {"query": "Ada", "user_id": "ada", "filters": {"n": {"gt": 1}}},
            "the values that they are to",
        ),
        ("search", {"query": "Ada", "user_id": "ada", "filters": {"OR": [{"n": 1}]}}, "OR = "),
        ("search", {"query": "Ada", "user_id": "ada", "filters": {"n": "*"}}, "n = '\\*'"),
        ("search", {"query": "Ada", "user_id": "ada", "filters": {"n": None}}, "n = None"),
        ("search", {"query": "Ada", "user_id": "ada", "filters": {"user_id": "bo"}}, "'ada' and 'bo'"),
        ("get_all", {"filters": {"kind": "diet"}}, "whose memory"),
        ("update", {"memory_id": "0123456789abcdef", "text": "x"}, "no document has it"),
        ("update", {"memory_id": "0123456789abcdef"}, "pass text or metadata"),
        ("history", {"memory_id": "0123456789abcdef"}, "no document has it"),
        ("delete_all", {}, "whose memory"),
    ],
)
def test_what_cannot_be_done_is_refused(
    mem0: Mem0Memory, memory: Memory, call: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        getattr(mem0, call)(**arguments)
    assert memory.stats().documents == 0


def test_an_id_that_the_memory_masks_is_refused(tmp_path: Path) -> None:
    """All whose ids are masked would be one."""
    path = tmp_path / "a.memini"
    with Memory.open(path, extractor=RuleExtractor(), redaction=Redaction(emails=True)) as memory:
        with pytest.raises(InputError, match="masks this name as a secret"):
            Mem0Memory(memory).add("I eat no nuts.", user_id="ada@example.org")
        assert memory.stats().documents == 0


def test_a_time_that_cannot_be_read_is_refused(mem0: Mem0Memory) -> None:
    with pytest.raises(TimeError):
        mem0.add("Ada left.", user_id="ada", timestamp="soon")


def test_thirty_turns_as_programs_for_mem0_are_written(mem0: Mem0Memory) -> None:
    """Search, put what was found before the message, answer, add both: with a scripted model."""

    def turn(message: str) -> str:
        found = mem0.search(message, filters={"user_id": "ada"}, top_k=3)["results"]
        known = "\n".join(item["memory"] for item in found)
        answer = answer_from(known) if message.endswith("?") else "Noted."
        said = [{"role": "user", "content": message}, {"role": "assistant", "content": answer}]
        mem0.add(said, user_id="ada")
        return answer

    assert [turn(message) for message in [*TURNS, QUESTION]] == ["Noted."] * 29 + [ANSWER]
    assert len(mem0.get_all(user_id="ada", top_k=100)["results"]) == 60
