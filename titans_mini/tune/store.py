"""The results of a search: a row per setting, seed and stream length, the table of their means, and the cost."""

import contextlib
import csv
import io
import json
import math
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigError
from ..files import owned, parse, read_bytes, reason, write_whole, writing_to
from ..kept import DIGEST, digest
from ..messages import Message

FORMAT = "titans_mini.tune"


class Setting(NamedTuple):
    """One point of the grid. Recipe: section 3."""

    tau: float
    beta: float
    lam: float
    eta: float
    depth: int

    @property
    def message(self) -> Message:
        """The setting in words."""
        return Message("tau {tau:g}, beta {beta:g}, lam {lam:g}, eta {eta:g}, depth {depth}", **self._asdict())

    def __str__(self) -> str:
        return str(self.message)


class Key(NamedTuple):
    """What identifies a row."""

    setting: Setting
    seed: int
    tokens: int


class Store:
    """The rows of a search, by Key: in memory, and in a file of JSON lines if `path` is given.

    The file is replaced as a whole after each addition, so it can be read after a stop at any moment. Its first line
    holds what the rows measure (`about`) and the SHA-256 of that and of all rows. Only a search that measures the same
    may continue it, over any grid. Raises ConfigError for a file that is no such store, is damaged, measures something
    else, or cannot be written.
    """

    def __init__(self, path: str | Path | None = None, about: dict | None = None) -> None:
        self.path = None if path is None else Path(path)
        self.about = {"format": FORMAT, **(about or {})}
        self.rows: dict[Key, dict] = {}
        self._load()

    def add(self, rows: Iterable[dict]) -> None:
        """Adds rows; they are on disk when it returns."""
        self.rows |= {key_of(row): row for row in rows}
        if self.path is None:
            return
        content = list(self.rows.values())
        lines = ({**self.about, DIGEST: digest([self.about, *content])}, *content)
        with writing_to("out", self.path):
            write_whole(self.path, "".join(json.dumps(line) + "\n" for line in lines))

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Locks the file; ConfigError if another search is using it."""
        if self.path is None:
            yield
            return
        with owned(self.path.parent, f"{self.path.name}.lock", "search"):
            self._load()  # what another search added before this one held the file
            yield

    def _load(self) -> None:
        if self.path is None:
            return
        try:
            about, *rows = map(parse, read_bytes(self.path).decode("utf-8").splitlines())
            stored = about.pop(DIGEST)
            intact = digest([about, *rows]) == stored
            found = {key_of(row): row for row in rows} if intact else {}
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._error("cannot be used: {reason}", reason=reason(error)) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._error("is not the file of a search: {reason}", reason=reason(error)) from None
        if not intact:
            raise self._error("is damaged: its checksum does not fit")
        if about != json.loads(json.dumps(self.about)):
            raise self._error("holds a search for another objective, width or text; choose another")
        self.rows = found

    def _error(self, problem: str, **fields: object) -> ConfigError:
        return ConfigError("out {file} " + problem, file=repr(str(self.path)), **fields)


def setting_of(row: dict) -> Setting:
    """The Setting of a row, or of a line of a table."""
    return Setting(*(row[name] for name in Setting._fields))


def key_of(row: dict) -> Key:
    """The Key of a row."""
    return Key(setting_of(row), row["seed"], row["tokens"])


def table(rows: Iterable[dict], sign: int) -> list[dict]:
    """A line per setting, best first, from rows of one stream length with the same seeds for every setting.

    sign: 1 if a high score is good, -1 if a low one is. Each line holds the setting and

    mean, spread   mean score and its standard deviation over seeds; None if a run diverged, or for one seed
    behind         mean over seeds of how much better the best setting did on the same seed
    tie            whether `behind` is within the noise: a one-sided paired t test at 5%; None for one seed
    writes_per_1k  mean over seeds
    seconds        compute time of all its runs
    """
    groups: dict[Setting, list[dict]] = {}
    for row in rows:
        groups.setdefault(setting_of(row), []).append(row)
    lines = [_line(setting, sorted(group, key=lambda row: row["seed"])) for setting, group in groups.items()]
    lines.sort(key=lambda line: math.inf if line["mean"] is None else -sign * line["mean"])
    best = lines[0]["scores"] if lines else []
    for line in lines:
        line |= _against(line.pop("scores"), best, sign)
    return lines


def _line(setting: Setting, group: list[dict]) -> dict:
    scores = [row["score"] for row in group]
    alive = None not in scores
    writes = [row["writes_per_1k"] for row in group]
    return {
        **setting._asdict(),
        "tokens": group[0]["tokens"],
        "seeds": len(group),
        "mean": statistics.fmean(scores) if alive else None,
        "spread": statistics.stdev(scores) if alive and len(scores) > 1 else None,
        "writes_per_1k": statistics.fmean(writes),
        "seconds": round(sum(row["seconds"] for row in group), 4),
        "scores": scores,
    }


def _against(scores: list, best: list, sign: int) -> dict:
    """How far scores are behind those of the best setting, seed by seed."""
    if None in scores or None in best:
        return {"behind": None, "tie": False}
    gaps = [sign * (high - low) for high, low in zip(best, scores, strict=True)]
    behind, count = statistics.fmean(gaps), len(gaps)
    if count < 2:
        return {"behind": behind, "tie": None}
    from scipy.special import stdtrit  # Student's t; only here, since loading scipy takes a quarter of a second

    noise = float(stdtrit(count - 1, 0.95)) * statistics.stdev(gaps) / math.sqrt(count)
    return {"behind": behind, "tie": behind <= noise}


def to_csv(lines: list[dict]) -> str:
    """A table as CSV text with a header; None is an empty cell."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(lines[0]) if lines else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


class Cost(NamedTuple):
    """Token updates (one write of one token in one run) of the two ways, and the share that two stages save."""

    two_stage: int
    full: int
    saved: float


def cost(settings: int, tokens: int, final_tokens: int, keep: int, seeds: int = 1) -> Cost:
    """All settings on `tokens` and the best `keep` on `final_tokens`, against all on `final_tokens`.

    saved = 1 - tokens / final_tokens - keep / settings. Recipe: section 3.
    """
    two_stage = seeds * (settings * tokens + min(keep, settings) * final_tokens)
    full = seeds * settings * final_tokens
    return Cost(two_stage, full, 1 - two_stage / full)
