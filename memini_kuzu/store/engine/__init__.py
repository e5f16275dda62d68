"""The engine: the only room that imports Kùzu.

It holds what a file needs to be kept safe, and nothing of what is in it: opening, reading as Arrow,
transactions, bulk loads, checkpoints, the journal and the other files beside a store, and the table of Kùzu's
faults (`faults`).
"""

from memini_kuzu.store.engine.database import Draft, Transaction, engine_version, memory, storage_version
from memini_kuzu.store.engine.engine import (
    SIDE_FILES,
    Engine,
    JournalState,
    OldStoreError,
    forget_sum,
    recover,
)
from memini_kuzu.store.engine.lock import ProcessLock

__all__ = [
    "SIDE_FILES",
    "Draft",
    "Engine",
    "JournalState",
    "OldStoreError",
    "ProcessLock",
    "Transaction",
    "engine_version",
    "forget_sum",
    "memory",
    "recover",
    "storage_version",
]
