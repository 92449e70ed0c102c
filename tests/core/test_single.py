"""One row token by token: the same numbers as chunks of one token, which the oracle stands behind."""

from itertools import product

import pytest
import torch
from builders import SURPRISE, fresh, make_stream
from properties import check_close

from titans_mini import SurpriseGate
from titans_mini.config import ACTIVATION_NAMES, DECAY_NAMES
from titans_mini.memory.chunk import Fast, TitansRule, Tokens, run_chunks
from titans_mini.memory.fast.single import run_single
from titans_mini.memory.gates import NORMALISERS
from titans_mini.memory.mlp import ACTIVATIONS
from titans_mini.memory.tree import join, tensors

LENGTH = 12


def first_row(depth: int = 2) -> tuple[Fast, Tokens]:
    stream = make_stream(LENGTH, depth=depth)
    weights = tuple(weight[:1].detach() for weight in stream.weights)
    keys, values = (part[:1].detach() for part in stream.tokens[:2])
    return fresh(weights), Tokens(keys, values)


def check(rule: TitansRule, depth: int = 2) -> None:
    """Memory and record after all tokens, against chunks of one token."""
    fast, tokens = first_row(depth)
    found = run_single(fast, tokens, rule)
    check_close(tensors(found), tensors(run_chunks(fast, tokens, rule, 1)[1:]))


def gate(normaliser: str = "excess") -> SurpriseGate:
    return SurpriseGate(**SURPRISE, normaliser=normaliser).double()


@pytest.mark.parametrize("decay", DECAY_NAMES)
@pytest.mark.parametrize("clip", [None, 1.0])
@pytest.mark.parametrize(("depth", "activation"), [*product((1, 2, 3, 4), ACTIVATION_NAMES)])
def test_it_is_chunks_of_one_token_for_every_memory(depth, activation, clip, decay):
    start = tuple(weight[:1].detach() for weight in make_stream(1, depth=depth, seed=2).weights)
    origin = start if decay == "start" else None
    check(TitansRule(gate(), ACTIVATIONS[activation], clip, record_norm=True, origin=origin), depth)


@pytest.mark.parametrize("normaliser", NORMALISERS)
def test_it_is_chunks_of_one_token_for_every_normaliser(normaliser):
    check(TitansRule(gate(normaliser), record_norm=True))


def test_a_stream_in_parts_is_the_stream():
    fast, tokens = first_row()
    rule = TitansRule(gate(), record_norm=True)
    whole = run_single(fast, tokens, rule)
    records = []
    for part in tokens.split(5):
        fast, record = run_single(fast, part, rule)
        records.append(record)
    check_close(tensors((fast, join(records))), tensors(whole))


def test_the_memory_that_is_given_stays_as_it_was():
    fast, tokens = first_row()
    before = [weight.clone() for weight in fast.weights]
    after, _ = run_single(fast, tokens, TitansRule(gate(), record_norm=True))
    assert all(map(torch.equal, fast.weights, before))
    assert not any(map(torch.equal, after.weights, before))


def test_what_leaves_the_range_of_numbers_is_recorded_as_such():
    fast, tokens = first_row()
    wild = SurpriseGate(**{**SURPRISE, "eta": 1e6}).double()
    _, record = run_single(fast, tokens, TitansRule(wild, record_norm=True))
    assert record.raw[0, 0].isfinite()
    assert not record.memory_norm[0, -1].isfinite()
    assert record.raw[0, -1].isnan()
