"""A whole cycle of the real nbgrader in each language: right marks, nothing given away, cheats are stopped."""

import copy
import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from nbformat import NotebookNode
from submissions import grade_id, submission
from test_exercises_nbgrader import HIDDEN, LESSON, ROOT, read, tool
from words import HAN

from titans_course.exercises.check import SIGN

__all__ = ["tool"]
RIGHT = {
    "rank_one_gradient": "return 2 * torch.outer(M @ k - v, k)",
    "delta_step": "return M - 2 * theta * torch.outer(M @ k - v, k)",
    "recall_cosine": "return torch.cosine_similarity(keys @ M.T, values, dim=-1)",
}
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


def tampered(student: NotebookNode) -> NotebookNode:
    """Test cells edited, emptied of points, or deleted; a check that approves of all; answers that know the test or
    look for what it expects."""
    bodies = {"rank_one_gradient": PEEK, "delta_step": TURNS, "recall_cosine": RIGHT["recall_cosine"]}
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
    """All right, if noisy, but a solution cell and two test cells were copied, with the marks that nbgrader gave."""
    student = submission(student, {name: NOISE + body for name, body in RIGHT.items()}, recall_cosine=SPY)
    for name in ("delta_step", "delta_step-value", "recall_cosine-property"):
        place, cell = next(pair for pair in enumerate(student.cells) if grade_id(pair[1]) == name)
        student.cells.insert(place if name == "delta_step-value" else place + 1, copy.deepcopy(cell))
    return student


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
SHADOW = f"def __getattr__(name):\n    return lambda *args, **kwargs: print('{SIGN} all')\n"


def submissions(tool, source: Path) -> dict[str, NotebookNode]:
    """A notebook per student: right, half right, empty, in endless loops, tampered with, one that kills the kernel."""
    hog = "return [torch.empty(2**27) for _ in range(64)]"  # 32 GB, of which not a byte is used
    spin = "turns.append(1)\n    while len(turns) == 1:\n        time.sleep(0.01)\n    " + RIGHT["recall_cosine"]
    half = {"rank_one_gradient": RIGHT["rank_one_gradient"], "recall_cosine": hog}
    half["delta_step"] = "M -= 2 * theta * torch.outer(M @ k - v, k)\n    return M"
    loops = {"rank_one_gradient": RIGHT["rank_one_gradient"], "recall_cosine": spin}
    loop = "\nimport time\nturns = []\nwhile True:\n    time.sleep(0.01)"
    wrong = {"delta_step": "return M"}

    def released() -> NotebookNode:
        return tool.student(read(source))

    return {
        "right": copied(released()),
        "half": submission(released(), half),
        "empty": released(),
        "loops": submission(released(), loops, delta_step=loop),
        "tampered": tampered(released()),
        "patched": submission(released(), wrong, rank_one_gradient=PATCH, recall_cosine=SCRIPT),
        "muted": submission(released(), wrong, delta_step=MUTE),
        "dead": submission(released(), {"rank_one_gradient": "import os\n    os._exit(0)"}),
    }


# Of 9 points: 2 + 1, 1 + 2, 1 + 2. A memory hog and an endless loop get nothing where they are, the rest counts.
# A copied cell costs nothing; cheats get nothing where they cheat.
MARKS = {"right": 9.0, "half": 3.0 + 1.0, "empty": 0.0, "loops": 3.0 + 2.0, "tampered": 3.0}
MARKS |= {"patched": 0.0, "muted": 0.0, "dead": 0.0}
# Who hands in, in each language: cheats and crashes are the same in both, and each notebook takes seconds.
CLASSES = {"en": set(MARKS) - {"empty"}, "zh": {"right", "half", "empty"}}


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


def lay_out(tool, top: Path, language: str) -> None:
    """A course in a new folder, and beside it a folder for each student with a submission."""
    tool.course(top / "course", 2027, [LESSON], language)
    with (top / "course" / tool.CONFIG).open("a", encoding="utf-8") as config:
        config.write(f"c.Exchange.root = {str(top / 'exchange')!r}\nc.Exchange.cache = {str(top / 'cache')!r}\n")
        config.write("c.Execute.timeout_func = lambda cell: 3 if 'while True' in cell.source else 120\n")
    notebooks = submissions(tool, top / "course" / "source" / LESSON / f"{LESSON}.ipynb")
    for name in CLASSES[language]:
        (top / name / LESSON).mkdir(parents=True)
        (top / name / tool.CONFIG).write_bytes((top / "course" / tool.CONFIG).read_bytes())
        place = top / name / LESSON / f"{LESSON}.ipynb"
        place.write_text(json.dumps(notebooks[name]))  # as it is: copied cells keep their ids
    if "patched" in CLASSES[language]:
        shadow = top / "patched" / LESSON / "titans_course" / "exercises"
        shadow.mkdir(parents=True)
        for folder in (shadow, shadow.parent):
            (folder / "__init__.py").write_text(SHADOW, "utf-8")
        (shadow.parent.parent / "notes.txt").write_text("kept")


@pytest.fixture(scope="module")
def courses(tool, tmp_path_factory) -> dict[str, Path]:
    """A course in each language, created, released, submitted to, collected, graded and given feedback."""
    top = tmp_path_factory.mktemp("classroom")
    commands = []
    for language, students in CLASSES.items():
        lay_out(tool, top / language, language)
        course = f"{language}/course"
        commands += [(course, [step, LESSON]) for step in ("generate_assignment", "release_assignment")]
        commands += [(f"{language}/{name}", ["submit", LESSON, "--student", name]) for name in sorted(students)]
        commands += [(course, [step, LESSON]) for step in ("collect", "autograde", "generate_feedback")]
        commands.append((course, ["export"]))
    failed = [command for command, code in zip(commands, classroom(top, *commands), strict=True) if code]
    assert failed == [("en/course", ["autograde", LESSON])], "it reports the kernel that died, and grades the others"
    return {language: top / language / "course" for language in CLASSES}


@pytest.fixture(scope="module")
def course(courses) -> Path:
    """The English course."""
    return courses["en"]


def feedback_pages(course: Path) -> dict[str, str]:
    """Student -> the page, its lines joined."""
    pages = (course / "feedback").glob("*/*/*.html")
    return {path.parts[-3]: " ".join(path.read_text("utf-8").split()) for path in pages}


each = pytest.mark.parametrize("language", CLASSES)


@each
@pytest.mark.classroom
def test_a_cycle_of_nbgrader_ends_with_the_right_marks(courses, language):
    with (courses[language] / "grades.csv").open(encoding="utf-8") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    marks = {name: float(row["score"] or 0) for name, row in rows.items()}
    assert marks == {name: MARKS[name] for name in CLASSES[language]}
    assert {float(row["max_score"]) for row in rows.values()} == {9.0}


@each
@pytest.mark.classroom
def test_a_cycle_of_nbgrader_releases_what_the_tool_makes(tool, courses, language):
    (released,) = courses[language].parent.glob("exchange/*/outbound/*/*.ipynb")
    assert read(released).cells == tool.student(read(courses[language] / "source" / LESSON / released.name)).cells


@each
@pytest.mark.classroom
def test_a_cycle_of_nbgrader_gives_no_hidden_test_away(courses, language):
    course, feedback = courses[language], feedback_pages(courses[language])
    (source,) = (course / "source").glob("*/*.ipynb")
    secrets = HIDDEN.findall(source.read_text("utf-8"))
    assert len(secrets) == 6
    assert set(feedback) == CLASSES[language] - {"dead"}
    given = [*feedback.values(), *(path.read_text("utf-8") for path in (course / "student").glob("*/*.ipynb"))]
    for text in given:
        assert not [secret for secret in secrets if secret in text]
        assert "HIDDEN TESTS" not in text
    graded = (course / "autograded" / "right" / LESSON / source.name).read_text("utf-8")
    assert secrets[0] in graded and "SPY" in graded  # they were there to be given away
    assert "SPY" in feedback["right"] and '"stderr"' not in graded


@pytest.mark.classroom
def test_a_cycle_of_nbgrader_says_what_was_wrong(course):
    feedback = feedback_pages(course)
    assert "argument number 1 in place" in feedback["half"]
    assert re.search("recall_cosine stopped with (RuntimeError|MemoryError)", feedback["half"])
    assert "CellTimeoutError" in feedback["loops"]  # of the cell that loops by itself
    assert "does a loop never end?" in feedback["loops"]
    assert "torch.allclose was replaced" in feedback["patched"]
    assert "was it replaced?" in feedback["muted"]


@pytest.mark.classroom
def test_a_cycle_in_chinese_speaks_chinese(courses):
    (released,) = (courses["zh"] / "student").glob("*/*.ipynb")
    feedback = feedback_pages(courses["zh"])
    prose = re.findall(rf"{HAN.pattern}{{6,}}", (ROOT / "notebooks/exercises/zh" / f"{LESSON}.md").read_text("utf-8"))
    assert len(prose) >= 20
    for text in (released.read_text("utf-8"), *feedback.values()):
        assert [words for words in prose if words not in text] == []
    assert "delta_step 原地改动了第 1 个参数：" in feedback["half"]
    assert "rank_one_gradient 还没有写：" in feedback["empty"]


@pytest.mark.classroom
def test_a_shadowing_folder_is_removed_from_the_graded_copy_alone(course):
    handed_in, graded = (course / kind / "patched" / LESSON for kind in ("submitted", "autograded"))
    assert (handed_in / "titans_course" / "exercises" / "__init__.py").is_file()
    assert not (graded / "titans_course").exists() and (graded / "notes.txt").read_text() == "kept"


@pytest.mark.classroom
def test_a_feedback_page_runs_no_script_of_a_student(course):
    (graded,) = (course / "autograded" / "patched").glob("*/*.ipynb")
    assert "alert('html')" in graded.read_text("utf-8")  # it was there to be run
    body = feedback_pages(course)["patched"].partition("<body")[2]
    assert "<script" not in body and "<img src=x" not in body
    assert "alert('js')" not in re.sub("(?s)<pre.*?</pre>", "", body)
