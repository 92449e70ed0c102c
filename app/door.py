"""The layer between the network and Streamlit: which pages may talk to the app, framing, and kept uploads.

Streamlit itself accepts any page of this machine as the app's own. Before it refuses others, it asks a service on the
internet for its address, on the event loop, so that everybody waits. Both are decided here without a look-up.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

import streamlit as st
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = (
    (b"content-security-policy", b"frame-ancestors 'self'"),  # no other page may show the app in a frame
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)
UPLOADS = "/_stcore/upload_file/"
KEPT_UPLOADS = 4  # newest files of a session; a page has at most one place for a file
REFUSED = 1008  # code of a websocket that breaks a rule
# What a page asks for below its own address first. At any status but 200 it asks above; 404 is an error in its console.
ASKED, ABOVE = ("/_stcore/health", "/_stcore/host-config"), 300


class Door:
    """ASGI middleware around the whole app."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] == "websocket":
            if not is_own(scope["headers"], st.get_option("server.corsAllowedOrigins")):
                await receive()
                await send({"type": "websocket.close", "code": REFUSED})
                return
            # Already decided: without an origin, Streamlit checks nothing more.
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"origin"]}
        await self.app(scope, receive, _changed(send, scope["path"]) if scope["type"] == "http" else send)
        if scope["type"] == "http" and scope["method"] == "PUT" and UPLOADS in scope["path"]:
            forget_uploads(scope["path"].split(UPLOADS)[1].split("/")[0])


def is_own(headers: Iterable[tuple[bytes, bytes]], allowed: Iterable[str] = ()) -> bool:
    """Whether a websocket comes from a page of this server (same host and port), or of an origin allowed by name.

    Programs other than browsers send no origin and are let in.
    """
    found = {name: value.decode("latin-1").strip().lower() for name, value in headers}
    if b"origin" not in found:
        return True
    origin = found[b"origin"]
    try:
        place = urlsplit(origin).netloc
    except ValueError:
        return False
    return bool(place) and place == found.get(b"host") or origin in {name.strip().lower() for name in allowed}


def forget_uploads(session: str) -> None:
    """Drops the oldest files of a session beyond `KEPT_UPLOADS`; their contents that are in use are kept."""
    manager = st.runtime.get_instance().uploaded_file_mgr
    for name in list(manager.file_storage.get(session, ()))[:-KEPT_UPLOADS]:
        manager.remove_file(session, name)


def _changed(send: Send, path: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
            if message["status"] == 404 and path.endswith(ASKED):
                message["status"] = ABOVE
        await send(message)

    return sending
