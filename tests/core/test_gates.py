"""The gates: surprise against past tokens only, settings a row each, start values of the learned gate."""

import pytest
import torch
from builders import SURPRISE
from properties import check_close, check_statistics

from titans_mini import ConfigError, ConstantGate, LearnedGate, SurpriseGate
from titans_mini.memory.gates import NORMALISERS, initial_gate_state
from titans_mini.memory.tree import map_tree


def raws(rows: int = 2, length: int = 9) -> torch.Tensor:
    return torch.rand(rows, length, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("normaliser", NORMALISERS)
@pytest.mark.parametrize("chunk", [1, 4, 300])
def test_surprise_is_measured_against_past_tokens_alone(normaliser, chunk):
    check_statistics(SurpriseGate, normaliser, chunk)


def test_the_first_token_is_wholly_surprising_and_a_steady_one_not_at_all():
    surprise, smoothed, state = (
        SurpriseGate().double().measure(torch.full((1, 5), 2.0).double(), initial_gate_state(1, raws()))
    )
    check_close(surprise, torch.tensor([[1.0, 0, 0, 0, 0]]).double())
    check_close(smoothed[0], 0.3 * 0.7 ** torch.arange(5).double(), 1e-6)
    assert (float(state.count), float(state.mean), float(state.peak)) == (5, 2, 2)


def test_the_recipe_gate_forgets_what_it_does_not_write():
    gates, _ = SurpriseGate(**SURPRISE).double()(raws(), None, initial_gate_state(2, raws()))
    assert gates.eta is None
    check_close(gates.g_write, torch.sigmoid((gates.smoothed - SURPRISE["tau"]) / SURPRISE["softness"]))
    check_close(gates.g_forget, 1 - gates.g_write)
    check_close(gates.theta, SURPRISE["eta"] * gates.g_write)
    check_close(gates.alpha, SURPRISE["lam"] * gates.g_forget)


@pytest.mark.parametrize("chunk", [1, 9])
def test_settings_may_differ_from_row_to_row(chunk):
    raw = raws(rows=1).expand(2, -1)
    settings = [SURPRISE, dict(tau=0.5, beta=0.75, lam=0.25, eta=0.5, softness=0.125)]
    both = {name: torch.tensor([[each[name]] for each in settings]) for name in SURPRISE}
    for kind, shared, singles in (
        (SurpriseGate, both, settings),
        (
            ConstantGate,
            dict(theta=both["eta"], eta=both["beta"], alpha=both["lam"]),
            [dict(theta=each["eta"], eta=each["beta"], alpha=each["lam"]) for each in settings],
        ),
    ):
        found, _ = kind(**shared).double()(raw[:, :chunk], None, initial_gate_state(2, raw))
        for row, single in enumerate(singles):
            wanted, _ = kind(**single).double()(raw[:1, :chunk], None, initial_gate_state(1, raw))
            check_close(map_tree(lambda part, row=row: part[row : row + 1], found), wanted)


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("stretch", [0.0, 0.25])
def test_an_untrained_learned_gate_starts_at_its_biases(heads, stretch):
    gate = LearnedGate(6, heads, theta_max=0.5, stretch=stretch, theta=0.1, eta=0.75, alpha=0.25)
    logits = gate.project(torch.zeros(1, 2, 6)).view(2, heads, 3)
    for head in range(heads):
        gates, state = gate(torch.ones(1, 2), logits[:, head].unsqueeze(0), initial_gate_state(1, raws()))
        for name, value in dict(theta=0.1, eta=0.75, alpha=0.25, g_write=0.2, g_forget=0.25).items():
            check_close(getattr(gates, name), torch.full((1, 2), value), 1e-6)


def test_learned_gates_stay_in_range_and_depend_on_the_token():
    gate = LearnedGate(6, theta_max=0.5)
    logits = gate.project(1e4 * torch.randn(1, 50, 6)).detach()
    gates, _ = gate(torch.ones(1, 50), logits, initial_gate_state(1, raws()))
    for series, high in ((gates.theta, 0.5), (gates.eta, 1.0), (gates.alpha, 1.0)):
        assert float(series.min()) >= 0 and float(series.max()) <= high
        assert float(series.max() - series.min()) > 0.4


@pytest.mark.parametrize("stretch", [0.05, 0.25])
def test_a_stretched_gate_reaches_its_ends_exactly_and_is_the_widened_sigmoid_between(stretch):
    gate = LearnedGate(6, theta_max=0.5, stretch=stretch)
    logits = torch.tensor([-9.0, -0.5, 0.0, 0.5, 9.0]).view(1, 5, 1).expand(-1, -1, 3)
    gates, _ = gate(torch.ones(1, 5), logits, initial_gate_state(1, raws()))
    assert gates.alpha[0, [0, -1]].tolist() == [0, 1] and gates.theta[0, [0, -1]].tolist() == [0, 0.5]
    check_close(gates.eta[0, 1:-1], (1 + 2 * stretch) * torch.sigmoid(logits[0, 1:-1, 0]) - stretch, 1e-6)


def test_an_unknown_normaliser_is_named():
    with pytest.raises(ConfigError, match="normaliser must be one of excess.*'median'"):
        SurpriseGate(normaliser="median")
