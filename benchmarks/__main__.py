"""Runs each case in its own process, then writes results.json and BENCHMARKS.md."""

import argparse
import itertools
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from titans_course.cli.bench import KINDS, add_bench_flags
from titans_mini.errors import ConfigError
from titans_mini.files import parse, read_bytes, write_whole, writing_to

from .contestants import present
from .machine import describe
from .report import markdown, to_json

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 3600  # seconds for one case
EARLIER = "4d8975c"  # the version before the token loop was compiled


@dataclass(frozen=True)
class Size:
    """How large the cases are."""

    widths: tuple[int, ...] = (64, 128, 256, 512)
    shapes: tuple[tuple[int, int], ...] = ((4, 1024), (1, 8192))  # batch, tokens
    chunk: int = 64
    rounds: int = 3
    settings: tuple[int, int, int] = (100, 5, 10_000)  # settings, how many of them run one by one, tokens
    simulated: tuple[tuple[int, int], ...] = ((16, 1), (64, 1), (64, 16))  # width, chunk
    # width, settings, tokens
    earlier: tuple[tuple[int, int, int], ...] = ((64, 1, 2000), (16, 1, 2000), (64, 100, 500), (16, 100, 500))
    stream: int = 2_000_000


SIZES = {
    "full": Size(),
    "quick": Size(
        widths=(16,),
        shapes=((2, 64),),
        chunk=16,
        rounds=1,
        settings=(4, 2, 32),
        simulated=((8, 4),),
        earlier=((8, 2, 20),),
        stream=20_000,
    ),
}


def cases(size: Size) -> list[dict]:
    """Every case of a run, in its order."""
    found = []
    for dim in size.widths:
        for batch, tokens in size.shapes:
            for mode in ("forward", "training"):
                shape = dict(mode=mode, dim=dim, chunk=size.chunk, batch=batch, tokens=tokens)
                found.append(dict(kind="speed", **shape, rounds=size.rounds))
                found += [dict(kind="memory", name=name, **shape) for name in present()]
                found.append(dict(kind="profile", **shape))
        shape = dict(dim=dim, chunk=size.chunk, rounds=size.rounds)
        found.append(dict(kind="decode", **shape))
        passes = itertools.product(("forward", "training"), size.shapes)
        for mode, (batch, tokens) in [*passes, ("decode", (1, 3 * size.chunk))]:
            found.append(dict(kind="busy", mode=mode, batch=batch, tokens=tokens, **shape))
    settings, sample, tokens = size.settings
    for dim, chunk in size.simulated:
        found.append(dict(kind="settings", settings=settings, sample=sample, tokens=tokens, dim=dim, chunk=chunk))
    for dim, settings, tokens in size.earlier:
        found.append(
            dict(kind="earlier", commit=EARLIER, dim=dim, settings=settings, tokens=tokens, rounds=size.rounds)
        )
    return [*found, dict(kind="stream", checkpoint="recall-lmm", tokens=size.stream)]


def run(case: dict) -> dict:
    """{case, result}, or {case, error} where the process ran out of memory or time."""
    command = [sys.executable, "-X", "utf8", "-m", "benchmarks.cases", json.dumps(case)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return {"case": case, "error": f"over {LIMIT} s"}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        lost = done.returncode < 0 or "allocate memory" in last or "MemoryError" in last
        return {"case": case, "error": "out of memory" if lost else last}
    return {"case": case, "result": json.loads(done.stdout)}


def place(out: Path | None) -> str:
    """The path of the numbers within the folder of the results."""
    return "benchmarks/results.json" if out in (None, ROOT) else "results.json"


def kept(out: Path | None, again: set[str]) -> list[dict]:
    """The stored results, without those of kinds that are measured again."""
    file = None if out is None else out / place(out)
    if file is None or not file.exists():
        return []
    try:
        results = parse(read_bytes(file))["results"]
        return [item for item in results if item["case"]["kind"] not in again]
    except (OSError, ValueError, KeyError, TypeError) as error:
        template = "out {path} does not hold results of benchmarks: {reason}"
        raise ConfigError(template, path=repr(str(file)), reason=repr(error)) from None


def has(results: list[dict], case: dict) -> bool:
    """Whether a case is among the results."""
    return any(item["case"] == case for item in results)


def write(out: Path | None, results: list[dict], rounds: int, *, missing: int, quick: bool) -> str:
    """The page of all results so far; with `out`, page and numbers are also written there."""
    report = {"quick": quick, "rounds": rounds, "missing": missing, "machine": describe(), "results": results}
    text = markdown(report, place(out))
    if out is not None:
        file = out / place(out)
        with writing_to("out", out):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, to_json(report))
            write_whole(out / "BENCHMARKS.md", text)
    return text


def main(arguments: list[str] | None = None) -> int:
    """Runs the cases that were asked for, prints the page, and writes results.json and BENCHMARKS.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add_bench_flags(parser)
    options = parser.parse_args(arguments)
    name = "quick" if options.quick else "full"
    size = SIZES[name]
    every, again = cases(size), set() if options.missing else set(options.only or KINDS)
    out = options.out or (None if options.quick else ROOT)
    results = kept(out, again)
    planned = [case for case in every if case["kind"] in again or options.missing and not has(results, case)]
    text = "Nothing is missing."
    for case in tqdm(planned, unit="case", disable=None):
        results.append(run(case))
        results.sort(key=lambda item: every.index(item["case"]) if item["case"] in every else -1)
        missing = sum(not has(results, case) for case in every)
        text = write(out, results, size.rounds, missing=missing, quick=options.quick)
    print(text)
    return int(any("error" in item and item["error"] != "out of memory" for item in results))


def command() -> int:
    """Runs `main`; invalid input and errors of the disk end in one line and exit code 2."""
    try:
        return main()
    except ConfigError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("benchmarks: stopped; run again with --missing to measure the rest", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(command())
