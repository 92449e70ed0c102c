"""The token loop of a two-layer memory as one Triton kernel: a program for each row, which walks over tiles of units.

    S = eta S - theta grad,  M = (1 - alpha) M + alpha W_0 + S     after each token, then the read (paper: eq. 13-15)

Hidden unit j owns row j of W_1 and column j of W_2. Both layers are held as (h, d), the second one transposed, so every
vector is a slice along one of the two axes and every product is a sum over the other: no matrix moves between threads.
A token takes two passes over the units. `_deltas` goes back through W_2. Once the gate has decided, `_sweep` writes the
token, answers its query, and gives the answer to the next key, which the next token begins with.

As many matrices as fit (`kernel.Plan`) stay in registers from the first token to the last; the units are then one tile.
The others lie in global memory, that is in the cache: a tile is read, changed and written once a token, and W_2 read
once more. Then the vectors over units lie there too: `units` (4, h) holds the hidden values and deltas of the token to
write, then the hidden values and slopes of the next key. Within a pass no thread reads what another one writes, and a
barrier stands between two passes.

Shapes: n rows, t tokens, d features, h hidden units. A vector over units is (tile, 1), one over features (1, wide) and
a number (1, 1), which spares exchanges between threads. Per row: state (2 or 4, h, d) = W_1, W_2^T, and with momentum
S_1, S_2^T; statistics (5) = GateState; gate (5) = the settings of the recipe's gate, else (t, 3) = theta, eta and
alpha of each token; trace (t, 9) = TRACE. W_0 is origin (heads, 2, h, d).
"""

import triton
import triton.language as tl

from ..gates import HORIZON, STD_FLOOR
from ..mlp import LEAST_SQUARE

LEAST_RATE = tl.constexpr(1 / HORIZON)
LEAST_STD = tl.constexpr(STD_FLOOR)
LEAST = tl.constexpr(LEAST_SQUARE)
KEEP = tl.constexpr(tl.PropagateNan.ALL)  # NaN stays NaN in minimum and maximum


@triton.jit
def nothing():
    """The smallest kernel, to find out whether Triton works here."""


@triton.jit
def _activate(kind: tl.constexpr, z):
    """The activation of z, and its slope."""
    if kind == "silu":
        gate = tl.sigmoid(z)
        value = z * gate
        slope = gate + value - value * gate
    elif kind == "gelu":
        cdf = 0.5 + 0.5 * tl.erf(z * 0.7071067811865476)
        value, slope = z * cdf, cdf + z * tl.exp(-0.5 * z * z) * 0.3989422804014327
    else:
        value = 2 * tl.sigmoid(2 * z) - 1
        slope = 1 - value * value
    return value, slope


@triton.jit
def _normalise(kind: tl.constexpr, raw, score, peak):
    """As `gates.NORMALISERS`."""
    if kind == "excess":
        surprise = tl.minimum(tl.maximum(score * 0.25, 0.0, KEEP), 1.0, KEEP)
    elif kind == "zsigmoid":
        surprise = tl.sigmoid(score)
    elif kind == "running_max":
        surprise = tl.minimum(raw / tl.maximum(peak, 1e-12, KEEP), 1.0, KEEP)
    else:
        surprise = 2 * tl.sigmoid(2 * raw) - 1  # tanh
    return surprise


@triton.jit
def _measure(raw, counted, beta, normaliser: tl.constexpr):
    """Normalised surprise of one token, and the running statistics with that token in them."""
    count, mean, variance, peak, smoothed = counted
    deviation = raw - mean
    std = tl.maximum(tl.sqrt(tl.maximum(variance, 1e-24, KEEP)), mean * LEAST_STD, KEEP)
    surprise = _normalise(normaliser, raw, deviation / std, peak)
    count += 1
    rate = tl.maximum(1 / count, LEAST_RATE, KEEP)
    mean += rate * deviation
    variance += rate * (deviation * (raw - mean) - variance)
    smoothed += (1 - beta) * (surprise - smoothed)
    return surprise, (count, mean, variance, tl.maximum(raw, peak, KEEP), smoothed)


@triton.jit
def _decide(raw, counted, gate, trace, normaliser: tl.constexpr):
    """theta, eta and alpha of a token, and the running statistics with it in them; the recipe's go into the trace."""
    if normaliser is None:
        theta, eta, alpha = tl.load(gate), tl.load(gate + 1), tl.load(gate + 2)
    else:
        surprise, counted = _measure(raw, counted, tl.load(gate + 1), normaliser)
        over = (counted[4] - tl.load(gate)) / tl.load(gate + 4)
        g_write, g_forget = tl.sigmoid(over), tl.sigmoid(-over)
        theta, alpha = tl.load(gate + 3) * g_write, tl.load(gate + 2) * g_forget
        eta = theta  # plays no part without momentum
        decided = theta, alpha, g_write, g_forget, surprise, counted[4]
        for column in tl.static_range(6):
            tl.store(trace + 3 + column, decided[column])
    return (theta, eta, alpha), counted


@triton.jit
def _tile(base, plan: tl.constexpr):
    """Units from `base` on and which of them exist, each (tile, 1); the same for their places in a matrix (h, d)."""
    unit, along = base + tl.arange(0, plan.tile)[:, None], tl.arange(0, plan.wide)[None, :]
    return unit, unit < plan.h, unit * plan.d + along, (unit < plan.h) & (along < plan.d)


@triton.jit
def _load(pair, at, known, size: tl.constexpr):
    """Two arrays that lie `size` numbers apart."""
    return tl.load(pair + at, mask=known, other=0.0), tl.load(pair + size + at, mask=known, other=0.0)


@triton.jit
def _store(pair, at, known, size: tl.constexpr, values):
    tl.store(pair + at, values[0], mask=known)
    tl.store(pair + size + at, values[1], mask=known)


@triton.jit
def _begin(state, plan: tl.constexpr):
    """The memory: W_1, W_2^T, S_1, S_2^T and two vectors over units. Zeros for what is not kept, or not known yet."""
    _, _, at, inside = _tile(0, plan)
    size: tl.constexpr = plan.h * plan.d
    units = tl.full((plan.tile, 1), 0, state.dtype.element_ty)
    weights = _load(state, at, inside & (plan.kept > 0), size)
    return weights + _load(state + 2 * size, at, inside & (plan.kept == 4), size) + (units, units)


@triton.jit
def _end(memory, state, plan: tl.constexpr):
    """Stores what is kept."""
    _, _, at, inside = _tile(0, plan)
    size: tl.constexpr = plan.h * plan.d
    _store(state, at, inside & (plan.kept > 0), size, memory)
    _store(state + 2 * size, at, inside & (plan.kept == 4), size, memory[2:4])


@triton.jit
def _times(matrix, x):
    """(tile, wide) times x (1, wide) -> (tile, 1)."""
    return tl.sum(matrix * x, axis=1, keep_dims=True)


@triton.jit
def _write(weight, push, grad, gates, row, at, inside, plan: tl.constexpr):
    """M and S of one layer's tile, at the places `at`, after one token. Paper: eq. 13-14."""
    theta, eta, alpha = gates
    change = -theta * grad
    if plan.matrices == 4:
        place = row[0] + 2 * plan.h * plan.d + at
        if plan.kept < 4:
            push = tl.load(place, mask=inside, other=0.0)
        change += eta * push
        push = change
        if plan.kept < 4:
            tl.store(place, push, mask=inside)
    if plan.heads:
        change += alpha * tl.load(row[2] + at, mask=inside, other=0.0)
    return (1 - alpha) * weight + change, push


@triton.jit
def _sweep(memory, row, token, key, query, plan: tl.constexpr, activation: tl.constexpr):
    """Writes `token` = (its key, the delta of its answer, its gates) and answers its query; then answers the next key.

    No token: nothing is written, nor asked. No query: nothing is asked. Returns the memory, the answers to key and
    query (1, wide), and the square norm of the weights.
    """
    first, second, push_first, push_second, hidden, slope = memory
    size: tl.constexpr = plan.h * plan.d
    said, square = tl.full((plan.tile, plan.wide), 0, key.dtype), tl.full((plan.tile, 1), 0, key.dtype)
    read = said
    for base in range(0, plan.h, plan.tile):
        unit, known, at, inside = _tile(base, plan)
        if plan.kept == 0:
            first, second = _load(row[0], at, inside, size)
        if token is not None:
            past, error, gates = token
            if plan.kept == 0:
                hidden, slope = _load(row[1], unit, known, plan.h)
            first, push_first = _write(first, push_first, slope * past, gates, row, at, inside, plan)
            square += _times(first, first)
            if query is not None:
                asked = _activate(activation, _times(first, query))[0]
        before = hidden
        hidden, slope = _activate(activation, _times(first, key))
        if token is not None:
            second, push_second = _write(second, push_second, before * error, gates, row, size + at, inside, plan)
            square += _times(second, second)
            if query is not None:
                read += second * asked
        said += second * hidden
        if plan.kept == 0:
            _store(row[1] + 2 * plan.h, unit, known, plan.h, (hidden, slope))
            if token is not None:
                _store(row[0], at, inside, size, (first, second))
    memory = first, second, push_first, push_second, hidden, slope
    said, read = tl.sum(said, axis=0, keep_dims=True), tl.sum(read, axis=0, keep_dims=True)
    return memory, said, read, tl.sum(square, axis=0, keep_dims=True)


@triton.jit
def _deltas(memory, row, key, error, plan: tl.constexpr):
    """Back through W_2: slopes become deltas. Returns the memory, and the square norm of the whole gradient."""
    first, second, push_first, push_second, hidden, slope = memory
    square, of_key, of_error = tl.full((plan.tile, 1), 0, key.dtype), _times(key, key), _times(error, error)
    for base in range(0, plan.h, plan.tile):
        unit, known, at, inside = _tile(base, plan)
        if plan.kept == 0:
            second = tl.load(row[0] + plan.h * plan.d + at, mask=inside, other=0.0)
            hidden, slope = _load(row[1] + 2 * plan.h, unit, known, plan.h)
        slope *= _times(second, error)
        square += slope * slope * of_key + hidden * hidden * of_error
        if plan.kept == 0:
            _store(row[1], unit, known, plan.h, (hidden, slope))
    return (first, second, push_first, push_second, hidden, slope), tl.sum(square, axis=0, keep_dims=True)


@triton.jit(do_not_specialize=["tokens"])
def recurrence(
    state, units, origin, keys, values, queries, gate, statistics, clip, reads, trace, tokens,
    plan: tl.constexpr, activation: tl.constexpr, normaliser: tl.constexpr,
):  # fmt: skip
    """One row from its first token to its last; `state` and `statistics` are left as they end.

    `queries` and `reads` are None where nothing is asked, `normaliser` where a gate decided before.
    """
    n, number, along = tl.program_id(0).to(tl.int64), tl.full((1, 1), 0, tl.int32), tl.arange(0, plan.wide)[None, :]
    start, end, known, limit = n * tokens, n * tokens + tokens, along < plan.d, tl.load(clip + number)
    state += n * plan.matrices * plan.h * plan.d
    units += n * 4 * plan.h
    if plan.heads:
        origin += n % plan.heads * 2 * plan.h * plan.d
    row, statistics = (state, units, origin), statistics + n * 5 + number
    count, mean, variance = tl.load(statistics), tl.load(statistics + 1), tl.load(statistics + 2)
    counted = count, mean, variance, tl.load(statistics + 3), tl.load(statistics + 4)
    key = tl.load(keys + start * plan.d + along, mask=known, other=0.0)
    memory, said, read, square = _sweep(_begin(state, plan), row, None, key, None, plan, activation)
    for at in range(start, end):
        out, here = trace + at * 9 + number, at * plan.d + along
        error = said - tl.load(values + here, mask=known, other=0.0)
        tl.store(out + 1, _times(error, error))
        error += error
        tl.debug_barrier()
        memory, square = _deltas(memory, row, key, error, plan)
        norm = tl.sqrt(tl.maximum(square, LEAST, KEEP))
        raw = norm / tl.sqrt(tl.full((1, 1), plan.d, norm.dtype))
        tl.store(out, raw)
        settings = gate + number + (at * 3 if normaliser is None else n * 5)
        gates, counted = _decide(raw, counted, settings, out, normaliser)
        token = key, error, (gates[0] * tl.minimum(limit / norm, 1.0, KEEP), gates[1], gates[2])
        key = tl.load(keys + tl.minimum(at + 1, end - 1) * plan.d + along, mask=known, other=0.0)
        query = None
        if queries is not None:
            query = tl.load(queries + here, mask=known, other=0.0)
        tl.debug_barrier()
        memory, said, read, square = _sweep(memory, row, token, key, query, plan, activation)
        tl.store(out + 2, tl.sqrt(square))
        if queries is not None:
            tl.store(reads + here, read, mask=known)
    _end(memory, state, plan)
    if normaliser is not None:
        for i in tl.static_range(5):
            tl.store(statistics + i, counted[i])
