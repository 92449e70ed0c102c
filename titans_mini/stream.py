"""Millions of tokens through a trained model: the state is carried on, memory stays constant, and a fact told at the
start is asked for at the end.

The stream is made piece by piece from its position alone, so a run that was stopped goes on as if it had not been.
"""

from __future__ import annotations

import json
import math
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from tqdm import tqdm

from .errors import ConfigError, DivergenceError, check_choice, check_integer, check_number
from .memory.state import map_tensors, tensors
from .models.model import ModelState, TitansLM
from .threads import one_thread
from .training.checkpoint import load_model, read_card, save_tensors
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

    checkpoint: str = "recall-lmm"
    task: str | None = None  # whose fact is planted: recall or needle; none: the one that fits the checkpoint
    tokens: int = 2_000_000
    piece: int = 4096  # tokens read at once
    noise: float = 0.02
    file: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_integer("tokens", self.tokens, 1, 10**12)
        check_integer("piece", self.piece, 16, 1_000_000)
        check_number("noise", self.noise, 0.0, 1.0)
        check_integer("seed", self.seed, 0, 2**31 - 1)


class Plant(NamedTuple):
    """How a task's fact goes into a stream."""

    told: int  # tokens of the telling; the asking follows it in a batch of size 0
    place: int  # position of the first of them


PLANTS = {"recall": Plant(told=2 * RECALL_PAIRS, place=0), "needle": Plant(told=10, place=1000)}


class Fact(NamedTuple):
    """ids (1, k) of the telling and of the asking, and which of the latter are answers, bool (1, k)."""

    told: Tensor
    asked: Tensor
    ask: Tensor


def make_fact(task: str, seed: int) -> Fact:
    """A seeded fact of a task."""
    batch = make_batch(task, 1, 0, torch.Generator().manual_seed(seed))
    told = PLANTS[task].told
    return Fact(batch.ids[:, :told], batch.ids[:, told:], batch.ask[:, told:])


def source_bytes(file: str | None) -> Tensor:
    """The bytes that the stream goes round in, (t,) int64: of the bundled text, or of any file."""
    if file is None:
        return text_bytes()
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise ConfigError(f"file {file!r} cannot be read: {error.strerror}") from None
    if not data:
        raise ConfigError(f"file {file!r} is empty; give at least 1 byte")
    return torch.frombuffer(bytearray(data), dtype=torch.uint8).long()


def _filler(config: StreamConfig, source: Tensor | None, start: int, count: int) -> Tensor:
    """(count,) ids of the stream from position `start`, which is a multiple of the piece, without the fact."""
    generator = torch.Generator().manual_seed(config.seed * 1_000_003 + start // config.piece)
    if source is None:
        return torch.randint(0, RECALL_FILLER, (count,), generator=generator) + RECALL_KEYS + RECALL_VALUES
    ids = source[(start + torch.arange(count)) % len(source)]
    fresh = torch.rand(count, generator=generator) < config.noise
    return torch.where(fresh, torch.randint(0, 256, (count,), generator=generator), ids)


def make_piece(config: StreamConfig, fact: Fact, place: int, source: Tensor | None, start: int) -> Tensor:
    """ids (1, c) of the stream's piece that begins at `start`, the fact laid over it from `place` on."""
    count = min(config.piece, config.tokens - start)
    ids = _filler(config, source, start, count)
    for offset, token in enumerate(fact.told[0].tolist()):
        if 0 <= place + offset - start < count:
            ids[place + offset - start] = token
    return ids.unsqueeze(0)


def peak_memory() -> float:
    """Largest resident size of this process so far, in MB (2^20 bytes)."""
    status = Path("/proc/self/status")
    if status.exists():  # of this process alone, whereas getrusage also knows the one that started it
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / 2**20 if sys.platform == "darwin" else size / 1024


def slope(marks: list[dict]) -> float | None:
    """Of log time against log tokens over the marks, by least squares: 1 is linear. None for a single mark."""
    if len(marks) < 2:
        return None
    tokens, seconds = ([math.log(mark[name]) for mark in marks] for name in ("tokens", "seconds"))
    return float(np.polyfit(tokens, seconds, 1)[0])


class Reader:
    """A model on its way through a stream; with `out` its place is kept there, and taken up from there."""

    def __init__(self, config: StreamConfig, out: str | Path | None = None) -> None:
        self.config, self.out = config, None if out is None else Path(out)
        self.lm, self.task = load_model(config.checkpoint), _fitting_task(config)
        if config.file is not None and self.task == "recall":
            raise ConfigError(f"file goes with models of bytes, not with {config.checkpoint!r}")
        self.source = None if self.task == "recall" else source_bytes(config.file)
        self.fact, self.place = make_fact(self.task, config.seed), PLANTS[self.task].place
        if config.tokens < self.place + self.fact.told.shape[1]:
            least = self.place + self.fact.told.shape[1]
            raise ConfigError(f"tokens must be at least {least} for the task {self.task}, not {config.tokens}")
        self.state: ModelState = self.lm.initial_state(1)
        self.position, self.seconds, self.marks = 0, 0.0, []
        if self.out is not None:
            self._resume()

    def run(self, quiet: bool = False) -> dict:
        """Reads to the end, asks, and returns the results. Ctrl-C first keeps the place, if there is an `out`."""
        saved = self.position
        with torch.inference_mode(), one_thread(), self._bar(quiet) as bar:
            self.lm(make_piece(self.config, self.fact, self.place, self.source, 0))  # not measured: the first call
            try:
                while self.position < self.config.tokens:
                    bar.update(self._step())
                    if self.position - saved >= SAVE_EVERY:
                        self.save()
                        saved = self.position
            finally:  # the state is a value: cut off within a piece, it is that of the piece before
                self.save()
            return self._results()

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
        ratio = self.marks[-1]["peak_mb"] / self.marks[0]["peak_mb"]
        return {
            **asdict(self.config),
            "task": self.task,
            "seconds": self.seconds,
            "tokens_per_second": self.config.tokens / self.seconds,
            "marks": self.marks,
            "slope": slope(self.marks),
            "memory_ratio": ratio,
            **answers,
        }

    def save(self) -> None:
        """Keeps state, place and marks as one file, whole or not at all."""
        if self.out is None:
            return
        progress = {"settings": asdict(self.config), "position": self.position, "seconds": self.seconds}
        text = json.dumps({**progress, "marks": self.marks}).encode()
        kept = {f"state.{index:04d}": tensor for index, tensor in enumerate(tensors(self.state))}
        kept["progress"] = torch.frombuffer(bytearray(text), dtype=torch.uint8)
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            save_tensors(kept, self.out / SNAPSHOT)
        except OSError as error:
            raise ConfigError(f"out {str(self.out)!r} cannot be written: {error.strerror}") from None

    def _resume(self) -> None:
        if not (self.out / SNAPSHOT).exists():
            return
        try:
            kept = load_file(self.out / SNAPSHOT)
        except (OSError, SafetensorError) as error:
            raise ConfigError(f"{SNAPSHOT} cannot be read: {str(error).splitlines()[0]}") from None
        progress = json.loads(bytes(kept.pop("progress").tolist()))
        if progress["settings"] != asdict(self.config):
            raise ConfigError(f"out folder {self.out.name!r} holds a stream with other settings; choose another")
        parts = iter(kept[name] for name in sorted(kept))
        self.state = map_tensors(lambda tensor: next(parts), self.state)
        self.position, self.seconds, self.marks = (progress[name] for name in ("position", "seconds", "marks"))


def recall_fact(lm: TitansLM, state: ModelState, fact: Fact, *, is_text: bool = False) -> dict:
    """Asks for a fact: which tokens were wanted, which were said (as text if they are bytes), and the share right."""
    logits, _ = lm(fact.asked[:, :-1], state)
    wanted = fact.ask[:, 1:]
    said, right = logits[wanted].argmax(-1), fact.asked[:, 1:][wanted]
    share = (said == right).double().mean().item()
    show = (lambda ids: bytes(ids.tolist()).decode("ascii", "backslashreplace")) if is_text else Tensor.tolist
    return {"wanted": show(right), "said": show(said), "share_recalled": share, "recalled": share == 1.0}


def _fitting_task(config: StreamConfig) -> str:
    """The task whose fact is planted, checked against the checkpoint's vocabulary."""
    card = read_card(config.checkpoint)
    vocab_size = card["model"]["vocab_size"]
    fitting = "needle" if vocab_size == TASKS["needle"].vocab_size else "recall"
    task = check_choice("task", config.task or fitting, PLANTS)
    check_vocabulary(task, vocab_size)
    return task
