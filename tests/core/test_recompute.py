"""Long sequences in training: their graph is made again piece by piece, which nothing shows but the memory it takes."""

import pytest
import torch
from builders import MEMORIES, make_input, make_memory
from properties import check_close, feed

from titans_mini import DivergenceError
from titans_mini.memory.tree import map_tree, tensors

every_memory = pytest.mark.parametrize("kind", MEMORIES)


def gradients(memory, x, state, parts: int):
    """Of a loss on outputs and end state, in the input, the floats of the start state, and every parameter."""
    x = x.clone().requires_grad_()
    state = map_tree(lambda tensor: tensor.clone().requires_grad_(tensor.is_floating_point()), state)
    out, end = feed(memory, x.split(parts, dim=1), state)
    weigh = torch.linspace(0.5, 1.5, out.numel(), dtype=out.dtype).view_as(out)
    loss = (out * weigh).sin().sum() + sum(tensor.sin().sum() for tensor in tensors(end) if tensor.requires_grad)
    leaves = [x, *(tensor for tensor in tensors(state) if tensor.requires_grad), *memory.parameters()]
    return out, torch.autograd.grad(loss, leaves, allow_unused=True)


@every_memory
@pytest.mark.parametrize("before", [0, 1])
def test_gradients_are_those_of_a_graph_that_is_kept(kind, before):
    memory = make_memory(**MEMORIES[kind])
    block = memory.block * memory.config.chunk
    x = make_input(before + 2 * block + memory.config.chunk + 1)
    state = memory(x[:, :before])[1] if before else memory.initial_state(len(x))
    state = map_tree(torch.Tensor.detach, state)
    out, found = gradients(memory, x[:, before:], state, parts=x.shape[1])
    wanted_out, wanted = gradients(memory, x[:, before:], state, parts=block - before)  # no call has two blocks
    check_close(out, wanted_out)
    assert [grad is None for grad in found] == [grad is None for grad in wanted]
    for a, b in zip(found, wanted, strict=True):
        if a is not None:
            check_close(a, b)
    assert sum(grad is not None and bool(grad.any()) for grad in found) > len(list(memory.parameters()))


def kept_bytes(blocks: int) -> int:
    """What the graph of a sequence of that many blocks holds, each storage once."""
    memory, kept = make_memory(), {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        memory(make_input(blocks * memory.block * memory.config.chunk))
    return sum(storage.nbytes() for storage in kept.values())


def test_the_graph_hardly_grows_with_the_sequence():
    one, eight = kept_bytes(1), kept_bytes(8)
    assert eight < 2 * one


def test_under_autocast_it_is_made_again_as_it_was():
    memory, found = make_memory().float(), {}
    block = memory.block * memory.config.chunk
    x = make_input(2 * block).float()
    for parts in (block, 2 * block):
        memory.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            out, _ = feed(memory, x.split(parts, dim=1))
        out.float().square().sum().backward()
        found[parts] = [parameter.grad.clone() for parameter in memory.parameters()]
    for a, b in zip(*found.values(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0.02 * float(b.abs().max()))


def test_parameters_that_do_not_learn_get_no_gradient():
    memory = make_memory()
    memory.to_qkv.requires_grad_(False)
    memory(make_input(2 * memory.block * memory.config.chunk))[0].sum().backward()
    assert memory.to_qkv.weight.grad is None and memory.to_out.weight.grad.any()


def test_a_fault_is_named_by_its_place_in_the_whole_sequence():
    memory = make_memory()
    block = memory.block * memory.config.chunk
    x = make_input(3 * block)
    x[1, block + 3, 0] = torch.nan
    with pytest.raises(DivergenceError, match=f"token {block + 3} of row 1"):
        memory(x)


def test_gradients_of_gradients_end_in_an_error():
    memory = make_memory()
    x = make_input(2 * memory.block * memory.config.chunk).requires_grad_()
    (grad,) = torch.autograd.grad(memory(x)[0].square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()


@every_memory
@pytest.mark.parametrize("parts", [1, 3])
def test_a_loss_on_the_gates_trains_them_over_the_whole_sequence(kind, parts):
    """The records of all blocks are outputs of the graph, however many blocks were discarded and rebuilt."""
    memory = make_memory(**MEMORIES[kind])
    x = make_input(3 * memory.block * memory.config.chunk + 1)
    found = {}
    for name, block in (("rebuilt", memory.block), ("kept", 10**6)):
        memory.block, state, records = block, None, []
        for part in x.chunk(parts, dim=1):
            _, state = memory(part, state, trace=records)
        opened = [(record.gates.theta + record.gates.alpha).flatten() for record in records]
        loss = torch.cat(opened).square().mean()
        assert sum(map(len, opened)) == x.shape[1] * len(x) * memory.config.heads
        used = list(memory.gate.parameters())
        found[name] = torch.autograd.grad(loss, used) if used else (loss,)
    for a, b in zip(*found.values(), strict=True):
        check_close(a, b)
    assert all(bool(grad.any()) for grad in found["kept"])
