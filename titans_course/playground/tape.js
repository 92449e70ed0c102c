// The tape: each byte as it is read, and below it what each run expected. The strip: a whole run in three bands.

const CELL = 17; // pixels of a letter
const WRITTEN = 0.5; // a byte counts as written where g_write is above this
const SIGNS = { 9: "⇥", 10: "↵", 13: "↵", 32: "␣" };

// How byte t is shown: a character stands over its first byte, and dots over the rest of it.
function glyph(ids, t) {
  if (ids[t] < 128) return SIGNS[ids[t]] ?? String.fromCharCode(ids[t]);
  return ids[t] < 192 ? "‥" : new TextDecoder().decode(ids.slice(t, t + (ids[t] < 224 ? 2 : ids[t] < 240 ? 3 : 4)));
}

// What was read and expected at byte t, as shown; a box is a wrong byte that is no character by itself.
function lettersAt({ stream, expected }, t) {
  const read = glyph(stream.ids, t), byte = expected[t], right = byte === stream.ids[t];
  return { read, right, expected: right ? read : byte < 0 ? "?" : byte < 128 ? glyph([byte], 0) : "□" };
}

// How much of what was written at each byte is not forgotten before byte t.
function keptUntil({ alpha, count }, t) {
  const kept = new Float64Array(count).fill(1);
  for (let at = t - 1; at >= 0; at--) kept[at] = kept[at + 1] * (1 - (alpha[at + 1] || 0));
  return kept;
}

// One column of the tape, at byte `at`; the run `mine` colours what is read.
function column(runs, mine, at, t, kept) {
  const cell = document.createElement("span"), seen = at <= t;
  const put = (textContent, className) =>
    cell.append(Object.assign(document.createElement("i"), { textContent, className }));
  put(lettersAt(mine, at).read, "read");
  for (const { expected, right } of runs.map((run) => lettersAt(run, at)))
    put(seen ? expected : "", seen && right ? "hit" : "");
  [cell.dataset.t, cell.className] = [at, at === t ? "here" : seen ? "" : "ahead"];
  for (const [name, x] of [["surprise", mine.surprise[at]], ["written", mine.g_write[at] * kept[at]]])
    cell.style.setProperty(`--${name}`, seen ? x || 0 : 0);
  return cell;
}

// Fills `root` for runs that have read byte t.
function tape(root, runs, mine, t) {
  const { count } = mine, room = Math.min(count, Math.max(8, Math.floor(root.clientWidth / CELL)));
  const kept = keptUntil(mine, t);
  const first = Math.max(0, Math.min(count - room, t - Math.floor(room * 0.6)));
  root.replaceChildren(...Array.from({ length: room }, (_, i) => column(runs, mine, first + i, t, kept)));
}

// Paints three bands of the whole text: surprise, where the memory was right, and what it wrote and has not forgotten.
function strip(canvas, run, t, colours) {
  const { count, surprise, g_write, expected, stream: { ids } } = run, kept = keptUntil(run, t);
  const scale = window.devicePixelRatio || 1;
  [canvas.width, canvas.height] = [canvas.clientWidth * scale, canvas.clientHeight * scale];
  const paint = canvas.getContext("2d"), marks = Math.max(1, Math.min(count, canvas.width));
  const wide = canvas.width / marks, tall = canvas.height, right = (at) => Number(expected[at] === ids[at]);
  const bands = [["surprise", 0, 0.45, (at) => surprise[at]], ["right", 0.5, 0.22, right],
    ["written", 0.77, 0.23, (at) => g_write[at] * kept[at]]];
  for (const [name, top, size, strength] of bands) {
    paint.fillStyle = `rgb(${colours[name]})`;
    for (let mark = 0; mark < marks; mark++) {
      const from = Math.floor((mark * count) / marks), past = Math.floor(((mark + 1) * count) / marks);
      let most = 0, sum = 0;
      for (let at = from; at < past; at++) [most, sum] = [Math.max(most, strength(at) || 0), sum + (strength(at) || 0)];
      paint.globalAlpha = (from <= t ? 1 : 0.25) * (name === "right" ? sum / (past - from) : most);
      if (paint.globalAlpha > 0) paint.fillRect(mark * wide, top * tall, wide, size * tall);
    }
  }
  [paint.globalAlpha, paint.fillStyle] = [1, `rgb(${colours.ink})`];
  paint.fillRect((t * canvas.width) / count, 0, Math.max(2 * scale, wide), tall);
}

export { WRITTEN, lettersAt, strip, tape };
