"""`titans-mini bench`: measures speed and memory; needs a clone of the project."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from titans_mini.cli.flags import add_command

from .serving import ROOT, find


def add_bench(commands) -> None:
    """Adds `titans-mini bench`, which is `python -m benchmarks` from anywhere."""
    text = "measure speed and memory against a peer, and write BENCHMARKS.md"
    command = add_command(commands, "bench", _bench, text)
    command.add_argument("--quick", action="store_true", help="small sizes: a check that it works, no figures to keep")
    command.add_argument("--out", help="folder of the results; default: the project's, none for --quick")
    command.add_argument("--only", nargs="+", metavar="KIND", help="measure only these kinds of cases, again")
    command.add_argument("--missing", action="store_true", help="measure only what a stopped run did not reach")


def _bench(options: argparse.Namespace) -> int:
    find("benchmarks")
    command = [sys.executable, "-m", "benchmarks"]
    command += ["--quick"] if options.quick else []
    command += ["--out", str(Path(options.out).resolve())] if options.out else []
    command += ["--missing"] if options.missing else []
    command += ["--only", *options.only] if options.only else []
    return subprocess.call(command, cwd=ROOT)
