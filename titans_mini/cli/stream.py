"""The command `stream`."""

import argparse
import json
import sys
from pathlib import Path

from ..stream import SNAPSHOT, Reader, StreamConfig
from .flags import add_command, add_flags, given


def add_stream(commands) -> None:
    """Adds `titans-mini stream`."""
    text = "read millions of tokens in constant memory, then ask for a fact given at the start"
    command = add_command(commands, "stream", _stream, text, "device", "json", "quiet")
    add_flags(command, StreamConfig())
    command.add_argument("--out", help="folder of snapshots; run the same command again to continue")


def _stream(options: argparse.Namespace) -> int:
    config = StreamConfig(**given(options, StreamConfig.__dataclass_fields__))
    reader = Reader(config, options.out, device=options.device)
    try:
        results = reader.run(quiet=options.quiet)
    except KeyboardInterrupt:
        saved = "nothing is saved without --out"
        if options.out is not None:
            saved = f"saved in {str(Path(options.out) / SNAPSHOT)!r}: run the same command to continue"
        print(f"titans-mini: stopped at token {reader.position}; {saved}", file=sys.stderr)
        raise
    print(json.dumps(results) if options.json else describe(results))
    return 0


def describe(results: dict) -> str:
    """The results as a few lines of text."""
    lines = [f"{'tokens':>12} {'seconds':>10} {'peak MB':>9}"]
    for mark in results["marks"]:
        peak = "unknown" if mark["peak_mb"] is None else f"{mark['peak_mb']:.1f}"
        lines.append(f"{mark['tokens']:12,} {mark['seconds']:10.2f} {peak:>9}")
    if results["slope"] is not None:
        lines.append(f"log time rises by {results['slope']:.3f} for each 1 of log tokens (1: linear)")
    if results["memory_ratio"] is not None:
        lines.append(f"peak memory at the end / at the first mark: {results['memory_ratio']:.3f}")
    lines.append(f"{results['tokens_per_second']:,.0f} tokens/s")
    verdict = "recalled" if results["recalled"] else f"{results['share_recalled']:.0%} recalled"
    return "\n".join([*lines, f"wanted   {results['wanted']}", f"answered {results['said']}: {verdict}"])
