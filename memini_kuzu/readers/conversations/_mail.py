"""Mail: a message of .eml, or each of an mbox; what it quotes was told by others."""

from __future__ import annotations

import codecs
import re
from dataclasses import replace
from email import policy
from email.parser import BytesParser
from email.utils import getaddresses
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from memini_kuzu.errors import RecordError
from memini_kuzu.readers._inputs import HEAD, TEXT_LIMIT, UTF16, brief
from memini_kuzu.readers.conversations._turns import MEDIA, QUOTED, LeftOut, Turn
from memini_kuzu.times import to_millis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

    from memini_kuzu.readers._inputs import Input

__all__ = ["is_mail", "is_mailbox", "mail_turns", "mbox_turns", "own_lines"]

SIGNED, FILES = "lines of signatures left out", "attached files left out"

_HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:")
_HEAD = re.compile(rb">?From |[!-9;-~]+[ \t]*:")  # of any field that a header may have, or that of a mailbox
_BLANK = re.compile(rb"\r?\n\r?\n")
_REPLY = re.compile(
    r"(?:\s*(?:re|aw|antw|sv|vs|fwd?|wg|tr|rv|res|ref|odp|ynt)\s*(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE
)
_ORIGINAL = re.compile(r"\s*-{2,}\s*(?:\w+[ ]){1,2}\w+\s*-{2,}\s*|_{10,}")
_FIELD = re.compile(r"\s*[*_]{0,2}(?P<name>[^\W\d_][\w /-]{0,24}?)[*_]{0,2}\s?:[*_]{0,2}\s.*\S.*")
_FORWARD = re.compile(
    r"\s*-{2,}[^-\n]*(?:forwarded|weitergeleitet|transféré|reenviad[oa]|inoltrat[oa]"
    r"|encaminhada|doorgestuurd).*"
    r"|\s*begin forwarded message:\s*",
    re.IGNORECASE,
)
_PASSED_ON = re.compile(r"\s*(?:fwd?|wg|tr|rv|enc|vb|vl|i|pd)\s*:", re.IGNORECASE)
_FROM_LINE = re.compile(rb"From \S+.*\d{2}:\d{2}.*\r?\n")
QUOTES = "blockquote, .gmail_quote, .yahoo_quoted, #divRplyFwdMsg, #divRplyFwdMsg ~ *"
"""What mail programs put around the mail that is answered."""

WIDER = {
    "iso-8859-1": "cp1252",
    "iso-8859-9": "cp1254",
    "gb2312": "gb18030",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
}
"""What mail programs write in that name these encodings: those of Windows, which hold more characters."""

FIELDS = 3
"""Lines of fields in a row that repeat the head of an answered mail."""

SENDERS = frozenset(
    """
    from von de da van från fra lähettäjä od feladó kimden gönderen от від από dari từ 发件人 寄件者 差出人
    送信者 보낸사람 מאת من
    """.split()  # noqa: SIM905 - read and edited as text
)
"""What the first field of such a head is called, in small letters and without spaces."""

SUBJECTS = frozenset(
    """
    subject betreff objet asunto assunto oggetto onderwerp ämne emne aihe temat předmět predmet subiect tárgy
    konu тема θέμα subjek perihal 主题 主旨 件名 제목 נושא الموضوع
    """.split()  # noqa: SIM905 - read and edited as text
)
"""What such a head calls its title."""


def is_mail(data: bytes) -> bool:
    r"""Whether a text is a mail: it starts with header fields, and says from whom and when.

    Examples
    --------
    >>> is_mail(b"From: ada@example.org\nDate: today\n\ntext"), is_mail(b"From: here to there\n")
    (True, False)
    """
    names = set()
    for line in data[:HEAD].split(b"\n"):
        if not line.strip():
            break
        if line[:1].isspace():
            continue  # a field goes on
        if not _HEADER.match(line):
            return False
        names.add(line.partition(b":")[0].lower())
    return {b"from", b"date"} <= names


def is_mailbox(data: bytes) -> bool:
    """Whether a text is a mailbox: its first line parts mails."""
    return _FROM_LINE.match(data) is not None and is_mail(data.partition(b"\n")[2])


def mail_turns(data: bytes, given: Input) -> Iterator[Turn | LeftOut | RecordError]:
    """The turn of one mail."""
    if data.startswith(UTF16):
        data = data.decode("utf-16", "replace").encode()
    # what editors put before the header, which would end it
    head = data[:HEAD].removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")
    if head and not _HEAD.match(head):
        yield RecordError(given.name, "is no mail: it begins with no header such as From:; name a text .txt")
        return
    yield from _turns(head + data[HEAD:], given.name, None)


def mbox_turns(stream: BinaryIO, given: Input) -> Iterator[Turn | LeftOut | RecordError]:
    """The turns of a mailbox, streamed: one mail is in memory at a time."""
    mail, number, blank, size = list[bytes](), 0, True, 0
    for line in iter(lambda: stream.readline(TEXT_LIMIT), b""):
        if blank and _FROM_LINE.match(line if number else line.removeprefix(codecs.BOM_UTF8)):
            if number:
                yield from _turns(b"".join(mail), f"{given.name}:{number}", number)
            mail, size, number = [], 0, number + 1
        elif size <= TEXT_LIMIT:
            mail.append(line[1:] if re.match(rb">+From ", line) else line)
            size += len(line)
        blank = not line.strip()
    if number:
        yield from _turns(b"".join(mail), f"{given.name}:{number}", number)
    else:
        yield RecordError(given.name, "is no mailbox: no line begins with 'From '; name a mail .eml")


def _turns(data: bytes, origin: str, number: int | None) -> Iterator[Turn | LeftOut | RecordError]:
    if len(data) > TEXT_LIMIT:
        yield RecordError(origin, f"is over {TEXT_LIMIT // 2**20} MiB; leave its attachments out")
        return
    try:
        mail: Any = BytesParser(policy=policy.default).parsebytes(_with_clear_head(data))
        turn = _turn(mail)
        # programs that mark what they pass on as they mark quotes say in the subject which it is
        forwards = _PASSED_ON.match(str(mail.get("subject") or "")) is not None
        body, files, apart = _body(mail, origin, "" if forwards else QUOTES)
    except RecordError as error:
        yield RecordError(origin, error.reason)
        return
    except Exception as error:  # noqa: BLE001 - the parser lets through what broken headers raise
        yield RecordError(origin, f"is not a mail that can be read ({brief(error)})")
        return
    words, quoted, signed = own_lines(body, forwards=forwards)
    for what, count in ((QUOTED, quoted + apart), (SIGNED, signed), (FILES, files)):
        if count:
            yield LeftOut(what, count)
    if words or turn.title:
        yield replace(turn, text=words or turn.title, line=number)
    else:
        yield LeftOut(MEDIA)


def _with_clear_head(data: bytes) -> bytes:
    """A mail with its head in UTF-8, which the parser reads; older ones hold bytes of Windows-1252 there."""
    blank = _BLANK.search(data)
    end = blank.start() if blank else len(data)
    try:
        data[:end].decode()
    except UnicodeDecodeError:
        return data[:end].decode("cp1252", "replace").encode() + data[end:]
    return data


def _turn(mail: EmailMessage) -> Turn:
    """What the headers tell."""
    senders, others = _people(mail, "from"), (*_people(mail, "to"), *_people(mail, "cc"))
    title = _REPLY.sub("", str(mail.get("subject") or ""), count=1).strip()
    people = tuple(dict.fromkeys(name for name in others if name not in senders))
    own = str(mail.get("message-id") or "").strip().strip("<>")
    return Turn("", ", ".join(senders), _date(mail), own, title, "", people)


def _people(mail: EmailMessage, header: str) -> tuple[str, ...]:
    found = getaddresses([str(value) for value in mail.get_all(header, [])])
    return tuple(
        dict.fromkeys(" ".join((name or address).split()) for name, address in found if name or address)
    )


def _date(mail: EmailMessage) -> str | int | None:
    value = mail.get("date")
    if value is None:
        return None
    moment = getattr(value, "datetime", None)
    return str(value) if moment is None else to_millis(moment)


def _body(mail: EmailMessage, origin: str, without: str) -> tuple[str, int, int]:
    """The words of a mail, how many files it brings, and how many lines its pages quote."""
    files = sum(map(_is_file, mail.walk()))
    texts = list(_texts(mail, origin, without) if mail.is_multipart() else [_words(mail, origin, without)])
    body = "\n\n".join(text.strip("\r\n") for text, _ in texts if text.strip())
    return body, files, sum(quoted for _, quoted in texts)


def _is_file(part: Any) -> bool:
    return part.get_filename() is not None or part.get_content_type() == "message/rfc822"


def _texts(part: Any, origin: str, without: str) -> Iterator[tuple[str, int]]:
    """The texts of a part, also around pictures; of several forms of one the plain text, if it says any."""
    if _is_file(part) or part.is_attachment():
        return
    if not part.is_multipart():
        yield _words(part, origin, without)
    elif part.get_content_subtype() == "alternative":
        # one by one: a page needs a reader that may not be installed, beside a text nobody needs it
        forms = (list(_texts(form, origin, without)) for form in sorted(part.iter_parts(), key=_is_page))
        yield from next((texts for texts in forms if any(text.strip() for text, _ in texts)), [])
    else:
        for inner in part.iter_parts():
            yield from _texts(inner, origin, without)


def _is_page(part: Any) -> bool:
    return bool(part.get_content_type() != "text/plain")


def _words(part: Any, origin: str, without: str) -> tuple[str, int]:
    """The words of a part that is text or a page, and how many lines the page quotes; none of any other."""
    kind = part.get_content_type()
    if kind == "text/html":
        return _page(_content(part), origin, without)
    return (_content(part) if kind == "text/plain" else ""), 0


def _content(part: Any) -> str:
    """The text of a part; in UTF-8 or Windows-1252 where it names no encoding, or one that it is not in."""
    payload = part.get_payload(decode=True) or b""
    named = part.get_content_charset() or "utf-8"
    for encoding in (WIDER.get(named, named), named, "utf-8", "cp1252"):
        try:
            return str(payload.decode(encoding))
        except (LookupError, UnicodeError):
            continue
    return str(payload.decode("latin-1"))


def _page(markup: str, origin: str, without: str) -> tuple[str, int]:
    from memini_kuzu.readers._documents import page_text  # noqa: PLC0415 - needs an extra

    return page_text(markup, origin, without)


def own_lines(body: str, *, forwards: bool = False) -> tuple[str, int, int]:
    r"""What the sender wrote, how many lines are quoted, and how many sign.

    Lines that begin with ``>`` are quoted, with the line before them that ends in a colon (*Ada wrote:*);
    so is all after the repeated head of an answered mail. What is forwarded stays: the sender passes it on.

    Parameters
    ----------
    body : str
        The text of a mail.
    forwards : bool
        Whether its subject says that it is passed on: what is marked as quoted, or has a head, is that then.

    Examples
    --------
    >>> own_lines("Yes.\n\nOn Monday Ada wrote:\n> Shall we?\n-- \nBob")
    ('Yes.', 2, 1)
    """
    lines = body.replace("\r\n", "\n").split("\n")
    if forwards and not any(map(partial(_passes_on, lines), range(len(lines)))):
        lines = [re.sub(r"\A\s*> ?", "", line) for line in lines]
    quoted, signed = _cut(lines, forwards=forwards)
    own: list[str] = []
    for line in lines:
        if line.lstrip().startswith(">"):
            quoted += 1
            # who wrote it, on one line or broken over two
            while own and not own[-1].strip():
                own.pop()
            if own and own[-1].rstrip().endswith(":"):
                quoted += 1
                own.pop()
                if own and own[-1].strip() and (len(own) == 1 or not own[-2].strip()):
                    quoted += 1
                    own.pop()
            own.append("")
        else:
            own.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(own)).strip(), quoted, signed


def _cut(lines: list[str], *, forwards: bool) -> tuple[int, int]:
    """Take an answered mail and a signature from the lines, and count theirs; what is passed on stays."""
    quoted = 0
    begun, ended = len(lines), len(lines)  # of what signs
    for number, line in enumerate(lines):
        if _FORWARD.fullmatch(line) or (forwards and _passes_on(lines, number)):
            ended = number
            break
        if line in {"-- ", "--"}:
            begun = min(begun, number)
        elif _is_head(lines, number):
            if begun == len(lines):
                quoted = sum(bool(each.strip()) for each in lines[number:])
                del lines[number:]
            break
    signed = sum(bool(each.strip()) for each in lines[begun + 1 : ended])
    del lines[begun:ended]
    return quoted, signed


def _passes_on(lines: list[str], number: int) -> bool:
    """Whether what another wrote begins here, where a mail passes it on."""
    return _FORWARD.fullmatch(lines[number]) is not None or _is_head(lines, number)


def _is_head(lines: list[str], number: int) -> bool:
    """Whether the head of an answered mail begins here: fields in a row, a rule before them or not.

    The first says from whom. A list of a journey or an order begins with another field, or it names neither
    an address nor a subject.
    """
    ruled = _ORIGINAL.fullmatch(lines[number]) is not None
    start = number + 1 if ruled else number
    if start == len(lines) or _field(lines[start]) not in SENDERS:
        return False
    head = [line for line in lines[start : start + FIELDS + 2] if line.strip()][: FIELDS + 1]
    told = ruled or any("@" in line for line in head)
    told = told or any(_field(line) in SUBJECTS for line in lines[start : start + 2 * FIELDS + 2])
    return told and sum(map(bool, map(_field, head))) >= FIELDS


def _field(line: str) -> str:
    """What a line that is a field calls it, in small letters and without spaces; empty for any other."""
    found = _FIELD.fullmatch(line)
    return "" if found is None else found["name"].replace(" ", "").casefold()
