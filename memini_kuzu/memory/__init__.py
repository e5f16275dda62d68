"""The facade: each call parses what it is given and makes one call.

- `opening`: opening and closing, and what all calls share.
- `learning`, `asking`, `keeping`, `naming`: what takes something in, what answers, what looks after what is
  there, what entities are called.
- `documents`: documents by their ids.
- `tracing`: how associations came to be what they are.
- `viewing`: what pictures of a memory are made of.
- `surveying`: what matters in the whole store, and what comes next.
"""

from memini_kuzu.errors import StoreError
from memini_kuzu.memory.asking import Asking, fit_events
from memini_kuzu.memory.documents import Documents
from memini_kuzu.memory.keeping import Keeping
from memini_kuzu.memory.naming import Naming
from memini_kuzu.memory.surveying import Surveying
from memini_kuzu.memory.tracing import Tracing
from memini_kuzu.memory.viewing import Viewing
from memini_kuzu.notebook import facts

__all__ = ["Memory", "fit_events"]


class Memory(Documents, Asking, Surveying, Tracing, Viewing, Keeping, Naming):
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

    def _repr_html_(self) -> str:
        try:
            return self.stats()._repr_html_()
        except StoreError as error:  # closed
            return facts({"path": self.path, "": error})
