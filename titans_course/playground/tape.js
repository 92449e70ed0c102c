// The tape: each byte as it is read, and below it what the memory expected; and a strip of the whole text.

const CELL = 17; // pixels of a letter
const SIGNS = { 9: "⇥", 10: "↵", 13: "↵", 32: "␣" };

// How byte t is shown: a character stands over its first byte, and dots over the rest of it.
function glyph(ids, t) {
  if (ids[t] < 128) return SIGNS[ids[t]] ?? String.fromCharCode(ids[t]);
  return ids[t] < 192 ? "‥" : new TextDecoder().decode(ids.slice(t, t + (ids[t] < 224 ? 2 : ids[t] < 240 ? 3 : 4)));
}

// What was read and expected at byte t, as shown; a box is a wrong byte that is no character by itself.
export function lettersAt({ stream, expected }, t) {
  const read = glyph(stream.ids, t), byte = expected[t], right = byte === stream.ids[t];
  return { read, right, expected: right ? read : byte < 0 ? "?" : byte < 128 ? glyph([byte], 0) : "□" };
}

// One column of the tape, at byte `at` of a run that has read byte t.
function column(run, at, t) {
  const cell = document.createElement("span"), seen = at <= t, { read, expected, right } = lettersAt(run, at);
  for (const letter of [read, seen ? expected : ""]) cell.appendChild(document.createElement("i")).textContent = letter;
  cell.dataset.t = at;
  cell.className = [at === t && "here", seen && right && "hit", !seen && "ahead"].filter(Boolean).join(" ");
  for (const name of ["surprise", "g_write"]) cell.style.setProperty(`--${name}`, seen ? run[name][at] || 0 : 0);
  return cell;
}

// Returns what fills `root` for a run that has read byte t; `go` is called with the byte that is clicked.
export function tape(root, go) {
  root.addEventListener("click", ({ target }) => target !== root && go(Number(target.closest("[data-t]").dataset.t)));
  return (run, t) => {
    const count = run.stream.ids.length, room = Math.min(count, Math.max(8, Math.floor(root.clientWidth / CELL)));
    const first = Math.max(0, Math.min(count - room, t - Math.floor(room * 0.6)));
    root.replaceChildren(...Array.from({ length: room }, (_, i) => column(run, first + i, t)));
  };
}

// Returns what paints three bands of the whole text: surprise, where the memory was right, how much it wrote.
export function strip(canvas, colourOf) {
  return (run, t) => {
    const { ids } = run.stream, scale = window.devicePixelRatio || 1, paint = canvas.getContext("2d");
    [canvas.width, canvas.height] = [canvas.clientWidth * scale, canvas.clientHeight * scale];
    const wide = canvas.width / ids.length, tall = canvas.height;
    const hits = run.expected.map((byte, at) => byte === ids[at]);
    for (const [name, strength, top, size] of
      [["surprise", run.surprise, 0, 0.5], ["right", hits, 0.55, 0.25], ["written", run.g_write, 0.85, 0.15]]) {
      paint.fillStyle = colourOf(name);
      ids.forEach((_, at) => {
        paint.globalAlpha = (at <= t ? 1 : 0.3) * (strength[at] || 0);
        if (paint.globalAlpha > 0) paint.fillRect(at * wide, top * tall, wide, size * tall);
      });
    }
    [paint.globalAlpha, paint.fillStyle] = [1, colourOf("ink")];
    paint.fillRect(t * wide, 0, Math.max(2 * scale, wide), tall);
  };
}
