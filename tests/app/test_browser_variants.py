"""The Variants page in a real Chromium against a real server."""

import pytest

pytest.importorskip("streamlit")
pytest.importorskip("playwright")

from browsing import BUSY, watch  # noqa: E402

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("viewport", [{"width": 1400, "height": 900}, {"width": 390, "height": 844}])
def test_it_opens_without_an_error_also_on_a_phone(server, chromium, viewport):
    page = chromium.new_page(viewport=viewport)
    errors = watch(page)
    page.goto(server.url + "variants?variant=mag")
    page.wait_for_selector(".st-key-masks .heatmaplayer image", timeout=60_000)
    page.get_by_text("Generation", exact=True).wait_for()
    page.wait_for_function(f"!document.querySelector('{BUSY}')")
    assert page.locator(".st-key-wiring .js-plotly-plot .shapelayer path").count() == 6
    assert page.evaluate("document.scrollingElement.scrollWidth") <= viewport["width"]
    assert page.locator(".told .right").count() == 5  # kept answers: four codes, and the one in real text
    page.locator(".st-key-tell_live button:visible").click()
    page.get_by_text("measured now").wait_for()
    assert page.locator(".st-key-tell_card .told .right").count() == 4
    page.get_by_role("button", name="lmm").or_(page.get_by_role("radio", name="lmm")).click()
    page.get_by_text("LMM has no attention").wait_for()
    page.wait_for_url("**variant=lmm*")
    assert page.locator("[data-testid=stException]").count() == 0
    page.close()
    assert errors == []


def test_stop_ends_a_long_measurement(server, chromium):
    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    page.goto(server.url + "variants?variant=mag&rows=64&hide=tell,mask,bits,generation,needle")
    page.get_by_text("Kept: measured before").wait_for()
    page.locator(".st-key-longer_button button:visible").click()
    page.get_by_text("Gap 16,384, memory on").wait_for()
    page.locator(".st-key-measure_stop button:visible").click()
    page.get_by_text("Gap 16,384, memory on").wait_for(state="hidden", timeout=20_000)
    page.wait_for_function(f"!document.querySelector('{BUSY}')")
    page.get_by_text("Kept: measured before").wait_for()
    page.close()


def test_the_server_wrote_nothing_to_stderr(server):
    assert server.log.read_text() == ""
