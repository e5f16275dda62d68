"""What a disk does to a store: the short form of scripts/damage.py; and what is not taken for damage."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from damage import CONDITIONS, PAGE, Case, Damage, cuts, flips, inflict, prepare
from fixtures_memory import Names, contents, corpus

from memini_kuzu.errors import DamagedStoreError, NotAStoreError, StoreError
from memini_kuzu.memory import Memory
from memini_kuzu.store.engine import checksum as checksum_module
from memini_kuzu.store.engine.checksum import HEADER
from memini_kuzu.store.engine.journal import AT_ANSWERED, AT_RECORDS

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["fixtures_memory"]

PLAIN_KUZU = """
import sys
import kuzu
database = kuzu.Database(sys.argv[1], buffer_pool_size=1 << 28, max_db_size=1 << 40, compression=False)
connection = kuzu.Connection(database)
for query in sys.argv[2:]:
    connection.execute(query).close()
connection.close()
database.close()
"""

COUNT_UP = "MATCH (e:Entity) WITH e LIMIT 1 SET e.first_seen = timestamp('2001-01-01')"


@pytest.fixture(scope="module", params=CONDITIONS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return prepare(tmp_path_factory.mktemp("damaged"), request.param, 1)


@pytest.mark.slow
def test_every_cut_and_flip_is_found_out(case: Case, tmp_path: Path) -> None:
    pages = len(case.files[""]) // PAGE
    ways = list(cuts(case, pages // 3)), list(flips(case, 4, 1))
    damages = [each for way in ways for each in way[:: len(way) // 4]]
    for number, damage in enumerate(damages):
        row = inflict(tmp_path, case, damage, recovers=number % 4 == 0)
        assert not row["violations"], row


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 27])
def test_a_first_page_that_is_damaged_is_put_right(case: Case, tmp_path: Path, place: int) -> None:
    row = inflict(tmp_path, case, Damage("file", "flip", 8 * place))
    assert not row["violations"], row
    assert row["outcomes"]["reading"] == "refused: DamagedStoreError"
    assert row["outcomes"]["recovering"] == "recovered and sound"


@pytest.mark.slow
def test_what_the_engine_does_not_use_of_the_first_page_may_be_anything(case: Case, tmp_path: Path) -> None:
    row = inflict(tmp_path, case, Damage("file", "flip", 8 * (HEADER.size + 1)))
    assert set(row["outcomes"].values()) == {"whole"}


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, AT_ANSWERED, AT_RECORDS - 1])
def test_a_journal_that_is_cut_before_its_records_is_damaged(case: Case, tmp_path: Path, size: int) -> None:
    row = inflict(tmp_path, case, Damage("journal", "cut", size), recovers=False)
    # a store that was closed has everything in its file
    closed = len(case.files[".journal"]) == AT_RECORDS
    expected = "whole" if closed else "refused: DamagedStoreError"
    assert set(row["outcomes"].values()) == {expected}, row


def plain_kuzu(path: Path, *queries: str) -> None:
    subprocess.run([sys.executable, "-c", PLAIN_KUZU, str(path), *queries], check=True, timeout=60)


@pytest.fixture
def filled(path: Path) -> dict[str, list[str]]:
    with Memory.open(path, extractor=Names()) as memory:
        memory.add(corpus(1, 20))
        return contents(memory)


@pytest.mark.parametrize("queries", [[], ["CHECKPOINT"], ["MATCH (n:Alias) DELETE n"]])
def test_another_program_that_changes_nothing_is_not_noticed(
    path: Path, filled: dict[str, list[str]], queries: list[str]
) -> None:
    plain_kuzu(path, *queries)
    with Memory.open(path, extractor=Names(), read_only=True) as memory:
        assert contents(memory) == filled


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_what_another_program_has_written_is_told_and_not_taken_for_damage(
    path: Path, filled: dict[str, list[str]], times: int
) -> None:
    """After every second checkpoint the header is what it was."""
    plain_kuzu(path, *[COUNT_UP, "CHECKPOINT"] * times)
    for read_only in (True, False):
        with pytest.warns(UserWarning, match="is not as memini left it: another program wrote it"):
            memory = Memory.open(path, extractor=Names(), read_only=read_only)
        with memory:
            found = contents(memory)
            assert found != filled
            assert memory.doctor(deep=True).sound
            if not read_only:
                memory.remember("Ada met Bob.", time="2025-01-01")
    # memini has written it since
    Memory.open(path).close()


def test_a_file_that_is_gone_is_not_made_anew_by_recovering(path: Path) -> None:
    with Memory.open(path, extractor=Names()) as memory:
        memory.remember("Ada met Bob.", time="2025-01-01")
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(NotAStoreError, match="there is no store"):
        Memory.recover(path)
    assert not path.exists()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DamagedStoreError, match="cannot be read any more; put a backup in its place"):
        Memory.recover(path)
    assert path.read_bytes() == content[: len(content) // 2]


def test_a_file_that_is_too_large_to_be_summed_up_is_known_by_its_size_and_its_metadata(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checksum_module, "SUMMED", PAGE)
    with Memory.open(path, extractor=Names()) as memory:
        memory.add(corpus(1, 20))
        before = contents(memory)
    with Memory.open(path, extractor=Names(), read_only=True) as memory:
        assert contents(memory) == before
    content = path.read_bytes()
    path.write_bytes(content[:-PAGE])
    with pytest.raises(DamagedStoreError, match=r"it has [\d,]+ bytes of"):
        Memory.open(path)
    _, _, _, _, first, pages = HEADER.unpack_from(content)
    middle = (first + pages - 1) * PAGE
    path.write_bytes(content[:middle] + b"torn" + content[middle + 4 :])
    with pytest.warns(UserWarning, match="is not as memini left it"), suppress(StoreError):
        Memory.open(path).close()
