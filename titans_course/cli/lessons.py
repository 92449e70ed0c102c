"""Working copies of the lessons: without outputs, so that no result is seen before its prediction."""

import json
import shutil
from pathlib import Path

LEFT_OUT = shutil.ignore_patterns(".*", "*.lock", "*.py", "__pycache__", "gradebook.db*", "source", "solution")
CHINESE = "zh"  # the folder of the Chinese lessons; its .md files are what they are made from


def copy_lessons(notebooks: Path, folder: Path) -> list[Path]:
    """Copies the lessons in both languages, their pictures and the students' exercises into `folder`.

    The folder is made if it is not there. A file that is there already is left as it is: it may hold a learner's work.
    Returns the lessons that were copied.
    """

    def copy(source: str, target: str) -> None:
        """Copies a file, a lesson without its outputs."""
        if Path(target).exists():
            return
        if Path(source).parent in (notebooks, notebooks / CHINESE) and target.endswith(".ipynb"):
            copied.append(Path(target))
            Path(target).write_text(stripped(Path(source).read_text(encoding="utf8")), encoding="utf8")
        else:
            shutil.copyfile(source, target)

    copied: list[Path] = []
    shutil.copytree(notebooks, folder, ignore=_left_out, copy_function=copy, dirs_exist_ok=True)
    return sorted(copied)


def _left_out(folder: str, names: list[str]) -> set[str]:
    stores = {name for name in names if name.endswith(".md")} if Path(folder).name == CHINESE else set()
    return LEFT_OUT(folder, names) | stores


def stripped(notebook: str) -> str:
    """A notebook's text without the outputs and counts of its cells."""
    content = json.loads(notebook)
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
