"""The calls of mem0's `Memory` on a memory of this package; mem0 itself is not needed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from memini_kuzu.errors import InputError
from memini_kuzu.identity import number_of, text_digest
from memini_kuzu.integrations._names import refuse_masked
from memini_kuzu.memory.messages import records_of
from memini_kuzu.records import as_metadata

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from memini_kuzu.protocol import AssociativeMemory
    from memini_kuzu.results import Document
    from memini_kuzu.times import TimeLike

__all__ = ["Mem0Memory"]

SCOPES = ("user_id", "agent_id", "run_id")
"""Who a memory belongs to: at least one of them is told with every call but those by id."""

TOLD = (*SCOPES, "role", "actor_id")
"""What is shown beside a memory, and does not change."""

OWN = (*TOLD, "created_at", "typed")
"""Names in a document's metadata that are not the caller's."""

PAGE = 1_000
"""Documents that are read at once: as many as a server gives."""


class Mem0Memory:
    """mem0's `add`, `search`, `get_all`, `get`, `update`, `delete`, `delete_all` and `history`.

    Arguments and results are those of mem0 2, and of mem0 1 where that takes the ids and `limit` by name.
    What differs: no language model extracts facts, a memory is what was said, word for word; `search`
    recalls, and its scores compare within one search alone; filters ask for equality; nothing is sent to
    anybody.

    Parameters
    ----------
    memory : Memory or RemoteMemory
        Open, as long as this is used.

    Examples
    --------
    >>> import tempfile
    >>> from memini_kuzu import Memory
    >>> with Memory.open(tempfile.mkdtemp() + "/a.memini") as memory:
    ...     mem0 = Mem0Memory(memory)
    ...     [added] = mem0.add("Ada eats no nuts.", user_id="ada", metadata={"kind": "diet"})["results"]
    ...     found = mem0.search("What does Ada eat?", filters={"user_id": "ada", "kind": "diet"})["results"]
    ...     added["event"], found[0]["memory"], found[0]["metadata"]
    ('ADD', 'Ada eats no nuts.', {'kind': 'diet'})
    """

    def __init__(self, memory: AssociativeMemory) -> None:
        self._memory = memory

    def add(
        self,
        messages: str | Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        timestamp: TimeLike | float | None = None,
        infer: bool = False,
    ) -> dict[str, Any]:
        """Keep what was said: each message is a memory.

        Parameters
        ----------
        messages : str, mapping, or sequence of mappings
            A text of the user, or chat messages. What a system or a tool says is left out.
        user_id, agent_id, run_id : str, optional
            Who it belongs to; at least one.
        metadata : mapping, optional
            What else is known of it, as JSON can say it.
        timestamp : datetime, date, str or float, optional
            When it was said, also as seconds since 1970; now by default.
        infer : bool
            Not to be asked for: there is no model to extract facts.

        Returns
        -------
        dict
            Under ``results``, of each memory ``id``, ``memory``, ``event``, ``role`` and ``actor_id``.

        Raises
        ------
        InputError
            If it belongs to nobody, or cannot be kept.
        """
        if infer:
            raise InputError("infer = True: no model extracts facts here; leave it out, all is kept as said")
        scope = _scope({"user_id": user_id, "agent_id": agent_id, "run_id": run_id})
        known = _kept(metadata or {})
        said: Any = {"role": "user", "content": messages} if isinstance(messages, str) else messages
        if said:
            # what is no message is named before any is kept
            records_of(said, now=0, time=None, source="", title="", own="", metadata=None)
        told: dict[str, tuple[str, dict[str, str]]] = {}
        for message in said if isinstance(said, list | tuple) else [said]:
            speaker = _speaker(message)
            report = self._memory.remember(
                message,
                time=_moment(timestamp),
                source="/".join(f"{name}:{value}" for name, value in scope.items()),
                metadata={**known, **scope, **speaker},
            )
            told |= dict.fromkeys(report.ids, ("ADD" if report.added else "NONE", speaker))
        items = {document.id: _item(document) for document in self._by_ids(list(told))}
        # ids that were masked would be anybody's
        wanted = [own if scope.items() <= items[own].items() else "" for own in told]
        refuse_masked(self._memory, list(told), wanted, [str(scope)] * len(told))
        return {
            "results": [
                {
                    "id": own,
                    "memory": items[own]["memory"],
                    "event": event,
                    "actor_id": speaker.get("actor_id"),
                    "role": speaker.get("role"),
                }
                for own, (event, speaker) in told.items()
            ]
        }

    def search(
        self,
        query: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        top_k: int = 20,
        limit: int | None = None,
        filters: Mapping[str, Any] | None = None,
        reference_date: TimeLike | None = None,
    ) -> dict[str, Any]:
        """What a query brings to mind, best first.

        Parameters
        ----------
        query : str
            A question, a name, some words.
        user_id, agent_id, run_id : str, optional
            Whose memories; at least one, here or among the filters.
        top_k, limit : int
            How many at most; `limit` is the older name.
        filters : mapping, optional
            The ids, and metadata with the values that they are to have.
        reference_date : datetime, date or str, optional
            As of when; the present by default.

        Returns
        -------
        dict
            Under ``results``, memories with a ``score``.

        Raises
        ------
        InputError
            If it is asked of nobody's memories, or with a filter that is none.
        """
        where = _where(filters, {"user_id": user_id, "agent_id": agent_id, "run_id": run_id})
        k = top_k if limit is None else limit
        passages = self._memory.recall(query, k=k, now=reference_date, where=where).passages
        scores: dict[str, float] = {}
        for passage in passages:
            scores.setdefault(passage.document, passage.score)
        documents = {each.id: each for each in self._by_ids(list(scores))}
        return {
            "results": [
                {**_item(documents[own]), "score": score} for own, score in scores.items() if own in documents
            ]
        }

    def get_all(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        top_k: int = 20,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """Memories, the newest first; the parameters are those of `search`.

        Returns
        -------
        dict
            Under ``results``.
        """
        where = _where(filters, {"user_id": user_id, "agent_id": agent_id, "run_id": run_id})
        found = self._memory.list(where=where, k=top_k if limit is None else limit)
        return {"results": [_item(document) for document in found]}

    def get(self, memory_id: str) -> dict[str, Any] | None:
        """A memory by its id.

        Parameters
        ----------
        memory_id : str
            As `add` gives it.

        Returns
        -------
        dict or None
            None where no memory has this id.
        """
        if number_of(memory_id) is None or not self._memory.list(ids=[memory_id]):
            return None
        return self._read(memory_id)

    def update(
        self,
        memory_id: str,
        text: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        data: str | None = None,
    ) -> dict[str, str]:
        """Give a memory a new text, or further metadata, or both.

        Parameters
        ----------
        memory_id : str
            As `add` gives it.
        text, data : str, optional
            The new text; `data` is the older name. The old one by default.
        metadata : mapping, optional
            Replaces values of the same names, and leaves the others.

        Returns
        -------
        dict
            A message that says so.

        Raises
        ------
        InputError
            If no memory has this id, or nothing is to be changed.
        """
        new = data if text is None else text
        if new is None and metadata is None:
            raise InputError("pass text or metadata, whichever is to be changed")
        document = self._memory.get(memory_id)
        own = {
            name: value for name, value in document.metadata.items() if name in (*SCOPES, "role", "actor_id")
        }
        own["created_at"] = _created(document)
        known = _kept({**_metadata(document), **(metadata or {})})
        said = document.text if new is None else f"{_lead(document)}{new}"
        self._memory.update(memory_id, said, metadata={**known, **own})
        return {"message": "Memory updated successfully!"}

    def delete(self, memory_id: str) -> dict[str, str]:
        """Take a memory back, as if it had never been told.

        Parameters
        ----------
        memory_id : str
            As `add` gives it.

        Returns
        -------
        dict
            A message that says so.

        Raises
        ------
        InputError
            If no memory has this id.
        """
        self._memory.forget(id=memory_id)
        return {"message": "Memory deleted successfully!"}

    def delete_all(
        self, user_id: str | None = None, agent_id: str | None = None, run_id: str | None = None
    ) -> dict[str, str]:
        """Take back all memories that belong to all that is named.

        Parameters
        ----------
        user_id, agent_id, run_id : str, optional
            At least one.

        Returns
        -------
        dict
            A message that says so.

        Raises
        ------
        InputError
            If nobody is named.
        """
        where = _where(None, {"user_id": user_id, "agent_id": agent_id, "run_id": run_id})
        belonging: dict[str, set[str]] = {}
        for document in self._documents(where=where):
            belonging.setdefault(document.source, set()).add(document.id)
        for source, ids in belonging.items():
            # a source that holds nothing else is forgotten at once
            if {document.id for document in self._documents(sources=source)} == ids:
                self._memory.forget(source=source)
            else:
                for own in ids:
                    self._memory.forget(id=own)
        return {"message": "Memories deleted successfully!"}

    def history(self, memory_id: str) -> list[dict[str, Any]]:
        """The versions of a memory, the earliest first. Texts that were replaced are not kept.

        Parameters
        ----------
        memory_id : str
            As `add` gives it.

        Returns
        -------
        list of dict
            With ``event``, ``created_at``, ``updated_at``; the last one's ``new_memory`` is its text.

        Raises
        ------
        InputError
            If no memory has this id.
        """
        item = self._read(memory_id)
        return [
            {
                "id": f"{item['id']}@{number}",
                "memory_id": item["id"],
                "old_memory": None,
                "new_memory": item["memory"] if version.current else None,
                "event": "ADD" if number == 1 else "UPDATE",
                "created_at": item["created_at"],
                "updated_at": version.time.isoformat(),
                "is_deleted": False,
                "actor_id": item.get("actor_id"),
                "role": item.get("role"),
            }
            for number, version in enumerate(self._memory.history(memory_id), 1)
        ]

    def _read(self, memory_id: str) -> dict[str, Any]:
        return _item(self._memory.get(memory_id))

    def _documents(self, **asked: Any) -> Iterator[Document]:
        after = None
        while page := self._memory.list(**asked, k=PAGE, after=after):
            yield from page
            after = page[-1].id

    def _by_ids(self, ids: Sequence[str]) -> Iterator[Document]:
        for start in range(0, len(ids), PAGE):
            yield from self._memory.list(ids=ids[start : start + PAGE], k=PAGE)


def _item(document: Document) -> dict[str, Any]:
    """A memory as mem0 shows it."""
    held = document.metadata
    shown: dict[str, Any] = {
        "id": document.id,
        "memory": document.text.removeprefix(_lead(document)),
        "hash": text_digest(document.title, document.text),
        "created_at": _created(document),
        "updated_at": document.time.isoformat(),
    }
    shown |= {name: held[name] for name in TOLD if name in held}
    metadata = _metadata(document)
    return {**shown, "metadata": metadata} if metadata else shown


def _created(document: Document) -> str:
    """When a memory was first told; the first update notes it."""
    return document.metadata.get("created_at", document.time.isoformat())


def _metadata(document: Document) -> dict[str, Any]:
    """The caller's metadata, with their types."""
    typed: dict[str, Any] = json.loads(document.metadata.get("typed", "{}"))
    return {name: value for name, value in document.metadata.items() if name not in OWN} | typed


def _kept(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The caller's metadata as a memory keeps them, and what is no text once more, with its type."""
    if taken := metadata.keys() & set(OWN):
        raise InputError(f"metadata: {', '.join(sorted(taken))} are told by arguments; take other names")
    typed = {name: value for name, value in metadata.items() if not isinstance(value, str)}
    kept = as_metadata(metadata)
    return {**kept, "typed": json.dumps(typed, ensure_ascii=False)} if typed else kept


def _speaker(message: Any) -> dict[str, str]:
    """The role and the name of who says a message; what is no message is for the memory to refuse."""
    if not isinstance(message, dict):
        return {}
    named = {"role": message.get("role"), "actor_id": message.get("name")}
    return {name: value for name, value in named.items() if isinstance(value, str) and value}


def _lead(document: Document) -> str:
    """What stands before the words of a message."""
    speaker = document.metadata.get("actor_id") or document.metadata.get("role", "")
    lead = f"{' '.join(speaker.split())}: "
    return lead if speaker and document.text.startswith(lead) else ""


def _moment(timestamp: TimeLike | float | None) -> TimeLike | None:
    if not isinstance(timestamp, int | float):
        return timestamp
    try:
        return datetime.fromtimestamp(timestamp, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(
            f"timestamp = {timestamp!r}: {error}; pass seconds since 1970, a datetime or ISO 8601 text"
        ) from error


def _scope(ids: Mapping[str, Any]) -> dict[str, str]:
    """Those that are told, without space around them."""
    told = {name: str(value).strip() for name, value in ids.items() if value is not None}
    for name, value in told.items():
        if not value or len(value.split()) > 1:
            raise InputError(f"{name} = {ids[name]!r}; pass an id without spaces")
    if not told:
        raise InputError(f"whose memory? pass one of {', '.join(SCOPES)}")
    return told


def _where(filters: Mapping[str, Any] | None, ids: Mapping[str, Any]) -> dict[str, str]:
    """Filters as the memory's own: names and the values that they are to have."""
    wanted = {name: value for name, value in ids.items() if value is not None}
    told = dict(filters or {})
    for asked in (*told.pop("AND", []), told):
        for name, value in asked.items():
            plain = value["eq"] if isinstance(value, dict) and value.keys() == {"eq"} else value
            if name in ("OR", "NOT") or plain is None or plain == "*" or isinstance(plain, dict):
                raise InputError(
                    f"filters: {name} = {value!r}; ask for names and the values that they are to have"
                )
            if wanted.setdefault(name, plain) != plain:
                raise InputError(f"filters: {name} is to be {wanted[name]!r} and {plain!r}; ask for one")
    scope = _scope({name: wanted.pop(name, None) for name in SCOPES})
    return {**as_metadata(wanted), **scope}
