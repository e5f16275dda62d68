"""What the tools give back: the results of `Memory` with a schema that a client can check."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads the annotations when the classes are made

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AssociationResult",
    "AssociationsResult",
    "BackupResult",
    "DocumentResult",
    "EntityResult",
    "ForgetResult",
    "HistoryResult",
    "ListResult",
    "NoticeResult",
    "ParametersResult",
    "PassageResult",
    "PathResult",
    "RecallResult",
    "RememberResult",
    "SayingsResult",
    "StatsResult",
    "TimeConstantsResult",
    "VersionResult",
]


class _Result(BaseModel):
    """Made from the attributes of the value of the same name."""

    model_config = ConfigDict(from_attributes=True)


class NoticeResult(_Result):
    """What was left out."""

    origin: str
    what: str
    count: int | None


class RememberResult(_Result):
    """What was taken in."""

    added: int = Field(description="Texts that are new")
    changed: int = Field(description="New versions of known documents")
    unchanged: int = Field(description="Texts that the memory had already")
    passages: int = Field(description="Passages written")
    events: int = Field(description="Associations strengthened")
    redacted: dict[str, int] = Field(description="Secrets that were masked, by kind")
    ids: list[str] = Field(description="Ids of the documents, in the order of the texts")
    notices: list[NoticeResult] = Field(description="What was left out, such as messages of a tool")


class PassageResult(_Result):
    """A passage that was recalled."""

    id: str
    source: str
    title: str
    position: int = Field(description="Where it stands in its source")
    time: datetime = Field(description="When it was said (UTC)")
    score: float = Field(description="Comparable within one recall")
    text: str = Field(description="Verbatim")
    document: str = Field(description="Id of its document, for `forget`")


class EntityResult(_Result):
    """An entity that the cue brought to mind."""

    name: str
    label: str
    activation: float = Field(description="Relative to the most activated one")


class SayingsResult(_Result):
    """How often and when the same was said."""

    passage: str = Field(description="Id of a passage that says it")
    times: int = Field(description="How many passages say it")
    first: datetime
    last: datetime
    strength: float = Field(description="Of what they say, at the time that the cue asks about")


class PathResult(_Result):
    """Why a passage was recalled."""

    passage: str = Field(description="Id of the passage")
    kind: str = Field(
        description="words, similarity, heading, date, neighbour, mention, association or standing"
    )
    through: list[str]
    score: float
    strength: float | None
    last_seen: datetime | None
    said: SayingsResult | None = Field(description="Of its standing: how often the same was said as here")
    rival: SayingsResult | None = Field(description="Of its standing: how often the rival's answer was said")


class RecallResult(_Result):
    """What a cue brought to mind, best first."""

    cue: str
    now: datetime
    context: str = Field(description="The passages as a block for a prompt, oldest first, to cite by number")
    passages: list[PassageResult]
    omitted: int = Field(description="Passages that were found and did not fit the budget")
    entities: list[EntityResult]
    paths: list[PathResult] = Field(description="Why, if reasons were asked for")
    unknown: int = Field(
        description="Associations not followed: how strong they were at that time cannot be known"
    )


class AssociationResult(_Result):
    """An association of an entity."""

    source: str
    target: str
    strength: float = Field(description="Now; 1 is one statement just made")
    consolidated: float = Field(description="The slow variable: what repetition has filled")
    lift: float | None = Field(description="How many times more often than chance the two meet, if known")
    events: int
    first_seen: datetime
    last_seen: datetime


class AssociationsResult(_Result):
    """The associations of an entity, strongest first."""

    associations: list[AssociationResult]


class ForgetResult(_Result):
    """What was forgotten, or would be."""

    documents: int
    passages: int
    events: int
    associations: int = Field(description="Associations deleted")
    weakened: int = Field(description="Associations that keep other events")
    entities: int
    aliases: int
    sources: int
    loads: int
    dry_run: bool = Field(description="True: nothing was changed")


class DocumentResult(_Result):
    """A text in its newest version."""

    id: str = Field(description="What it is known by in the whole memory")
    source: str
    record: str = Field(description="Its own id in the source")
    title: str
    time: datetime = Field(description="Of the version (UTC)")
    text: str
    metadata: dict[str, str]
    versions: int = Field(description="How many there have been")


class ListResult(_Result):
    """One page of texts."""

    documents: list[DocumentResult]


class VersionResult(_Result):
    """A version of a text."""

    time: datetime
    digest: str = Field(description="What its title and text are known by")
    current: bool = Field(description="Whether its text is held; those of others are not kept")


class HistoryResult(_Result):
    """All versions of a text."""

    versions: list[VersionResult]


class BackupResult(_Result):
    """Where a copy is."""

    path: str = Field(description="The file, on the server's machine")


class ParametersResult(_Result):
    """The dynamics of the memory."""

    tau_fast: float
    tau_slow: float
    coupling: float
    capacity: float
    impulse: float


class TimeConstantsResult(_Result):
    """What the parameters amount to, in days."""

    fast: float
    slow: float
    slow_share: float


class StatsResult(_Result):
    """What the memory holds."""

    path: str
    bytes: int
    entities: int
    associations: int
    passages: int
    documents: int
    sources: int
    mentions: int
    aliases: int
    first_seen: datetime | None
    last_seen: datetime | None
    extractor: str | None
    parameters: ParametersResult
    time_constants: TimeConstantsResult
