"""Training: one loop for every task, resumable without loss, on one process or several (torchrun)."""

from __future__ import annotations

import csv
import json
import math
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from ..config import TitansConfig
from ..errors import ConfigError, check_choice, check_integer, check_number
from ..files import write_whole
from ..memory.chunk import Record
from ..memory.state import map_tensors
from ..models.model import TitansLM
from .checkpoint import save_model
from .processes import place
from .tasks import TASKS, make_batch
from .weights import flatten_optimizer, restore_optimizer, save_tensors

WARM_UP = 50  # steps in which the learning rate rises


@dataclass(frozen=True)
class TrainConfig:
    """How to train. Sizes (see the task) are at most `start_size` in the first half of the steps, then grow to `size`.

    With `truncate` > 0 a sequence is learnt that many tokens at a time, a step of the optimizer each, while the state
    carries on: gradients flow that far, which bounds memory, and the model meets memories older than its gradients.
    """

    task: str = "recall"
    steps: int = 600
    rows: int = 32  # sequences a step, in each process
    size: int = 128
    start_size: int = 64
    lr: float = 3e-3
    easy: float = 0.0  # share of the steps, at the start, in which recall tells eight facts at the very start
    gate_cost: float = 0.0  # price of an open gate, in the second half: mean theta and alpha of a token
    weight_decay: float = 0.01
    truncate: int = 0
    memory: str = "on"  # or "off": the same model without its memory, the control
    save_every: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("task", self.task, TASKS)
        check_choice("memory", self.memory, ("on", "off"))
        for name, low in (("steps", 1), ("rows", 1), ("size", 0), ("start_size", 0), ("truncate", 0)):
            check_integer(name, getattr(self, name), low, 10_000_000)
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
    """A model, its optimizer and its place in a run, kept in `folder`; made anew or taken up where it stopped.

    Under torchrun it runs inside `processes.joined()`.
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
        self.folder.mkdir(parents=True, exist_ok=True)
        self._resume()

    def _describe(self) -> dict:
        return {"model": asdict(self.lm.config), "training": asdict(self.config)}

    def _resume(self) -> None:
        progress = self.folder / "progress.json"
        if not progress.exists():
            return
        done = json.loads(progress.read_text())
        if done["settings"] != json.loads(json.dumps(self._describe())):
            raise ConfigError(f"out folder {self.folder.name!r} holds a run with other settings; choose another")
        tensors = load_file(self.folder / done["file"])
        self.lm.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
        restore_optimizer(self.optimizer, tensors)
        self.step, self.seconds, self.tokens, self.losses = (
            done[name] for name in ("step", "seconds", "tokens", "losses")
        )

    def save(self) -> None:
        """Keeps the run's state: tensors first, then the small file that points to them."""
        name, old = f"state-{self.step}.safetensors", list(self.folder.glob("state-*.safetensors"))
        tensors = {f"model.{key}": value for key, value in self.lm.state_dict().items()}
        save_tensors({**tensors, **flatten_optimizer(self.optimizer)}, self.folder / name)
        content = {"settings": self._describe(), "file": name, "step": self.step, "seconds": self.seconds}
        content |= {"tokens": self.tokens, "losses": self.losses}
        write_whole(self.folder / "progress.json", json.dumps(content).encode())
        for path in old:
            if path.name != name:
                path.unlink(missing_ok=True)

    def run(self, until: int | None = None, quiet: bool = False) -> TitansLM:
        """Trains up to step `until` (default: all), saving as it goes, and returns the model."""
        lm = nn.parallel.DistributedDataParallel(self.lm) if self.world > 1 else self.lm
        end = min(until or self.config.steps, self.config.steps)
        bar = tqdm(total=self.config.steps, initial=self.step, disable=quiet or self.rank > 0, unit="step")
        while self.step < end:
            began = time.perf_counter()
            loss = self._one_step(lm)
            self.seconds += time.perf_counter() - began
            self.losses.append(round(loss, 5))
            self.step += 1
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            bar.update()
            if self.rank == 0 and (self.step % self.config.save_every == 0 or self.step == end):
                self.save()
        bar.close()
        return self.lm.eval()

    def _one_step(self, lm: nn.Module) -> float:
        config = self.config
        # Seeded by the step, so that a run taken up again sees what it would have seen; lengths agree over processes.
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + self.step)
        size = step_size(config, self.step, generator)
        generator.manual_seed((config.seed * 1_000_003 + self.step) * 1_009 + self.rank + 1)
        easy = config.task == "recall" and self.step < config.easy * config.steps
        batch = make_batch("recall_once" if easy else config.task, config.rows, size, generator)
        ids, ask = (tensor.to(self.lm.head.weight.device) for tensor in batch)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(config, self.step)
        price = config.gate_cost if self.step >= config.steps / 2 else 0.0
        loss = 0.0
        for part in backward(lm, ids, ask, config, price):
            loss += part
            nn.utils.clip_grad_norm_(self.lm.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()
        self.tokens += ids.numel() * self.world
        return loss

    def finish(self, results: list | None = None, measured: dict[str, list] | None = None) -> Path:
        """Writes the losses as `log.csv` and the checkpoint `model`, whose card holds `results` and all `measured`."""
        with (self.folder / "log.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("step", "loss"), *enumerate(self.losses, start=1)])
        card = {
            "training": asdict(self.config),
            "tokens": self.tokens,
            "seconds": round(self.seconds, 1),
            "loss_first": self.losses[0],
            "loss_last": sum(self.losses[-20:]) / len(self.losses[-20:]),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
            "results": results or [],
            **(measured or {}),
        }
        return save_model(self.lm, self.folder / "model", card)
