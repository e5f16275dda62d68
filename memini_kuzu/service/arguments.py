"""What the tools take: one model a tool, for MCP and for the JSON API."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from typing_extensions import override

from memini_kuzu.errors import InputError
from memini_kuzu.results import Order  # noqa: TC001 - pydantic reads the annotations when the classes are made

__all__ = [
    "AddArguments",
    "AliasArguments",
    "AliasRemoveArguments",
    "AssociationsArguments",
    "BackupArguments",
    "ChangesArguments",
    "ConsolidateArguments",
    "EntitiesArguments",
    "EntityArguments",
    "ForgetArguments",
    "ListArguments",
    "NamedArguments",
    "NeighbourhoodArguments",
    "NoArguments",
    "OneArguments",
    "RecallArguments",
    "RememberArguments",
    "RenameArguments",
    "RivalsArguments",
    "ShortSchema",
    "SplitArguments",
    "TopArguments",
    "TrajectoryArguments",
    "UpdateArguments",
    "refusal",
]

BUDGET = 800
"""Tokens of a context block, unless another number is asked for."""

SHOWN = 80
"""Characters of a wrong value that an error repeats."""

Given = TypeVar("Given", bound=BaseModel)

Time = Annotated[str | None, Field(description="As of when, ISO 8601; now if left out")]
Count = Annotated[int, Field(ge=1, le=1_000)]


Sources = Annotated[
    list[str] | None, Field(description="Only from these sources; a name that ends in * is all that begin so")
]
Since = Annotated[str | None, Field(description="Only what is dated from then on, ISO 8601")]
Until = Annotated[str | None, Field(description="Only what is dated before then, ISO 8601")]
Where = Annotated[dict[str, str] | None, Field(description="Only what was remembered with this metadata")]


Entity = Annotated[str, Field(description="Its name or an alias")]

Identity = Annotated[str, Field(description="Of the text, as recall, list or remember gives it")]


class _Arguments(BaseModel):
    """Names that are not known are refused; to models, 7 is as good as "7" where a text is asked for."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


class RecordArguments(_Arguments):
    """One text with its origin."""

    text: Annotated[str, Field(description="Kept word for word")]
    time: Annotated[
        str | None, Field(description="When it was said, ISO 8601 such as 2026-01-04T09:30; now if left out")
    ] = None
    source: Annotated[str, Field(description="Where it comes from, such as a conversation")] = ""
    title: Annotated[str, Field(description="What it is about, such as a person or a project")] = ""
    id: Annotated[
        str, Field(description="A name within the source; the same one later replaces this text")
    ] = ""
    metadata: Annotated[
        dict[str, str] | None, Field(description="What else is known of it, such as its project")
    ] = None


SAYING = (
    "One short text that can be understood alone, kept word for word; or a chat message, or a list of them, "
    "with role and content"
)

SAID = {
    "anyOf": [{"type": "string"}, {"type": "object"}, {"type": "array", "items": {"type": "object"}}],
}
"""What messages hold is for the memory to check: it says which of them is wrong."""


class RememberArguments(RecordArguments):
    """What `remember` takes."""

    text: Annotated[Any, WithJsonSchema(SAID), Field(description=SAYING)]


class AddArguments(_Arguments):
    """What `add` takes."""

    records: Annotated[
        list[RecordArguments],
        Field(description="All of them are kept, or none", min_length=1, max_length=1_000),
    ]


class RecallArguments(_Arguments):
    """What `recall` takes."""

    cue: Annotated[str, Field(description="A question, a name or some words")]
    k: Annotated[Count, Field(description="How many passages at most")] = 5
    budget_tokens: Annotated[int | None, Field(description="Length of the answer at most", ge=1)] = BUDGET
    now: Time = None
    reasons: Annotated[bool, Field(description="Also say why each passage was recalled")] = False
    sources: Sources = None
    since: Since = None
    until: Until = None
    where: Where = None


class AssociationsArguments(_Arguments):
    """What `associations` takes."""

    entity: Annotated[str, Field(description="Name of a person, place, thing or concept")]
    about: Annotated[str | None, Field(description="Only by what was said with these words")] = None
    k: Annotated[Count, Field(description="How many at most")] = 10
    now: Time = None
    by: Annotated[Order, Field(description="The strongest first, or those least due to chance")] = "strength"
    sources: Sources = None
    since: Since = None
    until: Until = None
    where: Where = None


class ForgetArguments(_Arguments):
    """What `forget` takes."""

    id: Annotated[str | None, Field(description="This document alone, by the id that recall gives")] = None
    source: Annotated[str | None, Field(description="All from this source")] = None
    since: Annotated[str | None, Field(description="All dated from then on, ISO 8601")] = None
    until: Annotated[str | None, Field(description="All dated before then, ISO 8601")] = None
    entity: Annotated[str | None, Field(description="This entity and its associations")] = None
    association: Annotated[
        list[str] | None,
        Field(description="The association of two entities: both names", min_length=2, max_length=2),
    ] = None
    dry_run: Annotated[bool, Field(description="true only counts; false does it, for good")] = True


class OneArguments(_Arguments):
    """What `get` and `history` take."""

    id: Identity


class ListArguments(_Arguments):
    """What `list` takes."""

    text: Annotated[str | None, Field(description="Only those that hold exactly these characters")] = None
    ids: Annotated[list[str] | None, Field(description="Only these texts")] = None
    sources: Sources = None
    since: Since = None
    until: Until = None
    where: Where = None
    k: Annotated[Count, Field(description="How many at most")] = 10
    after: Annotated[str | None, Field(description="The last id of the page before")] = None


class UpdateArguments(_Arguments):
    """What `update` takes."""

    id: Identity
    text: Annotated[str, Field(description="The new text; it replaces the old one")]
    time: Annotated[str | None, Field(description="When it was said, ISO 8601; now if left out")] = None
    title: Annotated[str | None, Field(description="The new title; the old one if left out")] = None
    metadata: Annotated[
        dict[str, str] | None, Field(description="What else is known of it; as before if left out")
    ] = None


class BackupArguments(_Arguments):
    """What `backup` takes."""

    name: Annotated[str, Field(description="A new file's name; it is put beside the store", max_length=200)]


class EntitiesArguments(_Arguments):
    """What `entities` takes."""

    like: Annotated[str | None, Field(description="Only those with these characters in a name")] = None
    k: Annotated[Count, Field(description="How many at most")] = 20


class EntityArguments(_Arguments):
    """What `entity` takes."""

    entity: Entity
    k: Annotated[Count, Field(description="How many associations each way, and passages, at most")] = 20
    now: Time = None


class NeighbourhoodArguments(_Arguments):
    """What `neighbourhood` takes."""

    entity: Annotated[str | None, Field(description="In the middle; the strongest of all if left out")] = None
    k: Annotated[int, Field(description="How many associations at most", ge=1, le=5_000)] = 100
    now: Time = None
    sources: Sources = None


class TrajectoryArguments(_Arguments):
    """What `trajectory` takes."""

    entity: Entity
    other: Annotated[str | None, Field(description="Where it leads to; the sum of all if left out")] = None
    now: Time = None


class RivalsArguments(_Arguments):
    """What `rivals` takes."""

    entity: Entity
    cue: Annotated[str, Field(description="The question that the rivals answer")]
    k: Annotated[int, Field(description="How many answers at most", ge=1, le=20)] = 3
    moments: Annotated[int, Field(description="How often it is asked over the time", ge=2, le=200)] = 40
    now: Time = None


class TopArguments(_Arguments):
    """What `top` takes."""

    k: Annotated[Count, Field(description="How many at most")] = 10
    now: Time = None
    by: Annotated[Order, Field(description="The strongest first, or those least due to chance")] = "strength"


class ChangesArguments(_Arguments):
    """What `changes` takes."""

    since: Annotated[str | None, Field(description="From when on, ISO 8601; 30 days before if left out")] = (
        None
    )
    now: Time = None
    k: Annotated[Count, Field(description="How many of each kind to list")] = 10


class ConsolidateArguments(_Arguments):
    """What `consolidate` takes."""

    now: Time = None
    keep: Annotated[int | None, Field(description="Keep so many associations at most", ge=0)] = None
    dry_run: Annotated[bool, Field(description="true only counts; false does it")] = True


class NamedArguments(_Arguments):
    """What `entity_drop` and `entity_undo` take."""

    entity: Entity


class RenameArguments(_Arguments):
    """What `entity_rename` takes."""

    entity: Entity
    name: Annotated[str, Field(description="The new name")]


class SplitArguments(_Arguments):
    """What `entity_split` takes."""

    entity: Entity
    name: Annotated[str, Field(description="A name for the other one")]
    sources: Annotated[list[str], Field(description="The sources that mean the other one", min_length=1)]


class AliasArguments(_Arguments):
    """What `alias_add` takes."""

    alias: Annotated[str, Field(description="The other name; what was known under it goes over")]
    entity: Entity


class AliasRemoveArguments(_Arguments):
    """What `alias_remove` takes."""

    alias: Annotated[str, Field(description="The name that is to stand for itself again")]


class NoArguments(_Arguments):
    """A tool that takes nothing."""


class ShortSchema(GenerateJsonSchema):
    """A JSON schema for models: nothing that repeats a name; no null, which means the same as leaving out."""

    @override
    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    @override
    def nullable_schema(self, schema: object) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])  # type: ignore[index]

    @override
    def default_schema(self, schema: object) -> JsonSchemaValue:
        made = super().default_schema(schema)  # type: ignore[arg-type]
        if made.get("default") in {None, ""}:
            made.pop("default", None)
        return made


def refusal(tool: str, arguments: type[BaseModel], error: ValidationError) -> InputError:
    """What is wrong with the arguments, and what is taken instead.

    Parameters
    ----------
    tool : str
        Its name.
    arguments : type
        Its model.
    error : ValidationError
        What pydantic found.

    Returns
    -------
    InputError
        All of it in one message.
    """
    wrong = []
    for found in error.errors(include_url=False, include_context=False):
        name = ".".join(map(str, found["loc"]))
        # of what is in a list, only records have names
        model = arguments if len(found["loc"]) < 2 else RecordArguments  # noqa: PLR2004
        if found["type"] == "extra_forbidden":
            known = ", ".join(model.model_fields) or "no arguments"
            wrong.append(f"{_short(name)} is no argument of {tool}; it takes {known}")
        elif found["type"] == "missing":
            wrong.append(f"{name} is missing; {model.model_fields[str(found['loc'][-1])].description}")
        elif not name:
            wrong.append(f"the arguments are no JSON object: {found['msg']}")
        else:
            wrong.append(f"{name} = {_short(found['input'])}: {found['msg']}")
    return InputError(". ".join(wrong))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
