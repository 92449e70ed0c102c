"""NeuralMemory of every kind: causal, row by row, in any parts, blind to padding, trained in every part."""

import threading

import properties
import pytest
import torch
from builders import MEMORIES, make_input, make_memory
from properties import around, check_close, check_same_state, feed
from torch.nn.functional import silu

from titans_mini import MemoryConfig, NeuralMemory, SurpriseGate
from titans_mini.memory.fastweights import apply_memory
from titans_mini.memory.state import map_tensors, tensors
from titans_mini.reference import token_loop

every_memory = pytest.mark.parametrize("kind", MEMORIES)


@every_memory
def test_the_future_has_no_say(kind):
    properties.check_future(make_memory(**MEMORIES[kind]))


@every_memory
def test_rows_do_not_mix(kind):
    properties.check_rows(make_memory(**MEMORIES[kind]))


@every_memory
def test_any_parts_give_the_same(kind):
    memory = make_memory(**MEMORIES[kind])
    for length in around(memory.config.chunk):
        properties.check_parts(memory, length)


@every_memory
def test_padding_changes_nothing(kind):
    properties.check_masks(make_memory(**MEMORIES[kind]))


@every_memory
def test_the_loss_reaches_every_parameter(kind):
    properties.check_reach(make_memory(**MEMORIES[kind]))


@pytest.mark.parametrize(("heads", "scale", "norm"), [(1, "unit", 1.0), (2, "unit", 1.0), (2, "rms", 2.0)])
def test_the_module_is_the_token_loop_between_its_projections(heads, scale, norm):
    """Convolution tap by tap, SiLU, keys and queries of one norm, a loop a head; then norm, gate and projection."""
    memory, x = make_memory(heads=heads, scale=scale), make_input(9, batch=1)
    window = torch.cat([torch.zeros(1, 3, 24).double(), memory.to_qkv(x)], dim=1)[0]
    taps, bias = memory.conv.weight[:, 0], memory.conv.bias
    mixed = torch.stack([silu(sum(taps[:, i] * window[t + i] for i in range(4)) + bias) for t in range(9)])
    reads = []
    for head in range(heads):
        part = slice(head * 8 // heads, (head + 1) * 8 // heads)
        q, k, v = (series[:, part] for series in mixed.split(8, dim=-1))
        q, k = (norm * series / series.norm(dim=-1, keepdim=True) for series in (q, k))
        logits = memory.gate.linear(x)[0, :, 3 * head : 3 * head + 3]
        wide = (torch.sigmoid(logits) * (1 + 2 * memory.gate.stretch) - memory.gate.stretch).clamp(0, 1)
        weights = [start[head] for start in memory.start]
        loop = token_loop(weights, k, v, q, lambda t, raw, wide=wide: wide[t].unbind(), silu, chunk=4, clip=1.0)
        reads.append(loop.reads / (loop.reads.square().mean(-1, keepdim=True) + memory.norm.eps).sqrt())
    wanted = memory.to_out(torch.cat(reads, dim=-1) * torch.sigmoid(memory.to_gate(x[0])))
    check_close(memory(x)[0][0], wanted)


@every_memory
def test_a_state_is_a_value(kind):
    properties.check_state_is_a_value(make_memory(**MEMORIES[kind]))


@every_memory
def test_recall_reads_the_current_memory_and_writes_nothing(kind):
    memory = make_memory(**MEMORIES[kind])
    _, state = memory(make_input(6))
    kept = map_tensors(torch.clone, state)
    x = make_input(3, seed=2)
    found = memory.recall(x, state)
    assert all(torch.equal(now, before) for now, before in zip(tensors(state), tensors(kept), strict=True))
    queries = memory._project(x, state.conv)[0].queries
    reads = apply_memory(memory.current(state).weights, queries, memory.rule.activation)
    check_close(found, memory._finish(x, reads, None))
    check_close(memory.recall(x[:, :1], state), found[:, :1])


@pytest.mark.parametrize("gate", ["learned", "excess", "constant"])
def test_recall_knows_what_pending_tokens_have_written(gate):
    """What is asked right after its own write reads the memory after that write."""
    memory = make_memory(gate=gate, conv=1)
    _, state = memory(make_input(5))  # one token is pending
    x = make_input(1, seed=2)
    out, after = memory(x, state)
    check_close(memory.recall(x, after), out)
    assert float((memory.recall(x, state) - out).detach().abs().max()) > 1e-6


@pytest.mark.parametrize("kind", ["learned", "excess", "recipe", "constant"])
def test_frozen_reads_but_writes_nothing(kind):
    memory = make_memory(**MEMORIES[kind])
    _, state = memory(make_input(6))
    x = make_input(7, seed=2)
    out, after = memory.frozen(x, state)
    check_close(out, memory.recall(x, state))
    for now, before in zip(tensors(after[:4]), tensors(state[:4]), strict=True):
        assert torch.equal(now, before)
    assert after.tokens_seen.tolist() == [13] * 3
    first, between = memory.frozen(x[:, :3], state)
    second, end = memory.frozen(x[:, 3:], between)
    check_close(torch.cat([first, second], dim=1), out)
    check_close(tensors(end), tensors(after))


@pytest.mark.parametrize("kind", ["learned", "excess", "recipe", "constant"])
@pytest.mark.parametrize("length", [1, 3, 4])
def test_after_frozen_a_mask_of_ones_is_still_no_mask(kind, length):
    """The tokens that were only read are in no chunk."""
    memory, x = make_memory(**MEMORIES[kind]), make_input(9, seed=3)
    _, state = memory.frozen(make_input(length, seed=2), memory(make_input(6))[1])
    out, after = memory(x, state)
    found, found_after = memory(x, state, torch.ones(3, 9, dtype=torch.bool))
    check_close(found, out)
    check_close(memory.current(found_after), memory.current(after))
    assert found_after.tokens_seen.tolist() == after.tokens_seen.tolist()


def test_a_padded_state_counts_and_recalls_as_an_unpadded_one():
    memory = make_memory()
    x, mask = properties.padded(memory)
    _, state = memory(x, None, mask)
    assert state.tokens_seen.tolist() == mask.sum(-1).tolist()
    _, plain = memory(x[:1, mask[0]])
    check_close(memory.recall(x[:1], plain)[0], memory.recall(x, state)[0])


def test_an_all_true_mask_is_no_mask():
    memory, x = make_memory(), make_input(11)
    out, state = memory(x)
    found, found_state = memory(x, None, torch.ones(3, 11, dtype=torch.bool))
    check_close(found, out)
    check_same_state(memory, found_state, state)


def test_gradients_under_padding_are_those_without():
    memory, x = make_memory(), make_input(11, batch=2)
    mask = torch.ones(2, 11, dtype=torch.bool)
    mask[0, :3], mask[1, 4:6] = False, False
    grads = []
    for outs in ([memory(x, None, mask)[0]], [memory(x[row : row + 1, mask[row]])[0] for row in range(2)]):
        loss = sum(out.square().sum() for out in outs)
        grads.append(torch.autograd.grad(loss, list(memory.parameters())))
    check_close(*grads)


def test_gradients_over_parts_are_those_of_one_call():
    memory, x = make_memory(), make_input(11)
    whole = memory(x)[0]
    grads = [
        torch.autograd.grad(out.square().sum(), list(memory.parameters()))
        for out in (whole, feed(memory, x.split([2, 5, 1, 3], dim=1))[0])
    ]
    check_close(*grads)


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_heads_are_memories_of_their_own(heads):
    memory = make_memory(heads=heads)
    before = [start.detach().clone() for start in memory.start]
    optimizer = torch.optim.Adam(memory.parameters(), lr=0.01)
    (memory(make_input(16))[0] * make_input(16, seed=3)).sum().backward()
    optimizer.step()
    for start, old in zip(memory.start, before, strict=True):
        assert start.stride(0) == start[0].numel()
        for head in range(heads):
            assert not torch.equal(start[head], old[head])
            assert all(not torch.equal(start[head], start[other]) for other in range(head))


@every_memory
def test_state_dict_round_trip(kind):
    memory = make_memory(**MEMORIES[kind])
    twin = make_memory(**MEMORIES[kind], seed=1)
    x = make_input(9)
    assert not torch.equal(twin(x)[0], memory(x)[0])
    twin.load_state_dict(memory.state_dict())
    assert torch.equal(twin(x)[0], memory(x)[0])


def test_the_config_names_the_gate():
    assert isinstance(NeuralMemory(MemoryConfig.preset("recipe")).gate, SurpriseGate)
    assert NeuralMemory(MemoryConfig.preset("paper", dim=8, heads=2)).gate.linear.out_features == 6


@pytest.mark.parametrize("kind", ["learned", "recipe", "running_max"])
def test_the_same_numbers_in_every_grad_mode(kind):
    memory, x = make_memory(**MEMORIES[kind]), make_input(11)
    wanted = memory(x)
    assert wanted[0].requires_grad
    results = {}

    def work(name, mode):
        with mode():
            first, state = memory(x[:, :6])
            second, state = memory(x[:, 6:], state)
            results[name] = torch.cat([first, second], dim=1), state, memory.recall(x, state)

    for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
        work(mode.__name__, mode)
        thread = threading.Thread(target=work, args=(mode.__name__ + " in a thread", mode))
        thread.start()
        thread.join()
    assert len(results) == 6
    recalled = memory.recall(x, wanted[1])
    for out, state, recall in results.values():
        check_close(out, wanted[0])
        check_same_state(memory, state, wanted[1])
        check_close(recall, recalled)
