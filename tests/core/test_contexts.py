"""Keys that tell contexts apart: what they are, what they do in a memory, and how a copy reaches the prediction."""

import dataclasses
import json
import math

import pytest
import torch
from builders import make_input
from properties import check_close

from titans_mini import ConfigError, MemoryConfig, NeuralMemory, TitansConfig, TitansLM
from titans_mini.memory.contexts import Contexts
from titans_mini.reference import token_loop

WIDE = dict(dim=64, heads=2, depth=1, reach=(2, 4), key_width=1024, momentum=False)


def contexts(**settings) -> Contexts:
    torch.manual_seed(0)
    return Contexts(MemoryConfig(**{**WIDE, **settings})).double().requires_grad_(False)


def embedded(tokens: torch.Tensor) -> torch.Tensor:
    """(1, t, 64): a direction for each of nine tokens, of the norm that a model's RMS norm gives them."""
    table = torch.nn.functional.normalize(torch.randn(9, 64, generator=torch.Generator().manual_seed(1)), dim=-1) * 8
    return table[tokens].double().unsqueeze(0)


def read(module: Contexts, tokens: torch.Tensor):
    """Keys, values and queries (heads, t, d) of a row of tokens."""
    x = embedded(tokens)
    tail = x.new_zeros(1, module.reach, len(module.taps) * module.half)
    parts, _ = module(x, tail)
    return [part[0] for part in parts]


def test_keys_are_alike_where_all_tokens_of_the_reach_are_and_else_have_nothing_in_common():
    tokens = torch.tensor([1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 5, 2, 3, 4, 6])
    keys, _, queries = read(contexts(), tokens)
    check_close(queries.norm(dim=-1), torch.ones(2, len(tokens)).double())
    alike = queries @ queries.mT  # (heads, t, t)
    short, long = alike
    check_close(short[3, 8], torch.tensor(1.0).double())  # ... 3 4 and ... 3 4
    check_close(long[3, 8], torch.tensor(1.0).double())  # 1 2 3 4 twice
    check_close(short[3, 13], torch.tensor(1.0).double())
    assert abs(long[3, 13]) < 0.15  # 1 2 3 4 and 5 2 3 4: three of four tokens agree
    assert short[3].abs().topk(4).values[-1] < 0.15  # only itself and the two like it


def test_a_key_is_the_query_of_the_token_before_so_that_a_pair_says_what_came_next():
    tokens = torch.tensor([1, 2, 3, 4, 0, 1])
    keys, values, queries = read(contexts(), tokens)
    check_close(keys[:, 1:], queries[:, :-1])
    check_close(values.norm(dim=-1), torch.ones(2, 6).double())
    check_close(values[:, 0], values[:, 5])


def test_a_pair_is_recalled_exactly_after_one_whole_write():
    """theta 1/2 and the gradient's factor 2 make M(k) = v where |k| = 1, and the clip bears it: |grad| <= 2 |v|."""
    torch.manual_seed(0)
    memory = NeuralMemory(MemoryConfig(**WIDE | dict(chunk=1, clip=None))).double().requires_grad_(False)
    memory.gate.linear.weight.zero_()
    wanted = torch.tensor([0.5, 0.0]) / 1.2 + 0.1 / 1.2  # theta, alpha before the stretch
    memory.gate.linear.bias.copy_(wanted.logit().repeat(2))
    x = embedded(torch.tensor([1, 2, 3, 4, 5, 1, 2, 3, 4]))
    _, state = memory(x[:, :5])
    (keys, values, _), _ = memory.contexts(x, x.new_zeros(1, 4, 1024))
    said = memory.answer(state.weights, keys[0, :, 4:5])  # after 1 2 3 4
    assert (said[:, 0] * values[0, :, 4]).sum(-1).min() > 0.95


def test_the_module_is_the_token_loop_between_its_projections():
    torch.manual_seed(0)
    config = MemoryConfig(dim=8, heads=2, depth=1, chunk=4, reach=(1, 3), key_width=6, momentum=False)
    memory, x = NeuralMemory(config).double(), make_input(9, batch=1)
    part = memory.contexts
    phases = torch.cat([torch.zeros(3, 6).double(), part.to_phase(x)[0]])  # token t stands at 3 + t
    values = part.to_value(x)[0].view(9, 2, 8)
    reads = []
    for head, taps in enumerate(part.taps):
        own = phases[:, 3 * head : 3 * head + 3]
        rows = [sum(taps[lag] * own[3 + t - lag] for lag in range(len(taps))) for t in range(-1, 9)]
        made = torch.stack([torch.cat([row.cos(), row.sin()]) / math.sqrt(3) for row in rows])
        v = values[:, head] / values[:, head].norm(dim=-1, keepdim=True)
        wide = (torch.sigmoid(memory.gate.linear(x)[0, :, 2 * head : 2 * head + 2]) * 1.2 - 0.1).clamp(0, 1)
        weights = [start[head] for start in memory.start]

        def gate(t, raw, wide=wide):
            return wide[t, 0], torch.zeros(()).double(), wide[t, 1]

        reads.append(
            token_loop(weights, made[:-1], v, made[1:], gate, torch.nn.functional.silu, chunk=4, clip=1.0).reads
        )
    wanted = memory.to_out(torch.cat(reads, dim=-1) * torch.sigmoid(memory.to_gate(x[0])))
    check_close(memory(x)[0][0], wanted)


def test_a_copy_adds_the_resemblance_of_what_was_recalled_to_each_embedding():
    torch.manual_seed(0)
    shape = dict(vocab_size=11, dim=8, layers=1, heads=2, window=4, chunk=4, memory_heads=2, memory_depth=1)
    lm = TitansLM(TitansConfig("mal", reach=(2, 3), key_width=16, copy=True, **shape)).double().requires_grad_(False)
    ids = torch.randint(0, 11, (1, 9))
    mixer, found = lm.layers[0].mixer, lm(ids)[0]
    x = lm.layers[0].norms[0](lm.embed(ids))
    recalled, _ = mixer.memory(x)
    lm.to_copy.weight.zero_()
    lm.to_copy.bias.fill_(-1e9)  # the gate closes
    plain, off = lm(ids)[0], lm(ids, memory="off")[0]
    lm.to_copy.bias.fill_(math.log(math.e - 1))  # softplus of it is 1
    check_close(lm(ids)[0] - plain, recalled @ lm.embed.weight.mT)
    assert (found - plain).abs().max() > 1e-6
    check_close(lm(ids, memory="off")[0], off)  # nothing is recalled, so nothing is copied


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(reach=(2,)), "reach must have a number for each of 2 heads"),
        (dict(reach=(2, 0)), "reach must be a whole number from 1 to 64"),
        (dict(reach=2), "reach must be a tuple of whole numbers"),
        (dict(key_width=7), "key_width must be even, not 7"),
        (dict(momentum="no"), "momentum must be true or false"),
    ],
)
def test_settings_that_do_not_fit_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        MemoryConfig(dim=8, heads=2, **settings)
    named = {"memory_heads": 2, **settings}
    with pytest.raises(ConfigError, match=message):
        TitansConfig(dim=8, **named)
    with pytest.raises(ConfigError, match="copy must be true or false"):
        TitansConfig(copy=1)


def test_settings_from_json_are_the_same():
    config = MemoryConfig(dim=8, heads=2, reach=(2, 3))
    assert MemoryConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config
