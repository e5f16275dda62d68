"""What the tools give back: the results of `Memory` with a schema that a client can check."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads the annotations when the classes are made

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AliasResult",
    "AssociationNewsResult",
    "AssociationResult",
    "AssociationsResult",
    "BackupResult",
    "ChangesResult",
    "ConsolidateResult",
    "DisplacementResult",
    "DoctorResult",
    "DocumentResult",
    "EditResult",
    "EntitiesResult",
    "EntityResult",
    "FindingResult",
    "ForgetResult",
    "HistoryResult",
    "KnownEntityResult",
    "ListResult",
    "MentioningResult",
    "NearAssociationResult",
    "NearEntityResult",
    "NeighbourhoodResult",
    "NoticeResult",
    "ParametersResult",
    "PassageResult",
    "PathResult",
    "PortraitResult",
    "RecallResult",
    "RememberResult",
    "RivalsResult",
    "SayingsResult",
    "SourceResult",
    "SourcesResult",
    "SpectrumResult",
    "StatsResult",
    "TimeConstantsResult",
    "TimelineResult",
    "TrajectoryResult",
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
    source: str = Field(description="Of the passage: all passages of a document have its id")
    position: int = Field(description="Of the passage, in its source")


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


class KnownEntityResult(_Result):
    """An entity of the store."""

    name: str
    label: str
    mentions: int = Field(description="How many passages mention it")
    events: int = Field(description="How many events its associations have had")
    wrong: str = Field(description="Why it looks wrong; empty where it does not")


class EntitiesResult(_Result):
    """Entities: those that begin so first, then the most mentioned."""

    entities: list[KnownEntityResult]


class MentioningResult(_Result):
    """A passage that mentions an entity."""

    id: str
    source: str
    title: str
    time: datetime
    text: str = Field(description="Verbatim")
    document: str = Field(description="Id of its document")


class PortraitResult(_Result):
    """An entity at a moment."""

    name: str
    label: str
    aliases: list[str]
    leads_to: list[AssociationResult]
    led_from: list[AssociationResult]
    passages: list[MentioningResult] = Field(description="The latest that mention it")
    sources: dict[str, int] = Field(description="How many passages of each source mention it")
    unknown: int = Field(description="Associations of which it cannot be known how strong they were")


class NearEntityResult(_Result):
    """An entity of a neighbourhood."""

    name: str
    label: str
    mentions: int


class NearAssociationResult(_Result):
    """An association of a neighbourhood."""

    source: int = Field(description="Position among the entities")
    target: int
    strength: float
    consolidated: float
    events: int
    first_seen: datetime
    last_seen: datetime
    kinds: list[str] = Field(description="Kinds of its events, where they have one")
    time: list[int] | None = Field(
        description="When its events were, also later ones, in milliseconds since 1970; null if not known"
    )
    amount: list[float] | None = Field(description="What each added to the fast variable")
    kind: list[int] | None = Field(description="Positions of their kinds in `kinds`; -1 for none")


class SpectrumResult(_Result):
    """The closed form of the dynamics; see memini_kuzu.dynamics.propagation."""

    rate_slow: float
    rate_fast: float
    share_slow: float
    share_fast: float
    exchange: float
    feed: float
    gap: float


class NeighbourhoodResult(_Result):
    """Entities, and the associations between them."""

    now: datetime
    entities: list[NearEntityResult]
    associations: list[NearAssociationResult]
    left_out: int = Field(description="How many more associations there are")
    unknown: int = Field(description="Of how many more it cannot be known how strong they were")
    spectrum: SpectrumResult = Field(description="The constants by which they fade")


class TimelineResult(_Result):
    """When things were told."""

    first: datetime | None
    last: datetime | None
    counts: list[int] = Field(description="Passages and loaded events of each interval from first to last")
    read_only: bool = Field(description="Whether the store is open without the right to write")
    name: str = Field(description="The store's file")


class TrajectoryResult(_Result):
    """An association over time."""

    source: str
    target: str | None
    time: list[int] = Field(description="Milliseconds since 1970")
    fast: list[float]
    slow: list[float]
    event_time: list[int]
    event_amount: list[float]


class RivalsResult(_Result):
    """What answers a cue over time."""

    cue: str
    answers: list[TrajectoryResult]
    time: list[int] = Field(description="When it was asked, milliseconds since 1970")
    first: list[int] = Field(description="Which answer came first then; -1 for none of them")


class AssociationNewsResult(_Result):
    """An association that is new, was confirmed, or has faded."""

    source: str
    target: str
    before: float | None
    strength: float | None
    first_seen: datetime


class DisplacementResult(_Result):
    """An entity whose strongest association has given way to another one."""

    entity: str
    former: str
    former_before: float
    former_strength: float
    rival: str
    rival_before: float
    rival_strength: float


class ChangesResult(_Result):
    """What became of the associations between two moments."""

    since: datetime
    now: datetime
    new: list[AssociationNewsResult]
    confirmed: list[AssociationNewsResult]
    displaced: list[DisplacementResult]
    faded: list[AssociationNewsResult]
    counts: dict[str, int]
    unknown: int


class ConsolidateResult(_Result):
    """What a maintenance pass did, or would do."""

    edges: int = Field(description="Associations before")
    forgotten: int
    over_budget: int
    strengthened: int
    strengths: dict[str, float] = Field(description="Quantiles of the strengths of those kept")
    unneeded_passages: int
    dry_run: bool


class FindingResult(_Result):
    """One thing that was looked at."""

    check: str
    status: str = Field(description="ok, note or problem")
    detail: str
    remedy: str


class DoctorResult(_Result):
    """Whether the store is sound."""

    path: str
    sound: bool
    findings: list[FindingResult]


class SourceResult(_Result):
    """What was told from."""

    name: str
    count: int = Field(description="Documents, and events that were loaded")


class SourcesResult(_Result):
    """All sources, the largest first."""

    sources: list[SourceResult]


class LeftOutResult(_Result):
    """What was left out for one reason."""

    why: str
    count: int
    such_as: list[str] = Field(description="Where the first of them stand")


class ReportResult(_Result):
    """What an ingestion of files did."""

    time: datetime
    read: list[str] = Field(description="The first folders and files that were given")
    added: int
    changed: int
    unchanged: int
    moved: int
    passages: int
    left_out: list[LeftOutResult]
    more: int = Field(description="How many were left out for yet other reasons")
    failure: str = Field(description="What ended it before all was read; empty where nothing did")


class ReportsResult(_Result):
    """What the last ingestions of files did, the newest first."""

    reports: list[ReportResult]


class EditResult(_Result):
    """What was done to an entity."""

    entity: str = Field(description="Its name before")
    done: str = Field(description="renamed, dropped, split or restored")
    name: str = Field(description="Its name now; empty where it is dropped")


class AliasResult(_Result):
    """A name that stands for an entity."""

    name: str
    entity: str
    merged: bool = Field(description="Whether it was an entity itself, whose associations went over")
