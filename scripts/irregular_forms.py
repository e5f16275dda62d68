#!/usr/bin/env python3
"""Write memini_kuzu/text/irregular.txt: English forms whose stem is not that of their lemma.

    python scripts/irregular_forms.py [--output FILE]

They are the exceptions of spaCy's English lemmatizer, verbs and nouns, which are those of WordNet: each form
with one lemma that Snowball's stemmer does not bring to the same stem. Needs the extra ``en``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import spacy
import Stemmer

from memini_kuzu.extraction.spacy_extractor import MODELS
from memini_kuzu.text.analysis import STOP_WORDS

FILE = Path(__file__).parent.parent / "memini_kuzu" / "text" / "irregular.txt"

NOTICE = """\
# Irregular English forms and their lemmas, written by scripts/irregular_forms.py from the exception lists
# of WordNet 3.0 as spaCy's English lemmatizer has them. WordNet 3.0 Copyright 2006 by Princeton
# University. All rights reserved. Permission to use, copy, modify and distribute this software and
# database and its documentation for any purpose and without fee or royalty is hereby granted, provided
# that you agree to comply with the following copyright notice and statements, including the disclaimer,
# and that the same appear on ALL copies of the software, database and documentation, including
# modifications that you make for internal use or for distribution. THIS SOFTWARE AND DATABASE IS PROVIDED
# "AS IS" AND PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS OR WARRANTIES, EXPRESS OR IMPLIED. BY WAY OF
# EXAMPLE, BUT NOT LIMITATION, PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS OR WARRANTIES OF
# MERCHANTABILITY OR FITNESS FOR ANY PARTICULAR PURPOSE OR THAT THE USE OF THE LICENSED SOFTWARE, DATABASE
# OR DOCUMENTATION WILL NOT INFRINGE ANY THIRD PARTY PATENTS, COPYRIGHTS, TRADEMARKS OR OTHER RIGHTS.
"""


def main() -> int:
    """Read the tables and write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=FILE, help="a file")
    output: Path = parser.parse_args().output
    forms = irregular(_exceptions())
    lines = [f"{form} {lemma}\n" for form, lemma in sorted(forms.items())]
    output.write_text(NOTICE + "".join(lines), encoding="utf-8")
    print(f"{len(forms)} forms written to {output}")
    return 0


def irregular(exceptions: list[dict[str, list[str]]]) -> dict[str, str]:
    """The lemma of each form that a stemmer cannot find; the first table that has a form counts."""
    stem = Stemmer.Stemmer("english").stemWord
    return {
        form: lemmas[0]
        for table in reversed(exceptions)
        for form, lemmas in table.items()
        if len(lemmas) == 1
        and form.isascii()
        and form.isalpha()
        and stem(form) != stem(lemmas[0])
        # "might" is no "may", which is a month
        and not {form, lemmas[0]} & STOP_WORDS
    }


def _exceptions() -> list[dict[str, list[str]]]:
    """Of verbs and nouns: forms and their lemmas."""
    model = next(name for name in MODELS if spacy.util.is_package(name))
    lemmatizer: Any = spacy.load(model).get_pipe("lemmatizer")
    table = lemmatizer.lookups.get_table("lemma_exc")
    return [
        {str(form): [str(lemma) for lemma in lemmas] for form, lemmas in table[kind].items()}
        for kind in ("verb", "noun")
    ]


if __name__ == "__main__":
    sys.exit(main())
