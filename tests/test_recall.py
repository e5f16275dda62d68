"""Recall: read-only, as of any moment, with its reasons; and the lexical score equals BM25."""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from fixtures_memory import NOW, START, Names, contents, corpus

from memini_kuzu.cli._recalled import show_recalled
from memini_kuzu.errors import InputError, TimeError
from memini_kuzu.memory import Memory
from memini_kuzu.service.results import RecallResult
from memini_kuzu.service.telling import recall_told
from memini_kuzu.store import reading
from memini_kuzu.text.analysis import analyse
from memini_kuzu.times import from_millis

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["fixtures_memory"]

K1, B = 1.2, 0.75


def test_one_new_fact_is_recalled_in_the_very_next_call(memory: Memory) -> None:
    memory.add(corpus(31, 40))
    memory.remember("Ida keeps the spare key under the blue flowerpot.", time=from_millis(NOW))
    found = memory.recall("Where does Ida keep the spare key?")
    assert found.passages[0].text == "Ida keeps the spare key under the blue flowerpot."
    assert found.paths[0].passage == found.passages[0].id


def test_recall_leaves_the_store_unchanged(path: Path) -> None:
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as memory:
        memory.add(corpus(32, 40))
    before = path.read_bytes(), path.stat().st_mtime_ns
    with Memory.open(path, extractor=Names(), clock=lambda: NOW) as memory:
        held = contents(memory)
        for cue in ("Ada and the violin", "Adaa", "last May", "harvest in 2025", "nothing of this is known"):
            memory.recall(cue)
            memory.recall(cue, now="2025-06-01", k=3)
        memory.associations("Ada")
        memory.stats()
        assert contents(memory) == held
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_passage_that_shares_no_word_is_found_by_a_path_of_two_steps(memory: Memory) -> None:
    memory.remember("Ada lives with Brutus.", time="2025-01-01", source="one", id="lives")
    memory.remember("Brutus chases Cleo.", time="2025-01-02", source="two", id="chases")
    memory.remember("Cleo needs insulin at noon.", time="2025-01-03", source="three", id="insulin")
    memory.remember("Gus and Hal went sailing.", time="2025-01-03", source="four", id="other")
    found = memory.recall("Ada", now="2025-01-04")
    ids = [passage.id for passage in found]
    assert ids[0] == "lives"
    assert set(ids) == {"lives", "chases", "insulin"}
    [path] = [path for path in found.paths if path.passage == "insulin" and path.kind == "association"]
    assert path.through[0] == "lives"
    assert path.through[-1] == "Cleo"
    assert path.strength is not None
    assert path.strength > 0
    assert path.last_seen is not None
    assert path.last_seen.isoformat() == "2025-01-02T00:00:00+00:00"


@pytest.mark.parametrize("step", ["mention", "association"])
def test_what_an_entity_titles_gets_its_activation_however_many_mention_it(memory: Memory, step: str) -> None:
    other = "Brutus" if step == "mention" else "Cleo"
    memory.remember(f"Ada lives with {other}.", time="2025-01-01", source="0", id="lives")
    memory.remember("Cleo obeys Brutus.", time="2025-01-01", source="9", id="obeys")
    for number in range(6):
        memory.remember("Hal saw Brutus.", time="2025-01-02", source=f"{number + 1}", id=f"saw {number}")
    memory.remember("Born in the zoo of Ribe.", time="2025-01-03", source="8", id="page", title="Brutus")
    found = memory.recall("Where does Ada live?", now="2025-01-04")
    scores = {passage.id: passage.score for passage in found}
    assert scores["page"] > 2 * scores["saw 0"]


def test_now_hides_later_passages_and_associations(memory: Memory) -> None:
    memory.remember("Ada met Bob.", time="2025-01-01", id="early")
    memory.remember("Ada met Cleo.", time="2025-03-01", id="late")
    assert {passage.id for passage in memory.recall("Ada", now="2025-02-01")} == {"early"}
    assert {passage.id for passage in memory.recall("Ada", now="2025-03-01")} == {"early", "late"}
    assert [each.target for each in memory.associations("Ada", now="2025-02-01")] == ["Bob"]
    names = {entity.name for entity in memory.recall("Ada", now="2025-02-01").entities}
    assert "Cleo" not in names


def test_now_before_the_first_event_is_refused(memory: Memory) -> None:
    memory.remember("Ada met Bob.", time="2025-01-01")
    with pytest.raises(
        TimeError, match="before the store's first event; pass a now no earlier than 2025-01-01"
    ):
        memory.recall("Ada", now="2024-12-31")
    assert len(memory.recall("Ada", now="2025-01-01")) == 1


@pytest.mark.parametrize("cue", ["", " \n\t "])
def test_an_empty_cue_is_refused(memory: Memory, cue: str) -> None:
    with pytest.raises(InputError, match="the cue is empty"):
        memory.recall(cue)


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(memory: Memory, k: int) -> None:
    memory.remember("Ada met Bob.", time="2025-01-01")
    with pytest.raises(InputError, match="at least 1"):
        memory.recall("Ada", k=k)
    with pytest.raises(InputError, match="at least 1"):
        memory.associations("Ada", k=k)


def test_k_bounds_the_passages_and_keeps_the_best(memory: Memory) -> None:
    memory.add(corpus(33, 40))
    ten = memory.recall("Ada gave Bob the violin", k=10)
    three = memory.recall("Ada gave Bob the violin", k=3)
    assert len(ten) == 10
    assert [passage.id for passage in three] == [passage.id for passage in ten][:3]
    scores = [passage.score for passage in ten]
    assert scores == sorted(scores, reverse=True)


def test_an_empty_store_recalls_nothing(memory: Memory) -> None:
    assert len(memory.recall("Ada", now="2025-01-01")) == 0


@pytest.mark.parametrize(
    "cue", ["?!", "the of and", "\x00", "\ud800", "'; DROP TABLE Passage", "a" * 5000, "🧠", "word " * 500]
)
def test_any_cue_is_answered(memory: Memory, cue: str) -> None:
    memory.add(corpus(34, 10))
    memory.recall(cue)
    assert memory.stats().passages > 0


@pytest.mark.parametrize(
    "cue",
    [
        "on 9999-12-31",
        "on 9999-12-30",
        "in 1900",
        "31 February 2025",
        "99 years ago",
        "May 1800",
        "0000-00-00",
    ],
)
def test_a_date_that_no_store_holds_is_no_error(memory: Memory, cue: str) -> None:
    memory.add(corpus(35, 10))
    assert memory.recall(f"Ada {cue}").passages


def test_a_date_in_the_cue_brings_what_was_told_then(memory: Memory) -> None:
    for month, word in enumerate(("violin", "marble", "candle", "meadow"), start=1):
        memory.remember(f"Ada bought a {word}.", time=f"2025-{month:02}-10", source=word, id=word)
    assert memory.recall("What did Ada buy in February 2025?").passages[0].id == "marble"
    assert memory.recall("What did Ada buy on 10 March 2025?").passages[0].id == "candle"
    assert memory.recall("What did Ada buy last month?", now="2025-05-02").passages[0].id == "meadow"


def test_an_alias_is_recalled_as_what_it_stands_for(memory: Memory) -> None:
    memory.remember("Ada repaired the lantern.", time="2025-01-01", id="1")
    memory.remember("Gus met Hal.", time="2025-01-01", id="2", source="x")
    memory.alias_add("Countess", "Ada")
    assert [passage.id for passage in memory.recall("What did the Countess do?")] == ["1"]
    assert memory.associations("Countess") == memory.associations("Ada")


@pytest.mark.parametrize("held", [False, True])
def test_what_was_told_under_a_former_name_is_recalled_by_the_present_one(
    memory: Memory, *, held: bool
) -> None:
    memory.remember("Rome is old.", time="2025-01-01", id="1")
    memory.remember("Kate met Gus.", time="2025-01-01", id="2", source="x")
    memory.remember("Catherine met Hal.", time="2025-01-01", id="3", source="y")
    memory.entity_rename("Rome", "Latium")
    memory.alias_add("Kate", "Catherine")
    if held:
        memory._store.hold()
    assert [passage.id for passage in memory.recall("Latium")] == ["1"]
    assert {passage.id for passage in memory.recall("Catherine")} == {"2", "3"}
    assert memory.explain("Latium", "1").paths[0].through == ("rome",)


@pytest.mark.parametrize("name", ["Zoë Müller", "Ọ̀ṣun", "दिल्ली", "சென்னை"])
def test_a_name_whose_letters_carry_marks_is_understood_however_it_is_encoded(
    memory: Memory, name: str
) -> None:
    time = from_millis(START)
    memory.load_events(pa.table({"source": [name], "target": ["Hal"], "time": [time]}))
    memory.remember("Gus met Hal.", time=time)
    for form in ("NFC", "NFD"):
        found = memory.recall(f"What of {unicodedata.normalize(form, name)}?")
        assert found.entities[0].name == name


def test_passages_of_one_id_have_reasons_of_their_own(
    memory: Memory, capsys: pytest.CaptureFixture[str]
) -> None:
    for source, text in (("desk", "Ada lost a violin."), ("shed", "Bob found the candle.")):
        memory.remember(text, time="2025-01-01", id="1", source=source)
    found = memory.recall("violin or candle")
    own = {
        each.source: {path.through for path in found.paths if path.leads_to(each) and path.kind == "words"}
        for each in found
    }
    assert own == {"desk": {("violin",)}, "shed": {("candle",)}}

    show_recalled(found, full=True)
    shown = capsys.readouterr().out
    answer = {
        name: getattr(found, name) for name in ("cue", "now", "passages", "entities", "paths", "unknown")
    }
    told = recall_told(
        RecallResult.model_validate(answer | {"context": "", "omitted": 0}, from_attributes=True)
    )
    for face in (shown, told):
        words = [re.findall(r"words (\w+)", line) for line in face.splitlines() if "words " in line]
        assert sorted(words) == [["candle"], ["violin"]]
    assert all(f"<td>{word}</td></tr>" in found._repr_html_() for word in ("candle", "violin"))


def test_a_mistyped_name_is_understood(memory: Memory) -> None:
    memory.remember("Penelope repaired the lantern.", time="2025-01-01", id="1")
    memory.remember("Gus met Hal.", time="2025-01-01", id="2", source="x")
    assert memory.recall("Penelpoe").passages[0].id == "1"


# --- the lexical score ---


def brute_force(memory: Memory, words: list[str]) -> dict[int, float]:
    """BM25 over the column `terms` of all passages, with the logarithm to base 10."""
    table = memory.cypher("MATCH (p:Passage) RETURN p.id AS id, p.terms AS terms").to_pylist()
    texts = {row["id"]: Counter(row["terms"].split()) for row in table}
    average = sum(text.total() for text in texts.values()) / len(texts)
    scores: dict[int, float] = {}
    for word in words:
        df = sum(word in text for text in texts.values())
        idf = np.log10(1 + (len(texts) - df + 0.5) / (df + 0.5))
        for identity, text in texts.items():
            if word in text:
                tf = text[word]
                part = idf * tf * (K1 + 1) / (tf + K1 * (1 - B + B * text.total() / average))
                scores[identity] = scores.get(identity, 0.0) + float(part)
    return scores


def assert_ranks_as_bm25(memory: Memory, seed: int) -> None:
    chance = random.Random(seed)
    texts = [row["t"] for row in memory.cypher("MATCH (p:Passage) RETURN p.terms AS t").to_pylist()]
    vocabulary = sorted({word for text in texts for word in text.split()})
    for _ in range(12):
        words = chance.sample(vocabulary, chance.randint(1, 5))
        expected = brute_force(memory, words)
        found = reading.fulltext(memory._store, " ".join(words), 10_000).to_pylist()
        assert {row["id"] for row in found} == expected.keys()
        for row in found:
            assert row["score"] == pytest.approx(expected[row["id"]], rel=1e-6)
        order = [row["score"] for row in found]
        assert order == sorted(order, reverse=True)
        assert reading.frequencies(memory._store, words) == {
            word: sum(word in text.split() for text in texts) for word in words
        }


def test_full_text_answers_equal_brute_force_after_adds_updates_and_deletes(memory: Memory) -> None:
    memory.add(corpus(36, 40, sentences=5))
    assert_ranks_as_bm25(memory, 1)
    changed = [record for seed in (37, 38) for record in corpus(seed, 15, sentences=4, sources=1)]
    memory.add(changed)
    assert_ranks_as_bm25(memory, 2)
    long = " ".join(
        f"the quarry {number} of Ada is deep and the meadow of Bob is wide." for number in range(80)
    )
    memory.remember(long, id="long", source="s", time=from_millis(START))
    assert_ranks_as_bm25(memory, 3)
    memory.remember("the quarry is gone.", id="long", source="s", time=from_millis(START + 1))
    assert_ranks_as_bm25(memory, 4)
    sums = memory._store.sums()
    words = memory.cypher(
        "MATCH (p:Passage) RETURN count(*) AS n, sum(size(string_split(p.terms, ' '))) AS w"
    ).to_pylist()[0]
    assert (sums.passages, sums.words) == (words["n"], words["w"])


def test_passages_and_cues_are_analysed_alike(memory: Memory) -> None:
    memory.remember(
        "Anna's café opened in 1998,\nnext to the \u201cpainters\u2019 guild\u201d.", time="2025-01-01"
    )
    for cue in ("ANNA CAFES", "painter", "1998", "guilds"):
        assert memory.recall(cue).passages, analyse(cue)


def test_a_cue_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "a.memini", extractor=Names()) as memory:
        memory.remember("Ada met Charles.", time="2026-03-01")
        assert len(memory.recall("Ada " * 2_000)) == 1
        with pytest.raises(InputError, match="the cue has 8,004 characters, 8,000 at most are looked up"):
            memory.recall("Ada " * 2_001)


def test_passages_without_words_are_recalled_by_name(memory: Memory) -> None:
    memory.remember("The.", source="diary", title="Who", time=from_millis(NOW))
    assert memory._store.sums().average == 1.0
    memory.recall("Who")
