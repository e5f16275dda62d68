"""The read model: what recall looks up, in memory as columns, brought up to date by each change.

It is derived from the file and can be dropped at any time; the file answers the same (`in_file`).
"""

from memini_kuzu.store.model.holding import Held
from memini_kuzu.store.model.in_memory import InMemory
from memini_kuzu.store.model.loading import read_model
from memini_kuzu.store.model.seen import Seen, Then
from memini_kuzu.store.model.state import Model

__all__ = ["Held", "InMemory", "Model", "Seen", "Then", "read_model"]
