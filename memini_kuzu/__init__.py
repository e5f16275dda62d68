"""An associative memory for LLM applications that learns by itself, in one local Kùzu file.

New associations are usable at once, repetition consolidates them, the rest fades: three faces of one
mechanism, the Benna-Fusi model of synaptic consolidation on the edges of a graph of entities.
"""

from memini_kuzu.changes.aliases import Alias
from memini_kuzu.changes.consolidation import MaintenanceReport
from memini_kuzu.changes.documents import IngestReport
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
from memini_kuzu.insight.doctor import Diagnosis
from memini_kuzu.insight.suggestions import Suggestion
from memini_kuzu.insight.trajectory import Overview, Trajectory
from memini_kuzu.memory import Memory
from memini_kuzu.readers import Columns
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
from memini_kuzu.records import Record
from memini_kuzu.results import Association, AssociativeMemory, Stats
from memini_kuzu.text.redaction import NO_REDACTION, Redaction

__all__ = [
    "NO_REDACTION",
    "ActivatedEntity",
    "Alias",
    "Association",
    "AssociationHistory",
    "AssociativeMemory",
    "Columns",
    "Context",
    "Diagnosis",
    "Embedder",
    "Estimate",
    "Explanation",
    "Extractor",
    "ForgetReport",
    "IngestReport",
    "InputError",
    "MaintenanceReport",
    "MeminiError",
    "Memory",
    "Mention",
    "NotAStoreError",
    "Overview",
    "ParameterError",
    "Parameters",
    "Path",
    "QueryError",
    "Recall",
    "RecalledPassage",
    "Record",
    "RecordError",
    "Redaction",
    "RetuneReport",
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
    "Trajectory",
    "UnknownEntityError",
]
