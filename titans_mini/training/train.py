"""Training: one loop for every task, resumable without loss, on one process or several (torchrun)."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import math
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from ..config import TitansConfig
from ..errors import ConfigError, DivergenceError, check_choice, check_integer, check_number
from ..files import clear_parts, held, write_whole, writing_to
from ..memory.chunk import Record
from ..memory.state import map_tensors
from ..models.model import TitansLM
from ..stopping import Stop, Terminated, postponed
from .checkpoint import save_model
from .processes import average_gradients, combine, place
from .progress import Progress, load_progress, save_progress
from .tasks import TASKS, Batch, check_size, file_bytes, make_batch, text_bytes

WARM_UP = 50  # steps in which the learning rate rises


@dataclass(frozen=True)
class TrainConfig:
    """How to train. Sizes (see the task) are at most `start_size` in the first half of the steps, then grow to `size`.

    With `truncate` > 0 a sequence is learnt that many tokens at a time, a step of the optimizer each, while the state
    carries on: gradients flow that far, which bounds memory, and the model meets memories older than its gradients.
    """

    task: str = "recall"  # what to learn (`titans-mini eval --help` lists the tasks); with --file: text
    file: str = ""  # train on this UTF-8 text instead of the bundled one; its last tenth is held out
    steps: int = 600  # batches to learn from
    rows: int = 32  # sequences a step, in each process
    size: int = 128  # largest gap, or length in bytes, that training reaches
    start_size: int = 64  # largest size in the first half of the steps
    lr: float = 3e-3  # peak learning rate of AdamW
    easy: float = 0.0  # share of the steps, at the start, in which recall tells eight facts at the very start
    gate_cost: float = 0.0  # penalty on open gates, in the second half: its factor on the mean theta + alpha of a token
    weight_decay: float = 0.01  # of AdamW
    truncate: int = 0  # tokens that gradients flow back through, an optimizer step each; 0: the whole sequence
    memory: str = "on"  # on, or off: the same model without its memory, the control
    save_every: int = 100  # steps between two saved states
    seed: int = 0  # of weights and batches

    def __post_init__(self) -> None:
        check_choice("task", self.task, TASKS)
        check_choice("memory", self.memory, ("on", "off"))
        if self.file and TASKS[self.task].source is not text_bytes:
            raise ConfigError(f"file goes with a task that reads text, not with {self.task!r}")
        for name, low in (("steps", 1), ("rows", 1), ("start_size", 0), ("truncate", 0)):
            check_integer(name, getattr(self, name), low, 10_000_000)
        check_size("size", self.task, self.size)
        check_integer("save_every", self.save_every, 1, 10_000_000)
        check_integer("seed", self.seed, 0, 2**31 - 1)
        check_number("lr", self.lr, 1e-8, 1.0)
        check_number("easy", self.easy, 0.0, 1.0)
        check_number("gate_cost", self.gate_cost, 0.0, 100.0)
        check_number("weight_decay", self.weight_decay, 0.0, 1.0)


def step_size(config: TrainConfig, step: int, generator: torch.Generator) -> int:
    """The size of one step's batch: short ones first; later up to `size`, all lengths mixed.

    Recall sizes are gaps and vary within a run; texts and stories have the step's full length.
    """
    done = step / config.steps
    growth = min(1.0, max(0.0, (done - 0.5) / 0.3))
    top = max(1, config.start_size) * (max(1, config.size) / max(1, config.start_size)) ** growth
    if not config.task.startswith("recall"):
        return max(2, round(top))
    share = torch.rand((), generator=generator).item()
    return round(top * (share if done < 0.5 else share**0.5))


def training_batch(config: TrainConfig, step: int, rank: int = 0, source: Tensor | None = None) -> Batch:
    """What one process learns from in one step, whether the run was stopped before or not; `source` as in tasks."""
    generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
    size = step_size(config, step, generator)  # the same in all processes
    generator.manual_seed((config.seed * 1_000_003 + step) * 1_009 + rank + 1)
    easy = config.task == "recall" and step < config.easy * config.steps
    return make_batch("recall_once" if easy else config.task, config.rows, size, generator, source=source)


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then half a cosine down to a tenth."""
    cosine = 0.55 + 0.45 * math.cos(math.pi * step / config.steps)
    return config.lr * min(1.0, (step + 1) / min(WARM_UP, max(1, config.steps // 6))) * cosine


def loss_of(logits: Tensor, ids: Tensor, ask: Tensor) -> Tensor:
    """Sum of cross-entropies of the asked tokens; logits (b, t, vocab) predict ids[:, 1:]."""
    wanted = ask[:, 1:]
    return functional.cross_entropy(logits[wanted], ids[:, 1:][wanted], reduction="sum")


def openness(records: list[Record]) -> Tensor:
    """How far the gates of a call stood open: mean theta + alpha over tokens, heads and memories, (), with gradient.

    Blocks may differ in length, so each record counts with its tokens.
    """
    opened = torch.cat([(record.gates.theta + record.gates.alpha).flatten() for record in records])  # (tokens,)
    return opened.mean()


def count_pieces(config: TrainConfig, ids: Tensor) -> int:
    """The pieces in which `backward` learns a batch."""
    length = ids.shape[1] - 1
    return math.ceil(length / (config.truncate or length))


def backward(lm: nn.Module, ids: Tensor, ask: Tensor, config: TrainConfig, gate_cost: float = 0.0) -> Iterator[float]:
    """Makes the gradients of a batch's mean loss, by pieces of `truncate` tokens; yields each piece's part of it.

    What the caller does between pieces, such as a step of the optimizer, counts for the next. `gate_cost` is a penalty
    that keeps gates closed unless writing lowers the loss.
    """
    length = ids.shape[1] - 1
    piece = config.truncate or length
    asked, state = ask[:, 1:].sum().clamp_min(1), None
    for start in range(0, length, piece):
        part = slice(start, start + piece + 1)
        records: list[Record] = []
        logits, state = lm(ids[:, part][:, :-1], state, memory=config.memory, trace=records)
        loss = loss_of(logits, ids[:, part], ask[:, part]) / asked
        made = loss.item()
        if gate_cost and records:
            loss = loss + gate_cost * openness(records) * (min(piece, length - start) / length)
        loss.backward()
        state = map_tensors(Tensor.detach, state)
        yield made


class Trainer:
    """A model, its optimizer and how far its run is, kept in `folder`: a new run, or one that continues.

    Under torchrun it runs inside `processes.joined()`. Raises ConfigError for a folder that cannot be written, that
    another training uses, or that holds a run which cannot continue.
    """

    def __init__(self, model: TitansConfig, config: TrainConfig, folder: str | Path) -> None:
        self.config, self.folder = config, Path(folder)
        self.rank, self.world = place()
        torch.manual_seed(config.seed)
        self.lm = TitansLM(model)
        if torch.cuda.is_available():
            self.lm.cuda(int(os.environ.get("LOCAL_RANK", 0)))
        self.optimizer = torch.optim.AdamW(
            self.lm.parameters(), lr=config.lr, betas=(0.9, 0.95), weight_decay=config.weight_decay
        )
        self.step, self.seconds, self.tokens, self.losses = 0, 0.0, 0, []
        self.kept = 0  # the step whose state is on the disk
        self._is_held = False
        self.source = file_bytes(config.file) if config.file else None
        with writing_to("out", self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        self._resume()

    def _describe(self) -> dict:
        """What must be the same for a run to continue: settings, and the text that it reads."""
        described = {"model": asdict(self.lm.config), "training": asdict(self.config)}
        reads_text = TASKS[self.config.task].source is text_bytes
        return {**described, **({"text_sha256": self._text_sha256()} if reads_text else {})}

    def _text_sha256(self) -> str:
        source = text_bytes() if self.source is None else self.source
        return hashlib.sha256(source.byte().numpy().tobytes()).hexdigest()

    def _resume(self) -> None:
        done = load_progress(self.folder, self._describe(), self.lm, self.optimizer)
        self.step, self.seconds, self.tokens, self.losses = *done[:3], list(done.losses)
        self.kept = self.step

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keeps other trainings out of the folder, and finds out at once whether it can be written to."""
        if self._is_held or self.rank > 0:
            yield
            return
        busy = f"out {str(self.folder)!r} is in use by another training"
        with contextlib.ExitStack() as stack:
            with writing_to("out", self.folder):
                stack.enter_context(held(self.folder / ".lock", busy))
                clear_parts(self.folder)
            if self.step == self.kept:  # another training may have come further since
                self._resume()
            if self.step == 0:
                self.save()
            self._is_held = True
            stack.callback(setattr, self, "_is_held", False)
            yield

    def save(self) -> None:
        """Keeps the run's state, whole or not at all. Raises ConfigError where the disk does not take it."""
        progress = Progress(self.step, self.seconds, self.tokens, tuple(self.losses))
        with writing_to("out", self.folder):
            save_progress(self.folder, self._describe(), progress, self.lm, self.optimizer)
        self.kept = self.step

    def run(self, until: int | None = None, quiet: bool = False) -> TitansLM:
        """Trains up to step `until` (default: all), saving as it goes, and returns the model.

        Ctrl-C and SIGTERM take effect between two steps, when the state is saved; under torchrun in all processes
        after the same step.
        """
        end = min(until or self.config.steps, self.config.steps)
        hidden, device = quiet or self.rank > 0, self.lm.head.weight.device
        with self.held(), postponed() as stop:
            if combine(self.step, "max", device) != -combine(-self.step, "max", device):
                raise ConfigError("out must be a folder that all processes share: they stand at different steps")
            stopped = False
            with tqdm(total=self.config.steps, initial=self.step, disable=hidden, unit="step") as bar:
                while self.step < end and not stopped:
                    stopped = self._one_step(stop)
                    bar.set_postfix(loss=f"{self.losses[-1]:.3f}", refresh=False)
                    bar.update()
                    due = self.step % self.config.save_every == 0 or self.step == end or stopped
                    if self.rank == 0 and due:
                        self.save()
        if stopped and self.step < end:
            raise Terminated  # another process was asked to stop
        return self.lm.eval()

    def _one_step(self, stop: Stop) -> bool:
        """One batch; returns whether to stop after it."""
        config, began = self.config, time.perf_counter()
        batch = training_batch(config, self.step, self.rank, self.source)
        ids, ask = (tensor.to(self.lm.head.weight.device) for tensor in batch)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(config, self.step)
        loss, stopped = self._learn(ids, ask, stop)
        self.tokens += combine(ids.numel(), "sum", ids.device)
        self.seconds += time.perf_counter() - began
        self.losses.append(round(loss, 5))
        self.step += 1
        return stopped

    def _learn(self, ids: Tensor, ask: Tensor, stop: Stop) -> tuple[float, bool]:
        """The optimizer's steps on one batch; returns its loss, and whether any process was asked to stop."""
        price = self.config.gate_cost if self.step >= self.config.steps / 2 else 0.0
        diverged = ConfigError(f"training diverged in step {self.step + 1}; choose a smaller lr")
        loss, stopped = 0.0, False
        try:
            parts = backward(self.lm, ids, ask, self.config, price)
            # Sequences may differ in length between processes: one that has no piece left adds no gradient.
            for _ in range(combine(count_pieces(self.config, ids), "max", ids.device)):
                loss += next(parts, 0.0)
                stopped = average_gradients(self.lm.parameters(), stop.asked)
                if not nn.utils.clip_grad_norm_(self.lm.parameters(), 1.0).isfinite():
                    raise diverged
                self.optimizer.step()
                self.optimizer.zero_grad()
        except DivergenceError:
            raise diverged from None
        return loss, stopped

    def finish(self, results: list | None = None, measured: dict[str, list] | None = None) -> Path:
        """Writes the losses as `log.csv` and the checkpoint `model`, whose card holds `results` and all `measured`."""
        log = io.StringIO()
        csv.writer(log).writerows([("step", "loss"), *enumerate(self.losses, start=1)])
        card = {
            **{name: value for name, value in self._describe().items() if name != "model"},
            "tokens": self.tokens,
            "seconds": round(self.seconds, 1),
            "loss_first": self.losses[0],
            "loss_last": sum(self.losses[-20:]) / len(self.losses[-20:]),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
            "results": results or [],
            **(measured or {}),
        }
        with writing_to("out", self.folder):
            write_whole(self.folder / "log.csv", log.getvalue())
            return save_model(self.lm, self.folder / "model", card)
