"""The Tuning page in a real Chromium against a real server."""

import re

import pytest

pytest.importorskip("streamlit")
pytest.importorskip("playwright")

from browsing import BUSY, watch  # noqa: E402

pytestmark = pytest.mark.browser
SMALL = "taus=0.1,0.5&lams=0.0001,0.001&betas=0.5&depths=1&coarse_tokens=100&final_tokens=200"


@pytest.mark.parametrize("viewport", [{"width": 1400, "height": 900}, {"width": 390, "height": 844}])
def test_a_search_draws_maps_and_the_simulator_opens_beside_it(server, chromium, viewport):
    page = chromium.new_page(viewport=viewport)
    errors = watch(page)
    page.goto(f"{server.url}tuning?{SMALL}&hide=noise,saving")
    page.locator(".st-key-run_button button:visible").click(timeout=60_000)
    page.locator(".st-key-map_tau_lam_chart .heatmaplayer image").wait_for(timeout=60_000)
    page.wait_for_function(f"!document.querySelector('{BUSY}')")
    assert page.get_by_text("Best:").is_visible() and page.locator("[data-testid=stException]").count() == 0
    assert page.evaluate("document.scrollingElement.scrollWidth") <= viewport["width"]
    if viewport["width"] > 768:
        box = page.locator("[data-testid=stDataFrame]").first.bounding_box()
        with page.expect_popup() as opened:
            for _ in range(2):  # a first click chooses the cell
                page.mouse.click(box["x"] + box["width"] - 60, box["y"] + 52, delay=100)
                page.wait_for_timeout(300)
        opened.value.wait_for_url(re.compile(r"/(simulator)?\?tau=.*tokens=200$"))  # the first page has no name
        opened.value.close()
    page.close()
    assert errors == []


def test_stop_keeps_finished_batches_and_go_on_is_offered(server, chromium):
    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    page.goto(
        f"{server.url}tuning?taus=0.1&lams=0.0001&betas=0.5,0.9&coarse_tokens=200&final_tokens=100000&hide=saving"
    )
    page.locator(".st-key-run_button button:visible").click(timeout=60_000)
    page.get_by_text("Second stage, the best ones").wait_for(timeout=30_000)
    page.locator(".st-key-stop_button button:visible").click()
    page.get_by_text("Second stage, the best ones").wait_for(state="hidden", timeout=30_000)
    page.get_by_role("button", name="Continue", exact=True).wait_for()
    page.get_by_text("Stopped; best so far").wait_for()
    page.get_by_text("First stage: 4 of 4 settings on 200 tokens").wait_for()
    page.close()


def test_the_server_wrote_nothing_to_stderr(server):
    assert server.log.read_text() == ""
