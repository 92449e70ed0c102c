"""Millions of tokens through a trained model: the state is carried along, memory stays constant, and a fact that is
told at the start is asked for at the end.

Each piece of the stream depends only on its position, so a run that was stopped continues as if it had not been.
"""

import contextlib
import json
import math
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from .errors import ConfigError, DivergenceError, check_choice
from .files import owned, parse, read_bytes, reason, write_whole, writing_to
from .kept import decode_state, encode_state, fingerprint_of
from .language import say
from .messages import Message
from .models.model import ModelState, TitansLM
from .settings import SEED, Settings, number, whole
from .source import Source
from .stopping import postponed
from .threads import one_thread
from .training.checkpoint import load_model
from .training.tasks import RECALL_PAIRS, TASKS, check_vocabulary, make_batch, recall_filler, text_bytes

MARKS = (16_384, 131_072, 1_048_576)  # tokens after which time and memory are noted, and at the end
SAVE_EVERY = 250_000  # tokens between snapshots
SNAPSHOT = "stream.safetensors"


@dataclass(frozen=True)
class StreamConfig(Settings):
    """What is read. `noise` is the share of bytes replaced by random ones, so that a text read again is never the
    same; `file` takes the place of the bundled text."""

    checkpoint: str = "recall-lmm"  # a path, or the name of a bundled checkpoint, listed by titans-mini eval --help
    task: str | None = None  # task that plants the fact: recall or needle (default: the one that fits the checkpoint)
    tokens: int = whole(2_000_000, 1, 10**12)  # tokens to read
    piece: int = whole(4096, 16, 1_000_000)  # tokens read at once
    noise: float = number(0.02, 0.0, 1.0)  # share of random bytes in a text
    file: str | None = None  # read this file's bytes, up to 1 TB, over and over instead of the bundled text
    seed: int = whole(0, *SEED)  # seed of the fact and of the stream


# Whose fact is planted -> the task whose batches of size 0 tell and then ask, the tokens told, and their position.
PLANTS = {"recall": ("recall_once", 2 * RECALL_PAIRS, 0), "needle": ("needle", 10, 1000)}


class Fact(NamedTuple):
    """What is told and asked for in a stream."""

    told: Tensor  # ids (1, k)
    asked: Tensor  # ids (1, k)
    ask: Tensor  # bool (1, k): which of the ids asked are answers
    place: int  # position of the first token told


def make_fact(task: str, seed: int) -> Fact:
    """A seeded fact of a task."""
    name, told, place = PLANTS[task]
    batch = make_batch(name, 1, 0, torch.Generator().manual_seed(seed))
    return Fact(batch.ids[:, :told], batch.ids[:, told:], batch.ask[:, told:], place)


def make_piece(config: StreamConfig, fact: Fact, source: Source | None, start: int) -> Tensor:
    """ids (1, c) of the piece that begins at `start`, a multiple of the piece, with the fact written over it.

    The rest is text with noise, or the recall task's filler without a source.
    """
    count = min(config.piece, config.tokens - start)
    generator = torch.Generator().manual_seed(config.seed * 1_000_003 + start // config.piece)
    if source is None:
        ids = recall_filler(1, count, generator)
    else:
        noisy = torch.rand(1, count, generator=generator) < config.noise
        noise = torch.randint(0, 256, (1, count), generator=generator)
        ids = torch.where(noisy, noise, source.take(start, count))
    first, last = max(fact.place, start), min(fact.place + fact.told.shape[1], start + count)
    if first < last:
        ids[:, first - start : last - start] = fact.told[:, first - fact.place : last - fact.place]
    return ids


def slope(marks: list[dict]) -> float | None:
    """Of log time against log tokens over the marks, by least squares: 1 is linear. None for a single mark."""
    if len(marks) < 2:
        return None
    tokens, seconds = ([math.log(mark[name]) for mark in marks] for name in ("tokens", "seconds"))
    return statistics.linear_regression(tokens, seconds).slope


class Reader:
    """A model on its way through a stream. With `out` its place is saved in that folder and resumed from there.

    What is read does not depend on `device`, and results only by rounding, so a stream may be resumed on another one.
    """

    def __init__(self, config: StreamConfig, out: str | Path | None = None, *, device: str = "cpu") -> None:
        self.config, self.out = config, None if out is None else Path(out)
        self.lm = load_model(config.checkpoint, device)
        vocabulary = self.lm.config.vocab_size
        fitting = "needle" if vocabulary == TASKS["needle"].vocab_size else "recall"
        self.task = check_choice("task", config.task or fitting, PLANTS)
        check_vocabulary(self.task, vocabulary)
        self.fact, self.source = make_fact(self.task, config.seed), self._source()
        least = self.fact.place + self.fact.told.shape[1]
        if config.tokens < least:
            text = "tokens must be at least {least} for the task {task}, not {tokens}"
            raise ConfigError(text, least=least, task=self.task, tokens=config.tokens)
        self.state: ModelState = self.lm.initial_state(1)
        self.position, self.seconds, self.marks = 0, 0.0, []
        self.fingerprint = fingerprint_of(asdict(self.lm.config), self.lm.state_dict())
        self._resume()

    def _source(self) -> Source | None:
        """The bytes of the file or of the bundled text; None if the model does not read bytes."""
        file = self.config.file
        if self.task != "recall":
            return Source(content=text_bytes().to(torch.uint8).numpy().tobytes()) if file is None else Source(file)
        if file is not None:
            text = "file can only be used with a model that reads bytes, not with {checkpoint}"
            raise ConfigError(text, checkpoint=repr(self.config.checkpoint))
        return None

    def run(self, quiet: bool = False) -> dict:
        """Reads to the end, asks, and returns the results. However it ends, the place is saved first."""
        total = self.config.tokens
        held = contextlib.nullcontext() if self.out is None else owned(self.out, f"{SNAPSHOT}.lock", "stream")
        with held, torch.inference_mode(), one_thread():
            self._resume()  # what another stream saved before this one held the folder
            saved = self.position
            with tqdm(total=total, initial=saved, disable=quiet, unit=say(" tokens"), unit_scale=True) as bar:
                try:
                    self.lm(self._piece(0))  # not measured: the first call
                    while self.position < total:
                        bar.update(self._step())
                        if self.position - saved >= SAVE_EVERY:
                            self.save()
                            saved = self.position
                finally:  # the state is a value: cut off within a piece, it is that of the piece before
                    with postponed():
                        self.save()
            return self._results()

    def _piece(self, start: int) -> Tensor:
        return make_piece(self.config, self.fact, self.source, start).to(self.lm.head.weight.device)

    def _step(self) -> int:
        """Reads one piece; returns its length."""
        began = time.perf_counter()
        ids = self._piece(self.position)
        try:
            _, state = self.lm(ids, self.state)
        except DivergenceError as error:
            text, token = "checkpoint {checkpoint} diverged near token {token}", self.position + error.token
            raise ConfigError(text, checkpoint=repr(self.config.checkpoint), token=token) from None
        self.state, self.position = state, self.position + ids.shape[1]
        self.seconds += time.perf_counter() - began
        due = [mark for mark in (*MARKS, self.config.tokens) if mark <= self.position]
        if due and (not self.marks or self.marks[-1]["tokens"] < max(due)):
            peak = torch.cuda.max_memory_allocated(ids.device) / 2**20 if ids.is_cuda else peak_memory()
            self.marks.append({"tokens": self.position, "seconds": self.seconds, "peak_mb": peak})
        return ids.shape[1]

    def _results(self) -> dict:
        """The results of the run; asking for the fact is not part of the measured stream."""
        peaks = [mark["peak_mb"] for mark in self.marks]
        return {
            **asdict(self.config),
            "task": self.task,
            "seconds": self.seconds,
            "tokens_per_second": self.config.tokens / self.seconds,
            "marks": self.marks,
            "slope": slope(self.marks),
            "memory_ratio": None if None in peaks else peaks[-1] / peaks[0],
            **recall_fact(self.lm, self.state, self.fact, is_text=self.source is not None),
        }

    def save(self) -> None:
        """Saves state, place and marks as one file, written atomically."""
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
        """Continues from the folder's snapshot if there is one. Raises ConfigError if it cannot be used."""
        if self.out is None:
            return
        text = "{file} cannot be used: {problem}"
        try:
            state, about = decode_state(read_bytes(self.out / SNAPSHOT), self.lm.initial_state(1), self.fingerprint)
            progress = parse(about["progress"])
        except FileNotFoundError:
            return
        except OSError as error:
            raise ConfigError(text, file=f"out {str(self.out)!r}", problem=reason(error)) from None
        except KeyError:
            raise ConfigError(text, file=SNAPSHOT, problem=Message("it is not the snapshot of a stream")) from None
        except ConfigError as error:
            raise ConfigError(text, file=SNAPSHOT, problem=error.message) from None
        if progress["about"] != self._about():
            text = "out folder {folder} holds a stream with other settings or another file; choose another"
            raise ConfigError(text, folder=repr(self.out.name))
        self.state = state
        self.position, self.seconds, self.marks = (progress[name] for name in ("position", "seconds", "marks"))


def recall_fact(lm: TitansLM, state: ModelState, fact: Fact, *, is_text: bool = False) -> dict:
    """Asks for a fact: the wanted tokens, the answered ones (as text if they are bytes), and the share right."""
    logits, _ = lm(fact.asked[:, :-1].to(lm.head.weight.device), state)
    wanted = fact.ask[:, 1:]
    said, right = logits.cpu()[wanted].argmax(-1), fact.asked[:, 1:][wanted]
    share = (said == right).double().mean().item()
    show = (lambda ids: bytes(ids.tolist()).decode("ascii", "backslashreplace")) if is_text else Tensor.tolist
    return {"wanted": show(right), "said": show(said), "share_recalled": share, "recalled": share == 1.0}


def peak_memory() -> float | None:
    """Largest resident size of this process so far, in MB (2^20 bytes); None if the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text("utf-8", "replace").splitlines() if status.exists() else []
    found = next((line for line in lines if line.startswith("VmHWM")), None)
    if found is not None:  # of this process only, whereas getrusage also counts the one that started it
        return int(found.split()[1]) / 1024
    try:
        import resource  # only here, since Windows has no such module
    except ImportError:
        return None
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / 2**20 if sys.platform == "darwin" else size / 1024
