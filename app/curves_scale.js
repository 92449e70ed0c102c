// What the curves are drawn from: the bytes of a run, its values in groups, ranges and round numbers of the axes.

const APART = 10; // times as large as another run: from there on it would flatten the other, and leaves the picture

/** A run from its bytes: the length of a line of JSON, that line, and its curves as 32-bit floats. */
function unpack(data) {
  const { buffer } = data.slice(); // a copy begins where floats may begin
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const curve = (place) => new Float32Array(buffer, 4 + length + 4 * place * head.count, head.count);
  return { ...head, curves: Object.fromEntries(head.names.map((name, place) => [name, curve(place)])) };
}

/** Tokens from..to in groups of `step`: where each group lies, and its mean, least and largest value. */
function groups(values, from, to, step) {
  const found = [];
  for (let start = from - (from % step); start < to; start += step) {
    const end = Math.min(start + step, values.length);
    let sum = 0, low = Infinity, high = -Infinity;
    for (let token = start; token < end; token++) {
      const value = values[token];
      sum += value;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (Number.isFinite(sum)) found.push({ at: (start + end - 1) / 2, mean: sum / (end - start), low, high });
  }
  return found;
}

/** Round numbers between two values, about `count` of them. */
function ticks(low, high, count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10);
  const found = [];
  for (let place = Math.ceil(low / step); place * step <= high && found.length < 20; place++) {
    found.push(place * step || 0); // not -0
  }
  return found;
}

/** The least and largest finite value of a curve. */
function extent(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high && value < Infinity) high = value;
  }
  return [low, high];
}

/** The range of an axis that shows a curve of some runs: of those that are not far larger than the smallest. */
function scale(runs, name, bottom) {
  const ends = runs.map((run) => extent(run.curves[name])).filter(([low, high]) => low <= high);
  if (!ends.length) return [0, 1];
  const least = Math.min(...ends.map((end) => end[1])), calm = ends.filter(([, high]) => high <= APART * least);
  const shown = calm.length ? calm : ends;
  const low = bottom ?? Math.min(...shown.map((end) => end[0])), high = Math.max(...shown.map((end) => end[1]));
  const margin = 0.05 * (high - low || Math.abs(high) || 1);
  return [bottom ?? low - margin, high + margin];
}

/** What another run's inner loss is above this one's, token by token, as far as both are finite. */
function advantage(run, other) {
  const ends = [run, other].map((one) => (one.diverged ? one.diverged[0] : one.count));
  return run.curves.loss.slice(0, Math.min(...ends)).map((value, token) => other.curves.loss[token] - value);
}

/** The token at which a curve rises above the end of an axis; null if it does not, or only as it diverges. */
function exit(run, name, top) {
  const token = run.curves[name].findIndex((value) => !(value <= top));
  return token < 0 || token >= (run.diverged?.[0] ?? Infinity) ? null : token;
}
