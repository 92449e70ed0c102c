"""The app as a server: who may talk to it, what it keeps of uploads, whose turn it is, and what it imports before."""

import asyncio
import gzip
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("streamlit.testing.v1")

from pages import ROOT  # noqa: E402
from streamlit import file_util, net_util, runtime  # noqa: E402
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager  # noqa: E402
from streamlit.runtime.uploaded_file_manager import UploadedFileRec  # noqa: E402
from streamlit.web.server.starlette.starlette_static_routes import create_streamlit_static_handler  # noqa: E402
from streamlit.web.server.starlette.starlette_websocket import _is_origin_allowed  # noqa: E402

# isort: split
import door  # noqa: E402
import packed  # noqa: E402
import server  # noqa: E402
from claims import runs as claims_runs  # noqa: E402

HOST = (b"host", b"127.0.0.1:8501")


def knock(*headers: tuple[bytes, bytes]) -> list[str]:
    """What becomes of a websocket with these headers: messages to the browser, and whether Streamlit lets it in."""
    seen = []

    async def streamlit(scope, receive, send):
        found = {name.decode(): value.decode() for name, value in scope["headers"]}
        seen.append("in" if _is_origin_allowed(found.get("origin"), found.get("host")) else "refused by Streamlit")

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        seen.append(message["type"])

    asyncio.run(
        door.Door(streamlit)({"type": "websocket", "path": "/_stcore/stream", "headers": headers}, receive, send)
    )
    return seen


@pytest.fixture
def offline(monkeypatch):
    """Fails where anything asks a service for the address of this machine."""

    def asked(*_, **__):
        raise AssertionError("the server looks up its address")

    monkeypatch.setattr(net_util, "_make_blocking_http_get", asked)
    monkeypatch.setattr(net_util, "_external_ip", None)


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "http://localhost:8501", "http://127.0.0.1:9999", "null", "", "http://[", "file://"],
)
def test_a_page_from_elsewhere_is_refused_without_a_look_up(origin, offline):
    assert knock(HOST, (b"origin", origin.encode())) == ["websocket.close"]


def test_the_apps_own_page_and_programs_without_an_origin_are_let_in(offline):
    assert knock(HOST, (b"origin", b"http://127.0.0.1:8501")) == ["in"]
    assert knock((b"host", b"Titans.example.org"), (b"origin", b"https://titans.example.org")) == ["in"]
    assert knock(HOST) == ["in"]


def test_an_origin_that_is_allowed_by_name_is_let_in_without_a_look_up(offline, monkeypatch):
    monkeypatch.setattr(door.st, "get_option", {"server.corsAllowedOrigins": ["https://course.example"]}.get)
    assert knock(HOST, (b"origin", b"https://course.example")) == ["in"]
    assert knock(HOST, (b"origin", b"http://course.example")) == ["websocket.close"]


def test_no_page_elsewhere_may_show_the_app_in_a_frame():
    sent = []

    async def page(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"etag", b"1")]})

    async def send(message):
        sent.append(message)

    asyncio.run(door.Door(page)({"type": "http", "method": "GET", "path": "/", "headers": []}, None, send))
    headers = dict(sent[0]["headers"])
    assert headers[b"content-security-policy"] == b"frame-ancestors 'self'" and headers[b"etag"] == b"1"
    assert headers[b"x-frame-options"] == b"SAMEORIGIN" and headers[b"x-content-type-options"] == b"nosniff"


@pytest.fixture
def files():
    """Streamlit's files behind `Packed`, what Streamlit was asked for, and what is kept."""
    asked, folder = [], file_util.get_static_dir()
    streamlit = create_streamlit_static_handler(folder, None)

    async def counted(scope, receive, send):
        asked.append(scope["path"])
        await streamlit(scope, receive, send)

    app = packed.Packed(counted)

    async def left():
        return {"type": "http.disconnect"}

    def get(path: str, receive=asyncio.Future, **headers: str) -> tuple[int, dict, bytes]:
        sent, method = [], headers.pop("method", "GET")
        given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": given, "query_string": b""}
        asyncio.run(app(scope, receive, send))
        return sent[0]["status"], dict(sent[0]["headers"]), b"".join(message.get("body", b"") for message in sent[1:])

    return SimpleNamespace(get=get, left=left, asked=asked, folder=Path(folder), kept=app.kept)


def test_a_file_of_code_is_compressed_once_for_everybody(files):
    path = min((files.folder / "static" / "js").glob("index.*.js"))
    address = f"/static/js/{path.name}"
    for receive in (files.left, asyncio.Future, asyncio.Future):  # the first browser leaves before it has everything
        status, head, body = files.get(address, receive, accept_encoding="br, gzip")
        assert status == 200 and head[b"content-encoding"] == b"gzip" and head[b"vary"] == b"Accept-Encoding"
        assert b"immutable" in head[b"cache-control"] and int(head[b"content-length"]) == len(body)
        assert len(body) < path.stat().st_size / 2 and gzip.decompress(body) == path.read_bytes()
    assert files.asked == [address]
    assert files.get("/course" + address, accept_encoding="gzip")[2] == body  # below an address of a proxy


def test_parts_of_a_file_and_browsers_without_gzip_are_answered_by_streamlit(files):
    path = min((files.folder / "static" / "js").glob("index.*.js"))
    address, whole = f"/static/js/{path.name}", path.read_bytes()
    status, head, body = files.get(address, accept_encoding="gzip", range="bytes=10-19")
    assert status == 206 and body == whole[10:20] and b"content-encoding" not in head
    assert files.get(address)[2] == files.get(address, accept_encoding="br")[2] == whole
    date = files.get(address, accept_encoding="gzip")[1][b"last-modified"].decode()
    assert files.get(address, accept_encoding="gzip", if_modified_since=date)[0] == 304
    assert files.get(address, accept_encoding="gzip", method="HEAD")[2] == b""


def test_what_is_no_file_of_code_is_passed_on_and_not_kept(files):
    for address in ("/static/js/none.js", "/static/js/none.js/more", "/tuning", "/"):
        assert files.get(address, accept_encoding="gzip")[2] == (files.folder / "index.html").read_bytes()
    font = min((files.folder / "static" / "media").glob("*.woff2"))  # compressed by its kind
    assert files.get(f"/static/media/{font.name}", accept_encoding="gzip")[2] == font.read_bytes()
    assert not files.kept
    seen = []

    async def streamlit(scope, receive, send):
        seen.append(scope["type"])

    asyncio.run(packed.Packed(streamlit)({"type": "websocket", "path": "/static/js/a.js"}, None, None))
    assert seen == ["websocket"] and packed.Packed in [entry.cls for entry in server.app._user_middleware]


def test_uploads_do_not_pile_up(monkeypatch):
    manager = MemoryUploadedFileManager("/upload")
    monkeypatch.setattr(runtime, "get_instance", lambda: SimpleNamespace(uploaded_file_mgr=manager))

    def taken(session: str, name: str):
        async def upload(scope, receive, send):
            manager.add_file(session, UploadedFileRec(name, "a.txt", "text/plain", bytes(1000)))

        return upload

    for number in range(40):
        scope = {"type": "http", "method": "PUT", "path": f"/_stcore/upload_file/mine/{number}", "headers": []}
        asyncio.run(door.Door(taken("mine", str(number)))(scope, None, None))
    manager.add_file("other", UploadedFileRec("0", "a.txt", "text/plain", b""))
    assert list(manager.file_storage["mine"]) == ["36", "37", "38", "39"] and len(manager.file_storage["other"]) == 1


def test_one_visitor_measures_at_a_time_and_the_others_are_told_to_wait():
    waited, busy, order = [], threading.Event(), []

    def first():
        with claims_runs.measuring(waited.append):
            order.append("first begins")
            busy.set()
            while not waited:  # until the other has been told
                time.sleep(0.01)
            order.append("first ends")

    thread = threading.Thread(target=first)
    thread.start()
    assert busy.wait(60)
    with claims_runs.measuring(waited.append):
        order.append("second begins")
    thread.join(60)
    assert order == ["first begins", "first ends", "second begins"]


def test_who_gives_up_waiting_leaves_the_turn_to_others():
    def stop(seconds):
        raise InterruptedError

    with claims_runs.measuring(stop), pytest.raises(InterruptedError), claims_runs.measuring(stop):
        pass
    with claims_runs.measuring(stop):  # free again
        pass


# Modules of plotly are left out: it loads the parts of a figure when they are first used; nobody else looks for them.
VISITS = """
import sys
sys.path[:0] = ["app", "tests"]
import server
server.load_all()
server.compiled(wait=None)
import pages
before = set(sys.modules)
late = {"plotly", "_ast_unparse"}  # the second by Python 3.14 itself, when a tree becomes text
quick = {"taus": "0.3,0.2", "betas": "0.7", "lams": "0.0001", "etas": "0.001", "depths": "2", "coarse_tokens": "100",
         "final_tokens": "200", "seeds": "1", "keep": "1"}
for page, link, buttons in (
    (None, {"tokens": "120", "lang": "zh"}, ("pin",)), ("anatomy", {}, ()), ("variants", {}, ()),
    ("miras", {}, ("pin_rule",)), ("tuning", quick, ("run_button",)), ("claims", {"row": "tau"}, ()),
    ("operations", {"stream_tokens": "2400"}, ("keep_memory", "round")),
):
    app = pages.open_page(page, link)
    for key in buttons:
        app.button(key=key).click()
        app.run()
    assert not app.exception, (page, app.exception)
print("new", *sorted(name for name in set(sys.modules) - before if name.split(".")[0] not in late))
"""


def test_no_page_imports_what_the_server_did_not():
    command = [sys.executable, "-c", VISITS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["new"], (done.stdout, done.stderr[-2000:])


def test_the_modules_of_the_app_are_found_in_its_files():
    names = set(server.imports())
    assert {"links", "claims.panels", "operations.desk", "titans_course.figures.export", "streamlit"} <= names
