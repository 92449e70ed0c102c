"""DEPLOY.md and the files that it describes say the same."""

import hashlib
import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools"))

from deploy_figures import NUMBERS, PAGE, page  # noqa: E402

TEXT = PAGE.read_text(encoding="utf8")


def test_the_measured_figures_are_those_of_the_file_of_numbers():
    figures = json.loads(NUMBERS.read_text(encoding="utf8"))
    assert page(TEXT, figures) == TEXT
    figures["pauses"][0]["callers"]["median"] = 0.01
    assert page(TEXT, figures) != TEXT
    digest = hashlib.sha256(NUMBERS.read_bytes()).hexdigest()
    assert f"SHA-256 of `benchmarks/deploy.json`: `{digest}`" in TEXT


def test_the_app_answers_this_machine_only_unless_it_is_asked():
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf8"))
    assert settings["server"]["address"] == "127.0.0.1"
    command = re.search(r"^CMD (.*)$", (ROOT / "Dockerfile").read_text(encoding="utf8"), re.M)[1]
    assert json.loads(command)[-2:] == ["--address", "0.0.0.0"]
    assert "--address 0.0.0.0" in TEXT and f"{settings['server']['maxUploadSize']} MB" in TEXT
