"""LangGraph: a memory as the store of graphs and agents (extra ``langgraph``)."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    PutOp,
    SearchItem,
    SearchOp,
    get_text_at_path,
)
from typing_extensions import override

from memini_kuzu.errors import InputError
from memini_kuzu.identity import document_id, stable_id
from memini_kuzu.integrations._matching import holds, matches
from memini_kuzu.integrations._names import refuse_masked
from memini_kuzu.records import Record
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from langgraph.store.base import Op, Result

    from memini_kuzu.protocol import AssociativeMemory
    from memini_kuzu.recall import RecalledPassage
    from memini_kuzu.results import Document

    Place = tuple[tuple[str, ...], str]
    """A namespace and a key."""

__all__ = ["MeminiStore"]

VALUE, CREATED, UPDATED, INDEXED = "value", "created", "updated", "indexed"
"""The names in a document's metadata of its item: its JSON, its dates, and whether `search` recalls it."""

PAGE = 1_000
"""Documents that are read or kept at once: as many as a server gives, and a report has ids of."""

TICK = timedelta(milliseconds=1)
"""What versions of an item are apart at least."""

WIDER = 4
"""How many times more passages are asked for while a filter leaves too few."""

_ESCAPED = re.compile("[%.*]")
"""What a label may not hold in a source's name: the separator, and the sign for all that begin so."""


class MeminiStore(BaseStore):
    """Items of a LangGraph store, kept in a memory: `search` with a query recalls them.

    An item is a document: its namespace is the source, its key the record's id, its value stands in the
    metadata as JSON, and its text is what the value says. Another value under the same key is a new version;
    `delete` takes it back as if it had never been put. Items have no time to live.

    Parameters
    ----------
    memory : Memory or RemoteMemory
        Open, as long as the store is used. What it masks is masked in values too.
    fields : sequence of str, optional
        The paths of a value whose texts are recalled, as of LangGraph's `IndexConfig`, such as
        ``["text", "tags[*]"]``; all its texts by default. An item without any is found by its key alone.
    root : str
        What the names of the sources begin with: stores of several roots in one memory are apart.

    Raises
    ------
    InputError
        If the root holds a colon or ends in an asterisk.

    Examples
    --------
    >>> import tempfile
    >>> from memini_kuzu import Memory
    >>> with Memory.open(tempfile.mkdtemp() + "/a.memini") as memory:
    ...     store = MeminiStore(memory)
    ...     store.put(("users", "ada"), "diet", {"text": "Ada eats no nuts.", "sure": 0.9})
    ...     found = store.search(("users",), query="What does Ada eat?", filter={"sure": {"$gt": 0.5}})
    ...     found[0].key, found[0].value
    ('diet', {'text': 'Ada eats no nuts.', 'sure': 0.9})
    """

    def __init__(
        self, memory: AssociativeMemory, *, fields: Sequence[str] | None = None, root: str = "store"
    ) -> None:
        if ":" in root or root.endswith("*"):
            raise InputError(f"root = {root!r}; pass a name without a colon or an asterisk")
        self._memory, self._fields, self._root = memory, fields, root
        self._changing = threading.Lock()

    @override
    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Do several things at once: what is read is read before anything is written."""
        asked = list(ops)
        items = self._items([(op.namespace, op.key) for op in asked if isinstance(op, GetOp)])
        results: list[Result] = []
        written: dict[Place, PutOp] = {}
        for op in asked:
            match op:
                case GetOp():
                    results.append(items.get((op.namespace, op.key)))
                case SearchOp():
                    results.append(self._search(op))
                case ListNamespacesOp():
                    results.append(self._namespaces(op))
                case PutOp():
                    written[op.namespace, op.key] = op
                    results.append(None)
                case _:
                    raise InputError(f"{op!r} is no operation of a store")
        self._write(written)
        return results

    @override
    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """The same, in a thread."""
        return await asyncio.to_thread(self.batch, ops)

    def _source(self, namespace: tuple[str, ...]) -> str:
        return f"{self._root}:{'.'.join(map(_escaped, namespace))}"

    def _within(self, prefix: tuple[str, ...]) -> list[str]:
        """The sources of a namespace and of those below it."""
        return [self._source(prefix), f"{self._source(prefix)}.*"] if prefix else [f"{self._root}:*"]

    def _id(self, place: Place) -> str:
        return document_id(stable_id(self._source(place[0]), place[1]))

    def _documents(self, prefix: tuple[str, ...]) -> Iterator[Document]:
        """The newest first."""
        after = None
        while page := self._memory.list(sources=self._within(prefix), k=PAGE, after=after):
            yield from (each for each in page if VALUE in each.metadata)
            after = page[-1].id

    def _by_ids(self, ids: Iterable[str]) -> dict[str, Document]:
        left = iter(dict.fromkeys(ids))
        found: dict[str, Document] = {}
        while some := list(islice(left, PAGE)):
            found |= {each.id: each for each in self._memory.list(ids=some, k=len(some))}
        return found

    def _items(self, places: Sequence[Place]) -> dict[Place, Item]:
        ids = {self._id(place): place for place in places}
        return {
            ids[number]: Item(**self._fields_of(document))
            for number, document in self._by_ids(ids).items()
            if VALUE in document.metadata
        }

    def _fields_of(self, document: Document) -> dict[str, Any]:
        """What an item is made of."""
        labels = document.source.removeprefix(f"{self._root}:")
        return {
            "namespace": tuple(map(_unescaped, labels.split("."))) if labels else (),
            "key": document.record,
            "value": json.loads(document.metadata[VALUE]),
            "created_at": datetime.fromisoformat(document.metadata[CREATED]),
            "updated_at": datetime.fromisoformat(document.metadata[UPDATED]),
        }

    def _search(self, op: SearchOp) -> list[SearchItem]:
        end = op.offset + op.limit
        if op.query:
            return self._recalled(op, op.query, end)[op.offset :]
        items = (SearchItem(**self._fields_of(each)) for each in self._documents(op.namespace_prefix))
        return list(islice((item for item in items if holds(item.value, op.filter)), op.offset, end))

    def _recalled(self, op: SearchOp, query: str, most: int) -> list[SearchItem]:
        """Items by what a query brings to mind, best first."""
        k = min(max(most, 1), PAGE)
        while True:
            passages = self._memory.recall(
                query, k=k, sources=self._within(op.namespace_prefix), where={INDEXED: "yes"}
            ).passages
            found = self._of_passages(passages, op.filter)
            if len(found) >= most or len(passages) < k or k == PAGE:
                return found[:most]
            # a filter or several passages of one item left too few
            k = min(k * WIDER, PAGE)

    def _of_passages(
        self, passages: Sequence[RecalledPassage], asked: Mapping[str, Any] | None
    ) -> list[SearchItem]:
        documents = self._by_ids(passage.document for passage in passages)
        found: dict[str, SearchItem] = {}
        for passage in passages:
            document = documents.get(passage.document)
            if document is None or document.id in found or VALUE not in document.metadata:
                continue
            item = SearchItem(**self._fields_of(document), score=passage.score)
            if holds(item.value, asked):
                found[document.id] = item
        return list(found.values())

    def _namespaces(self, op: ListNamespacesOp) -> list[tuple[str, ...]]:
        there = {self._fields_of(each)["namespace"] for each in self._documents(())}
        named = {
            namespace[: op.max_depth]
            for namespace in there
            if all(matches(condition, namespace) for condition in op.match_conditions or ())
        }
        return sorted(named)[op.offset : op.offset + op.limit]

    def _write(self, written: Mapping[Place, PutOp]) -> None:
        prepared = {self._id(place): self._prepared(op) for place, op in written.items()}
        with self._changing:
            known = self._by_ids(prepared)
            left = iter([(number, each) for number, each in prepared.items() if each is not None])
            while some := list(islice(left, PAGE)):
                self._put([(number, each.record(known.get(number))) for number, each in some])
            for number, each in prepared.items():
                if each is None and number in known:
                    self._memory.forget(id=number)

    def _prepared(self, op: PutOp) -> _Put | None:
        """What is to be kept, checked before anything is; None for what is to go."""
        if op.value is None:
            return None
        if op.ttl is not None:
            raise NotImplementedError("items of MeminiStore have no time to live; leave ttl out")
        if not op.key.strip():
            raise InputError(f"key = {op.key!r}; pass a key that is not blank")
        try:
            value = json.dumps(dict(op.value), ensure_ascii=False)
        except (TypeError, ValueError) as error:
            raise InputError(f"the value of {op.key!r} is no JSON: {error}") from error
        paths = self._fields if op.index is None else op.index or ()
        texts = _texts(op.value) if paths is None else _at(op.value, paths)
        return _Put(self._source(op.namespace), op.key, "\n".join(texts), value)

    def _put(self, puts: Sequence[tuple[str, Record]]) -> None:
        report = self._memory.add([record for _, record in puts])
        numbers, records = zip(*puts, strict=True)
        refuse_masked(self._memory, report.ids, numbers, [record.origin for record in records])


@dataclass(frozen=True, slots=True)
class _Put:
    """An item that is to be kept."""

    source: str
    key: str
    text: str
    value: str

    def record(self, known: Document | None) -> Record:
        """Its document, given the one that is there."""
        moment = datetime.now(UTC)
        moment = moment if known is None else max(moment, known.time + TICK)
        created = None if known is None else known.metadata.get(CREATED)
        return Record(
            # what says nothing needs a text all the same
            text=self.text or self.key,
            time=to_millis(moment),
            source=self.source,
            id=self.key,
            origin=f"the item {self.key!r} of {self.source!r}",
            metadata={
                VALUE: self.value,
                CREATED: created or moment.isoformat(),
                UPDATED: moment.isoformat(),
                INDEXED: "yes" if self.text else "no",
            },
        )


def _escaped(label: str) -> str:
    """A label within a source's name; an empty one is a lone per cent sign."""
    return _ESCAPED.sub(lambda found: f"%{ord(found[0]):02X}", label) or "%"


def _unescaped(label: str) -> str:
    return re.sub("%([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), label) if label != "%" else ""


def _texts(value: Any) -> list[str]:
    """All texts in a value, in their order."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, dict):
        value = list(value.values())
    return [text for each in value for text in _texts(each)] if isinstance(value, list | tuple) else []


def _at(value: Any, paths: Sequence[str]) -> list[str]:
    return [text for path in paths for text in get_text_at_path(value, path) if text.strip()]
