"""Training: one loop for every task, resumable without loss, on one process or several (torchrun)."""

import contextlib
import hashlib
import math
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from ..devices import training_device
from ..errors import ConfigError, DivergenceError
from ..files import clear_parts, owned, write_whole, writing_to
from ..language import say
from ..memory.chunk import Record
from ..memory.tree import map_tree
from ..messages import Message
from ..models.beside import place_beside
from ..models.config import TitansConfig
from ..models.model import ModelState, TitansLM
from ..settings import SEED, Settings, choice, number, whole
from ..stopping import Stop, Terminated, postponed
from .checkpoint import DIGEST, load_model, read_card, save_model
from .processes import add_up, greatest, place
from .progress import Progress, load_progress, save_progress
from .tasks import TASKS, Batch, check_size, make_batch, source_of, text_bytes, with_returns

WARM_UP = 50  # steps in which the learning rate rises


@dataclass(frozen=True)
class TrainConfig(Settings):
    """How to train. Sizes (see the task) are at most `start_size` in the first half of the steps, then grow to `size`.

    With `truncate` > 0 a sequence is learned that many tokens at a time, with an optimizer step each, while the state
    carries over. Gradients flow no further back, which bounds memory use, and the model also learns to read from
    memories that are older than its gradients.
    """

    task: str = choice("recall", TASKS)  # task to learn; with --file, text
    file: str = ""  # train on this UTF-8 text instead of the bundled one; its last tenth is held out
    steps: int = whole(600, 1, 10_000_000)  # batches to learn from
    rows: int = whole(32, 1, 10_000_000)  # sequences per step, shared among the processes
    size: int = 128  # most tokens from facts to questions (recall), bases (dna) or bytes; at most 10,000,000
    start_size: int = whole(64, 0, 10_000_000)  # largest size in the first half of the steps
    lr: float = number(3e-3, 1e-8, 1.0)  # peak learning rate of AdamW
    easy: float = number(0.0, 0.0, 1.0)  # share of the steps, at the start, on easier recall with all eight facts first
    gate_cost: float = number(0.0, 0.0, 100.0)  # weight of the penalty on open gates (theta + alpha) in the second half
    returns: float = number(0.0, 0.0, 0.9)  # share of a text that is passages which return; 0: the text as it is
    weight_decay: float = number(0.01, 0.0, 1.0)  # weight decay of AdamW
    truncate: int = whole(0, 0, 10_000_000)  # tokens per backward pass and optimizer step; 0: the whole sequence
    memory: str = choice("on", ("on", "off"))  # off: train the same model without its memory, as a control
    body: str = ""  # checkpoint of a model without memory; it stays as it is, and only a memory beside it is trained
    save_every: int = whole(100, 1, 10_000_000)  # steps between two saved states
    seed: int = whole(0, *SEED)  # seed of weights and batches

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size("size", self.task, self.size)
        if self.file and TASKS[self.task].source is not text_bytes:
            text = "file can only be used with a task that reads text, not with {task}"
            raise ConfigError(text, task=repr(self.task))
        if self.returns and self.task != "text":
            raise ConfigError("returns can only be used with the task text, not with {task}", task=repr(self.task))
        if self.body and self.memory == "off":
            raise ConfigError("memory must be on with a body: nothing else is trained")


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


def training_batch(config: TrainConfig, step: int, source: Tensor | None = None) -> Batch:
    """What all processes together learn from in a step, whether the run was stopped before or not; see `make_batch`."""
    generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
    size = step_size(config, step, generator)
    generator.manual_seed((config.seed * 1_000_003 + step) * 1_009 + 1)
    easy = config.task == "recall" and step < config.easy * config.steps
    batch = make_batch("recall_once" if easy else config.task, config.rows, size, generator, source=source)
    return batch._replace(ids=with_returns(batch.ids, config.returns, generator)) if config.returns else batch


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then half a cosine down to a tenth."""
    cosine = 0.55 + 0.45 * math.cos(math.pi * step / config.steps)
    return config.lr * min(1.0, (step + 1) / min(WARM_UP, max(1, config.steps // 6))) * cosine


class Piece(NamedTuple):
    """Consecutive tokens of a batch that are learned together, and the token after each, which is to be predicted."""

    ids: Tensor  # (b, n + 1)
    ask: Tensor  # (b, n + 1) bool: the tokens whose predictions count
    asked: int  # tokens whose predictions count in the whole batch
    share: float  # tokens read here, b n, over those read in the whole batch


def cut(batch: Batch, truncate: int, rank: int = 0, processes: int = 1) -> list[Piece]:
    """A process's rows of a batch in pieces of `truncate` tokens, the last of which may be shorter; 0: in one piece."""
    length, asked = batch.ids.shape[1] - 1, max(1, int(batch.ask[:, 1:].sum()))
    ids, ask = batch.ids[rank::processes], batch.ask[rank::processes]
    step = truncate or length
    pieces = []
    for start in range(0, length, step):
        end = min(start + step, length)
        share = (end - start) / length * (len(ids) / len(batch.ids))
        pieces.append(Piece(ids[:, start : end + 1], ask[:, start : end + 1], asked, share))
    return pieces


def backward(
    lm: nn.Module, piece: Piece, state: ModelState | None, *, memory: str = "on", gate_cost: float = 0.0
) -> tuple[float, ModelState]:
    """Adds the gradients of a piece to the model's; returns its part of the batch's mean loss, and the next state.

    The next state carries no gradient. `gate_cost` is a penalty that keeps gates closed unless writing lowers the
    loss: its factor on the mean theta + alpha over tokens, heads and memories.
    """
    records: list[Record] = []
    logits, state = lm(piece.ids[:, :-1], state, memory=memory, trace=records)
    wanted = piece.ask[:, 1:]
    loss = functional.cross_entropy(logits[wanted], piece.ids[:, 1:][wanted], reduction="sum") / piece.asked
    value = loss.item()
    if gate_cost and records:
        # Blocks may differ in length, so each record counts with its tokens.
        opened = torch.cat([(record.gates.theta + record.gates.alpha).flatten() for record in records])  # (tokens,)
        loss = loss + gate_cost * opened.mean() * piece.share
    loss.backward()
    return value, map_tree(Tensor.detach, state)


def learn(
    lm: nn.Module, optimizer: torch.optim.Optimizer, pieces: list[Piece], *, memory: str, gate_cost: float, stop=Stop
) -> tuple[float, bool]:
    """A step of the optimizer for each piece; returns the batch's mean loss, and whether any process is to stop."""
    loss, state, stopped = 0.0, None, False
    for turn, piece in enumerate(pieces):
        part, state = backward(lm, piece, state, memory=memory, gate_cost=gate_cost)
        part, stopped = add_up(lm.parameters(), part, stop.asked)
        loss += part
        if not nn.utils.clip_grad_norm_(lm.parameters(), 1.0).isfinite():
            raise DivergenceError(Message("a gradient is not finite"), turn * (piece.ids.shape[1] - 1))
        optimizer.step()
        optimizer.zero_grad()
    return loss, stopped


def make_model(model: TitansConfig, config: TrainConfig) -> nn.Module:
    """What is trained: a model, or a memory beside the body."""
    return place_beside(load_model(config.body), model) if config.body else TitansLM(model)


def make_optimizer(lm: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW, as a training uses it."""
    return torch.optim.AdamW(lm.parameters(), lr=config.lr, betas=(0.9, 0.95), weight_decay=config.weight_decay)


class Trainer:
    """A model, its optimizer and how far its run is, kept in `folder`: a new run, or one that continues.

    `device` None is CUDA where there is any, else the CPU. A run may continue on another device.
    Under torchrun it runs inside `processes.joined()`. Each process learns some rows of the same batches, so a run may
    also continue on another number of processes, with the same losses up to rounding. Raises ConfigError for more
    processes than rows, and for a folder that cannot be written, that another training uses, or that holds a run which
    cannot continue.
    """

    def __init__(self, model: TitansConfig, config: TrainConfig, folder: str | Path, device: str | None = None) -> None:
        self.config, self.folder = config, Path(folder)
        self.rank, self.processes = place()
        if config.rows < self.processes:
            told = dict(count=self.processes, rows=config.rows)
            raise ConfigError("rows must be at least {count}, the number of processes, not {rows}", **told)
        chosen = training_device(device)
        torch.manual_seed(config.seed)
        self._body = {"body_sha256": read_card(config.body)[DIGEST]} if config.body else {}
        self.lm = make_model(model, config).to(chosen)
        self.optimizer = make_optimizer(self.lm, config)
        self.step, self.seconds, self.tokens, self.losses = 0, 0.0, 0, []
        self.kept = 0  # the step whose state is on the disk
        self._is_held = False
        self.source = source_of(config.task, config.file)
        with writing_to("out", self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        self._resume()

    def _describe(self) -> dict:
        """What must be the same for a run to continue: its settings, its body, and the text that it reads."""
        described = {"model": asdict(self.lm.config), "training": asdict(self.config), **self._body}
        if TASKS[self.config.task].source is not text_bytes:
            return described
        return {**described, "text_sha256": hashlib.sha256(self.source.byte().numpy().tobytes()).hexdigest()}

    def _resume(self) -> None:
        done = load_progress(self.folder, self._describe(), self.lm, self.optimizer)
        self.step, self.seconds, self.tokens, self.losses = *done[:3], list(done.losses)
        self.kept = self.step

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Locks the folder against other trainings, and shows at once whether it can be written to."""
        if self._is_held or self.rank > 0:
            yield
            return
        with owned(self.folder, ".lock", "training"):
            with writing_to("out", self.folder):
                clear_parts(self.folder)
            if self.step == self.kept:  # another training may have come further since
                self._resume()
            if self.step == 0:
                self.save()
            self._is_held = True
            try:
                yield
            finally:
                self._is_held = False

    def save(self) -> None:
        """Saves the run's state atomically. Raises ConfigError if it cannot be written."""
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
            if greatest(self.step, device) != -greatest(-self.step, device):
                raise ConfigError("out must be a folder that all processes share: they stand at different steps")
            stopped = False
            with tqdm(total=self.config.steps, initial=self.step, disable=hidden, unit=say("step")) as bar:
                while self.step < end and not stopped:
                    try:
                        stopped = self._one_step(stop)
                    except DivergenceError:
                        text = "training diverged in step {step}; choose a smaller lr"
                        raise ConfigError(text, step=self.step + 1) from None
                    bar.set_postfix(loss=f"{self.losses[-1]:.3f}", refresh=False)
                    bar.update()
                    due = self.step % self.config.save_every == 0 or self.step == end or stopped
                    if self.rank == 0 and due:
                        self.save()
        if stopped and self.step < end:
            raise Terminated  # another process was asked to stop
        return self.lm.eval()

    def _one_step(self, stop: Stop) -> bool:
        """Learns one batch; returns whether any process was asked to stop."""
        config, device, began = self.config, self.lm.head.weight.device, time.perf_counter()
        batch = training_batch(config, self.step, self.source)
        self.optimizer.param_groups[0]["lr"] = learning_rate(config, self.step)
        gate_cost = config.gate_cost if self.step >= config.steps / 2 else 0.0
        own = cut(Batch(*(tensor.to(device) for tensor in batch)), config.truncate, self.rank, self.processes)
        loss, stopped = learn(self.lm, self.optimizer, own, memory=config.memory, gate_cost=gate_cost, stop=stop)
        self.tokens += batch.ids.numel()
        self.seconds += time.perf_counter() - began
        self.losses.append(round(loss, 5))
        self.step += 1
        return stopped

    def finish(self, results: list | None = None, measured: dict[str, list] | None = None) -> Path:
        """Writes the losses as `log.csv` and the checkpoint `model`, whose card holds `results` and all `measured`."""
        log = "".join(f"{step},{loss}\n" for step, loss in [("step", "loss"), *enumerate(self.losses, start=1)])
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
            write_whole(self.folder / "log.csv", log)
            return save_model(self.lm, self.folder / "model", card)
