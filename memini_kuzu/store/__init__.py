"""The store: the only room in which Cypher is spoken. It takes and returns Arrow tables."""

from memini_kuzu.store.store import Store

__all__ = ["Store"]
