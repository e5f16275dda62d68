"""Operations that change a memory: each module computes a `store.change.Change`, which the store applies.

Input: records, tables, names and scopes. Output: a report of what was done.

- `ingestion`, `moves`, `prepared`, `columns`, `documents`, `report`: texts become passages, mentions, events.
- `events`, `folding`, `exchange`: event tables and folded edges are loaded; a store is exported and imported.
- `merging`: another store becomes part of this one.
- `aliases`, `undo`: names that stand for an entity, and how that is taken back.
- `forgetting`, `scope`: exact unlearning.
- `consolidation`, `retune`, `vectors`: the maintenance pass, other parameters, vectors of passages.
- `compaction`: the file written anew.
"""

from typing import TYPE_CHECKING

from memini_kuzu.lazy import submodules_of

if TYPE_CHECKING:
    from memini_kuzu.changes import (
        aliases,
        columns,
        compaction,
        consolidation,
        documents,
        entities,
        events,
        exchange,
        folding,
        forgetting,
        ingestion,
        kept,
        merging,
        moves,
        prepared,
        report,
        reports,
        retune,
        scope,
        selecting,
        undo,
        unloading,
        vectors,
    )

__all__ = [
    "aliases",
    "columns",
    "compaction",
    "consolidation",
    "documents",
    "entities",
    "events",
    "exchange",
    "folding",
    "forgetting",
    "ingestion",
    "kept",
    "merging",
    "moves",
    "prepared",
    "report",
    "reports",
    "retune",
    "scope",
    "selecting",
    "undo",
    "unloading",
    "vectors",
]

__getattr__ = submodules_of(__name__, __all__)
