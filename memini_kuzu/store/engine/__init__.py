"""The engine: the only room that imports Kùzu.

It keeps a file safe and knows nothing of its contents: opening, reading as Arrow, transactions, bulk loads,
checkpoints, the journal and the other files beside a store, and the table of Kùzu's faults (`faults`).
"""

from memini_kuzu.store.engine.database import (
    Draft,
    Transaction,
    engine_version,
    escaped,
    give_back,
    memory,
    pool,
    storage_version,
)
from memini_kuzu.store.engine.engine import Engine
from memini_kuzu.store.engine.files import EXPORTED, clear_work, forget_sum, work_beside
from memini_kuzu.store.engine.journal import sync_folder
from memini_kuzu.store.engine.lock import ProcessLock
from memini_kuzu.store.engine.recovery import recover
from memini_kuzu.store.engine.replay import Step
from memini_kuzu.store.engine.state import JournalState, OldStoreError

__all__ = [
    "EXPORTED",
    "Draft",
    "Engine",
    "JournalState",
    "OldStoreError",
    "ProcessLock",
    "Step",
    "Transaction",
    "clear_work",
    "engine_version",
    "escaped",
    "forget_sum",
    "give_back",
    "memory",
    "pool",
    "recover",
    "storage_version",
    "sync_folder",
    "work_beside",
]
