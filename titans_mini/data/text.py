"""Real text: the documentation inside numpy, or any file."""

import ast
import builtins
import functools
import re
from inspect import cleandoc
from pathlib import Path

import numpy

from ..errors import ConfigError
from ..files import open_regular, refusing
from ..messages import Message

MAX_BYTES = 10_000_000
# The files of numpy whose docstrings make the bundled text, in its order: first guides in prose, then reference.
SOURCES = (
    *("doc/ufuncs.py", "fft/__init__.py", "typing/__init__.py", "exceptions.py", "lib/_datasource.py"),
    *("polynomial/__init__.py", "_core/fromnumeric.py", "lib/_function_base_impl.py", "lib/_shape_base_impl.py"),
    *("lib/_npyio_impl.py", "linalg/_linalg.py", "lib/_index_tricks_impl.py", "lib/_polynomial_impl.py"),
    *("lib/_arraysetops_impl.py", "lib/_format_impl.py"),
)


@functools.cache
def bundled_text() -> str:
    """English prose and code that every installation brings: the documentation inside numpy, about 460 kB.

    It is read from numpy's source files, so it depends on numpy's version but not on Python's or on the processor; the
    stored numbers of this project were measured on that of numpy 2.4.6, and before 2.3 one file is missing. Where an
    installation leaves them all out, the docstrings of Python's builtins are used instead (about 80 kB).
    """
    files = [path for name in SOURCES if (path := Path(numpy.__file__).parent / name).is_file()]
    try:
        found = dict.fromkeys(doc for path in files for doc in _docstrings(path))
    except (OSError, SyntaxError, ValueError):
        return builtin_docstrings()
    return "\n\n".join(found).lstrip("=\n") or builtin_docstrings()  # the first has a rule above its title


def _docstrings(path: Path) -> list[str]:
    """The long docstrings of a module and of all that it defines, without indentation, in the file's order."""
    tree = ast.parse(path.read_text("utf-8"))
    owners = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    owners.sort(key=lambda node: node.lineno)
    docs = (ast.get_docstring(node, clean=False) for node in [tree, *owners])
    return ["\n".join(map(str.rstrip, cleandoc(doc).splitlines())) for doc in docs if doc and len(doc) > 200]


def builtin_docstrings() -> str:
    """The docstrings of the builtin functions, types and their methods, each once, in alphabetical order."""
    owners = [getattr(builtins, name) for name in sorted(dir(builtins))]
    members = [getattr(owner, name, None) for owner in owners if isinstance(owner, type) for name in dir(owner)]
    found = dict.fromkeys(doc for item in [*owners, *members] if isinstance(doc := item.__doc__, str))
    return "\n\n".join(doc.strip() for doc in found)


def read_text(path: str | Path) -> str:
    """The text of a UTF-8 file of 1 byte to 10 MB; ConfigError for anything else, folders and devices included."""
    with refusing("text file {file} cannot be read: {reason}", file=repr(str(path))), open_regular(path) as file:
        data = file.read(MAX_BYTES + 1)
    return check_text(data, Message("text file {file}", file=repr(Path(path).name)))


def check_text(data: bytes | str, name: str | None = None) -> str:
    """The same as str, with each line end one byte; ConfigError where it is empty, too long, binary or not UTF-8.

    `name` is what errors call it.
    """
    name = name or Message("text")
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if not raw.strip():
        raise ConfigError("{name} is empty; give at least 1 character that is not blank", name=name)
    if len(raw) > MAX_BYTES:
        raise ConfigError("{name} is larger than {size} MB", name=name, size=MAX_BYTES // 1_000_000)
    if b"\0" in raw:
        raise ConfigError("{name} is binary or UTF-16; save it as plain UTF-8 text", name=name)
    try:
        return re.sub("\r+\n", "\n", raw.decode("utf-8-sig"))  # the same where it is checked again
    except UnicodeDecodeError as error:
        text = "{name} is not UTF-8 text: byte {place} cannot be decoded"
        raise ConfigError(text, name=name, place=error.start) from None
