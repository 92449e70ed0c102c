"""Views of the audit: rows filtered by verdict and section, counted, and as tables."""

import csv
import io
import re
from collections.abc import Mapping
from functools import cache

from titans_mini.errors import check_choice
from titans_mini.messages import fill

from ..language import DEFAULT, catalogue
from .finding import LOST, VERDICTS, Finding, Spread, show
from .report import WORDS, Result
from .table import CLAIMS

ANY, MISSING = "any", "not measured yet"
COLUMNS = ("key", *WORDS, "before", "verdict", "size", "told", "seconds", "machine")  # of the CSV


def verdict_of(key: str, results: Mapping[str, Result]) -> str:
    """One of VERDICTS, or MISSING."""
    return results[key].finding.verdict if key in results else MISSING


def sections_of(key: str) -> list[str]:
    """The article's sections that a claim is made in."""
    return CLAIMS[key].section.split(", ")


def sections() -> tuple[str, ...]:
    """All of them, in order."""
    return tuple(sorted({section for key in CLAIMS for section in sections_of(key)}))


def counts(results: Mapping[str, Result]) -> dict[str, int]:
    """How many rows of the table have each verdict; MISSING is named where there are any."""
    found = [verdict_of(key, results) for key in CLAIMS]
    return {name: found.count(name) for name in (*VERDICTS, MISSING) if name != MISSING or name in found}


def pick(results: Mapping[str, Result], verdict: str = ANY, section: str = ANY) -> list[str]:
    """Keys of the rows with this verdict and in this section; ConfigError if either does not exist."""
    check_choice("verdict", verdict, (ANY, *VERDICTS, MISSING))
    check_choice("section", section, (ANY, *sections()))
    return [
        key
        for key in CLAIMS
        if verdict in (ANY, verdict_of(key, results)) and (section == ANY or section in sections_of(key))
    ]


def spell(value: float) -> str:
    """A number of a finding in three digits; the stand-in for a number that is not finite becomes infinity."""
    if abs(value) >= LOST:
        return "∞" if value > 0 else "−∞"
    return show(value)


def figure_rows(finding: Finding) -> dict[str, dict[str, str]]:
    """Figure -> its value (mean over seeds), lowest, highest, and number of seeds; a single number has no range."""
    rows = {}
    for name, value in finding.figures.items():
        spread = isinstance(value, Spread)
        numbers = [spell(number) for number in (value[:3] if spread else (value,))] + [""] * (0 if spread else 2)
        seeds = str(value.seeds) if spread else ""
        rows[name] = dict(zip(("value", "low", "high", "seeds"), (*numbers, seeds), strict=True))
    return rows


def label(row: str, key: str, language: str = DEFAULT) -> str:
    """The label of a row's figure in a language; the first matching entry counts; an unknown key is unchanged."""
    for pattern, text in _labels(row, language):
        if (found := pattern.fullmatch(key)) is not None:
            return fill(text, found.groupdict())
    return key


@cache
def _labels(row: str, language: str) -> list[tuple[re.Pattern, str]]:
    """(form of a key, label) for the figures of a row. A part in braces, as in `loss_{value}`, fits any characters."""
    known = {key: text for (context, key), text in catalogue(language).items() if context == f"figure.{row}"}
    return [(re.compile(re.sub(r"{(\w+)}", r"(?P<\1>.+?)", key)), text) for key, text in known.items()]


def readings_of(finding: Finding) -> dict[str, str]:
    """Figure -> the numbers of the readings that rest on it, such as "1, 3"; empty where there are no readings."""
    numbers: dict[str, list[str]] = {}
    for number, reading in enumerate(finding.readings, 1):
        for figure in reading.figures:
            numbers.setdefault(figure, []).append(str(number))
    return {figure: ", ".join(found) for figure, found in numbers.items()}


def to_csv(results: Mapping[str, Result]) -> str:
    """A line for each row of the table, measured or not. The figures themselves are in the JSON, see `to_json`."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for key, claim in CLAIMS.items():
        line = {"key": key, "before": claim.before, "verdict": MISSING} | {name: getattr(claim, name) for name in WORDS}
        if (found := results.get(key)) is not None:
            line |= {"verdict": found.finding.verdict, "told": found.finding.told, "size": found.size}
            line |= {"seconds": round(found.seconds, 1), "machine": found.machine}
        writer.writerow(line)
    return out.getvalue()
