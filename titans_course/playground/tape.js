// The tape: each byte as it is read, and below it what the memory expected; and a strip of the whole text.

const CELL = 17; // pixels of a letter
const SIGNS = { 10: "↵", 13: "↵", 9: "⇥", 32: "·" };

// How each byte is shown: a character stands over its first byte, and dots over the rest of it.
function glyphs(ids) {
  return Array.from(ids, (byte, t) => {
    if (byte < 128) return SIGNS[byte] ?? String.fromCharCode(byte);
    const size = byte >= 240 ? 4 : byte >= 224 ? 3 : 2;
    return byte < 192 ? "‥" : new TextDecoder().decode(ids.slice(t, t + size));
  });
}

const alone = (byte) => (byte < 128 ? SIGNS[byte] ?? String.fromCharCode(byte) : byte.toString(16));

// What was read and expected at byte t, as shown.
export function lettersAt({ stream, expected, diverged }, t) {
  const read = glyphs(stream.ids.subarray(0, t + 4))[t], right = expected[t] === stream.ids[t];
  return { read, expected: right ? read : diverged !== null && t >= diverged ? "?" : alone(expected[t]), right };
}

// Fills `root` for a run whose byte t is being read; `go` is called with the byte that is clicked.
export function tape(root, go) {
  root.addEventListener("click", (event) => {
    const cell = event.target.closest("[data-t]");
    if (cell) go(Number(cell.dataset.t));
  });
  return (run, t) => {
    const count = run.stream.ids.length, room = Math.max(8, Math.floor(root.clientWidth / CELL));
    const first = Math.max(0, Math.min(count - room, t - Math.floor(room * 0.6)));
    const places = Array.from({ length: Math.min(room, count) }, (_, i) => first + i);
    root.replaceChildren(...places.map((at) => cellOf(run, at, t)));
  };
}

// One column of the tape: the byte that is read, and below it the expected one.
function cellOf(run, at, t) {
  const cell = document.createElement("span"), seen = at <= t, { read, expected, right } = lettersAt(run, at);
  for (const letter of [read, seen ? expected : ""]) cell.append(Object.assign(document.createElement("i"), { textContent: letter }));
  cell.dataset.t = at;
  cell.classList.toggle("here", at === t);
  cell.classList.toggle("ahead", !seen);
  cell.classList.toggle("right", seen && right);
  for (const name of ["surprise", "g_write"]) cell.style.setProperty(`--${name}`, seen ? run[name][at] || 0 : 0);
  return cell;
}

// Paints three bands of the whole text onto a canvas: surprise, where the memory was right, where it wrote.
export function strip(canvas, colourOf) {
  return (run, t) => {
    const count = run.stream.ids.length, scale = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth * scale, canvas.clientHeight * scale];
    [canvas.width, canvas.height] = [width, height];
    const paint = canvas.getContext("2d"), wide = width / count;
    const band = (name, top, tall, strength) => {
      paint.fillStyle = colourOf(name);
      for (let at = 0; at < count; at++) {
        paint.globalAlpha = (at <= t ? 1 : 0.3) * (strength(at) || 0);
        if (paint.globalAlpha) paint.fillRect(at * wide, top * height, Math.max(wide, 0.5), tall * height);
      }
    };
    band("surprise", 0, 0.5, (at) => run.surprise[at]);
    band("right", 0.55, 0.25, (at) => run.expected[at] === run.stream.ids[at]);
    band("written", 0.85, 0.15, (at) => run.g_write[at]);
    paint.globalAlpha = 1;
    paint.fillStyle = colourOf("ink");
    paint.fillRect(t * wide, 0, Math.max(2 * scale, wide), height);
  };
}
