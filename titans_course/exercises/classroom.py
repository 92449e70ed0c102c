"""nbgrader preprocessors: for copied cells, files that shadow modules, silent checks, and safe feedback."""

import importlib.util
import re
import shutil
import textwrap
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import ClearHiddenTests, NbGraderPreprocessor
from nbgrader.utils import is_grade

from titans_mini.messages import Message

from ..language import choose, tell
from .check import SIGN

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
SHORT = 8  # characters; a shorter line of a hidden test is no secret
WIDTH = 100  # columns of a line of feedback, of which a Chinese character takes two
CHECK = re.compile(r"^check_\w+\(", flags=re.MULTILINE)  # a call in a test cell
RIGHT = re.compile(rf"^{re.escape(SIGN)} ", flags=re.MULTILINE)  # what each call prints when the answer is right
CODE = {".py", ".pyc", ".so", ".pyd"}


class DropCopies(NbGraderPreprocessor):
    """Removes nbgrader's metadata from cells that share it with another cell. Must run before all others.

    A student who copies a test or solution cell copies its metadata too. The last cell keeps it; the others become
    ordinary cells, which run but are not graded. nbgrader's own DeduplicateIds removes only half of it, which stops
    the grading of the whole notebook.
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """The notebook, in which each `grade_id` occurs once."""
        found: set[str] = set()
        for cell in reversed(nb.cells):
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if name in found:
                self.log.warning("A copy of the cell '%s' is not graded; the last one is", name)
                del cell.metadata["nbgrader"]
            elif name is not None:
                found.add(name)
        return nb, resources


class RemoveShadows(NbGraderPreprocessor):
    """Deletes files beside the notebook that Python would import in place of an installed module.

    It works on nbgrader's copy in autograded/ and does not touch the submission. Otherwise a folder `titans_mini` in a
    submission would bring its own checks.
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """The unchanged notebook; its folder has no such files any more."""
        for path in sorted(Path(resources["metadata"]["path"]).iterdir()):
            if shadows(path):
                self.log.warning("Removed '%s': it would be imported in place of an installed module", path.name)
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        return nb, resources


def shadows(path: Path) -> bool:
    """Whether a file or folder has the name of an installed module and would be imported instead."""
    name = path.name.split(".")[0]
    code = path.is_dir() or path.suffix in CODE
    try:
        spec = importlib.util.find_spec(name) if code and name.isidentifier() else None
        return spec is not None and spec.origin is not None  # a folder without __init__.py has none and shadows nothing
    except (ImportError, ValueError):  # a module without a spec, such as __main__
        return True


class NeedVerdict(NbGraderPreprocessor):
    """Fails a test cell without an error unless each of its checks said that the answer is right.

    A check that was replaced by a function that does nothing is silent. Must run after Execute.
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """The executed notebook, with an error in each silent test cell."""
        for cell in nb.cells:
            if cell.cell_type == "code" and is_grade(cell):
                text = "".join(out.text for out in cell.outputs if out.output_type == "stream" and out.name == "stdout")
                failed = any(out.output_type == "error" for out in cell.outputs)
                if not failed and len(RIGHT.findall(text)) < len(CHECK.findall(cell.source)):
                    said = tell(Message("the check did not say that the answer is right: was it replaced?"), choose())
                    cell.outputs.append(new_output("error", ename="NotChecked", evalue=said, traceback=[said]))
        return nb, resources


class HideTests(NbGraderPreprocessor):
    """Removes the hidden tests from graded notebooks before feedback is made from them.

    nbgrader restores the instructor's test cells before it grades. Without this step a student would read them in the
    feedback, in the cell and in every traceback through it. A test cell keeps only the last line of its error; lines
    that quote a hidden test are removed from all other outputs.
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """The notebook without hidden tests."""
        clear, hidden = ClearHiddenTests(parent=self.parent), set()
        code = [cell for cell in nb.cells if cell.cell_type == "code"]
        for cell in filter(is_grade, code):
            before = cell.source.splitlines()
            clear.preprocess_cell(cell, resources, 0)
            kept = set(cell.source.splitlines())
            hidden |= {line.strip() for line in before if line not in kept and len(line.strip()) > SHORT}
        for cell in code:
            cell.outputs = [without(output, hidden) for output in cell.outputs]
            if is_grade(cell):
                cell.outputs = [verdict(output) for output in cell.outputs if output.output_type == "error"]
        return nb, resources


def verdict(error: NotebookNode) -> NotebookNode:
    """An error without its traceback, in lines that fit a page."""
    said = f"{error.ename}: {error.evalue}" if error.evalue else error.ename
    error.traceback = textwrap.wrap(said, WIDTH if said.isascii() else WIDTH // 2) or [error.ename]
    return error


def without(part, hidden: set[str]):
    """The same outputs without the lines that quote one of `hidden`."""
    if isinstance(part, str):
        lines = part.splitlines(keepends=True)
        return "".join(line for line in lines if not any(secret in COLOUR.sub("", line) for secret in hidden))
    if isinstance(part, list):
        return [without(item, hidden) for item in part]
    return NotebookNode({key: without(item, hidden) for key, item in part.items()}) if isinstance(part, dict) else part
