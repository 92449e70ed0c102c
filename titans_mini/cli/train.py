"""`titans-mini train`: trains a model, measures it, and writes its checkpoint; a run that was stopped continues."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, fields

from ..config import TitansConfig
from ..training.controls import modes_of
from ..training.evaluate import evaluate
from ..training.measure import measure_text
from ..training.processes import joined
from ..training.tasks import TASKS, check_size, file_bytes
from ..training.train import TrainConfig, Trainer
from .meanings import comments

SHAPE = (
    "variant", "dim", "layers", "heads", "window", "chunk", "memory_depth", "memory_heads", "gate", "persistent",
)  # fmt: skip


def add_train(commands) -> None:
    """The command `train` and its flags: one for each setting of the model's shape and of the training."""
    text = "train a language model with a memory on a task; run again with the same --out to continue"
    command = commands.add_parser("train", help=text, description=text)
    command.set_defaults(run=_train)
    _add_fields(command, TitansConfig(), SHAPE)
    command.add_argument(
        "--memory-layers", type=int, nargs="*", help="layers that have a memory, counted from 0; default all"
    )
    _add_fields(command, TrainConfig(), [field.name for field in fields(TrainConfig)])
    command.set_defaults(task=None)  # see _train
    command.add_argument("--sizes", type=int, nargs="*", default=[], help="also evaluate at these sizes at the end")
    command.add_argument("--out", required=True, help="folder of the run")
    command.add_argument("--quiet", action="store_true", help="no progress bar")


def _add_fields(command, defaults, names) -> None:
    """One flag for each named field of a settings object, with its default, its type and its comment as help."""
    meanings = comments(type(defaults))
    for name in names:
        value = getattr(defaults, name)
        text = f"{meanings[name]}; default {value!r}" if value == "" else f"{meanings[name]}; default {value}"
        command.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value, help=text)


def _train(options: argparse.Namespace) -> int:
    settings = {field.name: getattr(options, field.name) for field in fields(TrainConfig)}
    settings["task"] = options.task or ("text" if options.file else TrainConfig().task)
    training = TrainConfig(**settings)
    for size in options.sizes:
        check_size("sizes", training.task, size)
    vocab_size = TASKS[training.task].vocab_size
    layers = None if options.memory_layers is None else tuple(options.memory_layers)
    shape = {name: getattr(options, name) for name in SHAPE}
    model = TitansConfig(vocab_size=vocab_size, memory_layers=layers, **shape)
    trainer = Trainer(model, training, options.out)
    try:
        with trainer.held():
            with joined():
                trainer.run(quiet=options.quiet)
            if trainer.rank == 0:
                _finish(trainer, options.sizes)
    except KeyboardInterrupt:
        if trainer.rank == 0:
            kept = f"{trainer.kept} of {training.steps} steps are saved in {options.out}"
            print(f"titans-mini: stopped; {kept}; run the same command again to continue", file=sys.stderr)
        raise
    return 0


def _finish(trainer: Trainer, sizes: list[int]) -> None:
    """Measures the trained model, writes its checkpoint, and prints both."""
    training, lm = trainer.config, trainer.lm
    source = file_bytes(training.file, held_out=True) if training.file else None
    modes = modes_of({"training": asdict(training)})
    results = [evaluate(lm, training.task, training.size, memory=mode, source=source) for mode in modes]
    rows = {size: max(16, min(64, 2**20 // max(1, size))) for size in sizes}  # about a million tokens each
    for size in rows:
        found = evaluate(lm, training.task, size, rows=rows[size], memory=training.memory, source=source)
        results.append(found)
    measured = measure_text(lm, modes, source=source) if training.task == "text" else None
    path = trainer.finish(results, measured)
    print(json.dumps({"checkpoint": str(path), "results": results}))
