"""Training on a text of one's own: its last tenth is held out, and a text that changed is another run."""

import json

import pytest

from titans_mini import ConfigError, TitansConfig
from titans_mini.cli import main
from titans_mini.training.tasks import file_bytes, text_bytes
from titans_mini.training.train import TrainConfig, Trainer, training_batch

TEXT = "".join(f"line {number}: the cat sat on the mat\n" for number in range(60))
SMALL = ["--variant", "lmm", "--dim", "8", "--heads", "1", "--steps", "2", "--rows", "2", "--size", "16", "--quiet"]


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.txt"
    path.write_text(TEXT)
    return str(path)


def test_a_file_alone_means_the_task_text(own, tmp_path, capsys):
    assert main(["train", "--file", own, "--out", str(tmp_path / "run"), *SMALL]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["task"] for row in found["results"]} == {"text"}
    card = json.loads((tmp_path / "run/model.json").read_text())
    assert card["training"]["file"] == own and len(card["text_sha256"]) == 64


def test_batches_come_from_the_first_nine_tenths_and_the_measurement_from_the_last(own):
    train, held_out = (bytes(file_bytes(own, part).tolist()) for part in (False, True))
    assert train + held_out == TEXT.encode() and abs(len(held_out) - len(TEXT) / 10) < 1
    config = TrainConfig(task="text", file=own, rows=4, size=20, start_size=20)
    rows = training_batch(config, 0, source=file_bytes(own)).ids
    assert all(bytes(row.tolist()) in train + train for row in rows)
    assert not any(bytes(row.tolist()) in bytes(text_bytes().tolist()) for row in rows)


def test_a_run_does_not_continue_on_a_text_that_changed(own, tmp_path):
    model, config = TitansConfig(variant="lmm", dim=8, heads=1), TrainConfig(task="text", file=own, steps=2, size=16)
    Trainer(model, config, tmp_path / "run").run(until=1, quiet=True)
    assert Trainer(model, config, tmp_path / "run").step == 1
    (tmp_path / "own.txt").write_text(TEXT.replace("cat", "dog"))
    with pytest.raises(ConfigError, match="out"):
        Trainer(model, config, tmp_path / "run")


@pytest.mark.parametrize(
    ("content", "task", "message"),
    [
        (TEXT, "recall", "file can only be used with a task that reads text, not with 'recall'"),
        ("short", "text", "at least 1000"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(tmp_path, capsys, content, task, message):
    (tmp_path / "own.txt").write_text(content)
    arguments = ["train", "--file", str(tmp_path / "own.txt"), "--task", task, "--out", str(tmp_path / "run"), *SMALL]
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1
