"""`titans-mini train`: trains a model, measures it, and writes its checkpoint; a run that was stopped continues."""

import argparse
import json
from importlib.metadata import entry_points

from ..devices import training_device
from ..errors import ConfigError, check_number
from ..language import note, say
from ..models.beside import fitted
from ..models.config import TitansConfig
from ..models.model import MODES
from ..settings import comments
from ..training.checkpoint import load_model
from ..training.evaluate import evaluate
from ..training.processes import joined, place
from ..training.tasks import TASKS, check_size, source_of
from ..training.train import TrainConfig, Trainer
from .flags import add_command, add_flags, given

SHAPE = (
    "variant", "dim", "layers", "heads", "window", "chunk", "memory_rule", "memory_input", "memory_depth",
    "memory_heads", "gate", "persistent", "key_width",
)  # fmt: skip


def add_train(commands) -> None:
    """The command `train` and its flags: one for each setting of the model's shape and of the training."""
    text = "train a language model with a memory on a task; run again with the same --out to continue"
    command = add_command(commands, "train", _train, text, "json", "quiet")
    add_flags(command, TitansConfig(), SHAPE)
    meanings = comments(TitansConfig)
    command.add_argument("--memory-layers", type=int, nargs="*", help=meanings["memory_layers"])
    command.add_argument("--reach", type=int, nargs="+", default=(), help=meanings["reach"])
    command.add_argument("--copy", action="store_true", help=meanings["copy"])
    command.add_argument(
        "--no-momentum", dest="momentum", action="store_false", help="leave momentum (eta) out of the learned gate"
    )
    add_flags(command, TrainConfig())
    command.set_defaults(task=None)  # see _train
    command.add_argument("--sizes", type=int, nargs="*", default=[], help="also evaluate at these sizes at the end")
    command.add_argument("--out", help="folder of the run; only --dry-run needs none")
    dry = "train nothing; print the memory and time needed, at this many FLOP/s or, without a number, on this device"
    command.add_argument("--dry-run", nargs="?", const=0.0, type=float, metavar="FLOPS", help=dry)
    command.add_argument("--device", help="where to compute: cpu, cuda or cuda:1 (default: cuda where there is one)")


def _train(options: argparse.Namespace) -> int:
    options.task = options.task or ("text" if options.file else TrainConfig.task)
    training = TrainConfig(**given(options, TrainConfig.__dataclass_fields__))
    for size in options.sizes:
        check_size("sizes", training.task, size)
    vocab_size = TASKS[training.task].vocab_size
    layers = None if options.memory_layers is None else tuple(options.memory_layers)
    chosen = given(options, (*SHAPE, "copy", "momentum"))
    if training.body:
        chosen = fitted(chosen, load_model(training.body).config)
    model = TitansConfig(vocab_size=vocab_size, memory_layers=layers, reach=tuple(options.reach), **chosen)
    if options.dry_run is not None:
        return _dry_run(model, training, options)
    if options.out is None:
        raise ConfigError("out must be given: the folder of the run")
    trainer = Trainer(model, training, options.out, options.device)
    try:
        with trainer.held():
            with joined():
                trainer.run(quiet=options.quiet)
            if trainer.rank == 0:
                _finish(trainer, options.sizes)
    except KeyboardInterrupt:
        if trainer.rank == 0:
            text = "stopped; {kept} of {steps} steps are saved in {folder}; run the same command again to continue"
            note(text, kept=trainer.kept, steps=training.steps, folder=options.out)
        raise
    return 0


def _dry_run(model: TitansConfig, training: TrainConfig, options: argparse.Namespace) -> int:
    """Prints what the training would need."""
    from ..training.estimate import Speed, estimate, measure_speed  # here, since torch's counter loads Triton

    if place()[1] > 1:
        raise ConfigError("dry_run counts what one process needs; start it without torchrun")
    rate = check_number("dry_run", options.dry_run, 0.0, 1e21)
    device = training_device(options.device)
    need = estimate(model, training, source_of(training.task, training.file))
    speed = Speed(rate) if rate else measure_speed(device)
    seconds = need.seconds(speed)
    if options.json:
        print(json.dumps({**need._asdict(), "seconds": seconds, "flops_per_second": speed.flops}))
        return 0
    kept = need.fast * need.states * training.rows
    mega = {name: round(getattr(need, name) / 1e6, 1) for name in ("weights", "optimizer", "fast", "peak")}
    rates = dict(each=need.flops / need.tokens / 1e6, all=need.flops / 1e9, tokens=need.tokens, rate=speed.flops / 1e9)
    for text, fields in (
        ("{count:,} parameters: {weights:,} MB, as much for gradients, {optimizer:,} MB for the optimizer", mega),
        ("a memory's state, its fast weights and momentum in all layers: {fast:,} MB a sequence", mega),
        ("a step keeps at least {states} of them for each of {rows} sequences: {kept:,.0f} MB", dict(kept=kept / 1e6)),
        ("most at once, all tensors of a step: {peak:,} MB", mega),
        ("a token: {each:,.1f} MFLOP; a step of {tokens:,} tokens: {all:,.1f} GFLOP", rates),
        ("a step: {seconds:.2g} s at {rate:,.0f} GFLOP/s; {steps:,} steps: {hours:.2g} hours", rates),
    ):
        more = dict(count=need.parameters, states=need.states, rows=training.rows, steps=training.steps)
        print(say(text, **fields, **more, seconds=seconds, hours=seconds * training.steps / 3600))
    return 0


def _rows(task: str, size: int) -> int:
    """Sequences to measure: at most 64, and of the long ones fewer; in a text every byte counts, so few are enough."""
    tokens = 2**18 if TASKS[task].source else 2**20
    return max(16, min(64, tokens // max(1, size)))


def _finish(trainer: Trainer, sizes: list[int]) -> None:
    """Measures the trained model, writes its checkpoint, and prints both."""
    training, lm = trainer.config, trainer.lm
    source = source_of(training.task, training.file, held_out=True)
    modes = MODES if training.memory == "on" else ("off",)
    wanted = [(training.size, mode) for mode in modes] + [(size, training.memory) for size in dict.fromkeys(sizes)]
    results = [
        evaluate(lm, training.task, size, rows=_rows(training.task, size), memory=mode, source=source)
        for size, mode in wanted
    ]
    measured = {}
    for measure in entry_points(group="titans_mini.measures", name=training.task):  # of titans_course
        measured |= measure.load()(lm, modes, source=source)
    path = trainer.finish(results, measured)
    print(json.dumps({"checkpoint": str(path), "results": results}))
