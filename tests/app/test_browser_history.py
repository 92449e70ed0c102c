"""Back and Forward in a real Chromium: one entry for each page that was opened, and each page with its settings."""

import pytest

pytest.importorskip("streamlit")
pytest.importorskip("playwright")

import pages  # noqa: E402, F401  the app's own modules can be imported
from browsing import BUSY, settle  # noqa: E402

# isort: split
import curves  # noqa: E402
import tape  # noqa: E402
from style import HISTORY  # noqa: E402

pytestmark = pytest.mark.browser


@pytest.fixture
def page(server, chromium):
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.goto(server.url + "?tokens=400&hide=eta&lang=en")
    settle(page)
    page.locator(".st-key-tau input").first.press("ArrowRight")
    page.wait_for_url("**tau=0.31*")
    settle(page)
    yield page
    context.close()
    assert server.log.read_text() == ""


def go(page, name: str) -> None:
    page.get_by_role("link", name=name).first.click()
    page.wait_for_url(f"**/{name.lower()}?*")
    page.wait_for_function(f"!document.querySelector('{BUSY}')", timeout=60_000)


def tau(page) -> str:
    return page.locator(".st-key-tau input").first.input_value()


def test_back_brings_each_page_with_its_settings_and_a_page_is_one_entry(page):
    writes = page.locator("[data-testid=stMetricValue]").first.inner_text()
    page.locator(".strips input").fill("120")
    entries = page.evaluate("history.length")
    go(page, "Anatomy")
    assert tau(page) == "0.31" and page.evaluate("history.length") == entries + 1
    go(page, "MIRAS")
    assert page.evaluate("history.length") == entries + 2
    page.go_back(wait_until="commit")
    page.wait_for_url("**/anatomy?*")
    settle_on(page, "anatomy")
    assert tau(page) == "0.31"
    page.go_back(wait_until="commit")
    page.wait_for_url("**tokens=400*")
    settle_on(page, "tokens=400")
    assert tau(page) == "0.31" and "tau=0.31" in page.url and "hide=eta" in page.url
    assert page.locator("[data-testid=stMetricValue]").first.inner_text() == writes
    assert page.evaluate("titans.token") == 120 and "token=120" in page.url
    page.go_forward(wait_until="commit")
    page.wait_for_url("**/anatomy?*")
    assert page.evaluate("history.length") == entries + 2


def settle_on(page, part: str) -> None:
    """Waits until the page of that address is drawn."""
    page.wait_for_selector(".st-key-tau input", timeout=60_000)
    page.wait_for_function(f"!document.querySelector('{BUSY}') && location.href.includes('{part}')", timeout=60_000)
    page.wait_for_timeout(1500)  # the link follows the widgets


def test_a_choice_is_no_entry_of_its_own(page):
    entries = page.evaluate("history.length")
    page.locator(".st-key-stream [role=combobox], .st-key-stream input").first.click()
    page.get_by_role("option").nth(3).click()
    page.wait_for_url("**stream=*")
    settle(page)
    assert page.evaluate("history.length") == entries


@pytest.mark.parametrize("first", [tape.CODE, curves.CODE], ids=["tape", "curves"])
def test_tape_and_curves_need_not_wait_for_the_script_of_the_pages(chromium, first):
    page = chromium.new_page()
    page.evaluate("code => import(URL.createObjectURL(new Blob([code], {type: 'text/javascript'})))", first)
    page.evaluate("window.store = titans")
    for later in (HISTORY, curves.CODE):
        page.add_script_tag(content=later, type="module")
        page.wait_for_timeout(50)
    assert page.evaluate(
        "store === titans && [titans.leads, titans.watch, titans.move].every(part => part instanceof Function)"
    )
    assert page.evaluate("titans.watchers.size") >= 2  # the link and the curves
    page.close()
