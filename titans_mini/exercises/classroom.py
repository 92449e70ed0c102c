"""What a course of nbgrader needs of the project: feedback that does not tell the hidden tests."""

from __future__ import annotations

import re
import textwrap

from nbformat import NotebookNode
from nbgrader.preprocessors import ClearHiddenTests, NbGraderPreprocessor
from nbgrader.utils import is_grade

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
SHORT = 8  # characters; a shorter line of a hidden test is no secret
WIDTH = 100  # characters of a line of feedback


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
