"""Put the page's third-party code beside it, with its licences; or check that it is what was put there.

The packages come from npm, by its own client, in the versions below. What is written has the checksums below,
so that nobody needs npm to know that the files are those of the packages.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from memini_kuzu.resources import PAGE

VENDOR = PAGE / "vendor"

LICENCES = VENDOR / "LICENSES.txt"


@dataclass(frozen=True, slots=True)
class Package:
    """A package of npm.

    Parameters
    ----------
    name, version : str
        As npm has them.
    file : str
        What is taken of it; empty where only its licence is, for another one contains its code.
    digest : str
        SHA-256 of that file.
    """

    name: str
    version: str
    file: str = ""
    digest: str = ""


PACKAGES = (
    Package(
        "sigma",
        "3.0.3",
        "dist/sigma.min.js",
        "58e30383ab428f832068d9d16a5215c65ba12430d438ed091c5703f398de9e16",
    ),
    Package(
        "graphology",
        "0.26.0",
        "dist/graphology.umd.min.js",
        "e65803eba4826a52a84ec3fedebda3e2434ff25d86b3e2309bfe6575141ab2ff",
    ),
    Package(
        "d3-force",
        "3.0.1",
        "dist/d3-force.min.js",
        "ed05b52ecfe280d753ebab954e4e1f24097952480a9d277be55b6ba297bf4a9b",
    ),
    Package(
        "d3-quadtree",
        "3.0.2",
        "dist/d3-quadtree.min.js",
        "6bd9974b3efdf9c22942a6fb9a5a027ee39f81a6c27b09a3444c9e911796f439",
    ),
    Package(
        "d3-dispatch",
        "3.0.2",
        "dist/d3-dispatch.min.js",
        "5afe071dad74c14cd580f540c9ec85b0755eed78b7f9ed3e9f63b989fc41aa4b",
    ),
    Package(
        "d3-timer",
        "3.0.2",
        "dist/d3-timer.min.js",
        "f6b80ed73b21d01658db60d1c04adb88adc70f885346ae07d59ed69ba0348849",
    ),
    # parts of sigma and graphology
    Package("events", "3.3.0"),
    Package("graphology-utils", "2.5.2"),
)


def main(*, check: Annotated[bool, typer.Option("--check", help="Write nothing.")] = False) -> None:
    """Write the files, or check those that are there."""
    if not check:
        VENDOR.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            licences = [written(package, Path(folder)) for package in PACKAGES]
        LICENCES.write_text("\n\n".join(licences) + "\n", encoding="utf-8")
    wrong = differing()
    if wrong:
        sys.exit(f"not as they should be: {', '.join(wrong)}")
    size = sum(path.stat().st_size for path in VENDOR.iterdir())
    print(f"{len(list(VENDOR.iterdir()))} files, {size:,} bytes")


def written(package: Package, folder: Path) -> str:
    """Fetch a package and write what is taken of it; its licence."""
    name = f"{package.name}@{package.version}"
    packed = subprocess.run(
        ["npm", "pack", "--json", name],  # noqa: S607 - as the user has it
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    [told] = json.loads(packed.stdout)
    with tarfile.open(folder / told["filename"]) as archive:
        held = {
            member.name.partition("/")[2]: archive.extractfile(member)
            for member in archive
            if member.isfile()
        }
        if package.file:
            body = held[package.file]
            assert body is not None  # noqa: S101 - a regular file
            # without the line that names a map, which is not there
            lines = [line for line in body.read().splitlines() if not line.startswith(b"//# sourceMapping")]
            (VENDOR / Path(package.file).name).write_bytes(b"\n".join(lines) + b"\n")
        [licence] = [body for path, body in held.items() if path.upper().startswith("LICEN")]
        assert licence is not None  # noqa: S101 - a regular file
        return f"{name}\n\n{licence.read().decode().strip()}"


def differing() -> list[str]:
    """The files that are missing, unknown, or not those of the packages."""
    wanted = {Path(package.file).name: package.digest for package in PACKAGES if package.file}
    there = {path.name: sha256(path.read_bytes()).hexdigest() for path in VENDOR.glob("*.js")}
    wrong = {name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name)}
    if not LICENCES.is_file():
        return sorted(wrong | {LICENCES.name})
    told = LICENCES.read_text(encoding="utf-8")
    unlicensed = {each.name for each in PACKAGES if f"{each.name}@{each.version}\n" not in told}
    return sorted(wrong | unlicensed)


if __name__ == "__main__":
    typer.run(main)
