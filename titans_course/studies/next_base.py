"""A next-base model whose memory can be swapped, to train for some seconds on the bundled genome.

`MODEL` is its source as text, `swap` the two lines that make its MLP memory a CNN. Recipe: 4.
"""

import copy
import math
from dataclasses import replace
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from titans_mini.data.dna import BASES
from titans_mini.errors import ConfigError, check_integer
from titans_mini.miras.rule import make_gate
from titans_mini.training.tasks import dna_bases, pieces

MODEL = """
from torch import nn
from titans_mini import MemoryConfig
from titans_mini.miras import MirasConfig, MirasMemory

class NextBase(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        architecture = "mlp"
        theta = 0.1
        rule = MirasConfig(architecture, algorithm="gd", theta=theta)
        self.embed, self.head = nn.Embedding(4, dim), nn.Linear(dim, 4)
        self.memory = MirasMemory(MemoryConfig(dim=dim, chunk=32), rule)

    def forward(self, ids):
        x = self.embed(ids)
        return self.head(x + self.memory(x)[0])
""".lstrip()
CHANGES = {'architecture = "mlp"': 'architecture = "cnn"', "theta = 0.1": "theta = 0.02"}


def swap(source: str = MODEL) -> str:
    """The same source with a 3-layer CNN as memory. Raises ConfigError unless each line to change occurs once."""
    for old, new in CHANGES.items():
        if source.count(f"{old}\n") != 1:
            text = "source must have the line {line} once, not {count} times"
            raise ConfigError(text, line=repr(old), count=source.count(old))
        source = source.replace(f"{old}\n", f"{new}\n")
    return source


def build(source: str, seed: int = 0) -> nn.Module:
    """A NextBase built from this source."""
    module = ModuleType("next_base")
    exec(source, module.__dict__)
    torch.manual_seed(seed)
    return module.NextBase()


def fit(model: nn.Module, *, steps: int = 40, seed: int = 0, rows: int = 4, length: int = 64) -> list[float]:
    """Trains on random stretches of the genome's first nine tenths; returns bits per base of each step."""
    generator, bases = torch.Generator().manual_seed(seed), dna_bases()
    adam = torch.optim.Adam(model.parameters(), lr=0.02)
    bits = []
    for _ in range(steps):
        loss = loss_of(model, pieces(bases, rows, length, generator))
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        bits.append(loss.item() / math.log(2))
    return bits


def loss_of(model: nn.Module, ids: Tensor) -> Tensor:
    """Mean cross-entropy in nats of each base of ids (b, t) but the first."""
    return cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())


@torch.no_grad()
def held_out_bits(model: nn.Module, length: int = 257) -> float:
    """Bits per base over the genome's last tenth, in stretches that each start with a fresh memory."""
    bases = dna_bases(held_out=True)
    whole = len(bases) // length * length
    return loss_of(model, bases[:whole].view(-1, length)).item() / math.log(2)


def frozen(model: nn.Module) -> nn.Module:
    """A copy whose memory does not write: it answers with its trained initial weights."""
    model = copy.deepcopy(model)
    memory = model.memory
    silent = replace(memory.rule.miras, gate="constant", theta=0.0, alpha=0.0)
    model.memory = memory.with_rule(memory.rule._replace(gate=make_gate(memory.config, silent)))
    return model


def markov_bits(train: Tensor, test: Tensor, order: int, prior: float = 1.0) -> float:
    """Bits per base of `test` (t,) under an order-k Markov model counted on `train`, each count begun at `prior`."""
    check_integer("order", order, 0, 12)
    kinds = len(BASES)
    counts = torch.full((kinds**order, kinds), prior, dtype=torch.float64)
    context, following = _contexts(train, order)
    counts.index_put_((context, following), torch.ones(len(following), dtype=torch.float64), accumulate=True)
    context, following = _contexts(test, order)
    return -(counts / counts.sum(-1, keepdim=True))[context, following].log2().mean().item()


def _contexts(bases: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """The number that the `order` bases before each base spell, and that base; (t - order,) each."""
    windows = bases.unfold(0, order + 1, 1)  # (t - order, order + 1)
    place = len(BASES) ** torch.arange(order - 1, -1, -1)
    return (windows[:, :order] * place).sum(-1), windows[:, order]
