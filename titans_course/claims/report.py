"""The report: rows measured and saved one by one, as JSON that ships with the package and as CLAIMS.md."""

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch

from titans_mini.errors import ConfigError
from titans_mini.files import held, parse, read_bytes, write_whole, writing_to
from titans_mini.kept import DamagedError, seal, unseal
from titans_mini.messages import Message

from .finding import VERDICTS, Finding, Size, figures_from
from .table import CLAIMS, Claim

FORMAT = "titans_mini.claims"
RESULTS = Path(__file__).with_name("results.json")  # of the full size; ships with the package
MACHINE = "{system}, {count} cores, {versions}"
PATIENCE = 60.0  # seconds to wait for another process that writes to the same files
WORDS = ("claim", "claim_zh", "section", "papers", "source", "rule", "command")  # fields of a Claim


class Result(NamedTuple):
    """A finding and how it was measured."""

    finding: Finding
    size: str
    seconds: float
    machine: str

    def to_dict(self, claim: Claim) -> dict:
        """Plain JSON types, with the words of the row."""
        words = {name: getattr(claim, name) for name in WORDS}
        made = {"size": self.size, "seconds": round(self.seconds, 1), "machine": self.machine}
        found = self.finding.to_dict()
        ways = [claim.ways[reading.name] for reading in self.finding.readings]
        found["readings"] = [
            {"means": way.means, "rule": way.rule, **one} for way, one in zip(ways, found["readings"], strict=True)
        ]
        return {**words, **({"before": claim.before} if claim.before else {}), **found, **made}

    @classmethod
    def from_dict(cls, key: str, row: Mapping) -> Self:
        """The row of a report. It is judged again from its figures, so that no verdict is older than its rule.

        Raises ConfigError if a figure is missing or not a number.
        """
        try:
            finding = CLAIMS[key].judge(figures_from(row["figures"]))
            return cls(finding, row["size"], row["seconds"], _machine_from(row["machine"]))
        except KeyError as error:
            raise ConfigError("row {row} has no {part}", row=key, part=error.args[0]) from None
        except (TypeError, AttributeError, ValueError, ArithmeticError) as error:
            raise ConfigError("row {row} cannot be read: {reason}", row=key, reason=error) from None


def machine() -> Message:
    """Processor, cores and versions, in one line."""
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}"
    return Message(MACHINE, system=f"{platform.system()} {platform.machine()}", count=os.cpu_count(), versions=versions)


def _machine_from(line: str) -> str:
    """The line that `machine` gave, with its parts."""
    system, *rest = line.split(", ", 2)
    if len(rest) < 2 or not rest[0].endswith(" cores"):
        return line
    return Message(MACHINE, system=system, count=rest[0].removesuffix(" cores"), versions=rest[1])


def load_results(path: Path = RESULTS) -> dict[str, Result]:
    """Key -> Result, in the order of the table, of those rows that were measured; ConfigError for another file."""
    try:
        content = unseal(parse(read_bytes(path).decode("utf-8")))
        if content["format"] != FORMAT:
            raise ConfigError("its format is {format}", format=repr(content["format"]))
        return {key: Result.from_dict(key, content["rows"][key]) for key in CLAIMS if key in content["rows"]}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError("{path} cannot be read: {reason}", path=repr(str(path)), reason=error.strerror) from None
    except DamagedError as error:
        raise ConfigError("{path} {reason}", path=repr(str(path)), reason=error.message) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = getattr(error, "message", error)  # a ConfigError has one
        raise ConfigError("{path} is not a report of claims: {reason}", path=repr(str(path)), reason=reason) from None


def to_json(results: dict[str, Result]) -> str:
    """The report as JSON text with a checksum, without a date."""
    rows = {key: results[key].to_dict(claim) for key, claim in CLAIMS.items() if key in results}
    content = seal({"format": FORMAT, "rows": rows})
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def due(keys: Iterable[str], size: Size, kept: dict[str, Result], *, again: bool = False) -> list[str]:
    """The rows to measure: those that `kept` has neither at this size nor, for the small size, in full."""
    have = {"small": ("small", "full")}.get(size.name, (size.name,))
    return [key for key in keys if again or key not in kept or kept[key].size not in have]


def examine(key: str, size: Size) -> Result:
    """Measures one row."""
    began = time.perf_counter()
    finding = CLAIMS[key].examine(size)
    return Result(finding, size.name, time.perf_counter() - began, machine())


def merge(kept: dict[str, Result], key: str, result: Result) -> dict[str, Result]:
    """`kept` with one more row, in the order of the table; a full row is not replaced by a small one."""
    if key in kept and kept[key].size == "full" and result.size != "full":
        return kept
    found = {**kept, key: result}
    return {name: found[name] for name in CLAIMS if name in found}


INTRODUCTION = """# Claims

What the recipe article says, measured. Each row starts with the article's own words in Chinese, where … separates
passages, and our English translation. A sentence that can be read in several ways is judged once for each reading.
Every verdict is computed from the figures of its row by the rule below the table, at the {size}. It is about what this
project can run, which is small. `titans_course/claims/results.json` has every figure, with its spread over seeds. To
measure a row again, run its command with `--again`.

{counts}.
"""
RULES = """A claim with several parts holds in part if some of them hold. A reading that cannot be tested here does not
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
    """Writes both files, each atomically. Raises ConfigError if one cannot be written."""
    for path, text in ((report, to_json(results)), (page, markdown(results))):
        with writing_to("out", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, text)


@contextlib.contextmanager
def locked(report: Path) -> Iterator[None]:
    """Keeps other processes from writing to a report. Raises ConfigError if its folder cannot be written to."""
    with contextlib.ExitStack() as stack:
        with writing_to("out", report):
            report.parent.mkdir(parents=True, exist_ok=True)
            text = "out {path} is in use by another process; waited {seconds} s"
            busy = ConfigError(text, path=repr(str(report)), seconds=f"{PATIENCE:g}")
            stack.enter_context(held(report.with_name(f"{report.name}.lock"), busy, PATIENCE))
        yield


def keep(found: dict[str, Result], report: Path, page: Path) -> None:
    """Adds rows to the current report, so that two processes do not lose each other's rows; writes both files."""
    with locked(report):
        kept = load_results(report)
        for key, result in found.items():
            kept = merge(kept, key, result)
        write(kept, report, page)
