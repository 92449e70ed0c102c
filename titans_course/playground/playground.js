// The playground: tape, strips and matrix of a memory, and of another one that reads the same, for any host. The host's
// code has markup.html as MARKUP.

import { formula } from "./formula.js";
import { matrix } from "./matrix.js";
import { WRITTEN, lettersAt, strip, tape } from "./tape.js";
import { advance, begin, encode, isRead, towards, unpack } from "./twin.js";

const MOST = 2000, PACE = 60, STEPS = 480; // bytes of a text that is typed; milliseconds a step; steps of a play
const SLICE = 18, FRESH = 60; // milliseconds of work at once, and between pictures of a run that is being read
const PATIENCE = 150; // milliseconds that a run may take before new settings end it
const MARGIN = 10; // points above always guessing the most common byte, from which on a run has learnt
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

// The share of the most common byte, in percent.
function mostCommon(ids) {
  const counts = new Uint32Array(256);
  for (const byte of ids) counts[byte]++;
  return percent(Math.max(...counts) / ids.length);
}

// Whether a run has learnt the text: how often it was right in the first and the last quarter, and how much it wrote.
function tell(run, { label }, words, common) {
  const { count, stream: { ids } } = run, right = (t) => run.expected[t] === ids[t];
  const [first, last] = [shareOf(run, right, 0, Math.ceil(count / 4)), shareOf(run, right, Math.ceil((3 * count) / 4))];
  const writes = shareOf(run, (t) => run.g_write[t] > WRITTEN);
  const verdict = last === "–" ? "unread" : last >= common + MARGIN ? "learns" : "learns_not";
  return fill(words[verdict], { label, first, last, writes });
}

// Puts a playground into an element. `data` holds what `data` of __init__.py makes, and what a host may add: `hide`,
// names of parts, and `moved`, called with the byte that is shown. Returns how the host changes it, and ends it.
export function mount(root, data) {
  const [calm, dark] = ["reduced-motion: reduce", "color-scheme: dark"].map((wish) => matchMedia(`(prefers-${wish})`));
  const host = {}, turns = new MessageChannel(); // whose messages come sooner than a timer
  let runs = [], mine = 0, token = 0, timer = null, note = "", tables, stream; // what is shown
  let later = false, began = 0, drawn = 0, ready = 0, stale = false; // how far the work is; `ready` runs are shown
  const find = (selector) => root.querySelector(selector), all = (selector) => [...root.querySelectorAll(selector)];
  const inOrder = () => [mine, 1 - mine].filter((at) => at in host.runs);

  function build() {
    root.innerHTML = fill(MARKUP, { ...host.words, id: Math.random() });
    const hidden = [...(host.hide ?? []), ...(host.controls ? [] : ["settings", "text"])];
    for (const part of all("[data-part]")) part.hidden = hidden.includes(part.dataset.part);
    for (const part of all("[data-run]")) {
      const run = host.runs[part.dataset.run], called = host.words[run?.name];
      if (run && part.matches("p, span")) part.textContent = fill(part.textContent, { ...run, called });
      if (part.matches("div")) part.lastElementChild.ariaLabel = fill(host.words.matrix, { ...run });
      part.hidden = !run;
    }
    find("figure").classList.toggle("broad", tables.weights.length > 1); // whose last layer has more columns than rows
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

  // Red, green and blue of each swatch, from 0 to 255. Where the paper is dark, all are for the dark.
  function coloursNow() {
    const { style } = find(".playground"), lightness = (rgb) => rgb[0] + rgb[1] + rgb[2];
    const colourOf = (swatch) => getComputedStyle(swatch).color.match(/[\d.]+/g).slice(0, 3).map(Number);
    const now = () => Object.fromEntries(all(".swatch").map((swatch) => [swatch.classList[1], colourOf(swatch)]));
    const found = now(), scheme = lightness(found.paper) < lightness(found.ink) ? "dark" : "light";
    if (style.colorScheme === scheme) return found;
    style.colorScheme = scheme; // which costs a new layout of all parts
    return now();
  }

  function forgetScheme() {
    find(".playground").style.colorScheme = "";
    draw();
  }

  // Draws what belongs to the byte at the cursor, and all that tells of the whole text.
  function draw(whole = true) {
    if (!root.isConnected) return; // outside of a page nothing has a colour
    drawn = performance.now();
    const colours = coloursNow(), lit = timer === null || !calm.matches;
    drawHere();
    runs.forEach(({ shown }, at) => {
      if (shown?.t === token + 1) matrix(find(`div[data-run="${at}"] canvas`), shown, tables, lit, colours);
    });
    if (whole) drawWhole(colours);
  }

  function drawHere() {
    const { words } = host, run = runs[mine], scrub = find(".strips input");
    tape(find(".tape"), runs, run, token);
    [scrub.max, scrub.value] = [run.count - 1, token];
    for (const part of all("[data-number]")) {
      const { number } = part.dataset, value = run[number][token];
      const text = number === "alpha" ? `${Number((100 * value).toPrecision(2))}%` : value.toFixed(2);
      part.querySelector("b").textContent = Number.isFinite(value) ? text : "–";
      part.style.setProperty("--share", number === "norm" ? 0 : value || 0);
    }
    const { gate, tau } = run.chosen, smoothed = run.smoothed[token].toFixed(2), letters = lettersAt(run, token);
    const rule = gate === "constant" ? "always" : run.g_write[token] > WRITTEN ? "above" : "below";
    const why = words[run.raw[token] >= 0 ? rule : "waits"]; // a byte without numbers has not been read
    const verdict = words[letters.right ? "is_right" : "is_wrong"], reason = fill(why, { smoothed, tau });
    const said = { number: token + 1, count: run.count, ...letters, verdict, reason };
    find(".now").textContent = scrub.ariaValueText = fill(words.now, said);
    find(".trouble").textContent = run.diverged === null ? note : fill(words.diverged, { number: run.diverged + 1 });
    find(".formula p").innerHTML = formula(run, token).map((part) => `<span>${part}</span>`).join(" ");
  }

  function drawWhole(colours) {
    const { words } = host, run = runs[mine];
    runs.forEach((its, at) => strip(find(`canvas[data-run="${at}"]`), its, token, colours));
    for (const part of all("p[data-run]")) part.classList.toggle("mine", Number(part.dataset.run) === mine);
    const common = mostCommon(run.stream.ids);
    const told = inOrder().map((at) => tell(runs[at], host.runs[at], words, common)).join(words.against);
    find(".lesson").textContent = fill(words.lesson, { runs: told, common });
  }

  // Gives each run that the host wants its numbers: those that are there, or a new reading.
  function renew() {
    [stale, began, ready] = [false, performance.now(), 0];
    if (runs.length) drawn = began; // the picture before stays until this run is read, if that is soon
    runs = host.runs.map(({ settings }, at) => runs.find((run) => run.stream === stream && same(run.chosen, settings))
      ?? begin(tables, stream, structuredClone(settings), runs[at]));
    token = Math.min(token, stream.ids.length - 1);
    if (host.controls) drawSettings();
  }

  // Reads for a slice of time, paints what there is, and comes back for the rest: first this run, which is shown as
  // soon as it is at the cursor, then the other. New settings wait for a run that is nearly done.
  function work() {
    if (stale && (!runs[mine] || isRead(runs[mine]) || performance.now() - began > PATIENCE)) renew();
    const end = performance.now() + SLICE, order = inOrder().map((at) => runs[at]);
    let done = 0, here = false;
    for (const run of order) run.watch = token;
    while (done < order.length && !here && performance.now() < end) {
      const run = order[done];
      if (isRead(run)) {
        if (towards(run, token)) done++;
      } else {
        advance(run);
        here = done === 0 && run.memory.t === token + 1;
      }
    }
    if (done > ready || here || performance.now() - drawn > FRESH) draw(!here);
    ready = done;
    if (later || (done === order.length && !stale)) return;
    later = true;
    turns.port2.postMessage(null);
  }

  function refresh() {
    stale = true;
    if (!later) work();
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
    const { settings } = host.runs[mine];
    if (settings[name] === value) return;
    settings[name] = value;
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
    if (renamed || is.words || is.controls || is.hide || is.tables || is.stream) build();
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
  turns.port1.onmessage = () => {
    later = false;
    work();
  };
  for (const name in heard) root.addEventListener(name, heard[name]);
  dark.addEventListener("change", forgetScheme);
  update(data);
  return { update, set, move, end() {
    clearInterval(timer);
    turns.port1.close();
    resized.disconnect();
    dark.removeEventListener("change", forgetScheme);
    for (const name in heard) root.removeEventListener(name, heard[name]);
  } };
}
