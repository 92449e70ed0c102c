"""Gradients of every memory under torch's gradient checkpointing and under torch.func are those without."""

import pytest
import torch
from builders import MEMORIES, make_input, make_memory
from properties import check_close
from torch.func import functional_call, grad, vmap
from torch.utils.checkpoint import checkpoint

from titans_mini import ConfigError, MemoryConfig
from titans_mini.miras import PRESETS, MirasConfig, MirasMemory

every_memory = pytest.mark.parametrize("kind", [*MEMORIES, *PRESETS])


def make(kind):
    """A memory of this kind that works on two chunks at once, and an input of three such blocks and a token."""
    torch.manual_seed(0)
    if kind in MEMORIES:
        memory = make_memory(**MEMORIES[kind])
    else:
        preset = PRESETS[kind]
        chunk = min(4, preset.memory["chunk"])
        memory = MirasMemory(preset.memory_config(dim=8, heads=2, expansion=2, chunk=chunk), preset.config).double()
    memory.block = 2
    return memory, make_input(6 * memory.config.chunk + 1, batch=2)


def gradients(run, memory, x):
    """In the input and in every parameter, of a sum in which each number counts differently."""
    x = x.clone().requires_grad_()
    out = run(x)
    weights = torch.arange(out.numel(), dtype=out.dtype).view_as(out).cos()
    return torch.autograd.grad((out * weights).sum(), [x, *memory.parameters()], materialize_grads=True)


@every_memory
def test_gradient_checkpointing_changes_no_gradient(kind):
    memory, x = make(kind)
    wanted = gradients(lambda x: memory(x)[0], memory, x)
    for reentrant in (False, True):
        if reentrant:  # parameters have their gradients by backward alone
            memory.zero_grad()
            x = x.clone().requires_grad_()
            out = checkpoint(lambda x: memory(x)[0], x, use_reentrant=True)
            (out * torch.arange(out.numel(), dtype=out.dtype).view_as(out).cos()).sum().backward()
            found = [torch.zeros(()) if part.grad is None else part.grad for part in (x, *memory.parameters())]
            found = [part.expand_as(other) for part, other in zip(found, wanted, strict=True)]
        else:
            found = gradients(lambda x: checkpoint(lambda a: memory(a)[0], x, use_reentrant=False), memory, x)
        scale = max(float(part.abs().max()) for part in wanted)
        check_close([part / scale for part in found], [part / scale for part in wanted])


@every_memory
def test_torch_func_gives_the_gradients_of_a_batch_and_of_each_row(kind):
    memory, x = make(kind)
    parameters = {name: parameter.detach() for name, parameter in memory.named_parameters()}

    def loss(parameters, x):
        return functional_call(memory, parameters, (x,))[0].square().sum()

    rows = [
        torch.autograd.grad(memory(row.unsqueeze(0))[0].square().sum(), [*memory.parameters()], materialize_grads=True)
        for row in x
    ]
    whole = list(grad(loss)(parameters, x).values())
    each = list(vmap(grad(loss), (None, 0))(parameters, x.unsqueeze(1)).values())
    for at, (found, singles) in enumerate(zip(whole, each, strict=True)):
        wanted = torch.stack([row[at] for row in rows])
        scale = float(wanted.abs().max()) + 1e-300
        check_close(singles / scale, wanted / scale)
        check_close(found / scale, wanted.sum(0) / scale)


def test_private_rows_refuse_torch_func_which_would_give_them_the_same_noise():
    rule = MirasConfig("matrix", "l2", "privacy", "gd", "constant")
    memory = MirasMemory(MemoryConfig(dim=8, chunk=2), rule)
    with pytest.raises(ConfigError, match="retention privacy cannot run under torch.func"):
        vmap(lambda x: memory(x)[0])(torch.randn(2, 1, 3, 8))
