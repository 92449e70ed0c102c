// The twin of `titans_mini.simulate`, for a memory of any depth that takes its gradients byte by byte or by chunks.
//
//   S_t = eta_t S_{t-1} - theta_t grad_t        M_t = (1 - alpha_t) M_{t-1} + alpha_t W_0 + S_t
//
// A write waits until the next gradient is due: then one pass over a layer writes, measures the result and reads.
// Weights, keys, values and settings have 32 bits, as in Python; what is computed from them has 64. A layer is one
// array, row by row, whose sizes are multiples of 4, filled up with zeros. Paper: eq. 12-15. Recipe: 2.2.

const HORIZON = 256, STD_FLOOR = 0.05; // bytes that surprise's statistics average over; least deviation, of the mean
const FREQUENCY = 0.01; // the share of a byte in the text at which its value has half of its full weight
const CONTEXT = 4, BLANK = 10; // bytes that a key looks back; the byte before the first
const COPIES = 16e6, APART = 64; // bytes that all copies of a run's memory may take; bytes of text between two
const COLUMNS = ["surprise", "smoothed", "g_write", "g_forget", "loss", "raw", "alpha", "norm"];

const bytesOf = (sent) => (typeof sent === "string" ? Uint8Array.from(atob(sent), (x) => x.charCodeAt(0)) : sent);
const floatsOf = (sent) => (typeof sent === "string" ? new Float32Array(bytesOf(sent).buffer) : sent);
const clamp = (x) => Math.min(Math.max(x, 0), 1);
const sigmoid = (x) => 1 / (1 + Math.exp(-x));
function lengthOf(vector) {
  let sum = 0;
  for (let j = 0; j < vector.length; j++) sum += vector[j] * vector[j];
  return Math.sqrt(sum);
}

// What Python's `tables` sends, with its base64 texts as arrays.
export function unpack(sent) {
  const [shared, common, own, ...weights] = [sent.shared, sent.common, sent.own, ...sent.weights].map(floatsOf);
  const last = weights[weights.length - 1], size = lengthOf(last) / Math.sqrt(last.length);
  return { ...sent, shared, common, own, weights, size, signs: bytesOf(sent.signs), wide: shared.length };
}

// What Python's `stream` sends, with keys (t d) and the value of each of the 256 bytes, which it may bring or not.
export function encode(tables, sent) {
  const arrays = Object.entries(sent).map(([name, x]) => [name, name === "ids" ? bytesOf(x) : floatsOf(x)]);
  const stream = Object.fromEntries(arrays), used = [...new Set(stream.ids)].sort((a, b) => a - b);
  const fixed = stream.keys ? {} : { keys: keysOf(tables, stream.ids), table: valuesOf(tables, stream.share) };
  return { ...stream, ...fixed, used };
}

// Signs of the last bytes multiplied together, plus one direction that all keys share.
function keysOf({ dim, wide, signs, shared, norm }, ids) {
  const keys = new Float32Array(ids.length * wide), signOf = (bit) => ((signs[bit >> 3] >> (bit & 7)) & 1 ? 1 : -1);
  for (let t = 0; t < ids.length; t++) {
    const context = new Int8Array(dim).fill(1), key = new Float64Array(dim);
    for (let lag = 1; lag <= CONTEXT; lag++) {
      const from = ((lag - 1) * 256 + (t < lag ? BLANK : ids[t - lag])) * dim;
      for (let j = 0; j < dim; j++) key[j] += context[j] *= signOf(from + j);
    }
    const size = lengthOf(key) || 1, whole = key.map((x, j) => x / size + shared[j]), length = lengthOf(whole);
    keys.set(whole.map((x) => (norm * x) / length), t * wide);
  }
  return keys;
}

// A byte's own direction, the lighter the more often the text has it, plus one that all bytes share.
function valuesOf({ wide, own, common, norm }, share) {
  const light = Float64Array.from(share, (p) => FREQUENCY / (FREQUENCY + p)), byteAt = (i) => Math.floor(i / wide);
  const spread = Math.sqrt(light.reduce((sum, x, byte) => sum + share[byte] * x * x, 0));
  const table = Float64Array.from(own, (x, i) => (x * light[byteAt(i)]) / spread + common[i % wide]);
  const size = Math.sqrt(table.reduce((sum, x, i) => sum + share[byteAt(i)] * x * x, 0));
  return Float32Array.from(table, (x) => (norm * x) / size);
}

// The standard normal distribution function, to 1e-15: a series whose terms all have one sign.
function normal(z) {
  if (Math.abs(z) > 8.5) return z > 0 ? 1 : 0;
  let term = z, sum = z;
  for (let n = 3; Math.abs(term) > 1e-17 * Math.abs(sum); n += 2) sum += term *= (z * z) / n;
  return 0.5 + (sum * Math.exp(-0.5 * z * z)) / Math.sqrt(2 * Math.PI);
}

// z -> [activation, its slope]
const ACTIVATIONS = {
  silu: (z, on = sigmoid(z)) => [z * on, on * (1 + z * (1 - on))],
  gelu: (z, below = normal(z)) => [z * below, below + (z * Math.exp(-0.5 * z * z)) / Math.sqrt(2 * Math.PI)],
  tanh: (z, value = Math.tanh(z)) => [value, 1 - value * value],
};

// How raw surprise becomes a number from 0 to 1; score and peak are measured against earlier bytes only.
const NORMALISERS = {
  excess: (raw, score) => clamp(score / 4),
  zsigmoid: (raw, score) => sigmoid(score),
  running_max: (raw, score, peak) => clamp(raw / Math.max(peak, 1e-12)),
  fixed: (raw) => Math.tanh(raw),
};

// Surprise, from 0 to 1; `gate` moves on.
function measure(gate, raw, { normaliser, beta }) {
  const rate = Math.max(1 / ++gate.count, 1 / HORIZON), away = raw - gate.mean;
  const deviation = Math.max(Math.sqrt(Math.max(gate.variance, 1e-24)), gate.mean * STD_FLOOR);
  const surprise = NORMALISERS[normaliser](raw, away / deviation, gate.peak);
  gate.mean += rate * away;
  gate.variance += rate * (away * (raw - gate.mean) - gate.variance);
  gate.peak = Math.max(raw, gate.peak);
  gate.smoothed += (1 - beta) * (surprise - gate.smoothed);
  return surprise;
}

// W <- keep W - theta delta a^T, then z = W x, four rows at once. Returns the square norm of W.
function pass(w, a, delta, theta, keep, x, z) {
  let square = 0;
  for (let i = 0; i < z.length; i += 4) {
    const p0 = theta * delta[i], p1 = theta * delta[i + 1], p2 = theta * delta[i + 2], p3 = theta * delta[i + 3];
    let s0 = 0, s1 = 0, s2 = 0, s3 = 0, k0 = i * x.length, k1 = k0 + x.length, k2 = k1 + x.length, k3 = k2 + x.length;
    for (let j = 0; j < x.length; j++, k0++, k1++, k2++, k3++) {
      const from = a[j], to = x[j];
      const w0 = (w[k0] = keep * w[k0] - p0 * from), w1 = (w[k1] = keep * w[k1] - p1 * from);
      const w2 = (w[k2] = keep * w[k2] - p2 * from), w3 = (w[k3] = keep * w[k3] - p3 * from);
      square += w0 * w0 + w1 * w1 + (w2 * w2 + w3 * w3);
      s0 += w0 * to; s1 += w1 * to; s2 += w2 * to; s3 += w3 * to;
    }
    z[i] = s0; z[i + 1] = s1; z[i + 2] = s2; z[i + 3] = s3;
  }
  return square;
}

// The same with momentum, S <- eta S - theta delta a^T and W <- keep W + S, two rows at once.
function carry(w, s, a, delta, theta, eta, keep, x, z) {
  let square = 0;
  for (let i = 0; i < z.length; i += 2) {
    const p0 = theta * delta[i], p1 = theta * delta[i + 1];
    let s0 = 0, s1 = 0, k0 = i * x.length, k1 = k0 + x.length;
    for (let j = 0; j < x.length; j++, k0++, k1++) {
      const w0 = (w[k0] = keep * w[k0] + (s[k0] = eta * s[k0] - p0 * a[j]));
      const w1 = (w[k1] = keep * w[k1] + (s[k1] = eta * s[k1] - p1 * a[j]));
      square += w0 * w0 + w1 * w1;
      s0 += w0 * x[j]; s1 += w1 * x[j];
    }
    z[i] = s0; z[i + 1] = s1;
  }
  return square;
}

// Carries out the changes that are due in one layer, and reads: z = W x.
function through({ weights, momentum, waiting }, layer, due, start, x, z) {
  const w = weights[layer], s = momentum[layer];
  if (due === 0) pass(w, x, z, 0, 1, x, z);
  for (let at = 0; at < due; at++) {
    const change = waiting[at], { theta, eta, alpha } = change, a = change.inputs[layer], delta = change.deltas[layer];
    const next = at + 1 < due ? a : x, rest = Math.fround(1 - alpha), keep = start ? 1 : rest;
    const pull = due > 1 ? 1 - rest : alpha; // what is rounded, and how, is as in Python
    if (start) for (let k = 0; k < w.length; k++) w[k] += pull * (start[layer][k] - w[k]);
    change.square += eta ? carry(w, s, a, delta, theta, eta, keep, next, z) : pass(w, a, delta, theta, keep, next, z);
  }
}

// Answers inputs[0], a key, after the first `due` changes that wait: fills in what each layer receives, the answer M(k)
// as the last of them, and the slopes of the activations.
function forward(memory, { tables, norm }, due, { inputs, slopes }) {
  const activation = ACTIVATIONS[tables.activation], start = tables.decay === "start" ? tables.weights : null;
  for (let layer = 0; layer < memory.weights.length; layer++) {
    const z = inputs[layer + 1], slope = slopes[layer];
    through(memory, layer, due, start, inputs[layer], z);
    if (layer + 1 < memory.weights.length) for (let i = 0; i < z.length; i++) [z[i], slope[i]] = activation(z[i]);
  }
  for (const change of memory.waiting.splice(0, due)) {
    norm[change.t] = Math.sqrt(change.square);
    if (!start) memory.left *= 1 - change.alpha;
    memory.spare.push(change);
  }
}

// Fills in d loss / d output of each layer.
function backward(weights, { inputs, slopes, deltas }, table, row, gain) {
  const top = weights.length - 1, answer = inputs[top + 1];
  for (let i = 0; i < answer.length; i++) deltas[top][i] = 2 * (answer[i] - table[row * answer.length + i] * gain);
  for (let layer = top; layer > 0; layer--) {
    const w = weights[layer], d = deltas[layer], slope = slopes[layer - 1], wide = slope.length;
    const below = deltas[layer - 1].fill(0);
    for (let i = 0; i < d.length; i += 4) {
      const d0 = d[i], d1 = d[i + 1], d2 = d[i + 2], d3 = d[i + 3];
      for (let j = 0, k = i * wide; j < wide; j++, k++)
        below[j] += d0 * w[k] + d1 * w[k + wide] + (d2 * w[k + 2 * wide] + d3 * w[k + 3 * wide]);
    }
    for (let j = 0; j < wide; j++) below[j] *= slope[j];
  }
}

// Reads byte t: how surprising it is, what is to be written of it, and what the memory expected; `memory` moves on.
function step(memory, run, t) {
  const { tables, stream, settings } = run, { dim, wide, clip, norm } = tables, { ids, table, keys, values } = stream;
  const change = memory.spare.pop() ?? blank(tables), { inputs, deltas } = change, layers = deltas.length;
  for (let j = 0; j < wide; j++) inputs[0][j] = keys[t * wide + j] * (stream.key_gain?.[t] ?? 1);
  forward(memory, run, t % settings.chunk === 0 ? memory.waiting.length : 0, change);
  backward(memory.weights, change, values ?? table, values ? t : ids[t], stream.value_gain?.[t] ?? 1);
  const squares = deltas.map((delta, layer) => Math.fround((lengthOf(delta) * lengthOf(inputs[layer])) ** 2));
  const size = Math.sqrt(Math.max(squares.reduce((sum, x) => sum + x), 1e-30)), raw = size / Math.sqrt(dim);
  const surprise = measure(memory.gate, raw, settings), { smoothed } = memory.gate;
  const excess = (smoothed - settings.tau) / settings.softness, constant = settings.gate === "constant";
  const g_write = constant ? 1 : sigmoid(excess), g_forget = constant ? settings.lam : sigmoid(-excess);
  const theta = Math.fround(settings.eta * g_write * Math.min((clip ?? Infinity) / size, 1));
  const alpha = Math.fround(constant ? settings.lam : settings.lam * g_forget), eta = constant ? settings.beta : 0;
  memory.waiting.push(Object.assign(change, { t, theta, eta, alpha, square: 0 }));
  memory.t = t + 1;
  const loss = (lengthOf(deltas[layers - 1]) / 2 / norm) ** 2, expected = nearest(inputs[layers], stream);
  return { surprise, smoothed, g_write, g_forget, loss, raw, alpha, expected };
}

// What a byte changes, to be filled in: each layer has its input, its slopes and its delta.
function blank({ weights, wide }) {
  const sizes = weights.reduce((before, w) => [...before, w.length / before[before.length - 1]], [wide]);
  const make = (some) => some.map((size) => new Float64Array(size));
  return { inputs: make(sizes), slopes: make(sizes.slice(1)), deltas: make(sizes.slice(1)) };
}

// The byte in use whose value lies nearest to the answer: the one that would surprise the memory least.
function nearest(answer, { table, used }) {
  let best = -1, least = Infinity;
  for (const byte of used) {
    let sum = 0, at = byte * answer.length;
    for (let j = 0; j < answer.length && sum < least; j++, at++) sum += (table[at] - answer[j]) ** 2;
    if (sum < least) [best, least] = [byte, sum];
  }
  return best;
}

// A run that has read nothing yet: COLUMNS, expected bytes, copies of the memory, and `diverged`, the byte from which
// on numbers are not finite, or null. The numbers of `over`, a run of the same stream, stand there until they are read.
// `left` is the share of the start weights that decay to zero has left in a memory.
export function begin(tables, stream, chosen, over) {
  const count = stream.ids.length, momentum = tables.weights.map((w) => new Float32Array(w.length));
  const single = Object.entries(chosen).map(([name, x]) => [name, typeof x === "number" ? Math.fround(x) : x]);
  const gate = { count: 0, mean: 0, variance: 0, peak: 0, smoothed: 0 }, old = over?.stream === stream ? over : null;
  const memory = structuredClone({ t: 0, left: 1, weights: tables.weights, momentum, gate, waiting: [], spare: [] });
  const settings = Object.fromEntries(single), kept = [];
  const run = { tables, stream, settings, chosen, memory, count, kept, diverged: null };
  for (const name of COLUMNS) run[name] = old?.[name].slice() ?? new Float64Array(count).fill(NaN);
  run.expected = old?.expected.slice() ?? new Int16Array(count).fill(-1);
  const size = momentum.reduce((sum, s) => sum + 2 * s.byteLength, 0);
  return Object.assign(run, { every: Math.max(APART, Math.ceil(count / Math.max(2, COPIES / size))) });
}

export const isRead = ({ memory, count, diverged }) => memory.t === count || diverged !== null;

// Reads the next byte.
export function advance(run) {
  const { memory, count, kept, every } = run, { t } = memory;
  if (t % every === 0) kept.push(structuredClone(memory));
  for (const [name, x] of Object.entries(step(memory, run, t))) run[name][t] = x;
  if (t === run.watch) run.shown = structuredClone(memory);
  if (t + 1 === count) forward(memory, run, memory.waiting.length, blank(run.tables));
  const written = memory.waiting[0]?.t ?? count, finite = (name, at) => Number.isFinite(Math.fround(run[name][at]));
  for (let at = Math.max(0, t - run.settings.chunk); at <= t && run.diverged === null; at++) {
    if (COLUMNS.every((name) => (name === "norm" && at >= written) || finite(name, at))) continue;
    run.diverged = at;
    for (const name of COLUMNS) run[name].fill(NaN, at);
    run.expected.fill(-1, at);
  }
}

// Moves the run's second memory, `shown`, by one byte to where it is about to write byte t; true if it is there.
export function towards(run, t) {
  const want = Math.max(0, Math.min(t, (run.diverged ?? run.count) - 1)) + 1, at = run.shown?.t ?? Infinity;
  if (at === want || run.kept.length === 0) return true;
  const nearest = run.kept[Math.min(Math.floor((want - 1) / run.every), run.kept.length - 1)];
  if (at > want || nearest.t > at) run.shown = structuredClone(nearest);
  step(run.shown, run, run.shown.t);
  return false;
}
