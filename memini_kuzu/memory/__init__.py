"""The facade: each call parses what it is given and makes one call.

- `opening`: opening and closing, and what all calls share.
- `learning`, `asking`, `keeping`, `naming`: what takes something in, what answers, what looks after what is
  there, what entities are called.
"""

from memini_kuzu.memory.asking import Asking, fit_events
from memini_kuzu.memory.keeping import Keeping
from memini_kuzu.memory.learning import Learning
from memini_kuzu.memory.naming import Naming

__all__ = ["Memory", "fit_events"]


class Memory(Learning, Asking, Keeping, Naming):
    """An associative memory in one file.

    Made by `Memory.open`. Threads may share one; other processes may read the file only while nobody has it
    open for writing.

    Parameters
    ----------
    store : Store
        The open file.
    extractor : Extractor, optional
        Finds the mentions in texts and cues; `default_extractor` where none is given.
    clock : callable
        Gives the present in milliseconds since 1970; for replays and tests.
    hint : callable, optional
        Takes one line of advice for the user.
    redaction : Redaction
        What is masked before a text is stored.
    embedder : Embedder, optional
        Gives passages and cues vectors.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with Memory.open(Path(tempfile.mkdtemp()) / "notes.memini") as memory:
    ...     _ = memory.remember("Ada Lovelace wrote to Charles Babbage.", time="2026-03-01")
    ...     memory.recall("Who wrote to Babbage?", now="2026-03-02").passages[0].text
    'Ada Lovelace wrote to Charles Babbage.'
    """
