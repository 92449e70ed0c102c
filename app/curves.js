// The Simulator's curves as one SVG picture. Streamlit calls the function at the end with the words of the picture; the
// runs are handed to `take`, each when it has changed. The cursor belongs to tape and curves: no server moves it.

// The names of the curves in each row, the row's share of the height, and its range where that is always the same.
const ROWS = [
  { names: ["surprise", "momentum"], share: 1.5, range: [-0.03, 1.05] },
  { names: ["g_write", "g_forget"], share: 1.1, range: [-0.03, 1.05] },
  { names: ["memory_norm"], share: 0.8, bottom: 0 },
  { names: ["loss"], share: 1 },
  { names: ["frequency"], share: 1 },
];
const APART_ROW = { names: ["difference"], share: 0.9 }; // below them, where two runs have read the same
const LEFT = 48, RIGHT = 30, BOTTOM = 44, HEAD = 22; // pixels; HEAD is the line above each row
const GROUP = 4; // pixels: tokens that are closer together than this are drawn as their mean in a band
const BROAD = 10; // pixels of a group of the difference, which is only its mean
const DRAG = 5; // pixels that the mouse moves before a press becomes a selection
const FEW = 8; // tokens: the closest zoom

const store = { run: null, behind: null, picture: null };
const titans = window.titans; // history.js
titans.watch(() => store.picture?.point());

/** Called for each element that carries a run as bytes. Returns its removal. */
function take({ data }) {
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
  root.innerHTML = `<button class="unfold" aria-expanded="false"></button>
    <div class="curves" role="figure"><svg role="slider" tabindex="0"><style>${STYLE}</style>
    <g class="drawn"></g><rect class="chosen" y="0" height="${HEIGHT - BOTTOM}" width="0" />
    <line class="cursor" y2="${HEIGHT - BOTTOM}" /><line class="pointer" y2="${HEIGHT - BOTTOM}" />
    <g class="heads"></g><text class="axis" y="${HEIGHT - 8}" text-anchor="middle"></text></svg>
    <div class="tools"><button class="whole" hidden>↔</button><button class="save">⤓</button></div></div>`;
  const [unfold, box] = root.children, svg = box.firstElementChild, part = (name) => box.querySelector(`.${name}`);
  let words = null, view = null, at = null, pressed = null, width = 0, rows = [], ahead = null;

  const count = () => Math.max(store.run?.count ?? 1, store.behind?.count ?? 1);
  const span = () => view ?? [-0.5, count() - 0.5];
  const across = (token) => LEFT + ((token - span()[0]) / (span()[1] - span()[0])) * (width - LEFT - RIGHT);
  const tokenAt = (x) => span()[0] + ((x - LEFT) / (width - LEFT - RIGHT)) * (span()[1] - span()[0]);
  const within = (token) => Math.min(Math.max(Math.round(token), 0), (store.run?.count ?? 1) - 1);
  const inside = (x) => Math.min(Math.max(x, LEFT), width - RIGHT);

  /** The shown tokens of some values in groups of about so many pixels. */
  function grouped(values, pixels) {
    const [from, to] = [Math.max(0, Math.floor(span()[0])), Math.min(values.length, Math.ceil(span()[1]) + 1)];
    const step = Math.max(1, Math.ceil(((to - from) * pixels) / (width - LEFT - RIGHT)));
    return { found: groups(values, from, to, step), step };
  }

  /** Each row with its place and its range, and what the strip of the difference shows. */
  function place() {
    const { run, behind } = store, both = behind ? [run, behind] : [run];
    ahead = behind && run.apart ? grouped(advantage(run, behind), BROAD).found : null;
    const shown = ahead ? [...ROWS, APART_ROW] : ROWS, shares = shown.reduce((sum, row) => sum + row.share, 0);
    const ends = ahead && ahead.map((group) => 1.1 * group.mean);
    const own = { frequency: [0, Math.max(...both.map((one) => one.top))] };
    if (ahead) own.difference = [Math.min(-1e-3, ...ends), Math.max(1e-3, ...ends)];
    let top = 0;
    rows = shown.map((row) => {
      const height = (row.share / shares) * (HEIGHT - BOTTOM), from = top + HEAD, to = top + height - 4;
      const range = row.range ?? own[row.names[0]] ?? scale(both, row.names[0], row.bottom);
      const up = (value) => to - ((value - range[0]) / (range[1] - range[0])) * (to - from);
      const exits = row.range || own[row.names[0]] ? [] : both.map((one) => exit(one, row.names[0], range[1]));
      top += height;
      const names = row.names.filter((name) => name in run.curves);
      return { ...row, names, head: from - 8, from, to, range, up, exits };
    });
  }

  function curve(run, name, row) {
    const { found, step } = grouped(run.curves[name], GROUP);
    if (!found.length) return "";
    const points = (some, what) => some.map((group) => `${round(across(group.at))},${round(row.up(group[what]))}`);
    const [look, fill] = run.role === "behind" ? ["behind", "var(--pinned)"] : [name, `var(--${name})`];
    const path = (kind, style, corners) =>
      `<path class="${kind} ${look}" data-name="${name}" style="${style}:${fill}" d="M${corners.join("L")}" />`;
    const band = [...points(found, "high"), ...points(found.toReversed(), "low")];
    const mean = points(found.length > 1 ? found : [found[0], found[0]], "mean");
    const wide = step > 1 && look === name && name !== "momentum"; // whose band is no more than its mean
    return (wide ? path("band", "fill", band) : "") + path(found.length > 1 ? "mean" : "mean dot", "stroke", mean);
  }

  function drawDifference(row) {
    const zero = row.up(0), corners = ahead.map((g) => `L${round(across(g.at))},${round(row.up(g.mean))}`);
    if (!corners.length) return "";
    const area = `M${round(across(ahead[0].at))},${zero}${corners.join("")}L${round(across(ahead.at(-1).at))},${zero}Z`;
    return [["better", row.from, zero], ["worse", zero, row.to]].map(([name, from, to]) =>
      `<clipPath id="curves-${name}"><rect x="0" width="${width}" y="${from}" height="${to - from}" /></clipPath>
      <path class="${name}" clip-path="url(#curves-${name})" d="${area}" />`).join("");
  }

  function drawRow(row, number) {
    const { run, behind } = store, right = width - RIGHT, name = row.names[0] ?? "difference";
    const values = ticks(...row.range, row.range[1] === 1.05 || number === ROWS.length ? 2 : 3);
    const levels = values.map((value) => {
      const y = round(row.up(value)), text = compact.format(value);
      return `<path class="grid" d="M${LEFT},${y}H${right}" />
        <text class="tick" x="${LEFT - 6}" y="${y + 4}" text-anchor="end">${text}</text>`;
    });
    if (number === ROWS.length) return levels.join("") + drawDifference(row);
    const lines = row.names.map((one) => curve(run, one, row));
    if (behind && name in behind.curves) lines.push(curve(behind, name, row));
    const marks = number === 0 ? `<path class="tau" d="M${LEFT},${row.up(run.tau)}H${right}" />` : "";
    const [low, high] = words.normal.map((value) => Math.max(row.from, row.up(value)));
    const normal = number !== 4 ? ""
      : `<rect class="normal" x="${LEFT}" width="${right - LEFT}" y="${high}" height="${low - high}" />`;
    const exits = row.exits.map((token, place) => {
      const x = token === null ? -9 : across(token), colour = place ? "pinned" : name;
      return x === inside(x) ? `<path style="fill:var(--${colour})" d="M${x},${row.from}l-6,9h12z" />` : "";
    });
    return `${levels.join("")}<clipPath id="curves-${number}"><rect x="${LEFT - 4}" y="${row.from - 2}"
      width="${right - LEFT + 8}" height="${row.to - row.from + 4}" /></clipPath>
      <g clip-path="url(#curves-${number})">${normal}${lines.join("")}${marks}</g>${exits.join("")}
      ${number === 0 ? `<text class="tick" x="${right + 4}" y="${row.up(run.tau) + 4}">tau</text>` : ""}`;
  }

  /** Events and the divergence, which run through all rows; only the first event of a name is named. */
  function drawMarks() {
    const bottom = HEIGHT - BOTTOM, { run } = store;
    const events = run.events.map(([start, end, name], number) => {
      const x = inside(across(start)), far = inside(across(end));
      const again = run.events.slice(0, number).some((before) => before[2] === name);
      const label = again ? "" : `<text class="tick" x="${x + 3}" y="${HEAD + 10}">${escape(name)}</text>`;
      return far > x ? `<rect class="event" x="${x}" width="${far - x}" y="0" height="${bottom}" />${label}` : "";
    });
    const x = run.diverged && across(run.diverged[0]);
    const end = x !== null && x === inside(x) ? `<path class="diverged" d="M${x},${HEAD}V${bottom}" />
      <text class="diverged" x="${x}" y="${HEAD + 10}" dx="${x > width - 160 ? -4 : 4}"
        text-anchor="${x > width - 160 ? "end" : "start"}">${escape(run.diverged[1])}</text>` : "";
    const numbers = ticks(Math.max(0, span()[0]), span()[1], Math.max(2, width / 140)).filter(Number.isInteger);
    return events.join("") + end + numbers.map((token) =>
      `<text class="tick" x="${across(token)}" y="${bottom + 14}" text-anchor="middle">${token}</text>`).join("");
  }

  function draw() {
    if (!words || !store.run) return;
    width = root.clientWidth; // the box itself has none while it is folded
    if (!width) return;
    if (view && view[1] > count()) view = null;
    place();
    part("drawn").innerHTML = rows.map(drawRow).join("") + drawMarks();
    part("whole").hidden = !view;
    mark();
  }

  /** The look and the words of each curve of a row: its name, or what is read at a token. */
  function above({ names, exits }, token, read) {
    const { run, behind } = store, [name] = names;
    if (!name) return [["right", "━", run.apart]];
    const gone = (token) => (read || (token ?? null) === null ? "" : ` ▲ ${words.leaves.replace("{}", token)}`);
    const said = (one) => (read ? reading(run, one, token, words.labels[one]) : words.labels[one]);
    const parts = names.map((one) => [one, "━", said(one) + gone(exits[0])]);
    if (name === "g_write" && run.hover.g_forget) {
      parts[0][2] += `, ${read ? reading(run, "g_forget", token) : "g_forget = 1 − g_write"}`;
    }
    if (behind && token < behind.count) {
      const value = read ? ` ${behind.curves[name][token].toFixed(3)}` : "";
      parts.push(["pinned", "╍", `${run.beside}: ${words.labels[name]}${value}${gone(exits[1])}`]);
    }
    return parts;
  }

  /** The words above each row: names, or what the mouse or the keys read there. */
  function mark() {
    if (!store.run || !rows.length) return;
    const read = at !== null, token = at ?? within(titans.token ?? 0);
    const said = rows.map((row) => above(row, token, read));
    part("heads").innerHTML = said.map((parts, number) => {
      const spans = parts.map(([name, sign, text], place) =>
        `<tspan style="fill:var(--${name})" dx="${place && 14}">${sign}</tspan> ${escape(text)}`);
      return `<text x="${LEFT}" y="${rows[number].head}">${spans.join("")}</text>`;
    }).join("");
    part("axis").textContent = words.token + (read ? ` ${token}` : "");
    part("axis").setAttribute("x", (LEFT + width - RIGHT) / 2);
    for (const head of part("heads").children) { // on a phone, words are longer than the row
      if (head.getComputedTextLength() > width - LEFT - 4) head.setAttribute("textLength", width - LEFT - 4);
      if (head.hasAttribute("textLength")) head.setAttribute("lengthAdjust", "spacingAndGlyphs");
    }
    svg.setAttribute("aria-valuetext", `${words.token} ${token}` + said.flat().map((some) => `; ${some[2]}`).join(""));
    point();
  }

  /** The cursor, and the line of the mouse or the keys. */
  function point() {
    if (!store.run || !rows.length) return;
    for (const [name, token] of [["cursor", titans.token], ["pointer", at]]) {
      const x = token === null ? -9 : across(token), shown = x >= LEFT - 1 && x <= width - RIGHT + 1;
      part(name).setAttribute("x1", shown ? x : -9);
      part(name).setAttribute("x2", shown ? x : -9);
    }
    svg.setAttribute("aria-valuemax", store.run.count - 1);
    svg.setAttribute("aria-valuenow", at ?? within(titans.token ?? 0));
  }

  function zoom(from, to) {
    const whole = from <= -0.5 && to >= count() - 0.5;
    view = whole || to - from < FEW ? (whole ? null : view) : [Math.max(-0.5, from), Math.min(count() - 0.5, to)];
    draw();
  }

  const read = (token) => { at = token === null ? null : within(token); mark(); };
  const pick = (token) => titans.move(within(token), "curves");
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
    else pick(tokenAt(event.offsetX));
  });
  svg.addEventListener("dblclick", () => zoom(-0.5, Infinity));
  svg.addEventListener("blur", () => read(null));
  svg.addEventListener("keydown", (event) => {
    const here = at ?? titans.token ?? 0, [from, to] = span(), half = (to - from) / 4;
    const arrows = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };
    const steps = { ...arrows, PageDown: -50, PageUp: 50, Home: -here, End: count() };
    if (event.key in steps) read(here + steps[event.key]);
    else if (event.key === "Enter") pick(here);
    else if (event.key === "+") zoom(here - half, here + half);
    else if (event.key === "-" || event.key === "Escape") zoom(-0.5, Infinity);
    else return;
    event.preventDefault();
  });
  unfold.addEventListener("click", () => unfold.setAttribute("aria-expanded", unfold.ariaExpanded !== "true"));
  part("whole").addEventListener("click", () => zoom(-0.5, Infinity));
  part("save").addEventListener("click", () => save(svg, words.file));

  new ResizeObserver(draw).observe(box);
  return {
    draw, point,
    say(some) {
      const theme = getComputedStyle(root), colour = (name) => theme.getPropertyValue(`--st-${name}`);
      const fixed = { font: colour("font"), text: colour("text-color"), back: colour("background-color") };
      colour("chart-categorical-colors").split(",").forEach((value, place) => { fixed[some.names[place]] = value; });
      for (const [name, value] of Object.entries(fixed)) root.style.setProperty(`--${name}`, value);
      words = some;
      unfold.textContent = words.title;
      box.setAttribute("aria-label", words.alt);
      svg.setAttribute("aria-label", words.token);
      for (const name of ["whole", "save"]) Object.assign(part(name), { title: words[name], ariaLabel: words[name] });
      draw();
    },
  };
}

export default function ({ data, parentElement }) {
  const picture = (parentElement.picture ??= makePicture(parentElement));
  store.picture = picture;
  picture.say(data);
  (window.titansCurves ??= Promise.withResolvers()).resolve({ take, store });
  return () => { if (store.picture === picture) store.picture = null; };
}
