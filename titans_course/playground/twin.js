// The twin of `titans_mini.simulate` for a memory that reads byte by byte (chunk 1), of any depth.
//
//   S_t = eta_t S_{t-1} - theta_t grad_t        M_t = (1 - alpha_t) M_{t-1} + alpha_t W_0 + S_t
//
// Weights, keys, values and settings have 32 bits, as in Python; what is computed from them has 64. A layer is one
// Float32Array, row by row. Paper: eq. 12-15. Recipe: 2.2.

const HORIZON = 256, STD_FLOOR = 0.05; // bytes that surprise's statistics average over; least deviation, of the mean
const FREQUENCY = 0.01; // the share of a byte in the text at which its value has half of its full weight
const CONTEXT = 4, BLANK = 10, KEPT = 64; // bytes that a key looks back; the first past byte; bytes between copies
const COLUMNS = ["surprise", "smoothed", "g_write", "g_forget", "norm", "loss", "raw"];

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const floatsOf = (text) => new Float32Array(bytesOf(text).buffer);
const row = (matrix, number, width) => matrix.subarray(number * width, (number + 1) * width);
const lengthOf = (vector) => Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
const sigmoid = (x) => 0.5 + 0.5 * Math.tanh(0.5 * x);
const clamp = (x) => Math.min(Math.max(x, 0), 1);

// What Python sends (see `tables` in __init__.py), with its base64 texts as arrays.
export function unpack(sent) {
  const bits = bytesOf(sent.signs);
  const signs = Int8Array.from({ length: 8 * bits.length }, (_, i) => ((bits[i >> 3] >> (i & 7)) & 1 ? 1 : -1));
  const [shared, common, own] = [sent.shared, sent.common, sent.own].map(floatsOf);
  return { ...sent, signs, shared, common, own, weights: sent.weights.map(floatsOf) };
}

// Keys and values (t d) of a text's first `count` bytes, the value of each of the 256 bytes, and the bytes in use.
export function encode(tables, text, count = text.length) {
  const { dim, signs, shared, norm } = tables, ids = text.slice(0, count), table = valuesOf(tables, text);
  const keys = new Float32Array(ids.length * dim), values = keys.slice();
  ids.forEach((byte, t) => {
    const context = new Int8Array(dim).fill(1), key = new Float64Array(dim);
    for (let lag = 1; lag <= CONTEXT; lag++) {
      const sign = row(signs, (lag - 1) * 256 + (t < lag ? BLANK : ids[t - lag]), dim);
      for (let j = 0; j < dim; j++) key[j] += context[j] *= sign[j];
    }
    const size = lengthOf(key) || 1, whole = key.map((x, j) => x / size + shared[j]), length = lengthOf(whole);
    keys.set(whole.map((x) => (norm * x) / length), t * dim);
    values.set(row(table, byte, dim), t * dim);
  });
  return { ids, keys, values, table, used: [...new Set(ids)].sort((a, b) => a - b) };
}

// (256 d): a byte's own direction, the lighter the more often the text has it, plus one that all bytes share.
function valuesOf({ dim, own, common, norm }, text) {
  const share = new Float64Array(256);
  for (const byte of text) share[byte] += 1 / text.length;
  const light = share.map((p) => FREQUENCY / (FREQUENCY + p));
  const spread = Math.sqrt(share.reduce((sum, p, byte) => sum + p * light[byte] ** 2, 0));
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
  silu: (z) => [z * sigmoid(z), sigmoid(z) * (1 + z * (1 - sigmoid(z)))],
  gelu: (z) => [z * normal(z), normal(z) + (z * Math.exp(-0.5 * z * z)) / Math.sqrt(2 * Math.PI)],
  tanh: (z) => [Math.tanh(z), 1 - Math.tanh(z) ** 2],
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

// What each layer receives for a key, the slopes of the activations, and the answer M(k).
function forward(weights, key, activation) {
  const inputs = [key], slopes = [];
  weights.forEach((w, layer) => {
    const x = inputs[layer], z = new Float64Array(w.length / x.length), slope = z.slice();
    for (let i = 0, at = 0; i < z.length; i++) {
      let sum = 0;
      for (let j = 0; j < x.length; j++) sum += w[at++] * x[j];
      [z[i], slope[i]] = layer + 1 < weights.length ? ACTIVATIONS[activation](sum) : [sum, 1];
    }
    inputs.push(z);
    slopes.push(slope);
  });
  return { inputs, slopes, answer: inputs.pop() };
}

// d loss / d output of each layer.
function backward(weights, { slopes, answer }, value) {
  const deltas = [answer.map((x, i) => 2 * (x - value[i]))];
  for (let layer = weights.length - 1; layer > 0; layer--) {
    const below = new Float64Array(slopes[layer - 1].length), w = weights[layer];
    deltas[0].forEach((d, i) => row(w, i, below.length).forEach((x, j) => (below[j] += d * x)));
    deltas.unshift(below.map((x, j) => x * slopes[layer - 1][j]));
  }
  return deltas;
}

// Writes -theta delta a^T into each layer; returns the norm of the memory.
function write({ weights, momentum }, { inputs, deltas, theta, eta, alpha }, start) {
  const keep = Math.fround(1 - alpha); // a product over all bytes, so its rounding counts
  let total = 0;
  for (const [layer, w] of weights.entries()) {
    const s = momentum[layer], a = inputs[layer], delta = deltas[layer], origin = start && start[layer];
    for (let at = 0; at < w.length; ) {
      const part = theta * delta[at / a.length];
      for (let j = 0; j < a.length; j++, at++) {
        if (origin) w[at] += alpha * (origin[at] - w[at]); // rounded by itself, as in Python
        const push = eta * s[at] - part * a[j], weight = (origin ? w[at] : keep * w[at]) + push;
        [s[at], w[at]] = [push, weight];
        total += weight * weight;
      }
    }
  }
  return Math.sqrt(total);
}

// Reads byte t: how surprising it is, what is written of it, and what the memory expected; `memory` moves on.
function step(memory, { tables, stream, settings }, t) {
  const { dim, clip } = tables, { keys, values } = stream, constant = settings.gate === "constant";
  const pass = forward(memory.weights, row(keys, t, dim), tables.activation);
  const deltas = backward(memory.weights, pass, row(values, t, dim)), last = deltas[deltas.length - 1];
  const squares = deltas.map((delta, layer) => Math.fround((lengthOf(delta) * lengthOf(pass.inputs[layer])) ** 2));
  const norm = Math.sqrt(Math.max(squares.reduce((sum, x) => sum + x), 1e-30)), raw = norm / Math.sqrt(dim);
  const surprise = measure(memory.gate, raw, settings), { smoothed } = memory.gate;
  const excess = (smoothed - settings.tau) / settings.softness;
  const g_write = constant ? 1 : sigmoid(excess), g_forget = constant ? settings.lam : sigmoid(-excess);
  const theta = Math.fround(settings.eta * g_write * Math.min((clip ?? Infinity) / norm, 1));
  const alpha = Math.fround(constant ? settings.lam : settings.lam * g_forget), eta = constant ? settings.beta : 0;
  const change = { inputs: pass.inputs, deltas, theta, eta, alpha };
  const after = write(memory, change, tables.decay === "start" && tables.weights);
  const loss = (lengthOf(last) / 2 / tables.norm) ** 2;
  const expected = nearest(pass.answer, stream);
  return { line: { surprise, smoothed, g_write, g_forget, norm: after, loss, raw, expected }, change };
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

// Reads a whole text: COLUMNS and expected bytes. `diverged` is the byte from which on numbers are not finite, or null.
export function simulate(tables, stream, chosen) {
  const { ids } = stream, { weights } = tables, gate = { count: 0, mean: 0, variance: 0, peak: 0, smoothed: 0 };
  const single = ([name, x]) => [name, typeof x === "number" ? Math.fround(x) : x];
  const settings = Object.fromEntries(Object.entries(chosen).map(single));
  const run = { tables, stream, settings, expected: new Int16Array(ids.length).fill(-1), kept: [], diverged: null };
  for (const name of COLUMNS) run[name] = new Float64Array(ids.length).fill(NaN);
  const memory = structuredClone({ weights, momentum: weights.map((w) => w.map(() => 0)), gate });
  for (let t = 0; t < ids.length && run.diverged === null; t++) {
    if (t % KEPT === 0) run.kept.push(structuredClone(memory));
    const { line } = step(memory, run, t);
    if (!Object.values(line).every((x) => Number.isFinite(Math.fround(x)))) run.diverged = t;
    else for (const name in line) run[name][t] = line[name];
  }
  return run;
}

// The weights before byte t, and what is written of it, from the nearest memory that the run kept.
export function memoryAt(run, t) {
  const last = Math.min(Math.floor(t / KEPT), run.kept.length - 1), memory = structuredClone(run.kept[last]);
  for (let at = last * KEPT; at < t; at++) step(memory, run, at);
  const weights = structuredClone(memory.weights);
  return { weights, change: step(memory, run, t).change };
}
