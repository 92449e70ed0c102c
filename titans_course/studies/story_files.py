"""Reads published files of questions, bAbI (arXiv 1502.05698) or BABILong (arXiv 2406.10149), or a plain text."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from titans_mini.data.text import check_text
from titans_mini.errors import ConfigError, check_choice
from titans_mini.files import open_regular
from titans_mini.messages import Message
from titans_mini.training.stories import Story

MAX_BYTES = 1_000_000_000  # of a file of questions; BABILong's long ones have hundreds of megabytes
FIELDS = ("input", "question", "target")  # of a row of BABILong


class Read(NamedTuple):
    """What a file holds: `text` for plain text, else `stories`, at least one."""

    format: str  # one of FORMATS
    text: str | None
    stories: list[Story]


def read_file(path: str | Path, form: str | None = None) -> Read:
    """Reads a file as one of FORMATS, or as the one that its first lines show. Raises ConfigError in one line."""
    form = _recognise(_content(path)) if form is None else check_choice("format", form, FORMATS)
    return FORMATS[form](path)


def _recognise(content: str) -> str:
    """The format, recognised from the first line that is not blank, and for bAbI from a tab."""
    lines = (line for line in content.split("\n") if line.strip())
    first = next(lines, "").strip()
    if content.lstrip().startswith("["):
        return "babilong" if _holds_rows(content) else "text"
    if first.startswith("{"):
        return "babilong" if _holds_rows(first) else "text"
    number, _, rest = first.partition(" ")
    return "babi" if number == "1" and rest and any(_is_question(line) for line in [first, *lines]) else "text"


def _holds_rows(content: str) -> bool:
    """Whether this is JSON with the fields of BABILong; a list counts by the field names in it."""
    if content.lstrip().startswith("["):
        return all(f'"{field}"' in content for field in FIELDS)
    try:
        row = json.loads(content)
    except (ValueError, RecursionError):
        return all(f'"{field}"' in content for field in FIELDS)  # damaged, but meant to be one
    return isinstance(row, dict) and set(FIELDS) <= set(row)


def _is_question(line: str) -> bool:
    number, _, rest = line.strip().partition(" ")
    return number.isdecimal() and "\t" in rest


def _text(path: str | Path) -> str:
    return check_text(_content(path), Message("text file {file}", file=repr(Path(path).name)))


def read_babi(path: str | Path) -> list[Story]:
    """Stories of a bAbI file: numbered lines; a question line holds question, answer and support, divided by tabs."""
    stories: list[Story] = []
    told: list[str] = []
    for number, line in _lines(path):
        index, _, rest = line.strip().partition(" ")
        where = _place("line", number, path)
        if not index.isdecimal():
            raise ConfigError("{where} does not begin with a number", where=where)
        told = [] if index == "1" else told
        question, *answer = rest.split("\t")
        if answer:
            stories.append(_story(list(told), question, answer[0], where))
        elif rest.strip():
            told.append(rest.strip())
        else:
            raise ConfigError("{where} has a number and no sentence", where=where)
    return _some(stories, path)


def read_babilong(path: str | Path) -> list[Story]:
    """Stories of a BABILong file: JSON objects with input, question and target, as a list or one a line."""
    content = _content(path)
    if content.lstrip().startswith("["):
        rows = _json(content, repr(Path(path).name))
        return _some([_row(row, _place("row", number, path)) for number, row in enumerate(rows, start=1)], path)
    stories = []
    for number, line in _lines(path):
        where = _place("line", number, path)
        stories.append(_row(_json(line, where), where))
    return _some(stories, path)


def _place(kind: str, number: int, path: str | Path) -> Message:
    return Message("{kind} {number} of {file}", kind=Message(kind), number=number, file=repr(Path(path).name))


def _json(content: str, where: str):
    try:
        return json.loads(content)
    except RecursionError:
        raise ConfigError("{where} is not a BABILong file: it is nested too deep", where=where) from None
    except ValueError as error:
        raise ConfigError("{where} is not a BABILong file: {reason}", where=where, reason=error) from None


def _row(row: object, where: str) -> Story:
    if not isinstance(row, dict):
        text = "{where} is not a BABILong file: a row must be an object with {fields}"
        raise ConfigError(text, where=where, fields=", ".join(FIELDS))
    for field in FIELDS:
        if not isinstance(row.get(field), str):
            raise ConfigError("{where} is not a BABILong file: {field} must be a text", where=where, field=field)
    return _story([row["input"].strip()], row["question"], row["target"], where)


def _story(told: list[str], question: str, answer: str, where: str) -> Story:
    for name, text in (("question", question), ("answer", answer)):
        if not text.strip():
            raise ConfigError("{where} has an empty {name}", where=where, name=Message(name))
    return Story([line for line in told if line], question.strip(), answer.strip())


def _some(stories: list[Story], path: str | Path) -> list[Story]:
    if not stories:
        raise ConfigError("{file} holds no question", file=repr(Path(path).name))
    return stories


def _lines(path: str | Path) -> list[tuple[int, str]]:
    """(number in the file, line) of each line that is not blank."""
    return [(number, line) for number, line in enumerate(_content(path).split("\n"), start=1) if line.strip()]


def _content(path: str | Path) -> str:
    name = repr(Path(path).name)
    try:
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ConfigError("file {file} is larger than {size:,} MB", file=name, size=MAX_BYTES // 1_000_000)
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        text = "file {file} is not UTF-8 text: byte {place} cannot be decoded"
        raise ConfigError(text, file=name, place=error.start) from None
    except OSError as error:
        raise ConfigError("file {file} cannot be read: {reason}", file=repr(str(path)), reason=error.strerror) from None


FORMATS: dict[str, Callable[[str | Path], Read]] = {
    "text": lambda path: Read("text", _text(path), []),
    "babi": lambda path: Read("babi", None, read_babi(path)),
    "babilong": lambda path: Read("babilong", None, read_babilong(path)),
}
