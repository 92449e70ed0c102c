"""What the drills run in processes of their own: each function takes a pipe's end and tells through it what it did."""

from __future__ import annotations

import itertools
import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import torch

from titans_mini import MemoryConfig, NeuralMemory
from titans_mini.operate import LanguageEngine, MemoryEngine, Runner, Sessions, Snapshots, snapshots
from titans_mini.training.checkpoint import load_model
from titans_mini.training.tasks import make_batch

SERVED = "forkserver" in multiprocessing.get_all_start_methods()  # not on Windows
CONTEXT = multiprocessing.get_context("forkserver" if SERVED else "spawn")
if SERVED:  # children of a server that has imported torch once
    CONTEXT.set_forkserver_preload(["titans_mini.operate"])
TOLD = 16  # tokens that tell the recall task's pairs


class Child(NamedTuple):
    process: multiprocessing.process.BaseProcess
    pipe: Connection

    def messages(self) -> list:
        """All that the child has told and nobody has read, once it has ended."""
        self.process.join()
        found = []
        while self.pipe.poll():
            try:
                found.append(self.pipe.recv())
            except EOFError:
                break
        return found


def start(function: Callable, *arguments) -> Child:
    here, there = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=function, args=(there, *arguments), daemon=True)
    process.start()
    there.close()
    return Child(process, here)


def small_engine(dim: int = 32) -> MemoryEngine:
    torch.manual_seed(0)
    return MemoryEngine(NeuralMemory(MemoryConfig(dim=dim)))


def write_in_place(path: Path, data: bytes) -> None:
    """The wrong version: into the file itself, block by block."""
    with path.open("wb", buffering=0) as file:
        for place in range(0, len(data), 4096):
            file.write(data[place : place + 4096])
            os.fsync(file.fileno())


def save_forever(pipe: Connection, folder: Path, in_place: bool) -> None:
    """Saves states that count up, and tells each count once it is said to be safe."""
    torch.set_num_threads(1)
    if in_place:
        snapshots.write_whole = write_in_place
    engine = small_engine()
    store, state = Snapshots(folder, engine, keep=3), engine.start()
    first = max((snapshot.tokens for snapshot in store.list()), default=0) + 1
    for count in itertools.count(first):
        store.save(state._replace(tokens_seen=torch.tensor([count])))
        pipe.send(count)


def run_with_file_limit(pipe: Connection, folder: Path, limit: int) -> None:
    """Runs a stream where no file may grow above `limit` bytes, as on a full disk."""
    import resource  # not on Windows

    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    engine = small_engine()
    runner = Runner(engine, folder)
    pipe.send((list(runner.run(torch.randn(300, 32))), runner.token))


def count_up(pipe: Connection, folder: Path, times: int) -> None:
    """Adds 1 to a session's count, time after time, in competition with others."""
    sessions = Sessions(folder, small_engine(), wait=60)
    for _ in range(times):
        with sessions.open("ana", "shared") as session:
            session.state = session.state._replace(tokens_seen=session.state.tokens_seen + 1)
    pipe.send(times)


def facts(user: int) -> tuple[torch.Tensor, torch.Tensor]:
    """One user's recall sequence, (1, t) ids and what is asked."""
    return make_batch("recall_once", 1, 64, torch.Generator().manual_seed(user))


@torch.no_grad()
def teach(pipe: Connection, folder: Path, users: int) -> None:
    """Tells each user's session its pairs, and ends."""
    lm = load_model("recall-mag")
    sessions = Sessions(folder, LanguageEngine(lm))
    for user in range(users):
        with sessions.open(f"user-{user}", "facts") as session:
            _, session.state = lm(facts(user)[0][:, :TOLD], session.state)
    pipe.send(os.getpid())


@torch.no_grad()
def recall(pipe: Connection, folder: Path, users: int) -> None:
    """Asks each user's session for the values; tells the process, and the share that is right."""
    lm = load_model("recall-mag")
    sessions, hits = Sessions(folder, LanguageEngine(lm)), []
    for user in range(users):
        ids, ask = facts(user)
        with sessions.open(f"user-{user}", "facts") as session:
            logits, session.state = lm(ids[:, TOLD:-1], session.state)
        wanted = ask[:, TOLD + 1 :]
        hits.append((logits.argmax(-1) == ids[:, TOLD + 1 :])[wanted])
    pipe.send((os.getpid(), torch.cat(hits).double().mean().item()))
