"""Every shipped checkpoint and card is the one that was measured: one changed bit is noticed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from titans_mini import ConfigError, TitansConfig, TitansLM
from titans_mini.training.checkpoint import BUNDLED, DIGEST, bundled_names, load_model, read_card, save_model

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import checksums  # noqa: E402


def test_the_shipped_files_are_those_of_the_list():
    listed = (BUNDLED / checksums.SUMS).read_text("utf-8")
    assert listed == checksums.sums(BUNDLED), "after a change on purpose: python tools/checksums.py"
    assert {f"{name}{ending}" for name in bundled_names() for ending in (".json", ".safetensors")} <= {
        line.split("  ")[1] for line in listed.splitlines()
    }


@pytest.mark.parametrize("name", bundled_names())
def test_each_shipped_checkpoint_loads_and_its_card_is_intact(name):
    assert read_card(name)["parameters"] == sum(parameter.numel() for parameter in load_model(name).parameters())


def test_the_tool_seals_a_card_of_an_older_version(tmp_path):
    path, weights = tmp_path / "m", save_model(TitansLM(TitansConfig(dim=16, heads=2)), tmp_path / "m")
    about = path.with_name("m.json")
    card = {name: value for name, value in read_card(path).items() if name != DIGEST}
    about.write_text(json.dumps(card))
    with pytest.raises(ConfigError, match="is damaged"):
        load_model(path)
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "checksums.py", path.parent], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert load_model(path) and read_card(path) == {**card, DIGEST: checksums.sha256(weights)}
    assert (path.parent / checksums.SUMS).read_text() == checksums.sums(path.parent)
