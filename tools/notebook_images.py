"""Draws `notebooks/images/*.png`: the figures of the lessons, for pages that run no JavaScript.

    python tools/notebook_images.py [NAME ...]      # all, or those named

The pictures come from `titans_mini.figures`, through Playwright and the system's Chromium.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import plotly.graph_objects as go
from course_maps import map_recipe, map_tour
from playwright.sync_api import Page, sync_playwright
from plotly.offline import get_plotlyjs

from titans_mini import SimulationConfig, simulate, simulate_many
from titans_mini.figures import coloured_text, recall_figure, single_figure, time_figure

IMAGES = Path(__file__).resolve().parents[1] / "notebooks" / "images"
WIDTH = 860


def tour_trace() -> go.Figure:
    return time_figure(simulate(SimulationConfig(tokens=600)))


def tour_text() -> str:
    body = coloured_text(simulate(SimulationConfig(tokens=600)), length=560)
    return f'<div style="padding:14px;font-size:15px">{body}</div>'


def tour_burst() -> go.Figure:
    return time_figure(simulate(SimulationConfig("novelty_burst", tokens=600)))


def tour_recall() -> go.Figure:
    return recall_figure(_by("lam", (1e-4, 1e-3), tokens=2000))


def recipe_tau() -> go.Figure:
    return single_figure(_by("tau", (0.2, 0.3, 0.4), tokens=300), "g_write")


def recipe_beta() -> go.Figure:
    return single_figure(_by("beta", (0.0, 0.7, 0.98), scenario="topic_shift", tokens=600), "momentum")


def recipe_lambda() -> go.Figure:
    return single_figure(_by("lam", (1e-4, 1e-3, 1e-2), tokens=1000), "memory_norm")


def recipe_rules() -> go.Figure:
    runs = [simulate(SimulationConfig(gate=gate)) for gate in ("surprise", "constant")]
    return recall_figure({"the recipe": runs[0], "the paper's rule, held constant": runs[1]})


def _by(name: str, values: tuple[float, ...], **settings) -> dict:
    runs = simulate_many([SimulationConfig(**settings, **{name: value}) for value in values])
    label = {"lam": "lambda"}.get(name, name)
    return {f"{label} = {value:g}": run for value, run in zip(values, runs, strict=True)}


PICTURES: dict[str, Callable[[], go.Figure | str]] = {
    picture.__name__: picture
    for picture in (
        map_tour, map_recipe, tour_trace, tour_text, tour_burst, tour_recall,
        recipe_tau, recipe_beta, recipe_lambda, recipe_rules,
    )
}  # fmt: skip


def page_of(picture: go.Figure | str) -> str:
    """A page that holds the picture alone, in an element `#picture`."""
    if isinstance(picture, str):
        inner, script = picture, ""
    else:
        inner = picture.to_html(include_plotlyjs=False, full_html=False, default_width=f"{WIDTH}px")
        script = f"<script>{get_plotlyjs()}</script>"
    style = f"margin:0;width:{WIDTH}px;background:#fff;font-family:'DejaVu Sans','Noto Sans CJK SC',sans-serif"
    return f'<!doctype html><meta charset="utf-8">{script}<body><div id="picture" style="{style}">{inner}</div>'


def draw(page: Page, names: list[str]) -> Iterator[Path]:
    """Writes the pictures named and yields their files."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name in names:
        picture = PICTURES[name]()
        page.set_content(page_of(picture))
        if isinstance(picture, go.Figure):
            page.wait_for_selector(".js-plotly-plot .xaxislayer-above", state="attached")
            page.wait_for_timeout(300)
        target = IMAGES / f"{name}.png"
        page.locator("#picture").screenshot(path=target)
        yield target


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in PICTURES]
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if unknown or chromium is None:
        print(f"no picture {unknown[0]!r}" if unknown else "Chromium is not installed", file=sys.stderr)
        return 2
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 800})
        for file in draw(page, names or list(PICTURES)):
            print(f"{file.relative_to(IMAGES.parent)}  {file.stat().st_size // 1000} kB")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
