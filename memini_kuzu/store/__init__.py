"""The store: the only room that holds Cypher. It takes and returns Arrow tables."""

from memini_kuzu.store.store import Store, recover_store

__all__ = ["Store", "recover_store"]
