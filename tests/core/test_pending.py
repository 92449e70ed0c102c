"""An unfinished chunk's tokens are differentiated once: what they did stays in the state, which may do without it."""

import itertools

import pytest
import torch
from builders import MEMORIES, make_input, make_memory
from properties import check_close
from torch import Tensor

from titans_mini import ConfigError, MemoryState, NeuralMemory
from titans_mini.kept import decode_state, encode_state
from titans_mini.memory import chunk as chunk_form
from titans_mini.memory.state import without_activity
from titans_mini.memory.tree import tensors
from titans_mini.quantize import compress, restore, rounded


def unfinished(kind: str = "learned", held: int = 2) -> tuple[NeuralMemory, MemoryState]:
    """A memory with chunks of 4, and its state with `held` tokens of the second chunk."""
    memory = make_memory(**MEMORIES[kind] | dict(chunk=4))
    return memory, memory(make_input(4 + held))[1]


def test_each_token_is_differentiated_once(monkeypatch):
    memory, x = make_memory(chunk=4), make_input(11)
    counts, gradients = [], chunk_form.gradients

    def counted(weights, keys, *more):
        counts.append(keys.shape[1])
        return gradients(weights, keys, *more)

    monkeypatch.setattr(chunk_form, "gradients", counted)
    with torch.no_grad():
        state = None
        for token in x.split(1, dim=1):
            _, state = memory(token, state)
        memory.settled(state)
    assert counts == [1] * 11 + [0]


@pytest.mark.parametrize("kind", MEMORIES)
def test_a_state_without_the_activity_gives_the_same(kind):
    memory, state = unfinished(kind)
    x = make_input(7, seed=3)
    for use in (memory, memory.frozen):
        (out, after), (again, same) = use(x, state), use(x, without_activity(state))
        check_close((out, *tensors(without_activity(after))), (again, *tensors(without_activity(same))))
    check_close(memory.recall(x, state), memory.recall(x, without_activity(state)))
    check_close(tensors(memory.settled(state)), tensors(memory.settled(without_activity(state))))


def test_gradients_reach_earlier_calls_through_what_was_kept():
    memory, x = make_memory(chunk=4), make_input(7)

    def slopes(change) -> list[Tensor]:
        first = x[:, :2].clone().requires_grad_()
        _, state = memory(first)
        out, _ = memory(x[:, 2:], change(state))
        return [*torch.autograd.grad(out.square().sum(), [first, *memory.parameters()], allow_unused=True)]

    kept, rebuilt = slopes(lambda state: state), slopes(without_activity)
    assert all((a is None) == (b is None) for a, b in zip(kept, rebuilt, strict=True))
    check_close([part for part in kept if part is not None], [part for part in rebuilt if part is not None])


def test_a_full_chunk_and_other_weights_keep_nothing():
    memory, state = unfinished()
    assert state.activity is not None and memory.settled(state).activity is None
    assert memory(make_input(2), state)[1].activity is None
    assert restore(compress(state)).activity is None
    assert rounded(memory, torch.round)(make_input(3), None)[1].activity is not None


def test_activity_of_other_tokens_or_widths_is_refused():
    memory, state = unfinished()
    n, m, f = state.activity.shape
    wrong = {
        rf"another chunk: state.activity must be \({n}, 2, {f}\), not \({n}, 1, {f}\)": state.activity[:, :1],
        rf"another shape: state.activity must be \({n}, 2, {f}\), not \({n}, 2, {f - 1}\)": state.activity[..., 1:],
        rf"another heads: state.activity must be \({n}, 2, {f}\), not \(1, 2, {f}\)": state.activity[:1],
        "another dtype: state.activity must be torch.float64, not torch.float32": state.activity.float(),
        "state.activity must be a tensor, not int": 3,
    }
    for message, activity in wrong.items():
        with pytest.raises(ConfigError, match=message):
            memory(make_input(3), state._replace(activity=activity))


def test_a_saved_state_holds_it_and_one_of_an_earlier_version_does_not():
    memory, state = unfinished()
    for given, like in itertools.product((state, without_activity(state)), (memory.initial_state(3), state)):
        found, _ = decode_state(encode_state(given, "f"), like, "f")
        assert (found.activity is None) == (given.activity is None)
        assert torch.equal(memory(make_input(5), found)[0], memory(make_input(5), given)[0])
