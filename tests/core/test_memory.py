"""NeuralMemory of every kind: causal, row by row, in any parts, trained in every part."""

import copy
import threading

import properties
import pytest
import torch
from builders import MEMORIES, make_input, make_memory
from properties import around, check_close, check_same_state, feed
from torch.nn.functional import silu

from titans_mini import ConfigError, ConstantGate, MemoryConfig, NeuralMemory, SurpriseGate
from titans_mini.memory.mlp import apply_memory
from titans_mini.memory.rule import titans_rule
from titans_mini.memory.tree import map_tree, tensors
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
    kept = map_tree(torch.clone, state)
    x = make_input(3, seed=2)
    found = memory.recall(x, state)
    assert all(torch.equal(now, before) for now, before in zip(tensors(state), tensors(kept), strict=True))
    queries = memory._project(x, state.conv)[0].queries
    reads = apply_memory(memory.current(state).weights, queries, memory.rule.activation)
    check_close(found, memory._finish(x, reads))
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


@every_memory
def test_another_rule_shares_the_parameters_and_leaves_the_memory_alone(kind):
    memory, x = make_memory(**MEMORIES[kind]), make_input(9)
    wanted = memory(x)[0]
    gate = ConstantGate(theta=0.0, eta=0.0, alpha=0.0).double()
    silent = memory.with_rule(memory.rule._replace(gate=gate))
    assert torch.equal(memory(x)[0], wanted) and memory.gate is memory.rule.gate and silent.gate is gate
    shared = {name: value.data_ptr() for name, value in memory.named_parameters() if not name.startswith("gate")}
    assert {name: value.data_ptr() for name, value in silent.named_parameters()} == shared
    check_close(silent(x)[1].weights, memory.initial_state(3).weights)


def test_a_rule_of_the_same_settings_forgets_towards_the_same_weights():
    memory = make_memory(decay="start")
    twin = memory.with_rule(titans_rule(memory.config, memory.gate))
    assert twin.rule.origin is memory.start
    assert torch.equal(twin(make_input(9))[0], memory(make_input(9))[0])


def test_a_gate_beside_a_rule_is_refused():
    memory = make_memory()
    with pytest.raises(ConfigError, match="gate must be left out where rule is given"):
        NeuralMemory(memory.config, memory.rule, gate=ConstantGate())


def test_a_gate_is_changed_through_the_rule_alone():
    memory = make_memory()
    memory.gate = ConstantGate().double()
    with pytest.raises(ConfigError, match="gate belongs to the rule"):
        memory(make_input(5))


def test_copies_and_files_of_a_whole_module_hold_together(tmp_path):
    """The rule refers to the gate and, where the memory decays to its start, to the start weights of its own module."""
    memory, x = make_memory(decay="start"), make_input(9)
    torch.save(memory, tmp_path / "memory.pt")
    loaded = torch.load(tmp_path / "memory.pt", weights_only=False)
    for twin in (copy.deepcopy(memory), loaded):
        assert twin.rule.gate is twin.gate is not memory.gate and twin.rule.origin is twin.start is not memory.start
        assert torch.equal(twin(x)[0], memory(x)[0])
