"""Seven property checks of a small memory, each true where its property holds, and what moved token by token."""

from collections.abc import Callable

import torch
from torch import Tensor

from titans_mini.errors import check_choice, check_integer

from .memory import CHUNK, DIM, Memory

TOKENS = 2 * CHUNK + 2
CLOSE = 1e-9  # everything is float64


def series(seed: int = 0, *, batch: int = 3, tokens: int = TOKENS, dim: int = DIM) -> Tensor:
    """A varied batch x (b, t, d), Gaussian."""
    random = torch.Generator().manual_seed(seed)
    return torch.randn(batch, tokens, dim, generator=random, dtype=torch.float64)


def same(a: Tensor, b: Tensor) -> bool:
    """Equal up to rounding."""
    return torch.allclose(a, b, rtol=CLOSE, atol=CLOSE)


def future(memory: Memory) -> bool:
    """Tokens from t on do not influence the reads before t, for every t."""
    x, other = series(), series(1)
    reads = memory(x)[0]
    mixed = {t: torch.cat([x[:, :t], other[:, t:]], dim=1) for t in range(1, x.shape[1])}
    return all(same(memory(changed)[0][:, :t], reads[:, :t]) for t, changed in mixed.items())


def rows(memory: Memory) -> bool:
    """Each row of a varied batch reads the same as it does without the others."""
    x = series()
    reads = memory(x)[0]
    return all(same(memory(x[i : i + 1])[0], reads[i : i + 1]) for i in range(len(x)))


def repeated_rows(memory: Memory) -> bool:
    """The same on one row repeated, which cannot tell a memory of its own from a shared one."""
    x = series(batch=1).repeat(3, 1, 1)
    return same(memory(x)[0], memory(x[:1])[0].repeat(3, 1, 1))


def parts(memory: Memory) -> bool:
    """A sequence in two calls, cut at a chunk's end, reads the same as in one."""
    x = series()
    reads = memory(x)[0]
    for cut in range(CHUNK, x.shape[1], CHUNK):
        first, state = memory(x[:, :cut])
        if not same(torch.cat([first, memory(x[:, cut:], state)[0]], dim=1), reads):
            return False
    return True


def gradient(memory: Memory) -> bool:
    """The gradient with respect to the weights equals autograd's, for one row."""
    M, (k, v) = memory.start(1), series(batch=1, tokens=2)[0].unsqueeze(1)
    found = memory.gradient(M, k, v)
    loss = (memory.answer(M, k) - v).square().sum()
    return all(map(same, found, torch.autograd.grad(loss, M[: len(found)])))


def reach(memory: Memory) -> bool:
    """The outer loss has a gradient in every parameter."""
    parameters = list(memory.parameters())
    loss = memory(series())[0].square().sum()
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    return all(grad is not None and bool(grad.any()) for grad in found)


def write(memory: Memory) -> bool:
    """A small write without forgetting makes the pair's own loss smaller."""
    M, (k, v) = memory.start(1), series(batch=1, tokens=2)[0].unsqueeze(1)
    after = memory.write(M, k, v, *torch.tensor([1e-2, 0.0], dtype=torch.float64).view(2, 1, 1, 1))
    before, now = ((memory.answer(state, k) - v).square().sum() for state in (M, after))
    return bool(now < before)


def closed(memory: Memory) -> bool:
    """Zero keys and values leave the start weights times the product of (1 - alpha): the closed form of forgetting."""
    M = first = memory.start(1)
    alphas = torch.linspace(0, 0.25, TOKENS, dtype=torch.float64).view(-1, 1, 1, 1)
    nothing = torch.zeros(1, DIM, dtype=torch.float64)
    for alpha in alphas:
        M = memory.write(M, nothing, nothing, alpha, alpha)
    return same(M[0], first[0] * (1 - alphas).prod())


CHECKS: dict[str, Callable[[Memory], bool]] = {
    check.__name__: check for check in (future, rows, parts, gradient, reach, write, closed)
}


def diagnose(memory: Memory) -> dict[str, bool]:
    """Every check by name, true where the memory passes it."""
    return {name: check(memory) for name, check in CHECKS.items()}


def failed(memory: Memory) -> list[str]:
    """The names of the checks that a memory fails."""
    return [name for name, right in diagnose(memory).items() if not right]


LOOKS = ("future", "rows", "parts")


def moved(memory: Memory, look: str, token: int) -> Tensor:
    """(t,) how far the reads of row 0 move, by the largest feature.

    `look` is one of: "future" replaces the tokens from `token` on, "rows" takes the row out of its batch,
    "parts" ends one call before `token`, wherever that is, and reads the rest in another. Raises ConfigError.
    """
    x = series()
    check_choice("look", look, LOOKS)
    check_integer("token", token, 1, x.shape[1] - 1)
    if look == "rows":
        found = memory(x[:1])[0]
    elif look == "future":
        found = memory(torch.cat([x[:, :token], series(1)[:, token:]], dim=1))[0]
    else:
        first, state = memory(x[:, :token])
        found = torch.cat([first, memory(x[:, token:], state)[0]], dim=1)
    return (found[0] - memory(x)[0][0]).abs().amax(-1).detach()
