"""Accessibility in a real Chromium: axe finds nothing on any page, in both languages, light and dark, wide and narrow.

What axe cannot see is tested beside it: the page's language, its title, its one h1, and a quiet console.
"""

import pytest

pytest.importorskip("streamlit")
pytest.importorskip("playwright")
base = pytest.importorskip("axe_playwright_python.base")

from browsing import BUSY  # noqa: E402
from pages import NAMES, TEXTS  # noqa: E402

pytestmark = pytest.mark.browser
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast"]
SIZES = {"wide": {"width": 1280, "height": 720}, "narrow": {"width": 390, "height": 844}}
CALM = 900  # milliseconds in which a page takes its final form
DRAWN = ":is(.stPlotlyChart, .playground, .stMetric, [data-testid=stDataFrame])"
# Each kind of violation with the elements that have it.
CHECK = """rules => axe.run({ runOnly: rules, resultTypes: ['violations'] }).then(found => found.violations.map(
  kind => `${kind.id}: ${kind.nodes.map(node => node.target.join(' ')).join(' | ')}`))"""
LEVELS = "[...document.querySelectorAll('.stMain :is(h1, h2, h3, h4, h5, h6)')].map(head => Number(head.tagName[1]))"


@pytest.fixture(scope="module")
def page(server, chromium):
    context = chromium.new_context(viewport=SIZES["wide"])
    context.add_init_script(base.AXE_SCRIPT)
    yield context.new_page()
    context.close()


def violations(page, size: str, scheme: str, rules: list[str]) -> list[str]:
    page.set_viewport_size(SIZES[size])
    page.emulate_media(color_scheme=scheme)
    page.wait_for_timeout(CALM)
    return page.evaluate(CHECK, rules)


def settle_in(page, name: str, language: str) -> None:
    """Waits until the page is drawn in a language, and looks at what tells it from others."""
    page.locator(".stMain h1", has_text=TEXTS[language][f"{name}_title"]).wait_for(timeout=60_000)
    page.locator(DRAWN).first.wait_for()
    page.wait_for_function(f"!document.querySelector('{BUSY}')", timeout=60_000)
    page.wait_for_function("language => document.documentElement.lang === language", arg=language)
    assert page.title() == f"{TEXTS[language][name]} · {TEXTS[language]['app']}"


@pytest.mark.parametrize("name", NAMES)
def test_no_violation_and_the_page_has_its_language_title_and_headings(page, server, name):
    troubles = []
    page.on("console", lambda message: troubles.append(f"{message.type}: {message.text}"))
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(SIZES["wide"])
    page.goto(f"{server.url}{'' if name == NAMES[0] else name}?lang=en")
    settle_in(page, name, "en")
    # The colours alone depend on light and dark; the sidebar is only open where the page is wide.
    found = [violations(page, "wide", "light", RULES), violations(page, "wide", "dark", COLOURS)]
    levels = page.evaluate(LEVELS)
    page.locator(".st-key-language_switch").get_by_text("中文", exact=True).click()
    settle_in(page, name, "zh")
    found.append(violations(page, "narrow", "dark", RULES))
    assert found == [[], [], []]
    assert levels.count(1) == 1 and all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
    assert [line for line in troubles if not line.startswith(("info", "log", "debug"))] == []
