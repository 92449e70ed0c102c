// The playground: tape, strip and matrix of one memory, with sliders, two rules, and a field for text.

import { matrix } from "./matrix.js";
import { lettersAt, strip, tape } from "./tape.js";
import { encode, simulate, unpack } from "./twin.js";

const MOST = 2000, PACE = 60; // bytes that are read; milliseconds a byte while it plays
const POWERS = { lam: [-6, -1], eta: [-5, -1] }; // sliders of powers of ten
const ICONS = { back: "M15 4 7 10l8 6zM4 4h2v12H4z", play: "M5 3l12 7-12 7z", pause: "M5 3h4v14H5zM11 3h4v14h-4z",
  forward: "M5 4l8 6-8 6zM14 4h2v12h-2z" };

const fill = (text, fields) => text.replace(/\{(\w+)\}/g, (_, name) => fields[name]);
const percent = (share) => (share >= 0 ? `${Math.round(100 * share)}%` : "–");
const icon = (name) => `<svg viewBox="0 0 20 20" width="20" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;

// How often the run was right in a quarter (0..3) of the text, up to byte `end`.
function rightShare({ expected, stream: { ids } }, quarter, end = ids.length) {
  const [first, past] = [quarter, quarter + 1].map((part) => Math.min(end, Math.ceil((part * ids.length) / 4)));
  return percent(ids.slice(first, past).filter((byte, at) => byte === expected[first + at]).length / (past - first));
}

// The parts, with the host's words.
function html({ words, rules }) {
  const slider = (name) => `<label>${words[name]} <span data-value="${name}"></span><input type="range"
    data-slider="${name}" min="${POWERS[name]?.[0] ?? 0}" max="${POWERS[name]?.[1] ?? 0.99}" step="0.01"></label>`;
  const rule = (name, at) =>
    `<label><input type="radio" name="rule" value="${name}" ${at ? "" : "checked"}> ${words[name]}</label>`;
  const button = (name) => `<button type="button" data-do="${name}" aria-label="${words[name]}">${icon(name)}</button>`;
  const dot = (name) => `<b class="swatch ${name}"></b>`, key = (name) => `<span>${dot(name)}${words[name]}</span>`;
  return `<div class="playground"><div class="story">
    <div class="rows"><p aria-hidden="true">${words.reads}<br>${words.expects}</p>
      <div class="tape" role="img" aria-label="${words.tape}"></div></div>
    <div class="strip"><canvas></canvas><input type="range" min="0" aria-label="${words.place}"></div>
    <p class="legend">${["surprise", "right", "written"].map(key).join("")}</p>
    <div class="bar">${["back", "play", "forward"].map(button).join("")}<fieldset><legend>${words.rule}</legend>
      ${Object.keys(rules).map(rule).join("")}</fieldset></div>
    <p class="now" aria-live="polite"></p><p class="quarters"></p><p class="lesson"></p>
    <p class="trouble" role="status"></p></div>
    <figure><canvas class="matrix" role="img" aria-label="${words.matrix}"></canvas><figcaption>${words.note}
      <span hidden>${["ink", "paper", "above", "below", "flash"].map(dot).join("")}</span></figcaption></figure>
    <div class="sliders">${["eta", "beta", "lam", "tau"].map(slider).join("")}</div>
    <label class="own">${words.text}<textarea rows="2" spellcheck="false"></textarea></label></div>`;
}

// Puts a playground into an element; `data` is what `data` of __init__.py makes. Returns what ends it.
export function mount(root, data) {
  const { words, rules } = data, tables = unpack(data.tables), runs = {}, settings = structuredClone(rules);
  let rule = Object.keys(rules)[0], token = data.cursor, timer = null, note = "", stream;
  root.innerHTML = html(data);
  const find = (selector) => root.querySelector(selector), scrub = find(".strip input"), own = find("textarea");
  const colourOf = (name) => getComputedStyle(find(`.swatch.${name}`)).color;
  const [calm, dark] = ["reduced-motion: reduce", "color-scheme: dark"].map((wish) => matchMedia(`(prefers-${wish})`));
  const parts = [tape(find(".tape"), move), strip(find(".strip canvas"), colourOf), matrix(find(".matrix"), colourOf)];

  function draw() {
    const run = runs[rule], { surprise, g_write } = run;
    for (const part of parts) part(run, token, timer === null || !calm.matches);
    scrub.value = token;
    const numbers = { surprise: surprise[token].toFixed(2), g_write: g_write[token].toFixed(2) };
    find(".now").textContent = fill(words.now, { ...lettersAt(run, token), ...numbers });
    const shares = [0, 1, 2, 3].map((quarter) => rightShare(run, quarter, token + 1));
    find(".quarters").textContent = `${words.quarters} ${shares.join(" · ")}`;
    const [paper, recipe] = [runs.paper, runs.recipe].map((its) => rightShare(its, 1));
    const writes = percent(runs.recipe.g_write.filter((gate) => gate > 0.5).length / stream.ids.length);
    find(".lesson").textContent = fill(words.lesson, { paper, recipe, writes });
  }

  function read(...names) {
    for (const name of names) runs[name] = simulate(tables, stream, settings[name]);
    const { diverged } = runs[rule];
    find(".trouble").textContent = diverged === null ? note : fill(words.diverged, { number: diverged + 1 });
    for (const input of root.querySelectorAll("[data-slider]")) {
      const name = input.dataset.slider, value = settings[rule][name], said = find(`[data-value=${name}]`);
      input.value = name in POWERS ? Math.log10(value) : value;
      input.disabled = name === "tau" && settings[rule].gate === "constant";
      input.ariaValueText = said.textContent = input.disabled ? "–" : Number(value.toPrecision(2));
    }
    draw();
  }

  function readText() {
    const bytes = new TextEncoder().encode(own.value), all = bytes.length;
    note = all === 0 ? words.empty : all > MOST ? fill(words.cut, { count: MOST, all }) : "";
    if (all > 0) stream = encode(tables, bytes, MOST);
    scrub.max = stream.ids.length - 1;
    token = Math.min(token, scrub.max);
    read(...Object.keys(rules));
  }

  function play(on) {
    clearInterval(timer);
    if (on && token === stream.ids.length - 1) token = 0;
    timer = on ? setInterval(() => move(token + 1, true), PACE) : null;
    const button = find("[data-do=play]"), name = on ? "pause" : "play";
    [button.innerHTML, button.ariaLabel, find(".now").ariaLive] = [icon(name), words[name], on ? "off" : "polite"];
  }

  function move(to, playing = false) {
    token = Math.max(0, Math.min(stream.ids.length - 1, to));
    if (!playing || token === stream.ids.length - 1) play(false);
    draw();
  }

  root.addEventListener("click", ({ target }) => {
    const name = target.closest("[data-do]")?.dataset.do;
    if (name === "play") play(timer === null);
    else if (name) move(token + (name === "back" ? -1 : 1));
  });
  root.addEventListener("input", ({ target }) => {
    const name = target.dataset.slider;
    if (target === scrub) return move(Number(target.value));
    if (target === own) return readText();
    if (name) settings[rule][name] = name in POWERS ? 10 ** target.value : Number(target.value);
    else rule = target.value;
    read(rule);
  });
  scrub.addEventListener("keydown", (event) => event.key === " " && play(timer === null));
  own.value = data.text;
  readText();
  const resized = new ResizeObserver(draw);
  resized.observe(find(".playground"));
  dark.addEventListener("change", draw);
  return () => [clearInterval(timer), resized.disconnect(), dark.removeEventListener("change", draw)];
}
