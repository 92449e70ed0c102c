"""`titans-mini frozen`: what a memory beside a body that was trained without it brings, and what it forgets."""

import argparse
from pathlib import Path

from titans_mini.cli.flags import add_command
from titans_mini.errors import check_integer

from ..studies import frozen_body


def add_frozen(commands) -> None:
    """Adds `titans-mini frozen`."""
    text = "a memory beside a frozen body: recall, bits of text and what is forgotten, with controls, over seeds"
    command = add_command(commands, "frozen", _frozen, text)
    some = "number of seeds to measure, again; not given: show what is kept"
    command.add_argument("--seeds", type=int, help=some)
    command.add_argument("--steps", type=int, help="training steps on recall (default 600; on text half of them)")
    command.add_argument(
        "--out", type=Path, default=frozen_body.KEPT, help="file of the tables (default: the package's)"
    )


def _frozen(options: argparse.Namespace) -> int:
    if options.seeds is not None:
        seeds, steps = check_integer("seeds", options.seeds, 1, 100), options.steps
        if steps is not None:
            check_integer("steps", steps, 1, 10_000_000)
        frozen_body.keep(frozen_body.join([frozen_body.compare(seed, steps) for seed in range(seeds)]), options.out)
    tables = frozen_body.kept(options.out)
    print("\n\n".join(frozen_body.as_markdown(table) for table in tables.values()))
    return 0
