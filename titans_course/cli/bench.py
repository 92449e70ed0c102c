"""`titans-mini bench`: measures speed and memory; needs a clone of the project."""

import argparse
import subprocess
import sys
from pathlib import Path

from titans_mini.cli.flags import add_command
from titans_mini.messages import Message

from .shipped import ROOT, find

KINDS = ("speed", "memory", "profile", "decode", "busy", "settings", "earlier", "stream")


def add_bench(commands) -> None:
    """Adds `titans-mini bench`, which is `python -m benchmarks` from anywhere."""
    text = "measure speed and memory against a peer, and write BENCHMARKS.md"
    add_bench_flags(add_command(commands, "bench", _bench, text))


def add_bench_flags(command: argparse.ArgumentParser) -> None:
    """The flags of `titans-mini bench` and of `python -m benchmarks`."""
    command.add_argument("--quick", action="store_true", help="small sizes, to check that the runner works")
    command.add_argument("--out", type=Path, help="folder for the results; default: the project, and none with --quick")
    only = Message("measure only these kinds, again: {names}", names=", ".join(KINDS))
    command.add_argument("--only", nargs="+", choices=KINDS, metavar="KIND", help=only)
    command.add_argument("--missing", action="store_true", help="measure only what a stopped run did not reach")


def _bench(options: argparse.Namespace) -> int:
    find("benchmarks")
    command = [sys.executable, "-m", "benchmarks"]
    command += ["--quick"] if options.quick else []
    command += ["--out", str(options.out.resolve())] if options.out else []
    command += ["--missing"] if options.missing else []
    command += ["--only", *options.only] if options.only else []
    return subprocess.call(command, cwd=ROOT)
