"""tools/classroom.py: what a submission deserves is what the checks of its exercises say, without nbgrader."""

import os

import pytest
from lessons import tool

from titans_course.language import VARIABLE

pytest.importorskip("nbgrader", reason="nbgrader is not installed: pip install 'titans-mini[classroom]'")

CLASSROOM = tool("classroom")


def earned(notebook) -> float:
    """The points of the test cells that run without an error; the cells are run in this process."""
    names, points = {}, 0.0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            mark = cell.metadata.get("nbgrader", {})
            try:
                exec(cell.source, names)
                points += mark["points"] if mark.get("grade") else 0
            except Exception:
                assert mark.get("grade"), cell.source  # a solution cell only defines
    return points


@pytest.fixture(autouse=True)
def own_language(monkeypatch):
    """The first cell of a Chinese copy sets the language of the process; afterwards it is as it was."""
    monkeypatch.setenv(VARIABLE, os.environ[VARIABLE])


@pytest.mark.parametrize("lesson", CLASSROOM.WRONG)
@pytest.mark.parametrize("kind", ["wrong", "blank", "chinese"])
def test_a_submission_deserves_what_its_checks_say(lesson, kind):
    notebook, mark = CLASSROOM.hand_in(lesson, kind)
    assert earned(notebook) == mark
    assert 0 < mark <= CLASSROOM.hand_in(lesson, "right")[1]


@pytest.mark.parametrize("lesson", CLASSROOM.WRONG)
def test_edited_tests_hide_what_is_wrong_and_change_no_mark(lesson):
    notebook, mark = CLASSROOM.hand_in(lesson, "edited")
    assert mark == CLASSROOM.hand_in(lesson, "wrong")[1] < earned(notebook)


def test_a_class_of_ten_has_every_kind():
    assert set(CLASSROOM.CLASS) == {"right", "chinese", "wrong", "blank", "loop", "edited", "crash"}
    assert len(CLASSROOM.CLASS) == 10
