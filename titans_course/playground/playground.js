// The playground: tape, strip and matrix of one memory, with sliders, two rules, and a field for text.

import { matrix } from "./matrix.js";
import { lettersAt, strip, tape } from "./tape.js";
import { encode, simulate, unpack } from "./twin.js";

const MOST = 2000; // bytes that are read
const PACE = 60; // milliseconds a byte while it plays
const LEAST = { lam: -6, eta: -5 }; // powers of ten at the left end of a slider; the right end is a tenth
const ICONS = { back: "M14 4 5 10l9 6zM3 4h2v12H3z", play: "M5 3l12 7-12 7z", pause: "M5 3h4v14H5zM11 3h4v14h-4z",
  forward: "M6 4l9 6-9 6zM15 4h2v12h-2z" };

const fill = (text, fields) => text.replace(/\{(\w+)\}/g, (_, name) => fields[name]);
const percent = (share) => `${Math.round(100 * share)}%`;
const icon = (name) => `<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;

// How often the run was right from byte `first` up to, not including, `end`; NaN where no byte is.
function rightShare({ expected, stream }, first, end) {
  let right = 0;
  for (let t = first; t < end; t++) right += expected[t] === stream.ids[t];
  return right / Math.max(0, end - first);
}

// The parts of the page, with the host's words.
function build(root, { words, rules, text }) {
  const slider = (name) => `<label>${words[name]} <output data-value="${name}"></output>
    <input type="range" data-slider="${name}" ${name in LEAST ? `min="${LEAST[name]}" max="-1" step="0.05"`
      : 'min="0" max="0.99" step="0.01"'}></label>`;
  const rule = (name) => `<label><input type="radio" name="rule" value="${name}"> ${words[name]}</label>`;
  const key = (name) => `<span><b class="swatch ${name}"></b>${words[name]}</span>`;
  root.innerHTML = `<div class="playground"><div class="story">
    <div class="rows"><p aria-hidden="true"><span>${words.reads}</span><span>${words.expects}</span></p>
      <div class="tape" role="img" aria-label="${words.tape}"></div></div>
    <div class="strip"><canvas></canvas><input type="range" min="0" step="1" aria-label="${words.place}"></div>
    <p class="legend">${["surprise", "right", "written"].map(key).join("")}</p>
    <p class="now" aria-live="polite"></p><p class="quarters"></p><p class="lesson"></p><p class="trouble" role="status"></p>
    <div class="bar">${["back", "play", "forward"].map((name) => `<button type="button" data-do="${name}"
      aria-label="${words[name]}" title="${words[name]}">${icon(name)}</button>`).join("")}
      <fieldset><legend>${words.rule}</legend>${Object.keys(rules).map(rule).join("")}</fieldset></div></div>
    <figure><canvas class="matrix" role="img" aria-label="${words.matrix}"></canvas><figcaption>${words.note}</figcaption>
      ${["ink", "paper", "above", "below", "flash"].map((name) => `<b class="swatch ${name}" hidden></b>`).join("")}</figure>
    <div class="sliders">${["eta", "beta", "lam", "tau"].map(slider).join("")}</div>
    <label class="own">${words.text}<textarea rows="2" spellcheck="false"></textarea></label></div>`;
  root.querySelector("textarea").value = text;
  return (selector) => root.querySelector(selector);
}

// Puts a playground into an element. `data` is what `data` of __init__.py makes. Returns what removes it.
export function mount(root, data) {
  const { words, rules } = data, tables = unpack(data.tables), find = build(root, data), runs = {};
  const settings = Object.fromEntries(Object.entries(rules).map(([name, own]) => [name, { ...own }]));
  const colourOf = (name) => getComputedStyle(find(`.swatch.${name}`)).color;
  const still = window.matchMedia("(prefers-reduced-motion: reduce)"), dark = window.matchMedia("(prefers-color-scheme: dark)");
  const parts = [tape(find(".tape"), go), strip(find(".strip canvas"), colourOf), matrix(find(".matrix"), colourOf)];
  const scrub = find(".strip input"), lastByte = () => runs[rule].stream.ids.length - 1;
  let rule = Object.keys(rules)[0], token = data.cursor, timer = null, stream;

  function draw() {
    const run = runs[rule], count = run.stream.ids.length, shown = lettersAt(run, token);
    for (const part of parts) part(run, token, timer === null || !still.matches);
    scrub.value = token;
    const numbers = Object.fromEntries(["surprise", "g_write"].map((name) => [name, run[name][token].toFixed(2)]));
    scrub.setAttribute("aria-valuetext", fill(words.byte, { number: token + 1, count }));
    find(".now").ariaLive = timer === null ? "polite" : "off";
    find(".now").textContent = fill(words.now, { ...shown, ...numbers });
    const quarters = [0, 1, 2, 3].map((q) => [Math.ceil((q * count) / 4), Math.ceil(((q + 1) * count) / 4)]);
    const soFar = quarters.map(([from, to]) => (token < from ? "–" : percent(rightShare(run, from, Math.min(to, token + 1)))));
    find(".quarters").textContent = `${words.quarters} ${soFar.join(" · ")}`;
    const second = Object.entries(runs).map(([name, own]) => [name, percent(rightShare(own, ...quarters[1]))]);
    const writes = percent(runs.recipe.g_write.filter((gate) => gate > 0.5).length / count);
    find(".lesson").textContent = fill(words.lesson, { ...Object.fromEntries(second), writes });
  }

  function read() {
    runs[rule] = simulate(tables, stream, settings[rule]);
    const { diverged } = runs[rule];
    find(".trouble").textContent = diverged === null ? "" : fill(words.diverged, { number: diverged + 1 });
    draw();
  }

  function readText() {
    const bytes = new TextEncoder().encode(find("textarea").value);
    if (bytes.length > 0) {
      stream = encode(tables, bytes, MOST);
      for (const name of Object.keys(rules)) runs[name] = simulate(tables, stream, settings[name]);
      scrub.max = lastByte();
      token = Math.min(token, lastByte());
      read();
    }
    if (bytes.length === 0) find(".trouble").textContent = words.empty;
    if (bytes.length > MOST) find(".trouble").textContent = fill(words.cut, { count: MOST, all: bytes.length });
  }

  function showSettings() {
    find(`[value=${rule}]`).checked = true;
    for (const input of root.querySelectorAll("[data-slider]")) {
      const name = input.dataset.slider, value = settings[rule][name];
      input.value = name in LEAST ? Math.log10(value) : value;
      input.disabled = name === "tau" && settings[rule].gate === "constant";
      find(`[data-value=${name}]`).textContent = input.disabled ? "–" : Number(value.toPrecision(2));
      input.setAttribute("aria-valuetext", find(`[data-value=${name}]`).textContent);
    }
  }

  function play(on) {
    clearInterval(timer);
    if (on && token === lastByte()) token = 0;
    timer = on ? setInterval(() => (token < lastByte() ? (token++, draw()) : play(false)), PACE) : null;
    const name = on ? "pause" : "play", button = find("[data-do=play]");
    [button.innerHTML, button.ariaLabel, button.title] = [icon(name), words[name], words[name]];
    draw();
  }

  function go(to) {
    token = Math.max(0, Math.min(lastByte(), to));
    play(false);
  }

  root.addEventListener("click", (event) => {
    const name = event.target.closest("[data-do]")?.dataset.do;
    if (name) name === "play" ? play(timer === null) : go(token + (name === "back" ? -1 : 1));
  });
  root.addEventListener("input", ({ target }) => {
    if (target === scrub) go(Number(target.value));
    else if (target.name === "rule") rule = target.value;
    else if (target.matches("textarea")) return readText();
    else settings[rule][target.dataset.slider] = target.dataset.slider in LEAST ? 10 ** target.value : Number(target.value);
    showSettings();
    if (target !== scrub) read();
  });
  scrub.addEventListener("keydown", (event) => event.key === " " && (event.preventDefault(), play(timer === null)));
  const resized = new ResizeObserver(() => draw());
  readText();
  showSettings();
  resized.observe(find(".story"));
  dark.addEventListener("change", draw);
  return () => [clearInterval(timer), resized.disconnect(), dark.removeEventListener("change", draw)];
}
