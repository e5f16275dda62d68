"""Files, folders and standard input become records.

============================ ====================================================================
type                         what becomes a record
============================ ====================================================================
``.txt``                     the file, unless it holds a conversation
``.md``, ``.markdown``       the file; front matter of a title and dates alone is left out
``.html``, ``.htm``          its text, a blank line between blocks (needs ``memini-kuzu[files]``)
``.pdf``                     its text, a blank line between pages (needs ``memini-kuzu[files]``)
``.docx``, ``.epub``,        their text in blocks, as of a page (need ``memini-kuzu[files]``)
``.rst``
``.ipynb``                   its cells, those of code fenced
``.org``                     the file
``.jsonl``, ``.ndjson``      each line: an object with the fields that `Columns` names
``.csv``, ``.tsv``           each row, under a header with the columns that `Columns` names, parted by commas,
                             semicolons, tabs or bars
``.txt``, ``.json``,         where they hold a conversation, each message or turn: see `conversations`
``.html``, ``.eml``,
``.mbox``, ``.srt``,
``.vtt``
``-``                        standard input, see `read_stdin`
============================ ====================================================================

A folder is walked in sorted order by the rules of `list_files`. A file of another type that is named itself
is an error; in a folder it is said to be left out, as is a file that cannot be read as a whole.

The fields of a record come from the first of these that says anything:

- time: the `time` argument; the record's own (front matter ``time``, ``date`` or ``created``; in HTML the
  meta tags ``article:published_time`` and ``date``, then the first ``<time datetime>`` that is a date; a
  PDF's creation date); a date that the file's name begins with; the file's modification date, for rows of
  JSONL and CSV too. Standard input has none.
- source: the `source` argument; the record's own; the file's path within the folder that was given, with that
  folder's name in front.
- title: the record's own (front matter, HTML title, PDF title); a first heading of the first level; else the
  name of the file stands for it.
- id: a row's own; a whole number becomes its decimal text. A file that is one document has its name.

Text is kept verbatim, but for a byte-order mark, which tells UTF-8 and UTF-16; that of a page or a PDF is
what its markup holds. A page that is not in the given encoding is read in the one that it declares. JSONL and
CSV are streamed, so that memory does not grow with the file.
"""

from typing import TYPE_CHECKING

from memini_kuzu.lazy import names_of
from memini_kuzu.records import Columns

if TYPE_CHECKING:
    from memini_kuzu.readers._files import Listing
    from memini_kuzu.readers._inputs import TEXT_LIMIT
    from memini_kuzu.readers._lines import LINE_LIMIT
    from memini_kuzu.readers._walk import SUFFIXES, list_files, read, read_stdin

__all__ = ["LINE_LIMIT", "SUFFIXES", "TEXT_LIMIT", "Columns", "Listing", "list_files", "read", "read_stdin"]

__getattr__ = names_of(
    __name__,
    {
        "memini_kuzu.readers._files": ("Listing",),
        "memini_kuzu.readers._inputs": ("TEXT_LIMIT",),
        "memini_kuzu.readers._lines": ("LINE_LIMIT",),
        "memini_kuzu.readers._walk": ("SUFFIXES", "list_files", "read", "read_stdin"),
    },
)
