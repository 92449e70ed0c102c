"""The folder of a training run: one run at a time, nothing damaged is used, and what cannot work is said at once."""

import errno
import json
import os
import random
from dataclasses import asdict

import pytest
import torch
from damage import damage

from titans_mini import ConfigError, TitansConfig
from titans_mini.cli import main
from titans_mini.kept import pack, unpack
from titans_mini.training.progress import FILE, SCHEMA
from titans_mini.training.tasks import TASKS
from titans_mini.training.train import TrainConfig, Trainer

MODEL = TitansConfig(variant="lmm", vocab_size=TASKS["recall"].vocab_size, dim=8, heads=1, window=4, chunk=4, layers=1)
CONFIG = TrainConfig(steps=2, rows=1, size=4, start_size=4)
FLAGS = "--variant lmm --dim 8 --heads 1 --window 4 --chunk 4 --layers 1 --steps 2 --rows 1 --size 4 --start-size 4"
DAMAGES = 100


def train(out, *more):
    return main(["train", *FLAGS.split(), "--quiet", "--out", str(out), *more])


def refusal(capsys):
    """The one line on stderr."""
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1 and printed.err.startswith("titans-mini: ") and printed.out == ""
    return printed.err


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The content of a run's file."""
    folder = tmp_path_factory.mktemp("run")
    Trainer(MODEL, CONFIG, folder).run(quiet=True)
    return (folder / FILE).read_bytes()


@pytest.fixture
def run(tmp_path, finished):
    """The folder of a run, as it was left."""
    (tmp_path / FILE).write_bytes(finished)
    return tmp_path


def test_a_run_leaves_one_file_and_continues_from_it(run):
    again = Trainer(MODEL, CONFIG, run)
    assert again.step == len(again.losses) == 2 and again.seconds > 0 and again.tokens > 0
    assert all(state["step"] == 2 for state in again.optimizer.state.values())


def test_no_damage_of_a_run_is_silent(run, finished):
    dice = random.Random(1)
    for _ in range(DAMAGES):
        (run / FILE).write_bytes(damage(finished, dice))
        with pytest.raises(ConfigError, match="holds a run that cannot continue") as caught:
            Trainer(MODEL, CONFIG, run)
        assert "\n" not in str(caught.value)


OTHER = pack({"model.a": torch.zeros(2)}, {"schema": SCHEMA, "run": json.dumps({"settings": {}, "step": -1})})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[" * 100_000,
        OTHER,
        pack({}, {"schema": SCHEMA}),
        pack({}, {"schema": SCHEMA, "run": "[]"}),
        pack({}, {"schema": SCHEMA, "run": "[" * 100_000}),
        pack({}, {"schema": "titans_mini.training/0"}),
    ],
)
def test_a_foreign_file_ends_in_one_line(run, content, capsys):
    (run / FILE).write_bytes(content)
    assert train(run) == 2
    assert "holds a run that cannot continue" in refusal(capsys)


def test_a_run_of_an_earlier_version_ends_in_one_line(tmp_path, capsys):
    (tmp_path / "progress.json").write_text("{}")
    assert train(tmp_path) == 2
    assert "cannot continue: progress.json is of an earlier version" in refusal(capsys)


def test_a_pipe_in_place_of_a_file_ends_in_one_line(run, capsys):
    (run / FILE).unlink()
    os.mkfifo(run / FILE)
    assert train(run) == 2
    assert f"{FILE} cannot be read" in refusal(capsys)


@pytest.mark.parametrize("changes", [{"step": 1}, {"losses": [1.0]}, {"settings": None}, {"tokens": "9"}])
def test_progress_whose_fields_do_not_fit_together_is_refused(run, finished, changes, capsys):
    tensors, about = unpack(finished)
    if "losses" in changes:
        tensors["losses"] = torch.tensor(changes["losses"], dtype=torch.float64)
    content = {**json.loads(about["run"]), **changes}
    (run / FILE).write_bytes(pack(tensors, {**about, "run": json.dumps(content)}))
    assert train(run) == 2
    assert FILE in refusal(capsys)


@pytest.mark.parametrize("name", ["model.head.weight", "optimizer.0.exp_avg"])
def test_tensors_that_do_not_fit_are_named(run, finished, name, capsys):
    tensors, about = unpack(finished)
    (run / FILE).write_bytes(pack({**tensors, name: torch.zeros(1, 2, 3)}, about))
    assert train(run) == 2
    assert name.removeprefix("model.") in refusal(capsys)


def test_a_second_training_in_the_same_folder_is_refused(tmp_path, capsys):
    first = Trainer(MODEL, CONFIG, tmp_path)
    with first.held():
        assert train(tmp_path) == 2
        assert refusal(capsys) == f"titans-mini: out {str(tmp_path)!r} is in use by another training\n"
        first.run(quiet=True)
    assert Trainer(MODEL, CONFIG, tmp_path).step == 2


def test_what_another_training_did_before_the_folder_was_held_is_seen(tmp_path):
    waiting = Trainer(MODEL, CONFIG, tmp_path)
    done = Trainer(MODEL, CONFIG, tmp_path).run(quiet=True)
    lm = waiting.run(quiet=True)
    assert len(waiting.losses) == 2 and waiting.seconds > 0
    assert all(torch.equal(a, b) for a, b in zip(lm.parameters(), done.parameters(), strict=True))


def test_settings_may_change_until_a_step_is_made(tmp_path):
    with Trainer(MODEL, CONFIG, tmp_path).held():
        assert (tmp_path / FILE).exists()
    assert Trainer(MODEL, TrainConfig(**{**asdict(CONFIG), "lr": 0.01}), tmp_path).run(quiet=True)


@pytest.mark.parametrize("place", ["file", "file/below", "x" * 300, "a/../file"])
def test_a_folder_that_cannot_be_is_refused_before_the_first_step(tmp_path, monkeypatch, place, capsys):
    (tmp_path / "file").write_text("kept")
    (tmp_path / "a").mkdir()
    monkeypatch.setattr(Trainer, "_one_step", None)
    assert train(tmp_path / place) == 2
    assert "cannot be written" in refusal(capsys)
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_full_or_read_only_disk_is_told_before_the_first_step(tmp_path, monkeypatch, number, capsys):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("titans_mini.files._flush", refuse)
    monkeypatch.setattr(Trainer, "_one_step", None)
    assert train(tmp_path) == 2
    assert refusal(capsys) == f"titans-mini: out {str(tmp_path)!r} cannot be written: {os.strerror(number)}\n"
    assert os.listdir(tmp_path) in ([], [".lock"])


def test_a_disk_that_fills_up_keeps_the_last_state(tmp_path, monkeypatch, capsys):
    step = Trainer._one_step

    def then_fill(self, stop):
        monkeypatch.setattr("titans_mini.files._flush", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        return step(self, stop)

    monkeypatch.setattr(Trainer, "_one_step", then_fill)
    assert train(tmp_path) == 2
    assert "cannot be written: full" in refusal(capsys)
    monkeypatch.undo()
    assert Trainer(MODEL, CONFIG, tmp_path).step == 0


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("--sizes -5", "sizes must be a whole number from 0"),
        ("--sizes 4 -1", "sizes must be a whole number from 0"),
        ("--task text --size 0", "size must be a whole number from 2"),
        ("--task text --size 1", "size must be a whole number from 2"),
        ("--task dna --size 1", "size must be a whole number from 2"),
        ("--task text --size 8 --sizes 1", "sizes must be a whole number from 2"),
        ("--size -1", "size must be a whole number from 0"),
        ("--lr 1e9", "lr must be a number"),
    ],
)
def test_sizes_are_checked_before_the_first_step(tmp_path, monkeypatch, flags, told, capsys):
    monkeypatch.setattr(Trainer, "_one_step", None)
    assert train(tmp_path / "out", *flags.split()) == 2
    assert told in refusal(capsys) and not (tmp_path / "out").exists()


def test_a_training_that_diverges_says_so_and_keeps_the_state_before(tmp_path, monkeypatch, capsys):
    step = Trainer._one_step

    def spoil(self, stop):
        if self.step == 1:
            self.lm.head.weight.data.fill_(float("nan"))
        return step(self, stop)

    monkeypatch.setattr(Trainer, "_one_step", spoil)
    assert train(tmp_path, "--save-every", "1") == 2
    assert refusal(capsys) == "titans-mini: training diverged in step 2; choose a smaller lr\n"
    monkeypatch.undo()
    assert Trainer(MODEL, TrainConfig(**{**asdict(CONFIG), "save_every": 1}), tmp_path).step == 1


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"RANK": "3"}, None),
        ({"RANK": "1", "WORLD_SIZE": "1"}, None),
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE is 2, but RANK is not set; start with torchrun, or unset WORLD_SIZE"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "WORLD_SIZE is 2, but MASTER_ADDR is not set"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE must be a whole number, not 'two'"),
        ({"WORLD_SIZE": "2", "RANK": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}, "RANK must be"),
    ],
)
def test_variables_that_a_cluster_left_behind(tmp_path, monkeypatch, variables, told, capsys):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert train(tmp_path) == (2 if told else 0)
    assert told is None or told in refusal(capsys)
