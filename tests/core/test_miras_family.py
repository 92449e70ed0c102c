"""Every preset against a loop of its own over one row: token after token, gradients by autograd, nothing shared."""

import functools
import math

import pytest
import torch
from builders import GivenGate
from miras_properties import WIDTH, make_tokens, miras_step, play
from properties import check_close
from torch.nn import functional

from titans_mini import ConfigError, MemoryConfig, TitansConfig
from titans_mini.miras import PRESETS, MirasConfig
from titans_mini.miras.powers import powers
from titans_mini.miras.rule import make_gate

LENGTH = 8
sigmoid = torch.sigmoid


def matrix(w, k):
    return w[0] @ k


def mlp(w, k):
    return w[1] @ functional.silu(w[0] @ k)


def residual(w, k):
    return k + functional.layer_norm(w[1] @ functional.gelu(w[0] @ k), (len(k),))


def products(k):
    """The numbers, and the products of two, scaled as (x.y + (x.y)^2 / 2) / 1.5."""
    pairs = [k[i] * k[j] * (0.5 if i == j else 1) ** 0.5 for i in range(len(k)) for j in range(i, len(k))]
    return torch.cat([k, torch.stack(pairs)]) / 1.5**0.5


def quadratic(w, k):
    return mlp(w, products(k))


def chain(w, k):
    y = k + w[1] @ functional.gelu(w[0] @ k)
    return y + w[3] @ functional.gelu(w[2] @ y)


def squared(said, v, more):
    return (said - v).square().sum()


def dot(said, v, more):
    return -(said @ v)


def cubed(said, v, more):
    """Of slope 3 |r|^2 with the smooth sign."""
    r = (said - v).detach()
    return (said * 3 * torch.tanh(1e3 * r) * (r * r + 1e-6)).sum()


def switched(said, v, more):
    r, delta = said - v, functional.softplus(more[-1])
    near = (r @ r + 1e-6).sqrt() <= delta
    return r @ r if near else delta * (r * r + 1e-6).sqrt().sum()


def slopes(f, loss, w, k, v, more, clip):
    w = [part.detach().requires_grad_() for part in w]
    grads = torch.autograd.grad(loss(f(w, k), v, more), w, allow_unused=True)
    grads = [torch.zeros_like(part) if grad is None else grad for part, grad in zip(w, grads, strict=True)]
    norm = math.sqrt(sum(float(grad.square().sum()) for grad in grads))
    return [grad * min(1.0, (clip or math.inf) / max(norm, 1e-15)) for grad in grads]


def newton_schulz(m):
    m = m / m.norm()
    for _ in range(5):
        m = 3.4445 * m - 4.7750 * m @ m.T @ m + 2.0315 * m @ m.T @ m @ m.T @ m
    return m


def descent(f, loss=squared, *, form=lambda w: w, eta=0.0, muon=False, window=1, forget=None):
    """An oracle: gradient descent at the chunk's start, with momentum, Muon, a window or another form of the weights.

    `forget` takes the place of the gate's alpha.
    """

    def run(start, k, v, q, features, chunk, clip):
        kept, moved, reads = list(start), [torch.zeros_like(part) for part in start], []
        for t in range(len(k)):
            if t % chunk == 0:
                base = kept
            theta, given, alpha = features[t, :3]
            alpha = alpha if forget is None else forget
            total = [torch.zeros_like(part) for part in kept]
            for i in range(max(0, t - window + 1), t + 1):
                share = 1 if i == t else sigmoid(features[i, 3])
                grads = slopes(f, loss, [form(part) for part in base], k[i], v[i], features[i], clip)
                total = [part + share * grad for part, grad in zip(total, grads, strict=True)]
            moved = [(given if eta else 0) * part - theta * grad for part, grad in zip(moved, total, strict=True)]
            writes = [theta * newton_schulz(part) if muon else part for part in moved]
            kept = [(1 - alpha) * part + write for part, write in zip(kept, writes, strict=True)]
            reads.append(f([form(part) for part in kept], q[t]))
        return torch.stack(reads)

    return run


def by_channel(replaces):
    """GLA and RWKV-7, over the columns of S: S diag(w) + v (b * k)^T, less what the key held."""

    def run(start, k, v, q, features, chunk, clip):
        (memory,), reads = start, []
        for t in range(len(k)):
            step, forget = sigmoid(features[t, :WIDTH]), sigmoid(features[t, WIDTH:])
            said = 2 * (v[t] - memory @ k[t]) if replaces else v[t]
            memory = memory @ torch.diag(1 - forget) + torch.outer(said, step * k[t])
            reads.append(memory @ q[t])
        return torch.stack(reads)

    return run


def gated_deltanet(start, k, v, q, features, chunk, clip):
    (memory,), reads = start, []
    for t in range(len(k)):
        theta, alpha = features[t, 0], features[t, 2]
        memory = (1 - alpha) * memory
        memory = memory + 2 * theta * torch.outer(v[t] - memory @ k[t], k[t])
        reads.append(memory @ q[t])
    return torch.stack(reads)


def deltaproduct(start, k, v, q, features, chunk, clip):
    """Two delta steps: S (I - 2 b k k^T) + 2 b v k^T for the pair made from the token, then for its own."""
    (memory,), reads = start, []
    for t in range(len(k)):
        theta, alpha, more = features[t, 0], features[t, 2], features[t, 3:]
        key, value, share = more[:WIDTH], more[WIDTH : 2 * WIDTH], sigmoid(more[-1] - 2)
        at = memory
        for one, said, step in ((key / key.norm(), value, theta * share), (k[t], v[t], theta)):
            at = at - 2 * step * torch.outer(at @ one - said, one)
        memory = at - alpha * memory  # forgets a share of what stood before
        reads.append(memory @ q[t])
    return torch.stack(reads)


def mesa(start, k, v, q, features, chunk, clip):
    """Least squares over all pairs so far, each weighed by its theta and what was forgotten since, plus a ridge."""
    reads = []
    for t in range(len(k)):
        kept = (1 - features[: t + 1, 2]).flip(0).cumprod(0).flip(0)
        weigh = (features[: t + 1, 0] * torch.cat([kept[1:], torch.ones(1)])).sqrt().unsqueeze(1)
        left = torch.cat([weigh * k[: t + 1], 0.1**0.5 * torch.eye(WIDTH).double()])
        right = torch.cat([weigh * v[: t + 1], torch.zeros(WIDTH, WIDTH).double()])
        reads.append(torch.linalg.lstsq(left, right).solution.T @ q[t])
    return torch.stack(reads)


def hope(start, k, v, q, features, chunk, clip):
    maps, reads = list(start), []
    for t in range(len(k)):
        if t % chunk == 0:
            of_key, of_value, memory = base = maps
        theta, alpha = features[t, 0], features[t, 2]
        key, value = of_key @ k[t], of_value @ v[t]
        key = key / key.norm()
        targets = of_key @ value, of_value @ value, value
        moves = [
            2 * torch.outer(m @ key - to, key) + torch.outer(m @ key, key) for m, to in zip(base, targets, strict=True)
        ]
        moves = [move / (1 + theta) for move in moves]
        norm = torch.stack([move.norm() for move in moves]).norm()
        moves = [move * min(1.0, float(clip / norm)) for move in moves]
        maps = [(1 - alpha) * m - theta * move for m, move in zip(maps, moves, strict=True)]
        reads.append(maps[2] @ q[t])
    return torch.stack(reads)


def cms(start, k, v, q, features, chunk, clip, period=4):
    """The first MLP is written every 4 tokens, the second every 16."""
    kept, waiting, reads = list(start), [torch.zeros_like(part) for part in start], []
    for t in range(len(k)):
        if t % chunk == 0:
            base = kept
        theta, alpha = features[t, 0], features[t, 2]
        grads = slopes(chain, squared, base, k[t], v[t], None, clip)
        for layer, grad in enumerate(grads):
            waiting[layer] = waiting[layer] - theta * grad
        kept = [(1 - alpha) * part for part in kept]
        for layer in range(4):
            if (t + 1) % period ** (1 + layer // 2) == 0:
                kept[layer], waiting[layer] = kept[layer] + waiting[layer], torch.zeros_like(waiting[layer])
        reads.append(chain(kept, q[t]))
    return torch.stack(reads)


def tnt(start, k, v, q, features, chunk, clip, period=64):
    """A global MLP that is written every 64 tokens and a local one that restarts then."""
    wide, near, waiting, reads = list(start[:2]), list(start[2:]), [0, 0], []
    for t in range(len(k)):
        if t % chunk == 0:
            base = wide, near
        theta, alpha = features[t, 0], features[t, 2]
        own = [slopes(mlp, squared, part, k[t], v[t], None, clip) for part in base]
        waiting = [part - theta * grad for part, grad in zip(waiting, own[0], strict=True)]
        wide = [(1 - alpha) * part for part in wide]
        near = [(1 - alpha) * part - theta * grad for part, grad in zip(near, own[1], strict=True)]
        if (t + 1) % period == 0:
            wide, waiting = [part + late for part, late in zip(wide, waiting, strict=True)], [0, 0]
            near = list(start[2:])
        reads.append(mlp(wide, q[t]) + mlp(near, q[t]))
    return torch.stack(reads)


ORACLES = {
    "linear_attention": descent(matrix, dot, forget=0),
    "retnet": descent(matrix, dot, forget=1 / 32),
    "deltanet": descent(matrix, forget=0),
    "gated_deltanet": gated_deltanet,
    "ttt_linear": descent(matrix, forget=0),
    "ttt_mlp": descent(residual, forget=0),
    "titans": descent(mlp, eta=True),
    "titans_recipe": descent(mlp),
    "moneta": descent(residual, cubed, form=lambda w: w / (w**4).sum().sqrt()),
    "yaad": descent(residual, switched),
    "memora": descent(residual, form=lambda w: w.softmax(-1)),
    "mamba2": descent(matrix, dot),
    "gla": by_channel(replaces=False),
    "rwkv7": by_channel(replaces=True),
    "deltaproduct": deltaproduct,
    "mesa": mesa,
    "omeganet": descent(quadratic, window=4),
    "atlas": descent(quadratic, eta=True, muon=True, window=4),
    "tnt": tnt,
    "cms": cms,
    "hope": hope,
}


@functools.cache
def played(name, chunk, length, changes=()):
    """(start, reads, tokens, clip) of a preset whose gate's numbers are given."""
    preset = PRESETS[name]
    memory = preset.memory_config(dim=WIDTH, chunk=chunk, scale="unit", expansion=2)
    gate = None if preset.config.gate == "channels" else GivenGate()
    config = MirasConfig(**preset.config.to_dict() | dict(changes))
    tokens, numbers = make_tokens(length), make_gate(memory, config, gate).features
    more = torch.randn(2, length, numbers, generator=torch.Generator().manual_seed(5)).double()
    features = more if gate is None else torch.cat([tokens.features, more[..., 3:]], dim=-1)
    tokens = tokens._replace(features=features)
    start, reads, _ = play(config, memory, tokens, gate=gate, step=miras_step)
    return start, reads, tokens, memory.clip


def check_oracle(name, chunk=1, length=LENGTH, oracle=None, **changes):
    start, reads, tokens, clip = played(name, chunk, length, tuple(changes.items()))
    for row in range(2):
        k, v, q, features = (series[row] for series in tokens)
        wanted = (oracle or ORACLES[name])([part[row] for part in start], k, v, q, features, chunk, clip)
        check_close(reads[row], wanted, 1e-8)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_its_own_loop(name):
    check_oracle(name)


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.memory.get("chunk", 1) > 1])
def test_in_chunks_gradients_are_those_at_the_start(name):
    check_oracle(name, chunk=3)
    if name not in ("tnt", "cms"):  # whose writes are late either way
        with pytest.raises(AssertionError):
            start, reads, tokens, clip = played(name, 3, LENGTH)
            wanted = ORACLES[name]([part[0] for part in start], *(part[0] for part in tokens), 1, clip)
            check_close(reads[0], wanted, 1e-8)


def test_a_global_memory_writes_and_a_local_one_restarts():
    own = functools.partial(tnt, period=3)
    check_oracle("tnt", algorithm_number=3, oracle=own)
    check_oracle("tnt", chunk=2, algorithm_number=3, oracle=own)
    with pytest.raises(AssertionError):
        check_oracle("tnt", algorithm_number=3)


def test_levels_write_at_their_own_pace():
    own = functools.partial(cms, period=2)
    check_oracle("cms", chunk=3, algorithm_number=2, oracle=own)
    check_oracle("cms", length=20)  # the second level has been written once


@pytest.mark.parametrize("chunk", [1, 3])
def test_omega_over_one_token_is_titans(chunk):
    memory, tokens = MemoryConfig(dim=WIDTH, chunk=chunk, expansion=2), make_tokens(LENGTH)
    tokens = tokens._replace(features=torch.cat([tokens.features, torch.ones(2, LENGTH, 1).double()], dim=-1))
    found = {}
    for name, number in (("momentum", None), ("omega_momentum", 1), ("omega_momentum", 2)):
        config = MirasConfig("mlp", "l2", "adaptive", name, "learned", algorithm_number=number)
        part = tokens if number == 2 else tokens._replace(features=tokens.features[..., :3])
        found[name, number] = play(config, memory, part, gate=GivenGate())[1]
    check_close(found["omega_momentum", 1], found["momentum", None], 1e-10)
    with pytest.raises(AssertionError):
        check_close(found["omega_momentum", 2], found["momentum", None], 1e-3)


@pytest.mark.parametrize(("degree", "count"), [(1, 5), (2, 20), (3, 55)])
def test_powers_make_a_polynomial_of_the_inner_product(degree, count):
    lift = powers(5, degree)
    x, y = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(0)).double()
    shares = [1 / math.factorial(i) for i in range(1, degree + 1)]
    inner = (x * y).sum(-1)
    wanted = sum(share * inner**i for i, share in enumerate(shares, start=1)) / sum(shares)
    check_close((lift(x) * lift(y)).sum(-1), wanted)
    assert lift.width == lift(x).shape[-1] == count
    unit = functional.normalize(x, dim=-1)
    check_close(lift(unit).norm(dim=-1), torch.ones(7).double())


def test_a_model_takes_a_preset_or_settings_and_refuses_the_rest():
    own = MirasConfig("matrix", "huber", "decay", "adam", "constant")
    assert TitansConfig(memory_rule="yaad").miras == PRESETS["yaad"].config
    assert TitansConfig(memory_rule="yaad").memory.clip is None
    assert TitansConfig(memory_rule=own).miras == own and TitansConfig().miras is None
    assert TitansConfig(memory_rule=own.to_dict()) == TitansConfig(memory_rule=own)
    for settings, words in (
        (dict(memory_rule="nothing"), "memory_rule must be one of .*yaad"),
        (dict(memory_rule="yaad", gate="surprise"), "gate and momentum must be left out"),
        (dict(memory_rule="yaad", momentum=False), "gate and momentum must be left out"),
    ):
        with pytest.raises(ConfigError, match=words):
            TitansConfig(**settings)
