"""Training: it learns, resumes without loss, runs on two processes, and its checkpoints load."""

import csv
from dataclasses import replace

import pytest
import torch

from titans_mini import ConfigError, NeuralMemory, TitansConfig, TitansLM
from titans_mini.cli import main
from titans_mini.training.checkpoint import load_model, read_card, save_model
from titans_mini.training.evaluate import evaluate
from titans_mini.training.tasks import TASKS, make_batch
from titans_mini.training.train import (
    TrainConfig,
    Trainer,
    backward,
    cut,
    learning_rate,
    step_size,
)

MODEL = TitansConfig(variant="mag", vocab_size=TASKS["recall"].vocab_size, dim=16, heads=2, window=4, chunk=4)
SHORT = TrainConfig(steps=6, rows=2, size=8, start_size=4, save_every=2)


def weights(lm):
    return torch.cat([parameter.detach().flatten() for parameter in lm.parameters()])


def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(tmp_path):
    whole = Trainer(MODEL, SHORT, tmp_path / "whole").run(quiet=True)
    Trainer(MODEL, SHORT, tmp_path / "parts").run(until=3, quiet=True)
    again = Trainer(MODEL, SHORT, tmp_path / "parts")
    assert again.step == 3 and len(again.losses) == 3
    assert torch.equal(weights(again.run(quiet=True)), weights(whole))


def test_a_crash_while_saving_keeps_the_last_good_state(tmp_path, monkeypatch):
    Trainer(MODEL, SHORT, tmp_path).run(until=2, quiet=True)
    trainer = Trainer(MODEL, SHORT, tmp_path)
    monkeypatch.setattr("os.replace", lambda *paths: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(ConfigError, match="^out .* cannot be written: disk full$"):
        trainer.run(until=4, quiet=True)
    monkeypatch.undo()
    assert Trainer(MODEL, SHORT, tmp_path).step == 2


def test_other_settings_in_the_same_folder_are_refused(tmp_path):
    Trainer(MODEL, SHORT, tmp_path).run(until=2, quiet=True)
    with pytest.raises(ConfigError, match="holds a run with other settings"):
        Trainer(MODEL, TrainConfig(steps=7), tmp_path)


def learn(lm, batch, truncate):
    """The mean loss of a batch, whose gradients are then in the model."""
    loss, state = 0.0, None
    for piece in cut(batch, truncate):
        part, state = backward(lm, piece, state)
        loss += part
    return loss


def test_truncated_gradients_are_those_of_the_whole_where_nothing_is_cut():
    torch.manual_seed(0)
    lm = TitansLM(MODEL).double()
    batch = make_batch("recall", 2, 9, torch.Generator().manual_seed(0))
    gradients = []
    for truncate in (0, batch.ids.shape[1], 8):
        lm.zero_grad()
        loss = learn(lm, batch, truncate)
        gradients.append(
            (
                loss,
                torch.cat(
                    [torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in lm.parameters()]
                ),
            )
        )
    (loss, whole), (same_loss, same), (cut_loss, cut) = gradients
    assert loss == pytest.approx(same_loss) == pytest.approx(cut_loss)
    torch.testing.assert_close(whole, same, rtol=1e-10, atol=1e-12)
    assert (whole - cut).abs().max() > 1e-6  # what flowed through the cut state is missing


class Kept:
    """A tensor that autograd keeps for the backward pass, counted while it lives."""

    live, peak = 0, 0

    def __init__(self, tensor):
        self.tensor, self.size = tensor, tensor.nbytes
        Kept.live += self.size
        Kept.peak = max(Kept.peak, Kept.live)

    def __del__(self):
        Kept.live -= self.size


def kept_bytes(truncate, length):
    lm = TitansLM(MODEL)
    batch = make_batch("recall", 2, length, torch.Generator().manual_seed(0))
    Kept.live = Kept.peak = 0
    with torch.autograd.graph.saved_tensors_hooks(Kept, lambda kept: kept.tensor):
        learn(lm, batch, truncate)
    return Kept.peak


def test_truncation_bounds_what_is_kept_for_the_backward_pass(monkeypatch):
    monkeypatch.setattr(NeuralMemory, "block", 10**6)  # the memory makes no graph anew: what bounds it is truncation
    chunk = MODEL.chunk
    short, long = (kept_bytes(2 * chunk, factor * chunk) for factor in (4, 16))
    assert long < 2 * short
    short, long = (kept_bytes(0, factor * chunk) for factor in (4, 16))
    assert long > 1.5 * short  # and without truncation it grows: the measure can tell


def test_each_piece_of_a_truncated_sequence_is_a_step_of_the_optimizer(tmp_path):
    counted = {}
    for truncate in (0, 8):
        trainer = Trainer(MODEL, replace(SHORT, steps=1, truncate=truncate), tmp_path / str(truncate))
        trainer.run(quiet=True)
        ids = trainer.tokens // SHORT.rows
        counted[truncate] = int(next(iter(trainer.optimizer.state.values()))["step"])
    assert counted == {0: 1, 8: -(-(ids - 1) // 8)}


def test_training_learns(tmp_path):
    config = TrainConfig(task="text", steps=30, rows=4, size=64, start_size=64, lr=1e-2)
    model = TitansConfig(variant="mac", dim=16, heads=2, window=8, chunk=8)
    trainer = Trainer(model, config, tmp_path)
    trainer.run(quiet=True)
    assert sum(trainer.losses[-5:]) < 0.85 * sum(trainer.losses[:5])
    trainer.finish([{"note": 1}])
    rows = list(csv.reader((tmp_path / "log.csv").read_text().splitlines()))
    assert rows[0] == ["step", "loss"] and len(rows) == 31
    card = read_card(tmp_path / "model")
    assert card["tokens"] == 30 * 4 * 64 and card["training"]["seed"] == 0 and card["seconds"] > 0
    lm = load_model(tmp_path / "model")
    assert torch.equal(weights(lm), weights(trainer.lm))


def test_the_schedule_grows_sizes_late_and_ends_slow():
    config, dice = TrainConfig(steps=100, size=400, start_size=40), torch.Generator().manual_seed(0)
    sizes = [step_size(config, step, dice) for step in range(100)]
    assert max(sizes[:50]) <= 40 < max(sizes[80:]) <= 400
    assert learning_rate(config, 0) < learning_rate(config, 49) > learning_rate(config, 99) > 0


def test_evaluation_reads_any_length_as_it_would_at_once():
    torch.manual_seed(0)
    lm = TitansLM(MODEL)
    result = evaluate(lm, "recall", 2500, rows=2)
    ids, ask = make_batch("recall", 2, 2500, torch.Generator().manual_seed(1234), True)
    logits = lm(ids[:, :-1])[0][ask[:, 1:]]
    bits = torch.nn.functional.cross_entropy(logits, ids[:, 1:][ask[:, 1:]]).item() / torch.tensor(2.0).log().item()
    assert result["bits"] == pytest.approx(bits, rel=1e-4)
    assert 0 <= result["exact"] <= result["accuracy"] <= 1


def test_damaged_and_missing_checkpoints_end_in_one_line(tmp_path):
    path = save_model(TitansLM(MODEL), tmp_path / "m")
    path.write_bytes(path.read_bytes()[:100])
    for name in (tmp_path / "m", tmp_path / "absent", "no-such-name"):
        with pytest.raises(ConfigError) as caught:
            load_model(name)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "0"], "steps must be a whole number"),
        (["--task", "chess"], "task must be one of"),
        (["--variant", "mad"], "variant must be one of"),
        (["--lr", "nan"], "lr must be a number"),
        (["--memory", "frozen"], "memory must be one of on, off"),
    ],
)
def test_bad_training_settings_end_in_one_line(arguments, message, tmp_path, capsys):
    assert main(["train", "--out", str(tmp_path), *arguments]) == 2
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.count("\n") == 1
