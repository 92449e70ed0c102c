"""Generation: the tokens are those of the full forward, and each way of choosing keeps its promise."""

import pytest
import torch
from models import make_ids, make_model

from titans_mini import ConfigError
from titans_mini.models.generate import choose, generate


@pytest.mark.parametrize("variant", ["lmm", "mac", "mag", "mal"])
def test_greedy_generation_is_the_full_forward_again_and_again(variant):
    lm, prompt = make_model(variant), make_ids(6)
    found, _ = generate(lm, prompt, 9, temperature=0)
    ids = prompt
    for _ in range(9):
        ids = torch.cat([ids, lm(ids)[0][:, -1:].argmax(-1)], dim=1)
    assert torch.equal(found, ids[:, 6:])


def test_generation_goes_on_where_it_stopped_and_counts_each_token_once():
    lm, prompt = make_model("mac"), make_ids(6)
    whole, _ = generate(lm, prompt, 8, temperature=0)
    first, state = generate(lm, prompt, 3, temperature=0)
    assert int(state.tokens_seen) == 6 + 3 - 1
    second, state = generate(lm, first[:, -1:], 5, state=state, temperature=0)
    assert torch.equal(torch.cat([first, second], dim=1), whole)
    assert int(state.tokens_seen) == 6 + 8 - 1


def test_a_seed_repeats_and_another_differs():
    lm, prompt = make_model("mag"), make_ids(4)
    runs = [generate(lm, prompt, 30, seed=seed)[0] for seed in (0, 0, 1)]
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])


LOGITS = torch.tensor([[4.0, 3.0, 2.0, -5.0]]).expand(2000, -1)


def drawn(**sampling):
    return set(choose(LOGITS, torch.Generator().manual_seed(0), **sampling).tolist())


def test_top_k_and_min_p_cut_the_tail():
    assert drawn(temperature=3.0) == {0, 1, 2, 3}
    assert drawn(top_k=2) == {0, 1}
    assert drawn(top_k=99, temperature=3.0) == {0, 1, 2, 3}
    assert drawn(min_p=0.3) == {0, 1}
    assert drawn(temperature=0) == {0}


def test_temperature_sets_the_odds():
    ids = choose(LOGITS, torch.Generator().manual_seed(0), temperature=2.0)
    share = (ids == 0).double().mean().item()
    assert share == pytest.approx((LOGITS[0] / 2).softmax(-1)[0].item(), abs=0.04)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tokens": 0}, "tokens must be"),
        ({"temperature": -1.0}, "temperature must be"),
        ({"top_k": 0}, "top_k must be"),
        ({"min_p": 2.0}, "min_p must be"),
        ({"top_p": 0.5}, "sampling knows"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        generate(make_model("lmm"), make_ids(2), **{"tokens": 1, **options})


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e-45, 1e-30, 1e-6])
@pytest.mark.parametrize("sampling", [{}, dict(top_k=2), dict(min_p=0.5)])
def test_a_tiny_temperature_is_greedy(temperature, sampling):
    logits = torch.tensor([[1e4, 0.0, -3.0], [0.5, 2.0, 1e-3], [-1e30, -2.0, -1.0]])
    generator = torch.Generator().manual_seed(0)
    for scores in (logits, logits.double()):
        found = choose(scores, generator, temperature=temperature, **sampling)
        assert found.tolist() == choose(scores, generator, temperature=0).tolist() == [0, 1, 2]


@pytest.mark.parametrize("seed", [-1, 2**63, 10**30, 2.5, True])
def test_a_seed_outside_its_range_is_named(seed):
    with pytest.raises(ConfigError, match="^seed must be a whole number from 0 to 9223372036854775807, not"):
        generate(make_model("mag"), make_ids(3), 2, seed=seed)


def test_a_model_whose_output_matrix_is_its_embedding_reads_trains_and_generates():
    lm, ids = make_model("mag"), make_ids(5)
    lm.head.weight = lm.embed.weight
    lm(ids)[0].square().sum().backward()
    assert lm.embed.weight.grad is lm.head.weight.grad and bool(lm.embed.weight.grad.abs().sum() > 0)
    out, state = generate(lm, ids, 2)
    assert out.shape == (len(ids), 2) and int(state.tokens_seen) == 6
