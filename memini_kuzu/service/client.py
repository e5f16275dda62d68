"""A memory that another process serves: the same calls, over its JSON API (extra ``mcp``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx2
from pydantic import ValidationError
from typing_extensions import override

from memini_kuzu import errors
from memini_kuzu.changes.report import IngestReport
from memini_kuzu.changes.scope import ForgetReport
from memini_kuzu.config import Parameters
from memini_kuzu.dynamics import TimeConstants
from memini_kuzu.errors import InputError, MeminiError, StoreError
from memini_kuzu.notebook import Table
from memini_kuzu.protocol import AssociativeMemory
from memini_kuzu.recall import ActivatedEntity, Path, Recall, RecalledPassage, Sayings
from memini_kuzu.records import Notice, Record
from memini_kuzu.results import Association, Document, Stats, Version
from memini_kuzu.service.api import VERSION, ErrorResult
from memini_kuzu.service.http import IDLE, PATH
from memini_kuzu.service.results import (
    AssociationsResult,
    BackupResult,
    DocumentResult,
    ForgetResult,
    HistoryResult,
    ListResult,
    RecallResult,
    RememberResult,
    StatsResult,
)
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable, Iterator, Sequence

    from pydantic import BaseModel

    from memini_kuzu.records import Item
    from memini_kuzu.results import Order
    from memini_kuzu.times import TimeLike

__all__ = ["NotServedError", "RemoteMemory"]

Made = TypeVar("Made")

RECORDS = 1_000
"""Records of a request, at most."""

CHARACTERS = 500_000
"""Characters of the records of a request, unless it is a single one: a body may have 4 MiB."""

MESSAGE = ("role", "name", "content", "time", "id")
"""What is sent of a message: all that is read of it."""

SENT = ("text", "time", "source", "title", "id", "metadata")
"""What is sent of a record."""


class NotServedError(InputError, AttributeError):
    """A method of `Memory` that needs the file itself."""


class RemoteMemory(AssociativeMemory):
    """The client of a memory that `memini serve` shares.

    Threads may share one. The methods give what those of `Memory` give.

    Parameters
    ----------
    url : str
        Where it is served, such as ``http://127.0.0.1:8765/mcp``.
    token : str, optional
        The bearer token, where one is required.
    timeout : float
        Seconds to wait for an answer.

    Raises
    ------
    StoreError
        If no memory answers there.
    """

    def __init__(self, url: str, *, token: str | None = None, timeout: float = 60.0) -> None:
        self.url = url
        base = url.rstrip("/").removesuffix(PATH)
        # a file of settings or of a secret may end its line with more than a new line
        token = (token or "").strip()
        if not (token.isascii() and token.isprintable()):
            # what cannot be sent is told by the HTTP library with the whole header
            raise InputError("the token holds what no header can; pass it in one line, without accents")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # given up before the server does so, which might be while a request is on its way
        limits = httpx2.Limits(keepalive_expiry=IDLE / 2)
        try:
            self._http = httpx2.Client(base_url=base, headers=headers, timeout=timeout, limits=limits)
        except (httpx2.InvalidURL, ValueError) as error:
            raise self._unreachable(error) from error
        try:
            self._send("GET", VERSION)
        except BaseException as error:
            self.close()
            if isinstance(error, StoreError):
                raise
            if isinstance(error, MeminiError):
                raise self._unreachable(error) from error
            raise

    def _unreachable(self, error: BaseException) -> StoreError:
        return StoreError(
            f"no memory answers at {self.url} ({error}); start one with: memini serve, and set MEMINI_TOKEN "
            "if it asks for a token"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; the server goes on."""
        self._http.close()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotServedError(
            f"{name} needs the store's file; a server offers remember, add, recall, associations, get, list, "
            "update, history, forget, stats and backup"
        )

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx2.Response:
        try:
            answer = self._http.request(method, path, json=body)
        except httpx2.ReadTimeout as error:
            raise StoreError(
                f"{self.url} gave no answer in {self._http.timeout.read:g} s, and may still do what it was "
                "asked: look before you ask again, or connect with a larger timeout"
            ) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise self._unreachable(error) from error
        if answer.is_success:
            return answer
        try:
            problem = ErrorResult.model_validate_json(answer.content).error
        except ValidationError:
            # something else answers there
            raise self._unreachable(httpx2.HTTPError(f"status {answer.status_code}")) from None
        raise _error(problem.kind, problem.message)

    def _call(self, tool: str, arguments: dict[str, Any], result: type[BaseModel]) -> dict[str, Any]:
        given = {name: _written(value) for name, value in arguments.items()}
        try:
            answer = self._send("POST", f"{VERSION}/{tool}", given)
        except MeminiError:
            raise
        except (TypeError, ValueError) as error:  # half of a character, a number that is none
            raise InputError(f"the arguments of {tool} cannot be sent as JSON: {error}") from error
        return dict(result.model_validate_json(answer.content))

    @override
    def remember(
        self,
        text: str | Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        time: TimeLike | None = None,
        source: str = "",
        title: str = "",
        id: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> IngestReport:
        arguments = {
            "text": _said(text),
            "time": time,
            "source": source,
            "title": title,
            "id": id,
            "metadata": None if metadata is None else dict(metadata),
        }
        return _report(self._call("remember", arguments, RememberResult))

    @override
    def add(self, records: Iterable[Item]) -> IngestReport:
        done = IngestReport()
        for part in _batches(_told(record, done) for record in records):
            done.include(_report(self._call("add", {"records": part}, RememberResult)))
        return done

    @override
    def recall(
        self,
        cue: str,
        *,
        now: TimeLike | None = None,
        k: int = 10,
        budget_tokens: int | None = None,
        sources: Sequence[str] | str | None = None,
        since: TimeLike | None = None,
        until: TimeLike | None = None,
        where: Mapping[str, str] | None = None,
    ) -> Recall:
        asked = {"cue": cue, "now": now, "k": k, "budget_tokens": budget_tokens, "reasons": True}
        asked |= _scope(sources, since, until, where)
        found = self._call("recall", asked, RecallResult)
        return Recall(
            found["cue"],
            found["now"],
            _all(RecalledPassage, found["passages"]),
            _all(ActivatedEntity, found["entities"]),
            tuple(_path(dict(path)) for path in found["paths"]),
            found["unknown"],
        )

    @override
    def associations(
        self,
        entity: str,
        *,
        about: str | None = None,
        now: TimeLike | None = None,
        k: int = 10,
        by: Order = "strength",
        sources: Sequence[str] | str | None = None,
        since: TimeLike | None = None,
        until: TimeLike | None = None,
        where: Mapping[str, str] | None = None,
    ) -> builtins.list[Association]:
        asked = {"entity": entity, "about": about, "now": now, "k": k, "by": by}
        asked |= _scope(sources, since, until, where)
        found = self._call("associations", asked, AssociationsResult)
        return Table(_all(Association, found["associations"]))

    @override
    def forget(
        self,
        *,
        id: str | None = None,
        source: str | None = None,
        since: TimeLike | None = None,
        until: TimeLike | None = None,
        entity: str | None = None,
        association: tuple[str, str] | None = None,
        dry_run: bool = False,
    ) -> ForgetReport:
        arguments = {
            "id": id,
            "source": source,
            "since": since,
            "until": until,
            "entity": entity,
            "association": None if association is None else list(association),
            "dry_run": dry_run,
        }
        return ForgetReport(**self._call("forget", arguments, ForgetResult))

    @override
    def get(self, id: str) -> Document:
        return Document(**self._call("get", {"id": id}, DocumentResult))

    @override
    def update(
        self,
        id: str,
        text: str,
        *,
        time: TimeLike | None = None,
        title: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> IngestReport:
        arguments = {
            "id": id,
            "text": text,
            "time": time,
            "title": title,
            "metadata": None if metadata is None else dict(metadata),
        }
        return _report(self._call("update", arguments, RememberResult))

    @override
    def history(self, id: str) -> tuple[Version, ...]:
        return _all(Version, self._call("history", {"id": id}, HistoryResult)["versions"])

    @override
    def stats(self) -> Stats:
        answer = self._send("GET", f"{VERSION}/stats")
        found = dict(StatsResult.model_validate_json(answer.content))
        found["parameters"] = Parameters(**dict(found["parameters"]))
        found["time_constants"] = TimeConstants(**dict(found["time_constants"]))
        return Stats(**found)

    @override
    def backup(self, dest: str | PurePath) -> PurePath:
        return PurePath(self._call("backup", {"name": str(dest)}, BackupResult)["path"])

    # the last one: in the class, this name stands for it and not for Python's lists
    @override
    def list(
        self,
        *,
        sources: Sequence[str] | str | None = None,
        since: TimeLike | None = None,
        until: TimeLike | None = None,
        where: Mapping[str, str] | None = None,
        text: str | None = None,
        ids: Sequence[str] | None = None,
        k: int = 50,
        after: str | None = None,
    ) -> Table:
        asked = {"text": text, "ids": _several(ids), "k": k, "after": after} | _scope(
            sources, since, until, where
        )
        return Table(_all(Document, self._call("list", asked, ListResult)["documents"]))


def _said(given: Any) -> Any:
    """A text as it is, messages as the server reads them."""
    if isinstance(given, Mapping):
        return {name: _written(given[name]) for name in MESSAGE if name in given}
    return [_said(each) for each in given] if isinstance(given, list | tuple) else given


def _told(item: Item, done: IngestReport) -> dict[str, Any] | None:
    """A record as the server reads it; a notice goes into the report."""
    if isinstance(item, Notice):
        done.notices.append(item)
        return None
    if isinstance(item, errors.RecordError):
        raise item
    if not isinstance(item, Record):
        raise InputError(f"records: {item!r} is none; pass values of Record")
    told = {name: getattr(item, name) for name in SENT}
    if replace(Record(**told), origin=item.origin) != item:
        raise InputError(
            f"{item.origin or 'the record'}: a server takes {', '.join(SENT)} of a record; leave the other "
            "fields out, or add it where the store's file is"
        )
    return {**told, "time": None if item.time is None else from_millis(item.time)}


def _batches(records: Iterable[dict[str, Any] | None]) -> Iterator[builtins.list[dict[str, Any]]]:
    """Records in as many requests as it takes."""
    batch: builtins.list[dict[str, Any]] = []
    size = 0
    for record in records:
        if record is None:
            continue
        told = {name: _written(value) for name, value in record.items()}
        # metadata may hold more than the text
        own = len(repr(told))
        if batch and (len(batch) == RECORDS or size + own > CHARACTERS):
            yield batch
            batch, size = [], 0
        batch.append(told)
        size += own
    if batch:
        yield batch


def _report(fields: dict[str, Any]) -> IngestReport:
    return IngestReport(**{**fields, "notices": list(_all(Notice, fields["notices"]))})


def _all(kind: type[Made], models: list[BaseModel]) -> tuple[Made, ...]:
    return tuple(kind(**dict(model)) for model in models)


def _path(fields: dict[str, Any]) -> Path:
    sayings = {
        name: None if fields[name] is None else Sayings(**dict(fields[name])) for name in ("said", "rival")
    }
    return Path(**{**fields, **sayings, "through": tuple(fields["through"])})


def _scope(
    sources: Sequence[str] | str | None,
    since: TimeLike | None,
    until: TimeLike | None,
    where: Mapping[str, str] | None,
) -> dict[str, Any]:
    """The arguments of the tools that say what is to be seen."""
    return {
        "sources": _several(sources),
        "since": since,
        "until": until,
        "where": None if where is None else dict(where),
    }


def _several(names: Sequence[str] | str | None) -> builtins.list[str] | None:
    """Names as the tools read them; a single one stands for itself."""
    if names is None:
        return None
    return [names] if isinstance(names, str) else list(names)


def _written(value: Any) -> Any:
    """A date as the tools read it."""
    return value.isoformat() if isinstance(value, datetime | date) else value


def _error(name: str, message: str) -> MeminiError:
    """The error that the server wrote, of the kind that it names."""
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, MeminiError)):
        return StoreError(f"the server failed: {message}")
    # of a bad record the message already names the origin
    return InputError(message) if kind is errors.RecordError else kind(message)
