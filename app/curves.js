// The Simulator's curves as one SVG picture. Streamlit calls the function at the end with the words of the picture. The
// runs and the cursor are handed to `take`, each when it has changed: a step to another token sends two numbers.

// The names of the curves in each row, the row's share of the height, and its range where that is always the same.
const ROWS = [
  { names: ["surprise", "momentum"], share: 0.28, range: [-0.03, 1.05] },
  { names: ["g_write", "g_forget"], share: 0.2, range: [-0.03, 1.05] },
  { names: ["memory_norm"], share: 0.17, bottom: 0 },
  { names: ["loss"], share: 0.17 },
  { names: ["frequency"], share: 0.18, bottom: 0 },
];
const HEIGHT = 660, LEFT = 48, RIGHT = 30, BOTTOM = 40, HEAD = 24; // pixels; HEAD is the line above each row
const GROUP = 3; // pixels: tokens that are closer together than this are drawn as their mean in a band
const DRAG = 5; // pixels that the mouse moves before a press becomes a selection
const FEW = 8; // tokens: the closest zoom

const STYLE = `
.curves { position: relative; height: ${HEIGHT}px; touch-action: pan-y; }
.curves svg { display: block; width: 100%; height: 100%; font: 12px var(--font); user-select: none; cursor: crosshair; }
.curves svg:focus-visible { outline: 2px solid var(--text); outline-offset: 2px; }
.curves text { fill: var(--text); }
.curves .heads text { paint-order: stroke; stroke: var(--back); stroke-width: 4px; }
.curves .tick { font-size: 11px; opacity: 0.8; }
.curves .grid { stroke: var(--text); opacity: 0.14; }
.curves .band { stroke: none; fill-opacity: 0.2; }
.curves .mean { fill: none; stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round; }
.curves .tau { stroke: var(--text); opacity: 0.7; stroke-dasharray: 2 3; stroke-width: 1.5; }
.curves .normal { fill: var(--g_write); opacity: 0.12; } .curves .event { fill: var(--surprise); opacity: 0.1; }
.curves .diverged { stroke: #d62839; } .curves text.diverged { fill: #d62839; stroke: none; }
.curves .cursor { stroke: var(--text); opacity: 0.75; stroke-dasharray: 5 3; }
.curves .pointer { stroke: var(--text); opacity: 0.5; } .curves .chosen { fill: var(--g_write); opacity: 0.15; }
.curves .tools { position: absolute; right: 0; top: -2px; display: flex; gap: 4px; }
.curves button { font: 13px var(--font); color: var(--text); background: var(--back); border: 1px solid currentColor;
  border-radius: 4px; opacity: 0.75; min-width: 26px; height: 24px; cursor: pointer; }
.curves button:is(:hover, :focus-visible) { opacity: 1; outline: 2px solid currentColor; }
[class*="st-key-feed_"] { display: none; }
@media print { .curves .tools, .curves .pointer { display: none; } }
`;

const store = { run: null, behind: null, picture: null };
// The token that the tape and the curves show. Whichever of them loads first makes it; the server is told nothing.
// `move` names who moves it, so that a watcher can leave its own moves aside; `watch` returns what ends it.
const titans = (window.titans ??= {
  token: null,
  watchers: new Set(),
  move(token, from) {
    if (token === titans.token) return;
    titans.token = token;
    for (const watcher of titans.watchers) watcher(token, from);
  },
  watch(watcher) {
    titans.watchers.add(watcher);
    return () => titans.watchers.delete(watcher);
  },
});
titans.watch(() => store.picture?.mark());

/** A run from its bytes: the length of a line of JSON, that line, and its curves as 32-bit floats. */
function unpack(data) {
  const { buffer } = data.slice(); // a copy begins where floats may begin
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const curve = (place) => new Float32Array(buffer, 4 + length + 4 * place * head.count, head.count);
  return { ...head, curves: Object.fromEntries(head.names.map((name, place) => [name, curve(place)])) };
}

/** Called for each element that carries data: bytes are a run, anything else is the cursor. Returns its removal. */
function take({ data, parentElement, setTriggerValue }) {
  if (!(data instanceof Uint8Array)) {
    parentElement.innerHTML = `<style>.reading span:nth-child(${data.place}) { outline: 2px solid; }</style>`;
    titans.move(data.token, "page");
    store.unwatch?.();
    store.unwatch = titans.watch((token, from) => from === "curves" && setTriggerValue("token", token));
    return store.unwatch;
  }
  const run = unpack(data);
  if (store[run.role]?.digest === run.digest) return store[run.role].forget; // sent again, and drawn already
  run.forget = () => {
    if (store[run.role] !== run) return;
    store[run.role] = null;
    store.picture?.draw();
  };
  store[run.role] = run;
  store.picture?.draw();
  return run.forget;
}

const escape = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 });
const round = (value) => Math.round(value * 10) / 10;

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

/** The least and largest value of a curve in some runs, with a margin. */
function extent(runs, name, bottom) {
  let low = bottom ?? Infinity, high = -Infinity;
  for (const run of runs) {
    for (const value of run?.curves[name] ?? []) {
      if (value < low) low = value;
      if (value > high && value < Infinity) high = value;
    }
  }
  if (!(low <= high)) return [0, 1];
  const margin = 0.05 * (high - low || Math.abs(high) || 1);
  return [bottom ?? low - margin, high + margin];
}

/** What the mouse or the keys read off a curve at a token: the formula with its numbers where the run has one. */
function reading(run, name, token, label) {
  const { surprise, momentum, g_write } = run.curves;
  const value = name in run.curves ? run.curves[name][token] : 1 - g_write[token];
  const previous = token ? momentum[token - 1] : 0;
  const before = { momentum: [previous, surprise[token]], g_write: [momentum[token]] }[name];
  const put = (_, what) => (what === "y" ? value : before[Number(what.slice(11, -1))]).toFixed(3);
  return (run.hover[name] ?? `${label} %{y:.3f}`).replace(/%\{(y|customdata\[\d\]):\.3f\}/g, put);
}

function makePicture(root) {
  root.innerHTML = `<div class="curves" role="figure"><svg role="slider" tabindex="0"><style>${STYLE}</style>
    <g class="drawn"></g><rect class="chosen" y="0" height="${HEIGHT - BOTTOM}" width="0" />
    <line class="cursor" y2="${HEIGHT - BOTTOM}" /><line class="pointer" y2="${HEIGHT - BOTTOM}" />
    <g class="heads"></g><text class="axis" y="${HEIGHT - 8}" text-anchor="middle"></text></svg>
    <div class="tools"><button class="whole" hidden>↔</button><button class="save">⤓</button></div></div>`;
  const box = root.firstElementChild, svg = box.firstElementChild, part = (name) => box.querySelector(`.${name}`);
  let words = null, view = null, at = null, pressed = null, width = 0, rows = [];

  const count = () => Math.max(store.run?.count ?? 1, store.behind?.count ?? 1);
  const span = () => view ?? [-0.5, count() - 0.5];
  const across = (token) => LEFT + ((token - span()[0]) / (span()[1] - span()[0])) * (width - LEFT - RIGHT);
  const tokenAt = (x) => span()[0] + ((x - LEFT) / (width - LEFT - RIGHT)) * (span()[1] - span()[0]);
  const within = (token) => Math.min(Math.max(Math.round(token), 0), (store.run?.count ?? 1) - 1);

  /** Each row with its place and its range: that of the run behind where the run itself left all bounds. */
  function place() {
    const { run, behind } = store, measured = run.diverged && behind ? [behind] : [run, behind];
    let top = 0;
    rows = ROWS.map((row) => {
      const height = row.share * (HEIGHT - BOTTOM), from = top + HEAD, to = top + height - 4;
      const counted = row.names[0] === "frequency" ? [0, measured[0].top] : null;
      const range = row.range ?? counted ?? extent(measured, row.names[0], row.bottom);
      const up = (value) => to - ((value - range[0]) / (range[1] - range[0])) * (to - from);
      top += height;
      return { ...row, names: row.names.filter((name) => name in run.curves), head: from - 8, from, to, range, up };
    });
  }

  function curve(run, name, row, colour) {
    const [from, to] = [Math.max(0, Math.floor(span()[0])), Math.min(run.count, Math.ceil(span()[1]) + 1)];
    const step = Math.max(1, Math.ceil(((to - from) * GROUP) / (width - LEFT - RIGHT)));
    const found = groups(run.curves[name], from, to, step);
    if (!found.length) return "";
    const points = (some, what) => some.map((group) => `${round(across(group.at))},${round(row.up(group[what]))}`);
    const [look, fill] = run.role === "behind" ? ["grey", "var(--pinned)"] : [name, colour];
    const path = (kind, style, corners) =>
      `<path class="${kind} ${look}" data-name="${name}" style="${style}:${fill}" d="M${corners.join("L")}" />`;
    const band = [...points(found, "high"), ...points(found.toReversed(), "low")];
    const mean = points(found.length > 1 ? found : [found[0], found[0]], "mean"); // of one token, a dot
    return (step > 1 ? path("band", "fill", band) : "") + path("mean", "stroke", mean);
  }

  function drawRow(row, number) {
    const { run, behind } = store, right = width - RIGHT;
    const values = ticks(row.range[0], row.range[1], row.range[1] === 1.05 ? 2 : 3);
    const levels = values.map((value) => {
      const y = round(row.up(value)), text = compact.format(value);
      return `<path class="grid" d="M${LEFT},${y}H${right}" />
        <text class="tick" x="${LEFT - 6}" y="${y + 4}" text-anchor="end">${text}</text>`;
    });
    const back = behind && row.names[0] in behind.curves ? curve(behind, row.names[0], row) : "";
    const lines = row.names.map((name) => curve(run, name, row, `var(--${name})`));
    const marks = number === 0 ? `<path class="tau" d="M${LEFT},${row.up(run.tau)}H${right}" />` : "";
    const [low, high] = words.normal.map((value) => Math.max(row.from, row.up(value)));
    const normal = number !== 4 ? ""
      : `<rect class="normal" x="${LEFT}" width="${right - LEFT}" y="${high}" height="${low - high}" />`;
    return `${levels.join("")}<clipPath id="curves-${number}"><rect x="${LEFT - 2}" y="${row.from - 2}"
      width="${right - LEFT + 4}" height="${row.to - row.from + 4}" /></clipPath>
      <g clip-path="url(#curves-${number})">${normal}${back}${lines.join("")}${marks}</g>
      ${number === 0 ? `<text class="tick" x="${right + 4}" y="${row.up(run.tau) + 4}">tau</text>` : ""}`;
  }

  /** Events and the divergence, which run through all rows; only the first event is named. */
  function drawMarks() {
    const bottom = HEIGHT - BOTTOM, inside = (x) => Math.min(Math.max(x, LEFT), width - RIGHT), { run } = store;
    const events = run.events.map(([start, end, name], number) => {
      const x = inside(across(start)), far = inside(across(end));
      const label = number ? "" : `<text class="tick" x="${x + 3}" y="${HEAD + 10}">${escape(name)}</text>`;
      return far > x ? `<rect class="event" x="${x}" width="${far - x}" y="0" height="${bottom}" />${label}` : "";
    });
    const x = run.diverged && across(run.diverged[0]);
    const end = x !== null && x === inside(x) ? `<path class="diverged" d="M${x},${HEAD}V${bottom}" />
      <text class="diverged" x="${x}" y="${HEAD + 10}" dx="${x > width - 160 ? -4 : 4}"
        text-anchor="${x > width - 160 ? "end" : "start"}">${escape(run.diverged[1])}</text>` : "";
    const numbers = ticks(Math.max(0, span()[0]), span()[1], Math.max(2, width / 140)).filter(Number.isInteger);
    return events.join("") + end + numbers.map((token) =>
      `<text class="tick" x="${across(token)}" y="${bottom + 16}" text-anchor="middle">${token}</text>`).join("");
  }

  function draw() {
    if (!words || !store.run) return;
    width = box.clientWidth;
    if (!width) return;
    if (view && view[1] > count()) view = null;
    place();
    part("drawn").innerHTML = rows.map(drawRow).join("") + drawMarks();
    part("whole").hidden = !view;
    mark();
  }

  /** The colour and the words of each curve of a row: its name, or what is read at a token. */
  function above(row, token, read) {
    const { run, behind } = store, forget = row.names[0] === "g_write" && run.hover.g_forget;
    const parts = (forget ? ["g_write", "g_forget"] : row.names).map((name) => {
      const said = name === "g_forget" && forget ? "g_forget = 1 − g_write" : words.labels[name];
      return [`var(--${name})`, read ? reading(run, name, token, words.labels[name]) : said];
    });
    if (behind && token < behind.count) {
      const value = read ? ` ${behind.curves[row.names[0]][token].toFixed(3)}` : "";
      parts.push(["var(--pinned)", words.grey[row.names[0]] + value]);
    }
    return parts;
  }

  /** The cursor, the line of the mouse or the keys, and the words above each row: names, or what is read there. */
  function mark() {
    if (!store.run || !rows.length) return;
    for (const [name, token] of [["cursor", titans.token], ["pointer", at]]) {
      const x = token === null ? -9 : across(token), shown = x >= LEFT - 1 && x <= width - RIGHT + 1;
      part(name).setAttribute("x1", shown ? x : -9);
      part(name).setAttribute("x2", shown ? x : -9);
    }
    const { run } = store, read = at !== null, token = at ?? within(titans.token ?? 0);
    const said = rows.map((row) => above(row, token, read));
    part("heads").innerHTML = said.map((parts, number) => {
      const spans = parts.map(([colour, text], place) =>
        `<tspan style="fill:${colour}" dx="${place && 14}">━</tspan> ${escape(text)}`);
      return `<text x="${LEFT}" y="${rows[number].head}">${spans.join("")}</text>`;
    }).join("");
    part("axis").textContent = words.token + (read ? ` ${token}` : "");
    part("axis").setAttribute("x", (LEFT + width - RIGHT) / 2);
    for (const head of read ? part("heads").children : []) { // on a phone a formula is longer than the row
      if (head.getComputedTextLength() > width - LEFT - 4) head.setAttribute("textLength", width - LEFT - 4);
      if (head.hasAttribute("textLength")) head.setAttribute("lengthAdjust", "spacingAndGlyphs");
    }
    svg.setAttribute("aria-valuemax", run.count - 1);
    svg.setAttribute("aria-valuenow", token);
    svg.setAttribute("aria-valuetext", `${words.token} ${token}` + said.flat().map((part) => `; ${part[1]}`).join(""));
  }

  function zoom(from, to) {
    const whole = from <= -0.5 && to >= count() - 0.5;
    view = whole || to - from < FEW ? (whole ? null : view) : [Math.max(-0.5, from), Math.min(count() - 0.5, to)];
    draw();
  }

  const read = (token) => { at = token === null ? null : within(token); mark(); };
  const select = (from, to) => {
    part("chosen").setAttribute("x", Math.min(from, to));
    part("chosen").setAttribute("width", Math.abs(to - from));
  };
  svg.addEventListener("pointerdown", (event) => { if (event.pointerType === "mouse") pressed = event.offsetX; });
  svg.addEventListener("pointermove", (event) => {
    read(tokenAt(event.offsetX));
    if (pressed !== null && Math.abs(event.offsetX - pressed) > DRAG) select(pressed, event.offsetX);
  });
  svg.addEventListener("pointerleave", () => { pressed = null; select(0, 0); read(null); });
  svg.addEventListener("pointerup", (event) => {
    const ends = [pressed ?? event.offsetX, event.offsetX].sort((one, other) => one - other);
    pressed = null;
    select(0, 0);
    if (ends[1] - ends[0] > DRAG) zoom(...ends.map(tokenAt));
    else titans.move(within(tokenAt(event.offsetX)), "curves");
  });
  svg.addEventListener("dblclick", () => zoom(-0.5, Infinity));
  svg.addEventListener("blur", () => read(null));
  svg.addEventListener("keydown", (event) => {
    const here = at ?? titans.token ?? 0, [from, to] = span(), half = (to - from) / 4;
    const arrows = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };
    const steps = { ...arrows, PageDown: -50, PageUp: 50, Home: -here, End: count() };
    if (event.key in steps) read(here + steps[event.key]);
    else if (event.key === "Enter") titans.move(within(here), "curves");
    else if (event.key === "+") zoom(here - half, here + half);
    else if (event.key === "-" || event.key === "Escape") zoom(-0.5, Infinity);
    else return;
    event.preventDefault();
  });
  part("whole").addEventListener("click", () => zoom(-0.5, Infinity));
  part("save").addEventListener("click", () => save(svg, words.file));

  new ResizeObserver(draw).observe(box);
  return {
    draw, mark,
    say(some) {
      const theme = getComputedStyle(root), colour = (name) => theme.getPropertyValue(`--st-${name}`);
      const fixed = { font: colour("font"), text: colour("text-color"), back: colour("background-color") };
      colour("chart-categorical-colors").split(",").forEach((value, place) => { fixed[some.names[place]] = value; });
      for (const [name, value] of Object.entries(fixed)) box.style.setProperty(`--${name}`, value);
      words = some;
      box.setAttribute("aria-label", words.alt);
      svg.setAttribute("aria-label", words.token);
      for (const name of ["whole", "save"]) part(name).title = words[name];
      for (const name of ["whole", "save"]) part(name).setAttribute("aria-label", words[name]);
      draw();
    },
  };
}

/** Saves the picture as it stands as a PNG of twice its size. */
async function save(svg, file) {
  const copy = svg.cloneNode(true), { width, height } = svg.getBoundingClientRect();
  const colours = svg.parentElement.getAttribute("style");
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("class", "curves");
  copy.setAttribute("style", `${colours}; background: var(--back); font: 12px var(--font)`);
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  const image = new Image(), canvas = document.createElement("canvas");
  Object.assign(canvas, { width: 2 * width, height: 2 * height });
  image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  Object.assign(document.createElement("a"), { download: file, href: canvas.toDataURL("image/png") }).click();
}

export default function ({ data, parentElement }) {
  const picture = (parentElement.picture ??= makePicture(parentElement));
  store.picture = picture;
  picture.say(data);
  (window.titansCurves ??= Promise.withResolvers()).resolve({ take, store });
  return () => { if (store.picture === picture) store.picture = null; };
}
