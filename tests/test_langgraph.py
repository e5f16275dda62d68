"""A memory as LangGraph's store: what LangGraph's own store in memory does, and recall."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from fixtures_talk import ANSWER, QUESTION, TURNS, answer_from
from test_http import listening

from memini_kuzu import InputError, Memory, Redaction, RuleExtractor

pytest.importorskip("langgraph", reason='the extra "langgraph" is not installed')

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.runtime import Runtime  # noqa: TC002 - a graph reads the annotations of its nodes
from langgraph.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore

from memini_kuzu.integrations.langgraph import MeminiStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as opened:
        yield opened


@pytest.fixture
def store(memory: Memory) -> MeminiStore:
    return MeminiStore(memory)


# --- as LangGraph's own ---

NAMESPACES = [
    ("a",),
    ("a", "b"),
    ("a", "b", "c"),
    ("a", "bc"),
    ("b",),
    ("b", "a.*%"),
    ("c*",),
    ("c*", ""),
    ("c",),
]
VALUES: list[dict[str, Any]] = [
    {},
    {"n": 1},
    {"n": 2, "text": "Ada met Charles."},
    {"n": 2.5, "tags": ["x", "y"], "at": {"town": "Ribe", "zip": None}},
    {"text": "Ada met Charles.", "tags": []},
    {"n": True, "text": " ", "deep": [{"text": "Grace"}, ["Hopper"]]},
]
FILTERS: list[dict[str, Any] | None] = [
    None,
    {},
    {"n": 2},
    {"n": {"$eq": 1}},
    {"n": {"$ne": 2}},
    {"text": "Ada met Charles."},
    {"text": None},
    {"tags": ["x", "y"]},
    {"tags": []},
    {"at": {"town": "Ribe"}},
    {"at": {"town": {"$ne": "Ribe"}}},
    {"n": 2, "text": {"$eq": "Ada met Charles."}},
]
PATHS: list[tuple[str, ...]] = [("a",), ("*",), ("a", "*"), ("b", "*"), ("*", "b"), ("c",), ()]


def operation(chance: random.Random) -> Any:
    """One of any kind."""
    place = (chance.choice(NAMESPACES), f"k{chance.randrange(3)}")
    kind = chance.randrange(6)
    if kind < 3:
        index = chance.choice([None, False, ["text"]])
        return PutOp(*place, chance.choice([*VALUES, None]), index=index)
    if kind == 3:
        return GetOp(*place)
    if kind == 4:
        return SearchOp(place[0][: chance.randrange(3)], filter=chance.choice(FILTERS), limit=100)
    conditions = tuple(
        MatchCondition(chance.choice(["prefix", "suffix"]), chance.choice(PATHS))
        for _ in range(chance.randrange(3))
    )
    return ListNamespacesOp(
        conditions, chance.choice([None, 1, 2]), limit=chance.choice([2, 100]), offset=chance.choice([0, 1])
    )


def shown(result: Any) -> Any:
    """A result without dates; items of a search in an order that both have."""
    if isinstance(result, Item):
        return result.namespace, result.key, result.value
    if isinstance(result, list) and result and isinstance(result[0], Item):
        return sorted(map(shown, result), key=repr)
    return result


@pytest.mark.parametrize("seed", range(3))
def test_it_holds_what_the_store_of_langgraph_holds(memory: Memory, seed: int) -> None:
    """The same operations, chosen at random, on both."""
    chance = random.Random(seed)
    # what belongs to nobody's store is seen by none
    memory.remember("Ada met Charles.", source="store")
    memory.remember("Ada met Charles.", source="store:a", id="foreign")
    other = MeminiStore(memory, root="other")
    other.put(("a",), "k0", {"n": 2})
    ours, theirs = MeminiStore(memory), InMemoryStore()
    for _ in range(25):
        ops = [operation(chance) for _ in range(chance.randrange(1, 5))]
        # there, to look for an item makes its namespace
        ops.sort(key=lambda op: not isinstance(op, ListNamespacesOp))
        for op, our, their in zip(ops, ours.batch(ops), theirs.batch(ops), strict=True):
            assert shown(our) == shown(their), op
        # a namespace without items is gone here
        for namespace in [each for each, items in theirs._data.items() if not items]:
            del theirs._data[namespace]
    assert [item.value for item in other.search(())] == [{"n": 2}]


def test_numbers_are_compared_as_numbers_and_nothing_else_is(store: MeminiStore) -> None:
    for key, value in (("1", 1), ("2", 2.5), ("3", "3"), ("4", None), ("5", "five"), ("6", [6])):
        store.put(("n",), key, {"n": value})

    def keys(**asked: Any) -> list[str]:
        return sorted(item.key for item in store.search(("n",), filter={"n": asked}))

    assert keys(**{"$gt": 1}) == ["2", "3"]
    assert keys(**{"$gte": 1, "$lt": 3}) == ["1", "2"]
    assert keys(**{"$lte": "2.5"}) == ["1", "2"]
    with pytest.raises(InputError, match=r"'\$in' is no operator; there are \$eq"):
        keys(**{"$in": [1]})
    with pytest.raises(InputError, match=r"\$gt = 'many'; pass a number"):
        keys(**{"$gt": "many"})


def test_namespaces_are_listed_in_order_and_in_parts(store: MeminiStore) -> None:
    for number in range(7):
        store.put(("n", f"{number}", "x"), "k", {"n": number})
    assert store.list_namespaces(prefix=("n",), suffix=("x",), limit=3, offset=2) == [
        ("n", "2", "x"), ("n", "3", "x"), ("n", "4", "x")
    ]  # fmt: skip
    assert store.list_namespaces(max_depth=1) == [("n",)]
    assert store.list_namespaces(prefix=("*", "6")) == [("n", "6", "x")]
    assert store.list_namespaces(prefix=("m",)) == []


@pytest.mark.parametrize("namespace", [(), ("the", "thing.about"), ("some", ""), ("langgraph", "foo")])
def test_namespaces_that_langgraph_refuses_are_refused(
    store: MeminiStore, namespace: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidNamespaceError):
        store.put(namespace, "k", {"n": 1})
    with pytest.raises(InvalidNamespaceError):
        asyncio.run(store.aput(namespace, "k", {"n": 1}))


def test_all_calls_can_be_awaited_side_by_side(store: MeminiStore) -> None:
    async def main() -> None:
        await asyncio.gather(*(store.aput(("n",), f"{number}", {"n": number}) for number in range(9)))
        found = await asyncio.gather(*(store.aget(("n",), f"{number}") for number in range(10)))
        assert [item and item.value["n"] for item in found] == [*range(9), None]
        await store.adelete(("n",), "3")
        assert await store.aget(("n",), "3") is None
        assert len(await store.asearch(("n",), limit=20)) == 8
        assert await store.alist_namespaces() == [("n",)]

    asyncio.run(main())


def test_pages_of_a_search_hold_every_item_once(store: MeminiStore) -> None:
    store.batch([PutOp(("n",), f"{number}", {"n": number % 2}) for number in range(11)])
    pages = [store.search(("n",), filter={"n": 0}, limit=2, offset=offset) for offset in range(0, 8, 2)]
    assert [len(page) for page in pages] == [2, 2, 2, 0]
    assert sorted(item.key for page in pages for item in page) == ["0", "10", "2", "4", "6", "8"]


def test_an_item_keeps_its_first_date_and_has_that_of_its_last_change(store: MeminiStore) -> None:
    before = datetime.now(UTC)
    for value in ({"n": 1}, {"n": 2}):
        store.put(("n",), "k", value)
        [item] = store.search(("n",))
        assert item == store.get(("n",), "k")
    assert item.value == {"n": 2}
    assert before <= item.created_at < item.updated_at <= datetime.now(UTC)


# --- what a memory adds ---


def test_a_query_recalls_and_scores_best_first(store: MeminiStore, memory: Memory) -> None:
    store.put(("users", "ada"), "diet", {"text": "Ada eats no nuts.", "sure": 0.9})
    store.put(("users", "bo"), "diet", {"text": "Bo eats no fish.", "sure": 0.4})
    store.put(("users", "bo"), "home", {"text": "Bo lives in Ribe.", "sure": 0.8})
    memory.remember("Ada eats no nuts at all.", source="diary")
    first, *others = store.search(("users",), query="What does Ada eat?")
    assert (first.namespace, first.value["text"]) == (("users", "ada"), "Ada eats no nuts.")
    scores = [item.score or 0 for item in (first, *others)]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] > 0
    assert len(store.search(("users", "bo"), query="Bo", limit=1)) == 1
    [sure] = store.search(("users",), query="Bo", filter={"sure": {"$gt": 0.5}}, limit=1)
    assert sure.key == "home"
    assert store.search(("users", "ada"), query="Ada", offset=1) == []
    assert store.search(("nobody",), query="Ada") == []
    # and everything else recalls what was put
    assert {passage.source for passage in memory.recall("nuts")} >= {"store:users.ada", "diary"}


def test_a_filter_on_a_query_finds_what_stands_behind_many_others(store: MeminiStore) -> None:
    store.batch(
        [PutOp(("n",), f"{number}", {"text": f"Ada met Bo{number}.", "n": number}) for number in range(60)]
    )
    found = store.search(("n",), query="Ada", filter={"n": {"$gte": 57}}, limit=3)
    assert {item.value["n"] for item in found} == {57, 58, 59}


def test_only_the_chosen_fields_are_recalled(memory: Memory) -> None:
    store = MeminiStore(memory, fields=["text", "tags[*]"])
    value = {"text": "Ada met Charles.", "tags": ["Ribe", "Oslo"], "secret": "zeppelin", "n": 7}
    store.put(("n",), "1", value)
    store.put(("n",), "2", value, index=["secret"])
    store.put(("n",), "3", value, index=False)
    # one that stands beside it in the namespace may follow
    assert [item.key for item in store.search(("n",), query="Oslo")] == ["1", "2"]
    assert [item.key for item in store.search(("n",), query="zeppelin")] == ["2", "1"]
    assert len(store.search(("n",))) == 3
    assert memory.recall("Oslo").passages[0].text == "Ada met Charles.\nRibe\nOslo"


def test_another_value_is_a_new_version_and_deleted_it_leaves_nothing(
    store: MeminiStore, memory: Memory
) -> None:
    store.put(("n",), "k", {"text": "Ada lives in Oslo."})
    store.put(("n",), "k", {"text": "Ada lives in Rome."})
    [document] = memory.list()
    assert (document.record, document.source, document.versions) == ("k", "store:n", 2)
    assert store.search(("n",), query="Oslo") == []
    store.delete(("n",), "k")
    store.delete(("n",), "k")
    counted = memory.stats()
    assert (counted.documents, counted.entities, counted.associations) == (0, 0, 0)


def test_within_a_batch_the_last_put_holds_and_reads_come_first(store: MeminiStore) -> None:
    put = [PutOp(("n",), "k", {"n": number}) for number in (1, 2)]
    assert store.batch([*put, GetOp(("n",), "k")]) == [None, None, None]
    [item] = store.batch(iter([GetOp(("n",), "k")]))
    assert item is not None
    assert item.value == {"n": 2}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (PutOp(("n",), " ", {"n": 1}), "pass a key that is not blank"),
        (PutOp(("n",), "k", {"n": object()}), "the value of 'k' is no JSON"),
        (PutOp(("AKIA" + "IOSFODNN7EXAMPLE",), "k", {"n": 1}), "masks this name as a secret"),
        (("n", "k"), "is no operation of a store"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_changes_nothing(
    store: MeminiStore, memory: Memory, op: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        store.batch([PutOp(("n",), "first", {"n": 1}), op] if "masks" not in message else [op])
    assert memory.stats().documents == 0


def test_a_time_to_live_is_refused(store: MeminiStore, memory: Memory) -> None:
    with pytest.raises(NotImplementedError, match="TTL is not supported by MeminiStore"):
        store.put(("n",), "k", {"n": 1}, ttl=5)
    with pytest.raises(NotImplementedError, match="leave ttl out"):
        store.batch([PutOp(("n",), "k", {"n": 1}, ttl=5)])
    assert memory.stats().documents == 0


@pytest.mark.parametrize("root", ["a:b", "a*"])
def test_a_root_that_two_stores_could_share_is_refused(memory: Memory, root: str) -> None:
    with pytest.raises(InputError, match="a name without a colon or an asterisk"):
        MeminiStore(memory, root=root)


def test_a_secret_at_the_start_of_a_line_is_masked_and_the_value_can_be_read(tmp_path: Path) -> None:
    token = "ghp_" + "a1B2" * 9
    with Memory.open(
        tmp_path / "a.memini", extractor=RuleExtractor(), redaction=Redaction(emails=True)
    ) as memory:
        store = MeminiStore(memory)
        store.put(("n",), "k", {"text": f"Ada:\nada@example.org\n{token}"})
        [found] = store.search(("n",), query="Ada")
        assert found.value == {"text": "Ada:\n[redacted:email]\n[redacted:github-token]"}


def test_it_works_over_a_server(memory: Memory) -> None:
    with listening(memory) as url, Memory.connect(url) as remote:
        there, here = MeminiStore(remote), MeminiStore(memory)
        there.batch([PutOp(("n",), f"{number}", {"text": f"Ada met Bo{number}."}) for number in range(120)])
        assert len(there.search((), limit=200)) == 120
        asked: dict[str, Any] = {"query": "Who met Bo7?", "limit": 5, "filter": {"text": {"$ne": ""}}}
        assert there.search(("n",), **asked) == here.search(("n",), **asked)
        there.delete(("n",), "7")
        assert here.get(("n",), "7") is None
        assert there.list_namespaces() == [("n",)]


# --- an agent ---


class Scripted(BaseChatModel):
    """Answers the question from what it reads, and notes everything else."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        del args, kwargs
        asked = str(messages[-1].content)
        read = "\n".join(str(message.content) for message in messages)
        answer = answer_from(read) if asked.endswith("?") else "Noted."
        return ChatResult(generations=[ChatGeneration(message=AIMessage(answer))])


def test_thirty_turns_of_a_graph_with_nothing_but_the_store_between_them(store: MeminiStore) -> None:
    """Each turn is a run of its own without history, on a thread of its own."""
    model = Scripted()

    async def answer(state: MessagesState, runtime: Runtime[None]) -> dict[str, Any]:
        assert isinstance(runtime.store, BaseStore)
        [said] = state["messages"]
        found = await runtime.store.asearch(("users", "ada"), query=str(said.content), limit=3)
        known = SystemMessage("\n".join(item.value["text"] for item in found))
        reply = await model.ainvoke([known, said])
        if reply.content == "Noted.":
            await runtime.store.aput(("users", "ada"), str(said.id), {"text": said.content})
        return {"messages": [reply]}

    graph = StateGraph(MessagesState).add_node(answer).add_edge(START, "answer").compile(store=store)

    async def converse() -> list[str]:
        replies = []
        for turn in [*TURNS, QUESTION]:
            state = await graph.ainvoke({"messages": [HumanMessage(turn)]})
            replies.append(state["messages"][-1].content)
        return replies

    assert asyncio.run(converse()) == ["Noted."] * 29 + [ANSWER]
    assert len(store.search(("users", "ada"), limit=100)) == 29
