"""One server for many users: each reaches their own store, and no other's, whatever is tried."""

from __future__ import annotations

import base64
import json
import logging
import shlex
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from test_server import TOKEN, cli, command, environment

from memini_kuzu import InputError, Memory, RuleExtractor, StoreError
from memini_kuzu.errors import StoreLockedError

pytest.importorskip("mcp", reason='the extra "mcp" is not installed')

import anyio
import httpx2
import jwt
import kuzu
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from memini_kuzu.service import SignedTokens, UserMemories, application, memories
from memini_kuzu.service.http import listen, server
from memini_kuzu.service.log import LOG
from memini_kuzu.service.places import FILE, LONGEST, folder_name
from memini_kuzu.store.engine.database import pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "a key of thirty-two bytes or more, and here of sixty-four and some"
TOKENS = SignedTokens(KEY)
SECRETS = {user: f"{user.title()} Lind hid the {user}stone in Oslo." for user in ("ada", "ben", "cleo")}


def opened(path: Path) -> Memory:
    return Memory.open(path, extractor=RuleExtractor(), share=0.1)


@contextmanager
def listening(root: Path, limit: int = 2, opener: Callable[[Path], Memory] = opened) -> Iterator[str]:
    """A server of users in a thread of this process; its address."""
    with UserMemories(root, TOKENS, opener, limit=limit) as users, listen("127.0.0.1", 0) as bound:
        running = server(application(users, host="127.0.0.1"))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield "http://{}:{}".format(*bound.getsockname())
        finally:
            running.should_exit = True
            thread.join(60)
            assert not thread.is_alive()


def signed(claims: dict[str, Any], key: str = KEY, **more: Any) -> str:
    return jwt.encode({"exp": datetime.now(UTC) + timedelta(days=1), **claims}, key, **more)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def as_user(user: str) -> dict[str, str]:
    return bearer(TOKENS.issue(user, days=1))


def post(url: str, tool: str, user: str, **arguments: object) -> Any:
    answer = httpx2.post(f"{url}/v1/{tool}", json=arguments, headers=as_user(user), timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served") / "users"


@pytest.fixture(scope="module")
def address(root: Path) -> Iterator[str]:
    with listening(root) as url:
        for user, text in SECRETS.items():
            post(url, "remember", user, text=text, id="1")
        yield url


# --- names ---


@given(st.text(), st.text())
def test_users_of_different_names_have_different_folders(one: str, other: str) -> None:
    try:
        folders = [folder_name(one), folder_name(other)]
    except InputError:
        return
    assert (folders[0] == folders[1]) == (one == other)


@given(st.text(max_size=60))
def test_a_folder_is_one_plain_name_whatever_the_user_is_called(user: str) -> None:
    try:
        name = folder_name(user)
    except InputError:
        return
    # no folder is left, none is hidden or reserved, and letters of one size have one meaning
    assert Path(name).name == name == name.lower()
    assert name.startswith("user-")
    assert name.isascii()
    assert name.replace("-", "").replace("_", "").isalnum()
    assert len(name) <= LONGEST


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ada", "ada"), ("a/b", "a_2fb"), ("straße", "strasse"), ("é", "e\u0301"), ("a", "a "), ("nul", "NUL")],
)
def test_names_that_a_file_system_may_confuse_are_kept_apart(one: str, other: str) -> None:
    assert folder_name(one).casefold() != folder_name(other).casefold()


@pytest.mark.parametrize("user", ["", "x" * 200, "\ud800"])
def test_a_user_who_can_have_no_folder_is_refused(user: str) -> None:
    with pytest.raises(InputError, match="the user's name"):
        TOKENS.issue(user, days=1)


# --- who may ask ---


def encoded(part: bytes) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def none_signed(claims: dict[str, Any]) -> str:
    """A token that says that it needs no signature."""
    parts = [{"alg": "none", "typ": "JWT"}, {"exp": 1 << 33, **claims}]
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        + "."
    )


def tampered(user: str, other: str) -> str:
    """A good token whose claims name another user."""
    head, claims, signature = TOKENS.issue(user, days=1).split(".")
    named = json.loads(base64.urlsafe_b64decode(claims + "=="))
    return ".".join([head, encoded(json.dumps({**named, "sub": other}).encode()), signature])


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (None, "a bearer token is required"),
        ("ben", "not one that this server's key has signed"),
        (TOKEN, "not one that this server's key has signed"),
        (none_signed({"sub": "ben"}), "not one that this server's key has signed"),
        (none_signed({"sub": "ben"}) + "x", "not one that this server's key has signed"),
        (tampered("ada", "ben"), "not one that this server's key has signed"),
        (signed({"sub": "ben"}, key="another key of thirty-two bytes or more"), "this server's key"),
        (signed({"sub": "ben"}, algorithm="HS512"), "this server's key"),
        (signed({"sub": "ben", "exp": 1}), "expired"),
        (signed({"sub": "ben", "exp": None}), "no 'exp'"),
        (signed({"sub": "ben", "nbf": 1 << 33}), "this server's key"),
        (signed({"sub": "ben", "aud": "another service"}), "this server's key"),
        (signed({"user": "ben"}), "no 'sub'"),
        (signed({"sub": ""}), "the user's name"),
        (signed({"sub": "b" * 300}), "the user's name"),
        ("e30." * 3, "this server's key"),
        (base64.urlsafe_b64encode(b"[" * 9_000).decode() + "..", "this server's key"),
    ],
)  # fmt: skip
def test_who_brings_no_token_of_a_user_is_turned_away(address: str, token: str | None, said: str) -> None:
    headers = {} if token is None else bearer(token)
    for path in ("/v1/stats", "/v1", "/openapi.json", "/mcp", "/nowhere"):
        answer = httpx2.get(f"{address}{path}", headers=headers)
        assert answer.status_code == 401
        assert said in answer.json()["error"]["message"]
        assert "ben" not in answer.text
    asked = httpx2.post(f"{address}/v1/recall", json={"cue": "Oslo"}, headers=headers)
    assert asked.status_code == 401


def test_a_token_of_a_host_whose_clock_is_ahead_is_good_at_once() -> None:
    # JWT libraries tell by themselves when a token was made
    assert TOKENS.user(signed({"sub": "ada", "iat": datetime.now(UTC) + timedelta(minutes=1)})) == "ada"


def test_a_token_with_a_number_for_a_user_is_turned_away() -> None:
    # PyJWT refuses to make one
    parts = [encoded(json.dumps(part).encode()) for part in ({"alg": "HS256"}, {"sub": 7, "exp": 1 << 33})]
    signature = jwt.get_algorithm_by_name("HS256").sign(".".join(parts).encode(), KEY.encode())
    token = ".".join([*parts, encoded(signature)])
    with pytest.raises(StoreError, match="this server's key"):
        TOKENS.user(token)


def test_health_is_open(address: str) -> None:
    assert httpx2.get(f"{address}/health").json() == {"status": "ok"}


def test_a_key_is_long_and_a_token_holds_for_a_time() -> None:
    with pytest.raises(InputError, match="the key has 5 bytes"):
        SignedTokens("short")
    for days in (0, -1, float("nan"), float("inf"), 1e9):
        with pytest.raises(InputError, match="days = "):
            TOKENS.issue("ada", days=days)


def test_the_one_token_of_a_memory_opens_none_of_many(tmp_path: Path) -> None:
    with (
        UserMemories(tmp_path / "users", TOKENS, opened) as users,
        pytest.raises(InputError, match="leave MEMINI_TOKEN out"),
    ):
        application(users, host="127.0.0.1", token=TOKEN)


# --- whose store answers ---


def test_each_user_reaches_their_own_texts_and_no_others(address: str, root: Path) -> None:
    for user, text in SECRETS.items():
        found = post(address, "recall", user, cue="Who hid a stone in Oslo?")
        assert [passage["text"] for passage in found["passages"]] == [text]
        assert [each["text"] for each in post(address, "list", user)["documents"]] == [text]
        targets = post(address, "associations", user, entity="Oslo")["associations"]
        assert {each["target"] for each in targets} == {f"{user.title()} Lind", f"{user}stone"}
        headers = as_user(user)
        assert httpx2.get(f"{address}/v1/stats", headers=headers).json()["documents"] == 1
        lost = httpx2.post(f"{address}/v1/associations", json={"entity": "Nobody"}, headers=headers)
        assert lost.status_code == 404
    assert {f"user-{user}" for user in SECRETS} <= {folder.name for folder in root.iterdir()}


@pytest.mark.parametrize(
    "user", ["../user-ben", "user-ben", "Ben", "ben/", "./ben", "ben\0", "%62en", "b\u0435n"]
)
def test_a_name_like_another_users_leads_to_a_store_of_its_own(address: str, user: str) -> None:
    found = post(address, "recall", user, cue="Ben Lind Oslo benstone")
    assert found["passages"] == []


def test_arguments_name_no_other_user(address: str, root: Path) -> None:
    ben = root / "user-ben"
    before = {path.name: path.stat().st_size for path in ben.iterdir()}
    for arguments in ({"user": "ben"}, {"sub": "ben"}, {"db": str(ben / FILE)}):
        answer = httpx2.post(
            f"{address}/v1/recall", json={"cue": "Oslo", **arguments}, headers=as_user("ada")
        )
        assert answer.status_code == 400
    for name in ("../user-ben/copy.memini", str(ben / "copy.memini"), "..", FILE):
        answer = httpx2.post(f"{address}/v1/backup", json={"name": name}, headers=as_user("ada"))
        assert answer.status_code in {400, 409}
    for query in ("user=ben", "token=" + TOKENS.issue("ben", days=1)):
        found = httpx2.post(f"{address}/v1/recall?{query}", json={"cue": "Oslo"}, headers=as_user("ada"))
        assert [each["text"] for each in found.json()["passages"]] == [SECRETS["ada"]]
    assert {path.name: path.stat().st_size for path in ben.iterdir()} == before


@pytest.mark.parametrize("name", ["dora.memini", "user-dora", "user-dora.memini"])
def test_a_backup_is_never_taken_for_another_users_store(address: str, root: Path, name: str) -> None:
    made = post(address, "backup", "ada", name=name)
    assert Path(made["path"]).parent == root.resolve() / "user-ada"
    assert post(address, "recall", "dora", cue="Who hid a stone in Oslo?")["passages"] == []


def test_agents_of_two_users_converse_with_two_memories(address: str) -> None:
    async def told(user: str) -> str:
        async with (
            httpx2.AsyncClient(headers=as_user(user), timeout=60) as http,
            Client(streamable_http_client(f"{address}/mcp", http_client=http)) as client,
        ):
            answer = await client.call_tool("recall", {"cue": "Who hid a stone in Oslo?"})
            return str(answer.content)

    for user in ("ada", "ben"):
        found = anyio.run(told, user)
        assert SECRETS[user] in found
        assert not any(text in found for other, text in SECRETS.items() if other != user)


def test_the_client_and_the_command_line_bring_a_users_token(address: str) -> None:
    with Memory.connect(f"{address}/mcp", token=TOKENS.issue("ada", days=1)) as memory:
        assert [passage.text for passage in memory.recall("Oslo")] == [SECRETS["ada"]]
    ben = {"MEMINI_SERVER": f"{address}/mcp", "MEMINI_TOKEN": TOKENS.issue("ben", days=1)}
    printed = cli("recall", "Oslo", **ben).stdout
    assert SECRETS["ben"] in printed
    with pytest.raises(StoreError, match="has expired"):
        Memory.connect(f"{address}/mcp", token=signed({"sub": "ada", "exp": 1}))


def test_users_at_once_get_their_own_answers_while_stores_are_closed_for_others(tmp_path: Path) -> None:
    """Four users with two stores open: nearly every call closes one that another user comes back to."""
    users = [f"user{number}" for number in range(4)]
    with listening(tmp_path / "users", limit=2) as url:

        def ask(user: str) -> set[str]:
            found = set()
            for number in range(3):
                post(
                    url,
                    "remember",
                    user,
                    text=f"Kim {user.title()} wrote letter {number} in Oslo.",
                    id=str(number),
                )
                found |= {
                    each["text"]
                    for each in post(url, "recall", user, cue="Who wrote in Oslo?", k=20)["passages"]
                }
            return found

        with ThreadPoolExecutor(len(users)) as pool:
            for user, found in zip(users, pool.map(ask, users), strict=True):
                assert found == {f"Kim {user.title()} wrote letter {number} in Oslo." for number in range(3)}
    for user in users:
        with Memory.open(tmp_path / "users" / f"user-{user}" / FILE, read_only=True) as memory:
            assert memory.stats().documents == 3


# --- how many are open ---


class Counted:
    """Stands for a memory; says how many are open."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.most = 0
        self.lock = threading.Lock()

    def __call__(self, path: Path) -> Any:
        user = path.parent.name
        with self.lock:
            # never twice
            assert user not in self.open
            self.open.append(user)
            self.most = max(self.most, len(self.open))
        return _Memory(self, user)


class _Memory:
    def __init__(self, counted: Counted, user: str) -> None:
        self.counted = counted
        self.user = user
        self.closed = False
        self.answering = 0

    def close(self) -> None:
        with self.counted.lock:
            assert not self.answering
            self.counted.open.remove(self.user)
            self.closed = True


def test_the_least_recently_used_store_is_closed(tmp_path: Path) -> None:
    counted = Counted()
    with UserMemories(tmp_path, TOKENS, counted, limit=2) as users:
        for user in ("ada", "ben", "ada", "cleo"):
            with users.using(user) as memory:
                assert memory.user == f"user-{user}"  # type: ignore[attr-defined]
        assert counted.open == ["user-ada", "user-cleo"]
    assert counted.open == []


def test_no_store_is_closed_that_is_answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memories, "PATIENCE", 0.2)
    with UserMemories(tmp_path, TOKENS, Counted(), limit=1) as users:
        with users.using("ada") as memory:
            with pytest.raises(StoreLockedError, match="--open"), users.using("ben"):
                pass
            assert not memory.closed  # type: ignore[attr-defined]
        with users.using("ben"):
            assert memory.closed  # type: ignore[attr-defined]


def test_whatever_users_come_no_more_stores_are_open_than_may_be(tmp_path: Path) -> None:
    counted = Counted()
    with UserMemories(tmp_path, TOKENS, counted, limit=3) as users:

        def use(number: int) -> None:
            user = f"u{number * 7 % 11}"
            with users.using(user) as memory:
                assert memory.user == f"user-{user}"  # type: ignore[attr-defined]
                with counted.lock:
                    memory.answering += 1  # type: ignore[attr-defined]
                assert not memory.closed  # type: ignore[attr-defined]
                with counted.lock:
                    memory.answering -= 1  # type: ignore[attr-defined]

        with ThreadPoolExecutor(12) as pool:
            list(pool.map(use, range(600)))
        assert counted.most == 3
    assert counted.open == []


def test_a_store_that_cannot_be_opened_or_closed_keeps_no_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Fragile(_Memory):
        def close(self) -> None:
            super().close()
            raise OSError("secret text")

    counted = Counted()

    def opens(path: Path) -> Any:
        if path.parent.name == "user-ben":
            raise StoreError("broken")
        memory = counted(path)
        return Fragile(counted, memory.user)

    with UserMemories(tmp_path, TOKENS, opens, limit=1) as users:
        for _ in range(3):
            with pytest.raises(StoreError, match="broken"), users.using("ben"):
                pass
            with users.using("ada"), users.using("ada"):
                pass
    assert "OSError at " in caplog.text
    assert "secret text" not in caplog.text


def test_a_user_who_asks_much_leaves_room_for_others(tmp_path: Path) -> None:
    counted = Counted()
    waiting = threading.Event()
    busy = []

    def slow(_: object) -> None:
        busy.append(1)
        assert waiting.wait(30)

    async def main(users: UserMemories) -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(100):
                tasks.start_soon(users.call, "ada", slow)
            with anyio.fail_after(20):
                await users.call("ben", lambda _: None)
            assert len(busy) <= memories.AT_ONCE
            waiting.set()

    with UserMemories(tmp_path, TOKENS, counted) as users:
        anyio.run(main, users)
    assert len(busy) == 100


def test_calls_after_the_end_are_refused(tmp_path: Path) -> None:
    with UserMemories(tmp_path, TOKENS, Counted()) as users:
        pass
    with pytest.raises(StoreLockedError, match="the server ends"), users.using("ada"):
        pass


@pytest.mark.parametrize(("limit", "folder"), [(0, "users"), (1, "a/b"), (1, "file")])
def test_what_cannot_be_served_is_refused(tmp_path: Path, limit: int, folder: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"pass at least 1|cannot be made"):
        UserMemories(tmp_path / folder, TOKENS, Counted(), limit=limit)


# --- what is written down ---


def test_no_token_no_user_and_no_text_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    token = TOKENS.issue("ada", days=1)
    bad = [tampered("ada", "ben"), signed({"sub": "ada", "exp": 1}), none_signed({"sub": "ben"})]
    with (
        caplog.at_level(logging.DEBUG),
        caplog.at_level(logging.INFO, LOG.name),
        listening(tmp_path / "users") as url,
    ):
        for each in (token, *bad):
            told = {"text": "Ada Lind hid the stone."}
            httpx2.post(f"{url}/v1/remember?token={each}", json=told, headers=bearer(each))
            httpx2.post(
                f"{url}/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"}, headers=bearer(each)
            )
            httpx2.get(f"{url}/v1/stats", headers={"Authorization": f"Basic {each}"})
    # this process is also the client, and httpx2 logs what it asks for
    written = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert len([record for record in written if record.name == LOG.name]) == 12
    text = "\n".join(f"{record.getMessage()} {record.args}" for record in written)
    for each in (token, *bad):
        for part in each.rstrip(".").split(".")[1:]:
            assert part not in text
    assert "stone" not in text
    assert "ada" not in text


# --- the command ---


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEMINI_KEY", raising=False)


def test_the_command_serves_users_and_makes_their_tokens(tmp_path: Path) -> None:
    made = cli("token", "ada", "--days", "1", MEMINI_KEY=KEY)
    assert made.exit_code == 0
    token = made.stdout.strip()
    process = subprocess.Popen(
        command("serve", "--root", tmp_path / "users", "--open", 3, "--log", "--port", 0),
        stderr=subprocess.PIPE, text=True, env=environment(MEMINI_KEY=KEY),
    )  # fmt: skip
    try:
        assert process.stderr is not None
        url = next(line.split(" at ")[1].split(";")[0] for line in process.stderr if " at http" in line)
        with Memory.connect(url, token=token) as memory:
            memory.remember("Ada met Charles.", time="2026-03-01")
    finally:
        process.terminate()
        _, written = process.communicate(timeout=30)
    assert '"path": "/v1/remember", "status": 200' in written
    assert token not in written
    with Memory.open(tmp_path / "users" / "user-ada" / FILE, read_only=True) as memory:
        assert memory.stats().documents == 1


@pytest.mark.parametrize(
    ("line", "key", "code", "said"),
    [
        ("serve --root users", None, 1, "set MEMINI_KEY"),
        ("serve --root users", "short", 1, "the key has 5 bytes"),
        ("serve --root users --db a.memini", KEY, 2, "--root has one for each user"),
        ("serve --root users --stdio", KEY, 2, "--root is for HTTP"),
        ("serve --open 3", KEY, 2, "is for --root"),
        ("token ada", None, 1, "set MEMINI_KEY"),
        ("token ''", KEY, 1, "the user's name"),
        ("token ada --days 0", KEY, 1, "days = 0"),
    ],
)
@pytest.mark.usefixtures("empty_folder")
def test_a_wrong_command_says_what_is_missing(line: str, key: str | None, code: int, said: str) -> None:
    refused = cli(*shlex.split(line), **({} if key is None else {"MEMINI_KEY": key}))
    assert refused.exit_code == code
    # the message may be laid out in a frame
    assert said in " ".join(refused.stderr.replace("│", " ").split())
    assert not list(Path().iterdir())


# --- the memory of many stores ---


def test_a_store_reckons_with_its_share_of_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools = []

    class Database(kuzu.Database):
        def __init__(self, *args: Any, buffer_pool_size: int, **more: Any) -> None:
            pools.append(buffer_pool_size)
            super().__init__(*args, buffer_pool_size=buffer_pool_size, **more)

    Memory.open(tmp_path / "a.memini").close()
    monkeypatch.setattr(kuzu, "Database", Database)
    for share in (1.0, 0.01):
        with Memory.open(tmp_path / "a.memini", extractor=RuleExtractor(), share=share) as memory:
            memory.remember("Ada met Charles.", time="2026-03-01", id="1")
            # also after the file was opened again
            memory.cypher("MATCH (p:Passage) SET p.title = ''", write=True)
    assert set(pools) == {pool(1.0), pool(0.01)}
    assert pool(0.01) < pool(1.0)


@pytest.mark.parametrize("share", [0, -1, 1.5, float("nan")])
def test_a_share_that_is_no_part_of_the_memory_is_refused(tmp_path: Path, share: float) -> None:
    with pytest.raises(InputError, match="share = "):
        Memory.open(tmp_path / "a.memini", share=share)
    assert not list(tmp_path.iterdir())
