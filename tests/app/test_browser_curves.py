"""The Simulator's curves in a real Chromium: what is drawn and read off, gestures, keys, and the saved picture."""

import re

import numpy as np
import pytest

pytest.importorskip("streamlit")
pytest.importorskip("playwright")

from browsing import CURVE, settle, watch  # noqa: E402

from titans_course.figures.trace import series
from titans_mini import SimulationConfig, simulate

pytestmark = pytest.mark.browser
NAMES = ["surprise", "momentum", "g_write", "memory_norm", "loss", "frequency"]
HALF = 0.051  # pixels: the picture's coordinates are rounded to 0.1
PICTURE = ".curves svg"


@pytest.fixture
def visit(server, chromium):
    """Opens the Simulator in a context of its own; at the end no page may have had an error in its console."""
    contexts, errors = [], []

    def open_page(query: str, **options):
        contexts.append(chromium.new_context(**{"viewport": {"width": 1400, "height": 1200}, **options}))
        page = contexts[-1].new_page()
        errors.append(watch(page))
        page.goto(f"{server.url}?hide=tour,gallery,tell&stream=text&{query}")
        settle(page)
        page.wait_for_timeout(500)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert all(found == [] for found in errors), errors


def points(page, name: str, kind: str = "mean") -> np.ndarray:
    """(n, 2) the corners of a path."""
    return drawn(page.locator(f".curves path.{kind}[data-name={name}]:not(.behind)"))


def drawn(path) -> np.ndarray:
    path = path.get_attribute("d")
    return np.array([[float(number) for number in point.split(",")] for point in path[1:].split("L")])


def along(page) -> tuple[float, float]:
    """(pixels a token, pixel of token 0), from the numbers below the curves."""
    ticks = page.locator(".curves .tick[text-anchor=middle]").evaluate_all(
        "all => all.map(e => [e.textContent, e.getAttribute('x')])"
    )
    return tuple(np.polyfit(*np.array(ticks, float).T, 1))


def place(page, token: int) -> dict:
    """Where the mouse points at a token, in the first row."""
    page.locator(PICTURE).scroll_into_view_if_needed()
    box, (scale, zero) = page.locator(PICTURE).bounding_box(), along(page)
    return {"x": box["x"] + zero + scale * token, "y": box["y"] + 60}


def cursor(page) -> float:
    return float(page.locator(".curves .cursor").get_attribute("x1"))


def heads(page) -> str:
    return page.locator(".curves .heads").text_content()


def test_each_token_is_drawn_at_its_value(visit):
    page, trace = visit("tokens=120&tau=0.2"), simulate(SimulationConfig(tokens=120, tau=0.2))
    assert page.locator(CURVE).evaluate_all("all => all.map(e => e.dataset.name)") == NAMES
    scale, zero = along(page)
    for name in NAMES:
        corners, values = points(page, name), series(trace, name)
        assert len(corners) == len(trace)
        assert np.abs(corners[:, 0] - (zero + scale * np.arange(len(trace)))).max() < HALF
        up, level = np.polyfit(values, corners[:, 1], 1)
        assert up < 0 and np.abs(corners[:, 1] - (level + up * values)).max() < 0.5 + HALF, name
    levels = page.locator(".curves .tick[text-anchor=end]").evaluate_all(
        "all => all.map(e => [e.textContent, e.getAttribute('y')])"
    )
    (one,) = [float(y) for text, y in levels[:3] if text == "1"]
    assert abs(points(page, "surprise")[0, 1] - (one - 4)) < 0.5 + HALF  # surprise of the first token is 1


def test_of_many_tokens_mean_least_and_largest_of_each_group_are_drawn(visit):
    page, trace = visit("tokens=2000"), simulate(SimulationConfig(tokens=2000))
    mean, band = points(page, "g_write"), points(page, "g_write", "band")
    step = -(-len(trace) // len(mean))
    assert step > 1 and len(band) == 2 * len(mean)
    groups = [trace.g_write[at : at + step] for at in range(0, len(trace), step)]
    up, level = np.polyfit([group.mean() for group in groups], mean[:, 1], 1)
    for corners, of in ((band[: len(mean)], np.max), (band[len(mean) :][::-1], np.min)):
        assert np.abs(corners[:, 1] - (level + up * np.array([of(group) for group in groups]))).max() < 0.5


def test_the_mouse_reads_the_formulas_with_their_numbers_and_a_click_moves_the_cursor(visit):
    page, trace = visit("tokens=400"), simulate(SimulationConfig(tokens=400))
    assert "g_forget = 1 − g_write" in heads(page) and "0." not in heads(page)
    page.mouse.move(**place(page, 200))
    before, surprise, now = trace.momentum[199], trace.surprise[200], trace.momentum[200]
    assert f"S = 0.7·{before:.3f} + 0.3·{surprise:.3f} = {now:.3f}" in heads(page)
    assert f"g_write = σ(({now:.3f} − 0.3) / 0.05) = {trace.g_write[200]:.3f}" in heads(page)
    assert f"g_forget = 1 − g_write = {trace.g_forget[200]:.3f}, decay 0.0001·g_forget" in heads(page)
    page.mouse.click(**place(page, 200))
    assert page.evaluate("titans.token") == 200
    assert abs(cursor(page) - points(page, "surprise")[0, 0] - along(page)[0] * 200) < 2


def test_a_drag_shows_fewer_tokens_until_a_double_click(visit):
    page = visit("tokens=2000")
    whole, start, end = len(points(page, "loss")), place(page, 500), place(page, 600)
    page.mouse.move(**start)
    page.mouse.down()
    page.mouse.move(**end, steps=4)
    page.mouse.up()
    assert 95 < len(points(page, "loss")) < 106 and page.locator(".curves .whole").is_visible()
    page.locator(".st-key-beta input").press("ArrowLeft")
    page.wait_for_url("**beta=0.69*")
    settle(page)
    assert 95 < len(points(page, "loss")) < 106  # a zoom survives the next run
    page.mouse.dblclick(**start)
    assert len(points(page, "loss")) == whole and page.locator(".curves .whole").is_hidden()


def test_keys_read_along_the_curves_and_put_the_cursor(visit):
    page, trace = visit("tokens=300"), simulate(SimulationConfig(tokens=300))
    picture = page.locator(PICTURE)
    picture.press("Home")
    picture.press("ArrowRight")
    assert picture.get_attribute("aria-valuenow") == "1" and picture.get_attribute("aria-valuemax") == "299"
    assert f"surprise {trace.surprise[1]:.3f}" in picture.get_attribute("aria-valuetext")
    picture.press("End")
    picture.press("Enter")
    assert page.evaluate("titans.token") == 299
    assert page.locator(".curves").get_attribute("aria-label").startswith("Surprise, gates")


def test_tape_and_curves_move_one_cursor_and_nothing_is_sent_or_drawn_again(visit):
    page, sent = visit("tokens=400"), []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(len(frame))))
    page.reload()
    settle(page)
    page.wait_for_timeout(1000)
    page.evaluate("document.querySelectorAll('.curves path.mean').forEach(path => path.same = true)")
    page.evaluate("void titans.watch((token, from) => { window.moved = [token, from]; })")
    sent.clear()
    page.mouse.click(**place(page, 150))
    assert page.evaluate("moved") == [150, "curves"]
    before = cursor(page)
    page.mouse.move(5, 5)
    page.evaluate("titans.move(250, 'tape')")
    assert abs(cursor(page) - before - 100 * along(page)[0]) < 0.1
    assert page.locator(PICTURE).get_attribute("aria-valuenow") == "250" and not sent
    assert page.locator(CURVE).evaluate_all("all => all.every(path => path.same)")


def test_run_a_lies_on_top_with_one_difference_until_it_is_taken_away(visit):
    page = visit("tokens=400")
    first, top = [points(page, name) for name in NAMES], page.locator(".curves path.behind")
    page.locator(".st-key-pin button:visible").click()
    top.first.wait_for()
    assert "minus" not in heads(page)  # of a run from itself
    page.locator(".st-key-tau input").press("ArrowLeft")
    page.wait_for_url("**tau=0.29*")
    settle(page)
    assert top.evaluate_all("all => all.map(e => e.dataset.name)") == [name for name in NAMES if name != "momentum"]
    assert np.abs(drawn(top.first)[:, 0] - first[0][:, 0]).max() < HALF
    look = top.first.evaluate(
        "line => [getComputedStyle(line).strokeDasharray, line.nextElementSibling.className.baseVal]"
    )
    assert look == ["7px, 4px", "tau"]  # dashed, and no curve lies on it
    assert "A: surprise" in heads(page) and "inner loss, A minus this run: +0.0" in heads(page)
    assert page.locator(".curves path.better").count() == 1
    page.locator(".st-key-unpin button:visible").click()
    top.first.wait_for(state="detached")
    assert page.locator(".curves path.better").count() == 0 and "minus" not in heads(page)


def test_the_picture_is_saved_as_it_stands(visit):
    page = visit("tokens=400", color_scheme="dark", locale="zh-CN")
    assert re.search("词元", page.locator(".curves text.axis").text_content())
    with page.expect_download() as saving:
        page.locator(".curves .save").click()
    assert saving.value.suggested_filename == "titans_mini_curves.png"
    content = saving.value.path().read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n" and len(content) > 20_000


def test_a_run_of_one_token_has_dots(visit):
    page = visit("tokens=1")
    assert len(points(page, "surprise")) == 2
    assert float(page.locator(CURVE).first.evaluate("line => parseFloat(getComputedStyle(line).strokeWidth)")) > 6


def test_a_run_that_diverges_leaves_the_picture_and_the_milder_one_keeps_its_scale(visit):
    page = visit("tokens=400&tau=0&eta=1")
    assert page.locator(".curves text.diverged").text_content().startswith("diverged at ")
    assert page.locator(".curves path.behind").count() == 5
    milder = drawn(page.locator(".curves path.behind[data-name=memory_norm]"))[:, 1]
    assert np.ptp(milder) < 60 and milder.min() > 0  # within its row
    assert re.search("memory norm ▲ leaves the picture at token \\d", heads(page))
    assert "milder run: inner loss" in heads(page) and "minus" not in heads(page)


def test_on_a_phone_the_curves_are_folded_and_below_them_are_their_tools(visit):
    page = visit("tokens=2000", viewport={"width": 390, "height": 844})
    picture, button = page.locator(PICTURE), page.get_by_role("button", name="Curves", exact=True)
    assert not picture.is_visible() and button.get_attribute("aria-expanded") == "false"
    button.click()
    page.locator(CURVE).first.wait_for()
    assert picture.is_visible() and button.get_attribute("aria-expanded") == "true"
    assert picture.bounding_box()["height"] <= 480 and len(points(page, "loss")) < 120
    tools = page.locator(".curves .tools").bounding_box()["y"]
    texts = page.locator(".curves text:is(.heads *, .tick)").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect().bottom)"
    )
    assert max(texts) <= tools + 1
    page.set_viewport_size({"width": 1400, "height": 900})
    assert picture.is_visible() and not button.is_visible()
