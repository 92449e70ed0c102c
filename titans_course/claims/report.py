"""The report: rows measured one by one and kept at once, as JSON that ships with the package and as CLAIMS.md."""

from __future__ import annotations

import contextlib
import json
import os
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from titans_mini.errors import ConfigError
from titans_mini.files import held, parse, read_bytes, write_whole, writing_to
from titans_mini.kept import DamagedError, seal, unseal
from titans_mini.timing import seconds

from .finding import VERDICTS, Finding, Size
from .table import CLAIMS, Claim

FORMAT = "titans_mini.claims"
RESULTS = Path(__file__).with_name("results.json")  # of the full size; ships with the package
PATIENCE = 60.0  # seconds for another process that writes to the same files


WORDS = ("claim", "claim_zh", "section", "papers", "source", "rule", "command")  # fields of a Claim


class Result(NamedTuple):
    """A finding and how it came about."""

    finding: Finding
    size: str
    seconds: float
    machine: str

    def to_dict(self, claim: Claim) -> dict:
        """Plain JSON types, with the words of the row."""
        words = {name: getattr(claim, name) for name in WORDS}
        made = {"size": self.size, "seconds": round(self.seconds, 1), "machine": self.machine}
        found = self.finding.to_dict()
        found["readings"] = [{**claim.ways[one["name"]]._asdict(), **one} for one in found["readings"]]
        return {**words, **({"before": claim.before} if claim.before else {}), **found, **made}


def machine() -> str:
    """Processor, cores and versions, in one line."""
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return f"{system}, Python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}"


def load_results(path: Path = RESULTS) -> dict[str, Result]:
    """Key -> Result, in the order of the table, of those rows that were measured; ConfigError for another file."""
    try:
        content = unseal(parse(read_bytes(path).decode("utf-8")))
        if content["format"] != FORMAT:
            raise ConfigError(f"its format is {content['format']!r}")
        found = {
            key: Result(Finding.from_dict(row), row["size"], row["seconds"], row["machine"])
            for key, row in content["rows"].items()
        }
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{str(path)!r} cannot be read: {error.strerror}") from None
    except DamagedError as error:
        raise ConfigError(f"{str(path)!r} {error}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{str(path)!r} is not a report of claims: {error}") from None
    return {key: found[key] for key in CLAIMS if key in found}


def to_json(results: dict[str, Result]) -> str:
    """The report as JSON text with a checksum, without a date."""
    rows = {key: results[key].to_dict(claim) for key, claim in CLAIMS.items() if key in results}
    content = seal({"format": FORMAT, "rows": rows})
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def due(keys: Iterable[str], size: Size, kept: dict[str, Result], *, again: bool = False) -> list[str]:
    """The rows to measure: those that are not kept at this size or, for the small one, in full."""
    have = {"small": ("small", "full")}.get(size.name, (size.name,))
    return [key for key in keys if again or key not in kept or kept[key].size not in have]


def examine(key: str, size: Size) -> Result:
    """Measures one row."""
    found: list[Finding] = []
    taken = seconds(lambda: found.append(CLAIMS[key].examine(size)))
    return Result(found[0], size.name, taken, machine())


def merge(kept: dict[str, Result], key: str, result: Result) -> dict[str, Result]:
    """What is kept, with one more row, in the order of the table; a row in full is not replaced by a small one."""
    if key in kept and kept[key].size == "full" != result.size:
        return kept
    found = {**kept, key: result}
    return {name: found[name] for name in CLAIMS if name in found}


INTRODUCTION = """# Claims

What the recipe article says, measured. A row begins with the article's own words, in Chinese, where … stands between
passages; the English below them is our translation. A sentence that can be read in several ways is judged in each of
them. Each verdict is computed from the figures of its row by the rule below the table, at the {size}; it is about what
this project can run, which is small. `titans_course/claims/results.json` has every figure, with its spread over seeds.
The command of a row, with `--again`, measures it again.

{counts}.
"""


RULES = """A claim of several parts holds in part where some of them do. A reading that cannot be tested here does not
count for its row, unless no other is left."""


def markdown(results: dict[str, Result]) -> str:
    """CLAIMS.md: a table of the rows that were measured, then the rule of each and what it was measured on."""
    verdicts = [result.finding.verdict for result in results.values()]
    counts = [f"{name}: {verdicts.count(name)}" for name in VERDICTS if name in verdicts]
    sizes = " and ".join(sorted({result.size for result in results.values()})) or "no"
    machines: dict[str, list[str]] = {}
    for key, result in results.items():
        machines.setdefault(result.machine, []).append(key)
    lines = [INTRODUCTION.format(size=f"{sizes} size", counts=", ".join(counts) or "Nothing is measured yet")]
    lines += ["| claim | papers | measured | verdict | command |", "|---|---|---|---|---|"]
    lines += [_line(CLAIMS[key], result) for key, result in results.items()]
    lines += ["", "## Rules", "", *RULES.splitlines(), ""]
    for key in results:
        lines.append(f"- `{key}`: {CLAIMS[key].rule}")
        lines += [f"  - {way.means}: {way.rule}" for way in CLAIMS[key].ways.values()]
    lines += ["", "## Machines", "", *(f"- {name}: {', '.join(keys)}" for name, keys in machines.items())]
    return "\n".join(lines) + "\n"


def _line(claim: Claim, result: Result) -> str:
    """One row of the table."""
    papers = claim.papers if claim.source == "none" else f"{claim.papers} ({claim.source})"
    verdict = result.finding.verdict if result.size == "full" else f"{result.finding.verdict} ({result.size} size)"
    command = f"`{claim.before}`, then `{claim.command}`" if claim.before else f"`{claim.command}`"
    cells = (f"{claim.claim_zh}<br>*{claim.claim}*", papers, _measured(claim, result), verdict, command)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _measured(claim: Claim, result: Result) -> str:
    """The measured sentence; where there are several readings, a line for each, with its verdict."""
    readings = result.finding.readings
    lines = [f"- {claim.ways[one.name].means}: **{one.verdict}**; {one.told}" for one in readings]
    return "<br>".join(lines) or result.finding.told


def write(results: dict[str, Result], report: Path, page: Path) -> None:
    """Both files, each whole or not at all. Raises ConfigError where one cannot be written."""
    for path, text in ((report, to_json(results)), (page, markdown(results))):
        with writing_to("out", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, text)


@contextlib.contextmanager
def locked(report: Path) -> Iterator[None]:
    """Keeps other processes from writing to a report; ConfigError where its folder cannot be written to."""
    with contextlib.ExitStack() as stack:
        with writing_to("out", report):
            report.parent.mkdir(parents=True, exist_ok=True)
            busy = f"out {str(report)!r} is in use by another process; waited {PATIENCE:g} s"
            stack.enter_context(held(report.with_name(f"{report.name}.lock"), busy, PATIENCE))
        yield


def keep(found: dict[str, Result], report: Path, page: Path) -> None:
    """Adds rows to what the report holds by now, so that two processes lose none of each other's; writes both files."""
    with locked(report):
        kept = load_results(report)
        for key, result in found.items():
            kept = merge(kept, key, result)
        write(kept, report, page)
