"""The token loop of a two-layer memory as one Triton kernel: a program for each row, its memory in registers.

    S = eta S - theta grad,  M = (1 - alpha) M + S     after each token, then the read (paper: eq. 13-15)

Both layers are held as (hidden, d), the second one transposed, so that every vector is a slice along one of the two
axes and every product is a sum over the other: no matrix moves between threads. Shapes: n rows, t tokens, d
features, h hidden. Packed per row, to keep the launch small: state (2 or 4, h, d) = W_1, W_2^T, and with momentum
S_1, S_2^T; series (t, 3, d) = key, value, query; gate (11) = GateState and SETTINGS of the recipe's gate, else (t, 4)
= theta, eta, alpha and clip of each token; trace (t, 9) = TRACE.
"""

import triton
import triton.language as tl

from ..gates import HORIZON, STD_FLOOR

SETTINGS = ("tau", "beta", "lam", "eta", "softness", "clip")
LEAST_RATE = tl.constexpr(1 / HORIZON)
LEAST_STD = tl.constexpr(STD_FLOOR)


@triton.jit
def _excess(raw, score, peak):
    return tl.minimum(tl.maximum(score * 0.25, 0.0), 1.0)


@triton.jit
def _zsigmoid(raw, score, peak):
    return tl.sigmoid(score)


@triton.jit
def _running_max(raw, score, peak):
    return tl.minimum(raw / tl.maximum(peak, 1e-12), 1.0)


@triton.jit
def _fixed(raw, score, peak):
    return 2 * tl.sigmoid(2 * raw) - 1  # tanh


NORMALISERS = {"excess": _excess, "zsigmoid": _zsigmoid, "running_max": _running_max, "fixed": _fixed}


@triton.jit
def _answer(first, second, x):
    """x (d,) -> M(x) (d,), with the hidden layer's values and slopes (h,)."""
    z = tl.sum(first * x[None, :], axis=1)
    gate = tl.sigmoid(z)
    hidden = z * gate
    return tl.sum(second * hidden[:, None], axis=0), hidden, gate + hidden - hidden * gate


@triton.jit
def _gradient(first, second, key, value):
    """Deltas of the first (h,) and second layer (d,), hidden values, inner loss, and the gradient's norm."""
    said, hidden, slope = _answer(first, second, key)
    error = said - value
    second_delta = error + error
    first_delta = tl.sum(second * second_delta[None, :], axis=1) * slope
    square = tl.sum(first_delta * first_delta) * tl.sum(key * key)
    square += tl.sum(second_delta * second_delta) * tl.sum(hidden * hidden)
    return first_delta, second_delta, hidden, tl.sum(error * error), tl.sqrt(tl.maximum(square, 1e-30))


@triton.jit
def _measure(raw, count, mean, variance, peak, smoothed, gate, normalise: tl.constexpr):
    """Normalised surprise of one token, and the running statistics with that token in them."""
    deviation = raw - mean
    std = tl.maximum(tl.sqrt(tl.maximum(variance, 1e-24)), mean * LEAST_STD)
    surprise = normalise(raw, deviation / std, peak)
    count += 1
    rate = tl.maximum(1 / count, LEAST_RATE)
    mean += rate * deviation
    variance += rate * (deviation * (raw - mean) - variance)
    smoothed += (1 - tl.load(gate + 6)) * (surprise - smoothed)
    return surprise, count, mean, variance, tl.maximum(raw, peak), smoothed


@triton.jit
def _open(surprise, smoothed, gate, trace):
    """theta, eta (none) and alpha of the recipe's gate; the gates go into the trace."""
    over = (smoothed - tl.load(gate + 5)) / tl.load(gate + 9)
    g_write, g_forget = tl.sigmoid(over), tl.sigmoid(-over)
    theta, alpha = tl.load(gate + 8) * g_write, tl.load(gate + 7) * g_forget
    tl.store(trace + 3, theta)
    tl.store(trace + 4, alpha)
    tl.store(trace + 5, g_write)
    tl.store(trace + 6, g_forget)
    tl.store(trace + 7, surprise)
    tl.store(trace + 8, smoothed)
    return theta, 0.0, alpha


@triton.jit
def _write(matrix, momentum, grad, theta, eta, alpha, carries: tl.constexpr):
    """M and S after one token. Paper: eq. 13-14."""
    push = -theta * grad
    if carries:
        push += eta * momentum
    return (1 - alpha) * matrix + push, push


@triton.jit
def _finish(first, second, query, reads, trace, raw, loss):
    """The read after the write, and the trace's first columns."""
    read, _, _ = _answer(first, second, query)
    tl.store(reads, read)
    tl.store(trace, raw)
    tl.store(trace + 1, loss)
    tl.store(trace + 2, tl.sqrt(tl.sum(first * first) + tl.sum(second * second)))


@triton.jit
def recurrence(
    state, series, gate, reads, trace, tokens,
    H: tl.constexpr, D: tl.constexpr, recipe: tl.constexpr, normalise: tl.constexpr,
):  # fmt: skip
    """One row from its first token to its last; state, and the recipe's statistics in `gate`, are left as they end."""
    row, along = tl.program_id(0).to(tl.int64), tl.arange(0, D)
    tile = tl.arange(0, H)[:, None] * D + along[None, :]
    state += row * (2 if recipe else 4) * H * D
    first, second = tl.load(state + tile), tl.load(state + H * D + tile)
    first_push, second_push = first, second
    if recipe:
        gate += row * 11
        count, mean, variance = tl.load(gate), tl.load(gate + 1), tl.load(gate + 2)
        peak, smoothed, clip = tl.load(gate + 3), tl.load(gate + 4), tl.load(gate + 10)
    else:
        first_push, second_push = tl.load(state + 2 * H * D + tile), tl.load(state + 3 * H * D + tile)
    for at in range(row * tokens, row * tokens + tokens):
        token, now, out = series + at * 3 * D + along, gate + at * 4, trace + at * 9
        key = tl.load(token)
        first_delta, second_delta, hidden, loss, norm = _gradient(first, second, key, tl.load(token + D))
        raw = norm / tl.sqrt(tl.full((), D, norm.dtype))
        if recipe:
            surprise, count, mean, variance, peak, smoothed = _measure(
                raw, count, mean, variance, peak, smoothed, gate, normalise
            )
            theta, eta, alpha = _open(surprise, smoothed, gate, out)
        else:
            theta, eta, alpha, clip = tl.load(now), tl.load(now + 1), tl.load(now + 2), tl.load(now + 3)
        theta *= tl.minimum(clip / norm, 1.0)
        first_grad, second_grad = first_delta[:, None] * key[None, :], hidden[:, None] * second_delta[None, :]
        first, first_push = _write(first, first_push, first_grad, theta, eta, alpha, not recipe)
        second, second_push = _write(second, second_push, second_grad, theta, eta, alpha, not recipe)
        _finish(first, second, tl.load(token + 2 * D), reads + at * D + along, out, raw, loss)
    tl.store(state + tile, first)
    tl.store(state + H * D + tile, second)
    if recipe:
        _store_statistics(gate, count, mean, variance, peak, smoothed)
    else:
        tl.store(state + 2 * H * D + tile, first_push)
        tl.store(state + 3 * H * D + tile, second_push)


@triton.jit
def _store_statistics(gate, count, mean, variance, peak, smoothed):
    tl.store(gate, count)
    tl.store(gate + 1, mean)
    tl.store(gate + 2, variance)
    tl.store(gate + 3, peak)
    tl.store(gate + 4, smoothed)
