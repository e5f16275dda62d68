"""Text: remembering one passage in a large memory, and ingesting many, each against the extractor alone."""

from __future__ import annotations

import itertools
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import TYPE_CHECKING

import numpy as np
import psutil
from bench_common import NOW, Row, alternate, compare, generated_store

from memini_kuzu.changes.ingestion import ingest
from memini_kuzu.extraction import Mention, default_extractor
from memini_kuzu.memory import Memory
from memini_kuzu.records import Record
from memini_kuzu.store import Store
from memini_kuzu.text.segments import segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ENTITIES_TOLD = 20

WORDS = (
    "harbour",
    "engine",
    "treaty",
    "garden",
    "market",
    "signal",
    "orchard",
    "museum",
    "bridge",
    "festival",
)

NAMES = ("Ada", "Charles", "Grace", "Alan", "Mary", "John", "Emmy", "Kurt", "Rosalind", "Niels")


class _Told:
    """An extractor that knows its mentions beforehand, so that what remains of the time is the store's."""

    identity = "told"

    def __init__(self) -> None:
        self._number = itertools.count()

    def extract(self, texts: Iterable[str], *, processes: int = 1) -> Iterator[list[Mention]]:
        """Twenty entities of a text, known and new, two a sentence."""
        del processes
        for _ in texts:
            # of a hundred, so that later passages meet pairs that are there and pairs that are not
            chosen = np.random.default_rng(next(self._number)).choice(100, ENTITIES_TOLD, replace=False)
            yield [
                Mention(f"entity {number}", f"Entity {number}", "CONCEPT", place // 2, place)
                for place, number in enumerate(chosen.tolist())
            ]


def remember(edges: int, runs: int) -> list[Row]:
    """One passage of twenty entities into a memory of so many edges, over the extractor's own time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "remember.memini"
        generated_store(path, edges).close()
        with Memory.open(path, extractor=_Told(), clock=lambda: NOW) as memory:
            times: list[float] = []
            for number in range(max(runs, 5) * 2 + 1):
                text = f"Report {number} on the {WORDS[number % 10]}."
                began = time.perf_counter()
                report = memory.remember(text, id=str(number))
                times.append(time.perf_counter() - began)
                if report.added != 1 or not memory.recall(WORDS[number % 10]).passages:
                    raise RuntimeError(f"passage {number} is not recalled")
    # the first opens what the later ones find open
    goal = [0.150]
    return [
        compare(
            "remember", "one passage", edges, times[1:], goal, goal="≤ 1.0", note="floor: the goal of 150 ms"
        )
    ]


def _texts(count: int) -> list[str]:
    """Texts of some 150 words of plain English sentences about people, places and things."""
    rng = np.random.default_rng(0)
    texts = []
    for _ in range(count):
        names, words = rng.choice(NAMES, (15, 2)), rng.choice(WORDS, (15, 2))
        texts.append(
            " ".join(
                f"{a} Lovelace showed {b} Babbage the old {x} near the {y} in London."
                for (a, b), (x, y) in zip(names, words, strict=True)
            )
        )
    return texts


def text_ingest(texts: int, runs: int) -> list[Row]:
    """Documents a second into a store, against the extractor's language model alone on the same passages."""
    extractor = default_extractor()
    documents = _texts(texts)
    passages = [passage for text in documents for passage in segment(text)]
    pipeline = getattr(extractor, "pipeline", None)

    def floor() -> None:
        if pipeline is None:
            list(extractor.extract(passages))
        else:
            for _ in pipeline.pipe(passages):
                pass

    floor()
    edges = 0
    with tempfile.TemporaryDirectory() as folder:
        numbers = itertools.count()

        def ours() -> None:
            nonlocal edges
            with Store(Path(folder) / f"{next(numbers)}.memini", create=True) as store:
                records = (
                    Record(text, id=str(number), source="bench") for number, text in enumerate(documents)
                )
                ingest(store, extractor, records, now=NOW)
                edges = store.count("associations")

        floors, series = alternate(runs, floor, ours)
    row = compare("ingest", f"{texts:,} texts", edges, series, floors, goal="≤ 1.18")
    note = f"{row.floor_s / row.median_s:.0%} of the throughput of " if row.median_s and row.floor_s else ""
    note += "nlp.pipe alone; goal 85 %" if pipeline is not None else "the extractor alone; goal 85 %"
    return [compare("ingest", f"{texts:,} texts", edges, series, floors, goal="≤ 1.18", note=note)]


def long_document(characters: int) -> list[Row]:
    """One long document against its passages as documents, each of the two in a process of its own."""
    text = "\n\n".join(_texts(characters // len(_texts(1)[0])))
    passages = segment(text)
    (long, most), (short, least) = (_taken_in_elsewhere(documents) for documents in ([text], passages))
    note = f"{most:.0f} MB more at the peak, {least:.0f} as {len(passages):,} documents; one run each"
    return [compare("document", f"{len(text) // 1000:,} kB", 0, [long], [short], goal="≤ 1.1", note=note)]


def _taken_in_elsewhere(documents: list[str]) -> tuple[float, float]:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_taken_in, documents).result()


def _taken_in(documents: list[str]) -> tuple[float, float]:
    """Seconds, and the megabytes of this process at its peak beyond those with the model loaded."""
    extractor = default_extractor()
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "a.memini", create=True) as store:
        ingest(store, extractor, [Record("Ada met Charles in London.", id="first")], now=NOW)
        before = psutil.Process().memory_info().rss
        began = time.perf_counter()
        ingest(store, extractor, [Record(each, id=str(n)) for n, each in enumerate(documents)], now=NOW)
        seconds = time.perf_counter() - began
    most = getrusage(RUSAGE_SELF).ru_maxrss * 1024  # kilobytes, on Linux
    return seconds, (most - before) / 1e6
