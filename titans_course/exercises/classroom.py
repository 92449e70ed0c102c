"""What a course of nbgrader needs of the project: copied cells, shadowing files, silent checks, and safe feedback."""

from __future__ import annotations

import importlib.util
import re
import shutil
import textwrap
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import ClearHiddenTests, NbGraderPreprocessor
from nbgrader.utils import is_grade

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
SHORT = 8  # characters; a shorter line of a hidden test is no secret
WIDTH = 100  # characters of a line of feedback
CHECK = re.compile(r"^check_\w+\(", flags=re.MULTILINE)  # a call in a test cell
RIGHT = re.compile(r"^right: ", flags=re.MULTILINE)  # what each call prints when the answer is right
CODE = {".py", ".pyc", ".so", ".pyd"}


class DropCopies(NbGraderPreprocessor):
    """Takes nbgrader's marks off cells whose mark another cell has too; to run before all others.

    A student who copies a test or solution cell copies its mark with it. The last cell keeps the mark, the others
    become cells of the student's own, which run but are not graded. nbgrader's DeduplicateIds leaves half of a mark
    behind, and grading ends there for the whole notebook.
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """The notebook in which each mark stands once."""
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

    It works on nbgrader's copy in autograded/; what was handed in stays as it is. A folder `titans_mini` in a
    submission would otherwise bring checks of its own.
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """The notebook as it is, in a folder without such files."""
        for path in sorted(Path(resources["metadata"]["path"]).iterdir()):
            if shadows(path):
                self.log.warning("Removed '%s': it would be imported in place of an installed module", path.name)
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        return nb, resources


def shadows(path: Path) -> bool:
    """Whether a file or folder has the name of an installed module and would be imported."""
    name = path.name.split(".")[0]
    code = path.is_dir() or path.suffix in CODE
    try:
        spec = importlib.util.find_spec(name) if code and name.isidentifier() else None
        return spec is not None and spec.origin is not None  # a folder without __init__.py has none and shadows nothing
    except (ImportError, ValueError):  # a module without a spec, such as __main__
        return True


class NeedVerdict(NbGraderPreprocessor):
    """Turns a test cell without an error into a failed one unless each of its checks said that the answer is right.

    A check that was replaced by a function that does nothing says nothing. To run after Execute.
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """The executed notebook, with an error in each test cell that is silent."""
        for cell in nb.cells:
            if cell.cell_type == "code" and is_grade(cell):
                text = "".join(out.text for out in cell.outputs if out.output_type == "stream" and out.name == "stdout")
                failed = any(out.output_type == "error" for out in cell.outputs)
                if not failed and len(RIGHT.findall(text)) < len(CHECK.findall(cell.source)):
                    said = "the check did not say that the answer is right: was it replaced?"
                    cell.outputs.append(new_output("error", ename="NotChecked", evalue=said, traceback=[said]))
        return nb, resources


class HideTests(NbGraderPreprocessor):
    """Takes the hidden tests out of graded notebooks before feedback is made from them.

    nbgrader writes the instructor's test cells back before it grades, so without this a student reads them in the
    feedback, in the cell and in every traceback through it. A test cell keeps the last line of its error alone; from
    all other outputs the lines that quote a hidden test are taken.
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
    error.traceback = textwrap.wrap(said, WIDTH) or [error.ename]
    return error


def without(part, hidden: set[str]):
    """The same outputs without the lines that quote one of `hidden`."""
    if isinstance(part, str):
        lines = part.splitlines(keepends=True)
        return "".join(line for line in lines if not any(secret in COLOUR.sub("", line) for secret in hidden))
    if isinstance(part, list):
        return [without(item, hidden) for item in part]
    return NotebookNode({key: without(item, hidden) for key, item in part.items()}) if isinstance(part, dict) else part
