"""Installation: the check of the interpreter prints one clear line, and all ways to install use the same pins."""

import itertools
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]
NAMES = ("python3.11", "python3.12", "python3.13", "python3.14", "python3")

# What a start-up hook does to the running Python to make it look unfit.
TOO_OLD = {"sitecustomize.py": "import sys; sys.version_info = (3, 9, 18, 'final', 0)"}
NO_VENV = {"ensurepip.py": "raise ImportError('ensurepip is not installed')"}
FIT = {}


def fake_python(folder: Path, name: str, hooks: dict[str, str]) -> Path:
    """Writes `folder/name`: the running Python, with `hooks` (file name -> source) before its own modules."""
    modules = folder / f"{name}-hooks"
    modules.mkdir(parents=True)
    for file, source in hooks.items():
        (modules / file).write_text(source, encoding="utf8")
    python = folder / name
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{modules}" exec "{sys.executable}" "$@"\n', encoding="utf8")
    python.chmod(0o755)
    return python


def run(*command: str, path: Path) -> subprocess.CompletedProcess:
    """Runs `command` in the project's root; programs are found only in `path`."""
    environment = {"PATH": str(path)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def check(path: Path, interpreter: str = "") -> subprocess.CompletedProcess:
    return run("/bin/sh", "tools/check_python.sh", interpreter, path=path)


def make(path: Path, venv: Path, *settings: str) -> subprocess.CompletedProcess:
    """`make setup` into `venv`, without an inherited MAKEFLAGS."""
    program = shutil.which("make")
    if program is None:
        pytest.skip("make is not installed")
    return run(program, "setup", f"VENV={venv}", *settings, path=path)


UNFIT = [
    pytest.param("python3.11", TOO_OLD, "python3.11 is Python 3.9, 3.11 or newer is needed", id="too-old"),
    pytest.param("python3.12", NO_VENV, "sudo apt install python3.12-venv", id="no-venv"),
    pytest.param("python3", NO_VENV, "sudo apt install python3-venv", id="no-venv-default"),
    pytest.param(None, None, "sudo apt install python3 python3-venv", id="absent"),
]


@pytest.mark.parametrize(("name", "hooks", "advice"), UNFIT)
def test_unfit_python_gives_one_line(tmp_path, name, hooks, advice):
    if name:
        fake_python(tmp_path, name, hooks)
    result = check(tmp_path)
    assert result.returncode != 0
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert advice in result.stderr


@pytest.mark.parametrize(("name", "hooks", "advice"), UNFIT)
def test_make_stops_with_that_line_and_makes_nothing(tmp_path, name, hooks, advice):
    if name:
        fake_python(tmp_path, name, hooks)
    result = make(tmp_path, tmp_path / "venv")
    assert result.returncode != 0
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert advice in result.stderr
    assert not (tmp_path / "venv").exists()


def test_names_are_tried_in_order_past_the_unfit(tmp_path):
    for name, hooks in zip(NAMES, (TOO_OLD, NO_VENV, FIT, FIT, FIT), strict=True):
        fake_python(tmp_path, name, hooks)
    result = check(tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "python3.13\n", "")


def test_a_name_on_the_path_that_does_not_run_is_skipped(tmp_path):
    shim = tmp_path / "python3.11"
    shim.write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n", encoding="utf8")
    shim.chmod(0o755)
    fake_python(tmp_path, "python3", FIT)
    result = check(tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "python3\n", "")


def test_a_named_interpreter_is_the_only_one_tried(tmp_path):
    fit = fake_python(tmp_path / "folder with spaces", "mine", FIT)
    fake_python(tmp_path, "python3", FIT)
    assert check(tmp_path, str(fit)).stdout == f"{fit}\n"
    missing = make(tmp_path, tmp_path / "venv", "PYTHON=nowhere")
    assert missing.returncode != 0
    assert "no Python runs as nowhere" in missing.stderr


def bare_venv(folder: Path) -> Path:
    """A virtual environment without pip: quick to make, and enough to see whether it is kept or cleared."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (folder / "mark").touch()
    return folder


def make_venv(venv: Path) -> subprocess.CompletedProcess:
    """make_venv.sh with a Python that adds `--without-pip`, so that a case takes no seconds."""
    python = venv.parent / "quick-python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@" --without-pip\n', encoding="utf8")
    python.chmod(0o755)
    return run("/bin/sh", "tools/make_venv.sh", str(python), str(venv), path=Path("/usr/bin:/bin"))


def add_pip(venv: Path) -> None:
    """Puts an importable stand-in for pip into `venv`."""
    (packages,) = venv.glob("lib/python*/site-packages")
    (packages / "pip.py").touch()


def test_a_complete_environment_is_kept(tmp_path):
    venv = bare_venv(tmp_path / "venv")
    add_pip(venv)
    assert make_venv(venv).returncode == 0
    assert (venv / "mark").exists()


def test_an_unfinished_environment_is_rebuilt(tmp_path):
    venv = bare_venv(tmp_path / "venv")
    add_pip(venv)
    (tmp_path / "venv.unfinished").touch()
    assert make_venv(venv).returncode == 0
    assert not (venv / "mark").exists()
    assert (venv / "pyvenv.cfg").exists()


# A Python that makes an environment of itself, and notes what it is asked for; `pip` fails where a file `stop` is.
RECORDER = """#!/bin/sh
here=$(dirname "$0")
case "$*" in
*"-m venv"*) for venv; do :; done; rm -rf "$venv"; mkdir -p "$venv/bin"; cp "$0" "$venv/bin/python" ;;
*"-m pip"*) echo "$*" >> "$here/../../asked"; [ ! -e "$here/../../stop" ] ;;
esac
"""


TARGETS = {"app": "app", "notebooks": "lab", "all": "test"}  # extra -> the first target that needs it


@pytest.fixture
def set_up(tmp_path):
    """`make` with targets in a folder of its own, where Python is RECORDER: the result, and what pip was asked for."""
    program = shutil.which("make") or pytest.skip("make is not installed")
    python, asked = tmp_path / "recorder", tmp_path / "asked"
    python.write_text(RECORDER, encoding="utf8")
    python.chmod(0o755)

    def call(*targets: str) -> tuple[subprocess.CompletedProcess, list[str]]:
        asked.write_text("", encoding="utf8")
        settings = (f"VENV={tmp_path / 'venv'}", f"PYTHON={python}")
        result = run(program, *targets, *settings, path=Path("/usr/bin:/bin"))
        return result, re.findall(r"-e (\S+)", asked.read_text(encoding="utf8"))

    return call


@pytest.mark.parametrize("extra", ["app", "notebooks", "all"])
def test_each_set_up_installs_only_its_extra_and_says_so_first(set_up, tmp_path, extra):
    stamp = str(tmp_path / "venv" / f".installed-{extra}")
    result, installed = set_up(stamp)
    assert result.returncode == 0 and installed == [f".[{extra}]"]
    minutes, size = re.match(
        r"titans_mini: sets up .+: about ([\d.]+ minutes?) and ([\d,]+) MB ", result.stdout
    ).groups()
    takes = f"| {minutes}, {int(size.replace(',', '')) / 1000:g} GB | `make {TARGETS[extra]}`"
    assert takes in (ROOT / "README.md").read_text(encoding="utf8")
    assert set_up(stamp)[1] == []


def test_app_and_lab_need_their_own_set_up_and_test_the_whole(set_up):
    for extra, target in (*TARGETS.items(), ("all", "wheel")):
        assert f"-e '.[{extra}]'" in set_up("-n", target)[0].stdout, target


def test_after_everything_nothing_more_is_installed(set_up):
    assert set_up("setup")[1] == [".[all]"]
    for target in ("app", "lab", "test"):
        assert "pip" not in set_up("-n", target)[0].stdout, target


def test_a_set_up_that_was_interrupted_is_made_again_whatever_was_there_before(set_up, tmp_path):
    app, lab = (str(tmp_path / "venv" / f".installed-{extra}") for extra in ("app", "notebooks"))
    assert set_up(app)[0].returncode == 0
    (tmp_path / "stop").touch()
    assert set_up(lab)[0].returncode != 0
    (tmp_path / "stop").unlink()
    (tmp_path / "venv" / "mark").touch()
    assert set_up(app)[1] == [".[app]"]  # it may hold half of a package
    assert not (tmp_path / "venv" / "mark").exists() and not (tmp_path / "venv.unfinished").exists()
    assert set_up(lab)[1] == [".[notebooks]"] and set_up(app)[1] == []


def test_a_python_that_is_the_machines_own_is_no_environment(tmp_path):
    venv = bare_venv(tmp_path / "venv")
    (venv / "pyvenv.cfg").unlink()
    result = make_venv(venv)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "is not a virtual environment" in result.stderr
    assert (venv / "mark").exists()


def test_pip_refuses_to_install_outside_an_environment():
    lines = (ROOT / "Makefile").read_text(encoding="utf8").splitlines()
    pip = [line for line in lines if "-m pip" in line]
    assert pip
    assert all("--require-virtualenv" in line for line in pip)


def pins() -> dict[str, str]:
    """constraints.txt as normal name -> version; every line is one exact pin."""
    found = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf8").splitlines():
        if line.startswith("#"):
            continue
        name, version = re.fullmatch(r"([\w.-]+)==(\d[\w.]*)", line).groups()
        name = re.sub(r"[-_.]+", "-", name).lower()
        assert name not in found, f"{name} is pinned twice"
        found[name] = version
    return found


def direct_requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    requirements = map(Requirement, itertools.chain(PROJECT["dependencies"], *extras))
    return [r for r in requirements if r.name != PROJECT["name"]]


@pytest.mark.parametrize("requirement", direct_requirements(), ids=str)
def test_every_direct_dependency_is_pinned_within_its_range(requirement):
    assert requirement.specifier, f"{requirement.name} has no lower bound"
    assert requirement.specifier.contains(pins()[re.sub(r"[-_.]+", "-", requirement.name).lower()])


def test_all_takes_in_every_other_extra():
    extras = PROJECT["optional-dependencies"]
    (everything,) = map(Requirement, extras["all"])
    assert everything.name == PROJECT["name"]
    assert everything.extras == set(extras) - {"all"}


def test_installs_are_held_to_the_pins():
    lines = (ROOT / "Makefile").read_text(encoding="utf8").splitlines()
    assert any("-c constraints.txt" in line for line in lines if not line.lstrip().startswith("#"))


def test_continuous_integration_runs_make_test_without_skips():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf8").splitlines()[-1] == "TITANS_REQUIRE_CHROMIUM=1 make test"
