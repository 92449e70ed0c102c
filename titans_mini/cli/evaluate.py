"""`titans-mini eval`: what a checkpoint reaches, printed as one JSON object."""

from __future__ import annotations

import argparse
import json

from ..errors import check_choice, check_integer
from ..models.model import MODES
from ..training.checkpoint import bundled_names, load_model, read_card
from ..training.evaluate import evaluate
from ..training.tasks import TASKS, check_vocabulary


def add_eval(commands) -> None:
    """The command `eval` and its flags."""
    text = "evaluate a checkpoint on a task and print one JSON object"
    command = commands.add_parser("eval", help=text, description=text)
    command.set_defaults(run=_eval)
    command.add_argument("--checkpoint", required=True, help="a path, or one of " + ", ".join(bundled_names()))
    command.add_argument("--task", help=", ".join(TASKS) + "; default: the one it was trained on")
    command.add_argument("--size", type=int, default=256, help="gap, or bytes of text")
    command.add_argument("--rows", type=int, default=64, help="sequences")
    command.add_argument("--memory", default="on", help="on, frozen, off")
    command.add_argument("--seed", type=int, default=1234)


def _eval(options: argparse.Namespace) -> int:
    check_choice("memory", options.memory, MODES)
    lm, card = load_model(options.checkpoint), read_card(options.checkpoint)
    task = check_choice("task", options.task or card["training"]["task"], TASKS)
    check_integer("size", options.size, 0, 10_000_000)
    check_integer("rows", options.rows, 1, 100_000)
    check_vocabulary(task, lm.config.vocab_size)
    print(json.dumps(evaluate(lm, task, options.size, rows=options.rows, memory=options.memory, seed=options.seed)))
    return 0
