// Streamlit's host of the tape. The parts come in elements of their own, in any order; what belongs together has the
// same marks. Nothing is told to the server but the token, when the visitor leaves the page or where it asks for it.

const SLIDERS = ["tau", "beta", "lam", "eta", "softness"];
const TRUST = 1500; // milliseconds that a slider's own value counts more than an older one from the server
const LOST = 3000; // milliseconds after which a click on a link to another page no longer waits for the server
const REST = 300; // milliseconds without a move before a page that follows the cursor is told of it

const store = { root: null, words: null, tables: null, stream: null, wanted: null, shown: {}, tell() {} };
const ahead = new Map(); // name -> [value, time]: what sliders show that the server has not answered yet
let playground = null, resting = null, leaving = false, click = null; // one that waits

/** Called for each element that carries a part. Tables and streams stay until others take their place. */
function take({ data, setTriggerValue }) {
  if ("part" in data) store[data.part] = data;
  else Object.assign(store, { wanted: data, tell: (token, mark = null) => setTriggerValue("token", [token, mark]) });
  if (click && data.told === click.mark) click();
  settle();
  return () => store.wanted === data && Object.assign(store, { wanted: null });
}

/** The runs as wanted, with what the sliders show where the server has not answered that yet. */
function runsNow() {
  const [first, ...others] = store.wanted.runs, settings = { ...first.settings };
  for (const [name, [value, time]] of ahead) {
    if (settings[name] === value || performance.now() - time > TRUST) ahead.delete(name);
    else settings[name] = value;
  }
  if (ahead.size) setTimeout(settle, TRUST);
  return [{ ...first, settings }, ...others];
}

/** Shows what has come, as soon as all of it belongs together: only what has changed since the last time. */
function settle() {
  const { root, words, tables, stream, wanted, shown } = store;
  if (!root || !words || !wanted || tables?.mark !== wanted.tables || stream?.mark !== wanted.stream) return;
  const all = { tables: tables.value, stream: stream.value, runs: runsNow(), words, hide: wanted.hide };
  const marks = { tables: tables.mark, stream: stream.mark, words };
  for (const name of ["runs", "hide"]) marks[name] = JSON.stringify(all[name]);
  const changes = Object.fromEntries(Object.entries(all).filter(([name]) => marks[name] !== shown[name]));
  store.shown = { ...marks, turn: wanted.turn };
  if (!playground) playground = mount(root.appendChild(document.createElement("div")), { ...all, cursor: wanted.cursor, controls: false, moved });
  else if (Object.keys(changes).length) playground.update(changes);
  if (shown.turn !== wanted.turn) window.titans.move(wanted.cursor, wanted.chosen ? "link" : "page");
}

const moved = (token) => window.titans.move(token, "tape");

/** The cursor was moved, here or elsewhere. */
function follow(token, from) {
  if (token !== null && from !== "tape") playground?.move(token);
  clearTimeout(resting);
  if (store.wanted?.live && ["tape", "curves"].includes(from)) resting = setTimeout(() => store.tell(token), REST);
}

/** A slider moves: the tape follows at once. */
function slide(changes) {
  for (const { target } of changes) {
    const name = SLIDERS.find((some) => target.closest(`.st-key-${some}`)), value = Number(target.ariaValueText);
    if (!name || !playground || !Number.isFinite(value)) continue;
    ahead.set(name, [value, performance.now()]);
    playground.set(name, value);
  }
}

/** A link to another page: the token goes out first, and the click follows when the server has it, or has lost it. */
function leave(event) {
  if (leaving || window.titans.token === null || !window.titans.leads(event)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  clearTimeout(click?.lost);
  const mine = (click = () => {
    clearTimeout(mine.lost);
    leaving = true;
    event.target.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
    [leaving, click] = [false, null];
  });
  Object.assign(mine, { mark: performance.now(), lost: setTimeout(mine, LOST) });
  store.tell(window.titans.token, mine.mark);
}

export default function ({ data, parentElement }) {
  (window.titansTape ??= Promise.withResolvers()).resolve(take);
  store.words = data;
  if (store.root !== parentElement) {
    store.end?.();
    const sliders = new MutationObserver(slide), unwatch = window.titans.watch(follow);
    sliders.observe(document.body, { subtree: true, attributeFilter: ["aria-valuetext"] });
    document.addEventListener("click", leave, true);
    Object.assign(store, { root: parentElement, shown: {} });
    store.end = () => {
      document.removeEventListener("click", leave, true);
      [sliders.disconnect(), unwatch(), playground?.end(), clearTimeout(resting), clearTimeout(click?.lost)];
      Object.assign(store, { root: null, end: null });
      playground = click = null;
      window.titans.move(null, "page");
    };
  } else playground?.update({}); // the theme may be another one, whose colours the pictures need
  settle();
  return () => store.root === parentElement && store.end();
}
