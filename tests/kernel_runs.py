"""What the kernel is tested on, and a program that runs it: python kernel_runs.py TOKENS OUTCOMES DEVICE.

A process of its own, since Triton reads TRITON_INTERPRET once, when it is first imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

import torch
from builders import CONSTANT, SURPRISE, Pairing, PlainSurprise
from safetensors.torch import load_file, save_file
from torch import Tensor

from titans_mini import ConstantGate, LearnedGate, MemoryConfig, NeuralMemory, SurpriseGate
from titans_mini.memory.chunk import Fast, TitansRule, Tokens, run_chunks
from titans_mini.memory.fast import kernel
from titans_mini.memory.gates import NORMALISERS, initial_gate_state
from titans_mini.memory.tree import named

CUT = 4  # the tokens come in two parts, so that the state is carried over
WIDTH, HIDDEN = 8, 16


class Case(NamedTuple):
    """A gate with its plain form, and the clip."""

    pairing: Pairing
    clip: float | None


def _plain_learned(features: Tensor):
    return lambda t, raw: (torch.sigmoid(features[t]) * features.new_tensor([0.25, 1, 1])).unbind()


def _surprise(normaliser: str) -> Pairing:
    gate = SurpriseGate(**SURPRISE, normaliser=normaliser).double()
    return Pairing(gate, lambda features: PlainSurprise(normaliser, **SURPRISE), momentum=False)


def _plain_constant(features: Tensor):
    return lambda t, raw: tuple(features.new_tensor(value) for value in CONSTANT.values())


PAIRINGS: dict[str, Pairing] = {
    "learned": Pairing(LearnedGate(WIDTH, theta_max=0.25).double(), _plain_learned),
    "constant": Pairing(ConstantGate(**CONSTANT).double(), _plain_constant),
    **{normaliser: _surprise(normaliser) for normaliser in NORMALISERS},
}
CASES: dict[str, Case] = {name: Case(pairing, 0.5) for name, pairing in PAIRINGS.items()}
CASES["learned_unclipped"] = Case(PAIRINGS["learned"], None)
CASES["excess_unclipped"] = Case(PAIRINGS["excess"], None)


def memory(given: dict[str, Tensor]) -> tuple[Fast, Tokens]:
    """The start memory and the tokens of a file of tensors."""
    weights = (given["first"], given["second"])
    fast = Fast(weights, tuple(map(torch.zeros_like, weights)), initial_gate_state(len(weights[0]), weights[0]))
    return fast, Tokens(*(given[name] for name in ("keys", "values", "queries", "features")))


def run(case: Case, given: dict[str, Tensor], step: Callable) -> dict[str, Tensor]:
    """Reads, record and final memory of one case, in two calls."""
    fast, tokens = memory(given)
    rule, parts = TitansRule(case.pairing.gate.to(tokens.keys.device), clip=case.clip, record_norm=True), []
    for part in (slice(None, CUT), slice(CUT, None)):
        piece = Tokens(*(field if field is None else field[:, part].contiguous() for field in tokens))
        with torch.no_grad():
            reads, fast, record = step(fast, piece, rule)
        parts.append((reads, record.raw, record.loss, record.memory_norm, record.gates.theta, record.gates.alpha))
    names = ("reads", "raw", "loss", "memory_norm", "theta", "alpha")
    found = {name: torch.cat(series, dim=1) for name, series in zip(names, zip(*parts, strict=True), strict=True)}
    found |= {f"weights.{i}": tensor for i, tensor in enumerate(fast.weights)}
    found |= {f"momentum.{i}": tensor for i, tensor in enumerate(fast.momentum)}
    return found | {f"gate.{name}": tensor for name, tensor in fast.gate._asdict().items()}


def loop(fast: Fast, tokens: Tokens, rule: TitansRule):
    """Chunks of one token."""
    return run_chunks(fast, tokens, rule, 1)


def on_the_kernel(fast: Fast, tokens: Tokens, rule: TitansRule):
    """The kernel, which must serve."""
    assert kernel.obstacle(fast, tokens, rule) is None
    return kernel.launch(fast, tokens, rule)


def run_memory(device: str) -> dict[str, Tensor]:
    """Output and state of a whole memory: chunk by chunk, and without a gradient, when the kernel serves it."""
    torch.manual_seed(0)
    module = NeuralMemory(MemoryConfig.preset("recipe", dim=WIDTH, expansion=HIDDEN // WIDTH)).double().to(device)
    x, launches, launch = torch.randn(2, 9, WIDTH, dtype=torch.float64).to(device), [], kernel.launch
    kernel.launch = lambda *given, **options: (launches.append(given), launch(*given, **options))[1]
    found = {}
    for name, grad in (("plain", True), ("kernel", False)):
        with torch.set_grad_enabled(grad):
            first, state = module(x[:, :CUT])
            second, state = module(x[:, CUT:], state)
        found[f"{name}/out"] = torch.cat([first, second], dim=1).detach()
        found |= {f"{name}/{key}": tensor.detach() for key, tensor in named(state).items()}
    kernel.launch = launch
    return found | {"launches": torch.tensor(len(launches))}


if __name__ == "__main__":
    source, target, device = sys.argv[1:]
    tokens = {name: tensor.to(device) for name, tensor in load_file(source).items()}
    outcomes = {}
    for name, case in CASES.items():
        outcomes |= {f"{name}/{key}": tensor for key, tensor in run(case, tokens, on_the_kernel).items()}
    fast, given = memory(tokens)
    before = [weight.clone() for weight in fast.weights]
    rule = TitansRule(CASES["excess"].pairing.gate)
    with torch.no_grad():
        reads, after, record = on_the_kernel(fast, given._replace(queries=None), rule)
    assert reads is None and record.memory_norm is None and record.raw.shape == given.keys.shape[:2]
    assert all(map(torch.equal, before, fast.weights)) and not torch.equal(after.weights[0], fast.weights[0])
    outcomes |= {f"memory/{key}": tensor for key, tensor in run_memory(device).items()}
    save_file({name: tensor.cpu().contiguous() for name, tensor in outcomes.items()}, target)
