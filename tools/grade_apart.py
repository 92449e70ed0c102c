"""Grades each student in a separate folder: `python tools/grade_apart.py COURSE LESSON --with "sudo -u grader"`.

A submission's code runs in the process that grades it and can write whatever that process can. Therefore each student
gets a new folder with the lesson's source, the settings, one submission and an empty gradebook. nbgrader runs there
under the command given with `--with`, which must keep it away from everything else: another account, or a container.
Marks go to COURSE/marks-LESSON.csv and pages to COURSE/feedback; COURSE/gradebook.db is neither read nor written.
`--jobs 2` grades two students at a time, which nbgrader itself cannot do.
"""

import argparse
import csv
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CONFIG = "nbgrader_config.py"
# Runs nbgrader's commands in one process, so that its slow start is paid once.
RUN = """
import json, sys
from nbgrader.apps.nbgraderapp import NbGraderApp
for step in json.loads(sys.argv[1]):
    sys.argv = ["nbgrader", *step]
    try:
        NbGraderApp.launch_instance(step)
    except SystemExit:
        pass
    if NbGraderApp.initialized():
        type(NbGraderApp.instance().subapp).clear_instance()
    NbGraderApp.clear_instance()
"""
STEPS = ("generate_assignment {lesson}", "autograde {lesson}", "generate_feedback {lesson}", "export")


def lay_out(course: Path, lesson: str, student: str, folder: Path) -> None:
    """Writes what nbgrader needs to grade one submission. Anybody may write there, so the account of `--with` can."""
    shutil.copy(course / CONFIG, folder / CONFIG)
    for part in (Path("source") / lesson, Path("submitted") / student / lesson):
        shutil.copytree(course / part, folder / part)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)


def grade(course: Path, lesson: str, student: str, prefix: str) -> dict | None:
    """Grades one submission: its row of nbgrader's grades.csv, or None if nbgrader did not finish."""
    with tempfile.TemporaryDirectory(prefix="grading-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        lay_out(course, lesson, student, folder)
        before = [part.format(folder=folder) for part in shlex.split(prefix)]
        steps = [step.format(lesson=lesson).split() for step in STEPS]
        command = [*before, sys.executable, "-c", RUN, json.dumps(steps)]
        subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        pages = folder / "feedback" / student / lesson
        if pages.is_dir():
            shutil.copytree(pages, course / "feedback" / student / lesson, dirs_exist_ok=True)
        if not (folder / "grades.csv").is_file():
            return None
        with (folder / "grades.csv").open(encoding="utf8") as file:
            return next((row for row in csv.DictReader(file) if row["student_id"] == student), None)


def main(arguments: list[str]) -> int:
    """The command line. Returns 2, after one line, where there is nothing to grade."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("course", type=Path)
    parser.add_argument("lesson")
    parser.add_argument("--with", dest="prefix", default="", help="a command that runs another one confined")
    parser.add_argument("--jobs", type=int, default=1, help="students graded at the same time, each on about one core")
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        print(f"titans_mini: jobs must be at least 1, not {options.jobs}", file=sys.stderr)
        return 2
    course = options.course.resolve()
    handed_in = sorted(path.parent.name for path in course.glob(f"submitted/*/{options.lesson}"))
    if not handed_in or not (course / "source" / options.lesson).is_dir():
        print(f"titans_mini: no submission of {options.lesson!r} in {str(course)!r}", file=sys.stderr)
        return 2
    failed = 0
    marks = course / f"marks-{options.lesson}.csv"
    with marks.open("w", encoding="utf8", newline="") as file, ThreadPoolExecutor(options.jobs) as pool:
        table = csv.writer(file)
        table.writerow(["student_id", "score", "max_score"])
        rows = pool.map(lambda student: grade(course, options.lesson, student, options.prefix), handed_in)
        for student, found in zip(handed_in, rows, strict=True):
            row = found or {}
            score, most = row.get("score") or "0.0", row.get("max_score") or ""
            sound = bool(most) and 0 <= float(score) <= float(most)
            failed += not sound
            table.writerow([student, score if sound else "0.0", most])
            print(f"{student}: {score} of {most}" if sound else f"{student}: not graded, look at this submission")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
