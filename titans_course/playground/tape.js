// The tape: each byte as it is read, and below it what each run expected. The strip: a whole run in three bands.

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

// One column of the tape, at byte `at`; the first run colours what is read.
function column(runs, at, t) {
  const cell = document.createElement("span"), seen = at <= t, [{ surprise, g_write }] = runs;
  const letter = (text, name) => Object.assign(cell.appendChild(document.createElement("i")), { textContent: text, className: name });
  letter(lettersAt(runs[0], at).read, "read");
  for (const run of [...runs].sort((a, b) => a.place - b.place)) {
    const { expected, right } = lettersAt(run, at);
    letter(seen ? expected : "", seen && right ? "hit" : "");
  }
  cell.dataset.t = at;
  cell.className = [at === t && "here", !seen && "ahead"].filter(Boolean).join(" ");
  for (const [name, numbers] of Object.entries({ surprise, g_write })) cell.style.setProperty(`--${name}`, seen ? numbers[at] || 0 : 0);
  return cell;
}

// Returns what fills `root` for runs that have read byte t; `go` is called with the byte that is clicked.
export function tape(root, go) {
  root.addEventListener("click", ({ target }) => target !== root && go(Number(target.closest("[data-t]").dataset.t)));
  return (runs, t) => {
    const { count } = runs[0], room = Math.min(count, Math.max(8, Math.floor(root.clientWidth / CELL)));
    const first = Math.max(0, Math.min(count - room, t - Math.floor(room * 0.6)));
    root.replaceChildren(...Array.from({ length: room }, (_, i) => column(runs, first + i, t)));
  };
}

// Paints three bands of the whole text: surprise, where the memory was right, and what it wrote, as much of it as it
// has not forgotten before byte t.
export function strip(canvas, run, t, colourOf) {
  const { ids } = run.stream, scale = window.devicePixelRatio || 1, paint = canvas.getContext("2d");
  [canvas.width, canvas.height] = [canvas.clientWidth * scale, canvas.clientHeight * scale];
  const wide = canvas.width / ids.length, tall = canvas.height, kept = new Float64Array(ids.length).fill(1);
  for (let at = t - 1; at >= 0; at--) kept[at] = kept[at + 1] * (1 - (run.alpha[at + 1] || 0));
  const bands = [["surprise", 0, 0.45, (at) => run.surprise[at]], ["right", 0.5, 0.22, (at) => run.expected[at] === ids[at]],
    ["written", 0.77, 0.23, (at) => run.g_write[at] * kept[at]]];
  for (const [name, top, size, strength] of bands) {
    paint.fillStyle = colourOf(name);
    for (let at = 0; at < ids.length; at++) {
      paint.globalAlpha = (at <= t ? 1 : 0.25) * (strength(at) || 0);
      if (paint.globalAlpha > 0) paint.fillRect(at * wide, top * tall, wide, size * tall);
    }
  }
  [paint.globalAlpha, paint.fillStyle] = [1, colourOf("ink")];
  paint.fillRect(t * wide, 0, Math.max(2 * scale, wide), tall);
}
