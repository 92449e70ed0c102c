"""The app's strings: no page takes the key of another, and every key that a page asks for is there."""

import ast
import re
from collections import Counter
from pathlib import Path

APP = Path(__file__).resolve().parents[1] / "app"
ENGLISH = sorted((APP / "texts" / "english").glob("*.py"))
SAID = re.compile(r"""say\(\s*"([^"{]+)"[,)]""")


def keys_of(tree: ast.AST) -> list[str]:
    """The keys of every dict of strings in a module."""
    dicts = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    return [key.value for node in dicts for key in node.keys if isinstance(key, ast.Constant)]


def test_no_key_is_defined_twice():
    counts = Counter(key for path in ENGLISH for key in keys_of(ast.parse(path.read_text("utf8"))))
    assert len(counts) > 200 and not [key for key, count in counts.items() if count > 1]


def test_every_key_that_is_asked_for_is_there():
    known = {key for path in ENGLISH for key in keys_of(ast.parse(path.read_text("utf8")))}
    asked = {key for path in APP.rglob("*.py") for key in SAID.findall(path.read_text("utf8"))}
    assert len(asked) > 100 and asked <= known
