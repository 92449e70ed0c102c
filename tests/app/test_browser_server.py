"""The running server: pages from elsewhere are refused, nothing asks the internet, and disabled buttons can be read."""

import asyncio
import socket
import threading

import pytest

pytest.importorskip("streamlit")
pytest.importorskip("playwright")

import websockets  # noqa: E402
from browsing import contrasts, serve  # noqa: E402

pytestmark = pytest.mark.browser
SMALL = "taus=0.3&betas=0.7&lams=0.0001&etas=0.001&depths=2&coarse_tokens=100&final_tokens=200&seeds=1&keep=1"
ORIGINS = ("http://evil.example", "http://localhost:1", "null")


@pytest.fixture
def proxy():
    """A proxy that answers nobody; the list of what it was asked grows."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def listen():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(200))

        threading.Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked


def test_a_page_from_elsewhere_is_refused_and_nobody_on_the_internet_is_asked(tmp_path, proxy):
    address, asked = proxy

    async def knock(server, origin: str | None) -> int:
        url = server.url.replace("http", "ws", 1) + "_stcore/stream"
        try:
            async with websockets.connect(url, origin=origin, subprotocols=["streamlit"], proxy=None):
                return 101
        except websockets.InvalidStatus as refused:
            return refused.response.status_code

    with serve(tmp_path, http_proxy=address, https_proxy=address, no_proxy="127.0.0.1,localhost") as server:
        assert [asyncio.run(knock(server, origin)) for origin in ORIGINS] == [403] * len(ORIGINS)
        assert [asyncio.run(knock(server, origin)) for origin in (server.url.rstrip("/"), None)] == [101, 101]
        assert server.log.read_text() == ""
    assert asked == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("query", "button"),
    [("operations?stream_tokens=2000&lang=en", "drill_play"), (f"tuning?{SMALL}&lang=zh", "run_button")],
)
def test_a_disabled_button_can_be_read(server, chromium, scheme, query, button):
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(server.url + query)
    pressed = page.locator(f".st-key-{button} button").first
    pressed.wait_for(timeout=120_000)
    if pressed.is_enabled():
        pressed.click()
    page.locator(f".st-key-{button} button:disabled").first.wait_for(timeout=120_000)
    page.wait_for_timeout(500)
    found = contrasts(page, "button[data-testid^=stBaseButton]:disabled *")
    assert found and min(found) >= 4.5
    context.close()
