"""The lessons as the tests read them, and the scripts of `tools/` as modules."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "notebooks").glob("*.ipynb"))


def cells(path: Path, kind: str) -> list:
    """The cells of that kind, "code" or "markdown"."""
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def tagged(path: Path, tag: str) -> list:
    """The cells with that tag."""
    return [cell for cell in nbformat.read(path, as_version=4).cells if tag in cell.metadata.get("tags", [])]


def tool(name: str):
    """A script of `tools/` as a module."""
    if str(ROOT / "tools") not in sys.path:  # some import each other
        sys.path.append(str(ROOT / "tools"))
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def small_notebook(stored: str, source: str = "# NBVAL_CHECK_OUTPUT\nprint(round(0.123456, 3))"):
    """A notebook of one cell that prints 0.123, with `stored` as what it printed."""
    output = nbformat.v4.new_output("stream", name="stdout", text=f"{stored}\n")
    cell = nbformat.v4.new_code_cell(source, execution_count=1, outputs=[output])
    notebook = nbformat.v4.new_notebook(cells=[cell])
    tool("notebooks").normalise(notebook)
    return notebook
