"""The token loop, compiled for the CPU: the recurrence of `reference.token_loop`, one row at a time.

    S_t = eta_t S_{t-1} - theta_t grad_t        M_t = (1 - alpha_t) M_{t-1} + alpha_t W_0 + S_t

A pass over a matrix does three things at once: it carries out the write of the token before, it measures the norm of
the result, and it multiplies. All layers lie one after the other in one vector; `widths` (depth + 1,) says where each
begins. Scratch arrays have a line for each layer and are as wide as the widest. Paper: eq. 12-15. Recipe: 2.2.
Shapes: t tokens, d features, o outputs and i inputs of a layer, w all weights.
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
LN2 = math.log(2)
LN2_HIGH = 0.693359375  # its first digits, whose products with whole numbers are exact
LN2_LOW = LN2 - LN2_HIGH
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
def pull(weight, origin, write):
    """Decay towards W_0: weight <- (1 - alpha) weight + alpha origin. The pass that follows keeps the result whole."""
    kind = weight.dtype.type
    keep, share = kind(1) - write[2], write[2]
    for j in range(len(weight)):
        weight[j] = keep * weight[j] + share * origin[j]
    return write[0], write[1], kind(0)


@jit
def pass_over(weight, momentum, write, delta, a, x, y):
    """One layer: writes -theta delta a^T into weight (o i,), then y = weight x. Returns |weight|^2.

    write = (theta, eta, alpha). A momentum (o i,) becomes eta momentum - theta delta a^T, and is added to the weight.
    With None the compiler leaves its lines out. The rows are written out here: a call for each costs half the time.
    """
    kind, total, width = weight.dtype.type, 0.0, len(x)
    keep, eta = kind(1) - write[2], write[1]
    for row in range(len(y)):
        w, step = weight[row * width : (row + 1) * width], write[0] * delta[row]
        size, product = kind(0), kind(0)
        s = w if momentum is None else momentum[row * width : (row + 1) * width]
        for j in range(width):
            push = -step * a[j]
            if momentum is not None:
                push += eta * s[j]
                s[j] = push
            new = keep * w[j] + push
            w[j] = new
            size += new * new
            product += new * x[j]
        y[row] = product
        total += size
    return total


@jit
def multiply(weight, x, y):
    """y (o,) = weight (o i,) x (i,)."""
    width = len(x)
    for row in range(len(y)):
        w, product = weight[row * width : (row + 1) * width], weight.dtype.type(0)
        for j in range(width):
            product += w[j] * x[j]
        y[row] = product


@jit
def exponential(x, y):
    """y = e^-x. In float32 by Taylor's polynomial, within 4e-7: the library's function takes one number at a time."""
    if x.itemsize == 8:  # float64
        for j in range(len(x)):
            y[j] = np.exp(-x[j])
        return
    f = np.float32
    for j in range(len(x)):
        z = min(max(-x[j], f(-87)), f(88))  # float32 ends there; NaN as the first argument stays
        n = np.floor(z / f(LN2) + f(0.5))  # e^z = 2^n e^r with r in -ln(2)/2..ln(2)/2
        r = (z - n * f(LN2_HIGH)) - n * f(LN2_LOW)
        power = np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)  # 2^n has only an exponent
        high = f(1 / 6) + r * (f(1 / 24) + r * (f(1 / 120) + r * (f(1 / 720) + r * f(1 / 5040))))
        y[j] = power * (f(1) + r * (f(1) + r * (f(1 / 2) + r * high)))


@jit
def activate(kind, z, slope):
    """z (o,) becomes its activation, `slope` (o,) the activation's slope."""
    number = z.dtype.type
    one, half = number(1), number(0.5)
    if kind == SILU:
        exponential(z, slope)
        for j in range(len(z)):
            gate = one / (one + slope[j])
            z[j] *= gate
            slope[j] = gate + z[j] - z[j] * gate
    elif kind == GELU:
        for j in range(len(z)):
            cdf = half * (one + number(math.erf(z[j] * math.sqrt(0.5))))
            slope[j] = cdf + z[j] * number(math.exp(-0.5 * z[j] * z[j]) / math.sqrt(2 * math.pi))
            z[j] *= cdf
    else:
        for j in range(len(z)):
            z[j] = np.tanh(z[j])
            slope[j] = one - z[j] * z[j]


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


@jit
def forward(weights, momentum, origin, widths, activation, write, deltas, written, inputs, slopes):
    """The write of the token before, and the layers' inputs a_l at the next key, which is inputs[0]; returns |M|^2.

    The last line of `inputs` is the answer. `deltas` and `written` are those of the token before.
    """
    depth, place, total = len(widths) - 1, 0, 0.0
    for layer in range(depth):
        i, o = widths[layer], widths[layer + 1]
        weight, rest = weights[place : place + i * o], write
        delta, a, x, y = deltas[layer, :o], written[layer, :i], inputs[layer, :i], inputs[layer + 1, :o]
        if len(origin):
            rest = pull(weight, origin[place : place + i * o], write)
        if len(momentum):
            total += pass_over(weight, momentum[place : place + i * o], rest, delta, a, x, y)
        else:
            total += pass_over(weight, None, rest, delta, a, x, y)
        if layer + 1 < depth:
            activate(activation, y, slopes[layer, :o])
        place += i * o
    return total


@jit
def backward(weights, widths, deltas, inputs, slopes):
    """From the last layer's delta to those below it; returns the square norm of the whole gradient. Paper: eq. 12."""
    depth, place, total = len(widths) - 1, len(weights), 0.0
    for layer in range(depth - 1, -1, -1):
        i, o = widths[layer], widths[layer + 1]
        place -= i * o
        total += square(deltas[layer, :o]) * square(inputs[layer, :i])
        if layer > 0:
            back(weights[place : place + i * o], deltas[layer, :o], slopes[layer - 1, :i], deltas[layer - 1, :i])
    return total


@jit
def answer(weights, widths, activation, inputs, slopes):
    """M(inputs[0]) into the last line of `inputs`, without a write. Paper: eq. 15."""
    place = 0
    for layer in range(len(widths) - 1):
        i, o = widths[layer], widths[layer + 1]
        multiply(weights[place : place + i * o], inputs[layer, :i], inputs[layer + 1, :o])
        if layer + 2 < len(widths):
            activate(activation, inputs[layer + 1, :o], slopes[layer, :o])
        place += i * o


def read_row(weights, momentum, origin, widths, keys, values, queries, gate, state, given, how, clip, record, reads):
    """One memory over all tokens; weights (w,), momentum (w,) and state (5,) change in place.

    keys, values, queries (t, d); how = (activation, decision); record (t, 9); reads (t, d). `given` (t, 3) holds theta,
    eta and alpha that a gate decided before; else `gate` has the recipe's settings, see `decide`. The arrays
    `momentum`, `origin`, `queries` and `reads` are empty where there is no momentum, no W_0 or nothing to answer.
    """
    depth, kind, d = len(widths) - 1, weights.dtype.type, keys.shape[1]
    inputs = np.zeros((depth + 1, widths.max()), weights.dtype)  # a_l of this token
    written, questions = np.zeros_like(inputs), np.zeros_like(inputs)
    deltas, slopes, spare = np.zeros_like(inputs), np.zeros_like(inputs), np.zeros_like(inputs)
    write, none = (kind(0), kind(1), kind(0)), momentum[:0]  # the first pass writes nothing
    for t in range(len(keys) + 1):  # the last pass only writes
        inputs[0, :d] = keys[min(t, len(keys) - 1)]
        carried = momentum if t > 0 else none
        size = forward(weights, carried, origin, widths, how[0], write, deltas, written, inputs, slopes)
        if t > 0:
            record[t - 1, NORM] = math.sqrt(size)
            if len(queries):
                questions[0, :d] = queries[t - 1]
                answer(weights, widths, how[0], questions, spare)
                reads[t - 1] = questions[depth, :d]
        if t == len(keys):
            break
        loss, line = 0.0, record[t]
        for j in range(d):
            error = inputs[depth, j] - values[t, j]
            loss += error * error
            deltas[depth - 1, j] = error + error
        norm = math.sqrt(max(backward(weights, widths, deltas, inputs, slopes), LEAST_SQUARE))
        line[RAW], line[LOSS] = norm / math.sqrt(d), loss
        eta = 0.0
        if how[1] == GIVEN:
            line[THETA], eta, line[ALPHA] = given[t, 0], given[t, 1], given[t, 2]
        else:
            decide(how[1], gate, state, line)
        write = (kind(line[THETA] * min(clip / norm, 1.0)), kind(eta), kind(line[ALPHA]))
        written, inputs = inputs, written  # the token before is the one whose write is pending


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
