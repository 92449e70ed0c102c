"""environment.yml agrees with pyproject.toml, and it is what Binder takes."""

import re
import shlex
import tomllib

import yaml
from lessons import ROOT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text("utf8"))
*CONDA, PIP = ENVIRONMENT["dependencies"]


def option(name: str) -> str:
    """What follows an option of pip in the list of its lines; a requirements file has the same form."""
    (found,) = (shlex.split(line, comments=True)[1] for line in PIP["pip"] if line.startswith(f"{name} "))
    return found


def test_binder_takes_the_environment_and_not_the_dockerfile():
    """A Dockerfile at the top goes before an environment at the top, and a folder `binder` before both."""
    assert not (ROOT / "Dockerfile").exists() and not any((ROOT / name).exists() for name in ("binder", ".binder"))
    assert "pip" in CONDA


def test_python_is_that_of_the_pins_and_of_the_image():
    (python,) = (name.partition("=")[2] for name in CONDA if name.startswith("python="))
    assert f"Python {python}" in (ROOT / "constraints.txt").read_text("utf8").splitlines()[0]
    assert f"FROM python:{python}-slim" in (ROOT / "tools" / "Dockerfile").read_text("utf8")
    assert SpecifierSet(PROJECT["requires-python"]).contains(python)


def test_pip_installs_the_checkout_under_the_pins_with_extras_that_exist():
    assert (ROOT / option("-c")).resolve() == ROOT / "constraints.txt"
    place, extras = re.fullmatch(r"([./]+)\[([\w,]+)\]", option("-e")).groups()
    assert (ROOT / place).resolve() == ROOT
    assert {"app", "notebooks"} == set(extras.split(",")) <= set(PROJECT["optional-dependencies"])


def test_torch_comes_from_the_same_index_as_in_the_image():
    assert f"ARG TORCH_INDEX={option('--extra-index-url')}\n" in (ROOT / "tools" / "Dockerfile").read_text("utf8")
    (torch,) = (line for line in PROJECT["dependencies"] if Requirement(line).name == "torch")
    (pin,) = re.findall(r"^torch==(.*)$", (ROOT / "constraints.txt").read_text("utf8"), re.M)
    assert Requirement(torch).specifier.contains(f"{pin}+cpu")  # a local version goes before PyPI's of the same number
