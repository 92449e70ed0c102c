"""One token taken apart: key, value, prediction, error, the rank-one gradient, the weights before and after.

Recipe: 2.2, step by step. Paper: eq. 12-14.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from titans_mini.config import SimulationConfig
from titans_mini.data import Stream
from titans_mini.defaults import plain_defaults
from titans_mini.encoding import read_stream
from titans_mini.errors import check_integer, check_number
from titans_mini.memory.chunk import Fast, Tokens
from titans_mini.memory.gates import ConstantGate
from titans_mini.memory.mlp import ACTIVATIONS, Activation, apply_memory, gradients, weight_norm
from titans_mini.simulation import make_rule, run_stream, start_fast


class Step(NamedTuple):
    """A token's write; matrices are (outputs, inputs), vectors (dim,)."""

    token: int
    byte: int
    key: np.ndarray
    value: np.ndarray
    prediction: np.ndarray  # M(k) before the write
    error: np.ndarray  # prediction - value
    gradients: list[np.ndarray]  # per layer, delta outer a
    deltas: list[np.ndarray]  # per layer (outputs,)
    inputs: list[np.ndarray]  # per layer (inputs,)
    before: list[np.ndarray]  # weights per layer
    after: list[np.ndarray]  # with the momentum that the gate carries, if it has any
    raw: float  # ||grad|| / sqrt(d)
    theta: float
    alpha: float
    g_write: float
    loss_before: float  # over the mean square norm of values
    loss_after: float  # of the same pair, once written
    norm_before: float
    norm_after: float


@plain_defaults()
def dissect(
    config: SimulationConfig, token: int, *, text: str | None = None, theta: float | None = None, alpha=None
) -> Step:
    """Reads the stream up to `token` and takes that token's write apart.

    `theta` and `alpha` replace what the gate decides, for this token only. ConfigError for a token outside the
    stream, or a memory that does not run token by token (chunk 1).
    """
    check_integer("chunk", config.memory.chunk, 1, 1)
    memory, activation = config.memory, ACTIVATIONS[config.memory.activation]
    stream = read_stream(config, text)
    check_integer("token", token, 0, len(stream.ids) - 1)
    with torch.inference_mode():
        fast = start_fast(config)
        if token:
            fast, _ = run_stream([config], Stream(*(part[:token] for part in stream[:3]), events=()), fast)
        pair = Tokens(*(part[None, token : token + 1] * memory.norm for part in (stream.keys, stream.values)))
        rule = make_rule([config], fast.weights[0].device)
        gates = rule.step(fast, pair)[2].gates
        theta = float(gates.theta) if theta is None else check_number("theta", theta, 0, 10)
        alpha = float(gates.alpha) if alpha is None else check_number("alpha", alpha, 0, 1)
        eta = 0.0 if gates.eta is None else float(gates.eta)
        fixed = ConstantGate(theta=theta, eta=eta, alpha=alpha)
        _, after, record = rule._replace(gate=fixed).step(fast, pair)
        left = apply_memory(after.weights, pair.keys, activation) - pair.values
        return Step(
            token=token,
            byte=int(stream.ids[token]),
            **_parts(fast, pair, activation),
            after=_numbers(after.weights),
            raw=float(record.raw),
            theta=theta,
            alpha=alpha,
            g_write=float(gates.g_write),
            loss_before=float(record.loss) / memory.norm**2,
            loss_after=float(left.square().sum()) / memory.norm**2,
            norm_before=float(weight_norm(fast.weights)),
            norm_after=float(weight_norm(after.weights)),
        )


def _parts(fast: Fast, pair: Tokens, activation: Activation) -> dict:
    """The vectors and matrices of one token before its write."""
    activity = gradients(fast.weights, pair.keys, pair.values, activation)
    inputs, deltas = ([part[0] for part in _numbers(series)] for series in (activity.inputs, activity.deltas))
    return {
        "key": pair.keys[0, 0].numpy(),
        "value": pair.values[0, 0].numpy(),
        "prediction": activity.outputs[-1][0, 0].numpy(),
        "error": activity.error[0, 0].numpy(),
        "gradients": [np.outer(delta, a) for delta, a in zip(deltas, inputs, strict=True)],
        "deltas": deltas,
        "inputs": inputs,
        "before": _numbers(fast.weights),
    }


def _numbers(parts) -> list[np.ndarray]:
    """The first row of each tensor, as an array of its own."""
    return [part[0].numpy().copy() for part in parts]


def losses(step: Step, thetas: np.ndarray, activation: str = "silu") -> np.ndarray:
    """Loss of the step's pair after a write of each of these sizes (n,), with all else unchanged: (n,).

    What else the step adds to the weights, as momentum does, is added at each size; a step that overflows adds nothing.
    """
    double = partial(torch.as_tensor, dtype=torch.float64)  # a far too large write must not overflow
    sizes = double(thetas)[:, None, None]
    weights = []
    for before, gradient, after in zip(step.before, step.gradients, step.after, strict=True):
        kept, gradient = (1 - step.alpha) * double(before), double(gradient)
        more = double(after) - kept + step.theta * gradient
        weights.append(kept + more.nan_to_num(0, 0, 0) - sizes * gradient)  # (n, o, i)
    keys = double(step.key).expand(len(sizes), 1, -1)  # (n, 1, d)
    left = apply_memory(weights, keys, ACTIVATIONS[activation])[:, 0] - double(step.value)
    unit = float(double(step.error).square().sum()) / step.loss_before if step.loss_before else 1.0
    return (left.square().sum(-1) / unit).numpy()
