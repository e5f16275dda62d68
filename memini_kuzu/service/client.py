"""A memory that another process serves: the same calls, over its JSON API (extra ``mcp``)."""

from __future__ import annotations

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
from memini_kuzu.recall import ActivatedEntity, Path, Recall, RecalledPassage, Sayings
from memini_kuzu.results import Association, AssociativeMemory, Stats
from memini_kuzu.service.api import VERSION, ErrorResult
from memini_kuzu.service.http import IDLE, PATH
from memini_kuzu.service.results import (
    AssociationsResult,
    BackupResult,
    ForgetResult,
    RecallResult,
    RememberResult,
    StatsResult,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel

    from memini_kuzu.results import Order
    from memini_kuzu.times import TimeLike

__all__ = ["NotServedError", "RemoteMemory"]

Made = TypeVar("Made")


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
            f"{name} needs the store's file; a server offers remember, recall, associations, forget, "
            "stats and backup"
        )

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx2.Response:
        try:
            answer = self._http.request(method, path, json=body)
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
        answer = self._send("POST", f"{VERSION}/{tool}", given)
        return dict(result.model_validate_json(answer.content))

    @override
    def remember(
        self,
        text: str,
        *,
        time: TimeLike | None = None,
        source: str = "",
        title: str = "",
        id: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> IngestReport:
        arguments = {
            "text": text,
            "time": time,
            "source": source,
            "title": title,
            "id": id,
            "metadata": None if metadata is None else dict(metadata),
        }
        return IngestReport(**self._call("remember", arguments, RememberResult))

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
    ) -> list[Association]:
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
    def stats(self) -> Stats:
        answer = self._send("GET", f"{VERSION}/stats")
        found = dict(StatsResult.model_validate_json(answer.content))
        found["parameters"] = Parameters(**dict(found["parameters"]))
        found["time_constants"] = TimeConstants(**dict(found["time_constants"]))
        return Stats(**found)

    @override
    def backup(self, dest: str | PurePath) -> PurePath:
        return PurePath(self._call("backup", {"name": str(dest)}, BackupResult)["path"])


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
    names = [sources] if isinstance(sources, str) else sources
    return {
        "sources": None if names is None else list(names),
        "since": since,
        "until": until,
        "where": None if where is None else dict(where),
    }


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
