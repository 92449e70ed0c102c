"""titans_mini: a neural memory that keeps learning while it reads.

"Paper" is Titans (arXiv 2501.00663), "MIRAS" is arXiv 2504.13173, and "recipe" is the article on surprise-gated memory
that this project implements beside them. docs/DIFFERENCES.md lists where the code differs from its sources.

Read in this order:

1. config.py               the settings, with their ranges
2. reference.py            the memory as a plain loop over tokens: the oracle that everything else is compared with
3. memory/mlp.py           the memory as a function: an MLP, its inner loss, and one token's gradient
4. memory/scan.py          the recurrence over the tokens of a chunk as products
5. memory/gates.py         what decides how much is written, carried and forgotten
6. memory/state.py         what goes into a memory, comes out of it, and is carried from call to call
7. memory/chunk.py         many tokens at once, with the same numbers; what a rule is
8. memory/neural.py        NeuralMemory: projections, convolution, chunks; memory/contexts.py: other keys
9. models/variants.py      MAC, MAG, MAL and LMM
10. models/model.py        the language model

The files in memory/fast/ give the same numbers faster; a first reader skips them.

One letter, one meaning, in code, notebooks, app and figures, with the exceptions named below:

| name | symbol | meaning | shape | source |
|---|---|---|---|---|
| b, t, c, d, h | | batch, tokens, tokens of a chunk, features of a head, heads | | |
| n | | rows: batch x heads | | |
| k, v, q | k_t, v_t, q_t | key, value, query of a token | (n, c, d) | paper eq. 11, 15 |
| r, p, c_l | | tokens that a key tells apart, their phase, and a factor for each of them | | memory/contexts.py |
| o, i | | outputs and inputs of a layer | | |
| M, weights | M_t | fast weights: the memory itself, one matrix a layer | (n, o, i) | paper eq. 13 |
| W, P | | M and S at the start of a chunk | (n, o, i) | chunk form |
| S, momentum | S_t | momentum of the fast weights (paper: past surprise) | (n, o, i) | paper eq. 14 |
| theta | theta_t | step size of a write | (n, c) | paper eq. 14 |
| eta | eta_t | momentum that is carried | (n, c) | paper eq. 14 |
| alpha | alpha_t | share that is forgotten | (n, c) | paper eq. 13 |
| loss | l | inner loss, norm of M(k) - v squared | (n, c) | paper eq. 12 |
| raw, surprise | | gradient norm over sqrt(d); the same brought to 0..1 | (n, c) | recipe 2.2 |
| smoothed | S_t of the recipe | beta S + (1 - beta) surprise: a number, not the S above | (n, c) | recipe 2.2 |
| tau, softness | tau, alpha of the recipe | threshold of the write gate, and its width | | recipe 2.2 |
| beta, lam, eta | beta, lambda, eta of the recipe | smoothing, decay, step size | | recipe 2.2 |
| g_write, g_forget | | gates of the recipe, 0..1 | (n, c) | recipe 2.2 |

Exceptions: in settings `eta` is the recipe's step size, while in `Gates` it is the paper's momentum and the step is
`theta`. The recipe's S is called `smoothed` here, and its alpha `softness`. In formulas t, j and i are tokens.
"""

import importlib

__version__ = "0.2.0"
# Where the public names live. Each is imported at its first use, so that `import titans_mini` and the start of a
# command take no time, and a command can answer Ctrl-C while torch is loaded.
_HOMES = {
    "ConfigError": ".errors",
    "ConstantGate": ".memory.gates",
    "DivergenceError": ".errors",
    "LearnedGate": ".memory.gates",
    "MemoryConfig": ".config",
    "MemoryState": ".memory.state",
    "NeuralMemory": ".memory",
    "SimulationConfig": ".config",
    "SurpriseGate": ".memory.gates",
    "TitansConfig": ".models.config",
    "TitansLM": ".models.model",
    "Trace": ".trace",
    "simulate": ".simulation",
    "simulate_many": ".simulation",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    """A public name at its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(_HOMES[name], __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
