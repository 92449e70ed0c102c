"""The classroom exercises in nbgrader: copies are fresh and give no hidden test away."""

import re
import sys
from functools import partial
from pathlib import Path

import nbformat
import pytest
from lessons import tool as load
from nbformat import NotebookNode

from titans_course.language import VARIABLE

pytest.importorskip("nbgrader", reason="nbgrader is not installed: pip install 'titans-mini[classroom]'")

ROOT = Path(__file__).resolve().parents[2]
LESSON = "01_memory_that_learns"
HIDDEN = re.compile(r"seed=(\d+)")


@pytest.fixture(scope="module")
def tool():
    """tools/exercises.py as a module."""
    return load("exercises")


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def test_copies_are_fresh(tool):
    assert [str(path.relative_to(tool.FOLDER)) for path in tool.stale()] == [], "run `make exercises`"
    assert len(tool.copies()) == 4 * len(tool.sources()) >= 36  # for students and to read, in two languages


def test_a_course_in_chinese_has_the_same_code_but_for_the_first_cell_that_sets_the_language(tool, tmp_path):
    for language in ("en", "zh"):
        tool.course(tmp_path / language, 1, [LESSON], language)
        assert (tmp_path / language / tool.CONFIG).read_text().endswith(f'os.environ["{VARIABLE}"] = "{language}"\n')
    english, chinese = (read(tmp_path / name / "source" / LESSON / f"{LESSON}.ipynb") for name in ("en", "zh"))
    pairs = list(zip(english.cells, chinese.cells, strict=True))
    assert all(a.metadata == b.metadata and a.cell_type == b.cell_type for a, b in pairs)
    first, *rest = [(a.source, b.source) for a, b in pairs if a.cell_type == "code"]
    assert first[1] == f'import os\n\nos.environ["{VARIABLE}"] = "zh"\n\n{first[0]}'
    assert len(rest) > 6 and all(a == b for a, b in rest)
    assert all(a.source != b.source and "难度" in b.source for a, b in pairs[1:] if a.cell_type == "markdown")


def test_a_changed_source_or_copy_is_noticed(tool, tmp_path):
    place = tmp_path / "source" / LESSON / f"{LESSON}.ipynb"
    place.parent.mkdir(parents=True)
    place.write_bytes((tool.FOLDER / "source" / LESSON / place.name).read_bytes())
    assert len(tool.stale(tmp_path)) == 2
    assert tool.write(tmp_path) == 2 and tool.stale(tmp_path) == []
    copy = tmp_path / "student" / LESSON / place.name
    copy.write_text(copy.read_text("utf-8").replace("Difficulty 2", "Difficulty 3"), "utf-8")
    assert tool.stale(tmp_path) == [copy]
    gone = tmp_path / "solution" / "12_gone" / "12_gone.ipynb"
    gone.parent.mkdir()
    gone.touch()
    assert tool.stale(tmp_path) == [copy, gone]
    tool.write(tmp_path)
    assert not gone.exists()


def test_line_endings_of_a_checkout_do_not_count(tool, tmp_path):
    place = tmp_path / "source" / LESSON / f"{LESSON}.ipynb"
    place.parent.mkdir(parents=True)
    place.write_bytes((tool.FOLDER / "source" / LESSON / place.name).read_bytes().replace(b"\n", b"\r\n"))
    assert tool.write(tmp_path) == 2
    copy = tmp_path / "student" / LESSON / place.name
    assert copy.read_bytes() == (tool.FOLDER / "student" / LESSON / place.name).read_bytes()
    copy.write_bytes(copy.read_bytes().replace(b"\n", b"\r\n"))
    assert tool.stale(tmp_path) == []


def test_no_copy_tells_what_it_must_not(tool):
    for path, text in tool.copies().items():
        assert "HIDDEN" not in text and "seed=" not in text and "SOLUTION" not in text
        solved = "raise NotImplementedError" not in "".join(c.source for c in read(path).cells if c.cell_type == "code")
        assert solved == ("solution" in path.parts) == ('"nbgrader"' not in text)


def test_prose_without_its_chinese_is_one_line(tool, tmp_path, monkeypatch, capsys):
    place = tmp_path / "source" / LESSON / f"{LESSON}.ipynb"
    place.parent.mkdir(parents=True)
    text = (tool.FOLDER / "source" / LESSON / place.name).read_text("utf-8")
    place.write_text(text.replace("Difficulty 2", "Difficulty 3"), "utf-8")
    (tmp_path / "zh").mkdir()
    (tmp_path / "zh" / f"{LESSON}.md").write_bytes((tool.FOLDER / "zh" / f"{LESSON}.md").read_bytes())
    monkeypatch.setattr(tool, "write", partial(tool.write, tmp_path))
    monkeypatch.setattr(sys, "argv", ["exercises.py"])
    assert tool.main() == 2
    assert re.fullmatch(rf"titans_mini: {LESSON}: no Chinese for .*--missing.*\n", capsys.readouterr().err)


@pytest.mark.parametrize("mark", ["END SOLUTION", "END HIDDEN TESTS"])
def test_a_mark_that_is_not_closed_is_refused(tool, mark):
    source = read(tool.sources()[0])
    cell = next(cell for cell in source.cells if mark in cell.source)
    cell.source = cell.source.replace(f"# {mark}", "")
    with pytest.raises(RuntimeError, match="(?i)no end"):
        tool.student(source)


def test_a_course_has_secrets_of_its_own(tool, tmp_path):
    found = []
    for number, seed in enumerate((1, 1, 2)):
        tool.course(tmp_path / str(number), seed)
        found.append(
            ["".join(HIDDEN.findall(path.read_text("utf-8"))) for path in tool.sources(tmp_path / str(number))]
        )
        assert tool.student(read(tool.sources(tmp_path / str(number))[0])) == tool.student(read(tool.sources()[0]))
    published = ["".join(HIDDEN.findall(path.read_text("utf-8"))) for path in tool.sources()]
    assert found[0] == found[1] != found[2] and published not in found
    with pytest.raises(FileExistsError):
        tool.course(tmp_path / "0", 1)
