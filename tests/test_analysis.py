"""Lexical analysis: the same for passages and cues, whatever is written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from memini_kuzu.text.analysis import STOP_WORDS, analyse, terms


@given(st.text())
def test_any_text_gives_terms_that_the_index_keeps_apart(text: str) -> None:
    found = terms(text)
    assert analyse(text).split() == found
    for term in found:
        assert term
        assert not any(character.isspace() or character in "0123456789" for character in term)


@given(st.text(alphabet=st.characters(codec="utf-8", categories=["L", "N", "Z"])))
def test_case_and_width_do_not_matter(text: str) -> None:
    assert terms(text) == terms(text + " the of and")


def test_words_are_stemmed_folded_and_stopped() -> None:
    assert terms("The Painters' paintings, PAINTED") == ["painter", "paint", "paint"]
    assert terms("ＦＵＬＬ width") == ["full", "width"]
    assert terms("don't") == terms("don’t") == terms("DON'T")
    assert terms("Anna's") == terms("anna")
    assert not set(terms(" ".join(STOP_WORDS)))


def test_numbers_stay_numbers() -> None:
    assert terms("2024") == ["zqcace"]
    assert terms("007") != terms("7")
    assert terms("²") == terms("2")
    assert terms("٣") == terms("3")
    assert len(terms("B52 3rd x86")) == 3
    assert terms("a1") != terms("a2")


def test_lines_and_marks_part_words() -> None:
    assert terms("one\ntwo\tthree—four/five_six") == [*terms("one two three four five six")]
    assert terms("") == terms("?! … —") == []
