"""The README's examples run, print what it says, and its links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.S)


def test_examples_run_and_print_what_is_said(capsys):
    shared = {}
    for example in EXAMPLES:
        exec(compile(example, "README.md", "exec"), shared)
    promised = re.search(r"prints `(.+?)`", README.replace("\n", " ")).group(1)
    assert len(EXAMPLES) >= 3 and promised in capsys.readouterr().out


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)]+)\)", README))
def test_links_lead_somewhere(target):
    assert target.startswith("https://") or (ROOT / target).exists()


def test_every_module_is_in_the_tree():
    tree = README.split("## Where things are")[1]
    for path in sorted((ROOT / "titans_mini").iterdir()):
        if path.suffix == ".py" and not path.stem.startswith("_"):
            assert path.name in tree, path.name
        elif path.is_dir() and any(path.glob("*.py")):
            assert f"{path.name}/" in tree, path.name
