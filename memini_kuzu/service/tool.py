"""One thing that a served memory can be asked for, and what it asks of the memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from pydantic import BaseModel, ValidationError

from memini_kuzu.errors import InputError
from memini_kuzu.protocol import AssociativeMemory
from memini_kuzu.service.arguments import ShortSchema, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from memini_kuzu.changes.aliases import Alias
    from memini_kuzu.changes.consolidation import MaintenanceReport
    from memini_kuzu.changes.entities import Edit
    from memini_kuzu.changes.reports import KeptReport
    from memini_kuzu.insight.doctor import Diagnosis
    from memini_kuzu.insight.entities import KnownEntity
    from memini_kuzu.insight.neighbourhood import Neighbourhood
    from memini_kuzu.insight.news import News
    from memini_kuzu.insight.portrait import Timeline
    from memini_kuzu.insight.trajectory import Rivals, Trajectory
    from memini_kuzu.results import Association, Order, Portrait
    from memini_kuzu.times import TimeLike

__all__ = ["Served", "Tool"]


class Served(AssociativeMemory, Protocol):
    """What the tools call: a memory whose file is on this machine; see `Memory`."""

    @property
    def path(self) -> Path:
        """The store's file."""

    @property
    def read_only(self) -> bool:
        """Whether it is open without the right to write."""

    def close(self) -> None:
        """Close the file."""

    def entities(self, k: int = 20, *, junk: bool = False, like: str | None = None) -> list[KnownEntity]:
        """See `Memory.entities`."""

    def entity(self, entity: str, *, now: TimeLike | None = None, k: int = 20) -> Portrait:
        """See `Memory.entity`."""

    def neighbourhood(
        self,
        entity: str | None = None,
        *,
        now: TimeLike | None = None,
        k: int = 100,
        sources: Sequence[str] | str | None = None,
    ) -> Neighbourhood:
        """See `Memory.neighbourhood`."""

    def timeline(self) -> Timeline:
        """See `Memory.timeline`."""

    def sources(self) -> dict[str, int]:
        """See `Memory.sources`."""

    def reports(self) -> list[KeptReport]:
        """See `Memory.reports`."""

    def trajectory(self, entity: str, other: str | None = None, *, now: TimeLike | None = None) -> Trajectory:
        """See `Memory.trajectory`."""

    def rivals(
        self, entity: str, cue: str, *, now: TimeLike | None = None, k: int = 3, moments: int = 100
    ) -> Rivals:
        """See `Memory.rivals`."""

    def top(self, k: int = 10, *, by: Order = "strength", now: TimeLike | None = None) -> list[Association]:
        """See `Memory.top`."""

    def changes(self, *, since: TimeLike | None = None, now: TimeLike | None = None, k: int = 10) -> News:
        """See `Memory.changes`."""

    def consolidate(
        self, *, now: TimeLike | None = None, keep: int | None = None, dry_run: bool = False
    ) -> MaintenanceReport:
        """See `Memory.consolidate`."""

    def doctor(self) -> Diagnosis:
        """See `Memory.doctor`."""

    def entity_rename(self, entity: str, name: str) -> Edit:
        """See `Memory.entity_rename`."""

    def entity_drop(self, entity: str) -> Edit:
        """See `Memory.entity_drop`."""

    def entity_split(self, entity: str, name: str, sources: Sequence[str]) -> Edit:
        """See `Memory.entity_split`."""

    def entity_undo(self, entity: str) -> Edit:
        """See `Memory.entity_undo`."""

    def alias_add(self, alias: str, entity: str) -> Alias:
        """See `Memory.alias_add`."""

    def alias_remove(self, alias: str) -> Alias:
        """See `Memory.alias_remove`."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One thing to ask for.

    Parameters
    ----------
    name : str
        Its name; in the JSON API the last part of its path.
    title, description : str
        For people, and for a model that chooses among tools.
    arguments, result : type
        What it takes and gives, as pydantic models.
    call : callable
        Takes a memory and the arguments, gives the result.
    told : callable, optional
        The result as text for a model; as JSON by default.
    reads, destroys, repeats : bool
        Whether it changes nothing, takes something away, and may be called twice as well as once.
    for_models : bool
        Whether MCP offers it too.
    """

    name: str
    title: str
    description: str
    arguments: type[BaseModel]
    result: type[BaseModel]
    call: Callable[[Served, Any], BaseModel]
    told: Callable[[Any], str] | None = None
    reads: bool = False
    destroys: bool = False
    repeats: bool = False
    for_models: bool = True

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments, as a model reads it.

        Returns
        -------
        dict
            Without what models need not know; the same for MCP and for every framework.
        """
        made = self.arguments.model_json_schema(schema_generator=ShortSchema)
        # the class's name and docstring are for readers of the code
        return {name: value for name, value in made.items() if name not in {"title", "description"}}

    def answer(self, memory: AssociativeMemory, given: Mapping[str, Any]) -> str:
        """What a model is told.

        Parameters
        ----------
        memory : AssociativeMemory
            Open.
        given : mapping
            The arguments as the model wrote them.

        Returns
        -------
        str
            Text, or JSON.

        Raises
        ------
        MeminiError
            With a message that the model can act on.
        """
        # what is offered to models needs no file
        result = self.call(cast("Served", memory), self.read_lenient(given))
        return self.told(result) if self.told else result.model_dump_json(exclude_none=True)

    def read_lenient(self, given: Mapping[str, Any]) -> BaseModel:
        """Arguments as models write them: null is left out, and "3" is 3.

        Parameters
        ----------
        given : mapping
            By name.

        Returns
        -------
        BaseModel
            Of the tool's arguments.

        Raises
        ------
        InputError
            If one is unknown, missing or wrong.
        """
        try:
            json.dumps(given, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise InputError("an argument holds half of a surrogate pair; send whole characters") from error
        try:
            return self.arguments.model_validate(
                {name: value for name, value in given.items() if value is not None}
            )
        except ValidationError as error:
            raise refusal(self.name, self.arguments, error) from error

    def read_json(self, body: bytes) -> BaseModel:
        """Arguments as programs write them: of exactly the types that the API's description names.

        Parameters
        ----------
        body : bytes
            A JSON object.

        Returns
        -------
        BaseModel
            Of the tool's arguments.

        Raises
        ------
        InputError
            If it is no JSON, or an argument is unknown, missing or wrong.
        """
        try:
            return self.arguments.model_validate_json(body, strict=True)
        except ValidationError as error:
            raise refusal(self.name, self.arguments, error) from error
