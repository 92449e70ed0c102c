"""Draws the lessons' pictures, notebooks/images/*.png, for pages that run no JavaScript.

    python tools/images.py [NAME ...]                           # all of them, or those named
    TITANS_MINI_LANGUAGE=zh python tools/images.py [NAME ...]   # those of the Chinese lessons, in images/zh

Chromium draws them, driven by Playwright. The pictures of the README come from `tools/screenshots.py`.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import plotly.graph_objects as go
from pictures import basics, build, dna, family, maps, parallel, service, topics
from playwright.sync_api import Page, sync_playwright
from plotly.offline import get_plotlyjs

from titans_course.language import DEFAULT, choose

IMAGES = Path(__file__).resolve().parents[1] / "notebooks" / "images"
WIDTH = 860  # pixels; the height is the picture's own
LESSONS = {
    "00": (basics.tour_why, maps.map_tour, basics.tour_trace, basics.tour_text, basics.tour_recall),
    "01": (maps.map_memory, basics.memory_leak, basics.memory_steps, basics.memory_capacity, basics.memory_step,
           basics.memory_loss),
    "02": (maps.map_momentum, basics.momentum_impulse, basics.momentum_swing, basics.momentum_ages,
           basics.momentum_text),
    "02b": (build.map_build, build.build_keys, build.build_loops, build.build_recall),
    "03": (maps.map_recipe, basics.recipe_tau, basics.recipe_beta, basics.recipe_lambda, basics.recipe_rules),
    "04": (maps.map_parallel, parallel.parallel_paths, basics.parallel_coef),
    "04b": (parallel.map_speed, parallel.speed_stale, basics.parallel_tradeoff, parallel.speed_length),
    "05": (maps.map_variants, topics.variants_mac, topics.variants_train, topics.variants_recall,
           topics.variants_gates, topics.variants_context),
    "06": (maps.map_miras, topics.miras_outliers, topics.miras_coins, topics.miras_ages),
    "06b": (family.family_tree, topics.miras_family, family.family_steps),
    "06c": (dna.map_dna, dna.dna_orders, topics.miras_privacy),
    "07": (maps.map_tuning, topics.tuning_saving, topics.tuning_pairs, topics.tuning_gaps, topics.tuning_noise,
           topics.tuning_maps, topics.tuning_tau, topics.tuning_loss, topics.tuning_stages),
    "08": (maps.map_operations, service.operations_objects, topics.operations_writes, topics.operations_norm),
    "08b": (service.map_sessions, service.sessions_file, topics.operations_drill),
    "09": (maps.map_claims, topics.claims_life, topics.claims_beta, topics.claims_rule, topics.claims_share),
    "10": (service.map_frontiers, topics.frontiers_bits, service.frontiers_writes, topics.frontiers_life),
    "10b": (service.map_reward, topics.frontiers_tau, service.reward_training),
    "11": (maps.map_bug_hunt, topics.bug_hunt_future, topics.bug_hunt_table),
}  # fmt: skip
# name, which is also that of the file -> a function without arguments that makes the figure, or its HTML
PICTURES: dict[str, Callable[[], go.Figure | str]] = {
    make.__name__: make for lesson in LESSONS.values() for make in lesson
}


def page_of(picture: go.Figure | str) -> str:
    """A page that shows the picture and nothing else, in an element `#picture`."""
    if isinstance(picture, str):
        inner, script = picture, ""
    else:
        inner = picture.to_html(include_plotlyjs=False, full_html=False, default_width=f"{WIDTH}px")
        script = f"<script>{get_plotlyjs()}</script>"
    style = f"margin:0;width:{WIDTH}px;background:#fff;font-family:'DejaVu Sans','Noto Sans CJK SC',sans-serif"
    return f'<!doctype html><meta charset="utf-8">{script}<body><div id="picture" style="{style}">{inner}</div>'


def place() -> Path:
    """The folder of the pictures in the language of the environment."""
    return IMAGES if choose() == DEFAULT else IMAGES / choose()


def draw(page: Page, names: list[str], folder: Path) -> Iterator[Path]:
    """Writes the named pictures into `folder` and yields each file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        picture = PICTURES[name]()
        page.set_content(page_of(picture))
        if isinstance(picture, go.Figure):
            page.wait_for_selector(".js-plotly-plot .xaxislayer-above", state="attached")
            page.wait_for_timeout(300)
        target = folder / f"{name}.png"
        page.locator("#picture").screenshot(path=target)
        yield target


def main(names: list[str]) -> int:
    """Draws the named pictures, all where none is named; 2 and one line for a name that is not in the table."""
    unknown = [name for name in names if name not in PICTURES]
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if unknown or chromium is None:
        print(f"no picture {unknown[0]!r}" if unknown else "Chromium is not installed", file=sys.stderr)
        return 2
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 800})
        for file in draw(page, names or list(PICTURES), place()):
            print(f"{file.relative_to(IMAGES.parent)}  {file.stat().st_size // 1000} kB")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
