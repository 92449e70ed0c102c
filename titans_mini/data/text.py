"""Real text: the manual pages inside CPython, or any file; bad input ends in one clear line."""

from __future__ import annotations

import builtins
import functools
import importlib
from pathlib import Path

from ..errors import ConfigError

MAX_BYTES = 10_000_000


@functools.cache
def bundled_text() -> str:
    """English prose and code that every Python brings: the language reference's topics, about 450 kB.

    Where an installation leaves `pydoc_data` out, the docstrings of the builtins stand in (about 80 kB).
    """
    try:
        topics = importlib.import_module("pydoc_data.topics").topics
    except ImportError:
        return builtin_docstrings()
    return "\n\n".join(topics[name].strip() for name in sorted(topics))


def builtin_docstrings() -> str:
    """The docstrings of the builtin functions, types and their methods, each once, in alphabetical order."""
    owners = [getattr(builtins, name) for name in sorted(dir(builtins))]
    members = [getattr(owner, name, None) for owner in owners if isinstance(owner, type) for name in dir(owner)]
    found = dict.fromkeys(doc for item in [*owners, *members] if isinstance(doc := item.__doc__, str))
    return "\n\n".join(doc.strip() for doc in found)


def read_text(path: str | Path) -> str:
    """The text of a UTF-8 file of 1 byte to 10 MB; ConfigError for anything else."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"text file {str(path)!r} cannot be read: {error.strerror}") from None
    return check_text(data, name=f"text file {Path(path).name!r}")


def check_text(data: bytes | str, name: str = "text") -> str:
    """The same as str, or ConfigError where it is empty, too long, binary or not UTF-8."""
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if not raw.strip():
        raise ConfigError(f"{name} is empty; give at least 1 character that is not blank")
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{name} is larger than {MAX_BYTES // 1_000_000} MB")
    if b"\0" in raw:
        raise ConfigError(f"{name} is binary or UTF-16; save it as plain UTF-8 text")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name} is not UTF-8 text: byte {error.start} cannot be decoded") from None
