"""Trace: what happened at each token of a run, with everything needed to repeat it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .config import SimulationConfig
from .data import Event
from .errors import ConfigError
from .files import parse, read_bytes, write_whole, writing_to
from .kept import CHANGED, DIGEST, digest
from .messages import Message

FORMAT = "titans_mini.trace"
COLUMNS = {
    "surprise": "normalised surprise, 0..1",
    "momentum": "S_t, smoothed surprise, 0..1",
    "g_write": "write gate, 0..1",
    "g_forget": "forget gate, 0..1 (alpha_t where the gate is constant)",
    "memory_norm": "||M||, Frobenius norm of the fast weights after the write",
    "loss": "||M(k) - v||^2 before the write, at the weights of the chunk's start, over the mean square norm of values",
    "raw": "||grad|| / sqrt(d), surprise before normalising",
    "loss_after": "the same loss for this token's pair under the memory at the end of the run",
}
SUMMARY = {  # what the numbers of a run's summary are
    "tokens": Message("tokens"), "writes_per_1k": Message("writes per 1,000"),
    "mean_surprise": Message("mean surprise"),
    "norm_start": Message("memory norm at the start"), "norm_end": Message("memory norm at the end"),
    "loss_start": Message("inner loss at the start"), "loss_end": Message("inner loss at the end"),
    "state": Message("state of the memory"), "dead_at": Message("memory dead from token"),
    "diverged_at": Message("diverged at token"), "seconds": Message("seconds"),
}  # fmt: skip
WRITE_LEVEL = 0.5  # a token counts as written where g_write is above this; recipe: 5.1
RESOLUTION = float(np.finfo(np.float32).eps)  # the memory's numbers are float32


@dataclass(frozen=True, eq=False)
class Trace:
    """Arrays of length t (float64), one value a token; NaN from `diverged_at` on. See COLUMNS for meanings."""

    settings: SimulationConfig
    tokens: np.ndarray  # (t,) uint8, the bytes read
    surprise: np.ndarray
    momentum: np.ndarray
    g_write: np.ndarray
    g_forget: np.ndarray
    memory_norm: np.ndarray
    loss: np.ndarray
    raw: np.ndarray
    loss_after: np.ndarray
    norm_start: float  # memory norm before the first token
    seconds: float  # compute time of the run
    events: tuple[Event, ...] = ()
    diverged_at: int | None = None  # first token whose numbers are not finite
    versions: dict = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def edge(self) -> int:
        """Tokens at each end of the run over which losses are averaged: a tenth of it, at most 500."""
        return max(1, min(500, len(self) // 10))

    @property
    def dead_at(self) -> int | None:
        """The token from which on, to the end of the run, the memory is dead; None if it is not.

        A dead memory answers nothing and cannot learn: its gradient is near 0 although its loss is that of a memory
        that answers 0. Near zero weights, a gradient shrinks with the product of the *other* L - 1 matrices, and the
        answer with the product of all L. The gradient per unit of error (raw / sqrt(loss)) therefore tells how small
        the answer is. It is compared with that of the stream's first token, before which nothing was forgotten. Where
        it falls below eps^((L-1)/L), the answer is lost in the rounding of float32. A memory that has learnt its
        stream has a small gradient only because its error is small, and a single matrix (L = 1) cannot die.
        """
        depth = self.settings.memory.depth
        errs = np.flatnonzero(self.loss > 0)  # where nothing is left to learn, a gradient of 0 is no sign of death
        if depth == 1 or self.diverged_at is not None or len(errs) == 0:
            return None
        pull = self.raw[errs] / np.sqrt(self.loss[errs])
        living = np.flatnonzero(pull >= pull[0] * RESOLUTION ** ((depth - 1) / depth))  # the first token at least
        fallen = errs[living[-1] + 1 :]
        return int(fallen[0]) if len(fallen) >= self.edge else None

    @property
    def state(self) -> str:
        """How the memory is at the end of the run: `alive`, `dead` (see `dead_at`) or `diverged`."""
        if self.diverged_at is not None:
            return "diverged"
        return "alive" if self.dead_at is None else "dead"

    def summary(self) -> dict:
        """The run in numbers: writes per 1,000 tokens, mean surprise, norms, losses (means of the first and last
        tenth, at most 500 tokens), what became of the memory (`state`, `dead_at`, `diverged_at`), seconds."""
        end, edge = len(self) if self.diverged_at is None else self.diverged_at, self.edge
        mean = lambda series: float(series.mean()) if len(series) else None  # noqa: E731
        return {
            "tokens": len(self),
            "writes_per_1k": round(float((self.g_write[:end] > WRITE_LEVEL).sum()) * 1000 / max(1, end), 3),
            "mean_surprise": mean(self.surprise[:end]),
            "norm_start": self.norm_start,
            "norm_end": float(self.memory_norm[end - 1]) if end else None,
            "loss_start": mean(self.loss[:end][:edge]),
            "loss_end": mean(self.loss[:end][-edge:]),
            "state": self.state,
            "dead_at": self.dead_at,
            "diverged_at": self.diverged_at,
            "seconds": round(self.seconds, 4),
        }

    def to_frame(self):
        """A pandas DataFrame, a row a token: the byte, then COLUMNS."""
        import pandas

        return pandas.DataFrame({"token": self.tokens, **{name: getattr(self, name) for name in COLUMNS}})

    def header(self) -> dict:
        """Everything but the columns, as plain JSON types."""
        return {
            "format": FORMAT,
            "settings": self.settings.to_dict(),
            "norm_start": self.norm_start,
            "seconds": self.seconds,
            "events": [list(event) for event in self.events],
            "diverged_at": self.diverged_at,
            "versions": self.versions,
        }

    def digest(self) -> str:
        """SHA-256 of the whole trace; numbers that are not finite count as NaN, as JSON stores them."""
        columns = (getattr(self, name) for name in COLUMNS)
        finite = (np.where(np.isfinite(column), column, np.nan).astype("<f8").tobytes() for column in columns)
        return digest(self.header(), self.tokens.tobytes(), *finite)

    def to_json(self, path: str | Path | None = None) -> str:
        """JSON text (NaN as null) with its checksum, also written to `path` if given: ConfigError where it cannot."""
        columns = {
            name: [value if np.isfinite(value) else None for value in getattr(self, name).tolist()] for name in COLUMNS
        }
        header = {**self.header(), DIGEST: self.digest()}
        return _keep(json.dumps({**header, "tokens": self.tokens.tolist(), "columns": columns}), path)

    def to_csv(self, path: str | Path | None = None) -> str:
        """CSV text: a comment line with settings and checksum as JSON, then a row a token; written as by `to_json`."""
        header = {**self.header(), DIGEST: self.digest()}
        lines = ["# " + json.dumps(header), ",".join(["token", *COLUMNS])]
        rows = zip(self.tokens.tolist(), *(getattr(self, name).tolist() for name in COLUMNS), strict=True)
        lines += [",".join(map(repr, row)) for row in rows]
        return _keep("\n".join(lines) + "\n", path)

    @classmethod
    def from_json(cls, source: str | Path) -> Trace:
        """The inverse of `to_json`, from its text or a Path; ConfigError if it is no trace, or was changed since."""
        return cls._read(source, _split_json)

    @classmethod
    def from_csv(cls, source: str | Path) -> Trace:
        """The inverse of `to_csv`, from its text or a Path; ConfigError if it is no trace, or was changed since."""
        return cls._read(source, _split_csv)

    @classmethod
    def _read(cls, source: str | Path, split: Callable[[str], tuple[dict, list, dict]]) -> Trace:
        try:
            text = read_bytes(source).decode("utf-8-sig") if isinstance(source, Path) else source
            header, tokens, columns = split(text)
            found = cls._build(header, tokens, columns)
            intact = header["format"] == FORMAT and header[DIGEST] == found.digest()
        except OSError as error:
            text = "trace file {path} cannot be read: {reason}"
            raise ConfigError(text, path=repr(str(source)), reason=error.strerror) from None
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, csv.Error) as error:
            raise ConfigError("not a trace: {error}", error=error) from None
        if not intact:
            raise ConfigError("trace {fault}", fault=Message(CHANGED))
        return found

    @classmethod
    def _build(cls, header: dict, tokens: list, columns: dict) -> Trace:
        ids = np.array(tokens, dtype=np.float64)
        if ids.ndim != 1 or not ((ids >= 0) & (ids <= 255) & (ids % 1 == 0)).all():
            raise ConfigError("tokens must be whole numbers from 0 to 255")
        arrays = {name: np.array(columns[name], dtype=np.float64) for name in COLUMNS}
        for name, array in arrays.items():
            if array.shape != ids.shape:
                text = "{name} must have one number for each of {count} tokens, not {shape}"
                raise ConfigError(text, name=name, count=len(ids), shape=array.shape)
        return cls(
            settings=SimulationConfig.from_dict(header["settings"]),
            tokens=ids.astype(np.uint8),
            **arrays,
            norm_start=header["norm_start"],
            seconds=header["seconds"],
            events=tuple(Event(*event) for event in header["events"]),
            diverged_at=header["diverged_at"],
            versions=header["versions"],
        )


def blank_from_divergence(columns: dict[str, np.ndarray], final: str) -> int | None:
    """The first of t tokens whose numbers, (t,) or (t, d) a column, are not finite; None where all are.

    From there on all columns become NaN, and `final`, which is about the end of the run, everywhere.
    """
    lived = np.logical_and.reduce([
        np.isfinite(column).reshape(len(column), -1).all(1) for name, column in columns.items() if name != final
    ])  # fmt: skip
    if lived.all():
        return None
    diverged = int(np.argmin(lived))
    for name, column in columns.items():
        column[0 if name == final else diverged :] = np.nan
    return diverged


def _split_json(text: str) -> tuple[dict, list, dict]:
    """(header, tokens, columns) of a trace's JSON."""
    content = parse(text)
    return content, content["tokens"], content["columns"]


def _split_csv(text: str) -> tuple[dict, list, dict]:
    """(header, tokens, columns) of a trace's CSV."""
    first, _, table = text.partition("\n")
    names, *rows = csv.reader(table.splitlines())
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    return parse(first.removeprefix("# ")), columns.pop("token"), columns


def _keep(text: str, path: str | Path | None) -> str:
    if path is not None:
        with writing_to("path", path):
            write_whole(path, text)
    return text
