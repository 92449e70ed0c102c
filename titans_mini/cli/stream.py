"""The command `stream`."""

import argparse
import json
from pathlib import Path

from ..language import note, say
from ..messages import Message
from ..stream import SNAPSHOT, Reader, StreamConfig
from .flags import add_command, add_flags, given, saved_in
from .parsing import aligned


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
        saved = saved_in(None if options.out is None else Path(options.out) / SNAPSHOT)
        note("stopped at token {token}; {saved}", token=reader.position, saved=saved)
        raise
    print(json.dumps(results) if options.json else describe(results))
    return 0


def describe(results: dict) -> str:
    """The results as a few lines of text, in the language of the command."""
    lines = [" ".join(aligned(say(name), width) for name, width in (("tokens", 12), ("seconds", 10), ("peak MB", 9)))]
    for mark in results["marks"]:
        peak = say("unknown") if mark["peak_mb"] is None else f"{mark['peak_mb']:.1f}"
        lines.append(f"{mark['tokens']:12,} {mark['seconds']:10.2f} {aligned(peak, 9)}")
    if results["slope"] is not None:
        lines.append(say("log time rises by {slope:.3f} for each 1 of log tokens (1: linear)", slope=results["slope"]))
    if results["memory_ratio"] is not None:
        lines.append(say("peak memory at the end / at the first mark: {ratio:.3f}", ratio=results["memory_ratio"]))
    lines.append(say("{speed:,.0f} tokens/s", speed=results["tokens_per_second"]))
    verdict = Message("recalled" if results["recalled"] else "{share:.0%} recalled", share=results["share_recalled"])
    lines.append(say("wanted   {fact}", fact=results["wanted"]))
    return "\n".join([*lines, say("answered {fact}: {verdict}", fact=results["said"], verdict=verdict)])
