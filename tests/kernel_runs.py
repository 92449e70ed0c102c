"""What the kernel is tested on, and a program that runs it: python kernel_runs.py FOLDER DEVICE.

It reads names of cases, a line each, writes FOLDER/name.safetensors and says done. A process of its own, since Triton
reads TRITON_INTERPRET once, when it is first imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

import torch
from builders import CONSTANT, SURPRISE, Pairing, PlainSurprise, fresh
from safetensors.torch import save_file
from torch import Tensor

from titans_mini import ConstantGate, LearnedGate, MemoryConfig, NeuralMemory, SurpriseGate
from titans_mini.memory.chunk import Fast, TitansRule, Tokens, run_chunks
from titans_mini.memory.fast import kernel
from titans_mini.memory.gates import NORMALISERS
from titans_mini.memory.mlp import ACTIVATIONS, initial_weights
from titans_mini.memory.tree import named, tensors

ROWS, TOKENS = 2, 6
CUT = 4  # the tokens come in two parts, so that the state is carried over
WIDTH, HIDDEN = 6, 18  # no powers of two, so that tiles have rows and columns beyond the matrix
# Bytes of a row that stay in registers, and of a tile: what is kept of the memory follows from them (float64).
KEPT = {"all": (131_072, 16_384), "weights": (2 * 8 * 8 * 32, 16_384), "none": (0, 8 * 8 * 8)}


class Case(NamedTuple):
    """A gate with its plain form, and what else a rule and a stream can differ in."""

    pairing: Pairing
    clip: float | None = 0.5
    activation: str = "silu"
    origin: int = 0  # heads that the memory's W_0 has; 0: it decays towards zero
    kept: str = "all"
    stream: str = "usual"  # or wide, which is float32; unasked; nan

    def rule(self, device: str = "cpu") -> TitansRule:
        """The rule, which records norms."""
        gate = self.pairing.gate.to(device)
        random = torch.Generator().manual_seed(4)
        shapes = (self.origin, HIDDEN, WIDTH), (self.origin, WIDTH, HIDDEN)
        origin = [torch.randn(shape, generator=random, dtype=torch.float64).to(device) for shape in shapes]
        return TitansRule(gate, ACTIVATIONS[self.activation], self.clip, True, origin=origin if self.origin else None)


def _plain_learned(features: Tensor):
    return lambda t, raw: (torch.sigmoid(features[t]) * features.new_tensor([0.25, 1, 1])).unbind()


def _surprise(normaliser: str) -> Pairing:
    gate = SurpriseGate(**SURPRISE, normaliser=normaliser).double()
    return Pairing(gate, lambda features: PlainSurprise(normaliser, **SURPRISE), momentum=False)


def _plain_constant(features: Tensor):
    return lambda t, raw: tuple(features.new_tensor(value) for value in CONSTANT.values())


LEARNED = Pairing(LearnedGate(WIDTH, theta_max=0.25).double(), _plain_learned)
EXCESS = _surprise("excess")
CASES: dict[str, Case] = {  # compared with the token loop
    "learned": Case(LEARNED),
    "constant": Case(Pairing(ConstantGate(**CONSTANT).double(), _plain_constant)),
    **{normaliser: Case(_surprise(normaliser)) for normaliser in NORMALISERS},
    "learned_unclipped": Case(LEARNED, None),
    "excess_unclipped": Case(EXCESS, None),
    "learned_weights_kept": Case(LEARNED, kept="weights"),
    "learned_tiles": Case(LEARNED, kept="none"),
    "excess_tiles": Case(EXCESS, kept="none"),
    "gelu_origin_tiles": Case(LEARNED, activation="gelu", origin=ROWS, kept="none"),
    "tanh_origin": Case(EXCESS, activation="tanh", origin=1),
}
OTHERS = {  # compared with chunks of one token only
    "wide": Case(LEARNED, stream="wide"),
    "wide_tiles": Case(LEARNED, kept="none", stream="wide"),
    "unasked": Case(EXCESS, stream="unasked"),
    "learned_unasked": Case(LEARNED, stream="unasked", kept="none"),
    **{f"nan_{normaliser}": Case(_surprise(normaliser), stream="nan") for normaliser in NORMALISERS},
    "nan_unclipped": Case(LEARNED, None, stream="nan", kept="none"),
}


def memory(case: Case, device: str = "cpu") -> tuple[Fast, Tokens]:
    """Start memory and tokens, which differ in each row; theta and alpha are well above 0.

    A wide one is as in the shipped models: heads of width 64 with 256 hidden units.
    """
    random = torch.Generator().manual_seed(3)
    wide = case.stream == "wide"
    length = TOKENS if case.stream == "usual" else 3
    rows, width, hidden = (1, 64, 256) if wide else (ROWS, WIDTH, HIDDEN)
    config = MemoryConfig(dim=rows * width, heads=rows, expansion=hidden // width)
    dtype = torch.float32 if wide else torch.float64
    weights = tuple(weight.to(device, dtype) for weight in initial_weights(config, random))
    parts = [
        torch.randn(rows, length, size, generator=random, dtype=torch.float64) for size in (width, width, width, 3)
    ]
    parts[0] = torch.nn.functional.normalize(parts[0], dim=-1)
    if case.stream == "nan":
        parts[1][0, 1, 1] = torch.nan
    keys, values, queries, features = (part.to(device, dtype) for part in parts)
    return fresh(weights), Tokens(keys, values, None if case.stream == "unasked" else queries, features)


def run(case: Case, step: Callable, device: str = "cpu") -> dict[str, Tensor]:
    """Reads, record and final memory of one case, in two calls. The caller's memory stays what it is."""
    fast, tokens = memory(case, device)
    parts, cut = [], min(CUT, tokens.keys.shape[1] - 1)
    for part in (slice(None, cut), slice(cut, None)):
        piece = Tokens(*(field if field is None else field[:, part].contiguous() for field in tokens))
        before, copies = tensors(fast), [tensor.clone() for tensor in tensors(fast)]
        with torch.no_grad():
            reads, fast, record = step(fast, piece, case.rule(device))
        assert all(torch.allclose(*pair, rtol=0, atol=0, equal_nan=True) for pair in zip(before, copies, strict=True))
        found = dict(reads=reads, raw=record.raw, loss=record.loss, memory_norm=record.memory_norm)
        parts.append(found | {name: tensor for name, tensor in record.gates._asdict().items() if name != "eta"})
    assert (reads is None) == (tokens.queries is None)
    found = {
        name: torch.cat([part[name] for part in parts], dim=1)
        for name, tensor in parts[0].items()
        if tensor is not None
    }
    found |= {f"weights.{i}": tensor for i, tensor in enumerate(fast.weights)}
    found |= {f"momentum.{i}": tensor for i, tensor in enumerate(fast.momentum)}
    return found | {f"gate.{name}": tensor for name, tensor in fast.gate._asdict().items()}


def loop(fast: Fast, tokens: Tokens, rule: TitansRule):
    """Chunks of one token."""
    return run_chunks(fast, tokens, rule, 1)


def on_the_kernel(case: Case) -> Callable:
    """The kernel, which must serve, with as much of the memory in registers as the case says."""

    def step(fast: Fast, tokens: Tokens, rule: TitansRule):
        wide = case.stream == "wide"
        kernel.STATE_ON_CHIP, kernel.TILE = KEPT[case.kept]
        if wide:
            kernel.TILE = KEPT["all"][1]
        plan = kernel.plan(fast, rule)
        assert plan.kept == {"all": 2 if wide else plan.matrices, "weights": 2, "none": 0}[case.kept]
        assert kernel.obstacle(fast, tokens, rule) is None
        return kernel.launch(fast, tokens, rule)

    return step


def run_memory(device: str) -> dict[str, Tensor]:
    """Output and state of a whole memory: chunk by chunk, and without a gradient, when the kernel serves it."""
    torch.manual_seed(0)
    kernel.STATE_ON_CHIP, kernel.TILE = KEPT["all"]
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
    folder, device = sys.argv[1:]
    for name in map(str.strip, sys.stdin):
        case = (CASES | OTHERS).get(name)
        found = run_memory(device) if name == "memory" else run(case, on_the_kernel(case), device)
        save_file({key: tensor.cpu().contiguous() for key, tensor in found.items()}, f"{folder}/{name}.safetensors")
        print("done", flush=True)
