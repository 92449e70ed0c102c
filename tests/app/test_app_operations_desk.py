"""What a session of the Operations page holds: its folder, the files it takes in, and the drill of its controls."""

import gc
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("streamlit")

from pages import ENTRY  # noqa: E402

# isort: split
from operations import controls as own  # noqa: E402
from operations import keep as operations_keep  # noqa: E402, F401
from operations import live as operations_live  # noqa: E402, F401
from operations import scratch  # noqa: E402
from operations.desk import Desk  # noqa: E402

from titans_course import language as languages  # noqa: E402
from titans_course.studies.drill import Drill, DrillConfig  # noqa: E402
from titans_mini import ConfigError, SimulationConfig
from titans_mini.kept import encode_state, restore  # noqa: E402
from titans_mini.memory.tree import (
    named,  # noqa: E402
    tensors,  # noqa: E402
)
from titans_mini.messages import Message  # noqa: E402
from titans_mini.operate import RecipeEngine, fingerprint  # noqa: E402
from titans_mini.operate.runner import BY_HAND  # noqa: E402

VALUES = {control.name: control.default for control in own.ALL}


@pytest.fixture
def desk():
    """A desk at which 300 tokens of the recipe's memory are read."""
    made = Desk()
    made.engine, made.place = RecipeEngine(), made.folder / "recipe"
    made.drill = Drill(made.engine, own.to_config(VALUES | {"snapshot_every": 100}), made.folder / "snapshots")
    made.drill.advance(300)
    return made


def refusal(desk: Desk, data: bytes) -> str:
    before = desk.drill.runner.state
    desk.attempt(desk.from_file, data)
    assert desk.drill.runner.state is before and "\n" not in desk.note
    return desk.note


def test_files_that_are_damaged_foreign_or_lie_about_their_shapes_are_one_line(desk):
    data = desk.to_file()
    assert "not a whole file" in refusal(desk, b"") and "checksum" in refusal(desk, data[:-1])
    other = RecipeEngine(replace(SimulationConfig(), seed=1))
    assert "another model" in refusal(desk, encode_state(other.start(), fingerprint(other)))
    parts = named(desk.drill.runner.state)
    wrong = restore({**parts, "fast.weights.0": parts["fast.weights.0"][:, :3]}, other.start())
    assert "another memory" in refusal(desk, encode_state(wrong, fingerprint(desk.engine)))
    state = [tensor.clone() for tensor in tensors(desk.drill.runner.state)]
    desk.drill.advance(100)
    desk.attempt(desk.from_file, data)
    assert desk.note is None and all(map(torch.equal, tensors(desk.drill.runner.state), state))


def test_a_sessions_folder_is_private_bounded_and_goes_with_it(desk):
    folder = desk.folder
    desk.drill.advance(900)
    assert os.stat(folder).st_mode & 0o077 == 0
    assert len(list((folder / "snapshots").glob("*.safetensors"))) == desk.drill.config.run.keep
    made = Desk()
    own_folder = made.folder
    assert own_folder != folder and own_folder.exists()
    del made
    gc.collect()
    assert not own_folder.exists() and folder.exists()


def test_a_kept_memory_that_is_gone_is_one_line(desk):
    desk.attempt(desk.keep, "mine")
    before = desk.drill.runner.state
    shutil.rmtree(desk.folder / "recipe")
    desk.attempt(desk.resume, "mine")
    assert "mine" in desk.note.replace("\\", "") and "gone" in desk.note and "\n" not in desk.note
    assert desk.drill.runner.state is before and desk.kept() == []


def test_a_server_clears_what_killed_ones_left_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed = "from operations import scratch; import os, signal; print(scratch.folder(), flush=True); {}"
    command = [sys.executable, "-c", killed.format("os.kill(os.getpid(), signal.SIGKILL)")]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(scratch.__file__).parents[1])}
    left = Path(subprocess.run(command, capture_output=True, text=True, env=environment, check=False).stdout.strip())
    running = subprocess.Popen(
        [sys.executable, "-c", killed.format("input()")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    with running:
        alive = Path(running.stdout.readline().strip())
        foreign = tmp_path / "titans_mini-app-of-somebody"  # without a lock it is none of ours
        foreign.mkdir()
        (tmp_path / "titans_mini-app-link").symlink_to(foreign)
        assert left.is_dir() and alive.is_dir()
        assert scratch.clear() == 1
        assert not left.parent.exists() and alive.is_dir() and foreign.is_dir()
        running.communicate("\n")
    assert not alive.parent.exists()  # a server that ends by itself leaves nothing


def test_no_message_names_the_folder_and_snapshots_have_numbers(desk):
    assert desk.words(f"not written to '{desk.folder}/x'") == "not written to '…/x'"
    assert desk.words(Message(f"not written to {desk.folder}")) == "not written to …"
    cause = Message("back to {place}: {cause}", place="00000012-000000001000-auto.safetensors", cause=BY_HAND)
    assert cause == "back to 00000012-000000001000-auto.safetensors: by hand"
    assert desk.words(cause) == "back to snapshot 12: by hand"
    assert languages.tell(desk.words(cause), "zh") == "回到快照 12：手动"


def test_a_name_that_a_visitor_chose_is_never_translated(desk):
    desk.keep("loss")
    desk.resume("loss")
    cause = languages.tell(desk.words(desk.drill.events[-2].cause), "zh")
    assert cause.endswith("恢复会话 loss")


def test_a_failed_click_is_noted_until_the_next_one(desk):
    def fail():
        raise ConfigError(f"*no* {desk.folder}")

    desk.attempt(fail)
    assert desk.note == "\\*no\\* …"
    desk.attempt(desk.drill.rollback)
    assert desk.note is None and desk.drill.events[-2].action == "rollback"


def test_the_controls_make_the_drill_of_their_defaults():
    made, default = own.to_config(VALUES), DrillConfig()
    assert replace(made, run=default.run) == default
    assert made.run.limits == default.run.limits and made.run.shadow == default.run.shadow
    with pytest.raises(ConfigError, match="writes_low must be at most writes_high"):
        own.to_config(VALUES | {"writes_low": 200})


def test_no_tensor_lives_at_module_level():
    modules = [m for m in list(sys.modules.values()) if str(ENTRY.parent) in (getattr(m, "__file__", 0) or "")]
    assert {"operations.desk", "operations.keep", "operations.live"} <= {module.__name__ for module in modules}
    assert not any(isinstance(value, torch.Tensor) for module in modules for value in vars(module).values())
