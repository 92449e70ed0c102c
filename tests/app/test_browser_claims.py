"""The Claims page in a real Chromium against a real server."""

import pytest

pytest.importorskip("streamlit")
pytest.importorskip("playwright")

from browsing import BUSY, watch  # noqa: E402

pytestmark = pytest.mark.browser


def test_a_row_opens_is_measured_and_its_link_opens_it_again(server, chromium):
    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    errors = watch(page)
    idle = f"!document.querySelector('{BUSY}')"  # Streamlit forgets a link's filter if a click comes before that
    page.goto(f"{server.url}claims?section=2.3")
    page.get_by_text("Measured perplexity (C4, 760M)").wait_for(timeout=60_000)
    page.wait_for_function(idle)
    page.get_by_text("Measured perplexity (C4, 760M)").click()
    page.get_by_text("The papers say").wait_for()
    page.wait_for_url("**/claims?*row=order*")
    page.wait_for_function(idle)
    assert "section=2.3" in page.url
    page.get_by_role("button", name="Measure this row now, small").click()
    page.get_by_text("Here, small:").wait_for(timeout=300_000)
    page.get_by_text("models of 760M cannot be trained here").first.wait_for()  # as measured before, and now
    page.wait_for_function(idle)
    phone = chromium.new_page(viewport={"width": 390, "height": 844})
    phone.goto(page.url)
    phone.get_by_text("The papers say").wait_for(timeout=60_000)
    phone.wait_for_function(idle)
    assert phone.get_by_text("Here, small:").count() == 0  # another session
    assert phone.locator("[data-testid=stExpander]").count() == 3
    assert phone.evaluate("document.scrollingElement.scrollWidth") <= 390
    page.close()
    phone.close()
    assert errors == [] and server.log.read_text() == ""
