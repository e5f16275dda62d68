"""What is shipped: public names and their documentation, resources, and stores that outlive their maker."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import memini_kuzu
from memini_kuzu import Memory, Parameters
from memini_kuzu.dynamics import propagate
from memini_kuzu.resources import folder

REOPEN = """
import datetime, sys
import kuzu

connection = kuzu.Connection(kuzu.Database(sys.argv[1]))
result = connection.execute(
    '''
    MATCH (a:Entity)-[e:ASSOCIATES]->(b:Entity) WHERE a.key < b.key
    WITH e, $now AS now RETURN memini_fast(e, now), memini_slow(e, now), memini_days(e, now)
    ''',
    {"now": datetime.datetime(2025, 3, 11)},
)
print(*result.get_next())
"""


@pytest.mark.parametrize("name", memini_kuzu.__all__)
def test_public_name_is_there_and_documented(name: str) -> None:
    public = getattr(memini_kuzu, name)
    documentation = inspect.getdoc(public)
    assert documentation
    # a dataclass without a docstring gets its signature for one
    assert not documentation.startswith(f"{name}(")


@pytest.mark.parametrize(
    "method", [name for name, _ in inspect.getmembers(Memory, inspect.isfunction) if not name.startswith("_")]
)
def test_method_of_memory_has_an_example_or_needs_none(method: str) -> None:
    documentation = inspect.getdoc(getattr(Memory, method))
    assert documentation
    if inspect.signature(getattr(Memory, method)).parameters.keys() - {"self"}:
        assert ">>>" in documentation
        assert "Parameters\n----------" in documentation


def test_public_names_are_sorted_and_told_once() -> None:
    # constants first, as the linter has it
    expected = sorted(set(memini_kuzu.__all__), key=lambda name: (not name.isupper(), name))
    assert memini_kuzu.__all__ == expected


def test_types_are_shipped() -> None:
    assert (Path(memini_kuzu.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize(("name", "file"), [("schema", "0001_memory.cypher"), ("udfs", "memini.cypher")])
def test_resource_is_found(name: str, file: str) -> None:
    assert (folder(name) / file).is_file()


def test_wheel_carries_every_folder_of_resources(checkout: Path) -> None:
    """Nothing else than what the wheel carries is read by `folder`."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    used = {
        name
        for file in (checkout / "memini_kuzu").rglob("*.py")
        for name in re.findall(r"\bfolder\(\"(\w+)\"\)", file.read_text(encoding="utf-8"))
    }
    assert used
    assert {name: f"memini_kuzu/{name}" for name in used} == included


def test_version_is_that_of_the_metadata(checkout: Path) -> None:
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    done = subprocess.run(
        [sys.executable, "-m", "memini_kuzu", "--version"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    )
    try:
        installed = metadata.version("memini-kuzu")
    except metadata.PackageNotFoundError:
        pytest.skip("the checkout is not installed; make test installs it")
    assert installed == project["version"]
    assert done.stdout == f"memini {project['version']}\n"


def test_newly_made_store_opens_again_in_a_new_process_with_its_macros(tmp_path: Path) -> None:
    """A macro that Kùzu cannot read again would make the file useless to everybody."""
    path = tmp_path / "new.memini"
    with Memory.open(path, parameters=Parameters(tau_fast=2, capacity=7)) as memory:
        memory.remember("Ada met Charles.", time="2025-03-01")
    done = subprocess.run(
        [sys.executable, "-I", "-c", REOPEN, str(path)], capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    fast, slow, days = map(float, done.stdout.split())
    expected_fast, expected_slow = propagate(
        np.ones(1), np.zeros(1), 10.0, Parameters(tau_fast=2, capacity=7)
    )
    assert days == 10
    assert fast == pytest.approx(expected_fast[0], rel=1e-9)
    assert slow == pytest.approx(expected_slow[0], rel=1e-9)
