"""What a command does with its process, which is its own: nothing but memini runs in it."""

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["owned", "spare_memory", "spare_pandas"]

GARBAGE = 100_000
"""New objects after which Python looks for garbage: imports alone make hundreds of thousands, and none."""

M_ARENA_MAX = -8
"""The number by which glibc's mallopt knows it."""

ARENAS = 2
"""Heaps of the C library: it makes up to eight a core, each of which keeps pages that are in use in part."""

_owned = False


@contextmanager
def owned() -> Iterator[None]:
    """Inside, the process is that of a command, and ends afterwards."""
    global _owned  # noqa: PLW0603 - a process is one, whatever the thread
    _owned = True
    gc.set_threshold(GARBAGE)
    try:
        yield
    finally:
        # what is left goes with the process; else Python would take it to pieces, up to a tenth of a second
        gc.freeze()


class _WithoutPandas:
    """Among Python's finders, the one that knows that there is no pandas."""

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(f"{fullname} is not loaded here", name=fullname)


def spare_pandas() -> None:
    """Let Arrow do without pandas in the process of a command: at its first array it would load it.

    That takes 0.15 s and some 40 MB, and memini makes nothing of it. Arrow looks for pandas only once; it
    loads it later where data frames are asked for. Whoever else imports pandas has it. But until Arrow has
    it too, an array made of a pandas Series has NaN in place of null: this is not for a process in which
    others run.
    """
    if not _owned or "pandas" in sys.modules:
        return
    import pyarrow as pa

    finder = _WithoutPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(finder)


def spare_memory() -> None:
    """Let a process that lasts give back what it no longer uses: 50 MB of a server at rest.

    Arrow's own pool keeps pages for each thread, also where it holds nothing; the C library's gives them back
    when a store's file is closed. Arrow must not be loaded yet. Who sets these variables of the environment
    has them obeyed.
    """
    if not _owned:
        return
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if sys.platform != "linux" or "MALLOC_ARENA_MAX" in os.environ:
        return
    # of the C libraries only glibc has it
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)
