"""The classroom exercises in nbgrader: fresh copies, no hidden test given away, and one whole cycle of the real one."""

import copy
import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from lessons import tool as load
from nbformat import NotebookNode

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


def test_a_course_in_chinese_has_the_same_code(tool, tmp_path):
    for language in ("en", "zh"):
        tool.course(tmp_path / language, 1, [LESSON], language)
    english, chinese = (read(tmp_path / name / "source" / LESSON / f"{LESSON}.ipynb") for name in ("en", "zh"))
    pairs = list(zip(english.cells, chinese.cells, strict=True))
    assert all(a.metadata == b.metadata and a.cell_type == b.cell_type for a, b in pairs)
    assert all(a.source == b.source for a, b in pairs if a.cell_type == "code")
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


RIGHT = {
    "rank_one_gradient": "return 2 * torch.outer(M @ k - v, k)",
    "delta_step": "return M - 2 * theta * torch.outer(M @ k - v, k)",
    "recall_cosine": "return torch.cosine_similarity(keys @ M.T, values, dim=-1)",
}
STUB = "# YOUR CODE HERE\n    raise NotImplementedError()"
# Prints to stderr in three ways, and tries to copy the test cell that calls it.
NOISE = """import logging, sys, warnings
    print("noise", file=sys.stderr)
    warnings.warn("noise")
    logging.getLogger().warning("noise")
    print("SPY", get_ipython().user_ns["In"][-1])
    """
SPY = '\nprint("SPY", "\\n".join(In))'
TURNS = """turns.append(1)
    return M - 2 * theta * torch.outer(M @ k - v, k) * (len(turns) < 2)"""  # right for the visible call alone


def submission(student: NotebookNode, bodies: dict[str, str], **changes: str) -> NotebookNode:
    """The released notebook with stubs filled in; `changes` are put at the end of a solution cell."""
    for cell in student.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in bodies:
            assert STUB in cell.source
            cell.source = cell.source.replace(STUB, bodies[name])
        cell.source += changes.get(name, "")
    return student


def tampered(student: NotebookNode) -> NotebookNode:
    """Test cells edited, emptied of points, or deleted; a check that approves of all; an answer that knows the test."""
    bodies = {"delta_step": TURNS, "recall_cosine": RIGHT["recall_cosine"]}
    student = submission(
        student, bodies, rank_one_gradient="\ncheck_rank_one_gradient = print", delta_step="\nturns = []"
    )
    for cell in list(student.cells):
        mark = cell.metadata.get("nbgrader", {})
        if mark.get("grade"):
            mark["points"] = 100
            if mark["grade_id"].startswith("rank_one"):
                cell.source = "pass"
            if mark["grade_id"] == "recall_cosine-value":
                student.cells.remove(cell)
    return student


def copied(student: NotebookNode) -> NotebookNode:
    """All right, but a solution cell and two test cells were copied and pasted, with the marks that nbgrader gave."""
    student = submission(student, RIGHT)
    for name in ("delta_step", "delta_step-value", "recall_cosine-property"):
        place, cell = next(pair for pair in enumerate(student.cells) if _grade_id(pair[1]) == name)
        student.cells.insert(place if name == "delta_step-value" else place + 1, copy.deepcopy(cell))
    return student


def _grade_id(cell: NotebookNode) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")


PATCH = "\nimport torch\ntorch.allclose = torch.isclose = torch.equal = lambda *args, **kwargs: torch.tensor(True)"
MUTE = "\nimport titans_course.exercises\ntitans_course.exercises.check_delta_step = lambda *args, **kwargs: None"
PEEK = """import inspect
    frame = inspect.currentframe()
    while frame:
        if "wanted" in frame.f_locals:
            return frame.f_locals["wanted"]
        frame = frame.f_back
    return M"""
SCRIPT = """
from IPython.display import HTML, Javascript, Markdown, display
display(HTML("<script>alert('html')</script><img src=x onerror=alert(1)>"), Javascript("alert('js')"))
display(Markdown("<script>alert('markdown')</script>"))
"""
# What a folder beside the notebook would have to hold to be imported in place of the package.
SHADOW = "def __getattr__(name):\n    return lambda *args, **kwargs: print('right: all')\n"
STEAL = """
import sqlite3, pathlib
for path in pathlib.Path.cwd().resolve().parents:
    if (path / "gradebook.db").exists():
        with sqlite3.connect(path / "gradebook.db") as book:
            book.execute("update grade set manual_score = 9")
        print("MARKS CHANGED")
"""


def submissions(student: Path) -> dict[str, NotebookNode]:
    """A notebook per student: right, half right, in endless loops, tampered with, and one that kills the kernel."""
    hog = "return [torch.empty(2**27) for _ in range(64)]"  # 32 GB, of which not a byte is used
    spin = "turns.append(1)\n    while len(turns) == 1:\n        time.sleep(0.01)\n    " + RIGHT["recall_cosine"]
    half = {"rank_one_gradient": RIGHT["rank_one_gradient"], "recall_cosine": hog}
    half["delta_step"] = "M -= 2 * theta * torch.outer(M @ k - v, k)\n    return M"
    loops = {"rank_one_gradient": RIGHT["rank_one_gradient"], "recall_cosine": spin}
    noisy = {name: NOISE + body for name, body in RIGHT.items()}
    return {
        "right": submission(read(student), noisy, recall_cosine=SPY),
        "half": submission(read(student), half),
        "loops": submission(
            read(student), loops, delta_step="\nimport time\nturns = []\nwhile True:\n    time.sleep(0.01)"
        ),
        "tampered": tampered(read(student)),
        "copied": copied(read(student)),
        "patched": submission(read(student), {"delta_step": "return M"}, rank_one_gradient=PATCH),
        "muted": submission(read(student), {"delta_step": "return M"}, delta_step=MUTE),
        "peeking": submission(read(student), {"delta_step": PEEK}),
        "shadow": submission(read(student), {name: "return 0" for name in RIGHT}, recall_cosine=SCRIPT),
        "dead": submission(read(student), {"rank_one_gradient": "import os\n    os._exit(0)"}),
    }


# Of 9 points: 2 + 1, 1 + 2, 1 + 2. A memory hog and an endless loop get nothing where they are, the rest counts.
# A copied cell costs nothing; cheats get nothing where they cheat.
MARKS = {"right": 9.0, "half": 3.0 + 1.0, "loops": 3.0 + 2.0, "tampered": 3.0, "copied": 9.0}
MARKS |= {"patched": 0.0, "muted": 0.0, "peeking": 0.0, "shadow": 0.0, "dead": 0.0}


def classroom(top: Path, *commands: tuple[str, list[str]]) -> list[int]:
    """The exit codes of nbgrader's commands, each run from a folder of `top`, in settings of their own."""
    homes = {f"JUPYTER_{name}_DIR": str(top / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    homes |= {"HOME": str(top), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}  # for alembic
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "drills" / "nbgrader_cycle.py")],
        input=json.dumps([[str(top / folder), arguments] for folder, arguments in commands]),
        env={**os.environ, **homes, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def course(tool, tmp_path_factory) -> Path:
    """A course that was created, released, submitted to, collected, graded and given feedback."""
    top = tmp_path_factory.mktemp("classroom")
    tool.course(top / "course", 2027, [LESSON])
    with (top / "course" / tool.CONFIG).open("a") as config:
        config.write(f"c.Exchange.root = {str(top / 'exchange')!r}\nc.Exchange.cache = {str(top / 'cache')!r}\n")
        config.write("c.Execute.timeout_func = lambda cell: 120 if 'import hint' in cell.source else 8\n")
    release = [("course", [step, LESSON]) for step in ("generate_assignment", "release_assignment")]
    assert classroom(top, *release) == [0, 0]
    (released,) = (top / "exchange").glob("*/outbound/*/*.ipynb")
    for name, notebook in submissions(released).items():
        (top / name / LESSON).mkdir(parents=True)
        (top / name / tool.CONFIG).write_text((top / "course" / tool.CONFIG).read_text())
        (top / name / LESSON / released.name).write_text(json.dumps(notebook))  # as it is: copied cells keep their ids
    shadow = top / "shadow" / LESSON / "titans_course" / "exercises"
    shadow.mkdir(parents=True)
    for folder in (shadow, shadow.parent):
        (folder / "__init__.py").write_text(SHADOW)
    (shadow.parent.parent / "notes.txt").write_text("kept")
    submit = [(name, ["submit", LESSON, "--student", name]) for name in MARKS]
    steps = ("collect", "autograde", "generate_feedback")
    codes = classroom(top, *submit, *(("course", [step, LESSON]) for step in steps), ("course", ["export"]))
    assert codes[: len(MARKS) + 1] == [0] * (len(MARKS) + 1)
    assert codes[len(MARKS) + 1 :] == [1, 0, 0], "autograde reports the kernel that died, and grades the others"
    return top / "course"


@pytest.mark.classroom
def test_a_cycle_of_nbgrader_ends_with_the_right_marks(course):
    with (course / "grades.csv").open() as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert {name: float(row["score"] or 0) for name, row in rows.items()} == MARKS
    assert {float(row["max_score"]) for row in rows.values()} == {9.0}


@pytest.mark.classroom
def test_a_cycle_of_nbgrader_gives_no_hidden_test_away(course):
    (source,) = (course / "source").glob("*/*.ipynb")
    secrets = HIDDEN.findall(source.read_text("utf-8"))
    assert len(secrets) == 6
    feedback = {path.parts[-3]: path.read_text("utf-8") for path in (course / "feedback").glob("*/*/*.html")}
    assert set(feedback) == set(MARKS) - {"dead"}
    given = [*feedback.values(), *(path.read_text("utf-8") for path in (course / "student").glob("*/*.ipynb"))]
    for text in given:
        assert not [secret for secret in secrets if secret in text]
        assert "HIDDEN TESTS" not in text
    graded = (course / "autograded" / "right" / LESSON / source.name).read_text("utf-8")
    assert secrets[0] in graded and "SPY" in graded  # they were there to be given away
    assert "SPY" in feedback["right"] and '"stderr"' not in graded


@pytest.mark.classroom
def test_a_cycle_of_nbgrader_says_what_was_wrong(course):
    pages = {path.parts[-3]: path.read_text("utf-8") for path in (course / "feedback").glob("*/*/*.html")}
    feedback = {name: " ".join(text.split()) for name, text in pages.items()}  # lines are wrapped
    assert "argument number 1 in place" in feedback["half"]
    assert re.search("recall_cosine stopped with (RuntimeError|MemoryError)", feedback["half"])
    assert "CellTimeoutError" in feedback["loops"]  # of the cell that loops by itself
    assert "does a loop never end?" in feedback["loops"]
    assert "not written yet" in feedback["tampered"]


@pytest.mark.classroom
def test_a_shadowing_folder_is_removed_from_the_graded_copy_alone(course):
    handed_in, graded = (course / kind / "shadow" / LESSON for kind in ("submitted", "autograded"))
    assert (handed_in / "titans_course" / "exercises" / "__init__.py").is_file()
    assert not (graded / "titans_course").exists() and (graded / "notes.txt").read_text() == "kept"


@pytest.mark.classroom
def test_a_feedback_page_runs_no_script_of_a_student(course):
    (page,) = (course / "feedback" / "shadow").glob("*/*.html")
    (graded,) = (course / "autograded" / "shadow").glob("*/*.ipynb")
    assert "alert('html')" in graded.read_text("utf-8")  # it was there to be run
    text = page.read_text("utf-8")
    body = text.partition("<body")[2]
    assert (
        "<script" not in body
        and "<img src=x" not in body
        and "alert('js')" not in re.sub("(?s)<pre.*?</pre>", "", body)
    )


@pytest.mark.classroom
def test_cheats_are_named_in_the_feedback(course):
    pages = {
        path.parts[-3]: " ".join(path.read_text("utf-8").split()) for path in (course / "feedback").glob("*/*/*.html")
    }
    assert "torch.allclose was replaced" in pages["patched"] or "was replaced in this notebook" in pages["patched"]
    assert "was it replaced?" in pages["muted"]
