"""Makes the copies of the classroom exercises: `python tools/exercises.py`, which is `make exercises`.

An instructor edits notebooks/exercises/source, one nbgrader notebook per lesson. From it this tool makes student/ (what
`nbgrader generate_assignment` would release) and solution/ (for reading, without hidden tests and metadata), and both
again in zh/, with the Chinese prose of zh/LESSON.md (see tools/chinese.py) and checks that speak Chinese.
It also writes teaching/solutions.ipynb and its Chinese twin, the solutions of the small exercises inside the lessons.
`--course DIR --seed N --language zh` lays out a new course, whose hidden tests draw other inputs than the published.
"""

import argparse
import ast
import copy
import random
import re
import sys
import tomllib
from pathlib import Path

import nbformat
from chinese import ZH, parts, translated
from nbformat import NotebookNode, v4

from notebooks import INSTALLS

FOLDER = Path(__file__).resolve().parents[1] / "notebooks" / "exercises"
LESSONS = FOLDER.parent
TEACHING = FOLDER.parents[1] / "teaching"
SOLUTIONS = TEACHING / "lesson_solutions.toml"
ANSWERS = {"en": TEACHING / "solutions.ipynb", "zh": TEACHING / "zh" / "solutions.ipynb"}
INTRODUCTION = {
    "en": """[中文](zh/solutions.ipynb)

# Solutions of the exercises inside the lessons

For teachers. `make exercises` writes this notebook from the lessons and from `lesson_solutions.toml`, and the tests try
each solution and each of the usual wrong answers. It runs from top to bottom.""",
    "zh": """[English](../solutions.ipynb)

# 课内练习的答案

教师用。这个 notebook 由 `make exercises` 根据各课和 `lesson_solutions.toml` 生成，可以从头运行到尾。
每个答案和每个常见的错误答案，都有测试验证。代码与英文版相同，所以运行时的提示是英文。""",
}
USUAL = {"en": "A usual wrong answer: ", "zh": "常见的错误答案："}
TASK = re.compile(r"^\d+\. .*$", flags=re.MULTILINE)
CONFIG = "nbgrader_config.py"
HIDDEN_SEED = re.compile(r"\bseed=\d+")
MARK = re.compile(r"^\s*# (BEGIN|END) SOLUTION\n?", flags=re.MULTILINE)
FIRST = "imports"  # grade_id of the first cell of code
# Sets the language of checks and hints, whatever the environment of the learner or the teacher says.
SPEAK = 'import os\n\nos.environ["TITANS_MINI_LANGUAGE"] = "{}"\n'


def student(source: NotebookNode) -> NotebookNode:
    """The copy for students, by nbgrader's own preprocessors. RuntimeError if a `BEGIN` mark has no end."""
    from nbgrader import preprocessors as steps

    clear = (steps.ClearHiddenTests, steps.ClearMarkScheme, steps.ComputeChecksums, steps.CheckCellMetadata)
    return _processed(source, steps.LockCells, steps.ClearSolutions, steps.ClearOutput, steps.CheckCellMetadata, *clear)


def solution(source: NotebookNode) -> NotebookNode:
    """The copy with solutions, without hidden tests and without nbgrader's metadata."""
    from nbgrader import preprocessors as steps

    notebook = _processed(source, steps.ClearOutput, steps.ClearHiddenTests)
    for cell in notebook.cells:
        cell.source = MARK.sub("", cell.source).rstrip("\n")
        cell.metadata.pop("nbgrader", None)
    return notebook


def _processed(source: NotebookNode, *steps: type) -> NotebookNode:
    notebook = copy.deepcopy(source)
    for step in steps:
        notebook, _ = step().preprocess(notebook, {})
    return notebook


COPIES = {"student": student, "solution": solution}


def sources(folder: Path = FOLDER) -> list[Path]:
    """The instructor's notebooks, in the order of the lessons."""
    return sorted((folder / "source").glob("*/*.ipynb"))


def read(path: Path, language: str = "en") -> NotebookNode:
    """An instructor's notebook, in Chinese with the prose of its store and checks that speak Chinese."""
    source = nbformat.read(path, as_version=4)
    if language == "en":
        return source
    made = translated(source, parts(path.parents[2] / "zh" / f"{path.stem}.md"), path.stem)
    (first,) = (cell for cell in made.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == FIRST)
    first.source = f"{SPEAK.format(language)}\n{first.source}"
    return made


def copies(folder: Path = FOLDER) -> dict[Path, str]:
    """Path of each generated file -> the text that it must hold."""
    made = {}
    for path in sources(folder):
        for language, place in _places(folder).items():
            for kind, make in COPIES.items():
                text = nbformat.writes(make(read(path, language))) + "\n"
                made[place / kind / path.relative_to(folder / "source")] = text
    return made


def _places(folder: Path) -> dict[str, Path]:
    """Language -> the folder of its copies, for the languages that have some."""
    return {"en": folder} | ({"zh": folder / "zh"} if [*(folder / "zh").glob("*.md")] else {})


def stale(folder: Path = FOLDER) -> list[Path]:
    """Generated files that are missing, out of date, or left over from a deleted source."""
    made = copies(folder)
    old = [path for path, text in made.items() if not path.is_file() or path.read_text("utf-8") != text]
    return old + [path for path in _copied(folder) if path not in made]


def _copied(folder: Path) -> list[Path]:
    """The generated files that are there."""
    places = [place / kind for place in _places(folder).values() for kind in COPIES]
    return [path for place in places for path in sorted(place.glob("*/*.ipynb"))]


def write(folder: Path = FOLDER) -> int:
    """Updates every copy and returns how many there are."""
    made = copies(folder)
    for path in _copied(folder):
        if path not in made:
            path.unlink()
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")
    return len(made)


def imports(notebook: NotebookNode) -> str:
    """All imports of a notebook, each once, and its pieces of my_memory.py: what its exercises may use."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    sources = [cell.source for cell in code if INSTALLS not in cell.metadata.get("tags", [])]
    trees = [ast.parse(source).body for source in sources]
    found = (ast.unparse(node) for tree in trees for node in tree if isinstance(node, (ast.Import, ast.ImportFrom)))
    pieces = [source for source in sources if source.startswith("# my_memory.py, piece ")]
    return "\n\n\n".join(["\n".join(dict.fromkeys(found)), *pieces])


def lesson_solutions(language: str = "en") -> str:
    """The text of teaching/solutions.ipynb or of its Chinese twin: each lesson's tasks, solved in place of None."""
    kept = tomllib.loads(SOLUTIONS.read_text("utf-8"))
    prepare = kept.pop("prepare")
    cells = [v4.new_markdown_cell(INTRODUCTION[language])]
    for lesson, answers in sorted(kept.items()):
        notebook = nbformat.read(LESSONS / f"{lesson}.ipynb", as_version=4)
        if language == "zh":
            notebook = translated(notebook, parts(ZH / f"{lesson}.md"), lesson)
        tags = [cell.metadata.get("tags", []) for cell in notebook.cells]
        asked = [cell for cell, names in zip(notebook.cells, tags, strict=True) if "exercise" in names]
        (text,) = (cell.source for cell, names in zip(notebook.cells, tags, strict=True) if "exercises" in names)
        title = next(line for line in notebook.cells[0].source.splitlines() if line.startswith("# "))
        before = (imports(notebook), prepare.get(lesson, "").strip("\n"))
        cells += [v4.new_markdown_cell(f"#{title}"), *map(v4.new_code_cell, filter(None, before))]
        for cell, task, (name, right, wrong) in zip(asked, TASK.findall(text), answers, strict=True):
            solved = re.sub(
                rf"^{name} = None.*$", lambda _, now=f"{name} = {right}": now, cell.source, flags=re.MULTILINE
            )
            cells += [v4.new_markdown_cell(f"{task}\n\n{USUAL[language]}`{wrong}`"), v4.new_code_cell(solved)]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number:03}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return nbformat.writes(v4.new_notebook(cells=cells, metadata=metadata)) + "\n"


def course(target: Path, seed: int, lessons: list[str] | None = None, language: str = "en") -> None:
    """A new course directory for nbgrader; its hidden tests draw their inputs from `seed`. FileExistsError if there."""
    draw = random.Random(seed)
    target.mkdir(parents=True)
    settings = (FOLDER / CONFIG).read_text("utf-8")  # and the language of what nbgrader itself adds to the feedback
    (target / CONFIG).write_text(f"{settings}\n{SPEAK.format(language)}", "utf-8", newline="\n")
    for path in sources():
        if lessons is None or path.stem in lessons:
            notebook = read(path, language)
            for cell in notebook.cells:  # only hidden tests have a seed
                cell.source = HIDDEN_SEED.sub(lambda _: f"seed={draw.randrange(10**5, 10**9)}", cell.source)
            place = target / path.relative_to(FOLDER)
            place.parent.mkdir(parents=True)
            nbformat.write(notebook, place)


def main() -> int:
    """The command line; exit code 2 and one line if the folder exists or nbgrader is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--course", type=Path, metavar="DIR", help="lay out a course in a new folder")
    parser.add_argument("--seed", type=int, help="seed of the course's hidden tests (default: random and unknown)")
    parser.add_argument("--language", choices=("en", "zh"), default="en", help="language of the course's texts")
    options = parser.parse_args()
    try:
        if options.course:
            seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
            course(options.course, seed, language=options.language)
            print(f"course in {options.course}: nbgrader runs from there")
        else:
            print(f"{write()} copies of {len(sources())} sources")
            for language, path in ANSWERS.items():
                path.write_text(lesson_solutions(language), "utf-8", newline="\n")
    except FileExistsError:
        return _refuse(f"course must be a folder that does not exist yet, not {str(options.course)!r}")
    except ValueError as error:  # prose without its Chinese
        return _refuse(f"{error}; see: python tools/chinese.py --missing --exercises LESSON")
    except ImportError:
        return _refuse("nbgrader is not installed; run: pip install 'titans-mini[classroom]'")
    return 0


def _refuse(reason: str) -> int:
    print(f"titans_mini: {reason}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    raise SystemExit(main())
