"""BENCHMARKS.md from the results of all cases."""

import hashlib
import json

from .contestants import OURS

HEAD = """# Benchmarks

Written by `make bench` (`titans-mini bench`, `python -m benchmarks`) from the numbers in `{json}`. Each figure is the
median of {rounds} runs, in which the contestants take turns after a first run that does not count. Each case runs in
its own process.{quick}

Machine: {processor}, {cores} cores, {threads} threads of torch, {memory_gb} GB, {system}; {device}. Python {python},
{versions}.

## The memory, against a peer

All have one head, depth 2, expansion 4 and the same chunk. The time is that of the whole pass. MB is what the pass
adds to the peak memory of the process. The share of peak is the speed in counted operations, relative to the fastest
matrix product in the same process. The peer is titans-pytorch's NeuralMemory in two settings: "by chunks"
(`batch_size=chunk_size`) takes each chunk's gradients at the memory of the chunk's start, as this project and the paper
do; "as it comes", the default, takes all gradients at the start weights, which is a different, parallel function.

"""


def _number(value: float | None, digits: int = 3) -> str:
    if value is None:
        return "-"
    return f"{value:.{digits}g}" if value < 1000 else f"{value:,.0f}"


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _finished(results: list[dict], kind: str) -> list[tuple[dict, dict]]:
    """(case, result) of the cases of a kind that gave a result."""
    return [(item["case"], item["result"]) for item in results if item["case"]["kind"] == kind and "result" in item]


def _pass(case: dict) -> list[str]:
    """The first cells of a row: which pass, over what."""
    return [case["mode"], str(case["dim"]), f"{case['batch']} x {case['tokens']:,}"]


def memory_rows(results: list[dict]) -> list[list[str]]:
    """A row for each pass, shape and contestant; one row where the pass did not finish."""
    peaks = {(*_pass(case), case["name"]): result["peak_mb"] for case, result in _finished(results, "memory")}
    rows = []
    for item in results:
        case = item["case"]
        if case["kind"] == "speed" and "error" in item:
            rows.append([*_pass(case), item["error"], "-", "-", "-", "-"])
        elif case["kind"] == "speed":
            result = item["result"]
            for name, taken in result["seconds"].items():
                share = f"{result['share']:.0%}" if name == OURS else "-"
                numbers = taken, taken / result["seconds"][OURS], peaks.get((*_pass(case), name))
                rows.append([*_pass(case), name, *map(_number, numbers), share])
    return rows


def decode_rows(results: list[dict]) -> list[list[str]]:
    """A row for each width and contestant."""
    return [
        [str(case["dim"]), name, _number(taken * 1000)]
        for case, result in _finished(results, "decode")
        for name, taken in result["seconds"].items()
    ]


def busy_rows(results: list[dict]) -> list[list[str]]:
    """A row for each pass and shape."""
    return [
        [*_pass(case), *map(_number, (result["alone"], result["beside"], result["beside"] / result["alone"]))]
        for case, result in _finished(results, "busy")
    ]


def earlier_rows(results: list[dict]) -> list[list[str]]:
    """A row for each shape of the simulator that both versions ran."""
    rows = []
    for case, result in _finished(results, "earlier"):
        if "reason" not in result:
            numbers = result["earlier"], result["now"], result["earlier"] / result["now"]
            shape = f"{case['settings']} x {case['tokens']:,}", str(case["dim"]), case["commit"]
            rows.append([*shape, *map(_number, numbers)])
    return rows


def profile_rows(results: list[dict]) -> list[list[str]]:
    """A row for each pass and shape of this project's memory."""
    rows = []
    for case, result in _finished(results, "profile"):
        largest = ", ".join(f"{name} {share:.0%}" for name, share in result["largest"].items())
        rows.append([*_pass(case), f"{result['products']:.0%}", largest])
    return rows


def settings_rows(results: list[dict]) -> list[list[str]]:
    """A row for each shape of the simulator's memory."""
    rows = []
    for case, result in _finished(results, "settings"):
        batch, each = result["batch_seconds"], result["each_seconds"]
        shape = [f"{case['settings']} x {case['tokens']:,}", str(case["dim"]), str(case["chunk"])]
        rows.append([*shape, *map(_number, (batch, each, each / batch))])
    return rows


def stream_rows(results: list[dict]) -> list[list[str]]:
    """A row for each mark of each stream."""
    return [
        [case["checkpoint"], f"{mark['tokens']:,}", _number(mark["seconds"]), _number(mark["peak_mb"], 4)]
        for case, result in _finished(results, "stream")
        for mark in result["marks"]
    ]


def notes(results: list[dict]) -> str:
    """A sentence for each stream, and for each case that did not finish."""
    lines = []
    for item in results:
        if "error" in item:
            lines.append(f"Did not finish: `{item['case']}`: {item['error']}.")
        elif "reason" in item["result"]:
            lines.append(f"Left out: `{item['case']}`: {item['result']['reason']}.")
        elif item["case"]["kind"] == "stream":
            result = item["result"]
            rate = "" if result["slope"] is None else f", log-log slope {result['slope']:.3f}"
            lines.append(
                f"`{result['checkpoint']}`: {_number(result['tokens_per_second'])} tokens/s{rate}. Peak memory at the "
                f"end is {result['memory_ratio']:.3f} times that at the first mark. Of the fact told at the start, "
                f"{result['share_recalled']:.0%} was recalled after {result['tokens']:,} tokens."
            )
    return "\n\n".join(lines)


# title, introduction, columns, rows; the first table belongs to the head of the page
SECTIONS = (
    ("", "", ["pass", "width", "batch x tokens", "contestant", "s", "times ours", "MB", "share of peak"], memory_rows),
    (
        "Where the time of this project's memory is spent",
        "Shares of the processor's time under the profiler; products are all matrix products together.",
        ["pass", "width", "batch x tokens", "products", "largest operations"],
        profile_rows,
    ),
    ("One token at a time", "Batch 1, with state.", ["width", "contestant", "ms per token"], decode_rows),
    (
        "Beside a busy process",
        "This project's memory, with the machine to itself and while another process keeps one core busy.",
        ["pass", "width", "batch x tokens", "s, by itself", "s, beside it", "ratio"],
        busy_rows,
    ),
    (
        "Many settings at once",
        "The simulator runs settings that differ in tau, beta and lambda as one batch. The time one after another is "
        "the median of a sample, times the number of settings.",
        ["settings x tokens", "width", "chunk", "s, one batch", "s, one after another", "ratio"],
        settings_rows,
    ),
    (
        "Against an earlier version",
        "The simulator of this version and that of an earlier commit, in two processes that take turns.",
        ["settings x tokens", "width", "commit", "s, then", "s, now", "ratio"],
        earlier_rows,
    ),
    ("A long stream", "Batch 1, one thread.", ["checkpoint", "tokens", "s", "peak MB"], stream_rows),
)


def to_json(report: dict) -> str:
    """The content of results.json."""
    return json.dumps(report, indent=1) + "\n"


def markdown(report: dict, json_name: str) -> str:
    """BENCHMARKS.md of a report. It names the SHA-256 of results.json, so that neither can change without the other."""
    machine = report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    quick = "\n\n**Quick sizes: a check that the runner works; the figures mean nothing.**" if report["quick"] else ""
    left = f"\n\n**Stopped with {report['missing']} cases left.**" if report["missing"] else ""
    head = {**machine, "versions": versions, "json": json_name, "rounds": report["rounds"], "quick": quick + left}
    text = HEAD.format(**head)
    for title, introduction, columns, rows in SECTIONS:
        found = rows(report["results"])
        if title and not found:  # nothing of that kind was measured
            continue
        text += f"\n## {title}\n\n{introduction}\n\n" if title else ""
        text += _table(columns, found)
    digest = hashlib.sha256(to_json(report).encode()).hexdigest()
    return text + "\n" + notes(report["results"]) + f"\n\nSHA-256 of `{json_name}`: `{digest}`\n"
