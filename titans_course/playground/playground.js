// The playground: tape, strips and matrix of a memory and of another one that reads the same, for any host.

import { formula } from "./formula.js";
import { matrix } from "./matrix.js";
import { lettersAt, strip, tape } from "./tape.js";
import { advance, begin, bytesOf, encode, towards, unpack } from "./twin.js";

const MOST = 2000, PACE = 60, LONGEST = 500; // bytes of a text that is typed; milliseconds a step; steps of a whole play
const SLICE = 16, PATIENCE = 150; // milliseconds of work before the page may answer; and of a run that new settings end
const POWERS = { lam: [-6, -1], eta: [-5, -1] }; // sliders of powers of ten
const WRITTEN = 0.5; // a byte counts as written where g_write is above this
const ICONS = { back: "M15 4 7 10l8 6zM4 4h2v12H4z", play: "M5 3l12 7-12 7z", pause: "M5 3h4v14H5zM11 3h4v14h-4z",
  forward: "M5 4l8 6-8 6zM14 4h2v12h-2z", next: "M3 4l6 6-6 6zM9 4l6 6-6 6zM16 4h2v12h-2z" };

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const fill = (text, fields) => text.replace(/\{(\w+)\}/g, (_, name) => fields[name]);
const percent = (share) => (share >= 0 ? Math.round(100 * share) : "–");
const icon = (name) => `<svg viewBox="0 0 20 20" width="20" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
const shareOf = (count, holds) => percent(Array.from({ length: count }, (_, t) => holds(t)).filter(Boolean).length / count);

// How often the run was right, in percent, by quarter of the text.
function quarters({ expected, count, stream: { ids } }) {
  const ends = [0, 1, 2, 3, 4].map((part) => Math.ceil((part * count) / 4));
  return [0, 1, 2, 3].map((part) => shareOf(ends[part + 1] - ends[part], (t) => expected[ends[part] + t] === ids[ends[part] + t]));
}

// The parts, with the host's words.
function html({ words, runs, controls }) {
  const text = (raw) => raw.replace(/[&<"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const slider = (name) => `<label>${words[name]} <span data-value="${name}"></span><input type="range"
    data-slider="${name}" min="${POWERS[name]?.[0] ?? 0}" max="${POWERS[name]?.[1] ?? 0.99}" step="0.01"></label>`;
  const rule = ({ name }, at) => `<label><input type="radio" name="rule" value="${at}" ${at ? "" : "checked"}> ${words[name]}</label>`;
  const button = (name) => `<button type="button" data-do="${name}" aria-label="${words[name]}" title="${words[name]}">${icon(name)}</button>`;
  const dot = (name) => `<b class="swatch ${name}"></b>`, key = (name) => `<span>${dot(name)}${words[name]}</span>`;
  const number = (name) => `<span class="${name}">${words[`number_${name}`]} <output></output><b></b></span>`;
  const lines = runs.map(({ label }) => `<p>${text(label)}</p><canvas></canvas>`).join("");
  return `<div class="playground"><div class="all">
    <div class="rows" data-part="tape"><div class="names" aria-hidden="true"><p>${words.reads}</p>
      ${runs.map(({ label }) => `<p>${text(fill(words.expects, { label }))}</p>`).join("")}</div>
      <div class="tape" role="img" aria-label="${words.tape}"></div></div>
    <div class="story">
    <div class="bar" data-part="player">${["back", "play", "forward", "next"].map(button).join("")}
      <span class="numbers">${["surprise", "smoothed", "g_write", "g_forget", "norm"].map(number).join("")}</span></div>
    <div class="strips" data-part="strip">${lines}<input type="range" min="0" aria-label="${words.place}"></div>
    <p class="legend" data-part="strip">${["surprise", "right", "written"].map(key).join("")}</p>
    <p class="lesson" data-part="lesson"></p><p class="formula" data-part="formula"></p>
    <p class="trouble" role="status"></p></div>
    <figure data-part="matrix"><canvas class="matrix" role="img" aria-label="${words.matrix}"></canvas><figcaption>${words.note}
      <span hidden>${["ink", "paper", "above", "below", "flash"].map(dot).join("")}</span></figcaption></figure>
    ${controls ? `<div class="settings"><fieldset><legend>${words.rule}</legend>${runs.map(rule).join("")}</fieldset>
      <div class="sliders">${["eta", "beta", "lam", "tau"].map(slider).join("")}</div></div>
    <label class="own" data-part="text">${words.text}<textarea rows="2" spellcheck="false"></textarea></label>` : ""}</div></div>`;
}

// Puts a playground into an element. `data` holds what `data` of __init__.py makes, and what a host may add: `hide`,
// names of parts, and `moved`, called with the byte that is shown. Returns how the host changes it, and ends it.
export function mount(root, data) {
  const host = {}, [calm, dark] = ["reduced-motion: reduce", "color-scheme: dark"].map((wish) => matchMedia(`(prefers-${wish})`));
  let runs = [], mine = 0, token = 0, timer = null, later = null, began = 0, stale = false, note = "", tables, stream, paintTape;
  const find = (selector) => root.querySelector(selector), colourOf = (name) => getComputedStyle(find(`.swatch.${name}`)).color;
  const wanted = () => [mine, ...host.runs.keys()].filter((at, place, all) => all.indexOf(at) === place);

  function build() {
    root.innerHTML = html(host);
    for (const part of root.querySelectorAll("[data-part]")) part.hidden = (host.hide ?? []).includes(part.dataset.part);
    paintTape = tape(find(".tape"), move);
    resized.disconnect();
    resized.observe(find(".playground"));
    if (stream && host.controls) find("textarea").value = new TextDecoder().decode(stream.ids);
  }

  function drawControls() {
    const { settings } = host.runs[mine];
    for (const input of root.querySelectorAll("[data-slider]")) {
      const name = input.dataset.slider, value = settings[name], said = find(`[data-value=${name}]`);
      input.value = name in POWERS ? Math.log10(value) : value;
      input.disabled = name === "tau" && settings.gate === "constant";
      input.ariaValueText = said.textContent = input.disabled ? "–" : Number(value.toPrecision(2));
    }
  }

  function draw() {
    const { words } = host, run = runs[mine], scrub = find(".strips input"), { read, expected } = lettersAt(run, token);
    paintTape(wanted().map((at) => runs[at]), token);
    find(".playground").style.colorScheme = "";
    root.querySelectorAll(".strips canvas").forEach((canvas, at) => strip(canvas, runs[at], token, colourOf));
    if (run.shown?.t === token + 1) matrix(find(".matrix"), run.shown, run, timer === null || !calm.matches, colourOf);
    [scrub.max, scrub.value] = [run.count - 1, token];
    for (const name of ["surprise", "smoothed", "g_write", "g_forget", "norm"]) {
      const value = run[name][token], place = find(`.numbers .${name}`);
      place.querySelector("output").textContent = Number.isFinite(value) ? value.toFixed(2) : "–";
      place.style.setProperty("--share", name === "norm" ? 0 : value || 0);
    }
    const feeling = words[["calm", "mild", "strong"][Math.min(2, Math.floor(3 * run.surprise[token]))] ?? "unknown"];
    const written = words[run.g_write[token] > WRITTEN ? "is_written" : "not_written"];
    scrub.ariaValueText = fill(words.now, { number: token + 1, count: run.count, read, expected, feeling, written });
    find(".formula").innerHTML = formula(run, token).map((part) => `<span>${part}</span>`).join("");
    const tell = (at) => fill(words.run, { label: host.runs[at].label, quarters: quarters(runs[at]).join(" · "),
      writes: shareOf(runs[at].count, (t) => runs[at].g_write[t] > WRITTEN) });
    find(".lesson").textContent = fill(words.lesson, { runs: wanted().map(tell).join(words.against) });
    find(".trouble").textContent = run.diverged === null ? note : fill(words.diverged, { number: run.diverged + 1 });
  }

  // Gives each run that the host wants its numbers: those that it has, or a new reading.
  function renew() {
    [stale, began] = [false, performance.now()];
    runs = host.runs.map(({ settings }, at) =>
      runs.find((run) => run.stream === stream && same(run.chosen, settings)) ?? begin(tables, stream, structuredClone(settings), runs[at]));
    runs.forEach((run, place) => (run.place = place));
    token = Math.min(token, stream.ids.length - 1);
    if (host.controls) drawControls();
  }

  // Reads for a slice of time, paints what there is, and comes back for the rest.
  function work() {
    clearTimeout(later);
    const busy = runs[mine] && runs[mine].read < runs[mine].count && runs[mine].diverged === null;
    if (stale && (!busy || performance.now() - began > PATIENCE)) renew();
    const end = performance.now() + SLICE, order = wanted().map((at) => runs[at]);
    runs[mine].watch = token;
    const more = () => advance(order[0]) || !towards(order[0], token) || (order[1] && advance(order[1]));
    let left = true;
    while (left && performance.now() < end) left = more();
    draw();
    later = left || stale ? setTimeout(work) : null;
  }

  function play(on) {
    clearInterval(timer);
    if (on && token === runs[mine].count - 1) move(0);
    timer = on ? setInterval(() => move(token + Math.ceil(runs[mine].count / LONGEST), true), PACE) : null;
    const button = find("[data-do=play]"), name = on ? "pause" : "play";
    [button.innerHTML, button.ariaLabel, button.title] = [icon(name), host.words[name], host.words[name]];
  }

  function move(to, playing = false) {
    const last = runs[mine].count - 1;
    token = Math.max(0, Math.min(last, Math.round(to)));
    if (timer !== null && (!playing || token === last)) play(false);
    work();
    host.moved?.(token);
  }

  function nextWrite() {
    const { g_write, count } = runs[mine];
    const next = Array.from({ length: count }, (_, i) => (token + 1 + i) % count).find((t) => g_write[t] > WRITTEN);
    move(next ?? token);
  }

  function readText(text) {
    const ids = new TextEncoder().encode(text), all = ids.length, share = new Float32Array(256);
    note = all === 0 ? host.words.empty : all > MOST ? fill(host.words.cut, { count: MOST, all }) : "";
    for (const byte of ids) share[byte] += 1 / all;
    if (all > 0) stream = encode(tables, { ids: ids.slice(0, MOST), share });
    refresh();
  }

  function refresh() {
    stale = true;
    work();
  }

  function set(name, value) {
    host.runs[mine].settings[name] = value;
    refresh();
  }

  function update(changes) {
    const fresh = Object.keys(changes).filter((name) => !same(changes[name], host[name])), is = (name) => fresh.includes(name);
    const named = ({ runs = [] }) => runs.map(({ name, label }) => [name, label]), renamed = is("runs") && !same(named(changes), named(host));
    Object.assign(host, changes);
    if (is("runs")) host.runs = structuredClone(changes.runs);
    if (is("tables")) tables = unpack(host.tables);
    if (is("tables") || is("stream")) stream = encode(tables, host.stream);
    if (renamed || ["words", "controls", "hide"].some(is)) build();
    if (is("cursor")) token = host.cursor;
    refresh();
  }

  const actions = { play: () => play(timer === null), back: () => move(token - 1), forward: () => move(token + 1), next: nextWrite };
  const clicked = ({ target }) => actions[target.closest("[data-do]")?.dataset.do]?.();
  const typed = ({ target }) => {
    const name = target.dataset.slider;
    if (target.matches(".strips input")) move(Number(target.value));
    else if (target.matches("textarea")) readText(target.value);
    else if (name) set(name, name in POWERS ? 10 ** target.value : Number(target.value));
    else {
      mine = Number(target.value);
      refresh();
    }
  };
  const pressed = (event) => {
    if (event.key !== " " || !event.target.matches(".strips input")) return;
    event.preventDefault();
    actions.play();
  };
  const heard = { click: clicked, input: typed, keydown: pressed }, resized = new ResizeObserver(() => runs.length && draw());
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
