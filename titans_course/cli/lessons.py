"""Working copies of the lessons: without outputs, so that no result is seen before its prediction."""

import json
import shutil
from pathlib import Path

LEFT_OUT = shutil.ignore_patterns(".*", "*.lock", "*.py", "__pycache__", "gradebook.db*", "source", "solution")


def copy_lessons(notebooks: Path, folder: Path) -> list[Path]:
    """Copies the lessons, their pictures and the students' exercises into `folder`, made if it is not there.

    A file that is there already is left as it is: it may hold a learner's work. Returns the lessons that were copied.
    """

    def copy(source: str, target: str) -> None:
        if Path(target).exists():
            return
        shutil.copyfile(source, target)
        if Path(source).parent == notebooks and target.endswith(".ipynb"):
            copied.append(Path(target))
            Path(target).write_text(stripped(Path(source).read_text(encoding="utf8")), encoding="utf8")

    copied: list[Path] = []
    shutil.copytree(notebooks, folder, ignore=LEFT_OUT, copy_function=copy, dirs_exist_ok=True)
    return sorted(copied)


def stripped(notebook: str) -> str:
    """A notebook's text without the outputs and counts of its cells."""
    content = json.loads(notebook)
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
