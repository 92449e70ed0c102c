"""DEPLOY.md and the files that it describes say the same."""

import json
import re
import shutil
import tomllib

import pytest
from lessons import ROOT, tool

TEXT = (ROOT / "DEPLOY.md").read_text(encoding="utf8")


@pytest.fixture
def tables(monkeypatch, tmp_path):
    """tools/tables.py, which reads copies of the files of numbers."""
    found = tool("tables")
    for name in ("deploy.json", "class.json", "hub.json"):
        shutil.copy(found.NUMBERS.parent / name, tmp_path)
    monkeypatch.setattr(found, "NUMBERS", tmp_path / "deploy.json")
    return found


def change(path, change) -> None:
    figures = json.loads(path.read_text(encoding="utf8"))
    change(figures)
    path.write_text(json.dumps(figures), encoding="utf8")


def test_the_measured_figures_are_those_of_the_file_of_numbers(tables):
    assert tables.fill(TEXT) == TEXT
    change(tables.NUMBERS, lambda figures: figures["pauses"][0]["callers"].update(median=0.01))
    changed = tables.fill(TEXT)
    assert "0.01 s" in changed
    digest = r"SHA-256 of `benchmarks/deploy\.json`:\s`([0-9a-f]{64})`"
    assert re.search(digest, changed)[1] != re.search(digest, TEXT)[1]


def test_figures_of_a_class_and_of_a_hub_are_those_that_were_measured(tables):
    change(tables.NUMBERS.parent / "class.json", lambda figures: figures["lessons"][1]["right"].update(nbgrader=29))
    change(tables.NUMBERS.parent / "hub.json", lambda figures: figures["runs"][1].update(user_mb=4321))
    changed = tables.fill(TEXT)
    assert "29 of 30" in changed and "29 of 30" not in TEXT
    assert "4321 MB" in changed and "4321 MB" not in TEXT


def test_the_marks_of_the_class_are_all_right():
    """What DEPLOY.md rests on: a wrong mark would make the other figures worthless."""
    figures = json.loads((ROOT / "benchmarks" / "class.json").read_text(encoding="utf8"))
    assert [lesson["right"] for lesson in figures["lessons"]] == [{"nbgrader": 30, "grade_apart": 30}] * 2
    assert all(lesson["pages"] == 30 - 3 for lesson in figures["lessons"])  # none for the three that crashed


def test_the_app_answers_this_machine_only_unless_it_is_asked():
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf8"))
    assert settings["server"]["address"] == "127.0.0.1"
    command = re.search(r"^CMD (.*)$", (ROOT / "tools" / "Dockerfile").read_text(encoding="utf8"), re.M)[1]
    assert json.loads(command)[-2:] == ["--address", "0.0.0.0"]
    assert "--address 0.0.0.0" in TEXT and f"{settings['server']['maxUploadSize']} MB" in TEXT


def test_the_proxy_compresses_what_the_app_does_not():
    block = TEXT.split("server {")[1].split("```")[0]
    assert all(line in block for line in ("gzip on;", "gzip_proxied any;", "gzip_vary on;"))
    assert {"text/css", "application/javascript", "application/json"} <= set(
        block.split("gzip_types")[1].split(";")[0].split()
    )
