"""Millions of tokens through a trained model: the state is carried along, memory stays constant, and a fact that is
told at the start is asked for at the end.

Each piece of the stream depends only on its position, so a run that was stopped continues as if it had not been.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from .errors import ConfigError, DivergenceError, check_choice
from .files import held, parse, read_bytes, write_whole, writing_to
from .kept import decode_state, encode_state, fingerprint_of
from .models.model import ModelState, TitansLM
from .settings import SEED, check_settings, number, whole
from .source import Source
from .stopping import postponed
from .threads import one_thread
from .training.checkpoint import load_model, read_card
from .training.tasks import (
    RECALL_FILLER,
    RECALL_KEYS,
    RECALL_PAIRS,
    RECALL_VALUES,
    TASKS,
    check_vocabulary,
    make_batch,
    text_bytes,
)

MARKS = (16_384, 131_072, 1_048_576)  # tokens after which time and memory are noted, and at the end
SAVE_EVERY = 250_000  # tokens between snapshots
SNAPSHOT = "stream.safetensors"


@dataclass(frozen=True)
class StreamConfig:
    """What is read. `noise` is the share of bytes replaced by random ones, so that a text read again is never the
    same; `file` takes the place of the bundled text."""

    checkpoint: str = "recall-lmm"  # a path, or the name of a bundled checkpoint
    task: str | None = None  # whose fact is planted: recall or needle; without it: the one that fits the checkpoint
    tokens: int = whole(2_000_000, 1, 10**12)  # tokens to read
    piece: int = whole(4096, 16, 1_000_000)  # tokens read at once
    noise: float = number(0.02, 0.0, 1.0)  # share of random bytes in a text
    file: str | None = None  # read this file's bytes, over and over, instead of the bundled text: up to 1 TB
    seed: int = whole(0, *SEED)  # of the fact and of the stream

    def __post_init__(self) -> None:
        check_settings(self)


class Plant(NamedTuple):
    """How a task's fact goes into a stream."""

    batch: str  # the task whose batches of size 0 are the telling, then the asking
    told: int  # tokens of the telling
    place: int  # position of the first of them


PLANTS = {"recall": Plant("recall_once", 2 * RECALL_PAIRS, 0), "needle": Plant("needle", 10, 1000)}


class Fact(NamedTuple):
    """ids (1, k) of the telling and of the asking, and which of the latter are answers, bool (1, k)."""

    told: Tensor
    asked: Tensor
    ask: Tensor


def make_fact(task: str, seed: int) -> Fact:
    """A seeded fact of a task."""
    plant = PLANTS[task]
    batch, told = make_batch(plant.batch, 1, 0, torch.Generator().manual_seed(seed)), plant.told
    return Fact(batch.ids[:, :told], batch.ids[:, told:], batch.ask[:, told:])


def _filler(config: StreamConfig, source: Source | None, start: int, count: int) -> Tensor:
    """(count,) ids of the stream from position `start`, which is a multiple of the piece, without the fact."""
    generator = torch.Generator().manual_seed(config.seed * 1_000_003 + start // config.piece)
    if source is None:
        return torch.randint(0, RECALL_FILLER, (count,), generator=generator) + RECALL_KEYS + RECALL_VALUES
    ids = source.take(start, count)
    fresh = torch.rand(count, generator=generator) < config.noise
    return torch.where(fresh, torch.randint(0, 256, (count,), generator=generator), ids)


def make_piece(config: StreamConfig, fact: Fact, place: int, source: Source | None, start: int) -> Tensor:
    """ids (1, c) of the stream's piece that begins at `start`, the fact laid over it from `place` on."""
    count = min(config.piece, config.tokens - start)
    ids = _filler(config, source, start, count)
    for offset, token in enumerate(fact.told[0].tolist()):
        if 0 <= place + offset - start < count:
            ids[place + offset - start] = token
    return ids.unsqueeze(0)


def peak_memory() -> float | None:
    """Largest resident size of this process so far, in MB (2^20 bytes); None where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    found = next((line for line in lines if line.startswith("VmHWM")), None)
    if found is not None:  # of this process only, whereas getrusage also counts the one that started it
        return int(found.split()[1]) / 1024
    try:
        import resource  # only here, since Windows has no such module
    except ImportError:
        return None
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / 2**20 if sys.platform == "darwin" else size / 1024


def slope(marks: list[dict]) -> float | None:
    """Of log time against log tokens over the marks, by least squares: 1 is linear. None for a single mark."""
    if len(marks) < 2:
        return None
    tokens, seconds = ([math.log(mark[name]) for mark in marks] for name in ("tokens", "seconds"))
    return float(np.polyfit(tokens, seconds, 1)[0])


class Reader:
    """A model on its way through a stream. With `out` its place is saved in that folder and resumed from there."""

    def __init__(self, config: StreamConfig, out: str | Path | None = None) -> None:
        self.config, self.out = config, None if out is None else Path(out)
        self.lm, self.task = load_model(config.checkpoint), _fitting_task(config)
        if config.file is not None and self.task == "recall":
            raise ConfigError(f"file goes with models of bytes, not with {config.checkpoint!r}")
        self.source = None if self.task == "recall" else _source(config.file)
        self.fact, self.place = make_fact(self.task, config.seed), PLANTS[self.task].place
        if config.tokens < self.place + self.fact.told.shape[1]:
            least = self.place + self.fact.told.shape[1]
            raise ConfigError(f"tokens must be at least {least} for the task {self.task}, not {config.tokens}")
        self.state: ModelState = self.lm.initial_state(1)
        self.position, self.seconds, self.marks = 0, 0.0, []
        self.fingerprint = fingerprint_of(asdict(self.lm.config), self.lm.state_dict())
        self._resume()

    def run(self, quiet: bool = False) -> dict:
        """Reads to the end, asks, and returns the results. Whatever ends it early, the place is saved first."""
        with self._held(), torch.inference_mode(), one_thread(), self._bar(quiet) as bar:
            saved = self.position
            try:
                self.lm(make_piece(self.config, self.fact, self.place, self.source, 0))  # not measured: the first call
                while self.position < self.config.tokens:
                    bar.update(self._step())
                    if self.position - saved >= SAVE_EVERY:
                        self.save()
                        saved = self.position
            finally:  # the state is a value: cut off within a piece, it is that of the piece before
                with postponed():
                    self.save()
            return self._results()

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """Keeps other streams out of the folder; ConfigError if one is at work there."""
        with contextlib.ExitStack() as stack:
            if self.out is not None:
                with writing_to("out", self.out):
                    self.out.mkdir(parents=True, exist_ok=True)
                    busy = f"out {str(self.out)!r} is in use by another stream"
                    stack.enter_context(held(self.out / f"{SNAPSHOT}.lock", busy))
                self._resume()  # what another stream saved before this one held the folder
            yield

    def _bar(self, quiet: bool) -> tqdm:
        tokens = self.config.tokens
        return tqdm(total=tokens, initial=self.position, disable=quiet, unit=" tokens", unit_scale=True)

    def _step(self) -> int:
        """Reads one piece; returns its length."""
        began = time.perf_counter()
        ids = make_piece(self.config, self.fact, self.place, self.source, self.position)
        try:
            _, state = self.lm(ids, self.state)
        except DivergenceError as error:
            token = self.position + error.token
            raise ConfigError(f"checkpoint {self.config.checkpoint!r} diverged near token {token}") from None
        self.state, self.position = state, self.position + ids.shape[1]
        self.seconds += time.perf_counter() - began
        due = [mark for mark in (*MARKS, self.config.tokens) if mark <= self.position]
        if due and (not self.marks or self.marks[-1]["tokens"] < max(due)):
            self.marks.append({"tokens": self.position, "seconds": self.seconds, "peak_mb": peak_memory()})
        return ids.shape[1]

    def _results(self) -> dict:
        """What the run has shown; the asking is not part of the measured stream."""
        answers = recall_fact(self.lm, self.state, self.fact, is_text=self.source is not None)
        peaks = [mark["peak_mb"] for mark in self.marks]
        return {
            **asdict(self.config),
            "task": self.task,
            "seconds": self.seconds,
            "tokens_per_second": self.config.tokens / self.seconds,
            "marks": self.marks,
            "slope": slope(self.marks),
            "memory_ratio": None if None in peaks else peaks[-1] / peaks[0],
            **answers,
        }

    def save(self) -> None:
        """Saves state, place and marks as one file, whole or not at all."""
        if self.out is None:
            return
        progress = {"about": self._about(), "position": self.position, "seconds": self.seconds, "marks": self.marks}
        data = encode_state(self.state, self.fingerprint, cause="stream", progress=json.dumps(progress))
        with writing_to("out", self.out):
            self.out.mkdir(parents=True, exist_ok=True)
            write_whole(self.out / SNAPSHOT, data)

    def _about(self) -> dict:
        """What the stream is made of: only the same one may be resumed."""
        return {**asdict(self.config), "source": self.source and self.source.identity}

    def _resume(self) -> None:
        if self.out is None:
            return
        try:
            state, about = decode_state(read_bytes(self.out / SNAPSHOT), self.lm.initial_state(1), self.fingerprint)
            progress = parse(about["progress"])
        except FileNotFoundError:
            return
        except OSError as error:
            raise ConfigError(f"out {str(self.out)!r} cannot be used: {error.strerror}") from None
        except KeyError:
            raise ConfigError(f"{SNAPSHOT} cannot be used: it is not the snapshot of a stream") from None
        except ConfigError as error:
            raise ConfigError(f"{SNAPSHOT} cannot be used: {error}") from None
        if progress["about"] != self._about():
            raise ConfigError(
                f"out folder {self.out.name!r} holds a stream with other settings or another file; choose another"
            )
        self.state = state
        self.position, self.seconds, self.marks = (progress[name] for name in ("position", "seconds", "marks"))


def recall_fact(lm: TitansLM, state: ModelState, fact: Fact, *, is_text: bool = False) -> dict:
    """Asks for a fact: which tokens were wanted, which were said (as text if they are bytes), and the share right."""
    logits, _ = lm(fact.asked[:, :-1], state)
    wanted = fact.ask[:, 1:]
    said, right = logits[wanted].argmax(-1), fact.asked[:, 1:][wanted]
    share = (said == right).double().mean().item()
    show = (lambda ids: bytes(ids.tolist()).decode("ascii", "backslashreplace")) if is_text else Tensor.tolist
    return {"wanted": show(right), "said": show(said), "share_recalled": share, "recalled": share == 1.0}


def _source(file: str | None) -> Source:
    """The bytes of a file, or of the bundled text."""
    return Source(content=text_bytes().to(torch.uint8).numpy().tobytes()) if file is None else Source(file)


def _fitting_task(config: StreamConfig) -> str:
    """The task whose fact is planted, checked against the checkpoint's vocabulary."""
    card = read_card(config.checkpoint)
    vocab_size = card["model"]["vocab_size"]
    fitting = "needle" if vocab_size == TASKS["needle"].vocab_size else "recall"
    task = check_choice("task", config.task or fitting, PLANTS)
    check_vocabulary(task, vocab_size)
    return task
