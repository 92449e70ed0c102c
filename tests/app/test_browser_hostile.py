"""Hostile links and files in a real Chromium: what a visitor sees, and that the console stays empty."""

import pytest

pytest.importorskip("streamlit")
pytest.importorskip("playwright")

from browsing import CURVE, ROOT, settle, watch  # noqa: E402

pytestmark = pytest.mark.browser
ALERT = "[data-testid=stAlert]"


@pytest.fixture
def visit(server, chromium):
    """Opens the app in a context of its own, and gives the page and the list of what goes wrong in it."""
    contexts = []

    def open_page(query: str):
        contexts.append(chromium.new_context(viewport={"width": 1400, "height": 900}))
        page = contexts[-1].new_page()
        errors = watch(page)
        page.goto(server.url + query)
        settle(page)
        return page, errors

    yield open_page
    for context in contexts:
        context.close()
    assert server.log.read_text() == ""


@pytest.mark.parametrize(
    "query",
    [
        "?tokens=200&hide=tour&tau=http://evil.example/&eta=www.evil.example&beta=a@evil.example&seed=%00%FF",
        "?tokens=200&hide=tour,&hide=%3Cscript%3E&tau=" + "9" * 8000,
        "?tokens=200&hide=tour&tau=0.1&tau=nan&tau=&stream=%E2%80%AEtxet",
        "?tokens=200&hide=tour&" + "&".join(f"k{number}=[x](//y)" for number in range(200)),
    ],
)
def test_a_hostile_link_is_one_line_without_a_link_and_the_curves_are_drawn(visit, query):
    page, errors = visit(query)
    assert page.locator(ALERT).count() == 1 and page.locator(f"{ALERT} a").count() == 0
    assert len(page.locator(ALERT).inner_text()) < 1200 and page.locator(CURVE).count() == 6
    assert str(ROOT) not in page.content() and errors == []


def test_a_page_that_does_not_exist_gives_way_to_the_first(visit):
    page, _ = visit("nowhere?tokens=200&hide=tour")
    assert page.locator(CURVE).count() == 6 and str(ROOT) not in page.content()


FILES = {
    "empty": ("a.txt", b"", "is empty"),
    "binary": ("<img src=x onerror=alert(1)>.png", bytes(range(256)), "is binary"),
    "utf-16": ("a|b*c_d.txt", "\u96ea\u96ea".encode("utf-16"), "is not UTF-8"),
    "50 MB": ("big.txt", None, "10.0MB or smaller"),
}


def test_hostile_files_are_one_line_each_and_the_next_good_one_is_read(visit, tmp_path):
    page, errors = visit("?stream=upload&tokens=200&hide=tour")
    upload, dialogs = page.locator("input[type=file]"), []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    before = page.locator(CURVE).first.get_attribute("d")
    for name, content, told in FILES.values():
        path = tmp_path / name
        with path.open("wb") as file:
            file.write(content if content is not None else b"")
            file.truncate(len(content) if content is not None else 50_000_000)
        upload.set_input_files(path)
        page.get_by_text(told).first.wait_for()
        settle(page)
        assert page.locator(CURVE).first.get_attribute("d") == before
    upload.set_input_files({"name": "good.txt", "mimeType": "text/plain", "buffer": b"All is well. " * 40})
    page.wait_for_function(
        "[...document.querySelectorAll('.tape .read')].map(e => e.textContent).join('').includes('All␣is␣well')"
    )
    assert page.locator(CURVE).count() == 6 and errors == [] and dialogs == []
