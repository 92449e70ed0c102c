"""Errors of the project pass from process to process, and modules of one system stop no other."""

import ast
import copy
import importlib
import inspect
import pickle
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import benchmarks
import titans_course
import titans_mini
from titans_mini import DivergenceError

ROOT = Path(__file__).resolve().parents[2]
ONE_SYSTEM = {
    "resource",
    "fcntl",
    "pwd",
    "grp",
    "termios",
    "tty",
    "pty",
    "posix",
    "syslog",
    "msvcrt",
    "winreg",
    "winsound",
}
ARGUMENTS = {"DivergenceError": ("the memory diverged", 3)}
OPTIONAL = {"titans_mini.memory.fast.recurrence"}  # it imports triton


def error_classes():
    """Every exception that a module of the project defines."""
    modules = [
        importlib.import_module(found.name)
        for package in (titans_mini, titans_course, benchmarks)
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not found.name.endswith("__main__") and found.name not in OPTIONAL
    ]
    return sorted(
        {
            kind
            for module in modules
            for _, kind in inspect.getmembers(module, inspect.isclass)
            if issubclass(kind, BaseException) and kind.__module__ == module.__name__
        },
        key=lambda kind: kind.__name__,
    )


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_every_error_survives_pickle_and_copy(kind, again):
    error = kind(*ARGUMENTS.get(kind.__name__, ("a line",)))
    same = again(error)
    assert type(same) is kind and str(same) == str(error) and same.args == error.args
    assert vars(same) == vars(error)


def test_a_divergence_is_told_by_its_message_and_its_token():
    error = pickle.loads(pickle.dumps(DivergenceError("m", 3)))
    assert str(error) == "m" and error.token == 3


def top_imports(path):
    """Names of the modules that a file imports when it is imported itself."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.partition(".")[0]


def test_no_module_of_one_system_is_imported_at_the_top():
    paths = [
        path
        for folder in ("titans_mini", "titans_course", "app", "examples", "benchmarks", "tools")
        for path in (ROOT / folder).rglob("*.py")
    ]
    found = {str(path.relative_to(ROOT)): ONE_SYSTEM & set(top_imports(path)) for path in paths}
    assert len(paths) > 100 and not {name: names for name, names in found.items() if names}


def test_all_commands_are_there_without_the_modules_of_one_system():
    code = f"import sys; sys.modules.update(dict.fromkeys({sorted(ONE_SYSTEM - {'posix', 'pwd', 'fcntl'})}))\n"
    code += "from titans_mini.cli.commands import parse; print(parse(['simulate']).tokens)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, "2000\n"), done.stderr
