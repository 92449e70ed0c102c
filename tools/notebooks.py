"""Runs the notebooks in place and brings them into the form to commit: `python tools/notebooks.py [FILE ...]`.

Every code cell gets its output and its execution count. Widget views, widget state and times are removed, the kernel is
`python3`, and cell ids are the cells' numbers. The links at the top are renewed. Where `Repository` in pyproject.toml's
[project.urls] gives the project a public address, badges lead to Colab and Binder, and the first cell of code installs
the package on Colab.
"""

import argparse
import os
import re
import sys
import time
import tomllib
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode, v4

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
DROPPED = {"application/vnd.jupyter.widget-view+json"}
TITLE = "The course 课程:"
BADGE = "[![Open in Colab]"
COLAB, BINDER = "https://colab.research.google.com", "https://mybinder.org"
INSTALL = """\
# Colab 上安装所需的包；在别处什么也不做 · On Colab this installs what the lesson needs
import sys

if "google.colab" in sys.modules:
    import subprocess

    from google.colab import output

    package = "titans-mini[lessons] @ git+https://github.com/{name}"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", package], check=True)
    output.enable_custom_widget_manager()"""
INSTALLS = "colab"  # the tag of that cell


def run(notebook: NotebookNode, folder: Path = FOLDER) -> None:
    """Executes all cells in a fresh kernel and raises the first error."""
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()


def normalise(notebook: NotebookNode) -> None:
    """Removes what differs between machines or makes a file large."""
    notebook.metadata = NotebookNode({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        tags = cell.metadata.get("tags", [])
        cell.metadata = NotebookNode({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            cell.outputs = coalesce(cell.outputs)
        for output in cell.get("outputs", []):
            output.pop("transient", None)
            for kind in DROPPED & set(output.get("data", {})):
                del output.data[kind]


def coalesce(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Joins the pieces that a stream wrote, because where it was split is a matter of chance."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if joined and output.output_type == "stream" and joined[-1].get("name") == output.name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def navigation(path: Path) -> str:
    """The line of links: all lessons, this one in bold, then its classroom exercises, if any, glossary and recipe."""
    lessons = sorted(path.parent.glob("[0-9][0-9]*_*.ipynb"))
    links = [f"**{_name(file)}**" if file == path else f"[{_name(file)}]({file.name})" for file in lessons]
    exercises = path.parent / "exercises" / "student" / path.stem / path.name
    if exercises.is_file():
        links.append(f"[exercises 练习]({exercises.relative_to(path.parent).as_posix()})")
    return f"{TITLE} " + " · ".join([*links, "[glossary 术语表](GLOSSARY.md)", "[recipe 配方](RECIPE.md)"])


def repository(pyproject: Path = FOLDER.parent / "pyproject.toml") -> str | None:
    """OWNER/NAME of the project's public address on GitHub; None where pyproject.toml has no address.

    Raises ValueError for an address that Colab and Binder cannot open.
    """
    address = tomllib.loads(pyproject.read_text(encoding="utf8"))["project"].get("urls", {}).get("Repository")
    if address is None:
        return None
    found = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(\.git|/)?", address)
    if found is None:
        raise ValueError(f"Repository must be https://github.com/OWNER/NAME, not {address!r}")
    return found[1]


def badges(path: Path, name: str | None) -> str:
    """Badges that open a lesson of the repository `name` (OWNER/NAME), as the end of the line of links."""
    if name is None:
        return ""
    place = path.relative_to(FOLDER.parent).as_posix() if path.is_relative_to(FOLDER) else f"notebooks/{path.name}"
    colab = f"{COLAB}/github/{name}/blob/main/{place}"
    binder = f"{BINDER}/v2/gh/{name}/main?labpath={place}"
    return f" · {BADGE}({COLAB}/assets/colab-badge.svg)]({colab}) [![Launch Binder]({BINDER}/badge_logo.svg)]({binder})"


def install(notebook: NotebookNode, name: str | None) -> None:
    """Puts the cell that installs the package on Colab after the lesson's first cell, or removes it."""
    notebook.cells = [cell for cell in notebook.cells if INSTALLS not in cell.metadata.get("tags", [])]
    if name is not None:
        cell = v4.new_code_cell(INSTALL.format(name=name), metadata={"tags": [INSTALLS]})
        notebook.cells.insert(1, cell)
    for number, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), 1):
        cell.execution_count = number


def _name(file: Path) -> str:
    return file.stem.replace("_", " ")


def refresh(path: Path, *, execute: bool = True) -> float:
    """Rewrites one notebook and returns the seconds that its cells took."""
    notebook = nbformat.read(path, as_version=4)
    if notebook.cells[0].source.startswith(TITLE):
        _, _, rest = notebook.cells[0].source.partition("\n")
        notebook.cells[0].source = f"{navigation(path)}{badges(path, repository())}\n{rest}"
        install(notebook, repository())
    began = time.perf_counter()
    if execute:
        run(notebook, path.parent)
    seconds = time.perf_counter() - began
    store(notebook, path)
    return seconds


def store(notebook: NotebookNode, path: Path) -> None:
    """Writes a notebook in the form to commit."""
    normalise(notebook)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help="notebooks; by default all lessons")
    parser.add_argument("--no-run", action="store_true", help="do not run the notebooks, only normalise them")
    options = parser.parse_args(arguments)
    for path in options.files or sorted(FOLDER.glob("*.ipynb")):
        seconds = refresh(path.resolve(), execute=not options.no_run)
        print(f"{path.name}: {seconds:.1f} s, {path.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
