"""The simulator against that of an earlier commit: two processes, one for each tree, that take turns in one run."""

import contextlib
import io
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A process reads "width,settings,tokens" and answers with the seconds of that run. The names are those of any version.
CHILD = """
import importlib, sys, time, warnings
warnings.simplefilter("ignore")
from dataclasses import replace
from titans_mini import MemoryConfig, SimulationConfig, simulate, simulate_many
try:
    importlib.import_module("titans_mini.memory.fast.rows").compiled(None)
except (ImportError, AttributeError):
    pass  # a version without compiled code
print(importlib.import_module("titans_mini").__file__, flush=True)
for line in sys.stdin:
    width, settings, tokens = map(int, line.split(","))
    base = SimulationConfig(tokens=tokens, memory=MemoryConfig.preset("recipe", dim=width))
    ways = [replace(base, tau=0.1 + 0.5 * i / settings) for i in range(settings)]
    start = time.perf_counter()
    simulate_many(ways) if settings > 1 else simulate(base)
    print(time.perf_counter() - start, flush=True)
"""


class Unavailable(Exception):
    """The earlier version cannot run here; the text says why."""


def export(commit: str, folder: Path) -> None:
    """Writes the files of a commit into a folder. Raises Unavailable without git or that commit."""
    try:
        done = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True)
    except OSError:
        raise Unavailable("git is not installed") from None
    except subprocess.CalledProcessError:
        raise Unavailable(f"this folder is no clone that holds the commit {commit}") from None
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as files:
        files.extractall(folder, filter="data")


@contextlib.contextmanager
def child(tree: Path) -> Iterator[subprocess.Popen]:
    """A process that simulates with the code of a tree. Raises Unavailable where that code does not run."""
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD], cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, **pipes
    )
    try:
        if not process.stdout.readline().startswith(str(tree)):
            process.kill()
            last = (process.communicate()[1].strip().splitlines() or ["it is not the code of that commit"])[-1]
            raise Unavailable(f"the earlier version does not run: {last}")
        yield process
    finally:
        process.kill()
        process.communicate()


def earlier(*, commit: str, dim: int, settings: int, tokens: int, rounds: int) -> dict:
    """Median seconds of both versions, or the reason why there are none; a first run does not count."""

    def ask(process: subprocess.Popen) -> float:
        process.stdin.write(f"{dim},{settings},{tokens}\n")
        process.stdin.flush()
        return float(process.stdout.readline())

    try:
        with contextlib.ExitStack() as open_:
            folder = Path(open_.enter_context(tempfile.TemporaryDirectory())).resolve()
            export(commit, folder)
            sides = {"earlier": open_.enter_context(child(folder)), "now": open_.enter_context(child(ROOT))}
            turns = [{name: ask(process) for name, process in sides.items()} for _ in range(rounds + 1)]
    except Unavailable as error:
        return {"reason": str(error)}
    return {name: statistics.median(turn[name] for turn in turns[1:]) for name in sides}
