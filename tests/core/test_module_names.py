"""No function hides a module: `import titans_mini.x.y as y` gives the module y, for every y."""

import importlib
import pkgutil

import pytest

import benchmarks
import titans_course
import titans_mini

OPTIONAL = {"titans_mini.memory.fast.recurrence"}  # it imports triton


def module_names() -> list[str]:
    """Every module below the packages, except the programs that run on import."""
    packages = (titans_mini, titans_course, benchmarks)
    found = (module.name for root in packages for module in pkgutil.walk_packages(root.__path__, f"{root.__name__}."))
    return [name for name in found if not name.endswith("__main__")]


@pytest.mark.parametrize("name", module_names())
def test_package_attribute_of_a_modules_name_is_that_module(name):
    if name in OPTIONAL:
        pytest.importorskip("triton")
    module = importlib.import_module(name)
    package, _, leaf = name.rpartition(".")
    assert getattr(importlib.import_module(package), leaf) is module


def test_simulate_stays_the_function():
    assert callable(titans_mini.simulate) and callable(titans_mini.miras.run)
