"""What is masked before it is stored, and what is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from memini_kuzu import NO_REDACTION, InputError, Memory, Redaction, RuleExtractor
from memini_kuzu.text.redaction import blank

if TYPE_CHECKING:
    from pathlib import Path

# put together here, so that no scanner takes this file for a leak
SECRETS = {
    "aws-access-key": "AKIA" + "IOSFODNN7EXAMPLE",
    "github-token": "ghp_" + "a1B2" * 9,
    "gitlab-token": "glpat-" + "x1y2z3" * 4,
    "anthropic-key": "sk-ant-" + "api03-" + "aB3_" * 10,
    "openai-key": "sk-" + "proj-" + "aB3_" * 11 + "aB3x",
    "slack-token": "xoxb-" + "123456789012-abcdefABCDEF",
    "google-key": "AIza" + "Sy0123456" * 3 + "Abcdefgh",
    "google-token": "GOCSPX-" + "a" * 28,
    "stripe-key": "sk_" + "live_" + "a1" * 12,
    "huggingface-token": "hf_" + "abcdefgh" * 4 + "ab",
    "npm-token": "npm_" + "a1B2" * 9,
    "pypi-token": "pypi-AgE" + "IcHlwaS5vcmcC" * 5,
    "jwt": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0" + ".c2lnbmF0dXJl",
    "private-key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nAb+/=\n-----END RSA PRIVATE KEY-----",
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_key_of_each_known_format_is_masked(kind: str) -> None:
    masked, counts = Redaction().mask(f"The key is {SECRETS[kind]}, said Ada.")
    assert masked == f"The key is [redacted:{kind}], said Ada."
    assert counts == {kind: 1}


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("aws_secret_access_key = " + "wJalrXUtnFEMI/K7MDENG" + "/bPxRfiCYEXAMPLEKEY", "aws-secret-key"),
        ("Authorization: Bearer " + "abc123" * 5, "bearer-token"),
        ("postgres://ada:" + "hunter2@db/notes", "url-password"),
        ("https://hooks.slack.com/" + "services/T000/B000/" + "X" * 24, "slack-webhook"),
    ],
)
def test_of_a_secret_in_its_context_only_the_secret_is_masked(text: str, masked: str) -> None:
    result, counts = Redaction().mask(text)
    assert counts == {masked: 1}
    assert result.startswith(text[:8])
    assert f"[redacted:{masked}]" in result


def test_a_token_is_masked_wherever_it_begins_in_a_word() -> None:
    token = SECRETS["jwt"]
    for before in ("", "=", "auth.", "session-", "id_", "eyJ-", "a.eyJbbb.", "-eyJaaaa-"):
        masked, counts = Redaction().mask(f"{before}{token} said Ada")
        assert counts == {"jwt": 1}
        assert token not in masked
        assert masked.endswith("[redacted:jwt] said Ada")
    assert Redaction().mask(f"x{token}") == (f"x{token}", {})


@pytest.mark.parametrize(
    "repeated",
    [
        "-eyJaaaa", "eyJaaaaaaaa.", "-eyJaaaaaaaa-eyJ", "eyJaaaaaaaa.eyJ", "a://", "a://b:", "http://a:b",
        "bearer ", "bearer a.", "aws secret = ", "aws", "awsSECRET:", "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN A ", "sk-", "sk-a", "-sk-proj-a", "xoxb-", "glpat-", "hf_a", "ya29.", "a@",
        "a@b.", "@b-", "a.",
    ],
)  # fmt: skip
def test_no_text_takes_more_than_its_length_to_mask(repeated: str) -> None:
    # two megabytes would take a pattern that backtracks a quarter of an hour
    Redaction(emails=True).mask("ecret earer eyJ :// @ " + repeated * (2_000_000 // len(repeated)))


def test_a_private_key_that_was_cut_off_is_masked_as_far_as_it_goes() -> None:
    text = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0B" * 2 + "\nand then words"
    assert Redaction().mask(text)[0] == "[redacted:private-key]\nand then words"


@pytest.mark.parametrize(
    "text",
    [
        "The bearer of good news sat on the risk-averse task-force-committee-of-the-whole.",
        "Commit 9d60a73f4372329b0c4e65b9c696e07d93df7c5, see https://example.org:8080/a@b",
        "sk-learn-contributors-and-maintainers use -----BEGIN PRIVATE KEY----- as a marker",
        "550e8400-e29b-41d4-a716-446655440000 is a UUID; AKIA is a prefix",
        "ada@example.org, +44 20 7946 0958",
        "postgres://username:password@localhost/db and https://user:PASS@host or amqp://me:<your password>@x",
        "redis://default:${REDIS_PASSWORD}@cache, ftp://ada:xxxx@files, mysql://root:$PASSWORD@db",
        "http://ada:***@b",
    ],
)
def test_what_only_looks_like_a_key_is_kept(text: str) -> None:
    assert Redaction().mask(text) == (text, {})


def test_email_addresses_are_masked_if_asked() -> None:
    masked, counts = Redaction(emails=True).mask("Write to ada.lovelace+x@mail.example.org.")
    assert masked == "Write to [redacted:email]."
    assert counts == {"email": 1}


def test_phone_numbers_are_masked_if_asked() -> None:
    pytest.importorskip("phonenumbers")
    masked, counts = Redaction(phones="GB").mask("Call 020 7946 0958 or +1 650-253-0000, not 1843.")
    assert masked == "Call [redacted:phone] or [redacted:phone], not 1843."
    assert counts == {"phone": 2}


def test_an_unknown_country_is_refused() -> None:
    pytest.importorskip("phonenumbers")
    with pytest.raises(InputError, match="two letters"):
        Redaction(phones="XX")


def test_masking_twice_changes_nothing_more() -> None:
    once, _ = Redaction(emails=True).mask(" ".join(SECRETS.values()))
    assert Redaction(emails=True).mask(once) == (once, {})


def test_a_mask_is_blank_to_extraction() -> None:
    text = "the [redacted:jwt] key"
    assert len(blank(text)) == len(text)
    assert "redacted" not in blank(text)


def test_a_secret_never_reaches_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.memini"
    secret = SECRETS["github-token"]
    with Memory.open(path, extractor=RuleExtractor()) as memory:
        report = memory.remember(f"Ada pushed with {secret}.", title=f"About {secret}")
        assert report.redacted == {"github-token": 2}
        [passage] = memory.recall("Ada pushed").passages
        assert passage.text == "Ada pushed with [redacted:github-token]."
        mentioned = memory.cypher("MATCH (e:Entity) WHERE e.label <> 'TITLE' RETURN e.name AS name")
        assert not [name for name in mentioned["name"].to_pylist() if "redacted" in name.lower()]
    assert secret.encode() not in path.read_bytes()


def test_a_memory_without_redaction_keeps_every_text(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor(), redaction=NO_REDACTION) as memory:
        assert memory.remember(SECRETS["google-key"]).redacted == {}


# --- what stands beside a text ---

KEY = SECRETS["aws-access-key"]


def test_source_id_and_metadata_are_masked_too(tmp_path: Path) -> None:
    masking = Redaction(emails=True)
    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor(), redaction=masking) as memory:
        reports = [
            memory.remember(
                "Ada left.",
                source=f"mail/{name}@example.org",
                id=f"{KEY}-1",
                metadata={KEY: f"by {name}@example.org"},
            )
            for name in ("ada", "bob")
        ]
        assert reports[0].redacted == {"aws-access-key": 2, "email": 2}
        # what two senders told stays apart
        first, second = (memory.get(report.ids[0]) for report in reports)
        assert first.source != second.source
        assert first.metadata == {"[redacted:aws-access-key]": "by [redacted:email]"}
        stored = memory.cypher("MATCH (d:Document) RETURN d.*").to_pylist()
        stored += memory.cypher("MATCH (p:Passage) RETURN p.*").to_pylist()
        stored += memory.cypher("MATCH (s:Source) RETURN s.*").to_pylist()
        assert KEY not in str(stored)
        assert "example.org" not in str(stored)
        again = memory.remember("Ada left.", source="mail/ada@example.org", id=f"{KEY}-1")
        assert (again.unchanged, again.ids) == (1, reports[0].ids)


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        (f"Mine is\n{SECRETS['github-token']}", "Mine is\n[redacted:github-token]"),
        (f"Mine is\t{SECRETS['jwt']}", "Mine is\t[redacted:jwt]"),
        ("Write to:\nada@example.org", "Write to:\n[redacted:email]"),
        ({"phones": [442079460958, 7]}, {"phones": ["[redacted:phone]", 7]}),
        (
            {"aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG" + "/bPxRfiCYEXAMPLEKEY"},
            {"aws_secret_access_key": "[redacted:aws-secret-key]"},
        ),
        # what a tool gave is JSON in JSON
        (json.dumps(["\nada@example.org"]), json.dumps(["\n[redacted:email]"])),
    ],
)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_json_in_metadata_is_masked_as_what_it_says_and_stays_json(
    said: Any, masked: Any, ascii_only: bool
) -> None:
    redaction = Redaction(emails=True, phones="GB")
    written = json.dumps({"é": 1.5e3, "said": said}, ensure_ascii=ascii_only)
    found, counts = redaction.mask_value(written)
    assert json.loads(found) == {"é": 1.5e3, "said": masked}
    assert sum(counts.values()) == 1
    assert found.isascii() is ascii_only


def test_metadata_that_only_begin_like_json_are_masked_as_text() -> None:
    redaction = Redaction(emails=True)
    for text in ("{ada@example.org}", "[ada@example.org", "[" * 100_000 + "ada@example.org"):
        assert redaction.mask_value(text) == redaction.mask(text)


def test_a_text_that_is_json_is_masked_as_what_it_says(tmp_path: Path) -> None:
    key = SECRETS["github-token"]
    with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as memory:
        told = json.dumps({"log": f"Ada's token:\n{key}"})
        report = memory.remember(told)
        assert memory.update(report.ids[0], told).unchanged == 1
        assert report.redacted == {"github-token": 1}
        assert json.loads(memory.get(report.ids[0]).text) == {"log": "Ada's token:\n[redacted:github-token]"}
