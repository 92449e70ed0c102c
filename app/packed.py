"""The browser's half of Streamlit is sent compressed: each file once for all visitors, and then from memory.

Streamlit sends it as it is, since it would have to compress every answer anew. Of 26 MB of files, 7 MB would be kept.
"""

import asyncio
import gzip
import re

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CODE = re.compile(r".*/static/(?:js|css)/([\w.-]+)")  # its name changes with its content
PLAIN = {b"range", b"if-none-match", b"if-modified-since"}  # Streamlit answers with a part, or that nothing changed
REPLACED = {b"content-length", b"accept-ranges", b"etag"}  # the browser can still ask by the date


class Packed:
    """ASGI middleware around the whole app."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.kept: dict[str, tuple[Message, Message]] = {}  # name of a file -> its answer, compressed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers for a file of code, or passes the request on."""
        found = scope["type"] == "http" and scope["method"] == "GET" and CODE.fullmatch(scope["path"])
        headers = dict(scope["headers"]) if found else {}
        if not found or b"gzip" not in headers.get(b"accept-encoding", b"") or headers.keys() & PLAIN:
            await self.app(scope, receive, send)
            return
        name = found[1]
        if (answer := self.kept.get(name)) is None:
            answer = await self._ask(scope)
            if b"immutable" in dict(answer[0]["headers"]).get(b"cache-control", b""):  # else there is no such file
                answer = self.kept[name] = await run_in_threadpool(_pack, *answer)
        for message in answer:
            await send(message)

    async def _ask(self, scope: Scope) -> tuple[Message, Message]:
        """Streamlit's own answer: its head, and its body in one piece, also where the browser leaves meanwhile."""
        found: list[Message] = []

        async def take(message: Message) -> None:
            found.append(message)

        await self.app(scope, asyncio.Future, take)
        body = b"".join(message.get("body", b"") for message in found[1:])
        return found[0], {"type": "http.response.body", "body": body}


def _pack(head: Message, body: Message) -> tuple[Message, Message]:
    """The answer with its body compressed."""
    packed = gzip.compress(body["body"], mtime=0)
    headers = [pair for pair in head["headers"] if pair[0] not in REPLACED]
    more = ((b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding"), (b"content-length", b"%d" % len(packed)))
    return {**head, "headers": [*headers, *more]}, {**body, "body": packed}
