"""What a command does with its process, and what it leaves alone in one that others run in."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

ARROW = """
import sys
from memini_kuzu.cli._process import owned, spare_pandas
import pyarrow as pa

def arrays():
    spare_pandas()
    pa.array([1]).to_numpy()
    return "pandas" in sys.modules

with owned():
    print("a command:", arrays())
    frame = pa.table({"a": [1]}).to_pandas()
    import pandas as pd
    print(type(frame) is pd.DataFrame, pa.array(pd.Series([0.5, None])).null_count)
"""


MEMORY = """
from contextlib import nullcontext
from memini_kuzu.cli._process import owned, spare_memory

with owned():
    spare_memory()
import pyarrow as pa

print(pa.default_memory_pool().backend_name)
"""


FRAMES = """
import importlib.util, sys, threading
from pathlib import Path
from memini_kuzu.cli._process import owned, spare_pandas

with owned():
    spare_pandas()

from memini_kuzu import RuleExtractor
from memini_kuzu.memory import Memory
from memini_kuzu.store.engine import frames

python_s, seen = importlib.util.find_spec, []

class Watch:
    # what Kùzu asks while it is told, another thread asks too
    def __getattr__(self, name):
        asked = threading.Thread(target=lambda: seen.append(importlib.util.find_spec("polars")))
        asked.start()
        asked.join()
        return getattr(kuzu, name)

kuzu, frames.kuzu = frames.kuzu, Watch()
with Memory.open(Path(sys.argv[1]), extractor=RuleExtractor()) as memory:
    memory.remember("Ada met Bob.")
    memory.consolidate()
    print(*(name in sys.modules for name in ("pandas", "polars")))
    print(importlib.util.find_spec is python_s, [spec.name for spec in seen])
    import pandas, polars
    connection = memory._store._engine.connect()
    for frame in (pandas.DataFrame({"a": [1, 2]}), polars.DataFrame({"a": [3]})):
        print(connection.execute("LOAD FROM frame RETURN a").get_all())
"""


SERVER = """
import atexit, runpy, sys

atexit.register(lambda: print("pandas" in sys.modules, "polars" in sys.modules))
sys.argv[1:] = ["--extractor", "rules", "serve", "--stdio", "--db", sys.argv[1]]
runpy.run_module("memini_kuzu", run_name="__main__")
"""


def printed(code: str, *arguments: str, **environment: str) -> list[str]:
    """The lines that a process of its own prints."""
    return subprocess.check_output(
        [sys.executable, "-c", code, *arguments], text=True, timeout=60, stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    ).splitlines()  # fmt: skip


def test_arrow_loads_pandas_in_a_command_only_for_what_needs_it() -> None:
    pytest.importorskip("pandas")
    assert printed(ARROW) == ["a command: False", "True 1"]


def test_arrow_has_pandas_in_all_other_programs() -> None:
    pytest.importorskip("pandas")
    assert printed(ARROW.replace("with owned():", "if True:"))[0] == "a command: True"


def test_kuzu_loads_no_data_frames_and_reads_those_that_others_loaded(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("polars")
    assert printed(FRAMES, str(tmp_path / "a.memini")) == [
        "False False", "True ['polars']", "[[1], [2]]", "[[3]]"
    ]  # fmt: skip


def test_kuzu_loads_no_polars_in_other_programs_either(tmp_path: Path) -> None:
    pytest.importorskip("polars")
    code = FRAMES.replace("with owned():", "if True:").split("    import pandas")[0]
    assert printed(code, str(tmp_path / "a.memini"))[0].endswith(" False")


def test_a_server_loads_neither_pandas_nor_polars(tmp_path: Path) -> None:
    pytest.importorskip("mcp")
    assert printed(SERVER, str(tmp_path / "a.memini"))[-1] == "False False"


def test_a_command_that_lasts_has_arrow_give_its_memory_back_and_no_other_program() -> None:
    assert printed(MEMORY) == ["system"]
    assert printed(MEMORY.replace("owned()", "nullcontext()")) == printed(
        MEMORY.replace("spare_memory()", "pass")
    )


def test_who_chooses_a_pool_of_arrow_has_it() -> None:
    assert printed(MEMORY, ARROW_DEFAULT_MEMORY_POOL="mimalloc") == ["mimalloc"]
