"""What a command does with its process, and what it leaves alone in one that others run in."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

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


def printed(code: str, **environment: str) -> list[str]:
    """The lines that a process of its own prints."""
    return subprocess.check_output(
        [sys.executable, "-c", code], text=True, timeout=60, env={**os.environ, **environment}
    ).splitlines()


def test_arrow_loads_pandas_in_a_command_only_for_what_needs_it() -> None:
    pytest.importorskip("pandas")
    assert printed(ARROW) == ["a command: False", "True 1"]


def test_arrow_has_pandas_in_all_other_programs() -> None:
    pytest.importorskip("pandas")
    assert printed(ARROW.replace("with owned():", "if True:"))[0] == "a command: True"


def test_a_command_that_lasts_has_arrow_give_its_memory_back_and_no_other_program() -> None:
    assert printed(MEMORY) == ["system"]
    assert printed(MEMORY.replace("owned()", "nullcontext()")) == printed(
        MEMORY.replace("spare_memory()", "pass")
    )


def test_who_chooses_a_pool_of_arrow_has_it() -> None:
    assert printed(MEMORY, ARROW_DEFAULT_MEMORY_POOL="mimalloc") == ["mimalloc"]
