"""simulate: a stream through a memory, one setting or many at once, to a Trace."""

import math
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from .config import MemoryConfig, SimulationConfig
from .data import Stream
from .defaults import plain_defaults
from .devices import usable_device
from .encoding import read_stream
from .errors import ConfigError
from .memory.chunk import TitansRule, run_chunks
from .memory.fast import device_loop
from .memory.fast.rows import each_row
from .memory.gates import ConstantGate, SurpriseGate, initial_gate_state
from .memory.mlp import ACTIVATIONS, Weights, apply_memory, count_weights, initial_weights, weight_norm
from .memory.state import Fast, Record, Tokens
from .memory.tree import join, map_tree
from .threads import one_thread
from .trace import COLUMNS, Trace, blank_from_divergence

BLOCK = 64  # chunks whose tensors live at once; thousands would set off Python's slow full garbage collections
STRETCH = 65_536  # tokens, of all rows together, that a compiled loop reads before it reports; about half a second
CACHED = 1_048_576  # weights, 4 MB: with three times as many, each row takes twice as long
HUGE = 1e15  # raw surprise of a run that is lost
PIECE = 512  # tokens whose loss is taken at once
METER_CHUNK = 64  # tokens measured at once where the gate itself does not measure surprise


def simulate(config: SimulationConfig, text: str | None = None, *, device: str = "cpu") -> Trace:
    """Runs one setting over its scenario, or over `text` if given. Raises ConfigError for bad settings, text or device.

    A run that leaves the range of floats ends in a Trace whose `diverged_at` names the token.
    """
    return simulate_many([config], text, device=device)[0]


@plain_defaults()
def simulate_many(
    configs: Sequence[SimulationConfig],
    text: str | None = None,
    *,
    beat: Callable[[int], None] | None = None,
    device: str = "cpu",
) -> list[Trace]:
    """Runs settings that differ only in tau, beta, lam, eta and softness, in groups that share products.

    `beat` is called now and then with the number of tokens read; an exception that it raises ends the run. The streams
    and the initial weights are drawn on the CPU, so that every `device` reads the same.
    """
    if not configs:
        raise ConfigError("configs must hold at least 1 SimulationConfig, not 0")
    first, place = configs[0], usable_device(device)
    _check_alike(configs)
    began = time.perf_counter()
    size = math.ceil(len(configs) / count_groups(first.memory, len(configs)))
    groups, columns = [configs[at : at + size] for at in range(0, len(configs), size)], []
    with torch.inference_mode(), one_thread():
        stream = read_stream(first, text)
        for number, group in enumerate(groups):
            before = number * len(stream.ids)
            share = beat and (lambda read, before=before: beat((before + read) // len(groups)))
            start = map_tree(lambda part: part.to(place), start_fast(first, len(group)))
            fast, record = run_stream(group, stream, start, share)
            columns += _columns(group, stream, fast, map_tree(Tensor.cpu, record))
    norm_start = float(weight_norm(start.weights)[0])  # the same in each row of each group
    seconds = (time.perf_counter() - began) / len(configs)
    return [_trace(*row, stream, norm_start, seconds) for row in zip(configs, columns, strict=True)]


def count_groups(memory: MemoryConfig, rows: int) -> int:
    """The number of groups, run one after the other, such that the weights of each fit a processor's cache."""
    return math.ceil(rows * count_weights(memory) / CACHED)


@plain_defaults()
def start_fast(config: SimulationConfig, rows: int = 1) -> Fast:
    """The memory before the first token: the same seeded weights in each row."""
    generator = torch.Generator().manual_seed(config.seed)
    weights = tuple(weight.repeat(rows, 1, 1) for weight in initial_weights(config.memory, generator))
    momentum = tuple(torch.zeros_like(weight) for weight in weights)
    return Fast(weights, momentum, initial_gate_state(rows, weights[0]))


@plain_defaults()
def run_stream(
    configs: Sequence[SimulationConfig], stream: Stream, fast: Fast, beat: Callable[[int], None] | None = None
) -> tuple[Fast, Record]:
    """Writes every token of the stream; returns the final memory and the record of all tokens, (rows, t).

    It runs on the device of `fast`.
    """
    memory, place = configs[0].memory, fast.weights[0].device
    rule, tokens = make_rule(configs, place), _tokens(stream, memory.norm, len(configs), place)
    loop = device_loop(fast, tokens, rule) if memory.chunk == 1 else None
    run = loop or partial(run_chunks, chunk=memory.chunk)
    blocks, read = [], 0
    for block in tokens.split(math.ceil(STRETCH / len(configs)) if loop else BLOCK * memory.chunk):
        _, fast, record = run(fast, block, rule=rule)
        blocks.append(record)
        read += block.keys.shape[1]
        if beat:
            beat(read)
    return fast, join(blocks)


def _tokens(stream: Stream, norm: float, rows: int, place: torch.device) -> Tokens:
    return Tokens(*(series.to(place).mul(norm).expand(rows, -1, -1) for series in (stream.keys, stream.values)))


def make_rule(configs: Sequence[SimulationConfig], place: torch.device) -> TitansRule:
    """The rule of some settings, a row each, with the memory norm recorded after each write."""
    memory, gate = configs[0].memory, make_gate(configs).to(place)
    origin = None if memory.decay == "zero" else [part.to(place) for part in start_fast(configs[0]).weights]
    return TitansRule(gate, ACTIVATIONS[memory.activation], memory.clip, record_norm=True, origin=origin)


def make_gate(configs: Sequence[SimulationConfig]) -> nn.Module:
    """The gate of some settings, a row each.

    The recipe's names stand for other things in the paper, so here its numbers are called what they do.
    """
    numbers = zip(*((each.tau, each.beta, each.lam, each.eta, each.softness) for each in configs), strict=True)
    threshold, smoothing, decay, step, softness = (torch.tensor(part).unsqueeze(-1) for part in numbers)  # (n, 1)
    if configs[0].gate == "constant":
        return ConstantGate(theta=step, eta=smoothing, alpha=decay)
    normaliser = configs[0].normaliser
    return SurpriseGate(tau=threshold, beta=smoothing, lam=decay, eta=step, softness=softness, normaliser=normaliser)


def _columns(configs, stream: Stream, fast: Fast, record: Record) -> list[dict[str, np.ndarray]]:
    """The columns of each row's Trace, each (t,) float64."""
    memory, gates = configs[0].memory, record.gates
    surprise, smoothed = gates.surprise, gates.smoothed
    if surprise is None:
        surprise, smoothed = _measure(configs, record.raw)
    tokens = _tokens(stream, memory.norm, len(configs), fast.weights[0].device)
    series = {
        "surprise": surprise,
        "momentum": smoothed,
        "g_write": gates.g_write,
        "g_forget": gates.g_forget,
        "memory_norm": record.memory_norm,
        "loss": record.loss / memory.norm**2,
        "raw": record.raw,
        "loss_after": _losses(fast.weights, tokens, memory).cpu(),
    }
    return [{name: series[name][row].double().numpy() for name in COLUMNS} for row in range(len(configs))]


def _losses(weights: Weights, tokens: Tokens, memory: MemoryConfig) -> Tensor:
    """(rows, t) inner loss of every token at these weights; float64 where it is beyond the range of float32.

    By pieces, so that what passes between two layers stays in the cache, and each core takes its own rows.
    """

    @torch.no_grad()  # a thread's own setting
    def of_row(row: tuple[Tensor, ...]) -> Tensor:
        keys, values, *own = row
        pieces = zip(keys.split(PIECE, dim=1), values.split(PIECE, dim=1), strict=True)
        return torch.cat([_loss(memory, *pair, *own) for pair in pieces], dim=1)

    parts = (part.split(1) for part in (tokens.keys, tokens.values, *weights))
    return torch.cat(each_row(of_row, list(zip(*parts, strict=True))))


def _loss(memory: MemoryConfig, keys: Tensor, values: Tensor, *weights: Tensor) -> Tensor:
    error = apply_memory(weights, keys, ACTIVATIONS[memory.activation]) - values
    loss = error.square().sum(-1) / memory.norm**2
    if loss.dtype == torch.float64 or bool(loss.isfinite().all()):
        return loss
    exact = _loss(memory, *map_tree(Tensor.double, (keys, values, *weights)))
    return torch.where(loss.isfinite(), loss.double(), exact)


def _measure(configs, raw: Tensor) -> tuple[Tensor, Tensor]:
    """Surprise, and its smoothed series, of a finished run whose gate did not need them."""
    gate = make_gate([replace(config, gate="surprise") for config in configs])
    state, parts = initial_gate_state(len(raw), raw), []
    raw = torch.where(raw < HUGE, raw, 0.0)  # tokens after a divergence must not spoil those before it
    for piece in raw.split(METER_CHUNK, dim=1):
        surprise, smoothed, state = gate.measure(piece, state)
        parts.append((surprise, smoothed))
    return join(parts)


def _trace(config, columns: dict, stream: Stream, norm_start: float, seconds: float) -> Trace:
    diverged = blank_from_divergence(columns, "loss_after")
    return Trace(
        settings=config,
        tokens=stream.ids.numpy().astype(np.uint8),
        **columns,
        norm_start=norm_start,
        seconds=seconds,
        events=stream.events,
        diverged_at=diverged,
        versions={"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
    )


def _check_alike(configs: Sequence[SimulationConfig]) -> None:
    if configs[0].memory.heads != 1:
        raise ConfigError("heads must be 1 in a simulation, not {heads}", heads=configs[0].memory.heads)
    for name in ("scenario", "tokens", "normaliser", "gate", "seed", "encoding", "memory"):
        if any(getattr(config, name) != getattr(configs[0], name) for config in configs):
            raise ConfigError("{name} must be the same in all settings of one batch", name=name)
