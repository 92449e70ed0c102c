"""DEPLOY.md and the files that it describes say the same."""

import json
import re
import tomllib

from lessons import ROOT, tool

TEXT = (ROOT / "DEPLOY.md").read_text(encoding="utf8")


def test_the_measured_figures_are_those_of_the_file_of_numbers(monkeypatch, tmp_path):
    tables = tool("tables")
    assert tables.fill(TEXT) == TEXT
    figures = json.loads(tables.NUMBERS.read_text(encoding="utf8"))
    figures["pauses"][0]["callers"]["median"] = 0.01
    monkeypatch.setattr(tables, "NUMBERS", tmp_path / "deploy.json")
    tables.NUMBERS.write_text(json.dumps(figures), encoding="utf8")
    changed = tables.fill(TEXT)
    assert "0.01 s" in changed
    digest = r"SHA-256 of `benchmarks/deploy\.json`:\s`([0-9a-f]{64})`"
    assert re.search(digest, changed)[1] != re.search(digest, TEXT)[1]


def test_the_app_answers_this_machine_only_unless_it_is_asked():
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf8"))
    assert settings["server"]["address"] == "127.0.0.1"
    command = re.search(r"^CMD (.*)$", (ROOT / "Dockerfile").read_text(encoding="utf8"), re.M)[1]
    assert json.loads(command)[-2:] == ["--address", "0.0.0.0"]
    assert "--address 0.0.0.0" in TEXT and f"{settings['server']['maxUploadSize']} MB" in TEXT


def test_the_proxy_compresses_what_the_app_does_not():
    block = TEXT.split("server {")[1].split("```")[0]
    assert all(line in block for line in ("gzip on;", "gzip_proxied any;", "gzip_vary on;"))
    assert {"text/css", "application/javascript", "application/json"} <= set(
        block.split("gzip_types")[1].split(";")[0].split()
    )
