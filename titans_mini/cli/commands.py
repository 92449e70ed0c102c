"""The commands of `titans-mini`; those with a file of their own are only added here."""

from __future__ import annotations

import argparse
import json
from importlib.metadata import entry_points
from pathlib import Path

from ..config import (
    DECAY_NAMES,
    NORMALISER_NAMES,
    SCALE_NAMES,
    SCENARIO_NAMES,
    SIMULATION_GATE_NAMES,
    MemoryConfig,
    SimulationConfig,
)
from ..data import read_text
from ..errors import ConfigError
from ..files import write_whole, writing_to
from ..simulation import simulate
from .speed import add_bench, add_stream
from .train import add_train
from .tune import add_tune


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # argparse's own would print the usage as well
        raise ConfigError(message)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The settings of one command, whose function is under `run`. Raises ConfigError."""
    return _parser().parse_args(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="titans-mini", description="A neural memory that learns while it reads.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    _add_simulate(commands)
    add_train(commands)
    add_tune(commands)
    add_stream(commands)
    add_bench(commands)
    _add_miras(commands)
    for joined in sorted(
        entry_points(group="titans_mini.commands"), key=lambda joined: joined.name
    ):  # of titans_course
        joined.load()(commands)
    return parser


def _add_simulate(commands) -> None:
    text = "run a stream through a memory and print the summary"
    command = commands.add_parser("simulate", help=text, description=text)
    command.set_defaults(run=_simulate)
    default = SimulationConfig()
    command.add_argument("--scenario", default=default.scenario, help=", ".join(SCENARIO_NAMES))
    command.add_argument("--file", help="read this UTF-8 text file instead of the bundled text")
    command.add_argument("--tokens", type=int, default=default.tokens, help="bytes to read, at least 1")
    for name, meaning in (
        ("tau", "surprise threshold, 0..1"),
        ("beta", "momentum of surprise, 0..1"),
        ("lam", "decay per silent token (lambda), 0..1"),
        ("eta", "step size, 0..10"),
        ("softness", "width of the threshold, 0.0001..10"),
    ):
        flags = ["--lam", "--lambda"] if name == "lam" else [f"--{name}"]
        command.add_argument(*flags, dest=name, type=float, default=getattr(default, name), help=meaning)
    command.add_argument("--normaliser", default=default.normaliser, help=", ".join(NORMALISER_NAMES))
    command.add_argument("--gate", default=default.gate, help=", ".join(SIMULATION_GATE_NAMES))
    command.add_argument("--seed", type=int, default=default.seed, help="of start weights, keys and values")
    command.add_argument("--width", dest="dim", type=int, default=default.memory.dim, help="features, 1..8192")
    command.add_argument("--depth", type=int, default=default.memory.depth, help="matrices of the memory, 1..4")
    command.add_argument("--chunk", type=int, default=default.memory.chunk, help="tokens per chunk, 1..1024")
    command.add_argument("--scale", default=default.memory.scale, help=", ".join(SCALE_NAMES))
    command.add_argument(
        "--decay", default=default.memory.decay, help=f"what forgetting moves the weights to: {', '.join(DECAY_NAMES)}"
    )
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument("--out", help="also write the trace to this .json or .csv file")


def _add_miras(commands) -> None:
    text = "print the design space: every choice of every knob"
    command = commands.add_parser("miras", help=text, description=text)
    command.set_defaults(run=_miras)


def _miras(options: argparse.Namespace) -> int:
    from ..miras import miras_table  # only here, since the other commands start faster without it

    print(miras_table())
    return 0


def _simulate(options: argparse.Namespace) -> int:
    names = ("scenario", "tokens", "tau", "beta", "lam", "eta", "softness", "normaliser", "gate", "seed")
    shape = {name: getattr(options, name) for name in ("dim", "depth", "chunk", "scale", "decay")}
    settings = {name: getattr(options, name) for name in names}
    config = SimulationConfig(**settings, memory=MemoryConfig.preset("recipe", **shape))
    if options.file is not None and options.scenario != "text":
        raise ConfigError(f"file goes with the scenario text alone, not {options.scenario!r}")
    out = _output(options.out)
    trace = simulate(config, None if options.file is None else read_text(options.file))
    if out is not None:
        with writing_to("out", out):
            write_whole(out, trace.to_json() if out.suffix == ".json" else trace.to_csv())
    summary = {**trace.summary(), "settings": config.to_dict()}
    if options.json:
        print(json.dumps(summary))
    else:
        for name, value in trace.summary().items():
            print(f"{name:14} {value:.4g}" if isinstance(value, float) else f"{name:14} {value}")
    return 0


def _output(name: str | None) -> Path | None:
    if name is None:
        return None
    path = Path(name)
    if path.suffix not in (".json", ".csv"):
        raise ConfigError(f"out must end in .json or .csv, not {path.name!r}")
    return path
