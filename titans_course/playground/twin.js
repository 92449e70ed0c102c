// The twin of `titans_mini.simulate`, for a memory of any depth that takes its gradients byte by byte or by chunks.
//
//   S_t = eta_t S_{t-1} - theta_t grad_t        M_t = (1 - alpha_t) M_{t-1} + alpha_t W_0 + S_t
//
// A write waits until the next gradient is due: then one loop over a layer writes, measures the result and reads.
// Weights, keys, values and settings have 32 bits, as in Python; what is computed from them has 64. A layer is one
// array, row by row. Its sizes are filled up with zeros to a multiple of 4, since loops take four numbers at a time.
// Paper: eq. 12-15. Recipe: 2.2.

const HORIZON = 256, STD_FLOOR = 0.05; // bytes that surprise's statistics average over; least deviation, of the mean
const FREQUENCY = 0.01; // the share of a byte in the text at which its value has half of its full weight
const CONTEXT = 4, BLANK = 10; // bytes that a key looks back; the byte before the first
const COPIES = 16e6; // bytes that a run's copies of its memory may take
const COLUMNS = ["surprise", "smoothed", "g_write", "g_forget", "norm", "loss", "raw", "alpha"];

export const bytesOf = (sent) => (typeof sent === "string" ? Uint8Array.from(atob(sent), (x) => x.charCodeAt(0)) : sent);
const floatsOf = (sent) => new Float32Array(bytesOf(sent).buffer);
const filled = (size) => 4 * Math.ceil(size / 4);
const lengthOf = (vector) => Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const clamp = (x) => Math.min(Math.max(x, 0), 1);

// A matrix of so many columns, with both sizes filled up.
function padded(flat, columns) {
  const rows = flat.length / columns, matrix = new Float32Array(filled(rows) * filled(columns));
  for (let i = 0; i < rows; i++) matrix.set(flat.subarray(i * columns, (i + 1) * columns), i * filled(columns));
  return matrix;
}

// What Python sends (see `tables` in __init__.py), with its base64 texts as arrays.
export function unpack(sent) {
  const bits = bytesOf(sent.signs), weights = [];
  const signs = Int8Array.from({ length: 8 * bits.length }, (_, i) => ((bits[i >> 3] >> (i & 7)) & 1 ? 1 : -1));
  const [shared, common, own] = [sent.shared, sent.common, sent.own].map(floatsOf);
  let columns = sent.dim;
  for (const layer of sent.weights.map(floatsOf)) {
    weights.push(padded(layer, columns));
    columns = layer.length / columns;
  }
  return { ...sent, signs, shared, common, own, weights };
}

// What Python's `stream` sends, ready to be read: keys and values (t d), the value of each of the 256 bytes, and the
// bytes in use. Either it brings them, or the shares of bytes in the text and factors on single keys and values.
export function encode(tables, sent) {
  const { dim } = tables, ids = bytesOf(sent.ids), used = [...new Set(ids)].sort((a, b) => a - b);
  const made = sent.keys ? Object.fromEntries(["keys", "values", "table"].map((name) => [name, floatsOf(sent[name])]))
    : { keys: keysOf(tables, ids), table: valuesOf(tables, floatsOf(sent.share)) };
  made.values ??= Float32Array.from({ length: made.keys.length }, (_, i) => made.table[ids[Math.floor(i / dim)] * dim + i % dim]);
  for (const [name, gain] of [["keys", sent.key_gain], ["values", sent.value_gain]])
    if (gain) floatsOf(gain).forEach((x, t) => { for (let j = t * dim; j < (t + 1) * dim; j++) made[name][j] *= x; });
  for (const name in made) made[name] = padded(made[name], dim);
  return { ids, used, ...made };
}

// (t d): signs of the last bytes multiplied together, plus one direction that all keys share.
function keysOf({ dim, signs, shared, norm }, ids) {
  const keys = new Float32Array(ids.length * dim);
  ids.forEach((_, t) => {
    const context = new Int8Array(dim).fill(1), key = new Float64Array(dim);
    for (let lag = 1; lag <= CONTEXT; lag++) {
      const from = ((lag - 1) * 256 + (t < lag ? BLANK : ids[t - lag])) * dim;
      for (let j = 0; j < dim; j++) key[j] += context[j] *= signs[from + j];
    }
    const size = lengthOf(key) || 1, whole = key.map((x, j) => x / size + shared[j]), length = lengthOf(whole);
    keys.set(whole.map((x) => (norm * x) / length), t * dim);
  });
  return keys;
}

// (256 d): a byte's own direction, the lighter the more often the text has it, plus one that all bytes share.
function valuesOf({ dim, own, common, norm }, share) {
  const light = Float64Array.from(share, (p) => FREQUENCY / (FREQUENCY + p));
  const spread = Math.sqrt(light.reduce((sum, x, byte) => sum + share[byte] * x * x, 0));
  const table = Float64Array.from(own, (x, i) => (x * light[Math.floor(i / dim)]) / spread + common[i % dim]);
  const size = Math.sqrt(table.reduce((sum, x, i) => sum + share[Math.floor(i / dim)] * x * x, 0));
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

// z = W x
function product(w, x, z) {
  for (let i = 0, at = 0; i < z.length; i++) {
    let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (let j = 0; j < x.length; j += 4, at += 4) {
      s0 += w[at] * x[j];
      s1 += w[at + 1] * x[j + 1];
      s2 += w[at + 2] * x[j + 2];
      s3 += w[at + 3] * x[j + 3];
    }
    z[i] = s0 + s1 + (s2 + s3);
  }
}

// The same after W = keep W - theta delta a^T; returns the square norm of W.
function writeAndRead(w, a, delta, theta, keep, x, z) {
  let q0 = 0, q1 = 0, q2 = 0, q3 = 0;
  for (let i = 0, at = 0; i < z.length; i++) {
    const part = theta * delta[i];
    let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (let j = 0; j < x.length; j += 4, at += 4) {
      const w0 = keep * w[at] - part * a[j], w1 = keep * w[at + 1] - part * a[j + 1];
      const w2 = keep * w[at + 2] - part * a[j + 2], w3 = keep * w[at + 3] - part * a[j + 3];
      w[at] = w0;
      w[at + 1] = w1;
      w[at + 2] = w2;
      w[at + 3] = w3;
      q0 += w0 * w0;
      q1 += w1 * w1;
      q2 += w2 * w2;
      q3 += w3 * w3;
      s0 += w0 * x[j];
      s1 += w1 * x[j + 1];
      s2 += w2 * x[j + 2];
      s3 += w3 * x[j + 3];
    }
    z[i] = s0 + s1 + (s2 + s3);
  }
  return q0 + q1 + (q2 + q3);
}

// The same with momentum S, and for a memory that decays towards its start.
function carryAndRead(w, s, start, a, delta, { theta, eta, alpha }, x, z) {
  const keep = Math.fround(1 - alpha); // a product over all bytes, so its rounding counts
  let square = 0;
  for (let i = 0, at = 0; i < z.length; i++) {
    const part = theta * delta[i];
    let s0 = 0, s1 = 0;
    for (let j = 0; j < x.length; j += 2, at += 2) {
      const p0 = eta * s[at] - part * a[j], p1 = eta * s[at + 1] - part * a[j + 1];
      const w0 = (start ? Math.fround(w[at] + alpha * (start[at] - w[at])) : keep * w[at]) + p0;
      const w1 = (start ? Math.fround(w[at + 1] + alpha * (start[at + 1] - w[at + 1])) : keep * w[at + 1]) + p1;
      s[at] = p0;
      s[at + 1] = p1;
      w[at] = w0;
      w[at + 1] = w1;
      square += w0 * w0 + w1 * w1;
      s0 += w0 * x[j];
      s1 += w1 * x[j + 1];
    }
    z[i] = s0 + s1;
  }
  return square;
}

// Writes what is due in one layer, then z = W x.
function through({ weights, momentum }, layer, due, start, x, z) {
  due.forEach((change, at) => {
    const a = change.inputs[layer], delta = change.deltas[layer], its = at + 1 < due.length ? a : x;
    const plain = change.eta === 0 && !start, keep = Math.fround(1 - change.alpha);
    change.square += plain ? writeAndRead(weights[layer], a, delta, change.theta, keep, its, z)
      : carryAndRead(weights[layer], momentum[layer], start?.[layer], a, delta, change, its, z);
  });
  if (due.length === 0) product(weights[layer], x, z);
}

// Writes what is due, and answers a key: what each layer receives, the slopes of the activations, and M(k).
function forward(memory, { tables, norm }, due, key) {
  const inputs = [key], slopes = [], start = tables.decay === "start" ? tables.weights : null;
  const act = ACTIVATIONS[tables.activation];
  memory.weights.forEach((w, layer) => {
    const x = inputs[layer], z = new Float64Array(w.length / x.length), slope = z.slice();
    through(memory, layer, due, start, x, z);
    if (layer + 1 < memory.weights.length) for (let i = 0; i < z.length; i++) [z[i], slope[i]] = act(z[i]);
    inputs.push(z);
    slopes.push(slope);
  });
  for (const change of due) norm[change.t] = Math.sqrt(change.square);
  return { inputs, slopes, answer: inputs.pop() };
}

// d loss / d output of each layer.
function backward(weights, { slopes, answer }, value) {
  const deltas = [answer.map((x, i) => 2 * (x - value[i]))];
  for (let layer = weights.length - 1; layer > 0; layer--) {
    const w = weights[layer], [d] = deltas, slope = slopes[layer - 1], wide = slope.length, below = new Float64Array(wide);
    for (let i = 0, at = 0; i < d.length; i += 4, at += 4 * wide) {
      const d0 = d[i], d1 = d[i + 1], d2 = d[i + 2], d3 = d[i + 3];
      for (let j = 0, k = at; j < wide; j++, k++)
        below[j] += d0 * w[k] + d1 * w[k + wide] + (d2 * w[k + 2 * wide] + d3 * w[k + 3 * wide]);
    }
    for (let j = 0; j < wide; j++) below[j] *= slope[j];
    deltas.unshift(below);
  }
  return deltas;
}

// Reads byte t: how surprising it is, what is written of it, and what the memory expected; `memory` moves on.
function step(memory, run, t) {
  const { tables, stream, settings } = run, { dim, clip } = tables, wide = filled(dim), from = t * wide;
  const due = t % settings.chunk === 0 ? memory.waiting.splice(0) : [];
  const pass = forward(memory, run, due, Float64Array.from(stream.keys.subarray(from, from + wide)));
  const deltas = backward(memory.weights, pass, stream.values.subarray(from, from + wide));
  const squares = deltas.map((delta, layer) => Math.fround((lengthOf(delta) * lengthOf(pass.inputs[layer])) ** 2));
  const size = Math.sqrt(Math.max(squares.reduce((sum, x) => sum + x), 1e-30)), raw = size / Math.sqrt(dim);
  const surprise = measure(memory.gate, raw, settings), { smoothed } = memory.gate;
  const excess = (smoothed - settings.tau) / settings.softness, constant = settings.gate === "constant";
  const g_write = constant ? 1 : sigmoid(excess), g_forget = constant ? settings.lam : sigmoid(-excess);
  const theta = Math.fround(settings.eta * g_write * Math.min((clip ?? Infinity) / size, 1));
  const alpha = Math.fround(constant ? settings.lam : settings.lam * g_forget), eta = constant ? settings.beta : 0;
  memory.waiting.push({ t, inputs: pass.inputs, deltas, theta, eta, alpha, square: 0 });
  const loss = (lengthOf(deltas[deltas.length - 1]) / 2 / tables.norm) ** 2, expected = nearest(pass.answer, stream);
  memory.t = t + 1;
  return { surprise, smoothed, g_write, g_forget, loss, raw, alpha, expected };
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

const copy = ({ t, weights, momentum, gate, waiting }) => ({ t, gate: { ...gate }, waiting: waiting.map((x) => ({ ...x })),
  weights: weights.map((w) => w.slice()), momentum: momentum.map((s) => s.slice()) });

// A run that has read nothing yet: COLUMNS and expected bytes. `diverged` is the byte from which on numbers are not
// finite, or null. `over` is a run whose numbers stand there until they are read.
export function begin(tables, stream, chosen, over = null) {
  const count = stream.ids.length, gate = { count: 0, mean: 0, variance: 0, peak: 0, smoothed: 0 };
  const single = ([name, x]) => [name, typeof x === "number" ? Math.fround(x) : x];
  const settings = Object.fromEntries(Object.entries(chosen).map(single));
  const blank = tables.weights.map((w) => new Float32Array(w.length)), last = over?.stream === stream ? over : null;
  const memory = copy({ t: 0, weights: tables.weights, momentum: blank, gate, waiting: [] });
  const run = { tables, stream, settings, chosen, memory, kept: [], read: 0, count, diverged: null, scale: 1e-9 };
  for (const name of COLUMNS) run[name] = last ? last[name].slice() : new Float64Array(count).fill(NaN);
  run.expected = last ? last.expected.slice() : new Int16Array(count).fill(-1);
  const room = COPIES / (8 * blank.reduce((sum, w) => sum + w.length, 0));
  return Object.assign(run, { every: Math.max(64, Math.ceil(count / Math.max(2, room))) });
}

// Reads the next byte; false at the end.
export function advance(run) {
  const { memory, read: t, count } = run;
  if (t === count || run.diverged !== null) return false;
  if (t % run.every === 0) {
    run.kept.push(copy(memory));
    const last = memory.weights[memory.weights.length - 1];
    run.scale = Math.max(run.scale, lengthOf(last) / Math.sqrt(last.length));
  }
  const line = step(memory, run, t);
  if (t === run.watch) run.shown = copy(memory);
  for (const name in line) run[name][t] = line[name];
  if (t + 1 === count) forward(memory, run, memory.waiting.splice(0), new Float64Array(filled(run.tables.dim)));
  const lost = COLUMNS.some((name) => name !== "norm" && !Number.isFinite(Math.fround(run[name][t])));
  const late = [t - 1, t].find((at) => at >= 0 && (at < t || t + 1 === count) && !Number.isFinite(Math.fround(run.norm[at])));
  if (lost || late !== undefined) diverge(run, late ?? t);
  run.read = t + 1;
  return true;
}

function diverge(run, t) {
  run.diverged = t;
  for (const name of COLUMNS) run[name].fill(NaN, t);
  run.expected.fill(-1, t);
}

export function simulate(tables, stream, chosen) {
  const run = begin(tables, stream, chosen);
  while (advance(run));
  return run;
}

// Moves the run's second memory, `shown`, to where it is about to write byte t, by one byte; true once it is there.
export function towards(run, t) {
  const want = Math.max(0, Math.min(t, (run.diverged ?? run.count) - 1)) + 1, at = run.shown?.t ?? Infinity;
  if (at === want || run.kept.length === 0) return true;
  const nearest = run.kept[Math.min(Math.floor((want - 1) / run.every), run.kept.length - 1)];
  if (at > want || nearest.t > at) run.shown = copy(nearest);
  step(run.shown, run, run.shown.t);
  return run.shown.t === want;
}
