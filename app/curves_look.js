// How the curves look, and the picture of them that a visitor saves.

const HEIGHT = 480; // pixels
const STYLE = `
.curves { position: relative; height: ${HEIGHT}px; touch-action: pan-y; }
.curves svg { display: block; width: 100%; height: 100%; font: 13px var(--font); user-select: none; cursor: crosshair; }
.curves svg:focus-visible { outline: 2px solid var(--text); outline-offset: 2px; }
.curves text { fill: var(--text); }
.curves .heads text { paint-order: stroke; stroke: var(--back); stroke-width: 4px; }
.curves .tick { font-size: 11px; opacity: 0.8; }
.curves .grid { stroke: var(--text); opacity: 0.14; }
.curves .band { stroke: none; fill-opacity: 0.25; }
.curves .mean { fill: none; stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round; }
.curves .mean.surprise { stroke-width: 2.8; } .curves .g_forget { stroke-dasharray: 1 5; stroke-width: 2.4; }
.curves .behind { stroke-dasharray: 7 4; stroke-width: 1.8; stroke-linecap: butt; }
.curves .mean.dot { stroke-width: 8; stroke-linecap: round; }
.curves .tau { stroke: var(--text); opacity: 0.7; stroke-dasharray: 2 3; stroke-width: 1.5; }
.curves .normal { fill: var(--g_write); opacity: 0.12; } .curves .event { fill: var(--surprise); opacity: 0.1; }
.curves .better { fill: var(--right); opacity: 0.75; } .curves .worse { fill: var(--pinned); opacity: 0.75; }
.curves .diverged { stroke: #d62839; } .curves text.diverged { fill: #d62839; stroke: none; }
.curves .cursor { stroke: var(--text); opacity: 0.75; stroke-dasharray: 5 3; }
.curves .pointer { stroke: var(--text); opacity: 0.5; } .curves .chosen { fill: var(--g_write); opacity: 0.15; }
.curves .tools { position: absolute; right: 0; bottom: 0; display: flex; gap: 4px; }
.curves button, .unfold { font: 13px var(--font); color: var(--text); background: var(--back); border: 1px solid;
  border-radius: 4px; opacity: 0.75; min-width: 28px; height: 24px; cursor: pointer; }
:is(.curves button, .unfold):is(:hover, :focus-visible) { opacity: 1; outline: 2px solid currentColor; }
.unfold { display: none; width: 100%; height: 44px; margin-bottom: 10px; padding: 0 16px; font-size: 15px;
  text-align: left; border-color: color-mix(in srgb, currentcolor 25%, transparent); border-radius: 8px; opacity: 1; }
.unfold::before { content: "▸ " / ""; } .unfold[aria-expanded=true]::before { content: "▾ " / ""; }
@media screen and (max-width: 768px) { .unfold { display: block; }
  .unfold[aria-expanded=false] + .curves { display: none; } }
[class*="st-key-feed_"] { display: none; }
@media print { .curves .tools, .curves .pointer, .unfold { display: none; } }
`;

/** Saves the picture as it stands as a PNG of twice its size. */
async function save(svg, file) {
  const copy = svg.cloneNode(true), { width, height } = svg.getBoundingClientRect();
  const colours = svg.parentElement.parentElement.getAttribute("style");
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("class", "curves");
  copy.setAttribute("style", `${colours}; background: var(--back); font: 13px var(--font)`);
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  const image = new Image(), canvas = document.createElement("canvas");
  Object.assign(canvas, { width: 2 * width, height: 2 * height });
  image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  Object.assign(document.createElement("a"), { download: file, href: canvas.toDataURL("image/png") }).click();
}
