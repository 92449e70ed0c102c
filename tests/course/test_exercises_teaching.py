"""TEACHING.md: its plan adds up, its minutes are true, and it names what grading cannot stop, with the set-up."""

import re
from pathlib import Path

import pytest

from titans_course.exercises import EXERCISES

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "TEACHING.md").read_text("utf-8")
LESSON, EXERCISE = re.compile(r"(?<![\w`])(\d\d) \((\d+)\)"), re.compile(r"`(\w+)` \((\d+)\)")


def minutes_of(lesson: str) -> int:
    """What a lesson says of itself."""
    (path,) = (ROOT / "notebooks").glob(f"{lesson}_*.ipynb")
    return int(re.search(r"(\d+) minutes · \d+ 分钟", path.read_text("utf-8"))[1])


def test_minutes_are_those_of_lessons_and_exercises():
    plan = TEXT.partition("## A plan")[2].partition("\n## ")[0]
    assert {lesson for lesson, _ in LESSON.findall(plan)} == {f"{number:02}" for number in range(12)}
    assert all(int(minutes) == minutes_of(lesson) for lesson, minutes in LESSON.findall(plan))
    found = EXERCISE.findall(plan)
    assert len(found) > 15 and all(int(minutes) == EXERCISES[name].minutes for name, minutes in found)
    assert len({name for name, _ in found}) == len(found)


@pytest.mark.parametrize("row, hours", [("| 3 hours |", 3), ("| 3 more, 6 in all |", 3), ("| 6 more, 12 in all |", 6)])
def test_a_row_adds_up(row, hours):
    (line,) = (line for line in TEXT.splitlines() if line.startswith(row))
    *parts, total = line.strip("|").split("|")[1:]
    spent = sum(int(minutes) for _, minutes in LESSON.findall(line) + EXERCISE.findall(line))
    spent += sum(int(part) for part in parts if part.strip().isdigit())
    assert spent == int(total) == 60 * hours


def test_what_grading_cannot_stop_is_named_with_its_set_up():
    cheating = TEXT.partition("## Cheating")[2]
    for words in (
        "gradebook.db",
        "**not stopped**",
        "grade_apart.py",
        "sudo -u grader",
        "docker run",
        "torch.allclose",
    ):
        assert words in cheating
