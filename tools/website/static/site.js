"use strict";
// From a disk a page cannot fetch another one, so the search shows titles without the sentences around a word.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined")
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

const isDark = () => document.body.dataset.theme === "dark" ||
  (document.body.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);

/** A figure's layout in the colours of the page. */
function dressed(layout) {
  const ink = isDark() ? "#CFD8DF" : "#22303C", line = isDark() ? "#3A444D" : "#E1E6EA";
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line };
  const template = structuredClone(layout.template || {}), base = template.layout = template.layout || {};
  Object.assign(base, { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)" });
  base.font = { ...base.font, color: ink };
  for (const name of ["xaxis", "yaxis"]) base[name] = { ...base[name], ...axis };
  return { ...layout, template, width: undefined, autosize: true };
}

function draw(plot) {
  const { data, layout, frames } = JSON.parse(plot.querySelector("script").textContent);
  const config = { responsive: true, displaylogo: false, displayModeBar: false };
  const place = plot.querySelector(".drawn") || plot.appendChild(document.createElement("div"));
  place.className = "drawn";
  place.style.height = "100%";
  Plotly.react(place, { data, layout: dressed(layout), frames, config });
  // The lesson shows the same figure as a picture, for readers of the notebook file: its description is the figure's.
  const next = plot.closest(".cell").nextElementSibling, picture = next && next.querySelector(":scope > img");
  if (!picture || next.textContent.trim()) return;
  plot.setAttribute("aria-label", picture.alt);
  next.hidden = true;
}

function drawAll() {
  const plots = [...document.querySelectorAll(".plot")];
  const seen = new IntersectionObserver(entries => entries.filter(entry => entry.isIntersecting).forEach(entry => {
    seen.unobserve(entry.target);
    draw(entry.target);
  }), { rootMargin: "400px" });
  plots.forEach(plot => seen.observe(plot));
  const again = () => plots.filter(plot => plot.querySelector(".drawn")).forEach(draw);
  new MutationObserver(again).observe(document.body, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
}

/** What is wider than its box can be scrolled with the keyboard. */
function reachable() {
  for (const box of document.querySelectorAll("article pre, article table, .table-wrapper"))
    box.scrollWidth > box.clientWidth ? box.tabIndex = 0 : box.removeAttribute("tabindex");
}

addEventListener("DOMContentLoaded", () => {
  reachable();
  addEventListener("resize", reachable);
  if (!document.querySelector(".plot")) return;
  const script = document.createElement("script");
  script.src = document.querySelector("meta[name=shared]").content + "plotly.min.js";
  script.onload = drawAll;
  document.head.append(script);
});
