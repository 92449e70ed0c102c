"""Working copies of the lessons: without outputs, so that no result is seen before its prediction.

setup.py runs this file to learn what goes into a wheel, before anything is installed: it imports nothing of ours.
"""

import json
import shutil
from fnmatch import fnmatch
from pathlib import Path

CHINESE = "zh"  # the folder of the Chinese lessons; its .md files are what they are made from
# Names of files and folders: of this machine, of a teacher and the teacher's class, and what holds answers.
LEFT_OUT = (
    ".*", "*.lock", "*.py", "__pycache__", "gradebook.db*", "submitted", "autograded", "feedback", "source", "solution",
)  # fmt: skip


def lesson_files(notebooks: Path) -> list[Path]:
    """What a learner gets, as paths within the folder: lessons in both languages, pictures, students' exercises."""
    names = [path.relative_to(notebooks) for path in sorted(notebooks.rglob("*")) if path.is_file()]
    return [name for name in names if not _left_out(name)]


def _left_out(name: Path) -> bool:
    store = name.suffix == ".md" and name.parent.name == CHINESE
    return store or any(fnmatch(part, pattern) for part in name.parts for pattern in LEFT_OUT)


def copy_lessons(notebooks: Path, folder: Path) -> list[Path]:
    """Copies what a learner gets into `folder`, lessons without their outputs.

    The folder is made if it is not there. A file that is there already is left as it is: it may hold a learner's work.
    Returns the lessons that were copied.
    """
    copied = []
    for name in lesson_files(notebooks):
        source, target = notebooks / name, folder / name
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if name.suffix == ".ipynb" and name.parent in (Path(), Path(CHINESE)):
            target.write_text(stripped(source.read_text(encoding="utf8")), encoding="utf8", newline="\n")
            copied.append(target)
        else:
            shutil.copyfile(source, target)
    return copied


def stripped(notebook: str) -> str:
    """A notebook's text without the outputs and counts of its cells."""
    content = json.loads(notebook)
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
