"""my_memory.py grows by pieces: the newest of a number wins, the others stay, and the file is a program."""

import pytest
from lessons import tool
from nbformat.v4 import new_code_cell, new_notebook

from titans_course.lab import keep
from titans_course.lab.keeping import FILE

ONE = "# my_memory.py, piece 1: a number\none = 1"
TWO = "# my_memory.py, piece 2: its double\ntwo = 2 * one"


def names_of(program: str) -> dict:
    names: dict = {}
    exec(program, names)
    return names


def test_only_marked_cells_are_kept_in_the_order_of_their_numbers(tmp_path):
    program = keep([TWO, "print('no mark')", "# my_memory.py without a number\nthree = 3", ONE], tmp_path)
    assert names_of(program)["two"] == 2 and "three" not in program and "print" not in program
    assert (tmp_path / FILE).read_text() == program
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_the_last_version_of_a_piece_counts_and_other_lessons_stay(tmp_path):
    keep([ONE, TWO], tmp_path)
    told = keep([ONE, "# NBVAL_CHECK_OUTPUT\n# my_memory.py, piece 1: a number\none = 5"], tmp_path)
    assert "one = 5" in told and "two" not in told
    assert names_of((tmp_path / FILE).read_text())["two"] == 10


def test_a_cell_may_hold_several_pieces(tmp_path):
    assert names_of(keep([f"{ONE}\n\n\n{TWO}\n"], tmp_path))["two"] == 2


def test_keeping_twice_changes_nothing(tmp_path):
    assert keep([ONE, TWO], tmp_path) == keep([ONE, TWO], tmp_path) == (tmp_path / FILE).read_text()


def test_what_is_no_text_is_refused(tmp_path):
    (tmp_path / FILE).write_bytes(b"\xff")
    with pytest.raises(ValueError):
        keep([ONE], tmp_path)
    assert (tmp_path / FILE).read_bytes() == b"\xff"


def test_in_jupyter_a_piece_is_the_cell_that_was_run_last(tmp_path):
    cells = [
        "from titans_course.lab import keep",
        TWO.replace("two = 2 * one", "def two():\n    return 2 * One().value()"),
        ONE.replace("one = 1", "class One:\n    def value(self):\n        return 1"),
        ONE.replace("one = 1", "class One:\n    def value(self):\n        return 5"),
        "def three():\n    return 3",
        "program = keep()",
    ]
    tool("notebooks").run(new_notebook(cells=[new_code_cell(cell) for cell in cells]), tmp_path)
    names = names_of((tmp_path / FILE).read_text())
    assert names["two"]() == 10 and "three" not in names
