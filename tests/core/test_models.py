"""The language models: causal, row by row, the same in any parts, with every parameter alive - in each variant."""

import itertools

import pytest
import torch
from models import (
    KINDS,
    RULE_KINDS,
    SOME,
    check_equal,
    check_future,
    check_parts,
    check_reach,
    check_rows,
    make_ids,
    make_model,
)
from torch import nn

from titans_mini import ConfigError, TitansConfig, TitansLM
from titans_mini.memory.tree import tensors
from titans_mini.models.attention import SlidingWindow, rotate

CHECKS = {"future": check_future, "rows": check_rows, "parts": check_parts, "reach": check_reach}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("check", CHECKS)
def test_property(check, kind):
    CHECKS[check](make_model(kind))


@pytest.mark.parametrize("kind", RULE_KINDS)
def test_every_rule_of_the_family_has_every_property_in_every_variant(kind):
    lm = make_model(kind)
    check_future(lm, SOME)
    check_parts(lm, SOME)
    check_rows(lm)
    check_reach(lm)


@pytest.mark.parametrize("kind", KINDS)
def test_modes_differ_and_a_frozen_memory_keeps_its_weights(kind):
    lm, ids = make_model(kind), make_ids(17)
    logits = {mode: lm(ids, memory=mode)[0] for mode in ("on", "frozen", "off")}
    for first, second in itertools.combinations(logits.values(), 2):
        assert (first - second).abs().max() > 1e-6
    _, state = lm(ids, memory="frozen")
    for layer, before in zip(state.layers, lm.initial_state(len(ids), "frozen").layers, strict=True):
        if layer.memory is not None:
            assert all(map(torch.equal, layer.memory.weights, before.memory.weights))


@pytest.mark.parametrize("mode", ["frozen", "off"])
@pytest.mark.parametrize("variant", ["lmm", "mac", "mag", "mal"])
def test_other_modes_are_causal_and_split_too(variant, mode):
    lm = make_model(variant)
    check_future(lm, memory=mode)
    check_parts(lm, memory=mode)


@pytest.mark.parametrize("variant", ["lmm", "mac", "mag", "mal"])
def test_the_mode_may_change_anywhere_and_splits_still_change_nothing(variant):
    """Tokens of each mode, in turn; segments and chunks have four. MAC may not leave "off" within a segment."""
    schedules = [
        [("on", 2), ("frozen", 5), ("on", 9)],
        [("frozen", 3), ("on", 2), ("frozen", 1), ("on", 8)],
        [("on", 6), ("off", 2), ("on", 8)],
        [("on", 3), ("frozen", 9), ("off", 4), ("on", 3), ("frozen", 1), ("on", 5)],
    ]
    lm = make_model(variant)
    for schedule in schedules:
        ids, outcomes = make_ids(sum(count for _, count in schedule)), []
        for longest in (len(ids[0]), 3, 1):
            state, logits = None, []
            for (mode, _), part in zip(schedule, ids.split([count for _, count in schedule], dim=1), strict=True):
                for piece in part.split(longest, dim=1):
                    out, state = lm(piece, state, memory=mode)
                    logits.append(out)
            outcomes.append((torch.cat(logits, dim=1), tensors(state)))
        for outcome in outcomes[1:]:
            check_equal(outcome, outcomes[0])


def test_tokens_are_counted_exactly():
    lm, state = make_model("mac"), None
    for length in (3, 1, 6):
        _, state = lm(make_ids(length), state)
    assert int(state.tokens_seen) == 10
    assert all((layer.memory.tokens_seen == 10).all() for layer in state.layers)


def test_layers_without_a_memory_have_none():
    lm = make_model("some_layers")
    _, state = lm(make_ids(9))
    assert [layer.memory is not None for layer in state.layers] == [False, True, False, True]


def test_a_state_is_never_changed():
    lm = make_model("mag")
    _, state = lm(make_ids(7))
    before = [tensor.clone() for tensor in tensors(state)]
    first, _ = lm(make_ids(9, seed=3), state)
    again, _ = lm(make_ids(9, seed=3), state)
    assert torch.equal(first, again) and all(map(torch.equal, before, tensors(state)))


def test_a_window_sees_exactly_the_tokens_before():
    window, t = SlidingWindow(8, 2, 4, 2).double(), 13
    x = torch.randn(1, t, 8, dtype=torch.float64, requires_grad=True)
    out, _ = window(x, window.initial_state(1))
    for i in range(t):
        (grad,) = torch.autograd.grad(out[0, i].sum(), x, retain_graph=True)
        seen = grad[0].abs().sum(-1).nonzero().flatten().tolist()
        assert seen == list(range(max(0, i - 3), i + 1))


def test_rotation_depends_on_distance_alone():
    q, k = torch.randn(2, 1, 6, dtype=torch.float64)
    near = rotate(q, torch.tensor([7])) @ rotate(k, torch.tensor([4])).T
    far = rotate(q, torch.tensor([107])) @ rotate(k, torch.tensor([104])).T
    torch.testing.assert_close(near, far, rtol=0, atol=1e-10)
    assert (near - q @ k.T).abs() > 1e-3


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (torch.zeros(3, dtype=torch.int64), "ids must be int64"),
        (torch.zeros(1, 3), "ids must be int64"),
        (torch.zeros(0, 3, dtype=torch.int64), "ids must be int64"),
        (torch.full((1, 3), 11), "ids must lie in 0..10"),
        (torch.full((1, 3), -1), "ids must lie in 0..10"),
    ],
)
def test_bad_ids_end_in_one_line(ids, message):
    with pytest.raises(ConfigError, match=message):
        make_model("mac")(ids)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"variant": "mad"}, "variant must be one of lmm, mac, mag, mal"),
        ({"window": 8}, "window must equal chunk for mac"),
        ({"heads": 3}, "heads must divide dim"),
        ({"memory_layers": (2,)}, "memory_layers must be a whole number from 0 to 1"),
        ({"memory_depth": 5}, "^memory_depth must be a whole number from 1 to 4"),
        ({"vocab_size": 1}, "vocab_size must be"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        TitansConfig(**settings)


def test_unknown_mode_is_refused():
    with pytest.raises(ConfigError, match="memory must be one of on, frozen, off"):
        make_model("mac")(make_ids(3), memory="open")


@pytest.mark.parametrize("variant", ["lmm", "mac", "mag", "mal"])
def test_one_step_of_training_lowers_the_loss(variant):
    torch.manual_seed(0)
    lm, ids = TitansLM(TitansConfig(variant=variant, vocab_size=11, dim=16, heads=2, window=4, chunk=4)), make_ids(24)

    def loss():
        return nn.functional.cross_entropy(lm(ids)[0][:, :-1].flatten(0, 1), ids[:, 1:].flatten())

    before = loss()
    before.backward()
    torch.optim.SGD(lm.parameters(), lr=0.05).step()
    assert loss() < before


@pytest.mark.parametrize("split", [5, 1, 12])
def test_the_input_of_the_recipe_is_the_last_hidden_state_plus_this_embedding(split):
    lm, ids, read, hidden = make_model("mag_previous"), make_ids(12), [], []
    layer = lm.layers[1]
    layer.register_forward_pre_hook(lambda _, given: hidden.append(given[0]))
    layer.mixer.memory.register_forward_pre_hook(lambda _, given: read.append(given[0]))
    state = None
    for piece in ids.split(split, dim=1):
        _, state = lm(piece, state)
    h = torch.cat(hidden, 1)
    before = torch.cat([torch.zeros_like(h[:, :1]), h[:, :-1]], 1)
    check_equal(torch.cat(read, 1), layer.norms[0](before + lm.embed(ids)))
    with pytest.raises(ConfigError, match="memory_input must be hidden for mac"):
        TitansConfig(variant="mac", memory_input="previous")
