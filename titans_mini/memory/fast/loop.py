"""The token loop, compiled for the CPU: the recurrence of `reference.token_loop`, one row at a time.

    S_t = eta_t S_{t-1} - theta_t grad_t        M_t = (1 - alpha_t) M_{t-1} + alpha_t W_0 + S_t

A pass over a matrix does three things at once: it carries out the write of the token before, it measures the norm of
the result, and it multiplies. The query of a token is answered after its write and the next key meets the same weights,
so one pass serves both. All layers lie one after the other in one vector; `widths` (depth + 1,) says where each begins.
Paper: eq. 12-15. Recipe: 2.2. Shapes: t tokens, d features, o outputs and i inputs of a layer, w all weights.
"""

import math

import numba
import numpy as np

from ..gates import HORIZON, STD_FLOOR
from ..mlp import LEAST_SQUARE

ACTIVATIONS = ("silu", "gelu", "tanh")  # by number in the loop
SILU, GELU, TANH = range(3)
DECISIONS = ("excess", "zsigmoid", "running_max", "fixed", "given")  # the normalisers; given: a gate decided before
EXCESS, ZSIGMOID, RUNNING_MAX, FIXED, GIVEN = range(5)
RAW, LOSS, NORM, THETA, ALPHA, WRITE, FORGET, SURPRISE, SMOOTHED = range(9)  # the columns TRACE of a record

# Sums may be split over the lanes of the processor; infinity and NaN keep their meaning.
jit = numba.njit(fastmath={"contract", "reassoc", "nsz"}, error_model="numpy", nogil=True)


@jit
def square(x):
    total = x.dtype.type(0)
    for j in range(len(x)):
        total += x[j] * x[j]
    return total


@jit
def pass_over(weight, carried, origin, write, delta, a, x, y, ask, answer):
    """One layer: writes -theta delta a^T into weight (o i,); then y = weight x, answer = weight ask.

    Returns |weight|^2. write = (theta, eta, alpha); `carried` is the momentum. It, `origin` and `ask` may be empty.
    """
    theta, eta, alpha = write
    kind, keep, total, width = weight.dtype.type, weight.dtype.type(1) - alpha, 0.0, len(x)
    for row in range(len(y)):
        place, step = row * width, theta * delta[row]
        w = weight[place : place + width]
        if len(carried):
            s = carried[place : place + width]
            for j in range(width):
                s[j] = eta * s[j] - step * a[j]
                w[j] = keep * w[j] + s[j]
        else:
            for j in range(width):
                w[j] = keep * w[j] - step * a[j]
        if len(origin):
            o = origin[place : place + width]
            for j in range(width):
                w[j] += alpha * o[j]
        size, product, said = kind(0), kind(0), kind(0)
        for j in range(width):
            size += w[j] * w[j]
            product += w[j] * x[j]
        y[row] = product
        total += size
        if len(ask):
            for j in range(width):
                said += w[j] * ask[j]
            answer[row] = said
    return total


@jit
def activate(kind, z, value, slope):
    """The activation of z (o,), and its slope."""
    number = z.dtype.type
    one, half = number(1), number(0.5)
    if kind == SILU:
        for j in range(len(z)):
            gate = one / (one + np.exp(-z[j]))
            value[j] = z[j] * gate
            slope[j] = gate + value[j] - value[j] * gate
    elif kind == GELU:
        for j in range(len(z)):
            cdf = half * (one + number(math.erf(z[j] * math.sqrt(0.5))))
            value[j] = z[j] * cdf
            slope[j] = cdf + z[j] * number(math.exp(-0.5 * z[j] * z[j]) / math.sqrt(2 * math.pi))
    else:
        for j in range(len(z)):
            value[j] = np.tanh(z[j])
            slope[j] = one - value[j] * value[j]


@jit
def back(weight, delta, slope, before):
    """The layer's delta (o,) -> before (i,) = weight^T delta * slope, the delta of the layer below it."""
    width = len(before)
    before[:] = 0
    for row in range(len(delta)):
        w, d = weight[row * width : (row + 1) * width], delta[row]
        for j in range(width):
            before[j] += d * w[j]
    for j in range(width):
        before[j] *= slope[j]


@jit
def sigmoid(x):
    return 0.5 + 0.5 * math.tanh(0.5 * x)  # cannot overflow


@jit
def normalise(kind, raw, score, peak):
    """As `gates.NORMALISERS`. NaN as the first argument of min and max stays."""
    if kind == EXCESS:
        return min(max(score * 0.25, 0.0), 1.0)
    if kind == ZSIGMOID:
        return sigmoid(score)
    if kind == RUNNING_MAX:
        return min(max(raw / max(peak, 1e-12), 0.0), 1.0)
    return math.tanh(raw)


@jit
def decide(kind, settings, state, line):
    """The recipe's gate: fills `line` from its raw surprise, and carries `state` as a GateState, (5,).

    settings = (tau, beta, lam, eta, softness).
    """
    tau, beta, lam, eta, softness = settings
    raw = line[RAW]
    state[0] += 1
    rate = min(max(1 / state[0], 1 / HORIZON), 1.0)
    deviation = raw - state[1]
    std = max(math.sqrt(max(state[2], 1e-24)), state[1] * STD_FLOOR)
    line[SURPRISE] = normalise(kind, raw, deviation / std, state[3])
    state[1] += rate * deviation
    state[2] += rate * (deviation * (raw - state[1]) - state[2])
    state[3] = max(raw, state[3])
    state[4] += (1 - beta) * (line[SURPRISE] - state[4])
    line[SMOOTHED] = state[4]
    excess = (state[4] - tau) / softness
    line[WRITE], line[FORGET] = sigmoid(excess), sigmoid(-excess)
    line[THETA], line[ALPHA] = eta * line[WRITE], lam * line[FORGET]


def read_row(weights, carried, origin, widths, keys, values, queries, gate, state, given, how, clip, record, reads):
    """One memory over all tokens; weights (w,), carried (w,) and state (5,) change in place.

    keys, values, queries (t, d); how = (activation, decision); record (t, 9); reads (t, d). `given` (t, 3) holds theta,
    eta and alpha that a gate decided before; else `gate` has the recipe's settings, see `decide`. The arrays `carried`,
    `origin`, `queries` and `reads` are empty where there is no momentum, no W_0 or nothing to answer.
    """
    depth, kind, asks = len(widths) - 1, weights.dtype.type, len(queries) > 0
    most = widths.max()
    inputs = np.zeros((depth + 1, most), weights.dtype)  # a_l of this token; the last one is its answer
    written = np.zeros((depth, most), weights.dtype)  # those of the token before
    slopes, deltas = np.zeros((depth, most), weights.dtype), np.zeros((depth, most), weights.dtype)
    questions = np.zeros((depth + 1, most), weights.dtype)
    z, answer, share = np.zeros(most, weights.dtype), np.zeros(most, weights.dtype), 1 / math.sqrt(keys.shape[1])
    write = (kind(0), kind(1), kind(0))  # the first pass writes nothing
    for t in range(len(keys) + 1):  # the last pass only writes and answers
        inputs[0, : widths[0]] = keys[min(t, len(keys) - 1)]
        if asks and t > 0:
            questions[0, : widths[0]] = queries[t - 1]
        total, place = 0.0, 0
        for layer in range(depth):
            i, o = widths[layer], widths[layer + 1]
            end = place + i * o
            ask = questions[layer, :i] if asks else questions[layer, :0]
            total += pass_over(
                weights[place:end],
                carried[place:end] if t > 0 else carried[:0],
                origin[place:end],
                write,
                deltas[layer, :o],
                written[layer, :i],
                inputs[layer, :i],
                z[:o],
                ask,
                answer[:o],
            )
            place = end
            if layer + 1 < depth:
                if asks:
                    activate(how[0], answer[:o], questions[layer + 1, :o], slopes[layer, :o])
                activate(how[0], z[:o], inputs[layer + 1, :o], slopes[layer, :o])
        if t > 0:
            record[t - 1, NORM] = math.sqrt(total)
            if asks:
                reads[t - 1] = answer[: widths[depth]]
        if t == len(keys):
            break
        loss, line = 0.0, record[t]
        for j in range(widths[depth]):
            error = z[j] - values[t, j]
            loss += error * error
            deltas[depth - 1, j] = error + error
        gradient = 4 * loss * square(inputs[depth - 1, : widths[depth - 1]])
        for layer in range(depth - 1, 0, -1):
            i, o = widths[layer], widths[layer + 1]
            place -= i * o
            back(weights[place : place + i * o], deltas[layer, :o], slopes[layer - 1, :i], deltas[layer - 1, :i])
            gradient += square(deltas[layer - 1, :i]) * square(inputs[layer - 1, : widths[layer - 1]])
        size = math.sqrt(max(gradient, LEAST_SQUARE))
        line[RAW], line[LOSS] = size * share, loss
        eta = 0.0
        if how[1] == GIVEN:
            line[THETA], eta, line[ALPHA] = given[t, 0], given[t, 1], given[t, 2]
        else:
            decide(how[1], gate, state, line)
        write = (kind(line[THETA] * min(clip / size, 1.0)), kind(eta), kind(line[ALPHA]))
        written[:] = inputs[:depth]


def _signature(kind):
    vector, matrix, numbers, table = kind[::1], kind[:, ::1], numba.float64[::1], numba.float64[:, ::1]
    pair, gate = numba.types.UniTuple(numba.int64, 2), numba.types.UniTuple(numba.float64, 5)
    memory = (vector, vector, vector, numba.int64[::1])
    return numba.void(*memory, matrix, matrix, matrix, gate, numbers, table, pair, numba.float64, table, matrix)


def _compile(function):
    """Compiled for both dtypes: read from numba's cache on disk, or written to it, or neither if no folder is there."""
    signatures, options = [_signature(numba.float32), _signature(numba.float64)], dict(nogil=True, error_model="numpy")
    try:
        return numba.njit(signatures, cache=True, **options)(function)
    except (RuntimeError, OSError):  # no folder that can be written
        return numba.njit(signatures, **options)(function)


read_row = _compile(read_row)
