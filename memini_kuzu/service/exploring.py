"""What the page asks for beside what models ask for: pictures, changes, and putting entities right."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from memini_kuzu.dynamics import spectrum
from memini_kuzu.service.arguments import (
    AliasArguments,
    AliasRemoveArguments,
    ChangesArguments,
    ConsolidateArguments,
    EntitiesArguments,
    EntityArguments,
    NamedArguments,
    NeighbourhoodArguments,
    NoArguments,
    RenameArguments,
    RivalsArguments,
    SplitArguments,
    TopArguments,
    TrajectoryArguments,
)
from memini_kuzu.service.results import (
    AliasResult,
    AssociationsResult,
    ChangesResult,
    ConsolidateResult,
    DoctorResult,
    EditResult,
    EntitiesResult,
    NeighbourhoodResult,
    PortraitResult,
    ReportsResult,
    RivalsResult,
    SourceResult,
    SourcesResult,
    TimelineResult,
    TrajectoryResult,
)
from memini_kuzu.service.tool import Tool

if TYPE_CHECKING:
    from memini_kuzu.insight.trajectory import Trajectory
    from memini_kuzu.service.tool import Served

__all__ = ["EXPLORING"]


def _entities(memory: Served, given: EntitiesArguments) -> EntitiesResult:
    return EntitiesResult.model_validate(
        {"entities": memory.entities(given.k, like=given.like)}, from_attributes=True
    )


def _entity(memory: Served, given: EntityArguments) -> PortraitResult:
    return PortraitResult.model_validate(memory.entity(given.entity, now=given.now, k=given.k))


def _neighbourhood(memory: Served, given: NeighbourhoodArguments) -> NeighbourhoodResult:
    found = memory.neighbourhood(given.entity, now=given.now, k=given.k, sources=given.sources)
    constants = asdict(spectrum(memory.stats().parameters))
    return NeighbourhoodResult.model_validate({**found.to_dict(), "spectrum": constants})


def _timeline(memory: Served, _: NoArguments) -> TimelineResult:
    found = memory.timeline()
    return TimelineResult(
        first=found.first,
        last=found.last,
        counts=found.counts,
        read_only=memory.read_only,
        name=memory.path.name,
    )


def _traced(found: Trajectory) -> TrajectoryResult:
    return TrajectoryResult(
        source=found.source,
        target=found.target,
        time=found.time.tolist(),
        fast=found.fast.tolist(),
        slow=found.slow.tolist(),
        event_time=found.event_time.tolist(),
        event_amount=found.event_amount.tolist(),
    )


def _trajectory(memory: Served, given: TrajectoryArguments) -> TrajectoryResult:
    return _traced(memory.trajectory(given.entity, given.other, now=given.now))


def _rivals(memory: Served, given: RivalsArguments) -> RivalsResult:
    found = memory.rivals(given.entity, given.cue, now=given.now, k=given.k, moments=given.moments)
    return RivalsResult(
        cue=found.cue,
        answers=[_traced(each) for each in found.answers],
        time=found.time.tolist(),
        first=found.first.tolist(),
    )


def _top(memory: Served, given: TopArguments) -> AssociationsResult:
    found = memory.top(given.k, by=given.by, now=given.now)
    return AssociationsResult.model_validate({"associations": found}, from_attributes=True)


def _changes(memory: Served, given: ChangesArguments) -> ChangesResult:
    return ChangesResult.model_validate(memory.changes(since=given.since, now=given.now, k=given.k))


def _consolidate(memory: Served, given: ConsolidateArguments) -> ConsolidateResult:
    return ConsolidateResult.model_validate(
        memory.consolidate(now=given.now, keep=given.keep, dry_run=given.dry_run)
    )


def _doctor(memory: Served, _: NoArguments) -> DoctorResult:
    return DoctorResult.model_validate(memory.doctor())


def _sources(memory: Served, _: NoArguments) -> SourcesResult:
    return SourcesResult(
        sources=[SourceResult(name=name, count=count) for name, count in memory.sources().items()]
    )


def _reports(memory: Served, _: NoArguments) -> ReportsResult:
    return ReportsResult.model_validate({"reports": memory.reports()}, from_attributes=True)


def _rename(memory: Served, given: RenameArguments) -> EditResult:
    return EditResult.model_validate(memory.entity_rename(given.entity, given.name))


def _drop(memory: Served, given: NamedArguments) -> EditResult:
    return EditResult.model_validate(memory.entity_drop(given.entity))


def _split(memory: Served, given: SplitArguments) -> EditResult:
    return EditResult.model_validate(memory.entity_split(given.entity, given.name, given.sources))


def _undo(memory: Served, given: NamedArguments) -> EditResult:
    return EditResult.model_validate(memory.entity_undo(given.entity))


def _alias_add(memory: Served, given: AliasArguments) -> AliasResult:
    return AliasResult.model_validate(memory.alias_add(given.alias, given.entity))


def _alias_remove(memory: Served, given: AliasRemoveArguments) -> AliasResult:
    return AliasResult.model_validate(memory.alias_remove(given.alias))


EXPLORING = (
    Tool(
        "entities",
        "List entities",
        "The entities that texts mention most, or those with some characters in a name.",
        EntitiesArguments,
        EntitiesResult,
        _entities,
        reads=True,
        repeats=True,
        for_models=False,
    ),
    Tool(
        "entity",
        "Show an entity",
        "One entity at a moment: what it leads to, what leads to it, its names, and the latest passages.",
        EntityArguments,
        PortraitResult,
        _entity,
        reads=True,
        repeats=True,
        for_models=False,
    ),
    Tool(
        "neighbourhood",
        "Show a neighbourhood",
        "The strongest associations around an entity, or of the whole store, with the events that made them: "
        "with these and the constants of the dynamics a program knows all strengths at any moment.",
        NeighbourhoodArguments,
        NeighbourhoodResult,
        _neighbourhood,
        reads=True,
        repeats=True,
        for_models=False,
    ),
    Tool(
        "timeline",
        "Show the store's life",
        "When things were told, and whether the store may be changed.",
        NoArguments,
        TimelineResult,
        _timeline,
        reads=True,
        repeats=True,
        for_models=False,
    ),
    Tool(
        "trajectory",
        "Show an association over time",
        "Both variables of an association from its first event on, exactly.",
        TrajectoryArguments,
        TrajectoryResult,
        _trajectory,
        reads=True,
        repeats=True,
        for_models=False,
    ),
    Tool(
        "rivals",
        "Show rivals over time",
        "The strengths of what answers a question over time, and which answer recall put first.",
        RivalsArguments,
        RivalsResult,
        _rivals,
        reads=True,
        repeats=True,
        for_models=False,
    ),
    Tool(
        "top",
        "List the strongest associations",
        "The strongest associations of the whole store at a moment.",
        TopArguments,
        AssociationsResult,
        _top,
        reads=True,
        repeats=True,
        for_models=False,
    ),
    Tool(
        "changes",
        "List changes",
        "Which associations are new, were confirmed, gave way to a rival, or faded between two moments.",
        ChangesArguments,
        ChangesResult,
        _changes,
        reads=True,
        repeats=True,
        for_models=False,
    ),
    Tool(
        "consolidate",
        "Maintenance",
        "Bring all associations to one date, and forget those that are spent; or count them only.",
        ConsolidateArguments,
        ConsolidateResult,
        _consolidate,
        destroys=True,
        repeats=True,
        for_models=False,
    ),
    Tool(
        "doctor",
        "Examine the store",
        "Whether the store is sound, and what to do where it is not.",
        NoArguments,
        DoctorResult,
        _doctor,
        reads=True,
        repeats=True,
        for_models=False,
    ),
    Tool(
        "sources",
        "List sources",
        "What was told from, with the number of documents or of loaded events.",
        NoArguments,
        SourcesResult,
        _sources,
        reads=True,
        repeats=True,
        for_models=False,
    ),
    Tool(
        "reports",
        "List ingestions",
        "What the last ingestions of files took in, and what they left out and why.",
        NoArguments,
        ReportsResult,
        _reports,
        reads=True,
        repeats=True,
        for_models=False,
    ),
    Tool(
        "entity_rename",
        "Rename an entity",
        "Give an entity another name; entity_undo of the former name takes it back.",
        RenameArguments,
        EditResult,
        _rename,
        for_models=False,
    ),
    Tool(
        "entity_drop",
        "Drop an entity",
        "Leave an entity out of all answers; entity_undo takes it back.",
        NamedArguments,
        EditResult,
        _drop,
        for_models=False,
    ),
    Tool(
        "entity_split",
        "Split an entity",
        "Tell two entities of one name apart by their sources; entity_undo of the new name takes it back.",
        SplitArguments,
        EditResult,
        _split,
        for_models=False,
    ),
    Tool(
        "entity_undo",
        "Undo an edit",
        "Take back that an entity was dropped, renamed or split off.",
        NamedArguments,
        EditResult,
        _undo,
        for_models=False,
    ),
    Tool(
        "alias_add",
        "Merge into an entity",
        "Let a name stand for an entity; what was known under it goes over. alias_remove takes it back.",
        AliasArguments,
        AliasResult,
        _alias_add,
        for_models=False,
    ),
    Tool(
        "alias_remove",
        "Remove an alias",
        "Let a name stand for itself again, and give back what was moved.",
        AliasRemoveArguments,
        AliasResult,
        _alias_remove,
        for_models=False,
    ),
)
"""All of them are for programs only."""
