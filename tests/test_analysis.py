"""Lexical analysis: the same for passages and cues, whatever is written."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import irregular_forms
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from memini_kuzu.extraction.spacy_extractor import MODELS
from memini_kuzu.text.analysis import STOP_WORDS, analyse, terms

if TYPE_CHECKING:
    from pathlib import Path


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


def test_the_irregular_forms_are_those_of_the_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not any(spacy.util.is_package(name) for name in MODELS):
        pytest.skip("needs an English model")
    output = tmp_path / "irregular.txt"
    monkeypatch.setattr(sys, "argv", ["irregular_forms.py", "--output", str(output)])
    assert not irregular_forms.main()
    assert output.read_text() == irregular_forms.FILE.read_text()


@pytest.mark.parametrize(
    ("form", "lemma"), [("found", "find"), ("children", "child"), ("wrote", "writes"), ("went", "going")]
)
def test_an_irregular_form_has_the_term_of_its_lemma(form: str, lemma: str) -> None:
    assert terms(form) == terms(lemma)


def test_a_modal_verb_is_no_month() -> None:
    assert terms("It might be in May") == ["may"]
