"""The commands of `titans-mini`; those with a file of their own are only added here."""

import argparse
import json
from importlib.metadata import entry_points
from pathlib import Path

from ..config import MemoryConfig, SimulationConfig
from ..data import read_text
from ..errors import ConfigError
from ..files import write_whole, writing_to
from ..language import say
from ..simulation import simulate
from ..trace import SUMMARY
from .flags import add_command, add_flags, given
from .miras import miras_table
from .parsing import Parser, own_words
from .stream import add_stream
from .train import add_train
from .tune import add_tune

RUN = ("scenario", "tokens", "tau", "beta", "lam", "eta", "softness", "normaliser", "gate", "seed", "encoding")
SHAPE = ("dim", "depth", "chunk", "scale", "decay")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The settings of one command, whose function is under `run`. Raises ConfigError."""
    with own_words():
        return make_parser().parse_args(arguments)


def make_parser() -> Parser:
    """All commands with their flags, in the language of the command."""
    parser = Parser(prog="titans-mini", description=say("A neural memory that learns while it reads."))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    _add_simulate(commands)
    add_train(commands)
    add_tune(commands)
    add_stream(commands)
    add_command(commands, "miras", _miras, "print the design space: every choice for each of the four parts")
    for joined in sorted(entry_points(group="titans_mini.commands"), key=lambda one: one.name):  # of titans_course
        joined.load()(commands)
    return parser


def _add_simulate(commands) -> None:
    text = "run a stream through a memory and print the summary"
    command = add_command(commands, "simulate", _simulate, text, "file", "device", "json")
    default = SimulationConfig()
    add_flags(command, default, RUN)
    add_flags(command, default.memory, SHAPE, dim="width")
    command.add_argument("--out", help="also write the trace to this .json or .csv file")


def _miras(options: argparse.Namespace) -> int:
    print(miras_table())
    return 0


def _simulate(options: argparse.Namespace) -> int:
    memory = MemoryConfig.preset("recipe", **given(options, SHAPE))
    config = SimulationConfig(**given(options, RUN), memory=memory)
    if options.file is not None and options.scenario != "text":
        raise ConfigError("--file can only be used with --scenario text, not {name}", name=options.scenario)
    out = None if options.out is None else Path(options.out)
    if out is not None and out.suffix not in (".json", ".csv"):
        raise ConfigError("out must end in .json or .csv, not {name}", name=repr(out.name))
    trace = simulate(config, None if options.file is None else read_text(options.file), device=options.device)
    if out is not None:
        with writing_to("out", out):
            write_whole(out, trace.to_json() if out.suffix == ".json" else trace.to_csv())
    if options.json:
        print(json.dumps({**trace.summary(), "settings": config.to_dict()}))
        return 0
    for name, value in trace.summary().items():  # named as in the JSON; in another language their meaning stands behind
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        meaning = say(SUMMARY[name])
        print(f"{name:14} {shown}" if meaning == SUMMARY[name] else f"{name:14} {shown:12} {meaning}")
    return 0
