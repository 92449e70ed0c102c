"""MirasMemory, the module: every choice of every knob keeps the promises of NeuralMemory."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from builders import make_input
from properties import (
    check_close,
    check_future,
    check_parts,
    check_reach,
    check_rows,
    check_state_is_a_value,
)
from torch import nn

from titans_mini import ConfigError, MemoryConfig, NeuralMemory
from titans_mini.miras import KNOBS, PRESETS, MirasConfig, MirasMemory, from_module

FAMILY = ("rwkv7", "deltaproduct", "mesa", "omeganet", "atlas", "tnt", "cms", "hope")
# Together they hold every choice of every knob.
CONFIGS = {
    "vector": MirasConfig("vector", "dot", "none", "gd", "constant"),
    "matrix": MirasConfig("matrix", "l2", "decay", "implicit", "surprise"),
    "gated": MirasConfig("matrix", "huber", "adaptive", "gated_delta", "learned"),
    "moneta": PRESETS["moneta"].config,
    "mirror": MirasConfig("mlp", "huber_norm", "lq_mirror", "multistep", "learned"),
    "kl": MirasConfig("cnn", "probability", "kl", "gd", "surprise"),
    "sigmoid": MirasConfig("vector", "switch", "sigmoid", "multistep", "learned"),
    "yaad": PRESETS["yaad"].config,
    "elastic": MirasConfig("mlp", "shift", "elastic", "momentum", "learned"),
    "private": MirasConfig("residual", "l2", "privacy", "adam", "constant", retention_number=0.1),
    "rmsprop": MirasConfig("cnn", "lp", "adaptive", "rmsprop", "surprise"),
    "muon": MirasConfig("mlp", "l2", "adaptive", "muon", "learned"),
    "cubic": MirasConfig("cubic", "lp", "none", "omega_momentum", "constant"),
    "delta_gd": MirasConfig("matrix", "l2", "adaptive", "delta_gd", "learned"),
    **{name: PRESETS[name].config for name in FAMILY},
}
every_config = pytest.mark.parametrize("name", CONFIGS)


def make(config, seed=0, **settings):
    torch.manual_seed(seed)
    return MirasMemory(MemoryConfig(**dict(dim=8, heads=2, expansion=2, chunk=3) | settings), config).double()


def test_the_configs_hold_every_choice():
    for knob, choices in KNOBS.items():
        assert {getattr(config, knob) for config in CONFIGS.values()} == {*choices}


def test_decay_towards_the_start_is_refused_for_a_memory_that_forgets_by_its_retention():
    with pytest.raises(ConfigError, match="^decay must be zero for a MIRAS memory, whose retention forgets"):
        make(CONFIGS["matrix"], decay="start")


@every_config
def test_the_future_has_no_say_and_rows_do_not_mix(name):
    memory = make(CONFIGS[name])
    check_future(memory)
    if name != "private":  # a row's noise is its own: see test_miras_privacy
        check_rows(memory)


@every_config
def test_any_parts_give_the_same(name):
    memory = make(CONFIGS[name])
    for length in (2, 7):
        check_parts(memory, length)


@every_config
def test_a_state_is_a_value(name):
    check_state_is_a_value(make(CONFIGS[name]))


@pytest.mark.parametrize("name", PRESETS)
def test_the_loss_reaches_every_parameter_of_every_preset(name):
    preset = PRESETS[name]
    memory = MirasMemory(preset.memory_config(dim=8, heads=2, expansion=2), preset.config).double()
    check_reach(memory)


def test_clipping_would_hide_the_threshold_of_yaad():
    """Far from the value its gradient is delta times a direction, which a clip brings to one length whatever delta."""
    pulls = []
    for clip in (None, 1.0):
        memory = make(PRESETS["yaad"].config, clip=clip)
        (memory(make_input(9))[0] * make_input(9, seed=3)).sum().backward()
        pulls.append(float(memory.gate.delta.weight.grad.norm() / memory.gate.gate.linear.weight.grad.norm()))
    assert pulls[0] > 1e-3 and pulls[1] < 1e-9


@pytest.mark.parametrize("name", ["moneta", "private", "gated"])
def test_no_grad_inference_mode_and_a_thread_give_the_same(name):
    memory, x = make(CONFIGS[name]), make_input(7)
    wanted = memory(x)[0].detach()
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            assert torch.equal(memory(x)[0], wanted)
    with ThreadPoolExecutor(1) as pool:
        assert torch.equal(pool.submit(memory, x).result()[0].detach(), wanted)


def test_titans_is_the_neural_memory():
    config = MemoryConfig(dim=8, heads=2, chunk=4)
    torch.manual_seed(0)
    plain = NeuralMemory(config).double()
    memory = MirasMemory(config, MirasConfig.preset("titans"), gate=plain.gate).double()
    memory.load_state_dict(
        {
            name.replace("gate.", "gate.gate.", name.startswith("gate.")): value
            for name, value in plain.state_dict().items()
        }
    )
    x = make_input(11)
    check_close(memory(x)[0], plain(x)[0], 1e-14)


class Plain(nn.Module):
    """Any module: two linear maps with biases and a norm between them."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(8, 5), nn.LayerNorm(5), nn.Linear(5, 8)

    def forward(self, x):
        return self.second(torch.tanh(self.norm(self.first(x))))


def test_any_module_is_a_memory():
    torch.manual_seed(0)
    module = Plain()
    config = MirasConfig("mlp", "l2", "adaptive", "adam", "learned")
    memory = MirasMemory(MemoryConfig(dim=8, chunk=3), config, architecture=from_module(module)).double()
    kept = [value.clone() for value in module.parameters()]
    for check in (check_future, check_rows, check_reach):
        check(memory)
    check_parts(memory, 7)
    assert all(map(torch.equal, kept, module.parameters())) and len(memory.start) == len(kept)
    x = make_input(4)
    state = memory.initial_state(3)
    found = memory.answer(state.weights, x)
    check_close(found, module.double()(x))


def test_a_memory_trains_inside_a_model():
    """Every eighth token asks for the value that its key had before: the outer loss falls through the inner one."""
    for name in ("yaad", "moneta", "elastic"):
        memory = make(CONFIGS[name], heads=1).float()
        optimiser = torch.optim.Adam(memory.parameters(), lr=1e-2)
        x, losses = make_input(8, batch=4).float(), []
        for _ in range(12):
            loss = (memory(x)[0] - x.roll(1, 1)).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        assert losses[-1] < 0.95 * losses[0]
