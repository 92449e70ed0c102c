"""The compiled loop: the same numbers as chunks of one token, which are held against the oracle."""

import subprocess
import sys
from itertools import product

import numpy as np
import pytest
import torch
from builders import SURPRISE, WIDTH, fresh, make_stream
from properties import check_close
from torch import Tensor

from titans_mini import ConstantGate, LearnedGate, SimulationConfig, SurpriseGate, simulate
from titans_mini.config import ACTIVATION_NAMES, DECAY_NAMES
from titans_mini.memory.chunk import Fast, TitansRule, Tokens, run_chunks
from titans_mini.memory.fast import device_loop, rows
from titans_mini.memory.fast.rows import run_rows, serves
from titans_mini.memory.gates import NORMALISERS
from titans_mini.memory.mlp import ACTIVATIONS
from titans_mini.memory.tree import join, map_tree, tensors

LENGTH = 12


def first_row(depth: int = 2) -> tuple[Fast, Tokens]:
    stream = make_stream(LENGTH, depth=depth)
    weights = tuple(weight[:1].detach() for weight in stream.weights)
    keys, values = (part[:1].detach() for part in stream.tokens[:2])
    return fresh(weights), Tokens(keys, values)


def learned() -> LearnedGate:
    """A learned gate of one head whose features are those of the stream."""
    return LearnedGate(WIDTH).double()


def check(rule: TitansRule, depth: int = 2) -> None:
    """Memory and record after all tokens, against chunks of one token."""
    fast, tokens = first_row(depth)
    assert serves(fast, tokens, rule)
    with torch.no_grad():
        check_close(tensors(run_rows(fast, tokens, rule)), tensors(run_chunks(fast, tokens, rule, 1)))


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
    _, *whole = run_rows(fast, tokens, rule)
    records = []
    for part in tokens.split(5):
        _, fast, record = run_rows(fast, part, rule)
        records.append(record)
    check_close(tensors((fast, join(records))), tensors(whole))


def test_the_memory_that_is_given_stays_as_it_was():
    fast, tokens = first_row()
    before = [weight.clone() for weight in fast.weights]
    _, after, _ = run_rows(fast, tokens, TitansRule(gate(), record_norm=True))
    assert all(map(torch.equal, fast.weights, before))
    assert not any(map(torch.equal, after.weights, before))


def test_what_leaves_the_range_of_numbers_is_recorded_as_such():
    fast, tokens = first_row()
    wild = SurpriseGate(**{**SURPRISE, "eta": 1e6}).double()
    *_, record = run_rows(fast, tokens, TitansRule(wild, record_norm=True))
    assert record.raw[0, 0].isfinite()
    assert not record.memory_norm[0, -1].isfinite()
    assert record.raw[0, -1].isnan()


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize("decay", DECAY_NAMES)
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("made", [gate, lambda: ConstantGate(theta=0.1, eta=0.6, alpha=0.01).double(), learned])
def test_many_rows_read_with_any_gate(made, depth, decay, asks):
    stream = make_stream(LENGTH, depth=depth)
    weights = tuple(weight.detach() for weight in stream.weights)
    fast = fresh(weights)._replace(momentum=tuple(0.1 * weight for weight in weights))
    tokens = Tokens(*(part.detach() for part in stream.tokens))
    tokens = tokens if asks else tokens._replace(queries=None)
    origin = tuple(weight[:1] for weight in weights) if decay == "start" else None
    rule = TitansRule(made(), clip=1.0, record_norm=True, origin=origin)
    assert serves(fast, tokens, rule)
    with torch.no_grad():
        check_close(tensors(run_rows(fast, tokens, rule)), tensors(run_chunks(fast, tokens, rule, 1)))


def test_the_numbers_of_float32_are_those_of_the_chunk_form():
    fast, tokens = map_tree(Tensor.float, first_row())
    rule = TitansRule(gate().float(), clip=1.0, record_norm=True)
    for found, known in zip(
        tensors(run_rows(fast, tokens, rule)), tensors(run_chunks(fast, tokens, rule, 1)), strict=True
    ):
        torch.testing.assert_close(found, known, rtol=1e-5, atol=1e-5)


def test_what_the_loop_cannot_do_the_chunk_form_does(monkeypatch):
    fast, tokens = first_row()
    rule = TitansRule(gate(), record_norm=True)
    monkeypatch.setattr(rows, "_found", {})
    assert not serves(fast, tokens, rule)
    with torch.no_grad():
        assert device_loop(fast, tokens, rule) is None


@pytest.mark.parametrize("part", ["weights", "momentum"])
def test_shapes_that_do_not_fit_are_left_to_the_chunk_form_which_refuses_them(part):
    fast, tokens = first_row()
    first, *others = getattr(fast, part)
    wrong = fast._replace(**{part: (first[:, 1:], *others)})
    assert not serves(wrong, tokens, TitansRule(gate(), record_norm=True))


@pytest.mark.parametrize("blocked", ["numba", "cache"])
def test_a_machine_without_numba_or_without_a_folder_for_its_code_gives_the_same_numbers(blocked, tmp_path):
    code = f"""
import sys
if {blocked!r} == "numba":
    sys.modules["numba"] = None
else:
    import numba.core.caching as caching
    caching.FunctionCache._impl_class._locator_classes = []
from titans_mini import SimulationConfig, simulate
from titans_mini.memory.fast import device_loop, rows
assert rows.compiled(None) == ({blocked!r} != "numba"), rows._found
print(simulate(SimulationConfig(tokens=50)).summary()["writes_per_1k"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == simulate(SimulationConfig(tokens=50)).summary()["writes_per_1k"]


def test_the_exponential_of_float32_is_the_librarys():
    loop = rows._found["loop"]
    x = np.concatenate([np.linspace(-86, 86, 10_001), [0.0, np.nan]]).astype(np.float32)
    found = np.empty_like(x)
    loop.exponential(x, found)
    np.testing.assert_allclose(found, np.exp(-x.astype(np.float64)), rtol=4e-7)


def test_each_row_is_called_once_and_an_error_reaches_the_caller():
    assert rows.each_row(lambda row: row * row, range(7)) == [row * row for row in range(7)]
    with pytest.raises(ZeroDivisionError):
        rows.each_row(lambda row: 1 / row, range(3))
