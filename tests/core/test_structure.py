"""What keeps the houses small and apart, besides the import contracts of `make lint` (see pyproject.toml)."""

import ast
import traceback
from pathlib import Path

import pytest
import torch

from titans_mini import MemoryConfig, NeuralMemory

ROOT = Path(__file__).resolve().parents[2]
# Lines of Python, blank ones included. Goals: 7,500 for titans_mini and 9,400 for titans_course. The budgets are what
# the houses have, so that they can only shrink; one is raised only with a reason in the commit that raises it.
BUDGETS = {"titans_mini": 11_747, "titans_course": 15_277, "app": 5_273}
LONGEST = 300  # lines of a file
FIRST = [
    "config.py",
    "reference.py",
    "memory/mlp.py",
    "memory/scan.py",
    "memory/gates.py",
    "memory/state.py",
    "memory/chunk.py",
    "memory/neural.py",
    "models/variants.py",
    "models/model.py",
]  # what a newcomer reads, in this order
AFTERNOON = 1780  # lines of these together


def lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


@pytest.mark.parametrize("house", BUDGETS)
def test_a_house_keeps_its_budget(house):
    sizes = {path.relative_to(ROOT): lines(path) for path in (ROOT / house).rglob("*.py")}
    assert sum(sizes.values()) <= BUDGETS[house]
    assert [str(path) for path, size in sizes.items() if size > LONGEST] == []


def test_the_first_files_are_an_afternoon_and_stand_in_the_reading_order():
    assert sum(lines(ROOT / "titans_mini" / name) for name in FIRST) <= AFTERNOON
    order = (ROOT / "titans_mini" / "__init__.py").read_text("utf-8")
    places = [order.index(name) for name in FIRST]
    assert places == sorted(places)


def imported_first(path: Path) -> set[str]:
    """Modules that a file of titans_mini imports before anything of it is called."""
    package = ["titans_mini", *path.relative_to(ROOT / "titans_mini").parts[:-1]]
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            found |= {module, *(f"{module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found


@pytest.mark.parametrize("name", [*FIRST, "memory/tree.py"])
def test_readable_files_do_not_import_their_accelerators(name):
    assert not [module for module in imported_first(ROOT / "titans_mini" / name) if "memory.fast" in module]


def test_three_calls_lead_from_a_memory_to_the_mathematics_of_a_write(monkeypatch):
    """NeuralMemory.forward -> _block -> TitansRule.step -> gradients: nothing else for a reader to follow."""
    memory, found = NeuralMemory(MemoryConfig(dim=8, chunk=4)), []
    product = torch.bmm

    def bmm(*matrices):
        if not found:
            frames = [frame for frame in traceback.extract_stack() if "titans_mini" in frame.filename]
            found.extend(frame.name for frame in frames)
        return product(*matrices)

    monkeypatch.setattr(torch, "bmm", bmm)
    with torch.no_grad():
        memory(torch.randn(1, 9, 8))
    assert found == ["forward", "_block", "step", "gradients"]
