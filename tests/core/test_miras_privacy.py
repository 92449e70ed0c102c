"""Differential privacy of the writes: whose noise it is, what it bounds, and what has been spent."""

import math
import sys

import numpy as np
import pytest
import torch
from miras_properties import WIDTH, make_tokens, miras_step, play
from mutants import miras as mutants
from properties import check_close

from titans_mini import ConfigError, MemoryConfig
from titans_mini.miras import MirasConfig, MirasMemory, epsilon, run
from titans_mini.miras.privacy import add_noise, noise_keys

MEMORY = MemoryConfig(dim=WIDTH, depth=2, chunk=2, clip=0.5, expansion=2)


def config(sigma=1.0, **changes):
    return MirasConfig(
        "mlp", "l2", "privacy", "gd", "constant", theta=0.25, alpha=0.0, retention_number=sigma, **changes
    )


def check_bounded(step):
    """However loud one token is, it moves the memory by at most theta C more than silence would; noise is the same."""
    tokens = make_tokens(1)
    ends = [
        play(config(), MEMORY, tokens._replace(values=tokens.values * scale), step=step)[2].weights
        for scale in (1.0, 1e6)
    ]
    moved = sum((a - b).square().sum((1, 2)) for a, b in zip(*ends, strict=True)).sqrt()
    assert bool((moved <= 2 * 0.25 * 0.5 + 1e-9).all()) and bool((moved > 1e-3).all())


def test_one_token_moves_the_memory_by_a_bounded_amount():
    check_bounded(miras_step)
    with pytest.raises(AssertionError):
        check_bounded(mutants.unclipped_noise)


def test_noise_is_gaussian_and_of_its_own_row_and_token():
    still = (torch.zeros(3, 400, 5, 4).double(), torch.zeros(3, 400, 6).double())
    noise, keys = add_noise(still, noise_keys(3, 0), 0.5)
    flat = torch.cat([part.flatten(2) for part in noise], dim=-1)  # (3, 400, 26)
    assert abs(float(flat.mean())) < 0.01 and abs(float(flat.std()) - 0.5) < 0.01
    alike = torch.corrcoef(flat.flatten(1)).fill_diagonal_(0).abs().max(), torch.corrcoef(flat[0]).fill_diagonal_(0)
    assert float(alike[0]) < 0.05 and float(alike[1].abs().max()) < 0.9  # 26 numbers a token
    assert keys[:, 1].tolist() == [400] * 3
    again, _ = add_noise(still, noise_keys(3, 1), 0.5)
    assert not torch.equal(again[0], noise[0])


def test_noise_does_not_depend_on_how_the_stream_is_cut():
    still = (torch.zeros(2, 7, 3).double(),)
    whole, end = add_noise(still, noise_keys(2, 0), 1.0)
    keys, parts = noise_keys(2, 0), []
    for cut in (slice(0, 1), slice(1, 4), slice(4, 7)):
        (part,), keys = add_noise((still[0][:, cut],), keys, 1.0)
        parts.append(part)
    assert torch.equal(torch.cat(parts, dim=1), whole[0]) and torch.equal(keys, end)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 4.0, 50.0])
@pytest.mark.parametrize("tokens", [1, 100])
def test_epsilon_is_close_to_and_above_the_exact_one(sigma, tokens):
    """Of one Gaussian mechanism the exact delta is known (Balle & Wang 2018); many are one with less noise."""
    alone = sigma / math.sqrt(tokens)
    normal = lambda x: 0.5 * math.erfc(-x / math.sqrt(2))  # noqa: E731
    exact = lambda eps: normal(0.5 / alone - eps * alone) - math.exp(eps) * normal(-0.5 / alone - eps * alone)  # noqa: E731
    found = epsilon(sigma, tokens, delta=1e-5)
    assert exact(found) <= 1e-5 < exact(0.7 * found)


def test_epsilon_without_its_library_names_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "opacus.accountants", None)
    with pytest.raises(ConfigError, match=r"pip install 'titans-mini\[privacy\]'"):
        epsilon(1.0)


def test_privacy_needs_a_clip():
    with pytest.raises(ConfigError, match="clip"):
        run(config(), np.ones((3, 4)), np.ones((3, 4)), memory=MemoryConfig(dim=4, clip=None))
    with pytest.raises(ConfigError, match="clip"):
        MirasMemory(MemoryConfig(dim=4, clip=None), config())


def test_a_seed_repeats_the_noise_and_another_does_not():
    keys, values = (np.random.default_rng(0).standard_normal((6, 4)) for _ in range(2))
    norms = [run(config(), keys, values, seed=seed).memory_norm for seed in (0, 0, 1)]
    assert np.array_equal(norms[0], norms[1]) and not np.allclose(norms[0], norms[2])


def test_less_noise_comes_closer_to_none():
    tokens = make_tokens(6)
    plain = MirasConfig("mlp", "l2", "adaptive", "gd", "constant", theta=0.25, alpha=0.0)
    wanted = play(plain, MEMORY, tokens)[1]
    away = [float((play(config(sigma), MEMORY, tokens)[1] - wanted).norm()) for sigma in (1e-3, 1.0)]
    assert away[0] < 0.01 < away[1]
    check_close(play(config(1e-3), MEMORY, tokens)[1], wanted, 1e-2)


@pytest.mark.parametrize(("heads", "conv"), [(1, 1), (4, 1), (1, 4), (4, 4)])
def test_one_token_touches_as_many_pairs_as_epsilon_counts(heads, conv):
    """Exchanging it changes that many keys and values, and moves the memory by at most 2 theta C for each."""
    torch.manual_seed(1)
    sizes = MemoryConfig(dim=8, heads=heads, conv=conv, chunk=1, clip=1.0)
    rule = MirasConfig("matrix", "l2", "privacy", "gd", "constant", theta=1.0, alpha=0.0, retention_number=1e-3)
    memory = MirasMemory(sizes, rule).double()
    x = 20 * torch.randn(1, 8, 8, dtype=torch.float64)
    other = x.clone()
    other[0, 8 - conv] = 20 * torch.randn(8, dtype=torch.float64)
    with torch.no_grad():
        state = memory.initial_state(1)
        pairs, changed = (memory._project(series, state.conv)[0] for series in (x, other))
        ends = [memory(series)[1].weights for series in (x, other)]
    touched = ((pairs.keys != changed.keys) | (pairs.values != changed.values)).any(-1)
    assert int(touched.sum()) == heads * conv
    moved = float(sum((a - b).square().sum() for a, b in zip(*ends, strict=True)).sqrt())
    assert moved <= 2 * heads * conv
    assert heads * conv == 1 or moved > 2  # more than one pair can
    assert epsilon(1.0, 3, heads=heads, conv=conv) == epsilon(1.0, 3 * heads * conv)
