"""Names of modules, commands and files in docstrings, lessons and pages are names of things that exist."""

import importlib
import re
from pathlib import Path

import pytest

from titans_mini.cli import main

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("titans_mini", "titans_course", "app", "examples", "tools", "benchmarks", "notebooks", "docs")
DOTTED = re.compile(r"`(titans_(?:mini|course)(?:\.\w+)+)")
COMMAND = re.compile(r"titans-mini ([a-z]\w*)")
TARGET = re.compile(r"`make ([\w-]+)")


def pages() -> list[Path]:
    kinds = ("*.py", "*.md", "*.ipynb")
    inside = [path for folder in FOLDERS for kind in kinds for path in (ROOT / folder).rglob(kind)]
    return sorted([*ROOT.glob("*.md"), *inside])


def found(pattern: re.Pattern) -> dict[str, str]:
    """Name -> a page that has it."""
    return {name: str(path.relative_to(ROOT)) for path in pages() for name in pattern.findall(path.read_text("utf8"))}


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            there = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            if not hasattr(there, part):
                return False
            there = getattr(there, part)
        return True
    return False


def test_a_name_that_does_not_exist_is_seen():
    assert resolves("titans_mini.memory.chunk.Rule") and resolves("titans_mini.simulate")
    assert not resolves("titans_mini.chunk") and not resolves("titans_mini.memory.chunk.Ruler")
    assert not resolves("nothing_at_all.here")


def test_every_dotted_name_of_the_package_is_there():
    names = found(DOTTED)
    assert {"titans_mini.quantize", "titans_mini.memory.mlp"} <= set(names)
    assert {name: page for name, page in names.items() if not resolves(name)} == {}


def test_every_command_is_there(capsys):
    names = found(COMMAND)
    assert {"train", "eval", "claims"} <= set(names)
    with pytest.raises(SystemExit):
        main(["--help"])
    known = set(re.findall(r"^ {4}([a-z]\w*)", capsys.readouterr().out, re.MULTILINE))
    assert {name: page for name, page in names.items() if name not in known} == {}


def test_every_target_of_make_is_there():
    names = found(TARGET)
    known = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf8"), re.MULTILINE))
    assert {name: page for name, page in names.items() if name not in known} == {}
