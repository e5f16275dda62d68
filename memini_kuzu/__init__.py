"""An associative memory for LLM applications that learns by itself, in one local Kùzu file.

New associations are usable at once, repetition consolidates them, the rest fades: three faces of one
mechanism, the Benna-Fusi model of synaptic consolidation on the edges of a graph of entities.
"""

from typing import TYPE_CHECKING

from memini_kuzu.lazy import names_of

if TYPE_CHECKING:
    from memini_kuzu.changes.aliases import Alias
    from memini_kuzu.changes.compaction import CompactReport
    from memini_kuzu.changes.consolidation import MaintenanceReport
    from memini_kuzu.changes.report import IngestReport
    from memini_kuzu.changes.reports import KeptReport, LeftOut
    from memini_kuzu.changes.retune import RetuneReport
    from memini_kuzu.changes.scope import ForgetReport
    from memini_kuzu.config import Parameters
    from memini_kuzu.dynamics import TimeConstants
    from memini_kuzu.embedding import Embedder
    from memini_kuzu.errors import (
        InputError,
        MeminiError,
        NotAStoreError,
        ParameterError,
        QueryError,
        RecordError,
        SchemaVersionError,
        StoreError,
        StoreLockedError,
        TimeError,
        UnknownEntityError,
    )
    from memini_kuzu.extraction import Estimate, Extractor, Mention, RuleExtractor, SpacyExtractor
    from memini_kuzu.insight.choice import Expected, Forecast
    from memini_kuzu.insight.doctor import Diagnosis
    from memini_kuzu.insight.neighbourhood import NearAssociation, NearEntity, Neighbourhood
    from memini_kuzu.insight.news import AssociationNews, Displacement, News
    from memini_kuzu.insight.portrait import Timeline
    from memini_kuzu.insight.suggestions import Suggestion
    from memini_kuzu.insight.trajectory import Overview, Rivals, Trajectory
    from memini_kuzu.memory import Memory
    from memini_kuzu.memory.asynchronous import AsyncMemory
    from memini_kuzu.protocol import AssociativeMemory
    from memini_kuzu.recall import (
        ActivatedEntity,
        AssociationHistory,
        Context,
        Explanation,
        Path,
        Recall,
        RecalledPassage,
        Sayings,
    )
    from memini_kuzu.records import Columns, Record
    from memini_kuzu.results import Association, Document, Mentioning, Portrait, Stats, Version
    from memini_kuzu.text.redaction import NO_REDACTION, Redaction

__all__ = [
    "NO_REDACTION",
    "ActivatedEntity",
    "Alias",
    "Association",
    "AssociationHistory",
    "AssociationNews",
    "AssociativeMemory",
    "AsyncMemory",
    "Columns",
    "CompactReport",
    "Context",
    "Diagnosis",
    "Displacement",
    "Document",
    "Embedder",
    "Estimate",
    "Expected",
    "Explanation",
    "Extractor",
    "Forecast",
    "ForgetReport",
    "IngestReport",
    "InputError",
    "KeptReport",
    "LeftOut",
    "MaintenanceReport",
    "MeminiError",
    "Memory",
    "Mention",
    "Mentioning",
    "NearAssociation",
    "NearEntity",
    "Neighbourhood",
    "News",
    "NotAStoreError",
    "Overview",
    "ParameterError",
    "Parameters",
    "Path",
    "Portrait",
    "QueryError",
    "Recall",
    "RecalledPassage",
    "Record",
    "RecordError",
    "Redaction",
    "RetuneReport",
    "Rivals",
    "RuleExtractor",
    "Sayings",
    "SchemaVersionError",
    "SpacyExtractor",
    "Stats",
    "StoreError",
    "StoreLockedError",
    "Suggestion",
    "TimeConstants",
    "TimeError",
    "Timeline",
    "Trajectory",
    "UnknownEntityError",
    "Version",
]

# a name stands here too, for it is loaded when it is asked for: nobody waits for what is not used
_MODULES = {
    "memini_kuzu.changes.aliases": ("Alias",),
    "memini_kuzu.changes.consolidation": ("MaintenanceReport",),
    "memini_kuzu.changes.report": ("IngestReport",),
    "memini_kuzu.changes.compaction": ("CompactReport",),
    "memini_kuzu.changes.reports": ("KeptReport", "LeftOut"),
    "memini_kuzu.changes.retune": ("RetuneReport",),
    "memini_kuzu.changes.scope": ("ForgetReport",),
    "memini_kuzu.config": ("Parameters",),
    "memini_kuzu.dynamics": ("TimeConstants",),
    "memini_kuzu.embedding": ("Embedder",),
    "memini_kuzu.errors": (
        "InputError",
        "MeminiError",
        "NotAStoreError",
        "ParameterError",
        "QueryError",
        "RecordError",
        "SchemaVersionError",
        "StoreError",
        "StoreLockedError",
        "TimeError",
        "UnknownEntityError",
    ),
    "memini_kuzu.extraction": ("Estimate", "Extractor", "Mention", "RuleExtractor", "SpacyExtractor"),
    "memini_kuzu.insight.choice": ("Expected", "Forecast"),
    "memini_kuzu.insight.doctor": ("Diagnosis",),
    "memini_kuzu.insight.neighbourhood": ("NearAssociation", "NearEntity", "Neighbourhood"),
    "memini_kuzu.insight.news": ("AssociationNews", "Displacement", "News"),
    "memini_kuzu.insight.portrait": ("Timeline",),
    "memini_kuzu.insight.suggestions": ("Suggestion",),
    "memini_kuzu.insight.trajectory": ("Overview", "Rivals", "Trajectory"),
    "memini_kuzu.memory": ("Memory",),
    "memini_kuzu.memory.asynchronous": ("AsyncMemory",),
    "memini_kuzu.recall": (
        "ActivatedEntity",
        "AssociationHistory",
        "Context",
        "Explanation",
        "Path",
        "Recall",
        "RecalledPassage",
        "Sayings",
    ),
    "memini_kuzu.records": ("Columns", "Record"),
    "memini_kuzu.protocol": ("AssociativeMemory",),
    "memini_kuzu.results": ("Association", "Document", "Mentioning", "Portrait", "Stats", "Version"),
    "memini_kuzu.text.redaction": ("NO_REDACTION", "Redaction"),
}
__getattr__ = names_of(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
