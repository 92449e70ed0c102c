"""Grades a class with the real nbgrader: `python tools/classroom.py`.

Lays out a course, writes the submissions of a mixed class, and runs nbgrader's commands as a teacher does. Each is
timed, and the memory of its processes, kernels included, is read five times a second. Every mark is compared with the
one that the submission deserves. `tools/grade_apart.py` then grades the same class, a student on each core.
The figures go to benchmarks/class.json, from which `tools/tables.py` writes the table of DEPLOY.md.
"""

import argparse
import csv
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from exercises import FOLDER, read, student
from nbformat import NotebookNode, write

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from submissions import submission  # noqa: E402

NUMBERS = ROOT / "benchmarks" / "class.json"
# Of ten students; a larger class repeats them.
CLASS = ("right", "wrong", "blank", "right", "loop", "chinese", "crash", "right", "edited", "wrong")
SOLVED = re.compile(r"# BEGIN SOLUTION\n +(.*)\n +# END SOLUTION", re.S)
LOOP = "while True:\n        pass"
CRASH = "import ctypes\n    ctypes.string_at(0)"  # a crash in C, which ends the kernel
# Of each exercise a wrong answer and the parts that it loses.
BOTH = ("value", "property")
WRONG = {
    "01_memory_that_learns": {
        "rank_one_gradient": ("return torch.outer(M @ k - v, k)", ("value",)),
        "delta_step": ("M -= 2 * theta * torch.outer(M @ k - v, k)\n    return M", ("property",)),
        "recall_cosine": ("return (keys @ M.T * values).sum(-1)", BOTH),
    },
    "05_three_variants": {
        "window_mask": ("return torch.ones(t, t, dtype=torch.bool)", BOTH),
        "mac_mask": ("return torch.ones(t, p + 2 * t, dtype=torch.bool)", BOTH),
        "gated_product": (
            "m, y = (rms_norm(x, x.shape[-1:], w, eps=1e-6) for x, w in ((m, weight_m), (y, weight_y)))"
            "\n    return m * silu(y)",
            ("value",),
        ),
        "train_memory": ("d = embed.shape[1]\n    return [torch.eye(d), torch.eye(d), torch.zeros(2 * d)]", BOTH),
    },
}


def solutions(source: NotebookNode) -> dict[str, str]:
    """Exercise -> the body of the instructor's solution."""
    found = ((cell.metadata.get("nbgrader", {}).get("grade_id"), SOLVED.search(cell.source)) for cell in source.cells)
    return {name: body[1] for name, body in found if body}


def points(source: NotebookNode) -> dict[tuple[str, str], float]:
    """(exercise, part) -> its points."""
    marks = (cell.metadata.get("nbgrader", {}) for cell in source.cells)
    return {tuple(mark["grade_id"].rsplit("-", 1)): mark["points"] for mark in marks if mark.get("grade")}


def hand_in(lesson: str, kind: str) -> tuple[NotebookNode, float]:
    """A submission of that kind, and the mark that it deserves."""
    path = FOLDER / "source" / lesson / f"{lesson}.ipynb"
    source = read(path)
    bodies, worth, lost = solutions(source), points(source), set()
    first, *_, last = bodies
    if kind in ("wrong", "edited"):
        answers = WRONG[lesson]
        bodies = {name: body for name, (body, _) in answers.items()}
        lost = {(name, part) for name, (_, parts) in answers.items() for part in parts}
    elif kind == "blank":
        bodies, lost = {first: bodies[first]}, {key for key in worth if key[0] != first}
    elif kind == "loop":
        bodies[last], lost = LOOP, {key for key in worth if key[0] == last}
    elif kind == "crash":
        bodies[last], lost = CRASH, set(worth)
    notebook = submission(student(read(path, "zh" if kind == "chinese" else "en")), bodies)
    for cell in notebook.cells if kind == "edited" else ():
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.source = "pass"
            cell.metadata.nbgrader.points = 100
    return notebook, float(sum(worth[key] for key in set(worth) - lost))


def watched(command: list, cwd: Path, environment: dict) -> dict:
    """Runs a command: its exit code, seconds, processor seconds and peak memory in MB, with all of its processes."""
    begin, before, peak = time.monotonic(), os.times(), 0
    process = psutil.Popen(command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, resident(process))
        time.sleep(0.2)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    seconds = time.monotonic() - begin
    return {"code": process.returncode, "seconds": seconds, "cpu_seconds": used, "peak_mb": peak / 2**20}


def resident(process: psutil.Process) -> int:
    """Bytes in memory of a process and of all that it started; on Linux, what they share counts once."""
    size = 0
    for one in (process, *children(process)):
        try:
            found = one.memory_full_info()
            size += getattr(found, "pss", found.rss)
        except psutil.Error:  # it has ended
            continue
    return size


def children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def marks(path: Path) -> dict[str, float]:
    """Student -> mark, from a table that nbgrader or grade_apart wrote."""
    with path.open(encoding="utf8") as file:
        return {row["student_id"]: float(row["score"] or 0) for row in csv.DictReader(file)}


def grade(lesson: str, count: int, top: Path) -> dict:
    """One class through the whole cycle: what each step took, and how many marks are right."""
    course = top / "course"
    homes = {f"JUPYTER_{name}_DIR": str(top / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **homes, "HOME": str(top), "PATH": path, "OMP_NUM_THREADS": "1"}
    steps = {"exercises": watched([sys.executable, ROOT / "tools/exercises.py", "--course", course], top, environment)}
    deserved = {}
    for number, kind in enumerate(itertools.islice(itertools.cycle(CLASS), count), 1):
        notebook, mark = hand_in(lesson, kind)
        place = course / "submitted" / f"{number:03}-{kind}" / lesson
        place.mkdir(parents=True)
        write(notebook, place / f"{lesson}.ipynb")
        deserved[place.parent.name] = mark
    for step in (f"generate_assignment {lesson}", f"autograde {lesson}", f"generate_feedback {lesson}", "export"):
        command = [sys.executable, "-m", "nbgrader", *step.split()]
        steps[step.split()[0]] = watched(command, course, environment)
    found = {"nbgrader": marks(course / "grades.csv")}
    pages = len([*course.glob("feedback/*/*/*.html")])
    command = [sys.executable, ROOT / "tools/grade_apart.py", course, lesson, "--jobs", str(os.cpu_count())]
    steps["grade_apart"] = watched(command, top, environment)
    found["grade_apart"] = marks(course / f"marks-{lesson}.csv")
    right = {way: sum(table.get(name) == mark for name, mark in deserved.items()) for way, table in found.items()}
    for way, table in found.items():
        for name in (name for name, mark in deserved.items() if table.get(name) != mark):
            print(f"{way}: {name} has {table.get(name)}, not {deserved[name]}")
    rounded = {name: {key: round(value, 1) for key, value in step.items()} for name, step in steps.items()}
    return {"lesson": lesson, "students": count, "right": right, "pages": pages, "steps": rounded}


def main() -> int:
    """The command line; exit code 1 if a mark is not the one that the submission deserves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lesson", choices=[*WRONG], help="only this lesson; its figures are printed, not stored")
    parser.add_argument("--students", type=int, default=30, help="default 30; figures of others are not stored")
    options = parser.parse_args()
    results = []
    for lesson in [options.lesson] if options.lesson else WRONG:
        with tempfile.TemporaryDirectory(prefix="class-") as top:
            results.append(grade(lesson, options.students, Path(top)))
        print(json.dumps(results[-1], indent=1))
    if options.students == 30 and not options.lesson:
        NUMBERS.write_text(
            json.dumps({"cores": os.cpu_count(), "lessons": results}, indent=1) + "\n", "utf-8", newline="\n"
        )
    return int(any(count != result["students"] for result in results for count in result["right"].values()))


if __name__ == "__main__":
    raise SystemExit(main())
