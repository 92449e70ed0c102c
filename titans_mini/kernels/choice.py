"""Which form of the token loop runs: the kernel's limits, and the choice by device."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import ConfigError, check_choice
from ..memory.chunk import Fast, Record, Rule, Tokens
from ..memory.fastweights import ACTIVATIONS, squared_error
from ..memory.gates import ConstantGate, LearnedGate, SurpriseGate
from ..memory.state import tensors
from .eager import token_loop

STATE_ON_CHIP = 131_072  # bytes of weights and momentum that one program holds in registers


def _interpreted() -> bool:
    """Whether Triton runs its kernels in Python, on any device: slow, for tests."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def _is_power_of_two(number: int) -> bool:
    return number > 0 and number & (number - 1) == 0


def _state_fits(fast: Fast, tokens: Tokens, rule: Rule) -> bool:
    has_momentum = not isinstance(rule.gate, SurpriseGate)  # at 4 x width: width 64 without, 32 with (float32)
    return sum(weight[0].nbytes for weight in fast.weights) * (1 + has_momentum) <= STATE_ON_CHIP


# What the kernel asks for, each with its test. The first one that fails is the reason for the eager loop.
LIMITS: dict[str, Callable[[Fast, Tokens, Rule], bool]] = {
    "triton is installed": lambda fast, tokens, rule: importlib.util.find_spec("triton") is not None,
    "tensors lie on a CUDA device": lambda fast, tokens, rule: tokens.keys.is_cuda or _interpreted(),
    "float32 or float64": lambda fast, tokens, rule: tokens.keys.dtype in (torch.float32, torch.float64),
    "depth 2": lambda fast, tokens, rule: len(fast.weights) == 2,
    "activation silu": lambda fast, tokens, rule: rule.activation is ACTIVATIONS["silu"],
    "the inner loss of the paper": lambda fast, tokens, rule: rule.bias is squared_error,
    "gate surprise, learned or constant": lambda fast, tokens, rule: type(rule.gate) in (
        SurpriseGate, LearnedGate, ConstantGate,
    ),
    "head and hidden width powers of two": lambda fast, tokens, rule: all(
        map(_is_power_of_two, fast.weights[0].shape[1:])
    ),
    f"weights and momentum of at most {STATE_ON_CHIP // 1024} KB a row and head": _state_fits,
    "decay towards zero": lambda fast, tokens, rule: rule.origin is None,
    "no mask": lambda fast, tokens, rule: tokens.valid is None,
}  # fmt: skip


def obstacle(fast: Fast, tokens: Tokens, rule: Rule) -> str | None:
    """The first of LIMITS that this run does not keep, or None: the kernel can run it."""
    return next((name for name, holds in LIMITS.items() if not holds(fast, tokens, rule)), None)


def _triton(fast: Fast, tokens: Tokens, rule: Rule) -> tuple[Tensor | None, Fast, Record]:
    missing = obstacle(fast, tokens, rule)
    if missing is not None:
        raise ConfigError(f"backend triton needs: {missing}")
    from .launch import launch  # triton is optional, and it reads TRITON_INTERPRET when it is imported

    return launch(fast, tokens, rule)


def _auto(fast: Fast, tokens: Tokens, rule: Rule) -> tuple[Tensor | None, Fast, Record]:
    chosen = _triton if obstacle(fast, tokens, rule) is None else token_loop
    return chosen(fast, tokens, rule)


BACKENDS: dict[str, Callable] = {
    "auto": _auto,  # the kernel where it can run, else the loop
    "triton": _triton,  # the kernel, or a ConfigError that names the limit
    "eager": token_loop,
}


def run(fast: Fast, tokens: Tokens, rule: Rule, *, backend: str = "auto") -> tuple[Tensor | None, Fast, Record]:
    """Writes tokens (n, t, d) one by one and reads after each write; returns (reads, memory, record (n, t)).

    Forward only, whatever the backend: raises ConfigError where a gradient is wanted. The chunk form has one.
    """
    check_choice("backend", backend, BACKENDS)
    given = [*tensors(fast), *tensors(tokens), *rule.gate.parameters()]
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in given):
        raise ConfigError("kernels.run has no gradient: call it under torch.no_grad, or train with NeuralMemory")
    return BACKENDS[backend](fast, tokens, rule)
