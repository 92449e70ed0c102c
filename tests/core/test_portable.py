"""Files that mean the same on every system: their encodings, line ends and names, and what tests import."""

import ast
import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import windows

ROOT = Path(__file__).resolve().parents[2]
HOUSES = ("titans_mini", "titans_course", "app", "tools", "benchmarks", "examples")
PIPES = {"run", "Popen", "call", "check_output", "check_call"}


def left_to_the_system(source: str) -> Iterator[tuple[int, str]]:
    """Line and problem of each call that leaves an encoding or a line end to the system, or needs a POSIX shell."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        words = {word.arg: word.value for word in node.keywords}
        texts = [value.value for value in [*node.args, *words.values()] if isinstance(value, ast.Constant)]
        named = "encoding" in words or any(re.fullmatch("utf-?8|ascii", str(text)) for text in texts)
        modes = [text for text in texts if isinstance(text, str) and re.fullmatch("[rwxa][bt+]*", text)]
        built_in = isinstance(node.func, ast.Name)
        opens = name == "open" and (built_in or modes) and not any("b" in mode for mode in modes)
        if (name in ("read_text", "write_text") or opens) and not named and not _own(node):
            yield node.lineno, "no encoding"
        if name == "write_text" and "newline" not in words:
            yield node.lineno, "no newline"
        if name in PIPES and {"text", "universal_newlines"} & set(words) and "encoding" not in words:
            yield node.lineno, "no encoding of a pipe"
        if {"shell", "preexec_fn", "pass_fds"} & set(words):
            yield node.lineno, "a shell or a call that Windows lacks"


def _own(node: ast.Call) -> bool:
    """Whether it is the project's own function `read_text`, or `os.open`, which knows only bytes."""
    return ast.unparse(node.func) in ("read_text", "os.open")


def test_the_search_finds_each_kind():
    wrong = """
open("a")
Path("a").read_text()
open("a", "w")
path.open("w")
subprocess.run(["a"], text=True)
subprocess.run("a", shell=True)
"""
    assert [line for line, _ in left_to_the_system(wrong)] == list(range(2, 8))
    assert {line for line, _ in left_to_the_system('Path("a").write_text("x")')} == {1}
    right = 'open("a", "rb"); p.open("wb"); open("a", encoding="utf-8"); read_text("a"); os.open("a", os.O_RDONLY)'
    assert not list(left_to_the_system(right))


def sources() -> Iterator[tuple[Path, str]]:
    """Each file of the project, and each cell of code of its notebooks."""
    for path in (path for house in HOUSES for path in (ROOT / house).rglob("*.py")):
        yield path, path.read_text("utf-8")
    for path in (path for house in ("notebooks", "teaching") for path in (ROOT / house).rglob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        yield from ((path, "".join(cell["source"])) for cell in cells if cell["cell_type"] == "code")


def test_no_encoding_and_no_line_end_is_left_to_the_system():
    found = []
    for path, source in sources():
        with contextlib.suppress(SyntaxError):  # a cell with a gap for the student's answer
            found += [(path.relative_to(ROOT).as_posix(), *what) for what in left_to_the_system(source)]
    assert [place for place in found if not place[0].endswith("ipynb") or "pipe" not in place[2]] == []


def tracked() -> list[str]:
    """The files of the repository, or of a folder that is none: then its own."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    names = done.stdout.split("\0")[:-1]
    return names or [path.relative_to(ROOT).as_posix() for house in HOUSES for path in (ROOT / house).rglob("*.*")]


def test_every_name_can_be_a_file_on_every_system():
    names = tracked()
    assert len(names) > 300 and max(map(len, names)) < 120  # of the 260 that Windows allows for a whole path
    folders = {parent.as_posix() for name in names for parent in Path(name).parents}
    folded = [name.casefold() for name in {*names, *folders}]
    assert len(folded) == len(set(folded))
    for name in names:
        assert name.isascii(), name
        for part in name.split("/"):
            windows.refuse(part)


def test_a_checkout_has_the_same_line_ends_everywhere():
    """Git's own answer for a clone on Windows, where `core.autocrlf` is usual."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    command = ["git", "-c", "core.autocrlf=true", "ls-files", "--eol", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    lines = [line.partition("\t")[0].split() for line in done.stdout.split("\0")[:-1]]
    assert lines and {tuple(line) for line in lines} <= {
        ("i/lf", "w/lf", "attr/text=auto", "eol=lf"),
        ("i/none", "w/none", "attr/text=auto", "eol=lf"),
        ("i/-text", "w/-text", "attr/-text"),
        ("i/-text", "w/-text", "attr/-text", "eol=lf"),
    }


def at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """What runs when a file is imported: all but the bodies of its functions."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        inner = ast.iter_child_nodes(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            inner = getattr(node, "decorator_list", [])
        waiting += inner


def test_every_test_file_can_be_imported_on_windows():
    for path in (ROOT / "tests").rglob("*.py"):
        for node in at_import(ast.parse(path.read_text("utf-8"))):
            where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in windows.LACKING
            ):
                assert node.attr not in windows.LACKING[node.value.id].split() or path.name == "windows.py", where
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {getattr(node, "module", None), *(name.name for name in node.names)}
                assert not names & (windows.ABSENT - {"triton"}), where


def test_tests_of_what_only_posix_has_are_skipped_elsewhere():
    def pipes():
        os.mkfifo("pipe")

    def plain():
        return None

    marked: list[str] = []
    items = [SimpleNamespace(function=f, add_marker=lambda _, f=f: marked.append(f.__name__)) for f in (pipes, plain)]
    windows.skip_posix(items, "posix")
    assert marked == []
    windows.skip_posix(items, "nt")
    assert marked == ["pipes"]
