"""Recall: a cue in, passages with their reasons out. Read-only.

cue → seeds (full text, headings; what an embedder finds similar, where there is one) → what they mention →
associations by their strength at `now` → passages that mention those → scores by `activation`. A dozen Cypher
queries over bounded sets, however large the store; an embedder's vectors are all compared.
"""

from memini_kuzu.recall.context import Context
from memini_kuzu.recall.cue import find_entities
from memini_kuzu.recall.explain import AssociationHistory, Explanation, explain
from memini_kuzu.recall.recollection import recall
from memini_kuzu.recall.result import ActivatedEntity, Path, Recall, RecalledPassage, Sayings
from memini_kuzu.recall.switches import PARTS

__all__ = [
    "PARTS",
    "ActivatedEntity",
    "AssociationHistory",
    "Context",
    "Explanation",
    "Path",
    "Recall",
    "RecalledPassage",
    "Sayings",
    "explain",
    "find_entities",
    "recall",
]
