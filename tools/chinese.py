"""Makes the Chinese lessons, notebooks/zh/*.ipynb: `python tools/chinese.py [LESSON ...]`.

A lesson's code is that of notebooks/. Its prose lies in notebooks/zh/LESSON.md, a part for each cell of prose, headed
by the checksum of the English cell: a part whose English has changed fits no cell any more, and is named. `--missing`
lists the cells that have no part, with their checksums; `--no-run` keeps the outputs.
"""

import argparse
import copy
import os
import re
import sys
import zlib
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from notebooks import FOLDER, TITLE, badges, repository, run, store

ZH = FOLDER / "zh"
MARK = re.compile(r"^<!-- ([0-9a-f]{8}) -->\n", re.M)
LINK = re.compile(r"(\]\()(images/|exercises/|GLOSSARY\.md|RECIPE\.md|\.\./)")
OWN = {  # what is there in Chinese, too
    "](../exercises/student/": "](../exercises/zh/student/",
    "](../images/": "](../images/zh/",
}
NAVIGATION = "课程："


def mark(cell: NotebookNode) -> str:
    """The checksum of a cell of prose, without the links at the lesson's top."""
    first, _, rest = cell.source.partition("\n")
    return f"{zlib.crc32((rest if first.startswith(TITLE) else cell.source).strip().encode()):08x}"


def parts(path: Path) -> dict[str, str]:
    """Checksum -> Chinese text, in the file's order; empty if there is no file. ValueError for a checksum that is there
    twice."""
    pieces = MARK.split(path.read_text(encoding="utf-8"))[1:] if path.exists() else []
    found = dict(zip(pieces[::2], (piece.strip() for piece in pieces[1::2]), strict=True))
    if 2 * len(found) != len(pieces):
        raise ValueError(f"{path.name}: a checksum stands there twice")
    return found


def navigation(stem: str) -> str:
    """The line of links at the top of a Chinese lesson."""
    links = []
    for lesson in sorted(path.stem for path in FOLDER.glob("[0-9][0-9]*_*.ipynb")):
        number = lesson.partition("_")[0]
        links.append(f"**{number}**" if lesson == stem else f"[{number}]({lesson}.ipynb)")
    exercises = f"{stem}/{stem}.ipynb"
    if (FOLDER / "exercises" / "student" / exercises).is_file():
        links.append(f"[练习](../exercises/zh/student/{exercises})")
    more = f"[术语表](../GLOSSARY.md) · [配方一页通](../RECIPE.md) · [English](../{stem}.ipynb)"
    return f"{NAVIGATION}{' · '.join(links)} · {more}{badges(ZH / f'{stem}.ipynb', repository())}"


def translated(english: NotebookNode, chinese: dict[str, str], stem: str) -> NotebookNode:
    """The English notebook with the prose of `chinese`.

    Raises ValueError, which names the cells that have none and the parts that belong to none.
    """
    made, wanted = copy.deepcopy(english), [cell for cell in english.cells if cell.cell_type == "markdown"]
    lacking = [f"{cell.id} ({mark(cell)})" for cell in wanted if mark(cell) not in chinese]
    extra = sorted(chinese.keys() - {mark(cell) for cell in wanted})
    if lacking or extra:
        raise ValueError(
            f"{stem}: no Chinese for {', '.join(lacking) or 'none'}; no cell for {', '.join(extra) or 'none'}"
        )
    for cell in made.cells:
        if cell.cell_type == "markdown":
            text = LINK.sub(r"\1../\2", chinese[mark(cell)])
            for place, own in OWN.items():
                text = text.replace(place, own)
            cell.source = f"{navigation(stem)}\n\n{text}" if cell.source.startswith(TITLE) else text
    return made


def keep_outputs(old: NotebookNode, notebook: NotebookNode) -> None:
    """Gives the cells of code that are unchanged the outputs that they had in Chinese."""
    had = {cell.source: cell.outputs for cell in old.cells if cell.cell_type == "code"}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = had.get(cell.source, cell.outputs)


def make(stem: str, *, execute: bool = True) -> Path:
    """Writes one Chinese lesson."""
    english = nbformat.read(FOLDER / f"{stem}.ipynb", as_version=4)
    notebook = translated(english, parts(ZH / f"{stem}.md"), stem)
    target = ZH / f"{stem}.ipynb"
    if not execute and target.exists():
        keep_outputs(nbformat.read(target, as_version=4), notebook)
    if execute:
        os.environ["TITANS_MINI_LANGUAGE"] = "zh"
        run(notebook, ZH)
    store(notebook, target)
    return target


def missing(stem: str, *, exercises: bool = False) -> str:
    """The cells of a lesson, or of its exercises, that have no Chinese yet, in the form of the store."""
    chinese = parts((FOLDER / "exercises" / "zh" if exercises else ZH) / f"{stem}.md")
    place = FOLDER / "exercises" / "source" / stem if exercises else FOLDER
    cells = nbformat.read(place / f"{stem}.ipynb", as_version=4).cells
    lacking = [cell for cell in cells if cell.cell_type == "markdown" and mark(cell) not in chinese]
    return "".join(f"<!-- {mark(cell)} -->\n{cell.source}\n\n" for cell in lacking)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="names such as 00_tour; by default all that have Chinese prose")
    parser.add_argument("--no-run", action="store_true", help="do not run the notebooks, only renew their prose")
    parser.add_argument("--missing", action="store_true", help="print the cells without Chinese instead")
    parser.add_argument("--exercises", action="store_true", help="with --missing: the cells of a lesson's exercises")
    options = parser.parse_args(arguments)
    for stem in options.lessons or sorted(path.stem for path in ZH.glob("*.md")):
        if options.missing:
            print(missing(stem, exercises=options.exercises), end="")
            continue
        try:
            print(make(stem, execute=not options.no_run))
        except ValueError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
