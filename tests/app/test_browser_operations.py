"""The Operations page in a real Chromium against a real server."""

import pytest

pytest.importorskip("streamlit")
pytest.importorskip("playwright")

from browsing import settle, watch  # noqa: E402

pytestmark = pytest.mark.browser
QUICK = "operations?engine=recipe&stream_tokens=3000&at=2100&incident=scaled_weight&factor=2&duration=600"
# Of the text "memory norm  12.3  limit ..." above the second gauge.
NORM = "document.querySelectorAll('.st-key-drill_gauges .annotation-text')[1].textContent.split(/\\s+/)[2]"


def press(page, key: str) -> None:
    page.locator(f".st-key-{key} button:visible").first.click()


def test_a_drill_plays_alarms_and_is_taken_back(server, chromium):
    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    errors = watch(page)
    page.goto(server.url + QUICK)
    settle(page)
    press(page, "keep_memory")
    page.locator(".st-key-resume_my-memory button:visible").wait_for()
    press(page, "drill_play")
    page.get_by_text("3,000 of 3,000 tokens").wait_for(timeout=60_000)
    page.get_by_text("norm rise since").wait_for()
    page.wait_for_function(f"parseFloat({NORM}) > 100")
    press(page, "rollback")
    page.wait_for_function(f"parseFloat({NORM}) < 20")
    assert page.locator("[data-testid=stException]").count() == 0
    page.close()
    assert errors == []


def test_another_session_on_a_phone_sees_nothing_of_it(server, chromium):
    page = chromium.new_page(viewport={"width": 390, "height": 844})
    errors = watch(page)
    page.goto(server.url + QUICK)
    settle(page)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    page.get_by_text("Nothing is kept yet").wait_for()
    assert page.get_by_text("2,000 of 3,000 tokens").count()
    assert page.locator("[data-testid=stException]").count() == 0
    page.close()
    assert errors == []


def test_the_server_wrote_nothing_to_stderr(server):
    assert server.log.read_text() == ""
