// The twin of `titans_mini.simulate` for one memory that reads byte by byte (chunk 1), depth 1 or more.
//
//   S_t = eta_t S_{t-1} - theta_t grad_t        M_t = (1 - alpha_t) M_{t-1} + alpha_t W_0 + S_t
//
// Weights, keys and values are stored in 32 bits as in Python; all else is counted in 64. A layer is a Float32Array
// of `outputs` rows, and `sizes` are the features between the layers, first to last.

const HORIZON = 256; // bytes over which the running statistics of surprise average
const STD_FLOOR = 0.05; // least standard deviation, as a share of the mean
const FREQUENCY = 0.01; // the share of a byte in the text at which its value has half of its full weight
const CONTEXT = 4, BLANK = 10; // bytes that a key looks back; the byte before the first one
const KEPT = 64; // bytes from one kept memory to the next
const NUMBERS = ["tau", "beta", "lam", "eta", "softness"];
export const COLUMNS = ["surprise", "smoothed", "g_write", "g_forget", "norm", "loss", "raw"];

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const floatsOf = (text) => new Float32Array(bytesOf(text).buffer);
const lengthOf = (vector) => Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
const sigmoid = (x) => 0.5 + 0.5 * Math.tanh(0.5 * x);
const clamp = (x) => Math.min(Math.max(x, 0), 1);

// What Python sends (see `tables` in __init__.py) with its base64 texts as arrays.
export function unpack(sent) {
  const bits = bytesOf(sent.signs), signs = new Int8Array(bits.length * 8);
  for (let i = 0; i < signs.length; i++) signs[i] = (bits[i >> 3] >> (7 - (i & 7))) & 1 ? 1 : -1;
  const [shared, common, own] = [sent.shared, sent.common, sent.own].map(floatsOf);
  return { ...sent, signs, shared, common, own, weights: sent.weights.map(floatsOf) };
}

// Keys and values (t d) of a text's first `count` bytes, the value of each of the 256 bytes, and the bytes in use.
export function encode(tables, text, count = text.length) {
  const { dim, signs, shared } = tables, scale = tables.norm, ids = text.slice(0, count);
  const table = valuesOf(tables, text), keys = new Float32Array(ids.length * dim), values = keys.slice();
  for (let t = 0; t < ids.length; t++) {
    const context = new Int8Array(dim).fill(1), key = new Float64Array(dim);
    for (let lag = 1; lag <= CONTEXT; lag++) {
      const place = ((lag - 1) * 256 + (t < lag ? BLANK : ids[t - lag])) * dim;
      for (let j = 0; j < dim; j++) key[j] += context[j] *= signs[place + j];
    }
    const size = lengthOf(key);
    for (let j = 0; j < dim; j++) key[j] = (size && key[j] / size) + shared[j];
    const whole = lengthOf(key);
    for (let j = 0; j < dim; j++) keys[t * dim + j] = (scale * key[j]) / whole;
    values.set(table.subarray(ids[t] * dim, (ids[t] + 1) * dim), t * dim);
  }
  return { ids, keys, values, table, used: [...new Set(ids)].sort((a, b) => a - b) };
}

// A byte's own direction, the lighter the more often the text has it, and a direction that all share: (256 d).
function valuesOf({ dim, own, common, norm }, text) {
  const share = new Float64Array(256), table = new Float64Array(256 * dim);
  for (const byte of text) share[byte] += 1 / text.length;
  const light = share.map((p) => FREQUENCY / (FREQUENCY + p));
  const spread = Math.sqrt(share.reduce((sum, p, byte) => sum + p * light[byte] ** 2, 0));
  let square = 0;
  for (let i = 0; i < table.length; i++) {
    const byte = Math.floor(i / dim);
    table[i] = (own[i] * light[byte]) / spread + common[i % dim];
    square += share[byte] * table[i] ** 2;
  }
  return Float32Array.from(table, (x) => (norm * x) / Math.sqrt(square));
}

// The error function to 1e-15: a series whose terms are all positive.
function erf(x) {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x, sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) sum += term *= (2 * x * x) / (2 * n + 1);
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

// z -> [activation, its slope]
const ACTIVATIONS = {
  silu(z) {
    const gate = sigmoid(z), value = z * gate;
    return [value, gate + value - value * gate];
  },
  gelu(z) {
    const below = 0.5 * (1 + erf(z * Math.SQRT1_2));
    return [z * below, below + (z * Math.exp(-0.5 * z * z)) / Math.sqrt(2 * Math.PI)];
  },
  tanh: (z) => [Math.tanh(z), 1 - Math.tanh(z) ** 2],
};

// How raw surprise becomes a number from 0 to 1; score and peak are measured against earlier bytes only.
const NORMALISERS = {
  excess: (raw, score) => clamp(score / 4),
  zsigmoid: (raw, score) => sigmoid(score),
  running_max: (raw, score, peak) => clamp(raw / Math.max(peak, 1e-12)),
  fixed: (raw) => Math.tanh(raw),
};

// A memory that has read nothing: its layers, their momentum, and what its gate remembers.
function begin({ weights }) {
  const gate = { count: 0, mean: 0, variance: 0, peak: 0, smoothed: 0 };
  return { weights: weights.map((w) => w.slice()), momentum: weights.map((w) => new Float32Array(w.length)), gate };
}

const copy = ({ weights, momentum, gate }) =>
  ({ weights: weights.map((w) => w.slice()), momentum: momentum.map((s) => s.slice()), gate: { ...gate } });

// Surprise and its smoothed series; `gate` moves on. Recipe: step 1.
function measure(gate, raw, { normaliser, beta }) {
  const rate = clamp(Math.max(1 / ++gate.count, 1 / HORIZON)), away = raw - gate.mean;
  const deviation = Math.max(Math.sqrt(Math.max(gate.variance, 1e-24)), gate.mean * STD_FLOOR);
  const surprise = NORMALISERS[normaliser](raw, away / deviation, gate.peak);
  gate.mean += rate * away;
  gate.variance += rate * (away * (raw - gate.mean) - gate.variance);
  gate.peak = Math.max(raw, gate.peak);
  gate.smoothed += (1 - beta) * (surprise - gate.smoothed);
  return surprise;
}

// y = W x for a layer.
function multiply(w, x) {
  const y = new Float64Array(w.length / x.length);
  for (let i = 0, at = 0; i < y.length; i++) {
    let sum = 0;
    for (let j = 0; j < x.length; j++) sum += w[at++] * x[j];
    y[i] = sum;
  }
  return y;
}

// What each layer receives for a key, the slopes of the activations, and last the answer M(k).
function forward({ weights }, key, activation) {
  const inputs = [key], slopes = [];
  weights.forEach((w, layer) => {
    const z = multiply(w, inputs[layer]);
    if (layer + 1 < weights.length) {
      slopes.push(new Float64Array(z.length));
      for (let i = 0; i < z.length; i++) [z[i], slopes[layer][i]] = ACTIVATIONS[activation](z[i]);
    }
    inputs.push(z);
  });
  return { inputs, slopes, answer: inputs.pop() };
}

// d loss / d output of each layer. Paper: eq. 12.
function backward({ weights }, { slopes, answer }, value) {
  const deltas = [answer.map((x, i) => 2 * (x - value[i]))];
  for (let layer = weights.length - 1; layer > 0; layer--) {
    const below = new Float64Array(slopes[layer - 1].length), w = weights[layer], delta = deltas[0];
    for (let i = 0, at = 0; i < delta.length; i++) for (let j = 0; j < below.length; j++) below[j] += delta[i] * w[at++];
    deltas.unshift(below.map((x, j) => x * slopes[layer - 1][j]));
  }
  return deltas;
}

// Writes -theta delta a^T into each layer; returns the norm of the memory. Paper: eq. 13-14.
function write(memory, { inputs, deltas, theta, eta, alpha }, start) {
  const keep = Math.fround(1 - alpha); // a product over all bytes, so its rounding counts
  let square = 0;
  memory.weights.forEach((w, layer) => {
    const s = memory.momentum[layer], a = inputs[layer], delta = deltas[layer], origin = start && start[layer];
    for (let i = 0, at = 0; i < delta.length; i++) {
      const step = theta * delta[i];
      for (let j = 0; j < a.length; j++, at++) {
        s[at] = eta * s[at] - step * a[j];
        if (origin) w[at] += alpha * (origin[at] - w[at]); // rounded by itself, as in Python
        w[at] = (origin ? w[at] : keep * w[at]) + s[at];
        square += w[at] * w[at];
      }
    }
  });
  return Math.sqrt(square);
}

// One byte: what the memory answers, how surprising the byte is, and what is written of it; `memory` moves on.
function step(memory, key, value, settings, tables) {
  const pass = forward(memory, key, tables.activation), deltas = backward(memory, pass, value);
  const square = deltas.reduce((sum, delta, layer) => sum + (lengthOf(delta) * lengthOf(pass.inputs[layer])) ** 2, 0);
  const norm = Math.sqrt(Math.max(square, 1e-30)), raw = norm / Math.sqrt(tables.dim);
  const surprise = measure(memory.gate, raw, settings), { smoothed } = memory.gate;
  const constant = settings.gate === "constant", excess = (smoothed - settings.tau) / settings.softness;
  const g_write = constant ? 1 : sigmoid(excess), g_forget = constant ? settings.lam : sigmoid(-excess);
  const theta = settings.eta * g_write * Math.min((tables.clip ?? Infinity) / norm, 1);
  const change = { inputs: pass.inputs, deltas, theta: Math.fround(theta), eta: constant ? settings.beta : 0 };
  change.alpha = Math.fround(constant ? settings.lam : settings.lam * g_forget);
  const size = write(memory, change, tables.decay === "start" && tables.weights);
  const loss = (lengthOf(deltas[deltas.length - 1]) / 2) ** 2 / tables.norm ** 2;
  return { surprise, smoothed, g_write, g_forget, norm: size, loss, raw, change, answer: pass.answer };
}

// The byte in use whose value lies nearest to the answer: the one that would surprise the memory least.
function nearest(answer, { table, used }) {
  let best = -1, least = Infinity;
  for (const byte of used) {
    let square = 0;
    for (let j = 0, at = byte * answer.length; j < answer.length; j++) square += (answer[j] - table[at + j]) ** 2;
    if (square < least) [best, least] = [byte, square];
  }
  return best;
}

// Reads a whole text: the COLUMNS, what was expected before each byte, and the byte where the numbers ran away, if any.
export function simulate(tables, stream, chosen) {
  const settings = { ...chosen };
  for (const name of NUMBERS) settings[name] = Math.fround(chosen[name]);
  const count = stream.ids.length, memory = begin(tables), dim = tables.dim;
  const run = { tables, stream, settings, expected: new Int16Array(count).fill(-1), kept: [], diverged: null };
  for (const name of COLUMNS) run[name] = new Float64Array(count).fill(NaN);
  for (let t = 0; t < count; t++) {
    if (t % KEPT === 0) run.kept.push(copy(memory));
    const read = [stream.keys, stream.values].map((part) => part.subarray(t * dim, (t + 1) * dim));
    const result = step(memory, ...read, settings, tables);
    if (COLUMNS.some((name) => !Number.isFinite(Math.fround(result[name])))) {
      run.diverged = t;
      break;
    }
    for (const name of COLUMNS) run[name][t] = result[name];
    run.expected[t] = nearest(result.answer, stream);
  }
  return run;
}

// The memory before byte t, and what is written for it, from the nearest memory that the run kept.
export function memoryAt({ tables, stream, settings, kept }, t) {
  const last = Math.min(Math.floor(t / KEPT), kept.length - 1), memory = copy(kept[last]), dim = tables.dim;
  let before = memory.weights, change;
  for (let at = last * KEPT; at <= t; at++) {
    if (at === t) before = memory.weights.map((w) => w.slice());
    const read = [stream.keys, stream.values].map((part) => part.subarray(at * dim, (at + 1) * dim));
    ({ change } = step(memory, ...read, settings, tables));
  }
  return { before, after: memory.weights, change };
}
