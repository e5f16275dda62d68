"""Write the list of common English words, by which generic concepts are told (extraction/generic.py).

    pip install spacy-lookups-data==1.0.5
    python scripts/build_common_words.py

A word is common if at least one word in 100,000 is this one, in the counts of general English that spaCy
ships, and if it stands there in small letters at least as often as with a capital: *paris* is none.
"""

from __future__ import annotations

import gzip
import json
import math
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGE = "spacy-lookups-data"

SHARE = 1e-5
"""The share of all words from which on a word is common: Zipf frequency 4."""

TARGET = Path(__file__).parent.parent / "memini_kuzu" / "extraction" / "common_words.txt"


def common(log_probability: Mapping[str, float]) -> list[str]:
    """The common words, sorted.

    Parameters
    ----------
    log_probability : mapping of str to float
        Natural logarithms of the words' shares.

    Examples
    --------
    >>> common({"way": -6.7, "Way": -10.9, "paris": -11.4, "Paris": -9.8, "proxy": -12.0})
    ['way']
    """
    least = math.log(SHARE)
    return sorted(
        word
        for word, share in log_probability.items()
        if share >= least
        and word.isascii()
        and word.isalpha()
        and word.islower()
        and len(word) > 1
        and share >= max(log_probability.get(other, -math.inf) for other in (word.capitalize(), word.upper()))
    )


def main() -> None:
    """Write the list, with the licence of the counts."""
    [licence] = [file for file in metadata.files(PACKAGE) or () if file.name == "LICENSE"]
    packed = files("spacy_lookups_data").joinpath("data/en_lexeme_prob.json.gz").read_bytes()
    words = common(json.loads(gzip.decompress(packed)))
    about = (
        f"English words that make up at least {SHARE:.0e} of all words, taken from {PACKAGE} "
        f"{metadata.version(PACKAGE)} by scripts/build_common_words.py."
    )
    header = "".join(f"# {line}".rstrip() + "\n" for line in (about, "", *licence.read_text().splitlines()))
    TARGET.write_text(header + "\n".join(words) + "\n", encoding="utf-8")
    print(f"{len(words):,} words in {TARGET.name}")


if __name__ == "__main__":
    main()
