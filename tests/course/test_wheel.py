"""The wheel holds what the repository has for a learner, and no more; its files are found where no repository is."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
from lessons import ROOT, tool

import titans_mini
from titans_course.cli.lessons import copy_lessons, lesson_files
from titans_course.cli.shipped import find
from titans_mini.errors import ConfigError

HOUSES, SHIPPED = ("titans_mini", "titans_course"), ("app", "notebooks", ".streamlit")
# Not for a learner: what the Chinese lessons are made from, the exercises with their answers, a teacher's settings.
FOR_TEACHERS = re.compile(r"notebooks/((.+/)?zh/[^/]+\.md|.+/(source|solution)/.+|.+\.py)")
# Runs below the unpacked wheel, in an empty folder: the app's server is imported, `titans-mini lab` copies the lessons.
WALK = """
import json, os, sys
from pathlib import Path
from titans_course.cli import serving, shipped
from titans_mini.cli import main
serving.subprocess.call = lambda command, **how: 0
assert main(["lab", "--no-browser"]) == 0
sys.path.insert(0, str(shipped.find("app")))
import server
files = [str(module.__file__) for module in list(sys.modules.values()) if getattr(module, "__file__", None)]
print(json.dumps({"files": files, "server": server.__file__, "settings": os.listdir(shipped.ROOT / ".streamlit")}))
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory) -> Path:
    """The wheel of this working tree, built without a network and unpacked."""
    pytest.importorskip("build")
    out = tmp_path_factory.mktemp("wheel")
    (wheel,) = tool("try_wheel").build(out, "--wheel")
    zipfile.ZipFile(wheel).extractall(out / "unpacked")
    return out / "unpacked"


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_wheel_holds_what_the_repository_has_for_a_learner_and_no_more(unpacked):
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a clone")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *HOUSES, *SHIPPED]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    home = {name: name if name.startswith(HOUSES) else f"titans_course/shipped/{name}" for name in names}
    wanted = {home[name]: name for name in names if (ROOT / name).is_file() and not FOR_TEACHERS.fullmatch(name)}
    held = {name for name in files(unpacked) if ".dist-info/" not in name}
    assert held == set(wanted)
    assert [name for name in held if (unpacked / name).read_bytes() != (ROOT / wanted[name]).read_bytes()] == []


def test_the_wheel_says_what_it_is(unpacked):
    (information,) = unpacked.glob("*.dist-info")
    said = HeaderParser().parsestr((information / "METADATA").read_text("utf8"))
    assert said["Version"] == titans_mini.__version__ and said["License-Expression"] == "MIT"
    assert information.name == f"titans_mini-{titans_mini.__version__}.dist-info"
    assert (information / "licenses" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_app_and_lessons_are_found_where_no_repository_is(unpacked, tmp_path):
    pytest.importorskip("streamlit")
    pytest.importorskip("jupyterlab")
    environment = {**os.environ, "PYTHONPATH": str(unpacked), "TITANS_MINI_LANGUAGE": "en"}
    command = [sys.executable, "-c", WALK]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    count, found = done.stdout.splitlines()[0], json.loads(done.stdout.splitlines()[1])
    ours = [file for file in map(Path, found["files"]) if file.is_relative_to(ROOT)]
    assert [file for file in ours if not file.is_relative_to(sys.prefix)] == []
    assert found["server"] == str(unpacked / "titans_course" / "shipped" / "app" / "server.py")
    assert found["settings"] == ["config.toml"]
    assert count == f"{len([*tmp_path.glob('my_lessons/[0-9]*.ipynb')]) * 2} lessons copied into my_lessons"
    assert files(tmp_path / "my_lessons") == {name.as_posix() for name in lesson_files(ROOT / "notebooks")}


def test_in_a_checkout_files_are_found_where_they_are():
    assert find("app/server.py") == ROOT / "app" / "server.py"
    with pytest.raises(ConfigError, match="nowhere.txt is not here"):
        find("nowhere.txt")


def test_a_learner_gets_no_answers_and_nothing_of_a_class_or_a_machine(tmp_path):
    notebooks = tmp_path / "notebooks"
    shutil.copytree(ROOT / "notebooks" / "images", notebooks / "images")
    wanted = ["00_tour.ipynb", "GLOSSARY.md", "zh/00_tour.ipynb", "exercises/student/01/01.ipynb"]
    refused = ["zh/00_tour.md", "my_memory.py", ".ipynb_checkpoints/00_tour.ipynb", "exercises/gradebook.db"]
    refused += [f"exercises/{name}/01/01.ipynb" for name in ("source", "solution", "submitted", "autograded")]
    for name in [*wanted, *refused]:
        (notebooks / name).parent.mkdir(parents=True, exist_ok=True)
        (notebooks / name).write_text('{"cells": []}', encoding="utf8")
    copy_lessons(notebooks, tmp_path / "mine")
    assert files(tmp_path / "mine") == {*wanted, *(f"images/{name}" for name in files(notebooks / "images"))}
