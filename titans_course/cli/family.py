"""`titans-mini family`: rules of the design space side by side, each trained inside the same small language model."""

import argparse
from pathlib import Path

from titans_mini.cli.flags import add_command
from titans_mini.errors import check_choice, check_integer
from titans_mini.messages import Message

from ..studies import family


def add_family(commands) -> None:
    """Adds `titans-mini family`."""
    text = "compare the rules of a memory: recall, capacity, noise, bits of text, time and state, over seeds"
    command = add_command(commands, "family", _family, text)
    text = "rules to measure, again: all, or some of {names}; none given: show what is kept"
    some = Message(text, names=", ".join(family.RULES))
    command.add_argument("--rules", nargs="+", default=[], metavar="RULE", help=some)
    command.add_argument("--seeds", type=int, default=3, help="seeds of each rule (default 3)")
    command.add_argument("--steps", type=int, help="training steps on recall (default 800; on text half of them)")
    command.add_argument("--out", type=Path, default=family.KEPT, help="file of the table (default: the package's)")


def _family(options: argparse.Namespace) -> int:
    check_integer("seeds", options.seeds, 1, 100)
    if options.steps is not None:
        check_integer("steps", options.steps, 1, 10_000_000)
    for rule in options.rules:
        check_choice("rules", rule, ("all", *family.RULES))
    for rule in family.RULES if "all" in options.rules else options.rules:
        row = family.compare(rule, options.seeds, options.steps)
        family.keep(family.kept(options.out) | {rule: row}, options.out)
        print(f"{rule}: {family.as_cells(row)}", flush=True)
    print(family.as_markdown(family.kept(options.out)))
    return 0
