// The playground: tape, strips and matrix of a memory, and of another one that reads the same, for any host. The host's
// code has markup.html as MARKUP.

import { formula } from "./formula.js";
import { matrix } from "./matrix.js";
import { WRITTEN, lettersAt, strip, tape } from "./tape.js";
import { advance, begin, encode, isRead, towards, unpack } from "./twin.js";

const MOST = 2000, PACE = 60, STEPS = 480; // bytes of a text that is typed; milliseconds a step; steps of a play
const SLICE = 18, FRESH = 60; // milliseconds of work at once, and between pictures of a run that is being read
const PATIENCE = 150; // milliseconds that a run may take before new settings end it
const POWERS = ["lam", "eta"]; // sliders of powers of ten

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const fill = (text, fields) => text.replace(/\{(\w+)\}/g, (whole, name) => fields[name] ?? whole);
const percent = (share) => (share >= 0 ? Math.round(100 * share) : "–");

// The share of bytes in percent, from one to another, of which something holds; a dash before they are read.
function shareOf(run, holds, from = 0, past = run.count) {
  let found = 0;
  for (let t = from; t < past; t++) found += holds(t);
  return run.diverged === null && run.memory.t < past ? "–" : percent(found / (past - from));
}

// What a run is called, how often it was right by quarter of the text, and how much it wrote.
function tell(run, { label }, words) {
  const ends = [0, 1, 2, 3, 4].map((part) => Math.ceil((part * run.count) / 4)), { ids } = run.stream;
  const right = (t) => run.expected[t] === ids[t];
  const quarters = [0, 1, 2, 3].map((part) => shareOf(run, right, ends[part], ends[part + 1])).join(" · ");
  return fill(words.run, { label, quarters, writes: shareOf(run, (t) => run.g_write[t] > WRITTEN) });
}

// Puts a playground into an element. `data` holds what `data` of __init__.py makes, and what a host may add: `hide`,
// names of parts, and `moved`, called with the byte that is shown. Returns how the host changes it, and ends it.
export function mount(root, data) {
  const [calm, dark] = ["reduced-motion: reduce", "color-scheme: dark"].map((wish) => matchMedia(`(prefers-${wish})`));
  const host = {};
  let runs = [], mine = 0, token = 0, timer = null, note = "", tables, stream; // what is shown
  let later = null, began = 0, drawn = 0, stale = false; // how far the work is
  const find = (selector) => root.querySelector(selector), all = (selector) => [...root.querySelectorAll(selector)];
  const colourOf = (name) => getComputedStyle(find(`.swatch.${name}`)).color;
  const lightness = (colour) => colour.match(/[\d.]+/g).slice(0, 3).reduce((sum, x) => sum + Number(x), 0);
  const inOrder = () => [mine, 1 - mine].filter((at) => at in host.runs);

  function build() {
    root.innerHTML = fill(MARKUP, { ...host.words, id: Math.random() });
    const hidden = [...(host.hide ?? []), ...(host.controls ? [] : ["settings", "text"])];
    for (const part of all("[data-part]")) part.hidden = hidden.includes(part.dataset.part);
    for (const part of all("[data-run]")) {
      const run = host.runs[part.dataset.run], called = host.words[run?.name];
      if (run && part.matches("p, span")) part.textContent = fill(part.textContent, { ...run, called });
      part.hidden = !run;
    }
    resized.disconnect();
    resized.observe(find(".playground"));
    if (stream) find("textarea").value = new TextDecoder().decode(stream.ids);
  }

  function drawSettings() {
    const { settings } = host.runs[mine];
    for (const input of all("[data-slider]")) {
      const name = input.dataset.slider, value = settings[name];
      input.value = POWERS.includes(name) ? Math.log10(value) : value;
      input.disabled = name === "tau" && settings.gate === "constant";
      input.ariaValueText = input.disabled ? "–" : Number(value.toPrecision(2));
      input.previousElementSibling.textContent = input.ariaValueText;
    }
  }

  function draw() {
    if (!root.isConnected) return; // outside of a page nothing has a colour
    drawn = performance.now();
    const { words } = host, run = runs[mine], scrub = find(".strips input"), whole = find(".playground");
    whole.style.colorScheme = "";
    whole.style.colorScheme = lightness(colourOf("paper")) < lightness(colourOf("ink")) ? "dark" : "light";
    tape(find(".tape"), runs, run, token);
    runs.forEach((its, at) => strip(find(`canvas[data-run="${at}"]`), its, token, colourOf));
    for (const part of all("p[data-run]")) part.classList.toggle("mine", Number(part.dataset.run) === mine);
    if (run.shown?.t === token + 1) matrix(find(".matrix"), run.shown, run, timer === null || !calm.matches, colourOf);
    [scrub.max, scrub.value] = [run.count - 1, token];
    for (const part of all("[data-number]")) {
      const value = run[part.dataset.number][token];
      part.querySelector("b").textContent = Number.isFinite(value) ? value.toFixed(2) : "–";
      part.style.setProperty("--share", part.dataset.number === "norm" ? 0 : value || 0);
    }
    const feeling = words[["calm", "mild", "strong"][Math.min(2, Math.floor(3 * run.surprise[token]))]] ?? "–";
    const written = words[run.g_write[token] > WRITTEN ? "is_written" : "not_written"];
    const said = { number: token + 1, count: run.count, ...lettersAt(run, token), feeling, written };
    find(".now").textContent = scrub.ariaValueText = fill(words.now, said);
    find(".formula").innerHTML = formula(run, token).map((part) => `<span>${part}</span>`).join(" ");
    const told = inOrder().map((at) => tell(runs[at], host.runs[at], words)).join(words.against);
    find(".lesson").textContent = fill(words.lesson, { runs: told });
    find(".trouble").textContent = run.diverged === null ? note : fill(words.diverged, { number: run.diverged + 1 });
  }

  // Gives each run that the host wants its numbers: those that are there, or a new reading.
  function renew() {
    [stale, began] = [false, performance.now()];
    if (runs.length) drawn = began; // the picture before stays until this run is read, if that is soon
    runs = host.runs.map(({ settings }, at) => runs.find((run) => run.stream === stream && same(run.chosen, settings))
      ?? begin(tables, stream, structuredClone(settings), runs[at]));
    token = Math.min(token, stream.ids.length - 1);
    if (host.controls) drawSettings();
  }

  // Reads for a slice of time, paints what there is, and comes back for the rest: first this run, then the memory at
  // the cursor, then the other run. New settings wait for a run that is nearly done.
  function work() {
    clearTimeout(later);
    if (stale && (!runs[mine] || isRead(runs[mine]) || performance.now() - began > PATIENCE)) renew();
    const end = performance.now() + SLICE, [first, other] = inOrder().map((at) => runs[at]);
    first.watch = token;
    let left = true;
    while (left && performance.now() < end) {
      if (!isRead(first)) advance(first);
      else if (towards(first, token)) {
        left = Boolean(other) && !isRead(other);
        if (left) advance(other);
      }
    }
    if (!left || isRead(first) || performance.now() - drawn > FRESH) draw();
    later = left || stale ? setTimeout(work) : null;
  }

  function refresh() {
    stale = true;
    if (later === null) work();
  }

  function play(on) {
    clearInterval(timer);
    timer = on ? setInterval(() => move(token + Math.ceil(runs[mine].count / STEPS), true), PACE) : null;
    const button = find("[data-do=play]");
    button.ariaLabel = button.title = host.words[on ? "pause" : "play"];
    button.classList.toggle("playing", on);
    if (on && token === runs[mine].count - 1) move(0, true);
  }

  function move(to, playing = false) {
    const last = runs[mine].count - 1;
    token = Math.max(0, Math.min(last, Math.round(to)));
    if (timer !== null && (!playing || token === last)) play(false);
    drawn = 0;
    work();
    host.moved?.(token);
  }

  function toNextWrite() {
    const { g_write, count } = runs[mine], from = (i) => (token + 1 + i) % count;
    move(from(Math.max(0, Array.from({ length: count }, (_, i) => g_write[from(i)]).findIndex((x) => x > WRITTEN))));
  }

  function readText(text) {
    const ids = new TextEncoder().encode(text), share = new Float32Array(256);
    const fields = { count: MOST, all: ids.length };
    note = ids.length === 0 ? host.words.empty : ids.length > MOST ? fill(host.words.cut, fields) : "";
    for (const byte of ids) share[byte] += 1 / ids.length;
    if (ids.length > 0) stream = encode(tables, { ids: ids.slice(0, MOST), share });
    refresh();
  }

  function set(name, value) {
    host.runs[mine].settings[name] = value;
    refresh();
  }

  function update(changes) {
    const is = Object.fromEntries(Object.keys(changes).map((name) => [name, !same(changes[name], host[name])]));
    const named = (list = []) => list.map(({ name, label }) => [name, label]);
    const renamed = is.runs && !same(named(changes.runs), named(host.runs));
    Object.assign(host, changes);
    if (is.runs) host.runs = structuredClone(changes.runs);
    if (is.tables) tables = unpack(host.tables);
    if (is.tables || is.stream) stream = encode(tables, host.stream);
    if (renamed || is.words || is.controls || is.hide || is.stream) build();
    if (is.cursor) token = host.cursor;
    drawn = 0;
    refresh();
  }

  const step = (by) => () => move(token + by);
  const actions = { play: () => play(timer === null), back: step(-1), forward: step(1), next: toNextWrite };
  const heard = {
    click({ target }) {
      const cell = target.closest(".tape [data-t]");
      actions[target.closest("[data-do]")?.dataset.do]?.();
      if (!cell) return;
      move(Number(cell.dataset.t));
      find(".strips input").focus({ preventScroll: true }); // so that the arrow keys go on from there
    },
    input({ target }) {
      const name = target.dataset.slider;
      if (target.matches(".strips input")) return move(Number(target.value));
      if (target.matches("textarea")) return readText(target.value);
      if (name) return set(name, POWERS.includes(name) ? 10 ** target.value : Number(target.value));
      mine = Number(target.value);
      refresh();
    },
    keydown(event) {
      if (event.key !== " " || !event.target.matches(".strips input")) return;
      event.preventDefault();
      actions.play();
    },
  };
  const resized = new ResizeObserver(() => runs.length && draw());
  for (const name in heard) root.addEventListener(name, heard[name]);
  dark.addEventListener("change", draw);
  update(data);
  return { update, set, move, end() {
    clearInterval(timer);
    clearTimeout(later);
    resized.disconnect();
    dark.removeEventListener("change", draw);
    for (const name in heard) root.removeEventListener(name, heard[name]);
  } };
}
