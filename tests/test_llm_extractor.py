"""The extractor by a language model, against a local server that speaks the protocol, well and badly."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from memini_kuzu import Extractor, InputError, Memory, RuleExtractor
from memini_kuzu.cli import app
from memini_kuzu.extraction import plugins
from memini_kuzu.extraction.llm import EndpointError, LLMExtractor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from typer.testing import Result

    Answer = Callable[[dict[str, Any]], tuple[int, dict[str, str], bytes]]

KNOWN = {"Ada Lovelace": "PERSON", "Charles Babbage": "PERSON", "London": "GPE", "engine": "CONCEPT"}


class Endpoint:
    """A chat endpoint; `answers` are given first, then right ones."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.busy = self.busiest = 0
        self.lock = threading.Lock()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with endpoint.lock:
                    endpoint.busy += 1
                    endpoint.busiest = max(endpoint.busiest, endpoint.busy)
                    endpoint.requests.append(body)
                    endpoint.keys.append(self.headers.get("Authorization"))
                    answer = endpoint.answers.pop(0) if endpoint.answers else right
                status, headers, content = answer(body)
                with endpoint.lock:
                    endpoint.busy -= 1
                self.send_response(status if self.path == "/v1/chat/completions" else 404)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                # a client that waits no longer is gone
                with contextlib.suppress(BrokenPipeError):
                    self.wfile.write(content)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"


def texts_of(body: dict[str, Any]) -> list[str]:
    return list(json.loads(body["messages"][1]["content"])["texts"])


def saying(content: str) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, json.dumps({"choices": [{"message": {"content": content}}]}).encode()


def right(body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    found = [
        [{"words": words, "label": label} for words, label in KNOWN.items() if words in text]
        for text in texts_of(body)
    ]
    return saying(json.dumps({"texts": found}))


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def extractor(endpoint: Endpoint, **settings: Any) -> LLMExtractor:
    return LLMExtractor(endpoint.url, "secret", "small", pause=0.001, **settings)


TEXT = "Ada Lovelace was in London. Charles Babbage built an engine; Ada Lovelace wrote of it."


def test_every_place_of_a_mention_is_found_with_its_sentence(endpoint: Endpoint) -> None:
    [found] = extractor(endpoint).extract([TEXT])
    assert [(each.name, each.label, each.sentence) for each in found] == [
        ("Ada Lovelace", "PERSON", 0),
        ("London", "GPE", 0),
        ("Charles Babbage", "PERSON", 1),
        ("engine", "CONCEPT", 1),
        ("Ada Lovelace", "PERSON", 1),
    ]
    assert all(TEXT[each.start :].startswith(each.name) for each in found)


def test_the_request_is_that_of_the_protocol(endpoint: Endpoint) -> None:
    list(extractor(endpoint).extract([TEXT]))
    [body] = endpoint.requests
    assert (body["model"], body["temperature"]) == ("small", 0)
    assert body["response_format"]["json_schema"]["strict"] is True
    assert endpoint.keys == ["Bearer secret"]


def test_batches_keep_their_order_and_the_limit_of_requests_at_a_time(endpoint: Endpoint) -> None:
    def slow(body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        time.sleep(0.05)
        return right(body)

    endpoint.answers = [slow] * 10
    texts = ["London", "", "engine", "Ada Lovelace"] * 5
    found = list(extractor(endpoint, batch=2, concurrency=3).extract(texts))
    assert [[each.name for each in mentions] for mentions in found] == [[t] if t else [] for t in texts]
    assert len(endpoint.requests) == 10
    assert 1 < endpoint.busiest <= 3


@pytest.mark.parametrize(
    "wrong",
    [
        lambda _body: saying("Here you are: Ada, London"),
        lambda _body: saying('{"texts": []}'),
        lambda _body: saying('{"texts": [["Ada"]]}'),
        lambda _body: saying('{"texts": [[{"words": 1, "label": "X"}]]}'),
        lambda _body: saying('{"texts": [[{"words": "Ada"}]]}'),
        lambda _body: saying("null"),
        lambda _body: (200, {}, b"<html>"),
        lambda _body: (200, {}, b'{"choices": []}'),
        lambda _body: (500, {}, b"oops"),
        lambda _body: (429, {"Retry-After": "0"}, b"slow down"),
        lambda _body: (200, {"Content-Length": "1000"}, b"{"),
    ],
)
def test_a_wrong_answer_is_asked_for_again(endpoint: Endpoint, wrong: Answer) -> None:
    endpoint.answers = [wrong, wrong]
    [found] = extractor(endpoint).extract(["London"])
    assert [each.name for each in found] == ["London"]
    assert len(endpoint.requests) == 3


def test_a_late_answer_is_asked_for_again(endpoint: Endpoint) -> None:
    asked_again = threading.Event()

    def late(body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        asked_again.wait(60)
        return right(body)

    def later(body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        asked_again.set()
        return right(body)

    endpoint.answers = [late, later]
    [found] = extractor(endpoint, timeout=2).extract(["London"])
    assert [each.name for each in found] == ["London"]
    assert asked_again.is_set()


def test_the_pause_that_the_endpoint_asks_for_is_kept(endpoint: Endpoint) -> None:
    endpoint.answers = [lambda _body: (429, {"Retry-After": "1"}, b"")]
    began = time.monotonic()
    list(extractor(endpoint).extract(["London"]))
    assert time.monotonic() - began >= 1.0


def test_an_endpoint_that_goes_on_answering_wrongly_ends_the_extraction(endpoint: Endpoint) -> None:
    endpoint.answers = [lambda _body: saying("no")] * 3
    with pytest.raises(EndpointError, match="failed 3 times, at last: not of the schema"):
        list(extractor(endpoint, attempts=3).extract(["London"]))


def test_a_refusal_is_not_asked_for_again(endpoint: Endpoint) -> None:
    endpoint.answers = [lambda _body: (401, {}, b"wrong key")]
    with pytest.raises(EndpointError, match=r"refuses with status 401 \(wrong key\)"):
        list(extractor(endpoint).extract(["London"]))
    assert len(endpoint.requests) == 1


def test_words_that_the_text_does_not_hold_are_left_out(endpoint: Endpoint) -> None:
    invented = [{"words": "Grace Hopper", "label": "PERSON"}, {"words": "Ada", "label": "PERSON"}]
    endpoint.answers = [lambda _body: saying(json.dumps({"texts": [invented]}))]
    [found] = extractor(endpoint).extract(["Canada is large, said Ada."])
    assert [(each.name, each.start) for each in found] == [("Ada", 22)]


def test_a_failing_extraction_leaves_the_store_as_it_was(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.answers = [lambda _body: (403, {}, b"")]
    with Memory.open(tmp_path / "a.memini", extractor=extractor(endpoint)) as memory:
        with pytest.raises(EndpointError):
            memory.remember(TEXT)
        assert memory.stats().documents == 0
        assert memory.remember(TEXT).added == 1
        assert memory.associations("Ada Lovelace")[0].target


def test_settings_come_from_the_environment_when_they_are_used(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("URL", "KEY", "MODEL"):
        monkeypatch.delenv(f"MEMINI_LLM_{name}", raising=False)
    made = LLMExtractor()
    with pytest.raises(InputError, match="MEMINI_LLM_URL"):
        list(made.extract(["London"]))
    monkeypatch.setenv("MEMINI_LLM_URL", endpoint.url)
    with pytest.raises(InputError, match="MEMINI_LLM_MODEL"):
        list(made.extract(["London"]))
    monkeypatch.setenv("MEMINI_LLM_MODEL", "tiny")
    assert made.identity == "llm/tiny/1"
    assert len(list(made.extract(["London"]))) == 1
    assert endpoint.keys == [None]


def test_an_address_that_is_no_web_address_is_refused() -> None:
    with pytest.raises(InputError, match="no http"):
        list(LLMExtractor("file:///etc", model="m").extract(["x"]))


def test_an_estimate_counts_requests_and_tokens_and_sends_nothing(endpoint: Endpoint) -> None:
    estimate = extractor(endpoint, batch=8).estimate(["four" * 100] * 17)
    assert (estimate.texts, estimate.requests) == (17, 3)
    assert 1_700 < estimate.input_tokens < 3_000
    assert estimate.cost(1.0, 0.0) == estimate.input_tokens / 1e6
    assert endpoint.requests == []


def test_an_estimate_has_a_price_where_prices_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEMINI_LLM_PRICES", raising=False)
    texts = ["four" * 100]
    unknown = LLMExtractor(model="m").estimate(texts)
    assert unknown.price is None
    known = LLMExtractor(model="m", prices=(0.5, 2.0)).estimate(texts)
    assert known.price == unknown.cost(0.5, 2.0) > 0
    for written in ("0.5 2", "0.5, 2.0"):
        monkeypatch.setenv("MEMINI_LLM_PRICES", written)
        assert LLMExtractor(model="m").estimate(texts) == known


@pytest.mark.parametrize("prices", ["cheap", "1", "1 2 3", "-1 2", "nan 1", "1 inf"])
def test_prices_that_are_none_are_refused(prices: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMINI_LLM_PRICES", prices)
    with pytest.raises(InputError, match=r"MEMINI_LLM_PRICES = .* such as '0.15 0.60'"):
        LLMExtractor(model="m").estimate([])


# The command line


@pytest.fixture
def paid(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    """The endpoint, with its prices, as the environment names it."""
    for name, value in (("URL", endpoint.url), ("MODEL", "small"), ("PRICES", "1000 1000"), ("KEY", "k")):
        monkeypatch.setenv(f"MEMINI_LLM_{name}", value)
    for name in ("MEMINI_DB", "MEMINI_SERVER"):
        monkeypatch.delenv(name, raising=False)
    return endpoint


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(9):
        (folder / f"{number}.txt").write_text(f"{TEXT} It was day {number}.")
    return folder


def memini(*args: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["--extractor", "llm", *map(str, args)], input=stdin, prog_name="memini")


def test_ingest_only_says_what_it_would_cost(paid: Endpoint, notes: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.memini"
    told = memini("ingest", notes, "--db", path)
    assert told.exit_code == 0
    rows = dict(line.rsplit(maxsplit=1) for line in told.stdout.splitlines()[1:])
    assert (rows["passages"], rows["requests"]) == ("9", "2")
    assert float(rows["price"].replace(",", "")) > 0
    assert told.stderr == "memini: nothing was sent, nothing was changed; do it with --yes\n"
    asked = json.loads(memini("ingest", notes, "--db", path, "--json").stdout)
    assert asked["dry_run"] is True
    assert asked["estimate"]["requests"] == 2
    assert paid.requests == []
    assert [each.name for each in tmp_path.iterdir()] == ["notes"]


def test_ingest_says_what_it_costs_before_it_sends(paid: Endpoint, notes: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.memini"
    # an endpoint that refuses at once: what was said before stands there all the same
    paid.answers = [lambda _body: (401, {}, b"")] * 2
    refused = memini("ingest", notes, "--db", path, "--yes")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("memini: sending 9 passages in 2 requests: about ")
    paid.answers.clear()
    paid.requests.clear()
    done = json.loads(memini("ingest", notes, "--db", path, "--yes", "--json").stdout)
    assert (done["added"], done["estimate"]["requests"], len(paid.requests)) == (9, 2, 2)


def test_what_the_store_has_costs_nothing(paid: Endpoint, notes: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.memini"
    assert memini("ingest", notes, "--db", path, "--yes").exit_code == 0
    sent = len(paid.requests)
    (notes / "new.txt").write_text("London is new.")
    again = json.loads(memini("ingest", notes, "--db", path, "--json").stdout)
    assert (again["estimate"]["texts"], again["estimate"]["requests"]) == (1, 1)
    assert memini("ingest", notes, "--db", path, "--yes").exit_code == 0
    assert len(paid.requests) == sent + 1


def test_a_bad_record_is_found_before_anything_is_sent(paid: Endpoint, tmp_path: Path) -> None:
    lines = [json.dumps({"text": TEXT})] * 2 + ["{"]
    refused = memini("ingest", "-", "--db", tmp_path / "a.memini", "--yes", stdin="\n".join(lines))
    assert refused.exit_code == 1
    assert "standard input:3" in refused.stderr
    assert "nothing was changed" in refused.stderr
    assert paid.requests == []


def test_standard_input_is_estimated_and_sent(paid: Endpoint, tmp_path: Path) -> None:
    path = tmp_path / "a.memini"
    lines = "\n".join(json.dumps({"text": TEXT, "id": str(number)}) for number in range(3))
    told = json.loads(memini("ingest", "-", "--db", path, "--yes", "--json", stdin=lines).stdout)
    assert (told["added"], told["estimate"]["texts"], len(paid.requests)) == (3, 3, 1)


def test_remember_sends_only_with_yes_and_no_secret(paid: Endpoint, tmp_path: Path) -> None:
    path = tmp_path / "a.memini"
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    args = [
        "remember",
        f"{TEXT} {key} ada@example.org",
        "--time",
        "2026-03-01",
        "--redact-emails",
        "--db",
        path,
    ]
    assert "do it with --yes" in memini(*args).stderr
    assert paid.requests == []
    assert not path.exists()
    done = memini(*args, "--yes")
    assert done.exit_code == 0
    assert "; masked: 1 aws-access-key, 1 email" in done.stdout
    [request] = paid.requests
    assert "London" in str(request)
    assert key not in str(request)
    assert "ada@example" not in str(request)


def test_a_server_says_that_it_sends_what_it_is_told(
    paid: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = pytest.importorskip("memini_kuzu.service", reason='the extra "mcp" is not installed')
    monkeypatch.setattr(server, "serve_http", lambda *_args, **_settings: None)
    started = memini("serve", "--db", tmp_path / "a.memini")
    assert started.exit_code == 0
    assert "each text that is remembered here is sent to llm/small/1" in started.stderr
    assert paid.requests == []


def test_an_extractor_that_costs_nothing_is_not_asked_about(paid: Endpoint, tmp_path: Path) -> None:
    with (
        Memory.open(tmp_path / "a.memini", extractor=RuleExtractor()) as memory,
        pytest.raises(InputError, match="rules/3 costs nothing"),
    ):
        memory.estimate([])
    free = ["--extractor", "rules", "remember", TEXT, "--db", str(tmp_path / "a.memini")]
    assert CliRunner().invoke(app, free, prog_name="memini").exit_code == 0
    assert paid.requests == []


class Foreign:
    identity = "foreign/1"

    def extract(self, texts: Any, *, processes: int = 1) -> Any:
        del processes
        yield from ([] for _ in texts)


def test_another_package_offers_an_extractor_by_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    offered = [
        metadata.EntryPoint("foreign", f"{__name__}:Foreign", plugins.GROUP),
        metadata.EntryPoint("broken", "builtins:int", plugins.GROUP),
    ]
    monkeypatch.setattr(
        metadata, "entry_points", lambda group: metadata.EntryPoints(offered) if group else None
    )
    monkeypatch.setattr(
        metadata.EntryPoint, "load", lambda self: {"foreign": Foreign, "broken": int}[self.name]
    )
    assert plugins.extractor_names() == ["spacy", "rules", "llm", "gliner", "broken", "foreign"]
    assert plugins.extractor_named("foreign").identity == "foreign/1"
    with pytest.raises(InputError, match="gives a int without identity"):
        plugins.extractor_named("broken")


def test_an_unknown_extractor_is_refused_with_the_known_names() -> None:
    with pytest.raises(InputError, match="there are spacy, rules, llm"):
        plugins.extractor_named("none")


def test_the_llm_is_an_extractor_and_no_default() -> None:
    assert isinstance(LLMExtractor(model="m"), Extractor)
    assert isinstance(plugins.extractor_named("rules"), RuleExtractor)
