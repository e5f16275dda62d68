"""The engine: the only room that imports Kùzu.

It holds what a file needs to be kept safe, and nothing of what is in it: opening, reading as Arrow,
transactions, bulk loads, checkpoints, the journal and the other files beside a store, and the table of Kùzu's
faults (`faults`).
"""

from memini_kuzu.store.engine.database import Draft, Transaction, engine_version, memory, storage_version
from memini_kuzu.store.engine.engine import (
    EXPORTED,
    Engine,
    JournalState,
    OldStoreError,
    clear_work,
    forget_sum,
    recover,
    work_beside,
)
from memini_kuzu.store.engine.lock import ProcessLock

__all__ = [
    "EXPORTED",
    "Draft",
    "Engine",
    "JournalState",
    "OldStoreError",
    "ProcessLock",
    "Transaction",
    "clear_work",
    "engine_version",
    "forget_sum",
    "memory",
    "recover",
    "storage_version",
    "work_beside",
]
