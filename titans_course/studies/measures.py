"""Numbers that summarise a trace: how often it writes, how the norm grows, how S jitters and lags, what is retained."""

import numpy as np

from titans_mini.errors import ConfigError
from titans_mini.memory.mlp import count_weights
from titans_mini.trace import WRITE_LEVEL, Trace

STEP_WINDOW = 300  # tokens after an event in which the gate is expected to open


def writes_per_1k(trace: Trace) -> float:
    """Tokens with g_write > 0.5, per 1,000. Recipe: 5.1, whose normal range is 30..80."""
    return trace.summary()["writes_per_1k"]


def write_frequency(trace: Trace, window: int = 1000) -> np.ndarray:
    """(t,) writes per 1,000 tokens over the last `window` tokens up to each one, over all of them at the start.

    NaN from a divergence on.
    """
    counts = np.cumsum(np.nan_to_num(trace.g_write) > WRITE_LEVEL)
    earlier = np.concatenate([np.zeros(window), counts])[: len(counts)]
    frequency = (counts - earlier) * 1000 / np.minimum(np.arange(1, len(counts) + 1), window)
    return np.where(np.isnan(trace.g_write), np.nan, frequency)


def norm_growth(trace: Trace) -> float:
    """Memory norm at the end over memory norm at the start; infinite if the run diverged."""
    return float("inf") if trace.diverged_at is not None else float(trace.memory_norm[-1] / trace.norm_start)


def total_variation(trace: Trace) -> float:
    """Sum of |S_t - S_{t-1}| per 1,000 tokens: how much smoothed surprise jitters."""
    return float(np.abs(np.diff(trace.momentum)).sum() * 1000 / max(1, len(trace) - 1))


def delay(trace: Trace) -> float:
    """Tokens from the first event until the write gate opens (g_write > 0.5), at most STEP_WINDOW."""
    if not trace.events:
        raise ConfigError("scenario {name} has no event to measure a delay behind", name=repr(trace.settings.scenario))
    opened = trace.g_write[trace.events[0].start :][:STEP_WINDOW] > WRITE_LEVEL
    return float(np.argmax(opened)) if opened.any() else float(STEP_WINDOW)


def recall_of_old(trace: Trace) -> float:
    """1 minus the loss of the first tenth's pairs under the final memory: 1 is perfect, 0 a zero answer."""
    return float(1 - trace.loss_after[: max(1, len(trace) // 10)].mean())


def memory_bytes(trace: Trace) -> int:
    """Bytes of the fast weights, which no setting and no stream changes."""
    return count_weights(trace.settings.memory) * 4
