"""Results as one table and as BENCHMARKS.md."""

from __future__ import annotations

import hashlib
import json

from .contestants import OURS

HEAD = """# Benchmarks

Written by `make bench` (`titans-mini bench`, `python -m benchmarks`); the numbers are in `{json}`. {rounds} runs of
each contestant in turns, after one that does not count; the median is given. One process a case.{quick}

Machine: {processor}, {cores} cores, {threads} threads of torch, {memory_gb} GB, {system}; {device}. Python {python},
{versions}.

## The memory, beside a peer

Width, heads 1, depth 2, expansion 4, the same chunk for all. Times are the whole pass; memory is what the pass adds to
the process at its peak; the share of peak is counted operations over time over the fastest matrix product of the same
process. The peer is titans-pytorch's NeuralMemory: by chunks (`batch_size=chunk_size`, gradients at the memory as it
stands, as here and in the paper), and as it comes (all gradients at the start weights: another, parallel function).

"""


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}g}" if value < 1000 else f"{value:,.0f}"


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _cell(result: dict, *path: str) -> float | None:
    for name in path:
        result = result.get(name) if isinstance(result, dict) else None
    return result


def memory_rows(results: list[dict]) -> list[list[str]]:
    """A row for each pass, shape and contestant."""
    rows = []
    peaks = {(_shape(item["case"]), item["case"]["name"]): item for item in results if item["case"]["kind"] == "memory"}
    for item in results:
        case = item["case"]
        if case["kind"] != "speed":
            continue
        own = _cell(item, "result", "seconds", OURS)
        for name in _cell(item, "result", "seconds") or [OURS]:
            taken = _cell(item, "result", "seconds", name)
            peak = _cell(peaks.get((_shape(case), name), {}), "result", "peak_mb")
            ratio = None if not taken or not own else taken / own
            share = _cell(item, "result", "share") if name == OURS else None
            shape = [case["mode"], str(case["dim"]), f"{case['batch']} x {case['tokens']:,}"]
            tail = [_number(taken), _number(ratio), _number(peak), "-" if share is None else f"{share:.0%}"]
            rows.append([*shape, name, *tail] if "error" not in item else [*shape, item["error"], *["-"] * 4])
    return rows


def _shape(case: dict) -> tuple:
    return tuple(case[name] for name in ("mode", "dim", "chunk", "batch", "tokens"))


def decode_rows(results: list[dict]) -> list[list[str]]:
    """A row for each width and contestant."""
    return [
        [str(item["case"]["dim"]), name, _number(taken * 1000)]
        for item in results
        if item["case"]["kind"] == "decode" and "error" not in item
        for name, taken in item["result"]["seconds"].items()
    ]


def profile_rows(results: list[dict]) -> list[list[str]]:
    """A row for each pass and shape of ours."""
    rows = []
    for item in results:
        case, result = item["case"], item.get("result", {})
        if case["kind"] == "profile" and result:
            largest = ", ".join(f"{name} {share:.0%}" for name, share in result["largest"].items())
            shape = [case["mode"], str(case["dim"]), f"{case['batch']} x {case['tokens']:,}"]
            rows.append([*shape, f"{result['products']:.0%}", largest])
    return rows


def settings_rows(results: list[dict]) -> list[list[str]]:
    """A row for each shape of the simulator's memory."""
    rows = []
    for item in results:
        case, result = item["case"], item.get("result", {})
        if case["kind"] == "settings" and result:
            ratio = result["each_seconds"] / result["batch_seconds"]
            shape = [f"{case['settings']} x {case['tokens']:,}", str(case["dim"]), str(case["chunk"])]
            numbers = result["batch_seconds"], result["each_seconds"], ratio
            rows.append([*shape, *map(_number, numbers)])
    return rows


def stream_rows(results: list[dict]) -> list[list[str]]:
    """A row for each mark of each stream."""
    return [
        [item["case"]["checkpoint"], f"{mark['tokens']:,}", _number(mark["seconds"]), _number(mark["peak_mb"], 4)]
        for item in results
        if item["case"]["kind"] == "stream" and "error" not in item
        for mark in item["result"]["marks"]
    ]


def notes(results: list[dict]) -> str:
    """What each stream came to, and every case that did not finish."""
    lines = []
    for item in results:
        if "error" in item:
            lines.append(f"Did not finish: `{item['case']}`: {item['error']}.")
        elif item["case"]["kind"] == "stream":
            result = item["result"]
            rate = "" if result["slope"] is None else f", log-log slope {result['slope']:.3f}"
            lines.append(
                f"`{result['checkpoint']}`: {_number(result['tokens_per_second'])} tokens/s{rate}; peak memory at the "
                f"end is {result['memory_ratio']:.3f} times that at the first mark; of the fact told at the start "
                f"{result['share_recalled']:.0%} was recalled after {result['tokens']:,} tokens."
            )
    return "\n\n".join(lines)


# title, introduction, columns, rows; the first table belongs to the head of the page
SECTIONS = (
    ("", "", ["pass", "width", "batch x tokens", "contestant", "s", "times ours", "MB", "share of peak"], memory_rows),
    (
        "Where our time goes",
        "Share of the pass, under the profiler; products are all matrix products together.",
        ["pass", "width", "batch x tokens", "products", "the largest operations"],
        profile_rows,
    ),
    ("One token at a time", "Batch 1, with state.", ["width", "contestant", "ms a token"], decode_rows),
    (
        "Many settings at once",
        "The simulator with settings that differ in tau, beta and lambda, as one batch; one after another is the "
        "median of a sample times their number.",
        ["settings x tokens", "width", "chunk", "s, one batch", "s, one after another", "ratio"],
        settings_rows,
    ),
    ("A long stream", "Batch 1, one thread.", ["checkpoint", "tokens", "s", "peak MB"], stream_rows),
)


def to_json(report: dict) -> str:
    """The file of a report's numbers."""
    return json.dumps(report, indent=1) + "\n"


def markdown(report: dict, json_name: str) -> str:
    """BENCHMARKS.md of a report; it names the SHA-256 of the file of numbers, so that neither changes alone."""
    machine = report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    quick = "\n\n**Quick sizes: a check that the runner works, not figures to keep.**" if report["quick"] else ""
    left = f"\n\n**Stopped with {report['missing']} cases to go.**" if report["missing"] else ""
    head = {**machine, "versions": versions, "json": json_name, "rounds": report["rounds"], "quick": quick + left}
    text = HEAD.format(**head)
    for title, introduction, columns, rows in SECTIONS:
        text += f"\n## {title}\n\n{introduction}\n\n" if title else ""
        text += _table(columns, rows(report["results"]))
    digest = hashlib.sha256(to_json(report).encode()).hexdigest()
    return text + "\n" + notes(report["results"]) + f"\n\nSHA-256 of `{json_name}`: `{digest}`\n"
