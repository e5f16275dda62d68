"""Secrets are masked before anything is stored: keys and tokens by their known formats, and more if asked.

The formats are those that the issuers document; each has a prefix that plain text does not have, so that a
text without one costs a few searches for a substring. No library is used for them: detect-secrets, the
best-known one, looks at files line by line and judges by entropy, which masks hashes and ids that a memory
should keep. Phone numbers are found by the phonenumbers library (extra ``privacy``): no short rule does.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memini_kuzu.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KEYS_ONLY", "NO_REDACTION", "Redaction", "blank"]

_START, _END = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"

_PLACEHOLDER = (
    r"(?i:(?:your|my|the|db|user)?[_-]?(?:password|passwd|pass|pwd|secret|token)|x+|\*+|\.+|…"
    r"|<[^<>@]*>|\$?\{[^{}@]*\}|\$[A-Z_]+|%\w+%|\[[^\[\]@]*\])"
)
"""What documentation writes in the place of a password."""

# name, substrings of which every match has one, pattern; a group `secret` is what is masked, else all of it
_KEYS = (
    (
        "private-key",
        ("-----BEGIN ",),
        # a key that was cut off has no end: its lines of base64 are masked as far as they go
        (
            r"-----BEGIN (?P<kind>(?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?)-----"
            r"(?:(?:(?!-----).)*-----END (?P=kind)-----|(?:\s+[A-Za-z0-9+/=]{16,})+)"
        ),
    ),
    ("aws-access-key", ("AKIA", "ASIA", "ABIA", "ACCA"), rf"{_START}A(?:KI|SI|BI|CC)A[A-Z2-7]{{16}}{_END}"),
    (
        "aws-secret-key",
        ("ecret", "ECRET"),
        r"(?i:aws.{0,20}?secret.{0,20}?[=:]\s*[\"']?)(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    ),
    (
        "github-token",
        ("gh", "github_pat_"),
        rf"{_START}(?:gh[pousr]_[A-Za-z0-9]{{36,}}|github_pat_\w{{60,}}){_END}",
    ),
    ("gitlab-token", ("glpat-",), rf"{_START}glpat-[\w-]{{20,}}"),
    ("anthropic-key", ("sk-ant-",), rf"{_START}sk-ant-[\w-]{{20,}}"),
    (
        "openai-key",
        ("sk-",),
        rf"{_START}sk-(?:(?:proj|svcacct|admin|None)-[\w-]{{20,}}|(?=[A-Za-z]*[0-9])[A-Za-z0-9]{{32,}}){_END}",
    ),
    ("slack-token", ("xox", "xapp-"), rf"{_START}(?:xox[a-z]|xapp)-[\w-]{{10,}}"),
    (
        "slack-webhook",
        ("hooks.slack.com",),
        r"hooks\.slack\.com/(?P<secret>(?:services|workflows)/[\w/]{20,})",
    ),
    ("google-key", ("AIza",), rf"{_START}AIza[\w-]{{35}}{_END}"),
    ("google-token", ("ya29.", "GOCSPX-"), rf"{_START}(?:ya29\.[\w-]{{20,}}|GOCSPX-[\w-]{{20,}})"),
    ("stripe-key", ("k_live_", "k_test_"), rf"{_START}[sr]k_(?:live|test)_[A-Za-z0-9]{{16,}}"),
    ("huggingface-token", ("hf_",), rf"{_START}hf_[A-Za-z]{{30,}}{_END}"),
    ("npm-token", ("npm_",), rf"{_START}npm_[A-Za-z0-9]{{36}}{_END}"),
    ("pypi-token", ("pypi-AgE",), rf"{_START}pypi-AgE[\w-]{{50,}}"),
    (
        "jwt",
        ("eyJ",),
        # begun only where a run of its characters begins, and never tried again within: linear in the text
        (
            rf"(?<![\w-])(?:(?!{_START}eyJ[\w-]{{8}})[\w-])*+"
            r"(?P<secret>eyJ[\w-]{8,}+\.eyJ[\w-]{8,}+\.[\w-]*+)"
        ),
    ),
    ("bearer-token", ("earer", "EARER"), r"(?i:\bbearer\s+)(?P<secret>(?=[^\s]*[0-9])[\w.~+/-]{20,}=*)"),
    (
        "url-password",
        ("://",),
        rf"\b[A-Za-z][A-Za-z0-9+.-]{{1,20}}://[^\s:/@]*:(?!{_PLACEHOLDER}@)(?P<secret>[^\s:/@]+)@",
    ),
)

_EMAIL = (("email", ("@",), r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.)+[A-Za-z]{2,24}(?![\w-])"),)

_MASK = re.compile(r"\[redacted:[a-z-]+\]")

_SCALAR = re.compile(r'"(?:[^"\\]|\\.)*+"|-?\d[\d.eE+-]*+')
"""A string or a number in JSON."""


def _is_json(text: str) -> bool:
    """Whether it is an object or a list as JSON."""
    if text.lstrip()[:1] not in {"{", "["}:
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _compiled(
    rules: tuple[tuple[str, tuple[str, ...], str], ...],
) -> list[tuple[str, tuple[str, ...], re.Pattern[str]]]:
    return [(name, marks, re.compile(pattern, re.DOTALL)) for name, marks, pattern in rules]


_KEY_RULES, _EMAIL_RULES = _compiled(_KEYS), _compiled(_EMAIL)


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is masked before a text is stored.

    Parameters
    ----------
    keys : bool
        Keys, tokens and passwords of known formats.
    emails : bool
        E-mail addresses.
    phones : str or None
        Phone numbers, as they are dialled in this country (two letters, such as ``US``) or with ``+``; None
        leaves them. Needs the extra ``privacy``.

    Raises
    ------
    InputError
        If the country is unknown, or phone numbers are asked for without the extra.

    Examples
    --------
    >>> text, counts = Redaction(emails=True).mask("ada@example.org has AKIAIOSFODNN7EXAMPLE")
    >>> text
    '[redacted:email] has [redacted:aws-access-key]'
    >>> counts
    {'aws-access-key': 1, 'email': 1}
    """

    keys: bool = True
    emails: bool = False
    phones: str | None = None

    def __post_init__(self) -> None:
        if self.phones is not None and self.phones not in _phonenumbers().SUPPORTED_REGIONS:
            raise InputError(f"phones = {self.phones!r} is no country; pass two letters, such as US")

    def mask(self, text: str) -> tuple[str, dict[str, int]]:
        """The text with what is to be hidden replaced by ``[redacted:<kind>]``, and how often each kind was.

        Parameters
        ----------
        text : str
            Any text.

        Examples
        --------
        >>> Redaction().mask("Ada met Charles.")
        ('Ada met Charles.', {})
        """
        if not text:
            return text, {}
        counts: Counter[str] = Counter()
        for name, marks, pattern in (
            *(_KEY_RULES if self.keys else ()),
            *(_EMAIL_RULES if self.emails else ()),
        ):
            if any(mark in text for mark in marks):
                text, found = pattern.subn(lambda match, name=name: _masked(match, name), text)
                if found:
                    counts[name] += found
        if self.phones is not None:
            for start, end in reversed(list(_phones(text, self.phones))):
                text = f"{text[:start]}[redacted:phone]{text[end:]}"
                counts["phone"] += 1
        return text, dict(counts)

    def mask_value(self, text: str) -> tuple[str, dict[str, int]]:
        r"""The same for what may be data: an object or a list as JSON is masked, and stays JSON.

        Parameters
        ----------
        text : str
            Any text.

        Examples
        --------
        >>> Redaction(emails=True).mask_value('{"said": "Write to:\\nada@example.org"}')[0]
        '{"said": "Write to:\\n[redacted:email]"}'
        """
        if not _is_json(text):
            return self.mask(text)
        counts: Counter[str] = Counter()

        def masked(part: re.Match[str]) -> str:
            # as it was said: the n of an escaped new line is no letter before a token, nor part of an address
            said, found = self.mask_value(json.loads(part[0]) if part[0].startswith('"') else part[0])
            counts.update(found)
            return json.dumps(said, ensure_ascii=part[0].isascii()) if found else part[0]

        parts = _SCALAR.sub(masked, text)
        # a name may tell what the value beside it is
        whole, found = self.mask(parts)
        return (whole, dict(counts + Counter(found))) if _is_json(whole) else (parts, dict(counts))


KEYS_ONLY = Redaction()
"""The default: keys, tokens and passwords."""

NO_REDACTION = Redaction(keys=False)
"""Store every text as it is."""


def blank(text: str) -> str:
    """The text with its masks blanked out, for extraction: a mask is not something that a text is about.

    Parameters
    ----------
    text : str
        A masked text.

    Returns
    -------
    str
        Of the same length, so that offsets hold.

    Examples
    --------
    >>> blank("the [redacted:jwt] key")
    'the                key'
    """
    return _MASK.sub(lambda match: " " * len(match[0]), text) if "[redacted:" in text else text


def _masked(match: re.Match[str], name: str) -> str:
    group = "secret" if "secret" in match.re.groupindex else 0
    start, end = match.span(group)
    whole, offset = match[0], match.start()
    return f"{whole[: start - offset]}[redacted:{name}]{whole[end - offset :]}"


def _phonenumbers() -> Any:
    try:
        import phonenumbers  # noqa: PLC0415 - an extra
    except ImportError:
        raise InputError(
            'phone numbers are found by the phonenumbers library; run pip install "memini-kuzu[privacy]"'
        ) from None
    return phonenumbers


def _phones(text: str, country: str) -> Iterator[tuple[int, int]]:
    for match in _phonenumbers().PhoneNumberMatcher(text, country):
        yield match.start, match.end
