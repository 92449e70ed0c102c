"""The dry run of a training: what it counts on meta tensors is what a real step does."""

import json
from dataclasses import replace

import pytest
import torch

from titans_mini import MemoryConfig, NeuralMemory, TitansConfig
from titans_mini.cli import main
from titans_mini.memory.mlp import count_weights
from titans_mini.models.model import TitansLM
from titans_mini.training.checkpoint import save_model
from titans_mini.training.estimate import Count, Speed, estimate
from titans_mini.training.train import TrainConfig

TRAINING = TrainConfig(task="text", rows=2, size=40)
HUNDRED = ["--task", "text", "--variant", "mag", "--dim", "768", "--layers", "10", "--heads", "12"]
HUNDRED += ["--window", "64", "--chunk", "64", "--memory-heads", "8"]  # the 100M model of DEPLOY.md


def small(**changes):
    return TitansConfig(**{"variant": "mag", "dim": 16, "heads": 2, "window": 8, "chunk": 8, **changes})


@pytest.mark.parametrize(
    ("model", "training"),
    [
        *(({"variant": variant}, {}) for variant in ("lmm", "mac", "mag", "mal")),
        ({"memory_layers": (1,), "momentum": False}, {"truncate": 20}),
        ({"gate": "surprise", "memory_input": "previous"}, {"gate_cost": 0.1}),
        ({"memory_rule": "yaad"}, {"rows": 1, "size": 16}),
        ({"copy": True}, {"memory": "off"}),
    ],
)
def test_shapes_alone_need_what_numbers_need(model, training):
    model, training = small(**model), TrainConfig(**{**vars(TRAINING), **training})
    dry, real = (estimate(model, training, device=device) for device in ("meta", "cpu"))
    exact = ("parameters", "weights", "optimizer", "fast", "states", "peak", "tokens", "flops")
    assert {name: getattr(dry, name) for name in exact} == {name: getattr(real, name) for name in exact}
    assert dry.parameters == sum(parameter.numel() for parameter in TitansLM(model).parameters())
    assert dry.moved == pytest.approx(real.moved, rel=0.05) and dry.operations == pytest.approx(
        real.operations, rel=0.1
    )


def test_a_memory_state_and_the_states_that_a_step_keeps_are_those_of_the_graph():
    model = small(layers=3, memory_heads=2, memory_layers=(0, 2))
    memory = MemoryConfig(dim=16, heads=2, chunk=8)
    need = estimate(model, TRAINING)
    assert need.fast == 2 * 2 * 2 * count_weights(memory) * 4  # layers, heads, weights and momentum, float32
    kept = []

    def keep(tensor):
        kept.append(tensor)
        return tensor

    lm = NeuralMemory(memory)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        lm(torch.randn(1, 39, 16, requires_grad=True))
    states = [tensor for tensor in kept if tensor.shape[1:] == (2 * 8, 32)]  # of the first layer: W and S, transposed
    assert sum(map(len, states)) // 2 == need.states


def test_the_worst_moment_holds_weights_optimizer_gradients_and_all_kept_states():
    need = estimate(small(), TrainConfig(task="text", rows=2, size=96))
    assert need.weights == 4 * need.parameters and 2 * need.weights <= need.optimizer <= 2.1 * need.weights
    assert need.peak > 2 * need.weights + need.optimizer + need.fast * need.states * 2
    twice = estimate(small(), TrainConfig(task="text", rows=4, size=96))
    assert twice.flops == 2 * need.flops and need.peak < twice.peak < 2 * need.peak


def test_a_memory_beside_a_body_needs_no_gradient_of_the_body(tmp_path):
    bare = TitansLM(small(variant="mal", memory_layers=()))
    body, own = save_model(bare, tmp_path / "body"), sum(parameter.numel() for parameter in bare.parameters())
    need = estimate(small(variant="mal"), replace(TRAINING, body=str(body.with_suffix(""))))
    assert need.parameters > own and need.optimizer < 2.1 * (need.weights - 4 * own)


def test_time_is_arithmetic_traffic_and_starts():
    need = estimate(small(), TRAINING)
    assert need.seconds(Speed(1e9)) == need.flops / 1e9
    assert need.seconds(Speed(1e9, 1e8, 1e-3)) == pytest.approx(
        need.flops / 1e9 + need.moved / 1e8 + need.operations / 1e3
    )


def test_what_is_freed_no_longer_counts():
    with Count() as count:
        first = torch.zeros(1000, device="meta")
        view = first[10:]
        del first
        assert count.live == 4000
        del view
        again = torch.zeros(500, device="meta").add_(1)
    assert (count.live, count.peak) == (2000, 4000) and again.is_meta


def test_the_command_prints_the_need_of_the_100m_model_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small = ["--rows", "1", "--size", "16", "--quiet"]
    assert main(["train", *HUNDRED, *small, "--dry-run", "1e12", "--json"]) == 0
    need = json.loads(capsys.readouterr().out)
    assert need["parameters"] == 101_064_624 and need["seconds"] == need["flops"] / 1e12
    assert main(["train", "--task", "text", "--dim", "16", *small, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert " parameters: " in printed and "most at once" in printed and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ([], "out must be given: the folder of the run"),
        (["--dry-run", "-1"], "dry_run must be a number from 0 to 1e+21, not -1.0"),
    ],
)
def test_a_training_needs_a_folder_and_a_dry_run_a_rate(flags, told, capsys):
    assert main(["train", *flags]) == 2
    assert capsys.readouterr().err == f"titans-mini: {told}\n"
