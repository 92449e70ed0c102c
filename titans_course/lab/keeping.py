"""`keep` writes the learner's own memory into my_memory.py: a file that grows from lesson to lesson."""

import inspect
import linecache
import re
from pathlib import Path

from titans_mini.files import read_bytes, write_whole

FILE = "my_memory.py"
PIECE = re.compile(r"^# my_memory\.py, piece (\d+): ")
EACH = re.compile(r"^(?=# my_memory\.py, piece \d+: )", re.M)
HEAD = '''"""My own memory, written in the lessons."""

import math

import torch
from torch import nn
from torch.nn import functional as F
'''


def keep(cells: list[str] | None = None, folder: str | Path = ".") -> str:
    """Puts the marked cells that were run into my_memory.py, in the working folder, and returns them as one program.

    A cell is marked by a line `# my_memory.py, piece 3: the memory` and defines functions or classes. If several have
    the same number, the last one run counts, and it replaces that piece in the file. Pieces from other lessons stay;
    all are in the order of their numbers. `cells` are the sources of the cells, by default those of this session.
    OSError if the file cannot be read or written, ValueError if it is no text.
    """
    path = Path(folder) / FILE
    pieces = _pieces(_session() if cells is None else cells)
    earlier = _pieces([read_bytes(path).decode()]) if path.exists() else {}
    write_whole(path, _program(earlier | pieces))
    return _program(pieces)


def _session() -> list[str]:
    """The cells of this Jupyter session that define the functions and classes it has now, in the order of their run.

    A session that keeps no history, as in nbval, still knows the source of its functions.
    """
    from IPython import get_ipython

    shell = get_ipython()
    values = [] if shell is None else [value for value in shell.user_ns.values() if _is_own(value)]
    functions = [each for value in values for each in (vars(value).values() if inspect.isclass(value) else [value])]
    names = {each.__code__.co_filename for each in functions if inspect.isfunction(each)}
    return ["".join(linecache.getlines(name)) for name in list(linecache.cache) if name in names]


def _is_own(value: object) -> bool:
    return (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == "__main__"


def _pieces(sources: list[str]) -> dict[int, str]:
    """Number -> text of each piece, from its mark to the next mark or the end."""
    parts = [part.strip() for source in sources for part in EACH.split(source)]
    return {int(mark[1]): part for part in parts if (mark := PIECE.match(part))}


def _program(pieces: dict[int, str]) -> str:
    return "\n\n".join([HEAD, *(f"{pieces[number]}\n" for number in sorted(pieces))])
