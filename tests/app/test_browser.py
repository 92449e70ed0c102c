"""The simulator in a real Chromium against a real server."""

import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest

pytest.importorskip("streamlit")
pytest.importorskip("playwright")

from browsing import CURVE, PLOTTED, open_sidebar, settle, watch  # noqa: E402

from titans_mini import Trace

pytestmark = pytest.mark.browser
DESK = {"width": 1400, "height": 900}
CALM = 1500  # milliseconds in which a redrawn page takes its final form, so that a click is not lost
QUIET = 10  # seconds that a server runs before its stderr is looked at
SECRET = "A secret of one visitor. " * 30


@pytest.fixture
def visit(server, chromium):
    """Opens the app in a context of its own; at the end no page may have had an error in its console."""
    contexts, errors = [], []

    def open_page(query: str = "?tokens=400", **options):
        context = chromium.new_context(**{"viewport": DESK, **options})
        contexts.append(context)
        page = context.new_page()
        errors.append(watch(page))
        page.goto(server.url + query)
        settle(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert all(found == [] for found in errors), errors


def writes(page) -> str:
    return page.locator("[data-testid=stMetricValue]").first.inner_text()


def press(page, key: str, control: str, times: int = 1) -> None:
    """Presses a key on a slider and waits for the new picture."""
    before, slider = picture(page), page.locator(f".st-key-{control} input")
    for _ in range(times):
        slider.press(key)
    page.wait_for_function("before => before !== " + PICTURE, arg=before)
    settle(page)


PICTURE = f"[...document.querySelectorAll('{CURVE}, .curves line.cursor')].map(e => e.outerHTML).join()"


def picture(page) -> str:
    """The curves and marks as drawn."""
    return page.evaluate(PICTURE)


def curves(page) -> list[str]:
    """The curves as drawn, without the marks."""
    return page.locator(CURVE).evaluate_all("lines => lines.map(line => line.getAttribute('d'))")


def letters(page) -> str:
    """What the tape has read, as it is shown."""
    return "".join(page.locator(".playground .tape .read").all_text_contents())


BOTH_READ = "/→ 96%/.test(document.querySelector('.playground .lesson')?.innerText)"  # by the paper's rule
READS = "part => [...document.querySelectorAll('.tape .read')].map(e => e.textContent).join('').includes(part)"


def token_in(url: str) -> str | None:
    return parse_qs(urlsplit(url).query).get("token", [None])[0]


def test_the_first_screen_shows_title_sliders_tape_and_matrix_and_the_card_s_answers(visit):
    page = visit("", viewport={"width": 1280, "height": 720})
    page.wait_for_function(BOTH_READ)  # the sentence that names the contrast, once both runs are read
    for shown in (
        "h1",
        ".st-key-gate",
        ".st-key-eta",
        ".tape",
        ".matrix",
        ".playground .bar",
        ".formula",
        ".st-key-tell_card table",
    ):
        box = page.locator(shown).first.bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 720, shown
    assert "dog␣ate␣47␣figs!" in letters(page)


def test_moving_tau_changes_the_picture_the_number_and_the_link(visit):
    page = visit()
    before = writes(page)
    press(page, "ArrowLeft", "tau", times=20)
    page.wait_for_url("**tau=0.1*")
    page.wait_for_timeout(500)
    settle(page)
    assert writes(page) != before
    again = visit(page.url.split("/")[-1])
    assert writes(again) == writes(page) and curves(again) == curves(page)


def test_play_steps_scrubbing_and_clicks_send_nothing_and_a_reload_brings_the_token_back(visit):
    page, frames = visit("?stream=text"), []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: frames.append(len(frame))))
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(len(frame))))
    page.reload()
    settle(page)
    page.locator(".tape .here").wait_for()
    page.wait_for_timeout(CALM)
    assert frames and token_in(page.url) is None  # nobody has moved it
    frames.clear()
    scrub, at = page.locator(".playground .strips input"), lambda: page.evaluate("titans.token")
    scrub.fill("1990")
    page.locator("[data-do=play]").click()
    page.wait_for_function("titans.token === 1999 && document.querySelector('[data-do=play]').ariaLabel === 'Play'")
    page.locator("[data-do=play]").click()  # from the end it starts again
    page.wait_for_function("titans.token > 3 && titans.token < 1990")
    page.locator("[data-do=play]").click()
    page.locator(".tape .ahead").nth(2).click()
    before = at()
    page.locator("[data-do=forward]").click()
    assert at() == before + 1
    page.locator("[data-do=next]").click()
    assert at() > before + 1
    cursor = page.locator(".curves line.cursor")
    x = float(cursor.get_attribute("x1"))
    page.wait_for_url(f"**token={at()}*")
    assert frames == []
    token = at()
    page.reload()
    settle(page)
    page.wait_for_function(f"titans.token === {token}")
    assert abs(float(cursor.get_attribute("x1")) - x) < 0.2 and token_in(page.url) == str(token)


def test_the_tape_follows_a_slider_before_the_server_answers_and_is_not_made_anew(visit):
    page = visit("?gate=surprise")
    lesson = page.locator(".playground .lesson")
    page.wait_for_function(BOTH_READ)
    page.locator(".strips input").fill("77")
    page.evaluate("document.querySelector('.playground').same = true")
    before = lesson.inner_text()
    page.context.set_offline(True)  # so that no server answers
    page.locator(".st-key-tau input").press("Home")
    page.wait_for_function("before => document.querySelector('.lesson').innerText !== before", arg=before)
    assert int(re.search(r"(\d+)% of the bytes", lesson.inner_text())[1]) > 50  # written, of all bytes
    page.context.set_offline(False)
    page.wait_for_url("**tau=0*")
    settle(page)
    assert page.evaluate("document.querySelector('.playground').same && titans.token") == 77
    page.locator(".st-key-gate button").last.click()
    page.wait_for_url("**gate=constant*")
    page.wait_for_function("/quarter, “every byte/i.test(document.querySelector('.lesson').innerText)")
    page.locator(".st-key-simulator_reset button:visible").click()
    page.wait_for_function("titans.token !== 77")  # a reset puts the cursor back


def test_an_uploaded_file_is_what_is_read(visit):
    page = visit("?stream=upload&tokens=400")
    upload = page.locator("input[type=file]")
    upload.set_input_files({"name": "mine.txt", "mimeType": "text/plain", "buffer": SECRET.encode()})
    page.wait_for_function(READS, arg="secret")
    upload.set_input_files({"name": "bad.bin", "mimeType": "text/plain", "buffer": b"\0\1\2"})
    page.get_by_text("binary or UTF-16").wait_for()
    assert "secret" in letters(page)


def download(page, name: str):
    with page.expect_download() as saving:
        page.locator(f".st-key-save_{name} button:visible").click()
    assert saving.value.suggested_filename == f"titans_mini_run.{name}"
    return saving.value.path()


def test_downloads_hold_the_run(visit, chromium, tmp_path):
    page = visit("?tokens=400&tau=0.1")
    csv, text = Trace.from_csv(download(page, "csv")), Trace.from_json(download(page, "json"))
    assert csv.settings == text.settings and csv.settings.tau == 0.1 and len(csv) == 400
    assert writes(page) == f"{csv.summary()['writes_per_1k']:.1f}" == f"{text.summary()['writes_per_1k']:.1f}"
    report = tmp_path / "run.html"
    report.write_bytes(download(page, "html").read_bytes())
    assert not re.search(r"<(script|link)[^>]+(src|href)=", report.read_text(encoding="utf8"))
    context = chromium.new_context(offline=True)
    offline = context.new_page()
    offline.goto(report.as_uri())
    offline.wait_for_selector(PLOTTED)
    assert offline.locator(PLOTTED).count() == 6 and "tau=0.1" in offline.locator("pre").inner_text()
    context.close()


def test_two_visitors_never_see_each_other(visit):
    first, second = visit("?stream=paste&tokens=400"), visit("?stream=paste&tokens=400")
    before = picture(second), writes(second)
    first.locator(".st-key-paste textarea").fill(SECRET)
    first.locator(".st-key-paste textarea").press("Control+Enter")
    first.wait_for_function(READS, arg="secret")
    second.reload()
    settle(second)
    assert "secret" not in second.content()
    assert (picture(second), writes(second)) == before


def test_a_failure_is_one_click_away(visit):
    page = visit()
    page.get_by_role("button", name="tau too high").or_(page.get_by_role("radio", name="tau too high")).click()
    page.get_by_text("hollow memory").wait_for()
    settle(page)
    assert "tau=0.9" in page.url and writes(page) == "0.0"


@pytest.mark.parametrize(("scheme", "colour"), [("light", "rgb(228, 87, 46)"), ("dark", "rgb(240, 127, 92)")])
def test_curves_have_the_colours_of_the_theme(visit, scheme, colour):
    page = visit(color_scheme=scheme)
    assert page.locator(CURVE).first.evaluate("line => getComputedStyle(line).stroke") == colour


def test_a_run_that_diverges_shows_its_banner_and_curves(visit):
    page = visit("?tokens=400&tau=0&eta=1")
    assert "Diverged at token" in page.locator("[data-testid=stAlert]").inner_text()


def test_a_phone_shows_all_without_scrolling_sideways(visit):
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    assert page.locator(".phone-hint").is_visible()
    open_sidebar(page)
    assert page.locator(".st-key-tau").bounding_box()["x"] >= 0
    assert page.locator("[data-testid=stSidebar]").bounding_box()["y"] > page.locator(".tape").bounding_box()["y"] + 100
    page.get_by_role("button", name="Close the menu").click()
    page.get_by_role("button", name="Menu: pages and settings").wait_for()


CELLS = (
    "[...document.querySelectorAll('.js-plotly-plot .hm image')].map(e => e.href.baseVal + e.outerHTML.length).join()"
)


def settle_cells(page, before: str) -> str:
    """The heat maps as drawn, once they are no longer `before`."""
    page.wait_for_function("before => before !== " + CELLS, arg=before)
    settle(page)
    return page.evaluate(CELLS)


def test_anatomy_stepping_and_a_gate_by_hand_change_the_heat_maps(visit):
    page = visit("anatomy?tokens=100&token=47")
    loss = page.locator("[data-testid=stMetricValue]").nth(3)
    page.wait_for_timeout(CALM)
    first, first_loss = settle_cells(page, ""), loss.inner_text()
    page.locator("[data-do=forward]").click()
    page.wait_for_url("**token=48*")
    page.wait_for_timeout(CALM)
    second, second_loss = settle_cells(page, first), loss.inner_text()
    page.locator(".st-key-auto label").first.click()
    page.wait_for_url("**auto=false*")
    page.wait_for_timeout(CALM)
    settle_cells(page, second)
    assert len({first_loss, second_loss, loss.inner_text()}) == 3


def test_each_page_is_as_it_was_left(visit):
    page = visit("?tokens=400&tau=0.1&hide=eta")
    before = writes(page), curves(page)
    page.locator(".strips input").fill("150")
    page.get_by_role("link", name="Anatomy").click()
    settle_cells(page, "")
    page.wait_for_function("titans.token === 150")  # it opens with the run and the token of the page before it
    assert page.locator(".st-key-tau input").input_value() == "0.1" and not page.locator(".st-key-eta").count()
    page.get_by_role("link", name="Simulator").click()
    page.wait_for_selector(".st-key-pin")
    page.wait_for_function("document.querySelectorAll('.hm image').length === 0")
    settle(page)
    assert (writes(page), curves(page)) == before and "tau=0.1" in page.url and "hide=eta" in page.url
    page.wait_for_function("titans.token === 150")


def test_a_phone_shows_anatomy_without_scrolling_sideways(visit):
    page = visit("anatomy?depth=2", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    settle_cells(page, "")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390


def test_the_language_is_switched_kept_and_chosen_by_the_browser(visit):
    page = visit("?tokens=400&lang=zh&tau=0.1")
    page.get_by_role("link", name="模拟器").wait_for()
    before = curves(page), writes(page)
    page.locator(".st-key-language_switch").get_by_text("English", exact=True).click()
    page.get_by_text("Writes per 1,000").first.wait_for()
    page.wait_for_url("**lang=en*")
    settle(page)
    assert (curves(page), writes(page)) == before and "tau=0.1" in page.url
    page.locator(".st-key-language_switch").get_by_text("中文", exact=True).click()
    page.get_by_role("link", name="剖析").click()
    page.get_by_text("拆解一个词元").wait_for()
    settle_cells(page, "")
    assert "lang=zh" in page.url
    chinese = visit("?tokens=400&tau=0.1", locale="zh-CN")
    chinese.get_by_text("每千词元写入数").first.wait_for()
    assert (curves(chinese), writes(chinese)) == before


def test_the_tour_leads_from_page_to_page_and_brings_the_settings_back(visit):
    page = visit("?tokens=400&tau=0.45&tour=open")
    panel, before = page.locator(".st-key-tour_panel"), writes(page)
    panel.get_by_text("1 of ").wait_for()
    page.locator(".st-key-tour_do button:visible").click()
    page.wait_for_function("!location.search.includes('tau=0.45')")
    for _ in range(4):
        page.wait_for_timeout(CALM)
        page.locator(".st-key-tour_on button:visible").click()
    page.wait_for_url("**/anatomy*")
    panel.get_by_text("5 of ").wait_for()
    page.locator(".st-key-tour_close button:visible").click()
    panel.wait_for(state="detached")
    page.get_by_role("link", name="Simulator").click()
    page.wait_for_url("**tau=0.45*")
    settle(page)
    assert writes(page) == before


def test_the_server_wrote_nothing_to_stderr(server):
    time.sleep(max(0.0, server.began + QUIET - time.monotonic()))
    assert server.log.read_text() == ""
