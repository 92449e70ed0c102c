"""The MIRAS page in a real Chromium against a real server."""

import re

import pytest

pytest.importorskip("streamlit")
pytest.importorskip("playwright")

from browsing import contrasts, open_sidebar, settle, watch  # noqa: E402

pytestmark = pytest.mark.browser
CURVES = (
    "[...document.querySelectorAll('.st-key-along_chart .scatterlayer path.js-line')]"
    ".map(line => line.getAttribute('d')).join()"
)


@pytest.mark.parametrize("viewport", [{"width": 1400, "height": 900}, {"width": 390, "height": 844}])
def test_picking_another_bias_changes_the_picture_the_number_and_the_link(server, chromium, viewport):
    page = chromium.new_page(viewport=viewport)
    errors = watch(page)
    page.goto(server.url + "miras?length=100")
    page.locator(".st-key-by_age_chart .scatterlayer path.point").first.wait_for(timeout=60_000)
    settle(page)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= viewport["width"]
    before, number = page.evaluate(CURVES), page.locator("[data-testid=stMetricValue]").first.inner_text()
    if viewport["width"] < 768:
        open_sidebar(page)
    page.locator(".st-key-bias [data-baseweb=select], .st-key-bias input").first.click()
    page.get_by_role("option", name="dot", exact=True).click()
    page.wait_for_url("**bias=dot*")
    page.wait_for_function("before => before !== " + CURVES, arg=before)
    settle(page)
    assert page.locator("[data-testid=stMetricValue]").first.inner_text() != number
    assert page.get_by_text("linear attention").count()
    assert min(contrasts(page, ".stCode span")) >= 4.5
    assert page.locator("[data-testid=stException]").count() == 0
    if viewport["width"] < 768:
        page.locator("[data-testid=stSidebarCollapseButton] button").click()  # nothing lies above it
    page.close()
    assert errors == []


def test_a_training_says_its_steps_and_stops(server, chromium):
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    errors = watch(page)
    page.goto(server.url + "miras?length=20&versus=nothing&train_seconds=120")
    page.locator(".st-key-seeds_chart .scatterlayer path.point").first.wait_for(timeout=60_000)
    settle(page)
    page.locator(".st-key-train_members button").first.click()
    said = page.get_by_text(re.compile(r"^Linear attention: step [1-9]"))
    said.wait_for(timeout=60_000)
    page.locator(".st-key-members_stop button").first.click()
    said.wait_for(state="detached", timeout=60_000)
    settle(page)
    page.get_by_text("Kept: trained before").or_(page.get_by_text("has not trained")).wait_for()
    assert page.locator("[data-testid=stException]").count() == 0
    page.close()
    assert errors == []


def test_the_server_wrote_nothing_to_stderr(server):
    assert server.log.read_text() == ""
