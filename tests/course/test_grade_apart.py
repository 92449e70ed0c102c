"""tools/grade_apart.py: a submission that writes to a gradebook changes nobody else's mark."""

import csv
import sqlite3
import sys
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbgrader", reason="nbgrader is not installed: pip install 'titans-mini[classroom]'")

from submissions import submission
from test_exercises_cycle import LESSON, RIGHT, tool

from titans_course.exercises.classroom import shadows

__all__ = ["tool"]
ROOT = Path(__file__).resolve().parents[2]
STEAL = """
import sqlite3, pathlib
for path in pathlib.Path.cwd().resolve().parents:
    if (path / "gradebook.db").exists():
        with sqlite3.connect(path / "gradebook.db") as book:
            book.execute("update grade set manual_score = 9")
        print("MARKS CHANGED")
"""


def apart():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import grade_apart
    finally:
        sys.path.pop(0)
    return grade_apart


@pytest.mark.classroom
def test_a_gradebook_out_of_reach_stays_as_it_is(tool, tmp_path, capsys, monkeypatch):
    course = tmp_path / "course"
    tool.course(course, 7, [LESSON])
    with sqlite3.connect(course / "gradebook.db") as book:  # of earlier lessons
        book.execute("create table grade (manual_score real)")
        book.execute("insert into grade values (3.0)")
    released = tool.student(nbformat.read(course / "source" / LESSON / f"{LESSON}.ipynb", as_version=4))
    thief = submission(released.copy(), {"delta_step": "return M"}, rank_one_gradient=STEAL)
    honest = tool.student(nbformat.read(course / "source" / LESSON / f"{LESSON}.ipynb", as_version=4))
    for name, notebook in (("honest", submission(honest, RIGHT)), ("a-thief", thief)):
        place = course / "submitted" / name / LESSON
        place.mkdir(parents=True)
        nbformat.write(notebook, place / f"{LESSON}.ipynb")
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{tmp_path}", prepend=":")
    assert apart().main([str(course), LESSON, "--jobs", "2", "--with", "env GRADING={folder}"]) == 1
    told = capsys.readouterr().out  # the thief's own gradebook holds a mark above the maximum
    assert "honest: 9.0 of 9.0" in told and "a-thief: not graded, look at this submission" in told
    with (course / f"marks-{LESSON}.csv").open() as file:
        marks = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert marks == {"a-thief": 0.0, "honest": 9.0}
    with sqlite3.connect(course / "gradebook.db") as book:
        assert book.execute("select manual_score from grade").fetchall() == [(3.0,)]
    assert (course / "feedback" / "honest" / LESSON).is_dir()


def test_no_submission_is_one_line(tmp_path, capsys):
    assert apart().main([str(tmp_path), LESSON, "--jobs", "0"]) == 2
    assert capsys.readouterr().err == "titans_mini: jobs must be at least 1, not 0\n"
    assert apart().main([str(tmp_path), LESSON]) == 2
    assert capsys.readouterr().err.startswith("titans_mini: no submission of '01_memory_that_learns' in ")


def test_what_shadows_a_module(tmp_path):
    for name in ("titans_mini", "torch", "notes", "__pycache__"):
        (tmp_path / name).mkdir()
    for name in ("random.py", "data.py", "helper.so", "statistics.pyc", "torch.txt", "json.csv", ".hidden.py"):
        (tmp_path / name).touch()
    found = {path.name for path in tmp_path.iterdir() if shadows(path)}
    assert found == {"titans_mini", "torch", "random.py", "statistics.pyc"}
